"""What no client should send, drawn by Hypothesis: requests, and streams for whoever reads them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from hypothesis import strategies as st

from tests.server.rig import TOKENS, request, user_token
from tests.server.test_smuggling import AMBIGUOUS

EDITOR = TOKENS["shop"]["editor"]
BODY = b'{"id":"7"}'

Ending = Literal["eof", "reset", "silence"]


@dataclass(frozen=True)
class Attack:
    """One connection.

    Attributes:
        raw: what it says.
        piece: in pieces of so many bytes.
        window: how much it reads, bytes.
        ending: how it ends: as it should, without a word, or not at all.
    """

    raw: bytes
    piece: int
    window: int
    ending: Ending

    @property
    def pieces(self) -> list[bytes]:
        """What arrives, in order."""
        return [self.raw[at : at + self.piece] for at in range(0, len(self.raw), self.piece)]


METHODS = st.sampled_from(
    ["GET"] * 6
    + ["POST"] * 6
    + ["HEAD", "OPTIONS", "PUT", "DELETE", "CONNECT", "PRI", "get", "G T", "", "\x00"]
)
TARGETS = st.one_of(
    st.sampled_from(
        [
            "/shop/news", "/shop/content", "/shop/news?x=" + "y" * 300, "/shop/%6eews", "/shop/%",
            "/shop/%2e%2e/shop/news", "/shop/%00", "/shop/%ff%fe", "/shop%2fnews",
            "/shop/../shop/news", "/other/news", "*",
            "//shop/news", "http://evil/shop/news", "http://[::1", "shop:80", "/shop/news#x", "/",
            "/shop/news;x", "/shop/\\news", "/shop/n\xc3\xa4ws", "/" + "a" * 17_000, "",
        ]
    ),
    st.text(st.characters(max_codepoint=255), max_size=20).map(lambda text: "/shop/" + text),
)  # fmt: skip
VERSIONS = st.sampled_from(["HTTP/1.1"] * 6 + ["HTTP/1.0", "HTTP/0.9", "HTTP/2.0", "HTP/1.1", ""])
HEADERS = st.one_of(
    st.sampled_from(
        [
            "host: t", "host: t", "host: evil", "host:", "connection: close", "connection: upgrade",
            "upgrade: websocket", "upgrade: h2c", "expect: 100-continue", "expect: x",
            "content-length: 10", "content-length: 0", "content-length: 11", "content-length: -1",
            "content-length: 999999999999", "transfer-encoding: chunked", "transfer-encoding: x",
            "transfer-encoding: gzip, chunked", "transfer-encoding: identity",
            "transfer-encoding : chunked", " folded: x", "x", ":", "x: \x00", "x: \x7f",
            "x:y\rz: a",
            f"authorization: Bearer {EDITOR}", "authorization: Bearer", "authorization: Basic eDp5",
            f"authorization: Bearer {user_token()}",
            "authorization: Bearer eyJhbGciOiJub25lIn0.e30.",
            "authorization: Bearer " + "A" * 300 + "." + "B" * 300 + ".", "authorization: \xff\xfe",
            'cookie: simrt_credential="\\377\\000"; ;;=;', f"cookie: simrt_credential={EDITOR}",
            "last-event-id: e1:1", "last-event-id: e1:99999999999999999999", "last-event-id: \xff",
            "origin: null", "access-control-request-method: GET", "simrt-subscriber: a/0",
            "simrt-connection: 1", "x: " + "y" * 17_000,
        ]
    ),
    st.text(st.characters(max_codepoint=255), max_size=30),
)  # fmt: skip
BODIES = st.one_of(
    st.sampled_from(
        [
            b"", BODY, b"a\r\n" + BODY + b"\r\n0\r\n\r\n", b"a\r\n" + BODY + b"0\r\n", b"0\r\n\r\n",
            b"a;x=y\r\n" + BODY + b"\r\n0\r\nauthorization: Bearer x\r\ncontent-length: 3\r\n\r\n",
            b"a\r\n" + BODY + b"\r\n0\r\n" + b"x: y\r\n" * 3000 + b"\r\n",
            b'{"id":"7","id":"8"}', b'{"id":' + b"1" * 5000 + b"}", '{"id":"7"}'.encode("utf-16"),
            b'{"a":' * 2000, b'{"id":1e400}',
            b"ffffffffffffffff\r\n", b"-1\r\n", b"{", b"[" * 5000, b'{"id":NaN}',
            b'{"id":"\\ud800"}',
            b'{"id":"\\r\\ndata: x\\n\\n"}', b"\xff\xfe", b'{"id":"' + b"x" * 70_000 + b'"}',
        ]
    ),
    st.binary(max_size=40),
)  # fmt: skip


@st.composite
def written(draw: st.DrawFn) -> bytes:
    """A request put together of good and bad parts."""
    line = f"{draw(METHODS)} {draw(TARGETS)} {draw(VERSIONS)}"
    host = ["host: t"] if draw(st.booleans()) else []
    head = "\r\n".join([line, *host, *draw(st.lists(HEADERS, max_size=5))])
    return head.encode("latin-1") + b"\r\n\r\n" + draw(BODIES)


GOOD = st.sampled_from(
    [
        request("GET", "/shop/news"),
        request("POST", "/shop/content", BODY, token=EDITOR),
        request("POST", "/shop/content", BODY, token="wrong"),
        request("GET", "/nothing"),
    ]
)


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A good request with some bytes changed, left out or put in."""
    raw = bytearray(draw(GOOD))
    for _ in range(draw(st.integers(1, 5))):
        at = draw(st.integers(0, len(raw) - 1))
        what = draw(st.sampled_from(["change", "insert", "remove", "cut", "repeat"]))
        byte = draw(st.one_of(st.sampled_from(b"\r\n\0 :\t,;%/\xff"), st.integers(0, 255)))
        if what == "change":
            raw[at] = byte
        elif what == "insert":
            raw.insert(at, byte)
        elif what == "remove" and len(raw) > 1:
            del raw[at]
        elif what == "cut" and at:
            del raw[at:]
        elif what == "repeat":
            raw[at:at] = raw[at : at + 30]
    return bytes(raw)


SAID = st.lists(
    st.one_of(
        written(),
        damaged(),
        GOOD,
        st.sampled_from(list(AMBIGUOUS.values())),
        st.binary(max_size=60),
    ),
    min_size=1,
    max_size=4,
).map(b"".join)

ATTACKS = st.builds(
    Attack,
    SAID,
    piece=st.one_of(st.just(1 << 20), st.integers(1, 300)),
    window=st.sampled_from([0, 5, 1 << 30, 1 << 30]),
    ending=st.sampled_from(["eof", "reset", "silence"]),
)

_LINES = st.one_of(
    st.sampled_from(
        [
            b"data: x", b"data", b"data:", b"id: e1:7", b"id: a\0b", b"id", b"event: changed",
            b"event", b"retry: 1", b"retry: 99999999999999999999", b"retry: -1", b"retry: 1.5",
            b"retry: \xd9\xa1", b":", b": comment", b"\xef\xbb\xbfdata: x", b"data: \xed\xa0\x80",
            b"data: \xf0\x9f\x98", b"dat", b" data: x", b"data : x", b"", b"", b"", b"x" * 5000,
        ]
    ),
    st.binary(max_size=30),
)  # fmt: skip
STREAMS = st.lists(
    st.tuples(_LINES, st.sampled_from([b"\n", b"\r", b"\r\n", b"\n\n", b""])).map(b"".join),
    max_size=30,
).map(b"".join)
"""Bytes that an event stream might be made of."""

_STATUS_LINES = st.sampled_from(
    [b"HTTP/1.1 200 OK"] * 8
    + [
        b"HTTP/1.0 200", b"HTTP/1.1 204 No Content", b"HTTP/1.1 301 Moved", b"HTTP/1.1 503 Full",
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK", b"HTTP/1.1 999 x", b"HTTP/1.1 2",
        b"200 OK",
        b"HTTP/2.0 200 OK", b"ICY 200 OK", b"", b"\x00", b"HTTP/1.1 101 Switching",
    ]
)  # fmt: skip
_FIELDS = st.sampled_from(
    [b"content-type: text/event-stream"] * 6
    + [
        b"content-type: text/html", b"content-type:", b"content-length: 10", b"content-length: -1",
        b"content-length: 5\r\ncontent-length: 6", b"transfer-encoding: chunked",
        b"connection: close",
        b"location: /shop/news", b"location: http://[bad/", b"retry-after: x", b"retry-after: 1",
        b"x: " + b"y" * 70_000, b"no colon", b"x: \x00", b"upgrade: websocket",
    ]
)  # fmt: skip


@st.composite
def responses(draw: st.DrawFn) -> bytes:
    """What a broken server could answer to a request for a stream."""
    fields = [b"content-type: text/event-stream"] if draw(st.booleans()) else []
    head = [draw(_STATUS_LINES), *fields, *draw(st.lists(_FIELDS, max_size=3))]
    body = draw(STREAMS)
    if draw(st.booleans()):
        body = b"%x\r\n%b\r\n" % (len(body), body) + draw(
            st.sampled_from([b"0\r\n\r\n", b"zz", b""])
        )
    raw = b"\r\n".join(head) + b"\r\n\r\n" + body
    return raw[: draw(st.integers(0, len(raw)))] if draw(st.booleans()) else raw
