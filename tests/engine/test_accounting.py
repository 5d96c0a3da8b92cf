"""Every offered message has exactly one fate: ACC-1."""

from __future__ import annotations

import pytest

from simrt.engine import ReplayOptions

from . import start

pytestmark = pytest.mark.rules("ACC-1")


def test_the_six_fates_in_one_life() -> None:
    channel = start.channel(buffer_size=2, message_ttl_ns=10)
    start.send(channel, 0, 1)
    sub = channel.subscribe(ReplayOptions(last_n=2), now=1)
    start.fates(sub, pending=2)
    start.send(channel, 2)
    start.fates(sub, pending=2, dropped_oldest=1)
    assert start.seqs(sub.take(11, 1)) == [3]  # 2 expired at 11
    start.fates(sub, dropped_oldest=1, expired=1, taken=1)
    start.send(channel, 12, 13)
    start.fates(sub, dropped_oldest=1, expired=1, taken=1, pending=2)
    sub.close(99)  # expired or not: discarded
    start.fates(sub, dropped_oldest=1, expired=1, taken=1, discarded=2)
    start.send(channel, 99)
    assert sub.offered == 5


@pytest.mark.parametrize("on_full", ["drop-oldest", "drop-newest"])
def test_fates_add_up_whenever_they_are_read(on_full: str) -> None:
    channel = start.channel(buffer_size=3, message_ttl_ns=4, on_full=on_full)
    start.send(channel, 0, 0)
    subs = [channel.subscribe(ReplayOptions(last_n=last_n), now=0) for last_n in (0, 1, 9)]
    offered = [0, 1, 2]
    seen = set()
    for now in range(60):
        burst = (0, 0, 0, 0, 2, 1, 3)[now % 7]
        start.send(channel, *[now] * burst)
        for at, sub in enumerate(subs):
            offered[at] += burst
            if (now + at) % 4 == 0:
                sub.take(now, 1 + at)
            assert sum(sub.fates.values()) == sub.offered == offered[at]
            assert list(sub.fates) == list(start.FATES)
            seen |= {fate for fate, count in sub.fates.items() if count}
    assert seen == {"taken", on_full.replace("drop-", "dropped-"), "expired", "pending"}


def test_a_reader_cannot_spoil_the_counts() -> None:
    channel = start.channel()
    sub = channel.subscribe(now=0)
    sub.fates["taken"] = 99
    start.fates(sub)
