import pytest

from tests.checkers.asserting import fails, inconclusive, not_applicable, passes
from tests.checkers.histories import edited, history, newest, oldest, scenario

pytestmark = pytest.mark.rules("TTL-1", "TTL-2", "TTL-3", "TTL-4", "TTL-5")

TTL = scenario(
    options={"bufferSize": 8, "onFull": "drop-oldest", "messageTTL": "10s"}, replay={"lastN": 8}
)


def test_a_good_history_hands_out_nothing_too_old():
    found = passes("expiry", oldest())
    assert "1 expired" in found.sentence


def test_without_ttl_it_does_not_apply():
    not_applicable("expiry", newest(), "no messageTTL")


def test_an_expiry_without_ttl_fails():
    text = "0 connect a/0#1\n0 replay a/0#1 -\n1 send 1 offered=1\n2 expire a/0#1 1"
    fails("expiry", history(text), "the channel has no messageTTL")


@pytest.mark.parametrize(
    ("edits", "words"),
    [
        ([("14 expire a/0#1 7", "\n")], "event 7 before it was too old and has no expire row"),
        ([("14 expire a/0#1 7", "13.4 expire a/0#1 7")], "only 9.9 s old, good for 10 s"),
        ([("14 expire a/0#1 7", "14 expire a/0#1 7 cause=old")], "cause old, an expiry's is ttl"),
        ([("14 expire a/0#1 7", "14 expire a/0#1 6")], "expired though it was not pending"),
        ([("14 expire a/0#1 7", "14 expire a/0#9 7")], "not open (TTL-4)"),
        ([("14 expire a/0#1 7", "14 take a/0#1 7")], "taken 10.5 s old, good for 10 s (TTL-3)"),
    ],
)
def test_it_sees(edits, words):
    fails("expiry", oldest(*edits), words)


PENDING = """
0 connect a/0#1
0 replay a/0#1 -
1 send 1 offered=1
2 send 2 offered=1
"""


@pytest.mark.parametrize("now", ["11", "11.000000001", "12"])
def test_from_its_age_on_it_is_too_old(now):
    """TTL-1: unexpired exactly while now - t < T."""
    fails("expiry", history(f"{PENDING}{now} take a/0#1 1", TTL), "good for 10 s (TTL-3)")
    passes("expiry", history(f"{PENDING}{now} expire a/0#1 1", TTL))


@pytest.mark.parametrize("number", [1, 2, 9])
@pytest.mark.parametrize("who", ["a/0", "a/1", "neighbour/0"])
def test_every_connection_of_every_client_is_judged(who, number):
    """What is too old is too old, whoever is handed it and however often it came before."""
    before = "".join(
        f"0 connect {who}#{n}\n0 replay {who}#{n} -\n"
        f"0 close {who}#{n} client client received=0\n0 close {who}#{n} server client\n"
        for n in range(1, number)
    )
    where = " in=neighbour" if who.startswith("neighbour") else ""
    last = f"{who}#{number}"
    text = f"{before}0 connect {last}\n0 replay {last} -\n1 send 1{where} offered=1\n"
    passes("expiry", history(f"{text}10.9 take {last} 1", TTL))
    fails("expiry", history(f"{text}11 take {last} 1", TTL), "taken 10 s old")
    passes("expiry", history(f"{text}11 expire {last} 1", TTL))
    fails("expiry", history(f"{text}10.9 expire {last} 1", TTL), "only 9.9 s old")


def test_a_moment_before_it_is_good():
    now = "10.999999999"
    passes("expiry", history(f"{PENDING}{now} take a/0#1 1", TTL))
    fails("expiry", history(f"{PENDING}{now} expire a/0#1 1", TTL), "only 9.999999999 s old")


def test_the_front_of_the_queue_expires_first():
    text = f"{PENDING}12 expire a/0#1 2"
    fails("expiry", history(text, TTL), "event 1 before it was too old")
    passes("expiry", history(f"{PENDING}12 expire a/0#1 1\n12 expire a/0#1 2", TTL))


def test_what_is_too_old_is_never_replayed():
    text = "1 send 1 offered=0\n5 send 2 offered=0\n{0} connect a/0#1\n{0} replay a/0#1 {1}"
    passes("expiry", history(text.format("10.9", "1-2"), TTL))
    passes("expiry", history(text.format("11", "2-2"), TTL))
    fails("expiry", history(text.format("11", "1-2"), TTL), "replayed 10 s old, good for 10 s")


def test_an_overflow_may_drop_what_is_too_old():
    """TTL-4: until it would be taken an expired message keeps its place."""
    text = """
        0 connect a/0#1
        0 replay a/0#1 -
        1 send 1 offered=1
        20 send 2 offered=1
        21 send 3 offered=1
        21 drop a/0#1 1 drop-oldest
        21 take a/0#1 2
    """
    passes("expiry", history(text, TTL))


def test_nothing_handed_out_is_inconclusive():
    inconclusive("expiry", history(edited(PENDING), TTL), "Nothing was replayed")
