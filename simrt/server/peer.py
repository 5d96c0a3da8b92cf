"""Is the other end still there: asked of the kernel, because heartbeats tell nobody (NET-7).

TCP_USER_TIMEOUT would end a peer that merely stopped reading, so the kernel is only asked, by
TCP_INFO, and the answer is judged here (SSE-5).
"""

from __future__ import annotations

import asyncio
import socket
import struct
from dataclasses import dataclass

_TCP_INFO_BYTES = 104
_UNACKED, _LAST_SENT, _LAST_ACK = 24, 44, 56
NS_PER_MS = 1_000_000


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

    __slots__ = ("_since_ns",)

    def __init__(self) -> None:
        self._since_ns: int | None = None

    def paid(self) -> None:
        """Everything that was sent is acknowledged."""
        self._since_ns = None

    def owed_ns(self, seen: Acknowledgements, now_ns: int, ns_per_real_ms: int) -> int:
        """How long the peer has left something unanswered, nanoseconds of scenario time.

        An idle connection's last acknowledgement is old without any debt, so the debt counts from
        the first look that found one.

        Arguments:
            seen: the kernel's answer.
            now_ns: scenario time.
            ns_per_real_ms: scenario nanoseconds in one real millisecond.
        """
        if not seen.unanswered:
            self.paid()
            return 0
        last_ack_ns = now_ns - seen.last_ack_ms * ns_per_real_ms
        if self._since_ns is None:
            self._since_ns = now_ns
        # An answer between two looks pays what was owed until then.
        self._since_ns = max(self._since_ns, last_ack_ns)
        return now_ns - self._since_ns
