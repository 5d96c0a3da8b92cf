"""What the handler of a hook or a job is given, and what becomes of its sends."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

Params = Mapping[str, str]
"""A path's parameters, by name."""


class Rejected(Exception):  # noqa: N818 - the word of the rules
    """An event that was refused before it was sent (SSE-7, PUB-3).

    Attributes:
        cause: `shape` (undeclared type, or data that does not fit) or `event` (not JSON, too big).
        reason: a sentence for whoever sent it.
    """

    def __init__(self, cause: str, reason: str) -> None:
        self.cause = cause
        self.reason = reason
        super().__init__(reason)


@dataclass(frozen=True, slots=True)
class Sent:
    """What became of one send (PUB-4).

    Attributes:
        epoch: the life of the hub.
        seq: the message's number in it.
        offered: to how many subscriptions it was offered.
    """

    epoch: str
    seq: int
    offered: int


@dataclass(slots=True)
class Call:
    """What the handler of a hook or a job is given.

    Attributes:
        data: a hook's JSON body; None for a job.
        params: the path's parameters; empty for a job.
        n: its how-many-th call in this life of the server, from 1.
        wall: the clock's wall time.
        sent: what it has sent so far, in order.
    """

    data: Any
    params: Params
    n: int
    wall: datetime
    _send: Callable[[str, Any, Params, int], Sent]
    sent: list[Sent] = field(default_factory=list)
    _refuse: Callable[[str], None] | None = None

    def send(self, event: str, data: Any, **params: str) -> Sent:
        """Send an event of a type that this hook or job declares.

        Arguments:
            event: the type.
            data: JSON data that fits the type's shape.
            params: what fills in the channel's name, beside the path's parameters.

        Raises:
            Rejected: the event was not sent.
        """
        return self._send_one(event, data, params, 1)

    def send_all(self, event: str, data: Any, **params: str) -> list[Sent]:
        """Send several events of one type; in their channel nothing comes between them (HOK-4).

        Arguments:
            event: the type.
            data: a list with the data of each event.
            params: as for `send`.

        Raises:
            Rejected: an event was not sent, and those before it are (HOK-2); or it is no list.
        """
        if not isinstance(data, list):
            if self._refuse is not None:
                self._refuse(event)
            raise Rejected("shape", "what is sent is no list of events")
        return [self._send_one(event, one, params, part) for part, one in enumerate(data, 1)]

    def _send_one(self, event: str, data: Any, params: dict[str, str], part: int) -> Sent:
        sent = self._send(event, data, {**self.params, **params}, part)
        self.sent.append(sent)
        return sent


Handler = Callable[[Call], Any]
