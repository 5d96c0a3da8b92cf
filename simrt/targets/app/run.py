"""One run of the real server and real clients in virtual time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, cast

from simrt.course import END_OF_WORKLOAD, Course, Subscriber, play_out, ranks_of
from simrt.history import Header, Row
from simrt.network import Turn, order
from simrt.scenario.arrivals import Arrival
from simrt.scenario.events import body_of
from simrt.scenario.model import Scenario, Sender
from simrt.scenario.neighbour import neighbour_of
from simrt.scenario.randomness import Randomness
from simrt.server import Secrets, compile_site
from simrt.server.access import Gate
from simrt.targets.app.lives import ADDRESS, Lives
from simrt.targets.app.loop import Clock, DeadlockError, Loop
from simrt.targets.app.members import WiredMember, WiredRows, Written
from simrt.targets.app.network import Network
from simrt.targets.app.wire import Wire
from simrt.targets.harness.calls import Caller, Hook, Line, LostCall, hooks_of
from simrt.targets.harness.credentials import Credentials, refuse_denials
from simrt.targets.header import header_of
from simrt.targets.settling import Settling


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
    on_app = AppRun(scenario, seed, write, sizes)
    try:
        on_app.run(progress)
    finally:
        on_app.close()


class AppRun:
    """Everything of one run."""

    def __init__(
        self,
        scenario: Scenario,
        seed: int,
        write: Callable[[Row], None] | None,
        sizes: Iterator[int] | None = None,
    ) -> None:
        self.scenario = scenario
        self.plays = (scenario, neighbour_of(scenario))
        self.loop = Loop()
        self.loop.network = Network(self.loop)
        self.clock = Clock(self.loop, scenario.starts, ranks_of(self.plays))
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

    # --- its course ---------------------------------------------------------------------------

    def run(self, progress: Callable[[float], None] | None) -> None:
        """Run it to its end."""
        self.loop.at(0, -1, self._begin)
        settling = Settling(self.members, _at_rest)
        play_out(
            self.loop,
            self.scenario,
            lambda: settling.all_at_rest() and self._nothing_pending(),
            progress,
        )
        self.loop.at(self.loop.now_ns, -1, self._end)
        self.loop.run_before(self.loop.now_ns + 1)

    def _begin(self) -> None:
        self.lives.start()
        self._make_members()
        self._make_callers()
        Course(self, self.plays, self._groups, self.members, self._randomness).begin()
        key = order(Turn.FAULT, END_OF_WORKLOAD)
        self.loop.at(self.scenario.workload.duration_ns, key, self.lives.hush)

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

    # --- what happens to it (see `simrt.course.Port`) ---------------------------------------------

    jobs = True

    @property
    def up(self) -> bool:
        """Whether a server listens."""
        return self.lives.up

    def now(self) -> int:
        """Nanoseconds of scenario time."""
        return self.loop.now_ns

    def at(self, t_ns: int, key: int, action: Callable[..., None], *args: Any) -> None:
        """Let something happen at an instant."""
        self.loop.at(t_ns, key, action, *args)

    def call(self, tenant: int, hook: Sender, arrival: Arrival, key: int) -> None:
        """Call a hook by HTTP; the answer comes within the instant."""
        assert hook.hook is not None
        body = body_of(hook, arrival, self.clock.wall())
        caller = self._callers[tenant, hook.hook]
        caller.call(lambda: body, arrival.count)
        self.loop.at(self.loop.now_ns, key, self._check_answered, caller)

    def job(self, tenant: int, job: Sender, n: int) -> None:  # noqa: ARG002
        """The server fires its own jobs; one that is down misses them (RST-5)."""
        if not self.up:
            feature = self.plays[tenant].feature
            self._reject(feature.project, feature.channel, job.sends)

    def kill(self) -> None:
        """Kill the server."""
        self._sink.write("restart", epoch=self.lives.epochs[-1], cause="server")
        self.lives.kill()

    def start(self, heal: dict[str, Any]) -> None:
        """Start another one."""
        self.lives.start()
        self._sink.write("heal", epoch=self.lives.epochs[-1], cause="restart", detail=heal)

    def revoke(self, subscribers: Sequence[Subscriber]) -> None:
        """Revoke credentials."""
        for member in cast("Sequence[WiredMember]", subscribers):
            self.lives.revoke(*member.credential)

    def restore(self, subscribers: Sequence[Subscriber], then: Callable[[], None]) -> None:
        """Give them back."""
        for member in cast("Sequence[WiredMember]", subscribers):
            self.lives.restore(*member.credential)
        then()

    def fault_row(self, kind: str, cause: str, detail: dict[str, Any]) -> None:
        """Write a `fault` or `heal` row."""
        self._sink.write(kind, cause=cause, detail=detail)

    # --- its end ------------------------------------------------------------------------------

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


def _at_rest(member: WiredMember) -> bool:
    """Whether a member has all that was written to it, and has handled it."""
    client, link = member.client, member.network.link
    if client.gave_up:
        return True
    if not client.opened or not client.idle or link is None:
        return False
    # One whose connection ended without its knowledge believes itself connected.
    return member.network.untold or not link.in_flight


def _lost(call: LostCall) -> None:
    """A call takes no time, so no kill can come between it and its answer."""
    raise AssertionError(f"{call.hook.name} was lost")
