"""Connections that ask for more than their share: unread answers, crowds, other protocols."""

from __future__ import annotations

import asyncio
import logging

import pytest

from simrt.errors import TargetError
from simrt.server import Limits, Site
from simrt.server.serving import within_files
from tests.server.rig import TOKENS, answers, request, rig, settle, virtual

EDITOR = TOKENS["shop"]["editor"]
POST = request("POST", "/shop/content", b'{"id":"7"}', token=EDITOR)
MANY = request("GET", "/nothing") * 2000


@pytest.mark.parametrize("window", [0, 10_000])
def test_a_client_that_reads_no_answer_holds_nothing_for_ever(window: int) -> None:
    """More answers than a transport holds: without a deadline the next one would wait for ever."""

    @virtual
    async def test() -> None:
        on = await rig(limits=Limits(request_s=10, idle_s=50))
        client = on.dial(window)
        client.transport.arrive(MANY)
        for _ in range(400):
            await settle()
        assert client.transport.held
        await asyncio.sleep(9.9)
        assert not client.gone()
        await asyncio.sleep(0.2)
        assert client.gone()
        assert not on.server.state.tasks

    test()


@virtual
async def test_who_reads_in_time_gets_every_answer() -> None:
    on = await rig(limits=Limits(request_s=10, idle_s=50))
    client = on.dial(0)
    client.transport.arrive(MANY)
    for _ in range(60):
        await settle()
        await asyncio.sleep(1)
        client.transport.read(9000)
    client.transport.read(1 << 40)
    for _ in range(2000):
        await settle()
    assert [answer.status for answer in client.answers] == [404] * 2000
    assert not client.gone()


@pytest.mark.parametrize("then", ["nothing", "garbage", "close"])
def test_an_unread_last_answer_does_not_keep_a_connection(then: str) -> None:
    @virtual
    async def test() -> None:
        on = await rig(limits=Limits(request_s=10, idle_s=50, farewell_s=1))
        client = on.dial(0)
        close = {"connection": "close"} if then.startswith("close") else {}
        client.transport.arrive(request("GET", "/nothing", headers=close))
        await settle()
        if then == "garbage":
            client.transport.arrive(b"garbage\r\n\r\n")
        await asyncio.sleep(51)
        assert client.gone()

    test()


EARLY = request("POST", "/shop/content", b'{"id":"7"}', token="wrong")
"""A request that is refused by its head, before its body is there."""


@pytest.mark.parametrize("window", [0, 1 << 20])
@pytest.mark.parametrize("then", ["nothing", "eof"])
def test_an_answer_before_the_body_does_not_keep_a_connection(then: str, window: int) -> None:
    """Idle time is bounded too where the rest of a body ended the wait for a next request."""

    @virtual
    async def test() -> None:
        on = await rig(limits=Limits(request_s=10, idle_s=50, farewell_s=1))
        client = on.dial(window)
        for byte in EARLY:
            client.transport.arrive(bytes([byte]))
            await settle()
        if then == "eof":
            client.transport.eof()
        await asyncio.sleep(61)
        assert client.gone()

    test()


@virtual
async def test_a_last_answer_that_is_read_in_part_does_not_keep_a_connection() -> None:
    """The transport may ask for more when little is left; but nothing more will come."""
    on = await rig(limits=Limits(request_s=10, idle_s=50))
    client = await on.ask("GET", "/nothing", headers={"connection": "close"}, window=0)
    assert client.transport.closing
    client.connection.pause_writing()
    client.connection.resume_writing()
    await asyncio.sleep(10.1)
    assert client.gone()
    assert not on.server.connections


@pytest.mark.rules("STR-2")
@virtual
async def test_beyond_all_counting_the_silent_make_room() -> None:
    """Who is served stays; of those that wait to be told, who says nothing ends for the next."""
    on = await rig(limits=Limits(connections=3, turned_away=2))
    served = await on.subscribe()
    idle = [on.dial() for _ in range(2)]
    silent = [on.dial() for _ in range(3)]
    await settle()
    assert [client.gone() for client in silent] == [True, False, False]
    assert silent[0].transport.sent == b""
    told = await on.subscribe()
    assert told.answer.status == 503
    assert [client.gone() for client in silent] == [True, True, False]
    assert not any(client.gone() for client in [*idle, served])
    assert len(on.server.connections) == 4
    idle[0].transport.eof()
    await settle()
    assert (await on.post()).status == 200
    assert served.seqs == [1]


@pytest.mark.rules("STR-2")
@virtual
async def test_no_place_at_all_for_who_is_told_nothing() -> None:
    on = await rig(limits=Limits(connections=1, turned_away=0))
    served = on.dial()
    beyond = on.dial()
    await settle()
    assert beyond.gone()
    assert beyond.transport.sent == b""
    assert (await on.ask("GET", "/nothing", client=served)).answer.status == 404


LEAST = b"GET / HTTP/1.1\r\nHost:\r\n\r\n"
READ = 262_144  # what the loop reads at once


@pytest.mark.parametrize("connections", [1, 40])
def test_ten_thousand_requests_in_one_read_are_parsed_a_few_at_a_time(connections: int) -> None:
    """Work in one turn, tasks and memory follow the connections, not the bytes that came."""

    @virtual
    async def test() -> None:
        site = Site("shop")
        site.health()
        on = await rig(site)
        crowd = [on.dial(0) for _ in range(connections)]
        parsed = 0
        for client in crowd:
            client.transport.arrive(LEAST * (READ // len(LEAST)))
            assert len(client.connection.pipeline) <= 11
            assert len(client.connection._unparsed) <= READ
            assert not client.transport.reading
        assert len(on.server.state.tasks) == connections
        for _ in range(30):
            before = sum(len(client.transport.writes) for client in crowd)
            await asyncio.sleep(0)
            parsed = max(parsed, sum(len(c.transport.writes) for c in crowd) - before)
            assert len(on.server.state.tasks) <= 2 * connections
        assert parsed <= 2 * connections  # head and body of one answer each
        health = await on.ask("GET", "/_health")  # and what `settle` lets happen
        assert health.answer.status == 200
        for client in crowd:
            client.transport.reset(ConnectionResetError())
        await settle()
        assert not on.server.state.tasks

    test()


@virtual
async def test_pipelined_requests_with_bodies_are_answered_in_order() -> None:
    """However the slices fall: heads, bodies of either framing, and no pause that stays."""
    on = await rig()
    chunked = request(
        "POST", "/shop/content", token=EDITOR, headers={"transfer-encoding": "chunked"}
    )
    chunked += (
        b'5\r\n{"id"\r\n' + b"".join(b"1\r\n%c\r\n" % each for each in b':"7"}') + b"0\r\n\r\n"
    )
    large = request("POST", "/shop/content", b" " * 50_000 + b'{"id":"7"}', token=EDITOR)
    one = POST + request("GET", "/nothing") + chunked + large + request("GET", "/shop/content")
    client = on.dial()
    for start in range(0, len(one) * 20, READ):
        client.transport.arrive((one * 20)[start : start + READ])
    for _ in range(300):
        await settle()
    assert [each.status for each in client.answers] == [200, 404, 200, 200, 405] * 20
    assert client.transport.reading
    again = await on.ask("GET", "/nothing", client=client)
    assert len(again.answers) == 101


@virtual
async def test_who_pipelines_is_not_blamed_for_the_time_that_answers_take() -> None:
    """The head that comes in part behind slow answers has its time once it can be read."""
    on = await rig(limits=Limits(request_s=10, idle_s=500))
    client = on.dial(0)
    client.transport.arrive(MANY + b"GET /nothing HT")
    for _ in range(20):
        await settle()
        await asyncio.sleep(1)
        client.transport.read(9000)
    client.transport.read(1 << 40)
    for _ in range(2000):
        await settle()
    assert len(client.answers) == 2000
    assert not client.gone()
    await asyncio.sleep(10.1)
    assert client.answer.status == 408


ENDLESS = {
    "extension": (b"transfer-encoding: chunked\r\n\r\n1;", b"x" * 4096),
    "extensions": (b"transfer-encoding: chunked\r\n\r\n", b"1;xxxxxxxxxxxxxxxx\r\n!\r\n" * 100),
    "chunks": (b"transfer-encoding: chunked\r\n\r\n", b"1\r\n!\r\n" * 500),
    "length": (b"content-length: 2000000000\r\n\r\n", b"x" * 4096),
}


@pytest.mark.parametrize("credential", [b"", b"authorization: Bearer %b\r\n" % EDITOR.encode()])
@pytest.mark.parametrize("body", list(ENDLESS))
def test_a_body_without_end_is_swallowed_within_a_bound(body: str, credential: bytes) -> None:
    """Whether it was refused already, and whatever it consists of: bytes on the wire count."""

    @virtual
    async def test() -> None:
        on = await rig(limits=Limits(head_bytes=1000, body_bytes=5000))
        client = on.dial()
        head, more = ENDLESS[body]
        client.transport.arrive(b"POST /shop/content HTTP/1.1\r\nhost: t\r\n" + credential + head)
        swallowed = 0
        while not client.gone() and swallowed < 1_000_000:
            client.transport.arrive(more)
            swallowed += len(more)
            await settle()
        assert 1000 + 8 * 5000 <= swallowed <= 1000 + 8 * 5000 + 2 * len(more)
        assert client.connection.parser is None

    test()


@virtual
async def test_a_read_full_of_tiny_chunks_is_parsed_over_many_turns() -> None:
    on = await rig(limits=Limits(body_bytes=READ))
    client = on.dial()
    chunked = {"transfer-encoding": "chunked"}
    client.transport.arrive(request("POST", "/shop/content", token=EDITOR, headers=chunked))
    await settle()
    count = 30_000
    client.transport.arrive(b"1\r\n \r\n" * count)
    before = 0
    turns = 0
    while client.connection._unparsed:
        left = len(client.connection._unparsed)
        assert before == 0 or before - left <= 32 * 256
        before = left
        turns += 1
        await asyncio.sleep(0)
    assert turns > 20
    client.transport.arrive(b'a\r\n{"id":"7"}\r\n0\r\n\r\n')
    await settle()
    assert client.answer.status == 200


@pytest.mark.parametrize("protocol", ["websocket", "h2c", "x"])
def test_another_protocol_is_not_spoken(protocol: str, caplog: pytest.LogCaptureFixture) -> None:
    """The request is answered as it stands; what follows it is read by nobody."""

    @virtual
    async def test() -> None:
        on = await rig()
        asks = {"connection": "upgrade", "upgrade": protocol, "sec-websocket-version": "13"}
        stream = await on.ask("GET", "/shop/news", headers=asks)
        assert stream.answer.status == 200
        assert stream.answer.headers["content-type"] == "text/event-stream"
        other = on.dial()
        other.transport.arrive(request("GET", "/nothing", headers=asks) + POST)
        await settle()
        assert [answer.status for answer in other.answers] == [404]
        assert other.answer.headers["connection"] == "close"
        assert other.gone()
        body = await on.ask("POST", "/shop/content", b'{"id":"7"}', token=EDITOR, headers=asks)
        assert body.answer.status == 400
        assert body.answer.json == {
            "error": "no other protocol is spoken here; send a body without Upgrade"
        }
        assert stream.seqs == []

    with caplog.at_level(logging.INFO):
        test()
    assert "websocket" not in caplog.text.lower()


@virtual
async def test_a_body_that_waits_to_be_asked_for() -> None:
    on = await rig()
    client = on.dial()
    waits = {"expect": "100-continue"}
    raw = request("POST", "/shop/content", b'{"id":"7"}', token=EDITOR, headers=waits)
    client.transport.arrive(raw[:-10])
    await settle()
    assert bytes(client.transport.sent) == b"HTTP/1.1 100 Continue\r\n\r\n"
    client.transport.arrive(raw[-10:])
    await settle()
    assert client.transport.sent.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n")
    refused = on.dial()  # without a permission nobody asks for the body
    raw = request("POST", "/shop/content", b'{"id":"7"}', headers=waits)
    refused.transport.arrive(raw[:-10])
    await settle()
    assert [answer.status for answer in answers(bytes(refused.transport.sent))] == [401]


def test_connections_are_as_many_as_files_allow(caplog: pytest.LogCaptureFixture) -> None:
    """64 files of its own, and one batch of connections in reserve; who is told shrinks first."""
    limits = Limits(connections=1000, turned_away=100)
    assert within_files(limits, -1) == limits
    assert within_files(limits, 1228) == limits
    assert caplog.text == ""
    assert within_files(limits, 1227) == Limits(connections=999, turned_away=100)
    assert "at most 1227 open files: connections are limited to 999 instead of 1000" in caplog.text
    assert within_files(Limits(), 1024) == Limits(connections=807, turned_away=89)
    assert within_files(Limits(), 145) == Limits(connections=16, turned_away=1)
    with pytest.raises(TargetError, match=r"at most 144 open files, too few .* allow 145 or more"):
        within_files(Limits(), 144)
