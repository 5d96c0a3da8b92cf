"""docs/faults.md: its examples are run, its figures and tables are those of this code."""

from __future__ import annotations

import pytest

from simrt.checkers.reached import reached_states
from simrt.checkers.verdict import Status
from simrt.runs import run
from simrt.scenario.model import Fault
from tests.agreement.test_sim_and_app import on_both
from tests.docs import faults
from tests.docs.faults import FAULTS, FIGURES, PAGE, SEED, examples
from tests.docs.reading import words_in
from tests.docs.rules import ROOT

AGAIN = "the page is old: run python -m tests.docs.faults"
TEXT = PAGE.read_text("utf-8")
MOST_BYTES = 1_000_000


@pytest.fixture(scope="module")
def written() -> tuple[str, dict[str, str]]:
    return faults.written()


def test_every_fault_has_its_section() -> None:
    assert set(FAULTS) == {*Fault.choices(), "silent"}


def test_numbers_and_tables_are_those_of_this_code(written: tuple[str, dict[str, str]]) -> None:
    assert written[0] == TEXT, AGAIN


def test_the_figures_show_what_the_report_would_show_now(
    written: tuple[str, dict[str, str]],
) -> None:
    stored = {path.stem: path.read_text("utf-8") for path in FIGURES.glob("*.svg")}
    assert set(stored) == set(written[1]), AGAIN
    for kind, svg in written[1].items():
        assert words_in(stored[kind]) == words_in(svg), f"{kind}: {AGAIN}"
    assert sum(len(svg.encode()) for svg in stored.values()) < MOST_BYTES


@pytest.mark.parametrize("kind", FAULTS)
def test_an_example_does_what_it_says_and_heals(kind: str) -> None:
    """Its expectations hold, no promise is broken, and the app writes the same rows."""
    scenario = examples()[kind]
    done = run(scenario, on="sim", seed=SEED)
    assert [v for v in done.verdicts if v.status is Status.FAIL] == []
    told = {v.check: v for v in done.verdicts}
    states = reached_states(done.history)
    assert states[kind] > 0
    expected = [one for one in done.expected if one.status is not Status.NOT_APPLICABLE]
    assert len(expected) == len(scenario.expect)
    assert [v.sentence for v in expected if v.status is not Status.PASS] == []
    if kind != "silent":
        assert told["faults"].status is Status.PASS
        assert told["faults"].judged >= 2  # it began, and it healed
    found = on_both(scenario, SEED)
    assert found.complete
    assert found.same, str(found)


def test_every_test_that_is_named_is_there() -> None:
    named = [test for told in FAULTS.values() for test in told.tests]
    assert len(set(named)) > len(FAULTS)
    for name in named:
        file, _, function = name.partition("::")
        assert f"def {function}(" in (ROOT / "tests" / file).read_text("utf-8"), name


def test_each_target_is_shown_by_a_test() -> None:
    """The simulator, the app and a real server, for every fault."""
    for kind, told in FAULTS.items():
        files = {name.partition("::")[0] for name in told.tests}
        assert "agreement/test_sim_and_app.py" in files, kind
        assert any(file.startswith("targets/test_server") for file in files), kind
