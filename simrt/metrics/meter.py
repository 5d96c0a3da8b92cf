"""The fold: rows in, figures out.

One pass over the rows in time order, from a file or straight from a running simulation. A row costs
the same however long the run is and however many subscribers wait: a send touches nobody, since
what it means for each subscriber follows from the channel's counters when that subscriber's next
row comes.

What is remembered, and no more: for each subscriber a few numbers, its open connections and the
outcomes that can still change (`Outcomes` says which); the send times of messages in the channel's
history or needed by one of these; distributions in logarithmic buckets (`Sketch`).

Counts of messages and outages cover the whole run. Lengths of time cover each member's time from
its first accepted subscribe to the end of the workload.
"""

from __future__ import annotations

import pickle
from collections.abc import Iterable
from functools import partial
from typing import Any

from simrt.history import UNTOLD, History, Row
from simrt.metrics.facts import Listener, Receipt
from simrt.metrics.memory import Memory
from simrt.metrics.outcomes import (
    DROPPED_NEWEST,
    DROPPED_OLDEST,
    EXPIRED,
    LOST,
    OFFLINE,
    RESTARTED,
    Settled,
)
from simrt.metrics.result import Metrics
from simrt.metrics.subscriber import NEVER, Connection, Group, Subscriber
from simrt.metrics.totals import Totals
from simrt.scenario.model import Scenario

_ROOM = 4096  # send times that may wait before the fold looks for those nobody needs


class Meter:
    """Measures one run.

    Arguments:
        scenario: what is run.
        listener: told what the fold finds; so nobody else needs to fold the rows again.
        groups: whom it follows; None: the groups of the scenario.
        end_ns: the end of the workload; None: the scenario's.
    """

    def __init__(
        self,
        scenario: Scenario,
        listener: Listener | None = None,
        *,
        groups: Iterable[str] | None = None,
        end_ns: int | None = None,
    ) -> None:
        feature = scenario.feature
        self._project = feature.project
        self._channel = feature.channel
        self._end = scenario.workload.duration_ns if end_ns is None else end_ns
        self._useful_ns = scenario.intent.useful_for_ns
        self._refetches = scenario.intent.kind == "invalidation"
        self._buffer_size = feature.options.buffer_size
        self._beyond = feature.options.on_full == "drop-newest"
        self._memory = Memory(feature.options.buffer_size, beyond=self._beyond)
        names = scenario.workload.subscribers if groups is None else groups
        self._groups = {name: Group(name) for name in names}
        self._group_list = tuple(self._groups.values())
        self._subscribers: dict[str, Subscriber] = {}
        self._bases: dict[str, int] = {}  # epoch -> number of its seq 0 in the run
        self._given_up: dict[str, int] = {}  # subscriber -> the latest attempt that it left
        self._sends = 0  # so many messages were sent so far
        self._sent_ns = 0  # the sum of their send times
        self._sent: dict[int, int] = {}  # message -> send time
        self._room = _ROOM
        self._open = 0  # subscriptions open on the server's side
        self._listener = listener
        self._over = False  # the end of the workload has been passed
        self._handlers: dict[str, Any] = {
            "send": self._send,
            "connect": self._connect,
            "replay": self._replay,
            "drop": self._drop,
            "expire": self._expire,
            "take": self._take,
            "receive": self._receive,
            "refuse": self._refuse,
            "close": self._close,
            "end": self._still_open,
            "restart": self._restart,
        }

    def feed(self, row: Row) -> None:
        """One row; in the order of the history."""
        handler = self._handlers.get(row.kind)
        if handler is not None:
            handler(row)

    def feed_all(self, rows: Iterable[Row]) -> None:
        """All of these rows."""
        find = self._handlers.get
        for row in rows:
            handler = find(row.kind)
            if handler is not None:
                handler(row)

    def level(self, subscriber: str) -> tuple[int, int]:
        """How many messages are in flight for a subscriber, and how many pending, after this row.

        They are those of its latest connection: what its client has left is not in flight, and what
        the server has ended is not pending. (0, 0) before its membership.
        """
        found = self._subscribers.get(subscriber)
        if found is None:
            return 0, 0
        latest = found.connection
        flying = latest.taken - latest.received if latest.client_open else 0
        pending = latest.offset + self._sends - latest.left if latest.server_open else 0
        return flying, pending

    @property
    def sends(self) -> int:
        """How many messages were sent so far; the newest one's number."""
        return self._sends

    def number(self, epoch: str, seq: int) -> int | None:
        """The number of a message through all lives; None for one of a life that is not known."""
        base = self._bases.get(epoch)
        return None if base is None else base + seq

    def subscriber(self, name: str) -> Subscriber | None:
        """The books of one subscriber; None before its membership."""
        return self._subscribers.get(name)

    def forget(self, name: str) -> None:
        """Nobody asks for this subscriber any more."""
        self._subscribers.pop(name, None)
        self._given_up.pop(name, None)

    def until(self, t_ns: int) -> Metrics:
        """The figures as if the workload had ended at this time; rows may follow.

        Arguments:
            t_ns: not before the last row so far, and at most the end of the workload.
        """
        # By pickle: groups hold bound methods of their own lists, which `deepcopy` would share.
        copy: Meter = pickle.loads(pickle.dumps(self))  # noqa: S301 - its own bytes
        copy._end = t_ns
        for subscriber in copy._subscribers.values():
            totals = subscriber.totals
            totals.covered_ns = max(0, t_ns - (totals.first_ns or 0))
        return copy.finish()

    def finish(self) -> Metrics:
        """The figures; no row may follow."""
        self._pass_end()
        for subscriber in self._subscribers.values():
            for connection in subscriber.connections:
                if connection.server_open:
                    self._empty(subscriber, connection, self._end)
            subscriber.finish(self._sends)
        totals = {name: Totals() for name in self._groups}
        ordered = sorted(self._subscribers.values(), key=self._place)
        for subscriber in ordered:
            totals[subscriber.group.name].include(subscriber.totals)
        sketches = {}
        for group in self._groups.values():
            total = totals[group.name]
            group.outdated.add_weight(0, total.covered_ns - total.outdated_ns)
            sketches.update(group.finished())
        return Metrics(
            totals,
            {one.name: one.totals for one in ordered},
            sketches,
            end_ns=self._end,
            memory_bytes=self._memory.most,
            refetches=self._refetches,
        )

    def _place(self, subscriber: Subscriber) -> tuple[int, int, str]:
        group, _, member = subscriber.name.partition("/")
        return list(self._groups).index(group), int(member) if member.isdigit() else 0, member

    # --- the channel ------------------------------------------------------------------------

    def _send(self, row: Row) -> None:
        now = row.t_ns
        if row.project != self._project or row.channel != self._channel or now > self._end:
            return
        if row.epoch not in self._bases:
            self._bases[row.epoch] = self._sends + 1 - row.seq
        self._sends = message = self._sends + 1
        self._sent[message] = now
        self._sent_ns += now
        if self._listener is not None:
            self._listener.sent(message, now)
        self._memory.sent(message, len(row.event.encode()) + row.bytes, self._open)
        if len(self._sent) > self._room:
            self._forget()
        for group in self._group_list:
            group.settle()

    def _floor(self) -> int:
        """The newest message that surely no replay can hold any more."""
        return max(self._sends - self._buffer_size, 0)

    def _forget(self) -> None:
        """Drop the send times that nobody can ask for."""
        runs = {(self._floor() + 1, self._sends)}
        for subscriber in self._subscribers.values():
            subscriber.settle(self._floor())
            runs.update(subscriber.waits_for(self._sends))
        kept: dict[int, int] = {}
        reached = 0
        for first, last in sorted(runs):
            for message in range(max(first, reached + 1), last + 1):
                sent = self._sent.get(message)
                if sent is not None:
                    kept[message] = sent
            reached = max(reached, last)
        self._sent = kept
        self._room = max(_ROOM, 2 * len(kept))

    def _restart(self, row: Row) -> None:
        for subscriber in self._subscribers.values():
            for connection in subscriber.connections:
                if connection.server_open:
                    # What the client left before is lost by that, whatever ends the other side.
                    code = RESTARTED if connection.client_open else LOST
                    self._end_subscription(subscriber, connection, row.t_ns, code)
                    self._end_connection(subscriber, connection, row.t_ns)
        self._memory.cleared()

    # --- connections ------------------------------------------------------------------------

    def _connect(self, row: Row) -> None:
        if row.project != self._project or row.channel != self._channel:
            return
        now = row.t_ns
        if now > self._end:
            self._pass_end()
        base = self._bases.setdefault(row.epoch, self._sends)
        subscriber = self._subscribers.get(row.subscriber)
        if subscriber is None:
            group = self._groups.get(row.group)
            if group is None:
                return  # a probe of the endpoint
            subscriber = Subscriber(
                row.subscriber, group, now, self._end, self._sends, self._floor(),
                self._settled_of(row.subscriber),
            )  # fmt: skip
            self._subscribers[row.subscriber] = subscriber
        elif not any(one.server_open for one in subscriber.connections):
            subscriber.outcomes.resolve(0, self._sends, OFFLINE)
        # The server may accept what the client has left meanwhile (NET-1, NET-4): for the client
        # nothing has begun then, so it ends no outage, and its end begins none.
        left = self._given_up.pop(row.subscriber, None) == row.connection
        again = subscriber.outage_ns != NEVER and not left
        if again:
            self._reconnected(subscriber, now)
        self._open += 1
        connection = Connection(row.connection, base, self._sends, self._sent_ns, again)
        connection.client_open, connection.ended = not left, left
        subscriber.add(connection)
        if self._listener is not None:
            self._listener.accepted(row.subscriber, row.connection, now, left=left)

    def _settled_of(self, name: str) -> Settled | None:
        return None if self._listener is None else partial(self._listener.settled, name)

    def _find(self, row: Row) -> tuple[Subscriber, Connection] | None:
        subscriber = self._subscribers.get(row.subscriber)
        if subscriber is None:
            return None
        connection = subscriber.find(row.connection)
        return None if connection is None else (subscriber, connection)

    def _reconnected(self, subscriber: Subscriber, now: int) -> None:
        """The outage is over."""
        totals, sketches = subscriber.totals, subscriber.group.sketches
        if now <= self._end:
            totals.refetches += 1
        subscriber.outcomes.reconnected(subscriber.newest + 1, self._sends)
        totals.reconnects += 1
        totals.reconnect_ns += now - subscriber.outage_ns
        sketches["reconnect_s"].add(now - subscriber.outage_ns)
        subscriber.outage_ns = NEVER
        if subscriber.lagging_ns != NEVER and self._current(subscriber):
            self._recovered(subscriber, now)

    def _current(self, subscriber: Subscriber) -> bool:
        if subscriber.newest_ns == NEVER:
            return self._sends == 0
        return subscriber.newest == self._sends

    def _recovered(self, subscriber: Subscriber, now: int) -> None:
        subscriber.totals.recoveries += 1
        subscriber.totals.recovery_ns += now - subscriber.lagging_ns
        subscriber.group.sketches["recovery_s"].add(now - subscriber.lagging_ns)
        subscriber.lagging_ns = NEVER

    def _replay(self, row: Row) -> None:
        found = self._find(row)
        if found is None:
            return
        subscriber, connection = found
        detail = row.detail or {}
        count = int(detail.get("count", 0))
        if connection.reconnect:
            subscriber.totals.replay_sizes += count
        if count:
            first = connection.base + detail["first"]
            last = min(connection.base + detail["last"], self._sends)  # no replay of the unsent
            connection.offer_from = first
            connection.offset += count
            connection.times -= count * min(row.t_ns, self._end)
            subscriber.outcomes.offer(first, last)
            self._memory.offered(first, last)
        elif connection.reconnect and subscriber.newest_ns != NEVER:
            self._replay_finished(subscriber, row.t_ns)

    def _replay_finished(self, subscriber: Subscriber, now: int) -> None:
        age = now - subscriber.newest_ns
        subscriber.totals.ages_after_replay += 1
        subscriber.totals.age_after_replay_ns += age
        subscriber.group.sketches["age_after_replay_s"].add(age)

    def _close(self, row: Row) -> None:
        found = self._find(row)
        if found is None:
            return
        subscriber, connection = found
        detail = row.detail or {}
        if detail.get("side") == "client":
            connection.client_open = False
        elif connection.server_open:
            for seq in detail.get("pending", ()):
                self._memory.left(connection.base + seq)
            # An orderly end of the server is a restart too (ACC-2).
            restarts = row.cause == "shutdown" and connection.client_open
            code = RESTARTED if restarts else LOST
            self._end_subscription(subscriber, connection, row.t_ns, code)
        self._end_connection(subscriber, connection, row.t_ns)

    def _still_open(self, row: Row) -> None:
        """Nothing more arrives on a connection that is dead, though its client was not told."""
        found = self._find(row) if row.cause == UNTOLD else None
        if found is not None:
            found[1].client_open = False

    def _refuse(self, row: Row) -> None:
        """For the client the attempt is over, whatever the server makes of it."""
        found = self._find(row)
        if found is not None:
            found[1].client_open = False
            self._end_connection(*found, row.t_ns)
        elif row.group in self._groups:
            self._given_up[row.subscriber] = row.connection

    def _end_subscription(
        self, subscriber: Subscriber, connection: Connection, now: int, code: int
    ) -> None:
        """The server's side is over: what was pending or in flight is lost."""
        self._empty(subscriber, connection, min(now, self._end))
        for first, last in subscriber.decides(connection, self._sends):
            subscriber.outcomes.resolve(first, last, code)
        connection.server_open = False
        connection.offer_to = self._sends
        self._open -= 1

    def _empty(self, subscriber: Subscriber, connection: Connection, now: int) -> None:
        """All that is pending leaves the queue; the integral of its length is complete."""
        pending = connection.offset + self._sends - connection.left
        totals = subscriber.totals
        totals.pending_max = max(totals.pending_max, pending)
        totals.pending_area += connection.times + pending * now - self._sent_ns

    def _end_connection(self, subscriber: Subscriber, connection: Connection, now: int) -> None:
        """Either side saw it end; for the user that is when the outage begins."""
        if connection.ended or connection is not subscriber.connection:
            return
        connection.ended = True
        if self._listener is not None:
            self._listener.ended(subscriber.name, now)
        if now <= self._end:
            subscriber.totals.outages += 1
            subscriber.outage_ns = now
            if subscriber.lagging_ns == NEVER:
                subscriber.lagging_ns = now

    # --- one message of one subscriber --------------------------------------------------------

    def _drop(self, row: Row) -> None:
        found = self._leaves(row)
        if found is None:
            return
        subscriber, connection, message = found
        pending = connection.offset + self._sends - connection.left
        if pending > subscriber.totals.pending_max:
            subscriber.totals.pending_max = pending
        code = DROPPED_OLDEST if row.cause == "drop-oldest" else DROPPED_NEWEST
        if code == DROPPED_OLDEST and message in self._sent:
            age = row.t_ns - self._sent[message]
            subscriber.totals.evictions += 1
            subscriber.totals.evicted_age_ns += age
            subscriber.group.sketches["evicted_age_s"].add(age)
        self._fate(subscriber, connection, message, code)

    def _expire(self, row: Row) -> None:
        found = self._leaves(row)
        if found is None:
            return
        subscriber, connection, message = found
        pending = connection.offset + self._sends - connection.left + 1
        if pending > subscriber.totals.pending_max:
            subscriber.totals.pending_max = pending
        self._fate(subscriber, connection, message, EXPIRED)

    def _leaves(self, row: Row) -> tuple[Subscriber, Connection, int] | None:
        """A message leaves a queue untaken."""
        found = self._find(row)
        if found is None:
            return None
        subscriber, connection = found
        message = connection.base + row.seq
        if message > self._sends:
            return None  # sent after the end of the workload
        connection.left += 1
        connection.times += min(row.t_ns, self._end)
        self._memory.left(message)
        return subscriber, connection, message

    def _fate(
        self, subscriber: Subscriber, connection: Connection, message: int, code: int
    ) -> None:
        outcomes = subscriber.outcomes
        if connection is subscriber.connection or any(
            first <= message <= last for first, last in subscriber.decides(connection, self._sends)
        ):
            outcomes.fate(message, code)
            if outcomes.crowded:
                subscriber.settle(self._floor())

    def _take(self, row: Row) -> None:
        subscriber = self._subscribers.get(row.subscriber)
        if subscriber is None:
            return
        connection = subscriber.connection
        if connection.number != row.connection:
            older = subscriber.find(row.connection)
            if older is None:
                return
            connection = older
        now = row.t_ns
        message = connection.base + row.seq
        if message > self._sends:
            return  # sent after the end of the workload
        totals = subscriber.totals
        left = connection.left
        pending = connection.offset + self._sends - left
        if pending > totals.pending_max:
            totals.pending_max = pending
        connection.left = left + 1
        connection.last_taken = message
        connection.times += now if now < self._end else self._end  # noqa: FURB136 - no call here
        connection.taken = taken = connection.taken + 1
        if connection.client_open and taken - connection.received > totals.in_flight_max:
            totals.in_flight_max = taken - connection.received
        if self._beyond:
            self._memory.left(message)
        if message <= connection.live_from:
            self._take_replayed(subscriber, now, message)

    def _take_replayed(self, subscriber: Subscriber, now: int, message: int) -> None:
        sent = self._sent.get(message)
        if sent is None:
            return
        age = now - sent
        subscriber.totals.replayed += 1
        subscriber.totals.replay_age_ns += age
        subscriber.group.sketches["replay_age_s"].add(age)
        if self._useful_ns is not None and age > self._useful_ns:
            subscriber.totals.resurfaced += 1

    def _receive(self, row: Row) -> None:
        subscriber = self._subscribers.get(row.subscriber)
        if subscriber is None:
            return
        now = row.t_ns
        sends = self._sends
        message = self._bases.get(row.epoch, sends) + row.seq
        totals = subscriber.totals
        if message > sends:
            totals.unmatched += now <= self._end  # later: sent after the end of the workload
            return
        connection: Connection | None = subscriber.connection
        if subscriber.connection.number != row.connection:
            connection = subscriber.find(row.connection)
        if connection is not None:
            connection.received += 1
        if now <= self._end:
            if self._refetches:
                totals.refetches += 1
            # The first send since the last receive, if there was one, was not heard of until now.
            heard = subscriber.heard_to
            if heard < sends:
                subscriber.heard_to = sends
                blind = now - self._sent[heard + 1]
                if blind > totals.blind_ns:
                    totals.blind_ns = blind
        elif not self._over:
            self._pass_end()
        first = subscriber.outcomes.receive(message)
        if self._listener is not None:
            self._tell_receipt(subscriber, connection, now, message, first)
        if not first:
            totals.duplicates += 1
        elif (sent := self._sent.get(message)) is None:
            totals.unmatched += 1
        else:
            if message <= subscriber.member_from:
                totals.earlier += 1
            elif connection is None or message > connection.live_from:
                totals.live_latency_ns += now - sent
                subscriber.group.add_live(now - sent)
            else:
                totals.replay_latencies += 1
                totals.replay_latency_ns += now - sent
                subscriber.group.replay_latency.add(now - sent)
            if message > subscriber.newest or subscriber.newest_ns == NEVER:
                self._news(subscriber, now, message, sent)
        if connection is not None and message == connection.live_from and connection.reconnect:
            self._replay_finished(subscriber, now)

    def _tell_receipt(
        self, subscriber: Subscriber, connection: Connection | None, now: int, message: int,
        first: bool,
    ) -> None:  # fmt: skip
        assert self._listener is not None
        sent = self._sent.get(message)
        replayed = connection is not None and message <= connection.live_from
        earlier = message <= subscriber.member_from
        told = Receipt(subscriber.name, now, message, sent, first, earlier, replayed)
        self._listener.received(told)

    def _news(self, subscriber: Subscriber, now: int, message: int, sent: int) -> None:
        """The newest message so far was received: the age falls."""
        if now > self._end:
            pass
        elif subscriber.newest_ns == NEVER:
            self._informed(subscriber, now)
        else:
            totals, group = subscriber.totals, subscriber.group
            newest_ns, since = subscriber.newest_ns, subscriber.since_ns
            start, stop = since - newest_ns, now - newest_ns
            totals.doubled_age_area += (stop - start) * (start + stop)
            group.add_start(start)
            group.add_stop(stop)
            if sent > newest_ns:
                totals.peaks += 1
                totals.peak_ns += stop
                group.add_peak(stop)
            subscriber.outdated_until(now, self._sent.get(subscriber.newest + 1, since))
        subscriber.newest = message
        subscriber.newest_ns = sent
        subscriber.since_ns = now
        if (
            message == self._sends
            and subscriber.lagging_ns != NEVER
            and subscriber.outage_ns == NEVER
        ):
            self._recovered(subscriber, now)

    def _informed(self, subscriber: Subscriber, now: int) -> None:
        """Nothing had been received until now: from now on there is an age."""
        totals = subscriber.totals
        totals.uninformed_ns = now - subscriber.since_ns
        subscriber.group.sketches["uninformed_s"].add(totals.uninformed_ns)
        if self._sends:
            # Counted from the membership on, where something was sent before it.
            newer = subscriber.since_ns if subscriber.member_from else self._sent[1]
            subscriber.outdated_until(now, newer)

    def _pass_end(self) -> None:
        """The workload is over: lengths of time are complete."""
        if self._over:
            return
        self._over = True
        end = self._end
        for subscriber in self._subscribers.values():
            totals = subscriber.totals
            if subscriber.newest_ns == NEVER:
                totals.never_informed = 1
                self._informed(subscriber, end)
            else:
                start, stop = subscriber.since_ns - subscriber.newest_ns, end - subscriber.newest_ns
                totals.doubled_age_area += (stop - start) * (start + stop)
                subscriber.group.staleness.add_span(start, stop)
                if subscriber.newest < self._sends:
                    newer = self._sent.get(subscriber.newest + 1, subscriber.since_ns)
                    subscriber.outdated_until(end, newer)
            totals.informed_ns = totals.covered_ns - totals.uninformed_ns
            if subscriber.heard_to < self._sends:
                blind = end - self._sent[subscriber.heard_to + 1]
                totals.blind_ns = max(totals.blind_ns, blind)


def measure(history: History, listener: Listener | None = None) -> Metrics:
    """The figures of a history.

    Arguments:
        history: its rows are read once.
        listener: told what the fold finds on its way.
    """
    meter = Meter(history.scenario, listener)
    meter.feed_all(history)
    return meter.finish()
