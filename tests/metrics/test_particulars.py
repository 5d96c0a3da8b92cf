"""What the fold tells while it runs, and what bounds its work and its memory."""

from __future__ import annotations

import math
import pickle
import statistics
from typing import Any

import pytest

from simrt.errors import UsageError
from simrt.metrics import Listener, Meter, Outcome, Receipt, buckets
from simrt.metrics.batches import Batch, jackknife, joined
from simrt.metrics.memory import Memory
from simrt.metrics.outcomes import (
    DROPPED_NEWEST,
    DROPPED_OLDEST,
    EXPIRED,
    IN_FLIGHT,
    LOST,
    OFFLINE,
    OPEN,
    PENDING,
    RECEIVED,
    RESTARTED,
    Outcomes,
)
from simrt.metrics.result import Metrics
from simrt.metrics.sketch import CHUNK, Sketch, bounds_of, bucket_of
from simrt.metrics.subscriber import Connection, Group, Subscriber
from simrt.metrics.totals import FIGURES, Totals
from tests.metrics.tales import S, Tale

# --- listening ------------------------------------------------------------------------------------


class Told(Listener):
    """Remembers what it is told."""

    def __init__(self) -> None:
        self.facts: list[tuple[Any, ...]] = []

    def sent(self, message: int, t_ns: int) -> None:
        self.facts.append(("sent", message, t_ns // S))

    def accepted(self, subscriber: str, connection: int, t_ns: int, *, left: bool) -> None:
        self.facts.append(("accepted", subscriber, connection, t_ns // S, left))

    def received(self, receipt: Receipt) -> None:
        self.facts.append(("received", receipt))

    def ended(self, subscriber: str, t_ns: int) -> None:
        self.facts.append(("ended", subscriber, t_ns // S))

    def settled(self, subscriber: str, first: int, last: int, outcome: Outcome) -> None:
        self.facts.append(("settled", subscriber, first, last, outcome))


def told_of_all() -> Tale:
    """One that was sent before, a repeated one, an outage, an attempt left before its accept."""
    tale = Tale().send(1, 1).connect(2, replay=(1, 1)).arrive(3, 1)
    tale.send(4, 2).take(4, 2).receive(6, 2).receive(7, 2)
    tale.client_close(8).server_close(9).send(10, 3).send(11, 4)
    tale.refuse(12, n=2).connect(13, n=2).server_close(14, n=2)
    tale.connect(15, n=3, replay=(4, 4)).arrive(16, 4, n=3)
    return tale.send(101, 5).close(102, n=3)


def test_a_listener_hears_everything_in_the_order_of_the_rows() -> None:
    told = Told()
    tale = told_of_all()
    meter = Meter(tale.scenario, told)
    meter.feed_all(tale.rows)
    assert ("settled", "g/0", 2, 2, Outcome.RECEIVED) not in told.facts
    meter.finish()

    def receipt(at_s: int, message: int, sent_s: int, *known: bool) -> tuple[str, Receipt]:
        return "received", Receipt("g/0", at_s * S, message, sent_s * S, *known)

    assert told.facts == [
        ("sent", 1, 1),
        ("accepted", "g/0", 1, 2, False),
        receipt(3, 1, 1, True, True, True),
        ("sent", 2, 4),
        receipt(6, 2, 4, True, False, False),
        receipt(7, 2, 4, False, False, False),
        ("ended", "g/0", 8),
        ("sent", 3, 10),
        ("sent", 4, 11),
        ("accepted", "g/0", 2, 13, True),
        ("accepted", "g/0", 3, 15, False),
        receipt(16, 4, 11, True, False, True),
        ("ended", "g/0", 102),
        ("settled", "g/0", 2, 2, Outcome.RECEIVED),
        ("settled", "g/0", 3, 3, Outcome.OFFLINE),
        ("settled", "g/0", 4, 4, Outcome.RECEIVED),
    ]


def test_listening_changes_no_figure() -> None:
    tale = told_of_all()
    meter = Meter(tale.scenario, Listener())
    meter.feed_all(tale.rows)
    assert meter.finish().to_frame().equals(tale.measure().to_frame())


# --- asked while it runs --------------------------------------------------------------------------


def test_levels_after_each_row() -> None:
    """In flight for the client, and pending at the server, of the latest connection."""
    tale = Tale().send(1, 1).connect(2, replay=(1, 1)).send(3, 2).send(4, 3).take(5, 1).take(6, 2)
    tale.receive(7, 1).drop(8, 3, "drop-oldest").send(9, 4).client_close(10).send(11, 5)
    tale.server_close(12, pending=(4, 5))
    meter = Meter(tale.scenario)
    levels = []
    for row in tale.rows:
        meter.feed(row)
        levels.append((row.kind, *meter.level("g/0")))
    assert levels == [
        ("send", 0, 0), ("connect", 0, 0), ("replay", 0, 1), ("send", 0, 2), ("send", 0, 3),
        ("take", 1, 2), ("take", 2, 1), ("receive", 1, 1), ("drop", 1, 0), ("send", 1, 1),
        ("close", 0, 1), ("send", 0, 2), ("close", 0, 0),
    ]  # fmt: skip
    assert meter.level("g/7") == (0, 0)


def test_messages_are_numbered_through_all_lives() -> None:
    tale = Tale().connect(0).send(1, 1).send(2, 2).restart(3, "b").connect(4, n=2).send(5, 1)
    meter = Meter(tale.scenario)
    meter.feed_all(tale.rows)
    assert meter.sends == 3
    assert [meter.number("a", 2), meter.number("b", 1), meter.number("c", 1)] == [2, 3, None]


def test_a_life_is_known_from_its_first_message_on() -> None:
    """Also where its first row is not the first message: an hour was cut off before it."""
    tale = Tale().send(1, 7).send(2, 8)
    meter = Meter(tale.scenario)
    meter.feed_all(tale.rows)
    assert [meter.number("a", seq) for seq in (7, 8)] == [1, 2]


def test_who_is_forgotten_is_unknown() -> None:
    tale = Tale(groups={"g": 2}).connect(0).connect(0, "g/1").refuse(1, "g/1", n=2)
    meter = Meter(tale.scenario)
    meter.feed_all(tale.rows)
    assert meter.subscriber("g/1") is not None
    meter.forget("g/1")
    meter.forget("g/1")  # and once more: nothing
    assert meter.subscriber("g/1") is None
    assert meter.subscriber("g/0") is not None
    # Its attempt 2, which it had left, is a first one again.
    meter.feed_all(Tale().connect(5, "g/1", n=2).send(6, 1).client_close(7, "g/1", n=2).rows)
    assert meter.level("g/1") == (0, 1)
    assert meter.finish().value("outages", subscriber="g/1") == 1


def test_groups_and_end_can_be_others_than_the_scenarios() -> None:
    tale = Tale(groups={"g": 1, "h": 1}).connect(0).connect(0, "h/0").send(10, 1)
    tale.arrive(10, 1).arrive(30, 1, "h/0")
    meter = Meter(tale.scenario, groups=["h"], end_ns=50 * S)
    meter.feed_all(tale.rows)
    seen = meter.finish()
    assert (seen.groups(), seen.subscribers()) == (("h", "all"), ("h/0",))
    assert seen.value("blind_s") == 20
    assert seen.value("outdated_fraction") == 20 / 50
    assert seen.value("staleness_s") == (20 + 40) / 2


def test_members_stand_in_the_order_of_their_numbers() -> None:
    tale = Tale(groups={"h": 11, "g": 11})
    for who in ("g/10", "g/2", "h/1", "g/b", "g/a", "g/1", "g/0"):
        tale.connect(0, who)
    assert tale.measure().subscribers() == (
        "h/1", "g/0", "g/a", "g/b", "g/1", "g/2", "g/10"
    )  # fmt: skip


def test_a_distribution_of_a_group_and_of_all() -> None:
    tale = Tale(groups={"g": 1, "h": 1}).connect(0).connect(0, "h/0").send(1, 1)
    seen = tale.arrive(2, 1).arrive(4, 1, "h/0").measure()
    assert [seen.sketch("latency_s", group).high for group in ("g", "h", "all")] == [
        S, 3 * S, 3 * S
    ]  # fmt: skip
    assert seen.sketch("latency_s").total == 2
    assert seen.sketch("sent").total == 0


# --- the last instant -----------------------------------------------------------------------------


def test_what_happens_in_the_last_instant_belongs_to_the_workload() -> None:
    """In any order: an accept, a send, a receipt of what nobody sent."""
    tale = Tale(groups={"g": 2}).connect(0).send(90, 1).connect(100, "g/1").arrive(100, 1)
    tale.send(100, 2).receive(100, 9).receive(100.000000001, 9)
    seen = tale.measure()
    assert seen.value("never_informed", subscriber="g/0") == 0
    assert seen.value("never_informed", subscriber="g/1") == 1
    assert seen.value("sent", subscriber="g/0") == 2
    assert seen.value("sent", subscriber="g/1") == 1
    assert seen.value("unmatched") == 1
    assert seen.value("blind_s", subscriber="g/0") == 10
    assert seen.value("uninformed_s", subscriber="g/0") == 100


def test_who_is_accepted_after_it_is_no_member_of_the_workload() -> None:
    seen = Tale(groups={"g": 2}).connect(0).send(1, 1).connect(101, "g/1").measure()
    assert seen.totals(subscriber="g/1").members == 0
    assert seen.totals().members == 1
    assert seen.value("uninformed_s") == 100


def test_a_replay_of_what_was_sent_after_it_offers_nothing() -> None:
    tale = Tale().connect(0).send(10, 1).arrive(10, 1).close(20).send(101, 2)
    tale.connect(102, n=2, replay=(1, 2)).arrive(103, 1, n=2).arrive(103, 2, n=2)
    seen = tale.measure()
    assert (seen.value("sent"), seen.value("received"), seen.value("duplicates")) == (1, 1, 1)
    assert (seen.value("unmatched"), seen.value("unfinished")) == (0, 0)
    assert seen.value("reconnect_s") == 82


# --- bounded work and memory ----------------------------------------------------------------------


@pytest.mark.parametrize(("history", "found"), [(20, 19), (0, 56)])
def test_the_fold_looks_seldom_for_what_nobody_needs(
    history: int, found: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not before as many came again as it keeps: the work for a send is bounded on average."""
    looks = []
    forget = Meter._forget

    def counted(self: Meter) -> None:
        looks.append(self.sends)
        forget(self)

    monkeypatch.setattr("simrt.metrics.meter._ROOM", 8)
    monkeypatch.setattr(Meter, "_forget", counted)
    tale = Tale(buffer_size=max(history, 1), duration="1d").connect(0)
    for seq in range(1, 401):
        tale.send(seq, seq).arrive(seq, seq)
    meter = Meter(tale.scenario)
    meter.feed_all(tale.rows)
    assert looks[:2] == [9, 19 if history else 16]
    assert len(looks) == found
    assert len(meter._sent) <= 2 * max(history, 4) + 1


def test_which_send_times_may_still_be_asked_for() -> None:
    """8 were sent, 1 received, 2 is in flight, 3 was dropped, all later ones wait."""
    tale = Tale(buffer_size=2).connect(0)
    for seq in range(1, 9):
        tale.send(seq, seq)
    tale.take(9, 1).take(9, 2).receive(10, 1).drop(11, 3, "drop-oldest")
    meter = Meter(tale.scenario)
    meter.feed_all(tale.rows)
    books = meter.subscriber("g/0")
    assert books is not None
    assert sorted(set(books.waits_for(meter.sends))) == [(1, 1), (2, 3), (4, 9), (9, 10)]
    assert books.outcomes.runs() == [(1, 1, RECEIVED), (2, 2, OPEN), (3, 3, DROPPED_OLDEST)]
    assert books.now(meter.sends).runs() == [
        (1, 1, RECEIVED), (2, 2, IN_FLIGHT), (3, 3, DROPPED_OLDEST), (4, 8, PENDING)
    ]  # fmt: skip
    assert books.outcomes.runs()[1] == (2, 2, OPEN)  # looking changed nothing


def test_what_the_fold_keeps_of_send_times() -> None:
    tale = Tale(buffer_size=2, on_full="drop-newest").connect(0)
    for seq in range(1, 21):
        tale.send(seq, seq)
        if seq != 5:
            tale.take(seq, seq).receive(seq, seq)
    tale.take(21, 5)
    meter = Meter(tale.scenario)
    meter.feed_all(tale.rows)
    meter._forget()
    # 1 follows the replay, which was empty; 5 is in flight, 6 follows it; 19, 20 are the history.
    assert sorted(meter._sent) == [1, 5, 6, 19, 20]


def test_a_connection_and_a_member_at_their_beginning() -> None:
    """Five were sent before, at 90 ns together; the history holds two of them."""
    one = Connection(3, 2, 5, 90, reconnect=True)
    assert (one.number, one.base, one.live_from, one.offer_from, one.offset) == (3, 2, 5, 6, -5)
    assert (one.left, one.times, one.last_taken, one.taken, one.received) == (0, 90, -1, 0, 0)
    assert (one.server_open, one.client_open, one.ended, one.reconnect) == (True, True, False, True)
    assert (one.offer_to, one.last_offer(8)) == (-1, 8)
    one.server_open, one.offer_to = False, 7
    assert one.last_offer(8) == 7
    books = Subscriber("g/0", Group("g"), 20, 100, 5, 3)
    assert (books.member_from, books.newest, books.heard_to, books.since_ns) == (5, 5, 5, 20)
    assert (books.newest_ns, books.outage_ns, books.lagging_ns) == (-1, -1, -1)
    assert books.outcomes.runs() == [(4, 5, OFFLINE)]
    totals = books.totals
    assert (totals.members, totals.first_ns, totals.covered_ns) == (1, 20, 80)
    late = Subscriber("g/0", Group("g"), 101, 100, 5, 3).totals
    assert (late.members, late.never_informed, late.first_ns, late.covered_ns) == (0, 1, 101, 0)
    last = Subscriber("g/0", Group("g"), 100, 100, 5, 3).totals
    assert (last.members, last.never_informed, last.covered_ns) == (1, 0, 0)


def test_connections_are_kept_while_the_server_has_them() -> None:
    books = Subscriber("g/0", Group("g"), 0, 100, 0, 0)
    first, second, third = (Connection(n, 0, 0, 0, reconnect=False) for n in (1, 2, 3))
    books.add(first)
    books.add(second)
    assert (books.find(1), books.find(2), books.find(3)) == (first, second, None)
    second.server_open = False
    books.add(third)
    assert (books.connections, books.connection) == ([first, second, third], third)
    first.server_open = False
    books.add(Connection(4, 0, 0, 0, reconnect=False))
    assert [one.number for one in books.connections] == [3, 4]


def test_what_a_later_connection_was_offered_too_it_decides() -> None:
    """The first was offered 1 to 9, the second 4 to 6 and the third 8 alone."""
    books = Subscriber("g/0", Group("g"), 0, 100, 0, 0)
    for number, (first, last) in enumerate(((1, 9), (4, 6), (8, 8)), 1):
        one = Connection(number, 0, 0, 0, reconnect=False)
        one.server_open, one.offer_from, one.offer_to = number == 1, first, last
        books.connections.append(one)
    decided = [books.decides(one, 9) for one in books.connections]
    assert decided == [[(1, 3), (7, 7), (9, 9)], [(4, 6)], [(8, 8)]]


def test_distributions_are_counted_once_many_wait() -> None:
    group = Group("g")
    for value in range(CHUNK // 2):
        group.add_live(value)
        group.add_start(value)
        group.add_stop(value + 1)
        group.add_peak(value)
        group.outdated.starts.append(value)
        group.outdated.stops.append(value + 1)
    group.settle()
    assert len(group.live_latency.values) == CHUNK // 2  # together they are not more than a chunk
    group.add_live(1)
    group.settle()
    waiting = [group.live_latency.values, group.staleness.starts, group.staleness.stops]
    waiting += [group.peak_staleness.values, group.outdated.starts, group.outdated.stops]
    assert waiting == [[]] * 6
    assert (group.live_latency.total, group.staleness.total) == (CHUNK // 2 + 1, CHUNK // 2)
    group.add_live(5)  # what was handed out counts on
    assert group.live_latency.values == [5]


def test_what_is_finished_is_as_small_as_it_can_be() -> None:
    group = Group("g")
    for add in (group.add_live, group.add_peak, group.sketches["reconnect_s"].add):
        add(3 * S)
    group.replay_latency.add(S)
    finished = group.finished()
    assert finished["g", "latency_s"].total == 2
    assert {name for _, name in finished} == {
        "latency_s", "live_latency_s", "staleness_s", "peak_staleness_s", "outdated_s",
        "uninformed_s", "replay_age_s", "reconnect_s", "recovery_s", "age_after_replay_s",
        "evicted_age_s",
    }  # fmt: skip
    assert all(sketch.values == [] for sketch in finished.values())


# --- outcomes -------------------------------------------------------------------------------------


def test_what_is_open_is_told_apart_in_a_snapshot_alone() -> None:
    assert (OPEN, PENDING, IN_FLIGHT) == (8, 9, 10)


def test_a_receipt_out_of_order_says_nothing_of_the_one_before_it() -> None:
    record = Outcomes(0, 0)
    assert record.receive(2)
    assert [record.code(message) for message in (1, 2, 3)] == [OPEN, RECEIVED, OPEN]
    assert record.receive(1)
    assert not record.receive(1)
    assert not record.receive(2)
    assert record.runs() == [(1, 2, RECEIVED)]


@pytest.mark.parametrize("reconnects", [0, 3])
def test_a_record_is_crowded_beyond_32_runs_and_reconnects(reconnects: int) -> None:
    record = Outcomes(0, 0)
    for _ in range(reconnects):
        record.reconnected(100, 200)
    record.reconnected(5, 4)  # nothing was sent meanwhile: nothing to ask
    message = 0
    while not record.crowded:
        message += 1
        record.fate(message, (EXPIRED, DROPPED_NEWEST)[message % 2])
    # With the run before all others.
    assert message + 1 + reconnects == 33


@pytest.mark.parametrize("reconnects", [0, 10])
def test_what_cannot_be_settled_leaves_as_much_room_again(reconnects: int) -> None:
    record = Outcomes(0, 0)
    for _ in range(reconnects):
        record.reconnected(1, 100)
    for message in range(1, 60):
        record.fate(message, (EXPIRED, DROPPED_NEWEST)[message % 2])
    record.settle(0)
    assert not record.crowded
    message = 59
    while not record.crowded:
        message += 1
        record.fate(message, (EXPIRED, DROPPED_NEWEST)[message % 2])
    # 59 runs and the reconnects were there; the empty first one is gone with what is settled.
    kept = len(record.runs()) + reconnects
    assert kept in (2 * (59 + reconnects) + 1, 2 * (60 + reconnects), 2 * (60 + reconnects) + 1)


def test_a_record_that_is_settled_wholly_is_patient_again() -> None:
    record = Outcomes(0, 0)
    for message in range(1, 60):
        record.fate(message, (EXPIRED, DROPPED_NEWEST)[message % 2])
    record.settle(59)
    message = 59
    while not record.crowded:
        message += 1
        record.fate(message, (EXPIRED, DROPPED_NEWEST)[message % 2])
    assert message - 59 in (31, 32)


def test_fates_that_change_nothing() -> None:
    record = Outcomes(0, 0)
    record.receive(1)
    record.fate(1, EXPIRED)
    record.settle(1)
    record.fate(1, EXPIRED)
    record.offer(0, 1)
    record.resolve(0, 1, LOST)
    record.still_arriving(0, 1, LOST)
    assert record.runs() == []
    assert record.counts[RECEIVED] == 1
    assert sum(record.counts) == 1


def test_what_may_still_arrive() -> None:
    record = Outcomes(0, 0)
    for message, code in enumerate((LOST, RESTARTED, OFFLINE, EXPIRED), 1):
        record.resolve(message, message, code)
        if code == EXPIRED:
            record.fate(message, code)
    record.offer(5, 6)
    assert record.open_runs() == [(1, 1), (2, 2), (5, 6)]
    now = record.snapshot()
    now.still_arriving(1, 6, IN_FLIGHT)
    assert now.runs() == [
        (1, 2, IN_FLIGHT), (3, 3, OFFLINE), (4, 4, EXPIRED), (5, 6, OPEN)
    ]  # fmt: skip
    assert record.open_runs() == [(1, 1), (2, 2), (5, 6)]


def test_a_snapshot_tells_nobody() -> None:
    told: list[tuple[int, int, Outcome]] = []
    record = Outcomes(0, 0, lambda first, last, outcome: told.append((first, last, outcome)))
    record.receive(1)
    record.fate(2, EXPIRED)
    record.snapshot().settle(2)
    assert told == []
    record.settle(2)
    assert told == [(1, 1, Outcome.RECEIVED), (2, 2, Outcome.EXPIRED)]


def test_what_is_settled_is_told_of_members_alone() -> None:
    told: list[tuple[int, int, Outcome]] = []
    record = Outcomes(3, 0, lambda first, last, outcome: told.append((first, last, outcome)))
    record.resolve(1, 5, LOST)
    record.settle(4)
    assert told == [(4, 4, Outcome.CONNECTION_LOST)]
    record.settle(5)
    assert told == [(4, 4, Outcome.CONNECTION_LOST), (5, 5, Outcome.CONNECTION_LOST)]
    assert (record.longest_gap, record.counts[LOST]) == (2, 2)


# --- memory ---------------------------------------------------------------------------------------


def test_memory_under_drop_newest_by_hand() -> None:
    memory = Memory(1, beyond=True)
    memory.sent(1, 10, 2)
    memory.sent(2, 20, 0)  # 1 is older than the history, and pending twice
    assert memory.most == 30
    memory.left(1)
    memory.sent(3, 5, 1)  # 2 was pending nowhere: 1 and 3 are held
    assert memory.most == 30
    memory.left(1)
    memory.left(1)  # once too often: nothing
    memory.left(7)
    memory.sent(4, 100, 0)  # 3 and 4
    assert memory.most == 105
    memory.offered(3, 4)
    memory.left(3)
    memory.sent(5, 1, 0)  # 3, 4 and 5: all are pending, or the newest
    assert memory.most == 106
    memory.left(3)
    memory.left(4)
    memory.sent(6, 106, 0)  # 6 alone
    assert memory.most == 106
    memory.cleared()
    memory.sent(1, 107, 0)
    assert memory.most == 107


def test_memory_under_drop_oldest_is_the_history() -> None:
    memory = Memory(2, beyond=False)
    for message, size in enumerate((10, 20, 30, 1), 1):
        memory.sent(message, size, 9)
        memory.offered(message, message)
        memory.left(message)
    assert memory.most == 50


# --- sketches -------------------------------------------------------------------------------------


def test_the_buckets_hold_each_nanosecond_once() -> None:
    """Values and spans together, against a list of everything."""
    sketch = Sketch()
    everything = [3, 3, 300, 301, 1000]
    for value in everything:
        sketch.add(value)
    for start, stop in ((0, 5), (2, 4), (250, 310), (300, 300)):
        sketch.add_span(start, stop)
        everything += range(start, stop)
    sketch.add_weight(7, 2)
    sketch.add_weight(9, 0)
    everything += [7, 7]
    found = list(sketch.buckets())
    assert found == sorted(found)
    assert all((low, high) == bounds_of(bucket_of(low)) for low, high, _ in found)
    for low, high, weight in found:
        assert weight == sum(low <= value < high for value in everything)
    assert sum(weight for _, _, weight in found) == len(everything) == sketch.total
    assert (sketch.low, sketch.high) == (0, 1000)


@pytest.mark.parametrize(
    ("number", "largest", "together"),
    [(63, 5, False), (64, 5, True), (64, 2**62, True), (64, 2**62 + 1, False)],
)
def test_numpy_counts_many_that_fit_it(
    number: int, largest: int, together: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fewer do not need it, and larger ones do not fit it; the result is the same."""
    called = []

    def spied(name: str) -> None:
        real = getattr(buckets, name)

        def spy(*columns: Any) -> Any:
            called.append(name)
            return real(*columns)

        monkeypatch.setattr(buckets, name, spy)

    spied("counted")
    spied("spanned")
    sketch = Sketch()
    for _ in range(number - 1):
        sketch.add(3)
        sketch.add_span(1, 3)
    sketch.add(largest)
    sketch.add_span(largest - 2, largest)
    sketch.settle()
    assert called == (["counted", "spanned"] if together else [])
    assert sketch.total == 3 * number
    assert (sketch.low, sketch.high) == (1, largest)


def test_a_chunk_is_counted_by_itself() -> None:
    sketch = Sketch()
    for _ in range(8191):
        sketch.add(3)
    assert (sketch.total, len(sketch.values)) == (0, 8191)
    sketch.add(3)
    assert (sketch.total, sketch.values) == (8192, [])
    sketch = Sketch()
    for _ in range(8191):
        sketch.add_span(3, 5)
    assert (sketch.total, len(sketch.starts)) == (0, 8191)
    sketch.add_span(3, 5)
    assert (sketch.total, sketch.starts, sketch.stops) == (2 * 8192, [], [])


def test_a_quantile_lies_in_its_bucket_where_its_rank_does() -> None:
    """Four values in the bucket from 1000 to 1004: each has a quarter, and is its middle."""
    sketch = Sketch()
    for value in (1000, 1000, 1002, 1003):
        sketch.add(value)
    assert [sketch.quantile(p) for p in (0.25, 0.5, 0.75, 1)] == [1000, 1001.5, 1002.5, 1003]
    for value in (10, 2000):
        sketch.add(value)
    assert sketch.quantile(0.5) == 1001.5
    spans = Sketch()
    spans.add_span(1000, 1004)
    spans.add_span(2000, 2008)
    assert [spans.quantile(rank / 12) for rank in (2, 3)] == [1001.5, 1002.5]


def test_what_a_part_counted_is_taken_away() -> None:
    whole, part = Sketch(), Sketch()
    for value in (5, 700, 900):
        whole.add(value)
        whole.add_span(value, value + 50)
    part.add(700)
    part.add_span(700, 750)
    whole.settle()
    part.settle()
    left = whole.less(part)
    assert left.total == whole.total - part.total == 102
    assert [weight for _, _, weight in left.buckets() if weight] == [
        weight for _, _, weight in _of((5, 900)).buckets() if weight
    ]  # fmt: skip
    assert (left.low, left.high) == (5, 950)


def _of(values: tuple[int, ...]) -> Sketch:
    sketch = Sketch()
    for value in values:
        sketch.add(value)
        sketch.add_span(value, value + 50)
    return sketch


# --- batches --------------------------------------------------------------------------------------


def test_a_batch_has_the_figures_of_its_sums() -> None:
    sketch = Sketch()
    sketch.add(2 * S)
    batch = Batch(Totals(outcomes=[3, 1, 0, 0, 0, 0, 0, 0]), sketch)
    twice = joined([batch, batch])
    for metric, value in (("sent", 4), ("missed_fraction", 0.25), ("latency_s", None)):
        assert batch.value(metric) == value
    assert (twice.value("sent"), twice.latencies.total) == (8, 2)
    assert batch.latency_quantile(0.5) == 2
    assert Batch(Totals(), Sketch()).latency_quantile(0.5) is None
    rest = twice.less(batch)
    assert (rest.value("sent"), rest.value("received"), rest.latencies.total) == (4, 3, 1)


def test_the_jackknife_of_a_mean_is_its_standard_error() -> None:
    values = [1.0, 4.0, 4.5, 7.0]
    without = [[one for at, one in enumerate(values) if at != left] for left in range(4)]
    figure, error = jackknife(values, without, statistics.fmean)
    assert figure == statistics.fmean(values)
    assert error == pytest.approx(statistics.stdev(values) / math.sqrt(4))


# --- sums -----------------------------------------------------------------------------------------


def test_totals_add_up_or_keep_the_largest() -> None:
    one = Totals(outcomes=[1] * 8, first_ns=5, members=1, outages=2, longest_gap=4, blind_ns=1)
    other = Totals(outcomes=[2] * 8, first_ns=3, members=1, outages=1, longest_gap=2, blind_ns=9)
    both = Totals()
    for each in (one, other, Totals()):
        both.include(each)
    assert (both.outcomes, both.first_ns, both.members, both.outages) == ([3] * 8, 3, 2, 3)
    assert (both.longest_gap, both.blind_ns) == (4, 9)
    left = both.less(other)
    assert (left.outcomes, left.members, left.outages, left.longest_gap) == ([1] * 8, 1, 2, 0)
    assert pickle.loads(pickle.dumps(both)) == both


@pytest.mark.parametrize(
    "name",
    ["longest_gap", "longest_gap_unfinished", "blind_ns", "outdated_max_ns", "pending_max",
     "in_flight_max"],
)  # fmt: skip
def test_what_is_the_largest_of_all_members_is_no_sum(name: str) -> None:
    both = Totals()
    for value in (3, 5, 4):
        one = Totals()
        setattr(one, name, value)
        both.include(one)
    assert getattr(both, name) == 5
    assert getattr(both.less(Totals()), name) == 0


def test_every_figure_of_nothing_is_none_or_zero() -> None:
    assert {figure(Totals()) for figure in FIGURES.values()} == {None, 0}


def test_what_a_group_asked_for_is_counted_from_its_first_member_on() -> None:
    def asked(first_ns: int | None, *, refetches: bool = True) -> list[float | None]:
        totals = Totals(first_ns=first_ns, refetches=6)
        seen = Metrics({"g": totals}, {}, {}, end_ns=5 * S, memory_bytes=7, refetches=refetches)
        return [seen.value(name, "g") for name in ("refetches", "refetches_per_s")]

    assert asked(2 * S) == [6, 2]
    assert asked(0) == [6, 6 / 5]
    assert asked(5 * S) == [6, None]
    assert asked(5 * S - 1) == [6, 6 * S]
    assert asked(None) == [6, None]
    assert asked(2 * S, refetches=False) == [None, None]


def test_a_late_receipt_counts_for_the_connection_that_it_came_on() -> None:
    tale = Tale().connect(0).send(1, 1).take(1, 1).connect(2, n=2).receive(3, 1)
    tale.send(4, 2).take(4, 2, n=2).send(5, 3).take(5, 3, n=2)
    assert tale.measure().value("in_flight_max") == 2


@pytest.mark.parametrize("p", [-0.01, 1.01])
def test_a_percentile_is_a_share(p: float) -> None:
    with pytest.raises(UsageError, match="a share from 0 to 1"):
        Tale().connect(0).measure().quantile("latency_s", "g", p)


def test_an_end_that_does_not_say_what_was_pending_is_an_end() -> None:
    tale = Tale().connect(0).send(1, 1).arrive(1, 1)
    tale.row(5, "close", subscriber="g/0", connection=1, detail={"side": "server"})
    assert tale.measure().value("received") == 1
