"""What faults do to a server that is a process: it is killed, and told what to revoke."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from simrt.clock import RealClock
from simrt.history import Row
from simrt.scenario.model import Fault
from simrt.targets.harness.members import Member
from simrt.targets.harness.troubles import Troubles, detail_of
from simrt.targets.server.lives import Credential, Lives


class ProcessTroubles(Troubles):
    """Offline periods and faults of a run with real processes.

    Arguments:
        spawn: runs a coroutine beside the course.
        lives: the server's lives.
        real_clock: the clock that processes share.
        given: as for `Troubles`.

    Attributes:
        heals: the `heal` rows of restarts: their time is known only when the server listens.
        downs: how many restarts are under way.
        denials: how many faults `deny` are under way.
    """

    def __init__(
        self,
        *given: Any,
        spawn: Callable[[Coroutine[Any, Any, None]], None],
        lives: Lives,
        clock: RealClock,
        **named: Any,
    ) -> None:
        super().__init__(*given, clock=clock, **named)
        self.heals: list[Row] = []
        self.denials = 0
        self.downs = 0
        self._denied: Counter[Credential] = Counter()
        self._spawn = spawn
        self._lives = lives
        self._real_clock = clock

    def _kill(self, index: int, fault: Fault, heals_ns: int) -> None:
        self.downs += 1
        self._lives.kill(self._real_clock)
        self._at(heals_ns, self._place(index), lambda: self._spawn(self._revive(index, fault)))

    def _deny(self, index: int, fault: Fault, members: Sequence[Member], heals_ns: int) -> None:
        self.denials += 1
        self._denied.update(member.credential for member in members)
        self._spawn(self._lives.revoke([member.credential for member in members]))
        self._at(
            heals_ns, self._place(index), lambda: self._spawn(self._allow(index, fault, members))
        )

    async def _allow(self, index: int, fault: Fault, members: Sequence[Member]) -> None:
        """The group logs in again: who no other fault denies connects anew."""
        self._denied.subtract(member.credential for member in members)
        free = [member for member in members if not self._denied[member.credential]]
        await self._lives.restore(dict.fromkeys(member.credential for member in free))
        self._sink.write("heal", cause=fault.kind, detail=detail_of(index, fault, members))
        for member in free:
            member.client.log_in_again()
        self.denials -= 1

    async def _revive(self, index: int, fault: Fault) -> None:
        """The last of overlapping restarts to heal brings the server back."""
        t_ns, epoch = self._clock.now(), ""
        if self.downs == 1:
            before = self._lives.lives[-1]
            life = await self._lives.begin(self._real_clock)
            # Nobody can have been connected before this instant, and whoever was refused dialled
            # before it.
            t_ns = before.back_ns = life.begin_ns
            epoch = life.epoch
            if self.downs > 1:  # another restart struck in between
                self._lives.kill(self._real_clock)
        self.downs -= 1
        detail = detail_of(index, fault, ())
        self.heals.append(Row(t_ns, "heal", epoch=epoch, cause="restart", detail=detail))
        await self._lives.prepare(lives_of(self._faults))


def lives_of(faults: Sequence[Fault]) -> int:
    """How many server processes a run with these faults needs."""
    return 1 + sum(fault.kind == "restart" for fault in faults)
