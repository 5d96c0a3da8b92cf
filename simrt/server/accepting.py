"""Accepting connections: a bounded batch per turn of the loop, and a pause where no file is left.

The loop's own accepting ties its batch to the kernel's backlog, and goes on after EMFILE with a
traceback for each try. Here the backlog is long, the batch short, and a lack of descriptors is one
log line and a pause.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
import ssl
from collections.abc import Callable

log = logging.getLogger("simrt.server")

BATCH = 32
"""Most connections accepted in one turn of the loop."""
RESERVE = 2 * BATCH
"""Descriptors for a batch that arrives while the batch before it, turned away, is being closed."""
_BACKLOG = 4096
_PAUSE_S = 1.0
_NO_ROOM = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)


class Acceptor:
    """Accepts connections on one socket until it is closed.

    Arguments:
        loop: the event loop.
        sock: a bound socket, not blocking.
        protocol: makes the protocol of one connection.
        has_room: asked before each one with the number of those that are not connected yet, such as
            TLS handshakes under way; where it says no, the connection is closed at once.
        tls: certificate and key; None speaks plain HTTP.
        handshake_s: how long a TLS handshake may take.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        sock: socket.socket,
        protocol: Callable[[], asyncio.Protocol],
        has_room: Callable[[int], bool],
        *,
        tls: ssl.SSLContext | None,
        handshake_s: float,
    ) -> None:
        self._loop = loop
        self._sock = sock
        self._protocol = protocol
        self._has_room = has_room
        self._tls = tls
        self._handshake_s = None if tls is None else handshake_s
        self._connecting: dict[asyncio.Task[None], None] = {}
        self._again: asyncio.TimerHandle | None = None
        self._starved = False
        self._closed = False
        sock.listen(_BACKLOG)
        self._resume()

    def close(self) -> None:
        """Accept nothing more; who is in a handshake is dropped. Harmless when repeated."""
        if self._closed:
            return
        self._closed = True
        self._loop.remove_reader(self._sock)
        if self._again is not None:
            self._again.cancel()
        for task in list(self._connecting):
            task.cancel()
        self._sock.close()

    def _resume(self) -> None:
        self._again = None
        self._loop.add_reader(self._sock, self._accept)

    def _accept(self) -> None:
        if self._tls is None and self._connecting:
            return  # the batch before is connected in the loop's next turns; the backlog waits
        for _ in range(BATCH):
            try:
                conn, _address = self._sock.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                if error.errno not in _NO_ROOM:
                    raise
                self._pause(error)
                return
            self._starved = False
            if not self._has_room(len(self._connecting)):
                conn.close()
                continue
            conn.setblocking(False)
            task = self._loop.create_task(self._connect(conn))
            self._connecting[task] = None
            task.add_done_callback(self._connecting.pop)

    def _pause(self, error: OSError) -> None:
        """The socket would stay ready for ever; who waits in its backlog goes on waiting."""
        self._loop.remove_reader(self._sock)
        self._again = self._loop.call_later(_PAUSE_S, self._resume)
        if not self._starved:
            self._starved = True
            log.error(
                "no connection can be accepted (%s): trying again every second; raise the limit"
                " of open files with ulimit -n, or LimitNOFILE of systemd",
                error.strerror,
            )

    async def _connect(self, conn: socket.socket) -> None:
        try:
            await self._loop.connect_accepted_socket(
                self._protocol, conn, ssl=self._tls, ssl_handshake_timeout=self._handshake_s
            )
        except OSError:  # a handshake that failed; it had no request
            conn.close()
