"""Whether the calls of a run on a real machine were made when they were due."""

from __future__ import annotations

from simrt.errors import TargetError
from simrt.server.lateness import Delays
from simrt.text import duration

# Calls that are later than this are no workload any more, unless timers come nearly as late.
_MOST_LATE_NS = 250_000_000
_MOST_LATE_TIMERS = 3


class Punctuality:
    """Whether the calls of a run were made when they were due.

    Arguments:
        duration_ns: when the workload ends: nothing is sent then or later.
        speed: scenario seconds per real second.

    Attributes:
        unsent: calls that were due and could not be made before the end.
    """

    def __init__(self, duration_ns: int, speed: float) -> None:
        self.unsent = 0
        self._duration_ns = duration_ns
        self._speed = speed
        self._delays = Delays()
        self._latest_ns = 0

    def in_time(self, due_ns: int, now_ns: int, *, alone: bool) -> bool:
        """Note a call whose turn has come; say whether it may still be made.

        Arguments:
            due_ns: when it was due, scenario time.
            now_ns: now.
            alone: not one of a burst, in which one call must wait for another.
        """
        late_ns = round((now_ns - due_ns) / self._speed)
        if alone:
            self._delays.note(late_ns)
        if now_ns < self._duration_ns:
            return True
        self.unsent += 1
        self._latest_ns = max(self._latest_ns, late_ns)
        return False

    def p99_ns(self) -> int:
        """The delay that 99 % of the calls did not exceed, real nanoseconds."""
        return self._delays.most_of_ns(99)

    def check(self, timers_ns: int) -> None:
        """Judge the run when its workload is over.

        A timer that comes round a moment late is what a machine does. What is much later than that
        is another workload than the scenario's.

        Arguments:
            timers_ns: the delay of 99 % of the timers, real nanoseconds.

        Raises:
            TargetError: it could not keep up.
        """
        late_ns = self._delays.most_of_ns(90)
        slower = f"run it slower than --speed {self._speed:g}, or with nothing else on the machine"
        if self._latest_ns > _MOST_LATE_NS:
            raise TargetError(
                f"the run could not keep up: {self.unsent} calls of hooks that were due had not"
                f" been made when the workload ended, one was {duration(self._latest_ns)} late:"
                f" {slower}"
            )
        if late_ns > max(_MOST_LATE_NS, _MOST_LATE_TIMERS * timers_ns):
            raise TargetError(
                f"the run could not keep up: one call of a hook in ten was {duration(late_ns)} late"
                f" or more, {duration(late_ns * self._speed)} of the scenario's time: {slower}"
            )
