"""Sending: PUB-1 to PUB-5 and HIS-1."""

from __future__ import annotations

import enum
import json
import sys
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import pytest

from simrt.engine import (
    Channel,
    ChannelOptions,
    EncodedEvent,
    EventError,
    Fate,
    Hub,
    Message,
    Subscription,
    encode_event,
)

from . import start


class Status(enum.StrEnum):
    DRAFT = "draft"


def nested(levels: int) -> Any:
    data: Any = 1
    for _ in range(levels):
        data = [data]
    return data


def nested_in_dicts(levels: int) -> Any:
    data: Any = 1
    for _ in range(levels):
        data = {"k": data}
    return data


def nested_in_turns(levels: int) -> Any:
    data: Any = 1
    for level in range(levels):
        data = {"k": data} if level % 2 else [data]
    return data


def circle() -> Any:
    data: list[Any] = []
    data.append(data)
    return data


class Liar(dict[str, Any]):
    """Says that it equals nothing."""

    def __eq__(self, other: object) -> bool:
        return False

    __hash__ = None


SENDERS: tuple[Callable[[Channel, Any, Any], Message], ...] = (
    lambda channel, kind, data: channel.send(kind, data, 9),
    lambda channel, kind, data: channel.send_encoded(encode_event(kind, data), 9),
)
either_way = pytest.mark.parametrize("send", SENDERS, ids=["send", "send_encoded"])


@pytest.mark.rules("PUB-1")
def test_seq_counts_from_one_in_each_channel() -> None:
    project = Hub("a1").project("shop")
    first, second = project.channel("first"), project.channel("second")
    assert [first.send("e", 1, 0).seq for _ in range(3)] == [1, 2, 3]
    assert second.send("e", 1, 0).seq == 1
    assert first.send_encoded(EncodedEvent("e", b"1"), 0).seq == 4


@pytest.mark.rules("PUB-2", "PUB-4")
@pytest.mark.parametrize("on_full", ["drop-oldest", "drop-newest"])
def test_a_send_succeeds_however_full_the_subscribers_are(on_full: str) -> None:
    channel = start.channel(buffer_size=1, on_full=on_full)
    first, second = channel.subscribe(now=0), channel.subscribe(now=0)
    # Offered counts those that refuse the message too.
    sent = [channel.send("e", 1, 0) for _ in range(3)]
    assert [(message.seq, message.offered) for message in sent] == [(1, 2), (2, 2), (3, 2)]
    second.close(0)
    assert channel.send("e", 1, 0) == Message(4, "e", b"1", sent_ns=0, offered=1)
    assert (first.offered, second.offered) == (4, 3)


@pytest.mark.rules("PUB-3")
@either_way
@pytest.mark.parametrize("kind", ["", None, 7, b"e", "a\nb", "a\rb", "\0", "a\r\n", "\ud800"])
def test_an_event_without_a_proper_type_is_rejected(
    kind: Any, send: Callable[[Channel, Any, Any], Message]
) -> None:
    channel = Hub("a1").project("shop").channel("news")
    with pytest.raises(EventError, match="PUB-3"):
        send(channel, kind, 1)
    assert not channel.bound


@pytest.mark.rules("PUB-3")
@either_way
@pytest.mark.parametrize(
    ("data", "fault"),
    [
        (float("nan"), "data must be a finite number; got nan"),
        ([1, {"k": float("-inf")}], r"data\[1\]\['k'\] must be a finite number; got -inf"),
        ((1, 2), "data must be a list, not a tuple"),
        ({"a": [()]}, r"data\['a'\]\[0\] must be a list, not a tuple"),
        (EncodedEvent("e", b"1"), "data must be a list, not a tuple"),
        ({1: 2}, "data must have text keys; got 1"),
        ({"a": {None: 1}}, r"data\['a'\] must have text keys; got None"),
        ({True: 1, "k": 1}, "data must have text keys; got True"),
        ({1.5: 1}, "data must have text keys; got 1.5"),
        ({(1,): 1}, r"data must have text keys; got \(1,\)"),
        ("\ud800", "lone surrogates"),
        (["\udfff"], "lone surrogates"),
        ({"\ud800": 1}, "lone surrogates"),
        (b"bytes", "got bytes"),
        ({1, 2}, "got set"),
        ([object()], r"data\[0\] must be JSON \(RFC 8259\); got object"),
        (1j, "got complex"),
        (circle(), "at most 100 levels deep"),
        (nested(101), "at most 100 levels deep"),
        (nested_in_dicts(101), "at most 100 levels deep"),
        (nested_in_turns(101), "at most 100 levels deep"),
        ([[]] * 500 + [nested(100)], "at most 100 levels deep"),
        ({"wide": [{}] * 500, "deep": nested_in_dicts(100)}, "at most 100 levels deep"),
        (nested(20_000), "at most 100 levels deep"),
        pytest.param(10**5000, "data must be JSON", id="huge"),
        pytest.param({10**5000: 1}, "data must have text keys; got a int", id="huge key"),
        (Liar(), "reads back as something else"),
    ],
)
def test_an_event_whose_data_is_not_json_is_rejected_before_anything_changes(
    data: Any, fault: str, send: Callable[[Channel, Any, Any], Message]
) -> None:
    hub = Hub("a1", max_channels=1)
    channel = hub.project("shop").channel("news")
    with pytest.raises(EventError, match=rf"{fault}.*PUB-3"):
        send(channel, "e", data)
    assert hub.now is None
    assert hub.project("shop").channels == ()  # without creating a channel


@pytest.mark.rules("PUB-3", "DLV-3")
@either_way
@pytest.mark.parametrize(
    "data",
    [
        None,
        True,
        0,
        -0.0,
        10**30,
        1.5e300,
        "",
        'quotes " and \\ and \n and \0 and \u2028 and 😀',
        [],
        {},
        {"": {"é": [None, False, {"k": []}]}},
        nested(100),
        nested_in_dicts(100),
        [[]] * 500,
        [[]] * 500 + [nested(99)],
        {"wide": [{}] * 500, "deep": nested_in_dicts(99)},
        "[" * 500,
        Status.DRAFT,
        OrderedDict(b=1, a=2),
    ],
)
def test_data_comes_out_equal_to_what_was_sent(
    data: Any, send: Callable[[Channel, Any, Any], Message]
) -> None:
    channel = start.channel()
    sub = channel.subscribe(now=0)
    send(channel, "type é", data)
    (message,) = sub.take(9, 9)
    assert message.data == data
    assert message.event == message.type == "type é"
    assert message.sent_ns == 9
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    assert message.encoded == text.encode()
    assert message.size_bytes == len("type é".encode()) + len(message.encoded)


@pytest.mark.rules("PUB-3")
def test_data_near_the_end_of_the_stack_is_refused_not_a_crash() -> None:
    channel = start.channel()

    def descend(levels: int) -> None:
        if levels:
            descend(levels - 1)
        else:
            channel.send("e", nested(99), 0)

    refused = False
    for levels in range(sys.getrecursionlimit()):
        try:
            descend(levels)
        except EventError:
            refused = True
        except RecursionError:
            break  # the caller's own calls do not fit any more
    assert refused
    assert channel.last_seq > 0
    assert [message.data for message in channel.history] == [nested(99)] * len(channel.history)


@pytest.mark.rules("PUB-3")
@either_way
def test_size_is_counted_in_bytes_of_compact_utf8(
    send: Callable[[Channel, Any, Any], Message],
) -> None:
    channel = Hub("a1", max_event_bytes=12).project("shop").channel("news")
    send(channel, "a type does not count", {"k": [1, 2]})  # {"k":[1,2]} is 11
    send(channel, "e", "ééééé")  # 12 with its quotes
    with pytest.raises(EventError, match="at most 12 bytes of compact JSON; got 13"):
        send(channel, "e", "ééééé" + "x")
    assert channel.last_seq == 2


@pytest.mark.rules("PUB-3")
def test_the_default_size_is_64_kib() -> None:
    assert len(encode_event("e", "x" * 65_534).encoded) == 65_536
    with pytest.raises(EventError, match="at most 65536 bytes"):
        encode_event("e", "x" * 65_535)
    channel = start.channel()
    assert channel.send("e", "x" * 65_534, 0).seq == 1
    with pytest.raises(EventError):
        channel.send("e", "x" * 65_535, 0)


@pytest.mark.rules("PUB-3")
def test_a_hub_may_allow_more() -> None:
    channel = Hub("a1", max_event_bytes=70_000).project("shop").channel("news")
    assert channel.send("e", "x" * 69_998, 0).seq == 1
    with pytest.raises(EventError, match="at most 70000 bytes of compact JSON; got 70001"):
        channel.send("e", "x" * 69_999, 0)


@pytest.mark.rules("PUB-3")
def test_the_data_is_fixed_at_the_send() -> None:
    channel = start.channel()
    first, second = channel.subscribe(now=0), channel.subscribe(now=0)
    data = {"tags": ["a"]}
    event = encode_event("e", data)
    channel.send("e", data, 0)
    channel.send_encoded(event, 0)
    data["tags"].append("b")
    for message in first.take(0, 2):
        message.data["tags"].append("c")  # a reader spoils his own copy only
    assert [message.data for message in second.take(0, 2)] == [{"tags": ["a"]}] * 2
    with pytest.raises(AttributeError):
        message.encoded = b"1"  # type: ignore[misc]


@pytest.mark.rules("PUB-4", "TTL-4")
def test_while_recording_a_drop_is_written_in_the_step_of_its_send() -> None:
    rows: list[tuple[int, int, Fate, int]] = []

    def write(sub: Subscription, message: Message, fate: Fate, now: int) -> None:
        rows.append((sub.birth, message.seq, fate, now))
        assert sum(sub.fates.values()) == sub.offered  # the send is complete

    hub = Hub("a1", on_fate=write)
    oldest = hub.project("shop").channel("o", ChannelOptions(buffer_size=1, message_ttl_ns=10))
    newest = hub.project("shop").channel("n", ChannelOptions(buffer_size=1, on_full="drop-newest"))
    subs = [channel.subscribe(now=0) for channel in (oldest, oldest, newest, newest)]
    for now, expected in ((1, []), (2, [(1, 1, 2), (2, 1, 2)]), (3, [(1, 2, 3), (2, 2, 3)])):
        rows.clear()
        oldest.send("e", 1, now)
        assert rows == [(birth, seq, "dropped-oldest", at) for birth, seq, at in expected]
    for now, expected in ((4, []), (5, [(1, 2, 5), (2, 2, 5)])):
        rows.clear()
        newest.send("e", 1, now)
        assert rows == [(birth, seq, "dropped-newest", at) for birth, seq, at in expected]
    rows.clear()
    assert subs[0].take(13, 1) == ()
    assert rows == [(1, 3, "expired", 13)]
    rows.clear()
    subs[1].close(14)
    subs[2].close(14)
    assert rows == [(2, 3, "discarded", 14), (1, 1, "discarded", 14)]
    rows.clear()
    hub.restart("a2", 15)
    assert rows == []  # a killed process writes no last words
    start.fates(subs[3], dropped_newest=1, discarded=1)


@pytest.mark.rules("PUB-4")
def test_an_error_in_a_recorder_leaves_counts_and_readiness_whole() -> None:
    woken: list[Channel] = []

    def fail(sub: Subscription, message: Message, fate: Fate, now: int) -> None:
        raise OSError("disk full")

    hub = Hub("a1", woken.append, fail)
    channel = hub.project("shop").channel("news", ChannelOptions(buffer_size=1))
    slow = channel.subscribe(now=0)
    channel.send("e", 1, 0)
    assert channel.collect_ready() == [slow]
    fast = channel.subscribe(now=0)
    with pytest.raises(OSError, match="disk full"):
        channel.send("e", 2, 0)
    assert woken == [channel, channel]
    assert channel.collect_ready() == [fast]
    start.fates(slow, dropped_oldest=1, pending=1)
    assert start.seqs(slow.take(0, 9)) == start.seqs(fast.take(0, 9)) == [2]


@pytest.mark.rules("PUB-5", "HIS-1")
@pytest.mark.parametrize("on_full", ["drop-oldest", "drop-newest"])
def test_the_history_holds_the_newest_whatever_on_full_says(on_full: str) -> None:
    channel = start.channel(buffer_size=3, on_full=on_full)
    sent = channel.send("e", 1, 0)
    assert (sent.seq, sent.offered) == (1, 0)
    full = channel.subscribe(now=0)
    for last in range(2, 12):
        assert channel.send("e", last, 0).seq == last
        assert start.seqs(channel.history) == list(range(max(1, last - 2), last + 1))
    assert full.pending == 3
