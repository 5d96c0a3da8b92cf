"""A site in somebody else's application: it begins and ends with that, jobs included."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from simrt.errors import UsageError
from simrt.server import Call, Limits, Mounted, Secrets, Site
from tests.server.rig import KEY, SHAPE, TOKENS, VirtualClock, settle, virtual


def site() -> Site:
    site = Site("shop")
    site.stream("/news", channel="news", permission="public", events={"changed": SHAPE})

    @site.job("10s", sends=["changed"])
    def tick(call: Call) -> None:
        call.send("changed", {"id": str(call.n)})

    return site


def mounted(limits: Limits | None = None) -> Mounted:
    clock = VirtualClock(asyncio.get_running_loop())
    return Mounted(site(), secrets=Secrets(KEY, TOKENS), limits=limits, clock=clock)


class Asked:
    """One GET request to an ASGI app."""

    def __init__(self, app: Any, path: str) -> None:
        self.said: list[dict[str, Any]] = []
        self.task = asyncio.get_running_loop().create_task(
            app(
                {"type": "http", "method": "GET", "path": path, "headers": [], "root_path": ""},
                asyncio.Event().wait,
                self.send,
            )
        )

    async def send(self, message: dict[str, Any]) -> None:
        self.said.append(message)

    @property
    def status(self) -> int:
        return int(self.said[0]["status"])

    @property
    def body(self) -> bytes:
        return b"".join(message.get("body", b"") for message in self.said)


@pytest.mark.rules("STR-3", "HOK-3")
@virtual
async def test_mounted_in_another_app_it_lives_as_long_as_it_is_told() -> None:
    inner = mounted()
    app = Starlette(routes=[Mount("/realtime", app=inner)])
    async with inner.running() as server:
        asked = Asked(app, "/realtime/shop/news")
        nothing = Asked(app, "/realtime/shop/other")
        await asyncio.sleep(25)
        assert (asked.status, nothing.status) == (200, 404)
        assert asked.body.count(b"event: changed") == 2
        assert len(server.counts()) == 1
    await settle()
    assert asked.task.done()
    assert asked.body.count(b"retry: ") == 2  # the last words of an orderly end
    await asyncio.sleep(25)
    assert asked.body.count(b"event: changed") == 2
    async with inner.running() as again:
        assert again.hub.epoch != server.hub.epoch


@pytest.mark.rules("STR-3")
@virtual
async def test_a_server_that_knows_the_lifespan_begins_and_ends_it() -> None:
    app = mounted()
    steps: asyncio.Queue[str] = asyncio.Queue()
    said: list[str] = []

    async def receive() -> dict[str, Any]:
        return {"type": await steps.get()}

    async def send(message: dict[str, Any]) -> None:
        said.append(message["type"])

    lifespan = asyncio.get_running_loop().create_task(app({"type": "lifespan"}, receive, send))
    steps.put_nowait("lifespan.startup")
    await settle()
    asked = Asked(app, "/shop/news")
    await asyncio.sleep(11)
    assert asked.body.count(b"event: changed") == 1
    steps.put_nowait("lifespan.shutdown")
    await lifespan
    assert said == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
    await settle()
    assert asked.task.done()


@virtual
async def test_who_forgets_to_begin_it_is_told_how() -> None:
    app = mounted()
    asked = Asked(app, "/shop/news")
    await settle()
    with pytest.raises(UsageError, match=r"async with mounted\.running"):
        asked.task.result()
    async with app.running():
        with pytest.raises(UsageError, match="runs already"):
            await app.running().__aenter__()


@pytest.mark.rules("STR-2")
@virtual
async def test_its_limits_hold_there_too() -> None:
    app = mounted(Limits(streams=1))
    async with app.running():
        first, second = Asked(app, "/shop/news"), Asked(app, "/shop/news")
        await settle()
        assert (first.status, second.status) == (200, 503)
