"""What the loop offers instead of sockets: listeners, and connections that take no time.

Calls of hooks go over these. A client of a group has a network of its own, `wire`.
"""

from __future__ import annotations

import asyncio
import errno
from collections import deque
from collections.abc import Callable
from typing import Any, cast

from simrt.targets.app.loop import Loop

ProtocolFactory = Callable[[], asyncio.BaseProtocol]


class Listener:
    """Accepts on one address until it is closed."""

    def __init__(
        self, network: Network, address: tuple[str, int], factory: ProtocolFactory
    ) -> None:
        self.factory = factory
        self._network = network
        self._address = address

    def close(self) -> None:
        """Accept no more."""
        self._network.forget(self._address, self)


class Network:
    """Who listens where.

    Arguments:
        loop: whose network it is.
    """

    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self._listeners: dict[tuple[str, int], Listener] = {}
        self._near: dict[Near, None] = {}

    def listen(self, factory: ProtocolFactory, host: str, port: int) -> Listener:
        """Listen.

        Raises:
            OSError: somebody does already.
        """
        if (host, port) in self._listeners:
            raise OSError(errno.EADDRINUSE, f"{host}:{port} is in use")
        listener = self._listeners[host, port] = Listener(self, (host, port), factory)
        return listener

    def listener(self, host: str, port: int) -> Listener | None:
        """Who listens there."""
        return self._listeners.get((host, port))

    def forget(self, address: tuple[str, int], listener: Listener) -> None:
        """This one listens no more."""
        if self._listeners.get(address) is listener:
            del self._listeners[address]

    def connect(
        self, factory: ProtocolFactory, host: str, port: int
    ) -> tuple[asyncio.Transport, asyncio.BaseProtocol]:
        """Connect at once.

        Raises:
            ConnectionRefusedError: nobody listens.
        """
        listener = self.listener(host, port)
        if listener is None:
            raise ConnectionRefusedError(errno.ECONNREFUSED, f"nobody listens on {host}:{port}")
        here, there = Near(self._loop, factory()), Near(self._loop, listener.factory())
        here.other, there.other = there, here
        self._near[there] = None
        there.closed.add_done_callback(lambda _: self._near.pop(there, None))
        there.protocol.connection_made(there)
        here.protocol.connection_made(here)
        return here, here.protocol

    def kill(self, host: str, port: int) -> None:
        """The process that listens there is gone: so are its connections that take no time."""
        self._listeners.pop((host, port), None)
        for near in list(self._near):
            near.reset()


class Near(asyncio.Transport):
    """One end of a connection that takes no time and holds any number of bytes.

    Attributes:
        protocol: who is told.
        other: the other end.
        closed: done when the protocol was told that it is gone.
        closing: whether it is closed, or about to be.
    """

    def __init__(self, loop: Loop, protocol: asyncio.BaseProtocol) -> None:
        super().__init__()
        self.protocol = protocol
        self.other: Near | None = None
        self.closed: asyncio.Future[None] = loop.create_future()
        self._loop = loop
        self.closing = False
        self._reading = True
        self._come: deque[bytes] = deque()

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Let it come to the other end in the loop's next turn."""
        if not self.closing and data and self.other is not None:
            self._loop.call_soon(self.other.take, bytes(data))

    def take(self, data: bytes) -> None:
        """Something came."""
        self._come.append(data)
        self._hand_over()

    def _hand_over(self) -> None:
        while self._come and self._reading and not self.closing:
            cast("asyncio.Protocol", self.protocol).data_received(self._come.popleft())

    def close(self) -> None:
        """End it; the other end hears of it behind what was written."""
        if self.closing:
            return
        self.closing = True
        self._loop.call_soon(self.lost, None)
        if self.other is not None:
            self._loop.call_soon(self.other.ended)

    def abort(self) -> None:
        """As `close`: nothing is ever held back."""
        self.close()

    def reset(self) -> None:
        """Both ends are told that the connection is gone."""
        for end in (self, self.other):
            if end is not None and not end.closing:
                end.closing = True
                self._loop.call_soon(end.lost, ConnectionResetError())

    def ended(self) -> None:
        """The other end is closed."""
        if not self.closing and not cast("asyncio.Protocol", self.protocol).eof_received():
            self.close()

    def lost(self, error: Exception | None) -> None:
        """Tell the protocol that the connection is gone, once."""
        if not self.closed.done():
            self.closed.set_result(None)
            self.protocol.connection_lost(error)

    def pause_reading(self) -> None:
        """Keep what comes."""
        self._reading = False

    def resume_reading(self) -> None:
        """Go on with what came."""
        self._reading = True
        self._loop.call_soon(self._hand_over)

    def is_reading(self) -> bool:
        """Whether what comes is handed over."""
        return self._reading

    def is_closing(self) -> bool:
        """Whether it is closed, or about to be."""
        return self.closing

    def get_write_buffer_size(self) -> int:
        """Nothing waits."""
        return 0

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """There is no buffer."""

    def can_write_eof(self) -> bool:
        """Half a close is not offered."""
        return False

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """Who is told from now on."""
        self.protocol = protocol

    def get_protocol(self) -> asyncio.BaseProtocol:
        """Who is told."""
        return self.protocol

    def get_extra_info(self, name: str, default: Any = None) -> Any:  # noqa: ARG002
        """Nothing is known."""
        return default
