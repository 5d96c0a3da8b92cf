"""The server's lives in lockstep: processes, and the real connections to the one that runs."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol, cast

from simrt.history import Row
from simrt.scenario.randomness import epoch_of
from simrt.server.stepped import Answer, Opening, Step
from simrt.server.windowed import Part
from simrt.targets.app.link import Link
from simrt.targets.app.lives import ADDRESS, Epochs
from simrt.targets.app.loop import Loop, Moment
from simrt.targets.lockstep.process import SteppedProcess

HOST = "127.0.0.1"
_RESET = struct.pack("ii", 1, 0)  # SO_LINGER: on, no time: the end is a reset
# Processes that are started before they are needed; each takes half a second of a core.
_MOST_SPARES = 8


class End(Protocol):
    """Who hears what comes on a real connection."""

    def came(self, part: Part) -> None:
        """The server wrote this."""

    def ended(self) -> None:
        """The server ended the connection."""


class Socket:
    """One real connection to the server process.

    Arguments:
        lives: whose.
        end: who hears what comes.
        opening: its window; the port is filled in.
    """

    def __init__(self, lives: ProcessLives, end: End, **window: Any) -> None:
        self.end = end
        self._lives = lives
        self._said = 0
        self._open = True
        self._socket = socket.socket()
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.bind((HOST, 0))
        self.port = self._socket.getsockname()[1]
        lives.sockets[self.port] = self
        address = (HOST, lives.port)
        lives.step(lambda: self._socket.connect(address), opens=Opening(self.port, **window))

    def say(self, data: bytes) -> None:
        """Send, and let the server act on it."""
        if self._open:
            self._said += len(data)
            self._lives.step(lambda: self._socket.sendall(data), port=self.port, heard=self._said)

    def tell(self, do: str, **what: Any) -> None:
        """Something about the connection that no real network says: credits, silences."""
        if self._open:
            self._lives.step(do=do, port=self.port, **what)

    def receive(self, size: int) -> bytes:
        """So many bytes, which the server has written."""
        data = b""
        while len(data) < size:
            more = self._socket.recv(size - len(data))
            assert more, "the server's bytes are those that it reported"
            data += more
        return data

    def leave(self) -> None:
        """Close it from this side, with a reset."""
        if self._open:
            said = self._said
            self._drop()
            self._lives.step(self._reset, port=self.port, heard=said, gone=True)

    def lose(self) -> None:
        """The network has lost it: the server is told, and the socket closed."""
        if self._open:
            self._drop()
            self._lives.step(do="lose", port=self.port)
            self._reset()

    def close(self) -> None:
        """It is over for the server already."""
        if self._open:
            self._drop()
            self._reset()

    def _drop(self) -> None:
        self._open = False
        self._lives.sockets.pop(self.port, None)

    def _reset(self) -> None:
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self._socket.close()


class FarEnd:
    """The server's end of a client's connection, in another process.

    Arguments:
        lives: the server's lives.
        link: the connection.
    """

    def __init__(self, lives: ProcessLives, link: Link) -> None:
        self._lives = lives
        self._link = link
        wire = link.wire
        self._socket = Socket(
            lives,
            self,
            msgs=wire.window_msgs,
            bytes=wire.window_bytes,
            latency_ns=wire.latency_ns,
        )

    def came(self, part: Part) -> None:
        """It is on its way to the client."""
        self._link.send(part)

    def ended(self) -> None:
        """So is the end."""
        self._socket.close()
        if self._link.server_open:
            self._lives.forget(self._link)
            self._link.finish()

    def receive(self, data: bytes) -> None:
        """The client said something."""
        self._socket.say(data)

    def free(self, units: int) -> None:
        """The window is open again by so much."""
        self._socket.tell("free", units=units)

    def unheard(self, since_ns: int | None) -> None:
        """What was written then met a silence; None: all of it is heard by now."""
        self._socket.tell("unheard", since=since_ns)

    def lose(self, error: Exception | None) -> None:
        """The connection is gone, and the server learns it now."""
        if isinstance(error, ConnectionResetError):
            self._socket.leave()
        else:
            self._socket.lose()

    def kill(self) -> None:
        """The process is gone."""
        self._socket.close()


class CallEnd(asyncio.Protocol):
    """The server's end of a connection over which hooks are called, in another process."""

    def __init__(self, lives: ProcessLives) -> None:
        self._lives = lives
        self._transport: asyncio.Transport | None = None
        self._socket: Socket | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Open the real one."""
        self._transport = cast("asyncio.Transport", transport)
        self._socket = Socket(self._lives, self)

    def came(self, part: Part) -> None:
        """Part of an answer; it has no window that could be closed."""
        assert self._transport is not None
        self._transport.write(part.data)

    def ended(self) -> None:
        """The server ended it."""
        assert self._socket is not None
        assert self._transport is not None
        self._socket.close()
        self._transport.close()

    def data_received(self, data: bytes) -> None:
        """A call, or part of one."""
        if self._socket is not None:
            self._socket.say(data)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - an end is an end
        """The caller has left, or the process is gone."""
        if self._socket is not None:
            self._socket.leave()


class ProcessLives(Epochs):
    """One server process after another, stepped; as `simrt.targets.app.lives.Lives` within one.

    Arguments:
        loop: the event loop, whose time is the run's.
        orders: what each process is told.
        seed: of epochs.
        take: takes the servers' rows.
        folder: where processes write.
        lives: how many the run needs.

    Attributes:
        sockets: the open connections, by the client's port.
    """

    def __init__(
        self,
        loop: Loop,
        orders: dict[str, Any],
        seed: int,
        take: Callable[[Row], None],
        folder: Path,
        lives: int,
    ) -> None:
        super().__init__()
        self.sockets: dict[int, Socket] = {}
        self._loop = loop
        self._orders = orders
        self._seed = seed
        self._take = take
        self._folder = folder
        self._started: list[SteppedProcess] = []
        self._spares: list[SteppedProcess] = []
        self._running: SteppedProcess | None = None
        self._accepted: dict[Link, None] = {}
        self._revoked: dict[tuple[str, str], None] = {}
        self._timer: Moment | None = None
        self._next: tuple[int, int] | None = None
        for _ in range(min(lives, _MOST_SPARES)):
            self._spares.append(self._process())

    def _process(self) -> SteppedProcess:
        number = len(self._started)
        orders = {**self._orders, "epoch": epoch_of(self._seed, number), "seed": self._seed}
        process = SteppedProcess(self._folder, number, orders)
        self._started.append(process)
        return process

    @property
    def up(self) -> bool:
        """Whether a server runs."""
        return self._running is not None

    @property
    def port(self) -> int:
        """Where it listens."""
        assert self._running is not None
        return self._running.port

    # --- steps --------------------------------------------------------------------------------

    def step(self, act: Callable[[], None] | None = None, **what: Any) -> Answer | None:
        """Let the server take part in the present event, until both have nothing left to do."""
        process = self._running
        if process is None:
            if act is not None:
                act()
            return None
        answer = process.step(Step(self._loop.now_ns, **what), act)
        for row in process.rows():
            self._take(row)
        for port, *part in answer.wrote:
            wire = self.sockets.get(port)
            assert wire is not None or not part, "the server wrote to nobody"
            if wire is None:
                continue
            if part:
                size, *rest = part
                wire.end.came(Part(wire.receive(size), *rest))
            else:
                wire.end.ended()
        self._plan(answer.next)
        return answer

    def _plan(self, due: tuple[int, int] | None) -> None:
        """The server's next timer is an event of the run."""
        due = None if due is None else (due[0], due[1])
        if due == self._next:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._next = due
        self._timer = None if due is None else self._loop.at(*due, self._ring)

    def _ring(self) -> None:
        self._timer = self._next = None
        self.step(do="ring")

    # --- what `Lives` is ------------------------------------------------------------------------

    def start(self) -> None:
        """Let the next process listen."""
        process = self._spares.pop(0) if self._spares else self._process()
        for project, credential in self._revoked:
            process.rule("revoke", project, credential)
        self.epochs.append(epoch_of(self._seed, len(self.epochs)))
        self.began_ns = self._loop.now_ns
        due = process.listen(self._loop.now_ns)
        self._running = process
        self._loop.network.listen(lambda: CallEnd(self), *ADDRESS)
        self._plan(due)

    def accept(self, link: Link) -> bool:
        """Accept a connection; say whether somebody listens."""
        if self._running is None:
            return False
        link.life = self.current
        link.server_open = True
        self._accepted[link] = None
        link.server = FarEnd(self, link)
        return True

    def forget(self, link: Link) -> None:
        """The server has nothing to do with it any more."""
        self._accepted.pop(link, None)

    def revoke(self, project: str, credential: str) -> None:
        """Take a credential away, in this life and in those to come."""
        self._revoked[project, credential] = None
        self.step(do="revoke", project=project, credential=credential)

    def restore(self, project: str, credential: str) -> None:
        """Give it back."""
        self._revoked.pop((project, credential), None)
        self.step(do="restore", project=project, credential=credential)

    def hush(self) -> None:
        """The workload is over: no job sends any more."""
        self.step(do="hush")

    def pending(self) -> dict[tuple[str, int], int] | None:
        """How much is pending for each open connection; None if no server runs."""
        answer = self.step(do="count")
        if answer is None or answer.pending is None:
            return None
        return {(who, number): pending for who, number, pending in answer.pending}

    def end(self) -> None:
        """The run is over."""
        self.step(do="end")

    def kill(self) -> None:
        """Kill the process, as by kill -9; connections end in order of acceptance (NET-8)."""
        process = self._running
        if process is None:
            return
        process.kill()
        self._running = None
        self._plan(None)
        self._loop.network.kill(*ADDRESS)
        accepted, self._accepted = self._accepted, {}
        for link in accepted:
            link.finish()
            if link.server is not None:
                link.server.kill()

    def bury(self) -> None:
        """No process is left, whatever happened."""
        for process in self._started:
            process.kill()
        self._spares.clear()
        self._running = None
        for each in list(self.sockets.values()):
            each.close()
