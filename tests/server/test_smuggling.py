"""Requests that two readers in a row could take differently: refused, and the connection ends.

A proxy in front of the server may cut a byte stream into requests by another rule than the server
does. What it took for a body could then be a request that it never judged. So whatever is
ambiguous is refused, and nothing that follows on the connection is read.
"""

from __future__ import annotations

import asyncio
import logging

import pytest

from tests.server.rig import TOKENS, request, rig, settle, virtual

EDITOR = TOKENS["shop"]["editor"]
BODY = b'{"id":"7"}'
POST = (
    b"POST /shop/content HTTP/1.1\r\nhost: t\r\nauthorization: Bearer " + EDITOR.encode() + b"\r\n"
)
HIDDEN = request("POST", "/shop/content", b'{"id":"hidden"}', token=EDITOR)
CHUNKED = b"a\r\n" + BODY + b"\r\n0\r\n\r\n"

AMBIGUOUS = {
    "length and chunks": (
        POST + b"content-length: 25\r\ntransfer-encoding: chunked\r\n\r\n" + CHUNKED
    ),
    "chunks and length": (
        POST + b"transfer-encoding: chunked\r\ncontent-length: 25\r\n\r\n" + CHUNKED
    ),
    "two lengths": POST + b"content-length: 10\r\ncontent-length: 11\r\n\r\n" + BODY,
    "two equal lengths": POST + b"content-length: 10\r\ncontent-length: 10\r\n\r\n" + BODY,
    "a list of lengths": POST + b"content-length: 10, 10\r\n\r\n" + BODY,
    "a length with a sign": POST + b"content-length: +10\r\n\r\n" + BODY,
    "a length in hex": POST + b"content-length: 0xa\r\n\r\n" + BODY,
    "a length with a gap": POST + b"content-length: 1 0\r\n\r\n" + BODY,
    "a length beyond numbers": POST + b"content-length: 99999999999999999999999\r\n\r\n" + BODY,
    "a space before the colon": POST + b"content-length : 10\r\n\r\n" + BODY,
    "an unknown coding": POST + b"transfer-encoding: xchunked\r\n\r\n" + CHUNKED,
    "chunked is not the last": POST + b"transfer-encoding: chunked, identity\r\n\r\n" + CHUNKED,
    "two codings": POST + b"transfer-encoding: gzip, chunked\r\n\r\n" + CHUNKED,
    "two headers of codings": (
        POST + b"transfer-encoding: identity\r\ntransfer-encoding: chunked\r\n\r\n" + CHUNKED
    ),
    "a coding twice": (
        POST + b"transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n" + CHUNKED
    ),
    "a coding and a comma": POST + b"transfer-encoding: chunked,\r\n\r\n" + CHUNKED,
    "a coding behind a vertical tab": POST + b"transfer-encoding: \x0bchunked\r\n\r\n" + CHUNKED,
    "a coding in quotes": POST + b'transfer-encoding: "chunked"\r\n\r\n' + CHUNKED,
    "a coding behind a tab": POST + b"transfer-encoding:\tx\tchunked\r\n\r\n" + CHUNKED,
    "chunks in HTTP/1.0": (
        POST.replace(b"HTTP/1.1", b"HTTP/1.0") + b"transfer-encoding: chunked\r\n\r\n" + CHUNKED
    ),
    "a folded header": POST + b"x: a\r\n content-length: 10\r\ncontent-length: 10\r\n\r\n" + BODY,
    "a bare LF after a header": POST + b"x: y\ncontent-length: 10\r\n\r\n" + BODY,
    "a bare CR in a header": POST + b"x: y\rcontent-length: 10\r\ncontent-length: 10\r\n\r\n",
    "NUL in a header": POST + b"x: \x00\r\ncontent-length: 10\r\n\r\n" + BODY,
    "a header without a name": POST + b": y\r\ncontent-length: 10\r\n\r\n" + BODY,
    "a size that is no number": POST + b"transfer-encoding: chunked\r\n\r\nxa\r\n" + CHUNKED,
    "a size with a sign": POST + b"transfer-encoding: chunked\r\n\r\n+a\r\n" + BODY + b"\r\n0\r\n",
    "a size beyond numbers": POST + b"transfer-encoding: chunked\r\n\r\n" + b"f" * 40 + b"\r\n",
    "a size with an underscore": (
        POST + b"transfer-encoding: chunked\r\n\r\n1_0\r\n" + BODY + b"\r\n0\r\n\r\n"
    ),
    "a bare LF in an extension": (
        POST + b"transfer-encoding: chunked\r\n\r\na;x=\n" + BODY + b"\r\n0\r\n\r\n"
    ),
    "a length behind the body": (
        POST + b"transfer-encoding: chunked\r\n\r\n" + CHUNKED[:-2] + b"content-length: 5\r\n\r\n"
    ),
    "a chunk without its end": POST + b"transfer-encoding: chunked\r\n\r\na\r\n" + BODY + b"0\r\n",
    "a bare LF after a size": POST + b"transfer-encoding: chunked\r\n\r\na\n" + BODY + b"\r\n0\r\n",
    "two hosts": POST + b"host: other\r\ncontent-length: 10\r\n\r\n" + BODY,
    "no host": POST.replace(b"host: t\r\n", b"") + b"content-length: 10\r\n\r\n" + BODY,
    "two credentials": POST + b"authorization: Bearer x\r\ncontent-length: 10\r\n\r\n" + BODY,
    "two cookies": POST + b"cookie: a=b\r\ncookie: c=d\r\ncontent-length: 10\r\n\r\n" + BODY,
    "a version beyond": POST.replace(b"HTTP/1.1", b"HTTP/2.0") + b"content-length: 0\r\n\r\n",
    "HTTP/0.9": b"GET /shop/news\r\n\r\n",
    "the preface of HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "a method in small letters": POST.replace(b"POST", b"post") + b"content-length: 0\r\n\r\n",
    "a tab in the request line": POST.replace(b" /shop", b"\t/shop") + b"content-length: 0\r\n\r\n",
}


@pytest.mark.rules("PUB-3", "HOK-1")
@pytest.mark.parametrize("piece", [100_000, 7])
@pytest.mark.parametrize("name", AMBIGUOUS)
def test_what_is_ambiguous_is_refused_and_so_is_what_follows(
    name: str, piece: int, caplog: pytest.LogCaptureFixture
) -> None:
    @virtual
    async def test() -> None:
        on = await rig()
        bystander = await on.subscribe()
        client = on.dial()
        raw = AMBIGUOUS[name] + HIDDEN
        for start in range(0, len(raw), piece):
            client.transport.arrive(raw[start : start + piece])
            await settle()
        # A bad chunk is seen after its head: the answer may have to be an end without a word.
        assert {answer.status for answer in client.answers} <= {400, 505}
        assert all(list(answer.json) == ["error"] for answer in client.answers)
        await asyncio.sleep(1.1)
        assert client.gone()
        assert bystander.seqs == []  # neither the body nor what hid behind it was sent
        assert (await on.post()).status == 200
        assert bystander.seqs == [1]

    with caplog.at_level(logging.DEBUG):
        test()
    # A log that strangers could fill would block the server as soon as nobody reads it.
    assert [record for record in caplog.records if record.name.startswith("uvicorn")] == []


@pytest.mark.parametrize(
    "headers",
    [
        b"content-length: 10\r\n\r\n" + BODY,
        b"Content-Length:  10 \r\n\r\n" + BODY,
        b"transfer-encoding: chunked\r\n\r\n" + CHUNKED,
        b"transfer-encoding: Chunked\r\n\r\n5;x=y\r\n" + BODY[:5] + b"\r\n5\r\n" + BODY[5:]
        + b"\r\n0\r\nx: y\r\n\r\n",
    ],
)  # fmt: skip
def test_what_is_clear_is_read_to_its_end_and_no_further(headers: bytes) -> None:
    @virtual
    async def test() -> None:
        on = await rig()
        bystander = await on.subscribe()
        client = on.dial()
        client.transport.arrive(POST + headers + HIDDEN)
        await settle()
        assert [answer.status for answer in client.answers] == [200, 200]
        assert [event.data for event in bystander.events] == ['{"id":"7"}', '{"id":"hidden"}']

    test()


TRAILERS = {
    "a credential": b"authorization: Bearer " + EDITOR.encode(),
    "a cookie": b"cookie: simrt_credential=" + EDITOR.encode(),
}


@pytest.mark.rules("SSE-4")
@pytest.mark.parametrize("piece", [100_000, 1])
@pytest.mark.parametrize("name", TRAILERS)
def test_what_comes_behind_a_body_is_no_header(name: str, piece: int) -> None:
    """A proxy judges the head; what it passes on behind the body must change nothing."""

    @virtual
    async def test() -> None:
        permission = {"token:editor": ["GET"]}
        on = await rig(permission=permission)
        for method, path in (("POST", "/shop/content"), ("GET", "/shop/news")):
            head = f"{method} {path} HTTP/1.1\r\nhost: t\r\ntransfer-encoding: chunked\r\n\r\n"
            raw = head.encode() + CHUNKED[:-2] + TRAILERS[name] + b"\r\n\r\n"
            client = on.dial()
            for start in range(0, len(raw), piece):
                client.transport.arrive(raw[start : start + piece])
            await settle()
            assert [answer.status for answer in client.answers] == [401]
        assert on.server.counts() == []

    test()
