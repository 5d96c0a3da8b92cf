"""One scenario, simulated: sends, jobs, faults, the quiet phase, the end."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from simrt.collector import resting
from simrt.history import Header, Row
from simrt.network import KernelWindow, Turn, order
from simrt.record import Record
from simrt.scenario.arrivals import Arrival, arrivals, job_times
from simrt.scenario.events import payload
from simrt.scenario.model import Fault, Scenario, Sender
from simrt.scenario.neighbour import neighbour_of
from simrt.scenario.randomness import Randomness
from simrt.targets.header import header_of
from simrt.targets.settling import Settling
from simrt.targets.sim.client import Client
from simrt.targets.sim.server import Play, Server
from simrt.targets.sim.world import World

# How often progress is told: so many slices of the workload.
_SLICES = 100
# Bursts come after all jobs and calls of the same instant.
_BURSTS = 1 << 20


Windows = Mapping[str, KernelWindow]
"""By group, the window of a real connection."""


def header(scenario: Scenario, seed: int, windows: Windows | None = None) -> Header:
    """The header of a simulated run; its bytes depend on the arguments and versions alone."""
    written = {
        name: {
            "bytes": window.size_bytes,
            "reopens_bytes": window.reopens_bytes,
            "silent_bytes": window.silent_bytes,
            "repeats_ns": window.repeats_ns,
        }
        for name, window in (windows or {}).items()
    }
    return header_of(scenario, "sim", seed, window=written)


def run(
    scenario: Scenario,
    seed: int,
    *,
    write: Callable[[Row], None] | None,
    progress: Callable[[float], None] | None = None,
    windows: Windows | None = None,
) -> None:
    """Simulate a scenario.

    Arguments:
        scenario: what runs; its neighbour runs beside it.
        seed: every random quantity follows from it and a name.
        write: takes each row in order, or None: no rows are made (the fastest).
        progress: told the share of the workload that is done, 0 to 1, now and then.
        windows: simulate the network of a real server on one machine: these windows and no latency,
            in place of what the groups ask for.
    """
    with resting():
        Simulation(scenario, seed, write, windows).run(progress)


def on_loopback(scenario: Scenario, windows: Windows) -> Scenario:
    """The scenario with these windows, and without the latency that one machine has not."""
    if not windows:
        return scenario
    groups = dict(scenario.workload.subscribers)
    for name, window in windows.items():
        changed = {"latency_ns": 0, "window": f"{window.size_bytes}B"}
        groups[name] = groups[name].model_copy(update=changed)
    workload = scenario.workload.model_copy(update={"subscribers": groups})
    return scenario.model_copy(update={"workload": workload})


class Simulation:
    """Everything of one run."""

    def __init__(
        self,
        scenario: Scenario,
        seed: int,
        write: Callable[[Row], None] | None,
        windows: Windows | None = None,
    ) -> None:
        self._windows = windows or {}
        scenario = on_loopback(scenario, self._windows)
        self.scenario = scenario
        self.duration_ns = scenario.workload.duration_ns
        self.randomness = Randomness(seed)
        self.world = World(None if write is None else Record(write))
        self.plays = (Play(scenario), Play(neighbour_of(scenario)))
        self.server = Server(self.world, self.plays, self.randomness)
        self.clients: list[Client] = []
        self.groups: dict[str, list[Client]] = {}
        for play in self.plays:
            for name, group in play.scenario.workload.subscribers.items():
                members = [self._client(play, name, member) for member in range(group.count)]
                if play is self.plays[0]:
                    self.groups[name] = members
        self._senders = [
            (index, play, sender)
            for index, (play, sender) in enumerate(
                (play, sender) for play in self.plays for sender in play.scenario.feature.senders
            )
        ]

    def _client(self, play: Play, name: str, member: int) -> Client:
        place = len(self.clients)
        client = Client(self.world, self.server, play, name, member, place, self.randomness)
        if play is self.plays[0] and name in self._windows:
            client.kernel = self._windows[name]
            client.wire.repeats_ns = client.kernel.repeats_ns
        self.clients.append(client)
        return client

    # --- the course of a run ------------------------------------------------------------------

    def run(self, progress: Callable[[float], None] | None) -> None:
        """Run it to its end."""
        self.server.start()
        self._start_jobs()
        for client in self.clients:
            client.dial_at(0)
            self._go_online(client, 0)
        # Publish entries come after all jobs: the feature stands before the workload in the file.
        place = len(self._senders)
        for play in self.plays:
            self._next_arrival(play, arrivals(play.scenario, self.randomness), place)
            place += len(play.scenario.workload.publish)
        for index, fault in enumerate(self.scenario.faults):
            self._plan(index, fault)
        for part in range(1, _SLICES + 1):
            self.world.run_until(self.duration_ns * part // _SLICES)
            if progress is not None:
                progress(part / _SLICES)
        self._settle()
        self.server.end()
        for client in self.clients:
            client.end()
        if self.world.record is not None:
            self.world.record.complete(self.world.now)

    def _settle(self) -> None:
        """The quiet phase: until nothing is pending or in flight, at the latest after `quiet`."""
        latest = self.duration_ns + self.scenario.server.quiet_ns
        # The instant in which the workload ends is part of it: faults heal, networks return.
        self.world.run_until(self.duration_ns + 1)
        self.world.now = self.duration_ns
        settling = Settling(self.clients, self._at_rest)
        while not settling.all_at_rest():
            if not self.world.run_instant(latest):
                self.world.now = latest
                return

    def _at_rest(self, client: Client) -> bool:
        if client.gave_up:
            return True
        link = client.link
        if link is None or not client.opened or not client.idle:
            return False
        if link.deaf and not link.server_open:
            return True  # it believes itself connected
        stream = self.server.streams.get(link)
        return stream is not None and not link.in_flight and not stream.subscription.pending

    # --- sends --------------------------------------------------------------------------------

    def _next_arrival(self, play: Play, coming: Iterator[Arrival], place: int) -> None:
        arrival = next(coming, None)
        if arrival is not None:
            key = order(Turn.SEND, place + arrival.publish_index)
            self.world.at(arrival.t_ns, key, self._arrive, play, coming, place, arrival)

    def _arrive(self, play: Play, coming: Iterator[Arrival], place: int, arrival: Arrival) -> None:
        self._next_arrival(play, coming, place)
        entry = play.scenario.workload.publish[arrival.publish_index]
        hook = play.scenario.feature.hook_for(entry.event)
        assert hook is not None
        assert hook.hook is not None
        self.server.send(play, hook.hook, entry.event, arrival.data, arrival.n)

    def _start_jobs(self) -> None:
        """Schedule the jobs of the server life that begins now (HOK-3)."""
        for index, play, sender in self._senders:
            if sender.job is not None:
                times = job_times(sender, self.scenario.starts, self.world.now, self.duration_ns)
                self._next_firing(play, sender, times, index, 1, self.server.life)

    def _next_firing(
        self, play: Play, sender: Sender, times: Iterator[int], place: int, n: int, life: int
    ) -> None:
        due = next(times, None)
        if due is not None:
            key = order(Turn.SEND, place)
            self.world.at(due, key, self._fire, play, sender, times, place, n, life)

    def _fire(
        self, play: Play, sender: Sender, times: Iterator[int], place: int, n: int, life: int
    ) -> None:
        if life != self.server.life:
            return  # a later life has its own schedule
        if not self.server.up and sender.interval_ns is not None:
            return  # an interval counts from the start of its server: none is missed
        self._next_firing(play, sender, times, place, n + 1, life)
        assert sender.job is not None
        template = payload(play.scenario.feature, sender)
        self.server.send(play, sender.job, sender.sends, template, n)

    # --- networks and faults --------------------------------------------------------------------

    def _go_online(self, client: Client, period: int) -> None:
        online = client.group.online
        if online is None:
            return
        up = self.randomness.draws(f"online/{client.name}/up", online.up).at(period)
        due = self.world.now + up
        if due < self.duration_ns:
            key = order(Turn.ONLINE_ENDS, client.place)
            self.world.at(due, key, self._go_offline, client, period)

    def _go_offline(self, client: Client, period: int) -> None:
        online = client.group.online
        assert online is not None
        if online.silent:
            client.fall_silent("period")
        else:
            client.network_lost("period", "offline")
        down = self.randomness.draws(f"online/{client.name}/down", online.down).at(period)
        due = min(self.world.now + down, self.duration_ns)
        self.world.at(due, order(Turn.ONLINE_ENDS, client.place), self._return, client, period)

    def _return(self, client: Client, period: int) -> None:
        assert client.group.online is not None
        if client.group.online.silent:
            client.speak_again("period")
        else:
            client.network_back("period")
        if self.world.now < self.duration_ns:
            self._go_online(client, period + 1)

    def _plan(self, index: int, fault: Fault) -> None:
        heals = min(fault.heals_ns, self.duration_ns)
        self.world.at(fault.at_ns, order(Turn.FAULT, index), self._begin, index, fault)
        self.world.at(heals, order(Turn.FAULT, index), self._heal, index, fault)

    def _hit(self, index: int, fault: Fault) -> list[Client]:
        """The members that a fault hits: the group, or the share of it that `by` says."""
        if fault.kind in ("restart", "burst"):
            return []
        members = self.groups[fault.whom]
        if fault.kind != "disconnect" or fault.by is None:
            return members
        count = max(1, round(len(members) * fault.by))
        chosen = self.randomness.choice(self.scenario.fault_stream(index), len(members), count)
        return [members[member] for member in chosen]

    def _begin(self, index: int, fault: Fault) -> None:
        members = self._hit(index, fault)
        self._fault_row("fault", index, fault, members)
        why = f"fault/{index}"
        if fault.kind == "restart":
            self.server.kill()
        elif fault.kind == "burst":
            self._burst(index, fault)
        elif fault.kind == "deny":
            self.server.deny(members)
        for client in members:
            if fault.kind == "stall":
                client.stall()
            elif fault.kind == "slow":
                client.slow_down(why, float(fault.by or 1))
            elif fault.kind == "half-open":
                client.fall_silent(why)
            elif fault.kind == "disconnect" and fault.for_ns:
                client.network_lost(why, "disconnect")
            elif fault.kind == "disconnect":
                client.cut("disconnect")

    def _heal(self, index: int, fault: Fault) -> None:
        members = self._hit(index, fault)
        why = f"fault/{index}"
        if fault.kind == "restart":
            self.server.start()
        elif fault.kind == "deny":
            self.server.allow(members)
        self._fault_row("heal", index, fault, members)
        if fault.kind == "restart":
            self._start_jobs()
        for client in members:
            if fault.kind == "stall":
                client.heal()
            elif fault.kind == "slow":
                client.speed_up(why)
            elif fault.kind == "half-open":
                client.speak_again(why, dead=True)
            elif fault.kind == "deny" and not self.server.is_denied(client):
                client.log_in_again()
            elif fault.kind == "disconnect" and fault.for_ns:
                client.network_back(why)

    def _burst(self, index: int, fault: Fault) -> None:
        """So many more sends, evenly over the fault's time, the first at its start."""
        play, count = self.plays[0], int(fault.by or 1)
        hook = play.scenario.feature.hook_for(fault.whom)
        assert hook is not None
        assert hook.hook is not None
        entries = [e for e in play.scenario.workload.publish if e.event == fault.whom]
        template = payload(play.scenario.feature, entries[0] if entries else hook)
        heals = min(fault.heals_ns, self.duration_ns)
        for n in range(count):
            due = fault.at_ns + (heals - fault.at_ns) * n // count
            key = order(Turn.SEND, _BURSTS + index)
            self.world.at(due, key, self.server.send, play, hook.hook, hook.sends, template, n + 1)

    def _fault_row(self, kind: str, index: int, fault: Fault, members: list[Client]) -> None:
        if self.world.record is None:
            return
        detail: dict[str, object] = {"index": index, "whom": fault.whom}
        if members:
            detail["members"] = [int(client.name.rpartition("/")[2]) for client in members]
        epoch = self.server.epochs[-1] if (kind, fault.kind) == ("heal", "restart") else ""
        self.world.record.fault(kind, self.world.now, fault.kind, detail, epoch)
