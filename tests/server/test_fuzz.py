"""Whatever arrives: nothing breaks, nothing leaks, no stream is stuck, others are served.

Here in memory and virtual time, some thousand connections. `make fuzz` does the same over TCP with
tens of thousands (`tests/server/fuzz.py`).
"""

from __future__ import annotations

import asyncio
import os
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from simrt.client import Client as SseClient
from simrt.client import Endpoint
from simrt.server import Limits
from simrt.sse import Parser, SseError
from tests.client.scripted import Notes
from tests.server.attacks import ATTACKS, STREAMS, Attack, responses
from tests.server.rig import Client, Rig, VirtualClock, rig, settle, virtual

EXAMPLES = int(os.environ.get("SIMRT_FUZZ_EXAMPLES", "150"))
AT_ONCE = 20
"""Most connections of one example: together some thousand in `make test`."""


async def speak(on: Rig, attack: Attack) -> Client:
    """One connection says all that it has to say."""
    client = on.dial(attack.window)
    for piece in attack.pieces:
        client.transport.arrive(piece)
        await settle()
    return client


@settings(max_examples=EXAMPLES)
@given(attacks=st.lists(ATTACKS, min_size=1, max_size=AT_ONCE))
def test_whatever_arrives(attacks: list[Attack]) -> None:
    @virtual
    async def test() -> None:
        on = await rig(limits=Limits(request_s=10, idle_s=20, farewell_s=1))
        bystander = await on.subscribe()
        tasks = len(asyncio.all_tasks())
        clients = [await speak(on, attack) for attack in attacks]
        before = len(bystander.seqs)
        assert (await on.post()).status == 200  # while all of them are there
        assert len(bystander.seqs) == before + 1
        for client, attack in zip(clients, attacks, strict=True):
            if attack.window > 5:
                statuses = {answer.status for answer in client.answers}
                assert statuses <= {200, 202, 204, 400, 401, 403, 404, 405, 408, 413, 422, 431, 505}
            if attack.ending == "eof":
                client.transport.eof()
            elif attack.ending == "reset":
                client.transport.reset(ConnectionResetError())
        await asyncio.sleep(100)  # who says nothing more, reads nothing or never ends
        streams = on.server.counts()
        for client in clients:
            if not client.gone():
                client.transport.eof()  # streams alone may stay
        assert len(streams) <= 1 + sum(attack.ending == "silence" for attack in attacks)
        await settle()
        assert [each for each in clients if not each.gone()] == []
        assert len(on.server.counts()) == 1
        assert len(on.server.connections) == 1
        assert not on.server.state.tasks or len(on.server.state.tasks) == 1  # the bystander's
        assert len(asyncio.all_tasks()) <= tasks
        assert (await on.post()).status == 200
        assert len(bystander.seqs) == before + 2

    test()


@settings(max_examples=EXAMPLES * 10)
@given(stream=STREAMS, piece=st.integers(1, 200), limit=st.sampled_from([1, 100, 1 << 20]))
def test_whatever_is_read(stream: bytes, piece: int, limit: int) -> None:
    """A parser gives items, or ends with its one error; it holds no more than its limits say."""
    parser = Parser(max_event_bytes=limit)
    try:
        for at in range(0, len(stream), piece):
            parser.feed(stream[at : at + piece])
            held = len(parser._line) + len(parser._data)
            assert held <= parser.max_line_bytes + parser.max_event_bytes + 1
    except SseError:
        assert not parser._line
        assert not parser._data
    parser.close()


class Broken(asyncio.Transport):
    """The client's end of a connection whose server answers with whatever was drawn."""

    def __init__(self, protocol: asyncio.BufferedProtocol, answer: bytes, piece: int) -> None:
        super().__init__()
        self._protocol = protocol
        self._loop = asyncio.get_running_loop()
        self._closing = False
        self._rest = [answer[at : at + piece] for at in range(0, len(answer), piece)]
        self._reading = True

    def write(self, _data: object) -> None:
        self._loop.call_soon(self._next)

    def _next(self) -> None:
        if self._closing:
            return
        if not self._rest:
            self.abort()
        elif self._reading:
            said = self._rest.pop(0)
            while said and not self._closing:
                room = self._protocol.get_buffer(-1)
                count = min(len(room), len(said))
                room[:count] = said[:count]
                said = said[count:]
                self._protocol.buffer_updated(count)
            self._loop.call_soon(self._next)

    def is_closing(self) -> bool:
        return self._closing

    def abort(self) -> None:
        if not self._closing:
            self._closing = True
            self._loop.call_soon(self._protocol.connection_lost, None)

    close = abort

    def pause_reading(self) -> None:
        self._reading = False

    def resume_reading(self) -> None:
        self._reading = True
        self._loop.call_soon(self._next)

    def get_extra_info(self, _name: str, default: object = None) -> object:
        return default


@settings(max_examples=EXAMPLES * 2)
@given(answers=st.lists(responses(), min_size=1, max_size=8), piece=st.integers(1, 5000))
def test_whatever_answers(answers: list[bytes], piece: int) -> None:
    """Our own client ends each attempt and comes back, or gives up; nothing is left of it."""

    @virtual
    async def test() -> None:
        loop = asyncio.get_running_loop()
        notes = Notes()
        told = iter(answers)

        async def dial(factory: Any, endpoint: object) -> None:
            protocol = factory()
            answer = next(told, b"HTTP/1.1 204 No Content\r\n\r\n")
            protocol.connection_made(Broken(protocol, answer, piece))

        where = Endpoint("127.0.0.1", 1, "/shop/news")
        client = SseClient(VirtualClock(loop), where, notes, dial=dial)
        client.dial()
        for _ in range(len(answers) + 1):
            await asyncio.sleep(10_000)
        opened, closed = len(notes.of("opened")), len(notes.of("close"))
        assert opened == closed
        assert client.gave_up == (notes.kinds()[-1] == "gave-up")
        assert client.attempt == opened + len(notes.of("refuse"))
        if not client.gave_up:  # the server asked for a longer wait than the test has
            assert any(b"retry: 9" in answer for answer in answers)
        client.close()
        await client.wait_closed()
        assert len(asyncio.all_tasks()) == 1

    test()
