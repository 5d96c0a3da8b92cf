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
    from simrt.targets.sim.server import Stream


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
    """The server's end of the connection, or a reset."""


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
    """One connection, both ends.

    Arguments:
        world: time.
        client: who dialled.
        number: that client's how-many-th attempt.

    Attributes:
        life: the server life that accepted it, or -1.
        in_flight: window units handed to the network and not yet freed.
        in_bytes: whether the window counts bytes, not messages.
        stream: the server's end, from subscribe to close.
        client_open: whether the client's end is open.
        server_open: whether the server's end is open.
        left_unheard: whether the client left it while its network was silent.
    """

    def __init__(self, world: World, client: Client, number: int) -> None:
        self.world = world
        self.client = client
        self.number = number
        self.life = -1
        self.client_open = True
        self.server_open = False
        self.left_unheard = False
        self.stream: Stream | None = None
        self.in_flight = 0
        self.latency_ns = client.group.latency_ns
        self.in_bytes = client.group.window_bytes is not None
        # A full window opens again once so much of it is free.
        self._reopens = client.reopens_bytes
        self._window = client.group.window_bytes or client.group.window_msgs or 1
        self._buffer: deque[Part] = deque()
        self.arrival_key = order(Turn.ARRIVAL, client.place, number)

    @property
    def room(self) -> int:
        """How many messages the server can write now (NET-2); in bytes: one, or none."""
        if self.in_bytes:
            return 0 if self._buffer else 1
        return self._window - self.in_flight

    def write(self, item: Head | Heartbeat | Message, size_bytes: int) -> None:
        """Hand one server write to the transport (DLV-5)."""
        if not self.in_bytes:
            self.in_flight += 1
            world = self.world
            if not self.latency_ns and item.__class__ is Message and world.alone():
                self.client.arrived(self, item, 1)
            else:
                due = world.now + self.latency_ns
                world.at(due, self.arrival_key, self.client.arrived, self, item, 1)
            return
        # An event that is larger than the window could never be freed whole: its first part goes.
        early = not isinstance(item, Message) or size_bytes > self._window
        self._buffer.append(Part(item, size_bytes, last=True, early=early))
        self._push()

    def finish(self) -> None:
        """End it from the server's side: the end travels behind what is in flight (NET-5)."""
        self._buffer.clear()
        self.server_open = False
        self.world.at(
            self.world.now + self.latency_ns,
            self.arrival_key,
            self.client.arrived,
            self,
            End(),
            0,
        )

    @property
    def stuck(self) -> bool:
        """Whether the server's own write buffer holds something."""
        return bool(self._buffer)

    def free(self, units: int) -> bool:
        """Open the window again by so much; say whether something waiting went out."""
        self.in_flight -= units
        if self._buffer and self._window - self.in_flight < self._reopens:
            return False
        return self.in_bytes and self._push()

    def _push(self) -> bool:
        waited = bool(self._buffer)
        while self._buffer and self.in_flight < self._window:
            part = self._buffer[0]
            fits = min(part.units, self._window - self.in_flight)
            if fits == part.units:
                self._buffer.popleft()
                # The last part is freed when the event was handled, like any whole event.
                part.early = not isinstance(part.item, Message)
                self._send(part)
            else:
                part.units -= fits
                self._send(Part(part.item, fits, last=False, early=part.early))
        return waited

    def _send(self, part: Part) -> None:
        self.in_flight += part.units
        self.world.at(
            self.world.now + self.latency_ns,
            self.arrival_key,
            self.client.arrived_in_part,
            self,
            part,
        )
