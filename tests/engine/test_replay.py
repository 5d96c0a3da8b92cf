"""Subscribe and replay: SUB-1, REP-1 to REP-7."""

from __future__ import annotations

from typing import Any

import pytest

from simrt.engine import OptionError, ReplayOptions

from . import start


def replayed(now: int, last_n: int | None, max_age_ns: int | None, **options: Any) -> list[int]:
    """What a subscribe at ``now`` replays of messages 1 to 5, sent at 10, 20, 30, 40, 40."""
    channel = start.channel(**options)
    start.send(channel, 10, 20, 30, 40, 40)
    sub = channel.subscribe(ReplayOptions(last_n=last_n, max_age_ns=max_age_ns), now=now)
    assert sub.offered == sub.pending == len(sub.replayed)
    assert list(sub.replayed) == list(sub.pending_seqs())
    return start.seqs(sub.take(now, 99))


@pytest.mark.rules("SUB-1", "REP-3")
@pytest.mark.parametrize("on_full", ["drop-oldest", "drop-newest"])
def test_each_message_is_replayed_or_live_never_both_never_neither(on_full: str) -> None:
    channel = start.channel(on_full=on_full)
    start.send(channel, 5, 5)
    sub = channel.subscribe(ReplayOptions(last_n=9), now=5)  # in the same instant
    start.send(channel, 5, 5)
    assert start.seqs(sub.take(5, 99)) == [1, 2, 3, 4]
    assert sub.opened_ns == 5


@pytest.mark.rules("REP-1")
def test_without_bounds_there_is_no_replay() -> None:
    assert replayed(40, None, None) == []
    channel = start.channel()
    start.send(channel, 0)
    sub = channel.subscribe(now=0)
    assert sub.replay == ReplayOptions()
    assert (sub.pending, list(sub.replayed)) == (0, [])
    start.send(channel, 0)
    assert start.seqs(sub.take(0, 9)) == [2]


@pytest.mark.rules("REP-2")
@pytest.mark.parametrize(
    ("now", "last_n", "max_age_ns", "expected"),
    [
        (40, 1, None, [5]),
        (40, 3, None, [3, 4, 5]),
        (40, 5, None, [1, 2, 3, 4, 5]),
        (40, None, 9, [4, 5]),
        (40, None, 10, [3, 4, 5]),  # exactly maxAge old: replayed
        (40, None, 11, [3, 4, 5]),
        (41, None, 10, [4, 5]),
        (40, None, 30, [1, 2, 3, 4, 5]),
        (99, None, 1, []),
        (40, 1, 30, [5]),  # lastN clips maxAge
        (40, 5, 10, [3, 4, 5]),  # maxAge clips lastN
        (99, 5, 1, []),
    ],
)
def test_both_bounds_must_hold(
    now: int, last_n: int | None, max_age_ns: int | None, expected: list[int]
) -> None:
    assert replayed(now, last_n, max_age_ns) == expected
    assert replayed(now, last_n, max_age_ns, on_full="drop-newest") == expected


@pytest.mark.rules("REP-2", "TTL-2")
def test_last_n_counts_unexpired_messages_only() -> None:
    assert replayed(50, 3, None, message_ttl_ns=20) == [4, 5]
    assert replayed(49, 3, None, message_ttl_ns=20) == [3, 4, 5]
    assert replayed(60, 3, None, message_ttl_ns=20) == []


@pytest.mark.rules("REP-4")
def test_the_engine_knows_nothing_of_an_earlier_connection() -> None:
    channel = start.channel(buffer_size=2)
    first = channel.subscribe(now=0)
    start.send(channel, 0, 0)
    assert start.seqs(first.take(0, 9)) == [1, 2]
    first.close(0)
    again = channel.subscribe(ReplayOptions(last_n=2), now=0)
    assert start.seqs(again.take(0, 9)) == [1, 2]  # repeats
    again.close(0)
    start.send(channel, 0, 0, 0)
    third = channel.subscribe(ReplayOptions(last_n=2), now=0)
    assert start.seqs(third.take(0, 9)) == [4, 5]  # a gap


@pytest.mark.rules("REP-5")
def test_last_n_of_zero_means_none_also_with_max_age() -> None:
    assert replayed(40, 0, None) == []
    assert replayed(40, 0, 99) == []


@pytest.mark.rules("REP-6")
def test_bounds_beyond_what_the_channel_keeps_are_clipped() -> None:
    assert replayed(40, 99, None, buffer_size=2) == [4, 5]
    assert replayed(50, None, 99, message_ttl_ns=20) == [4, 5]
    assert replayed(40, 10**30, 10**30) == [1, 2, 3, 4, 5]


@pytest.mark.rules("REP-7", "BUF-2")
def test_drop_oldest_drops_replay_first() -> None:
    channel = start.channel(buffer_size=2)
    start.send(channel, 0, 0)
    sub = channel.subscribe(ReplayOptions(last_n=2), now=0)
    start.send(channel, 0)
    assert sub.pending_seqs() == (2, 3)
    start.fates(sub, dropped_oldest=1, pending=2)


@pytest.mark.rules("REP-7", "BUF-3")
def test_a_full_replay_refuses_new_messages_until_it_is_taken() -> None:
    channel = start.channel(buffer_size=2, on_full="drop-newest")
    start.send(channel, 0, 0)
    sub = channel.subscribe(ReplayOptions(last_n=2), now=0)
    start.send(channel, 0)
    start.fates(sub, dropped_newest=1, pending=2)
    assert start.seqs(sub.take(0, 1)) == [1]
    start.send(channel, 0)
    assert start.seqs(sub.take(0, 9)) == [2, 4]


@pytest.mark.rules("REP-7", "TTL-3")
def test_max_age_acts_at_the_subscribe_only_and_expiry_at_the_take() -> None:
    channel = start.channel(message_ttl_ns=50)
    start.send(channel, 0, 10)
    sub = channel.subscribe(ReplayOptions(max_age_ns=20), now=20)
    assert start.seqs(sub.take(50, 9)) == [2]
    start.fates(sub, expired=1, taken=1)


@pytest.mark.rules("OPT-1")
@pytest.mark.parametrize("replay", [5, "last 5", {}])
def test_what_is_no_replay_options_is_refused(replay: Any) -> None:
    channel = start.channel()
    with pytest.raises(OptionError, match="ReplayOptions or None"):
        channel.subscribe(replay, now=0)
    assert not channel.made
