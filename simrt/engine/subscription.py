"""A subscription: one subscriber's one connection, from subscribe to close."""

from typing import TYPE_CHECKING

from simrt.engine.message import Fate, Message
from simrt.engine.options import ReplayOptions

if TYPE_CHECKING:
    from simrt.engine.channel import Channel
    from simrt.engine.queues import PendingQueue


class Subscription:
    """What `Channel.subscribe` returns. It stays readable after its end."""

    __slots__ = ("_channel", "_opened_ns", "_queue", "_replay", "_resumed")

    def __init__(
        self,
        queue: "PendingQueue",
        channel: "Channel",
        replay: ReplayOptions,
        opened_ns: int,
        resumed: int | None,
    ) -> None:
        self._queue = queue
        self._channel = channel
        self._replay = replay
        self._opened_ns = opened_ns
        self._resumed = resumed

    def __repr__(self) -> str:
        end = ", closed" if self.closed else ""
        return f"<Subscription {self.birth} of {self._channel!r}, pending {self.pending}{end}>"

    @property
    def channel(self) -> "Channel":
        """The handle it was opened with."""
        return self._channel

    @property
    def birth(self) -> int:
        """Its number among the channel's subscriptions in its epoch: 1, 2, 3 and on."""
        return self._queue.birth

    @property
    def opened_ns(self) -> int:
        """When it was opened, in the hub's nanoseconds."""
        return self._opened_ns

    @property
    def replay(self) -> ReplayOptions:
        """The replay options that it was opened with."""
        return self._replay

    @property
    def resumed(self) -> int | None:
        """The ``seq`` that it went on after, by the variant ``resume``; None where none did."""
        return self._resumed

    @property
    def replayed(self) -> range:
        """The ``seq``s of its replay; empty if it had none. They never have gaps (REP-2)."""
        return self._queue.replayed

    @property
    def closed(self) -> bool:
        """Whether it was closed, or ended by a restart (RST-1)."""
        return self._queue.closed

    @property
    def pending(self) -> int:
        """Messages that wait to be taken, expired or not (TTL-4). Read in constant time."""
        return self._queue.count_pending()

    def pending_seqs(self) -> tuple[int, ...]:
        """The ``seq``s of the messages that wait to be taken, in order, expired or not."""
        return tuple(message.seq for message in self._queue.pending_messages())

    @property
    def offered(self) -> int:
        """Messages offered to it: its replay, and each one sent while it was open (ACC-1)."""
        return self._queue.count_offered()

    @property
    def fates(self) -> dict[Fate, int]:
        """How many of the offered messages met each of the six fates (ACC-1).

        Keys: ``taken``, ``dropped-oldest``, ``dropped-newest``, ``expired``, ``discarded``,
        ``pending``. They add up to `offered` whenever they are read, also after the end.
        """
        return self._queue.count_fates()

    def take(self, now: int, limit: int) -> tuple[Message, ...]:
        """Remove and return pending unexpired messages, in order of ``seq`` (DLV-1, DLV-2).

        Args:
            now: time of the call, nanoseconds.
            limit: most messages to take, 1 or more.

        Returns:
            The messages: from here on in flight, beyond every policy (DLV-5). Empty if nothing
            unexpired is pending, and after the end (DLV-4).

        Raises:
            TimeError: ``now`` lies before the hub's time (HUB-3).
            TakeLimitError: ``limit`` is no integer of at least 1.
        """
        return self._queue.take(now, limit)

    def close(self, now: int) -> None:
        """End the subscription: what is pending is discarded. Twice is harmless (DLV-4).

        Args:
            now: time of the call, nanoseconds.

        Raises:
            TimeError: ``now`` lies before the hub's time (HUB-3).
        """
        channel = self._queue.channel
        channel.hub.check_time(now)
        channel.close(self._queue, now)
