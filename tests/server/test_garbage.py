"""Requests that no client should send: nothing breaks, nothing leaks, others are served."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.server.rig import TOKENS, request, rig, settle, virtual

LINES = st.sampled_from(
    [
        b"GET /shop/news HTTP/1.1",
        b"POST /shop/content HTTP/1.1",
        b"GET /shop/news HTTP/1.0",
        b"OPTIONS * HTTP/1.1",
        b"CONNECT a:1 HTTP/1.1",
        b"GET http://[::1 HTTP/1.1",
        b"GET //// HTTP/1.1",
        b"GET /shop/%ff%fe HTTP/1.1",
        b"PRI * HTTP/2.0",
        b"host: t",
        b"connection: close",
        b"connection: upgrade",
        b"upgrade: websocket",
        b"expect: 100-continue",
        b"content-length: 10",
        b"content-length: 999999999999",
        b"transfer-encoding: chunked",
        b"authorization: Bearer " + TOKENS["shop"]["editor"].encode(),
        b"authorization: Bearer " + b"A" * 300 + b"." + b"B" * 300 + b".",
        b"authorization: Bearer eyJhbGciOiJub25lIn0.e30.",
        b'cookie: simrt_credential="\\377\\000"; ;;=;',
        b"simrt-subscriber: a/0",
        b"",
        b"",
        b'{"id":"7"}',
        b'a\r\n{"id":"7"}\r\n0\r\n',
        b"\x00\xff",
    ]
)
CHUNKS = st.lists(
    st.one_of(
        st.lists(LINES, max_size=8).map(lambda lines: b"\r\n".join(lines) + b"\r\n\r\n"),
        st.binary(max_size=60),
        st.just(request("GET", "/shop/news")),
        st.just(request("POST", "/shop/content", b'{"id":"7"}', token=TOKENS["shop"]["editor"])),
    ),
    min_size=1,
    max_size=4,
)


@settings(max_examples=150)
@given(chunks=CHUNKS, size=st.integers(1, 200), window=st.sampled_from([0, 5, 1 << 30]))
def test_garbage(chunks: list[bytes], size: int, window: int) -> None:
    @virtual
    async def test() -> None:
        on = await rig()
        bystander = await on.subscribe()
        client = on.dial(window)
        raw = b"".join(chunks)
        for start in range(0, len(raw), size):
            client.transport.arrive(raw[start : start + size])
            await settle()
        if window > 5:
            assert all(answer.status in range(100, 600) for answer in client.answers)
        client.transport.eof()
        await settle()
        await settle()
        client.transport.read(1 << 20)
        assert client.gone()
        before = len(bystander.seqs)
        assert (await on.post()).status == 200
        assert len(bystander.seqs) == before + 1
        assert client.connection not in on.server.connections
        assert len(on.server.counts()) == 1

    test()
