"""One HTTP exchange: a request goes out; the head, events and the end come in.

The head is parsed by httptools (chunked bodies too), the stream by `simrt.sse.Parser`. The
transport reads into a small buffer of the connection's own, so that one read brings few events:
what was read and is not handled yet is beyond every policy of the server.
"""

from __future__ import annotations

import asyncio
import fcntl
import socket
import struct
import termios
from dataclasses import dataclass
from typing import Protocol

import httptools

from simrt.client.headers import media_type
from simrt.sse import Comment, Event, Parser, Retry, SseError

MAX_HEAD_BYTES = 64 * 1024
"""A response head beyond this is no head."""

READ_BYTES = 2048
"""Most bytes of one read."""


HEARD_NS = "simrt.heard_ns"
"""Extra info of a transport: when data last came (scenario time), if a network in memory knows."""

# Where `struct tcp_info` of Linux keeps the milliseconds since data last came.
_LAST_DATA_RECEIVED = 52


def milliseconds_since_data(sock: socket.socket) -> int | None:
    """For how long no data came, real milliseconds, says the kernel; None where it does not."""
    if not hasattr(socket, "TCP_INFO"):
        return None
    try:
        info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _LAST_DATA_RECEIVED + 4)
    except OSError:
        return None
    if len(info) < _LAST_DATA_RECEIVED + 4:
        return None
    (since_ms,) = struct.unpack_from("=I", info, _LAST_DATA_RECEIVED)
    return int(since_ms)


@dataclass(frozen=True, slots=True)
class Head:
    """The head of a response.

    Attributes:
        status: the HTTP status.
        headers: names in lower case, in the order of arrival.
    """

    status: int
    headers: tuple[tuple[str, str], ...]

    def header(self, name: str) -> str | None:
        """The first header of this name (lower case), or None."""
        return next((value for key, value in self.headers if key == name), None)

    @property
    def content_type(self) -> str:
        """The media type without its parameters, in lower case; empty where there is none."""
        return media_type(value for key, value in self.headers if key == "content-type")

    @property
    def is_stream(self) -> bool:
        """Whether a browser takes it for a stream: 200 and `text/event-stream` (CLI-3)."""
        return self.status == 200 and self.content_type == "text/event-stream"


class KeepAliveError(ConnectionError):
    """The system's keep-alive ended the connection: a reset answered a probe, or nothing did."""


@dataclass(frozen=True, slots=True)
class End:
    """Nothing more will come: the response is over, broken, or its connection was lost.

    Attributes:
        cause: how the client knows: `server`, or `keepalive`.
    """

    cause: str = "server"


_END = End()

Part = Head | Event | Retry | Comment | End


class Owner(Protocol):
    """Who uses a connection."""

    def connected(self, connection: Connection) -> None:
        """The transport is there; the request follows at once."""

    def heard(self, connection: Connection) -> None:
        """Bytes came; what they say, if it is complete, follows at once."""

    def arrived(self, connection: Connection, parts: list[Part]) -> None:
        """Parts of the response, in order; none where a read completed none. `End` is the last."""

    def lost(self, connection: Connection) -> None:
        """The transport is closed for good."""


class Connection(asyncio.BufferedProtocol):
    """One request and its response.

    Arguments:
        owner: hears what arrives.
        request: the bytes of the request.
        parser: reads the body, if it is a stream.
        read_bytes: most bytes of one read, 1 or more.
    """

    def __init__(
        self, owner: Owner, request: bytes, parser: Parser, read_bytes: int = READ_BYTES
    ) -> None:
        self.parser = parser
        self._owner = owner
        self._request = request
        self._buffer = memoryview(bytearray(read_bytes))
        self._http = httptools.HttpResponseParser(self)
        self._transport: asyncio.Transport | None = None
        self._headers: list[tuple[str, str]] = []
        self._head: Head | None = None
        self._streaming: bool  # once there is a head
        self._head_bytes = 0
        self._interim: bool  # the head that came last
        self._parts: list[Part] = []
        self._over = False
        self._reading = True
        self._aborted = False

    # --- for the owner ------------------------------------------------------------------------

    def read(self, wanted: bool) -> None:
        """Read on, or leave what comes to the kernel."""
        if self._transport is None or wanted == self._reading or self._transport.is_closing():
            return
        self._reading = wanted
        if wanted:
            self._transport.resume_reading()
        else:
            self._transport.pause_reading()

    def waits(self) -> bool:
        """Whether the kernel says that something waits to be read."""
        sock = None if self._transport is None else self._transport.get_extra_info("socket")
        if sock is None:
            return False
        try:
            waiting = fcntl.ioctl(sock.fileno(), termios.FIONREAD, bytes(struct.calcsize("i")))
        except (OSError, ValueError):  # it cannot tell, or the socket is closed
            return False
        return any(waiting)

    def heard_ns(self) -> int | None:
        """When data last came, scenario time, where the network knows."""
        if self._transport is None:
            return None
        heard_ns = self._transport.get_extra_info(HEARD_NS)
        return None if heard_ns is None else int(heard_ns)

    def unheard_ns(self, now_ns: int, ns_per_real_ms: int) -> int | None:
        """For how long nothing came, nanoseconds of scenario time, while this side did not read.

        Data that waits unread is with the network, which knows when it came. None while this side
        reads, or where nobody can tell.

        Arguments:
            now_ns: scenario time.
            ns_per_real_ms: scenario nanoseconds in one real millisecond.
        """
        if self._transport is None or self._reading:
            return None
        heard_ns = self.heard_ns()
        if heard_ns is not None:
            return now_ns - heard_ns
        silent_ms = self._silent_ms()
        return None if silent_ms is None else silent_ms * ns_per_real_ms

    def _silent_ms(self) -> int | None:
        """What the kernel says, in real milliseconds."""
        assert self._transport is not None
        sock = self._transport.get_extra_info("socket")
        return None if sock is None else milliseconds_since_data(sock)

    def abort(self) -> None:
        """End it from this side, now."""
        self._aborted = self._over = True
        if self._transport is not None:
            self._transport.abort()

    # --- for the transport --------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Connected: ask."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._owner.connected(self)
        if self._aborted:
            transport.abort()
        else:
            transport.write(self._request)

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002 - our size is the point
        """Where the next read goes."""
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        """So many bytes came."""
        if self._over:
            return
        self._owner.heard(self)
        if self._head is None:
            self._head_bytes += nbytes
        try:
            self._http.feed_data(self._buffer[:nbytes])
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            # No HTTP, or another protocol after the head: nothing more can be read.
            self._finish()
        if self._head is None and self._head_bytes > MAX_HEAD_BYTES:
            self._finish()
        self._deliver()

    def connection_lost(self, exc: Exception | None) -> None:
        """The transport is gone."""
        if not self._over:
            self._finish(End("keepalive") if isinstance(exc, KeepAliveError) else _END)
            self._deliver()
        self._owner.lost(self)

    # --- for httptools ------------------------------------------------------------------------

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header of the response."""
        self._headers.append((name.decode("latin-1").lower(), value.decode("latin-1")))

    def on_headers_complete(self) -> None:
        """The head is complete; 1xx is not the answer yet."""
        status = self._http.get_status_code()
        self._interim = 100 <= status < 200 and status != 101
        if not self._interim:
            self._head = Head(status, tuple(self._headers))
            self._streaming = self._head.is_stream
            self._parts.append(self._head)
        self._headers.clear()

    def on_body(self, body: bytes) -> None:
        """Bytes of the body, without the framing of chunks."""
        if self._over or not self._streaming:
            return
        try:
            self._parts.extend(self.parser.feed(body))
        except SseError as error:
            self._parts.extend(error.items)
            self._finish()

    def on_message_complete(self) -> None:
        """The body is complete, by its length or its last chunk."""
        if not self._interim:
            self._finish()

    def _finish(self, end: End = _END) -> None:
        if not self._over:
            self._over = True
            self._parts.append(end)

    def _deliver(self) -> None:
        parts, self._parts = self._parts, []
        self._owner.arrived(self, parts)
