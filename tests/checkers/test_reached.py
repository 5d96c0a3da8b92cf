import pytest

from simrt.checkers import STATES, reached_states
from tests.checkers.asserting import inconclusive, not_applicable, passes
from tests.checkers.histories import history, newest, oldest, scenario

pytestmark = pytest.mark.rules("REP-6", "REP-7", "TTL-4")


def met(found):
    return {state: times for state, times in reached_states(found).items() if times}


def test_the_good_histories_by_hand():
    assert met(oldest()) == {
        "drop-oldest": 1,
        "expired": 1,
        "expired-while-pending": 1,
        "replayed": 2,  # a after its tunnel, b when it came
        "empty-history": 3,  # the first connection of a; both after the restart
        "replay-clipped-by-maxAge": 1,  # b: 10 was kept, and too old
        "replay-clipped-by-bufferSize": 1,  # a after its tunnel: as many as lastN
        "replay-clipped-by-lastN": 1,
        "restart": 1,
        "down": 1,
        "reconnect": 3,
        "connection-lost": 2,  # a: 9 in flight, 10 pending
        "offline": 1,
        "refused": 4,
        "gave-up": 1,
        "unfinished": 2,  # a: 2 in flight, 3 pending
    }
    assert met(newest()) == {
        "drop-newest": 2,
        "replay-refuses-new": 1,
        "replay-clipped-by-bufferSize": 1,
        "replay-clipped-by-lastN": 1,
        "replayed": 1,
        "empty-history": 1,
        "sent-at-subscribe": 1,
        "reconnect": 1,
        "connection-lost": 1,  # 6 was pending when the server closed
        "duplicate": 1,
        "stall": 1,
        "stalled": 1,
    }


def test_every_state_is_counted_and_explained():
    assert list(reached_states(oldest())) == list(STATES)
    assert all(STATES.values())


SENT = "\n".join(f"{n} send {n} offered=0" for n in range(1, 11))


@pytest.mark.parametrize(
    ("options", "limits", "replay", "states"),
    [
        ({}, {"lastN": 3}, "8-10", {"lastN"}),
        ({}, {"maxAge": "5s"}, "7-10", {"maxAge"}),
        ({"messageTTL": "5s"}, {"lastN": 9}, "8-10", {"messageTTL"}),
        ({}, {"lastN": 99}, "3-10", {"bufferSize"}),
        ({}, {"lastN": 8}, "3-10", {"bufferSize", "lastN"}),  # the same events: both
        ({}, {"lastN": 2, "maxAge": "2s"}, "10-10", {"maxAge"}),
        ({"messageTTL": "1s"}, {"lastN": 3}, "-", {"messageTTL"}),
        # At 12 s event 7 is 5 s old to the nanosecond: too old for the TTL, not for maxAge.
        ({"messageTTL": "5s"}, {"maxAge": "5s"}, "8-10", {"messageTTL"}),
        ({"messageTTL": "5.000000001s"}, {"lastN": 4}, "7-10", {"messageTTL", "lastN"}),
        ({"messageTTL": "5s"}, {"lastN": 4}, "8-10", {"messageTTL"}),
        ({}, {}, "-", set()),
        ({}, {"lastN": 0}, "-", {"lastN"}),  # no replay: it keeps out whatever there is
        ({"messageTTL": "1s"}, {"lastN": 0}, "-", set()),  # and there is nothing
    ],
)
def test_what_clips_a_replay(options, limits, replay, states):
    of = scenario(options={"bufferSize": 8, "onFull": "drop-oldest"} | options, replay=limits)
    found = met(history(f"{SENT}\n12 connect a/0#1\n12 replay a/0#1 {replay}", of))
    assert {state for state in found if "clipped" in state} == {
        f"replay-clipped-by-{limit}" for limit in states
    }
    assert found.get("expired", 0) == ("messageTTL" in states)


TTL = scenario(
    options={"bufferSize": 8, "onFull": "drop-oldest", "messageTTL": "10s"}, replay={"lastN": 8}
)


@pytest.mark.parametrize(
    ("text", "states"),
    [
        ("1 send 1 offered=0\n11 send 2 offered=0", {"forgotten-channel"}),
        ("1 send 1 offered=0\n10 send 2 offered=0", set()),
        ("1 send 1 offered=0\n11 connect a/0#1", {"forgotten-channel"}),
        ("0 connect a/0#1\n1 send 1 offered=1\n11 send 2 offered=1", set()),
        ("0 connect a/0#1\n1 send 1 offered=1\n11 expire a/0#1 1",
         {"expired", "expired-while-pending", "expired-at-take"}),
        ("0 connect a/0#1\n1 send 1 offered=1\n12 expire a/0#1 1",
         {"expired", "expired-while-pending"}),
        ("1 connect a/0#1\n1 send 1 offered=1", {"sent-at-subscribe"}),
        ("1 send 1 offered=0\n1 connect a/0#1", {"sent-at-subscribe"}),
        ("1 send 1 offered=0 in=neighbour\n1 connect a/0#1", set()),
        ("0 connect a/0#1\n1 connect a/0#2", {"reconnect", "reconnect-while-open"}),
        ("0 connect a/0#1\n1 close a/0#1 server client\n1 connect a/0#2", {"reconnect"}),
        ("1 send 1 offered=0\n2 connect a/0#1\n2 replay a/0#1 1-1\n3 restart",
         {"replayed", "restart", "restart-during-replay"}),
        ("1 send 1 offered=0\n2 connect a/0#1\n2 replay a/0#1 1-1\n2 take a/0#1 1\n3 restart",
         {"replayed", "restart", "restart-during-replay"}),
        ("1 send 1 offered=0\n2 connect a/0#1\n2 replay a/0#1 1-1\n12 expire a/0#1 1\n3 restart",
         {"replayed", "restart", "expired", "expired-while-pending"}),
        ("0 connect a/0#1\n1 send 1 offered=1\n3 restart", {"restart"}),
        ("0 fault disconnect a", {"disconnect"}),
        ("0 connect probe/right#1\n0 refuse probe/none#1 status status=401", set()),
        ("0 connect neighbour/0#1\n1 refuse neighbour/0#1 down\n1 offline neighbour/0", set()),
    ],
)  # fmt: skip
def test_states(text, states):
    assert set(met(history(text, TTL))) == states


def test_the_neighbours_drops_are_not_the_scenarios():
    text = (
        "0 connect neighbour/0#1\n1 send 1 in=neighbour offered=1\n2 send 2 in=neighbour offered=1"
        "\n3 send 3 in=neighbour offered=1\n3 drop neighbour/0#1 1 drop-oldest"
    )
    assert met(history(text)) == {}


def test_what_expect_asks_for():
    found = passes("reached", oldest())
    assert found.judged == 3
    assert "drop-oldest 1 time, expired-while-pending 1 time, restart 1 time" in found.sentence
    assert passes("reached", newest()).judged == 2  # `not reached(…)` asks for nothing


def test_a_state_that_was_never_reached_is_inconclusive():
    of = scenario(expect=["reached(stalled) and reached(offline)", "missed_fraction(a) <= 1"])
    found = inconclusive("reached", history("1 offline a/0", of), "Never reached: stalled.")
    assert found.evidence == (f"never reached: stalled ({STATES['stalled']})",)


def test_a_state_that_does_not_exist_is_inconclusive_and_says_which_do():
    found = inconclusive("reached", history("1 end run", scenario(expect=["reached(lost)"])))
    assert "there is no state 'lost'; there are drop-oldest, " in found.evidence[0]


def test_without_reached_it_does_not_apply():
    of = scenario(expect=["not reached(offline)", "missed_fraction(a) <= 1"])
    not_applicable("reached", history("1 offline a/0", of), "asks for no state")


def test_evidence_is_bounded():
    asked = [f"reached({state})" for state in list(STATES)[:12]]
    found = inconclusive("reached", history("1 end run", scenario(expect=asked)))
    assert len(found.evidence) == 8


def test_a_channel_that_nobody_used_was_not_forgotten():
    of = scenario(options={"bufferSize": 2, "onFull": "drop-oldest", "messageTTL": "1s"})
    unused = "9 connect a/0#1\n9 replay a/0#1 -"
    assert "forgotten-channel" not in met(history(unused, of))
    assert met(history(f"1 send 1 offered=0\n{unused}", of))["forgotten-channel"] == 1
    assert "forgotten-channel" not in met(history(f"8.5 send 1 offered=0\n{unused}", of))
