"""Requests: every status, bodies and heads that are wrong, deadlines, the hand-over."""

from __future__ import annotations

import asyncio
import inspect
from pathlib import Path
from typing import Any

import pytest
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from simrt.server import Call, Limits, Site
from simrt.server.protocol import RELIED_ON, Connection
from tests.server.rig import SHAPE, TOKENS, answers, request, rig, settle, virtual

EDITOR = TOKENS["shop"]["editor"]
GOOD = b'{"id":"7"}'
CONTENT = "/shop/content"


@pytest.mark.rules("HOK-1", "SSE-3", "SSE-7", "PUB-3")
@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", CONTENT, GOOD, 200),
        ("POST", CONTENT, b'{"id":7}', 422),
        ("POST", CONTENT, b'{"id":"7","more":1}', 422),
        ("POST", CONTENT, b'{"id":NaN}', 400),
        ("POST", CONTENT, b'{"id":1e999}', 400),
        ("POST", CONTENT, b'{"id":"\\ud800"}', 400),
        ("POST", CONTENT, b"{", 400),
        ("POST", CONTENT, b"", 400),
        ("POST", CONTENT, b'{"id":"\xff"}', 400),
        ("POST", CONTENT, b"[" * 20_000, 400),
        ("POST", CONTENT, b'{"id":' + b"9" * 5000 + b"}", 400),
        ("POST", CONTENT, b'{"id":"%b"}' % (b"x" * 70_000), 400),  # over maxEventBytes
        ("POST", CONTENT, b" " * 300_000, 413),
        ("GET", CONTENT, None, 405),
        ("DELETE", CONTENT, None, 405),
        ("POST", "/shop/news", GOOD, 405),
        ("HEAD", "/shop/news", None, 405),
        ("OPTIONS", "/shop/news", None, 405),
        ("GET", "/shop/news/", None, 404),
        ("GET", "/shop/new", None, 404),
        ("GET", "/shop", None, 404),
        ("GET", "/", None, 404),
        ("GET", "/other/news", None, 404),
        ("GET", "/news", None, 404),
        ("GET", "//shop/news", None, 404),
        ("GET", "/shop/../shop/news", None, 404),
        ("GET", "/%73hop/news", None, 200),
        ("GET", "/shop%2Fnews", None, 404),
        ("GET", "/shop/%2fnews", None, 404),
        ("GET", "/shop/news?x=1#y", None, 200),
        ("POST", "/shop/publish", GOOD, 404),
    ],
)
def test_statuses(method: str, path: str, body: bytes | None, status: int) -> None:
    @virtual
    async def test() -> None:
        on = await rig()
        client = await on.ask(method, path, body, token=EDITOR)
        assert client.answer.status == status
        if status == 200:
            return
        assert client.answer.headers["content-type"] == "application/json"
        if status == 405:
            assert client.answer.headers["allow"] == ("POST" if path == CONTENT else "GET")
        if method == "HEAD":
            return
        assert list(client.answer.json) == ["error"]
        again = await on.ask("POST", CONTENT, GOOD, token=EDITOR, client=client)
        assert answers(bytes(client.transport.sent))[-1].status == 200 or again.gone()

    test()


@pytest.mark.rules("PUB-4", "HOK-1")
@virtual
async def test_a_hook_answers_with_the_receipt() -> None:
    on = await rig()
    await on.subscribe()
    await on.subscribe("a/1")
    assert (await on.post()).json == {"seq": 1, "epoch": "e1", "offered": 2}


@pytest.mark.rules("SSE-7", "PUB-3")
@virtual
async def test_each_refused_event_is_a_reject_row_and_no_send(tmp_path: Path) -> None:
    on = await rig(record=tmp_path / "rows")
    for body, cause in (
        (b'{"id":7}', "shape"),
        (b"{", "event"),
        (b" " * 300_000, "event"),
        (b'{"id":"%b"}' % (b"x" * 70_000), "event"),
        (b'{"id":"\\ud800"}', "event"),
    ):
        await on.ask("POST", CONTENT, body, token=EDITOR)
        row = on.rows[-1]
        assert (row.kind, row.cause, row.event) == ("reject", cause, "changed")
        assert (row.project, row.channel) == ("shop", "news")
    assert on.kinds().count("send") == 0
    assert on.kinds().count("reject") == 5
    await on.ask("POST", CONTENT, GOOD, token="wrong")
    assert on.kinds().count("reject") == 5  # nothing was an event yet
    assert (await on.post()).json["seq"] == 1


@pytest.mark.rules("PRJ-1")
@virtual
async def test_what_does_not_exist_looks_the_same_in_every_project() -> None:
    on = await rig()
    bodies = {
        (await on.ask("GET", path)).answer.body
        for path in ("/shop/secret", "/other/news", "/other", "/shop/content/x")
    }
    assert len(bodies) == 1


@pytest.mark.rules("HOK-2")
@virtual
async def test_a_hook_that_fails_harms_nobody(caplog: pytest.LogCaptureFixture) -> None:
    """What it had sent is sent; the next call, and everybody else, go on."""
    site = Site("shop")
    site.stream("/news", channel="news", permission="public", events={"changed": SHAPE})
    where: Any = {"permission": "token:editor", "sends": ["changed"]}

    @site.hook("POST", "/fails", **where)
    def fails(call: Call) -> None:
        call.send("changed", {"id": "sent"})
        raise RuntimeError("no luck")

    @site.hook("POST", "/fails/later", **where)
    async def fails_later(call: Call) -> None:
        call.send("changed", {"id": "sent"})
        await asyncio.sleep(1)
        raise RuntimeError("no luck")

    @site.hook("POST", "/content", **where)
    async def works(call: Call) -> None:
        await asyncio.sleep(1)
        call.send("changed", call.data)

    @site.hook("POST", "/undeclared", **where)
    def undeclared(call: Call) -> None:
        call.send("another", {})

    @site.hook("POST", "/nothing", **where)
    def nothing(_call: Call) -> None:
        """Sends nothing."""

    on = await rig(site)
    client = await on.subscribe()
    statuses = []
    for path in ("/fails", "/fails/later", "/content", "/undeclared", "/nothing"):
        asked = await on.ask("POST", f"/shop{path}", GOOD, token=EDITOR)
        await asyncio.sleep(2)
        statuses.append(asked.answer.status)
        assert asked.answer.headers["content-type"] == "application/json"
    assert statuses == [500, 500, 200, 422, 202]
    assert client.seqs == [1, 2, 3]
    assert "no luck" in caplog.text


@pytest.mark.rules("HOK-2")
@virtual
async def test_a_body_that_never_comes_sends_nothing() -> None:
    on = await rig()
    client = on.dial()
    client.transport.arrive(request("POST", CONTENT, GOOD, token=EDITOR)[:-3])
    await settle()
    client.transport.eof()
    await settle()
    assert client.gone()
    assert client.transport.sent == b""
    assert (await on.post()).json["seq"] == 1


# --- heads ------------------------------------------------------------------------------------


@virtual
async def test_a_head_may_come_byte_by_byte() -> None:
    on = await rig()
    client = on.dial()
    for byte in request("GET", "/shop/news", headers={"x": "y" * 50}):
        assert client.transport.sent == b""
        client.transport.arrive(bytes([byte]))
        await settle()
    assert client.answer.status == 200
    hook = on.dial()
    for byte in request("POST", CONTENT, GOOD, token=EDITOR):
        hook.transport.arrive(bytes([byte]))
        await settle()
    assert hook.answer.status == 200
    assert client.seqs == [1]


@pytest.mark.rules("NET-1")
@pytest.mark.parametrize("said", [b"", b"\r\n", b"GET /shop/ne", b"GET /shop/news HTTP/1.1\r\nho"])
@pytest.mark.parametrize("second", [False, True])
def test_a_slow_head_is_ended(said: bytes, second: bool) -> None:
    """Also as a second request; waiting between two requests has its own, longer, bound."""

    @virtual
    async def test() -> None:
        on = await rig(limits=Limits(request_s=10, idle_s=50))
        client = await on.ask("GET", "/nothing") if second else on.dial()
        if said:
            client.transport.arrive(said)
        await asyncio.sleep(9.9)
        assert not client.gone()
        if said:
            client.transport.arrive(said[:1])  # another byte does not begin it anew
        await asyncio.sleep(0.2)
        if second and not said:
            await asyncio.sleep(39.8)  # 49.9 since the answer
            assert not client.gone()
            await asyncio.sleep(0.2)
            assert client.gone()
        else:
            assert client.answer.status == 408
            await asyncio.sleep(1.1)
            assert client.gone()
        assert not on.server.connections

    test()


@virtual
async def test_a_slow_body_is_ended() -> None:
    on = await rig(limits=Limits(request_s=10))
    client = on.dial()
    client.transport.arrive(request("POST", CONTENT, GOOD, token=EDITOR)[:-1])
    await asyncio.sleep(10.1)
    assert client.gone()
    refused = on.dial()  # the answer is given before the body: nobody waits for it for ever
    refused.transport.arrive(request("POST", CONTENT, GOOD, token="wrong")[:-1])
    await settle()
    assert refused.answer.status == 401
    await asyncio.sleep(10.1)
    assert refused.gone()
    assert len(refused.answers) == 1


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (b"GET /" + b"x" * 20_000, 431),
        (b"GET /shop/news HTTP/1.1\r\nx: " + b"y" * 20_000, 431),
        (b"GET /shop/news HTTP/1.1\r\nx: " + b"y" * 20_000 + b"\r\n\r\n", 431),
        (b"GET /shop/news HTTP/1.1\r\n" + b"x: y\r\n" * 4000 + b"\r\n", 431),
        (b"GET /" + b"x" * 20_000 + b" HTTP/1.1\r\n\r\n", 431),
        (b"GET /shop/news HTTP/1.1\r\nhost: t\r\nx: " + b"y" * 16_000 + b"\r\n\r\n", 200),
        (b"garbage\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00", 400),
        (b"GET /shop/news HTTP/9.9\r\n\r\n", 400),
        (b"GET /shop/news HTTP/1.1\r\nbad header\r\n\r\n", 400),
        (b"GET /shop/n\xc3\xa4ws HTTP/1.1\r\n\r\n", 400),
        (b"POST /shop/content HTTP/1.1\r\ncontent-length: -1\r\n\r\n", 400),
        (b"POST /shop/content HTTP/1.1\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n", 400),
        (
            b"POST /x HTTP/1.1\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n0",
            400,
        ),
        (b"CONNECT shop:80 HTTP/1.1\r\n\r\n", 400),
        (b"OPTIONS * HTTP/1.1\r\nhost: t\r\n\r\n", 404),
    ],
)
@pytest.mark.parametrize("piece", [100_000, 1000])
def test_what_is_no_request_is_refused(raw: bytes, status: int, piece: int) -> None:
    @virtual
    async def test() -> None:
        on = await rig()
        client = on.dial()
        for start in range(0, len(raw), piece):
            client.transport.arrive(raw[start : start + piece])
            await settle()
        assert [answer.status for answer in client.answers] == [status]
        if status in (400, 431):
            assert list(client.answer.json) == ["error"]
            await asyncio.sleep(1.1)
            assert client.gone()
        assert (await on.post()).status == 200

    test()


@virtual
async def test_a_stream_as_the_second_request_and_what_follows_it() -> None:
    on = await rig()
    client = await on.ask("POST", CONTENT, GOOD, token=EDITOR)
    await on.ask("GET", "/shop/news", client=client)
    await on.post()
    assert [answer.status for answer in client.answers] == [200, 200]
    assert client.seqs == [2]
    # A further request behind the stream has no answer, and does not hide the client's end.
    piped = on.dial()
    piped.transport.arrive(request("GET", "/shop/news") + request("GET", "/nothing") * 3)
    await settle()
    await on.post()
    assert piped.seqs == [3]
    assert piped.transport.reading
    piped.transport.eof()
    await settle()
    assert piped.gone()
    assert len(on.server.counts()) == 1


@virtual
async def test_pipelined_requests_are_answered_in_order() -> None:
    on = await rig()
    client = on.dial()
    client.transport.arrive(
        request("POST", CONTENT, GOOD, token=EDITOR)
        + request("GET", "/nothing")
        + request("POST", CONTENT, GOOD, token=EDITOR)
    )
    await settle()
    await settle()
    assert [answer.status for answer in client.answers] == [200, 404, 200]


@virtual
async def test_a_body_behind_a_stream_request_does_not_hide_the_end() -> None:
    on = await rig()
    client = on.dial()
    client.transport.arrive(request("GET", "/shop/news", b"x" * 100_000)[:80_000])
    await settle()
    assert client.answer.status == 200
    assert client.transport.reading
    client.transport.arrive(b"x" * 20_000)
    client.transport.eof()
    await settle()
    assert client.gone()
    assert on.server.counts() == []


@virtual
async def test_a_client_that_left_before_its_stream_began_is_not_subscribed(tmp_path: Path) -> None:
    on = await rig(record=tmp_path / "rows")
    client = on.dial()
    client.transport.arrive(request("GET", "/shop/news"))
    client.transport.eof()
    await settle()
    assert on.server.counts() == []
    assert on.kinds() == []
    assert client.transport.sent == b""
    assert client.gone()


@virtual
async def test_after_a_refusal_the_rest_is_swallowed_for_a_moment() -> None:
    on = await rig()
    client = on.dial()
    client.transport.arrive(b"garbage\r\n\r\n")
    client.transport.arrive(b"more" * 1000)
    client.transport.arrive(request("POST", CONTENT, GOOD, token=EDITOR))
    await settle()
    assert [answer.status for answer in client.answers] == [400]
    await asyncio.sleep(0.9)
    assert not client.gone()
    await asyncio.sleep(0.2)
    assert client.gone()


# --- what is relied on inside uvicorn ---------------------------------------------------------


@virtual
async def test_uvicorn_still_has_what_the_hand_over_needs() -> None:
    on = await rig()
    connection: Any = on.dial().connection
    for name in RELIED_ON["attributes"]:
        assert hasattr(connection, name), name
    for name in RELIED_ON["methods"]:
        ours = inspect.signature(getattr(Connection, name))
        theirs = inspect.signature(getattr(HttpToolsProtocol, name))
        assert list(ours.parameters) == list(theirs.parameters), name
    source = inspect.getsource(HttpToolsProtocol)
    # What the subclass assumes about order and effect.
    assert "self.tasks.add(task)" in source
    assert "self.pipeline.appendleft((self.cycle, app))" in source
    assert "existing_cycle.response_complete" in source
    assert "self.send_400_response(msg)" in source
    lost = inspect.getsource(HttpToolsProtocol.connection_lost)
    assert "self.cycle.disconnected = True" in lost
    assert "not self.disconnected" in inspect.getsource(type(connection.cycle or _cycle()).run_asgi)


def _cycle() -> Any:
    from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

    return RequestResponseCycle.__new__(RequestResponseCycle)


@virtual
async def test_a_hand_over_leaves_uvicorn_no_open_books() -> None:
    on = await rig()
    for _ in range(3):
        client = await on.subscribe()
        client.transport.eof()
        await settle()
    assert not on.server.state.tasks
    assert not on.server.state.connections
    assert not on.server.connections


@pytest.mark.rules("STR-3")
@virtual
async def test_a_shutdown_finishes_what_it_answers_and_refuses_the_rest() -> None:
    site = Site("shop")
    site.stream("/news", channel="news", permission="public", events={"changed": SHAPE})

    @site.hook("POST", "/slow", permission="public", sends=["changed"])
    async def slow(call: Call) -> None:
        await asyncio.sleep(0.5)
        call.send("changed", call.data)

    on = await rig(site)
    asked = await on.ask("POST", "/shop/slow", GOOD)
    idle = await on.ask("GET", "/nothing")
    stopping = asyncio.get_running_loop().create_task(on.server.shut_down())
    await settle()
    late = await on.ask("GET", "/shop/news")
    assert late.answer.status == 503
    await stopping
    assert asked.answer.status == 200
    assert idle.gone()
    assert not on.server.connections
    assert not on.server.state.tasks


@pytest.mark.rules("STR-3")
@virtual
async def test_a_body_that_ends_after_the_run_sends_nothing(tmp_path: Path) -> None:
    on = await rig(record=tmp_path / "rows")
    client = on.dial()
    raw = request("POST", CONTENT, GOOD, token=EDITOR)
    client.transport.arrive(raw[:-1])
    await settle()
    on.server.end()
    client.transport.arrive(raw[-1:])
    await settle()
    assert client.answer.status == 503
    assert on.kinds() == []
