"""Two histories side by side, instant by instant.

The rows of one instant are sorted into strands: what the server's side wrote about one subscriber,
what that client wrote, what happened to the channel and the run. A strand has its order and is
compared in it; how the strands of one instant are woven into each other is nobody's promise, and is
not compared. The name of an epoch is chance: lives of the hub are compared by their number.

Bounded by the rows of one instant.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from typing import TypeAlias

import msgspec

from simrt.checkers.ledger import PROBE, SERVER_KINDS, TWO_SIDED_KINDS, side
from simrt.history import Row, encode_row

Strand: TypeAlias = tuple[str, str]
"""A subscriber (empty for the channel and the run), and which side wrote."""


class Lives:
    """The lives of the hub in one history, numbered from 1 in the order of their first rows."""

    def __init__(self) -> None:
        self._numbers: dict[str, str] = {"": ""}

    def number(self, epoch: str) -> str:
        """The number of a life, as text; empty for no epoch."""
        found = self._numbers.get(epoch)
        if found is None:
            found = self._numbers[epoch] = str(len(self._numbers))
        return found

    def plain(self, row: Row) -> Row:
        """The row with the life's number in place of its epoch, also inside of an event's id."""
        detail = row.detail
        if detail and detail.get("last_event_id"):
            epoch, colon, seq = str(detail["last_event_id"]).rpartition(":")
            detail = {**detail, "last_event_id": f"{self.number(epoch)}{colon}{seq}"}
        return msgspec.structs.replace(row, epoch=self.number(row.epoch), detail=detail)


def _beyond(rows: Iterable[Row], others: Counter[bytes]) -> Iterator[Row]:
    """The rows that are left when each of the others has taken one that is equal to it."""
    for row in rows:
        encoded = encode_row(row)
        if others[encoded]:
            others[encoded] -= 1
        else:
            yield row


def plain_rows(history: Iterable[Row]) -> Iterator[Row]:
    """The rows of the run itself, lives by number.

    Who tried the endpoint's permission came after the run, and is left out.
    """
    lives = Lives()
    for row in history:
        if row.group != PROBE:
            yield lives.plain(row)


def strand_of(row: Row) -> Strand:
    """Which strand a row belongs to."""
    if not row.subscriber:
        return "", ""
    by_server = row.kind in SERVER_KINDS or (row.kind in TWO_SIDED_KINDS and side(row) == "server")
    return row.subscriber, "server" if by_server else "client"


@dataclass(frozen=True, slots=True)
class Apart:
    """A strand of one instant in which two histories differ.

    Attributes:
        t_ns: the instant.
        strand: whose rows, and which side's.
        left: its rows in the first history, epochs as numbers.
        right: in the second.
    """

    t_ns: int
    strand: Strand
    left: tuple[Row, ...]
    right: tuple[Row, ...]

    @property
    def only_in_one(self) -> tuple[Row, ...]:
        """The rows that the other history does not have; all, where only their order differs."""
        ours, theirs = (Counter(map(encode_row, rows)) for rows in (self.left, self.right))
        rest = [*_beyond(self.left, theirs), *_beyond(self.right, ours)]
        return tuple(rest) or (*self.left, *self.right)

    @property
    def first(self) -> tuple[Row | None, Row | None]:
        """The first pair of rows that differ; None where one side has no row more."""
        for one, other in zip(self.left, self.right, strict=False):
            if one != other:
                return one, other
        same = min(len(self.left), len(self.right))
        return (
            self.left[same] if same < len(self.left) else None,
            self.right[same] if same < len(self.right) else None,
        )


class Walk:
    """Goes through two histories at once and yields where they differ.

    Arguments:
        left, right: the rows of both, in the order of their histories.

    Attributes:
        agreeing: rows so far that stand in both.
    """

    def __init__(self, left: Iterable[Row], right: Iterable[Row]) -> None:
        self._left = groupby(plain_rows(left), attrgetter("t_ns"))
        self._right = groupby(plain_rows(right), attrgetter("t_ns"))
        self.agreeing = 0

    def __iter__(self) -> Iterator[Apart]:
        one, other = next(self._left, None), next(self._right, None)
        while one is not None or other is not None:
            now = min(here[0] for here in (one, other) if here is not None)
            ours: list[Row] = []
            theirs: list[Row] = []
            if one is not None and one[0] == now:
                ours = list(one[1])
                one = next(self._left, None)
            if other is not None and other[0] == now:
                theirs = list(other[1])
                other = next(self._right, None)
            if ours == theirs:
                self.agreeing += len(ours)
            else:
                yield from self._compared(now, ours, theirs)

    def _compared(self, now: int, ours: list[Row], theirs: list[Row]) -> Iterator[Apart]:
        strands: dict[Strand, tuple[list[Row], list[Row]]] = {("", ""): ([], [])}
        for number, rows in enumerate((ours, theirs)):
            for row in rows:
                strands.setdefault(strand_of(row), ([], []))[number].append(row)
        for strand, (left, right) in strands.items():
            if left == right:
                self.agreeing += len(left)
            else:
                apart = Apart(now, strand, tuple(left), tuple(right))
                self.agreeing += (len(left) + len(right) - len(apart.only_in_one)) // 2
                yield apart
