"""Two histories of one scenario and seed: what became of each message, when, and every other row.

Two questions, answered separately. *Outcomes*: for every subscriber and every message, one word
(ACC-2). *Rows*: every row, to the nanosecond, in the order of its strand. Equal rows make equal
outcomes; unequal rows need not.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import zip_longest
from typing import TypeAlias

from simrt.agreement.around import Around, Place, around
from simrt.agreement.instants import Apart, Lives, Walk
from simrt.agreement.pairing import Grain, grain, names_of, require_a_pair
from simrt.checkers.accounting import fates
from simrt.checkers.ledger import is_complete
from simrt.checkers.verdict import Status
from simrt.errors import UsageError
from simrt.history import History, Row
from simrt.scenario.neighbour import GROUP as NEIGHBOUR
from simrt.scenario.neighbour import neighbour_project
from simrt.text import exact_s, many

# So many messages with another time are told apart; of more, only that there are more.
MOST_PAIRS = 100_000
NEVER = 1 << 63

Pair: TypeAlias = tuple[str, str, int]
"""A message for a subscriber: who, the number of the life, `seq`."""


@dataclass(frozen=True, slots=True)
class Difference:
    """The first place in which two histories differ, and what both say of it.

    Attributes:
        place: when, whose, and which message.
        rows: the first pair of rows that differ; None where that history has no such row, and both
            None where only outcomes were compared.
        outcomes: what became of the message for this subscriber; empty where none is meant.
        around: what each history says of the message, and of this time.
    """

    place: Place
    rows: tuple[Row | None, Row | None]
    outcomes: tuple[str, str]
    around: tuple[Around, Around]


@dataclass(frozen=True, slots=True)
class RowByRow:
    """What a comparison of two histories found.

    Attributes:
        names: what to call the two, such as `("sim", "app")`.
        seed: of both.
        grain: whether rows and times were compared, or outcomes only.
        messages: how many were sent, to all projects, in the history with more of them.
        subscribers: how many there are, in the history with more of them.
        outcomes: pairs of message and subscriber that were compared.
        outcomes_apart: how many of these have another outcome.
        rows: rows that stand in both histories; 0 where only outcomes were compared.
        rows_apart: rows that stand in one history and not in the other.
        messages_apart: pairs of message and subscriber with such a row.
        complete: whether both histories are of a complete run; otherwise nothing from the cut on
            was compared, and no outcome.
        cut_ns: where the shorter one was cut; 0 where none was.
        first: where they differ first, or None.
    """

    names: tuple[str, str]
    seed: int
    grain: Grain
    messages: int
    subscribers: int
    outcomes: int
    outcomes_apart: int
    rows: int
    rows_apart: int
    messages_apart: int
    complete: bool
    cut_ns: int
    first: Difference | None

    @property
    def same(self) -> bool:
        """Whether no difference was found; look at `outcomes` and `rows` for how much was seen."""
        return self.first is None

    @property
    def status(self) -> Status:
        """Fail with a difference; inconclusive where a run is not complete or nothing was sent."""
        if not self.same:
            return Status.FAIL
        seen = self.complete and self.outcomes > 0
        return Status.PASS if seen else Status.INCONCLUSIVE

    @property
    def sentence(self) -> str:
        """What was found, with how much was compared."""
        if self.first is not None:
            return f"{self._apart()} First difference: {self._where(self.first.place)}."
        if not self.complete:
            at = exact_s(self.cut_ns)
            return f"A run was cut short at {at}; before that {many(self.rows, 'row')} agree."
        if not self.outcomes:
            return "Nobody was a member while anything was sent: there is nothing to compare."
        return f"First difference: none. {self._seen()} agree."

    def _seen(self) -> str:
        seen = (
            f"{many(self.messages, 'message')} × "
            f"{many(self.subscribers, 'subscriber')}: "
            f"{many(self.outcomes, 'outcome')}"
        )
        return f"{seen}, {many(self.rows, 'row')}" if self.grain is Grain.TIMES else seen

    def _apart(self) -> str:
        parts = []
        if self.outcomes_apart:
            parts.append(f"{self.outcomes_apart:,} of {many(self.outcomes, 'outcome')} differ")
        if self.rows_apart:
            least = "at least " if self.messages_apart >= MOST_PAIRS else ""
            stand = "stands" if self.rows_apart == 1 else "stand"
            rows = f"{many(self.rows_apart, 'row')} {stand} in one history only"
            parts.append(f"{rows} ({self.rows:,} in both)")
            parts.append(f"{least}{many(self.messages_apart, 'delivery', 'deliveries')} affected")
        return f"{'; '.join(parts)}."

    @staticmethod
    def _where(place: Place) -> str:
        what = f"message {place.seq} of life {place.life} for " if place.seq else ""
        whom = place.subscriber or ("the channel" if place.seq else "the run itself")
        return f"at {exact_s(place.t_ns)}, {what}{whom}"

    def __str__(self) -> str:
        """The sentence, and where they differ what stands there in both."""
        from simrt.agreement.text import row_by_row_lines

        return "\n".join(row_by_row_lines(self))


def row_by_row(left: History, right: History, *, outcomes_only: bool = False) -> RowByRow:
    """Compare two histories of one scenario and seed.

    Arguments:
        left: the first history.
        right: the second.
        outcomes_only: leave times and rows out, also where both targets have exact times.

    Raises:
        UsageError: other scenarios, other seeds, or a target whose clock is the machine's.
    """
    require_a_pair(left, right)
    fine = grain(left, right)
    if fine is Grain.FIGURES:
        raise UsageError(
            "a server that runs freely keeps the machine's time: only its figures can be compared,"
            " not its rows"
        )
    if outcomes_only:
        fine = Grain.OUTCOMES
    ours, theirs = _Seen(left), _Seen(right)
    cut_ns = min(ours.cut_ns, theirs.cut_ns)
    walked = _Walked()
    if fine is Grain.TIMES:
        walked.go(Walk(left, right), cut_ns)
    ended = _Outcomes(ours, theirs)
    first = walked.first or ended.first
    return RowByRow(
        names=names_of(left, right),
        seed=left.header.seed,
        grain=fine,
        messages=ended.messages,
        subscribers=ended.subscribers,
        outcomes=ended.compared,
        outcomes_apart=ended.apart,
        rows=walked.agreeing,
        rows_apart=walked.apart,
        messages_apart=len(walked.pairs),
        complete=cut_ns == NEVER,
        cut_ns=0 if cut_ns == NEVER else cut_ns,
        first=None
        if first is None
        else Difference(
            first,
            walked.rows,
            ended.of(first),
            (around(first, left), around(first, right)),
        ),
    )


class _Walked:
    """The rows that differ, counted."""

    def __init__(self) -> None:
        self.first: Place | None = None
        self.rows: tuple[Row | None, Row | None] = None, None
        self.pairs: set[Pair] = set()
        self.apart = 0
        self.agreeing = 0

    def go(self, walk: Walk, cut_ns: int) -> None:
        for apart in walk:
            if apart.t_ns >= cut_ns:
                break
            if self.first is None:
                self._note(apart)
            rows = apart.only_in_one
            self.apart += len(rows)
            for row in rows:
                if row.seq and len(self.pairs) < MOST_PAIRS:
                    self.pairs.add((row.subscriber, row.epoch, row.seq))
        self.agreeing = walk.agreeing

    def _note(self, apart: Apart) -> None:
        self.rows = apart.first
        row = self.rows[0] or self.rows[1]
        assert row is not None
        life = int(row.epoch) if row.seq else 0
        self.first = Place(apart.t_ns, row.project, apart.strand[0], life, row.seq)


class _Seen:
    """What one history says became of each message, lives by number.

    Attributes:
        fates: by subscriber and life, a word a message.
        messages: how many were sent.
        cut_ns: where the record ends, if the run was not complete; else `NEVER`.
    """

    def __init__(self, history: History) -> None:
        lives = Lives()
        self.messages = 0
        self.cut_ns = 0
        self.project = history.scenario.feature.project
        self._sent: dict[tuple[str, int], list[int]] = {}
        for row in history:
            life = lives.number(row.epoch)
            if row.kind == "send":
                self.messages += 1
                self._sent.setdefault((row.project, int(life)), []).append(row.t_ns)
            if self.cut_ns != NEVER:
                self.cut_ns = NEVER if is_complete(row) else row.t_ns
        self.fates = {
            (name, int(lives.number(epoch))): words
            for name, epochs in fates(history).items()
            for epoch, words in epochs.items()
        }

    def project_of(self, subscriber: str) -> str:
        """Whose messages a subscriber gets."""
        near = subscriber.partition("/")[0] == NEIGHBOUR
        return neighbour_project(self.project) if near else self.project

    def sent_ns(self, subscriber: str, life: int, seq: int) -> int | None:
        """When a message for a subscriber was sent, or None."""
        times = self._sent.get((self.project_of(subscriber), life), [])
        return times[seq - 1] if seq <= len(times) else None


class _Outcomes:
    """What became of each message for each subscriber, in both histories."""

    def __init__(self, ours: _Seen, theirs: _Seen) -> None:
        self._both = ours, theirs
        self.messages = max(ours.messages, theirs.messages)
        self.compared = self.apart = 0
        earliest: tuple[int, int, str] | None = None
        everybody = ours.fates.keys() | theirs.fates.keys()
        self.subscribers = len({name for name, _ in everybody})
        whole = ours.cut_ns == theirs.cut_ns == NEVER
        for name, life in sorted(everybody) if whole else ():
            pairs = zip_longest(
                ours.fates.get((name, life), ()), theirs.fates.get((name, life), ())
            )
            for seq, (fate, other) in enumerate(pairs, 1):
                self.compared += 1
                if fate != other:
                    self.apart += 1
                    here = (life, seq, name)
                    earliest = here if earliest is None else min(earliest, here)
        self.first = None if earliest is None else self._place(*earliest)

    def _place(self, life: int, seq: int, name: str) -> Place:
        times = [seen.sent_ns(name, life, seq) for seen in self._both]
        known = [t_ns for t_ns in times if t_ns is not None]
        return Place(min(known, default=0), self._both[0].project_of(name), name, life, seq)

    def of(self, place: Place) -> tuple[str, str]:
        """What became of the message of a place, in both; empty where there is none."""
        ours, theirs = (self._word(seen, place) for seen in self._both)
        return ours, theirs

    @staticmethod
    def _word(seen: _Seen, place: Place) -> str:
        words = seen.fates.get((place.subscriber, place.life), ())
        return words[place.seq - 1] if 1 <= place.seq <= len(words) else ""
