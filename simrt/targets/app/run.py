"""One run of the real server and real clients in virtual time: sends, faults, quiet, the end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import dropwhile
from typing import Any

import msgspec

from simrt.history import Header, Row
from simrt.network import Turn
from simrt.scenario.arrivals import Arrival, arrivals, job_times
from simrt.scenario.events import render
from simrt.scenario.model import Scenario, Sender
from simrt.scenario.neighbour import neighbour_of
from simrt.scenario.randomness import Randomness
from simrt.server import Secrets, compile_site
from simrt.server.access import Gate
from simrt.targets.app.lives import ADDRESS, Lives
from simrt.targets.app.loop import Clock, DeadlockError, Loop
from simrt.targets.app.members import WiredMember, WiredRows, Written
from simrt.targets.app.network import Network
from simrt.targets.app.troubles import AppTroubles
from simrt.targets.app.wire import Wire
from simrt.targets.harness.calls import Caller, Hook, Line, LostCall, hooks_of
from simrt.targets.harness.credentials import Credentials, refuse_denials
from simrt.targets.harness.troubles import burst_name, fault_name
from simrt.targets.header import header_of
from simrt.targets.settling import Settling

# How often progress is told: so many slices of the workload.
_SLICES = 100
# Bursts come after all jobs and calls of the same instant.
_BURSTS = 1 << 20
# The end of the workload comes after all faults and heals of the same instant.
_LAST_FAULT = (1 << 24) - 1
_END = "end of the workload"


def header(scenario: Scenario, seed: int) -> Header:
    """The header of a run; its bytes depend on the arguments and versions alone."""
    return header_of(scenario, "app", seed)


def run(
    scenario: Scenario,
    seed: int,
    *,
    write: Callable[[Row], None] | None,
    progress: Callable[[float], None] | None = None,
    sizes: Iterator[int] | None = None,
) -> None:
    """Run a scenario.

    Arguments:
        scenario: what runs; its neighbour runs beside it.
        seed: every random quantity follows from it and a name.
        write: takes each row in order, or None: no rows are made (the fastest).
        progress: told the share of the workload that is done, 0 to 1, now and then.
        sizes: at most so many bytes does each read of a client bring, one after another; default:
            as many as have come and fit.

    Raises:
        UsageError: the scenario asks for what a real server cannot do.
        DeadlockError: something waits, and nothing can happen any more.
        RestlessError: one instant does not end.
    """
    refuse_denials(scenario)
    course = Course(scenario, seed, write, sizes)
    try:
        course.run(progress)
    finally:
        course.close()


class Course:
    """Everything of one run."""

    def __init__(
        self,
        scenario: Scenario,
        seed: int,
        write: Callable[[Row], None] | None,
        sizes: Iterator[int] | None = None,
    ) -> None:
        self.scenario = scenario
        self.duration_ns = scenario.workload.duration_ns
        self.plays = (scenario, neighbour_of(scenario))
        self.loop = Loop()
        self.loop.network = Network(self.loop)
        self.clock = Clock(self.loop, scenario.starts, places_of(scenario, self.plays))
        self._write = write
        self._sizes = sizes
        self._sink = Written(write, self.clock)
        self._randomness = Randomness(seed)
        self._credentials = Credentials(self.plays)
        gate = Gate(Secrets(self._credentials.secret, self._credentials.tokens))
        site = compile_site(self.plays)
        self.lives = Lives(self.loop, self.clock, site, gate, seed, write)
        self.members: list[WiredMember] = []
        self._groups: dict[str, list[WiredMember]] = {}
        self._callers: dict[tuple[int, str], Caller] = {}
        self._tasks: list[Any] = []

    # --- the course of a run ------------------------------------------------------------------

    def run(self, progress: Callable[[float], None] | None) -> None:
        """Run it to its end."""
        self.loop.at(0, -1, self._begin)
        for part in range(1, _SLICES + 1):
            self.loop.run_before(self.duration_ns * part // _SLICES)
            if progress is not None:
                progress(part / _SLICES)
        latest_ns = self.duration_ns + self.scenario.server.quiet_ns
        # The instant in which the workload ends is part of it: faults heal, networks return.
        self.loop.run_before(self.duration_ns + 1)
        self.loop.now_ns = self.duration_ns
        settling = Settling(self.members, _at_rest)
        while not (settling.all_at_rest() and self._nothing_pending()):
            if not self.loop.run_instant(latest_ns):
                self.loop.now_ns = latest_ns
                break
        self.loop.at(self.loop.now_ns, -1, self._end)
        self.loop.run_before(self.loop.now_ns + 1)

    def _begin(self) -> None:
        self.lives.start()
        self._make_members()
        self._make_callers()
        for member in self.members:
            member.client.dial_at(0)
        AppTroubles(
            self.scenario,
            self._groups,
            clock=self.clock,
            at=self.loop.at,
            sink=self._sink,
            randomness=self._randomness,
            call=self._call_in_burst,
            lives=self.lives,
            missed=self._miss_jobs,
        ).begin()
        for index, play in enumerate(self.plays):
            self._next_arrival(index, arrivals(play, self._randomness))
        key = self.clock.order(Turn.FAULT, _END)
        self.loop.at(self.duration_ns, key, self.lives.hush)

    def _nothing_pending(self) -> bool:
        pending = self.lives.pending()
        return pending is not None and all(
            pending.get((member.name, member.client.attempt)) == 0
            for member in self.members
            if not (member.client.gave_up or member.network.untold)
        )

    def _end(self) -> None:
        self.lives.end()
        for member in self.members:
            member.end()
        self._sink.write("end", detail={"run": "complete"})

    def close(self) -> None:
        """Leave nothing behind: no task waits, and nothing is written any more."""
        self._sink.close()
        self.loop.at(self.loop.now_ns, -1, self._hang_up)
        try:
            self.loop.run_before(self.loop.now_ns + 1)
        finally:
            self.loop.close()

    def _hang_up(self) -> None:
        for task in self._tasks:
            task.cancel()
        self.lives.kill()
        for member in self.members:
            member.close()

    # --- clients and hooks --------------------------------------------------------------------

    def _make_members(self) -> None:
        for play in self.plays:
            for name, group in play.workload.subscribers.items():
                members = [self._member(play, name, number) for number in range(group.count)]
                self.members += members
                if play is self.scenario:
                    self._groups[name] = members

    def _member(self, play: Scenario, group: str, number: int) -> WiredMember:
        rows = WiredRows(self._sink, play, f"{group}/{number}", self.lives)
        rows.wire = Wire(
            self.loop,
            self.clock,
            self.lives,
            f"{group}/{number}",
            play.workload.subscribers[group],
            rows.silence,
            self._sizes,
            falls_silent=play.falls_silent(group),
        )
        return WiredMember(
            play,
            group,
            number,
            clock=self.clock,
            address=ADDRESS,
            rows=rows,
            network=rows.wire,
            lives=self.lives,
            randomness=self._randomness,
            credentials=self._credentials,
        )

    def _make_callers(self) -> None:
        for key, hook in hooks_of(self.plays, self._credentials):
            caller = Caller(
                hook,
                Line(*ADDRESS),
                life=lambda: self.lives.current,
                down=self._call_found_nobody,
                lost=_lost,
                now=self.clock.now,
            )
            self._callers[key] = caller
            self._tasks.append(self.loop.create_task(caller.work()))

    def _call_found_nobody(self, hook: Hook) -> None:
        self._reject(hook.project, hook.channel, hook.event)

    def _reject(self, project: str, channel: str, event: str) -> None:
        """RST-5: no send, part of no fraction."""
        self._sink.write("reject", project=project, channel=channel, event=event, cause="down")

    def _next_arrival(self, index: int, coming: Iterator[Arrival]) -> None:
        arrival = next(coming, None)
        if arrival is not None:
            key = self.clock.order(Turn.SEND, publish_name(index, arrival.publish_index))
            self.loop.at(arrival.t_ns, key, self._arrive, index, coming, arrival, key)

    def _arrive(self, index: int, coming: Iterator[Arrival], arrival: Arrival, key: int) -> None:
        self._next_arrival(index, coming)
        self._call(index, arrival.event, arrival.data, arrival.n, key)

    def _call_in_burst(self, _due_ns: int, key: int, event: str, template: Any, n: int) -> None:
        self._call(0, event, template, n, key)

    def _call(self, index: int, event: str, template: Any, n: int, key: int) -> None:
        hook = self.plays[index].feature.hook_for(event)
        assert hook is not None
        assert hook.hook is not None
        body = msgspec.json.encode(render(template, n, self.clock.wall()))
        caller = self._callers[index, hook.hook]
        caller.call(lambda: body)
        self.loop.at(self.loop.now_ns, key, self._check_answered, caller)

    def _check_answered(self, caller: Caller) -> None:
        """A call takes no time: where the instant is over without an answer, none will come.

        Raises:
            DeadlockError: saying who waits.
        """
        if not caller.idle:
            raise DeadlockError(
                f"deadlock at {self.loop.time():.9f} s: {caller.hook.name} of project"
                f" {caller.hook.project} was called and not answered within the instant;"
                f" these wait:\n{self.loop.waiting()}"
            )

    # --- jobs that a server that is down misses (RST-5) ------------------------------------------

    def _miss_jobs(self) -> None:
        """An interval counts from the start of its server: none is missed."""
        life = self.lives.current
        for play in self.plays:
            for sender in play.feature.jobs:
                if sender.interval_ns is None:
                    times = job_times(
                        sender, self.scenario.starts, self.lives.began_ns, self.duration_ns
                    )
                    coming = dropwhile(lambda t_ns: t_ns < self.loop.now_ns, times)
                    self._next_missed(play, sender, coming, life)

    def _next_missed(self, play: Scenario, sender: Sender, times: Iterator[int], life: int) -> None:
        due_ns = next(times, None)
        if due_ns is not None:
            key = self.clock.order(Turn.SEND, f"{play.feature.project} {sender.job}")
            self.loop.at(due_ns, key, self._missed, play, sender, times, life)

    def _missed(self, play: Scenario, sender: Sender, times: Iterator[int], life: int) -> None:
        if life == self.lives.current and not self.lives.up:
            self._next_missed(play, sender, times, life)
            self._reject(play.feature.project, play.feature.channel, sender.sends)


def _at_rest(member: WiredMember) -> bool:
    """Whether a member has all that was written to it, and has handled it."""
    client, link = member.client, member.network.link
    if client.gave_up:
        return True
    if not client.opened or not client.idle or link is None:
        return False
    # One whose connection ended without its knowledge believes itself connected.
    return member.network.untold or not link.in_flight


def publish_name(play: int, entry: int) -> str:
    """What tells the calls of one `publish` entry from others."""
    return f"publish/{play}/{entry}"


def places_of(scenario: Scenario, plays: tuple[Scenario, ...]) -> dict[str, int]:
    """The place of everything in the scenario: members, jobs, calls, faults (NET-9)."""
    members = [
        f"{name}/{number}"
        for play in plays
        for name, group in play.workload.subscribers.items()
        for number in range(group.count)
    ]
    places = {name: place for place, name in enumerate(members)}
    senders = [(play, sender) for play in plays for sender in play.feature.senders]
    for place, (play, sender) in enumerate(senders):
        if sender.job is not None:
            places[f"{play.feature.project} {sender.job}"] = place
    # Publish entries come after all jobs: the feature stands before the workload in the file.
    place = len(senders)
    for index, play in enumerate(plays):
        for entry in range(len(play.workload.publish)):
            places[publish_name(index, entry)] = place
            place += 1
    for index in range(len(scenario.faults)):
        places[fault_name(index)] = index
        places[burst_name(index)] = _BURSTS + index
    places[_END] = _LAST_FAULT
    return places


def _lost(call: LostCall) -> None:
    """A call takes no time, so no kill can come between it and its answer."""
    raise AssertionError(f"{call.hook.name} was lost")
