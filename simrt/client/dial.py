"""Making a connection: the one place where the client touches sockets."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Awaitable, Callable
from typing import Any

from simrt.client.endpoint import Endpoint

Dial = Callable[[Callable[[], asyncio.BaseProtocol], Endpoint], Awaitable[Any]]
"""Connect a protocol to an endpoint; raises `OSError` where that fails.

An in-memory network is another function of this type.
"""

_NO_NETWORK = (errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN, errno.EADDRNOTAVAIL)


def tcp(rcvbuf_bytes: int | None = None, opened: Callable[[], socket.socket] | None = None) -> Dial:
    """Dial over TCP.

    Arguments:
        rcvbuf_bytes: SO_RCVBUF, set before the connect so that the window that is offered to the
            server is as small; None leaves the system's.
        opened: makes the socket, perhaps bound already; default: one of the endpoint's family.
    """

    async def dial(factory: Callable[[], asyncio.BaseProtocol], endpoint: Endpoint) -> None:
        loop = asyncio.get_running_loop()
        if rcvbuf_bytes is None and opened is None:
            await loop.create_connection(factory, endpoint.host, endpoint.port)
            return
        family = socket.AF_INET6 if ":" in endpoint.host else socket.AF_INET
        # The protocol is named because asyncio sets TCP_NODELAY only where it is.
        sock = (opened or (lambda: socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)))()
        try:
            sock.setblocking(False)
            if rcvbuf_bytes is not None:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, rcvbuf_bytes)
            await loop.sock_connect(sock, (endpoint.host, endpoint.port))
            await loop.create_connection(factory, sock=sock)
        except BaseException:
            sock.close()
            raise

    return dial


def cause_of(error: Exception) -> str:
    """Why a dial failed, as a history says it: `down`, `offline` or `network`."""
    if isinstance(error, ConnectionRefusedError):
        return "down"
    if isinstance(error, socket.gaierror) or getattr(error, "errno", None) in _NO_NETWORK:
        return "offline"
    return "network"
