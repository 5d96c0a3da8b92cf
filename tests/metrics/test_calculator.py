"""`simrt.metrics` against a calculator that was written from docs/metrics.md alone."""

from __future__ import annotations

import re
from collections.abc import Callable
from math import isclose

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simrt.history import History
from simrt.metrics import METRICS, measure
from simrt.scenario.model import Scenario
from simrt.testing import repeatable, scenarios
from tests.metrics.calculator import PERCENTS, calculate
from tests.metrics.generated import World
from tests.metrics.tales import Tale
from tests.properties.runs import SEEDS, examples, simulated

PERCENTILE = re.compile(r"p(\d+)\((\w+)\)")
# docs/reading-a-report.md: percentiles are at most 1 % from the exact ones.
OF_PERCENTILES, OF_SUMS = 0.0101, 1e-9


def differences(history: History) -> list[str]:
    """A line for each figure that the calculator puts at another value."""
    measured = measure(history)
    found = []
    for group, values in calculate(history).items():
        for figure, due in values.items():
            of = PERCENTILE.fullmatch(figure)
            seen = (
                measured.quantile(of[2], group, int(of[1]) / 100)
                if of
                else measured.value(figure, group)
            )
            close = OF_PERCENTILES if of else OF_SUMS
            if due is None or seen is None:
                same = due is seen
            else:
                same = isclose(due, seen, rel_tol=close, abs_tol=OF_SUMS)
            if not same:
                found.append(f"{group}: {figure} is {seen}, by the documentation {due}")
    return found


def test_the_calculator_knows_every_metric_and_every_percentile() -> None:
    known = set(calculate(Tale().connect(0).history())["all"])
    percentiles = {
        f"p{percent}({name})"
        for name, metric in METRICS.items()
        if metric.over
        for percent in PERCENTS
    }
    assert known == {*METRICS, *percentiles}


@examples(0.3)
@given(scenarios(), SEEDS)
def test_runs_of_generated_scenarios(scenario: Scenario, seed: int) -> None:
    with repeatable(scenario, seed):
        assert differences(simulated(scenario, seed)) == []


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 1_000_000))
def test_histories_that_the_rules_allow_and_no_run_may_show(seed: int) -> None:
    assert differences(World(seed).history()) == []


EDGES: dict[str, Callable[[], Tale]] = {
    "the client leaves before the answer reached it": lambda: (
        Tale().connect(10).refuse(11).server_close(13).send(14, 1).connect(20, n=2, replay=(1, 1))
        .arrive(21, 1, n=2)
    ),
    "the server accepts what the client has left": lambda: (
        Tale().connect(0).close(10).refuse(11, n=2).connect(12, n=2).server_close(14, n=2)
        .connect(20, n=3)
    ),
    "an outage in the last instant": lambda: Tale().connect(0).close(100).connect(103, n=2),
    "one just after it": lambda: Tale().connect(0).close(100.000000001).connect(103, n=2),
    "sent before the first receipt": lambda: (
        Tale().send(1, 1).connect(2).send(5, 2).send(9, 3).arrive(10, 3)
    ),
    "sent before membership alone": lambda: Tale().send(1, 1).connect(2),
    "taken in the instant of its send": lambda: Tale().connect(0).send(1, 1).arrive(1, 1),
    "a drop in the instant of a send": lambda: (
        Tale(buffer_size=1).connect(0).send(1, 1).send(2, 2).drop(2, 1, "drop-oldest")
    ),
    "never informed": lambda: Tale().connect(3).send(4, 1),
    "informed in the last instant": lambda: Tale().connect(3).send(4, 1).arrive(100, 1),
    "informed after it": lambda: Tale().connect(3).send(4, 1).arrive(100.000000001, 1),
    "accepted in the quiet phase": lambda: (
        Tale().send(1, 1).connect(101, replay=(1, 1)).arrive(102, 1)
    ),
    "nobody accepted": lambda: Tale().send(1, 1),
    "sent in the quiet phase": lambda: (
        Tale().connect(0).send(10, 1).arrive(11, 1).send(101, 2).arrive(104, 2)
    ),
    "outdated twice": lambda: (
        Tale().connect(0).send(1, 1).arrive(1, 1).send(10, 2).send(20, 3).arrive(30, 2)
        .arrive(32, 3).send(40, 4).arrive(47, 4)
    ),
    "asked again from the first instant on": lambda: (
        Tale(kind="invalidation", groups={"g": 2}).connect(0).connect(50, "g/1").send(60, 1)
        .arrive(61, 1).arrive(62, 1, "g/1")
    ),
    "killed with messages pending and in flight": lambda: (
        Tale().connect(0).send(1, 1).take(1, 1).send(2, 2).restart(3, "b").client_close(4)
        .connect(5, n=2).send(6, 1).take(6, 1, n=2)
    ),
}  # fmt: skip


@pytest.mark.parametrize("edge", EDGES)
def test_the_edges_that_the_documentation_names(edge: str) -> None:
    assert differences(EDGES[edge]().history()) == []
