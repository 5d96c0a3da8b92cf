"""One run on real processes: prepared, begun, watched until all is quiet, ended."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Coroutine
from functools import partial
from pathlib import Path
from typing import Any

from simrt.client import Dial, tcp
from simrt.clock import NS_PER_S, RealClock, Timer
from simrt.course import Course
from simrt.errors import TargetError
from simrt.scenario.arrivals import OF_BURST, Arrival, arrivals
from simrt.scenario.events import body_of
from simrt.scenario.model import Scenario, Sender, Subscribers
from simrt.scenario.neighbour import neighbour_of
from simrt.scenario.randomness import Randomness
from simrt.server.lateness import Lateness
from simrt.targets.harness.calls import Caller, Hook, Line, LostCall, hooks_of
from simrt.targets.harness.credentials import Credentials
from simrt.targets.harness.members import Member, Rows
from simrt.targets.server.calibrate import calibrate
from simrt.targets.server.lives import Lives
from simrt.targets.server.merge import Parts
from simrt.targets.server.namespace import Namespace, why_none
from simrt.targets.server.pace import NOTHING, Load, TooFastError
from simrt.targets.server.port import ServerPort, lives_of
from simrt.targets.server.probes import probe
from simrt.targets.server.process import COMMAND
from simrt.targets.server.punctuality import MOST_LATE_TIMERS_NS, Punctuality, instants_of
from simrt.targets.server.record import Part
from simrt.targets.server.sockets import buffers_of, rcvbuf_of, reserved_port
from simrt.targets.server.wire import Loopback, Wire

HOST = "127.0.0.1"
# Real nanoseconds between the word to listen and scenario time 0.
_LEAD_NS = 200_000_000
_CLIENTS = "clients.jsonl"
_POLL_S = 0.05
_PROGRESS_S = 0.25
_SETTLE_S = 5.0


class Conductor:
    """One run of a scenario on real processes and sockets.

    Arguments:
        scenario: what runs; its neighbour runs beside it.
        seed: of all named draws.
        speed: scenario seconds per real second.
        folder: where the parts of the history are written.
        progress: told the share of the workload that is done, now and then.
        command: what a server process is.
        namespace: the network of the clients that fall silent; None where packets cannot be lost.

    Attributes:
        plays: the scenario and its neighbour.
        window: the calibrated window of each group.
        resolution_ns: lateness of timers and calls times speed, once it was measured.
        complete_ns: when the run ended; None until then.
        begun: whether scenario time 0 was reached.
    """

    def __init__(
        self,
        scenario: Scenario,
        seed: int,
        speed: float,
        folder: Path,
        progress: Callable[[float], None] | None = None,
        command: tuple[str, ...] = COMMAND,
        namespace: Namespace | None = None,
    ) -> None:
        self.scenario = scenario
        self.plays = (scenario, neighbour_of(scenario))
        self.speed = speed
        self.window: dict[str, dict[str, int]] = {}
        self.resolution_ns = 0
        self.complete_ns: int | None = None
        self.begun = False
        self._seed = seed
        self._folder = folder
        self._progress = progress
        self._duration_ns = scenario.workload.duration_ns
        self._randomness = Randomness(seed)
        self._credentials = Credentials(self.plays)
        self._port: ServerPort | None = None
        self._lost: list[LostCall] = []
        self._punctuality = Punctuality(
            self._duration_ns, speed, instants_of(self.plays, self._randomness)
        )
        self._namespace = namespace
        self._host = namespace.host if namespace is not None else HOST
        self._reserved = reserved_port(self._host)
        self._address = (self._host, self._reserved.getsockname()[1])
        self._config = self._orders()
        self._lives = Lives(folder, self._config, self._fail, command)
        self._lateness: Lateness | None = None
        self._server_late_ns = 0
        self._timers: dict[Timer, None] = {}
        self._tasks: dict[asyncio.Task[None], None] = {}
        self._callers: dict[tuple[int, str], Caller] = {}
        self._members: list[Member] = []
        self._groups: dict[str, list[Member]] = {}
        self._silent = itertools.count()
        self._why_proxy = why_none(silent_members(scenario)) or "the kernel did not allow it"

    @property
    def parts(self) -> Parts:
        """What the run left behind, for `merge`."""
        heals = self._port.heals if self._port is not None else []
        unsent = self._punctuality.unsent
        return Parts(self._folder / _CLIENTS, self._lives.lives, heals, self._lost, unsent)

    # --- the course ---------------------------------------------------------------------------

    async def run(self) -> None:
        """Run it to its end.

        Raises:
            TooFastError: where the machine does not keep up at this speed.
            TargetError: where the server does not start, or dies without a fault.
        """
        loop = asyncio.get_running_loop()
        self._failed: asyncio.Future[None] = loop.create_future()
        # What fails in a callback would only be logged; here it ends the run.
        loop.set_exception_handler(lambda _, context: self._fail(_error_of(context)))
        try:
            await self._watched(self._course())
        finally:
            await self._shut_down()

    async def _course(self) -> None:
        rcvbufs = {
            (index, name): rcvbuf_of(play, group)
            for index, play in enumerate(self.plays)
            for name, group in play.workload.subscribers.items()
        }
        lives = lives_of(self.scenario.faults)
        await self._lives.prepare(1)  # starts while the window is measured
        main = {name: rcvbuf for (index, name), rcvbuf in rcvbufs.items() if index == 0}
        silent = {name for name in main if self.scenario.falls_silent(name)}
        measured = await calibrate(
            self.scenario,
            main.values(),
            self._config,
            self._folder,
            dict.fromkeys((main[name] for name in silent), self._pace_s() if silent else 0),
            self._namespace,
        )
        self.window = {
            name: measured[rcvbuf].written(self.speed, silent=name in silent)
            for name, rcvbuf in main.items()
        }
        await self._lives.prepare(lives)
        await self._lives.ready()
        self._clock = RealClock(
            self.scenario.starts,
            self.speed,
            RealClock(self.scenario.starts).zero_ns + _LEAD_NS,
        )
        self._part = Part(self._folder / _CLIENTS, self._clock)
        self._make_members(rcvbufs)
        self._make_callers()
        self._port = ServerPort(
            self.scenario.faults,
            clock=self._clock,
            at=self._at,
            spawn=self._spawn,
            lives=self._lives,
            sink=self._part,
            call=self._call,
        )
        await self._lives.begin(self._clock)
        await asyncio.sleep(self._clock.loop_s(-self._clock.now()))
        self.begun = True
        self._lateness = Lateness(asyncio.get_running_loop())
        self._begin()
        await self._workload()
        await self._quiet()
        if not self._punctuality.kept_up(self._lateness.p99_ns()):
            raise TooFastError(self._load())
        await probe(
            self.scenario,
            clock=self._clock,
            address=self._address,
            part=self._part,
            lives=self._lives,
            credentials=self._credentials,
        )
        await self._end()

    def _load(self) -> Load:
        """What the busiest hook was asked for and did."""
        callers = self._callers.values()
        answered = sum(one.answered for one in callers)
        each = self._part.receipts / answered if answered else 0.0
        now_ns = self._clock.now()
        late_ns = self._lateness.p99_ns() if self._lateness is not None else 0
        loads = [
            Load(one.asked, one.answered, one.busy_ns, now_ns, each, late_ns) for one in callers
        ]
        return max(loads, key=lambda one: one.utilisation or 0.0, default=NOTHING)

    def _pace_s(self) -> float:
        """The mean time between two calls, real seconds."""
        calls = sum(1 for _ in arrivals(self.scenario, self._randomness))
        return self._duration_ns / max(1, calls) / self.speed / NS_PER_S

    def _orders(self) -> dict[str, Any]:
        return {
            "scenarios": [play.normalised() for play in self.plays],
            "starts": self.scenario.starts.isoformat(),
            "speed": self.speed,
            "zero_ns": None,
            "host": self._host,
            "port": self._address[1],
            "secret": self._credentials.secret,
            "tokens": self._credentials.tokens,
            **buffers_of(self.scenario),
            "seed": self._seed,
            "epoch": None,
        }

    def _begin(self) -> None:
        assert self._port is not None
        Course(self._port, self.plays, self._groups, self._members, self._randomness).begin()

    async def _workload(self) -> None:
        while (left_ns := self._duration_ns - self._clock.now()) > 0:
            self._tell(1 - left_ns / self._duration_ns)
            assert self._lateness is not None
            if self._lateness.surely_above(MOST_LATE_TIMERS_NS, self._clock.loop_s(left_ns)):
                raise TooFastError(self._load())
            await asyncio.sleep(min(_PROGRESS_S, self._clock.loop_s(left_ns)))
        self._tell(1.0)

    def _tell(self, share: float) -> None:
        if self._progress is not None:
            self._progress(share)

    async def _quiet(self) -> None:
        """Until nothing is pending or in flight, at the latest after `quiet`."""
        assert self._port is not None
        latest_ns = self._duration_ns + self.scenario.server.quiet_ns
        while self._clock.now() < latest_ns:
            server = self._lives.running
            busy = self._timers or self._port.busy
            if server is not None and not busy:
                answer = await server.ask("count")
                counts = {(who, number): rest for who, number, *rest in answer["counts"]}
                if self._settled(counts):
                    return
            left_s = self._clock.loop_s(latest_ns - self._clock.now())
            await asyncio.sleep(min(_POLL_S, left_s))

    def _settled(self, counts: dict[tuple[str, int], list[int]]) -> bool:
        if not all(caller.idle for caller in self._callers.values()):
            return False
        for member in self._members:
            client = member.client
            if client.gave_up or (member.network.untold and client.opened and client.idle):
                continue
            taken_and_pending = counts.get((member.name, client.attempt))
            if not client.opened or not client.idle or taken_and_pending != [client.received, 0]:
                return False
        return True

    async def _end(self) -> None:
        """Let the server say its `end`, then the clients."""
        server = self._lives.running
        if server is None:
            # A process starts in the machine's time: at a lower speed it is back earlier.
            gone = TargetError("the server did not come back before the end of the run")
            raise TooFastError(self._load(), gone)
        for _ in range(round(_SETTLE_S / _POLL_S)):  # until it has noticed that the probes left
            answer = await server.ask("count")
            if not any(who.startswith("probe/") for who, *_ in answer["counts"]):
                break
            await asyncio.sleep(_POLL_S)
        answer = await server.ask("end")
        for member in self._members:
            member.end()
        self.complete_ns = self._clock.now()
        self._server_late_ns = int(answer.get("late_ns", 0))

    # --- timers and tasks ---------------------------------------------------------------------

    def _at(self, t_ns: int, key: int, action: Callable[..., None], *args: Any) -> None:
        """Do something at an instant of scenario time, or now if that has passed."""

        def due() -> None:
            del self._timers[timer]
            action(*args)

        timer = self._clock.timer(t_ns, key, due)
        self._timers[timer] = None

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks[task] = None
        task.add_done_callback(self._spawned_ended)

    def _spawned_ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.pop(task, None)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._fail(error)

    def _fail(self, error: BaseException) -> None:
        if not self._failed.done():
            self._failed.set_exception(error)
            self._failed.exception()  # seen, even if the course ended at the same time

    async def _watched(self, course: Coroutine[Any, Any, None]) -> None:
        """Run the course; end it when something beside it failed."""
        task = asyncio.get_running_loop().create_task(course)
        try:
            await asyncio.wait((task, self._failed), return_when=asyncio.FIRST_COMPLETED)
            if self._failed.done():
                self._failed.result()
            task.result()
        finally:
            while not task.done():  # wait_for may swallow one cancellation
                task.cancel()
                await asyncio.wait((task,), timeout=_POLL_S)

    # --- clients and hooks --------------------------------------------------------------------

    def _make_members(self, rcvbufs: dict[tuple[int, str], int | None]) -> None:
        for index, play in enumerate(self.plays):
            for name, group in play.workload.subscribers.items():
                silent = index == 0 and play.falls_silent(name)
                members = [
                    self._member(play, name, number, rcvbufs[index, name], falls_silent=silent)
                    for number in range(group.count)
                ]
                self._members += members
                if index == 0:
                    self._groups[name] = members

    def _member(
        self,
        play: Scenario,
        group: str,
        number: int,
        rcvbuf_bytes: int | None,
        *,
        falls_silent: bool,
    ) -> Member:
        rows = Rows(self._part, play, f"{group}/{number}", self._lives)
        network: Wire | Loopback = Loopback(rcvbuf_bytes)
        if falls_silent:
            network = self._wire(network.dial, rows, rcvbuf_bytes, play.workload.subscribers[group])
        return Member(
            play,
            group,
            number,
            clock=self._clock,
            address=self._address,
            rows=rows,
            network=network,
            lives=self._lives,
            randomness=self._randomness,
            credentials=self._credentials,
        )

    def _wire(self, dial: Dial, rows: Rows, rcvbuf_bytes: int | None, group: Subscribers) -> Wire:
        """The network of the next client that falls silent; its rows say who made the silence."""
        namespace, number = self._namespace, next(self._silent)
        if namespace is None:
            # Behind a proxy the kernel goes on acknowledging: nobody notices a peer that is gone.
            by = {"by": "proxy", "because": self._why_proxy}
            return Wire(dial, lambda kind: rows.silence(kind, by), clock=self._clock, group=group)
        return Wire(
            tcp(rcvbuf_bytes, partial(namespace.socket_of, number)),
            lambda kind: rows.silence(kind, {"by": "namespace"}),
            partial(namespace.silence, number),
            namespace.in_force,
            clock=self._clock,
            group=group,
        )

    def _make_callers(self) -> None:
        for key, hook in hooks_of(self.plays, self._credentials):
            caller = Caller(
                hook,
                Line(*self._address),
                life=lambda: self._lives.current,
                down=self._call_found_nobody,
                lost=self._lost.append,
                now=self._clock.now,
            )
            self._callers[key] = caller
            self._spawn(caller.work())

    def _call_found_nobody(self, hook: Hook) -> None:
        """RST-5: no send, part of no fraction."""
        self._part.write(
            "reject", project=hook.project, channel=hook.channel, event=hook.event, cause="down"
        )

    def _call(self, tenant: int, hook: Sender, arrival: Arrival) -> None:
        assert hook.hook is not None
        alone = arrival.publish_index != OF_BURST

        key = tenant, hook.hook

        def body() -> bytes | None:
            now_ns = self._clock.now()
            if not self._punctuality.in_time(key, arrival.t_ns, now_ns, alone=alone):
                return None
            assert self._lateness is not None
            if self._punctuality.hopeless(self._lateness.p99_ns()):
                raise TooFastError(self._load())
            return body_of(hook, arrival, self._clock.wall())

        self._callers[key].call(body, arrival.count)

    # --- the end ------------------------------------------------------------------------------

    async def _shut_down(self) -> None:
        """Leave nothing behind: no timer, no task, no socket, no process."""
        self._lives.kill_all()
        if self._lateness is not None:
            self._lateness.stop()
            late_ns = max(self._lateness.p99_ns(), self._server_late_ns, self._punctuality.p99_ns())
            self.resolution_ns = round(late_ns * self.speed)
        for timer in self._timers:
            timer.cancel()
        tasks = list(self._tasks)
        for task in tasks:
            task.remove_done_callback(self._spawned_ended)
            task.cancel()
        for member in self._members:
            member.close()
        await asyncio.gather(*tasks, return_exceptions=True)
        for member in self._members:
            await member.client.wait_closed()
        await self._lives.stopped()
        self._reserved.close()
        if hasattr(self, "_part"):
            self._part.close()

    def bury(self) -> None:
        """The last resort: no process is left, whatever happened; blocks until then."""
        self._lives.bury()


def silent_members(scenario: Scenario) -> int:
    """How many clients' networks fall silent at some time (NET-7)."""
    groups = scenario.workload.subscribers.items()
    return sum(group.count for name, group in groups if scenario.falls_silent(name))


def _error_of(context: dict[str, Any]) -> BaseException:
    error = context.get("exception")
    return error if isinstance(error, BaseException) else AssertionError(context["message"])
