"""What the course of a scenario does to processes and sockets (see `simrt.course.Port`)."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from typing import Any, cast

from simrt.clock import RealClock
from simrt.course import Subscriber
from simrt.history import Row
from simrt.scenario.arrivals import Arrival
from simrt.scenario.fault import Fault
from simrt.scenario.feature import Sender
from simrt.targets.harness.members import Member, Sink
from simrt.targets.server.lives import Lives


class ServerPort:
    """A run with real processes.

    Arguments:
        faults: those of the scenario.
        clock: the clock that processes share.
        at: sets a timer.
        spawn: runs a coroutine beside the course.
        lives: the server's lives.
        sink: where rows go.
        call: calls a hook: `call(tenant, hook, arrival)`.

    Attributes:
        heals: the `heal` rows of restarts: their time is known only when the server listens.
        downs: how many restarts are under way.
        denials: how many denials are under way.
    """

    jobs = False  # each process knows what its jobs did; `merge` finds what was missed

    def __init__(
        self,
        faults: Sequence[Fault],
        *,
        clock: RealClock,
        at: Callable[..., None],
        spawn: Callable[[Coroutine[Any, Any, None]], None],
        lives: Lives,
        sink: Sink,
        call: Callable[[int, Sender, Arrival], None],
    ) -> None:
        self.heals: list[Row] = []
        self.downs = 0
        self.denials = 0
        self.at = at
        self.now = clock.now
        self._faults = faults
        self._clock = clock
        self._spawn = spawn
        self._lives = lives
        self._sink = sink
        self._call = call

    @property
    def up(self) -> bool:
        """Whether a server listens."""
        return self._lives.running is not None

    @property
    def busy(self) -> bool:
        """Whether a restart or a denial is under way."""
        return bool(self.downs or self.denials)

    def call(self, tenant: int, hook: Sender, arrival: Arrival, key: int) -> None:  # noqa: ARG002
        """Call a hook by HTTP, after its calls before."""
        self._call(tenant, hook, arrival)

    def job(self, tenant: int, job: Sender, n: int) -> None:
        """Never asked: see `jobs`."""
        raise NotImplementedError

    def kill(self) -> None:
        """Kill the process that runs."""
        self.downs += 1
        self._lives.kill(self._clock)

    def start(self, heal: dict[str, Any]) -> None:
        """Let another one listen."""
        self._spawn(self._start(heal))

    async def _start(self, heal: dict[str, Any]) -> None:
        """The last of overlapping restarts to heal brings the server back."""
        t_ns, epoch = self._clock.now(), ""
        if self.downs == 1:
            before = self._lives.lives[-1]
            life = await self._lives.begin(self._clock)
            # Nobody can have been connected before this instant, and whoever was refused dialled
            # before it.
            t_ns = before.back_ns = life.begin_ns
            epoch = life.epoch
            if self.downs > 1:  # another restart struck in between
                self._lives.kill(self._clock)
        self.downs -= 1
        self.heals.append(Row(t_ns, "heal", epoch=epoch, cause="restart", detail=heal))
        await self._lives.prepare(lives_of(self._faults))

    def revoke(self, subscribers: Sequence[Subscriber]) -> None:
        """Revoke credentials."""
        self.denials += 1
        members = cast("Sequence[Member]", subscribers)
        self._spawn(self._lives.revoke([member.credential for member in members]))

    def restore(self, subscribers: Sequence[Subscriber], then: Callable[[], None]) -> None:
        """Give them back."""
        self._spawn(self._restore(cast("Sequence[Member]", subscribers), then))

    async def _restore(self, members: Sequence[Member], then: Callable[[], None]) -> None:
        await self._lives.restore(dict.fromkeys(member.credential for member in members))
        then()
        self.denials -= 1

    def fault_row(self, kind: str, cause: str, detail: dict[str, Any]) -> None:
        """Write a `fault` or `heal` row."""
        self._sink.write(kind, cause=cause, detail=detail)


def lives_of(faults: Sequence[Fault]) -> int:
    """How many server processes a run with these faults needs."""
    return 1 + sum(fault.kind == "restart" for fault in faults)
