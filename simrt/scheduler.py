"""Virtual time: events at instants, in the one order of simultaneous events (NET-9)."""

from __future__ import annotations

from collections.abc import Callable
from heapq import heapify, heappop, heappush
from itertools import count
from typing import Any

NEVER_NS = 1 << 100
"""Later than any instant of any run."""


class Event:
    """An action at one instant.

    It refers to nothing that refers to it: when it has happened it is gone, without the garbage
    collector, which would look at everything else too.

    Attributes:
        action: what is called then.
        args: with these arguments.
    """

    __slots__ = ("action", "args")

    def __init__(self, action: Callable[..., object], args: tuple[Any, ...] = ()) -> None:
        self.action = action
        self.args = args

    @property
    def cancelled(self) -> bool:
        """Whether it was called off."""
        return self.action is _nothing

    def cancel(self) -> None:
        """Call it off, for good; harmless when it has happened."""
        self.action = _nothing
        self.args = ()


def _nothing() -> None:
    """What a cancelled event does."""


def _never() -> None:
    """The last of the heap: its time does not come."""


class Scheduler:
    """An event scheduler: a heap of time, then key, then order of planning.

    Attributes:
        now_ns: nanoseconds of scenario time; an integer.
        queue: the heap; never empty. `queue[0][0]` is when the next event is due.
    """

    def __init__(self) -> None:
        self.now_ns = 0
        self._planned = count()
        self.queue: list[tuple[int, int, int, Event]] = []
        self.at(NEVER_NS, 0, _never)

    def at(self, t_ns: int, key: int, action: Callable[..., object], *args: Any) -> Event:
        """Schedule an action; the key orders what happens at the same instant (NET-9)."""
        event = Event(action, args)
        heappush(self.queue, (t_ns, key, next(self._planned), event))
        return event

    def again(self, event: Event, t_ns: int, key: int) -> None:
        """Schedule an event that is not scheduled: the first time, or once more."""
        heappush(self.queue, (t_ns, key, next(self._planned), event))

    def run_before(self, t_ns: int) -> None:
        """Let everything happen that is due before this instant."""
        queue = self.queue
        while queue[0][0] < t_ns:
            self.now_ns, _, _, event = heappop(queue)
            event.action(*event.args)

    def run_instant(self, until_ns: int) -> bool:
        """Let one whole instant happen, if the next is not after `until_ns`; say whether."""
        due_ns = self.queue[0][0]
        if due_ns > until_ns:
            return False
        self.run_before(due_ns + 1)
        return True

    def forget_cancelled(self) -> None:
        """Drop cancelled events now, not when their time comes."""
        self.queue[:] = [entry for entry in self.queue if not entry[3].cancelled]
        heapify(self.queue)
