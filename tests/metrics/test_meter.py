"""Every metric on a history small enough to be worked out by hand, with the arithmetic."""

from __future__ import annotations

import pickle

import pytest

from simrt.errors import UsageError
from simrt.metrics import METRICS, OUTCOMES, Meter, Metrics
from tests.metrics.tales import Tale


def steady() -> Metrics:
    """One client, connected at 10, workload to 100; messages 1 to 4 sent at 20, 30, 40, 80.

    1 received at 22, 2 at 35, 3 never (dropped at 40), 4 at 90.
    """
    tale = Tale()
    tale.connect(10)
    tale.send(20, 1).take(20, 1).receive(22, 1)
    tale.send(30, 2).take(33, 2).receive(35, 2)
    tale.send(40, 3).drop(40, 3, "drop-oldest")
    tale.send(80, 4).take(80, 4).receive(90, 4)
    return tale.measure()


@pytest.mark.rules("ACC-2")
def test_counts_and_fractions() -> None:
    seen = steady()
    assert seen.value("sent") == 4
    assert seen.value("received") == 3
    assert seen.value("missed") == 1
    assert seen.value("missed_dropped_oldest") == 1
    assert seen.value("missed_fraction") == 0.25
    assert seen.value("loss_fraction") == 0.25
    assert seen.value("expired_fraction") == 0
    assert seen.value("gap_messages") == 1
    assert seen.outcomes() == {
        "received": 3, "dropped-oldest": 1, "dropped-newest": 0, "expired": 0, "offline": 0,
        "connection-lost": 0, "restart": 0, "unfinished": 0,
    }  # fmt: skip


def test_latency() -> None:
    seen = steady()
    assert seen.value("latency_s") == pytest.approx(17 / 3)  # 2 + 5 + 10
    assert seen.value("live_latency_s") == pytest.approx(17 / 3)
    assert seen.quantile("latency_s", p=0) == 2
    assert seen.quantile("latency_s", p=0.5) == pytest.approx(5, rel=0.01)
    assert seen.quantile("latency_s", p=1) == 10


def test_staleness() -> None:
    """The age: 2 to 15 in [22, 35], 5 to 60 in [35, 90], 10 to 20 in [90, 100]."""
    seen = steady()
    # (15² - 2²)/2 = 110.5; (60² - 5²)/2 = 1787.5; (20² - 10²)/2 = 150; 2048 over 78 s
    assert seen.value("staleness_s") == pytest.approx(2048 / 78)
    # 5 to 10 and 10 to 15 are covered twice and 2 to 5 once: below 10 lie 8 + 5 = 13 s; then
    # 10 to 15 is covered three times: 13 + 15 = 28 s below 15, 38 s below 20, and 1 s a second on.
    assert seen.quantile("staleness_s", p=28 / 78) == pytest.approx(15, rel=0.01)
    assert seen.quantile("staleness_s", p=39 / 78) == pytest.approx(21, rel=0.01)
    assert seen.quantile("staleness_s", p=0) == pytest.approx(2, rel=0.01)
    assert seen.quantile("staleness_s", p=1) == 60
    assert seen.value("peak_staleness_s") == 37.5  # (15 + 60) / 2: just before 35 and 90
    assert seen.quantile("peak_staleness_s", p=1) == 60
    assert seen.value("uninformed_s") == 12  # 10 to 22
    assert seen.quantile("uninformed_s", p=0.5) == 12
    assert seen.value("never_informed") == 0


def test_outdated_and_blind() -> None:
    seen = steady()
    # outdated 20-22, 30-35, 40-90 of the 90 s from 10 to 100
    assert seen.value("outdated_fraction") == pytest.approx(57 / 90)
    # from 0 to 2, 5 and 50 s in these: (2² + 5² + 50²) / 2 over 90 s
    assert seen.value("outdated_s") == pytest.approx((4 + 25 + 2500) / 2 / 90)
    assert seen.value("outdated_max_s") == 50
    # 0 for 33 s; below 2 s covered three times and below 5 s twice: 33 + 6 + 6 = 45 of 90 s
    assert seen.quantile("outdated_s", p=45 / 90) == pytest.approx(5, rel=0.01)
    assert seen.quantile("outdated_s", p=30 / 90) == 0
    assert seen.quantile("outdated_s", p=1) == 50
    assert seen.value("blind_s") == 50  # 3 was sent at 40, the next receive is at 90


def test_blind_lasts_to_the_end_of_the_workload() -> None:
    tale = Tale().connect(0).send(5, 1).arrive(5, 1).send(30, 2).drop(30, 2, "drop-newest")
    tale.send(31, 3).take(31, 3).receive(150, 3)
    seen = tale.measure()
    assert seen.value("blind_s") == 70  # 30 to 100, not to 150
    # the age runs 0 to 95 from 5 to 100; what comes at 150 changes nothing of it
    assert seen.value("staleness_s") == pytest.approx(95 / 2)
    assert seen.value("outdated_fraction") == 0.7
    assert seen.value("outdated_s") == pytest.approx(70 * 70 / 2 / 100)
    assert seen.value("outdated_max_s") == 70  # since 2 was sent, though 3 is newer
    assert seen.value("peak_staleness_s") is None
    assert seen.value("received") == 2
    assert seen.value("latency_s") == pytest.approx((0 + 119) / 2)


def test_blind_counts_from_the_first_connect() -> None:
    seen = Tale().connect(0).send(10, 1).send(20, 2).take(20, 1).receive(25, 1).measure()
    assert seen.value("blind_s") == 15  # 10 to 25; 2 was sent before the receive at 25


def test_occupancy() -> None:
    """1 pending 20-30, 2 pending 25-40, 3 pending 26-28 (dropped)."""
    tale = Tale().connect(0)
    tale.send(20, 1).send(25, 2).send(26, 3).drop(28, 3, "drop-newest")
    tale.take(30, 1).take(40, 2).receive(50, 1).receive(55, 2)
    seen = tale.measure()
    assert seen.value("mean_pending") == pytest.approx((10 + 15 + 2) / 100)
    # drops come with the send that causes them: what a send exceeds for that instant never waited
    assert seen.value("pending_max") == 2
    assert seen.value("in_flight_max") == 2  # from 40 to 50


def test_pending_ends_with_the_connection_and_with_the_workload() -> None:
    tale = Tale().connect(0).send(10, 1).send(20, 2).close(30, pending=(1, 2))
    tale.connect(50, n=2, replay=(1, 2)).take(60, 1, n=2)
    seen = tale.measure()
    # 1: 10-30 and 50-60, 2: 20-30 and 50-100
    assert seen.value("mean_pending") == pytest.approx((20 + 10 + 10 + 50) / 100)
    assert seen.value("pending_max") == 2


def test_occupancy_after_the_workload_counts_nothing() -> None:
    tale = Tale().connect(0).send(90, 1).take(130, 1).receive(131, 1)
    assert tale.measure().value("mean_pending") == pytest.approx(10 / 100)


@pytest.mark.rules("BUF-5")
def test_memory_is_the_newest_messages_under_drop_oldest() -> None:
    tale = Tale(buffer_size=2).connect(0)
    for seq, size in enumerate((10, 20, 5, 5), 1):
        tale.send(seq, seq, size)
    seen = tale.measure()
    assert seen.value("memory_bytes") == 32  # 1 and 2: 10 + 20, and one letter of type each
    assert seen.value("memory_bytes", "g") is None


@pytest.mark.rules("BUF-5")
def test_memory_holds_what_is_pending_under_drop_newest() -> None:
    tale = Tale(buffer_size=2, on_full="drop-newest", groups={"g": 2})
    tale.connect(0).connect(0, "g/1").send(1, 1, 10).send(2, 2, 20)
    tale.arrive(2, 1, "g/1").arrive(2, 2, "g/1")
    tale.send(3, 3, 40).drop(3, 3, "drop-newest").arrive(3, 3, "g/1")
    tale.send(4, 4, 80).drop(4, 4, "drop-newest").arrive(4, 4, "g/1")
    # g/0 still holds 1 and 2, the history 3 and 4: 150 bytes and four letters
    assert tale.measure().value("memory_bytes") == 154
    tale.close(5, pending=(1, 2)).send(6, 5, 100).arrive(6, 5, "g/1")
    # now only the history counts: 80 + 100 + 2
    assert tale.measure().value("memory_bytes") == 182


@pytest.mark.rules("BUF-5", "RST-1")
def test_at_the_end_of_a_restart_only_what_was_taken_can_still_arrive() -> None:
    tale = Tale(buffer_size=4).connect(0).send(1, 1).send(2, 2).take(3, 1).restart(20, "b")
    seen = tale.measure().outcomes()
    assert (seen["unfinished"], seen["restart"]) == (1, 1)


def test_a_restart_empties_the_memory() -> None:
    tale = Tale(buffer_size=4).connect(0).send(1, 1, 50).restart(2, "b").send(3, 1, 10)
    assert tale.measure().value("memory_bytes") == 51


@pytest.mark.rules("ACC-2")
@pytest.mark.parametrize(
    ("outcome", "tell"),
    [
        ("received", lambda t: t.take(20, 1).receive(21, 1)),
        ("dropped-oldest", lambda t: t.drop(20, 1, "drop-oldest")),
        ("dropped-newest", lambda t: t.drop(20, 1, "drop-newest")),
        ("expired", lambda t: t.expire(20, 1)),
        ("connection-lost", lambda t: t.close(20, pending=(1,))),
        ("connection-lost", lambda t: t.take(15, 1).close(20)),
        ("connection-lost", lambda t: t.take(15, 1).client_close(20)),
        ("restart", lambda t: t.restart(20, "b")),
        ("restart", lambda t: t.take(15, 1).restart(20, "b").client_close(21)),
        ("received", lambda t: t.take(15, 1).restart(20, "b").receive(21, 1, epoch="a")),
        ("received", lambda t: t.take(15, 1).server_close(20).receive(21, 1).client_close(22)),
        ("unfinished", lambda t: t),
        ("unfinished", lambda t: t.take(15, 1)),
        # the server's side is over, but the network still holds it for the client (NET-5)
        ("unfinished", lambda t: t.take(15, 1).restart(20, "b")),
        ("unfinished", lambda t: t.take(15, 1).server_close(20)),
        # the client left before it knew that it was accepted (NET-1, NET-4)
        ("connection-lost", lambda t: t.take(15, 1).refuse(16)),
        ("connection-lost", lambda t: t.close(11, pending=(1,)).refuse(12, n=2)
                                       .connect(13, n=2, replay=(1, 1)).take(13, 1, n=2)),
        # the last subscription to which it was offered decides
        ("connection-lost", lambda t: t.drop(20, 1, "drop-oldest").close(21).connect(22, n=2,
                                        replay=(1, 1)).close(23, n=2, pending=(1,))),
        ("expired", lambda t: t.close(20, pending=(1,)).connect(22, n=2, replay=(1, 1))
                               .expire(23, 1, n=2)),
        ("dropped-oldest", lambda t: t.drop(20, 1, "drop-oldest").close(21).connect(22, n=2)
                               .close(23, n=2)),
        ("received", lambda t: t.take(11, 1).close(12).connect(22, n=2, replay=(1, 1))
                               .arrive(23, 1, n=2)),
        ("received", lambda t: t.arrive(11, 1).close(12).connect(22, n=2, replay=(1, 1))
                               .drop(23, 1, "drop-oldest", n=2)),
        # the server still has the old connection when the new one begins
        ("connection-lost", lambda t: t.client_close(20).connect(21, n=2).server_close(22, n=1,
                                        pending=(1,))),
        ("unfinished", lambda t: t.client_close(20).connect(21, n=2, replay=(1, 1))
                                 .server_close(22, n=1, pending=(1,))),
        ("unfinished", lambda t: t.client_close(20).connect(21, n=2, replay=(1, 1))
                                 .drop(22, 1, "drop-oldest", n=1)),
    ],
)  # fmt: skip
def test_each_outcome(outcome: str, tell) -> None:  # type: ignore[no-untyped-def]
    tale = Tale().connect(0).send(10, 1)
    tell(tale)
    seen = tale.measure()
    assert {name: n for name, n in seen.outcomes().items() if n} == {outcome: 1}
    assert seen.value("missed") == (outcome not in ("received", "unfinished"))
    for name in OUTCOMES:
        plain = name in ("received", "unfinished")
        metric = name if plain else f"missed_{name.replace('-', '_')}"
        for whose in ({"group": "all"}, {"group": "g"}, {"subscriber": "g/0"}):
            assert seen.value(metric, **whose) == (name == outcome)


@pytest.mark.rules("ACC-2")
def test_offline_is_what_was_offered_to_no_connection() -> None:
    tale = Tale().connect(0).close(5).send(10, 1).send(11, 2)
    tale.connect(20, n=2, replay=(2, 2)).arrive(21, 2, n=2).close(30, n=2).send(40, 3)
    seen = tale.measure()
    assert seen.outcomes()["offline"] == 2  # 1, and 3 after which it never came back
    assert seen.outcomes()["received"] == 1
    assert seen.value("missed_offline") == 2


@pytest.mark.rules("ACC-2", "ACC-3")
def test_membership_begins_at_the_first_accepted_subscribe() -> None:
    tale = Tale().send(1, 1).send(2, 2).connect(3, replay=(1, 2)).arrive(4, 1).arrive(5, 2)
    tale.send(6, 3).arrive(7, 3).close(8).connect(9, n=2, replay=(2, 3))
    tale.arrive(10, 2, n=2).arrive(11, 3, n=2)
    seen = tale.measure()
    assert seen.value("sent") == 1
    assert seen.value("earlier") == 2
    assert seen.value("received") == 1
    assert seen.value("duplicates") == 2
    assert seen.value("latency_s") == 1  # 1 and 2 have no delay: nobody was there to wait
    # receipts: 1, 2, 3, 2, 3
    assert sum(seen.value(name) or 0 for name in ("received", "duplicates", "earlier")) == 5
    # the first message is 3 s old when it informs: 1 s at 4 is wrong, 3 s right
    assert seen.value("uninformed_s") == 1
    # age 3-4 in [4,5], 3-5 in [5,7], 1-94 in [7,100]
    assert seen.value("staleness_s") == pytest.approx((3.5 + 8 + (94**2 - 1) / 2) / 96)


def test_duplicates_do_not_lower_the_age() -> None:
    tale = Tale().connect(0).send(10, 1).arrive(10, 1).send(20, 2).arrive(20, 2).close(30)
    tale.connect(40, n=2, replay=(1, 2)).arrive(50, 1, n=2).arrive(60, 2, n=2)
    seen = tale.measure()
    assert seen.value("duplicates") == 2
    # 0-10, then 0-80 from 20 to 100
    assert seen.value("staleness_s") == pytest.approx((50 + 3200) / 90)
    assert seen.value("peak_staleness_s") == 10


def test_a_late_receipt_of_an_older_message_changes_no_age() -> None:
    """2 arrives, its connection breaks, and only then does a replay bring 1."""
    tale = Tale(buffer_size=1).connect(0).send(10, 1).drop(11, 1, "drop-oldest")
    tale.send(11, 2).arrive(11, 2).close(20).connect(30, n=2, replay=(1, 2)).arrive(31, 1, n=2)
    seen = tale.measure()
    assert seen.value("received") == 2
    assert seen.value("staleness_s") == pytest.approx(89 / 2)


def test_gap_is_the_longest_run_of_misses_and_not_of_a_group() -> None:
    tale = Tale(groups={"g": 2}).connect(0).connect(0, "g/1")
    fates = {"g/0": "xx.xxx.x", "g/1": "x...xx.."}
    for seq in range(1, 9):
        tale.send(seq, seq)
        for who, fate in fates.items():
            if fate[seq - 1] == "x":
                tale.drop(seq, seq, "drop-newest", who)
            else:
                tale.arrive(seq, seq, who)
    seen = tale.measure()
    assert seen.value("gap_messages") == 3
    assert seen.value("gap_messages", subscriber="g/0") == 3
    assert seen.value("gap_messages", subscriber="g/1") == 2


def test_an_unfinished_message_ends_a_gap() -> None:
    tale = Tale(on_full="drop-newest").connect(0).send(1, 1).send(2, 2)
    tale.drop(2, 2, "drop-newest").send(3, 3).send(4, 4).drop(4, 4, "drop-newest")
    seen = tale.measure()
    assert seen.outcomes()["unfinished"] == 2
    assert seen.value("gap_messages") == 1


def test_replay() -> None:
    tale = Tale(useful_for="12s").send(5, 1).send(10, 2).send(15, 3)
    tale.connect(20, replay=(1, 3)).take(20, 1).take(21, 2).take(27, 3).send(30, 4).take(30, 4)
    seen = tale.measure()
    assert seen.value("replayed") == 3
    assert seen.value("replay_age_s") == pytest.approx((15 + 11 + 12) / 3)
    assert seen.quantile("replay_age_s", p=1) == 15
    assert seen.value("resurfaced") == 1  # 15 s; 12 s is not older than 12 s
    assert seen.value("replayed_per_reconnect") is None  # it was the first connect


def test_what_came_by_replay_alone_is_not_live() -> None:
    tale = Tale().connect(0).send(10, 1).close(11, pending=(1,)).send(12, 2)
    tale.connect(20, n=2, replay=(1, 2)).arrive(20, 1, n=2).arrive(22, 2, n=2)
    tale.send(30, 3).take(30, 3, n=2).receive(33, 3, n=2)
    seen = tale.measure()
    assert seen.value("latency_s") == pytest.approx((10 + 10 + 3) / 3)
    assert seen.value("live_latency_s") == 3
    assert seen.quantile("live_latency_s", p=0.5) == 3
    assert seen.quantile("latency_s", p=0.99) == 10
    assert seen.value("replayed_per_reconnect") == 2
    assert seen.value("age_after_replay_s") == 10  # at 22, of 2


def test_outages() -> None:
    """Away 10-14 with nothing sent; away 30-40, current at 45; the server saw both later."""
    tale = Tale().connect(0).send(5, 1).arrive(5, 1)
    tale.client_close(10).server_close(11).connect(14, n=2)
    tale.client_close(30, n=2).send(31, 2).server_close(32, n=2, pending=(2,)).send(35, 3)
    tale.connect(40, n=3, replay=(2, 3)).arrive(41, 2, n=3).take(41, 3, n=3).receive(45, 3, n=3)
    seen = tale.measure()
    assert seen.value("outages") == 2
    assert seen.value("reconnects") == 2
    assert seen.value("not_reconnected") == 0
    assert seen.value("reconnect_s") == 7  # 4 and 10
    assert seen.quantile("reconnect_s", p=1) == 10
    assert seen.value("recovery_s") == 9.5  # 4 (nothing was sent) and 15
    assert seen.value("not_recovered") == 0
    assert seen.value("replayed_per_reconnect") == 1  # none and two
    assert seen.value("age_after_replay_s") == pytest.approx((9 + 10) / 2)  # 14-5, 45-35
    assert seen.value("gap_probability") == 0
    assert seen.value("missed_per_outage") == 0
    assert seen.value("duplicates_per_outage") == 0


def test_an_outage_begins_with_whichever_side_saw_it_first() -> None:
    seen = Tale().connect(0).server_close(10).client_close(12).connect(20, n=2).measure()
    assert seen.value("reconnect_s") == 10


def test_an_outage_within_a_recovery_belongs_to_it() -> None:
    tale = Tale().connect(0).send(1, 1).arrive(1, 1).close(10).send(11, 2).connect(12, n=2)
    tale.close(20, n=2).connect(25, n=3).send(30, 3).arrive(31, 3, n=3)
    seen = tale.measure()
    assert seen.value("outages") == 2
    assert seen.value("reconnect_s") == pytest.approx((2 + 5) / 2)
    assert seen.value("recovery_s") == 21  # 10 to 31
    assert seen.value("gap_probability") == 1  # 2 is missing after both reconnects
    assert seen.value("missed_per_outage") == 0.5


def test_what_still_arrives_on_a_dead_connection_is_no_recovery() -> None:
    tale = Tale().connect(0).send(1, 1).take(1, 1).restart(5, "b").receive(6, 1, epoch="a")
    tale.client_close(7).connect(9, n=2)
    assert tale.measure().value("recovery_s") == 4


def test_an_outage_is_followed_into_the_quiet_phase() -> None:
    tale = Tale().connect(0).send(1, 1).arrive(1, 1).close(95).send(96, 2)
    tale.connect(103, n=2, replay=(2, 2)).arrive(105, 2, n=2).close(106, n=2).connect(107, n=3)
    seen = tale.measure()
    assert seen.value("outages") == 1  # the one at 106 is none of the workload's
    assert seen.value("reconnect_s") == 8
    assert seen.value("recovery_s") == 10
    assert seen.value("age_after_replay_s") == 105 - 96


def test_who_never_comes_back_is_counted() -> None:
    seen = Tale().connect(0).send(1, 1).arrive(1, 1).close(50).send(60, 2).measure()
    assert seen.value("outages") == 1
    assert seen.value("reconnects") == 0
    assert seen.value("not_reconnected") == 1
    assert seen.value("not_recovered") == 1
    assert seen.value("reconnect_s") is None
    assert seen.value("recovery_s") is None
    assert seen.value("gap_probability") is None


def test_a_gap_after_a_reconnect_is_one_for_good() -> None:
    """After the first reconnect 2 is replayed, after the second 3 is not."""
    tale = Tale().connect(0).send(1, 1).arrive(1, 1)
    tale.close(10).send(11, 2).connect(12, n=2, replay=(2, 2)).arrive(13, 2, n=2)
    tale.close(20, n=2).send(21, 3).send(22, 4).connect(23, n=3, replay=(4, 4)).arrive(24, 4, n=3)
    seen = tale.measure()
    assert seen.value("gap_probability") == 0.5
    assert seen.value("missed_per_outage") == 0.5
    assert seen.value("duplicates_per_outage") == 0


def test_evicted_age() -> None:
    tale = Tale(buffer_size=1).connect(0).send(10, 1)
    tale.send(14, 2).drop(14, 1, "drop-oldest").send(20, 3).drop(20, 2, "drop-oldest")
    seen = tale.measure()
    assert seen.value("evicted_age_s") == 5  # 4 and 6
    assert seen.quantile("evicted_age_s", p=1) == 6


def test_refetches() -> None:
    tale = Tale(kind="invalidation", groups={"g": 1, "h": 1})
    tale.connect(20).send(30, 1).arrive(30, 1).close(40).connect(50, n=2, replay=(1, 1))
    tale.arrive(51, 1, n=2).send(60, 2).arrive(60, 2, n=2)
    tale.connect(60, "h/0").close(101, n=2).connect(102, n=3, replay=(2, 2)).arrive(103, 2, n=3)
    seen = tale.measure()
    assert seen.value("refetches") == 4  # three receipts and a reconnect, before 100
    assert seen.value("refetches_per_s") == pytest.approx(4 / 80)
    assert seen.value("refetches_per_s", "h") == 0
    assert Tale().connect(0).measure().value("refetches") is None


def test_a_member_that_never_heard_anything() -> None:
    tale = Tale(groups={"g": 2}).connect(0).connect(40, "g/1").send(50, 1)
    tale.arrive(50, 1, "g/1")
    seen = tale.measure()
    assert seen.value("never_informed") == 1
    assert seen.value("uninformed_s") == pytest.approx((100 + 10) / 2)
    assert seen.value("staleness_s", subscriber="g/0") is None
    assert seen.value("staleness_s") == 25
    # g/0: 50 of 100 s; g/1: nothing of 60 s
    assert seen.value("outdated_fraction") == pytest.approx(50 / 160)
    assert seen.value("blind_s") == 50


def test_a_member_is_outdated_while_it_has_nothing_of_what_was_sent() -> None:
    tale = Tale().send(10, 1).connect(20).send(30, 2).arrive(40, 2)
    seen = tale.measure()
    assert seen.value("outdated_fraction") == pytest.approx(20 / 80)
    # not from the send at 10, when it was no member
    assert (seen.value("outdated_s"), seen.value("outdated_max_s")) == (pytest.approx(200 / 80), 20)


def test_while_nothing_is_sent_the_screen_grows_stale_but_not_outdated() -> None:
    seen = Tale().connect(0).send(10, 1).arrive(10, 1).measure()
    assert seen.value("staleness_s") == 45
    assert seen.quantile("staleness_s", p=1) == 90
    assert (seen.value("outdated_s"), seen.value("outdated_max_s")) == (0, 0)
    assert (seen.value("outdated_fraction"), seen.quantile("outdated_s", p=0.9)) == (0, 0)


def test_a_replay_of_the_past_leaves_the_screen_outdated_since_the_next_event() -> None:
    tale = Tale().send(10, 1).send(20, 2).connect(50, replay=(1, 2))
    tale.take(50, 1).receive(60, 1).take(60, 2).receive(70, 2)
    seen = tale.measure()
    # nothing for 10 s: from 0 to 10; then 1 is shown, and 2 is 40 to 50 s old
    assert seen.value("outdated_s") == pytest.approx((100 + 50**2 - 40**2) / 2 / 50)
    assert seen.value("outdated_max_s") == 50


def test_groups_pool_and_add() -> None:
    tale = Tale(groups={"slow": 1, "fast": 2}).connect(0, "fast/1").connect(0, "slow/0")
    tale.send(10, 1).take(10, 1, "slow/0").arrive(12, 1, "fast/1")
    tale.connect(50, "fast/0")
    tale.send(60, 2).arrive(61, 2, "fast/0").arrive(61, 2, "fast/1")
    tale.drop(62, 2, "drop-oldest", "slow/0")
    tale.receive(70, 1, "slow/0")
    seen = tale.measure()
    assert seen.groups() == ("slow", "fast", "all")
    assert seen.subscribers() == ("slow/0", "fast/0", "fast/1")
    assert seen.subscribers("fast") == ("fast/0", "fast/1")
    assert [seen.value("sent", group) for group in seen.groups()] == [2, 3, 5]
    assert seen.value("missed_fraction") == 0.2  # 1 of 5, not the mean of 1/2 and 0
    assert seen.value("latency_s", "fast") == pytest.approx((1 + 2 + 1) / 3)
    assert seen.value("latency_s") == pytest.approx((1 + 2 + 1 + 60) / 4)
    assert seen.quantile("latency_s", "fast", 1) == 2
    assert seen.quantile("latency_s", p=1) == 60
    # ages: fast/0 1-40 in [61,100]; fast/1 2-51 in [12,61], 1-40; slow/0 60-90 in [70,100]
    area = (40**2 - 1) / 2 * 2 + (51**2 - 4) / 2 + (90**2 - 60**2) / 2
    assert seen.value("staleness_s") == pytest.approx(area / (39 + 88 + 30))
    assert seen.outcomes("slow")["dropped-oldest"] == 1
    assert seen.outcomes(subscriber="fast/0")["received"] == 1


def test_strangers_enter_nothing() -> None:
    tale = Tale()
    tale.connect(0).send(10, 1).arrive(10, 1)
    plain = tale.measure().to_frame()
    other = {"project": "shop-neighbour"}
    tale.row(20, "connect", subscriber="neighbour/0", connection=1, **other)
    tale.row(20, "replay", subscriber="neighbour/0", connection=1, detail={"count": 0}, **other)
    tale.row(30, "send", seq=1, event="e", bytes=5000, **other)
    tale.row(30, "take", seq=1, subscriber="neighbour/0", connection=1, **other)
    tale.row(31, "receive", seq=1, subscriber="neighbour/0", connection=1, **other)
    tale.row(40, "send", seq=2, event="e", bytes=5000, channel="else")
    tale.connect(110, "probe/right").close(111, "probe/right")
    tale.row(112, "refuse", subscriber="probe/none", connection=1, cause="status")
    tale.row(113, "reject", event="e", cause="down")
    tale.row(120, "end", detail={"run": "complete"})
    seen = tale.measure().to_frame()
    assert seen.equals(plain)


def test_what_is_sent_after_the_workload_enters_nothing() -> None:
    tale = Tale().connect(0).send(10, 1).arrive(10, 1)
    plain = tale.measure().to_frame()
    tale.send(101, 2).take(101, 2).receive(102, 2).send(103, 3).drop(103, 3, "drop-newest")
    assert tale.measure().to_frame().equals(plain)


def test_a_receipt_of_what_nobody_sent_is_unmatched() -> None:
    tale = Tale().connect(0).send(10, 1).receive(11, 2).receive(12, 1, epoch="zz")
    seen = tale.measure()
    assert seen.value("unmatched") == 2
    assert seen.value("received") == 0
    assert seen.value("duplicates") == 0


@pytest.mark.rules("RST-3")
def test_after_a_restart_numbers_begin_anew_and_are_other_messages() -> None:
    tale = Tale().connect(0).send(10, 1).arrive(10, 1).restart(20, "b").client_close(20)
    tale.connect(30, n=2).send(40, 1).arrive(44, 1, n=2)
    seen = tale.measure()
    assert seen.value("received") == 2
    assert seen.value("duplicates") == 0
    assert seen.value("latency_s") == 2


def test_an_empty_history_has_no_values() -> None:
    seen = Tale().measure()
    counts = {name for name, metric in METRICS.items() if metric.kind == "count"}
    for name in seen.names:
        expected = 0 if name in counts - {"refetches"} or name == "memory_bytes" else None
        assert seen.value(name) == expected, name
    assert seen.outcomes() == dict.fromkeys(OUTCOMES, 0)


def test_every_metric_has_a_figure_and_travels_between_processes() -> None:
    seen = steady()
    again = pickle.loads(pickle.dumps(seen))
    frame = seen.to_frame()
    assert again.to_frame().equals(frame)
    assert again.quantile("staleness_s", p=0.5) == seen.quantile("staleness_s", p=0.5)
    assert list(frame.columns) == ["subscriber", "group", "metric", "value", "unit"]
    of_group = frame[(frame.group == "g") & (frame.subscriber == "")]
    plain = [name for name in of_group.metric if "(" not in name]
    assert plain == list(METRICS)
    assert set(of_group.metric) - set(plain) == {
        f"p{percent}({name})" for name, metric in METRICS.items() if metric.over
        for percent in (50, 90, 99)
    }  # fmt: skip
    assert list(frame[frame.subscriber == "g/0"].metric) == list(METRICS)


def test_unknown_names_are_refused() -> None:
    seen = steady()
    with pytest.raises(UsageError, match="did you mean latency_s"):
        seen.value("latencys")
    with pytest.raises(UsageError, match="group: found 'office'; write g or all"):
        seen.value("sent", "office")
    with pytest.raises(UsageError, match="group: found"):
        seen.quantile("latency_s", "office", 0.5)
    with pytest.raises(UsageError, match=r"subscriber: found 'g/7'.* write one of subscribers"):
        seen.value("sent", subscriber="g/7")
    with pytest.raises(UsageError, match=r"no quantiles; write value\('sent'\)"):
        seen.quantile("sent", p=0.5)


def test_feed_and_feed_all_are_the_same() -> None:
    tale = Tale().connect(0).send(10, 1).arrive(12, 1)
    meter = Meter(tale.scenario)
    for row in tale.rows:
        meter.feed(row)
    assert meter.finish().to_frame().equals(tale.measure().to_frame())


def test_memory_does_not_grow_with_the_run() -> None:
    """30,000 messages, one client that keeps up, one that has stopped reading: a few thousand."""
    tale = Tale(duration="1d", groups={"g": 2}).connect(0).connect(0, "g/1")
    for seq in range(1, 30_001):
        tale.send(seq, seq)
        tale.arrive(seq, seq)
        if seq <= 2:
            tale.take(seq, seq, "g/1")
        elif seq > 6:
            tale.drop(seq, seq - 4, "drop-oldest", "g/1")
    meter = Meter(tale.scenario)
    meter.feed_all(tale.rows)
    assert len(meter._sent) <= 4097
    assert all(len(one.outcomes._codes) < 40 for one in meter._subscribers.values())
    assert all(len(group.staleness.starts) < 10_000 for group in meter._groups.values())
    seen = meter.finish()
    assert seen.outcomes(subscriber="g/1")["dropped-oldest"] == 29_994
    assert seen.outcomes(subscriber="g/1")["unfinished"] == 6
    assert seen.value("gap_messages") == 29_994
    assert len(pickle.dumps(seen)) < 20_000


def test_a_gap_is_remembered_when_its_message_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("simrt.metrics.outcomes._PATIENCE", 0)
    tale = Tale(buffer_size=1).connect(0).send(1, 1).arrive(1, 1)
    tale.send(2, 2).send(3, 3).drop(3, 2, "drop-oldest")  # 2 can be forgotten from here on
    tale.close(4, pending=(3,)).connect(5, n=2, replay=(3, 3)).arrive(5, 3, n=2)
    assert tale.measure().value("gap_probability") == 1


def test_pending_is_highest_before_it_expires() -> None:
    tale = Tale().connect(0).send(1, 1).send(2, 2).send(3, 3).expire(9, 1).expire(9, 2).take(9, 3)
    assert tale.measure().value("pending_max") == 3
