"""A channel to begin a test with."""

from __future__ import annotations

from typing import Any

from simrt.engine import Channel, ChannelOptions, Hub, Message, Subscription

FATES = ("taken", "dropped-oldest", "dropped-newest", "expired", "discarded", "pending")


def channel(**options: Any) -> Channel:
    return Hub("a1").project("shop").channel("news", ChannelOptions(**options))


def send(channel: Channel, *times: int) -> None:
    for now in times:
        channel.send("e", None, now)


def seqs(messages: tuple[Message, ...]) -> list[int]:
    return [message.seq for message in messages]


def fates(sub: Subscription, **expected: int) -> None:
    """Assert the six fates: named ones as given (``dropped_oldest=1``), all others zero."""
    wanted = {fate: expected.pop(fate.replace("-", "_"), 0) for fate in FATES}
    assert not expected
    assert dict(sub.fates) == wanted
    assert sum(wanted.values()) == sub.offered
