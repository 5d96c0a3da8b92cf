"""A server process and raw sockets to it, for tests of what only a kernel can show."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from simrt.clock import stopwatch
from simrt.history import Row
from simrt.scenario.model import Scenario
from simrt.sse import Comment, Event, Item, Parser
from tests.server.rig import KEY, STARTS, TOKENS, answers, feature, read_rows, request

PATIENCE_S = 60.0
"""How long a test waits for what must happen before it calls it missing."""


def orders(*scenarios: Scenario, **changes: Any) -> dict[str, Any]:
    """The first line of a server's stdin."""
    return {
        "scenarios": [each.normalised() for each in scenarios or (feature(),)],
        "starts": STARTS.isoformat(),
        "secret": KEY,
        "tokens": TOKENS,
        "epoch": "e1",
        "seed": 1,
        **changes,
    }


def launch(first_line: str) -> subprocess.Popen[str]:
    """A server process that was told its first line."""
    process = subprocess.Popen(
        [sys.executable, "-m", "simrt.server"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    process.stdin.write(first_line + "\n")
    process.stdin.flush()
    return process


def fails(first_line: str, *, close: bool = False) -> tuple[int, str, str]:
    """Status, stdout and stderr of a server that does not come to listen."""
    process = launch(first_line)
    if close:
        assert process.stdin is not None
        process.stdin.close()
        process.stdin = None
    out, err = process.communicate(timeout=PATIENCE_S)
    return process.returncode, out, err


class Live:
    """A running server; a context manager that leaves no process behind."""

    def __init__(self, *scenarios: Scenario, record: Path | None = None, **changes: Any) -> None:
        self.record = record
        told = orders(*scenarios, record=None if record is None else str(record), **changes)
        self.process = launch(json.dumps(told))
        self.hello = {} if told.get("hold") else self.hear()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            assert pipe is not None
            with contextlib.suppress(BrokenPipeError):
                pipe.close()

    @property
    def port(self) -> int:
        return int(self.hello["port"])

    def hear(self) -> dict[str, Any]:
        """The next line of stdout."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            assert self.process.stderr is not None
            raise AssertionError(f"the server died: {self.process.stderr.read()}")
        heard: dict[str, Any] = json.loads(line)
        return heard

    def tell(self, line: str) -> dict[str, Any]:
        """Say a line and hear the answer."""
        self.say(line)
        return self.hear()

    def say(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def signal(self, number: int) -> None:
        os.kill(self.process.pid, number)

    def kill(self) -> None:
        self.signal(signal.SIGKILL)
        self.process.wait(PATIENCE_S)

    def hang_up(self) -> int:
        """Close its stdin; its exit status."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        return self.process.wait(PATIENCE_S)

    def wait(self) -> int:
        return self.process.wait(PATIENCE_S)

    @property
    def rows(self) -> list[Row]:
        assert self.record is not None
        return read_rows(self.record)

    def until(self, condition: Callable[[list[Row]], bool]) -> list[Row]:
        """The rows, once they fulfil a condition."""
        passed = stopwatch()
        while passed() < PATIENCE_S:
            rows = self.rows
            if condition(rows):
                return rows
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(0.02)
        raise AssertionError(f"never came; the rows end with {self.rows[-5:]}")

    def closed(self, subscriber: str) -> Row:
        """The server's `close` row of a subscriber, once it is there."""

        def closes(rows: list[Row]) -> list[Row]:
            return [row for row in rows if row.kind == "close" and row.subscriber == subscriber]

        return closes(self.until(lambda rows: bool(closes(rows))))[0]


class Socket:
    """A raw client."""

    def __init__(self, port: int, rcvbuf: int | None = None, host: str = "127.0.0.1") -> None:
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        if rcvbuf is not None:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, rcvbuf)
        self.sock.settimeout(PATIENCE_S)
        try:
            self.sock.connect((host, port))
        except OSError:
            self.sock.close()
            raise
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.got = bytearray()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.sock.close()

    def send(self, data: bytes) -> None:
        self.sock.sendall(data)

    def subscribe(self, name: str = "a/0", number: int = 1, token: str | None = None) -> Self:
        named = {"simrt-subscriber": name, "simrt-connection": str(number)}
        self.send(request("GET", "/shop/news", token=token, headers=named))
        return self

    def post(self, body: bytes = b'{"id":"7"}', path: str = "/shop/content") -> int:
        """Call a hook on this kept-alive connection; the status."""
        before = len(answers(bytes(self.got)))
        self.send(request("POST", path, body, token=TOKENS["shop"]["editor"]))
        self.read(lambda: self._whole(before + 1))
        return answers(bytes(self.got))[-1].status

    def _whole(self, count: int) -> bool:
        found = answers(bytes(self.got)) if self.got.count(b"\r\n\r\n") >= count else []
        return len(found) >= count and len(found[-1].body) == int(
            found[-1].headers.get("content-length", -1)
        )

    def read(self, until: Callable[[], bool] | None = None) -> bytes:
        """Read to a condition, or to the end."""
        while until is None or not until():
            try:
                data = self.sock.recv(65_536)
            except ConnectionResetError:
                data = b""
            if not data:
                assert until is None, "the server ended the connection"
                break
            self.got += data
        return bytes(self.got)

    def began(self) -> bool:
        """Whether the stream has begun."""
        return bool(self.items)

    @property
    def items(self) -> list[Item]:
        return Parser().feed(bytes(self.got).partition(b"\r\n\r\n")[2])

    @property
    def comments(self) -> int:
        return sum(isinstance(item, Comment) for item in self.items)

    @property
    def seqs(self) -> list[int]:
        return [int(i.last_event_id.partition(":")[2]) for i in self.items if isinstance(i, Event)]


@contextlib.contextmanager
def live(*scenarios: Scenario, **changes: Any) -> Iterator[Live]:
    """A server of these scenarios."""
    with Live(*scenarios, **changes) as server:
        yield server
