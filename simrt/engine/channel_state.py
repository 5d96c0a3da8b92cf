"""One channel in one epoch: the ring of its newest messages, its subscriptions, who is ready.

Internal. The package's theory of operation says how the parts work together.
"""

import re
from bisect import bisect_right
from collections.abc import Sequence
from operator import attrgetter
from typing import TYPE_CHECKING

from simrt.engine.message import Message
from simrt.engine.options import ChannelOptions, ReplayOptions
from simrt.engine.queues import POLICIES, DropNewest, PendingQueue
from simrt.engine.subscription import Subscription

if TYPE_CHECKING:
    from simrt.engine.channel import Channel
    from simrt.engine.state import HubState

_birth = attrgetter("birth")
_SEQ = re.compile("[1-9][0-9]{0,18}")  # as it is written in an id; no endless number is read

Drops = Sequence[tuple[PendingQueue, Message]]


class ChannelState:
    """The memory of one channel, from the call that binds its options until the restart.

    Attributes:
        hub: whose channel it is.
        channel: the handle that bound it; what the driver is told.
        options: the bound ones (CHN-2).
        decided: names of the options that somebody wrote (OPT-3).
        ended: whether a restart has ended it.
        last_seq: number of the newest message; survives forgetting (CHN-3).
        ring: the history; message ``seq`` stands at ``(seq - 1 - base) % buffer_size``.
        base: number of the last message before the ring began to fill.
        queues: the open subscriptions' queues, in order of birth.
        idle: those of them with nothing pending.
        roused: those that got something since they were idle, and were not collected (HUB-4).
        watched: queues that are not full under ``drop-newest``, by the ``seq`` at which to look.
    """

    __slots__ = (
        "base",
        "births",
        "buffer_size",
        "channel",
        "cut",
        "decided",
        "ended",
        "hub",
        "idle",
        "last_seq",
        "options",
        "queues",
        "ring",
        "roused",
        "watched",
    )

    def __init__(self, hub: "HubState", channel: "Channel", options: ChannelOptions) -> None:
        self.hub = hub
        self.channel = channel
        self.options = options
        self.buffer_size = options.buffer_size
        self.decided = dict.fromkeys(options.decided)
        self.ended = False
        self.last_seq = self.base = self.births = 0
        self.ring: list[Message] = []
        self.cut: tuple[int, int, tuple[Message, ...]] | None = None
        self.queues: dict[PendingQueue, None] = {}
        self.idle: dict[PendingQueue, None] = {}
        self.roused: dict[PendingQueue, None] = {}
        self.watched: dict[int, dict[DropNewest, None]] = {}

    def tell(self, drops: Drops, now: int) -> None:
        """Report the drops of a send to the recorder, and what became ready to the driver."""
        became_ready = bool(self.idle) and self.rouse()
        report = self.hub.on_fate
        try:
            if report is not None:
                for queue, lost in drops:
                    report(queue.subscription, lost, queue.drop_fate, now)
        finally:
            if became_ready:
                self.hub.announce(self)  # HUB-4: the change of the call is complete

    def find_drops(self, new: Message) -> Drops:
        """List, in order of birth, who will lose which message when ``new`` is kept."""
        size = self.buffer_size
        full = [queue for queue in self.queues if queue.count_pending() == size]
        if not full:
            return ()
        oldest = self.message(new.seq - size)  # a full queue means a full ring
        return [(queue, queue.lost(oldest, new)) for queue in full]

    def subscribe(
        self, channel: "Channel", replay: ReplayOptions, now: int, last_event_id: str | None
    ) -> Subscription:
        """Open a subscription; what it replays is pending at once (SUB-1, REP-7)."""
        self.hub.now = now
        self.births += 1
        known = None if last_event_id is None else self.known(last_event_id)
        start = self.replay_start(replay, now) if known is None else self.resume_start(known, now)
        queue = POLICIES[self.options.on_full](self, self.births, start)
        subscription = queue.subscription = Subscription(queue, channel, replay, now, known)
        self.queues[queue] = None
        self.idle[queue] = None
        if queue.replayed and self.rouse_one(queue):
            self.hub.announce(self)
        return subscription

    def replay_start(self, replay: ReplayOptions, now: int) -> int:
        """Find the first ``seq`` of a replay; the next one to be sent if there is none."""
        count, age = replay.last_n, replay.max_age_ns
        if count is None and age is None:
            return self.last_seq + 1  # REP-1
        first = self.last_seq - len(self.ring) + 1
        if count is not None:
            first = max(first, self.last_seq - count + 1)
        # Times never decrease with seq, so each condition keeps the newest messages (REP-2).
        if age is not None:
            first = self.first_sent_after(now - age - 1, first)  # now - t <= maxAge
        if self.options.message_ttl_ns is not None:
            first = self.first_sent_after(now - self.options.message_ttl_ns, first)  # TTL-2
        return first

    def known(self, last_event_id: str) -> int | None:
        """Find the ``seq`` that an id stands for, if what followed it is still in the history.

        Expired or not: what was forgotten (CHN-3) had expired, and counts as if it were there.
        """
        if self.hub.variants.resume == "none":
            return None
        epoch, _, number = last_event_id.rpartition(":")
        if epoch != self.hub.epoch or not _SEQ.fullmatch(number):
            return None
        seq = int(number)
        return seq if self.last_seq - self.buffer_size <= seq <= self.last_seq else None

    def resume_start(self, seq: int, now: int) -> int:
        """Find the first ``seq`` of what followed a known id and has not expired (TTL-2)."""
        first = max(seq + 1, self.last_seq - len(self.ring) + 1)
        ttl = self.options.message_ttl_ns
        return first if ttl is None else self.first_sent_after(now - ttl, first)

    def close(self, queue: PendingQueue, now: int) -> None:
        """End a subscription; what is pending is discarded. Twice is harmless (DLV-4)."""
        hub = self.hub
        hub.now = now
        if queue.closed:
            return
        discarded = () if hub.on_fate is None else queue.pending_messages()
        queue.end()
        del self.queues[queue]
        self.idle.pop(queue, None)
        self.unrouse(queue)
        if isinstance(queue, DropNewest):
            self.unwatch(queue)
        self.forget(now)
        if hub.on_fate is not None:
            for message in discarded:
                hub.on_fate(queue.subscription, message, "discarded", now)

    def forget(self, now: int) -> bool:
        """Drop a history that nobody can ever read; keep options and ``last_seq`` (CHN-3).

        Returns:
            Whether there was something to forget.
        """
        ttl = self.options.message_ttl_ns
        if self.queues or not self.ring or ttl is None:
            return False
        if now - self.sent_ns(self.last_seq) < ttl:  # TTL-1
            return False
        self.ring = []
        self.cut = None
        self.base = self.last_seq
        return True

    def end(self) -> None:
        """End the channel with its epoch (RST-1)."""
        for queue in self.queues:
            queue.end()
        self.ended = True
        self.ring = []
        self.cut = None
        self.queues, self.idle, self.roused, self.watched = {}, {}, {}, {}

    # The ring

    def message(self, seq: int) -> Message:
        """Look up a message of the history."""
        return self.ring[(seq - 1 - self.base) % self.buffer_size]

    def sent_ns(self, seq: int) -> int:
        """Look up when a message of the history was sent."""
        return self.ring[(seq - 1 - self.base) % self.buffer_size].sent_ns

    def first_sent_after(self, time: int, first: int) -> int:
        """Find the first ``seq``, from ``first`` on, sent after a time; the next one if none."""
        if first > self.last_seq or self.sent_ns(first) > time:
            return first
        return first + bisect_right(range(first, self.last_seq + 1), time, key=self.sent_ns)

    def span(self, first: int, last: int) -> tuple[Message, ...]:
        """Cut a run of messages out of the history; empty where ``last`` lies before ``first``.

        Queues that stand at one position share one tuple.
        """
        count = last - first + 1
        if count <= 1:
            return (self.message(first),) if count == 1 else ()
        cut = self.cut
        if cut is not None and cut[0] == first and cut[1] == last:
            return cut[2]
        start = (first - 1 - self.base) % self.buffer_size
        run = self.ring[start : start + count]
        if len(run) < count:
            run += self.ring[: count - len(run)]
        messages = tuple(run)
        self.cut = first, last, messages
        return messages

    def held(self) -> dict[int, Message]:
        """Collect what is held, each message once (BUF-5); costs time by what is held."""
        held = {message.seq: message for message in self.ring}
        for queue in self.queues:
            held.update((message.seq, message) for message in queue.held)
        return held

    def memory_bytes(self) -> int:
        """Add up type and encoded data of what is held (BUF-5)."""
        return sum(message.size_bytes for message in self.held().values())

    # Who is ready: the order of a driver's work (HUB-4)

    def rouse(self) -> bool:
        """Move all idle queues to the roused; say whether the channel became ready."""
        if self.roused:
            self.roused.update(self.idle)
            self.idle = {}
            return False
        self.roused, self.idle = self.idle, self.roused
        self.hub.ready[self] = None
        return True

    def rouse_one(self, queue: PendingQueue) -> bool:
        """Move one idle queue to the roused; say whether the channel became ready."""
        del self.idle[queue]
        self.roused[queue] = None
        if len(self.roused) > 1:
            return False
        self.hub.ready[self] = None
        return True

    def rest(self, queue: PendingQueue) -> None:
        """Take note that a queue has nothing pending."""
        self.unrouse(queue)
        self.idle[queue] = None

    def unrouse(self, queue: PendingQueue) -> None:
        """Take a queue out of the roused, if it is one of them."""
        if queue in self.roused:
            del self.roused[queue]
            if not self.roused:
                del self.hub.ready[self]

    def collect(self) -> list[PendingQueue]:
        """Hand the roused queues over to the driver, in order of birth."""
        if not self.roused:
            return []
        roused = sorted(self.roused, key=_birth)
        self.roused = {}
        del self.hub.ready[self]
        return roused

    # Which queues a send will fill: rule BUF-3

    def watch(self, queue: DropNewest, seq: int) -> None:
        """Look at a queue again at the send of ``seq``, the first that could fill it."""
        queue.full_at = seq
        self.watched.setdefault(seq, {})[queue] = None

    def unwatch(self, queue: DropNewest) -> None:
        """Look at a queue no more."""
        watched = self.watched.get(queue.full_at)
        if watched is not None and queue in watched:
            del watched[queue]
            if not watched:
                del self.watched[queue.full_at]
