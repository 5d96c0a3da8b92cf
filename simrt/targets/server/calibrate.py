"""What a stalled client really swallows: the kernel's window, measured before each run (NET-9).

On real sockets a window is what the kernel holds for a reader who does not read. It is measured on
a server process of its own, with the socket settings of the run and events of the scenario's size:
a client connects and reads nothing, a hook is called until the server takes no more; what it took
is the window.

A client that reads has more under way: what one read brought waits in the client, and the kernel
opens a larger window for whoever empties it. So the same client then reads as the real ones do, and
the most that is under way is measured too.
"""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from simrt.client.connection import READ_BYTES
from simrt.errors import TargetError
from simrt.history import Row
from simrt.scenario.events import payload, render
from simrt.scenario.model import Publish, Scenario, Sender, Subscribers
from simrt.sse import encode_event, event_id
from simrt.targets.harness.calls import Hook, Line
from simrt.targets.server.process import ServerProcess

# Below this the kernel rounds up; above it, a window of so many bytes is what a laptop has.
_LEAST_RCVBUF = 2304
_MOST_RCVBUF = 4 << 20
# The server's side: near the smallest, so that little lies in it.
SNDBUF_BYTES = 16_384
# So many calls at once; the measured window is exact to the message, whatever this is.
_BURST = 16
# Bounds of one measurement: a window beyond them is written down as these.
_MOST_MESSAGES = 20_000
# The window of a client that reads: over so many openings, within so many reads. A closed window is
# asked about again and again, after a second at the latest.
_OPENINGS = 6
_MOST_READS = 120
_SILENT_S = 5.0
_SETTLE_S = 0.02
_WAITING = 4096
_EVENT_END = b"\n\n"
_HOOK = "POST /calibrate"
_PATH = "/calibrate"


@dataclass(frozen=True, slots=True)
class Measured:
    """A window.

    Attributes:
        messages: taken for a client that read nothing.
        wire_bytes: their size as they were written to the stream.
        most_bytes: most that was under way, on the same count, once the client read: taken and not
            yet handled, where what one read brings is handled before the next read.
    """

    messages: int
    wire_bytes: int
    most_bytes: int


def typical_event(scenario: Scenario) -> tuple[str, Any]:
    """An event that the scenario sends, with its data: of the first entry that sends."""
    feature = scenario.feature
    entries: tuple[Publish | Sender, ...] = (*scenario.workload.publish, *feature.senders)
    for entry in entries:
        try:
            data = payload(feature, entry)
        except LookupError:
            continue
        event = entry.sends if isinstance(entry, Sender) else entry.event
        return event, render(data, 1, scenario.starts)
    event = next(iter(feature.events))
    examples = feature.events[event].get("examples") or [None]
    return event, examples[0]


def wire_bytes(event: str, size: int) -> int:
    """How long an event with so much data is on the stream; its seq counted as four digits."""
    return len(encode_event(event_id("0" * 32, 1000), event, b"0" * size))


def buffers_of(scenario: Scenario) -> dict[str, int | None]:
    """The server's side of the kernel's window, as it is told to a server process."""
    if scenario.server.kernel_buffers == "default":
        return {"sndbuf": None, "notsent_lowat": None}
    return {"sndbuf": SNDBUF_BYTES, "notsent_lowat": 1}


def rcvbuf_of(scenario: Scenario, group: Subscribers) -> int | None:
    """The SO_RCVBUF with which the kernel's window comes near the one that a group asks for.

    None, the system's own, where the scenario says so.
    """
    if scenario.server.kernel_buffers == "default":
        return None
    event, data = typical_event(scenario)
    size = wire_bytes(event, len(_compact(data)))
    wanted = group.window_bytes or (group.window_msgs or 1) * size
    return min(max(wanted, _LEAST_RCVBUF), _MOST_RCVBUF)


def _compact(data: Any) -> bytes:
    return json.dumps(data, ensure_ascii=False, separators=(",", ":")).encode()


def _bare(scenario: Scenario) -> dict[str, Any]:
    """The scenario's events behind one public hook and one public stream that keeps nothing."""
    event, _ = typical_event(scenario)
    written = scenario.normalised()
    return {
        "title": "calibration",
        "intent": {"kind": "notifications"},
        "feature": {
            "project": "calibration",
            "channel": "calibration",
            # So much waits that an opened window is filled at once.
            "options": {"bufferSize": _WAITING},
            "stream": {"path": _PATH, "permission": {"public": ["GET"]}},
            "events": {event: written["feature"]["events"][event]},
            "senders": [{"hook": _HOOK, "permission": {"public": ["POST"]}, "sends": event}],
        },
        "workload": {"duration": "1s", "subscribers": {"stalled": {}}},
        "server": {
            **written.get("server", {}),
            "heartbeat": "none",
            "peerTimeout": "none",
            "writeDeadline": "none",
            "retrySpread": "none",
        },
    }


class _Takes:
    """The `take` rows of a growing record."""

    def __init__(self, record: Path) -> None:
        self._file = record.open("rb")
        self._rest = b""
        self.sizes: dict[str, list[int]] = {}

    def read(self) -> None:
        *lines, self._rest = (self._rest + self._file.read()).split(b"\n")
        for line in lines:
            row = msgspec.json.decode(line, type=Row)
            if row.kind == "connect":
                self.sizes.setdefault(row.subscriber, [])
            elif row.kind == "take":
                self.sizes.setdefault(row.subscriber, []).append(wire_bytes(row.event, row.bytes))

    def close(self) -> None:
        self._file.close()


async def calibrate(
    scenario: Scenario, rcvbufs: Iterable[int | None], config: dict[str, Any], folder: Path
) -> dict[int | None, Measured]:
    """Measure the window for each receive buffer.

    Arguments:
        scenario: whose events are sent.
        rcvbufs: SO_RCVBUF settings; None is the system's own.
        config: what the run's server is started with; socket settings are taken from it.
        folder: where the throwaway process may write.

    Returns:
        By receive buffer, what was swallowed.

    Raises:
        TargetError: where the server cannot be started or accepts no client.
    """
    own = {**config, "scenarios": [_bare(scenario)], "speed": 1.0, "port": 0, "tokens": {}}
    process = ServerProcess(folder / "calibration.jsonl", own)
    try:
        await process.start()
        listening = await process.listen()
        address = (config["host"], listening.port)
        takes = _Takes(process.record)
        line = Line(*address)
        try:
            return {
                rcvbuf: await _measure(scenario, rcvbuf, address, takes, line)
                for rcvbuf in dict.fromkeys(rcvbufs)
            }
        finally:
            line.close()
            takes.close()
    finally:
        process.kill()
        await process.stop()


async def _measure(
    scenario: Scenario, rcvbuf: int | None, address: tuple[str, int], takes: _Takes, line: Line
) -> Measured:
    event, data = typical_event(scenario)
    hook = Hook("calibration", "calibration", event, _HOOK, ())
    name = f"stalled/{rcvbuf}"
    body = _compact(data)
    loop = asyncio.get_running_loop()
    with socket.socket(proto=socket.IPPROTO_TCP) as sock:
        sock.setblocking(False)
        if rcvbuf is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, rcvbuf)
        await loop.sock_connect(sock, address)
        head = f"GET /calibration{_PATH} HTTP/1.1\r\nHost: x\r\nsimrt-subscriber: {name}\r\n"
        await loop.sock_sendall(sock, (head + "simrt-connection: 1\r\n\r\n").encode())
        for _ in range(500):
            takes.read()
            if name in takes.sizes:
                break
            await asyncio.sleep(_SETTLE_S)
        else:
            raise TargetError("calibration: the server accepted no client within 10 s")
        calls = 0
        while calls < _MOST_MESSAGES:
            for _ in range(_BURST):
                await line.call(hook, body)
            calls += _BURST
            taken = await _settled(takes, name, calls)
            if taken < calls:
                break
        sizes = takes.sizes[name]
        swallowed, messages = sum(sizes), len(sizes)

        async def feed(wanted: int) -> None:
            """Let so many events wait."""
            nonlocal calls
            while calls < min(wanted, _MOST_MESSAGES):
                await line.call(hook, body)
                calls += 1

        most = await _of_a_reader(sock, takes, name, feed)
        return Measured(messages, swallowed, max(most, swallowed))


async def _of_a_reader(
    sock: socket.socket, takes: _Takes, name: str, feed: Callable[[int], Awaitable[None]]
) -> int:
    """The most bytes that are under way while the client reads, over some openings."""
    loop = asyncio.get_running_loop()
    sizes = takes.sizes[name]
    handled = openings = most = 0
    end = b""
    lump = len(sizes)
    for _ in range(_MOST_READS):
        await feed(len(sizes) + 2 * lump)
        before = len(sizes)
        read = end + await asyncio.wait_for(loop.sock_recv(sock, READ_BYTES), _SILENT_S)
        await _settled(takes, name, _MOST_MESSAGES)
        if len(sizes) > before:
            openings += 1
            lump = max(lump, len(sizes) - before)
            most = max(most, sum(sizes[handled:]))
        if openings >= _OPENINGS or len(sizes) >= _MOST_MESSAGES:
            break
        handled += read.count(_EVENT_END)
        end = b"" if read.endswith(_EVENT_END) else read[-1:]
    return most


async def _settled(takes: _Takes, name: str, calls: int) -> int:
    """How many were taken, once that changes no more."""
    taken = -1
    while True:
        takes.read()
        now = len(takes.sizes[name])
        if now in (taken, calls):
            return now
        taken = now
        await asyncio.sleep(_SETTLE_S)
