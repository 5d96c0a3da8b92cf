"""Pending queues, overflow, what a slow subscriber costs: BUF-1 to BUF-5."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import pytest

from simrt.engine import ChannelOptions, EncodedEvent, Hub, ReplayOptions, encode_event

from . import start

both_policies = pytest.mark.parametrize("on_full", ["drop-oldest", "drop-newest"])


def lines_run(call: Callable[[], Any]) -> int:
    """Count the lines of the engine that a call runs: work, measured without a clock.

    Of the engine alone: a garbage collection in between runs lines of other packages.
    """
    count = 0

    def trace(frame: FrameType, event: str, arg: object) -> Any:
        nonlocal count
        if not frame.f_globals["__name__"].startswith("simrt.engine"):
            return None
        count += event == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        call()
    finally:
        sys.settrace(before)
    return count


@pytest.mark.rules("BUF-1")
@both_policies
def test_each_queue_is_full_on_its_own_and_what_was_taken_does_not_count(on_full: str) -> None:
    channel = start.channel(buffer_size=2, on_full=on_full)
    slow, fast = channel.subscribe(now=0), channel.subscribe(now=0)
    for seq in range(1, 6):
        start.send(channel, 0)
        assert start.seqs(fast.take(0, 1)) == [seq]
    start.fates(fast, taken=5)
    start.fates(slow, **{on_full.replace("drop-", "dropped_"): 3}, pending=2)


@pytest.mark.rules("BUF-2")
def test_drop_oldest_removes_the_oldest_and_adds_the_new_one() -> None:
    channel = start.channel(buffer_size=3, on_full="drop-oldest")
    sub = channel.subscribe(now=0)
    for last in range(1, 9):
        start.send(channel, 0)
        assert sub.pending_seqs() == tuple(range(max(1, last - 2), last + 1))
    start.fates(sub, dropped_oldest=5, pending=3)
    assert start.seqs(sub.take(0, 2)) == [6, 7]
    start.send(channel, 0, 0)
    start.fates(sub, dropped_oldest=5, pending=3, taken=2)
    start.send(channel, 0, 0)
    start.fates(sub, dropped_oldest=7, pending=3, taken=2)
    assert start.seqs(sub.take(0, 9)) == [10, 11, 12]


@pytest.mark.rules("BUF-3")
def test_drop_newest_leaves_a_full_queue_as_it_is() -> None:
    channel = start.channel(buffer_size=3, on_full="drop-newest")
    sub = channel.subscribe(now=0)
    for last in range(1, 9):
        start.send(channel, 0)
        assert sub.pending_seqs() == tuple(range(1, min(3, last) + 1))
    start.fates(sub, dropped_newest=5, pending=3)
    assert start.seqs(sub.take(0, 1)) == [1]  # room for one
    start.send(channel, 0, 0)
    assert sub.pending_seqs() == (2, 3, 9)
    start.fates(sub, dropped_newest=6, pending=3, taken=1)
    assert start.seqs(sub.take(0, 2)) == [2, 3]  # room for two
    start.send(channel, 0, 0, 0)
    assert sub.pending_seqs() == (9, 11, 12)
    assert start.seqs(sub.take(0, 9)) == [9, 11, 12]
    start.send(channel, 0)
    assert start.seqs(sub.take(0, 9)) == [14]
    start.fates(sub, dropped_newest=7, taken=7)


@pytest.mark.rules("BUF-3")
def test_under_drop_newest_takes_before_the_queue_is_full_make_room_too() -> None:
    channel = start.channel(buffer_size=3, on_full="drop-newest")
    sub = channel.subscribe(now=0)
    start.send(channel, 0, 0)
    assert start.seqs(sub.take(0, 1)) == [1]
    start.send(channel, 0)  # the first send that could have filled it
    start.fates(sub, taken=1, pending=2)
    start.send(channel, 0)
    start.fates(sub, taken=1, pending=3)
    start.send(channel, 0)
    start.fates(sub, taken=1, pending=3, dropped_newest=1)
    assert start.seqs(sub.take(0, 9)) == [2, 3, 4]


@pytest.mark.rules("BUF-3")
def test_under_drop_newest_what_is_held_and_what_is_in_the_ring_are_taken_in_order() -> None:
    channel = start.channel(buffer_size=4, on_full="drop-newest")
    sub = channel.subscribe(now=0)
    start.send(channel, *[0] * 9)
    assert start.seqs(sub.take(0, 2)) == [1, 2]
    start.send(channel, 0)
    assert sub.pending_seqs() == (3, 4, 10)
    assert start.seqs(sub.take(0, 1)) == [3]
    start.send(channel, 0)
    assert start.seqs(sub.take(0, 3)) == [4, 10, 11]
    start.fates(sub, taken=6, dropped_newest=5)


@pytest.mark.rules("BUF-3", "DLV-1")
def test_under_drop_newest_a_take_of_what_is_held_and_more_keeps_its_limit() -> None:
    channel = start.channel(buffer_size=4, on_full="drop-newest")
    sub = channel.subscribe(now=0)
    start.send(channel, 0, 0, 0, 0)
    assert start.seqs(sub.take(0, 3)) == [1, 2, 3]
    start.send(channel, 0, 0)
    assert start.seqs(sub.take(0, 2)) == [4, 5]
    assert sub.pending_seqs() == (6,)


@pytest.mark.rules("BUF-4")
@both_policies
def test_a_slow_subscription_changes_nothing_for_another(on_full: str) -> None:
    def run(slow_ones: int) -> list[list[int]]:
        channel = start.channel(buffer_size=2, on_full=on_full, message_ttl_ns=5)
        for _ in range(slow_ones):
            channel.subscribe(now=0)
        sub = channel.subscribe(now=0)
        taken = []
        for now in range(30):
            start.send(channel, now)
            if now % 3 == 0:
                taken.append(start.seqs(sub.take(now, 9)))
        return taken

    assert run(0) == run(1) == run(7)


@pytest.mark.rules("BUF-4", "BUF-5")
@both_policies
def test_those_that_stand_at_one_place_share_what_they_take(on_full: str) -> None:
    channel = start.channel(buffer_size=4, on_full=on_full)
    first, second = channel.subscribe(now=0), channel.subscribe(now=0)
    for sends in (3, 6):  # the second time the queues are full
        start.send(channel, *[0] * sends)
        taken = first.take(0, 9)
        assert len(taken) == min(sends, 4)
        assert second.take(0, 9) is taken
    start.send(channel, 0)
    assert first.take(0, 9) != taken  # it was not kept beyond the next send


@pytest.mark.rules("BUF-4", "PUB-2")
@both_policies
def test_a_send_does_the_same_work_for_one_that_is_behind_and_for_a_thousand(on_full: str) -> None:
    event = encode_event("e", 1)

    def work(subscribers: int, size: int) -> int:
        channel = start.channel(buffer_size=size, on_full=on_full)
        for _ in range(subscribers):
            channel.subscribe(now=0)
        start.send(channel, *[0] * (size + 5))
        return lines_run(lambda: channel.send_encoded(event, 0))

    assert work(0, 8) == work(1, 8) == work(1000, 8) == work(1000, 64)
    assert 0 < work(1, 8) < 30


@pytest.mark.rules("BUF-4", "HUB-4")
@both_policies
def test_counts_of_what_waits_are_read_without_a_scan(on_full: str) -> None:
    def work(size: int) -> int:
        channel = start.channel(buffer_size=size, on_full=on_full)
        sub = channel.subscribe(now=0)
        start.send(channel, *[0] * (size + 5))
        return lines_run(lambda: (sub.pending, sub.offered, sub.fates))

    assert work(2) == work(500)


@pytest.mark.rules("BUF-5")
def test_drop_oldest_holds_buffer_size_messages_however_many_subscribe() -> None:
    channel = start.channel(buffer_size=3)
    subs = [channel.subscribe(now=0) for _ in range(5)]
    for seq in range(1, 12):
        channel.send("é", "x" * seq, 0)
        subs[seq % 5].take(0, 1)
        assert channel.held == min(seq, 3)
        kept = range(max(1, seq - 2), seq + 1)
        assert channel.memory_bytes == sum(2 + 2 + size for size in kept)


@pytest.mark.rules("BUF-5")
def test_drop_newest_holds_each_message_once_and_drops_it_when_nobody_wants_it() -> None:
    hub = Hub("a1")
    options = ChannelOptions(buffer_size=2, on_full="drop-newest")
    channel = hub.project("shop").channel("news", options)
    first, second = channel.subscribe(now=0), channel.subscribe(now=0)
    for _ in range(2):
        channel.send("e", "early", 0)
    for _ in range(3):
        channel.send("e", "late", 0)
    early, late = len('e"early"'), len('e"late"')
    assert (channel.held, channel.memory_bytes) == (4, 2 * early + 2 * late)
    assert hub.memory_bytes == channel.memory_bytes
    # Held once: both hold the very same messages.
    assert [a is b for a, b in zip(first.take(0, 2), second.take(0, 2), strict=True)] == [True] * 2
    assert (channel.held, channel.memory_bytes) == (2, 2 * late)
    third = channel.subscribe(ReplayOptions(last_n=2), now=0)
    for _ in range(4):
        channel.send("e", 1, 0)
    assert channel.held == 6  # 4,5 third; 6,7 first and second; 8,9 history
    assert third.take(0, 1)[0] is not None
    assert channel.held == 5
    for sub in (first, second, third):
        sub.close(0)
    assert channel.held == 2


@pytest.mark.rules("BUF-5", "DLV-4")
def test_under_drop_newest_a_closed_queue_fills_no_more() -> None:
    channel = start.channel(buffer_size=3, on_full="drop-newest")
    closed = [channel.subscribe(now=0) for _ in range(2)]
    start.send(channel, 0)
    for sub in closed:  # the send of 3 would have filled them
        sub.close(0)
    start.send(channel, 0, 0, 0)
    for sub in closed:
        assert (sub.pending, sub.pending_seqs()) == (0, ())
        start.fates(sub, discarded=1)
    # One of two that are filed together is closed: the other fills as ever.
    early, late = channel.subscribe(now=0), channel.subscribe(now=0)
    early.close(0)
    start.send(channel, 0, 0, 0, 0)
    start.fates(late, pending=3, dropped_newest=1)


@pytest.mark.rules("BUF-5")
@both_policies
def test_no_message_is_kept_alive_by_a_cache(on_full: str) -> None:
    channel = start.channel(buffer_size=3, on_full=on_full)
    subs = [channel.subscribe(now=0) for _ in range(2)]
    payloads = [b'"%d%s"' % (number, b"x" * 50) for number in range(6)]
    alone = [sys.getrefcount(payload) for payload in payloads]
    for payload in payloads[:3]:
        channel.send_encoded(EncodedEvent("e", payload), 0)
    for sub in subs:
        sub.take(0, 9)
    for payload in payloads[3:]:
        channel.send_encoded(EncodedEvent("e", payload), 0)
    del payload
    held = [sys.getrefcount(payload) for payload in payloads]
    assert [now - before for now, before in zip(held, alone, strict=True)] == [0, 0, 0, 1, 1, 1]
