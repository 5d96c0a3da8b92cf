"""The course of one run: clients dial, hooks are called, faults come and go, all becomes quiet."""

from __future__ import annotations

import asyncio
import heapq
import socket
from collections.abc import Callable, Coroutine, Iterator
from operator import itemgetter
from pathlib import Path
from typing import Any

import msgspec

from simrt.clock import RealClock
from simrt.errors import TargetError
from simrt.history import Row
from simrt.scenario.arrivals import Arrival, arrivals
from simrt.scenario.events import render
from simrt.scenario.model import Fault, Scenario
from simrt.scenario.neighbour import neighbour_of
from simrt.scenario.randomness import Randomness
from simrt.server.lateness import Lateness
from simrt.targets.server.calibrate import Measured, calibrate, rcvbuf_of
from simrt.targets.server.calls import Caller, Hook, Line
from simrt.targets.server.credentials import Credentials
from simrt.targets.server.members import Lives, Member
from simrt.targets.server.merge import Life, Parts
from simrt.targets.server.probes import probe
from simrt.targets.server.process import COMMAND, ServerProcess
from simrt.targets.server.record import Part

HOST = "127.0.0.1"
# The server's side of the kernel's window: near the smallest, so that little lies in it.
SNDBUF_BYTES = 16_384
# Real nanoseconds between the word to listen and scenario time 0.
_LEAD_NS = 200_000_000
# Server processes that wait, ready, for a restart; each costs some 60 MB.
_MOST_SPARES = 3
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

    Attributes:
        parts: what was written, for `merge`.
        window: the calibrated window of each group.
        resolution_ns: lateness of timers times speed, once it was measured.
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
    ) -> None:
        self.scenario = scenario
        self.plays = (scenario, neighbour_of(scenario))
        self.speed = speed
        self.parts = Parts(folder / "clients.jsonl")
        self.window: dict[str, dict[str, int]] = {}
        self.resolution_ns = 0
        self.complete_ns: int | None = None
        self.begun = False
        self._seed = seed
        self._folder = folder
        self._progress = progress
        self._command = command
        self._duration_ns = scenario.workload.duration_ns
        self._randomness = Randomness(seed)
        self._credentials = Credentials(self.plays)
        self._lives = Lives()
        self._processes: list[ServerProcess] = []
        self._spares: list[ServerProcess] = []
        self._running: ServerProcess | None = None
        self._downs = 0
        self._lateness: Lateness | None = None
        self._server_late_ns = 0
        self._timers: dict[asyncio.TimerHandle, None] = {}
        self._tasks: dict[asyncio.Task[None], None] = {}
        self._callers: dict[tuple[int, str], Caller] = {}
        self._members: list[Member] = []
        self._groups: dict[str, list[Member]] = {}

    # --- the course ---------------------------------------------------------------------------

    async def run(self) -> None:
        """Run it to its end.

        Raises:
            TargetError: where the server does not start, or dies without a fault.
        """
        loop = asyncio.get_running_loop()
        self._failed: asyncio.Future[None] = loop.create_future()
        # What fails in a callback would only be logged; here it ends the run.
        loop.set_exception_handler(lambda _, context: self._fail(_error_of(context)))
        try:
            with _Reservation() as port:
                await self._watched(self._course(port))
        finally:
            await self._shut_down()

    async def _course(self, port: int) -> None:
        address = (HOST, port)
        config = self._config(port)
        rcvbufs = {
            (index, name): rcvbuf_of(play, group)
            for index, play in enumerate(self.plays)
            for name, group in play.workload.subscribers.items()
        }
        await self._new_spare(config)  # it starts up while the window is measured
        main = {name: rcvbuf for (index, name), rcvbuf in rcvbufs.items() if index == 0}
        measured = await calibrate(self.scenario, main.values(), config, self._folder)
        self.window = {name: _written(measured[rcvbuf]) for name, rcvbuf in main.items()}
        await self._fill_spares(config)
        for spare in self._spares:
            await spare.ready()
        self._clock = RealClock(
            self.scenario.starts,
            self.speed,
            RealClock(self.scenario.starts).zero_ns + _LEAD_NS,
        )
        self._part = Part(self.parts.clients, self._clock)
        self._make_members(address, rcvbufs)
        self._make_callers(address)
        await self._next_life()
        await asyncio.sleep(self._clock.loop_s(-self._clock.now()))
        self.begun = True
        self._lateness = Lateness(asyncio.get_running_loop())
        self._begin(config)
        await self._workload()
        await self._quiet()
        await probe(
            self.scenario,
            clock=self._clock,
            address=address,
            part=self._part,
            lives=self._lives,
            credentials=self._credentials,
        )
        await self._end()

    def _config(self, port: int) -> dict[str, Any]:
        return {
            "scenarios": [play.normalised() for play in self.plays],
            "starts": self.scenario.starts.isoformat(),
            "speed": self.speed,
            "zero_ns": None,
            "host": HOST,
            "port": port,
            "secret": self._credentials.secret,
            "tokens": self._credentials.tokens,
            "sndbuf": SNDBUF_BYTES,
            "seed": self._seed,
            "epoch": None,
        }

    def _begin(self, config: dict[str, Any]) -> None:
        for member in self._members:
            member.client.dial()
            self._go_on_online(member, 0, 0)
        calls = [self._calls(index, play) for index, play in enumerate(self.plays)]
        coming = heapq.merge(*calls, key=itemgetter(0, 1))
        self._next_arrival(coming)
        for index, fault in enumerate(self.scenario.faults):
            if fault.at_ns < self._duration_ns:
                self._at(fault.at_ns, self._strike, index, fault, config)

    async def _workload(self) -> None:
        while (left_ns := self._duration_ns - self._clock.now()) > 0:
            self._tell(1 - left_ns / self._duration_ns)
            await asyncio.sleep(min(_PROGRESS_S, self._clock.loop_s(left_ns)))
        self._tell(1.0)

    def _tell(self, share: float) -> None:
        if self._progress is not None:
            self._progress(share)

    async def _quiet(self) -> None:
        """Until nothing is pending or in flight, at the latest after `quiet`."""
        latest_ns = self._duration_ns + self.scenario.server.quiet_ns
        while self._clock.now() < latest_ns:
            if not self._timers and not self._downs and self._running is not None:
                answer = await self._running.ask("count")
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
            if client.gave_up:
                continue
            taken_and_pending = counts.get((member.name, client.attempt))
            if not client.opened or not client.idle or taken_and_pending != [client.received, 0]:
                return False
        return True

    async def _end(self) -> None:
        """Let the server say its `end`, then the clients."""
        server = self._running
        if server is None:
            raise TargetError("the server did not come back before the end of the run")
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

    def _at(self, t_ns: int, action: Callable[..., None], *args: Any) -> None:
        """Do something at an instant of scenario time, or now if that has passed."""

        def due() -> None:
            del self._timers[timer]
            action(*args)

        delay_s = self._clock.loop_s(t_ns - self._clock.now())
        timer = asyncio.get_running_loop().call_later(delay_s, due)
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
            task.cancel()
            await asyncio.wait((task,))

    # --- the server's lives -------------------------------------------------------------------

    async def _new_spare(self, config: dict[str, Any]) -> None:
        number = len(self._processes)
        record = self._folder / f"server-{number}.jsonl"
        process = ServerProcess(record, config, self._command)
        self._processes.append(process)
        self._spares.append(process)
        await process.start()

    async def _fill_spares(self, config: dict[str, Any]) -> None:
        """Have processes ready for restarts to come: a start takes many scenario seconds."""
        restarts = sum(fault.kind == "restart" for fault in self.scenario.faults)
        while len(self._spares) < _MOST_SPARES and len(self._processes) <= restarts:
            await self._new_spare(config)

    async def _next_life(self) -> str:
        """Let the next process listen."""
        process = self._spares.pop(0)
        life = Life(process.record)
        self.parts.lives.append(life)
        listening = await process.listen(self._clock.zero_ns)
        life.epoch = listening.epoch
        now_ns = self._clock.now()
        life.begin_ns = now_ns if listening.t_ns is None else listening.t_ns
        self._lives.epochs.append(listening.epoch)
        self._running = process
        process.died.add_done_callback(lambda _: self._died(process))
        return listening.epoch

    def _died(self, process: ServerProcess) -> None:
        if not process.ended_by_us:
            self._fail(process.failure())

    def _kill(self) -> None:
        self._downs += 1
        if self._running is not None:
            self._running.kill()
            self._running = None
            self.parts.lives[-1].killed_ns = self._clock.now()

    async def _revive(self, index: int, fault: Fault, config: dict[str, Any]) -> None:
        self._downs -= 1
        epoch = ""
        t_ns = self._clock.now()
        if self._downs == 0:
            before = self.parts.lives[-1]
            epoch = await self._next_life()
            t_ns = before.back_ns = self.parts.lives[-1].begin_ns
        detail = {"index": index, "whom": fault.whom}
        self.parts.heals.append(Row(t_ns, "heal", epoch=epoch, cause="restart", detail=detail))
        await self._fill_spares(config)

    # --- clients and hooks --------------------------------------------------------------------

    def _make_members(self, address: tuple[str, int], rcvbufs: dict[tuple[int, str], int]) -> None:
        for index, play in enumerate(self.plays):
            for name, group in play.workload.subscribers.items():
                members = [
                    Member(
                        play,
                        name,
                        number,
                        clock=self._clock,
                        address=address,
                        part=self._part,
                        lives=self._lives,
                        randomness=self._randomness,
                        credentials=self._credentials,
                        rcvbuf_bytes=rcvbufs[index, name],
                    )
                    for number in range(group.count)
                ]
                self._members += members
                if index == 0:
                    self._groups[name] = members

    def _make_callers(self, address: tuple[str, int]) -> None:
        for index, play in enumerate(self.plays):
            feature = play.feature
            for sender in feature.hooks:
                assert sender.hook is not None
                shown = self._credentials.headers(
                    "right", feature.project, sender.permission, sender.method, "harness"
                )
                hook = Hook(feature.project, feature.channel, sender.sends, sender.hook, shown)
                caller = Caller(
                    hook,
                    Line(*address),
                    life=lambda: self._lives.current,
                    down=self._call_found_nobody,
                    lost=self.parts.lost.append,
                    now=self._clock.now,
                )
                self._callers[index, sender.hook] = caller
                self._spawn(caller.work())

    def _call_found_nobody(self, hook: Hook) -> None:
        """RST-5: no send, part of no fraction."""
        self._part.write(
            "reject", project=hook.project, channel=hook.channel, event=hook.event, cause="down"
        )

    def _calls(self, index: int, play: Scenario) -> Iterator[tuple[int, int, Arrival]]:
        for arrival in arrivals(play, self._randomness):
            yield arrival.t_ns, index, arrival

    def _next_arrival(self, coming: Iterator[tuple[int, int, Arrival]]) -> None:
        """Wait for the next arrival, and call all that are due then."""
        due = next(coming, None)
        if due is not None:
            self._at(due[0], self._arrive, coming, due)

    def _arrive(
        self, coming: Iterator[tuple[int, int, Arrival]], due: tuple[int, int, Arrival] | None
    ) -> None:
        while due is not None and due[0] <= self._clock.now():
            self._call(due[1], due[2])
            due = next(coming, None)
        if due is not None:
            self._at(due[0], self._arrive, coming, due)

    def _call(self, index: int, arrival: Arrival) -> None:
        hook = self.plays[index].feature.hook_for(arrival.event)
        assert hook is not None
        assert hook.hook is not None

        def body() -> bytes:
            return msgspec.json.encode(render(arrival.data, arrival.n, self._clock.wall()))

        self._callers[index, hook.hook].call(body)

    # --- networks and faults ------------------------------------------------------------------

    def _go_on_online(self, member: Member, since_ns: int, period: int) -> None:
        online = member.settings.online
        if online is None:
            return
        up_ns = self._randomness.draws(f"online/{member.name}/up", online.up).at(period)
        if since_ns + up_ns < self._duration_ns:
            self._at(since_ns + up_ns, self._go_offline, member, since_ns + up_ns, period)

    def _go_offline(self, member: Member, since_ns: int, period: int) -> None:
        online = member.settings.online
        assert online is not None
        member.client.go_offline()
        down_ns = self._randomness.draws(f"online/{member.name}/down", online.down).at(period)
        back_ns = min(since_ns + down_ns, self._duration_ns)
        self._at(back_ns, self._go_online, member, back_ns, period)

    def _go_online(self, member: Member, since_ns: int, period: int) -> None:
        member.client.go_online()
        if since_ns < self._duration_ns:
            self._go_on_online(member, since_ns, period + 1)

    def _hit(self, index: int, fault: Fault) -> list[Member]:
        """The members that a fault hits: the group, or the share of it that `by` says."""
        members = self._groups[fault.whom]
        if fault.by is None:
            return members
        count = max(1, round(len(members) * fault.by))
        chosen = self._randomness.choice(f"faults/{index}", len(members), count)
        return [members[number] for number in chosen]

    def _strike(self, index: int, fault: Fault, config: dict[str, Any]) -> None:
        heals_ns = min(fault.heals_ns, self._duration_ns)
        if fault.kind == "restart":
            self._fault_row("fault", index, fault, [])
            self._kill()
            self._at(heals_ns, lambda: self._spawn(self._revive(index, fault, config)))
            return
        members = self._hit(index, fault)
        self._fault_row("fault", index, fault, members)
        for member in members:
            if fault.kind == "stall":
                member.client.stall()
            elif fault.for_ns:
                member.client.go_offline("disconnect")
            else:
                member.client.disconnect()
        self._at(heals_ns, self._heal, index, fault, members)

    def _heal(self, index: int, fault: Fault, members: list[Member]) -> None:
        self._fault_row("heal", index, fault, members)
        for member in members:
            if fault.kind == "stall":
                member.client.heal()
            elif fault.for_ns:
                member.client.go_online()

    def _fault_row(self, kind: str, index: int, fault: Fault, members: list[Member]) -> None:
        detail: dict[str, Any] = {"index": index, "whom": fault.whom}
        if members:
            detail["members"] = [member.number for member in members]
        self._part.write(kind, cause=fault.kind, detail=detail)

    # --- the end ------------------------------------------------------------------------------

    async def _shut_down(self) -> None:
        """Leave nothing behind: no timer, no task, no socket, no process."""
        for process in self._processes:
            process.kill()
        if self._lateness is not None:
            self._lateness.stop()
            late_ns = max(self._lateness.p99_ns(), self._server_late_ns)
            self.resolution_ns = round(late_ns * self.speed)
        for timer in self._timers:
            timer.cancel()
        tasks = list(self._tasks)
        for task in tasks:
            task.remove_done_callback(self._spawned_ended)
            task.cancel()
        for member in self._members:
            member.client.close()
        await asyncio.gather(*tasks, return_exceptions=True)
        for member in self._members:
            await member.client.wait_closed()
        for process in self._processes:
            await process.stop()
        if hasattr(self, "_part"):
            self._part.close()

    def bury(self) -> None:
        """The last resort: no process is left, whatever happened; blocks until then."""
        for process in self._processes:
            process.bury()


class _Reservation:
    """Holds a free port for the whole run.

    A bound socket that does not listen, with SO_REUSEADDR as the server's own: the server can
    listen on the port, again after each restart, and nobody else gets it in between. Above all the
    kernel never gives it to a client as its own port: a client that dials a port on which nobody
    listens, from that very port, would be connected to itself.
    """

    def __enter__(self) -> int:
        self._socket = socket.socket()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._socket.bind((HOST, 0))
        return int(self._socket.getsockname()[1])

    def __exit__(self, *exc: object) -> None:
        self._socket.close()


def _error_of(context: dict[str, Any]) -> BaseException:
    error = context.get("exception")
    return error if isinstance(error, BaseException) else AssertionError(context["message"])


def _written(window: Measured) -> dict[str, int]:
    return {"messages": window.messages, "bytes": window.wire_bytes}
