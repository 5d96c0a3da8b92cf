"""One figure over runs against one bound: does the mean keep it, break it, or can nobody tell?

- *At the edge* of what a figure can be one run decides: a mean of 0 has no run above 0.
- *Equal values* say what the figure is once there are `ENOUGH` of them, or where the scenario draws
  nothing at random.
- *Otherwise* both limits of the mean are held against the bound, each with its own error: a broken
  bound passes in at most `Errors.passing`, a kept one fails in at most `Errors.failing` of checks.
- *A single run* is as uncertain as single runs on the simulator are.

What is open at the end of a run is counted both ways; an answer must hold for both.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from simrt.checkers.unsettled import Seen
from simrt.checkers.verdict import Status
from simrt.metrics import limits
from simrt.scenario.expect import Comparison, Operator
from simrt.scenario.metric_names import METRICS

_NEGATED: dict[Operator, Operator] = {"<": ">=", "<=": ">", ">": "<=", ">=": "<"}


@dataclass(frozen=True, slots=True)
class Errors:
    """How often a line may be wrong.

    Attributes:
        passing: it passes though it is not so.
        failing: it fails though it is so.
    """

    passing: float = limits.LEVEL
    failing: float = limits.LEVEL

    def turned(self) -> Errors:
        """The same for a line that is turned around by `not`."""
        return Errors(self.failing, self.passing)


@dataclass(frozen=True, slots=True)
class Beside:
    """The runs of the simulator beside a single run on another target.

    Attributes:
        values: the figure in each.
        fixed: whether the scenario draws nothing at random.
    """

    values: Sequence[float]
    fixed: bool


@dataclass(frozen=True, slots=True)
class Judged:
    """What a comparison comes to.

    Attributes:
        status: pass, fail or inconclusive.
        low, high: what the mean was judged to lie between; None where there are no limits.
        refuted: the run that refutes it alone, and in how many runs it is so.
        equal: whether all runs showed one value.
        agrees: for a single run: whether it lies where single runs on the simulator lie.
    """

    status: Status
    low: float | None = None
    high: float | None = None
    refuted: tuple[Seen, int] | None = None
    equal: bool = False
    agrees: bool | None = None


def at_the_edge(term: Comparison) -> bool:
    """Whether the bound lies where the metric ends, so that one run can refute it."""
    top = METRICS[term.metric].top
    least = term.bound <= 0
    most = top is not None and term.bound >= top
    if term.op == "==":
        return least or most
    return least if term.op in ("<", "<=") else most


def negated(term: Comparison) -> Comparison:
    """The contrary of a comparison other than `==`."""
    return replace(term, op=_NEGATED[term.op])


def judge_bound(
    term: Comparison,
    seen: Sequence[Seen],
    errors: Errors,
    *,
    fixed: bool,
    beside: Beside | None,
) -> Judged:
    """Hold the mean of some runs, at least one, against a bound.

    Arguments:
        term: the comparison.
        seen: the figure in each run that has one.
        errors: how often it may be wrong.
        fixed: whether the scenario draws nothing at random, and the target has exact times.
        beside: the simulator's runs, for a single run on another target.
    """
    equal = all((one.low, one.high) == (seen[0].low, seen[0].high) for one in seen)
    if at_the_edge(term):
        against = [one for one in seen if not term.holds(one.low) and not term.holds(one.high)]
        if against:
            return Judged(Status.FAIL, refuted=(against[0], len(against)), equal=equal)
    elif term.op != "==" and at_the_edge(negated(term)) and _shown(term, seen):
        return Judged(Status.PASS, equal=equal)
    below, above = _sides(term, errors)
    if len(seen) == 1 and not fixed:
        return _single(term, seen[0], below, above, beside)
    low = _limit(term, [one.low for one in seen], below, fixed=fixed, up=False)
    high = _limit(term, [one.high for one in seen], above, fixed=fixed, up=True)
    status = _status(term, low, high)
    return Judged(status, _known(low), _known(high), equal=equal)


def _shown(term: Comparison, seen: Sequence[Seen]) -> bool:
    """Whether some run alone shows it: a mean is above 0 where one run is."""
    return any(term.holds(one.low) and term.holds(one.high) for one in seen)


def _sides(term: Comparison, errors: Errors) -> tuple[float, float]:
    """How often the lower, and the upper, limit may be wrong."""
    if term.op in ("<", "<="):
        return errors.failing, errors.passing
    if term.op in (">", ">="):
        return errors.passing, errors.failing
    if at_the_edge(term):  # it fails by one run alone, so all that is left is to pass
        return errors.passing, errors.passing
    return errors.failing / 2, errors.failing / 2


def equal_runs_needed(term: Comparison, errors: Errors) -> int:
    """So many equal runs decide a bound for sure: what differs in one of five would have shown."""
    return limits.equal_needed(min(_sides(term, errors)))


def usual(term: Comparison, errors: Errors) -> bool:
    """Whether its limits are those of an interval of 95 %, and none of them is surer."""
    return term.op in ("<", "<=") and errors == Errors()


def _limit(
    term: Comparison, values: Sequence[float], level: float, *, fixed: bool, up: bool
) -> float:
    """One limit of the mean; minus or plus infinity where the runs do not give it."""
    if math.inf in values:
        return math.inf
    seen = limits.spread_of(values)
    if not seen.deviation:
        if fixed or limits.equal_enough(seen.runs, level):
            return seen.mean
        return math.inf if up else -math.inf
    top = METRICS[term.metric].top
    if not up:
        return limits.lower(seen, top, level)
    alarms = term.op not in ("<", "<=")  # an upper limit that is too low is a false alarm
    return limits.upper(seen, top, limits.firm(level, seen.runs) if alarms else level)


def _single(
    term: Comparison, one: Seen, below: float, above: float, beside: Beside | None
) -> Judged:
    """One run: the law of single runs on the simulator, shifted to where this run lies.

    Where it lies outside of what these runs allow, the distance to their mean is a part of the
    uncertainty, for nobody knows then which of both is the rule.
    """
    if beside is None or not beside.values:
        return Judged(Status.INCONCLUSIVE)
    sims = limits.spread_of(beside.values)
    top = METRICS[term.metric].top
    reach = limits.one_more(sims, top)
    distance = one.value - sims.mean
    agrees = -reach[0] <= distance <= reach[1]
    apart = 0.0 if agrees else abs(distance)
    low = max(0.0, one.low - limits.one_more(sims, top, below)[1] - apart)
    high = one.high + limits.one_more(sims, top, above)[0] + apart
    # No surer than the simulator's own mean: it may have shown too little of what happens seldom.
    low = min(low, _limit(term, beside.values, below, fixed=beside.fixed, up=False))
    high = max(high, _limit(term, beside.values, above, fixed=beside.fixed, up=True))
    high = high if top is None else min(high, top)
    equal = one.low == one.high and not distance and not sims.deviation
    status = _status(term, low, high)
    return Judged(status, _known(low), _known(high), equal=equal, agrees=agrees)


def _status(term: Comparison, low: float, high: float) -> Status:
    """Whether it holds for all that the mean can be, for none of it, or for a part."""
    if term.op == "==":
        if low == high == term.bound:
            return Status.PASS
        return Status.INCONCLUSIVE if low <= term.bound <= high else Status.FAIL
    ends = (term.holds(low), term.holds(high))
    if all(ends):
        return Status.PASS
    return Status.INCONCLUSIVE if any(ends) else Status.FAIL


def _known(limit: float) -> float | None:
    return limit if math.isfinite(limit) else None
