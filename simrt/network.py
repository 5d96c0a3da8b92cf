"""The network and client model: its rules, its constants, its one order of events.

Shared by every target with virtual time, so that they cannot disagree about what happens first
within one nanosecond (NET-9).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum


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
_CONNECTIONS = 1 << 20


def order(turn: Turn, place: int = 0, connection: int = 0, guard: Guard = Guard.HEARTBEAT) -> int:
    """The key that decides what comes first within one instant (NET-9).

    Among equal keys, what was planned first happens first.
    """
    connection = min(connection, _CONNECTIONS - 1)
    return ((turn * _PLACES + place) * _CONNECTIONS + connection) * len(Guard) + guard


LEARNED = order(Turn.FAULT, _PLACES - 1)
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
