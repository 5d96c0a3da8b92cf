"""One timer on the clock's time, cheap to move later."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Protocol

from simrt.clock import Clock, Timer


class SiteClock(Clock, Protocol):
    """A clock that also knows what the calendar said at time 0: jobs are scheduled from it."""

    starts: datetime


class Alarm:
    """Calls back when the clock reaches an instant.

    A stream moves its heartbeat with every event. So a later instant only changes a number; the
    clock's timer is set anew when it rings too early.

    Arguments:
        clock: whose time it is.
        key: its place among what rings in one instant, from `Clock.order`.
        action: called without arguments, once for each instant that was reached.
    """

    __slots__ = ("_action", "_clock", "_due_ns", "_handle", "_key", "_rings_ns")

    def __init__(self, clock: Clock, key: int, action: Callable[[], None]) -> None:
        self._clock = clock
        self._key = key
        self._action = action
        self._due_ns = 0
        self._rings_ns = 0
        self._handle: Timer | None = None

    @property
    def armed(self) -> bool:
        """Whether it will ring."""
        return self._handle is not None

    def at(self, due_ns: int) -> None:
        """Ring at this instant of scenario time, instead of at any other."""
        self._due_ns = due_ns
        if self._handle is not None:
            if due_ns >= self._rings_ns:
                return
            self._handle.cancel()
        self._arm()

    def cancel(self) -> None:
        """Do not ring; harmless when repeated."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def _arm(self) -> None:
        self._rings_ns = self._due_ns
        self._handle = self._clock.timer(self._due_ns, self._key, self._ring)

    def _ring(self) -> None:
        self._handle = None
        if self._clock.now() < self._due_ns:  # moved, or the loop rounded down
            self._arm()
            return
        self._action()
