"""What the encoder writes, a parser reads unchanged; what it cannot carry, it refuses (SSE-1)."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from simrt.sse import (
    MAX_RETRY_MS,
    Comment,
    Event,
    Parser,
    Retry,
    SseError,
    encode_comment,
    encode_event,
    encode_event_tail,
    encode_id,
    encode_retry,
    event_id,
    parse_event_id,
)

from . import naive

pytestmark = pytest.mark.rules("SSE-1", "SSE-2")

# Text that leans towards what the format gives a meaning to; lone surrogates included.
text = st.text(
    st.sampled_from("\n\r\0 :\t\ufeff\u2028\u2029\x85\x0b\x0c\ud800a7é€💡") | st.characters(),
    max_size=20,
)


def test_bytes_on_the_wire() -> None:
    assert encode_event("e:1", "t", "a\nb") == b"id: e:1\nevent: t\ndata: a\ndata: b\n\n"
    assert encode_event("e:1", "t", b'{"a":1}') == b'id: e:1\nevent: t\ndata: {"a":1}\n\n'
    assert encode_event("", "é", "") == b"id: \nevent: \xc3\xa9\ndata: \n\n"
    assert encode_retry(3000) == b"retry: 3000\n\n"
    assert encode_comment() == b":\n\n"
    assert encode_comment("x") == b": x\n\n"


def carried(id_: str, event: str, data: str) -> bool:
    """Whether the format can carry these, from its grammar alone."""
    fields = id_ + event
    return (
        event != ""
        and not any(mark in fields for mark in "\n\r\0")
        and "\r" not in data
        and not any("\ud800" <= char <= "\udfff" for char in fields + data)
    )


@given(id_=text, event=text, data=text)
@example("", "t", "")
@example(" a", " t", " \n \n")
@example("1", "message", "\n")
@example("1", "t", "a\u2028b\0c")
def test_an_event_comes_out_as_it_went_in_or_is_refused(id_: str, event: str, data: str) -> None:
    if not carried(id_, event, data):
        with pytest.raises(SseError):
            encode_event(id_, event, data)
        return
    block = encode_event(id_, event, data)
    assert block == encode_event(id_, event, data.encode())
    assert block == encode_id(id_) + encode_event_tail(event, data)
    # Between two others, and after a line end of another kind: a block leaves its surroundings be.
    before, after = b"data: before\r\r", b"data: after\r\n\r\n"
    expected = [
        Event("message", "before", ""),
        Event(event, data, id_),
        Event("message", "after", id_),
    ]
    assert Parser().feed(before + block + after) == expected
    assert naive.read(before + block + after)[0] == expected


@given(id_=text, event=st.text(st.characters(exclude_categories=["Cs"]), min_size=1), data=text)
def test_each_text_that_can_be_carried_is_accepted(id_: str, event: str, data: str) -> None:
    """The refusals are no wider than the grammar: cleaned of what it forbids, any text goes."""
    drop = {ord("\r"): None, ord("\n"): None, 0: None} | dict.fromkeys(range(0xD800, 0xE000))
    data_drop = {ord("\r"): "\n"} | dict.fromkeys(range(0xD800, 0xE000))
    clean = id_.translate(drop), event.translate(drop) or "t", data.translate(data_drop)
    assert Parser().feed(encode_event(*clean)) == [Event(clean[1], clean[2], clean[0])]


@pytest.mark.parametrize("mark", ["\n", "\r", "\r\n", "\0"], ids=repr)
@pytest.mark.parametrize("around", ["{}", "{}a", "a{}", "a{}data: stolen"])
def test_id_type_and_comment_are_one_line_without_nul(mark: str, around: str) -> None:
    bad = around.format(mark)
    name = {"\n": "LF", "\r": "CR", "\r\n": "LF", "\0": "NUL"}[mark]
    with pytest.raises(SseError, match=f"the id .* holds {name}; write it without"):
        encode_id(bad)
    with pytest.raises(SseError, match=f"the event type .* holds {name}; write it without"):
        encode_event_tail(bad, "")
    with pytest.raises(SseError, match=f"the comment .* holds {name}; write it without"):
        encode_comment(bad)


@pytest.mark.parametrize("data", ["\r", "a\rb", "a\r\nb", b"a\r\n\r\nid: 7", b"\r"])
def test_a_cr_in_data_is_refused_and_not_changed(data: bytes | str) -> None:
    with pytest.raises(SseError, match="data holds a CR"):
        encode_event_tail("t", data)


@pytest.mark.parametrize("data", ["\ud800", b"\xff", b"\xed\xa0\x80", b"\xe2\x82", b"\xc0\x8a"])
def test_what_is_not_unicode_text_is_refused(data: bytes | str) -> None:
    with pytest.raises(SseError, match="data is not Unicode text"):
        encode_event_tail("t", data)


def test_an_empty_type_is_refused() -> None:
    with pytest.raises(SseError, match="write that"):
        encode_event("1", "", "a")


@given(st.integers(0, MAX_RETRY_MS))
@example(0)
@example(MAX_RETRY_MS)
def test_retry_comes_out_as_it_went_in(ms: int) -> None:
    assert Parser().feed(encode_retry(ms)) == [Retry(ms)]


@pytest.mark.parametrize("ms", [-1, MAX_RETRY_MS + 1, True, 1.5, "3"])
def test_any_other_retry_is_refused(ms: int) -> None:
    with pytest.raises(SseError, match="write an integer number of ms"):
        encode_retry(ms)


@given(text)
@example("")
@example(" ")
def test_a_comment_comes_out_as_it_went_in_or_is_refused(words: str) -> None:
    if carried(words, "t", ""):
        assert Parser().feed(encode_comment(words)) == [Comment(words)]
    else:
        with pytest.raises(SseError):
            encode_comment(words)


epochs = st.from_regex(r"[A-Za-z0-9_-]{1,64}", fullmatch=True)


@given(epoch=epochs, seq=st.integers(1, 10**19 - 1))
@example("a", 1)
@example("Z" * 64, 10**19 - 1)
def test_an_event_id_is_epoch_and_seq(epoch: str, seq: int) -> None:
    assert event_id(epoch, seq) == f"{epoch}:{seq}"
    assert parse_event_id(event_id(epoch, seq)) == (epoch, seq)


@pytest.mark.parametrize(
    ("epoch", "seq"),
    [
        *(("", 1), ("a" * 65, 1), ("a:b", 1), ("é", 1), ("a\n", 1), ("a b", 1)),
        *(("a", 0), ("a", -1), ("a", 10**19), ("a", True), ("a", 1.0)),
    ],
)
def test_any_other_epoch_or_seq_is_refused(epoch: str, seq: int) -> None:
    with pytest.raises(SseError, match="no event id from epoch"):
        event_id(epoch, seq)


@pytest.mark.parametrize(
    "words",
    [
        *("", ":", "a", "a:", ":1", "a:0", "a:01", "a:-1", "a:+1", "a:1.0", "a:1 ", " a:1"),
        *("a:1\n", "a:1:2", "a:\u0661", "é:1", "a" * 65 + ":1", "a:" + "1" * 20, "a:1_0"),
    ],
)
def test_a_foreign_id_is_none_of_ours(words: str) -> None:
    assert parse_event_id(words) is None


@given(st.text())
def test_only_what_event_id_makes_is_read(words: str) -> None:
    found = parse_event_id(words)
    assert found is None or event_id(*found) == words
