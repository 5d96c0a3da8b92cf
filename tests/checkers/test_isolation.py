import pytest

from tests.checkers.asserting import fails, inconclusive, passes
from tests.checkers.histories import edited, history, newest, oldest

pytestmark = pytest.mark.rules("PRJ-1")

THEIRS = "project=shop-neighbour"


@pytest.mark.parametrize("good", [oldest, newest])
def test_good_histories_are_isolated(good):
    passes("isolation", good())


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("14.5 take a/0#1 8", "14.5 take a/0#1 8 data=shop-neighbour/e1/1", "sent only in shop-n"),
        ("14.6 receive a/0#1 8", "14.6 receive a/0#1 8 data=shop-neighbour/e1/1", "only in shop-n"),
        ("1.2 take neighbour/0#1 1", "1.2 take neighbour/0#1 1 data=shop/e1/1", "only in shop,"),
        ("1.2 receive neighbour/0#1 1", "1.2 receive neighbour/0#1 1 data=shop/e1/1", "in shop,"),
        ("1 take a/0#1 1", f"1 take a/0#1 1 {THEIRS}", "got an event as one of shop-neighbour"),
        ("24 connect b/0#1", f"24 connect b/0#1 {THEIRS}", "was let into shop-neighbour"),
        ("1 take a/0#1 1", "1 take a/0#1 1 channel=other", "is about channel 'other'"),
        ("24 connect b/0#1", "24 connect b/0#1 channel=other", "is about channel 'other'"),
        ("2 send 2 offered=1", "2 send 2 offered=1 project=third", "neither project"),
    ],
)
def test_it_sees(old, new, words):
    fails("isolation", oldest((old, new)), words)


def test_without_the_neighbours_events_nothing_can_be_compared():
    lines = [line for line in edited(TWO).splitlines() if "neighbour" not in line]
    inconclusive("isolation", history("\n".join(lines)), "No event of the neighbour project")


def test_without_own_events_nothing_can_be_compared():
    lines = [line for line in edited(TWO).splitlines() if "neighbour" in line]
    inconclusive("isolation", history("\n".join(lines)), "No event of this project")


def test_equal_data_in_both_projects_tells_nothing():
    same = [line + " data=same" if " 1" in line else line for line in edited(TWO).splitlines()]
    inconclusive("isolation", history("\n".join(same)), "No event of the neighbour project")


TWO = """
0 connect a/0#1
0 replay a/0#1 -
0 connect neighbour/0#1
0 replay neighbour/0#1 -
1 send 1 offered=1
1 take a/0#1 1
1 receive a/0#1 1
2 send 1 in=neighbour offered=1
2 take neighbour/0#1 1
2 receive neighbour/0#1 1
"""


def test_one_event_each_is_enough():
    assert passes("isolation", history(TWO)).judged == 4
