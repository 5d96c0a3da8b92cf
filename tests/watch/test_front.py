"""Who may use the page's controls, what they accept, and that the site itself is as it was."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from simrt.clock import RealClock
from simrt.scenario import load, scenario
from simrt.scenario.model import Scenario
from simrt.server import Server, compile_site
from simrt.watch.clients import MOST_DATA_CHARS, Browser
from simrt.watch.front import POLICY, Front
from simrt.watch.orders import MOST_BODY_BYTES, MOST_DRAIN_MS, MOST_HEARD, MOST_TIMES
from simrt.watch.session import MOST_BROWSER, Session
from tests.server.rig import STARTS, VirtualClock, feature, started, virtual
from tests.watch.serving import feature as served

HOST = "127.0.0.1:8000"


class Door:
    """A front of a session, asked without sockets."""

    def __init__(self, host: str = "127.0.0.1", play: Scenario | None = None) -> None:
        play = play or scenario(served())
        site = compile_site([play])
        failures: list[Exception] = []
        self.session = Session([play], [None], site, RealClock(STARTS), host, 8000, failures.append)
        self.passed: list[dict[str, Any]] = []
        self.front = Front(self.session, self._behind)

    async def _behind(self, scope: dict[str, Any], *_: Any) -> None:
        self.passed.append(scope)

    def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        key: str | None = "right",
        host: str = HOST,
        headers: tuple[tuple[str, str], ...] = (),
        query: bytes = b"",
    ) -> tuple[int, dict[str, str], bytes]:
        shown = () if key is None else (("simrt-key", self.session.key if key == "right" else key),)
        raw = body if isinstance(body, bytes) else json.dumps({} if body is None else body).encode()
        scope = {
            "type": "http",
            "method": method,
            "path": path,
            "query_string": query,
            "headers": [
                (name.encode(), value.encode("latin-1"))
                for name, value in (("host", host), *shown, *headers)
            ],
        }
        said: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": raw, "more_body": False}

        async def send(message: dict[str, Any]) -> None:
            said.append(message)

        asyncio.run(self.front(scope, receive, send))
        if not said:
            return 0, {}, b""
        fields = {n.decode(): v.decode() for n, v in said[0]["headers"]}
        return said[0]["status"], fields, said[1]["body"]

    def do(self, order: Any) -> tuple[int, dict[str, Any]]:
        status, _, body = self.ask("POST", "/~watch/do", order)
        return status, json.loads(body)


PAGE = ["/", *(f"/~watch/{name}" for name in ("page.js", "ask.js", "page.css", "palette.css"))]


@pytest.mark.parametrize("path", PAGE)
def test_the_page_allows_nothing_but_itself(path: str) -> None:
    status, headers, body = Door().ask("GET", path, key=None)
    assert status == 200
    assert body
    assert headers["content-security-policy"] == POLICY
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cache-control"] == "no-store"
    assert "unsafe" not in POLICY
    assert "default-src 'none'" in POLICY


def test_the_page_has_no_secret_and_no_inline_script_or_style() -> None:
    door = Door()
    _, _, body = door.ask("GET", "/", key=None)
    text = body.decode()
    assert door.session.key not in text
    assert "<style" not in text
    assert "style=" not in text
    assert " on" not in text.replace(" on a", "").replace(" on the", "").replace(" once", "")
    assert text.count("<script") == 1
    assert "http:" not in text
    assert "https:" not in text
    scripts = [door.ask("GET", path, key=None)[2].decode() for path in PAGE if path.endswith("js")]
    for script in scripts:
        for way in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("):
            assert way not in script


@pytest.mark.parametrize("name", ["hello", "state", "do"])
def test_controls_obey_only_who_shows_the_key(name: str) -> None:
    door = Door()
    for key in (None, "", "wrong", door.session.key[:-1], f"{door.session.key}x"):
        status, headers, body = door.ask("POST", f"/~watch/{name}", key=key)
        assert status == 401
        assert "set-cookie" not in headers
        assert door.session.key.encode() not in body
    status, *_ = door.ask("POST", f"/~watch/{name}", {"do": "play", "feature": 0, "on": False})
    assert status == (200 if name in ("do", "hello") else 400)
    assert door.ask("GET", f"/~watch/{name}")[0] == 404


@pytest.mark.parametrize(
    ("host", "ours"),
    [
        ("127.0.0.1:8000", True),
        ("localhost:8000", True),
        ("[::1]:8000", True),
        ("192.168.1.7:8000", True),
        ("attacker.example:8000", False),
        ("127.0.0.1.attacker.example", False),
        ("localhost.attacker.example", False),
        ("", False),
        ("[", False),
    ],
)
def test_a_name_that_somebody_pointed_here_is_refused(host: str, ours: bool) -> None:
    """DNS rebinding: another site's page would come under that site's name."""
    door = Door()
    assert door.ask("GET", "/", host=host)[0] == (200 if ours else 421)
    assert door.ask("POST", "/~watch/state", host=host)[0] == (200 if ours else 421)


def test_a_name_given_as_host_is_ours() -> None:
    assert Door("dev.example").ask("GET", "/", host="DEV.example:8000")[0] == 200


def test_another_sites_page_is_refused_even_with_the_key() -> None:
    door = Door()
    for origin in ("https://attacker.example", "http://localhost:8001", "null", "http://[", ""):
        status, headers, _ = door.ask("POST", "/~watch/state", headers=(("origin", origin),))
        assert status == 403
        assert "access-control-allow-origin" not in headers
    same = (("origin", f"http://{HOST}"),)
    assert door.ask("POST", "/~watch/state", headers=same)[0] == 200


@pytest.mark.parametrize(
    ("order", "reason"),
    [
        (b"", "truncated"),
        (b"\xff", "JSON"),
        (b'{"x":' + b"[" * 100_000, "recursion"),
        ({}, "do"),
        ({"do": "publish"}, "publish"),
        ({"do": "leave", "client": "page/9"}, "no client"),
        ({"do": "join", "feature": 1, "kind": "loopback"}, "no feature"),
        ({"do": "join", "feature": -1, "kind": "loopback"}, "no feature"),
        ({"do": "join", "feature": 0, "kind": "robot"}, "robot"),
        ({"do": "join", "feature": 0, "kind": "loopback", "drain_ms": MOST_DRAIN_MS + 1}, "0 to"),
        ({"do": "join", "feature": 0, "kind": "loopback", "drain_ms": -1}, "0 to"),
        ({"do": "send", "feature": 0, "hook": 2, "data": "{}"}, "no hook"),
        ({"do": "send", "feature": 0, "hook": 0, "data": "{}", "times": 0}, "1 to"),
        ({"do": "send", "feature": 0, "hook": 0, "data": "{}", "times": MOST_TIMES + 1}, "1 to"),
        ({"do": "play", "feature": 1, "on": True}, "no feature"),
        ({"do": "play", "feature": 0, "on": "yes"}, "bool"),
        ({"do": "play", "feature": 0, "on": True, "more": 1}, "more"),
    ],
)
def test_what_is_no_order_is_refused_with_a_reason(order: Any, reason: str) -> None:
    status, said = Door().do(order)
    assert status == 400
    assert reason in said["error"]


def test_bodies_and_clients_are_bounded() -> None:
    door = Door()
    assert door.ask("POST", "/~watch/state", b" " * (MOST_BODY_BYTES - 2) + b"{}")[0] == 200
    assert door.ask("POST", "/~watch/state", b" " * (MOST_BODY_BYTES - 1) + b"{}")[0] == 413
    for _ in range(MOST_BROWSER):
        assert door.do({"do": "join", "feature": 0, "kind": "browser"})[0] == 200
    status, said = door.do({"do": "join", "feature": 0, "kind": "browser"})
    assert (status, "remove one first" in said["error"]) == (400, True)
    assert door.do({"do": "leave", "client": "page/0"})[0] == 200
    assert door.do({"do": "join", "feature": 0, "kind": "browser"})[0] == 200
    heard = [{"client": "page/1", "what": "event", "data": "x" * 40}] * (MOST_HEARD + 1)
    status, _, body = door.ask("POST", "/~watch/state", {"heard": heard[:2000]})
    assert status == 200
    lines = next(c for c in json.loads(body)["clients"] if c["name"] == "page/1")["lines"]
    assert len(lines) < 100
    long = [{"client": "page/1", "what": "event", "data": "x" * 3 * MOST_DATA_CHARS}]
    *_, body = door.ask("POST", "/~watch/state", {"heard": long})
    lines = next(c for c in json.loads(body)["clients"] if c["name"] == "page/1")["lines"]
    assert len(lines[-1]["data"]) < MOST_DATA_CHARS + 40
    assert lines[-1]["data"].endswith("(6,000 characters)")


def test_a_browser_reads_slowly_for_nobody() -> None:
    door = Door()
    door.do({"do": "join", "feature": 0, "kind": "browser"})
    for order in ({"do": "act", "what": "stall"}, {"do": "drain", "drain_ms": 5}):
        status, said = door.do({**order, "client": "page/0"})
        assert (status, "cannot be told" in said["error"]) == (400, True)


def test_the_browsers_cookie_is_for_the_stream_alone() -> None:
    _, headers, _ = Door().ask("POST", "/~watch/hello")
    cookie = headers["set-cookie"]
    assert cookie.startswith("simrt_credential=")
    assert "Path=/shop/news;" in f"{cookie};"
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie


def test_strangers_cannot_take_a_watched_clients_name() -> None:
    door = Door()
    _, joined = door.do({"do": "join", "feature": 0, "kind": "browser"})
    names = (("simrt-subscriber", "page/0"), ("simrt-connection", "1"))
    door.ask("GET", "/shop/news", key=None, headers=names)
    door.ask("GET", "/shop/news", key="wrong", headers=names)
    door.ask("GET", "/shop/news", key=None, query=b"client=page/0")
    for scope in door.passed:
        assert not [name for name, _ in scope["headers"] if name.startswith(b"simrt-sub")]
    door.ask("GET", "/shop/news", key=None, query=f"client={joined['ticket']}".encode())
    assert dict(door.passed[-1]["headers"])[b"simrt-subscriber"] == b"page/0"
    door.ask("GET", "/shop/news", headers=names)
    assert dict(door.passed[-1]["headers"])[b"simrt-connection"] == b"1"


def test_a_page_that_is_gone_takes_its_browsers_along() -> None:
    door = Door()
    door.do({"do": "join", "feature": 0, "kind": "browser"})
    client = door.session.clients["page/0"]
    assert isinstance(client, Browser)
    client.seen_ns -= 61_000_000_000
    door.ask("POST", "/~watch/state", {"mine": ["page/0"]})
    assert "page/0" in door.session.clients
    client.seen_ns -= 61_000_000_000
    door.ask("POST", "/~watch/state", {})
    assert door.session.clients == {}


SHIPPED = sorted(Path(__file__).parents[2].glob("scenarios/*/*.yml"))


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_every_shipped_scenario_has_a_page(path: Path) -> None:
    door = Door(play=load(path))
    status, _, body = door.ask("POST", "/~watch/hello")
    told = json.loads(body)["features"][0]
    assert (status, told["title"]) == (200, door.session.scenarios[0].title)
    assert all(json.loads(hook["data"]) is not None for hook in told["hooks"])
    assert told["hooks"] or told["jobs"]
    assert len(told["settings"]) == 5
    status, _, body = door.ask("POST", "/~watch/state")
    assert (status, json.loads(body)["clients"]) == (200, [])


@virtual
async def test_a_server_without_a_front_has_no_page_and_no_controls() -> None:
    site = compile_site([feature()])
    on = started(Server(site, VirtualClock(asyncio.get_running_loop())))
    for path in PAGE:
        assert (await on.ask("GET", path)).answer.status == 404
    for name in ("hello", "state", "do"):
        assert (await on.ask("POST", f"/~watch/{name}", b"{}")).answer.status == 404


def test_no_endpoint_of_a_site_can_be_hidden() -> None:
    """No project has a tilde, no path of a stream or hook is empty."""
    door = Door()
    for path in ("/shop/news", "/_simrt/x", "/watch/do", "/~watch", "/metrics", "/_health"):
        assert door.ask("GET", path)[0] == 0
    assert len(door.passed) == 6
