"""SimPy's environment on the scheduler of a simulated run: for processes of one's own."""

from __future__ import annotations

from typing import Any, NoReturn

import simpy
from simpy.events import NORMAL, Event, EventPriority

from simrt.errors import UsageError
from simrt.network import AFTER_ALL
from simrt.scheduler import Scheduler


class Environment(simpy.Environment):
    """Runs SimPy's processes, timeouts and resources beside a simulated run, in its time.

    At one instant they come after everything that the scenario does (NET-9). A process that fails
    ends the run with its exception.

    Arguments:
        scheduler: that of the run.
    """

    def __init__(self, scheduler: Scheduler) -> None:
        super().__init__()
        self._scheduler = scheduler

    @property
    def now(self) -> int:
        """Nanoseconds of scenario time."""
        return self._scheduler.now_ns

    def schedule(self, event: Event, priority: EventPriority = NORMAL, delay: float = 0) -> None:
        """Schedule an event.

        Arguments:
            event: as SimPy makes it.
            priority: SimPy's, for events of SimPy at the same instant.
            delay: nanoseconds, a whole number.

        Raises:
            UsageError: where the delay is no whole number.
        """
        if delay != int(delay):
            raise UsageError(
                f"delay {delay} is no whole number: time counts in nanoseconds, so write"
                f" {round(delay * 1e9)} for {delay} seconds"
            )
        due_ns = self._scheduler.now_ns + int(delay)
        self._scheduler.at(due_ns, AFTER_ALL + priority, self._process, event)

    def _process(self, event: Any) -> None:
        callbacks, event.callbacks = event.callbacks, None
        for callback in callbacks:
            callback(event)
        if not event._ok and not hasattr(event, "_defused"):  # noqa: SLF001 - as SimPy's own step does
            raise event._value  # noqa: SLF001

    def run(self, until: object = None) -> NoReturn:  # noqa: ARG002
        """Refused: the run is played by `Simulation.run`.

        Raises:
            UsageError: always.
        """
        raise UsageError("this environment runs with its simulation: write simulation.run(None)")
