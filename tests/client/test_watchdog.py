"""A client that drops a stream on which nothing comes (CLI-4)."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

import pytest

from simrt.client import Client
from simrt.client.reconnect import NS_PER_S

from .scripted import STREAM, Notes, Peer, Server, Standing, block, run, turns, using

pytestmark = [pytest.mark.real, pytest.mark.rules("CLI-4")]

MS = 1_000_000


class Fast(Standing):
    """It stands too, and says that a real second is a million of the scenario's."""

    def loop_s(self, ns: int) -> float:
        return 1e-6 if ns == NS_PER_S else super().loop_s(ns)


async def streaming(peer: Peer) -> None:
    await peer.say(STREAM + b"retry: 2500\n\n")
    await peer.gone()


class Watched:
    """A client with a watchdog of 1.5 s, and the ways to try it."""

    def __init__(self, client: Client, clock: Standing, notes: Notes, server: Server) -> None:
        self.client, self.clock, self.notes, self.server = client, clock, notes, server

    def ring(self, ms: int) -> None:
        """It is so late now, and the watchdog's timer comes round."""
        self.clock.t = ms * MS
        watch = self.client._watch
        assert watch is not None
        watch._run()
        watch.cancel()

    async def hear(self, ms: int, data: bytes) -> None:
        """The server says something at this instant."""
        self.clock.t = ms * MS
        await self.server.peers[-1].say(data)
        await turns()

    @property
    def causes(self) -> list[str]:
        return [fact[2] for fact in self.notes.of("close")]


@contextlib.asynccontextmanager
async def watched(clock: Standing) -> AsyncIterator[Watched]:
    server = Server(streaming)
    async with server.listening():
        notes = Notes()
        client = Client(clock, server.endpoint, notes, watchdog_ns=1500 * MS)
        async with using(client):
            await notes.until("opened")
            await turns()
            yield Watched(client, clock, notes, server)


@pytest.mark.parametrize("bytes_", [b":\n\n", b":", b"da", block(1)])
def test_it_drops_a_stream_on_which_nothing_came_for_so_long(bytes_: bytes) -> None:
    """Any byte counts, a heartbeat or half a line too."""

    async def main() -> None:
        async with watched(Standing()) as it:
            assert it.clock.waits == [1500 * MS]
            await it.hear(1000, bytes_)
            it.ring(1500)
            assert it.clock.waits[-1] == 1000 * MS
            it.ring(2499)
            assert it.causes == []
            it.ring(2500)
            assert it.causes == ["watchdog"]
            assert it.clock.waits[-1] == 2500 * MS  # it tries again, as after any other end
            assert it.client._watch is None

    run(main)


def test_who_does_not_read_asks_the_kernel_whether_something_came() -> None:
    async def main() -> None:
        async with watched(Standing()) as it:
            it.client.stall()
            await it.hear(0, block(1))
            it.ring(60_000)
            assert it.causes == []
            assert 1400 * MS < it.clock.waits[-1] <= 1500 * MS

    run(main)


def test_a_stall_in_which_nothing_comes_is_no_excuse() -> None:
    async def main() -> None:
        async with watched(Fast()) as it:
            it.client.stall()
            it.ring(60_000)
            assert it.causes == ["watchdog"]

    run(main)


def test_no_watchdog_no_timer() -> None:
    async def main() -> None:
        server = Server(streaming)
        async with server.listening():
            notes = Notes()
            clock = Standing()
            async with using(Client(clock, server.endpoint, notes)):
                await notes.until("opened")
                assert clock.waits == []

    run(main)
