"""One long run cut into batches: figures with an honest standard error.

Losses come in clusters, and an age now is much like the age a moment ago: single messages are not
independent, and their spread says little about the error of a mean. Batches that are long against
the memory of the system are nearly independent. So a run is cut into stretches of equal length, the
first (the warm-up) is dropped, and the rest are treated as independent observations.

The figures are ratios, or quantiles, of what batches add up. Their error comes from the jackknife
over batches: the figure of all batches but one, for each of them. It is right for ratios, needs no
other formula for a quantile, and with K batches goes with Student's t of K - 1 degrees of freedom.
The estimate itself is the figure of all batches: their number is large enough that its bias, of
order 1 over the length of the run, is far below its error.

Sources: batch means in any text on simulation output; the grouped jackknife: R. G. Miller 1974, The
jackknife - a review, Biometrika 61(1). Not checked against the original.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from simrt.history import Row
from simrt.metrics.meter import Meter
from simrt.metrics.result import ALL
from simrt.metrics.sketch import Sketch
from simrt.metrics.totals import FIGURES, NS_PER_S, Totals
from simrt.scenario.model import Scenario

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Batch:
    """What one stretch of a run added.

    Attributes:
        totals: the sums.
        latencies: the distribution of `latency_s`.
    """

    totals: Totals
    latencies: Sketch

    def value(self, metric: str) -> float | None:
        """A figure of `simrt.metrics.METRICS` that follows from sums; None if undefined."""
        return FIGURES[metric](self.totals)

    def latency_quantile(self, p: float) -> float | None:
        """The p-quantile of `latency_s`, seconds."""
        found = self.latencies.quantile(p)
        return None if found is None else found / NS_PER_S

    def less(self, other: Batch) -> Batch:
        """Without a part of it, or without what an earlier reading had."""
        return Batch(self.totals.less(other.totals), self.latencies.less(other.latencies))


def joined(batches: Sequence[Batch]) -> Batch:
    """All of these as one."""
    totals, latencies = Totals(), Sketch()
    for batch in batches:
        totals.include(batch.totals)
        latencies.merge(batch.latencies)
    return Batch(totals, latencies)


class Batches:
    """Measures one run in stretches of equal length, in one pass.

    A reading at the end of a stretch says what `Meter` would say had the workload ended there; a
    batch is the difference of two readings. What lies across an end (a message in flight, an outage
    under way) is counted in the batch in which it is decided, so that nothing is lost between two.

    Arguments:
        scenario: what runs.
        warm_up_ns: what is dropped at the start.
        count: how many batches fill the rest of the workload.

    Attributes:
        found: the batches so far.
    """

    def __init__(self, scenario: Scenario, warm_up_ns: int, count: int) -> None:
        self.found: list[Batch] = []
        self._meter = Meter(scenario)
        rest = scenario.workload.duration_ns - warm_up_ns
        self._ends = [warm_up_ns + rest * k // count for k in range(count + 1)]
        self._next = self._ends[0]
        self._before: Batch | None = None

    def feed(self, row: Row) -> None:
        """One row; in the order of the history."""
        while row.t_ns > self._next:
            self._read()
        self._meter.feed(row)

    def finish(self) -> list[Batch]:
        """The batches; no row may follow."""
        while self._ends:
            self._read()
        return self.found

    def _read(self) -> None:
        t_ns = self._ends.pop(0)
        metrics = self._meter.until(t_ns)
        now = Batch(metrics.totals(ALL), metrics.sketch("latency_s", ALL))
        if self._before is not None:
            self.found.append(now.less(self._before))
        self._before = now
        self._next = self._ends[0] if self._ends else 1 << 63


def jackknife(whole: T, without: Sequence[T], figure: Callable[[T], float]) -> tuple[float, float]:
    """A figure with its standard error, from all batches and from all but each of them.

    Arguments:
        whole: all K batches joined.
        without: for each of them, all others joined; K of 2 or more.
        figure: what is estimated.

    Returns:
        The figure of all, and its standard error, for which Student's t has K - 1 degrees of
        freedom.
    """
    number = len(without)
    left_out = [figure(one) for one in without]
    mean = math.fsum(left_out) / number
    spread = math.fsum((one - mean) ** 2 for one in left_out)
    return figure(whole), math.sqrt((number - 1) / number * spread)
