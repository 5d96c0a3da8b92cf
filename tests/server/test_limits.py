"""Limits: the last that is accepted, the first that is not, and room again after."""

from __future__ import annotations

import asyncio
import sys

import pytest

from simrt.engine.message import MAX_DEPTH
from simrt.server import Call, Limits, Site
from simrt.server.retries import seeded
from tests.server.rig import SHAPE, Rig, request, rig, settle, user_token, virtual

EVENTS = {"changed": SHAPE}


def two_endpoints(limit: int | None = None) -> Site:
    site = Site("shop")
    site.stream("/news", channel="news", permission="public", events=EVENTS, limit=limit)
    site.stream("/more", channel="more", permission="public", events={"other": SHAPE})

    @site.hook("POST", "/content", permission="token:editor", sends=["changed"])
    def content(call: object) -> None:
        call.send("changed", {"id": "7"})  # type: ignore[attr-defined]

    return site


async def status(on: Rig, path: str = "/shop/news") -> int:
    return (await on.subscribe(path=path)).answer.status


@pytest.mark.rules("STR-2")
@virtual
async def test_streams_of_the_whole_server() -> None:
    on = await rig(two_endpoints(), limits=Limits(streams=3))
    first = await on.subscribe()
    assert [await status(on) for _ in range(2)] == [200, 200]
    turned_away = await on.subscribe(path="/shop/more")
    assert turned_away.answer.status == 503
    assert turned_away.answer.json == {"error": "the server has all the streams it can keep"}
    assert 1 <= int(turned_away.answer.headers["retry-after"]) <= 10
    await on.post()
    assert first.seqs == [1]  # nobody was thrown out for the new one
    assert len(on.server.counts()) == 3
    first.transport.eof()
    await settle()
    assert [await status(on, "/shop/more"), await status(on)] == [200, 503]


@pytest.mark.rules("STR-2")
@pytest.mark.parametrize("own", [None, 2])
def test_streams_of_one_endpoint(own: int | None) -> None:
    @virtual
    async def test() -> None:
        limits = Limits(streams_per_endpoint=2 if own is None else 100)
        on = await rig(two_endpoints(own), limits=limits)
        first = await on.subscribe()
        assert [await status(on) for _ in range(2)] == [200, 503]
        assert await status(on, "/shop/more") == 200
        first.transport.eof()
        await settle()
        assert [await status(on), await status(on)] == [200, 503]

    test()


@pytest.mark.rules("STR-2", "STR-4", "SSE-4", "STR-1", "SSE-5")
@pytest.mark.parametrize("cause", ["expired", "denied", "stalled", "client"])
@pytest.mark.parametrize(
    "limits", [Limits(streams=1), Limits(streams_per_endpoint=1)], ids=["server", "endpoint"]
)
def test_whatever_ends_a_stream_gives_its_place_back(limits: Limits, cause: str) -> None:
    """Twenty times in turn: a place that is lost would be missing at the second."""

    @virtual
    async def test() -> None:
        server = {"heartbeat": "none", "peerTimeout": "none", "writeDeadline": "10s"}
        on = await rig(limits=limits, permission={"user": ["GET"]}, server=server)
        for turn in range(1, 21):
            token = user_token(sub=f"u{turn}", expires_s=100 * turn if cause == "expired" else 9e5)
            window = 20 if cause == "stalled" else 1 << 40
            client = await on.ask("GET", "/shop/news", token=token, window=window)
            assert client.answer.status == 200, f"no place left in turn {turn}"
            full = await on.ask("GET", "/shop/news", token=user_token(sub="other", expires_s=9e5))
            assert full.answer.status == 503
            if cause == "denied":
                on.server.revoke("shop", f"user:u{turn}")
            elif cause == "stalled":
                await on.post()
            elif cause == "client":
                client.transport.eof()
            await asyncio.sleep(100 * turn + 0.1 - on.server.clock.now() / 1e9)
            assert not on.server.counts()
        assert on.server.tally.closed == {(("shop", "news"), cause): 20}

    test()


@pytest.mark.rules("STR-2")
@virtual
async def test_when_to_come_again_is_spread() -> None:
    on = await rig(two_endpoints(0), share=seeded(1))
    waits = [int((await on.subscribe()).answer.headers["retry-after"]) for _ in range(60)]
    assert len(set(waits)) > 5
    assert 1 < min(waits) <= max(waits) <= 10


@pytest.mark.rules("STR-2")
@virtual
async def test_connections() -> None:
    on = await rig(limits=Limits(connections=3))
    idle = [on.dial() for _ in range(2)]
    client = await on.subscribe()
    assert client.answer.status == 200
    beyond = await on.subscribe()
    assert beyond.answer.status == 503
    assert "retry-after" in beyond.answer.headers
    idle[0].transport.eof()
    await settle()
    assert (await on.post()).status == 200
    assert client.seqs == [1]


@pytest.mark.rules("STR-2")
@virtual
async def test_the_limit_turns_away_the_newcomer_and_nobody_else() -> None:
    """Decided once, at the accept: a crowd of strangers takes nothing from who is served."""
    site = two_endpoints()
    site.health()
    on = await rig(site, limits=Limits(connections=3))
    stream = await on.subscribe()
    editor = await on.ask("GET", "/shop/content")
    reader = on.dial()
    strangers = [on.dial() for _ in range(50)]
    await settle()
    sent = await on.ask("POST", "/shop/content", b"{}", token="editor's secret", client=editor)
    assert sent.answer.status == 200
    assert stream.seqs == [1]
    second = await on.ask("GET", "/shop/news", client=reader)
    assert second.answer.status == 200
    stream.transport.eof()  # there is room again: for the next one, not for who came before
    await settle()
    assert await status(on) == 200
    late = await on.ask("GET", "/shop/news", client=strangers[0])
    assert late.answer.status == 503
    assert not any(client.gone() for client in [editor, reader, *strangers[1:]])


@pytest.mark.rules("STR-2")
@pytest.mark.parametrize("limits", [Limits(connections=2), Limits(streams=1)])
def test_who_is_turned_away_holds_no_descriptor(limits: Limits) -> None:
    @virtual
    async def test() -> None:
        on = await rig(two_endpoints(), limits=limits)
        await on.subscribe()
        on.dial()
        for _ in range(3):
            client = await on.ask("GET", "/shop/news")
            assert client.answer.status == 503
            assert client.answer.headers["connection"] == "close"
            assert 1 <= int(client.answer.headers["retry-after"]) <= 10
            assert client.gone()
        assert len(on.server.connections) == 2
        assert len(on.server.state.tasks) == 1  # the stream's

    test()


@pytest.mark.rules("STR-2")
@virtual
async def test_who_is_turned_away_hears_it_though_its_body_is_under_way() -> None:
    """Closed at once, the bytes that nobody read would reset the connection, and its answer."""
    on = await rig(two_endpoints(), limits=Limits(connections=1, farewell_s=1))
    on.dial()
    raw = request("POST", "/shop/content", b"x" * 100_000, token="editor's secret")
    client = on.dial()
    client.transport.arrive(raw[:50_000])
    await settle()
    assert client.answer.status == 503
    assert not client.gone()
    client.transport.arrive(raw[50_000:] + request("GET", "/shop/news"))
    await settle()
    assert len(client.answers) == 1
    client.transport.eof()
    await asyncio.sleep(1.1)
    assert client.gone()


@pytest.mark.rules("STR-2")
@virtual
async def test_a_full_server_says_that_it_is_well() -> None:
    site = two_endpoints()
    site.health()
    site.metrics(permission="public")
    on = await rig(site, limits=Limits(connections=1, turned_away=1))
    await on.subscribe()
    on.dial()  # a stranger that says nothing
    for path in ("/_health", "/metrics"):
        client = await on.ask("GET", path)
        assert client.answer.status == 200
        assert client.answer.headers["connection"] == "close"
        assert client.gone()
    assert await status(on, "/nothing") == 503
    pipelined = on.dial()
    pipelined.transport.arrive(request("GET", "/_health") + request("GET", "/shop/news"))
    await settle()
    assert [answer.status for answer in pipelined.answers] == [200]


@pytest.mark.rules("CHN-5")
@virtual
async def test_channels_of_a_project() -> None:
    site = Site("shop")
    site.stream("/{room}", channel="room-{room}", permission="public", events=EVENTS)

    @site.hook("POST", "/to/{room}", permission="public", sends=["changed"])
    def to(call: object) -> None:
        call.send("changed", {"id": "7"})  # type: ignore[attr-defined]

    on = await rig(site, limits=Limits(channels=2))
    assert [await status(on, f"/shop/{room}") for room in ("a", "b", "c", "a")] == [
        200,
        200,
        503,
        200,
    ]
    sent = [(await on.ask("POST", f"/shop/to/{room}", b"{}")).answer.status for room in ("b", "c")]
    assert sent == [200, 503]


@pytest.mark.rules("PUB-3")
@pytest.mark.parametrize(("over", "status"), [(0, 200), (1, 413)])
def test_bodies(over: int, status: int) -> None:
    @virtual
    async def test() -> None:
        on = await rig(limits=Limits(body_bytes=50))
        body = b'{"id":"7"}'.ljust(50 + over)
        client = await on.ask("POST", "/shop/content", body, token="editor's secret")
        assert client.answer.status == status
        again = await on.ask("POST", "/shop/content", b'{"id":"7"}', token="editor's secret")
        assert again.answer.status == 200

    test()


@pytest.mark.rules("PUB-3")
@pytest.mark.parametrize(("over", "status"), [(0, 200), (1, 400)])
def test_levels_of_data(over: int, status: int) -> None:
    levels = MAX_DEPTH + over
    assert anything(b"[" * levels + b"]" * levels) == status


@pytest.mark.rules("PUB-3")
@pytest.mark.parametrize(("over", "status"), [(0, 422), (1, 400)])  # beyond 2^53: told of
def test_digits_of_a_number(over: int, status: int) -> None:
    assert anything(b"1" * (sys.get_int_max_str_digits() + over)) == status


def anything(body: bytes) -> int:
    """The status of a hook whose event may be anything, for this body."""
    statuses = []

    @virtual
    async def test() -> None:
        site = Site("shop")
        site.stream("/news", channel="news", permission="public", events={"changed": {}})

        @site.hook("POST", "/content", permission="public", sends=["changed"])
        def content(call: Call) -> None:
            call.send("changed", call.data)

        on = await rig(site)
        statuses.append((await on.ask("POST", "/shop/content", body)).answer.status)
        assert (await on.ask("POST", "/shop/content", b"1")).answer.status == 200

    test()
    return statuses[0]


def header(size: int) -> bytes:
    """A header line of so many bytes."""
    return b"x: " + b"y" * (size - len("x: \r\n")) + b"\r\n"


@pytest.mark.parametrize(("over", "status"), [(0, 200), (1, 431)])
@pytest.mark.parametrize("pieces", [1, 7, 10_000])
@pytest.mark.parametrize("where", ["header", "headers", "target"])
def test_heads(where: str, over: int, status: int, pieces: int) -> None:
    """However it arrives, and wherever its bytes are: a head of the limit is one of the limit."""

    @virtual
    async def test() -> None:
        on = await rig(limits=Limits(head_bytes=1000))
        raw = request("GET", "/shop/news")
        spare = 1000 + over - len(raw)
        if where == "target":
            raw = raw.replace(b"/shop/news", b"/shop/news?".ljust(len("/shop/news") + spare, b"x"))
        else:
            size = spare if where == "header" else spare % 100 + 100
            raw = raw[:-2] + header(size) + header(100) * ((spare - size) // 100) + b"\r\n"
        assert len(raw) == 1000 + over
        client = on.dial()
        size = -(-len(raw) // pieces)
        for start in range(0, len(raw), size):
            client.transport.arrive(raw[start : start + size])
        await settle()
        assert client.answer.status == status

    test()


@pytest.mark.rules("SSE-3", "CHN-5")
@pytest.mark.parametrize(("length", "status"), [(128, 200), (129, 404)])
def test_path_parameters(length: int, status: int) -> None:
    @virtual
    async def test() -> None:
        site = Site("shop")
        site.stream("/{room}", channel="room-{room}", permission="public", events=EVENTS)
        on = await rig(site)
        assert (await on.ask("GET", f"/shop/{'x' * length}")).answer.status == status

    test()


@pytest.mark.parametrize(("more", "gone"), [(0, False), (1, True)])
def test_what_a_client_says_after_its_request(more: int, gone: bool) -> None:
    @virtual
    async def test() -> None:
        on = await rig()
        client = await on.subscribe()
        for _ in range(64):
            client.transport.arrive(b"x" * 1024)
        client.transport.arrive(b"x" * more)
        await settle()
        assert client.gone() == gone

    test()
