"""What goes wrong in a run: networks that come and go, and the scenario's faults."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any

from simrt.clock import RealClock
from simrt.history import Row
from simrt.scenario.events import payload
from simrt.scenario.model import Fault, Scenario
from simrt.scenario.randomness import Randomness
from simrt.targets.server.lives import Credential, Lives
from simrt.targets.server.members import Member
from simrt.targets.server.record import Part

_OF_GROUPS = ("stall", "slow", "disconnect", "half-open", "deny")

At = Callable[..., None]
"""Do something at an instant of scenario time: `at(t_ns, action, *arguments)`."""


class Troubles:
    """Offline periods and faults of one run; all end with the workload.

    Arguments:
        scenario: whose faults.
        groups: the members of each group.
        clock: scenario time.
        at: sets a timer.
        spawn: runs a coroutine beside the course.
        lives: the server's lives.
        part: where rows go.
        randomness: the named draws.
        call: calls the hook of an event: `call(due_ns, event, template of its data, n)`.

    Attributes:
        heals: the `heal` rows of restarts: their time is known only when the server listens.
        downs: how many restarts are under way.
        denials: how many faults `deny` are under way.
    """

    def __init__(
        self,
        scenario: Scenario,
        groups: Mapping[str, Sequence[Member]],
        *,
        clock: RealClock,
        at: At,
        spawn: Callable[[Coroutine[Any, Any, None]], None],
        lives: Lives,
        part: Part,
        randomness: Randomness,
        call: Callable[[int, str, Any, int], None],
    ) -> None:
        self.heals: list[Row] = []
        self.denials = 0
        self._denied: Counter[Credential] = Counter()
        self.downs = 0
        self._scenario = scenario
        self._faults = scenario.faults
        self._duration_ns = scenario.workload.duration_ns
        self._groups = groups
        self._clock = clock
        self._at = at
        self._spawn = spawn
        self._lives = lives
        self._part = part
        self._randomness = randomness
        self._call = call

    def begin(self) -> None:
        """Scenario time 0: everybody is online, every fault is to come."""
        for members in self._groups.values():
            for member in members:
                self._stay_online(member, 0, 0)
        for index, fault in enumerate(self._faults):
            if fault.at_ns < self._duration_ns:
                self._at(fault.at_ns, self._strike, index, fault)

    # --- networks -----------------------------------------------------------------------------

    def _stay_online(self, member: Member, since_ns: int, period: int) -> None:
        online = member.settings.online
        if online is None:
            return
        up_ns = self._randomness.draws(f"online/{member.name}/up", online.up).at(period)
        if since_ns + up_ns < self._duration_ns:
            self._at(since_ns + up_ns, self._go_offline, member, since_ns + up_ns, period)

    def _go_offline(self, member: Member, since_ns: int, period: int) -> None:
        online = member.settings.online
        assert online is not None
        if online.silent:
            member.fall_silent("period")
        else:
            member.client.go_offline()
        down_ns = self._randomness.draws(f"online/{member.name}/down", online.down).at(period)
        back_ns = min(since_ns + down_ns, self._duration_ns)
        self._at(back_ns, self._go_online, member, back_ns, period)

    def _go_online(self, member: Member, since_ns: int, period: int) -> None:
        online = member.settings.online
        assert online is not None
        if online.silent:
            member.speak_again("period")
        else:
            member.client.go_online()
        if since_ns < self._duration_ns:
            self._stay_online(member, since_ns, period + 1)

    # --- faults -------------------------------------------------------------------------------

    def _hit(self, index: int, fault: Fault) -> Sequence[Member]:
        """The members that a fault hits: the group, or the share of it that `by` says."""
        if fault.kind not in _OF_GROUPS:
            return ()
        members = self._groups[fault.whom]
        if fault.kind != "disconnect" or fault.by is None:
            return members
        count = max(1, round(len(members) * fault.by))
        chosen = self._randomness.choice(self._scenario.fault_stream(index), len(members), count)
        return [members[number] for number in chosen]

    def _strike(self, index: int, fault: Fault) -> None:
        heals_ns = min(fault.heals_ns, self._duration_ns)
        members = self._hit(index, fault)
        self._part.write("fault", cause=fault.kind, detail=_detail(index, fault, members))
        if fault.kind == "restart":
            self.downs += 1
            self._lives.kill(self._clock)
            self._at(heals_ns, lambda: self._spawn(self._revive(index, fault)))
            return
        if fault.kind == "burst":
            self._burst(fault, heals_ns)
        elif fault.kind == "deny":
            self.denials += 1
            self._denied.update(member.credential for member in members)
            self._spawn(self._lives.revoke([member.credential for member in members]))
            self._at(heals_ns, lambda: self._spawn(self._allow(index, fault, members)))
            return
        why = _reason(index)
        for member in members:
            if fault.kind == "stall":
                member.client.stall()
            elif fault.kind == "slow":
                member.slow_down(why, float(fault.by or 1))
            elif fault.kind == "half-open":
                member.fall_silent(why)
            elif fault.for_ns:
                member.client.go_offline("disconnect")
            else:
                member.client.disconnect()
        self._at(heals_ns, self._heal, index, fault, members)

    def _heal(self, index: int, fault: Fault, members: Sequence[Member]) -> None:
        self._part.write("heal", cause=fault.kind, detail=_detail(index, fault, members))
        why = _reason(index)
        for member in members:
            if fault.kind == "stall":
                member.client.heal()
            elif fault.kind == "slow":
                member.speed_up(why)
            elif fault.kind == "half-open":
                member.speak_again(why, dead=True)
            elif fault.for_ns:
                member.client.go_online()

    def _burst(self, fault: Fault, heals_ns: int) -> None:
        """So many more calls, evenly over the fault's time, the first at its start."""
        feature, count = self._scenario.feature, int(fault.by or 1)
        entries = [e for e in self._scenario.workload.publish if e.event == fault.whom]
        hook = feature.hook_for(fault.whom)
        assert hook is not None
        template = payload(feature, entries[0] if entries else hook)

        def due_ns(number: int) -> int:
            return fault.at_ns + (heals_ns - fault.at_ns) * number // count

        def call_what_is_due(number: int) -> None:
            while number < count and due_ns(number) <= self._clock.now():
                self._call(due_ns(number), fault.whom, template, number + 1)
                number += 1
            if number < count:
                self._at(due_ns(number), call_what_is_due, number)

        call_what_is_due(0)

    async def _allow(self, index: int, fault: Fault, members: Sequence[Member]) -> None:
        """The group logs in again: who no other fault denies connects anew."""
        self._denied.subtract(member.credential for member in members)
        free = [member for member in members if not self._denied[member.credential]]
        await self._lives.restore(dict.fromkeys(member.credential for member in free))
        self._part.write("heal", cause=fault.kind, detail=_detail(index, fault, members))
        for member in free:
            member.client.log_in_again()
        self.denials -= 1

    async def _revive(self, index: int, fault: Fault) -> None:
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
        detail = _detail(index, fault, ())
        self.heals.append(Row(t_ns, "heal", epoch=epoch, cause="restart", detail=detail))
        await self._lives.prepare(lives_of(self._faults))


def falls_silent(scenario: Scenario, group: str) -> bool:
    """Whether the network of this group's members falls silent at some time (NET-7)."""
    online = scenario.workload.subscribers[group].online
    return (online is not None and online.silent) or any(
        (fault.kind, fault.whom) == ("half-open", group) for fault in scenario.faults
    )


def lives_of(faults: Sequence[Fault]) -> int:
    """How many server processes a run with these faults needs."""
    return 1 + sum(fault.kind == "restart" for fault in faults)


def _reason(index: int) -> str:
    """What tells one fault's effect from another's on the same client."""
    return f"fault/{index}"


def _detail(index: int, fault: Fault, members: Sequence[Member]) -> dict[str, Any]:
    detail: dict[str, Any] = {"index": index, "whom": fault.whom}
    if members:
        detail["members"] = [member.number for member in members]
    return detail
