"""What the figures need of a history: it listens to the fold of the metrics.

What became of the messages is what the metrics say: nothing is counted anew. It keeps, per
subscriber, one byte for each event sent (its outcome by ACC-2) and little else; staleness is
sampled on a fixed grid and delays go into fixed bins, so memory does not grow with the number of
deliveries. `simrt.report.lane` follows the few subscribers that are shown in full.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from simrt.history import History, Row
from simrt.metrics import MISSED, OUTCOMES, Listener, Meter, Metrics, Outcome, Receipt
from simrt.scenario.model import Scenario

if TYPE_CHECKING:
    import numpy as np

# Codes in the outcome bytes: the position in OUTCOMES plus one.
NOT_MEMBER = 0
CODES: dict[str, int] = {outcome: code for code, outcome in enumerate(OUTCOMES, 1)}
RESTART = CODES[Outcome.RESTART]
MISSED_CODES = tuple(CODES[outcome] for outcome in MISSED)

STALENESS_BINS = 160
SAMPLES_PER_BIN = 4
# Delay bins: 1 µs to 10^6 s, 40 a decade; one below, one above.
DELAY_DECADES = (-6, 6)
DELAY_PER_DECADE = 40
DELAY_BINS = (DELAY_DECADES[1] - DELAY_DECADES[0]) * DELAY_PER_DECADE + 2


@dataclass(frozen=True, slots=True)
class Zone:
    """A fault as it happened: kind, whom it hit, begin and end in nanoseconds."""

    kind: str
    whom: str
    start_ns: int
    end_ns: int


@dataclass(slots=True)
class Restart:
    """One restart: when, how many had a connection, and when each of them was back.

    Attributes:
        t_ns: the kill.
        up_ns: when the new server listened, or None if the run ended before.
        lost: per group, how many connections it ended.
        back: per group, the instants at which those clients were accepted again.
    """

    t_ns: int
    up_ns: int | None = None
    lost: dict[str, int] = field(default_factory=dict)
    back: dict[str, list[int]] = field(default_factory=dict)


@dataclass(slots=True)
class Person:
    """One subscriber.

    Attributes:
        name: `GROUP/MEMBER`.
        group: its group.
        index: position among all subscribers, in order of first appearance.
        outcomes: a code for each event sent, in send order; 0 for those before its membership.
        member: whether it was ever accepted.
        duplicates: receipts of what it had already.
        earlier: first receipts of events from before its membership.
        replayed: events that came by replay and were new to it.
        late: first receipts older than `useful_for`.
        away: periods without a connection since the first accepted one, nanoseconds.
        silent: periods in which nothing passed and nobody was told, nanoseconds.
    """

    name: str
    group: str
    index: int
    outcomes: bytearray
    member: bool = False
    duplicates: int = 0
    earlier: int = 0
    replayed: int = 0
    late: int = 0
    away: list[tuple[int, int]] = field(default_factory=list)
    silent: list[tuple[int, int]] = field(default_factory=list)
    away_since: int | None = None

    def counts(self) -> dict[str, int]:
        """Events by outcome, all outcomes present, in their fixed order."""
        return {outcome: self.outcomes.count(code) for outcome, code in CODES.items()}

    @property
    def sent(self) -> int:
        """Events sent while it was a member."""
        return len(self.outcomes) - self.outcomes.count(NOT_MEMBER)

    @property
    def missed(self) -> int:
        """Events that it missed."""
        return sum(self.outcomes.count(code) for code in MISSED_CODES)

    @property
    def missed_fraction(self) -> float:
        """Share of its events that it missed; 0 where nothing was sent."""
        return self.missed / self.sent if self.sent else 0.0


@dataclass(frozen=True, slots=True)
class Staleness:
    """Age of what a group's members see, pooled over members and instants of each bin.

    Attributes:
        t_s: middle of each bin, seconds.
        low, median, high: 10 %, 50 % and 90 % quantiles, seconds; NaN where nobody had an event.
        worst_s: the largest age sampled, or None.
    """

    t_s: np.ndarray
    low: np.ndarray
    median: np.ndarray
    high: np.ndarray
    worst_s: float | None


@dataclass(frozen=True, slots=True)
class Story:
    """One run, told per subscriber and per group.

    Attributes:
        history: the record itself.
        scenario: what was run.
        target: where.
        seed: with which seed.
        duration_ns: end of the workload.
        complete: whether the record runs to its end.
        metrics: what the same fold measured.
        send_ns: when each event was sent, in order.
        people: the subscribers of the scenario's groups, in file order.
        staleness: per group.
        delays: per group, counts in the delay bins: live and by replay.
        zones: the faults as they happened.
        restarts: each restart.
    """

    history: History
    scenario: Scenario
    target: str
    seed: int
    duration_ns: int
    complete: bool
    metrics: Metrics
    send_ns: array[int]
    people: tuple[Person, ...]
    staleness: dict[str, Staleness]
    delays: dict[str, tuple[list[int], list[int]]]
    zones: tuple[Zone, ...]
    restarts: tuple[Restart, ...]

    @property
    def groups(self) -> tuple[str, ...]:
        """The groups in file order."""
        return tuple(self.scenario.workload.subscribers)

    def members(self, group: str) -> tuple[Person, ...]:
        """The members of a group."""
        return tuple(person for person in self.people if person.group == group)

    def counts(self, group: str) -> dict[str, int]:
        """Events by outcome, summed over a group."""
        return self.metrics.outcomes(group)


def delay_bin(ns: int) -> int:
    """The bin of a delay; 0: below 1 µs."""
    if ns < 1000:
        return 0
    import math

    place = int((math.log10(ns) - 9 - DELAY_DECADES[0]) * DELAY_PER_DECADE + 1e-9) + 1
    return min(place, DELAY_BINS - 1)


def delay_edge_s(place: int) -> float:
    """Upper edge of a delay bin, seconds."""
    return float(10 ** (DELAY_DECADES[0] + place / DELAY_PER_DECADE))


def tell(history: History, target: str = "", seed: int | None = None) -> Story:
    """Fold a history into what the figures need.

    Arguments:
        history: the record.
        target: its name; default: the header's.
        seed: its seed; default: the header's.
    """
    fold = _Fold(history)
    meter = Meter(history.scenario, fold)
    for row in history:
        fold.before(row)
        meter.feed(row)
        fold.after(row)
    return fold.story(
        target or history.header.target,
        history.header.seed if seed is None else seed,
        meter.finish(),
    )


class _Fold(Listener):
    """Listens to the metrics' fold; of the rows themselves it reads faults and silences only."""

    def __init__(self, history: History) -> None:
        import numpy as np

        self.history = history
        self.scenario = history.scenario
        self.duration = self.scenario.workload.duration_ns
        self.useful_for = self.scenario.intent.useful_for_ns
        self.groups = tuple(self.scenario.workload.subscribers)
        self.people: dict[str, Person] = {}
        for group in self.groups:
            for member in range(self.scenario.workload.subscribers[group].count):
                name = f"{group}/{member}"
                self.people[name] = Person(name, group, len(self.people), bytearray())
        self.everyone = tuple(self.people.values())
        self.slices = {
            group: np.array([p.index for p in self.everyone if p.group == group], dtype=np.int64)
            for group in self.groups
        }
        # Send time of the latest-sent event that each subscriber has; -1: none yet.
        self.newest = np.full(len(self.everyone), -1, dtype=np.int64)
        self.send_ns: array[int] = array("q")
        self.delays = {group: ([0] * DELAY_BINS, [0] * DELAY_BINS) for group in self.groups}
        self.open_zones: dict[int, tuple[str, str, int]] = {}
        self.zones: list[Zone] = []
        self.restarts: list[Restart] = []
        self.waiting_back: set[str] = set()
        self.complete = False
        self.last_ns = 0
        self.samples: dict[str, list[np.ndarray]] = {group: [] for group in self.groups}
        self.curves: dict[str, list[tuple[float, float, float]]] = {g: [] for g in self.groups}
        self.worst: dict[str, float | None] = dict.fromkeys(self.groups)
        self.sample = 0

    # --- what the metrics' fold finds -------------------------------------------------------------

    def sent(self, _: int, t_ns: int) -> None:
        """Remember when."""
        self.send_ns.append(t_ns)

    def accepted(self, subscriber: str, _: int, t_ns: int, *, left: bool) -> None:
        """The client is back, or new."""
        person = self.people[subscriber]
        person.member = True
        if left:
            return
        if person.away_since is not None:
            person.away.append((person.away_since, t_ns))
            person.away_since = None
        if subscriber in self.waiting_back:
            self.waiting_back.discard(subscriber)
            self.restarts[-1].back.setdefault(person.group, []).append(t_ns)

    def ended(self, subscriber: str, t_ns: int) -> None:
        """The client is away."""
        person = self.people[subscriber]
        if person.away_since is None:
            person.away_since = t_ns

    def received(self, receipt: Receipt) -> None:
        """Only the first receipt of an event tells of delays and ages."""
        if not receipt.first or receipt.sent_ns is None:
            return
        person = self.people[receipt.subscriber]
        self.newest[person.index] = max(self.newest[person.index], receipt.sent_ns)
        if receipt.earlier:
            return
        delay = receipt.t_ns - receipt.sent_ns
        if self.useful_for is not None and delay > self.useful_for:
            person.late += 1
        person.replayed += receipt.replayed
        self.delays[person.group][receipt.replayed][delay_bin(delay)] += 1

    def settled(self, subscriber: str, first: int, last: int, outcome: Outcome) -> None:
        """Write down what became of these."""
        outcomes = self.people[subscriber].outcomes
        outcomes.extend(bytes(last - len(outcomes)))
        outcomes[first - 1 : last] = bytes([CODES[outcome]]) * (last - first + 1)

    # --- rows -------------------------------------------------------------------------------------

    def before(self, row: Row) -> None:
        """A row that the metrics have not seen: the time until it is over."""
        self.last_ns = max(self.last_ns, row.t_ns)
        while self.sample < STALENESS_BINS * SAMPLES_PER_BIN and self._instant() < row.t_ns:
            self._sample()
        if row.kind == "restart":
            self._restart(row)

    def after(self, row: Row) -> None:
        """What metrics are not made of: faults, and silences."""
        kind = row.kind
        if kind == "fault":
            self._fault(row)
        elif kind == "heal":
            self._heal(row)
        elif kind == "end":
            self.complete = self.complete or (row.subscriber == "" and row.detail is not None)
        elif kind in ("offline", "online") and row.cause == "silent":
            person = self.people.get(row.subscriber)
            if person is not None:
                self._silence(row, person)

    def _silence(self, row: Row, person: Person) -> None:
        if row.kind == "offline":
            person.silent.append((row.t_ns, self.duration))
        elif person.silent:
            person.silent[-1] = (person.silent[-1][0], row.t_ns)

    def _restart(self, row: Row) -> None:
        restart = Restart(row.t_ns)
        self.waiting_back.clear()
        for person in self.everyone:
            if person.member and person.away_since is None:
                restart.lost[person.group] = restart.lost.get(person.group, 0) + 1
                self.waiting_back.add(person.name)
        self.restarts.append(restart)

    def _fault(self, row: Row) -> None:
        detail = row.detail or {}
        whom = str(detail.get("whom", ""))
        self.open_zones[int(detail.get("index", -1))] = (row.cause, whom, row.t_ns)

    def _heal(self, row: Row) -> None:
        key = int((row.detail or {}).get("index", -1))
        if key in self.open_zones:
            kind, whom, start = self.open_zones.pop(key)
            self.zones.append(Zone(kind, whom, start, row.t_ns))
        if row.cause == "restart" and self.restarts:
            self.restarts[-1].up_ns = row.t_ns

    def _instant(self) -> int:
        steps = STALENESS_BINS * SAMPLES_PER_BIN
        return (2 * self.sample + 1) * self.duration // (2 * steps)

    def _sample(self) -> None:
        import numpy as np

        now = self._instant()
        for group in self.groups:
            newest = self.newest[self.slices[group]]
            self.samples[group].append(now - newest[newest >= 0])
        self.sample += 1
        if self.sample % SAMPLES_PER_BIN:
            return
        for group in self.groups:
            ages = np.concatenate(self.samples[group]) / 1e9
            self.samples[group] = []
            if ages.size:
                low, median, high = np.quantile(ages, (0.1, 0.5, 0.9))
                self.curves[group].append((float(low), float(median), float(high)))
                self.worst[group] = max(self.worst[group] or 0.0, float(ages.max()))
            else:
                self.curves[group].append((np.nan, np.nan, np.nan))

    def story(self, target: str, seed: int, metrics: Metrics) -> Story:
        """The story; also of a record that was cut short: it is told as far as it goes."""
        if self.complete:
            while self.sample < STALENESS_BINS * SAMPLES_PER_BIN:
                self._sample()
        for kind, whom, start in self.open_zones.values():
            self.zones.append(Zone(kind, whom, start, min(self.last_ns, self.duration)))
        for person in self.everyone:
            if person.away_since is not None:
                person.away.append((person.away_since, self.last_ns))
            if person.member:
                totals = metrics.totals(subscriber=person.name)
                person.duplicates, person.earlier = totals.duplicates, totals.earlier
            person.outcomes.extend(bytes(len(self.send_ns) - len(person.outcomes)))
        return Story(
            history=self.history,
            scenario=self.scenario,
            target=target,
            seed=seed,
            duration_ns=self.duration,
            complete=self.complete,
            metrics=metrics,
            send_ns=self.send_ns,
            people=self.everyone,
            staleness={group: self._staleness(group) for group in self.groups},
            delays=self.delays,
            zones=tuple(sorted(self.zones, key=lambda z: (z.start_ns, z.kind, z.whom))),
            restarts=tuple(self.restarts),
        )

    def _staleness(self, group: str) -> Staleness:
        import numpy as np

        rows = self.curves[group] or [(np.nan, np.nan, np.nan)]
        low, median, high = (np.array(column) for column in zip(*rows, strict=True))
        width = self.duration / STALENESS_BINS / 1e9
        return Staleness((np.arange(len(rows)) + 0.5) * width, low, median, high, self.worst[group])


def overlap_ns(periods: list[tuple[int, int]], until_ns: int) -> int:
    """How long some periods last, in all, up to an instant."""
    return sum(max(0, min(end, until_ns) - start) for start, end in periods)


def in_faults(story: Story, group: str) -> tuple[int, int]:
    """Events that a group missed: (because of a fault, in all).

    Because of a fault: sent while one on the group or on the server lasted, or while the client
    was still without the connection that it lost in one, or lost in a restart.
    """
    import numpy as np

    sends = np.array(story.send_ns, dtype=np.int64)
    zones = [(z.start_ns, z.end_ns) for z in story.zones if z.whom in (group, "server", "")]
    within = missed = 0
    for person in story.members(group):
        spans = zones + [
            (lost, back)
            for lost, back in person.away
            if any(start <= lost <= end for start, end in zones)
        ]
        inside = np.zeros(len(sends), dtype=bool)
        for start, end in spans:
            inside |= (sends >= start) & (sends <= end)
        codes = np.frombuffer(person.outcomes, dtype=np.uint8)
        gone = np.isin(codes, MISSED_CODES)
        missed += int(gone.sum())
        within += int((gone & (inside | (codes == RESTART))).sum())
    return within, missed
