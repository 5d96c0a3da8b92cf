"""The parser's limits, its end, and what no stream may do to it (SSE-1)."""

from __future__ import annotations

import dataclasses
import tracemalloc
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from simrt.sse import MAX_EVENT_BYTES, Comment, Event, Item, Parser, Retry, SseError

from .test_vectors import streams

pytestmark = pytest.mark.rules("SSE-1", "SSE-2")


def test_items_are_facts() -> None:
    for item in (Event("t", "a", "1"), Retry(1), Comment("x")):
        assert not hasattr(item, "__dict__")
        for field in dataclasses.fields(item):
            with pytest.raises(dataclasses.FrozenInstanceError):
                setattr(item, field.name, "other")


def test_an_event_is_there_as_soon_as_its_blank_line_is() -> None:
    parser = Parser()
    assert parser.feed(b"data: a\r\n") == []
    assert parser.feed(b"\r") == [Event("message", "a", "")]
    assert parser.feed(b"\n") == []


def test_the_id_of_the_connection_before_is_carried_on() -> None:
    parser = Parser(last_event_id="a:7")
    assert parser.last_event_id == "a:7"
    assert parser.feed(b"data: a\n\n") == [Event("message", "a", "a:7")]
    assert parser.feed(b"id: a:8\n") == []
    assert parser.last_event_id == "a:7"
    parser.close()
    assert parser.last_event_id == "a:7"


def test_a_closed_parser_refuses_more() -> None:
    parser = Parser()
    parser.feed(b"data: a\n")
    parser.close()
    parser.close()
    with pytest.raises(SseError, match=r"closed; make a new Parser") as caught:
        parser.feed(b"\n")
    assert caught.value.items == ()


@pytest.mark.parametrize("limits", [(0, None), (-1, 10), (10, 0)])
def test_limits_below_one_are_refused(limits: tuple[int, int | None]) -> None:
    with pytest.raises(SseError, match="1 or more"):
        Parser(*limits)


def test_default_limits_admit_an_event_of_one_mebibyte_on_one_line_and_no_byte_more() -> None:
    assert MAX_EVENT_BYTES == 1_048_576
    data = "x" * MAX_EVENT_BYTES
    assert Parser().feed(b"data: %b\n\n" % data.encode()) == [Event("message", data, "")]
    with pytest.raises(SseError, match="longer than 1048582 bytes"):
        Parser().feed(b"data: x%b\n\n" % data.encode())
    with pytest.raises(SseError, match="data exceeds 1048576 bytes"):
        Parser().feed(b"data:x%b\n\n" % data.encode())


def feed_all(parser: Parser, chunks: list[bytes]) -> tuple[list[Item], str]:
    items: list[Item] = []
    try:
        for chunk in chunks:
            items += parser.feed(chunk)
            assert len(parser._line) <= parser.max_line_bytes
            assert len(parser._data) <= parser.max_event_bytes + 1
    except SseError as error:
        return items + list(error.items), str(error)
    return items, ""


@pytest.mark.parametrize("end", [b"\n", b"\r", b"\r\n"])
@pytest.mark.parametrize("step", [1, 2, 3, 100])
@pytest.mark.parametrize(
    ("stream", "reason"),
    [
        (b"data: 12345678|", ""),
        (b"data:123456789|", "an event's data exceeds 8 bytes"),
        (b"data: 123|data: 4567|", ""),
        (b"data: 123|data: 45678|", "an event's data exceeds 8 bytes"),
        (b"data:|data:|data:|data:|data:|data:|data:|data:|data:|", ""),
        (b"data|data|data|data|data|data|data|data|data|data|", "an event's data exceeds 8 bytes"),
        ("data: éééé|".encode(), ""),
        ("data:ééééx|".encode(), "an event's data exceeds 8 bytes"),
        (b": 901234567890|", ""),
        (b": 9012345678901|", "a line is longer than 14 bytes"),
        (b"id: 5678901234|", ""),
        (b"id: 56789012345|", "a line is longer than 14 bytes"),
        (b"unknown8901234|", ""),
        (b"unknown89012345|", "a line is longer than 14 bytes"),
        (b"\xef\xbb\xbfunknown8901234|", ""),
        (b"\xef\xbb\xbfunknown89012345|", "a line is longer than 14 bytes"),
    ],
)
def test_at_the_limit_and_one_byte_beyond(
    stream: bytes, reason: str, step: int, end: bytes
) -> None:
    """Limits are in bytes, and the same however the stream is cut; a mark does not count."""
    parser = Parser(max_event_bytes=8)
    stream = stream.replace(b"|", end) + end
    chunks = [stream[i : i + step] for i in range(0, len(stream), step)]
    _, error = feed_all(parser, chunks)
    assert error == (f"{reason}; raise the limit, or mend the server" if reason else "")
    if reason:
        with pytest.raises(SseError, match=reason):
            parser.feed(b"")


def test_a_mark_under_way_is_no_line() -> None:
    parser = Parser(max_event_bytes=1, max_line_bytes=1)
    assert parser.feed(b"\xef\xbb") == []
    assert parser.feed(b"\xbf\n") == []


def test_an_error_hands_over_what_was_finished_before_it() -> None:
    parser = Parser(max_event_bytes=8)
    with pytest.raises(SseError) as caught:
        parser.feed(b"id: 1\ndata: a\n\nretry: 5\n: x\n:0123456789abcd\ndata: b\n\n")
    assert caught.value.items == (Event("message", "a", "1"), Retry(5), Comment("x"))
    assert parser.last_event_id == "1"
    parser.close()
    with pytest.raises(SseError, match="longer than 14 bytes") as caught:
        parser.feed(b"data: b\n\n")
    assert caught.value.items == ()


def test_events_of_a_long_life_do_not_add_up() -> None:
    """The limit is one event's: it starts anew with each block, with and without data."""
    parser = Parser(max_event_bytes=8)
    for _ in range(100):
        assert parser.feed(b"data: 12345678\n\nevent: t\n\n:\n") == [
            Event("message", "12345678", ""),
            Comment(""),
        ]


@given(
    stream=streams,
    positions=st.lists(st.integers(0, 200), max_size=10),
    event_bytes=st.integers(1, 20),
    line_bytes=st.none() | st.integers(1, 20),
)
@example(b"data:aaaaaaaaa", [7], 2, 20)
def test_limits_do_not_depend_on_the_cuts(
    stream: bytes, positions: list[int], event_bytes: int, line_bytes: int | None
) -> None:
    """Any bytes: no crash, no growth beyond the limits, the same items and the same error."""
    borders = [0, *sorted(min(position, len(stream)) for position in positions), len(stream)]
    chunks = [stream[a:b] for a, b in pairwise(borders)]
    whole, cut = (Parser(event_bytes, line_bytes) for _ in range(2))
    assert feed_all(whole, [stream]) == feed_all(cut, chunks)
    assert whole.last_event_id == cut.last_event_id


@pytest.mark.parametrize(
    "endless",
    [
        b"x" * 1000,
        b"data: " + b"x" * 1000 + b"\n",
        b"data\n" * 200,
        b"data: \xe2\x82\xac\n" * 100,
        b": hello\n" * 100,
        b"event: " + b"t" * 1000 + b"\n",
        b"id: " + b"7" * 1000 + b"\n",
        b"id: " + b"7" * 1000 + b"\ndata: x\n\n",
        b"retry: " + b"9" * 1000 + b"\n",
        b"\r\n" * 500,
        b"\xff" * 1000,
    ],
    ids=lambda endless: repr(endless[:12]),
)
def test_no_endless_stream_makes_it_grow(endless: bytes) -> None:
    """2 MB of it; what is held stays near the limits of 20 kB."""
    parser = Parser(max_event_bytes=20_000)
    tracemalloc.start()
    try:
        for _ in range(2_000):
            parser.feed(endless)
    except SseError:
        pass
    finally:
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert peak < 300_000
