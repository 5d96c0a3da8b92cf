"""TCP keep-alive of one connection of the network in memory (NET-7)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from simrt.network import Ask, KeepAlive
from simrt.scheduler import Event
from simrt.targets.app.loop import Loop

if TYPE_CHECKING:
    from simrt.targets.app.link import Link


class Prober:
    """Asks, as the client's system does, whether the server still holds the connection.

    A probe sent at t is at the server at t + L, its answer back at t + 2L. What a silence meets is
    lost, and not repeated: the next probe comes in its own time.

    Arguments:
        loop: the event loop.
        link: the connection; the client knows since now that it is there.
        interval_ns: above 0.
        key: of its timer, among what happens in one instant (NET-9).
    """

    def __init__(self, loop: Loop, link: Link, interval_ns: int, key: int) -> None:
        self._loop = loop
        self._link = link
        self._key = key
        self._keepalive = KeepAlive(interval_ns, loop.now_ns)
        self._timer: Event | None = loop.at(loop.now_ns + interval_ns, key, self._ring)

    def stop(self) -> None:
        """The connection is over for the client's system."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _ring(self) -> None:
        self._timer = None
        ask, due_ns = self._keepalive.ring(self._loop.now_ns, self._link.heard_ns)
        if ask is Ask.GIVE_UP:
            self._link.wire.noticed(self._link, leaves=True)
            return
        if ask is Ask.PROBE:
            self._travel(self._asked)
        self._timer = self._loop.at(due_ns, self._key, self._ring)

    def _travel(self, action: Callable[..., None], *args: bool) -> None:
        due_ns = self._loop.now_ns + self._link.wire.latency_ns
        self._loop.at(due_ns, self._link.key, self._deliver, action, *args)

    def _deliver(self, action: Callable[..., None], *args: bool) -> None:
        if not self._link.wire.silent:
            action(*args)

    def _asked(self) -> None:
        """At the server: it holds the connection, or answers with a reset."""
        self._travel(self._answered, self._link.server_open and not self._link.lost)

    def _answered(self, held: bool) -> None:
        if self._timer is None:
            return
        if held:
            self._keepalive.answered(self._loop.now_ns)
        else:
            self.stop()
            self._link.wire.noticed(self._link, leaves=False)
