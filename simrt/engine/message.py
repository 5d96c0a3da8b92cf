"""Events and messages, and what an event must be to be sent (PUB-3)."""

import json
import math
import re
from typing import Any, Final, Literal, NamedTuple

from simrt.engine.errors import EventError, shown

DEFAULT_MAX_EVENT_BYTES: Final = 65_536
MAX_DEPTH: Final = 100
"""Levels of arrays and objects in the data of an event; RFC 8259 allows a limit."""

Fate = Literal["taken", "dropped-oldest", "dropped-newest", "expired", "discarded", "pending"]
"""What became of one message for one subscription (ACC-1)."""

# A lone surrogate has no UTF-8 form: such a type could be kept but never written to a stream.
_NOT_IN_A_TYPE = re.compile("[\r\n\0\ud800-\udfff]")
_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode


class Message(NamedTuple):
    """One event that was sent. Immutable. What the sender gets back, too (PUB-4).

    A named tuple, because the engine makes one at each send: a frozen dataclass takes three
    times as long to make.

    Attributes:
        seq: its number in the channel and epoch: 1, 2, 3, … (PUB-1).
        event: its type.
        encoded: its data as compact UTF-8 JSON. Encoded once, shared by all who read it (BUF-5).
        sent_ns: when it was sent, in the hub's nanoseconds.
        offered: number of subscriptions it was offered to, those included that refuse it.
    """

    seq: int
    event: str
    encoded: bytes
    sent_ns: int
    offered: int

    @property
    def type(self) -> str:
        """Its type, under the word that the event-stream format uses."""
        return self.event

    @property
    def data(self) -> Any:
        """Its data, equal to what was sent (PUB-3, DLV-3); each reader gets a copy of his own."""
        return json.loads(self.encoded)

    @property
    def size_bytes(self) -> int:
        """Bytes of its type and its encoded data, as ``memory_bytes`` counts them (BUF-5)."""
        return len(self.event.encode()) + len(self.encoded)


class EncodedEvent(NamedTuple):
    """An event that was checked and encoded, ready to be sent any number of times.

    Make it with `encode_event`. Who builds one directly vouches that ``encoded`` is compact UTF-8
    JSON and that ``event`` is allowed; a send then checks the size only.

    Attributes:
        event: its type.
        encoded: its data as compact UTF-8 JSON.
    """

    event: str
    encoded: bytes


def encode_event(
    event: str, data: object, max_event_bytes: int = DEFAULT_MAX_EVENT_BYTES
) -> EncodedEvent:
    """Check an event and encode its data once (PUB-3).

    Args:
        event: its type: text, not empty, without line breaks and NUL.
        data: JSON (RFC 8259): None, booleans, finite numbers, text, lists, dicts with text keys,
            at most 100 levels deep. No tuples.
        max_event_bytes: most bytes of encoded data.

    Returns:
        The event, fixed: what the caller changes in ``data`` later has no effect.

    Raises:
        EventError: the type or the data is not allowed.
    """
    return EncodedEvent(check_type(event), encode_data(data, max_event_bytes))


def check_type(event: object) -> str:
    """Return the type of an event, or raise `EventError` if it is not allowed (PUB-3)."""
    if not isinstance(event, str) or not event:
        raise EventError(f"an event needs a type: text that is not empty; got {shown(event)}")
    if _NOT_IN_A_TYPE.search(event):
        raise EventError(
            f"the type of an event must be one line of Unicode text without NUL; got {shown(event)}"
        )
    return event


def encode_data(data: object, max_event_bytes: int) -> bytes:
    """Encode the data of an event as compact UTF-8 JSON, or raise `EventError` (PUB-3)."""
    encoded = b""
    try:
        text = _encode(data)
        encoded = text.encode()
        fault = _refusal(data, text, len(encoded), max_event_bytes)
    except UnicodeEncodeError:
        fault = "data must not hold lone surrogates: they have no UTF-8 form"
    except RecursionError:
        fault = f"data must be at most {MAX_DEPTH} levels deep"
    except (TypeError, ValueError) as error:
        fault = first_fault(data) or f"data must be JSON (RFC 8259): {error}"
    if fault is not None:
        raise EventError(fault)
    return encoded


def _refusal(data: object, text: str, size_bytes: int, max_event_bytes: int) -> str | None:
    if size_bytes > max_event_bytes:
        return f"data must be at most {max_event_bytes} bytes of compact JSON; got {size_bytes}"
    # Each level opens with a bracket: where brackets are few, nothing is too deep.
    if text.count("[") + text.count("{") > MAX_DEPTH and (fault := first_fault(data)):
        return fault
    # What JSON cannot say (tuples, keys that are not text) the encoder turns into something else
    # without a word. The proof is in the reading: it must give back what was sent.
    if json.loads(text) == data:
        return None
    return first_fault(data) or "data must be JSON (RFC 8259): it reads back as something else"


def first_fault(data: object) -> str | None:
    """Say where data first leaves JSON (RFC 8259), or None where it does not.

    Only what was refused, or may be too deep, is walked: in Python this costs more than encoding.
    """
    waiting: list[tuple[str, object, int]] = [("data", data, 1)]
    while waiting:
        path, value, depth = waiting.pop()
        if isinstance(value, dict | list):
            if depth > MAX_DEPTH:
                return f"data must be at most {MAX_DEPTH} levels deep"
            if isinstance(value, dict):
                for key in value:
                    if not isinstance(key, str):
                        return f"{path} must have text keys; got {shown(key)}"
                items = [(f"{path}[{shown(key)}]", item, depth + 1) for key, item in value.items()]
            else:
                items = [(f"{path}[{at}]", item, depth + 1) for at, item in enumerate(value)]
            waiting.extend(reversed(items))
        elif isinstance(value, tuple):
            return f"{path} must be a list, not a tuple"
        elif isinstance(value, float) and not math.isfinite(value):
            return f"{path} must be a finite number; got {shown(value)}"
        elif value is not None and not isinstance(value, bool | int | float | str):
            return f"{path} must be JSON (RFC 8259); got {type(value).__name__}"
    return None
