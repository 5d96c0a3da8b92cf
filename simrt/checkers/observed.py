"""What the owner expects, held against one run alone.

An expectation is about many runs: `judge_expectations` judges it over them. One run only shows
whether its own figures keep a line. Where they do, the line passes *in this run*. Where they do
not, the run must not look green: the line fails if one run is enough to refute it, and is
inconclusive otherwise.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from simrt.checkers import told
from simrt.checkers.expectations import ITEM, Runs, judge_expectations
from simrt.checkers.one_run import Times, truth
from simrt.checkers.unsettled import left_open
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
from simrt.text import many

OVER_RUNS = "a check judges it over many runs"
"""Said wherever one run is held against a line."""


@dataclass(frozen=True, slots=True)
class _OneRun:
    """What one run showed."""

    metrics: Metrics
    states: Mapping[str, int]
    times: Times

    def value(self, term: Comparison) -> float | None:
        """The figure that a comparison is about."""
        if term.p is None:
            return self.metrics.value(term.metric, term.group)
        return self.metrics.quantile(term.metric, term.group, term.p)

    def told(self, term: Term) -> Iterator[str]:
        """What the run shows of each part of a term."""
        match term:
            case And(terms):
                for one in terms:
                    yield from self.told(one)
            case Reached(state):
                yield f"{state} was reached {many(self.states.get(state, 0), 'time')}"
            case Comparison():
                value = self.value(term)
                if value is None:
                    yield f"{told.subject(term)}: no value"
                else:
                    fine = self.times.too_fine(term) or left_open([self.metrics], term)
                    untold = fine and truth(term, self.metrics, self.states, self.times) is None
                    why = f"; cannot be judged: {fine}" if untold else ""
                    yield f"{told.beside_bound(term, value)}{why}"
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
    over = judge_expectations(scenario, Runs(target, [metrics], [states], [seed]), resolution_ns)
    seen = _OneRun(metrics, states, Times.of(scenario, target, resolution_ns))
    return tuple(
        _observe(parse_expectation(text), seen, judged.status).at(target, seed)
        for text, judged in zip(scenario.expect, over, strict=True)
    )


def _observe(expectation: Expectation, seen: _OneRun, over_runs: Status) -> Verdict:
    holds = truth(expectation.term, seen.metrics, seen.states, seen.times)
    shown = "; ".join(seen.told(expectation.term))
    if holds:
        status, sentence = Status.PASS, f"Kept in this run: {shown}."
    elif holds is None:
        status, sentence = Status.INCONCLUSIVE, f"This run cannot tell: {shown}."
    elif over_runs is Status.FAIL:
        status, sentence = Status.FAIL, f"Not kept in this run: {shown}."
    else:
        status = Status.INCONCLUSIVE
        sentence = f"Not kept in this run: {shown}; {OVER_RUNS}."
    rules = ("ACC-2",) if expectation.comparisons else ()
    return Verdict(expectation.text, status, int(holds is not None), sentence, rules, ITEM)
