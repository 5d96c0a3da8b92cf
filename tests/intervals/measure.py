"""How often intervals cover, and verdicts err: through the code that `simrt check` judges with."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from simrt.checkers.expectations import Runs, judge_expectations
from simrt.checkers.verdict import Status
from simrt.metrics import Metrics, estimate
from simrt.metrics.limits import (
    ENOUGH,
    LEVEL,
    MOST_RUNS,
    Spread,
    further_runs,
    lower,
    spread_of,
    upper,
)
from simrt.scenario.expect import parse_expectation
from simrt.scenario.model import Scenario
from tests.intervals.cases import Case, runs_of
from tests.metrics.tales import scenario

SIZES = (2, 3, 5, 20, 100)
REPETITIONS = 2000
POOL = 20_000
SEED = 2026


@dataclass(frozen=True, slots=True)
class Rates:
    """What came out of many checks of one case with one number of runs; shares of all checks.

    Attributes:
        shown: with how many limits were shown.
        covered: of these, how many held the true mean.
        named: whether these limits are called an interval of 95 %.
        false_passes: `<= truth / 1.5` passed.
        false_alarms: `<= truth` failed, or `>= truth` did: the larger of both.
        decided: `<= 2 x truth` passed.
    """

    shown: float
    covered: float
    named: bool
    false_passes: float
    false_alarms: float
    decided: float


def measure(
    case: Case, repetitions: int = REPETITIONS, pool: int = POOL, sizes: Sequence[int] = SIZES
) -> dict[int, Rates]:
    """The rates of a case, by the number of runs.

    Arguments:
        case: which.
        repetitions: how many checks for each number.
        pool: how many independent runs each check draws its own from, without repeats.
        sizes: the numbers of runs.
    """
    chance = np.random.default_rng(SEED)
    runs = runs_of(case, pool, chance)
    return {
        size: _rates(case, [_some(runs, size, chance) for _ in range(repetitions)], size)
        for size in sizes
    }


def _some(runs: Sequence[Metrics], size: int, chance: np.random.Generator) -> list[Metrics]:
    if size > len(runs) // 10:
        return [runs[place] for place in chance.choice(len(runs), size, replace=False)]
    places: set[int] = set()
    while len(places) < size:  # much cheaper than a permutation of all
        places.update(int(n) for n in chance.integers(0, len(runs), size - len(places)))
    return [runs[place] for place in places]


def _rates(case: Case, checks: Sequence[Sequence[Metrics]], size: int) -> Rates:
    (term,) = parse_expectation(f"{case.figure} <= 1").comparisons
    shown = covered = 0
    for runs in checks:
        found = estimate(runs, "sim", term.metric, term.group, term.percent)
        if found.low is not None and found.high is not None:
            shown += 1
            # What was rounded to whole nanoseconds or events has its mean a little elsewhere.
            covered += found.low - 1e-6 <= case.truth <= found.high + 1e-6
    number = len(checks)
    alarms = [_share(case, checks, f"{op} {case.truth!r}", Status.FAIL) for op in ("<=", ">=")]
    return Rates(
        shown / number,
        covered / shown if shown else math.nan,
        size >= ENOUGH,
        _share(case, checks, f"<= {case.truth / 1.5!r}", Status.PASS),
        max(alarms),
        _share(case, checks, f"<= {case.truth * 2!r}", Status.PASS),
    )


def _share(case: Case, checks: Sequence[Sequence[Metrics]], asks: str, status: Status) -> float:
    scene = scenario(expect=(f"{case.figure} {asks}",), poisson=True)
    return sum(_judge(scene, runs)[0] is status for runs in checks) / len(checks)


def _judge(scene: Scenario, runs: Sequence[Metrics]) -> list[Status]:
    shown = Runs("sim", runs, [{}] * len(runs), range(1, len(runs) + 1))
    return [verdict.status for verdict in judge_expectations(scene, shown, 0)]


# --- a single run ---


@dataclass(frozen=True, slots=True)
class Alone:
    """Of many checks with one run beside 20 of the simulator, the same shares.

    Attributes:
        false_passes: `<= truth / 1.5` passed.
        false_alarms: `<= truth` failed, or `>= truth` did: the larger of both.
    """

    false_passes: float
    false_alarms: float


def alone(case: Case, repetitions: int = REPETITIONS, pool: int = POOL) -> Alone:
    """The rates of a single run on another target that is like the simulator."""
    chance = np.random.default_rng(SEED)
    runs = runs_of(case, pool, chance)
    checks = [_some(runs, ENOUGH + 1, chance) for _ in range(repetitions)]

    def share(asks: str, status: Status) -> float:
        scene = scenario(expect=(f"{case.figure} {asks}",), poisson=True)
        return sum(_beside(scene, check) is status for check in checks) / repetitions

    alarms = [share(f"{op} {case.truth!r}", Status.FAIL) for op in ("<=", ">=")]
    return Alone(share(f"<= {case.truth / 1.5!r}", Status.PASS), max(alarms))


def _beside(scene: Scenario, runs: Sequence[Metrics]) -> Status:
    one, *others = runs
    sims = Runs("sim", others, [{}] * len(others), range(1, len(others) + 1))
    # Its times are exact to the nanosecond: what is judged here is chance alone.
    (verdict,) = judge_expectations(scene, Runs("server", [one], [{}], [1]), 1, beside=sims)
    return verdict.status


# --- the scenario as a whole --------------------------------------------------------------------


def family(
    cases: Sequence[Case],
    repetitions: int = REPETITIONS,
    pool: int = POOL,
    size: int = ENOUGH,
) -> float:
    """How often a scenario fails whose lines are all kept, and none by more than nothing.

    Each case gives one line with its mean as the bound, from runs of its own.
    """
    chance = np.random.default_rng(SEED)
    failed = np.zeros(repetitions, bool)
    for case in cases:
        text = f"{case.figure} <= {case.truth!r}"
        lines = scenario(expect=(text,) * len(cases), poisson=True)
        runs = runs_of(case, pool, chance)
        for place in range(repetitions):
            failed[place] |= _judge(lines, _some(runs, size, chance))[0] is Status.FAIL
    return float(failed.mean())


# --- how many runs more -------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Forecast:
    """Of checks that were inconclusive: how good the range of further runs was.

    Attributes:
        number: how many there were.
        held: the share in which the range held the number that was needed, or the bound was called
            too near and 10,000 runs did not decide it.
        too_near: the share in which it was called too near.
        span: the middle (median) of upper end over lower end.
    """

    number: int
    held: float
    too_near: float
    span: float


def forecast(case: Case, size: int, factor: float, repetitions: int = REPETITIONS) -> Forecast:
    """Continue inconclusive checks, run by run, until the code decides.

    Arguments:
        case: its draws are values of the figure.
        size: with how many runs the check was inconclusive.
        factor: the bound in terms of the truth.
        repetitions: how many checks are begun.
    """
    assert case.draw is not None
    chance = np.random.default_rng(SEED)
    bound = case.truth * factor
    held = near = number = 0
    spans = []
    for _ in range(repetitions):
        values = case.draw(chance, MOST_RUNS)
        if _decided(spread_of(values[:size].tolist()), bound):
            continue
        seen = spread_of(values[:size].tolist())
        if not seen.deviation:
            continue
        number += 1
        needed = _needed(values, size, bound)
        said = further_runs(seen, bound, None)
        if said is None:
            near += 1
            held += needed is None
            continue
        spans.append((said[1] or MOST_RUNS) / said[0])
        if needed is None:
            held += said[1] is None
        else:
            held += said[0] <= needed <= (said[1] or MOST_RUNS)
    return Forecast(
        number,
        held / number if number else math.nan,
        near / number if number else math.nan,
        float(np.median(spans)) if spans else math.nan,
    )


def _decided(seen: Spread, bound: float) -> bool:
    if not seen.deviation:
        return False
    return upper(seen, None, LEVEL) <= bound or lower(seen, None, LEVEL) > bound


def _needed(values: np.ndarray, size: int, bound: float) -> int | None:
    """How many further runs decide: the first of all numbers, in steps of 2 % beyond 50."""
    first, second, third = (np.cumsum(values**power) for power in (1, 2, 3))
    at = size + 1
    while at <= len(values):
        if _decided(_spread(at, *(float(sums[at - 1]) for sums in (first, second, third))), bound):
            return at - size
        at += max(1, at // 50)
    return None


def _spread(number: int, first: float, second: float, third: float) -> Spread:
    mean = first / number
    variance = max(second / number - mean**2, 0.0)
    skew = third / number - 3 * mean * second / number + 2 * mean**3
    deviation = math.sqrt(variance * number / (number - 1))
    return Spread(number, mean, deviation, skew / variance**1.5 if variance else 0.0)
