"""One bound held against a figure, below the sentences: which limit has which error."""

from __future__ import annotations

import pytest

from simrt.checkers.bounds import Beside, Errors, Judged, judge_bound
from simrt.checkers.unsettled import Seen
from simrt.checkers.verdict import Status
from simrt.metrics import limits
from simrt.scenario.expect import parse_expectation

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


def test_a_single_run_beside_nothing_is_untold() -> None:
    for beside in (None, Beside([], fixed=False)):
        found = judged("sent() <= 20", seen_at(10), beside=beside)
        assert (found.status, found.low, found.high) == (Status.INCONCLUSIVE, None, None)
