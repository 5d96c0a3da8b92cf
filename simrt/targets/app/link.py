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
from typing import TYPE_CHECKING, Any, cast

from simrt.client.connection import HEARD_NS
from simrt.network import Turn
from simrt.server.windowed import Part, WindowedTransport

if TYPE_CHECKING:
    from simrt.targets.app.prober import Prober
    from simrt.targets.app.wire import Wire


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
        lost: whether the network lost it for good (half-open).
        deaf: whether nothing reaches the client any more, and it was not told (NET-7).
        prober: its keep-alive, where its network may fall silent.
        error: why it ends, as the client's system says it; None: the server ended it.
        heard_ns: when something last came to the client; -1 where nothing has.
        came: window units that have come to the client.
        backlog: what came while the client did not read.
    """

    def __init__(self, wire: Wire, number: int, connected: asyncio.Future[None]) -> None:
        self.wire = wire
        self.life = -1
        self.client_open = True
        self.server_open = False
        self.left_unheard = False
        self.lost = False
        self.deaf = False
        self.prober: Prober | None = None
        self.error: Exception | None = None
        self.in_flight = 0
        self.heard_ns = -1
        self.came = 0
        self.backlog: deque[Part] = deque()
        self.connected = connected
        self.client: ClientEnd | None = None
        self.server: ServerEnd | None = None
        self.key = wire.order(Turn.ARRIVAL, number)
        self._held = 0
        self._unhandled: deque[int] = deque()

    @property
    def has_end(self) -> bool:
        """Whether the end came, and waits to be read."""
        read = self.client is not None and self.client.ended
        return read or any(not part.data for part in self.backlog)

    # --- from the server ----------------------------------------------------------------------

    def send(self, part: Part) -> None:
        """Put a part on its way."""
        self.in_flight += part.units
        wire = self.wire
        wire.loop.at(wire.loop.now_ns + wire.latency_ns, self.key, wire.arrived, self, part)

    def free(self, units: int) -> None:
        """The window is open again by so much."""
        self.in_flight -= units
        if self.server is not None:
            self.server.free(units)

    def finish(self) -> None:
        """The server's end is closed; its word of that travels behind what is in flight (NET-5)."""
        self.server_open = False
        wire = self.wire
        wire.loop.at(wire.loop.now_ns + wire.latency_ns, self.key, wire.arrived, self, Part(b"", 0))

    def unheard(self, since_ns: int | None) -> None:
        """What was written then met a silence; None: all of it is heard by now."""
        if self.server is not None:
            self.server.unheard(since_ns)

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
        self.wire.leave(self)

    def close_client(self) -> None:
        """The client has nothing to do with it any more."""
        self.client_open = False
        self.backlog.clear()
        if self.prober is not None:
            self.prober.stop()
        if self.wire.link is self:
            self.wire.link = None


class ServerEnd(WindowedTransport):
    """The server's end of a connection.

    Arguments:
        link: the connection.
        protocol: the server's.
    """

    def __init__(self, link: Link, protocol: asyncio.BaseProtocol) -> None:
        wire = link.wire
        super().__init__(
            protocol,
            window_msgs=wire.window_msgs,
            window_bytes=wire.window_bytes,
            latency_ns=wire.latency_ns,
            now=lambda: wire.loop.now_ns,
        )
        self._link = link

    def receive(self, data: bytes) -> None:
        """The client said something."""
        cast("asyncio.Protocol", self.protocol).data_received(data)

    def send(self, part: Part) -> None:
        """Put a part on its way."""
        self._link.send(part)

    def unheard(self, since_ns: int | None) -> None:
        """As `Link.unheard`; what came first counts."""
        if since_ns is None or self.unheard_since_ns is None:
            self.unheard_since_ns = since_ns

    def kill(self) -> None:
        """The process is gone; what is left of it is told later."""
        self._drop()
        self._link.wire.loop.call_soon(self.protocol.connection_lost, ConnectionResetError())

    def finish(self) -> None:
        """Let the end travel."""
        link = self._link
        if link.server_open:
            link.wire.lives.forget(link)
            link.finish()
            link.wire.loop.call_soon(self.protocol.connection_lost, None)


class ClientEnd(asyncio.Transport):
    """What the client holds of a connection.

    Attributes:
        ended: whether the end is here, behind what is to be read.
    """

    def __init__(self, link: Link, protocol: asyncio.BaseProtocol) -> None:
        super().__init__()
        assert isinstance(protocol, asyncio.BufferedProtocol)
        self._protocol = protocol
        self._link = link
        self._come: deque[bytes] = deque()
        self.ended = False
        self._closed = False
        self._reading = True

    def feed(self, data: bytes) -> None:
        """Something is here to be read."""
        self._come.append(data)
        self._read()

    def end(self) -> None:
        """The end is here, behind what is to be read."""
        self.ended = True
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
        if self.ended and self._reading and not self._come and not self._closed:
            self._closed = True
            self._link.close_client()
            protocol.connection_lost(self._link.error)

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
        if self._come or self.ended:
            self._link.wire.loop.call_soon(self._read)

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """This network knows when something came."""
        return self._link.heard_ns if name == HEARD_NS else default
