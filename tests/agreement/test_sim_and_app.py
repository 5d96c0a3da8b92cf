"""Simulator and real server code agree: same outcomes, same times, row by row.

Each generated scenario (every option, fault, kind of group, with ties) runs on both with the same
seed. How many were compared is printed at the end of the run: `pytest -rP`, `make agreement`.
"""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings

from simrt.agreement import RowByRow, row_by_row
from simrt.errors import UsageError
from simrt.history import History, Row
from simrt.runs import record
from simrt.scenario import load
from simrt.scenario import scenario as build
from simrt.scenario.model import Scenario
from simrt.targets import app, sim
from simrt.targets.harness.credentials import refuse_denials
from simrt.testing import repeatable, scenarios
from tests.histories import Histories
from tests.properties.runs import SEEDS

ROOT = Path(__file__).parents[2]
# So many in `make test`; more with SIMRT_AGREEMENT_EXAMPLES.
EXAMPLES = int(os.environ.get("SIMRT_AGREEMENT_EXAMPLES", "120"))


def on_both(scenario: Scenario, seed: int) -> RowByRow:
    """A scenario on both targets, compared."""
    return row_by_row(*(record(scenario, target, seed) for target in ("sim", "app")))


@pytest.mark.timeout(1800)
def test_generated_scenarios_agree_row_by_row() -> None:
    seen: Counter[str] = Counter()

    @settings(max_examples=EXAMPLES)
    @given(scenarios(), SEEDS)
    def agree(scenario: Scenario, seed: int) -> None:
        with repeatable(scenario, seed):
            try:
                refuse_denials(scenario)
            except UsageError:  # a real server cannot revoke what others show too
                seen["refused"] += 1
                return
            found = on_both(scenario, seed)
            assert found.complete
            assert found.same, str(found)
        seen.update(scenarios=1, outcomes=found.outcomes, rows=found.rows)

    agree()
    assert seen["scenarios"] > 0.8 * EXAMPLES, seen
    assert seen["outcomes"] > 20 * EXAMPLES, seen
    print(
        f"{seen['scenarios']:,} scenarios, {seen['outcomes']:,} outcomes, {seen['rows']:,} rows "
        f"agree; {seen['refused']} ask for what no real server can do"
    )


SHIPPED = sorted((ROOT / "scenarios").glob("*/*.yml"))


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_shipped_scenarios_agree_row_by_row(path: Path, histories: Histories) -> None:
    scenario = load(path)
    found = row_by_row(*(histories.of(scenario, target) for target in ("sim", "app")))
    assert found.complete
    assert found.same, str(found)
    assert found.outcomes > 0
    print(found.sentence)


def test_what_differs_is_found() -> None:
    """A simulator with another window than the network of `app`: the first difference is told."""
    path = ROOT / "scenarios" / "questions" / "duplicates-and-gaps-after-a-tunnel.yml"
    scenario = load(path)
    data = scenario.normalised()
    for group in data["workload"]["subscribers"].values():
        group["drain"] = "21ms"
    rows: list[Row] = []
    sim.run(build(data), 1, write=rows.append)
    other = History(app.header(scenario, 1), rows)
    one: list[Row] = []
    app.run(scenario, 1, write=one.append)
    found = row_by_row(History(sim.header(scenario, 1), one), other)
    assert not found.same
    assert found.first is not None
    assert found.first.place.subscriber
    assert "≠" in str(found)
