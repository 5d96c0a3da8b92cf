"""Two checks side by side: what a change is, and how far it can be trusted."""

from simrt.metrics import Estimate
from simrt.report.against import _difference, differences
from tests.report.checks import usual


def told(metric, one, other, runs=3):
    pair = (Estimate("sim", "g", metric, *values, runs) for values in (one, other))
    return _difference("g", metric, *pair)


def test_a_change_of_a_share_is_in_points():
    found = told("missed_fraction", (0.32, 0.3, 0.34), (0.077, 0.067, 0.087))
    assert (found.first, found.second) == ("32 %", "7.7 %")
    assert found.change == "-24 points ± 2.2 points"
    assert found.clear


def test_an_interval_that_was_cut_at_zero_is_taken_whole():
    """1 ± 3 was cut to 0 to 4: half of what is left would be 2, and the change of 2.5 clear."""
    found = told("staleness_s", (1.0, 0.0, 4.0), (3.5, 3.5, 3.5))
    assert found.change == "+2.5 s ± 3 s"
    assert not found.clear


def test_one_run_makes_no_change_clear():
    assert not told("staleness_s", (1.0, 1.0, 1.0), (3.5, 3.5, 3.5), runs=1).clear


def test_all_is_told_beside_several_groups_only():
    check = usual()
    assert {row.group for row in differences(check, check, "sim")} == {"office", "train", "all"}
