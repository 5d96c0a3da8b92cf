"""Where time comes from: one object with a monotonic and a wall side.

Nothing in simrt reads `time` but this file. The server and the clients ask their clock; a virtual
loop, or a speed factor, is another clock and nothing else changes.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Protocol

from simrt.network import Guard, Turn

NS_PER_S = 1_000_000_000


class Timer(Protocol):
    """Something that will happen at an instant."""

    def cancel(self) -> None:
        """Call it off; harmless when it has happened."""
        ...


class Clock(Protocol):
    """Scenario time.

    `now` is monotonic nanoseconds since the scenario's start; `wall` is the same instant on the
    scenario's calendar; `loop_s` says how long an event loop must wait for so much of it; `timer`
    waits for an instant.
    """

    def now(self) -> int:
        """Nanoseconds of scenario time since the start; may be negative before it."""
        ...

    def wall(self) -> datetime:
        """The scenario's wall clock, in UTC."""
        ...

    def loop_s(self, ns: int) -> float:
        """Seconds that an event loop waits while `ns` of scenario time pass; never negative."""
        ...

    def order(
        self,
        turn: Turn,
        whose: str = "",
        connection: int = 0,
        guard: Guard = Guard.HEARTBEAT,
    ) -> int:
        """The key of a timer among those of one instant (NET-9).

        Arguments:
            turn: the class of what it does.
            whose: the subscriber `GROUP/MEMBER`, or `PROJECT SENDER` of a job; empty: nobody's.
            connection: the subscriber's how-many-th.
            guard: which of the server's timers of that connection.
        """
        ...

    def timer(self, due_ns: int, key: int, action: Callable[[], None]) -> Timer:
        """Call back at an instant of scenario time; if that has passed, as soon as possible.

        Arguments:
            due_ns: the instant.
            key: what `order` gave.
            action: called once.
        """
        ...


class LoopTimers:
    """Timers of a clock whose time passes by itself: those of the running event loop.

    On a machine's clock no two things happen in one nanosecond, so there is no order to keep.
    """

    def order(
        self,
        turn: Turn,  # noqa: ARG002
        whose: str = "",  # noqa: ARG002
        connection: int = 0,  # noqa: ARG002
        guard: Guard = Guard.HEARTBEAT,  # noqa: ARG002
    ) -> int:
        """No order: the loop's own."""
        return 0

    def timer(self: Clock, due_ns: int, key: int, action: Callable[[], None]) -> Timer:  # noqa: ARG002
        """A timer of the loop."""
        return asyncio.get_running_loop().call_later(self.loop_s(due_ns - self.now()), action)


class RealClock(LoopTimers):
    """Scenario time on the machine's monotonic clock, `speed` times faster than real time.

    Two processes on one machine that are given the same arguments agree, because the machine's
    monotonic clock is one.

    Arguments:
        starts: the wall clock at scenario time 0.
        speed: scenario seconds per real second, above 0.
        zero_ns: reading of the machine's monotonic clock at scenario time 0; default: now.
    """

    def __init__(self, starts: datetime, speed: float = 1.0, zero_ns: int | None = None) -> None:
        self.starts = starts.astimezone(UTC)
        self.speed = speed
        self.zero_ns = time.monotonic_ns() if zero_ns is None else zero_ns

    def now(self) -> int:
        """Nanoseconds of scenario time since the start."""
        return int((time.monotonic_ns() - self.zero_ns) * self.speed)

    def wall(self) -> datetime:
        """The scenario's wall clock, in UTC."""
        return self.starts + timedelta(microseconds=self.now() // 1000)

    def loop_s(self, ns: int) -> float:
        """Real seconds that pass while `ns` of scenario time do."""
        return max(0.0, ns / self.speed / NS_PER_S)


def live_clock(speed: float = 1.0) -> RealClock:
    """The clock of a server that serves people: it begins with the machine's own date."""
    return RealClock(datetime.now(UTC), speed)


def monotonic_s() -> float:
    """Seconds of the machine's monotonic clock, which is one for all processes."""
    return time.monotonic()


def stopwatch() -> Callable[[], float]:
    """Start to measure real time; the returned function gives the seconds since then."""
    begun = time.perf_counter()
    return lambda: time.perf_counter() - begun


def stamp() -> str:
    """The machine's date and time, UTC, as it stands in the name of a folder."""
    return datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
