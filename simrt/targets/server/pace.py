"""How fast a real run goes: as fast as its machine carries it, found by trying.

A run begins at `default_speed`. Where the machine cannot keep up it is tried again, at a speed that
follows from what the machine carried, down to real time or to what the time allows.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from simrt.clock import NS_PER_S
from simrt.errors import OverloadError, TargetError
from simrt.targets.server.punctuality import MOST_LATE_TIMERS_NS
from simrt.text import duration, number

# Of what a machine carries at most, so much is asked of it: calls come closer than on average.
_SHARE = 0.5
# A slower speed is this much slower at least.
_SLOWER = 2.0
# Where nothing was measured.
_BLIND = 4.0
_REAL_TIME = 1.0


@dataclass(frozen=True, slots=True)
class Load:
    """What a run asked of the machine, and what the machine did, by its busiest hook.

    Attributes:
        asked: calls that were due.
        answered: those that the server answered.
        busy_ns: how long calls were under way, scenario time.
        elapsed_ns: how long the run had gone on, scenario time.
        deliveries: events that clients received for each call, on average.
        timers_ns: the delay of 99 % of the timers, real time.
    """

    asked: int
    answered: int
    busy_ns: int
    elapsed_ns: int
    deliveries: float
    timers_ns: int = 0

    @property
    def utilisation(self) -> float | None:
        """What is asked, as a share of what is carried; above 1 calls wait longer and longer."""
        if not self.answered or not self.elapsed_ns:
            return None
        return self.asked * self.busy_ns / (self.answered * self.elapsed_ns)

    def words(self, speed: float) -> str:
        """What the machine carries and what this speed asks for, per real second."""
        if not self.answered or not self.busy_ns or not self.elapsed_ns:
            return "it answered no call of a hook"
        carried = self.answered / self.busy_ns * NS_PER_S * speed
        asked = self.asked / self.elapsed_ns * NS_PER_S * speed
        closer = ", at times in quicker succession" if asked < carried else ""
        if self.timers_ns > MOST_LATE_TIMERS_NS:
            closer = f"; its timers are up to {duration(self.timers_ns)} late"
        return (
            f"it answers about {number(carried)} calls of a hook per second, with"
            f" {number(carried * self.deliveries)} deliveries, and {number(asked)} per second are"
            f" due, with {number(asked * self.deliveries)}{closer}"
        )


NOTHING = Load(0, 0, 0, 0, 0.0)
"""Of a run that calls no hook."""


class TooFastError(Exception):
    """The machine did not keep up at the speed of the run.

    Attributes:
        load: what it carried.
        at_last: what that means where there is no slower speed, if not that the machine is slow.
    """

    def __init__(self, load: Load, at_last: TargetError | None = None) -> None:
        super().__init__(load, at_last)
        self.load = load
        self.at_last = at_last


@dataclass(frozen=True, slots=True)
class Pace:
    """Which speeds a run may try.

    Attributes:
        total_s: how long it takes in real time.
        first: its first speed.
        chosen: whether somebody asked for that speed, and for no other.
        left_s: called for how many real seconds there are from now on.
    """

    total_s: float
    first: float
    chosen: bool
    left_s: Callable[[], float]

    def slower(self, speed: float, load: Load) -> float | None:
        """The next speed after one that was too fast; None where there is none."""
        least = self._least()
        if self.chosen or speed <= least:
            return None
        return max(least, _two_digits(bearable(speed, load)))

    def _least(self) -> float:
        left_s = self.left_s()
        if left_s <= 0:
            return math.inf
        return max(min(_REAL_TIME, self.first), self.total_s / left_s)

    def overload(self, speed: float, load: Load) -> OverloadError:
        """Why there is no slower speed: what the machine carries, and what can be done."""
        said = f"this machine is too slow for the scenario at {times(speed)}: {load.words(speed)}"
        if speed <= _REAL_TIME or (load.utilisation or 0.0) > speed:  # too much even in real time
            do = "run it with nothing else on the machine, or with fewer subscribers"
        else:
            slow = max(_REAL_TIME, _two_digits(bearable(speed, load)))
            long = duration(self.total_s / slow * NS_PER_S)
            do = f"run it with --speed {slow:g}, which takes {long}, or with nothing else running"
        return OverloadError(f"{said}; {do}")


def find_pace(
    attempt: Callable[[float], None], pace: Pace, again: Callable[[str], None] | None = None
) -> None:
    """Run at the first speed that the machine carries.

    Arguments:
        attempt: runs at a speed, or raises `TooFastError`.
        pace: which speeds.
        again: told in words that another speed is tried.

    Raises:
        TargetError: no speed was slow enough; an `OverloadError` where the machine is too slow.
    """
    speed = pace.first
    while True:
        try:
            return attempt(speed)
        except TooFastError as error:
            found = error
        following = pace.slower(speed, found.load)
        if following is None:
            raise found.at_last or pace.overload(speed, found.load)
        if again is not None:
            again(f"{times(speed)} was too fast, again at {following:g}")
        speed = following


def times(speed: float) -> str:
    """A speed in words: `real time`, `6 times real time`."""
    return "real time" if speed == _REAL_TIME else f"{speed:g} times real time"


def bearable(speed: float, load: Load) -> float:
    """The speed at which the machine would be about half busy, and at most half of this one."""
    used = load.utilisation
    slower = _BLIND if used is None else max(_SLOWER, used / _SHARE)
    return speed / slower


def _two_digits(speed: float) -> float:
    return round(speed, 1 - math.floor(math.log10(speed)))
