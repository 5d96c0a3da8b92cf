"""docs/faults.md: the figure of each fault, when it healed, and what acts on which target.

    python -m tests.docs.faults

runs the page's examples on the simulator and writes figures and tables anew.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

import simrt
from simrt.results import Run
from simrt.scenario.model import Scenario
from tests.docs.blocks import blocks_of
from tests.docs.generated import replaced
from tests.docs.rules import ROOT

PAGE = ROOT / "docs" / "faults.md"
FIGURES = ROOT / "docs" / "figures" / "faults"
SEED = 1
HIT = "readers"


@dataclass(frozen=True, slots=True)
class Told:
    """What the page tells of one kind of fault.

    Attributes:
        heading: of its section.
        figure: which figure of the report shows it.
        acts: what acts on `sim`, `app` and `server`.
        judged: what is judged.
        not_judged: what is not, and where; empty where nothing is left out.
        tests: the tests that show it.
    """

    heading: str
    figure: str
    acts: tuple[str, str, str]
    judged: str
    not_judged: str
    tests: tuple[str, ...]


_CLIENTS = "the client's own code"
_AGREE = "agreement/test_sim_and_app.py::test_generated_scenarios_agree_row_by_row"

FAULTS = {
    "restart": Told(
        "restart", "reconnects",
        ("the hub is thrown away, another begins", "the server's objects are thrown away",
         "SIGKILL of the process, a new process"),
        "nothing from before comes back; everybody does, in time; what found the server down",
        "on `server` the end may be late by as long as a process takes to start",
        (_AGREE, "targets/test_server.py::test_a_restart_is_a_kill_and_a_new_process",
         "targets/test_server.py::test_drop_newest_and_many_restarts"),
    ),
    "stall": Told(
        "stall", "timeline",
        ("the modelled client handles nothing", _CLIENTS + " stops reading",
         _CLIENTS + " stops reading; the kernel's buffers fill"),
        "nothing is received in it; what the buffer drops, it drops by `onFull`",
        "on `server` how much waits in the network is measured, not asked for",
        ("targets/test_sim.py::test_a_stall_freezes_the_drain_under_way_and_holds_what_arrives",
         _AGREE, "targets/test_server.py::test_a_stall_makes_the_server_drop_by_policy"),
    ),
    "slow": Told(
        "slow", "waiting",
        ("the modelled drain takes longer", *(_CLIENTS + " takes longer",) * 2),
        "what the buffer drops, it drops by `onFull`; the rest arrives in order",
        "",
        (("targets/test_sim_faults.py::"
         "test_slow_multiplies_what_an_event_takes_and_factors_multiply"), _AGREE,
         "targets/test_server_faults.py::test_slow_multiplies_what_an_event_takes"),
    ),
    "disconnect": Told(
        "disconnect", "timeline",
        ("the modelled connection ends", "the connection in memory ends",
         "the client closes its socket"),
        "who comes back, when (CLI-1), and what replay brings",
        "",
        (_AGREE, "targets/test_server.py::test_a_share_is_disconnected_by_the_named_stream"),
    ),
    "half-open": Told(
        "half-open", "timeline",
        ("the modelled network loses everything", "the network in memory loses everything",
         "real packets vanish in a network namespace; without one an own proxy swallows the bytes"),
        "nothing passes; the server drops the peer after `peerTimeout`; the client learns it as "
        "its `notices` says (NET-7)",
        "behind the proxy, when the server notices: the kernel there goes on acknowledging",
        ("targets/test_sim_faults.py::test_half_open_kills_the_connection_without_a_word", _AGREE,
         ("targets/test_server_namespace.py::"
         "test_the_server_notices_a_peer_that_acknowledges_nothing"),
         ("targets/test_server_namespace.py::"
         "test_where_packets_cannot_be_lost_a_proxy_does_and_the_rows_say_why")),
    ),
    "silent": Told(
        "Silent offline periods", "timeline",
        ("as half-open, and the connection lives on", "as half-open, and the connection lives on",
         ("as half-open; the kernels repeat what was lost, [after pauses that double]("
         "model-and-reality.md#silence)")),
        "nothing passes; afterwards what is under way arrives, if the server has not given up",
        "behind the proxy, when the server notices",
        (("targets/test_sim_faults.py::"
         "test_after_a_short_silence_the_network_delivers_what_is_under_way"), _AGREE,
         ("targets/test_server_faults.py::"
         "test_after_a_silence_the_network_delivers_what_is_under_way"),
         ("targets/test_server_namespace.py::"
         "test_the_server_notices_a_peer_that_acknowledges_nothing")),
    ),
    "burst": Told(
        "burst", "waiting",
        ("so many sends more", *("so many requests more to the real hook",) * 2),
        "each call is one send, in its time; what the buffer drops, it drops by `onFull`",
        "where a machine calls a `server` too late, the run begins again at a lower speed",
        ("targets/test_sim_faults.py::test_a_burst_is_evenly_spread_over_its_time", _AGREE,
         "targets/test_server_faults.py::test_a_burst_is_so_many_more_calls"),
    ),
    "deny": Told(
        "deny", "timeline",
        ("the modelled permission says no", *("the real server revokes the credentials",) * 2),
        "streams end, attempts get 401, all come back when restored",
        "what a real server cannot take from one group alone is refused before the run: a public "
        "stream, a token that others show too",
        ("targets/test_sim_faults.py::test_who_is_denied_loses_the_stream_and_returns_when_it_may",
         _AGREE,
         ("targets/test_server_faults.py::"
         "test_who_is_denied_loses_the_stream_and_returns_when_it_may"),
         "targets/test_server_faults.py::test_what_a_real_server_cannot_deny_is_said"),
    ),
}  # fmt: skip


def examples() -> dict[str, Scenario]:
    """The example in each section of the page, laid over the whole file above it."""
    whole, *parts = (block for block in blocks_of(PAGE) if block.language == "yaml")
    base = YAML(typ="safe").load(whole.text)
    found = {}
    for (kind, told), part in zip(FAULTS.items(), parts, strict=True):
        above = PAGE.read_text("utf-8").split(part.text)[0]
        heading = re.findall(r"^## (.+)$", above, re.MULTILINE)[-1]
        assert heading == told.heading, f"{part.place}: expected the example of {told.heading}"
        found[kind] = simrt.scenario(_over(base, YAML(typ="safe").load(part.text)))
    return found


def _over(whole: Any, part: Any) -> Any:
    if not isinstance(whole, dict) or not isinstance(part, dict):
        return part
    return whole | {key: _over(whole.get(key), value) for key, value in part.items()}


def played(kind: str, scenario: Scenario, folder: Path) -> tuple[str, str]:
    """The generated part of a section, and its figure as SVG."""
    run = simrt.run(scenario, on="sim", seed=SEED, history=folder / f"{kind}.jsonl")
    drawing = run.figure(FAULTS[kind].figure)
    (figure,) = drawing.figures
    picture = f"![{figure.finding}. {figure.alt}](figures/faults/{kind}.svg)"
    wave = f" {spread(run)}" if kind == "restart" else ""
    return f"{picture}\n\n{healed(kind, run)}{wave}\n", drawing.svg


def spread(run: Run) -> str:
    """How steep the wave of returning clients is, as it is and where nothing spreads it."""
    half, most = (run.metrics.quantile("reconnect_s", p=p) or 0 for p in (0.5, 0.99))
    data = run.scenario.normalised()
    data["server"] = {"retrySpread": "none"}
    alone = simrt.run(simrt.scenario(data), on="sim", seed=SEED)
    return (
        f"Half of the clients are back after {half:.1f} s, 99 of 100 after {most:.1f} s "
        f"(`reconnect_s`). In the busiest second {_busiest(run)} of them return; without "
        f"`retrySpread`, with the clients' own pause and jitter alone, {_busiest(alone)} would."
    )


def _busiest(run: Run) -> int:
    """The most connections that were accepted within one second after the restart."""
    begin = next(row.t_ns for row in run.history if row.kind == "restart")
    groups = run.scenario.workload.subscribers
    back = [
        row.t_ns
        for row in run.history
        if row.kind == "connect" and row.group in groups and row.t_ns > begin
    ]
    return max(sum(t <= other < t + 10**9 for other in back) for t in back)


def healed(kind: str, run: Run) -> str:
    """When it was over, and since when everybody whom it hit has what is sent."""
    rows = [row for row in run.history if row.group in ("", HIT)]
    over = "online" if kind == "silent" else "heal"
    heal_ns = next(row.t_ns for row in rows if row.kind == over)
    members = run.scenario.workload.subscribers[HIT].count
    home = run.scenario.feature.project
    for send in rows:
        if send.kind != "send" or send.t_ns < heal_ns or send.project != home:
            continue
        got = {
            row.subscriber: row.t_ns
            for row in reversed(rows)
            if row.kind == "receive" and (row.epoch, row.seq) == (send.epoch, send.seq)
        }
        if len(got) == members:
            return (
                f"It heals at {_s(heal_ns)}. The first event after that which reaches all "
                f"{members} {HIT} is sent at {_s(send.t_ns)}; the last of them has it at "
                f"{_s(max(got.values()))}."
            )
    raise AssertionError(f"{kind}: after the heal nothing reaches everybody")


def _s(t_ns: int) -> str:
    return f"{t_ns / 1e9:.1f} s"


def table_of_targets() -> str:
    """What acts where."""
    head = "| fault | `sim` | `app` | `server` |\n|---|---|---|---|\n"
    return head + "".join(
        f"| {_name(kind)} | {' | '.join(told.acts)} |\n" for kind, told in FAULTS.items()
    )


def table_of_judgements() -> str:
    """What is judged, what is not, which test shows it."""
    head = "| fault | judged | not judged | shown by |\n|---|---|---|---|\n"
    return head + "".join(
        f"| {_name(kind)} | {told.judged} | {told.not_judged or '—'} | {_tests(told.tests)} |\n"
        for kind, told in FAULTS.items()
    )


def _name(kind: str) -> str:
    return "`silent` offline periods" if kind == "silent" else f"`{kind}`"


def _tests(tests: Sequence[str]) -> str:
    return "<br>".join(f"`{test}`" for test in tests)


def written() -> tuple[str, dict[str, str]]:
    """The page, and each figure."""
    text = PAGE.read_text("utf-8")
    figures = {}
    with tempfile.TemporaryDirectory() as folder:
        for kind, scenario in examples().items():
            part, figures[kind] = played(kind, scenario, Path(folder))
            text = replaced(text, f"fault {kind}", part)
    text = replaced(text, "targets", table_of_targets())
    return replaced(text, "judged", table_of_judgements()), figures


def main() -> None:
    """Write page and figures."""
    text, figures = written()
    PAGE.write_text(text, "utf-8")
    FIGURES.mkdir(exist_ok=True)
    for kind, svg in figures.items():
        (FIGURES / f"{kind}.svg").write_text(svg, "utf-8")


if __name__ == "__main__":
    main()
