"""The proxy that makes silence: between a client and its real socket (NET-7)."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from simrt.client import Client, tcp
from simrt.client.reconnect import AT_ONCE
from simrt.clock import live_clock
from simrt.scenario.model import Subscribers
from simrt.targets.server.wire import Wire
from tests.client.scripted import (
    STREAM,
    Jumping,
    Notes,
    Peer,
    Server,
    Standing,
    block,
    run,
    turns,
    using,
)

pytestmark = [pytest.mark.real, pytest.mark.rules("NET-7")]


async def streaming(peer: Peer) -> None:
    await peer.say(STREAM + b":\n\n")
    await peer.gone()


class Wired:
    """A client behind a wire, and what was told."""

    def __init__(
        self,
        server: Server,
        clock: Jumping,
        notices: Any = "at-heal",
        lose: Callable[[bool], None] | None = None,
        in_force: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self.told: list[str] = []
        group = Subscribers.model_validate({"notices": notices})
        self.time = live_clock()
        self.wire = Wire(tcp(4096), self.told.append, lose, in_force, clock=self.time, group=group)
        self.notes = Notes()
        self.client = Client(
            clock, server.endpoint, self.notes, dial=self.wire.dial, reconnect=AT_ONCE
        )


@contextlib.asynccontextmanager
async def wired(
    server: Server, clock: Jumping | None = None, **settings: Any
) -> AsyncIterator[Wired]:
    async with server.listening():
        it = Wired(server, clock or Standing(), **settings)
        try:
            async with using(it.client):
                yield it
        finally:
            it.wire.close()
            await turns(3)


def test_the_last_reason_ends_the_silence() -> None:
    async def main() -> None:
        server = Server(streaming)
        async with wired(server) as it:
            await it.notes.until("opened")
            it.wire.blackhole("a")
            it.wire.blackhole("b")
            await server.peers[0].say(block(1))
            it.wire.restore("a")  # silent all the same
            it.wire.restore("never")
            await turns()
            assert it.notes.of("receive") == it.notes.of("close") == []
            it.wire.restore("b")
            await it.notes.until("receive")
            it.wire.restore("b")
            assert it.told == ["offline", "online"]
            assert it.notes.of("close") == []

    run(main)


def test_who_leaves_in_silence_is_heard_of_afterwards() -> None:
    async def main() -> None:
        left: list[Peer] = []

        async def noting(peer: Peer) -> None:
            await streaming(peer)
            left.append(peer)

        server = Server(noting)
        async with wired(server) as it:
            await it.notes.until("opened")
            it.wire.blackhole("a")
            it.client.disconnect()
            await turns()
            assert it.notes.of("close") == [("close", 1, "disconnect", 0)]
            assert left == []
            it.wire.restore("a")
            while not left:
                await turns(1)

    run(main)


def test_a_dial_waits_until_the_kernel_loses_no_more_packets() -> None:
    """Else its first packet is lost, and repeated after a second of real time."""

    async def main() -> None:
        server, obeyed = Server(streaming), asyncio.Event()
        asked: list[bool] = []

        async def in_force() -> None:
            await obeyed.wait()

        obeyed.set()
        async with wired(server, Jumping(), lose=asked.append, in_force=in_force) as it:
            await it.notes.until("opened")
            it.wire.blackhole("a")
            it.client.disconnect()
            await turns()
            obeyed.clear()
            it.wire.restore("a")
            await turns()
            assert asked == [True, False]
            assert len(server.peers) == 1
            obeyed.set()
            await it.notes.until("opened", 2)
            assert len(server.peers) == 2

    run(main)


def test_a_dial_into_silence_waits_and_can_be_given_up() -> None:
    async def main() -> None:
        server = Server(streaming)
        async with wired(server, Jumping()) as it:
            await it.notes.until("opened")
            it.wire.blackhole("a")
            it.client.disconnect()
            await turns()
            assert it.client.attempt == 2
            assert len(server.peers) == 1
            it.client.go_offline()  # gives up the attempt
            it.client.go_online()
            await turns()
            assert it.client.attempt == 3
            it.wire.restore("a")
            await it.notes.until("opened", 2)
            assert len(server.peers) == 2

    run(main)


def test_a_request_into_silence_arrives_afterwards() -> None:
    """The connection was made just before, nothing else got through."""

    async def main() -> None:
        server = Server(streaming)
        async with server.listening():
            it = Wired(server, Standing())
            made = tcp(4096)

            async def slow(factory: object, endpoint: object) -> None:
                it.wire.blackhole("a")
                await made(factory, endpoint)  # type: ignore[arg-type]

            it.wire._dial = slow
            async with using(it.client):
                await turns()
                assert [peer.request for peer in server.peers] == [b""]
                it.wire.restore("a")
                await it.notes.until("opened")
            it.wire.close()
            await turns(3)

    run(main)


def test_nothing_is_left_where_a_run_ends_in_silence() -> None:
    async def main() -> None:
        gone = asyncio.Event()

        async def noting(peer: Peer) -> None:
            await streaming(peer)
            gone.set()

        server = Server(noting)
        async with server.listening():
            it = Wired(server, Standing())
            async with using(it.client):
                await it.notes.until("opened")
                it.wire.blackhole("a")
            await turns(3)
            assert not gone.is_set()
            it.wire.close()
            await asyncio.wait_for(gone.wait(), 20)

    run(main)
