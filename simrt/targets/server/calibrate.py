"""What the kernel of this machine does with a stream: measured before each run (NET-7, NET-9).

It is measured on a server process of its own, with the socket settings of the run and events of the
scenario's size:

- *The window* is what the kernel holds for a reader who does not read: clients connect and read
  nothing, a hook is called until the server takes no more for them.
- *The most under way.* A client that reads has more: what one read brought waits in the client, and
  the kernel opens a larger window for whoever empties it. So the same clients then read as the real
  ones do. No two connections get the same window; so several are measured, with events that come
  fast and slowly, and the least and the most of them count.
- *Silence.* Where clients fall silent and the kernel really loses their packets, it takes less for
  them, and repeats what is lost after pauses that double: how much, and the first pause.
- *The trip*: how long an event takes from the call of its hook to a client that waits for it. On
  one machine no network is between them, but they take their time.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from simrt.client.connection import READ_BYTES
from simrt.clock import NS_PER_S
from simrt.errors import TargetError
from simrt.history import Row
from simrt.scenario.model import Scenario
from simrt.targets.harness.calls import Hook, Line
from simrt.targets.server.namespace import Namespace
from simrt.targets.server.process import PATIENCE_S, ServerProcess
from simrt.targets.server.sockets import compact, typical_event, wire_bytes

# So many clients are measured at a time.
_CLIENTS = 3
_STAGGER = 2
# So many calls at once; the measured window is exact to the message, whatever this is.
_BURST = 16
# Bounds of one measurement: a window beyond them is written down as these.
_MOST_MESSAGES = 20_000
# Up to so many events it is measured again, also with so long between two of them.
_MANY = 100
_SPACED_S = 0.005
# The window of clients that read: over so many reads of each. A closed window is asked about again
# and again, after a second at the latest.
_READS = 4
_SETTLE_S = 0.02
# The server's buffer for each of them.
_WAITING = 4096
_EVENT_END = b"\n\n"
_HOOK = "POST /calibrate"
_PATH = "/calibrate"
# One event after the other: the first trips are longer, as everything is new.
_TRIPS = 12
_FIRST_TRIPS = 4
# Silences of one packet each, for the first pause.
_PAUSES = 3
_LOST_S = 0.05
# The command that makes a silence works in a process of its own.
_OBEYED_S = 0.1
_MOST_IN_SILENCE = 200
# It takes no more once so many are waiting; slower events than these are not waited for.
_REFUSED = 5
_SLOWEST_S = 0.1
_MEMBER = 0


@dataclass(frozen=True, slots=True)
class Silence:
    """What the kernel does while nothing is acknowledged.

    Attributes:
        least_bytes: taken where events come one by one, at the scenario's pace.
        most_bytes: taken where they come as fast as can be.
        least_pause_ns, most_pause_ns: until what is lost is repeated first, real time.
    """

    least_bytes: int
    most_bytes: int
    least_pause_ns: int
    most_pause_ns: int


@dataclass(frozen=True, slots=True)
class Measured:
    """A window.

    Attributes:
        messages: taken for a client that read nothing; the least of all clients.
        wire_bytes: their size as they were written to the stream.
        most_bytes: most that was under way for one of them, on the same count, once they read:
            taken and not yet handled, where what one read brings is handled before the next read.
        trip_ns: longest trip of an event, real time.
        silence: where the kernel loses packets for these clients; else None.
    """

    messages: int
    wire_bytes: int
    most_bytes: int
    trip_ns: int
    silence: Silence | None = None

    def written(self, speed: float, *, silent: bool) -> dict[str, int]:
        """As a history's header says it, of clients that fall silent or not; scenario time."""
        found = {
            "messages": self.messages,
            "bytes": self.wire_bytes,
            "most_bytes": self.most_bytes,
            "trip_ns": round(self.trip_ns * speed),
        }
        if silent and self.silence is not None:
            found |= {
                "silent_bytes": self.silence.least_bytes,
                "most_silent_bytes": self.silence.most_bytes,
                "pause_ns": round(self.silence.least_pause_ns * speed),
                "most_pause_ns": round(self.silence.most_pause_ns * speed),
            }
        return found


async def calibrate(
    scenario: Scenario,
    rcvbufs: Iterable[int | None],
    config: dict[str, Any],
    folder: Path,
    silent: Mapping[int | None, float] | None = None,
    namespace: Namespace | None = None,
) -> dict[int | None, Measured]:
    """Measure what the kernel does, for each receive buffer.

    Arguments:
        scenario: whose events are sent.
        rcvbufs: SO_RCVBUF settings; None is the system's own.
        config: what the run's server is started with; socket settings are taken from it.
        folder: where the throwaway process may write.
        silent: by receive buffer of clients that fall silent, the pace of events: real seconds.
        namespace: where packets can be lost; its first member is used, and can be used again.

    Returns:
        By receive buffer, what was found.

    Raises:
        TargetError: where the server cannot be started or accepts no client.
    """
    async with _server(scenario, config, folder) as site:
        found = {}
        for rcvbuf in dict.fromkeys(rcvbufs):
            silence = None
            if namespace is not None and silent is not None and rcvbuf in silent:
                silence = await _silence(site, rcvbuf, silent[rcvbuf], namespace)
            found[rcvbuf] = await _window(site, rcvbuf, silence)
        return found


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
    """The `take` rows of a growing record: by client the size of each event."""

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


class _Site:
    """The server of a calibration: one hook, one stream."""

    def __init__(self, address: tuple[str, int], takes: _Takes, line: Line, data: Any) -> None:
        self._address = address
        self._takes = takes
        self._line = line
        self._body = compact(data)
        self._clients = 0
        self.calls = 0

    async def send(self, count: int = 1) -> None:
        """Call the hook so many times."""
        for _ in range(count):
            await self._line.call(_CALIBRATE, self._body)
        self.calls += count

    async def subscribe(self, sock: socket.socket, rcvbuf: int | None) -> _Client:
        """A client on a socket, accepted."""
        self._clients += 1
        client = _Client(sock, f"calibration/{self._clients}", self._takes, self.calls)
        sock.setblocking(False)
        if rcvbuf is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, rcvbuf)
        loop = asyncio.get_running_loop()
        await loop.sock_connect(sock, self._address)
        head = f"GET /calibration{_PATH} HTTP/1.1\r\nHost: x\r\nsimrt-subscriber: {client.name}\r\n"
        await loop.sock_sendall(sock, (head + "simrt-connection: 1\r\n\r\n").encode())
        for _ in range(round(PATIENCE_S / _SETTLE_S)):
            self._takes.read()
            if client.name in self._takes.sizes:
                return client
            await asyncio.sleep(_SETTLE_S)
        raise TargetError(f"calibration: the server accepted no client within {PATIENCE_S:g} s")

    def look(self) -> None:
        """Read what the server recorded by now."""
        self._takes.read()

    async def settled(self, clients: Sequence[_Client]) -> None:
        """Wait until the server takes no more for any of them."""
        taken: list[int] = []
        while True:
            self._takes.read()
            now = [len(client.sizes) for client in clients]
            if now == taken:
                return
            taken = now
            await asyncio.sleep(_SETTLE_S)


class _Client:
    """One client: what was taken for it, and what it handled of that."""

    def __init__(self, sock: socket.socket, name: str, takes: _Takes, joined: int) -> None:
        self.name = name
        self._sock = sock
        self._takes = takes
        self._joined = joined
        self._end = b""
        self._handled = 0
        self._read = 0

    @property
    def sizes(self) -> list[int]:
        """Of each event that was taken for it, bytes."""
        return self._takes.sizes[self.name]

    def pending(self, calls: int) -> int:
        """How many events wait for it at the server, after so many calls in all."""
        return calls - self._joined - len(self.sizes)

    def unread(self) -> int:
        """Events that were taken for it and not read."""
        return len(self.sizes) - self._read

    def under_way(self) -> int:
        """Bytes that were taken for it and are not handled."""
        return sum(self.sizes[self._handled :])

    async def read(self) -> None:
        """Handle what the last read brought, then read once."""
        loop = asyncio.get_running_loop()
        self._handled = self._read
        coming = loop.sock_recv(self._sock, READ_BYTES)
        try:
            got = self._end + await asyncio.wait_for(coming, PATIENCE_S)
        except TimeoutError:
            raise TargetError(
                f"calibration: nothing came for {PATIENCE_S:g} s; is the machine overloaded?"
            ) from None
        self._read += got.count(_EVENT_END)
        self._end = b"" if got.endswith(_EVENT_END) else got[-1:]

    async def catch_up(self, calls: int) -> None:
        """Read and handle all that was sent, by so many calls in all."""
        while self._read < calls - self._joined:
            await self.read()
        self._handled = self._read


_CALIBRATE = Hook("calibration", "calibration", "calibrate", _HOOK, ())


@asynccontextmanager
async def _server(scenario: Scenario, config: dict[str, Any], folder: Path) -> AsyncIterator[_Site]:
    own = {**config, "scenarios": [_bare(scenario)], "speed": 1.0, "port": 0, "tokens": {}}
    process = ServerProcess(folder / "calibration.jsonl", own)
    try:
        await process.start()
        listening = await process.listen()
        address = (config["host"], listening.port)
        takes, line = _Takes(process.record), Line(*address)
        try:
            yield _Site(address, takes, line, typical_event(scenario)[1])
        finally:
            line.close()
            takes.close()
    finally:
        process.kill()
        await process.stop()


async def _trips_ns(site: _Site, client: _Client) -> int:
    """The longest trip of some events, one after the other, real time."""
    loop = asyncio.get_running_loop()
    trips = []
    for _ in range(_TRIPS):
        began_s = loop.time()
        await site.send()
        await client.catch_up(site.calls)
        trips.append(round((loop.time() - began_s) * NS_PER_S))
    return max(trips[_FIRST_TRIPS:])


async def _window(site: _Site, rcvbuf: int | None, silence: Silence | None) -> Measured:
    with socket.socket(proto=socket.IPPROTO_TCP) as sock:
        trip_ns = await _trips_ns(site, await site.subscribe(sock, rcvbuf))
    swallowed: list[tuple[int, int]] = []
    # How many fit depends on how they come, as fast events share a packet, and on what came before.
    # Where many fit, neither matters.
    for spaced in (False, False, True):
        async with _clients(site, rcvbuf) as clients:
            if spaced:
                await _warm_up(site, clients)
            await _fill(site, clients, _SPACED_S if spaced else 0)
            swallowed += [(client.under_way(), client.unread()) for client in clients]
            if spaced or min(messages for _, messages in swallowed) > _MANY:
                most_bytes = await _most_while_reading(site, clients)
                break
    least_bytes, messages = min(swallowed)
    # Who reads while its window fills has what one read brought besides all that it swallows.
    most_bytes = max(most_bytes, max(swallowed)[0] + READ_BYTES)
    return Measured(messages, least_bytes, most_bytes, trip_ns, silence)


@asynccontextmanager
async def _clients(site: _Site, rcvbuf: int | None) -> AsyncIterator[list[_Client]]:
    """Clients that read nothing; each but the first missed some events of the one before it."""
    socks = [socket.socket(proto=socket.IPPROTO_TCP) for _ in range(_CLIENTS)]
    try:
        clients = []
        for sock in socks:
            clients.append(await site.subscribe(sock, rcvbuf))
            await site.send(_STAGGER)
        yield clients
    finally:
        for sock in socks:
            sock.close()


async def _warm_up(site: _Site, clients: Sequence[_Client]) -> None:
    """Let them read some events, one after the other."""
    for _ in range(_TRIPS):
        await site.send()
        for client in clients:
            await client.catch_up(site.calls)


async def _fill(site: _Site, clients: Sequence[_Client], wait_s: float) -> None:
    """Send until something waits for each of them."""
    for _ in range(0, _MOST_MESSAGES, _BURST):
        for _ in range(_BURST):
            await site.send()
            await asyncio.sleep(wait_s)
        await site.settled(clients)
        if all(client.pending(site.calls) for client in clients):
            return


async def _most_while_reading(site: _Site, clients: Sequence[_Client]) -> int:
    """The most bytes that are under way for one of them, once they read."""
    most = 0
    # So much waits that an opened window is filled at once.
    ahead = min(_WAITING, max(client.unread() for client in clients))
    for _ in range(_READS):
        await site.send(max(0, *(ahead - client.pending(site.calls) for client in clients)))
        await asyncio.gather(*(client.read() for client in clients))
        await site.settled(clients)
        most = max(most, *(client.under_way() for client in clients))
    return most


async def _silence(
    site: _Site, rcvbuf: int | None, pace_s: float, namespace: Namespace
) -> Silence | None:
    """What the kernel does in silence; None where no silence could be made in time."""
    async with _alone(site, rcvbuf, namespace) as client:
        tries = [await _pause_ns(site, client, namespace) for _ in range(_PAUSES)]
    pauses = [pause_ns for pause_ns in tries if pause_ns is not None]
    if not pauses:
        return None
    taken = []
    for wait_s in (0, min(pace_s, _SLOWEST_S)):
        async with _alone(site, rcvbuf, namespace) as client:
            taken.append(await _taken_in_silence(site, client, namespace, wait_s))
    return Silence(min(taken), max(taken), min(pauses), max(pauses))


@asynccontextmanager
async def _alone(site: _Site, rcvbuf: int | None, namespace: Namespace) -> AsyncIterator[_Client]:
    """A client that can be silenced and had some events already."""
    with namespace.socket_of(_MEMBER) as sock:
        client = await site.subscribe(sock, rcvbuf)
        await _warm_up(site, [client])
        yield client


async def _pause_ns(site: _Site, client: _Client, namespace: Namespace) -> int | None:
    """Until one lost event is repeated, real time; None where it was not lost."""
    loop = asyncio.get_running_loop()
    namespace.silence(_MEMBER, True)
    await asyncio.sleep(_OBEYED_S)
    began_s = loop.time()
    await site.send()
    await asyncio.sleep(_LOST_S)
    namespace.silence(_MEMBER, False)
    spoke_s = loop.time()
    await client.catch_up(site.calls)
    now_s = loop.time()
    # What comes as soon as it is asked for was there before.
    lost = now_s - spoke_s > _LOST_S
    await asyncio.sleep(_OBEYED_S)
    return round((now_s - began_s) * NS_PER_S) if lost else None


async def _taken_in_silence(
    site: _Site, client: _Client, namespace: Namespace, wait_s: float
) -> int:
    """So many bytes are taken in a silence of its own; events come with such a pause."""
    namespace.silence(_MEMBER, True)
    await asyncio.sleep(_OBEYED_S)
    site.look()
    before = len(client.sizes)
    for sent in range(1, _MOST_IN_SILENCE + 1):
        await site.send()
        await asyncio.sleep(wait_s)
        site.look()
        if len(client.sizes) < before + sent - _REFUSED:
            break
    await site.settled([client])
    namespace.silence(_MEMBER, False)
    return sum(client.sizes[before:])
