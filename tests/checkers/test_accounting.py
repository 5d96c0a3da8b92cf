import msgspec
import pytest

from simrt.checkers.accounting import fates, outcomes
from simrt.history import History
from simrt.metrics import measure
from tests.checkers.asserting import fails, inconclusive, passes
from tests.checkers.histories import edited, history, newest, oldest

pytestmark = pytest.mark.rules("ACC-1", "ACC-2", "ACC-3", "DLV-5")


def test_good_histories_add_up():
    found = passes("accounting", oldest())
    assert found.sentence == (
        "21 outcomes of 2 subscribers, and 2 of the neighbour project's, over 7 connections: "
        "unexplained = 0."
    )
    passes("accounting", newest())


def test_outcomes_of_the_good_histories_by_hand():
    """e1: a saw 1 2 4 5 6 8 10 11 12, lost 3 7 9 13; b came before 12. e2: 1, 2, 3 each."""
    assert outcomes(oldest()) == {
        "a/0": {
            "received": 10,  # 1 2 4 5 6 8, by replay 10 11, 12; 1 of e2
            "dropped-oldest": 1,  # 3
            "expired": 1,  # 7
            "connection-lost": 1,  # 9: in flight when it went offline
            "restart": 1,  # 13: pending at the kill
            "unfinished": 2,  # 2 and 3 of e2
        },
        "b/0": {"received": 5},
    }
    assert outcomes(newest()) == {"s/0": {"received": 6, "dropped-newest": 2}}


def test_fates_name_each_message_in_its_place():
    found = fates(oldest())
    assert set(found) == {"a/0", "b/0", "neighbour/0"}
    assert found["a/0"]["e1"][:4] == ("received", "received", "dropped-oldest", "received")
    assert found["a/0"]["e2"] == ("received", "unfinished", "unfinished")
    assert found["b/0"]["e1"][10:] == ("earlier-received", "received", "received")


def test_outcomes_follow_the_last_offer():
    """ACC-2: lost on the old connection, offered again, dropped there; and never offered."""
    text = """
        0 connect a/0#1
        0 replay a/0#1 -
        1 send 1 offered=1
        1 take a/0#1 1
        2 send 2 offered=1
        3 close a/0#1 client offline received=0
        3 close a/0#1 server client taken=1 pending=2
        4 send 3 offered=0
        5 connect a/0#2
        5 replay a/0#2 1-2
        6 send 4 offered=1
        6 drop a/0#2 1 drop-oldest
        7 take a/0#2 2
        8 receive a/0#2 2
        9 end a/0#2 server taken=1 dropped-oldest=1 pending=4
        9 end a/0#2 client received=1
        9 end run
    """
    found = outcomes(history(text))
    assert found == {"a/0": {"received": 1, "dropped-oldest": 1, "unfinished": 1, "offline": 1}}


def test_who_leaves_after_a_kill_has_lost_by_the_restart():
    """ACC-2: also where the client gave up before it knew that it had been accepted."""
    text = """
        0 connect a/0#1
        0 replay a/0#1 -
        1 send 1 offered=1
        1 take a/0#1 1
        2 fault restart server
        2 restart
        3 {}
        9 end run
    """
    for left in ("refuse a/0#1 offline", "close a/0#1 client offline received=0"):
        assert outcomes(history(text.format(left))) == {"a/0": {"restart": 1}}


def test_two_connections_at_once_the_newer_one_decides():
    text = """
        0 connect a/0#1
        0 replay a/0#1 -
        1 refuse a/0#1 network
        2 connect a/0#2
        2 replay a/0#2 -
        3 send 1 offered=2
        3 take a/0#1 1
        3 take a/0#2 1
        4 close a/0#1 server client taken=1
        5 receive a/0#2 1
        6 end a/0#2 server taken=1
        6 end a/0#2 client received=1
        6 end run
    """
    assert outcomes(history(text)) == {"a/0": {"received": 1}}
    passes("accounting", history(text))


def test_earlier_receipts_and_duplicates_are_no_outcomes():
    text = """
        1 send 1 offered=0
        2 connect a/0#1
        2 replay a/0#1 1-1
        2 take a/0#1 1
        2 receive a/0#1 1
        3 send 2 offered=1
        3 take a/0#1 2
        3 receive a/0#1 2
        4 close a/0#1 client offline received=2
        4 close a/0#1 server client taken=2
        5 connect a/0#2
        5 replay a/0#2 1-2
        5 take a/0#2 1
        5 take a/0#2 2
        5 receive a/0#2 1
        5 receive a/0#2 2
        6 end a/0#2 server taken=2
        6 end a/0#2 client received=2
        6 end run
    """
    passes("accounting", history(text))
    assert outcomes(history(text)) == {"a/0": {"received": 1}}


CLOSE = "15.2 close a/0#1 server client taken=7 dropped-oldest=1 expired=1 pending=10"
CLIENT = "15.2 close a/0#1 client offline received=6"


@pytest.mark.parametrize(
    ("edits", "words"),
    [
        ([(CLOSE, CLOSE.replace("taken=7", "taken=8"))], "says 8 taken, the rows say 7 (ACC-1)"),
        ([(CLOSE, CLOSE.replace("dropped-oldest=1 ", ""))], "says 0 dropped-oldest, the rows say"),
        ([(CLOSE, CLOSE.replace("dropped-oldest", "dropped-newest"))], "says 1 dropped-newest"),
        ([(CLOSE, CLOSE.replace("expired=1", "expired=2"))], "says 2 expired, the rows say 1"),
        ([(CLOSE, CLOSE + " discarded=0")], "says 0 discarded, the rows say 1"),
        ([(CLOSE, CLOSE.replace("pending=10", "pending=9"))], "says 1 (9) are pending"),
        ([(CLOSE, CLOSE.replace("pending=10", ""))], "says 0 () are pending, the rows say 1 (10)"),
        ([(CLOSE, f"{CLOSE}\n{CLOSE}")], "the server's side had ended before (DLV-4)"),
        ([(CLIENT, "15.2 close a/0#1 client offline received=7")], "says 7 received, the rows"),
        ([(CLIENT, "\n")], "a/0 connection 1: no row says how it ended for the client (ACC-3)"),
        ([(CLIENT, f"{CLIENT}\n{CLIENT}")], "the client's side had ended before"),
        ([(CLIENT, "15.2 close a/0#8 client offline received=6")], "a connection that never began"),
        ([("101 end a/0#5 server taken=2 pending=3", "\n")], "ended on the server's side (ACC-1)"),
        ([("101 end a/0#5 client received=1", "\n")], "ended for the client (ACC-3)"),
        ([("101 end a/0#5 server taken=2 pending=3", "101 end a/0#5 server taken=3")], "says 3"),
        ([("30 restart", "\n")], "a/0 connection 3: no row says how it ended on the server's"),
        ([(CLIENT, f"{CLIENT} epoch=e2")], "the connection was one of epoch e1"),
        # a message that vanished
        ([("14 expire a/0#1 7", "\n"), (CLOSE, CLOSE.replace("expired=1 ", ""))],
         "a/0: 1 without an outcome: event 7 of epoch e1 (ACC-2)"),
        ([("2.3 drop a/0#1 3 drop-oldest", "\n"), (CLOSE, CLOSE.replace("dropped-oldest=1 ", ""))],
         "a/0: 1 without an outcome: event 3 of epoch e1 (ACC-2)"),
        ([("2.6 receive a/0#1 4", "\n"), (CLIENT, CLIENT.replace("=6", "=5"))],
         "a/0: 1 without an outcome: event 4 of epoch e1 (ACC-2)"),
        ([(CLOSE, CLOSE.replace("taken=7", "taken=6")), ("14.5 take a/0#1 8", "\n")],
         "10 offered"),
        # receipts
        ([("16 send 11 offered=0", "16 receive b/0#1 11")], "never sent (ACC-3)"),
        ([("2.7 receive a/0#1 5", "2.7 receive a/0#1 55")], "never sent (ACC-3)"),
        # the file
        ([("2.5 receive a/0#1 2", "1.5 receive a/0#1 2")], "stands behind a row of a later time"),
        ([("101 end run", "101 end run\n102 offline a/0")], "stands behind the row that ends"),
    ],
)  # fmt: skip
def test_it_sees(edits, words):
    fails("accounting", oldest(*edits), words)


def test_a_side_must_be_said():
    import msgspec

    from simrt.history import History

    good = oldest()
    rows = [msgspec.structs.replace(row, detail={}) if row.kind == "close" else row for row in good]
    fails("accounting", History(good.header, rows), "does not say whose side ended")


def test_unknown_kinds_of_rows_are_named():
    import msgspec

    from simrt.history import History

    good = oldest()
    rows = [
        msgspec.structs.replace(row, kind="vanish") if row.kind == "offline" else row
        for row in good
    ]
    fails("accounting", History(good.header, rows), "rows of kind 'vanish'")


def test_a_history_that_was_cut_short_is_inconclusive():
    cut = oldest(("101 end run", "\n"))
    inconclusive("accounting", cut, "cut short")
    assert outcomes(cut)["b/0"] == {"received": 5}  # what is known so far


def test_nobody_there_is_inconclusive():
    inconclusive("accounting", history("1 send 1 offered=0\n2 end run"), "Nobody was connected")


YOUNG = """
0 connect neighbour/0#1
1 connect a/0#1
1 replay a/0#1 -
1 send 1 offered=1
1 take a/0#1 1
1.3 end a/0#1 server taken=1
1.3 end neighbour/0#1 server
1.3 end neighbour/0#1 client received=0
1.3 end run
"""


def test_an_answer_still_under_way_at_the_end_has_no_client_yet():
    from tests.checkers.histories import scenario

    slow = scenario(groups={"a": {"latency": "100ms"}})
    passes("accounting", history(YOUNG, slow))
    assert outcomes(history(YOUNG, slow))["a/0"] == {"unfinished": 1}
    assert fates(history(YOUNG, slow))["a/0"] == {"e1": ("unfinished",)}
    fails("accounting", history(YOUNG), "how it ended for the client")
    late = edited(YOUNG, ("1 connect a/0#1", "0.5 connect a/0#1"))
    fails("accounting", history(late, slow), "how it ended for the client")


SILENCED = """
0.9 offline a/0 silent
1 connect a/0#1
1 replay a/0#1 -
1 send 1 offered=1
1 take a/0#1 1
2 close a/0#1 server gone taken=1
3 online a/0 silent
5.2 end run
"""


@pytest.mark.rules("NET-7")
def test_an_answer_that_a_silence_lost_comes_with_a_repeat_or_not_at_all():
    """A kernel repeats after pauses that double: lost at 1 s, and silent until 3 s, by 5 s."""
    pause = {"window": {"a": {"most_pause_ns": 200_000_000}}}

    def on_a_server(text, **changes):
        good = history(text, resolution_ns=1_000_000)
        return History(msgspec.structs.replace(good.header, **changes), list(good))

    passes("accounting", on_a_server(SILENCED, **pause))
    found = on_a_server(SILENCED, **pause)
    assert outcomes(found)["a/0"] == {"unfinished": 1}
    assert {name: n for name, n in measure(found).outcomes("a").items() if n} == {"unfinished": 1}
    fails("accounting", on_a_server(SILENCED), "how it ended for the client")  # no pause is known
    fails("accounting", history(SILENCED), "how it ended for the client")  # it learns it at once
    late = edited(SILENCED, ("5.2 end run", "5.3 end run"))
    fails("accounting", on_a_server(late, **pause), "how it ended for the client")
    early = edited(SILENCED, ("3 online a/0 silent", "0.95 online a/0 silent"))
    fails("accounting", on_a_server(early, **pause), "how it ended for the client")
    still = edited(SILENCED, ("3 online a/0 silent", ""))
    passes("accounting", on_a_server(still))


def test_an_end_that_does_not_say_what_is_pending_fails():
    good = oldest()
    rows = [
        msgspec.structs.replace(row, detail=(row.detail or {}) | {"pending": "many"})
        if row.kind == "close" and (row.detail or {}).get("side") == "server"
        else row
        for row in good
    ]
    fails("accounting", History(good.header, rows), "says 'many' are pending, the rows say 1 (10)")


@pytest.mark.parametrize("ending", ["2.1 restart", "2.1 end a/0#1 server taken=1 pending=2"])
def test_what_a_client_left_is_lost_by_that_whatever_ends_the_other_side(ending):
    """NET-4: also what is taken, or still waits, for a client that is gone."""
    text = (
        "0 connect a/0#1\n0 replay a/0#1 -\n1 close a/0#1 client disconnect received=0\n"
        f"2 send 1 offered=1\n2 take a/0#1 1\n2 send 2 offered=1\n{ending}\n3 end run"
    )
    found = history(text)
    assert outcomes(found) == {"a/0": {"connection-lost": 2}}
    counted = {outcome: n for outcome, n in measure(found).outcomes("a").items() if n}
    assert counted == {"connection-lost": 2}
