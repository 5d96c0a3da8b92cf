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
from simrt.network import Guard, Turn, order

if TYPE_CHECKING:
    from simrt.targets.app.network import Network

# What asyncio's own timers do comes after everything that has a place in the scenario.
_LAST = order(Turn(len(Turn) - 1), (1 << 24) - 1)
# So many callbacks in one instant are no work any more: something calls itself for ever.
MOST_TURNS = 2_000_000
NEVER_NS = 2**63
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


class Moment:
    """Something that is planned; it can be called off."""

    __slots__ = ("action", "args")

    def __init__(self, action: Callable[..., None], args: tuple[Any, ...]) -> None:
        self.action: Callable[..., None] | None = action
        self.args = args

    def cancel(self) -> None:
        """Call it off; harmless when it has happened."""
        self.action = None


class Loop(asyncio.BaseEventLoop):
    """The event loop.

    Attributes:
        now_ns: the time, nanoseconds; begins at 0.
        network: where connections and listeners are made; set by whoever makes it.
        failure: what a callback raised; the run ends with it.
    """

    network: Network

    def __init__(self) -> None:
        super().__init__()
        self.now_ns = 0
        self._planned: list[tuple[int, int, int, Moment | asyncio.TimerHandle]] = []
        self._counter = itertools.count()
        self._births = itertools.count()
        self._until_ns: int | None = None
        self._turns = 0
        self._cancelled = 0
        self.failure: BaseException | None = None
        self.set_task_factory(self._new_task)  # type: ignore[arg-type]
        self.set_exception_handler(_keep_failure)

    # --- planning -----------------------------------------------------------------------------

    def time(self) -> float:
        """The time in seconds, for what counts in floats."""
        return self.now_ns / NS_PER_S

    def at(self, due_ns: int, key: int, action: Callable[..., None], *args: Any) -> Moment:
        """Plan an event; what is due in the past happens next."""
        moment = Moment(action, args)
        if due_ns < self.now_ns:
            due_ns = self.now_ns
        heapq.heappush(self._planned, (due_ns, key, next(self._counter), moment))
        return moment

    def call_at(  # type: ignore[override]
        self, when: float, callback: Callable[..., Any], *args: Any, context: Any = None
    ) -> asyncio.TimerHandle:
        """Asyncio's own timers; one for `inf` never rings and is no work."""
        handle = asyncio.TimerHandle(when, callback, args, self, context)
        if not math.isinf(when):
            handle._scheduled = True  # type: ignore[attr-defined]  # noqa: SLF001 - tells when cancelled
            due_ns = max(round(when * NS_PER_S), self.now_ns)
            heapq.heappush(self._planned, (due_ns, _LAST, next(self._counter), handle))
        return handle

    def call_later(  # type: ignore[override]
        self, delay: float, callback: Callable[..., Any], *args: Any, context: Any = None
    ) -> asyncio.TimerHandle:
        """As `call_at`."""
        return self.call_at(self.time() + delay, callback, *args, context=context)

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:  # noqa: ARG002
        """Cancelled timers are dropped when their time comes, or when they are most of all."""
        self._cancelled += 1
        if self._cancelled > _MOST_CANCELLED and self._cancelled * 2 > len(self._planned):
            self._planned[:] = [entry for entry in self._planned if not _called_off(entry[3])]
            heapq.heapify(self._planned)
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
            self._until_ns = None

    def run_instant(self, until_ns: int) -> bool:
        """Let one whole instant happen, if the next is not after `until_ns`; say whether."""
        due_ns = self.next_ns()
        if due_ns > until_ns:
            return False
        self.run_before(due_ns + 1)
        return True

    def next_ns(self) -> int:
        """When the next event is due; `NEVER_NS` if none is."""
        while self._planned:
            due_ns, _, _, what = self._planned[0]
            if not _called_off(what):
                return due_ns
            heapq.heappop(self._planned)
        return NEVER_NS

    def _run_once(self) -> None:
        """Until the end of a run: asyncio calls it again and again until the loop is stopped."""
        planned = self._planned
        while True:
            self._run_ready()
            if self._stopping:  # type: ignore[has-type]
                return
            if not planned:
                if self._until_ns is None:
                    raise DeadlockError(self._who_waits())
                self._stopping = True
                return
            if self._until_ns is not None and planned[0][0] >= self._until_ns:
                self._stopping = True
                return
            due_ns, _, _, what = heapq.heappop(planned)
            if isinstance(what, Moment):
                action = what.action
                if action is None:
                    continue
                if due_ns != self.now_ns:
                    self.now_ns = due_ns
                    self._turns = 0
                self._turns += 1
                if self._turns > MOST_TURNS:
                    raise self._restless()
                what.action = None
                action(*what.args)
            elif not what.cancelled():
                if due_ns != self.now_ns:
                    self.now_ns = due_ns
                    self._turns = 0
                what._scheduled = False  # type: ignore[attr-defined]  # noqa: SLF001
                what._run()  # noqa: SLF001

    def _run_ready(self) -> None:
        ready = self._ready  # type: ignore[attr-defined]
        while ready:
            handle = ready.popleft()
            if not handle._cancelled:  # noqa: SLF001
                handle._run()  # noqa: SLF001
            self._turns += 1
            if self._turns > MOST_TURNS:
                raise self._restless()
        if self.failure is not None:
            failure, self.failure = self.failure, None
            raise failure

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

    def timer(self, due_ns: int, key: int, action: Callable[[], None]) -> Moment:
        """An event of the loop."""
        return self._loop.at(due_ns, key, action)


def _called_off(what: Moment | asyncio.TimerHandle) -> bool:
    return what.action is None if isinstance(what, Moment) else what.cancelled()


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
