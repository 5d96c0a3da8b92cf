"""Tricks that were tried against the server: forged tokens, odd targets, prying neighbours."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
from pathlib import Path
from typing import Any

import jwt
import pytest

from simrt.server import Secrets, Server, Site, compile_site
from simrt.server import access as access_room
from tests.server.rig import (
    KEY,
    SHAPE,
    STARTS,
    TOKENS,
    Rig,
    VirtualClock,
    answers,
    feature,
    request,
    rig,
    settle,
    started,
    user_token,
    virtual,
)

EDITOR = TOKENS["shop"]["editor"]


# --- tokens -----------------------------------------------------------------------------------

NOW_S = int(STARTS.timestamp())
GOOD = {"sub": "u", "aud": "shop", "exp": NOW_S + 60}


def part(words: Any) -> str:
    """One part of a token, as it is written."""
    raw = words if isinstance(words, bytes) else json.dumps(words).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def forged(header: Any, claims: Any = None, key: str = KEY, hashed: Any = hashlib.sha256) -> str:
    """A token with any header; signed with HMAC, whatever the header says."""
    said = f"{part(header)}.{part(GOOD if claims is None else claims)}"
    return f"{said}.{part(hmac.new(key.encode(), said.encode(), hashed).digest())}"


def signed(**claims: Any) -> str:
    return jwt.encode({**GOOD, **claims}, KEY, algorithm="HS256")


HS256 = {"alg": "HS256", "typ": "JWT"}
WHOLE = forged(HS256)
HEAD, CLAIMS, SIGNATURE = WHOLE.split(".")
FORGED = {
    "no algorithm": f"{part({'alg': 'none'})}.{CLAIMS}.",
    "none, signed": forged({"alg": "none"}),
    "None in capitals": f"{part({'alg': 'NONE'})}.{CLAIMS}.",
    "no signature": f"{HEAD}.{CLAIMS}.",
    "two parts": f"{HEAD}.{CLAIMS}",
    "four parts": WHOLE + ".x",
    "HS384": forged({"alg": "HS384"}, hashed=hashlib.sha384),
    "HS512": forged({"alg": "HS512"}, hashed=hashlib.sha512),
    "RS256, signed with HMAC": forged({"alg": "RS256"}),
    "an algorithm that is a list": forged({"alg": ["HS256"]}),
    "a key that comes along": forged(
        {**HS256, "jwk": {"kty": "oct", "k": part(b"x" * 32)}}, key="x" * 32
    ),
    "a key of an address": forged({**HS256, "jku": "http://127.0.0.1:1/keys"}, key="x" * 32),
    "a key of a file": forged({**HS256, "kid": "/dev/null"}, key=""),
    "something critical": forged({**HS256, "crit": ["x"], "x": 1}),
    "a changed claim": f"{HEAD}.{part({**GOOD, 'sub': 'admin'})}.{SIGNATURE}",
    "a cut signature": WHOLE[:-1],
    "a longer signature": WHOLE + "AAAA",
    "no audience": forged(HS256, {"sub": "u", "exp": NOW_S + 60}),
    "another audience": signed(aud="other"),
    "an audience that begins so": signed(aud="shopping"),
    "an audience in capitals": signed(aud="SHOP"),
    "an audience of nothing": signed(aud=[]),
    "an audience that is a number": forged(HS256, {**GOOD, "aud": 1}),
    "over this very second": signed(exp=NOW_S),
    "not yet": signed(nbf=NOW_S + 1),
    "claims that are a list": forged(HS256, [GOOD]),
    "claims that are no JSON": forged(HS256, b"\xff"),
    "a head that is no JSON": forged(b"{"),
    "a deep head": forged(b'{"a":' * 1500 + b"1" + b"}" * 1500),
    "deep claims": forged(HS256, b'{"a":' * 1500 + b"1" + b"}" * 1500),
    "the key itself": KEY,
    "the name of a token": "editor",
    "a token and more": EDITOR + "x",
    "less than a token": EDITOR[:-1],
    "a token in capitals": EDITOR.upper(),
    "two tokens": f"{EDITOR}, {EDITOR}",
}


@pytest.mark.rules("SSE-4")
@pytest.mark.parametrize("name", FORGED)
def test_forged_tokens(name: str) -> None:
    @virtual
    async def test() -> None:
        on = await rig(permission={"user": ["GET"], "token:editor": ["GET"]})
        for headers in (
            {"authorization": f"Bearer {FORGED[name]}"},
            {"cookie": f"simrt_credential={FORGED[name]}"},
        ):
            client = await on.ask("GET", "/shop/news", headers=headers)
            assert client.answer.status == 401
            assert client.answer.json == {
                "error": "the credential is not valid here, or has expired"
            }
        good = await on.ask("GET", "/shop/news", token=WHOLE)  # what was forged was once good
        assert good.answer.status == 200

    test()


@pytest.mark.rules("SSE-4")
def test_every_secret_is_compared_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each secret of the project, also behind one that fitted, by what takes constant time."""
    compared: list[tuple[bytes, bytes]] = []

    def compare(one: bytes, other: bytes) -> bool:
        compared.append((one, other))
        return hmac.compare_digest(one, other)

    class Watched:
        compare_digest = staticmethod(compare)

    monkeypatch.setattr(access_room, "hmac", Watched)
    secrets = Secrets("", {"shop": {"a": "first", "b": "second", "c": "third"}})
    gate = access_room.Gate(secrets)
    for offered in ("first", "second", "third", "f", ""):
        compared.clear()
        gate.judge({"token:a": ["GET"]}, "GET", "shop", offered, STARTS)
        raw = offered.encode()
        assert compared == [(b"first", raw), (b"second", raw), (b"third", raw)]


# --- targets and headers ----------------------------------------------------------------------


@pytest.mark.rules("SSE-3")
@pytest.mark.parametrize(
    "target",
    [
        "/shop/rooms/../news", "/shop/rooms/%2e%2e/news", "/shop/rooms/..%2fnews",
        "/shop/./rooms/a",
        "/shop/rooms/a%2fb", "/shop/rooms%2Fa", "/shop//rooms/a", "/shop/rooms//a",
        "/shop/rooms/a/",
        "/shop/rooms/.a", "/shop/rooms/a%00", "/shop/rooms/a%0d%0ax", "/shop/rooms/a\\b",
        "/shop/rooms/a;b", "/shop/rooms/%252e%252e", "/shop/rooms/%c0%ae", "/shop/rooms/a%20b",
        "/SHOP/rooms/a", "/shop/ROOMS/a", "/shop/rooms/{room}", "/shop/rooms/a,b", "/shop/rooms/a*",
        "/other/../shop/rooms/a", "/%2fshop/rooms/a",
    ],
)  # fmt: skip
def test_tricks_with_targets(target: str) -> None:
    @virtual
    async def test() -> None:
        site = Site("shop")
        site.stream(
            "/rooms/{room}", channel="room-{room}", permission="public", events={"said": SHAPE}
        )
        on = await rig(site)
        assert (await on.ask("GET", target)).answer.status in (400, 404)
        assert on.server.hub.project("shop").channels == ()
        assert (await on.ask("GET", "/shop/rooms/a")).answer.status == 200

    test()


@pytest.mark.parametrize(
    "target", ["http://evil.example/shop/news", "http://shop/shop/news", "HTTP://x:1/shop/news"]
)
def test_the_host_of_a_target_decides_nothing(target: str) -> None:
    @virtual
    async def test() -> None:
        on = await rig()
        assert (await on.ask("GET", target)).answer.status == 200
        assert (
            await on.ask("GET", target.replace("/shop/news", "/other/news"))
        ).answer.status == 404

    test()


@pytest.mark.rules("SSE-2")
@pytest.mark.parametrize("resume", ["none", "last-event-id"])
@pytest.mark.parametrize(
    "value",
    [
        "e1:1\tx", "e1:-1", "e1:99999999999999999999", "e1:1:1", "\xff\xfe", "e1:", ":1", "e1:1.0",
        "x" * 2000, "retry: 1", "data: x", "%0d%0adata: x", "e1:\u0661".encode().decode("latin-1"),
    ],
)  # fmt: skip
def test_headers_that_come_back_in_no_answer(value: str, resume: str, tmp_path: Path) -> None:
    @virtual
    async def test() -> None:
        on = await rig(variants={"resume": resume}, record=tmp_path / "rows")
        names = ("last-event-id", "host", "cookie", "simrt-subscriber", "origin", "referer")
        raw = request("GET", "/shop/news").replace(b"host: test\r\n", b"")
        lines = "".join(f"{name}: mark{value}\r\n" for name in names).encode("latin-1")
        client = on.dial()
        client.transport.arrive(raw[:-2] + lines + b"\r\n")
        await settle()
        assert client.answer.status == 200
        await on.post()
        assert client.seqs == [1]
        assert b"mark" not in client.transport.sent
        # The same as the whole value of the one header that means something.
        exact = on.dial()
        exact.transport.arrive(
            request("GET", "/shop/news")[:-2] + f"last-event-id: {value}\r\n\r\n".encode("latin-1")
        )
        await settle()
        assert exact.answer.status == 200
        assert exact.seqs == []

    test()


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "TRACE", "PROPFIND", "SUBSCRIBE"])
def test_other_methods_do_nothing(method: str) -> None:
    @virtual
    async def test() -> None:
        on = await rig()
        for path in ("/shop/news", "/shop/content"):
            client = await on.ask(method, path, b'{"id":"7"}', token=EDITOR)
            assert client.answer.status == 405
            assert EDITOR.encode() not in client.transport.sent
        assert on.server.counts() == []
        assert (await on.post()).json["seq"] == 1

    test()


# --- neighbours -------------------------------------------------------------------------------


async def two_projects(busy: bool) -> tuple[Rig, bytes]:
    """What one project's clients see, with a neighbour that is busy or still."""
    tokens = {"shop": TOKENS["shop"], "other": {"editor": "the other's"}}
    server = Server(
        compile_site([feature(replay={"lastN": 2}), feature(project="other")]),
        VirtualClock(asyncio.get_running_loop()),
        secrets_=Secrets(KEY, tokens),
        epoch="e1",
        share=lambda _name, _index: 0.5,
    )
    on = started(server)

    async def neighbour() -> None:
        if not busy:
            return
        for _ in range(7):
            body = b'{"id":"secret of the other"}'
            sent = await on.ask("POST", "/other/content", body, token="the other's")
            assert sent.answer.status == 200
            await on.ask("GET", "/other/news")
        on.server.revoke("other", "token:editor")
        await on.ask("POST", "/other/content", b"{", token="the other's")
        on.server.restore("other", "token:editor")

    seen = bytearray()
    await neighbour()
    first = await on.ask("GET", "/shop/news")
    await neighbour()
    for path, token in (
        ("/shop/content", EDITOR),
        ("/shop/content", "the other's"),
        ("/shop/content", None),
        ("/shop/nothing", EDITOR),
        ("/other/content", EDITOR),
        ("/other/nothing", EDITOR),
    ):
        seen += (await on.ask("POST", path, b'{"id":"7"}', token=token)).transport.sent
        await neighbour()
    second = await on.ask("GET", "/shop/news", headers={"last-event-id": "e1:3"})
    await asyncio.sleep(20)
    return on, bytes(seen + first.transport.sent + second.transport.sent)


@pytest.mark.rules("PRJ-1")
def test_a_neighbour_changes_not_a_byte() -> None:
    """Every answer, id, count and heartbeat of one project, with and without the other's life."""
    seen: dict[bool, bytes] = {}

    @virtual
    async def test() -> None:
        for busy in (False, True):
            _, seen[busy] = await two_projects(busy)

    test()
    assert seen[False] == seen[True]
    assert b"secret" not in seen[True]
    assert seen[True].count(b"id: e1:1\n") == 2


@pytest.mark.rules("PRJ-1", "SSE-4")
@virtual
async def test_what_is_not_yours_looks_like_what_is_not_there() -> None:
    on, _ = await two_projects(busy=True)

    async def said(method: str, path: str, token: str | None) -> bytes:
        return bytes((await on.ask(method, path, b"{}", token=token)).transport.sent)

    # A path that is there in no project, one of another project, one of no project at all.
    assert len({await said("GET", p, EDITOR) for p in ("/shop/x", "/other/x", "/none/x")}) == 1
    # Another project's credential is as good as a guess.
    wrong = [await said("POST", "/other/content", t) for t in (EDITOR, "guess", user_token())]
    assert len(set(wrong)) == 1
    assert answers(wrong[0])[0].status == 401
    for raw in wrong:
        assert b"shop" not in raw
        assert b"other" not in raw


@pytest.mark.rules("PRJ-1")
@virtual
async def test_a_thousand_projects_stay_apart() -> None:
    site = Site()
    for n in range(1000):
        name = f"p{n}"
        site.stream("/news", channel="news", permission="public", events={"e": SHAPE}, project=name)

        @site.hook("POST", "/content", permission="public", sends=["e"], project=name)
        def content(call: Any) -> None:
            call.send("e", call.data)

    on = await rig(site)
    clients = [await on.ask("GET", f"/p{n}/news") for n in range(0, 1000, 100)]
    for n in range(0, 1000, 7):
        sent = await on.ask("POST", f"/p{n}/content", b'{"id":"%d"}' % n)
        assert sent.answer.json["offered"] == (n % 100 == 0)
    got = [[event.data for event in client.events] for client in clients]
    assert got == [[f'{{"id":"{n}"}}'] if n % 7 == 0 else [] for n in range(0, 1000, 100)]
