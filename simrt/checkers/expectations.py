"""What the owner expects, held against what the runs on one target showed (item 3).

An expectation is about all runs together, so it is judged after them and not in one history. There
are three answers, and `not` and `and` know them: what could not be told stays untold under `not`,
and one part that fails is enough for `and` to fail.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from simrt.checkers.verdict import Status, Verdict, worst
from simrt.metrics import Estimate, Metrics, estimate
from simrt.scenario.expect import (
    And,
    Comparison,
    Expectation,
    Not,
    Operator,
    Reached,
    Term,
    parse_expectation,
)
from simrt.scenario.metric_names import METRICS
from simrt.scenario.model import Scenario
from simrt.text import duration, exact_duration, exact_share, many, measured, plural, rounded

ITEM = 3
FINENESS = 20
"""A timing bound finer than so many times the resolution of time is not judged."""

_STALENESS = ("staleness_s", "peak_staleness_s")
_OUTAGES = {"reconnect_s": "not_reconnected", "recovery_s": "not_recovered"}
_CONTRARY: dict[Status, Status] = {Status.PASS: Status.FAIL, Status.FAIL: Status.PASS}
_ASKED: dict[Operator, str] = {
    "<": "allowed less than",
    "<=": "allowed",
    ">": "asked for more than",
    ">=": "asked for at least",
    "==": "asked for exactly",
}


@dataclass(frozen=True, slots=True)
class Runs:
    """What the runs on one target showed.

    Attributes:
        target: its name.
        metrics: one a run.
        states: one a run: how often each state was reached.
        resolution_ns: the finest time that means anything there; 0 if exact.
        judged_elsewhere: whether a target with exact time judges the same expectations.
    """

    target: str
    metrics: Sequence[Metrics]
    states: Sequence[Mapping[str, int]]
    resolution_ns: int
    judged_elsewhere: bool


@dataclass(frozen=True, slots=True)
class Finding:
    """What one term comes to: the answer, a sentence, on how many things it rests."""

    status: Status
    sentence: str
    judged: int


def judge_expectations(
    scenario: Scenario,
    target: str,
    runs: Sequence[Metrics],
    states: Sequence[Mapping[str, int]],
    resolution_ns: int,
    *,
    judged_elsewhere: bool = False,
) -> tuple[Verdict, ...]:
    """A verdict for each line of the scenario's `expect`, in its order.

    Arguments:
        scenario: what was run.
        target: where.
        runs: what each run measured.
        states: what each run reached: state -> how often.
        resolution_ns: the resolution of time on that target; 0 if exact.
        judged_elsewhere: whether a target with exact time, in the same check, judges the same:
            then a bound that is too fine for this one does not apply here, and is inconclusive
            otherwise.

    Raises:
        ValueError: where a line of `expect` cannot be read; the loader finds that earlier.
    """
    seen = Runs(target, runs, states, resolution_ns, judged_elsewhere)
    return tuple(_verdict(parse_expectation(text), seen) for text in scenario.expect)


def _verdict(expectation: Expectation, runs: Runs) -> Verdict:
    found = _judge(expectation.term, runs, negated=False)
    return Verdict(
        check=expectation.text,
        status=found.status,
        judged=found.judged,
        sentence=found.sentence,
        rules=("ACC-2",) if expectation.comparisons else (),
        item=ITEM,
        target=runs.target,
    )


def _judge(term: Term, runs: Runs, *, negated: bool) -> Finding:
    """The answer for a term, or for its contrary.

    A `not` goes down to the leaves: what `reached(x)` and `not reached(x)` say of a state that no
    run came to is not each other's contrary (untold, and true).
    """
    match term:
        case Not(inner):
            return _judge(inner, runs, negated=not negated)
        case And(terms):
            found = [_judge(one, runs, negated=negated) for one in terms]
            return _any(found) if negated else _all(found)
        case Reached(state):
            return _reached(state, runs, negated=negated)
        case _:
            found_one = _compared(term, runs)
            if not negated:
                return found_one
            status = _CONTRARY.get(found_one.status, found_one.status)
            return Finding(status, f"not wanted: {found_one.sentence}", found_one.judged)


def _all(found: Sequence[Finding]) -> Finding:
    status = worst(one.status for one in found)
    return Finding(status, _told(found, status), sum(one.judged for one in found))


def _any(found: Sequence[Finding]) -> Finding:
    """The contrary of `and`: one part that holds is enough."""
    statuses = {one.status for one in found}
    order = (Status.PASS, Status.INCONCLUSIVE, Status.FAIL, Status.NOT_APPLICABLE)
    best = next(status for status in order if status in statuses)
    return Finding(best, _told(found, best), sum(one.judged for one in found))


def _told(found: Sequence[Finding], status: Status) -> str:
    """What decided comes first; the rest follows."""
    deciding = [one.sentence for one in found if one.status is status]
    others = [one.sentence for one in found if one.status is not status]
    return "; ".join(deciding + others)


# --- states -----------------------------------------------------------------------------------


def _reached(state: str, runs: Runs, *, negated: bool) -> Finding:
    number = len(runs.states)
    hits = sum(1 for run in runs.states if run.get(state, 0))
    times = sum(run.get(state, 0) for run in runs.states)
    if not number:
        return Finding(Status.INCONCLUSIVE, f"{state}: nothing was run", 0)
    if hits:
        share = f"in {hits} of {number} {plural(number, 'run')}"
        often = f"{state} was reached {many(times, 'time')}, {share}"
        return Finding(Status.FAIL if negated else Status.PASS, often, number)
    never = f"{state} was never reached in {_runs(number)}"
    if negated:
        return Finding(Status.PASS, never, number)
    return Finding(Status.INCONCLUSIVE, never, number)


# --- comparisons ------------------------------------------------------------------------------


def _compared(term: Comparison, runs: Runs) -> Finding:
    seen = estimate(runs.metrics, runs.target, term.metric, term.group, term.percent)
    subject = subject_of(term)
    if seen.value is None or seen.low is None or seen.high is None:
        why = f"no value in {_runs(len(runs.metrics))}" if runs.metrics else "nothing was run"
        return Finding(Status.INCONCLUSIVE, f"{subject}: {why}", 0)
    sentence = f"{subject} {_observed(term, seen, runs)}"
    fine = too_fine(term, runs)
    if fine and runs.judged_elsewhere:
        return Finding(Status.NOT_APPLICABLE, f"{sentence}; judged by the simulator: {fine}", 0)
    doubt = _doubt(term, runs) or fine
    if doubt:
        return Finding(Status.INCONCLUSIVE, f"{sentence}; cannot be judged: {doubt}", seen.runs)
    status = _status(term, seen.low, seen.high)
    if status is Status.INCONCLUSIVE:
        sentence += "; the bound lies inside that interval, which more runs (--runs) make narrower"
    return Finding(status, sentence, seen.runs)


def _status(term: Comparison, low: float, high: float) -> Status:
    """Whether it holds for all of the interval, for none of it, or for a part."""
    if term.op == "==":
        if low == high:
            return Status.PASS if term.holds(low) else Status.FAIL
        return Status.INCONCLUSIVE if low <= term.bound <= high else Status.FAIL
    ends = (term.holds(low), term.holds(high))
    if all(ends):
        return Status.PASS
    return Status.INCONCLUSIVE if any(ends) else Status.FAIL


def _doubt(term: Comparison, runs: Runs) -> str:
    """Why the value cannot be judged, or nothing."""

    def count(metric: str) -> int:
        return round(sum(run.value(metric, term.group) or 0 for run in runs.metrics))

    unfinished = count("unfinished")
    if unfinished:
        return f"{many(unfinished, 'event')} still on the way when the run ended"
    never = count("never_informed")
    if term.metric in _STALENESS and never:
        return f"{many(never, 'client')} never received anything"
    open_ = count(_OUTAGES[term.metric]) if term.metric in _OUTAGES else 0
    if open_:
        return f"{many(open_, 'client')} not back when the run ended"
    return ""


def too_fine(term: Comparison, runs: Runs) -> str:
    """Why a bound in seconds means nothing on this target, or nothing."""
    finest_ns = FINENESS * runs.resolution_ns
    if METRICS[term.metric].unit == "s" and term.bound * 1e9 < finest_ns:
        return (
            f"times finer than {duration(finest_ns)} mean nothing on {runs.target} "
            f"({FINENESS} x its resolution)"
        )
    return ""


# --- words ------------------------------------------------------------------------------------


def subject_of(term: Comparison) -> str:
    """Whose figure a comparison is about, and which, in words."""
    whose = "everyone" if term.group == "all" else term.group
    percentile = f", {term.percent} % point" if term.percent else ""
    return f"{whose}: {METRICS[term.metric].phrase}{percentile}"


def _observed(term: Comparison, seen: Estimate, runs: Runs) -> str:
    """`4.2 % of 2,390, allowed 10 % (95 % interval 3.9 % to 4.5 %, 20 runs)`."""
    assert seen.value is not None
    assert seen.low is not None
    assert seen.high is not None
    unit = METRICS[term.metric].unit
    digits = _digits(unit, seen.value, term.bound)
    of = _of(term, runs)
    if of and 0 < seen.value < 0.01:
        of = f"{of} (1 in {rounded(1 / seen.value)})"
    of_all = f" of {len(runs.metrics)}" if seen.runs < len(runs.metrics) else ""
    if seen.runs == 1:
        how = f"one run{of_all}"
    else:
        ends = f"{measured(seen.low, unit, digits)} to {measured(seen.high, unit, digits)}"
        how = f"95 % interval {ends}, {seen.runs}{of_all} runs"
    return f"{asked_text(term, seen.value, of)} ({how})"


def asked_text(term: Comparison, value: float, of: str = "") -> str:
    """A value beside its bound: `4.2 % of 2,390, allowed 10 %`."""
    unit = METRICS[term.metric].unit
    digits = _digits(unit, value, term.bound)
    allowed = f"{_ASKED[term.op]} {_decided(term.bound, unit)}"
    return f"{measured(value, unit, digits)}{of}, {allowed}"


def _of(term: Comparison, runs: Runs) -> str:
    """What a fraction is a fraction of."""
    if METRICS[term.metric].unit != "fraction":
        return ""
    if term.metric == "outdated_fraction":
        return " of the time"
    whole = "reconnects" if term.metric == "gap_probability" else "sent"
    return f" of {round(sum(run.value(whole, term.group) or 0 for run in runs.metrics)):,}"


def _digits(unit: str, value: float, bound: float) -> int:
    """Two significant digits, or as many as it takes to tell the value from the bound."""
    for digits in range(2, 17):
        if value == bound or measured(value, unit, digits) != measured(bound, unit, digits):
            return digits
    return 17


def _decided(bound: float, unit: str) -> str:
    """The bound as it was written, not rounded."""
    if unit == "s":
        return exact_duration(round(bound * 1e9))
    return exact_share(bound) if unit == "fraction" else measured(bound, unit, 17)


def _runs(number: int) -> str:
    return "one run" if number == 1 else f"{number} runs"
