"""One client's network, which can fall silent (NET-7).

It stands in the harness's process, around the client's real socket. In silence it passes no byte
in either direction: what comes is left with the kernel; what the client writes, and its end, wait;
a dial waits too. Nobody is told.

Where the run has a network of its own (`simrt.targets.server.namespace`), the kernel loses the
client's packets meanwhile, and the server can notice a peer that is gone. Elsewhere this is all
there is, a proxy: the client's kernel goes on acknowledging until its window is full, so nobody can
notice that (cause `gone`), and it is not judged.

A connection is dead after a silence if a half-open lost it, or if the kernel says that the server's
end of it is closed. Then the real socket is reset, and the client is not told. Its keep-alive is
this wire's own: the kernel's counts whole seconds of real time. At the times at which the client's
system would ask, scaled like all times, it looks whether a probe would be answered, and how.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from simrt.client import Dial, Endpoint, tcp
from simrt.client.connection import KeepAliveError, milliseconds_since_data
from simrt.clock import RealClock, Timer
from simrt.network import Ask, KeepAlive
from simrt.scenario.model import Subscribers

NEVER = -1
_ESTABLISHED = 1
_STATE = "/proc/net/tcp"
_RESET = struct.pack("ii", 1, 0)  # SO_LINGER: on, no time: the end is a reset


class Wire:
    """What passes between one client and the server.

    Arguments:
        dial: how to connect in a network that is not silent.
        tell: told `offline` just before silence falls, and `online` just before it ends.
        lose: makes the kernel lose all packets (True), or no more (False); None where it cannot.
        in_force: waits until the kernel does as it was told.
        clock: scenario time.
        group: what its client notices.

    Attributes:
        silent: whether nothing passes.
        clock: as given.
        keepalive_ns: the interval of keep-alive; None where nobody asks.
        at_heal: whether the client is told when the silence ends.
    """

    def __init__(
        self,
        dial: Dial,
        tell: Callable[[str], None],
        lose: Callable[[bool], None] | None = None,
        in_force: Callable[[], Awaitable[None]] | None = None,
        *,
        clock: RealClock,
        group: Subscribers,
    ) -> None:
        self.silent = False
        self.clock = clock
        self.keepalive_ns = group.keepalive_ns
        self.at_heal = group.notices == "at-heal"
        self._dial = dial
        self._tell = tell
        self._lose = lose
        self._in_force = in_force
        self._silences: set[str] = set()
        self._over = asyncio.Event()
        self._over.set()
        self._passages: dict[_Passage, None] = {}

    @property
    def untold(self) -> bool:
        """Whether the client's connection is dead, and nobody told it (NET-7)."""
        return any(passage.dead for passage in self._passages)

    async def dial(self, factory: Callable[[], asyncio.BaseProtocol], endpoint: Endpoint) -> None:
        """Connect through this wire; a dial into silence gets nowhere until that ends."""
        await self._obeyed()
        while self.silent:
            await self._over.wait()
            await self._obeyed()
        await self._dial(lambda: _Passage(self, factory()), endpoint)

    async def _obeyed(self) -> None:
        # A dial that the kernel still lost would be repeated only after a second of real time.
        if self._in_force is not None:
            await self._in_force()

    def blackhole(self, why: str) -> None:
        """Nothing passes from now on, for one more reason."""
        self._silences.add(why)
        if self.silent:
            return
        self._tell("offline")
        self.silent = True
        self._over.clear()
        if self._lose is not None:
            self._lose(True)
        for passage in self._passages:
            passage.hold()

    def restore(self, why: str, *, dead: bool = False) -> None:
        """One reason for silence is gone; with the last, what was held up passes.

        Arguments:
            why: the reason.
            dead: the network lost the connections for good: the server gets a reset.
        """
        if dead:
            for passage in self._passages:
                passage.lost = True
        self._silences.discard(why)
        if self._silences or not self.silent:
            return
        self._tell("online")
        if self._lose is not None:
            self._lose(False)
        self.silent = False
        self._over.set()
        for passage in list(self._passages):
            if passage.lost and (self.at_heal or not passage.answered):
                passage.reset()
            elif passage.lost or passage.given_up():
                passage.sever()
            else:
                passage.release(asks=self.at_heal and self._lose is not None)

    def close(self) -> None:
        """End everything: no socket is left."""
        for passage in list(self._passages):
            passage.drop()

    def opened(self, passage: _Passage) -> None:
        """A connection was made."""
        self._passages[passage] = None

    def closed(self, passage: _Passage) -> None:
        """A connection is gone."""
        self._passages.pop(passage, None)


class Loopback:
    """One client's network that is never silent: the machine's own.

    Arguments:
        rcvbuf_bytes: the client's SO_RCVBUF; None leaves the system's.
    """

    def __init__(self, rcvbuf_bytes: int | None) -> None:
        self.dial = tcp(rcvbuf_bytes)

    @property
    def untold(self) -> bool:
        """Everybody is told of everything here."""
        return False

    def blackhole(self, why: str) -> None:
        """It cannot: a client whose network does is reached through a `Wire`."""
        raise NotImplementedError(why)

    def restore(self, why: str, *, dead: bool = False) -> None:
        """It always speaks."""
        raise NotImplementedError(why)

    def close(self) -> None:
        """A client closes its own sockets."""


class _Passage(asyncio.BufferedProtocol, asyncio.Transport):
    """One connection: to the socket's transport a protocol, to the client a transport.

    Attributes:
        answered: whether anything came.
        lost: whether the network lost it for good.
        dead: whether it is over and the client was not told.
    """

    def __init__(self, wire: Wire, client: asyncio.BaseProtocol) -> None:
        super().__init__()
        assert isinstance(client, asyncio.BufferedProtocol)
        self._wire = wire
        self._client = client
        self._socket: asyncio.Transport | None = None
        self._unsent = bytearray()
        self._wanted = True
        self._left = False
        self._told = False
        self.answered = False
        self.lost = False
        self.dead = False
        self._gone = False
        self._heard_ns = NEVER
        self._ended_before = False
        self._keepalive: KeepAlive | None = None
        self._timer: Timer | None = None
        self._error: Exception | None = None

    # --- for the wire -------------------------------------------------------------------------

    def hold(self) -> None:
        """Silence falls."""
        assert self._socket is not None
        if self.dead:
            return
        sock = self._socket.get_extra_info("socket")
        self._ended_before = self._socket.is_closing() or not is_established(sock)
        if not self._socket.is_closing():
            self._socket.pause_reading()
            self._watch(sock)

    def given_up(self) -> bool:
        """Whether the server ended it in the silence: its word of that got nowhere."""
        assert self._socket is not None
        if self._wire.at_heal or not self.answered or self._ended_before or self._left or self.dead:
            return False
        return not is_held(self._socket.get_extra_info("socket"))

    def sever(self) -> None:
        """The connection is dead, and nobody tells the client; the server gets a reset."""
        if not self._told and not self._left:
            self.dead = True
        self.reset()

    def release(self, *, asks: bool = False) -> None:
        """Silence is over: what was held up passes.

        Arguments:
            asks: whether packets were lost. The server's last one may be among them, and is not
                repeated for ever: the kernel asks at once whether the other end is still there.
        """
        assert self._socket is not None
        if self.dead:
            return
        if self._left:
            self._socket.abort()
        elif not self._socket.is_closing():
            if self._unsent:
                self._socket.write(bytes(self._unsent))
                self._unsent.clear()
            if self._wanted:
                self._socket.resume_reading()
            if asks:
                sock = self._socket.get_extra_info("socket")
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 1)

    def reset(self) -> None:
        """The connection is dead: a reset for each side."""
        assert self._socket is not None
        sock = self._socket.get_extra_info("socket")
        if sock is not None and not self._socket.is_closing():
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self._socket.abort()

    def drop(self) -> None:
        """End it, whatever is held up."""
        assert self._socket is not None
        self._stop()
        self._wire.closed(self)
        self._socket.abort()

    # --- keep-alive ---------------------------------------------------------------------------

    def _watch(self, sock: socket.socket) -> None:
        """A silence begins: from now on probes may get no answer."""
        interval_ns, clock = self._wire.keepalive_ns, self._wire.clock
        if interval_ns is None or not self.answered or self._timer is not None:
            return
        now_ns = clock.now()
        unread_ms = milliseconds_since_data(sock)
        if unread_ms is not None:
            self._heard_ns = max(self._heard_ns, now_ns - round(unread_ms * 1e6 * clock.speed))
        # Until now each probe was answered at once.
        answered_ns = now_ns - (now_ns - self._heard_ns) % interval_ns
        self._keepalive = KeepAlive(interval_ns, answered_ns)
        self._timer = clock.timer(answered_ns + interval_ns, 0, self._ring)

    def _ring(self) -> None:
        assert self._keepalive is not None
        assert self._socket is not None
        self._timer, wire = None, self._wire
        now_ns = wire.clock.now()
        ask, due_ns = self._keepalive.ring(now_ns, self._heard_ns)
        if ask is Ask.GIVE_UP or (ask is Ask.PROBE and self.dead and not wire.silent):
            self._end()
            return
        if ask is Ask.PROBE and not wire.silent:
            self._keepalive.answered(now_ns)
            return  # until the next silence each probe is answered
        self._timer = wire.clock.timer(due_ns, 0, self._ring)

    def _end(self) -> None:
        """The client's system ends it; who does not read hears of it when it reads on (NET-6)."""
        assert self._socket is not None
        self._error = KeepAliveError()
        if not self.dead:
            self._left = True  # the server hears of it when it can
            if not self._wire.silent:
                self._socket.abort()
        self.dead = False
        if self._wanted:
            self._tell(self._error)

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    # --- for the socket's transport -----------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The real connection is there."""
        assert isinstance(transport, asyncio.Transport)
        self._socket = transport
        self._wire.opened(self)
        if self._wire.silent:
            self.hold()
        self._client.connection_made(self)

    def get_buffer(self, sizehint: int) -> Any:
        """The client's own buffer: nothing is kept in between."""
        return self._client.get_buffer(sizehint)

    def buffer_updated(self, nbytes: int) -> None:
        """Bytes came, and no silence holds them up."""
        self.answered = True
        self._heard_ns = self._wire.clock.now()
        self._client.buffer_updated(nbytes)

    def connection_lost(self, exc: Exception | None) -> None:
        """The real connection is gone."""
        self._gone = True
        if self.dead or (self._error is not None and not self._told):
            return  # nobody tells the client, or it does not read
        self._wire.closed(self)
        self._tell(exc)

    def _tell(self, exc: Exception | None) -> None:
        if not self._told:
            self._told = True
            self._stop()
            if self._gone:
                self._wire.closed(self)
            self._client.connection_lost(exc)

    # --- for the client -----------------------------------------------------------------------

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """As the socket's transport; in silence nobody knows what the kernel has heard."""
        assert self._socket is not None
        if name == "socket" and (self._wire.silent or self.dead):
            return default
        return self._socket.get_extra_info(name, default)

    def is_closing(self) -> bool:
        """Whether the client has left, or the connection ends."""
        assert self._socket is not None
        if self.dead:
            return False
        return self._told or self._left or self._socket.is_closing()

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send; in silence it waits."""
        assert self._socket is not None
        if self._wire.silent or self.dead:
            self._unsent += data
        else:
            self._socket.write(data)

    def pause_reading(self) -> None:
        """The client does not read."""
        assert self._socket is not None
        self._wanted = False
        if not self.dead and not self._socket.is_closing():
            self._socket.pause_reading()

    def resume_reading(self) -> None:
        """The client reads on, as soon as something can come."""
        assert self._socket is not None
        self._wanted = True
        if self._error is not None:
            asyncio.get_running_loop().call_soon(self._tell, self._error)
        elif not (self._wire.silent or self.dead or self._socket.is_closing()):
            self._socket.resume_reading()

    def abort(self) -> None:
        """The client leaves; in silence the server hears of it only afterwards (NET-4, NET-7)."""
        assert self._socket is not None
        if self.dead or self._error is not None:
            self.dead = False
            asyncio.get_running_loop().call_soon(self._tell, None)
        elif not self._wire.silent:
            self._socket.abort()
        elif not self._left:
            self._left = True
            asyncio.get_running_loop().call_soon(self._tell, None)


# --- what the kernel knows ------------------------------------------------------------------------


def is_established(sock: socket.socket) -> bool:
    """Whether a socket's connection is open, as far as its own side knows."""
    if not hasattr(socket, "TCP_INFO"):
        return True
    return sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] == _ESTABLISHED


def is_held(sock: socket.socket) -> bool:
    """Whether the other end of a connection within this machine is open; True if nobody can tell.

    Arguments:
        sock: this end, IPv4.
    """
    ends = f"{_hex(sock.getpeername())} {_hex(sock.getsockname())} "
    try:
        lines = Path(_STATE).read_text("ascii").splitlines()
    except OSError:
        return True
    states = [line.split()[3] for line in lines if ends in line]
    return any(int(state, 16) == _ESTABLISHED for state in states)


def _hex(address: tuple[str, int]) -> str:
    """An address as the kernel's table writes it."""
    return f"{socket.inet_aton(address[0])[::-1].hex().upper()}:{address[1]:04X}"
