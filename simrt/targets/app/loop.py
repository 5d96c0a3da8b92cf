"""An event loop whose time jumps: what is ready runs, then one event that was planned, and so on.

A subclass of asyncio's own loop, without selector and sockets. Time is an integer number of
nanoseconds. What happens in one instant happens in the one order of NET-9, and what one event makes
ready is done before the next event. Nothing depends on addresses, hashes or the machine's clock.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import math
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from simrt.clock import NS_PER_S
from simrt.errors import TargetError
from simrt.network import AFTER_ALL, Guard, Turn, order
from simrt.scheduler import NEVER_NS, Event, Scheduler

if TYPE_CHECKING:
    from simrt.targets.app.network import Network

# So many callbacks in one instant are no work any more: something calls itself for ever.
MOST_TURNS = 2_000_000
# Asyncio's cancelled timers, such as those for idle connections, may be due in a year.
_MOST_CANCELLED = 1000


class DeadlockError(TargetError):
    """Nothing can happen any more, and something still waits."""


class RestlessError(TargetError):
    """One instant does not end."""


class Task(asyncio.Task[Any]):
    """A task whose hash is its birth number: sets of tasks have one order in every process."""

    def __init__(self, birth: int, *given: Any, **named: Any) -> None:
        self.birth = birth
        super().__init__(*given, **named)

    def __hash__(self) -> int:
        return self.birth


class _Timer(asyncio.TimerHandle):
    """A timer of asyncio's own; where it is cancelled, so is its event."""

    event: Event

    def cancel(self) -> None:
        """Call it off."""
        self.event.cancel()
        super().cancel()


class Loop(Scheduler, asyncio.BaseEventLoop):
    """The event loop.

    Attributes:
        network: where connections and listeners are made; set by whoever makes it.
        failure: what a callback raised; the run ends with it.
    """

    network: Network

    def __init__(self) -> None:
        Scheduler.__init__(self)
        asyncio.BaseEventLoop.__init__(self)
        self._births = itertools.count()
        self._until_ns = NEVER_NS
        self._turns = 0
        self._cancelled = 0
        self.failure: BaseException | None = None
        self.set_task_factory(self._new_task)  # type: ignore[arg-type]
        self.set_exception_handler(_keep_failure)

    # --- planning -----------------------------------------------------------------------------

    def time(self) -> float:
        """The time in seconds, for what counts in floats."""
        return self.now_ns / NS_PER_S

    def at(self, t_ns: int, key: int, action: Callable[..., object], *args: Any) -> Event:
        """Schedule an action; what is due in the past happens next."""
        return super().at(max(t_ns, self.now_ns), key, action, *args)

    def call_at(  # type: ignore[override]
        self, when: float, callback: Callable[..., Any], *args: Any, context: Any = None
    ) -> asyncio.TimerHandle:
        """Asyncio's own timers, after all that has a place in the scenario.

        One for `inf` never rings and is no work.
        """
        handle = _Timer(when, callback, args, self, context)
        handle.event = Event(handle._run)  # noqa: SLF001 - as asyncio's own loops do
        if not math.isinf(when):
            self.again(handle.event, max(round(when * NS_PER_S), self.now_ns), AFTER_ALL)
        return handle

    def call_later(  # type: ignore[override]
        self, delay: float, callback: Callable[..., Any], *args: Any, context: Any = None
    ) -> asyncio.TimerHandle:
        """As `call_at`."""
        return self.call_at(self.time() + delay, callback, *args, context=context)

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:  # noqa: ARG002
        """Cancelled timers are dropped when their time comes, or when they are most of all."""
        self._cancelled += 1
        if self._cancelled > _MOST_CANCELLED and self._cancelled * 2 > len(self.queue):
            self.forget_cancelled()
            self._cancelled = 0

    def _new_task(self, loop: Loop, coro: Any, **named: Any) -> Task:
        return Task(next(self._births), coro, loop=loop, **named)

    # --- running ------------------------------------------------------------------------------

    def run_before(self, t_ns: int) -> None:
        """Let everything happen that is due before this instant.

        Raises:
            RestlessError: one instant does not end.
        """
        self._until_ns = t_ns
        try:
            self.run_forever()
        finally:
            self._until_ns = NEVER_NS

    def _run_once(self) -> None:
        """Until the end of a run: asyncio calls it again and again until the loop is stopped."""
        queue = self.queue
        while True:
            self._run_ready()
            if self._stopping:  # type: ignore[has-type]
                return
            if queue[0][0] >= self._until_ns:
                if self._until_ns == NEVER_NS:
                    raise DeadlockError(self._who_waits())
                self._stopping = True
                return
            due_ns, _, _, event = heapq.heappop(queue)
            if event.cancelled:
                continue  # and no time passes
            if due_ns != self.now_ns:
                self.now_ns = due_ns
                self._turns = 0
            self._count_turn()
            event.action(*event.args)

    def _run_ready(self) -> None:
        ready = self._ready  # type: ignore[attr-defined]
        while ready:
            handle = ready.popleft()
            if not handle._cancelled:  # noqa: SLF001
                handle._run()  # noqa: SLF001
            self._count_turn()
        if self.failure is not None:
            failure, self.failure = self.failure, None
            raise failure

    def _count_turn(self) -> None:
        self._turns += 1
        if self._turns > MOST_TURNS:
            raise self._restless()

    # --- who waits for what -------------------------------------------------------------------

    def _restless(self) -> RestlessError:
        return RestlessError(
            f"more than {MOST_TURNS:,} callbacks in the instant {self.time():.9f} s, so"
            f" time does not move on; what runs or waits:\n{self.waiting()}"
        )

    def _who_waits(self) -> str:
        return (
            f"deadlock at {self.time():.9f} s: nothing is ready, no timer is set, and these wait:\n"
            f"{self.waiting()}"
        )

    def waiting(self) -> str:
        """One line for each task that is not done: its name, where it stands, what it awaits."""
        tasks = sorted(
            (task for task in asyncio.all_tasks(self) if isinstance(task, Task)),
            key=lambda task: task.birth,
        )
        return "\n".join(map(_described, tasks)) or "  nobody"

    # --- what a loop must have ----------------------------------------------------------------

    async def create_server(
        self, protocol_factory: Any, host: Any = None, port: Any = None, **_: Any
    ) -> Any:
        """Listen in the network."""
        return self.network.listen(protocol_factory, host, port)

    async def create_connection(
        self, protocol_factory: Any, host: Any = None, port: Any = None, **_: Any
    ) -> Any:
        """Connect in the network; without latency and without a window."""
        return self.network.connect(protocol_factory, host, port)

    def call_soon_threadsafe(self, *_: Any, **__: Any) -> Any:  # type: ignore[override]
        """Refused: another thread's time is not this loop's."""
        raise RuntimeError("a loop in virtual time takes no calls from other threads")

    def run_in_executor(  # type: ignore[override]
        self,
        executor: Any,  # noqa: ARG002
        func: Any,
        *args: Any,
    ) -> Any:
        """Run it here and now: a thread would take real time."""
        done = self.create_future()
        try:
            done.set_result(func(*args))
        except Exception as error:  # noqa: BLE001 - it belongs to whoever awaits it
            done.set_exception(error)
        return done

    def _write_to_self(self) -> None:
        """Nothing sleeps, so nothing is to be woken."""

    def _process_events(self, event_list: Any) -> None:
        """There is no selector."""


class Clock:
    """Scenario time on such a loop.

    Arguments:
        loop: whose time it is.
        starts: the wall clock at 0.
        places: by name, the place in the scenario of members, jobs, calls and faults.
    """

    def __init__(self, loop: Loop, starts: datetime, places: dict[str, int]) -> None:
        self.starts = starts.astimezone(UTC)
        self._loop = loop
        self._places = places

    def now(self) -> int:
        """Nanoseconds of scenario time since the start."""
        return self._loop.now_ns

    def wall(self) -> datetime:
        """The scenario's wall clock, in UTC."""
        return self.starts + timedelta(microseconds=self._loop.now_ns // 1000)

    def loop_s(self, ns: int) -> float:
        """As many seconds as they are."""
        return max(0.0, ns / NS_PER_S)

    def order(
        self,
        turn: Turn,
        whose: str = "",
        connection: int = 0,
        guard: Guard = Guard.HEARTBEAT,
    ) -> int:
        """The key of NET-9."""
        return order(turn, self._places.get(whose, 0), connection, guard)

    def timer(self, due_ns: int, key: int, action: Callable[[], None]) -> Event:
        """An event of the loop."""
        return self._loop.at(due_ns, key, action)


def _keep_failure(loop: Any, context: dict[str, Any]) -> None:
    """What fails in a callback would only be logged; here it ends the run."""
    error = context.get("exception")
    if loop.failure is None:
        loop.failure = error if error is not None else AssertionError(context["message"])


def _described(task: Task) -> str:
    coro: Any = task.get_coro()
    name = getattr(coro, "__qualname__", repr(coro))
    where, awaited = "", coro
    while awaited is not None:
        frame = getattr(awaited, "cr_frame", None) or getattr(awaited, "gi_frame", None)
        if frame is not None:
            code = frame.f_code
            file = "/".join(code.co_filename.split("/")[-3:])
            where = f"{code.co_qualname}, {file}:{frame.f_lineno}"
        coming = getattr(awaited, "cr_await", None) or getattr(awaited, "gi_yieldfrom", None)
        if coming is None:
            break
        awaited = coming
    return f"  {task.get_name()} ({name}) stands at {where}"
