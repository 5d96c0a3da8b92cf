"""What the fold remembers of one subscriber, and how it closes its books."""

from __future__ import annotations

from simrt.metrics.outcomes import (
    IN_FLIGHT,
    LOST,
    OFFLINE,
    PENDING,
    RECEIVED,
    UNFINISHED,
    Outcomes,
    Settled,
)
from simrt.metrics.sketch import CHUNK, Sketch
from simrt.metrics.totals import Totals

NEVER = -1

_RARE = (
    "uninformed_s",
    "replay_age_s",
    "reconnect_s",
    "recovery_s",
    "age_after_replay_s",
    "evicted_age_s",
)


class Group:
    """One group's distributions.

    Attributes:
        live_latency, replay_latency: of first receipts that came live, and by replay.
        staleness: the age over time.
        outdated: how long the screen has been outdated, over time; without the time at 0.
        peak_staleness: the age just before it falls.
        sketches: the others, by metric.
        add_live, add_start, add_stop, add_peak: how the fold adds to the three that every receipt
            touches; `settle` must be called now and then.
    """

    __slots__ = (
        "add_live", "add_peak", "add_start", "add_stop", "live_latency", "name", "outdated",
        "peak_staleness", "replay_latency", "sketches", "staleness",
    )  # fmt: skip

    def __init__(self, name: str) -> None:
        self.name = name
        self.live_latency = Sketch()
        self.replay_latency = Sketch()
        self.staleness = Sketch()
        self.peak_staleness = Sketch()
        self.outdated = Sketch()
        self.sketches = {metric: Sketch() for metric in _RARE}
        self.add_live = self.live_latency.values.append
        self.add_start = self.staleness.starts.append
        self.add_stop = self.staleness.stops.append
        self.add_peak = self.peak_staleness.values.append

    def settle(self) -> None:
        """Count what waits, once it is many."""
        if len(self.live_latency.values) + len(self.staleness.starts) > CHUNK:
            self.live_latency.settle()
            self.staleness.settle()
            self.peak_staleness.settle()
            self.outdated.settle()

    def finished(self) -> dict[tuple[str, str], Sketch]:
        """The distributions by group and metric, as small as they can be."""
        self.replay_latency.merge(self.live_latency)
        sketches = {
            "latency_s": self.replay_latency,
            "live_latency_s": self.live_latency,
            "staleness_s": self.staleness,
            "peak_staleness_s": self.peak_staleness,
            "outdated_s": self.outdated,
            **self.sketches,
        }
        for sketch in sketches.values():
            sketch.settle()
        return {(self.name, metric): sketch for metric, sketch in sketches.items()}


class Connection:
    """One subscription.

    What is pending is never stored: offered minus left, where the sends since the subscribe are
    the difference of two readings of the channel's counter. The integral over time is the sum of
    the times of leaving minus the sum of the times of offering, by the same trick.

    Attributes:
        number: the subscriber's how-many-th attempt.
        base: message `seq` of this epoch is number `base + seq` of the run.
        live_from: the newest message sent before it; later ones come live.
        offer_from: the oldest message that it was offered.
        offer_to: the newest, once the server's side has ended.
        offset: what to add to the channel's count of sends to get the count of messages offered.
        left: messages that left the queue.
        times: sum of the times of leaving minus those of offering, without what the channel's sum
            of send times adds; each cut at the end of the workload.
        last_taken: the newest message that was handed to the network.
        taken, received: counts.
        server_open, client_open: which side still has it.
        ended: whether either side ended it.
        reconnect: whether it ended an outage.
    """

    __slots__ = (
        "base", "client_open", "ended", "last_taken", "left", "live_from", "number", "offer_from",
        "offer_to", "offset", "received", "reconnect", "server_open", "taken", "times",
    )  # fmt: skip

    def __init__(self, number: int, base: int, newest: int, sent_ns: int, reconnect: bool) -> None:
        self.number = number
        self.base = base
        self.live_from = newest
        self.offer_from = newest + 1
        self.offset = -newest
        self.left = 0
        self.times = sent_ns
        self.last_taken = NEVER
        self.taken = 0
        self.received = 0
        self.server_open = True
        self.client_open = True
        self.ended = False
        self.offer_to = NEVER
        self.reconnect = reconnect

    def last_offer(self, newest: int) -> int:
        """The newest message that it was offered."""
        return newest if self.server_open else self.offer_to


class Subscriber:
    """One member, from its first accepted subscribe.

    Attributes:
        member_from: the newest message sent before membership.
        newest: the latest-sent message received; before the first receive, `member_from`.
        newest_ns: its send time, `NEVER` before the first receive.
        since_ns: when that was received; before the first receive, when membership began.
        heard_to: the channel's count of sends at the last receive of any message.
        outage_ns: the end of the connection that is not yet replaced, `NEVER` if there is none.
        lagging_ns: the end of a connection since which it was never current, `NEVER` if it was.
    """

    __slots__ = (
        "connection", "connections", "group", "heard_to", "lagging_ns", "member_from", "name",
        "newest", "newest_ns", "outage_ns", "outcomes", "since_ns", "totals",
    )  # fmt: skip

    def __init__(
        self,
        name: str,
        group: Group,
        now: int,
        end: int,
        newest: int,
        floor: int,
        settled: Settled | None = None,
    ) -> None:
        self.name = name
        self.group = group
        self.member_from = newest
        self.newest = newest
        self.newest_ns = NEVER
        self.since_ns = now
        self.heard_to = newest
        self.outage_ns = NEVER
        self.lagging_ns = NEVER
        self.outcomes = Outcomes(newest, floor, settled)
        self.outcomes.resolve(floor + 1, newest, OFFLINE)
        late = now > end
        self.totals = Totals(
            members=not late, never_informed=late, first_ns=now, covered_ns=max(0, end - now)
        )
        self.connections: list[Connection] = []
        self.connection: Connection  # the latest one

    def find(self, number: int) -> Connection | None:
        """The connection of that number, while any side still has it."""
        return next((one for one in self.connections if one.number == number), None)

    def add(self, connection: Connection) -> None:
        """A new connection; older ones are kept while the server still has them."""
        while self.connections and not self.connections[0].server_open:
            del self.connections[0]
        self.connections.append(connection)
        self.connection = connection

    def decides(self, connection: Connection, newest: int) -> list[tuple[int, int]]:
        """The runs of messages whose last subscription this one is (ACC-2).

        The server may still have it when the client has another already; what it was offered and
        a later one too, the later one decides.
        """
        runs = [(connection.offer_from, connection.last_offer(newest))]
        for later in self.connections[self.connections.index(connection) + 1 :]:
            taken = (later.offer_from, later.last_offer(newest))
            runs = [
                part
                for first, last in runs
                for part in ((first, min(last, taken[0] - 1)), (max(first, taken[1] + 1), last))
                if part[0] <= part[1]
            ]
        return runs

    def waits_for(self, newest: int) -> list[tuple[int, int]]:
        """The runs of messages whose send time may still be asked for.

        Each with the message after it: once the last of a run is the newest received, that one
        says since when the screen has been outdated.
        """
        runs = self.outcomes.open_runs()
        for one in self.connections:
            if one.server_open:
                runs += [(self.outcomes.top + 1, newest), (one.offer_from, one.live_from)]
        runs += [(self.newest + 1, self.newest + 1), (self.heard_to + 1, self.heard_to + 1)]
        return [(first, last + 1) for first, last in runs]

    def outdated_until(self, now: int, newer_ns: int) -> None:
        """What is on screen since `since_ns` was outdated, from the send of something newer on.

        Arguments:
            now: until then.
            newer_ns: when the earliest message after `newest` was sent.
        """
        start, stop = max(0, self.since_ns - newer_ns), now - newer_ns
        if stop <= start:
            return
        totals = self.totals
        totals.outdated_ns += stop - start
        totals.doubled_outdated_area += (stop - start) * (start + stop)
        if stop > totals.outdated_max_ns:
            totals.outdated_max_ns = stop
        self.group.outdated.starts.append(start)
        self.group.outdated.stops.append(stop)

    def settle(self, floor: int) -> None:
        """Forget what cannot change; `floor` is the newest message beyond every replay."""
        latest = self.connection
        self.outcomes.settle(floor, arriving=latest.client_open and not latest.server_open)

    def now(self, newest: int) -> Outcomes:
        """What has become of each message so far; what is open is pending or in flight."""
        now = self.outcomes.snapshot()
        self._close(now, newest, PENDING, IN_FLIGHT)
        return now

    def _close(self, outcomes: Outcomes, newest: int, pending: int, in_flight: int) -> None:
        """Give everything that is open an outcome, as the connections are now."""
        for one in self.connections:
            if not one.server_open:
                continue
            # What the client has left is lost, though the server may not know it yet.
            codes = (in_flight, pending) if one.client_open else (LOST, LOST)
            for first, last in self.decides(one, newest):
                outcomes.resolve(first, min(last, one.last_taken), codes[0])
                outcomes.resolve(max(first, one.last_taken + 1), last, codes[1])
        latest = self.connection
        if latest.client_open and not latest.server_open:
            outcomes.still_arriving(latest.offer_from, latest.last_taken, in_flight)
        outcomes.resolve_rest(newest, OFFLINE)

    def finish(self, newest: int) -> None:
        """The run is over: give everything its outcome and fill in the totals."""
        self._close(self.outcomes, newest, UNFINISHED, UNFINISHED)
        self.outcomes.settle(newest)
        totals = self.totals
        totals.outcomes = self.outcomes.counts[: UNFINISHED + 1]
        totals.live_latencies = totals.outcomes[RECEIVED] - totals.replay_latencies
        totals.longest_gap = self.outcomes.longest_gap
        totals.longest_gap_unfinished = self.outcomes.longest_gap_unfinished
        totals.gaps = self.outcomes.gaps
        totals.not_recovered = int(self.lagging_ns != NEVER)
