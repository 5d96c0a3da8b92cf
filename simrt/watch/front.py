"""What answers in front of the server under `simrt serve`: the page, and its controls.

The page stands at `/`, everything else of it below `/~watch/`. No project's name has a tilde and
no stream's path is empty, so neither can hide an endpoint of the site. The controls obey only who
shows the session's key. The key stands behind the `#` of the printed address, which no browser
sends to anybody; the page sends it as a header, which no other site's page can do.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Awaitable, Callable
from hmac import compare_digest
from importlib.resources import files
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from starlette.responses import JSONResponse, Response

from simrt.errors import UsageError
from simrt.report.palette import css_variables
from simrt.server.access import COOKIE
from simrt.watch.clients import Browser
from simrt.watch.orders import MOST_BODY_BYTES, read_ask, read_order
from simrt.watch.view import hello, state

if TYPE_CHECKING:
    from simrt.watch.session import Session

App = Callable[[dict[str, Any], Any, Any], Awaitable[None]]

BELOW = "/~watch/"
KEY_HEADER = "simrt-key"
_NAMES = ("simrt-subscriber", "simrt-connection")
_TYPES = {"css": "text/css", "js": "text/javascript", "html": "text/html"}
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self';"
    " img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_GUARDED = {
    "content-security-policy": POLICY,
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
}


class Front:
    """The ASGI app in front of one life of the server.

    Arguments:
        session: what the page is about.
        app: the server's own app.
    """

    def __init__(self, session: Session, app: App) -> None:
        self._session = session
        self._app = app

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        """Answer one request (ASGI 3), or leave it to the server's app."""
        path = scope.get("path", "")
        if scope["type"] != "http" or (path != "/" and not path.startswith(BELOW)):
            if scope["type"] == "http":
                self._name(scope)
            await self._app(scope, receive, send)
            return
        answer = await self._answer(scope, receive)
        answer.headers.update(_GUARDED)
        await answer(scope, receive, send)

    # --- the page -------------------------------------------------------------------------------

    async def _answer(self, scope: dict[str, Any], receive: Any) -> Response:
        headers = _headers(scope)
        if not _is_ours(headers.get("host", ""), self._session.host):
            return _refused(421, "this page is shown under the address that simrt serve printed")
        method, path = scope["method"], scope["path"]
        name = "index.html" if path == "/" else path.removeprefix(BELOW)
        if method == "GET":
            return _file(name)
        if method != "POST" or name not in ("hello", "state", "do"):
            return _refused(404, "nothing is here")
        origin = headers.get("origin")
        if origin is not None and origin.partition("://")[2] != headers["host"]:
            return _refused(403, "another site may not use these controls")
        if not compare_digest(headers.get(KEY_HEADER, "").encode(), self._session.key.encode()):
            return _refused(401, "the key is missing or wrong; open the address that was printed")
        body = await _body(receive)
        if body is None:
            return _refused(413, f"the body exceeds {MOST_BODY_BYTES} bytes")
        try:
            return await self._control(name, body)
        except UsageError as error:
            return _refused(400, str(error))

    async def _control(self, name: str, body: bytes) -> Response:
        session = self._session
        if name == "do":
            return JSONResponse(await session.obey(read_order(body)))
        if name == "state":
            session.hear(read_ask(body))
            return JSONResponse(state(session))
        answer = JSONResponse(hello(session))
        for scenario in session.scenarios:
            feature = scenario.feature
            secret = session.badges.secret_for(feature.project, feature.stream.permission, "GET")
            if secret is not None:
                answer.set_cookie(
                    COOKIE,
                    secret,
                    path=f"/{feature.project}{feature.stream.path}",
                    httponly=True,
                    samesite="strict",
                )
        return answer

    # --- the site -------------------------------------------------------------------------------

    def _name(self, scope: dict[str, Any]) -> None:
        """Let rows name the watched clients, and nobody else by their names."""
        headers = _headers(scope)
        if compare_digest(headers.get(KEY_HEADER, "").encode(), self._session.key.encode()):
            return
        kept = [pair for pair in scope["headers"] if pair[0].decode("latin-1") not in _NAMES]
        ticket = parse_qs(scope.get("query_string", b"").decode("latin-1")).get("client", [""])[0]
        for client in self._session.clients.values():
            if isinstance(client, Browser) and compare_digest(
                client.ticket.encode(), ticket.encode()
            ):
                client.requests += 1
                values = client.name, str(client.requests)
                kept += [(n.encode(), v.encode()) for n, v in zip(_NAMES, values, strict=True)]
        scope["headers"] = kept


def _headers(scope: dict[str, Any]) -> dict[str, str]:
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}


def _is_ours(authority: str, host: str) -> bool:
    """Whether a Host header names this server, and not a name that somebody pointed at it.

    A name under which another site's page was loaded could be pointed here (DNS rebinding); a
    literal address and `localhost` cannot.
    """
    try:
        name = urlsplit(f"//{authority}").hostname or ""
    except ValueError:
        return False
    if name in ("localhost", host.lower()):
        return True
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _file(name: str) -> Response:
    if name == "palette.css":
        light, dark = css_variables(dark=False), css_variables(dark=True)
        text = f":root{{{light}}}\n@media (prefers-color-scheme: dark){{:root{{{dark}}}}}\n"
        return Response(text, media_type="text/css")
    folder = files("simrt.watch").joinpath("page")
    known = {each.name: each for each in folder.iterdir()}
    if name not in known:
        return _refused(404, "nothing is here")
    return Response(known[name].read_bytes(), media_type=_TYPES[name.rpartition(".")[2]])


def _refused(status: int, reason: str) -> Response:
    return JSONResponse({"error": reason}, status)


async def _body(receive: Any) -> bytes | None:
    """The body; None where it is too large."""
    body = bytearray()
    while True:
        message = await receive()
        body += message.get("body", b"")
        if len(body) > MOST_BODY_BYTES:
            return None
        if not message.get("more_body", False):
            return bytes(body)
