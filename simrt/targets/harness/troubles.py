"""What goes wrong in a run: networks that come and go, and the scenario's faults.

What happens to a server differs by target; what happens to clients and calls does not.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from simrt.clock import Clock
from simrt.network import Turn
from simrt.scenario.events import payload
from simrt.scenario.model import Fault, Scenario
from simrt.scenario.randomness import Randomness
from simrt.targets.harness.members import Member, Sink

_OF_GROUPS = ("stall", "slow", "disconnect", "half-open", "deny")

At = Callable[..., None]
"""Do something at an instant of scenario time: `at(t_ns, key, action, *arguments)`.

The key is what `Clock.order` gave.
"""


class Troubles(ABC):
    """Offline periods and faults of one run; all end with the workload.

    Arguments:
        scenario: whose faults.
        groups: the members of each group.
        clock: scenario time.
        at: sets a timer.
        sink: where rows go.
        randomness: the named draws.
        call: calls the hook of an event: `call(due_ns, key, event, template of its data, n)`.
    """

    def __init__(
        self,
        scenario: Scenario,
        groups: Mapping[str, Sequence[Member]],
        *,
        clock: Clock,
        at: At,
        sink: Sink,
        randomness: Randomness,
        call: Callable[[int, int, str, Any, int], None],
    ) -> None:
        self._scenario = scenario
        self._faults = scenario.faults
        self._duration_ns = scenario.workload.duration_ns
        self._groups = groups
        self._clock = clock
        self._at = at
        self._sink = sink
        self._randomness = randomness
        self._call = call

    def begin(self) -> None:
        """Scenario time 0: everybody is online, every fault is to come."""
        for members in self._groups.values():
            for member in members:
                self._stay_online(member, 0, 0)
        for index, fault in enumerate(self._faults):
            if fault.at_ns < self._duration_ns:
                self._at(fault.at_ns, self._place(index), self._strike, index, fault)

    def _place(self, index: int) -> int:
        """A fault's place among what happens in one instant (NET-9)."""
        return self._clock.order(Turn.FAULT, fault_name(index))

    # --- networks -----------------------------------------------------------------------------

    def _stay_online(self, member: Member, since_ns: int, period: int) -> None:
        online = member.settings.online
        if online is None:
            return
        up_ns = self._randomness.draws(f"online/{member.name}/up", online.up).at(period)
        if since_ns + up_ns < self._duration_ns:
            key = self._clock.order(Turn.ONLINE_ENDS, member.name)
            self._at(since_ns + up_ns, key, self._go_offline, member, since_ns + up_ns, period)

    def _go_offline(self, member: Member, since_ns: int, period: int) -> None:
        online = member.settings.online
        assert online is not None
        if online.silent:
            member.network.fall_silent("period")
        else:
            member.client.go_offline()
        down_ns = self._randomness.draws(f"online/{member.name}/down", online.down).at(period)
        back_ns = min(since_ns + down_ns, self._duration_ns)
        key = self._clock.order(Turn.ONLINE_ENDS, member.name)
        self._at(back_ns, key, self._go_online, member, back_ns, period)

    def _go_online(self, member: Member, since_ns: int, period: int) -> None:
        online = member.settings.online
        assert online is not None
        if online.silent:
            member.network.speak_again("period")
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
        self._sink.write("fault", cause=fault.kind, detail=detail_of(index, fault, members))
        if fault.kind == "restart":
            self._kill(index, fault, heals_ns)
            return
        if fault.kind == "burst":
            self._burst(index, fault, heals_ns)
        elif fault.kind == "deny":
            self._deny(index, fault, members, heals_ns)
            return
        why = fault_name(index)
        for member in members:
            if fault.kind == "stall":
                member.stall()
            elif fault.kind == "slow":
                member.slow_down(why, float(fault.by or 1))
            elif fault.kind == "half-open":
                member.network.fall_silent(why)
            elif fault.for_ns:
                member.client.go_offline("disconnect")
            else:
                member.client.disconnect()
        self._at(heals_ns, self._place(index), self._heal, index, fault, members)

    def _heal(self, index: int, fault: Fault, members: Sequence[Member]) -> None:
        self._sink.write("heal", cause=fault.kind, detail=detail_of(index, fault, members))
        why = fault_name(index)
        for member in members:
            if fault.kind == "stall":
                member.heal()
            elif fault.kind == "slow":
                member.speed_up(why)
            elif fault.kind == "half-open":
                member.network.speak_again(why, dead=True)
            elif fault.for_ns:
                member.client.go_online()

    @abstractmethod
    def _kill(self, index: int, fault: Fault, heals_ns: int) -> None:
        """The fault `restart`: kill the server; another one listens at `heals_ns` (NET-8)."""

    @abstractmethod
    def _deny(self, index: int, fault: Fault, members: Sequence[Member], heals_ns: int) -> None:
        """The fault `deny`: revoke these members' credentials until `heals_ns`."""

    def _burst(self, index: int, fault: Fault, heals_ns: int) -> None:
        """So many more calls, evenly over the fault's time, the first at its start."""
        feature, count = self._scenario.feature, int(fault.by or 1)
        entries = [e for e in self._scenario.workload.publish if e.event == fault.whom]
        hook = feature.hook_for(fault.whom)
        assert hook is not None
        template = payload(feature, entries[0] if entries else hook)

        def due_ns(number: int) -> int:
            return fault.at_ns + (heals_ns - fault.at_ns) * number // count

        key = self._clock.order(Turn.SEND, burst_name(index))

        def call(number: int) -> None:
            if number + 1 < count:
                self._at(due_ns(number + 1), key, call, number + 1)
            self._call(due_ns(number), key, fault.whom, template, number + 1)

        self._at(due_ns(0), key, call, 0)


def fault_name(index: int) -> str:
    """What tells one fault, and its effect on a client, from another."""
    return f"fault/{index}"


def burst_name(index: int) -> str:
    """What tells the calls of one burst from other calls."""
    return f"burst/{index}"


def detail_of(index: int, fault: Fault, members: Sequence[Member]) -> dict[str, Any]:
    """What a `fault` or `heal` row says."""
    detail: dict[str, Any] = {"index": index, "whom": fault.whom}
    if members:
        detail["members"] = [member.number for member in members]
    return detail
