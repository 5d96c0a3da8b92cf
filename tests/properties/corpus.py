"""The corpus: generated scenarios, run and judged, and the states that they reach."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from hypothesis import given, settings

from simrt.checkers import STATES, reached_states
from simrt.history import History
from simrt.scenario.model import Scenario
from simrt.testing import repeatable, scenarios
from tests.properties.runs import SEEDS, broken_promises, simulated


@dataclass
class Corpus:
    """What was seen of it.

    Attributes:
        scenarios: how many ran.
        rows: how many rows they wrote.
        reached: by state, how many of them reached it.
    """

    scenarios: int = 0
    rows: int = 0
    reached: Counter[str] = field(default_factory=Counter)

    def add(self, history: History) -> None:
        """Count one run."""
        self.scenarios += 1
        self.rows += sum(1 for _ in history)
        self.reached.update(state for state, times in reached_states(history).items() if times)

    def unreached(self) -> list[str]:
        """States that no scenario of the corpus reached."""
        return [state for state in STATES if not self.reached[state]]


def explore(how: settings) -> Corpus:
    """Run and judge generated scenarios.

    Arguments:
        how: the settings of Hypothesis.

    Raises:
        AssertionError: with the smallest scenario that breaks a promise.
    """
    corpus = Corpus()

    @how
    @given(scenarios(), SEEDS)
    def keeps_every_promise(scenario: Scenario, seed: int) -> None:
        with repeatable(scenario, seed):
            history = simulated(scenario, seed)
            corpus.add(history)
            assert broken_promises(history) == []

    keeps_every_promise()
    return corpus
