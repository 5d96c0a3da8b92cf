"""One client's network, which can fall silent (NET-7).

It stands in the harness's process, around the client's real socket. In silence it passes no byte
in either direction: what comes is left with the kernel; what the client writes, and its end, wait;
a dial waits too. Nobody is told.

Where the run has a network of its own (`simrt.targets.server.namespace`), the kernel loses the
client's packets meanwhile, and the server can notice a peer that is gone. Elsewhere this is all
there is, a proxy: the client's kernel goes on acknowledging until its window is full, so nobody can
notice that (cause `gone`), and it is not judged.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Callable
from typing import Any

from simrt.client import Dial, Endpoint, tcp

_RESET = struct.pack("ii", 1, 0)  # SO_LINGER: on, no time: the end is a reset


class Wire:
    """What passes between one client and the server.

    Arguments:
        dial: how to connect in a network that is not silent.
        tell: told `offline` just before silence falls, and `online` just before it ends.
        lose: makes the kernel lose all packets (True), or no more (False); None where it cannot.

    Attributes:
        silent: whether nothing passes.
    """

    def __init__(
        self,
        dial: Dial,
        tell: Callable[[str], None],
        lose: Callable[[bool], None] | None = None,
    ) -> None:
        self.silent = False
        self._dial = dial
        self._tell = tell
        self._lose = lose
        self._silences: set[str] = set()
        self._over = asyncio.Event()
        self._over.set()
        self._passages: dict[_Passage, None] = {}

    async def dial(self, factory: Callable[[], asyncio.BaseProtocol], endpoint: Endpoint) -> None:
        """Connect through this wire; a dial into silence gets nowhere until that ends."""
        while self.silent:
            await self._over.wait()
        await self._dial(lambda: _Passage(self, factory()), endpoint)

    def fall_silent(self, why: str) -> None:
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

    def speak_again(self, why: str, *, dead: bool = False) -> None:
        """One reason for silence is gone; with the last, what was held up passes.

        Arguments:
            why: the reason.
            dead: the network lost the connections for good: each side gets a reset.
        """
        self._silences.discard(why)
        if self._silences or not self.silent:
            return
        self._tell("online")
        if self._lose is not None:
            self._lose(False)
        self.silent = False
        self._over.set()
        for passage in list(self._passages):
            if dead:
                passage.reset()
            else:
                passage.release(asks=self._lose is not None)

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

    def fall_silent(self, why: str) -> None:
        """It cannot: a client whose network does is reached through a `Wire`."""
        raise NotImplementedError(why)

    def speak_again(self, why: str, *, dead: bool = False) -> None:
        """It always speaks."""
        raise NotImplementedError(why)

    def close(self) -> None:
        """A client closes its own sockets."""


class _Passage(asyncio.BufferedProtocol, asyncio.Transport):
    """One connection: to the socket's transport a protocol, to the client a transport."""

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

    # --- for the wire -------------------------------------------------------------------------

    def hold(self) -> None:
        """Silence falls."""
        assert self._socket is not None
        if not self._socket.is_closing():
            self._socket.pause_reading()

    def release(self, *, asks: bool = False) -> None:
        """Silence is over: what was held up passes.

        Arguments:
            asks: whether packets were lost. The server's last one may be among them, and is not
                repeated for ever: the kernel asks at once whether the other end is still there.
        """
        assert self._socket is not None
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
        self._socket.abort()

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
        self._client.buffer_updated(nbytes)

    def connection_lost(self, exc: Exception | None) -> None:
        """The real connection is gone."""
        self._wire.closed(self)
        self._tell(exc)

    def _tell(self, exc: Exception | None) -> None:
        if not self._told:
            self._told = True
            self._client.connection_lost(exc)

    # --- for the client -----------------------------------------------------------------------

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """As the socket's transport; in silence nobody knows what the kernel has heard."""
        assert self._socket is not None
        if self._wire.silent and name == "socket":
            return default
        return self._socket.get_extra_info(name, default)

    def is_closing(self) -> bool:
        """Whether the client has left, or the connection ends."""
        assert self._socket is not None
        return self._left or self._socket.is_closing()

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send; in silence it waits."""
        assert self._socket is not None
        if self._wire.silent:
            self._unsent += data
        else:
            self._socket.write(data)

    def pause_reading(self) -> None:
        """The client does not read."""
        assert self._socket is not None
        self._wanted = False
        self._socket.pause_reading()

    def resume_reading(self) -> None:
        """The client reads on, as soon as something can come."""
        assert self._socket is not None
        self._wanted = True
        if not self._wire.silent:
            self._socket.resume_reading()

    def abort(self) -> None:
        """The client leaves; in silence the server hears of it only afterwards (NET-4, NET-7)."""
        assert self._socket is not None
        if not self._wire.silent:
            self._socket.abort()
        elif not self._left:
            self._left = True
            asyncio.get_running_loop().call_soon(self._tell, None)
