"""Figures over repeated runs, with intervals."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from simrt.metrics import limits
from simrt.metrics.limits import ENOUGH
from simrt.metrics.result import SHOWN_PERCENTILES, Metrics
from simrt.scenario.arguments import wrong
from simrt.scenario.metric_names import METRICS, Metric

METHOD = (
    f"mean over independent runs, from {ENOUGH} runs on with a 95 % confidence interval (Student's "
    "t, widened where runs are skewed); with fewer the same limits, which are no interval of 95 %; "
    "with one run, and where all runs are equal, the value alone"
)
"""How every `Estimate` is made; printed in reports."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """One figure over repeated runs on one target, with its confidence interval.

    Attributes:
        target: where it was measured.
        group: the subscribers, or `all`.
        metric: its name, with its unit, such as `staleness_s` or `p90(staleness_s)`.
        value: the mean over runs, or None where no run had a value.
        low: the lower limit of the mean; None with one run, and where all runs are equal.
        high: the upper limit.
        runs: how many runs had a value.
    """

    target: str
    group: str
    metric: str
    value: float | None
    low: float | None
    high: float | None
    runs: int

    @property
    def named(self) -> bool:
        """Whether its limits are an interval of 95 %: fewer runs may show too little of a law."""
        return self.low is not None and self.runs >= ENOUGH


def values_of(runs: Sequence[Metrics], metric: str, group: str, percent: str) -> list[float | None]:
    """One figure in each run; None where it has none.

    Arguments:
        runs: the runs of one target.
        metric: a name of `METRICS`.
        group: whose.
        percent: which percentile, such as `90` or `99.9`; empty for the metric's value.
    """
    if percent:
        p = float(percent) / 100
        return [run.quantile(metric, group, p) for run in runs]
    return [run.value(metric, group) for run in runs]


_FIGURE = re.compile(r"p(\d{1,2}(?:\.\d{1,6})?)\((\w+)\)|(\w+)", re.ASCII)


def split_figure(figure: str) -> tuple[str, str]:
    """The percentile and the metric of a figure: `p90(latency_s)` is `90` and `latency_s`.

    Raises:
        UsageError: where it is spelled like no figure.
    """
    found = _FIGURE.fullmatch(figure) if isinstance(figure, str) else None
    if found is None:
        raise wrong("figure", figure, "a metric or its percentile, such as p90(latency_s)")
    return found[1] or "", found[2] or found[3]


def estimate(
    runs: Sequence[Metrics], target: str, metric: str, group: str = "all", percent: str = ""
) -> Estimate:
    """One figure over runs; runs without a value do not count.

    Arguments:
        runs: the runs of one target.
        target: its name.
        metric: a name of `METRICS`.
        group: whose.
        percent: which percentile, such as `90` or `99.9`; empty for the metric's value.
    """
    values = [one for one in values_of(runs, metric, group, percent) if one is not None]
    name = f"p{percent}({metric})" if percent else metric
    if not values:
        return Estimate(target, group, name, None, None, None, 0)
    seen = limits.spread_of(values)
    if not seen.deviation:
        return Estimate(target, group, name, seen.mean, None, None, seen.runs)
    top = METRICS[metric].top
    low, high = limits.lower(seen, top), limits.upper(seen, top)
    return Estimate(target, group, name, seen.mean, low, high, seen.runs)


def estimates(runs: Sequence[Metrics], target: str) -> tuple[Estimate, ...]:
    """Every metric, and p50, p90 and p99 of those with a distribution, for every group.

    In the order of groups, then of `METRICS`. How: `METHOD`.
    """
    if not runs:
        return ()
    return tuple(
        estimate(runs, target, metric.name, group, percent)
        for group in runs[0].groups()
        for metric, percent in _figures()
    )


def _figures() -> Iterator[tuple[Metric, str]]:
    for metric in METRICS.values():
        yield metric, ""
        if metric.over:
            for percent in SHOWN_PERCENTILES:
                yield metric, str(percent)
