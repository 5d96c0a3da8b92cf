"""The variant `resume: last-event-id`: a client that names what it had last gets what followed."""

from __future__ import annotations

from typing import Any

import pytest

from simrt.engine import Channel, ChannelOptions, Hub, OptionError, ReplayOptions, Variants

from . import start

NONE = ReplayOptions()


def channel(resume: Any = "last-event-id", **options: Any) -> Channel:
    hub = Hub("a1", variants=Variants(resume=resume))
    return hub.project("shop").channel("news", ChannelOptions(**options))


def resumed(channel: Channel, last_event_id: str, now: int = 50, **limits: Any) -> list[int]:
    """What a subscribe replays to a client that had this last."""
    sub = channel.subscribe(ReplayOptions(**limits), now=now, last_event_id=last_event_id)
    found = list(sub.replayed)
    assert sub.pending == sub.offered == len(found)
    assert start.seqs(sub.take(now, 99)) == found
    return found


@pytest.mark.rules("REP-4", "SSE-2")
def test_by_default_the_id_is_ignored() -> None:
    for news in (start.channel(), channel("none")):
        start.send(news, 10, 20, 30)
        sub = news.subscribe(ReplayOptions(last_n=3), now=30, last_event_id="a1:2")
        assert (list(sub.replayed), sub.resumed) == ([1, 2, 3], None)
        assert not news.subscribe(now=30, last_event_id="a1:2").replayed


@pytest.mark.parametrize("on_full", ["drop-oldest", "drop-newest"])
@pytest.mark.parametrize("limits", [{}, {"last_n": 0}, {"last_n": 1}, {"max_age_ns": 1}])
def test_a_known_id_wins_over_both_limits(on_full: str, limits: dict[str, int]) -> None:
    news = channel(on_full=on_full)
    start.send(news, 10, 20, 30, 40, 40)
    assert resumed(news, "a1:2", **limits) == [3, 4, 5]
    assert resumed(news, "a1:4", **limits) == [5]
    assert resumed(news, "a1:5", **limits) == []  # it has everything


def test_an_id_is_known_while_all_that_followed_is_in_the_history() -> None:
    news = channel(buffer_size=3)
    start.send(news, 10, 20, 30, 40, 40)
    assert resumed(news, "a1:2", last_n=1) == [3, 4, 5]  # 2 itself is gone, and not needed
    assert resumed(news, "a1:1", last_n=1) == [5]  # 2 followed it, and is gone


@pytest.mark.parametrize(
    "unknown",
    ["a1:6", "a2:2", "a1:0", "a1:02", "a1:+2", "a1:2 ", "a1: 2", "a1:-1", "a1", ":2", "2", "",
     "a1:2:2", "x:a1:2", "a1:\u0662", "a1:" + "9" * 5000],
)  # fmt: skip
def test_another_id_leaves_it_to_the_limits(unknown: str) -> None:
    news = channel()
    start.send(news, 10, 20, 30, 40, 40)
    assert resumed(news, unknown, last_n=2) == [4, 5]
    assert resumed(news, unknown) == []


@pytest.mark.rules("TTL-2")
def test_what_expired_is_not_replayed_but_does_not_make_an_id_unknown() -> None:
    news = channel(message_ttl_ns=20)
    start.send(news, 10, 20, 30, 40, 40)
    assert resumed(news, "a1:1", 49, last_n=0) == [3, 4, 5]
    assert resumed(news, "a1:1", 50, last_n=0) == [4, 5]  # message 3 is 20 old: expired
    assert resumed(news, "a1:1", 60, last_n=2) == []


@pytest.mark.rules("CHN-3")
def test_a_forgotten_history_makes_no_difference() -> None:
    news = channel(message_ttl_ns=20, buffer_size=3)
    start.send(news, 0, 0)
    sub = news.subscribe(now=30)
    sub.close(30)
    assert not news.history
    start.send(news, 40)
    assert resumed(news, "a1:1", 40) == [3]
    start.send(news, 41, 42)
    assert resumed(news, "a1:1", 42) == []  # message 2 is out of the history by now
    assert resumed(news, "a1:2", 42) == [3, 4, 5]


@pytest.mark.rules("RST-3")
def test_an_id_from_before_a_restart_is_unknown() -> None:
    hub = Hub("a1", variants=Variants(resume="last-event-id"))
    news = hub.project("shop").channel("news")
    start.send(news, 0, 0, 0)
    hub.restart("a2", 1)
    start.send(news, 1, 1)
    assert resumed(news, "a1:1", 1, last_n=1) == [2]
    assert resumed(news, "a2:1", 1, last_n=0) == [2]


@pytest.mark.rules("REP-7", "BUF-3")
def test_a_resumed_replay_is_pending_like_any_other() -> None:
    news = channel(buffer_size=2, on_full="drop-newest")
    start.send(news, 0, 0, 0)
    sub = news.subscribe(NONE, now=0, last_event_id="a1:1")
    assert sub.resumed == 1
    start.send(news, 0)
    start.fates(sub, pending=2, dropped_newest=1)


@pytest.mark.rules("OPT-4")
@pytest.mark.parametrize("wrong", ["last_event_id", True, None, 1])
def test_another_value_is_refused(wrong: Any) -> None:
    with pytest.raises(OptionError, match=r"resume must be 'none' or 'last-event-id'"):
        Variants(resume=wrong)
    with pytest.raises(OptionError, match="Variants or None"):
        Hub("a1", variants=wrong or {})


def test_a_hub_says_its_variants() -> None:
    assert Hub("a1").variants == Variants()
    assert Hub("a1", variants=Variants("last-event-id")).variants.resume == "last-event-id"
