"""The network and client model: its rules, its constants, its one order of events.

Shared by every target with virtual time, so that they cannot disagree about what happens first
within one nanosecond (NET-9).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, IntEnum


class Turn(IntEnum):
    """Classes of events within one instant, in the order in which they are processed (NET-9)."""

    FAULT = 0
    ARRIVAL = 1
    DRAINED = 2
    ONLINE_ENDS = 3
    SEND = 4
    CONNECT = 5
    TIMER = 6


class Guard(IntEnum):
    """What the server's timers of one connection look after, in the order in which they ring."""

    HEARTBEAT = 0
    PEER = 1
    DEADLINE = 2
    EXPIRY = 3


# A key is one integer: class, then place in the scenario, then connection, then which timer.
_PLACES = 1 << 24
LAST_RANK = _PLACES - 1
"""The last place of a class."""

_CONNECTIONS = 1 << 20


def order(turn: Turn, place: int = 0, connection: int = 0, guard: Guard = Guard.HEARTBEAT) -> int:
    """The key that decides what comes first within one instant (NET-9).

    Among equal keys, what was planned first happens first.
    """
    connection = min(connection, _CONNECTIONS - 1)
    return ((turn * _PLACES + place) * _CONNECTIONS + connection) * len(Guard) + guard


AFTER_ALL = (max(Turn) + 1) * _PLACES * _CONNECTIONS * len(Guard)
"""The key of events that come after all classes of an instant."""


class Ask(Enum):
    """What a client's system does when its keep-alive timer rings (NET-7)."""

    WAIT = "something came meanwhile"
    PROBE = "ask"
    GIVE_UP = "nobody answered"


class KeepAlive:
    """TCP keep-alive of one connection: when it asks, and when it gives up.

    As Linux does it, where idle time and interval are equal: the timer rings an interval after the
    last byte or answer; then there is a probe each interval, and the ring after the ninth probe
    without an answer ends the connection.

    Arguments:
        interval_ns: above 0.
        now_ns: when the connection was made.
    """

    __slots__ = ("_answered_ns", "_asked_ns", "_interval_ns", "_unanswered")

    def __init__(self, interval_ns: int, now_ns: int) -> None:
        self._interval_ns = interval_ns
        self._answered_ns = now_ns
        self._asked_ns = now_ns
        self._unanswered = 0

    def answered(self, now_ns: int) -> None:
        """An acknowledgement came."""
        self._answered_ns = now_ns

    def ring(self, now_ns: int, heard_ns: int) -> tuple[Ask, int]:
        """What to do now, and when the timer rings next.

        Arguments:
            now_ns: the time.
            heard_ns: when a byte last came; -1 for never: what the client has sent is repeated
                until it is acknowledged, and no probe asks meanwhile.
        """
        if heard_ns < 0:
            return Ask.WAIT, now_ns + self._interval_ns
        last_ns = max(heard_ns, self._answered_ns)
        if last_ns >= self._asked_ns:
            self._unanswered = 0
        if now_ns < last_ns + self._interval_ns:
            return Ask.WAIT, last_ns + self._interval_ns
        if self._unanswered == MOST_PROBES:
            return Ask.GIVE_UP, now_ns
        self._unanswered += 1
        self._asked_ns = now_ns
        return Ask.PROBE, now_ns + self._interval_ns


MOST_PROBES = 9
"""So many unanswered probes in a row end a connection: Linux's default (TCP_KEEPCNT)."""

LEARNED = order(Turn.FAULT, LAST_RANK)
"""What clients learn by the heals of an instant: before anything arrives in it (NET-7)."""


@dataclass(frozen=True, slots=True)
class KernelWindow:
    """What a kernel does for a real connection on one machine, as a model has it (NET-9).

    What is lost in a silence the kernel repeats, after pauses that double (RFC 6298, section 5.5):
    it comes with the first repeat after the silence (NET-7).

    Attributes:
        size_bytes: how much is under way at most.
        reopens_bytes: a window that was full opens again once so much of it is free.
        silent_bytes: how much is under way at most while nothing is acknowledged; 0: `size_bytes`.
        repeats_ns: the first pause; 0: what a silence held up comes when it ends.
    """

    size_bytes: int
    reopens_bytes: int = 1
    silent_bytes: int = 0
    repeats_ns: int = 0


# How much of what the server writes first a client must have to know the answer, by status. Windows
# in bytes count it.
HEAD_BYTES = {200: 119, 401: 107}

# NET-1: how many one-way latencies pass from the dial until …
DIAL_TO_ACCEPT = 1
DIAL_TO_REFUSED = 2
DIAL_TO_REQUEST = 3
