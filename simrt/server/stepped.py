"""The server under a clock that a harness steps: for runs in lockstep, and for nothing else.

Sockets, parser and process are real. Time is the scenario's: it moves when the harness says, and
a timer rings when it says. What the sockets bring is acted upon only in the step that it
belongs to, whenever the kernel brings it. Windows are emulated: the harness gives credits (NET-2).

Each line of stdin is one `Step`, each line of stdout the answer to it: what the server wrote in it
and on which connections, in order, and which of its timers is due next. The answer comes when
nothing is left to do in this process.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec

from simrt.clock import NS_PER_S
from simrt.network import Guard, Turn, order
from simrt.server.windowed import Part, WindowedTransport

if TYPE_CHECKING:
    from simrt.server.protocol import Connection
    from simrt.server.server import Server


class Opening(msgspec.Struct, frozen=True):
    """A connection that the harness opens in this step.

    Attributes:
        port: the client's.
        msgs: its window in messages, or null.
        bytes: its window in bytes, or null.
        latency_ns: how long a part is on the way.
    """

    port: int
    msgs: int | None = None
    bytes: int | None = None
    latency_ns: int = 0


class Step(msgspec.Struct, frozen=True):
    """One event of the run, as far as the server takes part in it.

    Attributes:
        now: scenario time.
        do: `ring`, `free`, `unheard`, `lose`, `revoke`, `restore`, `hush`, `end`, `count` or empty.
        port: which connection.
        units: for `free`.
        since: for `unheard`; null: heard again.
        project: for `revoke` and `restore`.
        credential: … and whose.
        opens: a connection that is opened.
        heard: how many bytes the client has sent on this connection so far.
        gone: whether the client has left it.
    """

    now: int
    do: str = ""
    port: int = 0
    units: int = 0
    since: int | None = None
    project: str = ""
    credential: str = ""
    opens: Opening | None = None
    heard: int = 0
    gone: bool = False


class Answer(msgspec.Struct):
    """What a step led to.

    Attributes:
        wrote: port, bytes, units, event, last, early of each part; port alone: the server ended it.
        next: when and where in its instant the next timer rings; null: none is set.
        pending: for `count`: subscriber, connection and how many messages are pending.
    """

    wrote: list[list[Any]]
    next: tuple[int, int] | None = None
    pending: list[tuple[str, int, int]] | None = None


class _Moment:
    __slots__ = ("action",)

    def __init__(self, action: Callable[[], None]) -> None:
        self.action: Callable[[], None] | None = action

    def cancel(self) -> None:
        self.action = None


class SteppedClock:
    """A clock that stands until it is set.

    Arguments:
        starts: the wall clock at 0.
        places: by name, the place of everything in the scenario (NET-9).
        now_ns: scenario time at first.
    """

    def __init__(self, starts: datetime, places: dict[str, int], now_ns: int) -> None:
        self.starts = starts.astimezone(UTC)
        self.now_ns = now_ns
        self._places = places
        self._planned: list[tuple[int, int, int, _Moment]] = []
        self._counter = itertools.count()

    def now(self) -> int:
        """Nanoseconds of scenario time since the start."""
        return self.now_ns

    def wall(self) -> datetime:
        """The scenario's wall clock, in UTC."""
        return self.starts + timedelta(microseconds=self.now_ns // 1000)

    def loop_s(self, ns: int) -> float:
        """As many seconds as they are."""
        return max(0.0, ns / NS_PER_S)

    def order(
        self, turn: Turn, whose: str = "", connection: int = 0, guard: Guard = Guard.HEARTBEAT
    ) -> int:
        """The key of NET-9."""
        return order(turn, self._places.get(whose, 0), connection, guard)

    def timer(self, due_ns: int, key: int, action: Callable[[], None]) -> _Moment:
        """Rings when the harness says so."""
        moment = _Moment(action)
        due_ns = max(due_ns, self.now_ns)
        heapq.heappush(self._planned, (due_ns, key, next(self._counter), moment))
        return moment

    def next(self) -> tuple[int, int] | None:
        """When the next timer is due, and its key."""
        while self._planned:
            due_ns, key, _, moment = self._planned[0]
            if moment.action is not None:
                return due_ns, key
            heapq.heappop(self._planned)
        return None

    def ring(self) -> None:
        """Let the next timer ring."""
        if self.next() is not None:
            action = heapq.heappop(self._planned)[3].action
            assert action is not None
            action()


class Metered(WindowedTransport):
    """A real connection whose window the harness keeps."""

    def __init__(
        self, steps: Steps, opening: Opening, real: asyncio.Transport, protocol: Connection
    ) -> None:
        super().__init__(
            protocol,
            window_msgs=opening.msgs,
            window_bytes=opening.bytes,
            latency_ns=opening.latency_ns,
            now=steps.clock.now,
        )
        self._steps = steps
        self._port = opening.port
        self._real = real

    def send(self, part: Part) -> None:
        """Write it to the socket, and say so."""
        self._real.write(part.data)
        size = len(part.data)
        self._steps.wrote.append([self._port, size, part.units, part.event, part.last, part.early])

    def finish(self) -> None:
        """End it, behind what the socket still holds."""
        self._real.close()
        self._steps.ended(self._port)
        asyncio.get_running_loop().call_soon(self.protocol.connection_lost, None)

    def lose(self, error: Exception | None) -> None:
        """The connection is gone."""
        self._real.abort()
        super().lose(error)


class Arrived(asyncio.Protocol):
    """What the kernel has brought on one connection; it waits for its step."""

    def __init__(self, steps: Steps) -> None:
        self._steps = steps
        self.transport: asyncio.Transport | None = None
        self.metered: Metered | None = None
        self.data = bytearray()
        self.heard = 0
        self.lost = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Accepted by the kernel."""
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self._steps.arrived[transport.get_extra_info("peername")[1]] = self
        self._steps.look()

    def data_received(self, data: bytes) -> None:
        """Bytes are here."""
        self.data += data
        self.heard += len(data)
        self._steps.look()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - the step says what
        """The other end has closed it, or this one has."""
        self.lost = True
        self._steps.look()


class Steps(asyncio.Protocol):
    """Takes steps from stdin.

    Arguments:
        clock: the time that is stepped.
        say: answers.

    Attributes:
        arrived: what the kernel has brought, by the client's port.
        wrote: what the server wrote in this step.
        stopped: set when stdin ends.
    """

    def __init__(self, clock: SteppedClock, say: Callable[[bytes], None]) -> None:
        self.clock = clock
        self.arrived: dict[int, Arrived] = {}
        self.wrote: list[list[Any]] = []
        self.stopped = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._say = say
        self._server: Server | None = None
        self._text = bytearray()
        self._step: Step | None = None
        self._done = False
        self._looking = False
        self._pending: list[tuple[str, int, int]] | None = None
        self._decoder = msgspec.json.Decoder(Step)

    def serve(self, server: Server) -> None:
        """This is the server that takes part."""
        self._server = server

    def data_received(self, data: bytes) -> None:
        """The next step."""
        self._text += data
        line, end, rest = self._text.partition(b"\n")
        if end:
            self._text = rest
            self._step, self._done = self._decoder.decode(bytes(line)), False
            self.clock.now_ns = self._step.now
            self.look()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - an end is an end
        """The harness is gone."""
        self.stopped.set()

    def ended(self, port: int) -> None:
        """The server ended a connection."""
        self.wrote.append([port])
        self.arrived.pop(port, None)

    def look(self) -> None:
        """Something happened: see soon whether the step can be made, or is over."""
        if self._step is not None and not self._looking:
            self._looking = True
            self._loop.call_soon(self._look)

    def _look(self) -> None:
        self._looking = False
        step = self._step
        assert step is not None
        if not self._done:
            if not self._is_here(step):
                return
            self._done = True
            self._make(step)
        if self._loop._ready:  # type: ignore[attr-defined]  # noqa: SLF001 - is anything left to do
            self.look()
            return
        self._step = None
        if self._server is not None and self._server.recorder is not None:
            self._server.recorder.flush()
        wrote, self.wrote = self.wrote, []
        pending, self._pending = self._pending, None
        self._say(msgspec.json.encode(Answer(wrote, self.clock.next(), pending)))

    def _is_here(self, step: Step) -> bool:
        """Whether the kernel has brought what belongs to this step."""
        if step.opens is not None and step.opens.port not in self.arrived:
            return False
        there = self.arrived.get(step.port)
        if there is None:
            return True
        return there.heard >= step.heard and (there.lost or not step.gone)

    def _make(self, step: Step) -> None:
        server = self._server
        assert server is not None
        if step.opens is not None:
            new = self.arrived[step.opens.port]
            assert new.transport is not None
            protocol = server.connection()
            new.metered = Metered(self, step.opens, new.transport, protocol)
            protocol.connection_made(new.metered)
        there = self.arrived.get(step.port)
        if there is not None and there.metered is not None:
            self._on(there, there.metered, step)
        if step.do == "ring":
            self.clock.ring()
        elif step.do == "revoke":
            server.revoke(step.project, step.credential)
        elif step.do == "restore":
            server.restore(step.project, step.credential)
        elif step.do == "hush":
            server.hush()
        elif step.do == "end":
            server.end()
        elif step.do == "count":
            self._pending = [
                (each.who.subscriber, each.who.connection, each.fates["pending"])
                for each in server.counts()
            ]

    def _on(self, there: Arrived, metered: Metered, step: Step) -> None:
        """The part of a step that is about one connection."""
        if there.data:
            data, there.data = bytes(there.data), bytearray()
            metered.protocol.data_received(data)  # type: ignore[attr-defined]
        if step.gone:
            del self.arrived[step.port]
            metered.lose(ConnectionResetError())
        elif step.do == "lose":
            del self.arrived[step.port]
            metered.lose(TimeoutError())
        elif step.do == "free":
            metered.free(step.units)
        elif step.do == "unheard" and (step.since is None or metered.unheard_since_ns is None):
            metered.unheard_since_ns = step.since
