"""The server as a process of a harness: told by lines on stdin, answering by lines on stdout.

The first line of stdin is one JSON object, `Orders`. When the server listens it prints
`{"port", "epoch", "pid", "t_ns"}`. With `"hold": true` it makes everything ready, prints
`{"held": true, "pid"}` and waits for the line `listen` or `listen ZERO_NS`. Then, each answered by
one line of JSON: `count` gives the open subscriptions, `end` ends the record of the run. While held
and later, `revoke` and `restore`, each with a line of JSON as in `Named`, take credentials away and
give them back: a life that begins knows from its first connection on what is revoked. The end of
stdin, or SIGTERM, ends the process in an orderly way. What goes wrong before it listens is one
line on stderr and exit status 4, or 2 for orders that make no sense.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
from pydantic import ValidationError

from simrt.clock import RealClock
from simrt.engine import EpochError
from simrt.errors import EXIT_ERROR, EXIT_USAGE, SimrtError, TargetError, UsageError
from simrt.scenario.model import Scenario
from simrt.server.access import Gate, Secrets
from simrt.server.compiled import compile_site
from simrt.server.lateness import Lateness
from simrt.server.recorder import Recorder
from simrt.server.retries import seeded, unforeseen
from simrt.server.server import Server
from simrt.server.serving import bind, listening, raise_file_limit
from simrt.server.settings import Limits
from simrt.server.site import Site

_STDIN = 0
# Within a harness a call must never race with the idle end of its connection.
_IDLE_S = 86_400.0
# The harness may be stopped for long on a busy machine; strangers do not connect here.
_REQUEST_S = 600.0


class Orders(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the first line says.

    Attributes:
        scenarios: normalised scenarios, one a project.
        starts: the wall clock at scenario time 0, ISO 8601 with an offset.
        speed: scenario seconds per real second.
        zero_ns: the machine's monotonic clock at scenario time 0; null: when it listens.
        host: where to listen.
        port: 0 = any.
        record: the file of the server's rows, or null.
        secret: the key of the JWTs, 32 bytes or more; empty where there are none.
        tokens: project -> name -> secret.
        sndbuf: SO_SNDBUF in bytes, or null.
        notsent_lowat: TCP_NOTSENT_LOWAT in bytes, or null.
        seed: of the draws of `retry`; null takes the operating system's.
        epoch: the life's name; null draws it.
        hold: whether to wait for `listen`.
    """

    scenarios: list[dict[str, Any]]
    starts: datetime
    speed: float = 1.0
    zero_ns: int | None = None
    host: str = "127.0.0.1"
    port: int = 0
    record: str | None = None
    secret: str = ""
    tokens: dict[str, dict[str, str]] = {}
    sndbuf: int | None = None
    notsent_lowat: int | None = 1
    seed: int | None = None
    epoch: str | None = None
    hold: bool = False


class Named(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which credentials `revoke` and `restore` mean.

    Attributes:
        project: where.
        credentials: their names, `user:SUBJECT` or `token:NAME`.
    """

    project: str
    credentials: list[str]


def main() -> int:
    """Run the process; returns its exit status."""
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(message)s")
    # Ctrl-C in a terminal reaches the whole group; the harness decides what ends when.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    lines = Lines()
    try:
        orders = read_orders(lines.wait())
        site = build_site(orders)
        recorder = None if orders.record is None else Recorder(Path(orders.record), _stop)
        zero_ns = orders.zero_ns
        gate = Gate(Secrets(orders.secret, orders.tokens))
        if orders.hold:
            say({"held": True, "pid": os.getpid()})
            while (line := lines.wait()) is not None and is_rule(line):
                say(rule(line, gate))
            told = (line or "").split()
            if told[:1] != ["listen"]:
                return 0  # the end of stdin: nobody wants a server any more
            zero_ns = int(told[1]) if len(told) > 1 else zero_ns
        raise_file_limit()
        # Not before: a process that waits for its turn shares the port with the one that listens.
        sock = bind(orders.host, orders.port, orders.sndbuf)
        clock = RealClock(orders.starts, orders.speed, zero_ns)
        asyncio.run(_live(orders, site, clock, recorder, lines, sock, gate))
    except SimrtError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    except EpochError as error:
        sys.stderr.write(f"{error}\n")
        return EXIT_USAGE
    return 0


def _stop(error: OSError) -> None:
    """End at once: nothing that cannot be recorded may leave."""
    sys.stderr.write(f"the record cannot be written: {error.strerror}\n")
    sys.stderr.flush()
    os._exit(EXIT_ERROR)


def read_orders(line: str | None) -> Orders:
    """The first line as `Orders`.

    Raises:
        UsageError: where it is none.
    """
    if line is None:
        raise UsageError("stdin ended before its first line; write one JSON object there")
    try:
        orders = msgspec.json.decode(line, type=Orders)
    except msgspec.MsgspecError as error:
        raise UsageError(f"the first line of stdin: {error}") from error
    if orders.starts.tzinfo is None or orders.speed <= 0:
        raise UsageError("starts needs an offset such as +00:00, and speed is above 0")
    Secrets(orders.secret, orders.tokens)  # refuses what is too short
    return orders


def build_site(orders: Orders) -> Site:
    """The site of the scenarios.

    Raises:
        UsageError: where one of them is invalid.
    """
    try:
        return compile_site([Scenario.model_validate(each) for each in orders.scenarios])
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise UsageError(f"scenario: {place}: {first['msg']}") from error


def say(words: dict[str, Any]) -> None:
    """One line of JSON on stdout."""
    rest = memoryview(json.dumps(words).encode() + b"\n")
    while rest:
        rest = rest[os.write(1, rest) :]


def is_rule(line: str) -> bool:
    """Whether a line says something about credentials."""
    return line.partition(" ")[0] in ("revoke", "restore")


def rule(line: str, whom: Gate | Server) -> dict[str, Any]:
    """Obey `revoke` or `restore`; returns the answer."""
    word, _, rest = line.partition(" ")
    try:
        named = msgspec.json.decode(rest, type=Named)
        for credential in named.credentials:
            if word == "revoke":
                whom.revoke(named.project, credential)
            else:
                whom.restore(named.project, credential)
    except (msgspec.MsgspecError, UsageError) as error:
        return {"error": f"{word}: {error}"}
    return {f"{word}d": len(named.credentials)}


class Lines:
    """The lines of stdin: waited for at first, later told as they come."""

    def __init__(self) -> None:
        self._rest = b""

    def wait(self) -> str | None:
        """The next line; None at the end of stdin."""
        while b"\n" not in self._rest:
            chunk = os.read(_STDIN, 65_536)
            if not chunk:
                return None
            self._rest += chunk
        line, _, self._rest = self._rest.partition(b"\n")
        return line.decode("utf-8", "replace").strip()

    def feed(self, chunk: bytes) -> Iterator[str]:
        """The lines that a chunk finished."""
        self._rest += chunk
        while b"\n" in self._rest:
            line, _, self._rest = self._rest.partition(b"\n")
            yield line.decode("utf-8", "replace").strip()


class Commands(asyncio.Protocol):
    """Reads stdin while the server lives.

    Arguments:
        server: what the commands are about.
        lines: what was read and not yet used.
        lateness: how late the loop's timers are.
    """

    def __init__(self, server: Server, lines: Lines, lateness: Lateness) -> None:
        self._server = server
        self._lines = lines
        self._lateness = lateness
        self.stopped = asyncio.Event()

    def connection_made(self, _transport: asyncio.BaseTransport) -> None:
        """What came together with the first line is a command too."""
        self.data_received(b"")

    def data_received(self, data: bytes) -> None:
        """Obey each line."""
        for line in self._lines.feed(data):
            self._obey(line)

    def connection_lost(self, _exc: Exception | None) -> None:
        """Whoever started it is gone."""
        self.stopped.set()

    def _obey(self, line: str) -> None:
        if line == "count":
            counts = [
                [
                    each.who.subscriber,
                    each.who.connection,
                    each.fates["taken"],
                    each.fates["pending"],
                ]
                for each in self._server.counts()
            ]
            say({"counts": counts})
        elif line == "end":
            self.end()
            say({"ended": True, "late_ns": self._lateness.p99_ns()})
        elif is_rule(line):
            say(rule(line, self._server))
        else:
            known = "count, end, revoke {…} or restore {…}"
            say({"error": f"unknown command {line[:40]!r}; write {known}"})

    def end(self) -> None:
        """End the record of the run."""
        self._server.end()


async def _live(
    orders: Orders,
    site: Site,
    clock: RealClock,
    recorder: Recorder | None,
    lines: Lines,
    sock: Any,
    gate: Gate,
) -> None:
    """From `listen` to the end."""
    loop = asyncio.get_running_loop()
    server = Server(
        site,
        clock,
        gate=gate,
        epoch=orders.epoch,
        share=unforeseen() if orders.seed is None else seeded(orders.seed),
        limits=Limits(
            idle_s=_IDLE_S,
            request_s=_REQUEST_S,
            sndbuf_bytes=orders.sndbuf,
            notsent_lowat_bytes=orders.notsent_lowat,
        ),
        recorder=recorder,
    )
    t_ns = clock.now()
    await server.listen(listening(sock))
    lateness = Lateness(loop)
    try:
        transport, commands = await loop.connect_read_pipe(
            lambda: Commands(server, lines, lateness), sys.stdin.buffer
        )
    except ValueError as error:
        raise TargetError("stdin must be a pipe; its end is the order to stop") from error
    loop.add_signal_handler(signal.SIGTERM, commands.stopped.set)
    loop.add_signal_handler(signal.SIGUSR1, commands.end)
    say(
        {
            "port": sock.getsockname()[1],
            "epoch": server.hub.epoch,
            "pid": os.getpid(),
            "t_ns": t_ns,
        }
    )
    await commands.stopped.wait()
    lateness.stop()
    await server.shut_down()
    transport.close()
