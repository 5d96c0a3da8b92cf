"""The shown lanes, in full: the second fold over the rows, for a few subscribers only."""

from __future__ import annotations

from dataclasses import dataclass, field

from simrt.history import Row
from simrt.report.story import Person, Story, was_replayed


@dataclass(slots=True)
class Lane:
    """One subscriber, in full.

    Attributes:
        person: who.
        place: `worst`, `median`, `best`, or empty where all members are shown.
        receipts: (received_ns, index of the event, whether by replay), in order.
        levels: (t_ns, in flight, pending) whenever one of them has changed, in order.
    """

    person: Person
    place: str
    receipts: list[tuple[int, int, bool]] = field(default_factory=list)
    levels: list[tuple[int, int, int]] = field(default_factory=list)


MAX_LANES = 12


def choose_lanes(story: Story) -> list[Lane]:
    """The worst, the median and the best of each group by what they missed; 12 at most.

    Where all subscribers fit, all are shown. With more than 12 groups only the worst of the
    first 12 are.
    """
    if len(story.people) <= MAX_LANES // 2:
        return [Lane(person, "") for person in story.people]
    lanes: list[Lane] = []
    groups = story.groups[:MAX_LANES]
    each = max(1, min(3, MAX_LANES // len(groups)))
    for group in groups:
        ranked = sorted(story.members(group), key=lambda p: (-p.missed_fraction, p.index))
        if len(ranked) <= each:
            lanes += [Lane(person, "") for person in ranked]
            continue
        middle = len(ranked) // 2
        picks = ((ranked[0], "worst"), (ranked[middle], "median"), (ranked[-1], "best"))
        lanes += [Lane(person, place) for person, place in picks[:each]]
    return lanes


def follow(story: Story, lanes: list[Lane]) -> None:
    """Fill the lanes by a second pass over the rows."""
    watched = {lane.person.name: _Watch(lane) for lane in lanes}
    home = (story.scenario.feature.project, story.scenario.feature.channel)
    for row in story.history:
        if row.kind == "send":
            if (row.project, row.channel) == home:
                for watch in watched.values():
                    watch.sent(row.t_ns)
        elif row.kind == "restart":
            for watch in watched.values():
                watch.restarted(row.t_ns)
        elif row.subscriber in watched:
            watched[row.subscriber].take(row, story)
    for watch in watched.values():
        watch.finish()


class _Watch:
    """The queue and the network of one subscriber, as its rows tell."""

    def __init__(self, lane: Lane) -> None:
        self.lane = lane
        self.open = 0
        self.pending = 0
        self.flying = 0
        self.replay: dict[int, tuple[str, int, int]] = {}
        self.now = 0

    def _at(self, t_ns: int) -> None:
        # One instant is one level: a send and the drop that it causes are one step.
        if t_ns > self.now:
            self._record()
            self.now = t_ns

    def _record(self) -> None:
        level = (self.flying, self.pending)
        if not self.lane.levels or self.lane.levels[-1][1:] != level:
            self.lane.levels.append((self.now, *level))

    def sent(self, t_ns: int) -> None:
        if self.open:
            self._at(t_ns)
            self.pending += 1

    def restarted(self, t_ns: int) -> None:
        self._at(t_ns)
        self.open = self.pending = 0

    def finish(self) -> None:
        self._record()

    def take(self, row: Row, story: Story) -> None:
        self._at(row.t_ns)
        kind = row.kind
        if kind == "connect":
            self.open, self.pending, self.flying = row.connection, 0, 0
        elif kind == "replay":
            detail = row.detail or {}
            self.pending += int(detail.get("count") or 0)
            self.replay = {
                row.connection: (
                    row.epoch,
                    int(detail.get("first") or 0),
                    int(detail.get("last") or 0),
                )
            }
        elif kind in ("drop", "expire") and row.connection == self.open:
            self.pending -= 1
        elif kind == "take" and row.connection == self.open:
            self.pending -= 1
            self.flying += 1
        elif kind == "receive":
            if self.flying:
                self.flying -= 1
            index = story.send_index.get((row.epoch, row.seq))
            if index is not None:
                by_replay = was_replayed(self.replay.get(row.connection), row)
                self.lane.receipts.append((row.t_ns, index, by_replay))
        elif kind == "close":
            self._close(row)

    def _close(self, row: Row) -> None:
        if (row.detail or {}).get("side") == "client":
            self.flying = 0
        elif row.connection == self.open:
            self.open = self.pending = 0


def peaks(lane: Lane) -> tuple[int, int]:
    """The most that was in flight, and the most that was pending."""
    flying = max((level[1] for level in lane.levels), default=0)
    return flying, max((level[2] for level in lane.levels), default=0)
