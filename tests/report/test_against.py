"""Two checks side by side: what a change is, and how far it can be trusted."""

import pytest

from simrt.report.against import _difference, differences
from tests.report.checks import usual


def told(metric, pairs, fixed=False):
    return _difference("g", metric, pairs, fixed=fixed)


def test_a_change_of_a_share_is_in_points():
    found = told("missed_fraction", [(0.30, 0.06), (0.32, 0.08), (0.34, 0.09)])
    assert (found.first, found.second) == ("32 %", "7.7 %")
    assert found.change == "-24 points (-28 points to -22 points)"
    assert found.clear


def test_pairs_on_the_same_seeds_share_their_chance():
    """Runs differ by a thousand, the two of a pair by one: the change is as sure as that."""
    pairs = [(1000.0 * n, 1000.0 * n + 1 + 0.1 * (n % 2)) for n in range(1, 21)]
    found = told("staleness_s", pairs)
    assert found.change == "+1 s (+1 s to +1.1 s)"
    assert found.clear


def test_a_change_that_can_be_none_is_not_clear():
    found = told("staleness_s", [(1.0, 3.5), (3.0, 2.0), (2.0, 4.0)])
    assert not found.clear
    assert "(-" in found.change
    assert " to +" in found.change


@pytest.mark.parametrize(
    ("runs", "fixed", "clear"), [(1, False, False), (19, False, False), (20, False, True),
                                 (1, True, True)]
)  # fmt: skip
def test_equal_changes_are_clear_where_equal_runs_say_all(runs, fixed, clear):
    found = told("staleness_s", [(1.0, 3.5)] * runs, fixed)
    assert found.change == "+2.5 s"
    assert found.clear is clear


def test_all_is_told_beside_several_groups_only():
    check = usual()
    assert {row.group for row in differences(check, check, "sim")} == {"office", "train", "all"}
