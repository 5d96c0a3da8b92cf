"""Recorded times: reading a trace, as CSV or JSON Lines."""

from __future__ import annotations

import csv
import json
import re
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import Any

import msgspec

from simrt.scenario.model import Trace
from simrt.scenario.units import NS_PER_S

COLUMNS = ("t", "event", "data")
# A bound on what is read into memory; about 300 bytes a row.
MAX_ROWS = 5_000_000
TIME_ALLOWED = (
    "seconds, such as 1434713402 or 12.5, or a timestamp with its offset, such as "
    "2026-01-01T00:00:00Z"
)

_SECONDS = re.compile(r"[+-]?([0-9]{1,30}\.?[0-9]{0,30}|\.[0-9]{1,30})([eE][+-]?[0-9]{1,3})?")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class TraceError(ValueError):
    """A trace that cannot be used; the message names file and line, and what to write instead."""


@dataclass(frozen=True, slots=True)
class Recording:
    """What a trace file holds, in its order.

    Attributes:
        times_ns: when, in nanoseconds of the recording's own calendar; never decreasing.
        events: the event of each row.
        data: the data of each row that has some, by the row's position.
        ignored: names of columns that mean nothing here, in order of appearance.
    """

    times_ns: array[int]
    events: tuple[str, ...]
    data: dict[int, Any]
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
        stat = path.stat()
    except OSError as error:
        raise TraceError(f"{path}: cannot be read: {error.strerror or error}") from error
    except ValueError:
        raise TraceError(f"{str(path)!r} is not a file name") from None
    return _read(path, stat.st_mtime_ns, stat.st_size)


@lru_cache(maxsize=4)
def _read(path: Path, _mtime_ns: int, _size: int) -> Recording:
    readers = {".csv": _csv_rows, ".jsonl": _json_rows, ".ndjson": _json_rows}
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise TraceError(f"{path}: write a file that ends in .csv, .jsonl or .ndjson")
    times, events, data = array("q"), list[str](), dict[int, Any]()
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
            events.append(event)
            last = t_ns
    except OSError as error:
        raise TraceError(f"{path}: cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise TraceError(f"{path}: is not UTF-8 text ({error.reason})") from error
    return Recording(times, tuple(events), data, tuple(ignored))


def _csv_rows(path: Path, ignored: dict[str, None]) -> Iterator[tuple[int, int, str, Any, bool]]:
    # utf-8-sig: spreadsheets put a byte order mark before the first column's name.
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = csv.reader(file)
        try:
            names = next(rows, [])
            for needed in ("t", "event"):
                if needed not in names:
                    raise TraceError(
                        f"{path}:1: no column {needed}; the first line names the columns: "
                        "t, event and, if you like, data"
                    )
            ignored.update(dict.fromkeys(name for name in names if name not in COLUMNS))
            at_t, at_event = names.index("t"), names.index("event")
            at_data = names.index("data") if "data" in names else None
            seen = dict[str, str]()  # one object for equal names: a long trace has few
            for row in rows:
                line = rows.line_num
                if not row:
                    continue
                if len(row) != len(names):
                    raise TraceError(
                        f"{path}:{line}: {len(row)} columns; the first line has {len(names)}"
                    )
                t_ns = _time(row[at_t], path, line)
                event = seen.setdefault(row[at_event], row[at_event])
                text = "" if at_data is None else row[at_data]
                yield line, t_ns, event, _json(text, path, line) if text else None, text != ""
        except csv.Error as error:
            raise TraceError(f"{path}:{rows.line_num}: not CSV: {error}") from error


def _json_rows(path: Path, ignored: dict[str, None]) -> Iterator[tuple[int, int, str, Any, bool]]:
    decode = msgspec.json.Decoder(dict[str, Any]).decode
    seen = dict[str, str]()
    with path.open("rb") as file:
        for line, raw in enumerate(file, 1):
            if not raw.strip():
                continue
            try:
                row = decode(raw)
            except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
                raise TraceError(f"{path}:{line}: not a JSON object: {error}") from error
            for name in row:
                if name not in COLUMNS:
                    ignored.setdefault(name)
            event = row.get("event")
            if not isinstance(event, str):
                raise TraceError(f"{path}:{line}: no event; write its type as text")
            t_ns = _time(row.get("t"), path, line)
            yield line, t_ns, seen.setdefault(event, event), row.get("data"), "data" in row


def _json(text: str, path: Path, line: int) -> Any:
    try:
        return json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise TraceError(f"{path}:{line}: data is not JSON: {error}") from error


def _refuse(name: str) -> Any:
    raise ValueError(f"{name} is not a JSON number")


def _time(value: Any, path: Path, line: int) -> int:
    """Nanoseconds of a recorded time, exact as it is written."""
    t_ns = None
    if isinstance(value, bool):
        pass  # not a number, though Python calls it one
    elif isinstance(value, int):
        t_ns = value * NS_PER_S
    elif isinstance(value, str | float):
        # repr is the shortest text that reads back as this number: what was written.
        text = value if isinstance(value, str) else repr(value)
        t_ns = _plain_ns(text)
        if t_ns is None:
            t_ns = _decimal_ns(text) if _SECONDS.fullmatch(text) else _timestamp_ns(text)
    if t_ns is None or abs(t_ns) >= 2**62:
        raise TraceError(f"{path}:{line}: t is {value!r}; write {TIME_ALLOWED}")
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
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        return None
    if moment.tzinfo is None:
        return None
    return (moment - _EPOCH) // _MICROSECOND * 1000


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
