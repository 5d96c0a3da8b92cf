"""Is the other end still there: asked of the kernel, because heartbeats tell nobody (NET-7).

TCP_USER_TIMEOUT would end a peer that merely stopped reading, so the kernel is only asked, by
TCP_INFO, and the answer is judged here (SSE-5).
"""

from __future__ import annotations

import asyncio
import socket
import struct
from dataclasses import dataclass
from typing import Protocol, cast

_TCP_INFO_BYTES = 104
_UNACKED, _LAST_SENT, _LAST_ACK = 24, 44, 56
NS_PER_MS = 1_000_000
# How often, within the patience for a peer, the kernel is asked.
_LOOKS = 32

EXTRA_INFO = "simrt.peer"
"""The transport's extra info in which a network in memory, which knows all, offers a `Peer`."""


class Peer(Protocol):
    """What can be known of the other end."""

    def owes_since_ns(self, now_ns: int) -> int | None:
        """Since when it has left something unacknowledged, scenario time; None where nothing is."""
        ...

    def look_ns(self, since_ns: int, now_ns: int, limit_ns: int) -> int:
        """When to look again.

        Arguments:
            since_ns: since when it owes an answer; after a write, now.
            now_ns: scenario time.
            limit_ns: after how long without an answer it is gone.
        """
        ...

    def accepted_ns(self) -> int | None:
        """When the network last took something that had waited; None where nobody can tell."""
        ...


def peer_of(transport: asyncio.BaseTransport, ns_per_real_ms: int) -> Peer:
    """Who knows of the other end of this connection: the network in memory, or the kernel."""
    known = transport.get_extra_info(EXTRA_INFO)
    return KernelPeer(transport, ns_per_real_ms) if known is None else cast("Peer", known)


@dataclass(frozen=True, slots=True)
class Acknowledgements:
    """What the kernel knows of one connection.

    Attributes:
        unacked: segments that were sent and not yet acknowledged.
        last_sent_ms: real milliseconds since data was last sent, repeats included.
        last_ack_ms: real milliseconds since the peer last acknowledged anything.
    """

    unacked: int
    last_sent_ms: int
    last_ack_ms: int

    @property
    def unanswered(self) -> bool:
        """Whether something was sent after the last acknowledgement, and is still out.

        A client with a full window answers each repeat at once, so its answer is the newer of the
        two; a peer that is gone answers nothing.
        """
        return self.unacked > 0 and self.last_sent_ms < self.last_ack_ms


def acknowledgements(transport: asyncio.BaseTransport) -> Acknowledgements | None:
    """Ask the kernel; None where the transport has no TCP socket or the system no TCP_INFO."""
    sock = transport.get_extra_info("socket")
    if sock is None or not hasattr(socket, "TCP_INFO"):
        return None
    try:
        info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _TCP_INFO_BYTES)
    except OSError:
        return None
    if len(info) < _LAST_ACK + 4:
        return None
    values = (struct.unpack_from("=I", info, at)[0] for at in (_UNACKED, _LAST_SENT, _LAST_ACK))
    return Acknowledgements(*values)


class Silence:
    """Follows one connection's answers and says for how long it has owed one."""

    __slots__ = ("_since_ns", "_wrote_ns")

    def __init__(self) -> None:
        self._since_ns: int | None = None
        self._wrote_ns: int | None = None

    def wrote(self, now_ns: int) -> None:
        """The first write after everything was acknowledged."""
        self._wrote_ns = now_ns

    def paid(self) -> None:
        """Everything that was sent is acknowledged."""
        self._since_ns = self._wrote_ns = None

    def owed_ns(self, seen: Acknowledgements, now_ns: int, ns_per_real_ms: int) -> int:
        """How long the peer has left something unanswered, nanoseconds of scenario time.

        An idle connection's last acknowledgement is old without any debt. So the debt counts from
        the first write after it was paid; where something was acknowledged after that, from the
        first look that found a debt: never too early, and late by the time between two looks.

        Arguments:
            seen: the kernel's answer.
            now_ns: scenario time.
            ns_per_real_ms: scenario nanoseconds in one real millisecond.
        """
        if not seen.unanswered:
            self.paid()
            return 0
        last_ack_ns = now_ns - seen.last_ack_ms * ns_per_real_ms
        wrote_ns = self._wrote_ns
        if self._since_ns is None and wrote_ns is not None and last_ack_ns <= wrote_ns:
            self._since_ns = wrote_ns
        elif self._since_ns is None or last_ack_ns > self._since_ns:
            # An answer between two looks pays what was owed until then.
            self._since_ns = now_ns
        return now_ns - self._since_ns


class KernelPeer:
    """The other end of a TCP connection, asked of the kernel now and then.

    Arguments:
        transport: the connection.
        ns_per_real_ms: scenario nanoseconds in one real millisecond.
    """

    __slots__ = ("_ns_per_real_ms", "_silence", "_transport")

    def __init__(self, transport: asyncio.BaseTransport, ns_per_real_ms: int) -> None:
        self._transport = transport
        self._ns_per_real_ms = ns_per_real_ms
        self._silence = Silence()

    def owes_since_ns(self, now_ns: int) -> int | None:
        """As `Peer`; exact to the time between two looks."""
        seen = acknowledgements(self._transport)
        if seen is None or seen.unacked == 0:
            self._silence.paid()
            return None
        return now_ns - self._silence.owed_ns(seen, now_ns, self._ns_per_real_ms)

    def look_ns(self, since_ns: int, now_ns: int, limit_ns: int) -> int:
        """As `Peer`: several times within the limit, and at its end."""
        if since_ns == now_ns:
            self._silence.wrote(now_ns)
        soon_ns = now_ns + max(NS_PER_MS, limit_ns // _LOOKS)
        return min(soon_ns, max(since_ns + limit_ns, now_ns + NS_PER_MS))

    def accepted_ns(self) -> int | None:
        """As `Peer`: the kernel does not say."""
        return None
