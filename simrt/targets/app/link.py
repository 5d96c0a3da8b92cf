"""One connection of a client: what is on the way, when the window opens again, both ends.

Only the direction from server to client carries more than a request. What is written arrives one
latency later, in order. The window counts server writes or bytes; it says how much may be handed to
the network and not yet freed (NET-2, NET-3). An event is freed when the client says that it was
handled, everything else when it arrives at a client that reads.
"""

from __future__ import annotations

import asyncio
import errno
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from simrt.client.connection import HEARD_NS
from simrt.network import Turn
from simrt.server.peer import EXTRA_INFO

if TYPE_CHECKING:
    from simrt.targets.app.wire import Wire

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


class Link:
    """One connection, from the dial on.

    Arguments:
        wire: the client's network.
        number: the how-many-th on it.
        connected: done when the client knows that it is there.

    Attributes:
        life: the server life that accepted it, or -1.
        in_flight: window units handed to the network and not yet freed.
        client_open: whether the client's end is open.
        server_open: whether the server's end is open.
        left_unheard: whether the client left it while its network was silent.
        heard_ns: when something last came to the client.
        buffer: what waits in the server's own write buffer; only a window in bytes lets it wait.
        buffered_bytes: … and how much that is.
        backlog: what came while the client did not read.
    """

    def __init__(self, wire: Wire, number: int, connected: asyncio.Future[None]) -> None:
        self.wire = wire
        self.life = -1
        self.client_open = True
        self.server_open = False
        self.left_unheard = False
        self.in_flight = 0
        self.heard_ns = 0
        self.unheard_since_ns: int | None = None
        self.accepted_ns = 0
        self.on_the_way: deque[int] = deque()
        self.backlog: deque[Part] = deque()
        self.connected = connected
        self.client: ClientEnd | None = None
        self.server: ServerEnd | None = None
        self.key = wire.order(Turn.ARRIVAL, number)
        self.in_bytes = wire.window_bytes is not None
        self.window = wire.window_bytes or wire.window_msgs or 1
        self.buffer: deque[Part] = deque()
        self.buffered_bytes = 0
        self._held = 0
        self._unhandled: deque[int] = deque()

    # --- from the server ----------------------------------------------------------------------

    def put(self, data: bytes) -> None:
        """Hand one server write to the network (DLV-5)."""
        event = data.startswith(_EVENT)
        if self.in_bytes:
            early = not event or len(data) > self.window
            self.buffer.append(Part(data, len(data), event, early=early))
            self.buffered_bytes += len(data)
            self._push()
        else:
            self._send(Part(data, 1, event))

    def _push(self) -> None:
        while self.buffer and self.in_flight < self.window:
            part = self.buffer[0]
            fits = min(part.units, self.window - self.in_flight)
            self.buffered_bytes -= fits
            if fits == part.units:
                self.buffer.popleft()
                # The last piece is freed when the event was handled, like any whole event.
                part.early = False
                self._send(part)
            else:
                piece = Part(part.data[:fits], fits, part.event, last=False, early=part.early)
                part.data, part.units = part.data[fits:], part.units - fits
                self._send(piece)

    def _send(self, part: Part) -> None:
        self.in_flight += part.units
        wire = self.wire
        self.on_the_way.append(wire.loop.now_ns)
        wire.loop.at(wire.loop.now_ns + wire.latency_ns, self.key, wire.arrives, self, part)

    def free(self, units: int) -> None:
        """The window is open again by so much."""
        self.in_flight -= units
        if self.buffer:
            self._push()
            self.accepted_ns = self.wire.loop.now_ns
        if self.server is not None:
            self.server.check()

    def finish(self) -> None:
        """The server's end is closed; its word of that travels behind what is in flight (NET-5)."""
        self.buffer.clear()
        self.buffered_bytes = 0
        self.server_open = False
        wire = self.wire
        wire.loop.at(wire.loop.now_ns + wire.latency_ns, self.key, wire.arrived, self, Part(b"", 0))

    # --- to the client ------------------------------------------------------------------------

    def take_in(self, part: Part) -> None:
        """What came goes to the client's end, which reads it when it wants to."""
        if self.client is None:  # it ended before the client knew that it was there
            self.close_client()
            self.fail(ConnectionResetError(errno.ECONNRESET, "ended before it was there"))
        elif not part.data:
            self.client.end()
        else:
            self._feed(self.client, part)

    def _feed(self, client: ClientEnd, part: Part) -> None:
        client.feed(part.data)
        if not part.event or (part.early and not part.last):
            self.wire.free(self, part.units)
            return
        self._held += part.units
        if part.last:
            self._unhandled.append(self._held)
            self._held = 0

    def fail(self, error: OSError) -> None:
        """The dial comes to nothing."""
        if not self.connected.done():
            self.connected.set_exception(error)

    def handled(self) -> None:
        """The client is done with one event: it is freed, by an event of its own (NET-3)."""
        loop = self.wire.loop
        loop.at(loop.now_ns, self.key, self.wire.free, self, self._unhandled.popleft())

    def leave(self) -> None:
        """The client's end is closed; in a silence nobody hears of it (NET-4, NET-7)."""
        if not self.client_open:
            return
        self.close_client()
        if self.wire.silent:
            self.left_unheard = True
        else:
            self.wire.after(1, self, self.wire.left, self)

    def close_client(self) -> None:
        """The client has nothing to do with it any more."""
        self.client_open = False
        self.backlog.clear()
        if self.wire.link is self:
            self.wire.link = None


class ServerEnd(asyncio.Transport):
    """What the server holds of a connection; also its `simrt.server.peer.Peer`."""

    def __init__(self, link: Link, protocol: asyncio.BaseProtocol) -> None:
        super().__init__()
        self.protocol = protocol
        self._link = link
        self._paused = False
        self._flushing = False
        self._closing = False
        self._high, self._low = 65_536, 16_384

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """One write is one unit of a window in messages."""
        if self._closing or not data:
            return
        self._link.put(bytes(data))
        self.check()

    def check(self) -> None:
        """Tell the protocol when it shall pause and when it may go on."""
        link = self._link
        if self._closing:
            if self._flushing and not link.buffer:
                self._finish()
            return
        if link.in_bytes:
            held = link.buffered_bytes
            full, room = held > self._high, held <= self._low
        else:
            full = link.in_flight >= link.window
            room = not full
        protocol = cast("asyncio.Protocol", self.protocol)
        if full and not self._paused:
            self._paused = True
            protocol.pause_writing()
        elif room and self._paused:
            self._paused = False
            protocol.resume_writing()

    def lose(self, error: Exception | None) -> None:
        """The connection is gone, and the protocol is told at once."""
        self._closing = True
        self._flushing = False
        self.protocol.connection_lost(error)

    def kill(self) -> None:
        """The process is gone; what is left of it is told later."""
        self._closing = True
        self._link.wire.loop.call_soon(self.protocol.connection_lost, ConnectionResetError())

    def close(self) -> None:
        """End it, behind what is held."""
        if not self._closing:
            self._closing = self._flushing = True
            self.check()

    def abort(self) -> None:
        """End it now; what is held is lost."""
        if not self._closing or self._flushing:
            self._closing = True
            self._finish()

    def _finish(self) -> None:
        self._flushing = False
        link = self._link
        if link.server_open:
            link.wire.lives.forget(link)
            link.finish()
            link.wire.loop.call_soon(self.protocol.connection_lost, None)

    def is_closing(self) -> bool:
        """Whether it is closed, or about to be."""
        return self._closing

    def get_write_buffer_size(self) -> int:
        """What waits here; with a window in messages nothing does."""
        return self._link.buffered_bytes

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """When to pause and to go on, for a window in bytes."""
        self._high = 65_536 if high is None else high
        self._low = self._high // 4 if low is None else low

    def pause_reading(self) -> None:
        """A client says no more than its request."""

    def resume_reading(self) -> None:
        """A client says no more than its request."""

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

    def owes_since_ns(self, now_ns: int) -> int | None:
        """When what fell into a silence was written; what is on the way owes nothing yet."""
        link = self._link
        if link.unheard_since_ns is not None:
            return link.unheard_since_ns
        return now_ns if link.on_the_way else None

    def look_ns(self, since_ns: int, now_ns: int, limit_ns: int) -> int:
        """When the oldest answer is overdue, exactly; not before it is known to be missing."""
        link = self._link
        oldest_ns = link.on_the_way[0] if link.on_the_way else since_ns
        if link.unheard_since_ns is not None:
            oldest_ns = link.unheard_since_ns
        due_ns = oldest_ns + limit_ns
        return due_ns if due_ns > now_ns else oldest_ns + link.wire.latency_ns

    def accepted_ns(self) -> int | None:
        """When the network last took something that had waited."""
        return self._link.accepted_ns


class ClientEnd(asyncio.Transport):
    """What the client holds of a connection."""

    def __init__(self, link: Link, protocol: asyncio.BaseProtocol) -> None:
        super().__init__()
        assert isinstance(protocol, asyncio.BufferedProtocol)
        self._protocol = protocol
        self._link = link
        self._come: deque[bytes] = deque()
        self._ended = False
        self._closed = False
        self._reading = True

    def feed(self, data: bytes) -> None:
        """Something is here to be read."""
        self._come.append(data)
        self._read()

    def end(self) -> None:
        """The end is here, behind what is to be read."""
        self._ended = True
        self._read()

    def _read(self) -> None:
        protocol, sizes = self._protocol, self._link.wire.sizes
        while self._come and self._reading and not self._closed:
            data = self._come.popleft()
            buffer = protocol.get_buffer(-1)
            size = len(buffer)  # type: ignore[arg-type]
            if sizes is not None:
                size = min(size, next(sizes))
            if len(data) > size:
                self._come.appendleft(data[size:])
                data = data[:size]
            buffer[: len(data)] = data  # type: ignore[index]
            protocol.buffer_updated(len(data))
        if self._ended and self._reading and not self._come and not self._closed:
            self._closed = True
            self._link.close_client()
            protocol.connection_lost(None)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """The request."""
        wire = self._link.wire
        wire.after(1, self._link, wire.requested, self._link, bytes(data))

    def abort(self) -> None:
        """Leave."""
        if self._closed:
            return
        self._closed = True
        self._link.leave()
        self._link.wire.loop.call_soon(self._protocol.connection_lost, None)

    def close(self) -> None:
        """As `abort`."""
        self.abort()

    def is_closing(self) -> bool:
        """Whether the client has left, or was told of the end."""
        return self._closed

    def pause_reading(self) -> None:
        """Keep what comes."""
        self._reading = False

    def resume_reading(self) -> None:
        """Read on, in the loop's next turn."""
        self._reading = True
        if self._come or self._ended:
            self._link.wire.loop.call_soon(self._read)

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """This network knows when something came."""
        return self._link.heard_ns if name == HEARD_NS else default
