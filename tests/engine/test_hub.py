"""Hub, time, epochs, projects: HUB-1 to HUB-3, PRJ-1."""

from __future__ import annotations

import ast
import textwrap
from pathlib import Path
from typing import Any

import pytest

import simrt.engine
from simrt.engine import (
    ChannelLimitError,
    ChannelOptions,
    EngineError,
    EpochError,
    EventError,
    Hub,
    InvalidNameError,
    OptionError,
    OptionsConflictError,
    TakeLimitError,
    TimeError,
    encode_event,
)

from . import start

SOURCES = sorted(Path(simrt.engine.__file__).parent.glob("*.py"))


@pytest.mark.rules("HUB-1", "TTL-5")
@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.name)
def test_the_engine_has_no_clock_no_thread_no_randomness_and_no_file(source: Path) -> None:
    allowed = {"abc", "bisect", "collections", "dataclasses", "enum", "json", "math", "operator"}
    allowed |= {"re", "typing"}
    for node in ast.walk(ast.parse(source.read_text())):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0
            names = [node.module or ""]
        for name in names:
            assert name.startswith("simrt.engine") or name.split(".")[0] in allowed, name
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id not in {"open", "print", "input", "id", "hash"} or (
                source.name == "channel.py" and node.func.id == "hash"  # Channel.__hash__
            )


@pytest.mark.rules("HUB-1")
def test_two_hubs_share_nothing() -> None:
    first, second = Hub("a1"), Hub("a1")
    first.project("shop").channel("news", ChannelOptions(buffer_size=1)).send("e", 1, 5)
    assert second.now is None
    assert second.project("shop").channels == ()
    assert second.memory_bytes == 0


@pytest.mark.rules("HUB-2")
@pytest.mark.parametrize("epoch", ["", "a b", "é", "a\n", "a" * 65, None, 7])
def test_an_epoch_of_another_form_is_refused(epoch: Any) -> None:
    with pytest.raises(EpochError, match="HUB-2"):
        Hub(epoch)
    hub = Hub("a1")
    with pytest.raises(EpochError):
        hub.restart(epoch, 5)
    assert (hub.epoch, hub.now) == ("a1", None)


@pytest.mark.rules("HUB-2")
def test_the_longest_epoch_with_every_kind_of_character_is_accepted() -> None:
    epoch = "aZ09_-" + "x" * 58
    assert Hub(epoch).epoch == epoch


@pytest.mark.rules("HUB-2")
def test_the_present_epoch_and_the_one_before_are_refused_and_older_ones_are_not() -> None:
    hub = Hub("a1")
    with pytest.raises(EpochError, match="just in use"):
        hub.restart("a1", 1)
    hub.restart("a2", 1)
    for used in ("a2", "a1"):
        with pytest.raises(EpochError, match="just in use"):
            hub.restart(used, 9)
    assert (hub.epoch, hub.now) == ("a2", 1)
    hub.restart("a3", 1)
    hub.restart("a1", 1)
    assert hub.epoch == "a1"


@pytest.mark.rules("HUB-3")
@pytest.mark.parametrize("now", [9, True, 10.0, None, "11"])
def test_a_call_back_in_time_or_at_no_integer_is_refused_and_changes_nothing(now: Any) -> None:
    hub = Hub("a1")
    channel = hub.project("shop").channel("news", ChannelOptions(buffer_size=2))
    sub = channel.subscribe(now=0)
    channel.send("e", 1, 10)
    calls: list[Any] = [
        lambda: channel.send("e", 1, now),
        lambda: channel.send_encoded(encode_event("e", 1), now),
        lambda: channel.subscribe(now=now),
        lambda: sub.take(now, 1),
        lambda: sub.close(now),
        lambda: hub.forget(now),
        lambda: hub.restart("a2", now),
    ]
    for call in calls:
        with pytest.raises(TimeError, match="HUB-3"):
            call()
    assert (hub.now, hub.epoch, channel.last_seq, sub.closed) == (10, "a1", 1, False)
    assert channel.subscriptions == (sub,)
    start.fates(sub, pending=1)
    assert start.seqs(sub.take(10, 9)) == [1]  # equal is allowed


@pytest.mark.rules("HUB-3")
def test_a_refused_call_does_not_advance_time() -> None:
    hub = Hub("a1", max_event_bytes=4, max_channels=1)
    channel = hub.project("shop").channel("news", ChannelOptions())
    sub = channel.subscribe(now=10)
    other = hub.project("shop").channel("other")
    refused: list[tuple[type[EngineError], Any]] = [
        (EventError, lambda: channel.send("", 1, 99)),
        (EventError, lambda: channel.send("e", "12345", 99)),
        (EventError, lambda: channel.send_encoded(encode_event("e", "12345"), 99)),
        (TakeLimitError, lambda: sub.take(99, 0)),
        (OptionError, lambda: channel.subscribe("last 5", now=99)),  # type: ignore[arg-type]
        (ChannelLimitError, lambda: other.send("e", 1, 99)),
        (ChannelLimitError, lambda: other.subscribe(now=99)),
        (EpochError, lambda: hub.restart("a1", 99)),
    ]
    for error, call in refused:
        with pytest.raises(error):
            call()
        assert hub.now == 10
    hub.restart("a2", 11)
    hub.project("shop").channel("news", ChannelOptions(buffer_size=1))
    for late in (lambda: channel.send("e", 1, 99), lambda: channel.subscribe(now=99)):
        with pytest.raises(OptionsConflictError):
            late()
        assert hub.now == 11


@pytest.mark.rules("HUB-3")
def test_time_may_begin_anywhere_and_stand_still() -> None:
    hub = Hub("a1")
    assert hub.now is None
    channel = hub.project("shop").channel("news")
    channel.send("e", 1, -5)
    channel.send("e", 1, -5)
    assert hub.now == -5


@pytest.mark.rules("OPT-4")
@pytest.mark.parametrize("limit", [0, -1, True, 1.5, None, "9"])
def test_a_hub_limit_out_of_range_is_refused(limit: Any) -> None:
    with pytest.raises(OptionError, match=r"max_event_bytes.*1 or more"):
        Hub("a1", max_event_bytes=limit)
    with pytest.raises(OptionError, match=r"max_channels.*1 or more"):
        Hub("a1", max_channels=limit)


@pytest.mark.rules("PRJ-1")
def test_projects_with_equal_channel_names_see_nothing_of_each_other() -> None:
    hub = Hub("a1", max_channels=1)
    shop = hub.project("shop").channel("news", ChannelOptions(buffer_size=1))
    blog = hub.project("blog").channel("news", ChannelOptions(buffer_size=9))  # no conflict
    from_shop, from_blog = shop.subscribe(now=0), blog.subscribe(now=0)
    for _ in range(3):
        shop.send("e", "shop", 0)
    sent = blog.send("e", "blog", 0)
    assert (sent.seq, sent.offered) == (1, 1)
    assert [message.data for message in from_blog.take(0, 9)] == ["blog"]
    assert [message.data for message in from_shop.take(0, 9)] == ["shop"]
    assert (shop.last_seq, blog.last_seq) == (3, 1)
    assert (blog.subscriptions, blog.options.buffer_size) == ((from_blog,), 9)
    assert hub.project("blog").channels == (blog,)
    assert hub.project("blog").memory_bytes == blog.memory_bytes == len('e"blog"')
    from_blog.close(0)
    assert not from_shop.closed
    assert from_blog.birth == from_shop.birth == 1
    assert shop != blog
    with pytest.raises(ChannelLimitError) as caught:
        hub.project("blog").channel("more", ChannelOptions())
    assert "shop" not in str(caught.value)


@pytest.mark.rules("PRJ-1", "CHN-5")
@pytest.mark.parametrize("name", ["", "x" * 201, "é" * 101, "a\nb", "\x7f", "\x9f", "\ud800", None])
def test_a_project_name_of_another_form_is_refused(name: Any) -> None:
    with pytest.raises(InvalidNameError, match="a project is named"):
        Hub("a1").project(name)


def test_handles_say_what_they_are() -> None:
    hub = Hub("a1")
    project = hub.project("shop")
    channel = project.channel("news")
    sub = channel.subscribe(now=0)
    assert (hub.max_event_bytes, hub.max_channels) == (65_536, 10_000)
    assert repr(hub) == "<Hub 'a1'>"
    assert (repr(project), project.name) == ("<Project 'shop'>", "shop")
    assert repr(channel) == "<Channel 'news' of 'shop'>"
    assert repr(sub) == "<Subscription 1 of <Channel 'news' of 'shop'>, pending 0>"
    sub.close(1)
    assert repr(sub) == "<Subscription 1 of <Channel 'news' of 'shop'>, pending 0, closed>"
    assert str(EngineError("no")) == "no"
    assert all(name in dir(simrt.engine) for name in simrt.engine.__all__)


def test_the_example_of_the_package_runs(capsys: pytest.CaptureFixture[str]) -> None:
    text = simrt.engine.__doc__ or ""
    block = text.split("::\n", 1)[1].split("How it works", 1)[0]
    exec(textwrap.dedent(block), vars(simrt.engine).copy())
    printed = capsys.readouterr().out.splitlines()
    assert printed[0] == "1 content-updated {'id': '7'}"
    assert printed[1].startswith("{'taken': 1, 'dropped-oldest': 0,")
