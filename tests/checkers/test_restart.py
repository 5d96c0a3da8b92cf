import pytest

from tests.checkers.asserting import fails, inconclusive, not_applicable, passes
from tests.checkers.histories import edited, history, newest, oldest, scenario

pytestmark = pytest.mark.rules("RST-1", "RST-2", "RST-3", "RST-5")


def test_a_good_restart():
    found = passes("restart", oldest())
    assert "2 clients did" in found.sentence
    assert "7 s after the kill" in found.sentence
    assert "1 arrival found the server down" in found.sentence


def test_what_was_in_flight_may_still_arrive_on_the_old_connection():
    assert any(row.kind == "receive" and row.epoch == "e1" and row.t_ns > 30e9 for row in oldest())


@pytest.mark.parametrize(
    ("edits", "words"),
    [
        ([("31 reject news down", "31 send 14 offered=0")], "had ended with the restart"),
        ([("31 reject news down", "31 send 1 offered=0 epoch=e2")], "while the server was down"),
        ([("31 reject news down", "31 take b/0#1 13")], "had ended with the restart"),
        ([("31 reject news down", "31 drop b/0#1 13 drop-oldest")], "had ended with the restart"),
        ([("31 reject news down", "31 close b/0#1 server client taken=3")], "had ended with"),
        ([("31 reject news down", "31 reject news shape")], "because of shape while the server"),
        ([("16 send 11 offered=0", "16 reject news down")], "down while the server was up (RST-5)"),
        ([("35 heal restart server", "35 heal restart server epoch=e1")], "new epoch (RST-3)"),
        ([("38 send 1 offered=2", "38 send 14 offered=2")], "has number 1 (RST-3)"),
        ([("38 send 1 offered=2", "38 send 14 offered=2 epoch=e1")], "had ended with the restart"),
        ([("38 take a/0#5 1", "38 take a/0#5 1 epoch=e1")], "had ended with the restart"),
        ([("38.1 receive a/0#5 1", "38.1 receive a/0#5 13 epoch=e1")],
         "an event of epoch e1 on a connection of e2 (RST-2)"),
        ([("30.2 receive a/0#3 12", "30.2 receive a/0#3 12 epoch=e2")],
         "an event of epoch e2 on a connection of e1"),
        ([("30 restart", "\n")], "rows of epoch e1 came before it"),
        ([("30 restart", "\n"), ("35 heal restart server", "\n"),
          ("99 send 2 offered=2", "99 send 2 offered=2 epoch=e9")], "without a restart of e1"),
        ([("30 restart", "30 restart\n30 restart")], "was down already"),
        ([("30 restart", "30 restart cause=client")], "cause client, a restart's is server"),
        ([("30 restart", "30 restart epoch=e7")], "epoch e7 ended, but e1 was alive"),
    ],
)  # fmt: skip
def test_it_sees(edits, words):
    fails("restart", oldest(*edits), words)


BACK = """
0 connect a/0#1
0 replay a/0#1 -
10 fault restart server
10 restart
10 close a/0#1 client server received=0
12 heal restart server
13.5 connect a/0#2
13.5 replay a/0#2 -
14 send 1 offered=1
14 take a/0#2 1
14 receive a/0#2 1
60 end a/0#2 server taken=1
60 end a/0#2 client received=1
60 end run
"""
FAULT = scenario(faults=[{"at": "10s", "restart": "server", "for": "2s"}])
GONE = [
    ("13.5 connect a/0#2", "\n"),
    ("13.5 replay a/0#2 -", "\n"),
    ("14 send 1 offered=1", "14 send 1 offered=0"),
    ("14 take a/0#2 1", "\n"),
    ("14 receive a/0#2 1", "\n"),
    ("60 end a/0#2 server taken=1", "\n"),
    ("60 end a/0#2 client received=1", "\n"),
]


def test_everyone_is_back():
    passes("restart", history(BACK, FAULT))


def test_who_stays_away_too_long_fails():
    """With 30 s + 1 s at most between attempts nobody may still be away after 48 s."""
    fails("restart", history(edited(BACK, *GONE), FAULT), "a/0: not back 48 s after the restart")


def test_who_may_still_be_waiting_is_not_judged():
    soon = [*GONE, ("60 end run", "40 end run")]
    inconclusive("restart", history(edited(BACK, *soon), FAULT), "before the run ended")


def test_one_who_may_still_be_waiting_leaves_the_verdict_open():
    two = edited(
        BACK,
        ("0 replay a/0#1 -", "0 replay a/0#1 -\n0 connect b/0#1\n0 replay b/0#1 -"),
        ("60 end run", "60 close b/0#1 client server received=0\n60 end run"),
        ("12 heal restart server", "30 heal restart server"),
        ("13.5 connect a/0#2", "\n"),
        ("13.5 replay a/0#2 -", "\n"),
        ("14 send 1 offered=1", "31 connect a/0#2\n31 replay a/0#2 -\n31 send 1 offered=1"),
        ("14 take a/0#2 1", "31 take a/0#2 1"),
        ("14 receive a/0#2 1", "31 receive a/0#2 1"),
    )
    of = scenario(
        groups={"a": {}, "b": {}}, faults=[{"at": "10s", "restart": "server", "for": "20s"}]
    )
    found = inconclusive("restart", history(two, of), "1 client came back")
    assert found.evidence == ("b/0: not back yet when the run ended",)


@pytest.mark.parametrize("excuse", ["20 offline a/0", "20 gave-up a/0#2 status status=503"])
def test_who_has_no_network_or_gave_up_is_not_waited_for(excuse):
    lines = edited(BACK, *GONE, ("60 end run", f"{excuse}\n60 end run"))
    inconclusive("restart", history(lines, FAULT), "0 clients came back")


def test_a_new_server_may_be_up_before_the_harness_says_so_where_time_is_real():
    early = edited(BACK, ("12 heal restart server", "\n"), ("13.5 connect a/0#2",
        "13.5 connect a/0#2 epoch=e2"), ("13.5 replay a/0#2 -",
        "13.5 replay a/0#2 - epoch=e2\n13.6 heal restart server"),
        ("14 take a/0#2 1", "14 take a/0#2 1 epoch=e2"),
        ("14 receive a/0#2 1", "14 receive a/0#2 1 epoch=e2"),
        ("60 end a/0#2 server taken=1", "60 end a/0#2 server taken=1 epoch=e2"))  # fmt: skip
    fails("restart", history(early, FAULT), "while the server was down")
    passes("restart", history(early, FAULT, resolution_ns=1_000_000))


def test_a_declared_restart_that_never_happened_is_inconclusive():
    text = "0 connect a/0#1\n0 replay a/0#1 -\n60 end run"
    inconclusive("restart", history(text, FAULT), "declared, but none happened")


def test_without_a_restart_it_does_not_apply():
    not_applicable("restart", newest(), "No restart is declared")


def test_what_else_is_rejected_while_the_server_is_up_is_none_of_its_business():
    send = "39 send 1 in=neighbour offered=1"
    passes("restart", oldest((send, f"39 reject news shape\n{send}")))


def test_a_probe_that_gives_up_is_no_member():
    passes("restart", oldest(("101 end run", "101 gave-up probe/none#1 status\n101 end run")))
