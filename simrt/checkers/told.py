"""The words of an expectation's verdict: what was asked, what was seen, how sure that is."""

from __future__ import annotations

import math
from collections.abc import Sequence

from simrt.checkers.bounds import Errors, Judged, at_the_edge, usual
from simrt.checkers.unsettled import Seen
from simrt.checkers.verdict import Status
from simrt.metrics import Metrics
from simrt.metrics.limits import (
    ENOUGH,
    MOST_RUNS,
    further_runs,
    most_often,
    spread_of,
)
from simrt.scenario.expect import And, Comparison, Every, Not, Operator, Reached, Share, Term
from simrt.scenario.metric_names import METRICS
from simrt.text import (
    count,
    exact_duration,
    exact_share,
    many,
    measured,
    plural,
    rounded,
    share,
)

_ASKED: dict[Operator, str] = {
    "<": "allowed less than",
    "<=": "allowed",
    ">": "asked for more than",
    ">=": "asked for at least",
    "==": "asked for exactly",
}
NOTHING_RANDOM = "the scenario draws nothing at random"


# --- what is asked ------------------------------------------------------------------------------


def subject(term: Comparison) -> str:
    """Whose figure: `office: events missed`."""
    whose = "everyone" if term.group == "all" else term.group
    percentile = f", {term.percent} % point" if term.percent else ""
    return f"{whose}: {METRICS[term.metric].phrase}{percentile}"


def asked(term: Term) -> str:
    """What a term asks of one run: `office: events missed, allowed 10 %`."""
    match term:
        case Not(inner):
            return f"not ({asked(inner)})"
        case And(terms):
            return " and ".join(asked(one) for one in terms)
        case Reached(state):
            return f"{state} is reached"
        case Every(inner):
            return f"in every run {asked(inner)}"
        case Share():
            return f"in {term.percent} % of runs {asked(term.term)}"
        case _:
            return f"{subject(term)}, {_bound(term)}"


def _bound(term: Comparison) -> str:
    """The bound as it was written, not rounded: a float holds 15 digits as they were."""
    unit = METRICS[term.metric].unit
    if unit == "s":
        bound = exact_duration(round(term.bound * 1e9))
    else:
        bound = exact_share(term.bound) if unit == "fraction" else measured(term.bound, unit, 15)
    return f"{_ASKED[term.op]} {bound}"


# --- what was seen ------------------------------------------------------------------------------


def compared(
    term: Comparison, seen: Sequence[Seen], runs: Sequence[Metrics], judged: Judged, errors: Errors
) -> str:
    """`office: events missed 4.2 % of 2,390, allowed 10 % (95 % interval 3.9 % to 4.5 %, 20 runs)`.

    Arguments:
        term: the comparison.
        seen: the runs that have a value, at least one.
        runs: all runs.
        judged: what it came to.
        errors: how often it may be wrong.
    """
    mean = spread_of([one.value for one in seen]).mean
    unit = METRICS[term.metric].unit
    digits = digits_of(unit, mean, term.bound)
    of = _of(term, runs)
    if of and 0 < mean < 0.01:
        of = f"{of} (1 in {rounded(1 / mean)})"
    of_all = f" of {len(runs)}" if len(seen) < len(runs) else ""
    how = _how(term, seen, judged, errors, of_all, digits)
    return f"{beside_bound(term, mean, of)} ({how})"


def beside_bound(term: Comparison, value: float, of: str = "") -> str:
    """A value beside its bound: `office: events missed 4.2 % of 2,390, allowed 10 %`."""
    unit = METRICS[term.metric].unit
    said = measured(value, unit, digits_of(unit, value, term.bound))
    return f"{subject(term)} {said}{of}, {_bound(term)}"


def _how(
    term: Comparison, seen: Sequence[Seen], judged: Judged, errors: Errors, of_all: str, digits: int
) -> str:
    number = len(seen)
    of_runs = f"one run{of_all}" if number == 1 else f"{number}{of_all} runs"
    unit = METRICS[term.metric].unit
    if number > 1 and judged.equal:
        return f"the same in all {of_runs}"
    if number == 1 and judged.equal and judged.agrees:
        return f"{of_runs}, like each on the simulator"
    if (judged.low is None and judged.high is None) or (number == 1 and judged.agrees is None):
        return of_runs
    low = measured(judged.low or 0.0, unit, digits)
    high = "any number" if judged.high is None else measured(judged.high, unit, digits)
    ends = f"{low} to {high}"
    if number == 1:
        return f"{ends}: {of_runs}, with the spread of single runs on the simulator"
    if number < ENOUGH or judged.high is None:
        few = ", too few for an interval of 95 %" if number < ENOUGH else ""
        return f"{ends} by {of_runs}{few}"
    name = "95 % interval" if usual(term, errors) else "interval of more than 95 %:"
    return f"{name} {ends}, {of_runs}"


def _of(term: Comparison, runs: Sequence[Metrics]) -> str:
    """What a fraction is a fraction of."""
    if METRICS[term.metric].unit != "fraction":
        return ""
    if term.metric == "outdated_fraction":
        return " of the time"
    whole = "reconnects" if term.metric == "gap_probability" else "sent"
    return f" of {round(sum(run.value(whole, term.group) or 0 for run in runs)):,}"


# --- how sure -----------------------------------------------------------------------------------


def refuted(term: Comparison, one: Seen, hits: int, number: int) -> str:
    """The run that refutes a bound alone."""
    value = measured(one.value, METRICS[term.metric].unit)
    return f"refuted by the run with seed {one.seed}: {value}{also(hits, number)}"


def also(hits: int, number: int) -> str:
    """That it was not the only run."""
    return f", and by {hits - 1} more of {number} runs" if hits > 1 else ""


def unseen(number: int, what: str = "another value") -> str:
    """What equal runs leave open."""
    most = share(most_often(number))
    return f"{what} was not seen in {number} runs; it can still happen in up to {most} of runs"


def more_runs(number: int, needed: int = ENOUGH) -> str:
    """How many runs are missing where none of them differs."""
    if needed > MOST_RUNS:
        return f"only {count(needed)} runs could tell"
    more = needed - number
    return f"{_further(more)} {plural(more, 'is', 'are')} needed ({needed} in all)"


def further(term: Comparison, seen: Sequence[Seen], errors: Errors) -> str:
    """Why a bound is not decided by runs that differ, and how many more may decide it."""
    values = spread_of([one.value for one in seen])
    level = min(errors.passing, errors.failing)
    found = further_runs(values, term.bound, METRICS[term.metric].top, level)
    return near(found)


def near(found: tuple[int, int | None] | None) -> str:
    """The range of further runs, in words."""
    if found is None:
        return f"too near the bound for {MOST_RUNS:,} runs"
    fewest, most = _about(found[0]), found[1]
    if most is None:
        span = f"at least {_further(fewest)}, perhaps more than {MOST_RUNS:,},"
    elif fewest == _about(most):
        span = _further(fewest)
    else:
        span = f"{count(fewest)} to {_further(_about(most))}"
    return f"the bound lies inside that interval; {span} may decide it"


def _about(number: int) -> int:
    """Two significant digits are enough for a guess."""
    size = int(10 ** max(0, len(str(number)) - 2))
    return -(-number // size) * size


def _further(number: int) -> str:
    return many(number, "further run")


def both_ways(term: Comparison, seen: Sequence[Seen], status: Status, what: str) -> str:
    """What the end of the runs left open, and whether it matters."""
    if status is not Status.INCONCLUSIVE or at_the_edge(term):
        return f"whatever becomes of {what}" if status is not Status.INCONCLUSIVE else what
    unit = METRICS[term.metric].unit
    mean, low, high = (
        math.inf if math.inf in values else spread_of(values).mean
        for values in zip(*((one.value, one.low, one.high) for one in seen), strict=True)
    )
    digits = digits_of(unit, mean, term.bound)
    most = "any number" if high == math.inf else measured(high, unit, digits)
    return f"{what}: {measured(low, unit, digits)} to {most}, whatever becomes of them"


# --- numbers ------------------------------------------------------------------------------------


def digits_of(unit: str, value: float, bound: float) -> int:
    """Two significant digits, or as many as it takes to tell the value from the bound.

    Where both are one number, as many as it has: it reads as the bound does.
    """
    for digits in range(2, 17):
        if value == bound:
            told_apart = float(rounded(value, digits).replace(",", "")) == value
        else:
            told_apart = measured(value, unit, digits) != measured(bound, unit, digits)
        if told_apart:
            return digits
    return 17


def runs_of(number: int) -> str:
    """`one run`, `20 runs`."""
    return "one run" if number == 1 else many(number, "run")
