"""What one subscriber adds to every metric, as docs/metrics.md says, and from nothing else.

It keeps everything and goes over the rows again and again; times are integer nanoseconds.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise

from simrt.history import History, Row

Message = tuple[str, int]
Age = tuple[int, int]  # an age that grows by a second a second, from the first to the second
S = 1_000_000_000

OBSERVED = (
    "evicted_age_s", "latency_s", "live_latency_s", "peak_staleness_s", "uninformed_s",
    "replay_age_s", "reconnect_s", "recovery_s", "age_after_replay_s",
)  # fmt: skip


@dataclass
class Figures:
    """What one member adds to its group.

    Attributes:
        counts: added up over the members.
        observed: by metric, each observation in nanoseconds.
        ages: by metric over time, how the age grew, piece by piece.
        largest: by metric, in its own unit; a member for which there is none has no key.
        covered_ns: the covered time.
        synchronous_ns: the part of it in which nothing newer had been sent.
        pending_ns: the number pending, integrated over covered time.
    """

    counts: Counter[str] = field(default_factory=Counter)
    observed: dict[str, list[int]] = field(default_factory=lambda: {name: [] for name in OBSERVED})
    ages: dict[str, list[Age]] = field(
        default_factory=lambda: {"staleness_s": [], "outdated_s": []}
    )
    largest: dict[str, float] = field(default_factory=dict)
    covered_ns: int = 0
    synchronous_ns: int = 0
    pending_ns: int = 0


class Channel:
    """The rows that count, and every message in the order of sending."""

    def __init__(self, history: History) -> None:
        of = history.scenario
        self.end = of.workload.duration_ns
        self.useful_for = of.intent.useful_for_ns
        self.invalidates = of.intent.kind == "invalidation"
        self.buffer_size = of.feature.options.buffer_size
        self.groups = tuple(of.workload.subscribers)
        place = (of.feature.project, of.feature.channel)
        mine = [
            row for row in history
            if row.kind == "restart" or (
                (row.project, row.channel) == place
                and (not row.subscriber or row.group in self.groups)
            )
        ]  # fmt: skip
        late = {
            (row.epoch, row.seq) for row in mine if row.kind == "send" and row.t_ns > self.end
        }  # fmt: skip
        self.rows = [row for row in mine if not row.seq or (row.epoch, row.seq) not in late]
        sends = [(i, row) for i, row in enumerate(self.rows) if row.kind == "send"]
        self.messages = [(row.epoch, row.seq) for _, row in sends]
        self.order = {message: n for n, message in enumerate(self.messages)}
        self.sent_row = [i for i, _ in sends]  # by order of sending
        self.sent_at = [row.t_ns for _, row in sends]
        self.size = [len(row.event.encode()) + row.bytes for _, row in sends]


def steps(rows: list[tuple[int, Row]]) -> set[int]:
    """The places after which a step is over: a send and the drops that it causes are one."""
    following = [row.kind for _, row in rows[1:]] + [""]
    return {
        i for (i, row), then in zip(rows, following, strict=True)
        if not (row.kind in ("send", "drop") and then == "drop")
    }  # fmt: skip


class Connection:
    """One attempt that the server accepted; places are positions in the list of rows."""

    def __init__(self, number: int, place: int, epoch: str) -> None:
        self.number = number
        self.place = place
        self.epoch = epoch
        self.left: int | None = None  # the client's own close, or its refusal
        self.ended: int | None = None  # the server's close, or the restart
        self.end_is_restart = False
        self.replay: Row | None = None
        self.replay_place = place
        self.offered: set[int] = set()
        self.became: dict[int, str] = {}
        self.taken: set[int] = set()

    @property
    def left_before(self) -> bool:
        """Whether the client had left before the server accepted."""
        return self.left is not None and self.left < self.place

    def end(self) -> int | None:
        """The place of the row that ended it, as either side saw it first."""
        if self.left_before:
            return None
        return min((i for i in (self.left, self.ended) if i is not None), default=None)

    def lost_to(self) -> str:
        """The outcome of what was offered, and neither dropped nor received."""
        if self.left is not None and (self.ended is None or self.left < self.ended):
            return "connection-lost"
        if self.ended is None:
            return "unfinished"
        return "restart" if self.end_is_restart else "connection-lost"


class Member:
    """One subscriber, from its first accept on."""

    def __init__(self, channel: Channel, name: str) -> None:
        self.of = channel
        self.name = name
        self.rows = [
            (i, row) for i, row in enumerate(channel.rows)
            if row.subscriber == name or not row.subscriber
        ]  # fmt: skip
        self.connections: dict[int, Connection] = {}
        self._connect()
        self.first = next(iter(self.connections.values())).place
        self.accepted_at = channel.rows[self.first].t_ns
        self.receipts = [
            (i, row.t_ns, channel.order[row.epoch, row.seq], row.connection)
            for i, row in self.rows
            if row.kind == "receive" and (row.epoch, row.seq) in channel.order
        ]  # fmt: skip
        self.mine = [n for n, i in enumerate(channel.sent_row) if i > self.first]
        self.outcome = {n: self._outcome(n) for n in self.mine}

    def _connect(self) -> None:
        refused: dict[int, int] = {}
        for i, row in self.rows:
            one = self.connections.get(row.connection)
            if row.kind == "connect":
                one = Connection(row.connection, i, row.epoch)
                one.left = refused.get(row.connection)
                self.connections[row.connection] = one
            elif row.kind == "refuse":
                refused.setdefault(row.connection, i)
                if one is not None and one.left is None:
                    one.left = i
            elif row.kind == "restart":
                self._end(self.connections.values(), i, restart=True)
            elif row.kind == "send":
                for open_one in self.connections.values():
                    if open_one.ended is None:
                        open_one.offered.add(self.of.order[row.epoch, row.seq])
            elif one is not None:
                self._on(one, i, row)

    def _on(self, one: Connection, i: int, row: Row) -> None:
        detail = row.detail or {}
        if row.kind == "replay":
            one.replay, one.replay_place = row, i
            if detail["count"]:
                span = range(detail["first"], detail["last"] + 1)
                one.offered.update(self.of.order[row.epoch, seq] for seq in span)
        elif (row.kind, row.cause) == ("end", "untold") or (
            row.kind == "close" and detail["side"] == "client"
        ):
            one.left = i if one.left is None else one.left
        elif row.kind == "close":
            self._end([one], i, restart=row.cause == "shutdown")
        elif row.kind in ("drop", "expire", "take"):
            n = self.of.order[row.epoch, row.seq]
            if row.kind == "take":
                one.taken.add(n)
            else:
                causes = {"drop-oldest": "dropped-oldest", "drop-newest": "dropped-newest"}
                one.became[n] = causes.get(row.cause, "expired")

    @staticmethod
    def _end(connections: Iterable[Connection], i: int, *, restart: bool) -> None:
        for one in connections:
            if one.ended is None:
                one.ended, one.end_is_restart = i, restart

    def _outcome(self, n: int) -> str:
        if any(message == n for _, _, message, _ in self.receipts):
            return "received"
        offered = [one for one in self.connections.values() if n in one.offered]
        if not offered:
            return "offline"
        last = max(offered, key=lambda one: one.number)
        if n in last.became:
            return last.became[n]
        latest = max(self.connections)
        if n in last.taken and last.number == latest and last.left is None:
            return "unfinished"
        return last.lost_to()

    # --- outages --------------------------------------------------------------------------------

    def outages(self) -> list[tuple[int, Connection | None]]:
        """Each outage: the place at which it began, and the reconnect that ended it."""
        found = []
        ordered = list(self.connections.values())
        for k, one in enumerate(ordered):
            end = one.end()
            if end is None or self.of.rows[end].t_ns > self.of.end:
                continue
            again = next((later for later in ordered[k + 1 :] if not later.left_before), None)
            found.append((end, again))
        return found

    def newest(self, before: int) -> int:
        """The newest message received before that place; -1 where none."""
        return max((n for i, _, n, _ in self.receipts if i < before), default=-1)

    def recoveries(self) -> tuple[list[int], bool]:
        """The length of each recovery, and whether one is still under way."""
        spans = [(b, None if c is None else c.place) for b, c in self.outages()]
        begins = {begin for begin, _ in spans}
        lengths = []
        since: int | None = None
        for i, row in self.rows:
            if i in begins and since is None:
                since = row.t_ns
            if since is None or row.subscriber != self.name:
                continue
            away = any(b <= i and (again is None or i < again) for b, again in spans)
            sent = sum(place < i for place in self.of.sent_row)
            current = self.newest(i + 1) == sent - 1
            if row.kind in ("connect", "receive") and not away and current:
                lengths.append(row.t_ns - since)
                since = None
        return lengths, since is not None

    def gaps(self, reconnect: Connection) -> bool:
        """Whether a message that this reconnect should have bridged was missed in the end."""
        newest = self.newest(reconnect.place)
        return any(
            n > newest and self.of.sent_row[n] < reconnect.place
            and self.outcome[n] not in ("received", "unfinished")
            for n in self.mine
        )  # fmt: skip

    def age_after_replay(self, one: Connection) -> int | None:
        """The age of what is known once the replay of a reconnect has arrived."""
        assert one.replay is not None
        detail = one.replay.detail or {}
        until, now = one.replay_place, one.replay.t_ns
        if detail["count"]:
            last = self.of.order[one.replay.epoch, detail["last"]]
            came = [(i, t) for i, t, n, c in self.receipts if c == one.number and n == last]
            if not came:
                return None
            until, now = came[0]
        newest = self.newest(until + 1)
        return None if newest < 0 else now - self.of.sent_at[newest]

    # --- ages -----------------------------------------------------------------------------------

    def ages(self, figures: Figures) -> None:
        """The ages that cover time, from the first accept to the end."""
        rows, sent_at = self.of.rows, self.of.sent_at
        came = {i: n for i, _, n, _ in self.receipts}
        places = sorted({self.first, *came, *(self.of.sent_row[n] for n in self.mine)})
        known, sent = -1, len(sent_at) - len(self.mine)
        for place, following in zip(places, [*places[1:], None], strict=True):
            known = max(known, came.get(place, -1))
            sent += rows[place].kind == "send"
            begin = rows[place].t_ns
            end = min(self.of.end, self.of.end if following is None else rows[following].t_ns)
            if end <= begin:
                continue
            if known >= 0:
                figures.ages["staleness_s"].append((begin - sent_at[known], end - sent_at[known]))
            if known + 1 == sent:
                figures.synchronous_ns += end - begin
                continue
            born = sent_at[known + 1] if known >= 0 else max(sent_at[0], self.accepted_at)
            figures.ages["outdated_s"].append((begin - born, end - born))

    def peaks(self) -> Iterator[int]:
        """The age just before each receipt of something newer."""
        known = -1
        for _, t, n, _ in self.receipts:
            newer = n > known and (known < 0 or self.of.sent_at[n] > self.of.sent_at[known])
            if newer and known >= 0 and t <= self.of.end:
                yield t - self.of.sent_at[known]
            known = max(known, n)

    def blind(self) -> Iterator[int]:
        """From the first send after each mark to the next receipt, or the end."""
        marks = [(self.first, self.accepted_at), *((i, t) for i, t, _, _ in self.receipts)]
        marks = [(i, t) for i, t in marks if t <= self.of.end]
        for (place, _), (until, then) in pairwise([*marks, (len(self.of.rows), self.of.end)]):
            sends = [self.of.sent_at[n] for n in self.mine if place < self.of.sent_row[n] < until]
            if sends and sends[0] <= then:
                yield then - sends[0]

    # --- occupancy ------------------------------------------------------------------------------

    def pending_after(self) -> Iterator[tuple[int, list[set[int]]]]:
        """Each row's place, and what is pending on each connection after it."""
        pending: dict[int, set[int]] = {}
        for i, row in self.rows:
            one = self.connections.get(row.connection)
            if row.kind == "send":
                for queue in pending.values():
                    queue.add(self.of.order[row.epoch, row.seq])
            elif row.kind == "connect":
                pending[row.connection] = set()
            elif row.kind == "replay" and one is not None and (row.detail or {})["count"]:
                span = range((row.detail or {})["first"], (row.detail or {})["last"] + 1)
                pending[row.connection] |= {self.of.order[row.epoch, seq] for seq in span}
            elif row.kind in ("take", "drop", "expire"):
                pending.get(row.connection, set()).discard(self.of.order[row.epoch, row.seq])
            for number in [n for n in pending if self.connections[n].ended == i]:
                del pending[number]
            yield i, list(pending.values())

    def occupancy(self, figures: Figures) -> None:
        """The number pending: its maximum after any step, and its integral."""
        most, now, count = 0, self.accepted_at, 0
        over = steps(self.rows)
        for i, queues in self.pending_after():
            until = min(self.of.rows[i].t_ns, self.of.end)
            figures.pending_ns += count * max(0, until - now)
            now, count = max(now, until), sum(map(len, queues))
            if i in over:
                most = max([most, *map(len, queues)])
        figures.pending_ns += count * max(0, self.of.end - now)
        figures.largest["pending_max"] = most

    def in_flight_max(self) -> int:
        """The most messages taken and not received, of a client that has the connection."""
        flying: Counter[int] = Counter()
        most = 0
        for i, row in self.rows:
            if row.kind not in ("take", "receive"):
                continue
            left = self.connections[row.connection].left
            if left is None or i < left:
                flying[row.connection] += 1 if row.kind == "take" else -1
                most = max(most, flying[row.connection])
        return most

    # --- all of it ------------------------------------------------------------------------------

    def figures(self) -> Figures:
        """What this member adds to its group."""
        figures = Figures(covered_ns=max(0, self.of.end - self.accepted_at))
        self._messages(figures)
        self._replays(figures)
        self._informed(figures)
        self.ages(figures)
        self.occupancy(figures)
        figures.observed["peak_staleness_s"] += self.peaks()
        figures.largest["in_flight_max"] = self.in_flight_max()
        if self.accepted_at <= self.of.end:
            figures.largest["blind_s"] = max(self.blind(), default=0) / S
            grown = [to for _, to in figures.ages["outdated_s"]]
            figures.largest["outdated_max_s"] = max(grown, default=0) / S
        return figures

    def by_replay(self, n: int, connection: int) -> bool:
        """Whether that message was sent before that connection."""
        return self.of.sent_row[n] < self.connections[connection].place

    def _messages(self, figures: Figures) -> None:
        counts, observed = figures.counts, figures.observed
        counts["sent"] = len(self.mine)
        row_of_gap = longest = 0
        for n in self.mine:
            outcome = self.outcome[n]
            missed = outcome not in ("received", "unfinished")
            counts[f"missed_{outcome.replace('-', '_')}" if missed else outcome] += 1
            counts["missed"] += missed
            row_of_gap = row_of_gap + 1 if missed else 0
            longest = max(longest, row_of_gap)
        figures.largest["gap_messages"] = longest
        had: set[int] = set()
        for i, t, n, connection in self.receipts:
            counts["duplicates"] += n in had
            if n not in had and self.of.sent_row[n] < self.first:
                counts["earlier"] += 1
            elif n not in had and self.of.sent_row[n] < i:
                observed["latency_s"].append(t - self.of.sent_at[n])
                if not self.by_replay(n, connection):
                    observed["live_latency_s"].append(t - self.of.sent_at[n])
            had.add(n)
        for _, row in self.rows:
            if row.kind == "receive" and row.t_ns <= self.of.end:
                counts["unmatched"] += (row.epoch, row.seq) not in self.of.order
            if row.kind == "drop" and row.cause == "drop-oldest":
                sent = self.of.sent_at[self.of.order[row.epoch, row.seq]]
                observed["evicted_age_s"].append(row.t_ns - sent)

    def _replays(self, figures: Figures) -> None:
        counts, observed, rows = figures.counts, figures.observed, self.of.rows
        for _, row in self.rows:
            n = self.of.order.get((row.epoch, row.seq), -1)
            if row.kind == "take" and self.by_replay(n, row.connection):
                age = row.t_ns - self.of.sent_at[n]
                counts["replayed"] += 1
                observed["replay_age_s"].append(age)
                counts["resurfaced"] += self.of.useful_for is not None and age > self.of.useful_for
        for begin, again in self.outages():
            counts["outages"] += 1
            if again is None or again.replay is None:
                counts["not_reconnected"] += 1
                continue
            counts["reconnects"] += 1
            counts["gaps"] += self.gaps(again)
            counts["offered again"] += (again.replay.detail or {})["count"]
            counts["refetches"] += rows[again.place].t_ns <= self.of.end
            observed["reconnect_s"].append(rows[again.place].t_ns - rows[begin].t_ns)
            age = self.age_after_replay(again)
            if age is not None:
                observed["age_after_replay_s"].append(age)
        observed["recovery_s"], under_way = self.recoveries()
        counts["not_recovered"] += under_way

    def _informed(self, figures: Figures) -> None:
        times = [row.t_ns for _, row in self.rows if row.kind == "receive"]
        within = [t for t in times if t <= self.of.end]
        figures.counts["refetches"] += len(within)
        figures.counts["never_informed"] = not within
        if self.accepted_at <= self.of.end:
            figures.observed["uninformed_s"].append(
                (within[0] if within else self.of.end) - self.accepted_at
            )
