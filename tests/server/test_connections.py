"""Connections that ask for more than their share: unread answers, crowds, other protocols."""

from __future__ import annotations

import asyncio
import logging

import pytest

from simrt.server import Limits
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
async def test_beyond_all_counting_is_told_nothing() -> None:
    """The last that is served, the last that is told 503, and the first that is simply ended."""
    on = await rig(limits=Limits(connections=3, turned_away=2))
    served = await on.subscribe()
    crowd = [on.dial() for _ in range(2)]
    told = [await on.subscribe() for _ in range(2)]
    assert [client.answer.status for client in told] == [503, 503]
    await settle()
    assert not any(client.gone() for client in [*crowd, *told])
    beyond = on.dial()
    await settle()
    assert beyond.gone()
    assert beyond.transport.sent == b""
    assert len(on.server.connections) == 5
    crowd[0].transport.eof()
    told[0].transport.eof()
    told[1].transport.eof()
    await settle()
    assert (await on.post()).status == 200
    assert served.seqs == [1]


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
    limits = Limits(connections=1000, turned_away=100)
    assert within_files(limits, -1) == limits
    assert within_files(limits, 1164) == limits
    assert caplog.text == ""
    assert within_files(limits, 1163) == Limits(connections=999, turned_away=100)
    assert "at most 1163 open files: connections are limited to 999 instead of 1000" in caplog.text
    assert within_files(limits, 10).connections == 1
