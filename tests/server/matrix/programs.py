"""Clients that others wrote, each as a program: how it is started, what it says, is it here.

What cannot be found here says so in `missing`, and its test is skipped with that reason.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from simrt.sse import Event, Parser
from tests.chromium import PROGRAM

HERE = Path(__file__).parent
NODE_HOME = Path(sys.prefix) / "clients"
"""Where `make` puts the Node packages of `package.json`."""
CHROMIUM = PROGRAM or ""
CURL = shutil.which("curl") or ""


@cache
def node() -> str:
    """A Node that is new enough: the one that Playwright brings, or the system's."""
    with contextlib.suppress(ImportError):
        import playwright

        own = Path(playwright.__file__).parent / "driver" / "node"
        if own.is_file():
            return str(own)
    return shutil.which("node") or ""


def _said(*words: str) -> str:
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout.strip()


@dataclass(frozen=True)
class Program:
    """One client.

    Attributes:
        name: as the table shows it.
        words: from the stream's address, a token and the last id that it had: a command.
        missing: why it cannot be run here, or an empty text.
        version: its version.
        returns: whether it connects again by itself; else whoever uses it must.
        raw: whether it prints the stream as it came.
    """

    name: str
    words: Callable[[str, str, str], list[str]]
    missing: Callable[[], str]
    version: Callable[[], str]
    returns: bool
    raw: bool = False


def _curl(url: str, token: str, last_event_id: str) -> list[str]:
    words = [CURL, "-sN", "--fail", "--noproxy", "*", "-H", f"Authorization: Bearer {token}"]
    words += ["-w", "%{stderr}%{http_code}"]  # its last word is the status
    return [*words, "-H", f"Last-Event-ID: {last_event_id}", url]


def _node_package() -> Path:
    return NODE_HOME / "node_modules" / "eventsource" / "package.json"


def _node_missing() -> str:
    if not node():
        return "Node is not installed"
    return "" if _node_package().is_file() else "npm `eventsource` is not installed (npm)"


def _no_chromium() -> str:
    try:
        importlib.metadata.version("playwright")
    except importlib.metadata.PackageNotFoundError:
        return "playwright is not installed"
    return "" if CHROMIUM else "chromium is not installed (apt: chromium)"


PROGRAMS = (
    Program(
        "Chromium `EventSource`",
        lambda url, token, _: [
            *(sys.executable, "-m", "tests.server.matrix.chromium_client"),
            *(CHROMIUM, url, token),
        ],
        _no_chromium,
        lambda: _said(CHROMIUM, "--version").removeprefix("Chromium ").split()[0],
        returns=True,
    ),
    Program(
        "npm `eventsource`",
        lambda url, token, last: [
            *(node(), str(HERE / "node_client.mjs")),
            *(str(NODE_HOME), url, token, last),
        ],
        _node_missing,
        lambda: (
            f"{json.loads(_node_package().read_text())['version']}"
            f" on Node {_said(node(), '--version').removeprefix('v')}"
        ),
        returns=True,
    ),
    Program(
        "curl",
        _curl,
        lambda: "" if CURL else "curl is not installed (apt: curl)",
        lambda: _said(CURL, "--version").split()[1],
        returns=False,
        raw=True,
    ),
    Program(
        "Python `httpx2`",
        lambda url, token, last: [
            *(sys.executable, "-m", "tests.server.matrix.python_client"),
            *(url, token, last),
        ],
        lambda: "",
        lambda: importlib.metadata.version("httpx2"),
        returns=False,
    ),
)

OWN = Program(
    "`simrt.client`",
    lambda url, token, _: [sys.executable, "-m", "tests.server.matrix.own_client", url, token],
    lambda: "",
    lambda: importlib.metadata.version("simrt"),
    returns=True,
)
"""Ours: what the harness reads with; it shall do what browsers do."""


@dataclass
class Running:
    """One client that runs, and what it said so far.

    Attributes:
        events: what arrived.
        opens: how often it told of a stream that began.
        over: whether it has given up.
        status: the status that it gave up at, where it knows.
    """

    program: Program
    process: subprocess.Popen[bytes]
    events: list[Event] = field(default_factory=list)
    opens: int = 0
    over: bool = False
    status: int | None = None
    _rest: bytes = b""
    _parser: Parser = field(default_factory=Parser)

    def until(self, condition: Callable[[], bool]) -> None:
        """Hear it until a condition holds."""
        assert self.process.stdout is not None
        while not condition():
            chunk = os.read(self.process.stdout.fileno(), 65_536)
            if not chunk:
                self._ended()
                assert condition(), f"{self.program.name} ended; it said {self.events}"
                return
            self._hear(chunk)

    def _hear(self, chunk: bytes) -> None:
        if self.program.raw:
            found = self._parser.feed(chunk)
            self.events += [item for item in found if isinstance(item, Event)]
            return
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        for line in lines:
            said = json.loads(line)
            self.opens += "open" in said
            if "event" in said:
                self.events.append(Event(*said["event"]))
            if said.get("over"):
                self.over, self.status = True, said["error"]

    def _ended(self) -> None:
        code = self.process.wait()
        assert self.over or self.program.raw, f"{self.program.name} broke, exit code {code}"
        self.over = True
        if self.process.stderr is not None:  # 000 where no answer came
            status = int(self.process.stderr.read())
            self.status = None if status in (0, 200) else status


@contextlib.contextmanager
def running(program: Program, url: str, token: str, last_event_id: str = "") -> Iterator[Running]:
    """A client that listens."""
    with subprocess.Popen(
        program.words(url, token, last_event_id),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE if program.raw else None,
    ) as process:
        try:
            yield Running(program, process)
        finally:
            process.kill()
