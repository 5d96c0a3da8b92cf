"""A loop whose time jumps, a transport with a window, and a server between them: no sockets."""

from __future__ import annotations

import asyncio
import functools
import logging
import selectors
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jwt
import msgspec

from simrt.clock import LoopTimers
from simrt.history import Row
from simrt.scenario.model import Scenario
from simrt.server import Limits, Recorder, Secrets, Server, Site, compile_site
from simrt.server.protocol import Connection
from simrt.server.retries import Share
from simrt.server.stream import RAW_HEAD
from simrt.sse import Comment, Event, Item, Parser, Retry

STARTS = datetime(2026, 1, 1, tzinfo=UTC)
S = 1_000_000_000
KEY = "a key of HS256 that is long enough"
TOKENS = {"shop": {"editor": "editor's secret", "reader": "reader's secret"}}


class _Selector(selectors.DefaultSelector):
    """Never waits: what a loop would wait becomes its time."""

    time_s = 0.0

    def select(self, timeout: float | None = None) -> Any:
        if timeout is None:
            raise AssertionError("nothing is left to happen, and the test waits")
        self.time_s += max(0.0, timeout)
        return super().select(0)


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop on which waiting takes no time."""

    def __init__(self) -> None:
        self._jumping = _Selector()
        self.servers: list[Server] = []
        super().__init__(self._jumping)

    def time(self) -> float:
        return self._jumping.time_s


class VirtualClock(LoopTimers):
    """The scenario's clock on such a loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop, starts: datetime = STARTS) -> None:
        self._loop = loop
        self.starts = starts

    def now(self) -> int:
        return round(self._loop.time() * S)

    def wall(self) -> datetime:
        return self.starts + timedelta(microseconds=self.now() // 1000)

    def loop_s(self, ns: int) -> float:
        return max(0.0, ns / S)


def virtual(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Run an async test on a loop of its own; anything that failed unseen fails the test."""

    @functools.wraps(test)
    def run(*args: Any, **kwargs: Any) -> None:
        failures: list[Any] = []
        complaints = _Complaints(failures)
        logging.getLogger("uvicorn.error").addHandler(complaints)
        loop = VirtualLoop()
        loop.set_exception_handler(lambda _, context: failures.append(context))
        try:
            loop.run_until_complete(test(*args, **kwargs))
        finally:
            loop.run_until_complete(_hang_up(loop.servers))
            loop.close()
            logging.getLogger("uvicorn.error").removeHandler(complaints)
        assert failures == []

    return run


class _Complaints(logging.Handler):
    """What uvicorn calls an error of ours."""

    def __init__(self, failures: list[Any]) -> None:
        super().__init__(logging.ERROR)
        self._failures = failures

    def emit(self, record: logging.LogRecord) -> None:
        self._failures.append(record.getMessage())


async def _hang_up(servers: list[Server]) -> None:
    for server in servers:
        for connection in list(server.connections):
            connection.abort()
    await settle()


class MemoryTransport(asyncio.Transport):
    """The server's end of a connection whose other end takes `window` bytes, then no more.

    `arrive` is the client's word to the server; `read` is the client reading.
    """

    def __init__(self, protocol: asyncio.Protocol, window: int = 1 << 40) -> None:
        super().__init__()
        self.protocol: Any = protocol
        self.window = window
        self.sent = bytearray()  # what left the server's own buffer
        self.writes: list[bytes] = []
        self.held = bytearray()  # what is in it
        self.largest_held = 0
        self.closing = False
        self.aborted = False
        self.lost = False
        self.reading = True
        self.ends_after_flush = False
        self._high, self._low = 65_536, 16_384
        self._paused = False
        self._loop = asyncio.get_running_loop()
        protocol.connection_made(self)

    # the server's side

    def write(self, data: Any) -> None:
        if self.closing:
            return
        self.writes.append(bytes(data))
        self.held += data
        self._move()
        self.largest_held = max(self.largest_held, len(self.held))
        if not self._paused and len(self.held) > self._high:
            self._paused = True
            self.protocol.pause_writing()

    def _move(self) -> None:
        count = min(len(self.held), self.window)
        self.sent += self.held[:count]
        del self.held[:count]
        self.window -= count
        if self._paused and len(self.held) <= self._low:
            self._paused = False
            self.protocol.resume_writing()
        if self.ends_after_flush and not self.held:
            self._finish(None)

    def get_write_buffer_size(self) -> int:
        return len(self.held)

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        assert high is not None
        assert low is not None
        self._high, self._low = high, low

    def is_closing(self) -> bool:
        return self.closing

    def close(self) -> None:
        if not self.closing:
            self.closing = self.ends_after_flush = True
            self._move()

    def abort(self) -> None:
        self.closing = self.aborted = True
        self.held.clear()
        self._finish(None)

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        self.ends_after_flush = False

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True

    def set_protocol(self, protocol: Any) -> None:
        self.protocol = protocol

    def get_extra_info(self, name: str, default: Any = None) -> Any:  # noqa: ARG002
        return default

    def _finish(self, exc: Exception | None) -> None:
        if not self.lost:
            self.lost = True
            self._loop.call_soon(lambda: self.protocol.connection_lost(exc))

    # the client's side

    def arrive(self, data: bytes) -> None:
        """Bytes from the client."""
        if not self.closing:
            self.protocol.data_received(data)

    def eof(self) -> None:
        """The client's end."""
        if not self.closing and not self.protocol.eof_received():
            self.close()

    def reset(self, exc: Exception) -> None:
        """The connection broke."""
        self.closing = True
        self._finish(exc)

    def read(self, count: int) -> None:
        """The client frees so many bytes of the window."""
        self.window += count
        self._move()


@dataclass
class Answer:
    """An HTTP answer, taken apart."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return msgspec.json.decode(self.body)


def answers(raw: bytes) -> list[Answer]:
    """All answers on one connection; a stream takes the rest."""
    found = []
    while raw:
        head, _, raw = raw.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {}
        for line in lines:
            name, _, value = line.partition(": ")
            headers[name.lower()] = value
        length = int(headers.get("content-length", len(raw)))
        found.append(Answer(int(first.split()[1]), headers, raw[:length]))
        raw = raw[length:]
    return found


@dataclass
class Client:
    """One connection to a server in memory."""

    connection: Connection
    transport: MemoryTransport

    @property
    def answers(self) -> list[Answer]:
        return answers(bytes(self.transport.sent))

    @property
    def answer(self) -> Answer:
        return self.answers[-1]

    @property
    def items(self) -> list[Item]:
        """What the stream said so far."""
        return Parser().feed(self.answer.body)

    @property
    def events(self) -> list[Event]:
        return [item for item in self.items if isinstance(item, Event)]

    @property
    def seqs(self) -> list[int]:
        return [int(event.last_event_id.partition(":")[2]) for event in self.events]

    def gone(self) -> bool:
        """Whether the connection is over."""
        return self.transport.lost

    @property
    def retries(self) -> list[int]:
        return [item.ms for item in self.items if isinstance(item, Retry)]

    @property
    def comments(self) -> int:
        return sum(isinstance(item, Comment) for item in self.items)


@dataclass
class Rig:
    """A server on a virtual loop. Make it with `rig`."""

    server: Server
    path: Path | None = None
    _members: dict[str, int] = field(default_factory=dict)

    def dial(self, window: int = 1 << 40) -> Client:
        connection = self.server.connection()
        return Client(connection, MemoryTransport(connection, window))

    async def ask(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        *,
        token: str | None = None,
        headers: dict[str, str] | None = None,
        client: Client | None = None,
        window: int = 1 << 40,
    ) -> Client:
        """One request, and what can happen at once."""
        client = client or self.dial(window)
        client.transport.arrive(request(method, path, body, token=token, headers=headers))
        await settle()
        return client

    async def subscribe(
        self, name: str = "a/0", number: int = 1, path: str = "/shop/news", window: int = 1 << 40
    ) -> Client:
        named = {"simrt-subscriber": name, "simrt-connection": str(number)}
        return await self.ask("GET", path, headers=named, window=window)

    async def post(self, data: Any = None, path: str = "/shop/content") -> Answer:
        """Call the hook."""
        body = msgspec.json.encode({"id": "7"} if data is None else data)
        return (await self.ask("POST", path, body, token=TOKENS["shop"]["editor"])).answer

    @property
    def rows(self) -> list[Row]:
        assert self.path is not None
        return read_rows(self.path)

    def kinds(self) -> list[str]:
        return [row.kind for row in self.rows]


def read_rows(path: Path) -> list[Row]:
    """The rows of a server's file, an unfinished last line left out."""
    whole = path.read_bytes().rpartition(b"\n")[0]
    return [msgspec.json.decode(line, type=Row) for line in whole.splitlines()]


def request(
    method: str,
    path: str,
    body: bytes | None = None,
    *,
    token: str | None = None,
    headers: dict[str, str] | None = None,
) -> bytes:
    """A request's bytes."""
    lines = [f"{method} {path} HTTP/1.1", "host: test"]
    if token is not None:
        lines.append(f"authorization: Bearer {token}")
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    if body is not None:
        lines.append(f"content-length: {len(body)}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + (body or b"")


async def settle() -> None:
    """Let everything happen that needs no time to pass."""
    for _ in range(12):
        await asyncio.sleep(0)


async def rig(
    site: Site | None = None,
    *,
    record: Path | None = None,
    limits: Limits | None = None,
    share: Share | None = None,
    starts: datetime = STARTS,
    **changes: Any,
) -> Rig:
    """A server of `feature(**changes)`, or of a site."""
    loop = asyncio.get_running_loop()
    server = Server(
        site or compile_site([feature(**changes)]),
        VirtualClock(loop, starts),
        secrets_=Secrets(KEY, TOKENS),
        epoch="e1",
        share=share or (lambda _name, _index: 0.5),
        limits=limits,
        recorder=None if record is None else Recorder(record),
    )
    return started(server, record)


def started(server: Server, record: Path | None = None) -> Rig:
    """A rig around a server, whose jobs begin now."""
    assert isinstance(server.loop, VirtualLoop)
    server.loop.servers.append(server)
    for job in server._jobs:
        job.begin(server.clock.now())
    return Rig(server, record)


SHAPE = {
    "type": "object",
    "additionalProperties": False,
    "required": ["id"],
    "properties": {"id": {"type": "string"}},
    "examples": [{"id": "{n}"}],
}


def feature(
    *,
    project: str = "shop",
    options: dict[str, Any] | None = None,
    permission: dict[str, list[str]] | None = None,
    replay: dict[str, Any] | None = None,
    senders: list[dict[str, Any]] | None = None,
    server: dict[str, Any] | None = None,
    variants: dict[str, str] | None = None,
) -> Scenario:
    """A scenario with one hook, `POST /content`, and a public stream."""
    editor = {"token:editor": ["POST"]}
    return Scenario.model_validate(
        {
            "title": "A test",
            "intent": {"kind": "notifications"},
            "feature": {
                "project": project,
                "channel": "news",
                "options": options or {"bufferSize": 4},
                "stream": {
                    "path": "/news",
                    "permission": permission or {"public": ["GET"]},
                    "replay": replay or {},
                },
                "events": {"changed": SHAPE},
                "senders": senders
                or [{"hook": "POST /content", "permission": editor, "sends": "changed"}],
            },
            "workload": {"duration": "10m", "subscribers": {"a": {}}},
            "server": server or {},
            "variants": variants or {},
        }
    )


def user_token(
    project: str = "shop",
    *,
    expires_s: float | None = 3600,
    key: str = KEY,
    algorithm: str = "HS256",
    starts: datetime = STARTS,
    **claims: Any,
) -> str:
    """A JWT that ends so many seconds of scenario time after the start."""
    claims = {"sub": "u", "aud": project, **claims}
    if expires_s is not None:
        claims["exp"] = starts.timestamp() + expires_s
    return jwt.encode(claims, key, algorithm=algorithm)


FRAME = len('id: e1:1\nevent: changed\ndata: {"id":"7"}\n\n')
QUIET = {"heartbeat": "none", "writeDeadline": "none", "peerTimeout": "none"}


def head_bytes() -> int:
    """How much a stream writes before its first event, with the rig's `retry`."""
    return len(RAW_HEAD) + len("retry: 3500\n\n")


async def sends(on: Rig, count: int) -> None:
    for n in range(count):
        assert (await on.post({"id": str(n % 10)})).status == 200


def last(on: Rig, kind: str) -> Row:
    return [row for row in on.rows if row.kind == kind][-1]
