"""How a stream ends: deadlines, credentials, clients that leave. Virtual time, small windows."""

from __future__ import annotations

import asyncio
import functools
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from simrt.server import Server, compile_site
from tests.server.rig import (
    FRAME,
    QUIET,
    Client,
    MemoryTransport,
    Rig,
    S,
    VirtualClock,
    feature,
    head_bytes,
    last,
    rig,
    sends,
    settle,
    started,
    user_token,
    virtual,
)


async def stalled(on: Rig, window: int) -> tuple[Client, int]:
    """A client that takes `window` bytes, and when something first waited."""
    client = await on.subscribe(window=window)
    await asyncio.sleep(7)
    await sends(on, 1)
    return client, on.server.clock.now()


@pytest.mark.rules("STR-1", "NET-5")
@virtual
async def test_who_accepts_nothing_for_the_deadline_is_ended(tmp_path: Path) -> None:
    on = await rig(record=tmp_path / "rows", server={**QUIET, "writeDeadline": "60s"})
    other = await on.subscribe("a/1")
    client, since = await stalled(on, head_bytes() + 5)
    await asyncio.sleep(59.9)
    await sends(on, 1)
    assert not client.gone()
    await asyncio.sleep(0.2)
    assert client.transport.aborted
    assert client.gone()
    close = last(on, "close")
    assert (close.cause, close.subscriber, close.t_ns) == ("stalled", "a/0", since + 60 * S)
    assert close.detail is not None
    assert close.detail["pending"] == [2]
    assert not other.gone()


@pytest.mark.rules("STR-1")
@virtual
async def test_each_accepted_byte_begins_the_deadline_anew() -> None:
    on = await rig(server={**QUIET, "writeDeadline": "60s"})
    client = await on.subscribe(window=head_bytes())
    await on.post({"id": "x" * 100})
    for _ in range(20):
        await asyncio.sleep(50)
        client.transport.read(1)
    assert not client.gone()
    await asyncio.sleep(68)
    assert client.gone()


@pytest.mark.rules("STR-1")
@virtual
async def test_the_deadline_runs_only_while_something_waits() -> None:
    on = await rig(server={**QUIET, "writeDeadline": "60s"})
    client = await on.subscribe(window=head_bytes() + FRAME)
    await asyncio.sleep(1000)
    await sends(on, 1)  # fills the window to the last byte; nothing waits
    await asyncio.sleep(1000)
    assert not client.gone()
    await sends(on, 1)
    await asyncio.sleep(59.9)
    assert not client.gone()
    client.transport.read(FRAME)
    await asyncio.sleep(1000)
    assert not client.gone()


class Credits(MemoryTransport):
    """A window in messages (NET-2): paused while so many are in flight, and never holds a byte."""

    credits = 3  # the head is a message too

    def write(self, data: Any) -> None:
        super().write(data)
        self.credits -= 1
        if self.credits == 0:
            self.protocol.pause_writing()

    def free(self) -> None:
        self.credits += 1
        if self.credits == 1:
            self.protocol.resume_writing()


@pytest.mark.rules("STR-1", "NET-2", "SSE-6")
@virtual
async def test_a_window_in_messages(tmp_path: Path) -> None:
    settings = {**QUIET, "writeDeadline": "60s"}
    on = await rig(record=tmp_path / "rows", server=settings)
    connection = on.server.connection()
    client = Client(connection, Credits(connection))
    assert isinstance(client.transport, Credits)
    await on.ask("GET", "/shop/news", client=client)
    await sends(on, 2)
    await asyncio.sleep(1000)  # the window is full, and nothing waits
    assert not client.gone()
    await sends(on, 1)
    await asyncio.sleep(50)
    client.transport.free()
    assert client.seqs == [1, 2, 3]
    await sends(on, 1)
    since = on.server.clock.now()
    await asyncio.sleep(61)
    close = last(on, "close")
    assert (close.cause, close.t_ns) == ("stalled", since + 60 * S)
    assert client.seqs == [1, 2, 3]


class Careless(MemoryTransport):
    """A transport that holds much before it says so."""

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Keeps its own."""


@pytest.mark.rules("SSE-6")
@virtual
async def test_what_the_transport_holds_counts_though_it_does_not_pause(tmp_path: Path) -> None:
    on = await rig(record=tmp_path / "rows", server=QUIET)
    connection = on.server.connection()
    client = Client(connection, Careless(connection, head_bytes() + 1))
    await on.ask("GET", "/shop/news", client=client)
    await sends(on, 10)
    assert [row.seq for row in on.rows if row.kind == "take"] == [1]


class Secure(MemoryTransport):
    """Pauses as TLS transports do: also at a limit that is reached, so on an empty buffer at 0."""

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return True if name == "sslcontext" else default

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        assert high
        super().set_write_buffer_limits(high - 1, low)


@pytest.mark.rules("SSE-6")
@virtual
async def test_a_tls_transport_does_not_pause_on_an_empty_buffer() -> None:
    on = await rig(server=QUIET)
    connection = on.server.connection()
    client = Client(connection, Secure(connection, head_bytes() + 1))
    await on.ask("GET", "/shop/news", client=client)
    await sends(on, 10)
    client.transport.read(10_000)
    await settle()
    assert client.seqs == [1, 7, 8, 9, 10]


@pytest.mark.rules("STR-1")
@virtual
async def test_without_a_deadline_it_waits_for_ever() -> None:
    on = await rig(server=QUIET)
    client, _ = await stalled(on, head_bytes())
    await asyncio.sleep(100_000)
    assert not client.gone()


@pytest.mark.rules("STR-4")
@virtual
async def test_a_stream_ends_when_its_credential_does(tmp_path: Path) -> None:
    on = await rig(record=tmp_path / "rows", permission={"user": ["GET"], "token:reader": ["GET"]})
    await asyncio.sleep(3.25)
    client = await on.ask("GET", "/shop/news", token=user_token(expires_s=10))
    longer = await on.ask("GET", "/shop/news", token=user_token(expires_s=20.5))
    token = await on.ask("GET", "/shop/news", token="reader's secret")
    await asyncio.sleep(6.7)
    assert not client.gone()
    await asyncio.sleep(0.1)
    assert client.gone()
    assert not longer.gone()
    close = last(on, "close")
    assert (close.cause, close.t_ns) == ("expired", 10 * S)
    await asyncio.sleep(11)
    assert (last(on, "close").cause, last(on, "close").t_ns) == ("expired", 20 * S + S // 2)
    await asyncio.sleep(10_000)
    assert not token.gone()


@pytest.mark.rules("STR-4", "STR-1")
@virtual
async def test_a_stalled_write_does_not_delay_the_end() -> None:
    on = await rig(permission={"user": ["GET"]}, server=QUIET)
    client = await on.ask("GET", "/shop/news", token=user_token(expires_s=10), window=10)
    await asyncio.sleep(9.9)
    assert not client.gone()
    await asyncio.sleep(0.2)
    assert client.gone()


@pytest.mark.rules("NET-4", "DLV-4")
@pytest.mark.parametrize(
    ("how", "cause"),
    [
        ("eof", "client"),
        (ConnectionResetError(), "client"),
        (BrokenPipeError(), "client"),
        (TimeoutError(), "network"),
        (OSError(113, "no route"), "network"),
        ("chatter", "client"),
    ],
)
def test_the_cause_of_a_close(how: Any, cause: str, tmp_path: Path) -> None:
    @virtual
    async def test() -> None:
        on = await rig(record=tmp_path / "rows", server=QUIET)
        client = await on.subscribe(window=head_bytes() + 1)
        await sends(on, 3)
        if how == "eof":
            client.transport.eof()
        elif how == "chatter":
            client.transport.arrive(b"x" * 60_000)
            assert on.server.counts()
            client.transport.arrive(b"x" * 60_000)
        else:
            client.transport.reset(how)
        await settle()
        close = last(on, "close")
        assert close.cause == cause
        assert close.detail == {
            "side": "server",
            "fates": {
                "taken": 1, "dropped-oldest": 0, "dropped-newest": 0, "expired": 0,
                "discarded": 2, "pending": 0,
            },
            "pending": [2, 3],
        }  # fmt: skip
        assert client.gone()
        assert on.server.counts() == []
        assert client.connection not in on.server.connections
        assert on.kinds().count("close") == 1
        assert (await on.post()).json["offered"] == 0

    test()


@virtual
async def test_an_ended_stream_leaves_no_timer(tmp_path: Path) -> None:
    on = await rig(record=tmp_path / "rows", permission={"user": ["GET"]})
    for _ in range(50):
        client = await on.ask("GET", "/shop/news", token=user_token(), window=10)
        await sends(on, 2)
        client.transport.eof()
        await settle()
    loop: Any = asyncio.get_running_loop()
    left = [handle for handle in loop._scheduled if not handle.cancelled()]
    assert [handle for handle in left if "keep_alive" not in repr(handle)] == []


@virtual
async def test_connections_come_and_go_in_order() -> None:
    on = await rig()
    clients = [await on.subscribe(f"a/{n}") for n in range(10)]
    await sends(on, 1)
    assert [client.seqs for client in clients] == [[1]] * 10
    for before, after in pairwise(clients):
        before.transport.eof()
        await sends(on, 1)
        assert after.seqs[-1] == before.seqs[-1] + 1
    assert isinstance(on.server, Server)


@virtual
async def test_an_abort_says_no_last_words(tmp_path: Path) -> None:
    on = await rig(record=tmp_path / "rows", server=QUIET)
    client = await on.subscribe()
    slow = await on.subscribe("a/1", window=10)
    await sends(on, 1)
    said = bytes(client.transport.sent)
    await on.server.abort()
    assert client.gone()
    assert slow.gone()
    assert client.transport.sent == said
    assert on.server.refuses
    assert [row.cause for row in on.rows if row.kind == "close"] == ["shutdown"] * 2
    assert last(on, "close").detail["pending"] == [1]


@virtual
async def test_what_stands_in_front_answers_first() -> None:
    async def door(app: Any, scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["path"] != "/door":
            await app(scope, receive, send)
            return
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    site = compile_site([feature()])
    clock = VirtualClock(asyncio.get_running_loop())
    server = Server(site, clock, front=lambda app: functools.partial(door, app))
    on = started(server)
    assert (await on.ask("GET", "/door")).answer.status == 204
    assert (await on.subscribe()).answer.status == 200
    assert (await on.ask("GET", "/elsewhere")).answer.status == 404
