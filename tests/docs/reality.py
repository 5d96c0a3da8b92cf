"""The measured parts of docs/model-and-reality.md: tables, figures, and what they are true for.

    python -m tests.docs.reality FOLDER

runs what is missing in FOLDER (a history of each shipped scenario on a real server, `NAME.jsonl`),
simulates the rest, and writes page and figures: many minutes.
"""

from __future__ import annotations

import hashlib
import io
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from simrt.agreement import (
    Comparison,
    Grain,
    banded_figures,
    ends,
    late_ns,
    row_by_row,
    shapes,
)
from simrt.agreement.text import number
from simrt.comparisons import simulate_band
from simrt.errors import TargetError
from simrt.history import History, Row, encode_row, read_history
from simrt.metrics import Metrics, measure
from simrt.report.palette import GRID, INK, QUIET
from simrt.runs import record
from simrt.scenario import load
from simrt.targets import app, sim
from simrt.workers import simulate_all
from tests.agreement.test_figures import differing_of, lively, planted_systems
from tests.docs.generated import replaced
from tests.docs.rules import ROOT
from tests.docs.theory import bare

PAGE = ROOT / "docs" / "model-and-reality.md"
SCENARIOS = ROOT / "scenarios"
SEED = 1
BAND = 12
BLUE, ORANGE, GREEN, PINK = "#0072b2", "#d55e00", "#009e73", "#a0558c"

# --- what the page is true for ------------------------------------------------------------------

# Whatever can change a row of a history, or what is compared.
SOURCES = ("agreement", "client", "engine", "metrics", "network.py", "record.py", "server", "sse",
           "targets")  # fmt: skip
# Scenarios that are quick on both targets in virtual time, and touch most of it.
WITNESSES = ("questions/stale-news-with-ttl", "patterns/daily-report",
             "patterns/preview-refresh-signal")  # fmt: skip


def digest() -> str:
    """A digest of the code behind the page; comments, docstrings and layout do not count."""
    found = hashlib.blake2b(digest_size=12)
    for source in SOURCES:
        place = ROOT / "simrt" / source
        for path in sorted(place.rglob("*.py")) if place.is_dir() else [place]:
            found.update(bare(path.read_text("utf-8")).encode())
    return found.hexdigest()


def fingerprint() -> str:
    """A digest of short runs in virtual time: equal where server and simulator behave as before."""
    found = hashlib.blake2b(digest_size=12)
    for name in WITNESSES:
        for target in (sim, app):
            target.run(load(SCENARIOS / f"{name}.yml"), SEED, write=lambda row: found.update(
                encode_row(row)))  # fmt: skip
    return found.hexdigest()


def stamp() -> str:
    """What tables and figures are true for."""
    return f"code {digest()}, behaviour {fingerprint()}\n"


# --- what is measured ---------------------------------------------------------------------------


def shipped(*folders: str) -> list[Path]:
    """The scenarios of these folders, in order."""
    return [path for folder in folders for path in sorted((SCENARIOS / folder).glob("*.yml"))]


def path_of(name: str) -> Path:
    """The file of a shipped scenario."""
    return next(path for path in shipped("patterns", "questions") if path.stem == name)


@dataclass(frozen=True)
class Virtual:
    """One scenario on simulator and app."""

    name: str
    messages: int
    subscribers: int
    outcomes: int
    rows: int
    same: bool


def _on_both(path: Path, _: Callable[[float], None]) -> Virtual:
    histories = []
    for target in (sim, app):
        rows: list[Row] = []
        target.run(load(path), SEED, write=rows.append)
        histories.append(History(target.header(load(path), SEED), rows))
    found = row_by_row(*histories)
    return Virtual(path.stem, found.messages, found.subscribers, found.outcomes, found.rows,
                   found.same)  # fmt: skip


def in_virtual_time() -> list[Virtual]:
    """Every shipped scenario on both targets in virtual time."""
    found = {}
    paths = shipped("patterns", "questions", "antipatterns")
    for path, result in simulate_all(_on_both, paths):
        assert not isinstance(result, Exception), result
        sys.stderr.write(f"{path.stem}: {'same' if result.same else 'DIFFERS'}\n")
        found[path] = result
    return [found[path] for path in paths]


@dataclass(frozen=True)
class Free:
    """One scenario on a server that runs freely."""

    name: str
    history: History
    measured: Metrics
    band: list[list[Metrics]]
    found: Comparison


def running_freely(folder: Path) -> Iterator[Free]:
    """The patterns and questions on a real server, against the band of simulated runs."""
    for path in shipped("patterns", "questions"):
        stored = folder / f"{path.stem}.jsonl"
        if not stored.exists():
            try:
                record(load(path), "server", SEED, history=stored)
            except TargetError as error:
                stored.unlink(missing_ok=True)
                sys.stderr.write(f"{path.stem}: {error}\n")
                continue
        history = read_history(stored)
        seeds = range(SEED, SEED + BAND)
        band = simulate_band(load(path), history.header, seeds)
        measured = measure(history)
        distances = banded_figures(band, measured, late_ns(history.header))
        found = Comparison(
            history.scenario, ("sim", "server"), tuple(seeds), Grain.FIGURES, (), distances,
            shapes(band, measured), history.header, "",
        )  # fmt: skip
        sys.stderr.write(f"{path.stem}: {found.sentence}\n")
        yield Free(path.stem, history, measured, band, found)


# --- tables -------------------------------------------------------------------------------------


def table_of_equality(runs: Sequence[Virtual]) -> str:
    """Each shipped scenario: what was compared, and whether all of it is equal."""
    lines = ["| scenario | messages | subscribers | outcomes | rows | |",
             "|---|---:|---:|---:|---:|---|"]  # fmt: skip
    lines += [
        f"| `{run.name}` | {run.messages:,} | {run.subscribers:,} | {run.outcomes:,} | "
        f"{run.rows:,} | {'equal' if run.same else '**differs**'} |"
        for run in runs
    ]
    total = f"{sum(run.outcomes for run in runs):,} outcomes and {sum(r.rows for r in runs):,} rows"
    equal = sum(run.same for run in runs)
    return "\n".join([*lines, f"\n{equal} of {len(runs)} scenarios are equal: {total}.\n"])


def table_of_freedom(runs: Sequence[Free]) -> str:
    """Each scenario on a free server: how fast, how late, how many figures lie inside."""
    lines = ["| scenario | speed | resolution | trip | figures inside | outside |",
             "|---|---:|---:|---:|---:|---|"]  # fmt: skip
    inside = total = 0
    for run in runs:
        judged = [one for one in run.found.distances if one.judged and one.agrees is not None]
        ok = [one for one in judged if one.agrees]
        inside, total = inside + len(ok), total + len(judged)
        outside = ", ".join(
            f"`{one.figure.name}({one.figure.group})` {number(one.right)} of "
            f"{number(one.low)} to {number(one.high)}"
            for one in run.found.apart
        )
        header = run.history.header
        lines.append(
            f"| `{run.name}` | {header.speed:g} | {header.resolution_ns / 1e6:,.0f} ms | "
            f"{(late_ns(header) - header.resolution_ns) / 1e6:,.0f} ms | "
            f"{len(ok)} of {len(judged)} | {outside or '—'} |"
        )
    lines.append(f"\n{inside} of {total} figures lie inside their interval.")
    names = {run.name for run in runs}
    missing = [path.stem for path in shipped("patterns", "questions") if path.stem not in names]
    if missing:
        lines.append(
            f"\nNot run: {', '.join(f'`{name}`' for name in missing)}; the machine could not keep "
            "up."
        )
    return "\n".join([*lines, ""])


def table_of_shapes(runs: Sequence[Free]) -> str:
    """How far delay and staleness lie apart, beside what is usual between two seeds."""
    lines = ["| scenario | group | delay moved by | usual | staleness moved by | usual |",
             "|---|---|---:|---:|---:|---:|"]  # fmt: skip
    for run in runs:
        found = {(one.group, one.metric): one for one in run.found.shapes}
        for group in run.history.scenario.workload.subscribers:
            cells = []
            for metric in ("latency_s", "staleness_s"):
                one = found.get((group, metric))
                cells += (
                    [f"{number(one.moved_s)} s", f"{number(one.usual_moved_s)} s"]
                    if one
                    else ["—", "—"]
                )
            lines.append(f"| `{run.name}` | {group} | {' | '.join(cells)} |")
    return "\n".join([*lines, ""])


def table_of_windows(runs: Sequence[Free]) -> str:
    """What each run's calibration found, and where what waited lay."""
    lines = ["| scenario | group | reads nothing | reads | most under way | waits in the window |",
             "|---|---|---:|---:|---:|---:|"]  # fmt: skip
    for run in runs:
        for group, window in run.history.header.window.items():
            under_way, pending = waiting(run.history, group)
            share = under_way / (under_way + pending) if under_way + pending > 0.05 else None
            lines.append(
                f"| `{run.name}` | {group} | {window['messages']:,} messages, "
                f"{window['bytes']:,} bytes | {window.get('most_bytes', 0):,} bytes | "
                f"{number(run.measured.value('in_flight_max', group))} messages | "
                f"{'—' if share is None else f'{100 * share:.0f} %'} |"
            )
    return "\n".join([*lines, ""])


def table_of_silence(runs: Sequence[Free]) -> str:
    """What the kernel did for clients whose packets were lost."""
    lines = ["| scenario | group | taken in a silence | first pause, real | of the scenario |",
             "|---|---|---:|---:|---:|"]  # fmt: skip
    for run in runs:
        for group, window in run.history.header.window.items():
            if "silent_bytes" not in window:
                continue
            pauses = (window["pause_ns"], window["most_pause_ns"])
            real = [f"{pause / run.history.header.speed / 1e6:.0f}" for pause in pauses]
            lines.append(
                f"| `{run.name}` | {group} | {window['silent_bytes']:,} to "
                f"{window['most_silent_bytes']:,} bytes | {' to '.join(real)} ms | "
                f"{number(pauses[0] / 1e9)} to {number(pauses[1] / 1e9)} s |"
            )
    return "\n".join([*lines, ""])


def waiting(history: History, group: str) -> tuple[float, float]:
    """Time averages for one group's member: messages under way, and messages pending."""
    end_ns = history.scenario.workload.duration_ns
    members = history.scenario.workload.subscribers[group].count
    measured = measure(history)
    area, count, last = 0, 0, 0
    flying: dict[str, int] = {}
    for row in history:
        if row.t_ns > end_ns:
            break
        if row.group != group or row.kind not in ("take", "receive", "close"):
            continue
        area += count * (row.t_ns - last)
        last = row.t_ns
        if row.kind == "take":
            flying[row.subscriber] = flying.get(row.subscriber, 0) + 1
            count += 1
        elif row.kind == "receive" and flying.get(row.subscriber, 0):
            flying[row.subscriber] -= 1
            count -= 1
        elif row.kind == "close" and (row.detail or {}).get("side") == "client":
            count -= flying.pop(row.subscriber, 0)
    area += count * (end_ns - last)
    return area / end_ns / members, measured.value("mean_pending", group) or 0.0


def table_of_power() -> str:
    """Systems that are not alike, and which judged figures tell."""
    lines = ["| changed | figures outside |", "|---|---|"]
    for said, system in planted_systems():
        told = dict.fromkeys(differing_of(system))
        lines.append(f"| {said} | {', '.join(f'`{name}`' for name in told) or '**none**'} |")
    return "\n".join([*lines, ""])


_TABLES, _BLOCK = 240, 20


def false_alarms() -> str:
    """How many tables of like systems have a judged figure outside."""
    runs: dict[int, Metrics] = {}
    for seed, result in simulate_all(_measured, list(range(1, _TABLES + 1))):
        assert not isinstance(result, Exception), result
        runs[seed] = result
    tables = alarms = 0
    for block in range(_TABLES // _BLOCK):
        own = range(1 + block * _BLOCK, 1 + (block + 1) * _BLOCK)
        band = [[runs[seed] for seed in own]]
        # Some of the others: each of them costs as much as a table for a reader.
        for seed in range(1, _TABLES + 1, 24):
            if seed not in own:
                tables += 1
                found = banded_figures(band, runs[seed], 0)
                alarms += any(one.judged and one.agrees is False for one in found)
    return f"{tables - alarms} of {tables} tables of like systems had every judged figure inside.\n"


def _measured(seed: int, _: Callable[[float], None]) -> Metrics:
    from simrt.runs import simulated_metrics

    return simulated_metrics(lively(), seed)


# --- figures ------------------------------------------------------------------------------------


def _paper(width: float, height: float) -> tuple[Any, Any]:
    import matplotlib as mpl

    mpl.use("svg")
    from matplotlib.figure import Figure

    canvas = Figure(figsize=(width, height), layout="constrained")
    axes = canvas.subplots()
    axes.grid(color=GRID.light, lw=0.6)
    axes.set_axisbelow(True)
    axes.tick_params(colors=QUIET.light)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    return canvas, axes


def _titled(canvas: Any, finding: str) -> None:
    canvas.suptitle(finding, x=0.01, ha="left", fontsize=10, color=INK.light)


def _saved(canvas: Any, name: str) -> None:
    import matplotlib as mpl

    out = io.StringIO()
    with mpl.rc_context({"svg.hashsalt": name}):
        canvas.savefig(
            out, format="svg", metadata={"Date": None, "Creator": None}, facecolor="white"
        )
    (PAGE.parent / f"reality-{name}.svg").write_text(_short(out.getvalue()), "utf-8")


def _short(svg: str) -> str:
    """Three decimals are enough: letters are scaled by numbers such as 0.098."""
    svg = re.sub(r"-?\d+\.\d{4,}", lambda found: f"{float(found[0]):.3f}", svg)
    return re.sub(r" +$", "", svg, flags=re.MULTILINE)


def _places(run: Free, *, agrees: bool) -> list[float]:
    """Where a run's judged figures lie in their intervals, -1 to 1; equal places once."""
    found = []
    for one in run.found.distances:
        if not one.judged or one.agrees is not agrees:
            continue
        # A figure that cannot move has no place.
        if one.right is None or one.low is None or one.high is None or one.high == one.low:
            continue
        place = 2 * (one.right - one.low) / (one.high - one.low) - 1
        found.append(round(max(-1.6, min(1.6, place)), 2))
    return sorted(set(found))


def draw_intervals(runs: Sequence[Free]) -> None:
    """Each judged figure of each run, at its place in its interval."""
    canvas, axes = _paper(7.2, 0.34 * len(runs) + 1.5)
    for place, run in enumerate(runs):
        inside, outside = _places(run, agrees=True), _places(run, agrees=False)
        axes.plot(inside, [place] * len(inside), "o", ms=4, color=BLUE, mew=0)
        axes.plot(outside, [place] * len(outside), "X", ms=7, color=ORANGE, mew=0)
    axes.axvspan(-1, 1, color=GREEN, alpha=0.08, lw=0)
    axes.set_yticks(range(len(runs)), [run.name for run in runs])
    axes.invert_yaxis()
    axes.set_xlim(-1.65, 1.65)
    axes.set_xticks(
        (-1, 0, 1), ("lowest value\nthat agrees", "middle", "highest value\nthat agrees")
    )
    judged = sum(one.judged and one.agrees is not None for r in runs for one in r.found.distances)
    inside = sum(one.judged and one.agrees is True for r in runs for one in r.found.distances)
    _titled(
        canvas, f"{inside} of {judged} figures of the real server lie in the simulated interval"
    )
    axes.set_xlabel("place of the real server's figure in its interval; a cross lies outside",
                    color=INK.light)  # fmt: skip
    _saved(canvas, "intervals")


WINDOW_OF = ("which-end-to-drop-oldest", "slow/0")


def under_way(rows: Iterator[Row], who: str) -> tuple[list[float], list[int]]:
    """Times in seconds and messages under way for one client, after each change."""
    times, levels, level = [0.0], [0], 0
    for row in rows:
        if row.subscriber == who and row.kind in ("take", "receive"):
            level += 1 if row.kind == "take" else -1
            times.append(row.t_ns / 1e9)
            levels.append(level)
    return times, levels


def draw_window(runs: Sequence[Free]) -> None:
    """One slow client: what is under way on the server, and in two simulated windows."""
    name, who = WINDOW_OF
    run = next(run for run in runs if run.name == name)
    least, in_lumps, _ = ends(run.history.header)
    canvas, axes = _paper(7.2, 3.6)
    lines = [
        ("simulated, largest window", PINK, "--", _simulated(run, in_lumps)),
        ("simulated, least window", GREEN, "-.", _simulated(run, least)),
        ("real server", BLUE, "-", iter(run.history)),
    ]
    for label, colour, style, rows in lines:
        times, levels = under_way(rows, who)
        axes.step(times, levels, where="post", color=colour, lw=1.1, ls=style, label=label)
    axes.set_xlim(0, 90)
    axes.set_ylim(0, 90)
    _titled(canvas, "A real window opens in lumps, between both simulated windows")
    axes.set_xlabel(f"seconds since the start ({name}, {who})", color=INK.light)
    axes.set_ylabel("messages taken and not yet handled", color=INK.light)
    axes.legend(frameon=False, loc="upper right", ncols=3, fontsize=8)
    _saved(canvas, "window")


def _simulated(run: Free, windows: Any) -> Iterator[Row]:
    rows: list[Row] = []
    sim.run(load(path_of(run.name)), SEED, write=rows.append, windows=windows)
    return iter(rows)


def draw_waiting(runs: Sequence[Free]) -> None:
    """Where what waits lies: in the window, beyond every policy, or in the buffer."""
    bars = []
    for run in runs:
        for group in run.history.header.window:
            flying, pending = waiting(run.history, group)
            if flying + pending > 0.5:
                bars.append((f"{run.name}\n{group}", flying, pending))
    canvas, axes = _paper(7.2, 0.5 * len(bars) + 1.4)
    places = range(len(bars))
    flying = [bar[1] for bar in bars]
    if not bars:
        return
    axes.barh(places, flying, color=ORANGE, height=0.55, label="in the window, beyond every policy")
    axes.barh(places, [bar[2] for bar in bars], left=flying, color=BLUE, height=0.55,
              label="in the buffer")  # fmt: skip
    for place, (_, under, pending) in zip(places, bars, strict=True):
        axes.text(under + pending, place, f" {100 * under / (under + pending):.0f} % in the window",
                  va="center", fontsize=8, color=INK.light)  # fmt: skip
    axes.set_yticks(places, [bar[0] for bar in bars], fontsize=8)
    axes.invert_yaxis()
    axes.set_xlim(0, 1.3 * max(bar[1] + bar[2] for bar in bars))
    _titled(canvas, "How much of what waits for a client no setting can reach (real server)")
    axes.set_xlabel("messages waiting for one client, time average", color=INK.light)
    axes.legend(frameon=False, loc="upper right", fontsize=8)
    _saved(canvas, "waiting")


FIGURES = ("intervals", "window", "waiting")


def main(folder: Path) -> None:
    """Write page and figures."""
    runs = list(running_freely(folder))
    draw_intervals(runs)
    draw_window(runs)
    draw_waiting(runs)
    parts = {
        "equality": table_of_equality(in_virtual_time()),
        "freedom": table_of_freedom(runs),
        "shapes": table_of_shapes(runs),
        "windows": table_of_windows(runs),
        "silence": table_of_silence(runs),
        "power": table_of_power(),
        "alarms": false_alarms(),
        "stamp": stamp(),
    }
    text = PAGE.read_text("utf-8")
    for name, part in parts.items():
        text = replaced(text, name, part)
    PAGE.write_text(text, "utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
