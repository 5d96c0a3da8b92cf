"""The instants and the numbers at which a checker begins to speak, and those just before."""

import pytest

from simrt.checkers.accounting import outcomes
from simrt.checkers.ledger import range_of, whom_of
from simrt.history import Row
from tests.checkers.asserting import fails, passes, verdict
from tests.checkers.histories import history, scenario

BEGUN = "0 connect a/0#1\n0 replay a/0#1 -\n"


def test_a_row_that_does_not_say_whom_or_what_says_nobody_and_nothing():
    for detail in (None, {}, {"other": 1}):
        row = Row(0, "replay", detail=detail)
        assert (range_of(row), whom_of(row)) == ((0, 0), "")
    assert range_of(Row(0, "replay", detail={"first": 3, "last": 5})) == (3, 5)
    assert whom_of(Row(0, "fault", detail={"whom": "a"})) == "a"


@pytest.mark.rules("CLI-2")
@pytest.mark.parametrize(("closed", "good"), [("5", True), ("5.1", False)])
def test_an_end_for_want_of_a_network_in_the_instant_in_which_it_is_back(closed, good):
    text = f"{BEGUN}4 offline a/0\n5 online a/0\n{closed} close a/0#1 client offline received=0\n"
    again = "8.5 connect a/0#2\n8.5 replay a/0#2 -"
    if good:
        passes("reconnect", history(text + again))
    else:
        fails("reconnect", history(text + again), "ended because of offline, and had a network")


@pytest.mark.rules("CLI-2")
def test_before_a_network_first_moved_it_was_there():
    first = history("0 refuse a/0#1 offline", target="server", resolution_ns=10**6)
    fails("reconnect", first, "failed for want of a network, and had one")


@pytest.mark.rules("SSE-4")
def test_a_client_that_closed_after_its_denial_was_over_must_be_let_in_again():
    of = scenario(faults=[{"at": "1s", "deny": "a", "for": "1s"}])
    over = f"{BEGUN}1 fault deny a\n2 heal deny a\n"
    text = f"{over}3 close a/0#1 {{}}\n4 refuse a/0#2 status status=401"
    client, server = "client client received=0", "server client"
    fails("permission", history(text.format(client), of), "in spite of the right credentials")
    # It may have been refused before; the server's own row says nothing of when.
    assert verdict("permission", history(text.format(server), of)).evidence == ()
    # And who comes while nothing is denied any more may be let in.
    back = f"{over}3 connect a/0#2\n3 replay a/0#2 -"
    assert verdict("permission", history(back, of)).evidence == ()


@pytest.mark.rules("REP-3")
def test_a_past_that_was_not_replayed_is_told_once_for_each_connection():
    text = (
        "1 send 1 offered=0\n2 send 2 offered=0\n"
        "3 connect a/0#1\n3 replay a/0#1 -\n3 take a/0#1 1\n3 take a/0#1 2\n"
        "4 connect b/0#1\n4 replay b/0#1 -\n4 take b/0#1 1"
    )
    found = fails("replay", history(text, scenario(groups={"a": {}, "b": {}})), "(REP-3)")
    assert len(found.evidence) == 2


@pytest.mark.rules("RST-1")
def test_who_is_back_in_the_instant_of_the_kill_was_cut_off_too():
    of = scenario(
        groups={"a": {"reconnect": "at-once"}},
        faults=[{"at": "30s", "restart": "server", "for": "1s"}],
    )
    text = (
        f"{BEGUN}30 fault restart server\n30 restart\n30 close a/0#1 client server received=0\n"
        "30 heal restart server\n30 connect a/0#2\n30 replay a/0#2 -\n100 end run"
    )
    said = passes("restart", history(text, of)).sentence
    assert "the last that was cut off was connected again 0 s after the kill" in said
    alone = "30 fault restart server\n30 restart\n31 heal restart server\n"
    late = f"{alone}32 connect a/0#1\n32 replay a/0#1 -\n100 end run"
    assert "it cut nobody off" in passes("restart", history(late, of)).sentence


@pytest.mark.rules("RST-1")
def test_who_left_in_the_first_instant_knows_of_it():
    text = (
        f"{BEGUN}0 close a/0#1 client server received=0\n0 close a/0#1 server client\n"
        "30 fault restart server\n30 restart\n31 heal restart server\n100 end run"
    )
    of = scenario(faults=[{"at": "30s", "restart": "server", "for": "1s"}])
    fails("restart", history(text, of), "a/0: not back 69 s after the restart (CLI-1)")


OFFERED_TWICE = (
    "0 connect a/0#1\n0 replay a/0#1 -\n1 send 1 offered=1\n"
    "2 connect a/0#2\n2 replay a/0#2 1-1\n{}\n9 end run"
)


@pytest.mark.rules("ACC-2")
@pytest.mark.parametrize(
    ("row", "outcome"),
    [
        ("3 drop a/0#1 1 drop-oldest", "pending"),  # it was offered to a later connection
        ("3 drop a/0#2 1 drop-oldest", "dropped-oldest"),
        ("3 expire a/0#2 1\n4 drop a/0#2 1 drop-oldest", "expired"),  # the first word counts
        ("3 take a/0#1 1\n3 receive a/0#1 1\n4 drop a/0#2 1 drop-oldest", "received"),
    ],
)
def test_an_event_has_the_fate_that_its_newest_connection_gives_it_first(row, outcome):
    assert outcomes(history(OFFERED_TWICE.format(row))) == {"a/0": {outcome: 1}}
