"""The shown lanes, in full: a second reading of the rows, for a few subscribers only."""

from __future__ import annotations

from dataclasses import dataclass, field

from simrt.metrics import Listener, Meter, Receipt
from simrt.report.story import Person, Story


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
    """Fill the lanes by a second pass over the rows, for their clients only."""
    fold = _Follower({lane.person.name: lane for lane in lanes})
    meter = Meter(story.scenario, fold)
    before_ns = 0
    for row in story.history:
        if row.kind != "drop":  # a send and the drops that it causes are one step
            _note_levels(meter, fold.lanes, before_ns)
        meter.feed(row)
        before_ns = row.t_ns
    _note_levels(meter, fold.lanes, before_ns)


def _note_levels(meter: Meter, lanes: dict[str, Lane], t_ns: int) -> None:
    for name, lane in lanes.items():
        level = meter.level(name)
        if not lane.levels or lane.levels[-1][1:] != level:
            lane.levels.append((t_ns, *level))


class _Follower(Listener):
    """Writes down the receipts of a few subscribers."""

    def __init__(self, lanes: dict[str, Lane]) -> None:
        self.lanes = lanes

    def received(self, receipt: Receipt) -> None:
        """Remember it, the repeated ones too."""
        lane = self.lanes.get(receipt.subscriber)
        if lane is not None:
            lane.receipts.append((receipt.t_ns, receipt.message - 1, receipt.replayed))


def peaks(story: Story, name: str) -> tuple[int, int]:
    """The most that was in flight for a subscriber, and the most that was pending."""
    totals = story.metrics.totals(subscriber=name) if name in story.metrics.subscribers() else None
    return (totals.in_flight_max, totals.pending_max) if totals is not None else (0, 0)
