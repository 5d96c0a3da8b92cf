"""Writing an event stream: what is given comes out of a parser unchanged, or is refused.

Only CR and LF end a line in the format, so a value without them stays in its field. An LF in data
is written as one more data line, which a parser joins again. A CR in data would come back as LF,
so it is refused and not silently changed; compact JSON holds neither.

Every function returns whole blocks that end in a blank line, except `encode_id`: an event block is
`encode_id(id) + encode_event_tail(event, data)`.
"""

from __future__ import annotations

import re

from simrt.sse.items import SseError

MAX_RETRY_MS = 10**15 - 1
"""The longest `retry`; longer ones are written by nobody in earnest and are read as this one."""

_EVENT_ID = re.compile(r"([A-Za-z0-9_-]{1,64}):([1-9][0-9]{0,18})")


def event_id(epoch: str, seq: int) -> str:
    """The id of a message, `EPOCH:SEQ` (SSE-2).

    Arguments:
        epoch: 1 to 64 of `A-Z a-z 0-9 _ -` (HUB-2).
        seq: the message's number in that epoch, 1 or more (PUB-1).

    Raises:
        SseError: for an epoch or a number out of range.
    """
    text = f"{epoch}:{seq}"
    if not _EVENT_ID.fullmatch(text):
        raise SseError(
            f"no event id from epoch {epoch!r} and seq {seq!r}; an epoch is 1 to 64 of"
            " A-Z a-z 0-9 _ -, a seq an integer from 1 to 10**19 - 1"
        )
    return text


def parse_event_id(text: str) -> tuple[str, int] | None:
    """Epoch and seq of an id that `event_id` could have made; None for any other text (SSE-2)."""
    match = _EVENT_ID.fullmatch(text)
    return (match[1], int(match[2])) if match else None


def encode_event(id: str, event: str, data: bytes | str) -> bytes:  # noqa: A002 - the field's name
    """One event as a block: its id, its type, its data, a blank line (SSE-1).

    Arguments:
        id: any text without CR, LF and NUL; empty text makes clients forget the id they hold.
        event: the type, as for `encode_event_tail`.
        data: the data, as for `encode_event_tail`.

    Raises:
        SseError: for what the format cannot carry unchanged.
    """
    return encode_id(id) + encode_event_tail(event, data)


def encode_id(id: str) -> bytes:  # noqa: A002 - the field's name
    """The id line that begins an event block; `encode_event_tail` ends it (SSE-1).

    Raises:
        SseError: for CR, LF, NUL and lone surrogates.
    """
    return b"id: %b\n" % _line("id", id)


def encode_event_tail(event: str, data: bytes | str) -> bytes:
    """An event block without its id: type, data, blank line (SSE-1).

    Arguments:
        event: the type, not empty, without CR, LF and NUL.
        data: text, or text in UTF-8; LF is allowed, CR is not.

    Raises:
        SseError: for what the format cannot carry unchanged.
    """
    if not event:
        raise SseError("the event type is empty; clients would read it as 'message': write that")
    encoded = _utf8("data", data)
    if b"\r" in encoded:
        raise SseError(
            "data holds a CR, which a client would read as LF; write LF, or encode it as JSON"
        )
    if b"\n" in encoded:
        encoded = encoded.replace(b"\n", b"\ndata: ")
    return b"event: %b\ndata: %b\n\n" % (_line("event type", event), encoded)


def encode_retry(ms: int) -> bytes:
    """A block that tells clients how long to wait before a reconnect (SSE-1, STR-3).

    Arguments:
        ms: milliseconds, 0 to `MAX_RETRY_MS`.

    Raises:
        SseError: for anything else.
    """
    if type(ms) is not int or not 0 <= ms <= MAX_RETRY_MS:
        raise SseError(f"retry is {ms!r}; write an integer number of ms, 0 to {MAX_RETRY_MS}")
    return b"retry: %d\n\n" % ms


def encode_comment(text: str = "") -> bytes:
    """A comment, which dispatches nothing: the heartbeat of a quiet stream (SSE-5).

    Arguments:
        text: any text without CR, LF and NUL.

    Raises:
        SseError: for CR, LF, NUL and lone surrogates.
    """
    return b": %b\n\n" % _line("comment", text) if text else b":\n\n"


def _line(field: str, text: str) -> bytes:
    """The text as UTF-8, if it stays within one line."""
    encoded = _utf8(field, text)
    for byte, name in ((b"\n", "LF"), (b"\r", "CR"), (b"\0", "NUL")):
        if byte in encoded:
            raise SseError(f"the {field} {text!r} holds {name}; write it without")
    return encoded


def _utf8(field: str, text: bytes | str) -> bytes:
    """The text as UTF-8, if a client decodes it to the same text."""
    try:
        if isinstance(text, str):
            return text.encode()
        if not text.isascii():
            text.decode()
    except UnicodeError as error:
        raise SseError(f"the {field} is not Unicode text: {error}; send text or UTF-8") from error
    return text
