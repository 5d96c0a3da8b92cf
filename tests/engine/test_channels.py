"""Channels on demand, bound options, forgotten histories, limits: CHN-1 to CHN-5."""

from __future__ import annotations

import inspect
from typing import Any

import pytest

from simrt.engine import (
    Channel,
    ChannelLimitError,
    ChannelOptions,
    Hub,
    InvalidNameError,
    OptionError,
    OptionsConflictError,
    Project,
    ReplayOptions,
)

from . import start


@pytest.mark.rules("CHN-1")
def test_a_channel_is_made_at_the_first_send_or_subscribe() -> None:
    hub = Hub("a1")
    sent, watched, bound = (hub.project("shop").channel(name) for name in ("a", "b", "c"))
    for channel in (sent, watched, bound):
        assert channel.collect_ready() == []
        assert channel.subscriptions == ()
        assert (channel.history, channel.held, channel.memory_bytes) == ((), 0, 0)
        assert (channel.made, channel.bound, channel.last_seq) == (False, False, 0)
    sent.send("e", 1, 0)
    watched.subscribe(now=0)
    hub.project("shop").channel("c", ChannelOptions())
    assert [channel.made for channel in (sent, watched, bound)] == [True, True, False]
    assert [channel.bound for channel in (sent, watched, bound)] == [True, True, True]
    assert [channel.name for channel in hub.project("shop").channels] == ["a", "b", "c"]


@pytest.mark.rules("CHN-2")
def test_options_are_bound_at_once_and_a_handle_without_takes_them() -> None:
    project = Hub("a1").project("shop")
    options = ChannelOptions(buffer_size=2, on_full="drop-newest", message_ttl_ns=7)
    project.channel("news", options)
    assert project.channel("news").options == options


@pytest.mark.rules("CHN-2")
@pytest.mark.parametrize(
    "other", [{"buffer_size": 3}, {"on_full": "drop-newest"}, {"message_ttl_ns": 8}]
)
def test_other_options_than_the_bound_ones_are_refused_and_change_nothing(
    other: dict[str, Any],
) -> None:
    project = Hub("a1").project("shop")
    bound: dict[str, Any] = {"buffer_size": 2, "on_full": "drop-oldest", "message_ttl_ns": 7}
    channel = project.channel("news", ChannelOptions(**bound))
    with pytest.raises(OptionsConflictError, match=r"buffer_size=2.*CHN-2"):
        project.channel("news", ChannelOptions(**(bound | other)))
    assert channel.options == ChannelOptions(**bound)
    assert list(channel.undecided) == []


@pytest.mark.rules("CHN-2", "OPT-3")
def test_equal_values_are_equal_written_or_default() -> None:
    project = Hub("a1").project("shop")
    channel = project.channel("news", ChannelOptions(buffer_size=64))
    assert list(channel.undecided) == ["on_full", "message_ttl_ns"]
    project.channel("news", ChannelOptions(on_full="drop-oldest"))
    assert list(channel.undecided) == ["message_ttl_ns"]
    project.channel("news", ChannelOptions(message_ttl_ns=None))
    assert list(channel.undecided) == []


@pytest.mark.rules("CHN-2", "OPT-3")
@pytest.mark.parametrize("use", ["send", "subscribe"])
def test_a_handle_without_options_binds_the_defaults_at_its_first_use(use: str) -> None:
    project = Hub("a1").project("shop")
    channel = project.channel("news")
    assert project.channels == ()
    assert channel.options == ChannelOptions()
    assert list(channel.undecided) == ["buffer_size", "on_full", "message_ttl_ns"]
    if use == "send":
        channel.send("e", 1, 0)
    else:
        channel.subscribe(now=0)
    assert list(project.channels) == [channel]
    assert list(channel.undecided) == ["buffer_size", "on_full", "message_ttl_ns"]
    with pytest.raises(OptionsConflictError):
        project.channel("news", ChannelOptions(buffer_size=2))


@pytest.mark.rules("CHN-2")
def test_options_bound_between_the_making_of_a_handle_and_its_use_count() -> None:
    project = Hub("a1").project("shop")
    early = project.channel("news")
    project.channel("news", ChannelOptions(buffer_size=1))
    early.send("e", 1, 0)
    early.send("e", 2, 0)
    assert start.seqs(early.history) == [2]


@pytest.mark.rules("CHN-2")
@pytest.mark.parametrize("options", [{}, "drop-oldest", ReplayOptions()])
def test_what_is_no_channel_options_is_refused(options: Any) -> None:
    with pytest.raises(OptionError, match="ChannelOptions or None"):
        Hub("a1").project("shop").channel("news", options)


@pytest.mark.rules("CHN-3", "PUB-1")
def test_a_forgotten_channel_keeps_its_options_and_its_last_seq() -> None:
    channel = start.channel(buffer_size=3, message_ttl_ns=10)
    start.send(channel, 0, 1, 2, 3, 4)
    sub = channel.subscribe(now=13)
    sub.close(13)  # 4 is one nanosecond too young
    assert channel.held == 3
    sub = channel.subscribe(ReplayOptions(last_n=3), now=14)
    assert sub.replayed == range(6, 6)
    sub.close(14)
    assert (channel.held, channel.memory_bytes, channel.last_seq) == (0, 0, 5)
    assert channel.options.buffer_size == 3
    assert channel.send("e", 1, 14).seq == 6
    start.send(channel, 14, 14, 14, 14)
    assert start.seqs(channel.history) == [8, 9, 10]
    sub = channel.subscribe(ReplayOptions(last_n=2), now=14)
    assert start.seqs(sub.take(14, 9)) == [9, 10]


@pytest.mark.rules("CHN-3", "PUB-4")
def test_after_forgetting_a_single_message_is_found_in_its_place() -> None:
    dropped: list[int] = []
    hub = Hub("a1", on_fate=lambda _sub, message, _fate, _now: dropped.append(message.seq))
    options = ChannelOptions(buffer_size=3, message_ttl_ns=10)
    channel = hub.project("shop").channel("news", options)
    start.send(channel, 0)
    assert hub.forget(10) == 1
    sub = channel.subscribe(now=10)
    start.send(channel, 10)
    assert start.seqs(channel.history) == [2]
    assert sub.pending_seqs() == (2,)
    start.send(channel, 10, 10, 10)
    assert dropped == [2]


@pytest.mark.rules("CHN-3")
def test_forgetting_takes_only_what_nobody_can_ever_read() -> None:
    hub = Hub("a1")
    project = hub.project("shop")
    names = ("expired", "alive", "watched", "empty", "eternal")
    options = ChannelOptions(message_ttl_ns=10)
    channels = {name: project.channel(name, options) for name in names[:-1]}
    channels["eternal"] = project.channel("eternal", ChannelOptions())
    for name, now in (("expired", 0), ("watched", 0), ("eternal", 0), ("alive", 1)):
        channels[name].send("e", 1, now)
    sub = channels["watched"].subscribe(now=1)
    assert hub.forget(10) == 1
    assert [len(channels[name].history) for name in names] == [0, 1, 1, 0, 1]
    assert hub.forget(10) == 0
    assert hub.forget(11) == 1
    sub.close(11)
    assert [len(channels[name].history) for name in names] == [0, 0, 0, 0, 1]


@pytest.mark.rules("CHN-4")
def test_a_name_grants_nothing_for_the_engine_asks_for_no_credentials() -> None:
    # Whoever holds the hub may use every name of every project: it is the endpoint that decides.
    for call in (Project.channel, Channel.send, Channel.send_encoded, Channel.subscribe):
        words = {"user", "token", "permission", "credentials", "claims", "secret"}
        assert not words & set(inspect.signature(call).parameters)
    hub = Hub("a1")
    hub.project("shop").channel("admin-notifications").send("e", 1, 0)
    hub.project("shop").channel("admin-notifications").subscribe(now=0)


@pytest.mark.rules("CHN-5")
def test_one_channel_too_many_is_refused_and_changes_nothing() -> None:
    hub = Hub("a1", max_channels=3)
    project = hub.project("shop")
    project.channel("bound", ChannelOptions())
    sent, watched, more = (project.channel(name) for name in ("sent", "watched", "more"))
    sent.send("e", 1, 0)
    watched.subscribe(now=0)
    for call in (
        lambda: project.channel("more", ChannelOptions()),
        lambda: more.send("e", 1, 0),
        lambda: more.subscribe(now=0),
    ):
        with pytest.raises(ChannelLimitError, match=r"3 channels already.*CHN-5"):
            call()
    assert not more.bound
    assert len(project.channels) == 3
    sent.send("e", 1, 0)  # those that count go on
    assert hub.project("blog").channel("more").send("e", 1, 0).seq == 1
    hub.restart("a2", 0)
    assert more.send("e", 1, 0).seq == 1


@pytest.mark.rules("CHN-5")
@pytest.mark.parametrize(
    "name",
    ["", "x" * 201, "é" * 100 + "x", "a\nb", "\0", "\x1f", "\x7f", "\x80", "\x9f", "\ud800", 7],
)
def test_a_channel_name_of_another_form_is_refused(name: Any) -> None:
    with pytest.raises(InvalidNameError, match=r"a channel is named.*CHN-5"):
        Hub("a1").project("shop").channel(name)


@pytest.mark.rules("CHN-5")
@pytest.mark.parametrize("name", ["x", "x" * 200, "é" * 100, "a b/ü", "\xa0", "\u2028", "😀"])
def test_any_other_name_is_accepted(name: str) -> None:
    channel = Hub("a1").project("shop").channel(name)
    channel.send("e", 1, 0)
    assert (channel.project, channel.name) == ("shop", name)


def test_handles_of_one_channel_are_equal() -> None:
    hub = Hub("a1")
    project = hub.project("shop")
    first = project.channel("news", ChannelOptions(buffer_size=2))
    again = project.channel("news")
    assert first == again
    assert len({first, again, project.channel("other")}) == 2
    # Where all fell together, a set of thousands of handles would be a list.
    assert len({hash(project.channel(f"c{number}")) for number in range(50)}) > 40
    assert first != Hub("a1").project("shop").channel("news")
    assert first != "news"
