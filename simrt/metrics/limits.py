"""How far a mean can lie from what runs showed, and how often what no run showed can still happen.

A figure of one run is a number that is 0 or more, of a law that nobody knows: often skewed, as few
runs miss much and most miss little. Student's t takes it for normal, and then covers the mean of
skewed figures too seldom: their sample is mostly too low, and its spread too small. So each end
that lies on the long side of the law is moved out by the first term of Hall's expansion of t,
gamma (2 t^2 + 1) / (6 sqrt(n)), where gamma is the skewness. Runs show their skewness as badly as
their mean, so it is taken as the larger of

- what the runs show, times 2 (n - 2) / n: few runs show less of it than there is;
- twice the square of their spread (standard deviation over mean), and above a spread of 1 twice its
  power of 2.5: what cannot fall below 0 is skewed where it is widely spread. A gamma law has twice
  the spread; this is less where the spread is below 1, and more where it is above, as for a figure
  that is mostly 0.

Two or three runs show so little of a skewed law that their limits take half of the error that is
allowed. All these factors were chosen by simulation; `docs/statistics.md` holds what is measured.

Sources: P. Hall 1992, On the removal of skewness by transformation, J. R. Stat. Soc. B 54(1);
C. J. Clopper and E. S. Pearson 1934, Biometrika 26(4). Not checked against the originals.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

ENOUGH = 20
"""From so many runs on equal values are taken for what the figure is, and an interval is named."""

LEVEL = 0.025
"""How often a limit on one side may be wrong; both sides make an interval of 95 %."""

RARE = 0.05
"""How often `most_often` may be wrong."""

# How much more skewed a law is taken to be than its runs, and how its spread bounds it.
_MORE = 2.0
_OF_SPREAD = 2.0
# Fewer runs take this part of an error.
_FEW, _FEW_PART = 5, 0.5
# What part of an error an upper limit takes whose error is a false alarm: with few runs, and else.
_FIRM_FEW, _FIRM = 0.2, 0.4


@dataclass(frozen=True, slots=True)
class Spread:
    """What runs show of the law of one figure.

    Attributes:
        runs: how many.
        mean: their mean.
        deviation: their standard deviation; 0 for one run and for equal values.
        skewness: of the runs, as it is, 0 where they are equal.
    """

    runs: int
    mean: float
    deviation: float
    skewness: float


def spread_of(values: Sequence[float]) -> Spread:
    """Mean, standard deviation and skewness of the figure in some runs, at least one."""
    number = len(values)
    mean = math.fsum(values) / number
    if max(values) == min(values):
        return Spread(number, values[0], 0.0, 0.0)
    second = math.fsum((value - mean) ** 2 for value in values) / number
    if not second:  # they differ by less than their squares can say
        return Spread(number, mean, 0.0, 0.0)
    third = math.fsum((value - mean) ** 3 for value in values) / number
    deviation = math.sqrt(second * number / (number - 1))
    return Spread(number, mean, deviation, third / second**1.5)


def lower(seen: Spread, top: float | None, level: float = LEVEL) -> float:
    """What the mean lies below with a probability of at most `level`; 0 at least.

    Arguments:
        seen: two runs or more that differ.
        top: what the figure cannot exceed, 1 for a fraction; None where there is no such number.
        level: how often it may be wrong.
    """
    room = None if top is None else top - seen.mean
    return max(0.0, seen.mean - _reach(seen, _skewness(seen, -1, room), level))


def upper(seen: Spread, top: float | None, level: float = LEVEL) -> float:
    """What the mean lies above with a probability of at most `level`; `top` at most."""
    high = seen.mean + _reach(seen, _skewness(seen, 1, seen.mean), level)
    return high if top is None else min(high, max(top, seen.mean))


def firm(level: float, runs: int) -> float:
    """The level for an upper limit that errs in `level` where a law is much skewed too.

    The mean of a skewed law lies above what runs show more often than below: an upper limit of
    2.5 % errs in 6 % where five runs are exponential. That is harmless for a pass, whose bound is
    seldom that near; a fail must be surer.
    """
    return level * (_FIRM_FEW if runs < ENOUGH else _FIRM)


def apart(seen: Spread, level: float = LEVEL) -> tuple[float, float]:
    """Both limits of a mean that can be below 0 too: of paired differences."""
    return (
        seen.mean - _reach(seen, _skewness(seen, -1, None), level),
        seen.mean + _reach(seen, _skewness(seen, 1, None), level),
    )


def one_more(seen: Spread, top: float | None, level: float = LEVEL) -> tuple[float, float]:
    """How far below, and above, the mean of such runs one more run lies, on both sides.

    By the Cornish-Fisher expansion: the quantile of one skewed observation is t + gamma (t^2 - 1)/6
    deviations from the mean; the mean of n runs is itself uncertain, a factor of sqrt(1 + 1/n).
    """
    if not seen.deviation:
        return 0.0, 0.0
    t = _student(seen.runs - 1, level)
    scale = seen.deviation * math.sqrt(1 + 1 / seen.runs)
    room = None if top is None else top - seen.mean
    below, above = (
        scale * (t + max(0.0, _skewness(seen, side, free)) * (t * t - 1) / 6)
        for side, free in ((-1, room), (1, seen.mean))
    )
    return below, above


def most_often(runs: int) -> float:
    """In what share of runs something can still happen that none of so many runs showed.

    Exact: what happens in a larger share would have stayed unseen with a probability below `RARE`.
    """
    return -math.expm1(math.log(RARE) / runs)


def share_limits(hits: int, runs: int, below: float, above: float) -> tuple[float, float]:
    """The exact (Clopper-Pearson) limits of a share that `hits` of `runs` runs showed.

    Arguments:
        hits: in how many runs it was so.
        runs: of how many, one or more.
        below: how often the share may lie below the first limit.
        above: how often it may lie above the second.
    """
    # The light half of scipy: quantiles without loading scipy.stats.
    from scipy.special import betaincinv

    low = float(betaincinv(hits, runs - hits + 1, below)) if hits else 0.0
    high = float(betaincinv(hits + 1, runs - hits, 1 - above)) if hits < runs else 1.0
    return low, high


def equal_enough(runs: int, level: float = LEVEL) -> bool:
    """Whether equal values in so many runs say what the figure is.

    What differs in one run of five would have shown, but for a probability of `level`.
    """
    return runs >= equal_needed(level)


def equal_needed(level: float = LEVEL) -> int:
    """So many equal values say what the figure is."""
    return max(ENOUGH, math.ceil(math.log(level) / math.log(0.8)))


def _skewness(seen: Spread, side: int, room: float | None) -> float:
    """The skewness towards one side: 1 up, -1 down; `room` is how far the other side is away."""
    shown = side * seen.skewness * _MORE * (seen.runs - 2) / seen.runs
    if room is None or room <= 0:
        return max(0.0, shown)
    spread = seen.deviation / room
    return max(0.0, shown, _OF_SPREAD * spread**2 * math.sqrt(max(1.0, spread)))


def _reach(seen: Spread, skewness: float, level: float) -> float:
    t = _student(seen.runs - 1, level * (_FEW_PART if seen.runs < _FEW else 1))
    root = math.sqrt(seen.runs)
    return seen.deviation / root * (t + skewness * (2 * t * t + 1) / (6 * root))


def _student(freedom: int, level: float) -> float:
    from scipy.special import stdtrit

    return float(stdtrit(freedom, 1 - level))


# --- how many runs more -------------------------------------------------------------------------

MOST_RUNS = 10_000
"""A bound that so many runs would not decide is called too near."""

# The quantiles of the distance to the bound that give the ends of the range, and say "too near".
_NEAR, _LIKELY, _FAR = 0.02, 0.8, 0.97


def further_runs(
    seen: Spread, bound: float, top: float | None, level: float = LEVEL
) -> tuple[int, int | None] | None:
    """How many further runs may decide on which side of a bound the mean lies, from and to.

    The distance of the true mean to the bound is known no better than the mean is; its quantiles
    give the range. Its end is None where a small distance needs more than `MOST_RUNS`; all is None
    where four of five likely ones do.
    """
    error = seen.deviation / math.sqrt(seen.runs)
    gap = abs(seen.mean - bound)
    side = 1 if seen.mean < bound else -1
    room = seen.mean if side > 0 else (None if top is None else top - seen.mean)
    skewness = _skewness(seen, side, room)

    def needed(share: float, of: Spread) -> int | None:
        return _runs_for(_distance(share, gap, error, seen.runs - 1), of, skewness, level)

    fewest = needed(_FAR, seen)
    if fewest is None or needed(_LIKELY, seen) is None:
        return None
    # Few runs show too little of the spread, too.
    wide = replace(seen, deviation=seen.deviation * (1 + 1 / math.sqrt(seen.runs)))
    most = needed(_NEAR, wide)
    return max(fewest - seen.runs, 1), None if most is None else max(most - seen.runs, 1)


def _distance(share: float, gap: float, error: float, freedom: int) -> float:
    """A quantile of the distance between mean and bound, given what the runs show."""
    from scipy.special import stdtr

    def within(distance: float) -> float:
        ends = [(side * distance - gap) / error for side in (1, -1)]
        return float(stdtr(freedom, ends[0])) - float(stdtr(freedom, ends[1]))

    low, high = 0.0, gap + 1000 * error
    while low < (middle := (low + high) / 2) < high:
        low, high = (middle, high) if within(middle) < share else (low, middle)
    return high


def _runs_for(distance: float, seen: Spread, skewness: float, level: float) -> int | None:
    """With how many runs of this spread a limit reaches no farther than a distance."""

    def reaches(runs: int) -> bool:
        return _reach(replace(seen, runs=runs), skewness, level) > distance

    if reaches(MOST_RUNS):
        return None
    low, high = 1, MOST_RUNS
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if reaches(middle) else (low, middle)
    return high
