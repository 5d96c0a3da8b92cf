"""What the owner expects, held against one run alone.

An expectation is about many runs: `judge_expectations` judges it over them. One run only shows
whether its own figures keep a line. Where they do, the line passes *in this run*. Where they do
not, the run must not look green: the line fails if one run is enough to refute it, and is
inconclusive otherwise.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from simrt.checkers.expectations import (
    ITEM,
    Runs,
    asked_text,
    judge_expectations,
    subject_of,
    too_fine,
)
from simrt.checkers.verdict import Status, Verdict
from simrt.metrics import Metrics
from simrt.scenario.expect import (
    And,
    Comparison,
    Expectation,
    Not,
    Reached,
    Term,
    parse_expectation,
)
from simrt.scenario.model import Scenario

OVER_RUNS = "simrt check judges it over many runs"
"""Said wherever one run is held against a line."""


@dataclass(frozen=True, slots=True)
class _OneRun:
    """What one run showed."""

    metrics: Metrics
    states: Mapping[str, int]
    runs: Runs

    def holds(self, term: Term) -> bool | None:
        """Whether a term is so in this run; None where the run cannot tell."""
        match term:
            case And(terms):
                told = [self.holds(one) for one in terms]
                return False if False in told else None if None in told else True
            case Reached(state):
                return bool(self.states.get(state, 0))
            case Comparison():
                value = self.value(term)
                return None if value is None or too_fine(term, self.runs) else term.holds(value)
            case _:
                inner = self.holds(term.term)
                return (not inner) if isinstance(term, Not) and inner is not None else inner

    def value(self, term: Comparison) -> float | None:
        """The figure that a comparison is about."""
        if term.p is None:
            return self.metrics.value(term.metric, term.group)
        return self.metrics.quantile(term.p, term.metric, term.group)

    def told(self, term: Term) -> Iterator[str]:
        """What the run shows of each part of a term."""
        match term:
            case And(terms):
                for one in terms:
                    yield from self.told(one)
            case Reached(state):
                times = self.states.get(state, 0)
                yield f"{state} was reached {times:,} time{'' if times == 1 else 's'}"
            case Comparison():
                value = self.value(term)
                subject = subject_of(term)
                if value is None:
                    yield f"{subject}: no value"
                else:
                    fine = too_fine(term, self.runs)
                    why = f"; cannot be judged: {fine}" if fine else ""
                    yield f"{subject} {asked_text(term, value)}{why}"
            case _:
                lead = "not wanted: " if isinstance(term, Not) else ""
                yield from (f"{lead}{said}" for said in self.told(term.term))


def observe_expectations(
    scenario: Scenario,
    target: str,
    seed: int,
    metrics: Metrics,
    states: Mapping[str, int],
    resolution_ns: int,
) -> tuple[Verdict, ...]:
    """For each line of the scenario's `expect`, in its order, whether this run keeps it.

    Arguments:
        scenario: what was run.
        target: where.
        seed: with which seed.
        metrics: what the run measured.
        states: what it reached: state -> how often.
        resolution_ns: the resolution of time on that target; 0 if exact.

    Returns:
        Pass: kept in this run. Fail: not kept, and one run refutes the line. Inconclusive: not
        kept, which says nothing certain of other runs; or the run cannot tell.

    Raises:
        ValueError: where a line of `expect` cannot be read; the loader finds that earlier.
    """
    over = judge_expectations(scenario, target, [metrics], [states], resolution_ns)
    seen = _OneRun(metrics, states, Runs(target, [metrics], [states], resolution_ns, False))
    return tuple(
        _observe(parse_expectation(text), seen, judged.status).at(target, seed)
        for text, judged in zip(scenario.expect, over, strict=True)
    )


def _observe(expectation: Expectation, seen: _OneRun, over_runs: Status) -> Verdict:
    holds = seen.holds(expectation.term)
    told = "; ".join(seen.told(expectation.term))
    if holds:
        status, sentence = Status.PASS, f"Kept in this run: {told}."
    elif holds is None:
        status, sentence = Status.INCONCLUSIVE, f"This run cannot tell: {told}."
    elif over_runs is Status.FAIL:
        status, sentence = Status.FAIL, f"Not kept in this run: {told}."
    else:
        status = Status.INCONCLUSIVE
        sentence = f"Not kept in this run: {told}; {OVER_RUNS}."
    rules = ("ACC-2",) if expectation.comparisons else ()
    return Verdict(expectation.text, status, int(holds is not None), sentence, rules, ITEM)
