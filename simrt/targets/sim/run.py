"""One scenario, simulated: the world of a run, and what its course does to it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

from simrt.collector import resting
from simrt.course import Course, Subscriber, play_out
from simrt.history import Header, Row
from simrt.network import KernelWindow
from simrt.record import Record
from simrt.scenario.arrivals import Arrival
from simrt.scenario.events import payload
from simrt.scenario.model import Scenario, Sender
from simrt.scenario.neighbour import neighbour_of
from simrt.scenario.randomness import Randomness
from simrt.targets.header import header_of
from simrt.targets.settling import Settling
from simrt.targets.sim.client import Client
from simrt.targets.sim.server import Play, Server
from simrt.targets.sim.world import World

if TYPE_CHECKING:
    from simrt.targets.sim.environment import Environment

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
    """Everything of one run.

    Arguments:
        scenario: as for `run`, like the other arguments.

    """

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
        self.randomness = Randomness(seed)
        self.world = World(None if write is None else Record(write))
        self._tenants = (scenario, neighbour_of(scenario))
        self.plays = (Play(self._tenants[0]), Play(self._tenants[1]))
        self.server = Server(self.world, self.plays, self.randomness)
        self.clients: list[Client] = []
        self.groups: dict[str, list[Client]] = {}
        for play in self.plays:
            for name, group in play.scenario.workload.subscribers.items():
                members = [self._client(play, name, number) for number in range(group.count)]
                if play is self.plays[0]:
                    self.groups[name] = members

    def _client(self, play: Play, name: str, number: int) -> Client:
        place = len(self.clients)
        client = Client(self.world, self.server, play, name, number, place, self.randomness)
        if play is self.plays[0] and name in self._windows:
            client.kernel = self._windows[name]
            client.wire.repeats_ns = client.kernel.repeats_ns
        self.clients.append(client)
        return client

    @cached_property
    def env(self) -> Environment:
        """SimPy's environment, in which processes of one's own run beside the scenario."""
        from simrt.targets.sim.environment import Environment

        return Environment(self.world)

    # --- its course ---------------------------------------------------------------------------

    def run(self, progress: Callable[[float], None] | None) -> None:
        """Run it to its end."""
        self.server.start()
        Course(self, self._tenants, self.groups, self.clients, self.randomness).begin()
        settling = Settling(self.clients, self._at_rest)
        play_out(self.world, self.scenario, settling.all_at_rest, progress)
        self.server.end()
        for client in self.clients:
            client.end()
        if self.world.record is not None:
            self.world.record.complete(self.world.now_ns)

    def _at_rest(self, client: Client) -> bool:
        if client.gave_up:
            return True
        link = client.link
        if link is None or not client.opened or not client.idle:
            return False
        if link.deaf and not link.server_open:
            return True  # it believes itself connected
        stream = link.stream
        return stream is not None and not link.in_flight and not stream.subscription.pending

    # --- what happens to it (see `simrt.course.Port`) --------------------------------------------

    jobs = True

    @property
    def up(self) -> bool:
        """Whether a server listens."""
        return self.server.up

    def now(self) -> int:
        """Nanoseconds of scenario time."""
        return self.world.now_ns

    def at(self, t_ns: int, key: int, action: Callable[..., None], *args: Any) -> None:
        """Let something happen at an instant."""
        self.world.at(t_ns, key, action, *args)

    def call(self, tenant: int, hook: Sender, arrival: Arrival, key: int) -> None:  # noqa: ARG002
        """A call takes no time: the hook sends."""
        assert hook.hook is not None
        play, event = self.plays[tenant], arrival.event
        self.server.send(play, hook.hook, event, arrival.data, arrival.n, arrival.count)

    def job(self, tenant: int, job: Sender, n: int) -> None:
        """The job sends, or misses its time where no server is up."""
        assert job.job is not None
        play = self.plays[tenant]
        self.server.send(play, job.job, job.sends, payload(play.scenario.feature, job), n)

    def kill(self) -> None:
        """Kill the server."""
        self.server.kill()

    def start(self, heal: dict[str, Any]) -> None:
        """Start another one."""
        self.server.start()
        self.fault_row("heal", "restart", heal, self.server.epochs[-1])

    def revoke(self, subscribers: Sequence[Subscriber]) -> None:
        """Revoke credentials."""
        self.server.revoke(cast("Sequence[Client]", subscribers))

    def restore(self, subscribers: Sequence[Subscriber], then: Callable[[], None]) -> None:
        """Give them back."""
        self.server.restore(cast("Sequence[Client]", subscribers))
        then()

    def fault_row(self, kind: str, cause: str, detail: dict[str, Any], epoch: str = "") -> None:
        """Write a `fault` or `heal` row."""
        if self.world.record is not None:
            self.world.record.fault(kind, self.world.now_ns, cause, detail, epoch)
