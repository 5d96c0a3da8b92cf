"""A stream under somebody else's ASGI server: the same `Stream` over a transport made of `send`.

That server buffers on its own (uvicorn 64 KiB), so more is beyond policy than with the hand-over;
one message at a time is all that is handed to it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from simrt.server.stream import HEAD, Stream

Send = Callable[[dict[str, Any]], Awaitable[None]]
Receive = Callable[[], Awaitable[dict[str, Any]]]


class AsgiTransport(asyncio.Transport):
    """Holds at most what one `send` carries; writable when that has returned."""

    def __init__(self, protocol: Stream) -> None:
        super().__init__()
        self._protocol = protocol
        self._held = b""
        self._closing = False
        self.aborted = False
        self._sending: asyncio.Task[None] | None = None
        self._wake = asyncio.Event()

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Hold bytes for the next `send`."""
        if self._closing or not data:
            return
        if not self._held:
            self._protocol.pause_writing()
        self._held += bytes(data)
        self._wake.set()

    def get_write_buffer_size(self) -> int:
        """What the server has not accepted yet."""
        return len(self._held)

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """The limit is one `send`, always."""

    def is_closing(self) -> bool:
        """Whether it is closed or about to."""
        return self._closing

    def close(self) -> None:
        """End, after what is held."""
        self._closing = True
        self._wake.set()

    def abort(self) -> None:
        """End at once, also where the server accepts nothing."""
        self.aborted = True
        self.close()
        if self._sending is not None:
            self._sending.cancel()

    async def run(self, send: Send) -> None:
        """Carry bytes until the end."""
        while not self.aborted and (self._held or not self._closing):
            if not self._held:
                self._wake.clear()
                await self._wake.wait()
                continue
            held = self._held
            self._sending = asyncio.current_task()
            try:
                await send({"type": "http.response.body", "body": held, "more_body": True})
            finally:
                self._sending = None
            self._held = self._held[len(held) :]
            if not self._held and not self._closing:
                self._protocol.resume_writing()
        self._closing = True


async def run_plain(
    stream: Stream, receive: Receive, send: Send, fields: Sequence[tuple[bytes, bytes]] = ()
) -> None:
    """Serve a stream by ASGI messages alone, until either side ends it; `fields`: more headers."""
    head = [*HEAD, *fields]
    await send({"type": "http.response.start", "status": 200, "headers": head})
    transport = AsgiTransport(stream)
    listener = asyncio.get_running_loop().create_task(_listen(stream, receive))
    failure: Exception | None = None
    try:
        stream.connection_made(transport)
        await transport.run(send)
        if not transport.aborted:
            await send({"type": "http.response.body", "body": b"", "more_body": False})
    except OSError as error:
        failure = error
    except asyncio.CancelledError:
        if not transport.aborted:
            raise
    finally:
        listener.cancel()
        stream.connection_lost(failure)


async def _listen(stream: Stream, receive: Receive) -> None:
    """Wait for the client's end."""
    while (await receive())["type"] != "http.disconnect":
        pass
    stream.eof_received()
