"""Time for the simulator: SimPy's clock, and the one order of simultaneous events (NET-9)."""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop, heappush
from typing import Any, ClassVar, cast

import simpy

from simrt.record import Record

# Later than any instant of any run.
_NEVER = 1 << 100


class Occurrence(simpy.Event):
    """Something that happens at one instant. Once it has happened, it may be planned again.

    Arguments:
        world: where it happens.
        happen: what is called then.
    """

    _ok = True
    _value = None

    def __init__(self, world: World, happen: Callable[[simpy.Event], None]) -> None:
        # simpy.Event.__init__ does no more; written out, because this is the hot path.
        self.env = world
        self.callbacks: list[Callable[[simpy.Event], None]] = [happen]

    def cancel(self) -> None:
        """Make it nothing, for good; harmless when it has happened."""
        self.callbacks = []


def _act(moment: Any) -> None:
    moment.action(*moment.args)


class Moment(Occurrence):
    """An action at one instant.

    It refers to nothing that refers to it: when it has happened it is gone, without the garbage
    collector, which would look at everything else too.
    """

    _acting: ClassVar[list[Callable[[simpy.Event], None]]] = [_act]

    def __init__(self, world: World, action: Callable[..., None], args: Any) -> None:
        self.env = world
        self.callbacks = self._acting
        self.action = action
        self.args = args

    def cancel(self) -> None:
        """Make it nothing, for good, and let go of whom it was about."""
        self.callbacks = []
        self.args = ()


class World(simpy.Environment):
    """Virtual time and the record: SimPy's environment, with a key for a priority.

    SimPy's heap, events and order: time, then key, then what was planned first. Planning and the
    loop are written out here, because every event pays for them: without a class for priorities,
    without the care for events that fail, since none does, and without marking those that have
    happened, since they may be planned again.

    Arguments:
        record: writes the rows, or None: no history is kept.

    Attributes:
        now: nanoseconds of scenario time; an integer.
        record: as given.
        queue: SimPy's heap; never empty. `queue[0][0]` is when the next event is due.
    """

    __slots__ = ("now",)  # a property of SimPy's; here it is read at each turn
    now: int

    def __init__(self, record: Record | None) -> None:
        super().__init__(initial_time=0)
        self.now = 0
        self.record = record
        self.queue = cast("list[tuple[int, int, int, Any]]", self._queue)
        self.at(_NEVER, 0, _nothing)

    def at(self, t_ns: int, key: int, action: Callable[..., None], *args: Any) -> Moment:
        """Let something happen at an instant, in its place among the simultaneous (NET-9)."""
        moment = Moment(self, action, args)
        heappush(self.queue, (t_ns, key, next(self._eid), moment))
        return moment

    def again(self, occurrence: Occurrence, t_ns: int, key: int) -> None:
        """Let something happen that is not planned: the first time, or once more."""
        heappush(self.queue, (t_ns, key, next(self._eid), occurrence))

    def run_until(self, t_ns: int) -> None:
        """Let everything happen that is due before this instant."""
        queue = self.queue
        while queue[0][0] < t_ns:
            now, _, _, event = heappop(queue)
            self.now = self._now = now
            for happen in event.callbacks:
                happen(event)

    def run_instant(self, until_ns: int) -> bool:
        """Let one whole instant happen, if the next is not after `until_ns`; say whether."""
        due = self.queue[0][0]
        if due > until_ns:
            return False
        self.run_until(due + 1)
        return True


def _nothing() -> None:
    """What never happens."""
