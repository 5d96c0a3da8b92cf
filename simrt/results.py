"""What a run and a check hand on: values that the report, the command line and notebooks read."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from simrt.checkers.verdict import Status, Verdict, worst
from simrt.errors import EXIT_ERROR, EXIT_FAIL, EXIT_INCONCLUSIVE, EXIT_PASS
from simrt.fit import Fit
from simrt.history import History
from simrt.metrics import Estimate, Metrics, split_figure, values_of
from simrt.scenario.arguments import one_of
from simrt.scenario.model import Scenario
from simrt.text import listing, many

if TYPE_CHECKING:
    import pandas as pd

    from simrt.report.drawing import Drawing

ITEMS = {
    1: "The subscription endpoint is permissioned correctly",
    2: "The event shape is explicit and minimal",
    3: "Replay, TTL and buffer settings match the intent",
    4: "Disconnect and reconnect behave acceptably",
    5: "The feature behaves sensibly after a restart",
    6: "The site's own validation is clean",
}

TARGETS = ("sim", "app", "server")
"""Where a scenario runs, in the order of every table."""

# The verdict that stands for what a time limit did not leave time for.
CUT_SHORT = "time-limit"
NEVER = "never acted here"
# The verdict that stands for a target that could not be started or did not keep up.
NOT_RUN = "not-run"

EXIT_CODES = {
    Status.PASS: EXIT_PASS,
    Status.NOT_APPLICABLE: EXIT_PASS,
    Status.FAIL: EXIT_FAIL,
    Status.INCONCLUSIVE: EXIT_INCONCLUSIVE,
}


@dataclass(frozen=True, slots=True, repr=False)
class Run:
    """One scenario, run once on one target, judged and measured.

    Attributes:
        scenario: what was run.
        target: `sim`, `server`, …
        seed: the seed.
        history: the record; `history.path` where it is on disk.
        verdicts: one per checker.
        metrics: what the run measured.
        expected: one per line of `expect`: whether this run keeps it. Over many runs, `check`
            judges it.
    """

    scenario: Scenario
    target: str
    seed: int
    history: History
    verdicts: tuple[Verdict, ...]
    metrics: Metrics
    expected: tuple[Verdict, ...]

    @property
    def status(self) -> Status:
        """The worst verdict; an expectation that this run does not keep is never a pass."""
        return worst(verdict.status for verdict in (*self.verdicts, *self.expected))

    def to_frame(self) -> pd.DataFrame:
        """The history as a data frame; columns as `History.to_frame` says."""
        return self.history.to_frame()

    def figure(self, name: str, *beside: Run) -> Drawing:
        """One figure of the report, for a notebook or, by its `.svg`, for a file.

        Arguments:
            name: `timeline`, `closeup`, `staleness`, `waiting`, `outcomes`, `delay` or
                `reconnects`.
            beside: other runs, drawn beside this one on the same axes.

        Raises:
            UsageError: no such figure, or the runs have no data for it.
        """
        from simrt.report.drawing import draw

        return draw(name, (self, *beside))

    def __repr__(self) -> str:
        said = f"{self.scenario.title}, on {self.target}, seed {self.seed}: {self.status.value}"
        told = [one for one in (*self.verdicts, *self.expected) if one.status is self.status]
        if self.status not in (Status.FAIL, Status.INCONCLUSIVE):
            return said
        return "\n".join([said, *(f"  {one.check}: {one.sentence}" for one in told)])

    def _repr_html_(self) -> str:
        """What a notebook shows: the verdicts and the figures of the report."""
        from simrt.report import run_html

        return run_html(self)


_CODES = re.compile(r" \((?:[A-Z]{3}-\d+(?:, )?)+\)")


def finding(verdict: Verdict) -> str:
    """What did not pass, in a sentence: where, what was found, and the first piece of evidence.

    Codes of rules stand beside the evidence in the report, not in a sentence.
    """
    # A number of findings alone says nothing of what to mend.
    seen = ""
    if verdict.rules and verdict.evidence:
        seen = f" The first: {_CODES.sub('', verdict.evidence[0]).rstrip('.')}."
    return f"{place(verdict.target)}{verdict.sentence.rstrip('.')}.{seen}"


def place(target: str, seed: int | None = None) -> str:
    """Where a sentence is true, as its beginning; empty where no target ran."""
    of_run = "" if seed is None else f" with seed {seed}"
    return f"On {target}{of_run}: " if target else ""


def acted(states: Mapping[str, int]) -> dict[str, str]:
    """How often each of the five settings acted, in words, in the order of the report.

    A limit acts on a replay where it keeps events out and no other keeps out more; of limits that
    keep out the same events each counts (REP-2, REP-6).

    Arguments:
        states: how often each state was reached; what is missing counts as never.
    """

    def met(state: str, what: str) -> str:
        times = states.get(state, 0)
        return many(times, *what.split("/")) if times else ""

    dropped = (
        met("drop-oldest", "event dropped as the oldest/events dropped as the oldest"),
        met("drop-newest", "event refused as the newest/events refused as the newest"),
    )
    expired = met(
        "expired-while-pending", "event expired while waiting/events expired while waiting"
    )
    clipped = {
        limit: met(f"replay-clipped-by-{limit}", "replay clipped/replays clipped")
        for limit in ("bufferSize", "messageTTL", "lastN", "maxAge")
    }
    did = {
        "bufferSize": (*dropped, clipped["bufferSize"]),
        "onFull": dropped,
        "messageTTL": (expired, clipped["messageTTL"]),
        "lastN": (clipped["lastN"],),
        "maxAge": (clipped["maxAge"],),
    }
    return {name: listing([one for one in found if one]) or NEVER for name, found in did.items()}


@dataclass(frozen=True, slots=True)
class Item:
    """One item of the verification checklist, over all targets that can see it.

    Attributes:
        number: 1 to 6.
        status: the worst over the targets that can see it.
        sentence: one line of evidence: the number that decides, or why it does not apply.
        verdicts: what it rests on, every target and seed.
    """

    number: int
    status: Status
    sentence: str
    verdicts: tuple[Verdict, ...]

    @property
    def title(self) -> str:
        """The item's sentence."""
        return ITEMS[self.number]

    @property
    def deciding(self) -> tuple[Verdict, ...]:
        """The verdicts that made the status: of each check on each target the first such run.

        What the file alone shows comes first: that also says what to write instead.
        """
        first: dict[tuple[str, str, bool], Verdict] = {}
        for one in sorted(self.verdicts, key=lambda verdict: bool(verdict.target)):
            if one.status is self.status:
                first.setdefault((one.check, one.target, one.probe), one)
        return tuple(first.values())


@dataclass(frozen=True, slots=True, repr=False)
class Check:
    """A scenario judged: the runs on each target, the checklist, the verdict in a sentence.

    Attributes:
        scenario: what was judged.
        runs: the runs whose history was kept, at least one a target; sim first.
        items: the six items.
        estimates: per target and group, figures over all runs with their intervals.
        status: the worst item, or what the scenario's declared `outcome` makes of it.
        sentence: the verdict for a product owner, with the reason and the number that decides.
        fit: whether channels are the right tool; `undecided` where `needs` is not written.
        fit_reason: why, in a sentence.
        seeds: per target, the seeds that ran.
        folder: where the report and its files lie, or None.
        command: the command that repeats it.
        took_s: per target, real seconds.
        errors: why a target could not be reached, for each that gave no run; the others are
            judged. A machine that is too slow for one is no error: the first item says so.
        states: per target, how often each state was reached, over all its runs.
        measured: per target what each run measured, in the order of `seeds`.
        slowed: the speed at which the real server ran, where the first was too fast.
        left_out: of a quick check, in a sentence what the whole one has beyond it; else empty.
    """

    scenario: Scenario
    runs: tuple[Run, ...]
    items: tuple[Item, ...]
    estimates: tuple[Estimate, ...]
    status: Status
    sentence: str
    fit: Fit
    fit_reason: str
    seeds: dict[str, tuple[int, ...]]
    folder: Path | None
    command: str
    took_s: dict[str, float]
    errors: dict[str, str] = field(default_factory=dict)
    states: dict[str, dict[str, int]] = field(default_factory=dict)
    measured: dict[str, tuple[Metrics, ...]] = field(default_factory=dict)
    slowed: float | None = None
    left_out: str = ""

    def values(self, target: str, figure: str, group: str) -> dict[int, float]:
        """One figure in each run on a target, by seed; runs without a value are left out.

        Arguments:
            target: where.
            figure: such as `staleness_s` or `p90(staleness_s)`.
            group: whose.

        Raises:
            UsageError: no such target, figure or group.
        """
        one_of("target", target, TARGETS)
        percent, metric = split_figure(figure)
        runs = self.measured.get(target, ())
        found = zip(
            self.seeds.get(target, ()), values_of(runs, metric, group, percent), strict=False
        )
        return {seed: value for seed, value in found if value is not None}

    @property
    def cut_short(self) -> bool:
        """Whether the time limit ended it before all its runs."""
        return any(verdict.check == CUT_SHORT for item in self.items for verdict in item.verdicts)

    @property
    def exit_code(self) -> int:
        """0 pass, 1 fail, 3 inconclusive, 4 where a target could not be reached."""
        return EXIT_ERROR if self.errors else EXIT_CODES[self.status]

    @property
    def deciding(self) -> tuple[Verdict, ...]:
        """What failed, or was inconclusive where nothing failed; every one, in the items' order."""
        if self.status not in (Status.FAIL, Status.INCONCLUSIVE):
            return ()
        items = (item for item in self.items if item.status is self.status)
        found = (verdict for item in items for verdict in item.deciding)
        return tuple({(one.check, one.target, one.probe): one for one in found}.values())

    def __repr__(self) -> str:
        made = ", ".join(f"{len(seeds)} on {target}" for target, seeds in self.seeds.items())
        said = f"{self.scenario.title}: {self.status.value}, runs: {made}. {self.sentence}"
        return "\n".join([said, *(f"  {finding(one)}" for one in self.deciding)])

    def _repr_html_(self) -> str:
        """What a notebook shows: the verdict, the checklist, and where the report is."""
        first, *found = (escape(line.strip()) for line in repr(self).splitlines())
        rows = "".join(
            f"<tr><td>{item.number}</td><td>{escape(item.title)}</td>"
            f"<td>{item.status.value}</td><td>{escape(item.sentence)}</td></tr>"
            for item in self.items
        )
        where = "" if self.folder is None else f"<p>Report: {escape(str(self.folder))}</p>"
        return (
            f"<p>{first}</p>{''.join(f'<p>{line}</p>' for line in found)}"
            "<table><thead><tr><th>item</th><th>what</th><th>status</th><th>evidence</th></tr>"
            f"</thead><tbody>{rows}</tbody></table>{where}"
        )
