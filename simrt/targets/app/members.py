"""The clients of a run in virtual time: what they have handled, their network is told."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from simrt.client import Head
from simrt.clock import Clock
from simrt.history import Row
from simrt.scenario.model import Scenario
from simrt.targets.harness.members import Member, Rows, size_and_digest

if TYPE_CHECKING:
    from simrt.sse import Event
    from simrt.targets.app.lives import Lives
    from simrt.targets.app.wire import Wire


class Written:
    """Takes what clients and harness tell, as rows of the history.

    Arguments:
        take: takes each row, or None: no history is kept.
        clock: scenario time.
    """

    def __init__(self, take: Callable[[Row], None] | None, clock: Clock) -> None:
        self.kept = take is not None
        self._take = take
        self._clock = clock

    def close(self) -> None:
        """Take no more."""
        self._take = None

    def write(self, kind: str, **columns: Any) -> None:
        """A row that happens now."""
        if self._take is not None:
            self._take(Row(t_ns=self._clock.now(), kind=kind, **columns))

    def received(self, data: str, **columns: Any) -> None:
        """A `receive` row."""
        size, digest = size_and_digest(data)
        self.write("receive", bytes=size, digest=digest, **columns)


class WiredRows(Rows):
    """A client's rows; each event that was handled opens the window again (NET-3).

    Arguments:
        written: where rows go.
        play: the scenario whose stream the client reads.
        name: `GROUP/MEMBER`.
        lives: the server's lives.
    """

    wire: Wire

    def __init__(self, written: Written, play: Scenario, name: str, lives: Lives) -> None:
        super().__init__(written, play, name, lives)
        self._kept = written.kept

    def opened(self, connection: int, head: Head) -> None:
        """A stream began; the network knows which life accepted it."""
        super().opened(connection, head)
        if self.wire.link is not None:
            self._life = self.wire.link.life

    def receive(self, connection: int, event: Event) -> None:
        """An event was handled."""
        if self._kept:
            super().receive(connection, event)
        self.wire.handled()


class WiredMember(Member):
    """A member whose network must know when it stops reading."""

    network: Wire

    def stall(self) -> None:
        """It stops reading."""
        self.client.stall()
        self.network.stall()

    def resume(self) -> None:
        """It reads on."""
        self.client.heal()
        self.network.heal()
