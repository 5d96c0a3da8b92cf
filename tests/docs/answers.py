"""The answers that the README gives: what each scenario under scenarios/questions/ shows.

    python -m tests.docs.answers

writes them anew, from one simulated run each. A simulation repeats to the byte, and so do they.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import simrt
from simrt.history import History
from simrt.metrics import Metrics, measure
from simrt.runs import record
from simrt.scenario.model import Scenario
from simrt.text import exact_duration, number, seconds, share
from tests.docs.generated import replaced
from tests.docs.rules import ROOT

README = ROOT / "README.md"
FOLDER = ROOT / "scenarios" / "questions"
SEED = 1


@dataclass(frozen=True, slots=True)
class Answer:
    """One question, asked of one scenario or of two that differ in one setting.

    Attributes:
        question: in a few words.
        files: the scenarios, by name.
        says: the answer; `{0.NAME}` stands for a figure of the first, `{1.NAME}` of the second.
    """

    question: str
    files: tuple[str, ...]
    says: str


ANSWERS = (
    Answer(
        "Which end should a full buffer drop?",
        ("which-end-to-drop-oldest", "which-end-to-drop-newest"),
        "The share that is lost hardly differs, {0[missed slow]} against {1[missed slow]}: what "
        "counts is age. Dropping the oldest keeps the slow screen {0[stale slow]} behind on "
        "average, dropping the newest {1[stale slow]}.",
    ),
    Answer(
        "What does a replay give back after a restart?",
        ("restart-with-last-n",),
        "What was sent between the server's return and the client's, {0[replayed each readers]} "
        "events on average: {0[missed readers]} of all events are missed. Nothing from before is "
        "left, and what found the server down was never sent. All is current again after "
        "{0[recovery readers]} on average.",
    ),
    Answer(
        "What comes twice after a tunnel, and what never?",
        ("duplicates-and-gaps-after-a-tunnel",),
        "A reconnect brings {0[twice train]} events twice on average; {0[gap train]} of reconnects "
        "leave a gap for good, and {0[missed train]} of all events never come.",
    ),
    Answer(
        "Do a thousand clients come back in one second?",
        ("a-wave-of-a-thousand-reconnects",),
        "No: the server's `retry` spreads them over {0[spread]}. On average a client is back "
        "{0[back everyone]} after its connection ended, the slowest in a hundred after"
        " {0[slowest everyone]}.",
    ),
    Answer(
        "Does a replay greet people with old news?",
        ("stale-news-without-ttl", "stale-news-with-ttl"),
        "Without `messageTTL` {0[resurfaced]} of {0[replayed]} replayed events were too old to "
        "help; with it {1[resurfaced]} of {1[replayed]}.",
    ),
    Answer(
        "What does a revoked credential leave open?",
        ("what-a-revoked-credential-leaves-open",),
        "Nothing while it is revoked: the streams end at once, and {0[missed agency]} of all "
        "events never come. But when it is restored, replay brings each page {0[replayed each "
        "agency]} events of the time in which it was not to hear: `lastN` and `maxAge` ask who "
        "may read now, not who might have then.",
    ),
    Answer(
        "When does the server notice a silent tunnel?",
        ("a-silent-tunnel",),
        "After `peerTimeout`, 30 s. Tunnels of 20 s end before: {0[outages short]} connections "
        "end, {0[missed short]} of events are missed, and the longest wait is {0[blind short]}."
        " In one of 90 s the server gives up, {0[missed long]} of events are missed, and nobody"
        " there hears anything for {0[blind long]}: the clients learn it by TCP keep-alive, up to"
        " 45 s after the tunnel.",
    ),
    Answer(
        "What does a watchdog buy?",
        ("what-a-watchdog-buys",),
        "Where nobody else finds out that the connection is dead, nearly everything. The network "
        "loses the connections within a silence of 2 min. A telephone shows old news for "
        "{0[blind telephone]}, to the end, and misses {0[missed telephone]} of all events. With a "
        "watchdog of 45 s it is back as soon as the silence ends: {0[blind watchful]}, "
        "{0[missed watchful]}. A desktop browser asks by TCP keep-alive each 45 s and finds out "
        "without one, a little later: {0[blind desktop]}, {0[missed desktop]}.",
    ),
    Answer(
        "What becomes of a burst that is larger than the buffer?",
        ("a-burst-against-a-small-buffer",),
        "A quick desk misses {0[missed desk]} of it: its buffer holds {0[buffer desk]} of 16 at"
        " most. A telephone that takes a quarter of a second for each event misses {0[missed "
        "telephone]} of all; {0[network telephone]} wait in the network, where no setting "
        "reaches, and the last of them comes {0[latest telephone]} late.",
    ),
    Answer(
        "How old is what a slow screen shows?",
        ("a-slow-afternoon",),
        "Twenty times slower for two and a half minutes, it shows what is up to {0[oldest "
        "screens]} old, and never shows {0[missed screens]} of all events. One event in ten "
        "comes more than {0[delay screens]} late: it waited in the network. The desk beside it "
        "misses {0[missed desk]}.",
    ),
    Answer(
        "How much of what waits is beyond every setting?",
        ("how-much-is-beyond-policy-small", "how-much-is-beyond-policy-default"),
        "With small kernel buffers {0[network sleeps]} events, beside {0[buffer sleeps]} in the "
        "buffer; the rest is dropped. With the system's own all {1[network sleeps]} wait in the "
        "network: none is dropped, none expires, and one in ten comes more than"
        " {1[delay sleeps]} late, though `messageTTL` is 10 s.",
    ),
)


def simulated(scenario: Scenario) -> History:
    """The run that answers."""
    return record(scenario, "sim", SEED)


def table(run: Callable[[Scenario], History] = simulated) -> str:
    """The answers as a table.

    Arguments:
        run: gives the simulated history of a scenario with `SEED`.
    """
    rows = "".join(f"| {one.question} | {_answer(one, run)} | {_files(one)} |\n" for one in ANSWERS)
    return f"| question | answer | scenario |\n|---|---|---|\n{rows}"


def _answer(one: Answer, run: Callable[[Scenario], History]) -> str:
    return one.says.format(*(_Figures(name, run) for name in one.files))


def _files(one: Answer) -> str:
    return "<br>".join(f"[{name}](scenarios/questions/{name}.yml)" for name in one.files)


class _Figures:
    """What one simulated run showed, by `WHAT GROUP`, as text."""

    def __init__(self, name: str, run: Callable[[Scenario], History]) -> None:
        self._scenario = simrt.load(FOLDER / f"{name}.yml")
        self._metrics: Metrics = measure(run(self._scenario))

    def __getitem__(self, asked: str) -> str:
        what, _, group = asked.rpartition(" ") if " " in asked else (asked, "", "")
        if what == "spread":
            low, high = self._scenario.server.retry_spread_ns or (0, 0)
            return f"{low // 10**9} to {exact_duration(high)}"
        of = self._metrics
        if what in _QUANTILES:
            metric, p = _QUANTILES[what]
            return seconds(of.quantile(metric, group, p) or 0)
        metric, said = _METRICS[what]
        value = of.value(metric, group or "all")
        assert value is not None, f"{metric} of {group}"
        return said(value)


_QUANTILES = {
    "slowest": ("reconnect_s", 0.99),
    "delay": ("latency_s", 0.9),
    "latest": ("latency_s", 1.0),
    "oldest": ("staleness_s", 1.0),
}

_METRICS = {
    "missed": ("missed_fraction", share),
    "stale": ("staleness_s", seconds),
    "recovery": ("recovery_s", seconds),
    "replayed each": ("replayed_per_reconnect", number),
    "twice": ("duplicates_per_outage", number),
    "gap": ("gap_probability", share),
    "back": ("reconnect_s", seconds),
    "resurfaced": ("resurfaced", number),
    "replayed": ("replayed", number),
    "outages": ("outages", number),
    "blind": ("blind_s", seconds),
    "network": ("in_flight_max", number),
    "buffer": ("pending_max", number),
}


def main() -> None:
    """Write the table."""
    README.write_text(replaced(README.read_text("utf-8"), "answers", table()), "utf-8")


if __name__ == "__main__":
    main()
