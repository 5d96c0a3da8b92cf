"""Figures over repeated runs, with intervals."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from simrt.metrics.result import SHOWN_PERCENTILES, Metrics
from simrt.scenario.metric_names import METRICS, Metric

METHOD = (
    "mean over independent runs with a 95 % confidence interval from Student's t, cut at 0 and, "
    "for fractions, at 1; with one run the value alone"
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
        low: lower end of the 95 % interval; equal to `value` with one run.
        high: upper end.
        runs: how many runs had a value.
    """

    target: str
    group: str
    metric: str
    value: float | None
    low: float | None
    high: float | None
    runs: int


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
    if percent:
        p = float(percent) / 100
        found = [run.quantile(p, metric, group) for run in runs]
    else:
        found = [run.value(metric, group) for run in runs]
    values = [value for value in found if value is not None]
    name = f"p{percent}({metric})" if percent else metric
    if not values:
        return Estimate(target, group, name, None, None, None, 0)
    mean = math.fsum(values) / len(values)
    half = _half_width(values, mean)
    high = mean + half
    if METRICS[metric].kind == "fraction":
        high = min(high, max(1.0, mean))
    return Estimate(target, group, name, mean, max(mean - half, 0.0), high, len(values))


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


def _half_width(values: Sequence[float], mean: float) -> float:
    number = len(values)
    if number == 1 or max(values) == min(values):
        return 0.0
    # The light half of scipy: the quantile of Student's t without loading scipy.stats.
    from scipy.special import stdtrit

    variance = math.fsum((value - mean) ** 2 for value in values) / (number - 1)
    return float(stdtrit(number - 1, 0.975)) * math.sqrt(variance / number)
