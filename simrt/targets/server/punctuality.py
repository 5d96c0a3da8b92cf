"""Whether the calls of a run on a real machine were made when they were due."""

from __future__ import annotations

from collections.abc import Hashable, Iterable

from simrt.scenario.arrivals import arrivals
from simrt.scenario.model import Scenario
from simrt.scenario.randomness import Randomness
from simrt.server.lateness import Delays

# Calls that are later than this are no workload any more, unless timers come nearly as late.
_MOST_LATE_NS = 250_000_000
_MOST_LATE_TIMERS = 3
MOST_LATE_TIMERS_NS = 500_000_000
"""Where one timer in a hundred comes later, clients and server are late beyond measure."""
# More of the calls than one in so many may not be late.
_FEW = 10


class Punctuality:
    """Whether the calls of a run were made when they were due.

    Calls of one hook that are due in one instant are made one after the other: they wait for each
    other by design, and the first of them tells whether the machine keeps up.

    Arguments:
        duration_ns: when the workload ends: nothing is sent then or later.
        speed: scenario seconds per real second.
        instants: instants at which a hook is called, of the whole workload and all hooks.

    Attributes:
        unsent: calls that were due and could not be made before the end.
    """

    def __init__(self, duration_ns: int, speed: float, instants: int) -> None:
        self.unsent = 0
        self._duration_ns = duration_ns
        self._speed = speed
        self._instants = instants
        self._delays = Delays()
        self._firsts = Delays()
        self._before: dict[Hashable, int] = {}
        self._noted = self._late = self._lost = 0
        self._first_lost = False

    def in_time(self, hook: Hashable, due_ns: int, now_ns: int, *, alone: bool) -> bool:
        """Note a call whose turn has come; say whether it may still be made.

        Arguments:
            hook: of which hook.
            due_ns: when it was due, scenario time.
            now_ns: now.
            alone: not one of a fault `burst`, in which one call must wait for another.
        """
        self._noted += 1
        late_ns = round((now_ns - due_ns) / self._speed)
        first = self._before.get(hook) != due_ns
        if alone:
            self._before[hook] = due_ns
            self._delays.note(late_ns)
            if first:
                self._firsts.note(late_ns)
                self._late += late_ns > _MOST_LATE_NS
        if now_ns < self._duration_ns:
            return True
        self.unsent += 1
        if late_ns > _MOST_LATE_NS:
            self._lost += 1
            self._first_lost |= first
        return False

    def p99_ns(self) -> int:
        """The delay that 99 % of the calls did not exceed, real nanoseconds."""
        return self._delays.most_of_ns(99)

    def hopeless(self, timers_ns: int) -> bool:
        """Whether so many calls were late that the rest of the run cannot make up for them.

        Arguments:
            timers_ns: as for `kept_up`.
        """
        if self._late * _FEW <= self._instants:
            return False
        return self._firsts.above(_bearable_ns(timers_ns)) * _FEW > self._instants

    def kept_up(self, timers_ns: int) -> bool:
        """Judge the run when its workload is over.

        A timer that comes round a moment late is what a machine does. What is much later than that
        is another workload than the scenario's.

        Arguments:
            timers_ns: the delay of 99 % of the timers, real nanoseconds.
        """
        late_ns = self._firsts.most_of_ns(100 - 100 // _FEW)
        lost = self._first_lost or self._lost * _FEW > self._noted
        in_time = late_ns <= _bearable_ns(timers_ns) and not lost
        return in_time and timers_ns <= MOST_LATE_TIMERS_NS


def instants_of(plays: Iterable[Scenario], randomness: Randomness) -> int:
    """At how many instants a workload calls hooks, over all hooks of some scenarios."""
    return len(
        {
            (index, arrival.event, arrival.t_ns)  # a type has one hook
            for index, play in enumerate(plays)
            for arrival in arrivals(play, randomness)
        }
    )


def _bearable_ns(timers_ns: int) -> int:
    return max(_MOST_LATE_NS, _MOST_LATE_TIMERS * timers_ns)
