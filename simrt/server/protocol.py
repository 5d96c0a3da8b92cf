"""One connection: uvicorn's HTTP protocol, until a stream takes the connection over.

Parsing, keep-alive and ordinary answers are uvicorn's. Added here: deadlines and a size limit for
requests, and `hand_over`, by which the app gives the bare transport to a `Stream`. What is relied
on inside uvicorn is listed in `RELIED_ON` and checked by a test, since it is not public.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import httptools
from uvicorn.config import Config
from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT, FlowControl
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol
from uvicorn.server import ServerState

from simrt.server import access_log
from simrt.server.settings import Limits
from simrt.server.stream import Stream

if TYPE_CHECKING:
    from simrt.server.server import Server

EXTENSION = "simrt.connection"

Fields = Sequence[tuple[bytes, bytes]]

RELIED_ON = {
    "attributes": (
        "access_log", "connections", "cycle", "flow", "loop", "parser", "pipeline", "scope",
        "tasks", "timeout_keep_alive", "timeout_keep_alive_task", "transport",
    ),
    "methods": (
        "connection_made", "connection_lost", "eof_received", "on_header",
        "on_headers_complete", "on_message_begin", "on_message_complete", "on_url",
        "on_response_complete", "pause_writing", "resume_writing", "send_400_response", "shutdown",
        "timeout_keep_alive_handler", "_unset_keepalive_if_required",
    ),
}  # fmt: skip
"""What this class uses of `HttpToolsProtocol`: a new version must still have it, and mean it."""


# What is parsed at once: few requests fit in, since 25 bytes are the least one.
_SLICE_BYTES = 256
# How many slices are parsed in one turn of the loop; a body of known length is one.
_TURN_SLICES = 32
# A body in chunks of one byte is six times as long on the wire.
_FRAMING = 8
_TOO_LARGE = (431, "the request's head is too large")
# What a head has beside its method, its target and its header lines.
_LINE_BYTES = len("  HTTP/1.1\r\n\r\n")
_LENGTH = b"content-length"
# Two of one of these, and two readers may each take another one.
_ONCE = (b"host", b"authorization", b"cookie", b"last-event-id")


class InOrder(dict[Any, None]):
    """A set that remembers the order of its members: uvicorn's are never iterated by address."""

    def add(self, member: Any) -> None:
        """Add a member."""
        self[member] = None

    def discard(self, member: Any) -> None:
        """Remove a member, if it is one."""
        self.pop(member, None)


def server_state() -> ServerState:
    """What uvicorn's protocols of one server share."""
    state = ServerState()
    state.connections = InOrder()  # type: ignore[assignment]
    state.tasks = InOrder()  # type: ignore[assignment]
    return state


def protocol_config(app: Any, limits: Limits) -> Config:
    """Uvicorn's settings for our protocol: no log, no Date header, no second server."""
    return Config(
        app,
        http=HttpToolsProtocol,
        ws="none",
        lifespan="off",
        interface="asgi3",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        date_header=False,
        # Whole seconds are only its annotation; it goes to the loop's `call_later` as it is.
        timeout_keep_alive=limits.idle_s,  # type: ignore[arg-type]
    )


class _Flow(FlowControl):
    """Reads on only where what was read is parsed, whatever a request's app asks for."""

    def __init__(self, transport: asyncio.Transport, connection: Connection) -> None:
        super().__init__(transport)
        self._connection = connection

    def resume_reading(self) -> None:
        """Read on, where there is room."""
        if self.read_paused and self._connection.may_read:
            super().resume_reading()
            self._connection.reads_again()


class Connection(HttpToolsProtocol):
    """One accepted connection.

    Arguments:
        server: whose it is.
        config: `protocol_config`.
        loop: the event loop.

    Attributes:
        served: whether it is within the limit of connections; decided when it was accepted.
    """

    def __init__(self, server: Server, config: Config, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(config, server.state, {}, loop)
        self.access_log = False  # whatever the root logger does: addresses may hold secrets
        self.served = False
        self._owner = server
        self._stream: Stream | None = None
        self._in_head = True
        self._head_bytes = 0
        self._parsed_bytes = 0
        self._wrong = (400, "not a valid HTTP request")
        self._body_left = 0
        self._body_bytes = 0
        self._refused = False
        self._deaf = False
        self._in_body = False
        self._under_way = False
        self._unparsed = bytearray()
        self._turn: asyncio.Handle | None = None
        self._deadline: asyncio.TimerHandle | None = None
        self._unread: asyncio.TimerHandle | None = None

    # --- the connection -----------------------------------------------------------------------

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Accepted: the deadline for the first request starts (NET-1)."""
        super().connection_made(transport)
        self.flow = _Flow(transport, self)
        self.served = self._owner.admit(self)
        if not transport.is_closing():
            self._arm()

    def connection_lost(self, exc: Exception | None) -> None:
        """Gone, also where a stream had taken it over."""
        self._disarm()
        self._forget_unread()
        self._forget_unparsed()
        super().connection_lost(exc)
        self._owner.lost(self)

    def data_received(self, data: bytes) -> None:
        """Parse, within the bounds."""
        if self._refused or self._deaf:
            return
        self._unparsed += data
        if self._turn is None and not self.pipeline:
            self._parse()
        else:
            self.flow.pause_reading()

    def eof_received(self) -> None:
        """The client sends no more; what it does not read of its answer holds nothing for ever."""
        super().eof_received()
        self._watch_unread()

    @property
    def may_read(self) -> bool:
        """Whether all that came is parsed, and at most one request waits for its answer."""
        return not self._unparsed and not self.pipeline

    def reads_again(self) -> None:
        """A request that came in part while nothing was read has its time from now on."""
        if self._under_way:
            self._arm()

    def _parse(self) -> None:
        """Parse what has come, slice by slice: a few requests, then the answers they wait for.

        One read may hold ten thousand requests. What is not parsed yet waits as bytes, and nothing
        more is read meanwhile.
        """
        self._turn = None
        for _ in range(_TURN_SLICES):
            if self.pipeline or not self._unparsed:
                break
            size = max(_SLICE_BYTES, self._body_left)
            data = bytes(self._unparsed[:size])
            del self._unparsed[:size]
            if not self._feed(data):
                self._unparsed.clear()
                return
        if self.may_read:
            if self.cycle is None or len(self.cycle.body) <= HIGH_WATER_LIMIT:
                self.flow.resume_reading()
            return
        self.flow.pause_reading()
        if self.pipeline:
            self._disarm()  # the client waits for us
        else:
            self._turn = self.loop.call_soon(self._parse)

    def _feed(self, data: bytes) -> bool:
        """Parse one slice; whether the next one may follow."""
        if self._in_head:
            self._head_bytes += len(data)
            self._arm()
        else:
            self._body_bytes += len(data)
        # As uvicorn does it, but without a line in the log for each: strangers shall not fill it.
        self._unset_keepalive_if_required()
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserError:
            self.send_400_response("")
            return False
        except httptools.HttpParserUpgrade:
            self._deaf = True  # the request is answered as plain HTTP, and nothing after it is one
            return False
        # A head in parts is counted here, and a whole one, whose chunk may hold a body, below.
        limits = self._owner.limits
        if self._in_head and self._head_bytes > limits.head_bytes:
            self._wrong = _TOO_LARGE
            self.send_400_response("")
        elif self._body_bytes > limits.head_bytes + _FRAMING * limits.body_bytes:
            self._wrong = (413, "the request's body is too large")
            self.send_400_response("")
        return not self._refused and not self.transport.is_closing()

    def pause_writing(self) -> None:
        """An answer is not read: nobody holds a connection for ever by that."""
        super().pause_writing()
        self._watch_unread()

    def resume_writing(self) -> None:
        """It is read after all."""
        super().resume_writing()
        if not self.transport.is_closing():
            self._forget_unread()

    def on_response_complete(self) -> None:
        """An answer is complete. Where it was the last, its end waits for who reads it."""
        super().on_response_complete()
        if self.transport.is_closing():
            self._watch_unread()
        elif self._unparsed and not self.pipeline and self._turn is None:
            self._turn = self.loop.call_soon(self._parse)

    def _watch_unread(self) -> None:
        if self._unread is None:
            self._unread = self.loop.call_later(self._owner.limits.request_s, self.transport.abort)

    def _forget_unread(self) -> None:
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None

    def _forget_unparsed(self) -> None:
        self._unparsed.clear()
        if self._turn is not None:
            self._turn.cancel()
            self._turn = None

    def timeout_keep_alive_handler(self) -> None:
        """No further request: over, whether the last answer was read or not."""
        self.transport.abort()

    def shutdown(self) -> None:
        """An orderly end: a stream has had its last words; an answer under way is finished."""
        if self._stream is None:
            super().shutdown()

    def abort(self) -> None:
        """Drop it, whatever it still holds."""
        if self._stream is not None:
            self._stream.abort()
        self.transport.abort()

    # --- requests -----------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        """A request's first byte."""
        super().on_message_begin()
        self._under_way = True
        self._parsed_bytes = _LINE_BYTES
        self.scope["extensions"] = {EXTENSION: {"connection": self}}
        self._in_head = True
        self._arm()

    def on_url(self, url: bytes) -> None:
        """Part of the request line."""
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header; what comes behind the body is counted, and is none."""
        self._count(len(name) + len(value) + len(": \r\n"))
        if self._in_head:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """The head is complete."""
        self._in_head = False
        self._head_bytes = 0
        self._body_bytes = 0
        self._count(len(self.parser.get_method()))
        self._judge_head()
        super().on_headers_complete()
        self._in_body = True
        # After Upgrade the parser takes what follows for another protocol; and who is beyond the
        # limit holds nothing after its answer (STR-2).
        if self.parser.should_upgrade() or not self.served:
            self.cycle.keep_alive = False
        # Of several pipelined requests `self.cycle` is the last that was parsed, not the one that
        # is being answered.
        self.scope["extensions"][EXTENSION]["cycle"] = self.cycle

    def on_body(self, body: bytes) -> None:
        """Part of the body."""
        self._body_left = max(0, self._body_left - len(body))
        super().on_body(body)

    def on_message_complete(self) -> None:
        """The request is complete."""
        self._disarm()
        self._in_body = False
        self._under_way = False
        self._body_left = 0
        self._in_head = True
        super().on_message_complete()
        if not self._busy and not self.transport.is_closing():
            # It was answered before its body was there, and the rest ended uvicorn's wait.
            self._unset_keepalive_if_required()
            self.timeout_keep_alive_task = self.loop.call_later(
                self.timeout_keep_alive, self.timeout_keep_alive_handler
            )

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - our words are our own
        """Refuse what is no request, or too large a one; a small JSON body like every refusal."""
        if self._refused:
            return
        if self._busy or self._in_body:
            self.transport.abort()  # never into the middle of an answer, never a second one
        else:
            self._refuse(*self._wrong)

    def _refuse(self, status: int, reason: str) -> None:
        self._owner.tally.refused["", status] += 1
        access_log.answered(None, status)
        self._last_words(status, json.dumps({"error": reason}).encode(), ())

    def turn_away(
        self, scope: dict[str, Any], status: int, body: bytes, fields: Fields = ()
    ) -> None:
        """Answer a request, and end the connection: its descriptor is free for somebody else.

        Arguments:
            scope: of the request.
            status: of the answer.
            body: JSON.
            fields: further headers.
        """
        cycle = scope["extensions"][EXTENSION]["cycle"]
        cycle.disconnected = True  # uvicorn has no answer to give any more
        self._disarm()
        self._last_words(status, body, fields, at_once=not cycle.more_body)

    def _last_words(
        self, status: int, body: bytes, fields: Fields, *, at_once: bool = False
    ) -> None:
        more = b"".join(b"%b: %b\r\n" % field for field in fields)
        self.transport.write(
            STATUS_LINE[status] + b"content-type: application/json\r\n"
            b"content-length: %d\r\n%bconnection: close\r\n\r\n%b" % (len(body), more, body)
        )
        self._refused = True
        self._forget_unparsed()
        self.pipeline.clear()
        if at_once:
            self.transport.close()
            self._watch_unread()
            return
        # Closing with unread bytes would reset the connection and destroy the answer, so the rest
        # is swallowed for a moment.
        self._disarm()
        self.flow.resume_reading()
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self._deadline = self.loop.call_later(self._owner.limits.farewell_s, self.transport.abort)

    @property
    def _busy(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _count(self, more_bytes: int) -> None:
        self._parsed_bytes += more_bytes
        if self._parsed_bytes > self._owner.limits.head_bytes:
            self._stop(*_TOO_LARGE)

    def _judge_head(self) -> None:
        """Refuse what a proxy in front of us could have understood differently."""
        version = self.parser.get_http_version()
        if version not in ("1.0", "1.1"):
            self._stop(505, "this server speaks HTTP/1.1")
        names = [name for name, _ in self.headers]
        codings = [value for name, value in self.headers if name == b"transfer-encoding"]
        if version == "1.0" and codings:
            self._stop(400, "HTTP/1.0 has no Transfer-Encoding")
        self._body_left = sum(int(value) for name, value in self.headers if name == _LENGTH)
        if codings and [each.strip().lower() for each in codings] != [b"chunked"]:
            self._stop(400, "the only Transfer-Encoding here is chunked, once")
        if version == "1.1" and b"host" not in names:
            self._stop(400, "the Host header is missing")
        if self.parser.should_upgrade() and {_LENGTH, b"transfer-encoding"} & set(names):
            # The parser would take the body for the other protocol.
            self._stop(400, "no other protocol is spoken here; send a body without Upgrade")
        for name in _ONCE:
            if names.count(name) > 1:
                self._stop(400, f"the header {name.decode()} stands there twice")

    def _stop(self, status: int, reason: str) -> None:
        self._wrong = (status, reason)
        raise ValueError(reason)  # the parser stops and send_400_response follows

    # --- the hand-over ------------------------------------------------------------------------

    def hand_over(self, stream: Stream, scope: dict[str, Any]) -> None:
        """Give the connection to a stream; from here on every byte is the stream's.

        Arguments:
            stream: who takes it.
            scope: of the request that asked for it.
        """
        self.cycle = scope["extensions"][EXTENSION]["cycle"]
        self._stream = stream
        stream.on_lost = self.connection_lost
        self.pipeline.clear()  # what was asked for behind a stream has no answer
        self._forget_unparsed()
        self.flow.resume_reading()  # else the client's end would not be noticed
        self._disarm()
        self.transport.set_protocol(stream)
        stream.connection_made(self.transport)

    def give_up(self, scope: dict[str, Any]) -> None:
        """No answer: the client is gone already, and uvicorn shall not try one."""
        scope["extensions"][EXTENSION]["cycle"].disconnected = True

    # --- the deadline for a request ------------------------------------------------------------

    def _arm(self) -> None:
        if self._deadline is None:
            self._deadline = self.loop.call_later(self._owner.limits.request_s, self._too_slow)

    def _disarm(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _too_slow(self) -> None:
        """A request that does not end holds nothing for ever."""
        self._deadline = None
        if self._busy or not self._in_head or self.transport.is_closing():
            self.transport.abort()
        else:
            self._refuse(408, "the request took too long")
