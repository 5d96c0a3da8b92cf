"""A modelled client: one event at a time, offline periods, stalls, reconnects (CLI-1 to CLI-3)."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from simrt import sse
from simrt.engine import Message
from simrt.history import UNTOLD
from simrt.network import DIAL_TO_ACCEPT, HEAD_BYTES, LEARNED, KernelWindow, Turn, order
from simrt.record import Where, Who
from simrt.scenario.model import Distribution, Subscribers
from simrt.scenario.randomness import Draws, Randomness
from simrt.scheduler import Event
from simrt.targets.sim.link import ByteLink, End, Head, Heartbeat, Link, Part
from simrt.targets.sim.prober import Prober
from simrt.targets.sim.wire import Wire
from simrt.targets.sim.world import World

if TYPE_CHECKING:
    from simrt.targets.sim.server import Play, Server

# `reconnect: at-once` is, for any end but a return of the network, like the default (CLI-1).
_AT_ONCE_AFTER_NS = 3_000_000_000
_AT_ONCE_JITTER_NS = 1_000_000_000
# Beyond so many failures `atMost` rules anyway; without a bound the power would overflow.
_MOST_BACKOFF = 64


class Client:
    """One member of a group.

    Arguments:
        world: time and record.
        server: whom it dials.
        play: the feature that it subscribes to.
        name: its group's name.
        number: its number in the group, from 0.
        place: its place in the scenario, for simultaneous events (NET-9).
        randomness: the named draws.

    Attributes:
        kernel: what its kernel does, where it has one.
        heard_ns: when something last came on its connection; -1 where nothing has.
    """

    __slots__ = (
        "_asks", "_attempt", "_backlog", "_drain", "_drain_key", "_draining", "_drains",
        "_drains_of", "_due_ns", "_factors", "_failed", "_had", "_had_of", "_head_bytes",
        "_held", "_jitter", "_left_ns", "_prober", "_queue", "_randomness", "_received",
        "_retry_ns", "_stalls", "_timer", "_watch", "gave_up", "group", "heard_ns",
        "kernel", "link", "name", "number", "opened", "place", "play", "server", "wire", "world",
    )  # fmt: skip

    def __init__(
        self,
        world: World,
        server: Server,
        play: Play,
        name: str,
        number: int,
        place: int,
        randomness: Randomness,
    ) -> None:
        self.kernel = KernelWindow(0)
        self.world = world
        self.server = server
        self.play = play
        self.group: Subscribers = play.scenario.workload.subscribers[name]
        self.name = f"{name}/{number}"
        self.number = number
        self.place = place
        self.link: Link | None = None
        self.opened = False
        self.gave_up = False
        self._randomness = randomness
        self._jitter = randomness.uniform(f"reconnect/{self.name}")
        self._drains: Draws = randomness.draws("", Distribution(constant=0))
        self._drains_of = -1
        self._drain_key = 0
        self._attempt = 0
        self._failed = 0
        self._retry_ns: int | None = None
        self._timer: Event | None = None
        self.wire = Wire(world)
        self._factors: dict[str, float] = {}
        self.heard_ns = 0
        self._watch: Event | None = None
        self._asks = self.group.keepalive_ns is not None and play.scenario.falls_silent(name)
        self._prober: Prober | None = None
        self._stalls = 0
        self._backlog: deque[Part] = deque()
        self._queue: deque[tuple[Any, int]] = deque()  # messages; an End only as the last
        self._held = 0
        self._head_bytes = 0
        self._drain = Event(self._drained)
        self._draining = False
        self._due_ns = 0
        self._left_ns: int | None = None
        self._received = 0
        self._had: Message | None = None
        self._had_of = -1

    # --- what it is doing ---------------------------------------------------------------------

    @property
    def online(self) -> bool:
        """Whether its network is there."""
        return not self.wire.away

    @property
    def last_event_id(self) -> str | None:
        """The id of the event that it received last, which a browser sends with each request."""
        if self._had is None:
            return None
        return sse.event_id(self.server.epochs[self._had_of], self._had.seq)

    @property
    def idle(self) -> bool:
        """Whether it handles nothing and nothing waits for it to be handled."""
        return not (self._queue or self._backlog or self._draining) and self._left_ns is None

    # --- connecting ---------------------------------------------------------------------------

    def connect(self) -> None:
        """Dial at scenario time 0."""
        self.dial_at(0)

    def dial_at(self, t_ns: int) -> None:
        """Try to connect at this instant."""
        self._timer = self.world.at(t_ns, order(Turn.CONNECT, self.place), self._dial)

    def _dial(self) -> None:
        self._timer = None
        self._attempt += 1
        if not self.online:
            self._refused("offline")
            return
        kind = Link if self.group.window_bytes is None else ByteLink
        link = self.link = kind(self.world, self, self.server, self._attempt)
        self._drain_key = order(Turn.DRAINED, self.place, self._attempt)
        self.heard_ns = -1
        self.opened = False
        self._after(DIAL_TO_ACCEPT, link, self.server.dialled, link)

    def _after(self, latencies: int, link: Link, action: Callable[..., None], *args: Link) -> None:
        due = self.world.now_ns + latencies * link.latency_ns
        self.wire.carry(due, link.arrival_key, action, *args)

    def turned_away(self, link: Link) -> None:
        """Nobody listens: the refusal is on its way (NET-1)."""
        self._after(1, link, self._nobody_listens, link)

    def _nobody_listens(self, link: Link) -> None:
        if link is self.link:
            self.link = None
            self._refused("down")

    def accepted(self, link: Link) -> None:
        """The server accepted: the news is on its way, then the request is (NET-1)."""
        self._after(1, link, self._request, link)

    def _request(self, link: Link) -> None:
        if link.client_open:
            self._after(1, link, self.server.requested, link)
            if self._asks:
                self._prober = Prober(self.world, self, link)

    # --- what arrives -------------------------------------------------------------------------

    def arrived(self, link: Link, item: Head | Heartbeat | Message | End, units: int) -> None:
        """Something that the server wrote is here, whole."""
        if link is not self.link or link.deaf:
            self._astray(link)
            return
        if self.wire.silent:
            self._unheard(link, self.arrived, item, units)
            return
        self.heard_ns = self.world.now_ns
        if self._stalls or self._backlog:
            self._backlog.append(Part(item, units, last=True, early=False))
        elif type(item) is Message:
            self._queue.append((item, units))
            if not self._draining:
                self._next()
        else:
            self._handle(link, item, units)

    def _handle(self, link: Link, item: Head | Heartbeat | Message | End, units: int) -> None:
        if type(item) is Message or type(item) is End:
            self._queue.append((item, units))
            if not self._draining:
                self._next()
        else:
            if type(item) is Head:
                self._head(link, item)
            link.free(units)

    def arrived_in_part(self, link: Link, part: Part) -> None:
        """A piece of something that the server wrote is here: the window is in bytes."""
        if link is not self.link or link.deaf:
            self._astray(link)
            return
        if self.wire.silent:
            self._unheard(link, self.arrived_in_part, part)
            return
        self.heard_ns = self.world.now_ns
        link.came_bytes += part.units
        if self._stalls or self._backlog:
            self._backlog.append(part)
        else:
            self._handle_part(link, part)

    def _handle_part(self, link: Link, part: Part) -> None:
        if isinstance(part.item, Head):
            self._handle_part_of_head(link, part, part.item)
        elif not isinstance(part.item, Message):
            self._handle(link, part.item, part.units)
        elif not part.last and part.early:
            link.free(part.units)
        else:
            self._held += part.units
            if part.last:
                held, self._held = self._held, 0
                self._handle(link, part.item, held)

    def _handle_part_of_head(self, link: Link, part: Part, head: Head) -> None:
        """The answer is known when the head is complete; `retry` comes behind it."""
        before, self._head_bytes = self._head_bytes, self._head_bytes + part.units
        size = HEAD_BYTES[head.status] if link.in_bytes else 1
        if before < size <= self._head_bytes:
            self._head(link, Head(head.status))
        if part.last and link is self.link and head.retry_ns is not None:
            self._retry_ns = head.retry_ns
        link.free(part.units)

    def _astray(self, link: Link) -> None:
        """It belongs to a connection that was left, and the server has not heard of it.

        In a silence nothing is acknowledged (SSE-5). Where nothing of the leaving is under way, the
        answer is a reset (NET-5).
        """
        if not link.server_open:
            return
        if self.wire.silent:
            self._unheard(link, self._astray)
        elif link.left_unheard:
            self._after(1, link, self.server.reset, link)

    def _unheard(self, link: Link, action: Callable[..., None], *args: object) -> None:
        """A silence holds up what the server wrote; the server hears nothing of it (NET-7)."""
        self.wire.note_loss()
        self.wire.deliver(link.arrival_key, action, link, *args)
        self.server.unheard(link, self.world.now_ns - link.latency_ns)

    def _draw_for(self, link: Link) -> None:
        """Know how long each event of this life of the server takes to handle."""
        if self._drains_of != link.life:
            name = f"drain/{self.name}/{link.life}"
            self._drains = self._randomness.draws(name, self.group.drain)
            self._drains_of = link.life

    def _head(self, link: Link, head: Head) -> None:
        if head.status == 200:
            self.opened = True
            self._failed = 0
            if self.group.watchdog_ns is not None:
                self._watch_over()
            self._draw_for(link)
            if head.retry_ns is not None:
                self._retry_ns = head.retry_ns
            return
        self._drop_link()
        self._refusal("refuse", "status", head.status)
        # CLI-3: any status but 200 ends a browser for good; 503 with Retry-After is for `patient`.
        self.gave_up = True
        self._refusal("gave-up", "status", head.status)

    def _next(self, left_ns: int | None = None) -> None:
        """Handle the first that waits; nothing is under way and nothing holds it up.

        Arguments:
            left_ns: how long it still takes, where that has begun.
        """
        drain_ns = left_ns
        if drain_ns is None:
            item = self._queue[0][0]
            if type(item) is not Message:
                self._queue.clear()
                self._told_of_the_end(item.cause)
                return
            drain_ns = self._drains.at(item.seq)
            if self._factors:
                drain_ns = round(drain_ns * math.prod(self._factors.values()))
        world = self.world
        self._draining = True
        due = self._due_ns = world.now_ns + drain_ns
        world.again(self._drain, due, self._drain_key)

    def _drained(self) -> None:
        """The client is done with one event: this is its receipt (NET-3)."""
        link, world = self.link, self.world
        assert link is not None
        self._draining = False
        message, units = self._queue.popleft()
        self._received += 1
        self._had, self._had_of = message, link.life
        if world.record is not None:
            world.record.received(world.now_ns, self._where(link), self._who(link), message)
        if self._queue:
            self._next()
        # Its bytes are freed by an event of their own. With nothing else due in this instant,
        # nothing can come between: then it is done at once.
        if world.queue[0][0] > world.now_ns:
            link.free(units)
        else:
            world.at(world.now_ns, link.arrival_key, link.free, units)

    # --- the end of a connection --------------------------------------------------------------

    def _told_of_the_end(self, cause: str) -> None:
        opened = self.opened
        link = self._drop_link()
        if opened:
            self._last_row("close", link, cause)
            self._try_again()
        else:
            self._refused("network")

    def disconnect(self) -> None:
        """The connection is cut, the network stays."""
        self.cut("disconnect")

    def cut(self, cause: str) -> None:
        """End the connection from this side (NET-4): what was not received is lost.

        In a silence nobody hears of it: the server holds on until its next write is answered by a
        reset, or until its own deadlines (NET-7).
        """
        if self.link is None:
            return
        opened = self.opened
        link = self._drop_link()
        self._leave(link)
        if opened:
            self._last_row("close", link, cause)
            self._try_again()
        else:
            self._refused("offline" if cause == "offline" else "network")

    def _leave(self, link: Link) -> None:
        if self.wire.silent:
            link.left_unheard = True
        else:
            self._after(1, link, self.server.left, link)

    def _drop_link(self) -> Link:
        link = self.link
        assert link is not None
        link.client_open = False
        self.link = None
        self.opened = False
        self._queue.clear()
        self._backlog.clear()
        self._held = 0
        self._head_bytes = 0
        self._left_ns = None
        self._freeze()
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None
        if self._prober is not None:
            self._prober.stop()
            self._prober = None
        return link

    def _refused(self, cause: str) -> None:
        self._refusal("refuse", cause)
        self._failed += 1
        self._try_again()

    def _try_again(self) -> None:
        """Wait as CLI-1 says, then dial."""
        policy = self.group.reconnect
        if policy == "at-once":
            if not self.online:
                return  # it dials in the instant the network returns
            wait, jitter = _AT_ONCE_AFTER_NS, _AT_ONCE_JITTER_NS
        else:
            after = policy.after_ns if self._retry_ns is None else self._retry_ns
            wait = min(
                round(after * policy.backoff ** min(self._failed, _MOST_BACKOFF)), policy.at_most_ns
            )
            jitter = policy.jitter_ns
        share = self._jitter.at(self._attempt + 1)
        self.dial_at(self.world.now_ns + wait + int(share * jitter))

    # --- the network --------------------------------------------------------------------------

    def go_offline(self, why: str, cause: str) -> None:
        """The network goes away, for one more reason."""
        if not self.wire.lose(why):
            return
        self._network_row("offline")
        if self.group.reconnect == "at-once" and self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self.cut(cause)

    def go_online(self, why: str) -> None:
        """One reason for the network's absence is gone."""
        if self.wire.regain(why):
            self._network_row("online")
            if self.group.reconnect == "at-once" and not self.gave_up:
                self.dial_at(self.world.now_ns)

    def blackhole(self, why: str) -> None:
        """Nothing passes from now on, and nobody is told (NET-7)."""
        if not self.wire.in_a_silence:
            self._network_row("offline", "silent")
        self.wire.blackhole(why)

    def restore(self, why: str, *, dead: bool = False) -> None:
        """The silence ends: what is under way arrives, unless the connection is dead by now.

        Arguments:
            why: the reason that is gone.
            dead: whether the network lost the connection for good (half-open); it also is dead
                where the server has given up.
        """
        link = self.link
        if dead and link is not None and link.life >= 0:
            link.lost = True
        if not self.wire.restore(why):
            return
        self._network_row("online", "silent")
        due_ns = self.wire.repeated_ns()
        held = link is not None and link.server_open and not link.lost
        if due_ns > self.world.now_ns and link is not None and held:
            self.world.at(due_ns, link.arrival_key, self._hear_again)
        else:
            self._hear_again()

    def _hear_again(self) -> None:
        link = self.link
        established = link is not None and link.life >= 0
        dead = link is not None and (link.lost or not link.server_open)
        lost = link if established and dead else None
        if not self.wire.pass_on(without=lost):
            return
        if link is not None:
            self.server.heard(link)
        if lost is None:
            return
        # Who waits for an answer is told that none will come; who has one waits for nothing.
        if self.group.notices == "at-heal" or not self._has_answer(lost):
            self.world.at(self.world.now_ns, LEARNED, self._learn_end, lost)
        else:
            lost.deaf = lost.deaf or not self._has_end()
        if lost.server_open:
            self._after(1, lost, self.server.reset, lost)

    def _has_answer(self, link: Link) -> bool:
        """Whether the head of the response is there, handled or not."""
        if link.in_bytes:
            return link.came_bytes >= HEAD_BYTES[200]
        return self.heard_ns >= 0

    def _has_end(self) -> bool:
        """Whether the end came before the silence, and waits to be handled."""
        waiting = [part.item for part in self._backlog] + [item for item, _ in self._queue]
        return any(isinstance(item, End) for item in waiting)

    def _learn_end(self, link: Link) -> None:
        if link is self.link:
            self.arrived(link, End(), 0)

    def noticed(self, link: Link, *, leaves: bool) -> None:
        """Keep-alive ended the connection; who is stalled hears it when it reads on (NET-6).

        Arguments:
            link: the connection.
            leaves: whether nobody answered, so that the server does not know it yet.
        """
        link.deaf = True
        if leaves:
            self._leave(link)
        end = End("keepalive")
        if self._stalls or self._backlog:
            self._backlog.append(Part(end, 0, last=True, early=False))
        else:
            self._handle(link, end, 0)

    def _watch_over(self) -> None:
        """CLI-4: drop a connection on which nothing came for so long."""
        patience = self.group.watchdog_ns
        assert patience is not None
        due = self.heard_ns + patience
        if self.world.now_ns >= due:
            self.cut("watchdog")
        else:
            self._watch = self.world.at(due, order(Turn.TIMER, self.place), self._watch_over)

    # --- credentials --------------------------------------------------------------------------

    def log_in_again(self) -> None:
        """Its credentials are good again: it connects anew, also if it had given up."""
        if self.gave_up:
            self._had = None  # a new EventSource has no last id
        self.gave_up = False
        waits_for_network = self.group.reconnect == "at-once" and not self.online
        if self.link is None and self._timer is None and not waits_for_network:
            self._failed = 0
            self.dial_at(self.world.now_ns)

    # --- slowness -----------------------------------------------------------------------------

    def slow_down(self, why: str, factor: float) -> None:
        """Each event that it begins to handle takes so many times as long; factors multiply."""
        self._factors[why] = factor

    def speed_up(self, why: str) -> None:
        """One such factor is gone."""
        del self._factors[why]

    # --- stalls -------------------------------------------------------------------------------

    def stall(self) -> None:
        """Stop handling what arrives; a drain under way freezes (NET-6)."""
        self._stalls += 1
        if self._draining:
            self._freeze()
            self._left_ns = self._due_ns - self.world.now_ns

    def _freeze(self) -> None:
        """The drain under way does not end."""
        if self._draining:
            self._draining = False
            self._drain.cancel()
            self._drain = Event(self._drained)

    def resume(self) -> None:
        """Go on where the stall began."""
        self._stalls -= 1
        if self._stalls:
            return
        if self._left_ns is not None:
            left, self._left_ns = self._left_ns, None
            self._next(left)
        # To free part of the window can let more arrive: that stays behind what is here already.
        while self._backlog and self.link is not None:
            part = self._backlog[0]
            self._handle_part(self.link, part)
            if self._backlog:
                self._backlog.popleft()

    # --- rows ---------------------------------------------------------------------------------

    def end(self) -> None:
        """Say what it holds when the run ends."""
        if self.link is not None and self.opened:
            untold = self.link.deaf and not self.link.server_open and self.idle
            self._last_row("end", self.link, UNTOLD if untold else "")

    def _where(self, link: Link | None) -> Where:
        if link is None or link.life < 0:
            return Where(self.play.project, self.play.channel_name)
        return self.server.where(self.play, link.life)

    def _who(self, link: Link) -> Who:
        return Who(self.name, link.number)

    def _refusal(self, kind: str, cause: str, status: int | None = None) -> None:
        record = self.world.record
        if record is not None:
            who = Who(self.name, self._attempt)
            record.refused(kind, self.world.now_ns, self._where(None), who, cause, status)

    def _network_row(self, kind: str, cause: str = "") -> None:
        if self.world.record is not None:
            self.world.record.network(kind, self.world.now_ns, self.name, cause)

    def _last_row(self, kind: str, link: Link, cause: str) -> None:
        record = self.world.record
        if record is not None:
            where, who = self._where(link), self._who(link)
            record.client_side(kind, self.world.now_ns, where, who, self._received, cause)
        self._received = 0
