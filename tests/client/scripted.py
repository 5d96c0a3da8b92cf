"""A raw server that does what a test says, an observer that remembers, clocks that tests turn."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any

from simrt.client import Client, Endpoint, Head
from simrt.clock import LoopTimers
from simrt.sse import Event

STARTS = datetime(2026, 1, 1, tzinfo=UTC)
STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"

Script = Callable[["Peer"], Awaitable[None]]


class Peer:
    """The server's end of one connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.request = b""

    async def asked(self) -> bytes:
        """The request's head."""
        self.request = await self.reader.readuntil(b"\r\n\r\n")
        return self.request

    async def say(self, data: bytes, piece: int = 0) -> None:
        """Write; in pieces that leave one by one if `piece` says how large."""
        self.writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        size = piece or len(data) or 1
        for begin in range(0, len(data), size):
            self.writer.write(data[begin : begin + size])
            await self.writer.drain()
            await asyncio.sleep(0)

    async def gone(self) -> None:
        """Wait until the client has gone."""
        with contextlib.suppress(ConnectionError):
            while await self.reader.read(4096):
                pass

    def reset(self) -> None:
        """End the connection with a reset."""
        sock = self.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


class Server:
    """Runs one script a connection, in order; the last one again and again."""

    def __init__(self, *scripts: Script) -> None:
        self.scripts = scripts
        self.peers: list[Peer] = []
        self.port = 0

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer = Peer(reader, writer)
        self.peers.append(peer)
        script = self.scripts[min(len(self.peers), len(self.scripts)) - 1]
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            await peer.asked()
            await script(peer)
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()

    @contextlib.asynccontextmanager
    async def listening(self) -> AsyncIterator[Server]:
        """Listen on a free port."""
        server = await asyncio.start_server(self._connected, "127.0.0.1", self.port)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            for peer in self.peers:
                peer.writer.transport.abort()
            await server.wait_closed()

    @property
    def endpoint(self) -> Endpoint:
        """Its stream."""
        return Endpoint("127.0.0.1", self.port, "/shop/news")


class Notes:
    """An observer that remembers, and lets a test wait for something."""

    def __init__(self) -> None:
        self.seen: list[tuple[Any, ...]] = []
        self._changed = asyncio.Event()

    def _note(self, *fact: Any) -> None:
        self.seen.append(fact)
        self._changed.set()

    def opened(self, connection: int, head: Head) -> None:  # noqa: ARG002 - the interface
        self._note("opened", connection)

    def receive(self, connection: int, event: Event) -> None:
        self._note("receive", connection, event.last_event_id, event.type, event.data)

    def refuse(self, connection: int, cause: str, detail: dict[str, Any] | None) -> None:
        self._note("refuse", connection, cause, detail)

    def gave_up(self, connection: int, cause: str, detail: dict[str, Any] | None) -> None:
        self._note("gave-up", connection, cause, detail)

    def close(self, connection: int, cause: str, received: int) -> None:
        self._note("close", connection, cause, received)

    def offline(self) -> None:
        self._note("offline")

    def online(self) -> None:
        self._note("online")

    def kinds(self) -> list[str]:
        """What happened, in one word each."""
        return [fact[0] for fact in self.seen]

    def of(self, kind: str) -> list[tuple[Any, ...]]:
        """Everything of one kind."""
        return [fact for fact in self.seen if fact[0] == kind]

    async def until(self, kind: str, count: int = 1) -> None:
        """Wait until something has happened so many times."""
        while len(self.of(kind)) < count:
            self._changed.clear()
            await asyncio.wait_for(self._changed.wait(), 20)


class Closing(Notes):
    """Closes its client when it is told of something.

    Attributes:
        client: the one to close, once there is one.
    """

    client: Client

    def __init__(self, kind: str) -> None:
        super().__init__()
        self._kind = kind

    def _note(self, *fact: Any) -> None:
        super()._note(*fact)
        if fact[0] == self._kind:
            self.client.close()


class Jumping(LoopTimers):
    """A clock on which every wait is over at once; it remembers what was waited for."""

    def __init__(self) -> None:
        self.t = 0
        self.waits: list[int] = []

    def now(self) -> int:
        return self.t

    def wall(self) -> datetime:
        return STARTS + timedelta(microseconds=self.t // 1000)

    def loop_s(self, ns: int) -> float:
        if ns > 0:
            self.waits.append(ns)
            self.t += ns
        return 0.0


class Standing(Jumping):
    """A clock that stands: no wait ever ends, unless the test turns `t` and fires it."""

    def loop_s(self, ns: int) -> float:
        if ns <= 0:
            return 0.0
        self.waits.append(ns)
        return 3600.0


def run(main: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run a test's coroutine; fail if anything in the loop failed unseen, or a timer is left."""
    failures: list[dict[str, Any]] = []

    async def guarded() -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: failures.append(context))
        await main()
        for _ in range(3):
            await asyncio.sleep(0)
        left = [handle for handle in loop._scheduled if not handle.cancelled()]  # type: ignore[attr-defined]
        assert left == []

    asyncio.run(guarded())
    assert failures == []


@contextlib.asynccontextmanager
async def using(client: Client) -> AsyncIterator[Client]:
    """Dial, and close at the end."""
    client.dial()
    try:
        yield client
    finally:
        client.close()
        await client.wait_closed()


def block(seq: int, data: str = '{"id":"7"}', epoch: str = "e1") -> bytes:
    """One event as the server writes it."""
    return f"id: {epoch}:{seq}\nevent: content-updated\ndata: {data}\n\n".encode()


async def turns(count: int = 20) -> None:
    """Let the loop go round, so that what can happen at once has happened."""
    for _ in range(count):
        await asyncio.sleep(0.001)
