"""A transport with a window as the network model has it, where no kernel makes one (NET-2).

The real server writes to it as to any transport. The network in memory behind it says what becomes
of the parts.
"""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

from simrt.server.peer import EXTRA_INFO

# How `simrt.sse` begins an event; the head of a response, `retry` and comments begin otherwise.
_EVENT = b"id: "


@dataclass(slots=True)
class Part:
    """Bytes on the way: one server write, or a piece of one.

    Attributes:
        data: the bytes; empty: the end of the connection.
        units: how much of the window they hold.
        event: whether they belong to an event.
        last: whether they complete what was written.
        early: whether they are freed when they arrive, though they belong to an event: it is larger
            than the window, and could never be freed whole.
    """

    data: bytes
    units: int
    event: bool = False
    last: bool = True
    early: bool = False


class WindowedTransport(asyncio.Transport):
    """The server's end of one connection; also its `simrt.server.peer.Peer`.

    Arguments:
        protocol: the server's.
        window_msgs: how many writes may be under way, or None.
        window_bytes: how many bytes may be, or None; with neither, any number of writes.
        latency_ns: how long a part is on the way.
        now: scenario time.

    Attributes:
        unheard_since_ns: when the oldest part that met a silence was written, or None.
    """

    def __init__(
        self,
        protocol: asyncio.BaseProtocol,
        *,
        window_msgs: int | None,
        window_bytes: int | None,
        latency_ns: int,
        now: Callable[[], int],
    ) -> None:
        super().__init__()
        self.protocol = protocol
        self.unheard_since_ns: int | None = None
        self._in_bytes = window_bytes is not None
        self._window = window_bytes or window_msgs
        self._latency_ns = latency_ns
        self._now = now
        self._in_flight = 0
        self._waiting: deque[Part] = deque()
        self._waiting_bytes = 0
        self._sent_ns: deque[int] = deque()
        self._accepted_ns = 0
        self._paused = False
        self._flushing = False
        self._closing = False
        self._high, self._low = 65_536, 16_384

    @abstractmethod
    def send(self, part: Part) -> None:
        """Put a part on its way."""

    @abstractmethod
    def finish(self) -> None:
        """The end is on its way, behind the parts; the protocol is told in the loop's next turn."""

    # --- the window ---------------------------------------------------------------------------

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """One write is one unit of a window in messages (DLV-5)."""
        if self._closing or not data:
            return
        data = bytes(data)
        event = data.startswith(_EVENT)
        if self._in_bytes:
            assert self._window is not None
            early = not event or len(data) > self._window
            self._waiting.append(Part(data, len(data), event, early=early))
            self._waiting_bytes += len(data)
            self._push()
        else:
            self._send(Part(data, 1, event))
        self._check()

    def _push(self) -> None:
        assert self._window is not None
        while self._waiting and self._in_flight < self._window:
            part = self._waiting[0]
            fits = min(part.units, self._window - self._in_flight)
            self._waiting_bytes -= fits
            if fits == part.units:
                self._waiting.popleft()
                # The last piece is freed when the event was handled, like any whole event.
                part.early = False
                self._send(part)
            else:
                piece = Part(part.data[:fits], fits, part.event, last=False, early=part.early)
                part.data, part.units = part.data[fits:], part.units - fits
                self._send(piece)

    def _send(self, part: Part) -> None:
        self._in_flight += part.units
        self._forget_arrived()
        self._sent_ns.append(self._now())
        self.send(part)

    def free(self, units: int) -> None:
        """The window is open again by so much."""
        self._in_flight -= units
        if self._waiting:
            self._push()
            self._accepted_ns = self._now()
        self._check()

    def _check(self) -> None:
        """Tell the protocol when it shall pause and when it may go on."""
        if self._closing:
            if self._flushing and not self._waiting:
                self._flushing = False
                self.finish()
            return
        if self._in_bytes:
            full, room = self._waiting_bytes > self._high, self._waiting_bytes <= self._low
        else:
            full = self._window is not None and self._in_flight >= self._window
            room = not full
        protocol = cast("asyncio.Protocol", self.protocol)
        if full and not self._paused:
            self._paused = True
            protocol.pause_writing()
        elif room and self._paused:
            self._paused = False
            protocol.resume_writing()

    # --- ends ---------------------------------------------------------------------------------

    def lose(self, error: Exception | None) -> None:
        """The connection is gone, and the protocol is told at once."""
        self._drop()
        self.protocol.connection_lost(error)

    def close(self) -> None:
        """End it, behind what waits."""
        if not self._closing:
            self._closing = self._flushing = True
            self._check()

    def abort(self) -> None:
        """End it now; what waits is lost (NET-5)."""
        if not self._closing or self._flushing:
            self._drop()
            self.finish()

    def _drop(self) -> None:
        self._closing = True
        self._flushing = False
        self._waiting.clear()
        self._waiting_bytes = 0

    def is_closing(self) -> bool:
        """Whether it is closed, or about to be."""
        return self._closing

    # --- what asyncio asks of a transport -------------------------------------------------------

    def get_write_buffer_size(self) -> int:
        """What waits here; with a window in messages nothing does."""
        return self._waiting_bytes

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """When to pause and to go on, for a window in bytes."""
        self._high = 65_536 if high is None else high
        self._low = self._high // 4 if low is None else low

    def pause_reading(self) -> None:
        """A client says no more than its requests."""

    def resume_reading(self) -> None:
        """A client says no more than its requests."""

    def can_write_eof(self) -> bool:
        """Half a close is not offered."""
        return False

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """Who is told from now on."""
        self.protocol = protocol

    def get_protocol(self) -> asyncio.BaseProtocol:
        """Who is told."""
        return self.protocol

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """This network knows what became of each byte."""
        return self if name == EXTRA_INFO else default

    # --- what is known of the other end (SSE-5, STR-1) -------------------------------------------

    def _forget_arrived(self) -> None:
        now_ns = self._now()
        while self._sent_ns and self._sent_ns[0] + self._latency_ns <= now_ns:
            self._sent_ns.popleft()

    def owes_since_ns(self, now_ns: int) -> int | None:
        """When what fell into a silence was written; what is on the way owes nothing yet."""
        if self.unheard_since_ns is not None:
            return self.unheard_since_ns
        self._forget_arrived()
        return now_ns if self._sent_ns else None

    def look_ns(self, since_ns: int, now_ns: int, limit_ns: int) -> int:
        """When the oldest answer is overdue, exactly; not before it is known to be missing."""
        self._forget_arrived()
        oldest_ns = self._sent_ns[0] if self._sent_ns else since_ns
        if self.unheard_since_ns is not None:
            oldest_ns = self.unheard_since_ns
        due_ns = oldest_ns + limit_ns
        return due_ns if due_ns > now_ns else oldest_ns + self._latency_ns

    def accepted_ns(self) -> int | None:
        """When the network last took something that had waited."""
        return self._accepted_ns
