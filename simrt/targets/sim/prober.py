"""TCP keep-alive of one modelled connection: probes and their answers (NET-7)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from simrt.network import Ask, Guard, KeepAlive, Turn, order
from simrt.scheduler import Event
from simrt.targets.sim.link import Link
from simrt.targets.sim.world import World

if TYPE_CHECKING:
    from simrt.targets.sim.client import Client


class Prober:
    """Asks, as the client's system does, whether the server still holds the connection.

    A probe sent at t is at the server at t + L, its answer back at t + 2L. What a silence meets is
    lost, and not repeated: the next probe comes in its own time.

    Arguments:
        world: time.
        client: whose system it is; its group has an interval.
        link: the connection, just made.
    """

    def __init__(self, world: World, client: Client, link: Link) -> None:
        interval_ns = client.group.keepalive_ns
        assert interval_ns is not None
        self._world = world
        self._client = client
        self._link = link
        self._keepalive = KeepAlive(interval_ns, world.now_ns)
        self._timer: Event | None = None
        self._arm(world.now_ns + interval_ns)

    def stop(self) -> None:
        """The connection is over for the client's system."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _arm(self, due_ns: int) -> None:
        key = order(Turn.TIMER, self._client.place, guard=Guard.PEER)
        self._timer = self._world.at(due_ns, key, self._ring)

    def _ring(self) -> None:
        self._timer = None
        ask, due_ns = self._keepalive.ring(self._world.now_ns, self._client.heard_ns)
        if ask is Ask.GIVE_UP:
            self._client.noticed(self._link, leaves=True)
            return
        if ask is Ask.PROBE:
            self._travel(self._asked)
        self._arm(due_ns)

    def _travel(self, action: Callable[..., None], *args: bool) -> None:
        due_ns = self._world.now_ns + self._link.latency_ns
        self._world.at(due_ns, self._link.arrival_key, self._deliver, action, *args)

    def _deliver(self, action: Callable[..., None], *args: bool) -> None:
        if not self._client.wire.in_a_silence:
            action(*args)

    def _asked(self) -> None:
        """At the server: it holds the connection, or answers with a reset."""
        self._travel(self._answered, self._link.server_open and not self._link.lost)

    def _answered(self, held: bool) -> None:
        if self._timer is None:
            return
        if held:
            self._keepalive.answered(self._world.now_ns)
        else:
            self.stop()
            self._client.noticed(self._link, leaves=False)
