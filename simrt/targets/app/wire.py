"""One client's network: latency, dials, stalls of its client, silence (NET-1 to NET-7)."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, TypeAlias

from simrt.client.connection import KeepAliveError
from simrt.clock import Clock
from simrt.network import DIAL_TO_ACCEPT, HEAD_BYTES, LEARNED, Guard, Turn
from simrt.scenario.model import Subscribers
from simrt.server.windowed import Part
from simrt.targets.app.link import ClientEnd, Link
from simrt.targets.app.loop import Loop
from simrt.targets.app.prober import Prober

if TYPE_CHECKING:
    from simrt.client import Endpoint
    from simrt.targets.app.lives import Lives

_Held: TypeAlias = tuple[int, Callable[..., None], tuple[Any, ...]]


class Wire:
    """What passes between one client and the server.

    Arguments:
        loop: the event loop.
        clock: gives the order of what happens in one instant.
        lives: who is dialled.
        name: the client's.
        group: its latency and window.
        tell: told `offline` when silence falls, and `online` when it ends.
        sizes: how many bytes each read brings, at most; None: as many as there are and fit.
        falls_silent: whether it ever does; else keep-alive could find nothing.

    Attributes:
        link: the connection that the client uses, or dials.
        silent: whether nothing passes.
        stalled: whether the client reads nothing.
    """

    def __init__(
        self,
        loop: Loop,
        clock: Clock,
        lives: Lives,
        name: str,
        group: Subscribers,
        tell: Callable[[str], None],
        sizes: Iterator[int] | None = None,
        *,
        falls_silent: bool,
    ) -> None:
        self.loop = loop
        self.lives = lives
        self.latency_ns = group.latency_ns
        self.window_msgs = group.window_msgs
        self.window_bytes = group.window_bytes
        self.keepalive_ns = group.keepalive_ns if falls_silent else None
        self._at_heal = group.notices == "at-heal"
        self.sizes = sizes
        self.link: Link | None = None
        self.silent = False
        self.stalled = False
        self._clock = clock
        self._name = name
        self._tell = tell
        self._dials = 0
        self._stalls = 0
        self._silences: set[str] = set()
        self._under_way: list[_Held] = []

    @property
    def untold(self) -> bool:
        """Whether the client's connection is dead, and nobody told it (NET-7)."""
        link = self.link
        return link is not None and link.deaf and not link.server_open

    def order(self, turn: Turn, connection: int) -> int:
        """The key of what happens to one of its connections."""
        return self._clock.order(turn, self._name, connection)

    # --- connecting (NET-1) -------------------------------------------------------------------

    async def dial(
        self,
        factory: Callable[[], asyncio.BaseProtocol],
        endpoint: Endpoint,  # noqa: ARG002
    ) -> None:
        """Connect, as `simrt.client.Dial`.

        Raises:
            ConnectionRefusedError: nobody listens.
            ConnectionResetError: the server ended it before the client knew that it was there.
        """
        self._dials += 1
        link = self.link = Link(self, self._dials, self.loop.create_future())
        self.after(DIAL_TO_ACCEPT, link, self._dialled, link, factory)
        try:
            await link.connected
        except asyncio.CancelledError:
            link.leave()
            raise

    def after(self, latencies: int, link: Link, action: Callable[..., None], *args: Any) -> None:
        """Let something arrive so many latencies from now, unless a silence holds it up."""
        due_ns = self.loop.now_ns + latencies * self.latency_ns
        self.loop.at(due_ns, link.key, self._deliver, link.key, action, *args)

    def _deliver(self, key: int, action: Callable[..., None], *args: Any) -> None:
        if self.silent:
            self._under_way.append((key, action, args))
        else:
            action(*args)

    def _dialled(self, link: Link, factory: Callable[[], asyncio.BaseProtocol]) -> None:
        if not self.lives.accept(link):
            self.after(1, link, self._refused, link)
            return
        self.after(1, link, self._connected, link, factory)

    def _refused(self, link: Link) -> None:
        if link.client_open:
            link.close_client()
            link.fail(ConnectionRefusedError(errno.ECONNREFUSED, "nobody listens"))

    def _connected(self, link: Link, factory: Callable[[], asyncio.BaseProtocol]) -> None:
        if not link.client_open:
            return
        protocol = factory()
        link.client = ClientEnd(link, protocol)
        if self.keepalive_ns is not None:
            key = self._clock.order(Turn.TIMER, self._name, guard=Guard.PEER)
            link.prober = Prober(self.loop, link, self.keepalive_ns, key)
        protocol.connection_made(link.client)
        if not link.connected.done():
            link.connected.set_result(None)

    # --- at the server ------------------------------------------------------------------------

    def requested(self, link: Link, data: bytes) -> None:
        """What the client said is here."""
        if link.server_open and link.server is not None:
            link.server.receive(data)

    def left(self, link: Link) -> None:
        """The client's end of the connection is here (NET-4)."""
        self._gone(link, ConnectionResetError())

    def _reset(self, link: Link) -> None:
        """The network says that the connection is dead (NET-7)."""
        self._gone(link, TimeoutError(errno.ETIMEDOUT, "the network lost the connection"))

    def _gone(self, link: Link, error: Exception) -> None:
        if link.server_open and link.server is not None:
            link.server_open = False
            self.lives.forget(link)
            link.server.lose(error)

    # --- at the client ------------------------------------------------------------------------

    def arrived(self, link: Link, part: Part) -> None:
        """Something that the server wrote is here, unless a silence holds it up."""
        if link is not self.link or link.deaf:
            self._astray(link)
        elif self.silent:
            self._unheard(link, self.arrived, part)
        else:
            link.heard_ns = self.loop.now_ns
            link.came += part.units
            if self.stalled or link.backlog:
                link.backlog.append(part)
            else:
                link.take_in(part)

    def _astray(self, link: Link) -> None:
        """It belongs to a connection that was left, and the server has not heard of it.

        In a silence nothing is acknowledged (SSE-5). Where nothing of the leaving is under way, the
        answer is a reset (NET-5).
        """
        if not link.server_open:
            return
        if self.silent:
            self._unheard(link, self._astray)
        elif link.left_unheard:
            self.after(1, link, self._reset, link)

    def _unheard(self, link: Link, action: Callable[..., None], *args: Any) -> None:
        """A silence holds up what the server wrote; the server hears nothing of it (NET-7)."""
        self._deliver(link.key, action, link, *args)
        link.unheard(self.loop.now_ns - self.latency_ns)

    def free(self, link: Link, units: int) -> None:
        """Part of the window is open again, unless a silence holds up the word of it."""
        if not link.server_open or link.deaf:
            return
        if self.silent:
            self._deliver(link.key, self.free, link, units)
        else:
            link.free(units)

    def handled(self) -> None:
        """The client is done with one event."""
        if self.link is not None:
            self.link.handled()

    def stall(self) -> None:
        """The client reads nothing any more (NET-6)."""
        self._stalls += 1
        self.stalled = True

    def heal(self) -> None:
        """The client reads on; of several stalls the last to heal counts."""
        self._stalls -= 1
        self.stalled = self._stalls > 0
        link = self.link
        if self.stalled or link is None:
            return
        # To free part of the window can let more arrive: that stays behind what is here already.
        while link.backlog and link.client_open:
            link.take_in(link.backlog[0])
            if link.backlog:
                link.backlog.popleft()

    # --- silence ------------------------------------------------------------------------------

    def blackhole(self, why: str) -> None:
        """Nothing passes from now on, for one more reason, and nobody is told (NET-7)."""
        if not self.silent:
            self._tell("offline")
        self._silences.add(why)
        self.silent = True

    def restore(self, why: str, *, dead: bool = False) -> None:
        """One reason for silence is gone; with the last, what was held up arrives, in order.

        Arguments:
            why: the reason.
            dead: whether the network lost the connection for good (half-open); it also is dead
                where the server has given up.
        """
        link = self.link
        established = link is not None and link.life >= 0
        if dead and link is not None and established:
            link.lost = True
        if why not in self._silences:
            return
        self._silences.remove(why)
        if self._silences:
            return
        gone = link is not None and (link.lost or not link.server_open)
        lost = link if established and gone else None
        self.silent = False
        under_way, self._under_way = self._under_way, []
        for key, action, args in under_way:
            if lost is None or args[0] is not lost:
                self.loop.at(self.loop.now_ns, key, action, *args)
        self._tell("online")
        if link is not None:
            link.unheard(None)
        if lost is None:
            return
        # Who waits for an answer is told that none will come; who has one waits for nothing.
        head = 1 if self.window_bytes is None else HEAD_BYTES[200]
        if self._at_heal or lost.came < head:
            self.loop.at(self.loop.now_ns, LEARNED, self._learn_end, lost)
        else:
            lost.deaf = lost.deaf or not lost.has_end
        if lost.server_open:
            self.after(1, lost, self._reset, lost)

    def noticed(self, link: Link, *, leaves: bool) -> None:
        """Keep-alive ended the connection; who is stalled hears it when it reads on (NET-6).

        Arguments:
            link: the connection.
            leaves: whether nobody answered, so that the server does not know it yet.
        """
        link.deaf = True
        link.error = KeepAliveError()
        if leaves:
            self.leave(link)
        end = Part(b"", 0)
        if self.stalled or link.backlog:
            link.backlog.append(end)
        else:
            link.take_in(end)

    def leave(self, link: Link) -> None:
        """The client's end is closed; in a silence nobody hears of it (NET-4, NET-7)."""
        if self.silent:
            link.left_unheard = True
        else:
            self.after(1, link, self.left, link)

    def _learn_end(self, link: Link) -> None:
        if link is self.link:
            self.arrived(link, Part(b"", 0))

    def close(self) -> None:
        """End everything without a word."""
        if self.link is not None:
            self.link.leave()
