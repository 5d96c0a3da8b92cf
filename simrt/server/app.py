"""The ASGI app: from a request to a stream, a hook, or a refusal in a few words of JSON."""

from __future__ import annotations

import inspect
import json
import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from simrt.engine import InvalidNameError
from simrt.inputs import NotJson, read_json
from simrt.server import access_log
from simrt.server.access import Denied, Granted, credential_of
from simrt.server.asgi import Receive, Send, run_plain
from simrt.server.call import Call, Params, Rejected
from simrt.server.declared import Endpoint, Hook, StreamEndpoint
from simrt.server.full import Full
from simrt.server.metrics import exposition
from simrt.server.protocol import EXTENSION, Connection
from simrt.server.signs import Sign
from simrt.server.stream import raw_head

if TYPE_CHECKING:
    from simrt.server.server import Server

log = logging.getLogger("simrt.server")

_JSON = (b"content-type", b"application/json")


class Refused(Exception):  # noqa: N818 - an answer, not a failure
    """A request that gets no more than a status and a sentence."""

    def __init__(self, status: int, reason: str, headers: Mapping[str, str] | None = None) -> None:
        self.status = status
        self.headers = dict(headers or {})
        super().__init__(reason)


class Gone(Exception):  # noqa: N818 - nobody is there to be told
    """The client left before its request was complete."""


class App:
    """Routes requests of one server; mountable in another ASGI app.

    Arguments:
        server: what it serves.
    """

    def __init__(self, server: Server) -> None:
        self._server = server

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        """Answer one request (ASGI 3)."""
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
        elif scope["type"] == "http":
            await self._http(scope, receive, send)
        else:
            await send({"type": "websocket.close", "code": 1000})

    async def _http(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        headers = _headers(scope)
        pages: dict[str, str] = {}
        endpoint: Endpoint | None = None
        try:
            methods, params = self._route(scope)
            method, origin = scope["method"], headers.get("origin")
            wanted = methods.get(headers.get("access-control-request-method", ""))
            if method == "OPTIONS" and wanted is not None:
                preflight = wanted.origins.preflight(origin, wanted.method)
                if preflight is not None:
                    access_log.answered(wanted, 204)
                    await _answer(send, 204, None, preflight)
                    return
            endpoint = _endpoint(methods, method)
            pages = endpoint.origins.fields(origin)
            granted = self._admit(endpoint, method, headers)
            if isinstance(endpoint, StreamEndpoint):
                await self._stream(endpoint, params, granted, pages, scope, receive, send)
            elif isinstance(endpoint, Hook):
                await self._hook(endpoint, params, pages, receive, send)
            else:
                await self._sign(endpoint, headers, send)
        except Refused as refused:
            self._note(endpoint, refused.status)
            fields = refused.headers | pages
            await _answer(send, refused.status, {"error": str(refused)}, fields)
        except Full as full:
            self._note(endpoint, 503)
            fields = {"retry-after": str(full.retry_after_s)} | pages
            connection = _connection(scope)
            if connection is None:
                await _answer(send, 503, {"error": str(full)}, fields)
            else:
                body = json.dumps({"error": str(full)}).encode()
                connection.turn_away(scope, 503, body, _fields(fields))
        except Gone:
            connection = _connection(scope)
            if connection is not None:
                connection.give_up(scope)

    def _note(self, endpoint: Endpoint | None, status: int) -> None:
        """A request is refused."""
        self._server.tally.refused["" if endpoint is None else endpoint.project, status] += 1
        access_log.answered(endpoint, status)

    def _route(self, scope: dict[str, Any]) -> tuple[dict[str, Endpoint], Params]:
        """What is at the path, by method."""
        server = self._server
        if server.refuses:
            raise server.full("the server is shutting down")
        path = scope["path"].removeprefix(scope.get("root_path", ""))
        found = server.site.find(path)
        connection = _connection(scope)
        # Who watches over a full server is told how it is; nobody else is (STR-2).
        if (
            connection is not None
            and not connection.served
            and (found is None or not isinstance(found[0].get("GET"), Sign))
        ):
            raise server.full("the server has all the connections that it can keep")
        # An encoded slash is no separator for a proxy that guards paths, so it is none here.
        if found is None or b"%2f" in (scope.get("raw_path") or b"").lower():
            # One text for every path: it tells nothing about other projects (PRJ-1).
            raise Refused(404, "nothing is here")
        return found

    def _admit(self, endpoint: Endpoint, method: str, headers: Mapping[str, str]) -> Granted:
        """The permission (SSE-4)."""
        server = self._server
        credential = credential_of(headers, cookies=isinstance(endpoint, StreamEndpoint))
        verdict = server.gate.judge(
            endpoint.permission, method, endpoint.project, credential, server.clock.wall()
        )
        if isinstance(verdict, Denied):
            challenge = {"www-authenticate": "Bearer"} if verdict.status == 401 else {}
            raise Refused(verdict.status, verdict.reason, challenge)
        return verdict

    # --- streams ------------------------------------------------------------------------------

    async def _stream(
        self,
        endpoint: StreamEndpoint,
        params: Params,
        granted: Granted,
        pages: Mapping[str, str],
        scope: dict[str, Any],
        receive: Receive,
        send: Send,
    ) -> None:
        connection = _connection(scope)
        if connection is not None and connection.transport.is_closing():
            raise Gone
        fields = _fields(pages)
        head = b"" if connection is None else raw_head(fields)
        try:
            stream = self._server.open(endpoint, params, granted, _headers(scope), head=head)
        except InvalidNameError:
            raise Refused(404, "nothing is here") from None
        if connection is None:
            await run_plain(stream, receive, send, fields)
            return
        connection.hand_over(stream, scope)
        await stream.closed

    # --- hooks --------------------------------------------------------------------------------

    async def _hook(
        self,
        hook: Hook,
        params: Params,
        pages: Mapping[str, str],
        receive: Receive,
        send: Send,
    ) -> None:
        """Run a hook; what its handler raises harms nobody, what it sent is sent (HOK-2)."""
        server = self._server
        data = await self._data(hook, receive)
        if server.refuses:
            raise server.full("the server is shutting down")
        n = server.count_call(hook)
        call = Call(
            data,
            params,
            n,
            server.clock.wall(),
            lambda *event: server.send(hook, *event),
            _refuse=lambda event: server.reject(hook, event, "shape"),
        )
        try:
            result = hook.handler(call)
            if inspect.isawaitable(result):
                await result
        except Rejected as rejected:
            status = 422 if rejected.cause == "shape" else 400
            raise Refused(status, rejected.reason) from None
        except (Full, Refused):
            raise
        except Exception:  # whatever a handler raises
            log.exception("hook %s failed", hook.sender)
            raise Refused(500, "the hook failed") from None
        access_log.answered(hook, 200 if call.sent else 202, sent=len(call.sent))
        if not call.sent:
            await _answer(send, 202, {"sent": 0}, pages)
            return
        last = call.sent[-1]
        body = {"seq": last.seq, "epoch": last.epoch, "offered": last.offered}
        if server.recorder is not None:
            server.recorder.flush()  # before the answer, which shows that it was sent
        await _answer(send, 200, body, pages)

    # --- the server itself ----------------------------------------------------------------------

    async def _sign(self, sign: Sign, headers: Mapping[str, str], send: Send) -> None:
        if sign.what == "health":
            if self._server.leaving:
                raise self._server.full("the server is shutting down")
            await _answer(send, 200, {"status": "ok"}, {"cache-control": "no-store"})
            return
        body, content_type = exposition(self._server, headers.get("accept", ""))
        fields = {"content-type": content_type, "content-length": str(len(body))}
        await _send(send, 200, _fields(fields), body)

    async def _data(self, hook: Hook, receive: Receive) -> Any:
        """The body as JSON; refused where it is too large or none (PUB-3)."""
        server = self._server
        event = hook.sends[0] if len(hook.sends) == 1 else ""
        limit = server.limits.body_bytes
        body = bytearray()
        more = True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise Gone
            body += message.get("body", b"")
            more = message.get("more_body", False)
            if len(body) > limit:
                server.reject(hook, event, "event")
                raise Refused(413, f"the body exceeds {limit} bytes")
        try:
            return read_json(bytes(body))
        except NotJson as reason:
            server.reject(hook, event, "event")
            raise Refused(400, f"the body is not JSON (RFC 8259): {reason}") from None


def _headers(scope: dict[str, Any]) -> dict[str, str]:
    """The headers by lower-case name; of equal ones the last."""
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}


def _connection(scope: dict[str, Any]) -> Connection | None:
    """The bare connection, where our own protocol carries the request."""
    found = (scope.get("extensions") or {}).get(EXTENSION, {}).get("connection")
    return found if isinstance(found, Connection) else None


def _endpoint(methods: dict[str, Endpoint], method: str) -> Endpoint:
    if method not in methods:
        allowed = ", ".join(sorted(methods))
        raise Refused(405, f"{method} is not allowed; allowed: {allowed}", {"allow": allowed})
    return methods[method]


def _fields(headers: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]


async def _answer(
    send: Send, status: int, body: dict[str, Any] | None, headers: Mapping[str, str]
) -> None:
    """A whole answer; without a body for 204."""
    encoded = b"" if body is None else json.dumps(body).encode()
    fields = [] if body is None else [_JSON, (b"content-length", b"%d" % len(encoded))]
    await _send(send, status, fields + _fields(headers), encoded)


async def _send(send: Send, status: int, fields: list[tuple[bytes, bytes]], body: bytes) -> None:
    await send({"type": "http.response.start", "status": status, "headers": fields})
    await send({"type": "http.response.body", "body": body, "more_body": False})


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return
