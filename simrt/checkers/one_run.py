"""What one run alone shows of a term of `expect`: it is so, it is not, or the run cannot tell."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from simrt.checkers.unsettled import seen_in
from simrt.metrics import Metrics
from simrt.scenario.expect import And, Comparison, Every, Not, Reached, Share, Term
from simrt.scenario.metric_names import METRICS
from simrt.scenario.model import Scenario
from simrt.text import duration

FINENESS = 20
"""A timing bound finer than so many times the resolution of time is not judged."""


@dataclass(frozen=True, slots=True)
class Times:
    """What time means on a target.

    Attributes:
        target: its name.
        resolution_ns: the finest time that means anything there; 0 if exact.
        longest_s: how long a run takes at most, workload and quiet phase.
    """

    target: str
    resolution_ns: int
    longest_s: float

    @classmethod
    def of(cls, scenario: Scenario, target: str, resolution_ns: int) -> Times:
        """Those of a scenario on a target."""
        ends_ns = scenario.workload.duration_ns + scenario.server.quiet_ns
        return cls(target, resolution_ns, ends_ns / 1e9)

    def too_fine(self, term: Comparison) -> str:
        """Why a bound in seconds means nothing on this target, or nothing."""
        finest_ns = FINENESS * self.resolution_ns
        if finest_ns and METRICS[term.metric].unit == "s" and term.bound * 1e9 < finest_ns:
            return (
                f"times finer than {duration(finest_ns)} mean nothing on {self.target} "
                f"({FINENESS} x its resolution)"
            )
        return ""


def truth(term: Term, metrics: Metrics, states: Mapping[str, int], times: Times) -> bool | None:
    """Whether a term holds in one run; None where the run cannot tell.

    Arguments:
        term: what.
        metrics: what the run measured.
        states: how often it reached each state.
        times: what time means on its target.
    """
    match term:
        case Not(inner):
            found = truth(inner, metrics, states, times)
            return None if found is None else not found
        case And(terms):
            parts = [truth(one, metrics, states, times) for one in terms]
            return False if False in parts else None if None in parts else True
        case Reached(state):
            return bool(states.get(state))
        case Every(inner) | Share(term=inner):
            return truth(inner, metrics, states, times)
        case _:
            seen = seen_in(metrics, 0, term, times.longest_s)
            if seen is None or times.too_fine(term):
                return None
            if seen.low < term.bound < seen.high:
                return None  # also where it asks for exactly that
            ends = (term.holds(seen.low), term.holds(seen.high))
            return ends[0] if ends[0] == ends[1] else None
