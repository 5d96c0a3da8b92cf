"""The ledger: what the rows so far say about every channel and connection.

It follows the rows and judges nothing: a `drop` row takes the message out of the queue, whether or
not the rule asked for it. The checkers look at the ledger *before* it follows a row and ask whether
the rules allow that row, so that all of them share one pass and none of them believes the engine.
What it remembers is bounded by what is open: queues and flights, and a few numbers for each send
and each connection.
"""

from __future__ import annotations

import math
from collections import deque
from typing import NamedTuple

from simrt.history import KINDS, Header, Row
from simrt.scenario.model import Scenario, Subscribers
from simrt.scenario.neighbour import neighbour_of

Key = tuple[str, int]

PROBE = "probe"
NEVER = -math.inf
"""When something happened that has not: before everything else."""

# Rows that only the server's side writes, and those that both sides write, each for itself.
SERVER_KINDS = ("send", "connect", "replay", "drop", "expire", "take")
TWO_SIDED_KINDS = ("close", "end")


class Sent(NamedTuple):
    """One message as it was sent."""

    t_ns: int
    event: str
    bytes: int
    digest: str


class Stream:
    """One channel of one project in one epoch: all that can be offered to its subscriptions.

    Attributes:
        project: the project.
        channel: the channel's name.
        epoch: the life of the hub.
        sent: every message by `seq`.
        last_seq: the newest `seq`, 0 before the first send.
        open: the subscriptions that are open on the server's side, oldest first.
    """

    __slots__ = ("channel", "epoch", "last_seq", "open", "project", "sent")

    def __init__(self, project: str, channel: str, epoch: str) -> None:
        self.project = project
        self.channel = channel
        self.epoch = epoch
        self.sent: dict[int, Sent] = {}
        self.last_seq = 0
        self.open: dict[Key, Subscription] = {}

    def age_ns(self, seq: int, now: int) -> int:
        """The age of a message at `now`; -1 where no such message was sent."""
        sent = self.sent.get(seq)
        return -1 if sent is None else now - sent.t_ns


class Subscription:
    """One subscriber's one connection, as both sides' rows tell it.

    Attributes:
        subscriber: `GROUP/MEMBER`.
        connection: which attempt of that subscriber it is.
        stream: the channel and epoch that it subscribed to.
        opened_ns: when.
        history_end: the newest `seq` sent before it; what it is sent live has a larger one.
        replayed: first and last `seq` of its replay; (0, 0) where empty, None before the row.
        queue: the pending `seq`s, oldest first.
        in_flight: the `seq`s taken and not yet received, oldest first.
        offered, taken, dropped_oldest, dropped_newest, expired, received: counts of messages.
        last_taken, last_received: the newest `seq` so far, 0 before the first.
        last_taken_ns: time of the newest take, or of the subscribe.
        server_end: the `close` or `end` row of the server's side.
        client_end: the `close` or `end` row of the client's side, or its `refuse` row where it left
            before the answer came.
        killed_by: the `restart` row that ended it on the server's side.
    """

    __slots__ = (
        "client_end", "connection", "dropped_newest", "dropped_oldest", "expired", "history_end",
        "in_flight", "killed_by", "last_received", "last_taken", "last_taken_ns", "offered",
        "opened_ns", "queue", "received", "replayed", "server_end", "stream", "subscriber", "taken",
    )  # fmt: skip

    def __init__(self, row: Row, stream: Stream) -> None:
        self.subscriber = row.subscriber
        self.connection = row.connection
        self.stream = stream
        self.opened_ns = row.t_ns
        self.history_end = stream.last_seq
        self.replayed: tuple[int, int] | None = None
        self.queue: deque[int] = deque()
        self.in_flight: deque[int] = deque()
        self.offered = self.taken = self.dropped_oldest = self.dropped_newest = 0
        self.expired = self.received = 0
        self.last_taken = self.last_received = 0
        self.last_taken_ns = row.t_ns
        self.server_end: Row | None = None
        self.client_end: Row | None = None
        self.killed_by: Row | None = None

    @property
    def key(self) -> Key:
        """Subscriber and connection number."""
        return self.subscriber, self.connection

    @property
    def open(self) -> bool:
        """Whether the server's side still takes for it."""
        return self.server_end is None and self.killed_by is None


def side(row: Row) -> str:
    """Who wrote a `close` or `end` row: `server`, `client`, or empty for the end of the run."""
    return str(row.detail.get("side", "")) if row.detail else ""


def range_of(row: Row) -> tuple[int, int]:
    """The first and last `seq` of a `replay` row; (0, 0) where it brought nothing."""
    detail = row.detail or {}
    return int(detail.get("first", 0)), int(detail.get("last", 0))


def whom_of(row: Row) -> str:
    """Whom a `fault` or `heal` row is about; empty where it does not say so."""
    return str((row.detail or {}).get("whom", ""))


def is_complete(row: Row) -> bool:
    """Whether this is the last row of a complete run."""
    return (
        row.kind == "end"
        and not row.subscriber
        and row.detail is not None
        and row.detail.get("run") == "complete"
    )


def _remove(queue: deque[int], seq: int) -> None:
    """Take one `seq` out of a queue, wherever it stands."""
    if queue and queue[0] == seq:
        queue.popleft()
    elif queue and queue[-1] == seq:
        queue.pop()
    elif seq in queue:
        queue.remove(seq)


def _advance(queue: deque[int], seq: int) -> None:
    """Take everything up to and with one `seq` off the front of a queue, if it stands there."""
    if queue and queue[0] == seq:
        queue.popleft()
    elif seq in queue:
        while queue.popleft() != seq:
            pass


class Ledger:
    """Channels and connections after the rows so far.

    Arguments:
        header: the history's header.
        scenario: the scenario of that header.

    Attributes:
        project, neighbour: the scenario's own project, and the one that must not be noticed.
        groups: the settings of every group of clients, the neighbour's too.
        streams: by project, channel and epoch, in the order of their first row.
        subscriptions: by subscriber and connection, in the order of their `connect` rows.
        now: time of the newest row.
        exact: whether times mean what they say, to the nanosecond.
        disorder: the first row that stands before an earlier time, if any.
        complete: whether the run's last row was seen.
        after_end: the first row behind it, if any.
        unknown_kinds: kinds of rows that no history has, in order of appearance.
    """

    def __init__(self, header: Header, scenario: Scenario) -> None:
        near = neighbour_of(scenario)
        self.header = header
        self.scenario = scenario
        self.project = scenario.feature.project
        self.neighbour = near.feature.project
        self.groups: dict[str, Subscribers] = {
            **near.workload.subscribers,
            **scenario.workload.subscribers,
        }
        self.streams: dict[tuple[str, str, str], Stream] = {}
        self.subscriptions: dict[Key, Subscription] = {}
        self.now = 0
        self.exact = header.resolution_ns == 0
        self.disorder: Row | None = None
        self.complete = False
        self.after_end: Row | None = None
        self.unknown_kinds: list[str] = []
        self._left: dict[Key, Row] = {}
        self._follow = {
            "send": self._send, "connect": self._connect, "replay": self._replay,
            "drop": self._drop, "expire": self._expire, "take": self._take,
            "receive": self._receive, "refuse": self._refuse, "close": self._end,
            "end": self._end, "restart": self._restart,
        }  # fmt: skip

    def stream_of(self, row: Row) -> Stream:
        """The stream that a row belongs to, made where it is new."""
        place = (row.project, row.channel, row.epoch)
        stream = self.streams.get(place)
        if stream is None:
            stream = self.streams[place] = Stream(*place)
        return stream

    def subscription_of(self, row: Row) -> Subscription | None:
        """The subscription that a row belongs to, or None."""
        return self.subscriptions.get((row.subscriber, row.connection))

    def open_in(self, epoch: str) -> list[Subscription]:
        """All subscriptions that are open in one life of the hub."""
        return [
            subscription
            for stream in self.streams.values()
            if stream.epoch == epoch
            for subscription in stream.open.values()
        ]

    def follow(self, row: Row, subscription: Subscription | None) -> None:
        """Do what the row says.

        Arguments:
            row: the next row of the history.
            subscription: `subscription_of(row)`.
        """
        if row.t_ns < self.now:
            self.disorder = self.disorder or row
        else:
            self.now = row.t_ns
        if self.complete:
            self.after_end = self.after_end or row
        step = self._follow.get(row.kind)
        if step is not None:
            step(row, subscription)
        elif row.kind not in KINDS and row.kind not in self.unknown_kinds:
            self.unknown_kinds.append(row.kind)

    def _send(self, row: Row, _: Subscription | None) -> None:
        stream = self.stream_of(row)
        stream.sent[row.seq] = Sent(row.t_ns, row.event, row.bytes, row.digest)
        stream.last_seq = max(stream.last_seq, row.seq)
        for subscription in stream.open.values():
            subscription.queue.append(row.seq)
            subscription.offered += 1

    def _connect(self, row: Row, _: Subscription | None) -> None:
        stream = self.stream_of(row)
        subscription = Subscription(row, stream)
        # The client may have left while its request was under way; the server accepts it anyway.
        subscription.client_end = self._left.pop(subscription.key, None)
        self.subscriptions[subscription.key] = stream.open[subscription.key] = subscription

    def _replay(self, row: Row, subscription: Subscription | None) -> None:
        if subscription is None:
            return
        first, last = range_of(row)
        subscription.replayed = (first, last)
        stream = subscription.stream
        window = range(max(first, 1), min(last, stream.last_seq) + 1)
        seqs = [seq for seq in window if seq in stream.sent]
        subscription.queue.extend(seqs)
        subscription.offered += len(seqs)

    def _drop(self, row: Row, subscription: Subscription | None) -> None:
        if subscription is None:
            return
        _remove(subscription.queue, row.seq)
        if row.cause == "drop-newest":
            subscription.dropped_newest += 1
        else:
            subscription.dropped_oldest += 1

    def _expire(self, row: Row, subscription: Subscription | None) -> None:
        if subscription is not None:
            _remove(subscription.queue, row.seq)
            subscription.expired += 1

    def _take(self, row: Row, subscription: Subscription | None) -> None:
        if subscription is not None:
            _advance(subscription.queue, row.seq)
            subscription.in_flight.append(row.seq)
            subscription.taken += 1
            subscription.last_taken = row.seq
            subscription.last_taken_ns = row.t_ns

    def _receive(self, row: Row, subscription: Subscription | None) -> None:
        if subscription is not None:
            _advance(subscription.in_flight, row.seq)
            subscription.received += 1
            subscription.last_received = row.seq

    def _refuse(self, row: Row, subscription: Subscription | None) -> None:
        if subscription is None and row.cause in ("offline", "network"):
            self._left[row.subscriber, row.connection] = row
        elif subscription is not None and subscription.client_end is None:
            subscription.client_end = row

    def _end(self, row: Row, subscription: Subscription | None) -> None:
        if is_complete(row):
            self.complete = True
        elif subscription is not None and side(row) == "server":
            subscription.server_end = row
            subscription.stream.open.pop(subscription.key, None)
        elif subscription is not None:
            subscription.client_end = row

    def _restart(self, row: Row, _: Subscription | None) -> None:
        for subscription in self.open_in(row.epoch):
            subscription.killed_by = row
            subscription.stream.open.pop(subscription.key)
