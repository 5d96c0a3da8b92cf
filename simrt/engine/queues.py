"""Pending queues: one class for each value of ``onFull``.

Internal. A queue belongs to one subscription and is a view of its channel's ring: a cursor, and
counts that are settled when somebody looks. The package's theory of operation says why that is
enough. Another way to treat a slow subscriber is another class here, named in `POLICIES`.
"""

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Mapping
from math import inf
from typing import TYPE_CHECKING, ClassVar, Final

from simrt.engine.errors import EngineError, TakeLimitError, shown
from simrt.engine.message import Fate, Message
from simrt.engine.options import OnFull

if TYPE_CHECKING:
    from simrt.engine.channel_state import ChannelState
    from simrt.engine.subscription import Subscription

Messages = tuple[Message, ...]


class PendingQueue(ABC):
    """The pending queue of one subscription, and the count of what became of its messages.

    Attributes:
        channel: the channel whose ring this is a view of.
        subscription: what the caller holds.
        birth: its number among the channel's subscriptions in this epoch.
        cursor: everything up to this seq is settled, or in ``held``.
        held: pending messages that this queue itself keeps; what is pending besides is in the
            ring.
        replayed: seqs of its replay, as a range.
    """

    subscription: "Subscription"  # set by the subscribe that makes both

    __slots__ = (
        "birth",
        "channel",
        "closed",
        "closed_seq",
        "cursor",
        "discarded",
        "dropped",
        "expired",
        "held",
        "opened_seq",
        "replayed",
        "subscription",
        "taken",
    )

    drop_fate: ClassVar[Fate]

    def __init__(self, channel: "ChannelState", birth: int, first_seq: int) -> None:
        self.channel = channel
        self.birth = birth
        self.cursor = first_seq - 1
        self.held: Messages | deque[Message] = ()
        self.opened_seq = channel.last_seq
        self.replayed = range(first_seq, channel.last_seq + 1)
        self.closed = False
        self.closed_seq = 0
        self.taken = self.dropped = self.expired = self.discarded = 0

    @staticmethod
    @abstractmethod
    def lost(oldest: Message, new: Message) -> Message:
        """Choose what a full queue loses when ``new`` is sent and ``oldest`` is its oldest."""

    @abstractmethod
    def count_pending(self) -> int:
        """Count what is pending, expired or not (TTL-4); at once, however much it is."""

    @abstractmethod
    def count_dropped(self) -> int:
        """Count what overflow has dropped, as if it had been counted at each send (PUB-4)."""

    @abstractmethod
    def pending_messages(self) -> Messages:
        """List what is pending, in order of ``seq``, expired or not."""

    def take(self, now: int, limit: int) -> Messages:
        """Remove and return up to ``limit`` pending unexpired messages (DLV-1)."""
        channel = self.channel
        hub = channel.hub
        if type(now) is not int or now < hub.now or type(limit) is not int or limit < 1:
            raise self.refusal(now, limit)
        hub.now = now
        if self.closed:  # DLV-4
            return ()
        if self.held:
            return self.take_held(now, limit)
        last = channel.last_seq
        first = self.cursor + 1
        lost = last - channel.buffer_size + 1 - first  # BUF-2: the ring holds the newest only
        if lost > 0:
            self.dropped += lost
            first += lost
        if first > last:
            return ()
        ttl = channel.options.message_ttl_ns
        # Times never decrease with seq, so what has expired stands before what has not.
        alive = first if ttl is None else channel.first_sent_after(now - ttl, first)  # TTL-3
        stop = alive + limit - 1
        if stop > last:
            stop = last
        self.cursor = stop
        self.taken += stop - alive + 1
        taken: Messages
        if alive == stop:
            taken = (channel.ring[(alive - 1 - channel.base) % channel.buffer_size],)
        else:
            taken = channel.span(alive, stop)
        if stop == last:
            channel.rest(self)
        if alive > first:
            self.expire(channel.span(first, alive - 1), now)
        return taken

    def take_held(self, now: int, limit: int) -> Messages:
        """Take from ``held``, then from the ring; only what holds messages is asked."""
        raise NotImplementedError

    def refusal(self, now: object, limit: object) -> EngineError:
        """Say why a take is refused."""
        hub = self.channel.hub
        if type(now) is not int or now < hub.now:
            return hub.time_error(now)
        return TakeLimitError(f"limit must be an integer, 1 or more; got {shown(limit)}")

    def expire(self, messages: Messages, now: int) -> None:
        """Count messages that a take found expired, and report them with its time (TTL-4)."""
        self.expired += len(messages)
        report = self.channel.hub.on_fate
        if report is not None:
            for message in messages:
                report(self.subscription, message, "expired", now)

    def count_offered(self) -> int:
        """Count what was offered: the replay, and each message sent while open (ACC-1)."""
        until = self.closed_seq if self.closed else self.channel.last_seq
        return len(self.replayed) + until - self.opened_seq

    def count_fates(self) -> dict[Fate, int]:
        """Count each of the six fates, exactly, whenever it is asked (ACC-1, PUB-4)."""
        fates: dict[Fate, int] = {
            "taken": self.taken,
            "dropped-oldest": 0,
            "dropped-newest": 0,
            "expired": self.expired,
            "discarded": self.discarded,
            "pending": self.count_pending(),
        }
        fates[self.drop_fate] = self.count_dropped()
        return fates

    def end(self) -> None:
        """Fix the counts for good: what is pending now is discarded (ACC-1)."""
        self.discarded = self.count_pending()
        self.dropped = self.count_dropped()
        self.closed_seq = self.channel.last_seq
        self.closed = True
        self.held = ()


class DropOldest(PendingQueue):
    """A full queue loses its oldest message (BUF-2).

    What is pending is what the ring holds after the cursor: the ring is as large as the queue,
    and loses the same message at the same send. So overflow needs no work at all, and what it
    dropped is how far the cursor has fallen behind the ring.
    """

    __slots__ = ()

    drop_fate = "dropped-oldest"

    @staticmethod
    def lost(oldest: Message, new: Message) -> Message:  # noqa: ARG004 (one signature for all)
        """Lose the oldest."""
        return oldest

    def count_pending(self) -> int:
        """Count what the ring still holds after the cursor."""
        if self.closed:
            return 0
        channel = self.channel
        return min(channel.last_seq - self.cursor, channel.buffer_size)

    def count_dropped(self) -> int:
        """Count what the ring has lost after the cursor."""
        if self.closed:
            return self.dropped
        channel = self.channel
        return self.dropped + max(0, channel.last_seq - self.cursor - channel.buffer_size)

    def pending_messages(self) -> Messages:
        """List what the ring still holds after the cursor."""
        last = self.channel.last_seq
        return self.channel.span(last - self.count_pending() + 1, last)


class DropNewest(PendingQueue):
    """A full queue refuses the new message (BUF-3).

    While it is not full, what is pending is ``held`` and everything after the cursor. The ring
    must not take these away, so at the send that fills the queue it copies them (references, not
    bytes) into ``held`` and moves the cursor there; everything after the cursor is then refused,
    which needs no work until the next take makes room.

    Attributes:
        full: whether new messages are refused.
        full_at: while not full, the ``seq`` at whose send to look whether it is full by then.
    """

    __slots__ = ("full", "full_at")

    drop_fate = "dropped-newest"

    def __init__(self, channel: "ChannelState", birth: int, first_seq: int) -> None:
        super().__init__(channel, birth, first_seq)
        self.full = False
        self.full_at = 0
        if self.fills_at() == channel.last_seq:  # REP-7: a full replay refuses new messages
            self.fill()
        else:
            channel.watch(self, self.fills_at())

    @staticmethod
    def lost(oldest: Message, new: Message) -> Message:  # noqa: ARG004 (one signature for all)
        """Lose the new one."""
        return new

    def fills_at(self) -> int:
        """Work out the ``seq`` that fills the queue, if nothing is taken until then."""
        return self.cursor + self.channel.buffer_size - len(self.held)

    def fill(self) -> None:
        """Hold what is pending, and refuse what comes."""
        channel = self.channel
        run = channel.span(self.cursor + 1, channel.last_seq)
        if isinstance(self.held, deque) and self.held:
            self.held.extend(run)
        else:
            self.held = run  # one tuple for all queues that stand at this position
        self.cursor = channel.last_seq
        self.full = True

    def reach(self, seq: int) -> None:
        """Look at a queue that ``seq`` fills, unless takes have made room since (BUF-3)."""
        fills_at = self.fills_at()
        if fills_at == seq:
            self.fill()
        else:
            self.channel.watch(self, fills_at)

    def count_pending(self) -> int:
        """Count what is held and, unless full, what came after the cursor."""
        if self.closed or self.full:
            return len(self.held)
        return len(self.held) + self.channel.last_seq - self.cursor

    def count_dropped(self) -> int:
        """Count what came while the queue was full."""
        if self.full and not self.closed:
            return self.dropped + self.channel.last_seq - self.cursor
        return self.dropped

    def pending_messages(self) -> Messages:
        """List what is held and, unless full, what came after the cursor."""
        if self.closed or self.full:
            return tuple(self.held)
        return tuple(self.held) + self.channel.span(self.cursor + 1, self.channel.last_seq)

    def take_held(self, now: int, limit: int) -> Messages:
        """Settle what was refused, then take from what is held, then from the ring (DLV-1)."""
        channel = self.channel
        was_full = self.full
        if was_full:
            self.full = False
            self.dropped += channel.last_seq - self.cursor
            self.cursor = channel.last_seq
        taken, expired = self.split_held(now, limit)
        self.taken += len(taken)
        if was_full:  # a take always makes room in a full queue: it is taken from, or expires
            channel.watch(self, self.fills_at())
        if not self.count_pending():
            channel.rest(self)
        self.expire(expired, now)
        if len(taken) < limit:
            taken += self.take(now, limit - len(taken))
        return taken

    def split_held(self, now: int, limit: int) -> tuple[Messages, Messages]:
        """Remove from what is held: up to ``limit`` unexpired, and the expired before them."""
        held = self.held
        ttl = self.channel.options.message_ttl_ns
        oldest = -inf if ttl is None else now - ttl  # TTL-1: expired: t <= now - T
        if len(held) <= limit and held[0].sent_ns > oldest:
            self.held = ()
            return tuple(held), ()
        own = self.held = held if isinstance(held, deque) else deque(held)
        expired = []
        while own and own[0].sent_ns <= oldest:
            expired.append(own.popleft())
        taken = tuple([own.popleft() for _ in range(min(limit, len(own)))])
        return taken, tuple(expired)


POLICIES: Final[Mapping[OnFull, type[DropOldest | DropNewest]]] = {
    "drop-oldest": DropOldest,
    "drop-newest": DropNewest,
}
