"""What the owner expects, held against what the runs on one target showed (item 3).

An expectation is about all runs together, so it is judged after them and not in one history. There
are three answers, and `not` and `and` know them: what could not be told stays untold under `not`,
and one part that fails is enough for `and` to fail.

How sure an answer is: a line passes in at most 2.5 % of checks though it is not so (5 % for a share
of runs). All lines of a scenario, on all targets, share 5 % to fail though all of them are so: each
has an equal part of it, at most 2.5 % (Bonferroni).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from simrt.checkers import told
from simrt.checkers.bounds import (
    Beside,
    Errors,
    at_the_edge,
    equal_runs_needed,
    judge_bound,
    negated,
)
from simrt.checkers.one_run import Times, truth
from simrt.checkers.unsettled import Seen, left_open, seen_in
from simrt.checkers.verdict import Status, Verdict, worst
from simrt.metrics import Metrics, limits
from simrt.metrics.limits import ENOUGH
from simrt.scenario.chance import draws_of
from simrt.scenario.expect import (
    And,
    Comparison,
    Every,
    Expectation,
    Not,
    Reached,
    Share,
    Term,
    leaves_of,
    parse_expectation,
)
from simrt.scenario.model import Scenario
from simrt.text import count, many, share

ITEM = 3
FALSE_ALARMS = 0.05
"""How often a scenario fails at most, though all that it expects is so."""

# How often a line about a share of runs may pass though it is not so: 59 runs for 95 %.
_SHARE_ERROR = 0.05

_CONTRARY: dict[Status, Status] = {Status.PASS: Status.FAIL, Status.FAIL: Status.PASS}
_UNTOLD, _NONE = Status.INCONCLUSIVE, Status.NOT_APPLICABLE


@dataclass(frozen=True, slots=True)
class Runs:
    """What the runs on one target showed.

    Attributes:
        target: its name.
        metrics: one a run.
        states: one a run: how often each state was reached.
        seeds: one a run.
    """

    target: str
    metrics: Sequence[Metrics]
    states: Sequence[Mapping[str, int]]
    seeds: Sequence[int]

    @property
    def number(self) -> int:
        """How many runs."""
        return max(len(self.metrics), len(self.states))


@dataclass(frozen=True, slots=True)
class Asked:
    """The runs that are judged, and what else the answer rests on.

    Attributes:
        runs: of this target.
        beside: the simulator's, where it judges the same lines in the same check.
        times: what time means here.
        drawn: whether the scenario draws anything at random.
    """

    runs: Runs
    beside: Runs | None
    times: Times
    drawn: bool

    @property
    def fixed(self) -> bool:
        """Whether one run says all: nothing is drawn, and times are exact."""
        return not self.drawn and not self.times.resolution_ns

    def left(self, number: int) -> Status:
        """What becomes of what this target cannot tell: the simulator tells it, or nobody does."""
        return _NONE if self.beside is not None and number == 1 else _UNTOLD


@dataclass(frozen=True, slots=True)
class Finding:
    """What one term comes to: the answer, a sentence, on how many things it rests."""

    status: Status
    sentence: str
    judged: int


def judge_expectations(
    scenario: Scenario,
    runs: Runs,
    resolution_ns: int,
    *,
    beside: Runs | None = None,
    targets: int = 1,
) -> tuple[Verdict, ...]:
    """A verdict for each line of the scenario's `expect`, in its order.

    Arguments:
        scenario: what was run.
        runs: what the runs on one target showed.
        resolution_ns: the resolution of time on that target; 0 if exact.
        beside: the simulator's runs, where another target is judged in the same check. A single
            run is as uncertain as these are. What it cannot tell alone, and a bound that is too
            fine for its time, does not apply here then, and is inconclusive otherwise.
        targets: how many targets judge these lines in this check.

    Raises:
        ValueError: where a line of `expect` cannot be read; the loader finds that earlier.
    """
    lines = [parse_expectation(text) for text in scenario.expect]
    times = Times.of(scenario, runs.target, resolution_ns)
    asked = Asked(runs, beside, times, bool(draws_of(scenario)))
    errors = errors_of(lines, targets)
    return tuple(_verdict(line, asked, errors) for line in lines)


def errors_of(lines: Sequence[Expectation], targets: int) -> Errors:
    """How often each comparison of these lines may be wrong, so that all keep their word.

    What one run refutes is refuted without any error, so it takes no part of it.
    """
    doubtful = [
        leaf
        for line in lines
        for leaf in leaves_of(line.term)
        if isinstance(leaf, Share) or (isinstance(leaf, Comparison) and not at_the_edge(leaf))
    ]
    parts = max(1, len(doubtful) * targets)
    return Errors(limits.LEVEL, min(limits.LEVEL, FALSE_ALARMS / parts))


def _verdict(expectation: Expectation, asked: Asked, errors: Errors) -> Verdict:
    found = _judge(expectation.term, asked, errors, negate=False)
    return Verdict(
        check=expectation.text,
        status=found.status,
        judged=found.judged,
        sentence=found.sentence,
        rules=("ACC-2",) if expectation.comparisons else (),
        item=ITEM,
        target=asked.runs.target,
    )


def _judge(term: Term, asked: Asked, errors: Errors, *, negate: bool) -> Finding:
    """The answer for a term, or for its contrary.

    A `not` goes down to the leaves: what `reached(x)` and `not reached(x)` say of a state that no
    run came to is not each other's contrary (untold, and true).
    """
    match term:
        case Not(inner):
            return _judge(inner, asked, errors, negate=not negate)
        case And(terms):
            if negate:  # one part is enough, so each may be wrong less often
                errors = Errors(errors.passing / len(terms), errors.failing)
            found = [_judge(one, asked, errors, negate=negate) for one in terms]
            return _any(found) if negate else _all(found)
        case Reached(state):
            return _reached(state, asked, negate=negate)
        case Every():
            return _every(term, asked, negate=negate)
        case Share():
            return _share(term, asked, errors, negate=negate)
        case _:
            return _comparison(term, asked, errors, negate=negate)


def _comparison(term: Comparison, asked: Asked, errors: Errors, *, negate: bool) -> Finding:
    if not negate:
        return _compared(term, asked, errors)
    if term.op != "==":
        return _compared(negated(term), asked, errors)
    found = _compared(term, asked, errors.turned())
    status = _CONTRARY.get(found.status, found.status)
    return Finding(status, f"not wanted: {found.sentence}", found.judged)


def _all(found: Sequence[Finding]) -> Finding:
    status = worst(one.status for one in found)
    return Finding(status, _joined(found, status), sum(one.judged for one in found))


def _any(found: Sequence[Finding]) -> Finding:
    """The contrary of `and`: one part that holds is enough."""
    statuses = {one.status for one in found}
    order = (Status.PASS, Status.INCONCLUSIVE, Status.FAIL, Status.NOT_APPLICABLE)
    best = next(status for status in order if status in statuses)
    return Finding(best, _joined(found, best), sum(one.judged for one in found))


def _joined(found: Sequence[Finding], status: Status) -> str:
    """What decided comes first; the rest follows."""
    deciding = [one.sentence for one in found if one.status is status]
    others = [one.sentence for one in found if one.status is not status]
    return "; ".join(deciding + others)


# --- the mean over runs -------------------------------------------------------------------------


def _seen(term: Comparison, runs: Runs, longest_s: float) -> list[Seen]:
    found = [
        seen_in(run, seed, term, longest_s)
        for run, seed in zip(runs.metrics, runs.seeds, strict=True)
    ]
    return [one for one in found if one is not None]


def _compared(term: Comparison, asked: Asked, errors: Errors) -> Finding:
    runs = asked.runs
    seen = _seen(term, runs, asked.times.longest_s)
    sims = [] if asked.beside is None else _seen(term, asked.beside, asked.times.longest_s)
    if not seen:
        number = len(runs.metrics)
        why = f"no value in {told.runs_of(number)}" if number else "nothing was run"
        rare = asked.beside is not None and 0 < len(sims) < len(asked.beside.metrics)
        status = asked.left(number) if rare else _UNTOLD
        return Finding(status, f"{told.subject(term)}: {why}", 0)
    beside = None if asked.beside is None else Beside([s.value for s in sims], not asked.drawn)
    judged = judge_bound(term, seen, errors, fixed=asked.fixed, beside=beside)
    sentence = told.compared(term, seen, runs.metrics, judged, errors)
    fine = asked.times.too_fine(term)
    if fine:
        if asked.beside is not None:
            return Finding(_NONE, f"{sentence}; judged by the simulator: {fine}", 0)
        return Finding(_UNTOLD, f"{sentence}; cannot be judged: {fine}", len(seen))
    if judged.refuted is not None:
        one, hits = judged.refuted
        why = told.refuted(term, one, hits, len(runs.metrics))
        return Finding(judged.status, f"{sentence}; {why}", len(seen))
    status = judged.status
    notes = _notes(term, asked, seen, status, errors, equal=judged.equal, agrees=judged.agrees)
    if status is _UNTOLD and judged.agrees is not False:
        status = asked.left(len(seen))
    return Finding(status, "; ".join([sentence, *notes]), 0 if status is _NONE else len(seen))


def _notes(
    term: Comparison,
    asked: Asked,
    seen: Sequence[Seen],
    status: Status,
    errors: Errors,
    *,
    equal: bool,
    agrees: bool | None,
) -> list[str]:
    """What must be said beside a verdict."""
    notes = []
    open_ = left_open(asked.runs.metrics, term)
    if open_ and any(one.low < one.high for one in seen):
        notes.append(told.both_ways(term, seen, status, open_))
    number = len(seen)
    if agrees is False:
        notes.append("it lies outside of what single runs on the simulator show")
    if status is not _UNTOLD:
        if asked.fixed and equal:
            notes.append(told.NOTHING_RANDOM)
        elif equal and number >= ENOUGH:
            notes.append(told.unseen(number))
        return notes
    if asked.beside is not None and number == 1:
        if agrees is not False:
            notes.append("one run cannot tell; the simulator's runs judge it")
    elif len({(one.low, one.high) for one in seen}) == 1:
        needed = equal_runs_needed(term, errors)
        notes += [told.more_runs(number, needed)] if number < needed and not asked.fixed else []
    elif not notes:
        notes.append(told.further(term, seen, errors))
    return notes


# --- single runs --------------------------------------------------------------------------------


def _truths(term: Term, runs: Runs, times: Times) -> list[bool | None]:
    """Of each run whether a term holds in it; None where that cannot be told."""
    return [
        truth(term, metrics, states, times)
        for metrics, states in zip(runs.metrics, runs.states, strict=True)
    ]


def _truths_beside(term: Term, asked: Asked) -> list[bool | None]:
    """The same of the simulator's runs, whose times are exact."""
    if asked.beside is None:
        return []
    exact = replace(asked.times, target=asked.beside.target, resolution_ns=0)
    return _truths(term, asked.beside, exact)


def _reached(state: str, asked: Asked, *, negate: bool) -> Finding:
    runs = asked.runs
    number = len(runs.states)
    hits = [seed for run, seed in zip(runs.states, runs.seeds, strict=True) if run.get(state)]
    times = sum(run.get(state, 0) for run in runs.states)
    if not number:
        return Finding(_UNTOLD, f"{state}: nothing was run", 0)
    if hits:
        where = f"in {len(hits)} of {many(number, 'run')}"
        often = f"{state} was reached {many(times, 'time')}, {where}"
        if negate:
            return Finding(Status.FAIL, f"{often}, such as the one with seed {hits[0]}", number)
        return Finding(Status.PASS, often, number)
    never = f"{state} was never reached in {told.runs_of(number)}"
    if not negate:
        return Finding(_UNTOLD, never, number)
    return _unrefuted(never, number, asked, _all_false(Reached(state), asked))


def _all_false(term: Term, asked: Asked) -> int:
    """How many runs of the simulator there are, if a term holds in none of them; else 0."""
    found = _truths_beside(term, asked)
    return len(found) if all(one is False for one in found) else 0


def _unrefuted(sentence: str, number: int, asked: Asked, beside: int) -> Finding:
    """What no run refutes: so from `ENOUGH` runs on; beside one run the simulator's count too."""
    if asked.fixed:
        return Finding(Status.PASS, f"{sentence}; {told.NOTHING_RANDOM}", number)
    enough = number + (beside if number == 1 else 0)
    if enough >= ENOUGH:
        what = told.unseen(enough, "the contrary")
        return Finding(Status.PASS, f"{sentence}; {what}", number)
    status = asked.left(number)
    if status is _NONE:
        why = "one run cannot tell; the simulator's runs judge it"
        return Finding(status, f"{sentence}; {why}", 0)
    return Finding(status, f"{sentence}; {told.more_runs(number)}", number)


def _every(leaf: Every, asked: Asked, *, negate: bool) -> Finding:
    runs = asked.runs
    number = runs.number
    what = told.asked(leaf)
    truths = _truths(leaf.term, runs, asked.times)
    against = [seed for seed, true in zip(runs.seeds, truths, strict=True) if true is False]
    if not number:
        return Finding(_UNTOLD, f"{what}: nothing was run", 0)
    if against:
        why = f"not so in the run with seed {against[0]}"
        more = len(against) - 1
        why += f", nor in {more} more of {number} runs" if more else f", of {number} in all"
        return Finding(Status.PASS if negate else Status.FAIL, f"{what}: {why}", number)
    unknown = truths.count(None)
    if unknown:
        why = f"cannot be told of {unknown} of {told.runs_of(number)}"
        return Finding(_UNTOLD, f"{what}: {why}", number)
    so = f"{what}: so in {'the one run' if number == 1 else f'all {number} runs'}"
    if negate:
        return Finding(_UNTOLD, so, number)
    return _unrefuted(so, number, asked, _all_false(Not(leaf.term), asked))


def _share(leaf: Share, asked: Asked, errors: Errors, *, negate: bool) -> Finding:
    runs = asked.runs
    number = runs.number
    what = told.asked(leaf)
    truths = _truths(leaf.term, runs, asked.times)
    if not number:
        return Finding(_UNTOLD, f"{what}: nothing was run", 0)
    hits, unknown = truths.count(True), truths.count(None)
    if number == 1 and asked.beside is not None and hits:
        others = _truths_beside(leaf.term, asked)
        hits, number, unknown = hits + others.count(True), 1 + len(others), others.count(None)
    so = f"{what}: so in {count(hits)} of {many(number, 'run')}"
    if unknown:
        so += f", and {count(unknown)} cannot be told"
    passing, failing = (errors.failing, _SHARE_ERROR) if negate else (_SHARE_ERROR, errors.failing)
    low, high = _wherebetween(hits, unknown, number, passing, failing, fixed=asked.fixed)
    status = Status.PASS if low >= leaf.share else Status.FAIL if high < leaf.share else _UNTOLD
    so += f", so in {share(low, 3)} to {share(high, 3)} of all runs"
    if status is _UNTOLD:
        status = asked.left(len(runs.metrics))
        so += f"; {_still_needed(leaf, hits, number)}" if status is _UNTOLD else ""
    if negate:
        status = _CONTRARY.get(status, status)
    return Finding(status, f"not wanted: {so}" if negate else so, runs.number)


def _wherebetween(
    hits: int, unknown: int, number: int, passing: float, failing: float, *, fixed: bool
) -> tuple[float, float]:
    if fixed:
        return hits / number, (hits + unknown) / number
    low, _ = limits.share_limits(hits, number, passing, failing)
    _, high = limits.share_limits(hits + unknown, number, passing, failing)
    return low, high


def _still_needed(leaf: Share, hits: int, number: int) -> str:
    if hits == number:
        return told.more_runs(number, leaf.runs_needed)
    values = [1.0] * hits + [0.0] * (number - hits)
    spread = limits.spread_of(values)
    if not spread.deviation:
        return told.more_runs(number)
    return told.near(limits.further_runs(spread, leaf.share, 1.0))
