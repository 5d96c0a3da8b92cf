"""Taking: DLV-1 to DLV-6."""

from __future__ import annotations

from typing import Any

import pytest

from simrt.engine import ReplayOptions, TakeLimitError

from . import start

both_policies = pytest.mark.parametrize("on_full", ["drop-oldest", "drop-newest"])


@pytest.mark.rules("DLV-1", "DLV-2")
@both_policies
def test_takes_return_at_most_their_limit_in_order_of_seq(on_full: str) -> None:
    channel = start.channel(buffer_size=8, on_full=on_full)
    sub = channel.subscribe(now=0)
    assert sub.take(0, 1) == ()
    start.send(channel, *[0] * 5)
    taken = [start.seqs(sub.take(0, limit)) for limit in (1, 2, 2, 1)]
    assert taken == [[1], [2, 3], [4, 5], []]
    start.send(channel, *[0] * 8)  # the ring turns
    assert [start.seqs(sub.take(0, limit)) for limit in (5, 99)] == [[6, 7, 8, 9, 10], [11, 12, 13]]


@pytest.mark.rules("DLV-1")
@both_policies
@pytest.mark.parametrize("limit", [0, -1, True, 1.0, None])
def test_a_limit_below_one_is_refused_and_changes_nothing(on_full: str, limit: Any) -> None:
    channel = start.channel(on_full=on_full, buffer_size=1)
    sub = channel.subscribe(now=0)
    start.send(channel, 0)
    with pytest.raises(TakeLimitError, match=r"1 or more; got .*DLV-1"):
        sub.take(0, limit)
    start.fates(sub, pending=1)


@pytest.mark.rules("DLV-2", "REP-3")
@both_policies
def test_seq_never_repeats_and_never_falls_gaps_are_allowed(on_full: str) -> None:
    channel = start.channel(buffer_size=2, on_full=on_full, message_ttl_ns=4)
    start.send(channel, 0, 0)
    sub = channel.subscribe(ReplayOptions(last_n=2), now=0)
    taken = []
    for now in range(40):
        start.send(channel, *[now] * (now % 4))
        if now % 3 == 0:
            taken += start.seqs(sub.take(now, 1 + now % 2))
    assert taken == sorted(set(taken))
    assert len(taken) < channel.last_seq  # there were gaps


@pytest.mark.rules("DLV-3")
@both_policies
def test_what_is_taken_was_sent_with_the_same_type_and_data(on_full: str) -> None:
    channel = start.channel(buffer_size=3, on_full=on_full)
    sub = channel.subscribe(now=0)
    sent = {}
    for now in range(20):
        receipt = channel.send(f"type {now}", {"n": now}, now)
        sent[receipt.seq] = (f"type {now}", {"n": now}, now)
        if now % 5 == 4:
            for message in sub.take(now, 9):
                assert sent[message.seq] == (message.event, message.data, message.sent_ns)


@pytest.mark.rules("DLV-4")
@both_policies
def test_after_close_nothing_is_taken_and_closing_twice_is_harmless(on_full: str) -> None:
    channel = start.channel(buffer_size=2, on_full=on_full)
    sub, other = channel.subscribe(now=0), channel.subscribe(now=0)
    start.send(channel, 0, 0, 0)
    sub.close(1)
    dropped: dict[str, int] = {on_full.replace("drop-", "dropped_"): 1}
    for _ in range(2):
        start.send(channel, 1)
        assert sub.take(1, 9) == ()
        sub.close(1)
        assert sub.closed
        assert (sub.pending, sub.pending_seqs()) == (0, ())
        start.fates(sub, **dropped, discarded=2)
        assert channel.subscriptions == (other,)
    assert other.pending == 2


@pytest.mark.rules("DLV-5")
@both_policies
def test_what_was_taken_is_beyond_every_policy(on_full: str) -> None:
    channel = start.channel(buffer_size=1, on_full=on_full, message_ttl_ns=5)
    sub = channel.subscribe(now=0)
    start.send(channel, 0)
    (message,) = sub.take(0, 1)
    start.send(channel, 0, 0, 99)  # overflow and expiry
    sub.close(99)
    assert sub.fates["taken"] == 1
    assert (message.seq, message.data) == (1, None)


@pytest.mark.rules("DLV-6")
@both_policies
def test_all_subscribers_see_one_order(on_full: str) -> None:
    channel = start.channel(buffer_size=4, on_full=on_full)
    subs = [channel.subscribe(now=0) for _ in range(3)]
    seen: list[list[int]] = [[], [], []]
    for step in range(24):
        channel.send(("a", "b")[step % 2], step, 0)
        for at, sub in enumerate(subs):
            if step % (at + 2) == 0:
                seen[at] += [message.data for message in sub.take(0, at + 1)]
    assert all(order == sorted(order) for order in seen)
    assert all(len(order) > 5 for order in seen)
