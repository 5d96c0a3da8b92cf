"""Playing a scenario's workload: its hooks are called when its arrivals say so."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from simrt.clock import Clock
from simrt.scenario.arrivals import arrivals
from simrt.scenario.events import body_of
from simrt.scenario.model import Scenario, Sender
from simrt.scenario.randomness import Randomness

Call = Callable[[Scenario, Sender, bytes], Awaitable[Any]]
"""Calls a hook with a body; failures are the callee's to tell."""


class Player:
    """Plays one scenario's arrivals, over and over, each time with another seed.

    Arguments:
        scenario: whose.
        clock: scenario time.
        call: calls a hook.
    """

    def __init__(self, scenario: Scenario, clock: Clock, call: Call) -> None:
        self._scenario = scenario
        self._clock = clock
        self._call = call
        self._task: asyncio.Task[None] | None = None

    @property
    def playing(self) -> bool:
        """Whether it plays."""
        return self._task is not None

    def play(self) -> None:
        """Begin, with the first arrivals of the workload; harmless while it plays."""
        if self._task is None and self._scenario.workload.publish:
            self._task = asyncio.get_running_loop().create_task(self._play())

    def stop(self) -> None:
        """Stop where it is."""
        if self._task is not None:
            self._task.cancel()
            self._task = None

    async def _play(self) -> None:
        seed = 1
        while True:
            begin_ns = self._clock.now()
            for arrival in arrivals(self._scenario, Randomness(seed)):
                await self._until(begin_ns + arrival.t_ns)
                hook = self._scenario.feature.hook_for(arrival.event)
                assert hook is not None, "a workload's events have hooks"
                await self._call(self._scenario, hook, body_of(hook, arrival, self._clock.wall()))
            await self._until(begin_ns + self._scenario.workload.duration_ns)
            seed += 1

    async def _until(self, due_ns: int) -> None:
        await asyncio.sleep(self._clock.loop_s(due_ns - self._clock.now()))
