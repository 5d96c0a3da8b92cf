"""One bound held against a figure, below the sentences: which limit has which error."""

from __future__ import annotations

import pytest

from simrt.checkers.bounds import Beside, Errors, Judged, judge_bound
from simrt.checkers.unsettled import Seen, left_open, seen_in
from simrt.checkers.verdict import Status
from simrt.metrics import limits
from simrt.scenario.expect import parse_expectation
from tests.metrics.test_expectations import a_run

ERRORS = Errors(passing=0.025, failing=0.001)
VALUES = [float(n) for n in (9, 10, 11, 12)] * 5


def judged(
    text: str, seen: list[Seen], errors: Errors = ERRORS, beside: Beside | None = None
) -> Judged:
    (term,) = parse_expectation(text).comparisons
    return judge_bound(term, seen, errors, fixed=False, beside=beside)


def seen_at(*values: float, more: float = 0) -> list[Seen]:
    """One a run; each could be so much more, however what is open ends."""
    return [Seen(n, value, value, value + more) for n, value in enumerate(values, 1)]


@pytest.mark.parametrize(
    ("op", "below", "above"),
    [("<=", 0.001, 0.025), ("<", 0.001, 0.025), (">=", 0.025, 0.001), (">", 0.025, 0.001),
     ("==", 0.0005, 0.0005)],
)  # fmt: skip
def test_the_limit_that_passes_and_the_one_that_fails_have_their_own_errors(
    op: str, below: float, above: float
) -> None:
    """Above 0 a `<=` fails by its lower limit; a false alarm of `>=` needs a firm upper one."""
    found = judged(f"sent() {op} 10.5", seen_at(*VALUES))
    spread = limits.spread_of(VALUES)
    firm = above if op in ("<", "<=") else limits.firm(above, 20)
    assert found.low == limits.lower(spread, None, below)
    assert found.high == limits.upper(spread, None, firm)


def test_a_single_run_with_something_open_is_not_equal_to_the_simulator() -> None:
    same = Beside([10.0] * 20, fixed=False)
    assert judged("sent() <= 20", seen_at(10), beside=same).equal
    assert not judged("sent() <= 20", seen_at(10, more=1), beside=same).equal
    assert not judged("sent() <= 20", seen_at(11), beside=same).equal
    other = Beside([9.0, *[10.0] * 18, 11.0], fixed=False)
    assert not judged("sent() <= 20", seen_at(10), beside=other).equal


def test_off_the_edge_is_shown_by_a_run_alone_if_nothing_open_can_undo_it() -> None:
    assert judged("sent() > 0", seen_at(0, 0, 1)).status is Status.PASS
    assert judged("sent() > 0", seen_at(0, 0, 0, more=1)).status is Status.INCONCLUSIVE


def test_a_figure_both_ways_of_the_group_alone_that_is_asked_for() -> None:
    (term,) = parse_expectation("gap_messages(office) <= 5").comparisons
    (other,) = parse_expectation("gap_messages(other) <= 5").comparisons
    run = a_run(unfinished=3)
    run.totals("office").longest_gap, run.totals("office").longest_gap_unfinished = 4, 8
    assert seen_in(run, 7, term, 160.0) == Seen(7, 4, 4, 8)
    assert left_open([run], term) == "3 events still on the way when the run ended"
    assert left_open([run], other) == ""


@pytest.mark.parametrize("op", ["<=", ">="])
def test_a_single_run_lies_as_far_off_as_single_runs_with_the_error_of_each_side(op: str) -> None:
    found = judged(f"sent() {op} 10.5", seen_at(10.5), beside=Beside(VALUES, fixed=False))
    below, above = (0.001, 0.025) if op == "<=" else (0.025, 0.001)
    spread = limits.spread_of(VALUES)
    assert found.low == 10.5 - limits.one_more(spread, None, below)[1]
    assert found.high == 10.5 + limits.one_more(spread, None, above)[0]


def test_a_single_run_lies_where_single_runs_do_farther_on_their_longer_side() -> None:
    skewed = [1.0] * 16 + [3.0, 4.0, 6.0, 9.0]
    spread = limits.spread_of(skewed)
    below, above = limits.one_more(spread, None)
    between = (below + above) / 2
    assert below < between < above
    beside = Beside([value + 100 for value in skewed], fixed=False)
    middle = 100 + spread.mean
    for value, agrees in (
        (middle - between, False), (middle - below + 0.01, True),
        (middle + between, True), (middle + above + 0.01, False),
    ):  # fmt: skip
        assert judged("sent() <= 200", seen_at(value), beside=beside).agrees is agrees


def test_a_single_run_beside_nothing_is_untold() -> None:
    for beside in (None, Beside([], fixed=False)):
        found = judged("sent() <= 20", seen_at(10), beside=beside)
        assert (found.status, found.low, found.high) == (Status.INCONCLUSIVE, None, None)
