"""Conditions under which a checker speaks and that no other test told apart: each alone, here.

`make mutants ROOM=checkers` switches each condition off, once. What these histories break, they
break in one way only, so that no other condition of the same checker can see it in its place.
"""

import msgspec
import pytest

from simrt.checkers import CHECKERS
from simrt.history import History
from tests.checkers.asserting import fails, inconclusive, not_applicable, passes
from tests.checkers.histories import history, oldest, scenario

BEGUN = "0 connect a/0#1\n0 replay a/0#1 -\n"
ENDED = "1.5 close a/0#1 client client received=0\n1.5 close a/0#1 server client pending=1\n"
TTL = scenario(options={"bufferSize": 2, "onFull": "drop-oldest", "messageTTL": "10s"})


@pytest.mark.rules("TTL-4")
def test_nothing_expires_on_a_connection_that_has_ended():
    text = f"{BEGUN}1 send 1 offered=1\n{ENDED}12 expire a/0#1 1"
    fails("expiry", history(text, TTL), "expired for a connection that is not open (TTL-4)")


@pytest.mark.rules("ACC-1")
def test_nothing_is_dropped_on_a_connection_that_has_ended():
    text = f"{BEGUN}1 send 1 offered=1\n{ENDED}1.6 drop a/0#1 1 drop-oldest"
    fails("loss", history(text), "dropped for a connection that is not open (ACC-1)")


@pytest.mark.rules("REP-7")
def test_a_replay_is_due_even_where_nothing_follows_its_connect():
    fails("replay", history("0 connect a/0#1\n1 end run"), "no replay row follows this connect")


@pytest.mark.rules("REP-7")
def test_a_replay_without_any_connection_is_seen():
    text = f"{BEGUN}1 replay a/0#2 -"
    fails("replay", history(text), "a replay stands directly after its connect, once (REP-7)")


@pytest.mark.rules("PRJ-1")
@pytest.mark.parametrize("kind", ["connect", "replay", "take", "receive"])
def test_no_row_of_a_client_is_about_another_channel(kind):
    text = f"{BEGUN}1 send 1 offered=1\n1 take a/0#1 1\n1 receive a/0#1 1".splitlines()
    place = next(at for at, line in enumerate(text) if line.split()[1] == kind)
    text[place] += " channel=other"
    fails("isolation", history("\n".join(text)), "is about channel 'other', not 'news' (PRJ-1)")


@pytest.mark.rules("RST-2")
@pytest.mark.parametrize("kind", ["take", "receive"])
def test_a_connection_of_an_old_life_is_handed_nothing_of_the_new_one(kind):
    late = f"38.5 {kind} a/0#3 1 epoch=e2"
    text = oldest(("38.1 receive a/0#5 1", f"38.1 receive a/0#5 1\n{late}"))
    fails("restart", text, "an event of epoch e2 on a connection of e1 (RST-2)")


def test_without_a_delivery_no_order_is_seen():
    inconclusive("order", history(f"{BEGUN}1 send 1 offered=1"), "No event was delivered")


@pytest.mark.rules("ACC-2")
@pytest.mark.parametrize(
    "text",
    [
        "100 end run",
        f"{BEGUN}100 end a/0#1 server\n100 end a/0#1 client received=0\n100 end run",
        "0 refuse a/0#1 network\n1 send 1 offered=0\n100 end run",
    ],
)
def test_without_an_event_nothing_is_accounted_for(text):
    inconclusive("accounting", history(text), "Nobody was connected while anything was sent")


@pytest.mark.rules("NET-6")
@pytest.mark.parametrize("index", [None, "0", -1, 1, 0.0])
def test_a_fault_says_by_its_number_which_it_is(index):
    of = scenario(faults=[{"at": "1s", "stall": "a", "for": "1s"}])
    good = history("1 fault stall a\n2 heal stall a\n100 end run", of)
    passes("faults", good)
    first, *rest = good
    said = msgspec.structs.replace(first, detail={**(first.detail or {}), "index": index})
    words = f"is number {index}, the scenario declares 1"
    fails("faults", History(good.header, [said, *rest]), words)


@pytest.mark.rules("CLI-1")
def test_a_connection_ends_once_for_its_client():
    once = "1 close a/0#1 client server received=0\n1 close a/0#1 server shutdown\n"
    again = once.splitlines()[0]
    text = f"{BEGUN}{once}{again}"
    fails("reconnect", history(text), "ended a connection that the client did not have")


@pytest.mark.rules("CLI-1")
@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"groups": {"a": {"online": {"up": "60s", "down": "5s"}}}}, inconclusive),
        ({"faults": [{"at": "5s", "disconnect": "a", "for": "1s"}]}, inconclusive),
        ({"faults": [{"at": "5s", "slow": "a", "by": 2, "for": "1s"}]}, not_applicable),
        ({}, not_applicable),
    ],
)
def test_where_no_connection_ends_it_counts_whether_one_should(changes, says):
    found = says(
        "reconnect", history(f"{BEGUN}0 connect neighbour/0#1\n9 end run", scenario(**changes))
    )
    assert found.sentence.startswith("No connection ended")


LATE = (
    "0 connect a/0#1\n0 replay a/0#1 -\n{0}5 close a/0#1 client server received=0\n"
    "5 close a/0#1 server client\n{1}{2} connect a/0#2\n{2} replay a/0#2 -"
)


@pytest.mark.rules("CLI-1", "NET-6")
@pytest.mark.parametrize(
    ("before", "between", "excused"),
    [
        ("", "", False),
        ("4 fault stall a\n", "", True),
        ("4 fault stall a\n", "6 heal stall a\n", True),
        ("1 fault stall a\n2 heal stall a\n", "", False),
        ("1 fault stall a\n5 heal stall a\n", "", False),  # over before it had to act
        ("1 fault stall a\n2 fault stall a\n3 heal stall a\n", "", True),  # one of two lasts
        ("1 fault stall a\n2 fault stall a\n3 heal stall a\n4 heal stall a\n", "", False),
        ("1 fault stall a\n2 heal stall a\n4 fault stall a\n", "", True),  # the second one
        ("4 fault stall b\n", "", False),  # somebody else's
        ("", "6 fault stall a\n7 heal stall a\n", True),
    ],
)
def test_a_late_attempt_is_excused_by_a_fault_on_its_group_alone(before, between, excused):
    """CLI-1: 3 s, and up to 1 s of jitter, after the end; unless a fault lay on the group then."""
    faults = [{"at": f"{at}s", "stall": whom, "for": "1s"} for at in (4, 5) for whom in ("a", "b")]
    of = scenario(groups={"a": {}, "b": {}}, faults=faults)
    passes("reconnect", history(LATE.format(before, between, 9), of))
    late = history(LATE.format(before, between, 20), of)
    if excused:
        passes("reconnect", late)
    else:
        fails("reconnect", late, "tried again only after 15 s")


@pytest.mark.rules("STR-1", "STR-4")
@pytest.mark.parametrize("cause", ["client", "network", "slow", "shutdown", "expired"])
def test_a_server_may_end_a_connection_for_these_reasons(cause):
    text = f"{BEGUN}1 close a/0#1 client server received=0\n1 close a/0#1 server {cause}"
    assert "is no reason for a server" not in " ".join(
        BY_NAME["reconnect"].check(history(text)).evidence
    )
    fails("reconnect", history(f"{text}s"), f"cause {cause}s is no reason for a server to close")


@pytest.mark.rules("SSE-7")
@pytest.mark.parametrize("cause", ["shape", "event"])
def test_what_the_neighbour_was_refused_is_no_matter_of_this_shape(cause):
    text = f"1 send 1 offered=0\n2 reject news {cause} project=shop-neighbour"
    passes("shape", history(text))


@pytest.mark.rules("TTL-4")
def test_what_was_passed_over_is_told_once_for_a_connection():
    text = f"{BEGUN}1 send 1 offered=1\n2 send 2 offered=1\n"
    found = fails("expiry", history(f"{text}11.5 take a/0#1 2\n11.6 take a/0#1 2", TTL), "event 1")
    assert sum("no expire row" in line for line in found.evidence) == 1
    passes("expiry", history(f"{text}10 take a/0#1 2", TTL))  # event 1 is not too old: no expiry


BY_NAME = {checker.name: checker for checker in CHECKERS}
PROMISES = {
    "permission": (1, "CHN-4 CLI-3 SSE-3 SSE-4"),
    "isolation": (1, "PRJ-1"),
    "shape": (2, "SSE-7 PUB-3"),
    "loss": (3, "ACC-1 BUF-1 BUF-2 BUF-3 PUB-2 PUB-4 SUB-1"),
    "expiry": (3, "TTL-1 TTL-2 TTL-3 TTL-4 TTL-5"),
    "replay": (3, "HIS-1 REP-1 REP-2 REP-3 REP-4 REP-5 REP-6 REP-7 SSE-2 TTL-2"),
    "accounting": (3, "ACC-1 ACC-2 ACC-3 DLV-4 DLV-5 NET-7"),
    "reached": (3, "REP-6 REP-7 TTL-4"),
    "order": (4, "PUB-1 DLV-2 DLV-3 DLV-4 DLV-6 REP-3 HOK-4"),
    "reconnect": (4, "ACC-2 CLI-1 CLI-2 CLI-3 CLI-4 NET-4 NET-7 SSE-4 SSE-5 STR-1"),
    "restart": (5, "CLI-1 RST-1 RST-2 RST-3 RST-5"),
    "faults": (4, "NET-6 NET-7 NET-8"),
}


def test_each_promise_feeds_its_item_of_the_checklist_and_enforces_these_rules():
    found = {name: (one.item, " ".join(one.rules)) for name, one in BY_NAME.items()}
    assert found == PROMISES
