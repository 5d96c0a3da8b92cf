import pytest

from tests.checkers.asserting import fails, inconclusive, passes
from tests.checkers.histories import edited, history, newest, oldest, scenario

pytestmark = pytest.mark.rules("BUF-1", "BUF-2", "BUF-3", "PUB-2", "PUB-4", "SUB-1")

DROP = "2.3 drop a/0#1 3 drop-oldest"
REFUSED = "1.3 drop s/0#1 4 drop-newest"


@pytest.mark.parametrize("good", [oldest, newest])
def test_good_histories_lose_only_what_the_rule_asks(good):
    passes("loss", good())


@pytest.mark.parametrize(
    ("edits", "words"),
    [
        ([(DROP, "\n")], "event 3 must be dropped (BUF-2)"),
        ([(DROP, "2.3 drop a/0#1 4 drop-oldest")], "asks for event 3 (BUF-2)"),
        ([(DROP, "2.3 drop a/0#1 3 drop-newest")], "cause drop-newest, the channel's rule"),
        ([(DROP, "2.4 drop a/0#1 3 drop-oldest")], "its send was at 2.3 s (PUB-4)"),
        ([(DROP, f"{DROP}\n{DROP}")], "with 2 of 2 pending (BUF-2)"),
        ([(DROP, "2.3 drop a/0#9 3 drop-oldest")], "not open (ACC-1)"),
        ([("2.2 send 4 offered=1", "2.2 send 4 offered=1\n2.2 drop a/0#1 3 drop-oldest")],
         "dropped with 2 of 2 pending"),
        ([("3.5 send 7 offered=1", "3.5 send 7 offered=1\n3.5 drop a/0#1 7 drop-oldest")],
         "dropped with 1 of 2 pending"),
        ([("2.5 take a/0#1 4", "2.5 take a/0#1 3")], "though it was not pending"),
        ([("2.5 take a/0#1 4", "2.5 take a/0#1 5")], "event 4 was pending before it and vanished"),
        ([("22 take a/0#3 10", "22 take a/0#3 9")], "though it was not pending"),
        ([("16 send 11 offered=0", "16 send 11 offered=1")], "says 1 offered, 0 are open (PUB-4)"),
        ([("25 send 12 offered=2", "25 send 12 offered=1")], "says 1 offered, 2 are open (PUB-4)"),
        ([("31 reject news down", "31 reject news drop-newest")], "no subscriber stops a send"),
    ],
)  # fmt: skip
def test_it_sees(edits, words):
    fails("loss", oldest(*edits), words)


@pytest.mark.parametrize(
    ("edits", "words"),
    [
        ([(REFUSED, "\n")], "event 4 must be dropped (BUF-3)"),
        ([(REFUSED, "1.3 drop s/0#1 2 drop-newest")], "asks for event 4 (BUF-3)"),
        ([(REFUSED, "1.3 drop s/0#1 4 drop-oldest")], "the channel's rule is drop-newest"),
        ([("25.9 drop s/0#2 7 drop-newest", "\n")], "event 7 must be dropped (BUF-3)"),
        ([("26.1 take s/0#2 6", "26.1 take s/0#2 7")], "though it was not pending"),
    ],
)
def test_it_sees_under_drop_newest(edits, words):
    fails("loss", newest(*edits), words)


def test_one_connection_is_reported_once():
    """What follows a first broken promise on a connection would only repeat it."""
    found = fails("loss", oldest((DROP, "\n")), "event 3")
    assert len(found.evidence) == 1


FULL = """
0 connect a/0#1
0 replay a/0#1 -
1 send 1 offered=1
2 send 2 offered=1
3 send 3 offered=1
4 restart
"""


@pytest.mark.rules("RST-5")
def test_a_kill_may_fall_between_a_send_and_its_drops_where_time_is_real():
    fails("loss", history(FULL), "event 1 must be dropped")
    after = f"{FULL}5 heal restart server\n6 send 1 offered=0"
    fails("loss", history(after), "event 1 must be dropped")
    passes("loss", history(after, resolution_ns=1_000))


def test_a_drop_that_is_due_at_the_end_is_missing():
    fails("loss", history(edited(FULL, ("4 restart", "4 end run"))), "event 1 must be dropped")


def test_a_history_that_was_cut_owes_nothing():
    passes("loss", history(edited(FULL, ("4 restart", "\n"))))


def test_replay_counts_against_the_buffer():
    """REP-7: what was replayed is pending like any message."""
    of = scenario(options={"bufferSize": 1, "onFull": "drop-oldest"}, replay={"lastN": 1})
    text = """
        1 send 1 offered=0
        2 connect a/0#1
        2 replay a/0#1 1-1
        3 send 2 offered=1
        3 drop a/0#1 1 drop-oldest
        4 end a/0#1 server dropped-oldest=1 pending=2
    """
    passes("loss", history(text, of))
    fails("loss", history(edited(text, ("3 drop a/0#1 1 drop-oldest", "\n")), of), "event 1 must")


def test_two_connections_of_one_subscriber_have_two_queues():
    text = """
        0 connect a/0#1
        0 replay a/0#1 -
        1 send 1 offered=1
        2 connect a/0#2
        2 replay a/0#2 -
        3 send 2 offered=2
        4 send 3 offered=2
        4 drop a/0#1 1 drop-oldest
    """
    passes("loss", history(text))


def test_nobody_connected_is_inconclusive():
    inconclusive("loss", history("1 send 1 offered=0\n2 end run"), "while anyone was connected")
