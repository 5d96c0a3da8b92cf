"""What a comparison found, as plain lines."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from simrt.agreement.row_by_row import Difference, RowByRow
from simrt.checkers.ledger import side
from simrt.history import Row

_ABSENT = "—"
# The rows that tell the way of one message, in the order in which they are shown.
_WAY = ("send", "drop", "expire", "take", "receive")


def row_by_row_lines(found: RowByRow) -> list[str]:
    """The sentence; and where they differ, what both histories say there."""
    lines = [found.sentence]
    if found.first is not None:
        lines += _difference_lines(found.first, found.names)
    return lines


def _difference_lines(first: Difference, names: tuple[str, str]) -> Iterator[str]:
    if first.place.seq:
        yield ""
        yield from table(_way(first, names), right=())
    for name, row, around in zip(names, first.rows, first.around, strict=True):
        yield ""
        yield f"Rows on {name} around that time:"
        marks = [_is_meant(one, first.rows) for one in around.rows]
        for mark, one in zip(marks, around.rows, strict=True):
            yield ("≠ " if mark else "  ") + row_line(one)
        if any(first.rows) and row is None and not any(marks):
            yield "≠ no such row here"


def _is_meant(row: Row, rows: Sequence[Row | None]) -> bool:
    """Whether it is one of the two that differ, or the same at another time."""
    return any(one is not None and _name(one) == _name(row) for one in rows)


def _name(row: Row) -> tuple[object, ...]:
    return row.kind, row.subscriber, row.connection, row.epoch, row.seq, side(row)


def _way(first: Difference, names: tuple[str, str]) -> list[tuple[str, ...]]:
    place = first.place
    rows: list[tuple[str, ...]] = [
        (f"message {place.seq}, {place.subscriber}".rstrip(", "), *names)
    ]
    for kind in _WAY:
        times = [
            ", ".join(_when(row) for row in around.message if row.kind == kind)
            for around in first.around
        ]
        if any(times):
            rows.append((kind, *(one or _ABSENT for one in times)))
    if any(first.outcomes):
        rows.append(("outcome", *(one or _ABSENT for one in first.outcomes)))
    return rows


def _when(row: Row) -> str:
    attempt = f" (connection {row.connection})" if row.subscriber else ""
    return f"{stamp(row.t_ns)}{attempt}"


def stamp(t_ns: int) -> str:
    """A time to the nanosecond, such as `12.500000000 s`."""
    whole, part = divmod(t_ns, 1_000_000_000)
    return f"{whole}.{part:09d} s"


def row_line(row: Row) -> str:
    """A row in a line; lives by number."""
    parts = [f"{stamp(row.t_ns):>18}", f"{row.kind:<8}"]
    if row.subscriber:
        parts.append(f"{row.subscriber}" + (f"#{row.connection}" if row.connection else ""))
    elif row.project:
        parts.append(row.project)
    if row.seq:
        parts.append(f"message {row.seq}")
    if row.epoch:
        parts.append(f"life {row.epoch}")
    if row.cause:
        parts.append(row.cause)
    if row.detail:
        parts.append(json.dumps(row.detail, ensure_ascii=False))
    return " ".join(parts)


def table(rows: Sequence[Sequence[str]], right: Sequence[int]) -> list[str]:
    """Rows of cells as lines, in columns; those numbered in `right` end at the same place."""
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    return [
        "  ".join(
            cell.rjust(width) if place in right else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
