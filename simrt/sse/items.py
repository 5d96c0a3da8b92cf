"""What a stream consists of, and the error for what is not one."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Event:
    """An event that was dispatched.

    Attributes:
        type: the event's type; `message` where the stream named none.
        data: the text of its data lines, joined by LF.
        last_event_id: the id in force at its dispatch, its own or an earlier one; may be empty.
    """

    type: str
    data: str
    last_event_id: str


@dataclass(frozen=True, slots=True)
class Retry:
    """The stream asked for a time to wait before a reconnect; in force from its line on.

    Attributes:
        ms: milliseconds, 0 to `MAX_RETRY_MS`.
    """

    ms: int


@dataclass(frozen=True, slots=True)
class Comment:
    """A comment line; servers send them as heartbeats.

    Attributes:
        text: what follows the colon, without one leading space.
    """

    text: str


Item = Event | Retry | Comment


class SseError(ValueError):
    """Something that an event stream cannot carry, or a stream beyond the parser's limits.

    Attributes:
        items: what the parser finished in the refused chunk before the error, in order.
    """

    def __init__(self, message: str, items: tuple[Item, ...] = ()) -> None:
        self.items = items
        super().__init__(message)
