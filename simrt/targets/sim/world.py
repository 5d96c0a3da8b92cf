"""Time for the simulator: SimPy's clock, and the one order of simultaneous events (NET-9)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import simpy
from simpy.events import EventPriority

from simrt.record import Record


def _nothing(*_: object) -> None:
    """What a cancelled moment does."""


class Moment(simpy.Event):
    """Something that will happen at one instant; it can be called off."""

    _ok = True
    _value = None

    def __init__(self, env: simpy.Environment, action: Callable[..., None], args: Any) -> None:
        # simpy.Event.__init__ is these two lines; written out, because it is the hot path.
        self.env = env
        self.happen: list[Callable[[simpy.Event], None]] = [self._happen]
        self.callbacks = self.happen
        self._action = action
        self._args = args

    def _happen(self, _: simpy.Event) -> None:
        self._action(*self._args)

    def cancel(self) -> None:
        """Make it nothing; harmless when it has happened."""
        self._action = _nothing


class World:
    """Virtual time and the record.

    Arguments:
        record: writes the rows, or None: no history is kept.

    Attributes:
        now: nanoseconds of scenario time; an integer.
        record: as given.
    """

    def __init__(self, record: Record | None) -> None:
        self.record = record
        self.now = 0
        self._env = simpy.Environment(initial_time=0)

    def at(self, t_ns: int, key: int, action: Callable[..., None], *args: Any) -> Moment:
        """Let something happen at an instant, in its place among the simultaneous (NET-9)."""
        moment = Moment(self._env, action, args)
        self._env.schedule(moment, EventPriority(key), t_ns - self._env.now)
        return moment

    def again(self, moment: Moment, t_ns: int, key: int) -> None:
        """Let a moment that has happened happen once more: cheaper than a new one."""
        moment.callbacks = moment.happen
        self._env.schedule(moment, EventPriority(key), t_ns - self._env.now)

    def alone(self) -> bool:
        """Whether nothing else is due in this instant.

        What would be an event of its own may then be done at once: nothing could come between.
        """
        return self._env.peek() > self.now

    def run_until(self, t_ns: int) -> None:
        """Let everything happen that is due before this instant."""
        env = self._env
        while (due := env.peek()) < t_ns:
            self.now = int(due)
            env.step()

    def run_instant(self, until_ns: int) -> bool:
        """Let one whole instant happen, if the next is not after `until_ns`; say whether."""
        env = self._env
        due = env.peek()
        if due > until_ns:
            return False
        self.now = int(due)
        while env.peek() == due:
            env.step()
        return True
