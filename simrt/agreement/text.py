"""What a comparison found, as plain lines."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from simrt import text
from simrt.agreement.comparison import Comparison
from simrt.agreement.distributions import Shapes
from simrt.agreement.figures import JUDGED, METHOD, Distance
from simrt.agreement.pairing import Grain
from simrt.agreement.row_by_row import Difference, RowByRow
from simrt.checkers.ledger import side
from simrt.checkers.verdict import Status
from simrt.history import Row
from simrt.metrics.result import ALL

_ABSENT = "—"
# The rows that tell the way of one message, in the order in which they are shown.
_WAY = ("send", "drop", "expire", "take", "receive")


# What a table shows even where it agrees: all that is judged but what others already say.
_SAID = ("sent", "received", "missed")
_SHORT = (*(name for name in JUDGED if name not in _SAID), "p90(latency_s)", "p90(staleness_s)")
_WORDS = {
    Status.PASS: "agree",
    Status.FAIL: "differ",
    Status.INCONCLUSIVE: "inconclusive",
    Status.NOT_APPLICABLE: "inconclusive",
}
_SHAPES_MEAN = (
    "moved by: how far a value must be moved on average to make the other distribution "
    "(Wasserstein); largest gap: of the shares below any bound (Kolmogorov, Smirnov); "
    "usual: the largest between two simulated seeds."
)
_NUMBERS = (2, 3, 4, 5, 6)


def comparison_lines(found: Comparison, *, everything: bool = False) -> list[str]:
    """A comparison, line by line.

    Arguments:
        found: what was found.
        everything: show every figure, not only headlines and those that differ.
    """
    first, second = found.targets
    where = f"{first} and {second}, {_seeds(found.seeds)}"
    lines = [f"{_WORDS[found.status]}: {found.scenario.title}, {where}", found.sentence]
    if found.grain is Grain.FIGURES:
        lines += _conditions(found)
    else:
        lines += _seed_by_seed(found)
    lines += _figures(found, everything=everything)
    if found.shapes:
        lines += ["", *_shapes(found.shapes)]
    if found.grain is Grain.FIGURES:
        lines += ["", f"interval: {METHOD}."]
    if found.scenario.expect:
        lines.append("What its owner expects is not judged by a comparison; simrt check judges it.")
    return lines


def _seeds(seeds: Sequence[int]) -> str:
    return f"seed {seeds[0]}" if len(seeds) == 1 else f"seeds {seeds[0]} to {seeds[-1]}"


def _seed_by_seed(found: Comparison) -> Iterator[str]:
    if len(found.rows) > 1:
        for one in found.rows:
            yield f"  seed {one.seed}: {one.sentence}"
    apart = next((one for one in found.rows if one.first is not None), None)
    if apart is not None and apart.first is not None:
        yield from _difference_lines(apart.first, apart.names)


def _conditions(found: Comparison) -> Iterator[str]:
    header = found.header
    if header.resolution_ns:
        yield (
            f"{found.targets[1]} ran at {header.speed:g} times real speed; what is finer than "
            f"{number(header.resolution_ns / 1e9)} s means nothing there."
        )
    for group, window in header.window.items():
        if "messages" in window:
            most = window.get("most_bytes", window["bytes"])
            yield (
                f"Window of {group}: {window['messages']:,} messages ({window['bytes']:,} bytes) "
                f"for a client that reads nothing, at most {most:,} bytes for one that reads."
            )
        if "silent_bytes" in window:
            yield (
                f"In silence {group} is sent {window['silent_bytes']:,} to "
                f"{window['most_silent_bytes']:,} bytes; what is lost is repeated first after "
                f"{number(window['pause_ns'] / 1e9)} to "
                f"{number(window['most_pause_ns'] / 1e9)} s, then after pauses that double."
            )


def _figures(found: Comparison, *, everything: bool) -> Iterator[str]:
    shown = [
        one
        for one in found.distances
        if everything
        or one.agrees is False
        or (
            found.grain is Grain.FIGURES
            and (one.figure.name in _SHORT)
            and (one.left or one.right)
            and one.figure.group != ALL
        )
    ]
    if found.grain is not Grain.FIGURES and not found.apart:
        yield f"Figures: all {len(found.distances)} are equal."
    if shown:
        yield ""
        yield from table([_heading(found), *map(_figure, shown)], right=_NUMBERS)
    rest = len(found.distances) - len(shown)
    if rest and found.grain is Grain.FIGURES:
        yield f"{text.many(rest, 'more figure')} left out here; none was found to differ."


def _heading(found: Comparison) -> tuple[str, ...]:
    return ("group", "figure", *found.targets, "difference", "from", "to", "")


def _figure(one: Distance) -> tuple[str, ...]:
    sign = {True: "agrees", False: "differs" if one.judged else "unusual", None: "cannot be said"}
    difference = one.difference
    return (
        one.figure.group,
        one.figure.name,
        number(one.left),
        number(one.right),
        _ABSENT if difference is None else ("+" if difference > 0 else "") + number(difference),
        number(one.low),
        number(one.high),
        sign[one.agrees],
    )


def _shapes(found: Sequence[Shapes]) -> list[str]:
    rows = [("group", "distribution", "moved by", "usual", "largest gap", "usual")]
    rows += [
        (
            one.group,
            one.metric,
            f"{number(one.moved_s)} s",
            _ABSENT if one.usual_moved_s is None else f"{number(one.usual_moved_s)} s",
            text.share(one.share),
            _ABSENT if one.usual_share is None else text.share(one.usual_share),
        )
        for one in found
    ]
    return [*table(rows, right=(2, 3, 4, 5)), _SHAPES_MEAN]


def number(value: float | None) -> str:
    """A number with three digits that count, such as `0.0123`, `1,230` or `12.3`."""
    return _ABSENT if value is None else text.number(value, 3)


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
