"""The network and client model: its rules, its constants, its one order of events.

Shared by every target with virtual time, so that they cannot disagree about what happens first
within one nanosecond (NET-9).
"""

from __future__ import annotations

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


# NET-1: how many one-way latencies pass from the dial until …
DIAL_TO_ACCEPT = 1
DIAL_TO_REFUSED = 2
DIAL_TO_REQUEST = 3
