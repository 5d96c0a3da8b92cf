"""Jobs: sends on a schedule (HOK-1, HOK-3)."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Awaitable, Iterator
from typing import TYPE_CHECKING, Any

from simrt.network import Turn
from simrt.scenario.arrivals import job_times
from simrt.server.call import Call
from simrt.server.declared import Job
from simrt.server.timers import Alarm

if TYPE_CHECKING:
    from simrt.server.server import Server

log = logging.getLogger("simrt.server")

# No run lasts so long; the schedule is asked for one firing at a time.
_FOREVER_NS = 2**62


class JobRunner:
    """Fires one job while its server lives; what a down server missed is not caught up (RST-5).

    Arguments:
        server: for whom.
        job: what, and when.
    """

    def __init__(self, server: Server, job: Job) -> None:
        self._server = server
        self._job = job
        self._times: Iterator[int] = iter(())
        key = server.clock.order(Turn.SEND, f"{job.project} {job.sender}")
        self._alarm = Alarm(server.clock, key, self._fire)
        self._running: asyncio.Task[None] | None = None

    def begin(self, now_ns: int) -> None:
        """Start the schedule; it never fires at this very instant (HOK-3)."""
        timed = self._job.schedule
        self._times = job_times(timed, self._server.clock.starts, now_ns, _FOREVER_NS)
        self._next()

    def stop(self) -> None:
        """Fire no more; a handler that waits is cancelled."""
        self._times = iter(())
        self._alarm.cancel()
        if self._running is not None:
            self._running.cancel()

    def _next(self) -> None:
        due_ns = next(self._times, None)
        if due_ns is not None:
            self._alarm.at(due_ns)

    def _fire(self) -> None:
        """One firing. What a handler raises harms nobody; what it sent is sent (HOK-2)."""
        server, job = self._server, self._job
        self._next()
        n = server.count_call(job)
        if self._running is not None:
            log.warning("job %s skipped its firing %d: the one before still runs", job.sender, n)
            return
        call = Call(None, {}, n, server.clock.wall(), lambda *event: server.send(job, *event))
        try:
            result = job.handler(call)
        except Exception:  # whatever a handler raises
            log.exception("job %s failed at its firing %d", job.sender, n)
            return
        if inspect.isawaitable(result):
            self._running = server.loop.create_task(self._await(result, n))

    async def _await(self, result: Awaitable[Any], n: int) -> None:
        try:
            await result
        except Exception:  # whatever a handler raises
            log.exception("job %s failed at its firing %d", self._job.sender, n)
        finally:
            self._running = None
