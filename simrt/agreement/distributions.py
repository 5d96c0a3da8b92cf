"""How far two distributions lie apart: of delay, and of the age of what is on screen.

Two distances, each in a unit that can be thought in. *Moved*: how far, on average, a value of one
must be moved to make the other distribution (Wasserstein's distance), in seconds. *Share*: the
largest difference between the shares of values below any bound (Kolmogorov's and Smirnov's), from
0 to 1. No test of significance is made of them: delays that follow each other are not independent.
What is usual between two seeds stands beside them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from simrt.metrics import Metrics
from simrt.metrics.result import ALL
from simrt.metrics.sketch import Sketch

METRICS_WITH_SHAPES = ("latency_s", "staleness_s")
NS_PER_S = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Shapes:
    """How far one distribution lies from another.

    Attributes:
        group: whose.
        metric: `latency_s` or `staleness_s`.
        moved_s: Wasserstein's distance, seconds.
        share: Kolmogorov's and Smirnov's distance, 0 to 1.
        usual_moved_s: the largest distance between the first simulated seed and another one; None
            with one seed.
        usual_share: the same for `share`.
    """

    group: str
    metric: str
    moved_s: float
    share: float
    usual_moved_s: float | None
    usual_share: float | None


def shapes(simulated: Sequence[Sequence[Metrics]], right: Metrics) -> tuple[Shapes, ...]:
    """Compare the distributions of a run with those of simulated ones with the same seed.

    Arguments:
        simulated: for each end of the window's band the runs, one a seed, that of `right` first;
            the nearer end counts.
        right: the run.
    """
    found = []
    for group in right.groups():
        for metric in METRICS_WITH_SHAPES if group != ALL else ():
            there = right.sketch(metric, group)
            ends = [
                (apart(runs[0].sketch(metric, group), there), runs)
                for runs in simulated
                if _filled(runs[0].sketch(metric, group))
            ]
            if not _filled(there) or not ends:
                continue
            (moved_s, share), runs = min(ends, key=lambda end: end[0])
            usual = [
                apart(runs[0].sketch(metric, group), other.sketch(metric, group))
                for other in runs[1:]
                if _filled(other.sketch(metric, group))
            ]
            found.append(
                Shapes(
                    group,
                    metric,
                    moved_s,
                    share,
                    max((one[0] for one in usual), default=None),
                    max((one[1] for one in usual), default=None),
                )
            )
    return tuple(found)


def _filled(sketch: Sketch) -> bool:
    sketch.settle()
    return sketch.total > 0


def apart(one: Sketch, other: Sketch) -> tuple[float, float]:
    """Wasserstein's distance in seconds, and Kolmogorov's and Smirnov's as a share.

    Arguments:
        one: a distribution that is not empty.
        other: another one.
    """
    import numpy as np
    from scipy.stats import wasserstein_distance

    values, weights = zip(*(_points(sketch) for sketch in (one, other)), strict=True)
    moved = float(wasserstein_distance(*values, *weights)) / NS_PER_S
    bounds = np.unique(np.concatenate(values))
    below = [
        np.concatenate(([0.0], np.cumsum(weight)))[np.searchsorted(value, bounds, side="right")]
        / weight.sum()
        for value, weight in zip(values, weights, strict=True)
    ]
    return moved, float(np.abs(below[0] - below[1]).max())


def _points(sketch: Sketch) -> tuple[Any, Any]:
    import numpy as np

    found = [((low + high - 1) / 2, weight) for low, high, weight in sketch.buckets()]
    points, weights = np.array(found, dtype="float64").T
    return points, weights
