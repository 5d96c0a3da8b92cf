"""One run of a scenario: the schedule of everything that acts on a target."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from simrt.course.faults import EFFECTS, Injection
from simrt.course.port import Port, Subscriber
from simrt.course.ranks import burst_rank, first_calls, ranks_of
from simrt.network import Turn, order
from simrt.scenario.arrivals import OF_BURST, Arrival, arrivals, job_times
from simrt.scenario.events import payload
from simrt.scenario.model import Fault, Online, Scenario, Sender
from simrt.scenario.randomness import Randomness


class Course:
    """Tells a target, at each instant, what happens to it.

    Everything is planned ahead by one step only: the next call of each entry, the next firing of
    each job, the next change of each network. So a long run costs no memory.

    Arguments:
        port: the run on its target.
        tenants: the scenario and its neighbour.
        groups: the scenario's subscribers, by group.
        members: all subscribers, the neighbour's too.
        randomness: the named draws.
    """

    def __init__(
        self,
        port: Port,
        tenants: tuple[Scenario, Scenario],
        groups: Mapping[str, Sequence[Subscriber]],
        members: Sequence[Subscriber],
        randomness: Randomness,
    ) -> None:
        self._port = port
        self._tenants = tenants
        self._scenario = tenants[0]
        self._duration_ns = self._scenario.workload.duration_ns
        self._groups = groups
        self._members = members
        self._randomness = randomness
        self._ranks = ranks_of(tenants)
        self._first_calls = first_calls(tenants)
        self._hooks = [
            {sender.sends: sender for sender in reversed(tenant.feature.hooks)}
            for tenant in tenants
        ]
        self._starts = 0
        self._denied: Counter[str] = Counter()

    def begin(self) -> None:
        """Scenario time 0; a server listens."""
        self.start_jobs()
        for member in self._members:
            member.connect()
        for name, members in self._groups.items():
            online = self._scenario.workload.subscribers[name].online
            if online is not None:
                for member in members:
                    self._stay_online(member, online, 0, 0)
        for tenant in range(len(self._tenants)):
            self._next_call(tenant, self._arrivals(tenant))
        for index, fault in enumerate(self._scenario.faults):
            self._port.at(fault.at_ns, order(Turn.FAULT, index), self._inject, index, fault)

    # --- calls of hooks -------------------------------------------------------------------------

    def _next_call(self, tenant: int, coming: Iterator[tuple[Arrival, int]]) -> None:
        """Wait for the next call; each comes with its key among simultaneous events."""
        call = next(coming, None)
        if call is not None:
            self._port.at(call[0].t_ns, call[1], self._call, tenant, coming, *call)

    def _call(
        self, tenant: int, coming: Iterator[tuple[Arrival, int]], arrival: Arrival, key: int
    ) -> None:
        self._next_call(tenant, coming)
        self._port.call(tenant, self._hooks[tenant][arrival.event], arrival, key)

    def _arrivals(self, tenant: int) -> Iterator[tuple[Arrival, int]]:
        for arrival in arrivals(self._tenants[tenant], self._randomness):
            rank = self._first_calls[tenant] + arrival.publish_index
            yield arrival, order(Turn.SEND, rank)

    def burst(self, index: int, event: str, times: Iterator[int]) -> None:
        """More calls of the hook of an event, at these times."""
        feature = self._scenario.feature
        entries = [each for each in self._scenario.workload.publish if each.event == event]
        hook = self._hooks[0][event]
        template = payload(feature, entries[0] if entries else hook)
        key = order(Turn.SEND, burst_rank(index))
        self._next_call(
            0,
            ((Arrival(t_ns, OF_BURST, event, n, template), key) for n, t_ns in enumerate(times, 1)),
        )

    # --- jobs -------------------------------------------------------------------------------------

    def start_jobs(self) -> None:
        """A server has started: its jobs are due from now on (HOK-3)."""
        self._starts += 1
        if not self._port.jobs:
            return
        for number, tenant in enumerate(self._tenants):
            for job in tenant.feature.jobs:
                begun_ns = self._port.now()
                times = job_times(job, self._scenario.starts, begun_ns, self._duration_ns)
                key = order(Turn.SEND, self._ranks[f"{tenant.feature.project} {job.job}"])
                self._next_firing(number, job, times, key, 1, self._starts)

    def _next_firing(
        self, tenant: int, job: Sender, times: Iterator[int], key: int, n: int, start: int
    ) -> None:
        due_ns = next(times, None)
        if due_ns is not None:
            self._port.at(due_ns, key, self._fire, tenant, job, times, key, n, start)

    def _fire(
        self, tenant: int, job: Sender, times: Iterator[int], key: int, n: int, start: int
    ) -> None:
        if start != self._starts:
            return  # a later server has its own schedule
        if not self._port.up and job.interval_ns is not None:
            return  # an interval counts from the start of its server: none is missed
        self._next_firing(tenant, job, times, key, n + 1, start)
        self._port.job(tenant, job, n)

    # --- networks -----------------------------------------------------------------------------

    def _stay_online(self, member: Subscriber, online: Online, since_ns: int, period: int) -> None:
        up_ns = self._randomness.draws(f"online/{member.name}/up", online.up).at(period)
        due_ns = since_ns + up_ns
        if due_ns < self._duration_ns:
            key = order(Turn.ONLINE_ENDS, self._ranks[member.name])
            self._port.at(due_ns, key, self._go_offline, member, online, due_ns, period)

    def _go_offline(self, member: Subscriber, online: Online, since_ns: int, period: int) -> None:
        if online.silent:
            member.blackhole("period")
        else:
            member.go_offline("period", "offline")
        down_ns = self._randomness.draws(f"online/{member.name}/down", online.down).at(period)
        back_ns = min(since_ns + down_ns, self._duration_ns)
        key = order(Turn.ONLINE_ENDS, self._ranks[member.name])
        self._port.at(back_ns, key, self._go_online, member, online, back_ns, period)

    def _go_online(self, member: Subscriber, online: Online, since_ns: int, period: int) -> None:
        if online.silent:
            member.restore("period")
        else:
            member.go_online("period")
        if since_ns < self._duration_ns:
            self._stay_online(member, online, since_ns, period + 1)

    # --- faults -------------------------------------------------------------------------------

    def _inject(self, index: int, fault: Fault) -> None:
        effect = EFFECTS[fault.kind]
        heals_ns = min(fault.heals_ns, self._duration_ns)
        hit = self._hit(index, fault) if fault.of_kind.hits == "group" else ()
        injection = Injection(self, self._port, index, fault, heals_ns, hit)
        injection.row("fault")
        effect.inject(injection)
        self._port.at(heals_ns, order(Turn.FAULT, index), effect.heal, injection)

    def _hit(self, index: int, fault: Fault) -> Sequence[Subscriber]:
        """The members of the group, or the share of it that `by` says."""
        members = self._groups[fault.whom]
        if fault.kind != "disconnect" or fault.by is None:
            return members
        count = max(1, round(len(members) * fault.by))
        chosen = self._randomness.choice(self._scenario.fault_stream(index), len(members), count)
        return [members[number] for number in chosen]

    def revoke(self, subscribers: Sequence[Subscriber]) -> None:
        """Take their credentials away, for one more reason."""
        self._denied.update(subscriber.name for subscriber in subscribers)
        self._port.revoke(subscribers)

    def not_denied_after(self, subscribers: Sequence[Subscriber]) -> Sequence[Subscriber]:
        """One denial of these is over: those of them whom no other denies."""
        self._denied.subtract(subscriber.name for subscriber in subscribers)
        return [each for each in subscribers if not self._denied[each.name]]
