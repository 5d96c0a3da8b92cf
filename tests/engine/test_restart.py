"""Restarts: RST-1 to RST-4, RST-6."""

from __future__ import annotations

import pytest

from simrt.engine import ChannelOptions, Hub, OnFull, OptionsConflictError, ReplayOptions

from . import start

both_policies = pytest.mark.parametrize("on_full", ["drop-oldest", "drop-newest"])


@pytest.mark.rules("RST-1", "RST-6", "ACC-1")
@both_policies
def test_a_restart_ends_every_subscription_and_empties_every_channel(on_full: OnFull) -> None:
    hub = Hub("a1")
    options = ChannelOptions(buffer_size=2, on_full=on_full)
    channels = [hub.project(name).channel("news", options) for name in ("shop", "blog")]
    subs = [channel.subscribe(now=0) for channel in channels for _ in range(2)]
    for channel in channels:
        start.send(channel, 0, 0, 0)
    subs[0].take(0, 1)
    start.send(channels[0], 0)
    hub.restart("a2", 5)
    assert (hub.epoch, hub.now, hub.memory_bytes, hub.ready_channels) == ("a2", 5, 0, ())
    dropped = on_full.replace("drop-", "dropped_")
    for _ in range(2):  # their fates stay as they are, whatever comes
        assert all(sub.closed and not sub.pending and not sub.pending_seqs() for sub in subs)
        start.fates(subs[0], taken=1, discarded=2, **{dropped: 1})
        start.fates(subs[1], discarded=2, **{dropped: 2})
        start.fates(subs[2], discarded=2, **{dropped: 1})
        for channel in channels:
            assert channel.collect_ready() == []
            start.send(channel, 5, 5, 5)
    for sub in subs:
        sub.close(6)
    start.fates(subs[0], taken=1, discarded=2, **{dropped: 1})


@pytest.mark.rules("RST-2")
@both_policies
def test_nothing_from_before_is_taken_or_replayed_after(on_full: OnFull) -> None:
    hub = Hub("a1")
    channel = hub.project("shop").channel("news", ChannelOptions(on_full=on_full))
    old = channel.subscribe(now=0)
    channel.send("e", "before", 0)
    hub.restart("a2", 0)
    assert old.take(0, 9) == ()
    new = channel.subscribe(ReplayOptions(last_n=9, max_age_ns=99), now=0)
    assert new.pending == 0
    channel.send("e", "after", 0)
    assert [message.data for message in new.take(0, 9)] == ["after"]
    assert old.take(0, 9) == ()
    assert channel.subscriptions == (new,)


@pytest.mark.rules("RST-3", "PUB-1")
def test_seq_starts_at_one_in_the_new_epoch() -> None:
    hub = Hub("a1")
    channel = hub.project("shop").channel("news")
    start.send(channel, 0, 0)
    hub.restart("a2", 0)
    assert (channel.last_seq, channel.made, channel.history) == (0, False, ())
    assert channel.subscribe(now=0).birth == 1
    sent = channel.send("e", 1, 0)
    assert (sent.seq, sent.offered) == (1, 1)


@pytest.mark.rules("RST-4")
def test_two_hubs_of_one_epoch_do_not_hear_each_other() -> None:
    here, there = Hub("a1").project("shop"), Hub("a1").project("shop")
    sub = there.channel("news").subscribe(now=0)
    here.channel("news").send("e", 1, 0)
    assert sub.offered == 0
    assert there.channel("news").last_seq == 0


@pytest.mark.rules("RST-6", "CHN-2")
@pytest.mark.parametrize("use", ["send", "subscribe"])
def test_old_handles_bind_again_what_they_were_made_with(use: str) -> None:
    hub = Hub("a1")
    project = hub.project("shop")
    written = project.channel("news", ChannelOptions(buffer_size=2))
    plain = project.channel("news")
    hub.restart("a2", 0)
    assert not written.bound
    assert written.options == ChannelOptions(buffer_size=2)
    assert plain.options == ChannelOptions()
    assert project.channels == ()

    def touch(channel: object = None) -> None:
        handle = written if channel is None else plain
        if use == "send":
            handle.send("e", 1, 0)
        else:
            handle.subscribe(now=0)

    touch()
    assert plain.options == ChannelOptions(buffer_size=2)
    touch(plain)  # takes what is bound
    hub.restart("a3", 0)
    touch(plain)  # binds the defaults
    assert plain.undecided == ("buffer_size", "on_full", "message_ttl_ns")
    with pytest.raises(OptionsConflictError):
        touch()
    assert written.last_seq == (1 if use == "send" else 0)


@pytest.mark.rules("RST-6")
def test_a_restart_unbinds_so_that_other_options_can_be_bound() -> None:
    hub = Hub("a1")
    project = hub.project("shop")
    old = project.channel("news", ChannelOptions(buffer_size=2))
    hub.restart("a2", 0)
    new = project.channel("news", ChannelOptions(buffer_size=3))
    with pytest.raises(OptionsConflictError):
        old.send("e", 1, 0)
    assert old.options == new.options == ChannelOptions(buffer_size=3)
    assert new.last_seq == 0
