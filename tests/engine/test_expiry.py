"""Expiry: TTL-1 to TTL-5. Ends of lives are met exactly, and one nanosecond beside."""

from __future__ import annotations

import pytest

from simrt.engine import ChannelOptions, Fate, Hub, Message, OnFull, ReplayOptions, Subscription

from . import start

both_policies = pytest.mark.parametrize("on_full", ["drop-oldest", "drop-newest"])


@pytest.mark.rules("TTL-1", "TTL-3", "TTL-5")
@both_policies
@pytest.mark.parametrize(("now", "taken"), [(14, [1]), (15, []), (16, [])])
def test_a_message_is_taken_while_it_is_younger_than_its_life(
    on_full: str, now: int, taken: list[int]
) -> None:
    channel = start.channel(message_ttl_ns=10, on_full=on_full)
    sub = channel.subscribe(now=0)
    start.send(channel, 5)
    assert start.seqs(sub.take(now, 9)) == taken
    start.fates(sub, taken=len(taken), expired=1 - len(taken))


@pytest.mark.rules("TTL-1", "TTL-2", "TTL-5")
@both_policies
@pytest.mark.parametrize(("now", "replayed"), [(14, [1, 2]), (15, [2]), (16, []), (17, [])])
def test_a_message_is_replayed_while_it_is_younger_than_its_life(
    on_full: str, now: int, replayed: list[int]
) -> None:
    channel = start.channel(message_ttl_ns=10, on_full=on_full)
    start.send(channel, 5, 6)
    sub = channel.subscribe(ReplayOptions(last_n=9), now=now)
    assert list(sub.replayed) == list(sub.pending_seqs()) == replayed
    assert start.seqs(sub.take(now, 9)) == replayed


@pytest.mark.rules("TTL-3", "TTL-4")
@both_policies
def test_an_expired_message_stays_pending_until_a_take_finds_it(on_full: str) -> None:
    channel = start.channel(message_ttl_ns=10, on_full=on_full, buffer_size=3)
    sub = channel.subscribe(now=0)
    start.send(channel, 0, 5, 10)
    start.fates(sub, pending=3)
    assert sub.pending_seqs() == (1, 2, 3)
    assert start.seqs(sub.take(15, 1)) == [3]  # it finds all before what it takes
    start.fates(sub, taken=1, expired=2)
    assert sub.pending == 0


@pytest.mark.rules("TTL-4", "PUB-4")
@both_policies
def test_while_recording_an_expiry_is_written_with_the_time_of_the_take(on_full: OnFull) -> None:
    rows: list[tuple[int, Fate, int]] = []

    def write(sub: Subscription, message: Message, fate: Fate, now: int) -> None:
        rows.append((message.seq, fate, now))

    options = ChannelOptions(buffer_size=2, on_full=on_full, message_ttl_ns=10)
    channel = Hub("a1", on_fate=write).project("shop").channel("news", options)
    sub = channel.subscribe(now=0)
    for first in (0, 20):
        rows.clear()
        start.send(channel, first, first + 5)
        assert start.seqs(sub.take(first + 12, 9)) == [channel.last_seq]
        assert rows == [(channel.last_seq - 1, "expired", first + 12)]


@pytest.mark.rules("TTL-4")
def test_drop_oldest_drops_an_expired_message_that_is_pending() -> None:
    channel = start.channel(message_ttl_ns=10, buffer_size=2)
    sub = channel.subscribe(now=0)
    start.send(channel, 0, 1, 50)
    start.fates(sub, dropped_oldest=1, pending=2)
    assert start.seqs(sub.take(50, 9)) == [3]
    start.fates(sub, dropped_oldest=1, expired=1, taken=1)


@pytest.mark.rules("TTL-4")
def test_under_drop_newest_an_expired_message_still_keeps_its_place() -> None:
    channel = start.channel(message_ttl_ns=10, buffer_size=2, on_full="drop-newest")
    sub = channel.subscribe(now=0)
    start.send(channel, 0, 1, 50)
    start.fates(sub, dropped_newest=1, pending=2)
    assert sub.take(50, 9) == ()
    start.fates(sub, dropped_newest=1, expired=2)
    start.send(channel, 50)
    assert start.seqs(sub.take(50, 9)) == [4]


@pytest.mark.rules("TTL-3", "DLV-1")
def test_under_drop_newest_expiry_ends_inside_what_was_held() -> None:
    channel = start.channel(message_ttl_ns=10, buffer_size=4, on_full="drop-newest")
    sub = channel.subscribe(now=0)
    start.send(channel, 0, 1, 5, 6, 7)  # the last is refused
    assert start.seqs(sub.take(11, 1)) == [3]
    start.fates(sub, expired=2, taken=1, dropped_newest=1, pending=1)
    start.send(channel, 12, 13)
    assert sub.pending_seqs() == (4, 6, 7)
    assert start.seqs(sub.take(16, 9)) == [6, 7]  # 4 expired: the rest comes from the ring
    start.fates(sub, expired=3, taken=3, dropped_newest=1)


@pytest.mark.rules("TTL-1", "OPT-5")
def test_without_a_life_nothing_expires() -> None:
    channel = start.channel(message_ttl_ns=None)
    sub = channel.subscribe(now=0)
    start.send(channel, 0)
    assert start.seqs(sub.take(10**30, 9)) == [1]
