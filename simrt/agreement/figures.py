"""The figures of two targets beside each other, each with the interval that it must lie in.

Two targets with exact times show the same figures, or they differ. A server that runs freely is one
run of a system with chance in it, on a machine that is late now and then, behind a window that is
the kernel's. So it is held against many simulated runs:

- *Chance.* For each figure, the range of the simulated runs, widened on both sides by its length.
  Nothing is assumed about the law of a figure; many are skewed, and an interval from a normal law
  missed twice as often as it promised. Fewer than ten runs give no interval.
- *The kernel.* Nobody knows a window to the byte. So the runs are simulated several times, at the
  ends of what the calibration allows (`simrt.agreement.window`), and the interval covers all.
- *Time.* What was late may have moved a figure by so much: `slack_of`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from simrt.metrics import Metrics
from simrt.metrics.result import ALL, SHOWN_PERCENTILES
from simrt.scenario.metric_names import METRICS

LEAST_RUNS = 10
"""Fewer simulated runs give no interval."""

JUDGED = (
    "sent", "received", "missed", "missed_fraction", "gap_messages", "latency_s", "staleness_s",
    "outdated_fraction", "blind_s", "duplicates", "replayed", "resurfaced", "outages",
    "reconnect_s", "recovery_s", "pending_max", "mean_pending", "in_flight_max",
)  # fmt: skip
"""What decides whether a free run agrees. Percentiles, and figures of rare events, jump between
runs of one system; they are shown, and not judged."""

METHOD = (
    "the range of the simulated runs, at each end of what was calibrated, widened on both sides by "
    "its own length and by what lateness can move"
)
"""How an interval of a table comes about, in a sentence."""

# A time has two ends, and both can be late.
_ENDS = 2


@dataclass(frozen=True, slots=True)
class Figure:
    """The name of one figure of a table.

    Attributes:
        group: whose, or `all`.
        metric: a name of `METRICS`.
        percent: which percentile; 0 for the metric's value.
    """

    group: str
    metric: str
    percent: int = 0

    @property
    def name(self) -> str:
        """Such as `latency_s` or `p90(latency_s)`."""
        return f"p{self.percent}({self.metric})" if self.percent else self.metric

    def of(self, metrics: Metrics) -> float | None:
        """Its value in one run; None where it has none."""
        if self.percent:
            return metrics.quantile(self.metric, self.group, self.percent / 100)
        return metrics.value(self.metric, self.group)


@dataclass(frozen=True, slots=True)
class Distance:
    """One figure on two targets.

    Attributes:
        figure: which one.
        unit: of all numbers here.
        left: its value on the first target with the same seed. Where that was simulated with two
            windows: the value nearest to the second target's, of those between both.
        right: its value on the second target.
        low, high: the interval that `right` must lie in; None where there is none.
        agrees: whether it does; None where that cannot be said.
        judged: whether that counts.
    """

    figure: Figure
    unit: str
    left: float | None
    right: float | None
    low: float | None
    high: float | None
    agrees: bool | None
    judged: bool = True

    @property
    def difference(self) -> float | None:
        """`right` minus `left`; None where one of them has no value."""
        if self.left is None or self.right is None:
            return None
        return self.right - self.left


def figures_of(groups: Sequence[str]) -> Iterator[Figure]:
    """All figures of a table, group by group; `all` only where there are several groups."""
    for group in groups:
        if group == ALL and len(groups) == 2:
            continue
        for metric in METRICS.values():
            yield Figure(group, metric.name)
            if metric.over:
                for percent in SHOWN_PERCENTILES:
                    yield Figure(group, metric.name, percent)
    if len(groups) == 2:
        yield Figure(ALL, "memory_bytes")


def equal_figures(left: Sequence[Metrics], right: Sequence[Metrics]) -> tuple[Distance, ...]:
    """The figures of two targets with exact times, run by run: they agree where all are equal.

    Arguments:
        left: the runs of the first target, one a seed.
        right: those of the second, in the same order. Shown is the first run that differs.
    """
    found = []
    for figure in figures_of(left[0].groups()):
        pairs = [(figure.of(one), figure.of(other)) for one, other in zip(left, right, strict=True)]
        if all(one is None and other is None for one, other in pairs):
            continue
        ours, theirs = next((pair for pair in pairs if pair[0] != pair[1]), pairs[0])
        unit = METRICS[figure.metric].unit
        found.append(Distance(figure, unit, ours, theirs, ours, ours, ours == theirs))
    return tuple(found)


def banded_figures(
    simulated: Sequence[Sequence[Metrics]], right: Metrics, late_ns: int
) -> tuple[Distance, ...]:
    """The figures of one free run against a band of simulated ones.

    Arguments:
        simulated: for each end of the window's band the runs, one a seed, that of the free run
            first.
        right: the free run.
        late_ns: how late one end of a time can be there.
    """
    figures = [
        figure
        for figure in figures_of(right.groups())
        if figure.of(right) is not None
        or any(figure.of(run) is not None for runs in simulated for run in runs)
    ]
    return tuple(_banded(figure, simulated, right, late_ns) for figure in figures)


def _is_judged(figure: Figure) -> bool:
    return figure.metric in JUDGED and not figure.percent


def _banded(
    figure: Figure,
    simulated: Sequence[Sequence[Metrics]],
    right: Metrics,
    late_ns: int,
) -> Distance:
    value = figure.of(right)
    judged = _is_judged(figure)
    unit = METRICS[figure.metric].unit
    ends = [[found for run in runs if (found := figure.of(run)) is not None] for runs in simulated]
    firsts = [found for runs in simulated if (found := figure.of(runs[0])) is not None]
    left = None if not firsts else _nearest(value, min(firsts), max(firsts))
    spans = [_span(values) for values in ends if values]
    many = min(len(runs) for runs in simulated) >= LEAST_RUNS
    if value is None or not spans:
        # Some figures exist only where something happened: what only some runs have, others lack.
        always = all(len(values) == len(runs) for values, runs in zip(ends, simulated, strict=True))
        apart = many and (always if value is None else True)
        return Distance(figure, unit, left, value, None, None, False if apart else None, judged)
    slack = slack_of(figure, right, late_ns / 1e9)
    low = max(0.0, min(span[0] for span in spans) - slack)
    high = max(span[1] for span in spans) + slack
    if METRICS[figure.metric].kind == "fraction":
        high = min(1.0, high)
    inside = low - _rounding(low) <= value <= high + _rounding(high)
    agrees = inside if many else inside or None
    return Distance(figure, unit, left, value, low, high, agrees, judged)


def _nearest(value: float | None, low: float, high: float) -> float:
    return low if value is None else min(max(value, low), high)


def _rounding(value: float) -> float:
    return 1e-9 * abs(value)


def _span(values: Sequence[float]) -> tuple[float, float]:
    """Where one more value falls."""
    low, high = min(values), max(values)
    return low - (high - low), high + (high - low)


# --- what lateness can move ---------------------------------------------------------------------

# Counts that lateness does not touch: who was connected how often is the seed's.
_STEADY = frozenset(
    {"unmatched", "never_informed", "outages", "not_reconnected", "not_recovered", "memory_bytes"}
)


def slack_of(figure: Figure, run: Metrics, late_s: float) -> float:
    """How far lateness of so many seconds can move a figure, in its unit.

    A time moves by the lateness itself: twice, as both of its ends can be late. In that time so
    many messages are sent as the group's rate says, and so many can wait or be under way more. At
    each border (a first subscribe, either end of an outage) so many can fall on its other side:
    at least one, as a send and a border may be due in the same instant.

    Arguments:
        figure: which one.
        run: where the group's rate and outages are read.
        late_s: how late one end of a time can be.
    """
    metric = METRICS[figure.metric]
    late_s *= _ENDS
    if metric.unit == "s":
        return late_s
    totals = run.totals(figure.group)
    if metric.name in _STEADY or not late_s or not totals.covered_ns:
        return 0.0
    moved = late_s * totals.sent / (totals.covered_ns / 1e9)
    if metric.name == "outdated_fraction":
        return moved
    if metric.kind in ("maximum", "mean", "rate"):
        return math.ceil(moved) if metric.kind == "maximum" else moved
    borders = math.ceil(moved) * (2 * totals.outages + totals.members)
    if metric.kind == "fraction":
        whole = totals.reconnects if metric.name == "gap_probability" else totals.sent
        return min(1.0, borders / whole) if whole else 0.0
    return borders
