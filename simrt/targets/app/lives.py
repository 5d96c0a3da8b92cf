"""The server's lives: the real server, again and again, each with a hub of its own (NET-8)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from simrt.history import Row
from simrt.scenario.randomness import epoch_of
from simrt.server import Limits, Recording, Server, Site
from simrt.server.access import Gate
from simrt.server.retries import seeded
from simrt.targets.app.link import Link, ServerEnd
from simrt.targets.app.loop import Clock, Loop

HOST, PORT = "server", 80
ADDRESS = (HOST, PORT)
# A call must never race with the idle end of its connection, and a request takes no time here.
_IDLE_S = 86_400.0 * 365


class Rows(Recording):
    """Hands each row on at once.

    Arguments:
        take: takes it.
    """

    def __init__(self, take: Callable[[Row], None]) -> None:
        super().__init__()
        self._take: Callable[[Row], None] | None = take

    def write(self, row: Row) -> None:
        """Hand it on, unless the process is gone."""
        if self._take is not None:
            self._take(row)

    def flush(self) -> None:
        """Nothing is kept."""

    def finish(self) -> None:
        """Whatever happens from here on, nobody sees."""
        self._take = None


class Lives:
    """One server after another, in one process.

    Arguments:
        loop: the event loop.
        clock: the time.
        site: what each offers.
        gate: knows what is revoked, also in the next life.
        seed: of epochs and of the draws of `retry`.
        take: takes the servers' rows, or None: no history is kept.

    Attributes:
        server: the one that listens, or None.
        epochs: the epoch of each life.
        began_ns: when the last one began.
    """

    def __init__(
        self,
        loop: Loop,
        clock: Clock,
        site: Site,
        gate: Gate,
        seed: int,
        take: Callable[[Row], None] | None,
    ) -> None:
        self.server: Server | None = None
        self.epochs: list[str] = []
        self.began_ns = 0
        self._loop = loop
        self._clock = clock
        self._site = site
        self._gate = gate
        self._seed = seed
        self._share = seeded(seed)
        self._take = take
        self._accepted: dict[Link, None] = {}
        self._dying: dict[asyncio.Task[None], None] = {}

    @property
    def up(self) -> bool:
        """Whether a server runs."""
        return self.server is not None

    @property
    def current(self) -> int:
        """The number of the life that runs, or ran last."""
        return len(self.epochs) - 1

    def number(self, epoch: str) -> int:
        """The how-many-th life bears this name, from 0."""
        return self.epochs.index(epoch)

    def epoch(self, number: int) -> str:
        """The name of a life."""
        return self.epochs[number]

    def start(self) -> None:
        """Listen, with a new and empty hub."""
        epoch = epoch_of(self._seed, len(self.epochs))
        self.epochs.append(epoch)
        self.began_ns = self._clock.now()
        self.server = Server(
            self._site,
            self._clock,
            gate=self._gate,
            epoch=epoch,
            share=self._share,
            limits=Limits(idle_s=_IDLE_S, request_s=_IDLE_S),
            recorder=None if self._take is None else Rows(self._take),
            named=True,
        )
        self._loop.create_task(self.server.listen(*ADDRESS))

    def accept(self, link: Link) -> bool:
        """Accept a connection; say whether somebody listens."""
        listener = self._loop.network.listener(*ADDRESS)
        if listener is None:
            return False
        link.life = self.current
        link.server_open = True
        self._accepted[link] = None
        protocol = listener.factory()
        end = link.server = ServerEnd(link, protocol)
        protocol.connection_made(end)
        return True

    def pending(self) -> dict[tuple[str, int], int] | None:
        """How much is pending for each open connection; None if no server runs."""
        if self.server is None:
            return None
        return {
            (each.who.subscriber, each.who.connection): each.fates["pending"]
            for each in self.server.counts()
        }

    def end(self) -> None:
        """The run is over."""
        if self.server is not None:
            self.server.end()

    def forget(self, link: Link) -> None:
        """The server has nothing to do with it any more."""
        self._accepted.pop(link, None)

    def revoke(self, project: str, credential: str) -> None:
        """Take a credential away, in this life and in those to come."""
        (self.server or self._gate).revoke(project, credential)

    def restore(self, project: str, credential: str) -> None:
        """Give it back."""
        self._gate.restore(project, credential)

    def hush(self) -> None:
        """The workload is over: no job sends any more."""
        if self.server is not None:
            self.server.hush()

    def kill(self) -> None:
        """End as by kill -9: no last word, connections end in order of acceptance (NET-8)."""
        server = self.server
        if server is None:
            return
        self.server = None
        if server.recorder is not None:
            server.recorder.finish()
        self._loop.network.kill(*ADDRESS)
        accepted, self._accepted = self._accepted, {}
        for link in accepted:
            link.finish()
            if link.server is not None:
                link.server.kill()
        # What the dead process would leave in this one is cleared away, unseen.
        task = self._loop.create_task(server.abort())
        self._dying[task] = None
        task.add_done_callback(lambda done: self._dying.pop(done, None))
