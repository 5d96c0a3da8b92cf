"""One open stream: the server's end of one subscription on one connection.

The stream owns its transport and never waits. Who wants it to write asks whether it can
(`writable`), takes one message for it (`take`) and hands the bytes over (`write`). It takes only
while the transport holds nothing of it (SSE-6): everything that waits, waits in the pending queue,
where `onFull` and `messageTTL` act.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, cast

from simrt import sse
from simrt.engine import Subscription
from simrt.network import Guard, Turn
from simrt.record import Who
from simrt.server.peer import Peer, peer_of
from simrt.server.timers import Alarm

if TYPE_CHECKING:
    from simrt.server.outlet import Outlet

HEAD = (
    (b"content-type", b"text/event-stream"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
)


def raw_head(fields: Sequence[tuple[bytes, bytes]] = ()) -> bytes:
    """The head of a stream's response, with more fields than `HEAD`."""
    lines = b"".join(b"%b: %b\r\n" % field for field in (*HEAD, *fields))
    return b"HTTP/1.1 200 OK\r\n" + lines + b"connection: close\r\n\r\n"


RAW_HEAD = raw_head()
# A client has nothing to say after its request but the rest of a body that nobody wants.
MOST_CHATTER_BYTES = 65_536
# How often, within a deadline, a slow connection is looked at.
_LOOKS = 8


class Stream(asyncio.Protocol):
    """A protocol that writes one subscription's messages.

    Arguments:
        outlet: the channel's place in the server.
        subscription: what it delivers; open, its replay pending.
        who: whose connection it is.
        head: what goes out first: the response's head, if the transport is a bare connection,
            and the first `retry`.
        credential: the name of the credential that opened it; empty where none was needed.
        expires_ns: when that ends, scenario time; None = never (STR-4).
        notsent_lowat_bytes: TCP_NOTSENT_LOWAT; None leaves the system's.

    Attributes:
        closed: done when the connection is gone.
        ended: whether it takes no more.
        on_lost: called when the connection is lost, before `closed` is done.
    """

    def __init__(
        self,
        outlet: Outlet,
        subscription: Subscription,
        who: Who,
        *,
        head: bytes,
        credential: str,
        expires_ns: int | None,
        notsent_lowat_bytes: int | None,
    ) -> None:
        self.outlet = outlet
        self.subscription = subscription
        self.who = who
        self.credential = credential
        self.closed: asyncio.Future[None] = outlet.loop.create_future()
        self.ended = False
        self.on_lost: Callable[[Exception | None], None] | None = None
        self._head = head
        self._expires_ns = expires_ns
        self._notsent_lowat_bytes = notsent_lowat_bytes
        self._transport: asyncio.Transport | None = None
        self._answers: Peer | None = None
        self._paused = False
        self._chatter_bytes = 0
        self._last_event_ns = 0
        self._waiting_since_ns: int | None = None
        self._held_bytes = 0
        clock = outlet.clock

        def alarm(guard: Guard, action: Callable[[], None]) -> Alarm:
            key = clock.order(Turn.TIMER, who.subscriber, who.connection, guard)
            return Alarm(clock, key, action)

        self._heartbeat = alarm(Guard.HEARTBEAT, self._beat)
        self._peer = alarm(Guard.PEER, self._check_peer)
        self._deadline = alarm(Guard.DEADLINE, self._check_deadline)
        self._expiry = alarm(Guard.EXPIRY, self._expire)

    # --- the connection -----------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Write the head, then whatever the replay brought."""
        transport = cast("asyncio.Transport", transport)  # uvloop's is one by duty, not by birth
        self._transport = transport
        self._answers = peer_of(transport, self.outlet.ns_per_real_ms)
        # With a limit of 0 a TLS transport pauses on an empty buffer; with 1 a plain one does not
        # notice a single byte that is left.
        secure = transport.get_extra_info("sslcontext") is not None
        transport.set_write_buffer_limits(high=1 if secure else 0, low=0)
        if secure:
            # What is encrypted waits in a transport below, with limits of its own: 64 KiB that no
            # policy would reach. With these, one message can wait in either.
            below = getattr(getattr(transport, "_ssl_protocol", None), "_transport", None)
            if below is not None:
                below.set_write_buffer_limits(high=0, low=0)
        self._keep_kernel_small(transport)
        now = self.outlet.clock.now()
        self._last_event_ns = now
        settings = self.outlet.settings
        self._write_bytes(self._head)
        if settings.heartbeat_ns is not None:
            self._heartbeat.at(now + settings.heartbeat_ns)
        if self._expires_ns is not None:
            self._expiry.at(self._expires_ns)
        self.outlet.pump([self])

    def data_received(self, data: bytes) -> None:
        """Ignore what a client says after its request, within a bound."""
        self._chatter_bytes += len(data)
        if self._chatter_bytes > MOST_CHATTER_BYTES:
            self.end("client")

    def eof_received(self) -> None:
        """The client's end: its stream is over, also if it still reads."""
        # close() would wait for a full window to drain, for ever if nobody reads.
        self.end("client")

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone."""
        reset = exc is None or isinstance(exc, ConnectionError)
        self.end("client" if reset else "network")
        if self.on_lost is not None:
            self.on_lost(exc)
        if not self.closed.done():
            self.closed.set_result(None)

    def pause_writing(self) -> None:
        """The transport holds something: take no more. May come from inside a write."""
        self._paused = True

    def resume_writing(self) -> None:
        """The transport is empty again: go on at once (DLV-7)."""
        self._paused = False
        self._accepted()
        self.outlet.pump([self])

    # --- taking and writing -------------------------------------------------------------------

    @property
    def writable(self) -> bool:
        """Whether a message may be taken: nothing waits in the transport (SSE-6)."""
        transport = self._transport
        return (
            not self.ended
            and not self._paused
            and transport is not None
            and not transport.is_closing()
            and transport.get_write_buffer_size() == 0
        )

    @property
    def waiting(self) -> bool:
        """Whether something waits for a connection that accepts nothing."""
        return self._waiting_since_ns is not None

    def write(self, frame: bytes, now: int) -> None:
        """Hand the bytes of one taken message to the transport.

        Arguments:
            frame: one whole event.
            now: scenario time of its take.
        """
        self._last_event_ns = now
        self._write_bytes(frame)

    def settle(self, now: int) -> None:
        """Note whether something waits, after all that could be written was (STR-1)."""
        if self.ended:
            return
        if not self._held() and not self.subscription.pending:
            self._waiting_since_ns = None
        elif self._waiting_since_ns is None:
            self._waiting_since_ns = now
            self._watch(now)

    def end(self, cause: str, farewell: bytes | None = None) -> None:
        """End the stream; harmless when repeated.

        What was taken and is in the kernel still arrives, with the end behind it (NET-5).

        Arguments:
            cause: as a `close` row says it.
            farewell: last words; the transport then sends all that it holds before the end.
        """
        if self.ended:
            return
        self.ended = True
        for alarm in (self._heartbeat, self._deadline, self._peer, self._expiry):
            alarm.cancel()
        self.outlet.leave(self, cause)
        transport = self._transport
        if transport is None:
            return
        if farewell is None or transport.is_closing():
            transport.abort()
        else:
            transport.write(farewell)
            transport.close()

    def abort(self) -> None:
        """Drop the connection, whatever it still holds."""
        self.end("shutdown")
        if self._transport is not None:
            self._transport.abort()

    def _keep_kernel_small(self, transport: asyncio.Transport) -> None:
        """Let the kernel refuse what it could not send at once: less waits beyond policy."""
        sock = transport.get_extra_info("socket")
        lowat_bytes = self._notsent_lowat_bytes
        if sock is None or lowat_bytes is None or not hasattr(socket, "TCP_NOTSENT_LOWAT"):
            return
        with contextlib.suppress(OSError):  # not TCP: there is nothing to keep small
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, lowat_bytes)

    def _write_bytes(self, data: bytes) -> None:
        assert self._transport is not None
        self._transport.write(data)
        if self._held() < len(data):
            self._accepted()
        limit = self.outlet.settings.peer_timeout_ns
        if limit is not None and not self._peer.armed and self._answers is not None:
            now = self.outlet.clock.now()
            self._peer.at(self._answers.look_ns(now, now, limit))

    def _held(self) -> int:
        """Bytes that our own write buffer holds for this connection."""
        assert self._transport is not None
        return self._transport.get_write_buffer_size()

    # --- deadlines ----------------------------------------------------------------------------

    def _accepted(self) -> None:
        """The connection took at least a byte."""
        self._waiting_since_ns = None

    def _watch(self, now: int) -> None:
        limit = self.outlet.settings.write_deadline_ns
        if limit is None or self._waiting_since_ns is None:
            return
        self._held_bytes = self._held()
        due = self._waiting_since_ns + limit
        # A long message drains in parts that nobody announces, so it is looked at in between.
        self._deadline.at(min(due, now + max(1, limit // _LOOKS)))

    def _check_deadline(self) -> None:
        """STR-1: a connection that accepts nothing for so long, while something waits, ends."""
        limit, since = self.outlet.settings.write_deadline_ns, self._waiting_since_ns
        if limit is None or since is None or self.ended:
            return
        now = self.outlet.clock.now()
        if self._held() < self._held_bytes:
            accepted_ns = self._answers.accepted_ns() if self._answers is not None else None
            self._waiting_since_ns = now if accepted_ns is None else accepted_ns
        elif now >= since + limit:
            self.end("stalled")
            return
        self._watch(now)

    def _beat(self) -> None:
        """SSE-5: a comment after a pause without an event; skipped where there is no room."""
        pause = self.outlet.settings.heartbeat_ns
        assert pause is not None
        now = self.outlet.clock.now()
        if now < self._last_event_ns + pause:
            self._heartbeat.at(self._last_event_ns + pause)
            return
        if self.writable:
            self._write_bytes(sse.encode_comment())
            self.settle(now)
        self._heartbeat.at(now + pause)

    def _check_peer(self) -> None:
        """SSE-5: a peer that leaves a written byte unacknowledged for so long is gone."""
        limit = self.outlet.settings.peer_timeout_ns
        assert limit is not None
        assert self._answers is not None
        now = self.outlet.clock.now()
        since_ns = self._answers.owes_since_ns(now)
        if since_ns is None:
            return  # looked at again after the next write
        if now - since_ns >= limit:
            self.end("gone")
            return
        self._peer.at(self._answers.look_ns(since_ns, now, limit))

    def _expire(self) -> None:
        """STR-4: the credential that opened it has expired."""
        self.end("expired")
