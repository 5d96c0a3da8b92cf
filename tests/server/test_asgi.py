"""The same app under somebody else's ASGI server."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from simrt.sse import Event, Parser
from tests.server.rig import Rig, rig, settle, virtual


class Foreign:
    """An ASGI server that accepts messages while its window lasts."""

    def __init__(self, on: Rig, window: int = 1000, root: str = "") -> None:
        self.on = on
        self.window = window
        self.messages: list[dict[str, Any]] = []
        self.left = asyncio.Event()
        self.room = asyncio.Event()
        self.scope = {
            "type": "http",
            "method": "GET",
            "path": f"{root}/shop/news",
            "root_path": root,
            "headers": [(b"simrt-subscriber", b"a/0"), (b"simrt-connection", b"1")],
        }
        self.task = asyncio.get_running_loop().create_task(
            on.server.app(self.scope, self.receive, self.send)
        )

    async def receive(self) -> dict[str, Any]:
        await self.left.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: dict[str, Any]) -> None:
        while self.window == 0:
            self.room.clear()
            await self.room.wait()
        self.window -= 1
        self.messages.append(message)

    def read(self, count: int) -> None:
        self.window += count
        self.room.set()

    @property
    def body(self) -> bytes:
        return b"".join(message.get("body", b"") for message in self.messages)

    @property
    def seqs(self) -> list[int]:
        items = Parser().feed(self.body)
        return [int(i.last_event_id.partition(":")[2]) for i in items if isinstance(i, Event)]


@pytest.mark.rules("SSE-1", "STR-3", "SSE-3")
@pytest.mark.parametrize("root", ["", "/mounted/here"])
def test_a_stream(root: str) -> None:
    @virtual
    async def test() -> None:
        on = await rig(replay={"lastN": 1})
        await on.post()
        server = Foreign(on, root=root)
        await settle()
        for _ in range(3):
            await on.post()
        start = server.messages[0]
        assert (start["type"], start["status"]) == ("http.response.start", 200)
        assert (b"content-type", b"text/event-stream") in start["headers"]
        assert not [name for name, _ in start["headers"] if name == b"connection"]
        assert server.body.startswith(b"retry: ")
        assert server.seqs == [1, 2, 3, 4]
        server.left.set()
        await settle()
        assert server.task.done()
        assert on.server.counts() == []

    test()


@pytest.mark.rules("SSE-6", "BUF-2")
@virtual
async def test_one_message_at_a_time_is_handed_over(tmp_path: Path) -> None:
    on = await rig(record=tmp_path / "rows", server={"writeDeadline": "none"})
    server = Foreign(on, window=2)  # the head and the first retry
    await settle()
    for _ in range(10):
        await on.post()
    assert [row.seq for row in on.rows if row.kind == "take"] == [1]
    server.read(100)
    await settle()
    assert server.seqs == [1, 7, 8, 9, 10]
    assert all(message["body"].count(b"id: ") <= 1 for message in server.messages[1:])
    server.left.set()
    await settle()


@pytest.mark.rules("STR-1")
@virtual
async def test_a_stalled_one_is_ended(tmp_path: Path) -> None:
    on = await rig(record=tmp_path / "rows", server={"heartbeat": "none"})
    server = Foreign(on, window=2)
    await settle()
    await on.post()
    await asyncio.sleep(61)
    assert server.task.done()
    await server.task
    assert [row.cause for row in on.rows if row.kind == "close"] == ["stalled"]


@pytest.mark.rules("STR-3")
@virtual
async def test_a_shutdown_ends_the_response() -> None:
    on = await rig(server={"retrySpread": "none"})
    server = Foreign(on)
    await settle()
    await on.post()
    await on.server.shut_down()
    await settle()
    assert server.task.done()
    assert server.body.endswith(b"retry: 5500\n\n")
    assert server.messages[-1]["more_body"] is False


@virtual
async def test_a_send_that_fails_ends_the_stream(tmp_path: Path) -> None:
    on = await rig(record=tmp_path / "rows")
    server = Foreign(on)
    await settle()

    async def broken(message: dict[str, Any]) -> None:
        raise TimeoutError

    server.send = broken  # type: ignore[method-assign]
    server.task.cancel()
    await asyncio.wait([server.task])
    assert server.task.cancelled()
    assert on.server.counts() == []
    task = asyncio.get_running_loop().create_task(
        on.server.app(server.scope, server.receive, _fails_later())
    )
    await settle()
    assert task.done()
    assert task.exception() is None
    assert on.server.counts() == []
    assert [row.cause for row in on.rows if row.kind == "close"] == ["client", "network"]


def _fails_later() -> Any:
    seen = 0

    async def send(_message: dict[str, Any]) -> None:
        nonlocal seen
        seen += 1
        if seen > 1:
            raise TimeoutError

    return send


@virtual
async def test_refusals_lifespan_and_websockets() -> None:
    on = await rig()
    said: list[dict[str, Any]] = []

    async def send(message: dict[str, Any]) -> None:
        said.append(message)

    steps = iter(["lifespan.startup", "lifespan.shutdown"])

    async def receive() -> dict[str, Any]:
        return {"type": next(steps)}

    await on.server.app({"type": "lifespan"}, receive, send)
    await on.server.app({"type": "websocket"}, receive, send)
    scope = {"type": "http", "method": "GET", "path": "/x", "headers": []}
    await on.server.app(scope, receive, send)
    assert [message["type"] for message in said] == [
        "lifespan.startup.complete",
        "lifespan.shutdown.complete",
        "websocket.close",
        "http.response.start",
        "http.response.body",
    ]
    assert said[3]["status"] == 404
