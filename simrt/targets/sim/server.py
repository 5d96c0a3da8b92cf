"""The modelled server: accepts, subscribes, and takes only what a connection accepts (SSE-6)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from simrt import sse
from simrt.engine import (
    Channel,
    EncodedEvent,
    EventError,
    Fate,
    Hub,
    Message,
    Subscription,
    encode_event,
)
from simrt.network import HEAD_BYTES, Guard, Turn, order
from simrt.record import LOSSES, Where, Who, replay_detail
from simrt.scenario.events import Shapes, render
from simrt.scenario.model import Scenario
from simrt.scenario.randomness import Fractions, Randomness, epoch_of
from simrt.scheduler import Event
from simrt.targets.sim.link import Head, Heartbeat, Link
from simrt.targets.sim.world import World

if TYPE_CHECKING:
    from simrt.targets.sim.client import Client

NS_PER_MS = 1_000_000


@dataclass(slots=True)
class Play:
    """One feature as it runs: the scenario's own, or its neighbour's.

    Attributes:
        constants: events that are the same at each send, by the identity of their template.
        templates: these templates, kept so that no other object gets the identity of one.
    """

    scenario: Scenario
    channel: Channel | None = None
    constants: dict[int, EncodedEvent] = field(default_factory=dict)
    templates: list[Any] = field(default_factory=list)
    shapes: Shapes = field(init=False)
    _where: Where = field(init=False)

    def __post_init__(self) -> None:
        self.shapes = Shapes(self.scenario.feature.events)
        self._where = Where(self.project, self.channel_name)

    @property
    def project(self) -> str:
        """The project's name."""
        return self.scenario.feature.project

    @property
    def channel_name(self) -> str:
        """The channel's name."""
        return self.scenario.feature.channel

    def where(self, epoch: str) -> Where:
        """Project, channel and epoch, as rows name them."""
        if self._where.epoch != epoch:
            self._where = Where(self.project, self.channel_name, epoch)
        return self._where


@dataclass(slots=True)
class Stream:
    """The server's end of one connection, from subscribe to close."""

    link: Link
    where: Where
    who: Who
    subscription: Subscription
    last_event_ns: int
    waiting_since_ns: int | None = None
    deadline: Event | None = None
    heartbeat: Event | None = None
    unheard_since_ns: int | None = None
    peer: Event | None = None


class Server:
    """One server process after another, each with its hub.

    Arguments:
        world: time and record.
        plays: the features that it serves.
        randomness: the named draws (`retry`, epochs).

    Attributes:
        up: whether it listens.
        life: how many restarts there were.
        epochs: the epoch of each life.
    """

    def __init__(self, world: World, plays: tuple[Play, ...], randomness: Randomness) -> None:
        self.world = world
        self.plays = plays
        self.settings = plays[0].scenario.server
        self.variants = plays[0].scenario.variants
        self.up = False
        self.life = -1
        self.epochs: list[str] = []
        self.streams: dict[Link, Stream] = {}
        self._randomness = randomness
        self._retries: dict[str, Fractions] = {}
        self._accepted: dict[Link, None] = {}
        self._by_subscription: dict[Subscription, Stream] = {}
        self._hub: Hub | None = None
        self._revoked: set[str] = set()
        self._fates: list[tuple[Subscription, int, Fate, int]] = []

    # --- its life -----------------------------------------------------------------------------

    def start(self) -> None:
        """Listen, with a new and empty hub (RST-1, RST-3)."""
        self.life += 1
        epoch = epoch_of(self._randomness.seed, self.life)
        self.epochs.append(epoch)
        on_fate = None if self.world.record is None else self._fate
        self._hub = Hub(
            epoch,
            on_fate=on_fate,
            max_event_bytes=self.settings.max_event_bytes,
            variants=self.variants.for_engine(),
        )
        for play in self.plays:
            feature = play.scenario.feature
            project = self._hub.project(feature.project)
            play.channel = project.channel(feature.channel, feature.options.for_engine())
        self.up = True

    def kill(self) -> None:
        """End as by kill -9: no last word, connections end in order of acceptance (NET-8)."""
        if self.world.record is not None:
            self.world.record.restarted(self.world.now_ns, self.epochs[self.life])
        self.up = False
        for stream in self.streams.values():
            self._disarm(stream)
            stream.link.stream = None
        self.streams.clear()
        self._by_subscription.clear()
        self._hub = None
        accepted, self._accepted = self._accepted, {}
        for link in accepted:
            link.finish()

    # --- connections --------------------------------------------------------------------------

    def dialled(self, link: Link) -> None:
        """A dial is here (NET-1)."""
        if not self.up:
            link.client.turned_away(link)
            return
        link.life = self.life
        link.server_open = True
        self._accepted[link] = None
        link.client.accepted(link)

    def requested(self, link: Link) -> None:
        """A request is here: permission, subscribe, head, replay (NET-1, SSE-4)."""
        if not link.server_open:
            return
        play = link.client.play
        permission = play.scenario.feature.stream.permission
        client = link.client
        known = client.group.credentials == "right" and client.name not in self._revoked
        if not known and "public" not in permission:
            link.write(Head(401), HEAD_BYTES[401])  # it is the client that ends the connection
            return
        now = self.world.now_ns
        assert play.channel is not None
        limits = play.scenario.feature.stream.replay.for_engine()
        had_last = client.last_event_id
        subscription = play.channel.subscribe(limits, now=now, last_event_id=had_last)
        who = Who(client.name, link.number)
        stream = Stream(link, self.where(play, self.life), who, subscription, last_event_ns=now)
        self.streams[link] = link.stream = stream
        self._by_subscription[subscription] = stream
        if self.world.record is not None:
            detail = replay_detail(subscription, limits)
            if self.variants.resume != "none":
                detail["last_event_id"] = had_last
            self.world.record.subscribed(now, stream.where, who, detail)
        retry_ns = self._retry_ns(link)
        retry_bytes = 0 if retry_ns is None else len(sse.encode_retry(retry_ns // NS_PER_MS))
        link.write(Head(200, retry_ns), HEAD_BYTES[200] + retry_bytes)
        self._arm_heartbeat(stream, now)
        self.flush(play)
        self._watch(stream)

    def _retry_ns(self, link: Link) -> int | None:
        """STR-3: when this stream's client shall come back, drawn for each stream."""
        spread = self.settings.retry_spread_ns
        if spread is None:
            return None
        name = f"retry/{link.client.play.project}/{link.client.name}"
        if name not in self._retries:
            self._retries[name] = self._randomness.uniform(name)
        share = self._retries[name].at(link.number)
        drawn = spread[0] + int(share * (spread[1] - spread[0]))
        return drawn // NS_PER_MS * NS_PER_MS  # the field counts whole milliseconds

    def left(self, link: Link) -> None:
        """The client's end of the connection is here (NET-4)."""
        self._gone(link, "client")

    def reset(self, link: Link) -> None:
        """The network says that the connection is dead (NET-7)."""
        self._gone(link, "network")

    def _gone(self, link: Link, cause: str) -> None:
        if not link.server_open:
            return
        link.server_open = False
        del self._accepted[link]
        stream = self.streams.pop(link, None)
        if stream is not None:
            self._close(stream, cause)

    def _end(self, stream: Stream, cause: str) -> None:
        """End a stream from this side (NET-5)."""
        link = stream.link
        del self.streams[link], self._accepted[link]
        self._close(stream, cause)
        link.finish()

    def revoke(self, clients: Sequence[Client]) -> None:
        """These clients' credentials are revoked: open streams close, attempts get 401."""
        open_streams: dict[Client, list[Stream]] = {client: [] for client in clients}
        for stream in self.streams.values():
            if stream.link.client in open_streams:
                open_streams[stream.link.client].append(stream)
        for client, streams in open_streams.items():
            self._revoked.add(client.name)
            for stream in streams:
                self._end(stream, "denied")

    def restore(self, clients: Sequence[Client]) -> None:
        """Their credentials are good again."""
        self._revoked.difference_update(client.name for client in clients)

    def unheard(self, link: Link, since_ns: int) -> None:
        """What was written at `since_ns` gets no acknowledgement: the network is silent (SSE-5)."""
        stream, patience = link.stream, self.settings.peer_timeout_ns
        if stream is None or patience is None or stream.unheard_since_ns is not None:
            return
        stream.unheard_since_ns = since_ns
        # A network may be slower than the patience: then the silence is noticed where it is met.
        due = max(self.world.now_ns, since_ns + patience)
        stream.peer = self._timer(stream, due, Guard.PEER, self._give_up)

    def heard(self, link: Link) -> None:
        """The silence is over: what was written is acknowledged."""
        stream = link.stream
        if stream is not None and stream.peer is not None:
            stream.peer.cancel()
            stream.peer = stream.unheard_since_ns = None

    def _give_up(self, stream: Stream) -> None:
        """SSE-5: a peer that acknowledges nothing for `peerTimeout` is gone."""
        self._end(stream, "gone")

    def _close(self, stream: Stream, cause: str) -> None:
        self._disarm(stream)
        stream.link.stream = None
        subscription = stream.subscription
        pending = subscription.pending_seqs()
        subscription.close(self.world.now_ns)
        del self._by_subscription[subscription]
        record = self.world.record
        if record is not None:
            fates = subscription.fates
            record.server_side(
                "close", self.world.now_ns, stream.where, stream.who, fates, pending, cause
            )

    def _disarm(self, stream: Stream) -> None:
        for moment in (stream.deadline, stream.heartbeat, stream.peer):
            if moment is not None:
                moment.cancel()

    # --- sends and takes ----------------------------------------------------------------------

    def send(
        self, play: Play, sender: str, event: str, template: Any, n: int, count: int = 1
    ) -> None:
        """A hook or job sends, a hook several where its body is a list (HOK-1, HOK-4), and flushes.

        What is pending goes out first where it would else be lost (DLV-7).
        """
        if not self.up:
            self._reject(play, event, "down")  # RST-5
            return
        assert play.channel is not None
        for part in range(1, count + 1):
            if part > 1 and (part - 1) % play.channel.options.buffer_size == 0:
                self.flush(play)
            if not self._send_one(play, sender, event, template, n + part - 1, part):
                break  # HOK-2: what it sent before is sent
        self.flush(play)

    def _send_one(
        self, play: Play, sender: str, event: str, template: Any, n: int, part: int
    ) -> bool:
        """Check size and shape (PUB-3, SSE-7), and send; whether it was sent."""
        now = self.world.now_ns
        encoded = play.constants.get(id(template))
        if encoded is None or encoded.event != event:
            wall = play.scenario.starts + timedelta(microseconds=now // 1000)
            data = render(template, n, wall)
            try:
                encoded = encode_event(event, data, max_event_bytes=self.settings.max_event_bytes)
            except EventError:
                self._reject(play, event, "event")
                return False
            if play.shapes.problem(event, data, encoded.encoded) is not None:
                self._reject(play, event, "shape")
                return False
            if data == template:  # nothing to fill in: every send is like this one
                play.constants[id(template)] = encoded
                play.templates.append(template)
        assert play.channel is not None
        message = play.channel.send_encoded(encoded, now)
        record = self.world.record
        if record is not None:
            record.sent(now, self.where(play, self.life), message, sender, part)
            self._write_fates()
        return True

    def flush(self, play: Play) -> None:
        """Let each subscription that has something to take be taken from, if it has room."""
        assert play.channel is not None
        for subscription in play.channel.collect_ready():
            self.pump(self._by_subscription[subscription])

    def pump(self, stream: Stream) -> None:
        """Take while the connection accepts (NET-2, SSE-6)."""
        link, subscription = stream.link, stream.subscription
        world = self.world
        now, record = world.now_ns, world.record
        if not link.room and (stream.waiting_since_ns is None or not link.stuck):
            stream.waiting_since_ns = now
        while room := link.room:
            messages = subscription.take(now, room)
            if record is not None:
                self._write_fates()
                for message in messages:
                    record.took(now, stream.where, stream.who, message)
            if not messages:
                stream.waiting_since_ns = None
                return
            stream.last_event_ns = stream.waiting_since_ns = now
            for message in messages:
                link.write(message, self._event_bytes(message) if link.in_bytes else 1)
            if len(messages) < room:
                stream.waiting_since_ns = None
                return  # that was all
        # STR-1: from here on it accepts nothing. Whether something waits is asked only where no
        # deadline is set; where one is, it will ask.
        if stream.deadline is None and self._waits(stream):
            self._arm_deadline(stream)

    def _waits(self, stream: Stream) -> bool:
        return stream.link.stuck or stream.subscription.pending > 0

    def _watch(self, stream: Stream) -> None:
        """Note whether what is no event waits, after all that could be written was (STR-1)."""
        if stream.waiting_since_ns is None and self._waits(stream):
            stream.waiting_since_ns = self.world.now_ns
            if stream.deadline is None:
                self._arm_deadline(stream)

    def _event_bytes(self, message: Message) -> int:
        """The size of one event on the wire, for windows in bytes."""
        name = sse.event_id(self.epochs[self.life], message.seq)
        return len(sse.encode_event(name, message.event, message.encoded))

    # --- timers -------------------------------------------------------------------------------

    def _arm_deadline(self, stream: Stream) -> None:
        allowed = self.settings.write_deadline_ns
        if allowed is None or stream.deadline is not None or stream.waiting_since_ns is None:
            return
        due = stream.waiting_since_ns + allowed
        stream.deadline = self._timer(stream, due, Guard.DEADLINE, self._check_deadline)

    def _check_deadline(self, stream: Stream) -> None:
        """STR-1: a connection that accepts nothing for so long, while something waits, ends."""
        stream.deadline = None
        since, allowed = stream.waiting_since_ns, self.settings.write_deadline_ns
        if since is None or allowed is None or not self._waits(stream):
            return
        if self.world.now_ns < since + allowed:
            self._arm_deadline(stream)
            return
        self._end(stream, "stalled")

    def _arm_heartbeat(self, stream: Stream, since_ns: int) -> None:
        pause = self.settings.heartbeat_ns
        if pause is not None:
            stream.heartbeat = self._timer(stream, since_ns + pause, Guard.HEARTBEAT, self._beat)

    def _beat(self, stream: Stream) -> None:
        """SSE-5: a heartbeat after a pause without an event; skipped where there is no room."""
        pause = self.settings.heartbeat_ns
        assert pause is not None
        if self.world.now_ns < stream.last_event_ns + pause:
            self._arm_heartbeat(stream, stream.last_event_ns)
            return
        if stream.link.room:
            stream.link.write(Heartbeat(), len(sse.encode_comment()))
            self._watch(stream)
        self._arm_heartbeat(stream, self.world.now_ns)

    def _timer(
        self, stream: Stream, due_ns: int, guard: Guard, action: Callable[[Stream], None]
    ) -> Event:
        link = stream.link
        key = order(Turn.TIMER, link.client.place, link.number, guard)
        return self.world.at(due_ns, key, action, stream)

    # --- rows ---------------------------------------------------------------------------------

    def where(self, play: Play, life: int) -> Where:
        """Project, channel and epoch, as rows name them."""
        return play.where(self.epochs[life])

    def _fate(self, subscription: Subscription, message: Message, fate: Fate, now: int) -> None:
        self._fates.append((subscription, message.seq, fate, now))

    def _write_fates(self) -> None:
        """Write what the engine's last call lost: after the row of the send that caused it."""
        record = self.world.record
        if record is None or not self._fates:
            return
        fates, self._fates = self._fates, []
        for subscription, seq, fate, now in fates:
            stream = self._by_subscription.get(subscription)
            if stream is None or fate == "discarded":
                continue
            kind, cause = LOSSES[fate]
            record.lost(kind, now, stream.where, stream.who, seq, cause)

    def _reject(self, play: Play, event: str, cause: str) -> None:
        if self.world.record is not None:
            epoch = self.epochs[self.life] if self.up else ""
            self.world.record.rejected(self.world.now_ns, play.where(epoch), event, cause)

    def end(self) -> None:
        """Say what each open subscription holds when the run ends."""
        record = self.world.record
        if record is not None:
            for stream in self.streams.values():
                fates, pending = stream.subscription.fates, stream.subscription.pending_seqs()
                record.server_side(
                    "end", self.world.now_ns, stream.where, stream.who, fates, pending, ""
                )
