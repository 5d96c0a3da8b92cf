"""Recorded times: reading a trace, as CSV or JSON Lines."""

from __future__ import annotations

import csv
import json
import re
import stat
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import Any, TextIO

from simrt.inputs import MAX_LEVELS, NotJson, encoding_of, open_text, read_json
from simrt.scenario.model import Trace
from simrt.scenario.units import NS_PER_S, parse_moment
from simrt.scenario.words import described, unreadable

COLUMNS = ("t", "event", "data")
_SPELLINGS = (("t", "time", "timestamp"), ("event",), ("data",))
# Bounds on what is read into memory: rows, about 300 bytes each, and characters of one line.
MAX_ROWS = 5_000_000
MAX_LINE = 1 << 20
TIME_ALLOWED = (
    "seconds, such as 1434713402 or 12.5, or a timestamp with its offset, such as "
    "2026-01-01T00:00:00Z"
)

_SECONDS = re.compile(r"[+-]?([0-9]{1,30}\.?[0-9]{0,30}|\.[0-9]{1,30})([eE][+-]?[0-9]{1,3})?")
_SEPARATOR = re.compile("sep=([,;|\t])", re.IGNORECASE)


class TraceError(ValueError):
    """A trace that cannot be used; the message names file and line, and what to write instead."""


@dataclass(frozen=True, slots=True)
class Recording:
    """What a trace file holds, in its order.

    Attributes:
        times_ns: when, in nanoseconds of the recording's own calendar; never decreasing.
        events: the event of each row.
        data: the data of each row that has some, by the row's position.
        lines: the line of the file on which each row ends.
        ignored: names of columns that mean nothing here, in order of appearance.
    """

    times_ns: array[int]
    events: tuple[str, ...]
    data: dict[int, Any]
    lines: array[int]
    ignored: tuple[str, ...]


def trace_path(trace: Trace, directory: str) -> Path:
    """Where the file of a trace lies; relative names start at the scenario's folder."""
    return Path(directory) / trace.file


def read_recording(path: Path) -> Recording:
    """Read a trace: `.csv`, or `.jsonl`/`.ndjson`.

    The newest few are kept in memory, so that repeated runs do not read again.

    Raises:
        TraceError: where it cannot be read, with the line.
    """
    try:
        stats = path.stat()
    except OSError as error:
        raise TraceError(unreadable(path, error, tuple(_READERS))) from error
    except ValueError:
        raise TraceError(f"{str(path)!r} is not a file name") from None
    if stat.S_ISFIFO(stats.st_mode):
        raise TraceError(f"{path}: is a pipe; write a file: a trace is read again for each run")
    return _read(path, stats.st_mtime_ns, stats.st_size)


@lru_cache(maxsize=4)
def _read(path: Path, _mtime_ns: int, _size: int) -> Recording:
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        raise TraceError(f"{path}: write a file that ends in .csv, .jsonl or .ndjson")
    times, lines = array("q"), array("q")
    events, data = list[str](), dict[int, Any]()
    ignored: dict[str, None] = {}
    last = None
    try:
        for line, t_ns, event, item, has_data in reader(path, ignored):
            if last is not None and t_ns < last:
                raise TraceError(
                    f"{path}:{line}: t is smaller than in the row before it; "
                    "sort the rows by time (equal times are allowed)"
                )
            if len(times) == MAX_ROWS:
                raise TraceError(f"{path}:{line}: more than {MAX_ROWS} rows; use a part of it")
            if has_data:
                data[len(times)] = item
            times.append(t_ns)
            lines.append(line)
            events.append(event)
            last = t_ns
    except OSError as error:
        raise TraceError(f"{path}: cannot be read: {error.strerror or error}") from error
    except UnicodeError as error:
        raise TraceError(f"{_undecodable(path)}: is not UTF-8 text") from error
    return Recording(times, tuple(events), data, lines, tuple(ignored))


def _undecodable(path: Path) -> str:
    """The place of the first line that is not in the file's encoding."""
    with path.open("rb") as file:
        if encoding_of(file.peek(2)) == "utf-8-sig":
            for number, line in enumerate(file, 1):
                try:
                    line.decode()
                except UnicodeDecodeError:
                    return f"{path}:{number}"
    return str(path)


@dataclass(frozen=True, slots=True)
class _Columns:
    """Where the columns of a trace stand among the names of its header, or of one JSON object."""

    t: int | None
    event: int | None
    data: int | None
    ignored: tuple[str, ...]

    @classmethod
    def of(cls, names: Sequence[str]) -> _Columns:
        """Find them; however they are capitalised, and whatever stands around them.

        Raises:
            ValueError: where one stands twice.
        """
        plain = [name.strip().lower() for name in names]
        places: list[int | None] = []
        for spellings in _SPELLINGS:
            named = next((one for one in spellings if one in plain), None)
            if named is not None and plain.count(named) > 1:
                raise ValueError(f"the column {named} twice; name each once")
            places.append(None if named is None else plain.index(named))
        ignored = tuple(name for at, name in enumerate(names) if at not in places)
        return cls(places[0], places[1], places[2], ignored)


_columns = lru_cache(maxsize=64)(_Columns.of)


def _lines(file: TextIO, path: Path) -> Iterator[str]:
    number = 0
    while line := file.readline(MAX_LINE):
        number += line.endswith(("\n", "\r")) or len(line) < MAX_LINE
        if len(line) == MAX_LINE and line[-1] not in "\r\n":
            raise TraceError(f"{path}:{number + 1}: a line of {MAX_LINE >> 10} KiB or more")
        yield line


def _csv_rows(path: Path, ignored: dict[str, None]) -> Iterator[tuple[int, int, str, Any, bool]]:
    with open_text(path, newline="") as file:
        lines = _lines(file, path)
        columns, width, before, separator = _csv_header(lines, path)
        ignored.update(dict.fromkeys(columns.ignored))
        at_t, at_event, at_data = columns.t, columns.event, columns.data
        assert at_t is not None
        assert at_event is not None
        seen = dict[str, str]()  # one object for equal names: a long trace has few
        rows = csv.reader(lines, delimiter=separator, skipinitialspace=True)
        try:
            for row in rows:
                line = before + rows.line_num
                if not any(row):  # spreadsheets leave such rows at the end
                    continue
                if len(row) != width:
                    raise TraceError(
                        f"{path}:{line}: {len(row)} columns; the first line has {width}"
                    )
                # Where semicolons separate, the comma is the decimal sign.
                t = row[at_t].replace(",", ".", 1) if separator == ";" else row[at_t]
                event = seen.setdefault(row[at_event], row[at_event])
                text = "" if at_data is None else row[at_data]
                data = _json(text, path, line) if text else None
                yield line, _time(t, path, line), event, data, text != ""
        except csv.Error as error:
            larger = "field larger" in str(error)
            says = "a field of more than 128 KiB" if larger else f"not CSV: {error}"
            raise TraceError(f"{path}:{before + rows.line_num}: {says}") from error


def _csv_header(lines: Iterator[str], path: Path) -> tuple[_Columns, int, int, str]:
    """The columns, how many there are, the number of the line that names them, the separator.

    Before that line spreadsheets may name the separator (`sep=;`), and PowerShell a type (`#TYPE`).
    """
    separators: tuple[str, ...] = (",", ";", "\t")
    line, number = next(lines, ""), 1
    while (told := _SEPARATOR.fullmatch(line.strip("\r\n"))) or line.startswith("#TYPE "):
        separators = separators if told is None else (told[1],)
        line, number = next(lines, ""), number + 1
    any_t = False
    for separator in separators:
        names = next(csv.reader([line], delimiter=separator, skipinitialspace=True), [])
        try:
            columns = _columns(tuple(names))
        except ValueError as error:
            raise TraceError(f"{path}:{number}: {error}") from None
        if columns.t is not None and columns.event is not None:
            return columns, len(names), number, separator
        any_t = any_t or columns.t is not None
    needed = "event" if any_t else "t"
    raise TraceError(
        f"{path}:{number}: no column {needed}; the first line names the columns: "
        "t, event and, if you like, data, separated by a comma, a semicolon or a tab"
    )


def _json_rows(path: Path, ignored: dict[str, None]) -> Iterator[tuple[int, int, str, Any, bool]]:
    seen = dict[str, str]()
    with open_text(path, newline="\n") as file:
        for line, text in enumerate(_lines(file, path), 1):
            if not text.strip():
                continue
            row = _json(text, path, line, "not a JSON object", MAX_LEVELS + 1)
            if not isinstance(row, dict):
                raise TraceError(f"{path}:{line}: not a JSON object: write one a line")
            names = tuple(row)
            try:
                columns = _columns(names)
            except ValueError as error:
                raise TraceError(f"{path}:{line}: {error}") from None
            ignored.update(dict.fromkeys(columns.ignored))
            event = None if columns.event is None else row[names[columns.event]]
            if not isinstance(event, str):
                raise TraceError(f"{path}:{line}: no event; write its type as text")
            t = None if columns.t is None else row[names[columns.t]]
            if isinstance(t, float):  # as it is written: a float holds some 16 digits only
                t = json.loads(text, parse_float=str)[names[columns.t or 0]]
            data = None if columns.data is None else row[names[columns.data]]
            t_ns = _time(t, path, line)
            yield line, t_ns, seen.setdefault(event, event), data, columns.data is not None


def _json(
    text: str,
    path: Path,
    line: int,
    says: str = "data is not JSON",
    levels: int = MAX_LEVELS,
) -> Any:
    try:
        return read_json(text, levels)
    except NotJson as error:
        raise TraceError(f"{path}:{line}: {says}: {error}") from None


def _time(value: Any, path: Path, line: int) -> int:
    """Nanoseconds of a recorded time, exact as it is written."""
    t_ns = None
    if isinstance(value, int) and not isinstance(value, bool):
        t_ns = value * NS_PER_S
    elif isinstance(value, str):
        text = value.strip()
        t_ns = _plain_ns(text)
        if t_ns is None:
            t_ns = _decimal_ns(text) if _SECONDS.fullmatch(text) else _timestamp_ns(text)
    if t_ns is None or abs(t_ns) >= 2**62:
        raise TraceError(f"{path}:{line}: t is {described(value)}; write {TIME_ALLOWED}")
    return t_ns


def _plain_ns(text: str) -> int | None:
    """Seconds with at most nine decimals, as nearly all traces have them: four times faster."""
    whole, _, part = text.partition(".")
    if not whole.isdecimal() or not whole.isascii() or len(whole) > 12:
        return None
    if not part:
        return int(whole) * NS_PER_S
    if not part.isdecimal() or not part.isascii() or len(part) > 9:
        return None
    return int(whole) * NS_PER_S + int(part.ljust(9, "0"))


def _decimal_ns(text: str) -> int | None:
    seconds = Decimal(text)
    if not seconds.is_finite() or seconds.adjusted() > 12:
        return None
    return round(seconds * NS_PER_S)


def _timestamp_ns(text: str) -> int | None:
    try:
        return parse_moment(text)
    except ValueError:
        return None


def replayed(
    trace: Trace, recording: Recording, event: str, duration_ns: int
) -> Iterator[tuple[int, int]]:
    """The rows of one event on the scenario's clock: time in nanoseconds, position in the file.

    Arguments:
        trace: how the recording is used: its `offset` is skipped, counted from the first row of
            any event; `compress` recorded seconds are one scenario second.
        recording: what the file holds.
        event: the event whose rows are meant.
        duration_ns: rows at or after this time are left out.
    """
    if not recording.times_ns:
        return
    begin_ns = recording.times_ns[0] + trace.offset_ns
    # As it was written: 0.1 means a tenth, not the nearest binary fraction.
    factor = Fraction(str(trace.compress))
    up, down = factor.numerator, factor.denominator
    for position, recorded_ns in enumerate(recording.times_ns):
        if recorded_ns < begin_ns or recording.events[position] != event:
            continue
        t_ns = ((recorded_ns - begin_ns) * down * 2 + up) // (2 * up)
        if t_ns >= duration_ns:
            return
        yield t_ns, position


_READERS = {".csv": _csv_rows, ".jsonl": _json_rows, ".ndjson": _json_rows}
