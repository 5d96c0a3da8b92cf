"""One connection in the modelled network: what is on the way, and when the window opens again.

Only the direction from server to client carries more than a request. What is written arrives one
latency later, in order; the window says how much may be handed to the network and not yet freed
(NET-2, NET-3).
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from simrt.engine import Message
from simrt.network import Turn, order
from simrt.targets.sim.world import World

if TYPE_CHECKING:
    from simrt.targets.sim.client import Client
    from simrt.targets.sim.server import Server, Stream


@dataclass(frozen=True, slots=True)
class Head:
    """The response's head with the stream's `retry`, or a refusal by its status."""

    status: int
    retry_ns: int | None = None


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """A comment that says: still here."""


@dataclass(frozen=True, slots=True)
class End:
    """The server's end of the connection, or a reset.

    Attributes:
        cause: how the client knows: `server`, or `keepalive`.
    """

    cause: str = "server"


@dataclass(slots=True)
class Part:
    """A piece of one server write on the way.

    Attributes:
        item: what was written.
        units: how much of the window it holds: 1 message, or its bytes.
        last: whether it completes the item.
        early: whether it is freed when it arrives, not when it was handled (NET-3).
    """

    item: Head | Heartbeat | Message | End
    units: int
    last: bool
    early: bool


class Link:
    """One connection, both ends; its window counts messages.

    Arguments:
        world: time.
        client: who dialled.
        server: whom.
        number: that client's how-many-th attempt.

    Attributes:
        life: the server life that accepted it, or -1.
        in_bytes: whether the window counts bytes, not messages.
        room: how many messages the server can write now (NET-2); in bytes: one, or none.
        stream: the server's end, from subscribe to close.
        client_open: whether the client's end is open.
        server_open: whether the server's end is open.
        left_unheard: whether the client left it while its network was silent.
        lost: whether the network lost it for good (half-open).
        deaf: whether nothing reaches the client any more, and it was not told (NET-7).
        came_bytes: how much has come to the client, where the window counts bytes.
    """

    __slots__ = (
        "_window", "arrival_key", "came_bytes", "client", "client_open", "deaf", "in_bytes",
        "latency_ns", "left_unheard", "life", "lost", "number", "room", "server",
        "server_open", "stream", "world",
    )  # fmt: skip

    def __init__(self, world: World, client: Client, server: Server, number: int) -> None:
        self.world = world
        self.client = client
        self.server = server
        self.number = number
        self.life = -1
        self.client_open = True
        self.server_open = False
        self.left_unheard = False
        self.lost = False
        self.deaf = False
        self.came_bytes = 0
        self.stream: Stream | None = None
        self.latency_ns = client.group.latency_ns
        self.arrival_key = order(Turn.ARRIVAL, client.place, number)
        self.in_bytes = False
        self.room = self._window = client.group.window_msgs or 1

    @property
    def in_flight(self) -> int:
        """Window units handed to the network and not yet freed."""
        return self._window - self.room

    @property
    def stuck(self) -> bool:
        """Whether the server's own write buffer holds something."""
        return False

    def write(self, item: Head | Heartbeat | Message, size_bytes: int) -> None:  # noqa: ARG002
        """Hand one server write to the transport (DLV-5)."""
        self.room -= 1
        world = self.world
        # It arrives by an event of its own. Without a latency, and with nothing else due in this
        # instant, nothing can come between: then it arrives at once.
        if not self.latency_ns and type(item) is Message and world.queue[0][0] > world.now_ns:
            self.client.arrived(self, item, 1)
        else:
            due = world.now_ns + self.latency_ns
            world.at(due, self.arrival_key, self.client.arrived, self, item, 1)

    def free(self, units: int) -> None:
        """The client has handled so much: that part of the window opens again, once it is heard."""
        if not self.server_open or self.deaf:
            return
        wire = self.client.wire
        if wire.silent:
            wire.deliver(self.arrival_key, Link.free, self, units)
            return
        if self.in_bytes:
            self._reopen(units)
        else:
            self.room += units
        stream = self.stream
        if stream is not None:
            self.server.pump(stream)

    def _reopen(self, units: int) -> None:
        """Part of a window in bytes is open again."""

    def finish(self) -> None:
        """End it from the server's side: the end travels behind what is in flight (NET-5)."""
        self.server_open = False
        self.world.at(
            self.world.now_ns + self.latency_ns,
            self.arrival_key,
            self.client.arrived,
            self,
            End(),
            0,
        )


class ByteLink(Link):
    """One connection whose window counts bytes: what does not fit waits in the server's buffer."""

    __slots__ = (
        "_buffer", "_flying", "_kernel",
    )  # fmt: skip

    def __init__(self, world: World, client: Client, server: Server, number: int) -> None:
        super().__init__(world, client, server, number)
        self.in_bytes = True
        self.room = 1
        self._window = client.group.window_bytes or 1
        self._kernel = client.kernel
        self._flying = 0
        self._buffer: deque[Part] = deque()

    @property
    def in_flight(self) -> int:
        """Bytes handed to the network and not yet freed."""
        return self._flying

    @property
    def stuck(self) -> bool:
        """Whether the server's own write buffer holds something."""
        return bool(self._buffer)

    def write(self, item: Head | Heartbeat | Message, size_bytes: int) -> None:
        """Hand one server write to the transport (DLV-5)."""
        # An event that is larger than the window could never be freed whole: its first part goes.
        early = not isinstance(item, Message) or size_bytes > self._window
        self._buffer.append(Part(item, size_bytes, last=True, early=early))
        self._push()

    def _reopen(self, units: int) -> None:
        self._flying -= units
        if self._buffer and self._window - self._flying >= self._kernel.reopens_bytes:
            self._push()
            if self.stream is not None:
                self.stream.waiting_since_ns = None  # STR-1: it accepted something

    def finish(self) -> None:
        """End it from the server's side; the buffer is discarded (NET-5)."""
        self._buffer.clear()
        self.room = 1
        super().finish()

    def _push(self) -> None:
        window = self._window
        if self._kernel.silent_bytes and self.client.wire.silent:
            window = min(window, self._kernel.silent_bytes)
        while self._buffer and self._flying < window:
            part = self._buffer[0]
            fits = min(part.units, window - self._flying)
            if fits == part.units:
                self._buffer.popleft()
                # The last part is freed when the event was handled, like any whole event.
                part.early = not isinstance(part.item, Message)
                self._send(part)
            else:
                part.units -= fits
                self._send(Part(part.item, fits, last=False, early=part.early))
        self.room = 0 if self._buffer else 1

    def _send(self, part: Part) -> None:
        self._flying += part.units
        self.world.at(
            self.world.now_ns + self.latency_ns,
            self.arrival_key,
            self.client.arrived_in_part,
            self,
            part,
        )
