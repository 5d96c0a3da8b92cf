"""Who is ready, and when the driver is told: HUB-4."""

from __future__ import annotations

from typing import Any

import pytest

from simrt.engine import Channel, ChannelOptions, Hub, ReplayOptions, Subscription

from . import start

pytestmark = pytest.mark.rules("HUB-4")


class Driver:
    """Keeps what it is told, and what it sees when it is told."""

    def __init__(self, **options: Any) -> None:
        self.told: list[tuple[str, int, list[int]]] = []
        self.hub = Hub("a1", on_ready=self.wake)
        self.options = ChannelOptions(**options)

    def wake(self, channel: Channel) -> None:
        pending = [sub.pending for sub in channel.subscriptions]
        self.told.append((channel.name, channel.last_seq, pending))

    def channel(self, name: str = "news") -> Channel:
        return self.hub.project("shop").channel(name, self.options)


@pytest.mark.parametrize("on_full", ["drop-oldest", "drop-newest"])
def test_the_driver_is_told_once_when_nothing_becomes_something(on_full: str) -> None:
    driver = Driver(buffer_size=2, on_full=on_full)
    channel = driver.channel()
    start.send(channel, 0)  # nobody waits
    first, second = channel.subscribe(now=0), channel.subscribe(now=0)
    assert driver.told == []
    start.send(channel, 0, 0, 0)
    assert driver.told == [("news", 2, [1, 1])]  # after the change, not in the middle
    assert list(driver.hub.ready_channels) == [channel]
    assert channel.collect_ready() == [first, second]
    assert channel.collect_ready() == []
    assert list(driver.hub.ready_channels) == []
    start.send(channel, 0)  # both are with the driver
    assert len(driver.told) == 1
    assert len(second.take(0, 1)) == 1  # not emptied: it stays there
    start.send(channel, 0)
    assert len(driver.told) == 1
    assert len(second.take(0, 9)) == 2  # emptied
    start.send(channel, 0)
    assert driver.told[1:] == [("news", 7, [2, 1])]
    assert channel.collect_ready() == [second]


def test_a_replay_makes_a_channel_ready_and_live_messages_do_not_repeat_it() -> None:
    driver = Driver()
    channel = driver.channel()
    start.send(channel, 0, 0)
    first = channel.subscribe(ReplayOptions(last_n=2), now=0)
    assert driver.told == [("news", 2, [2])]
    second = channel.subscribe(ReplayOptions(last_n=1), now=0)
    idle = channel.subscribe(ReplayOptions(last_n=0), now=0)
    start.send(channel, 0)
    assert len(driver.told) == 1
    assert channel.collect_ready() == [first, second, idle]


def test_what_is_emptied_before_it_was_collected_is_ready_no_more() -> None:
    driver = Driver(message_ttl_ns=5)
    channel = driver.channel()
    first, second = channel.subscribe(now=0), channel.subscribe(now=0)
    start.send(channel, 0)
    first.take(0, 1)
    assert list(driver.hub.ready_channels) == [channel]
    second.take(5, 1)  # expired: nothing taken, nothing left
    assert list(driver.hub.ready_channels) == []
    assert channel.collect_ready() == []
    start.send(channel, 5)
    assert len(driver.told) == 2
    first.close(5)
    assert channel.collect_ready() == [second]


def test_a_close_takes_a_subscription_out() -> None:
    driver = Driver()
    channel = driver.channel()
    sub = channel.subscribe(now=0)
    start.send(channel, 0)
    sub.close(0)
    assert list(driver.hub.ready_channels) == []
    assert channel.collect_ready() == []
    other = channel.subscribe(now=0)
    other.close(0)  # idle
    collected = channel.subscribe(now=0)
    start.send(channel, 0)
    assert channel.collect_ready() == [collected]
    collected.close(0)  # with its driver
    start.send(channel, 0)
    assert channel.collect_ready() == []
    assert len(driver.told) == 2


def test_order_is_that_of_birth_and_of_becoming_ready() -> None:
    driver = Driver()
    channels = [driver.channel(name) for name in ("a", "b", "c")]
    subs = {channel.name: [channel.subscribe(now=0) for _ in range(4)] for channel in channels}
    for at in (2, 0, 1):
        start.send(channels[at], 0)
    assert [channel.name for channel in driver.hub.ready_channels] == ["c", "a", "b"]
    a = channels[0]
    for sub in reversed(a.collect_ready()):
        sub.take(0, 9)  # they become idle in another order
    late = a.subscribe(ReplayOptions(last_n=1), now=0)
    start.send(a, 0)
    assert a.collect_ready() == [*subs["a"], late]
    assert [channel.name for channel in driver.hub.ready_channels] == ["c", "b"]


def test_a_driver_may_take_and_send_when_it_is_told() -> None:
    taken: list[int] = []

    def wake(channel: Channel) -> None:
        for sub in channel.collect_ready():
            taken.extend(start.seqs(sub.take(0, 9)))
        if channel.last_seq < 5:
            channel.send("e", 1, 0)

    channel = Hub("a1", wake).project("shop").channel("news")
    sub = channel.subscribe(now=0)
    sent = channel.send("e", 1, 0)
    assert (sent.seq, sent.offered) == (1, 1)
    assert taken == [1, 2, 3, 4, 5]
    start.fates(sub, taken=5)


def test_an_error_in_the_driver_changes_nothing_in_the_engine() -> None:
    def fail(channel: Channel) -> None:
        raise RuntimeError("driver")

    hub = Hub("a1", fail)
    channel = hub.project("shop").channel("news", ChannelOptions(buffer_size=1))
    sub = channel.subscribe(now=0)
    with pytest.raises(RuntimeError, match="driver"):
        channel.send("e", 1, 7)
    assert (channel.last_seq, hub.now) == (1, 7)  # what was sent is sent
    assert list(hub.ready_channels) == [channel]
    other = hub.project("shop").channel("other")
    other.send("e", 1, 7)
    with pytest.raises(RuntimeError, match="driver"):
        other.subscribe(ReplayOptions(last_n=1), now=8)
    assert [opened.pending for opened in other.subscriptions] == [1]
    assert list(hub.ready_channels) == [channel, other]
    channel.send("e", 2, 9)
    assert channel.collect_ready() == [sub]
    start.fates(sub, dropped_oldest=1, pending=1)
    assert start.seqs(sub.take(9, 9)) == [2]


def test_without_a_driver_readiness_can_be_asked_for() -> None:
    hub = Hub("a1")
    channel = hub.project("shop").channel("news")
    subs: list[Subscription] = [channel.subscribe(now=0) for _ in range(2)]
    start.send(channel, 0)
    assert hub.ready_channels == (channel,)
    assert channel.collect_ready() == subs
