"""The record of a run: one header, then rows in time order.

A history is what every judge reads; nothing else of a run reaches a verdict. On disk it is
JSON Lines, plain or `.gz`. In time order means: rows of one instant stand in the order in which
they happened, causes first.
"""

from __future__ import annotations

import gzip
import hashlib
import zlib
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated, Any, Self, cast

import msgspec

from simrt.errors import HistoryError, UsageError
from simrt.inputs import MAX_LEVELS, copy_of_pipe, read_json, utf8_lines
from simrt.scenario.arguments import path_of
from simrt.scenario.model import Scenario

if TYPE_CHECKING:
    import pandas as pd

FORMAT = "simrt-history/2"
# Before `notices` was a decision, every client learnt of a dead connection when the silence ended.
_TOLD_AT_THE_HEAL = "simrt-history/1"

UNTOLD = "untold"
"""Cause of a client's `end` row: its connection was dead, and nobody had told it (NET-7)."""

KINDS = (
    "send", "reject", "connect", "refuse", "gave-up", "replay", "drop", "expire", "take",
    "receive", "close", "end", "offline", "online", "restart", "fault", "heal",
)  # fmt: skip


# Data frames and sketches hold 64 bits; a row beyond them is refused where it is read.
_Int64 = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]


class Row(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """One thing that happened.

    Attributes:
        t_ns: nanoseconds of scenario time since the start.
        kind: one of `KINDS`; docs/history.md says what each carries.
        project: the project of the message or endpoint.
        channel: the channel's name.
        epoch: the life of the hub in which it happened.
        seq: the message's number in that epoch, from 1; 0 where no message is meant.
        event: the message's type.
        bytes: size of its data, compact UTF-8.
        digest: `digest_of(data)`.
        subscriber: `GROUP/MEMBER`, member from 0.
        connection: that subscriber's how-many-th connection attempt, from 1.
        cause: why, one word: `drop-oldest`, `ttl`, `restart`, `client`, …
        detail: what else a judge needs; JSON object.
    """

    t_ns: _Int64
    kind: str
    project: str = ""
    channel: str = ""
    epoch: str = ""
    seq: _Int64 = 0
    event: str = ""
    bytes: _Int64 = 0
    digest: str = ""
    subscriber: str = ""
    connection: _Int64 = 0
    cause: str = ""
    detail: dict[str, Any] | None = None

    @property
    def group(self) -> str:
        """The subscriber's group: what stands before the slash."""
        return self.subscriber.partition("/")[0]


class Header(msgspec.Struct, frozen=True):
    """What a judge must know before the first row.

    Attributes:
        format: `FORMAT`.
        scenario: the whole normalised scenario, as `Scenario.normalised()` gives it.
        target: `sim`, `server`, …
        seed: the seed of the run.
        speed: scenario seconds per real second; 1 on targets whose time is virtual.
        resolution_ns: measured jitter times speed: finer times mean nothing here; 0 if exact.
        window: per group, what was calibrated: `messages` and `bytes` that a client swallows that
            reads nothing, `most_bytes` that are under way for one that reads, `trip_ns` of an event
            to a client that waits for it; for clients whose packets are lost in silence, what is
            taken for them then, at least and at most (`silent_bytes`, `most_silent_bytes`), and
            the first pause until it is repeated (`pause_ns`, `most_pause_ns`). Or what was
            simulated in its place, as `KernelWindow` says it.
        versions: names and versions of what ran.
        emulated: whether a real server process ran under the scenario's clock, its windows made by
            credits; histories of earlier versions alone say so.
    """

    format: str
    scenario: dict[str, Any]
    target: str
    seed: _Int64
    speed: float = 1.0
    resolution_ns: _Int64 = 0
    window: dict[str, dict[str, _Int64]] = {}
    versions: dict[str, str] = {}
    emulated: bool = False


def _is_count(value: object) -> bool:
    return type(value) is int and 0 <= value < 2**63


def _is_count_or_none(value: object) -> bool:
    return value is None or _is_count(value)


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _are_counts(value: object) -> bool:
    return isinstance(value, list) and all(map(_is_count, value))


def _are_fates(value: object) -> bool:
    return isinstance(value, dict) and all(map(_is_count, value.values()))


_LONGEST = 60

# What may stand under a key of `detail`, in words.
_Test = Callable[[object], bool]
_ALLOWED: dict[_Test, str] = {
    _is_count: "a whole number, 0 or more",
    _is_count_or_none: "a whole number, 0 or more; or null",
    _is_text: "text",
    _are_counts: "a list of whole numbers, 0 or more",
    _are_fates: "an object of whole numbers, 0 or more",
}
_LAST_WORDS: dict[str, _Test] = {
    "side": _is_text, "received": _is_count, "fates": _are_fates, "pending": _are_counts,
    "run": _is_text, "unsent": _is_count, "status": _is_count,
}  # fmt: skip
_ANSWER: dict[str, _Test] = {"status": _is_count, "probe": _is_text, "endpoint": _is_text}
_FAULT: dict[str, _Test] = {"index": _is_count, "whom": _is_text, "members": _are_counts}
# By kind of row, the keys of `detail` that judges compute with.
_DETAILS: dict[str, dict[str, _Test]] = {
    "send": {"offered": _is_count, "sender": _is_text, "part": _is_count},
    "replay": {
        "count": _is_count, "first": _is_count, "last": _is_count,
        "last_n": _is_count_or_none, "max_age_ns": _is_count_or_none,
    },
    "connect": _ANSWER, "refuse": _ANSWER, "gave-up": _ANSWER,
    "close": _LAST_WORDS, "end": _LAST_WORDS,
    "fault": _FAULT, "heal": _FAULT,
}  # fmt: skip
_RANGE = ("count", "first", "last")


def _problem(row: Row) -> str:
    """What is wrong with a row's detail: its key, what stands there, what may; empty if nothing."""
    detail, keys = row.detail or {}, _DETAILS.get(row.kind, {})
    if problem := _beyond(detail):
        return f"{row.kind}: detail: {problem}"
    for key, is_right in keys.items():
        if key in detail and not is_right(detail[key]):
            found = _encoder.encode(detail[key]).decode()
            short = found if len(found) <= _LONGEST else f"{found[:_LONGEST]}…"
            return f"{row.kind}: detail.{key}: found {short}; allowed: {_ALLOWED[is_right]}"
    if row.kind == "replay" and any(key in detail for key in _RANGE):
        for key in _RANGE:
            if key not in detail:
                return f"replay: detail.{key}: missing; allowed: {_ALLOWED[_is_count]}"
    return ""


MAX_LINE = 1 << 24
"""Most bytes of one line of a history."""

_LONG_LINE = f"a line of more than {MAX_LINE >> 20} MiB"
_GZIP = b"\x1f\x8b"


def _beyond(detail: dict[str, Any]) -> str:
    """What no reader of a history has to hold: a number too large, a value too deep; or empty."""
    level: list[object] = [detail]
    for _ in range(MAX_LEVELS):
        below: list[object] = []
        for value in level:
            if isinstance(value, dict):
                below.extend(value.values())
            elif isinstance(value, list):
                below.extend(value)
            elif isinstance(value, int) and not -(2**63) <= value < 2**64:
                return "a whole number of more than 64 bits"
        if not below:
            return ""
        level = below
    return f"more than {MAX_LEVELS} levels"


# Behind the name of a history: the folder of its parts.
_PARTS = ".parts"

_encoder = msgspec.json.Encoder()
_row_decoder = msgspec.json.Decoder(Row)
_header_decoder = msgspec.json.Decoder(Header)


def encode_row(row: Row) -> bytes:
    """One line of a history, with its line end."""
    return _encoder.encode(row) + b"\n"


def digest_of(encoded: bytes) -> str:
    """A short digest of a message's data in compact UTF-8: 16 hexadecimal digits (BLAKE2b)."""
    return hashlib.blake2b(encoded, digest_size=8).hexdigest()


def _lines(path: Path) -> Generator[bytes, None, None]:
    """The lines that are there, in UTF-8; a file that was cut while it was compressed ends there.

    Raises:
        OSError: where it cannot be read.
        HistoryError: where a compressed file is damaged.
        UnicodeError: where it is no text.
    """
    with path.open("rb") as raw:
        file = gzip.GzipFile(fileobj=raw) if raw.peek(2).startswith(_GZIP) else raw
        try:
            yield from utf8_lines(file, MAX_LINE)
        except EOFError:
            return
        except (zlib.error, gzip.BadGzipFile) as error:
            raise HistoryError(f"{path}: damaged: {error}") from error


def _header_of(line: bytes) -> Header:
    """The header of a history, as every reader of JSON reads it.

    Raises:
        ValueError: where it is none.
    """
    if len(line) > MAX_LINE:
        raise ValueError(_LONG_LINE)
    header = _header_decoder.decode(line)
    read_json(line)
    return header


def _row_of(line: bytes) -> Row:
    """The row of a line.

    Raises:
        ValueError: where it is none, or one that another reader of JSON would take differently.
    """
    if len(line) > MAX_LINE:
        raise ValueError(_LONG_LINE)
    try:
        row = _row_decoder.decode(line)
        written = _encoder.encode(row)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    if line != written + b"\n":  # as simrt writes it, it has each key once
        read_json(line)
    if row.detail is not None and (problem := _problem(row)):
        raise ValueError(problem)
    return row


class HistoryWriter:
    """Writes a history file: the header at once, then each row; usable as a context manager.

    Arguments:
        path: the file; `.gz` compresses. Its folder must exist.
        header: the first line.
    """

    def __init__(self, path: Path, header: Header) -> None:
        self.path = path
        self._raw = path.open("wb")
        # Without a name and a time inside, the same rows give the same bytes.
        self._file: IO[bytes] = (
            cast("IO[bytes]", gzip.GzipFile("", "wb", 1, self._raw, mtime=0))
            if path.suffix == ".gz"
            else self._raw
        )
        self._file.write(_encoder.encode(header) + b"\n")

    def write(self, row: Row) -> None:
        """Append one row."""
        self._file.write(_encoder.encode(row) + b"\n")

    def close(self) -> None:
        """Flush and close; harmless when repeated."""
        self._file.close()
        self._raw.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


class History:
    """A header and rows that can be iterated any number of times.

    Arguments:
        header: the header.
        rows: the rows in memory, or the path of the file that holds them.
        name: the file's name where a mistake is told; None: its path.
        copy: a temporary file under that path, which lasts as long as the history.
    """

    def __init__(
        self,
        header: Header,
        rows: Iterable[Row] | Path,
        name: str | None = None,
        copy: IO[bytes] | None = None,
    ) -> None:
        self.header = header
        self._rows: tuple[Row, ...] | Path = rows if isinstance(rows, Path) else tuple(rows)
        self._name = name or (str(rows) if isinstance(rows, Path) else "")
        self._copy = copy
        self._scenario: Scenario | None = None

    @property
    def scenario(self) -> Scenario:
        """The scenario of the header, as the model."""
        if self._scenario is None:
            try:
                self._scenario = Scenario.model_validate(self.header.scenario)
            except ValueError as error:
                where = f"{self._name}:1: " if self._name else ""
                raise HistoryError(f"{where}no scenario of this version: {error}") from error
        return self._scenario

    @property
    def path(self) -> Path | None:
        """The file that holds the rows, or None where they are in memory."""
        return self._rows if isinstance(self._rows, Path) else None

    def __iter__(self) -> Iterator[Row]:
        if isinstance(self._rows, tuple):
            yield from self._rows
            return
        lines = _lines(self._rows)
        next(lines, None)
        for number, line in enumerate(lines, 2):
            try:
                row = _row_of(line)
            except (msgspec.MsgspecError, ValueError) as error:
                if not line.endswith(b"\n") and len(line) <= MAX_LINE:
                    return  # cut in the middle of its last line, as by a kill: keep the rest
                raise HistoryError(f"{self._name}:{number}: not a row: {error}") from error
            yield row

    def load(self) -> History:
        """The same history with its rows in memory."""
        return self if isinstance(self._rows, tuple) else History(self.header, self)

    def save(self, path: Path | str) -> None:
        """Write it to a file; `.gz` compresses.

        Raises:
            UsageError: where that is no path, or nothing can be written there.
        """
        path = path_of("save", path, "the path of the file to write")
        if path.is_dir() or not path.parent.is_dir():
            raise UsageError(f"{path}: no file can be made there; name one in a folder that exists")
        with HistoryWriter(path, self.header) as writer:
            for row in self:
                writer.write(row)

    def to_frame(self) -> pd.DataFrame:
        """The rows as a data frame: one column an attribute of `Row`.

        `t_ns`, `seq`, `bytes`, `connection` are int64; `detail` is object (dict or None); `kind`
        and `cause` are categories; the others are text.
        """
        import pandas as pd

        names = Row.__struct_fields__
        frame = pd.DataFrame(
            {name: [getattr(row, name) for row in self] for name in names}, columns=list(names)
        )
        for name in ("t_ns", "seq", "bytes", "connection"):
            frame[name] = frame[name].astype("int64")
        for name in ("kind", "cause"):
            frame[name] = frame[name].astype("category")
        for name in ("project", "channel", "epoch", "event", "digest", "subscriber"):
            frame[name] = frame[name].astype("str")
        return frame


def parts_of(path: Path) -> Path:
    """The folder that holds the parts of a history while a real run is under way."""
    return path.with_name(path.name + _PARTS)


def read_history(path: Path | str) -> History:
    """Open a stored history; rows are read when iterated.

    Arguments:
        path: the file, a pipe, or `-` for standard input; what is compressed by gzip is
            decompressed.

    Raises:
        HistoryError: where the file is missing or its first line is no header of this format.
    """
    path = path_of("history", path, "the path of a history's file")
    try:
        copy = copy_of_pipe(path)
        stored = path if copy is None else Path(copy.name)
        with closing(_lines(stored)) as lines:
            line = next(lines, b"")
        header = _header_of(line)
    except OSError as error:
        parts = path if path.name.endswith(_PARTS) else parts_of(path)
        left = (
            f"; {parts} is what a run left that was killed before its history was put together: the"
            " rows of its server and of its clients, each for itself. They cannot be judged: run it"
            " again"
            if parts.is_dir()
            else ""
        )
        raise HistoryError(f"{path}: cannot be read: {error.strerror or error}{left}") from error
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise HistoryError(f"{path}:1: not the header of a simrt history: {error}") from error
    if header.format not in (FORMAT, _TOLD_AT_THE_HEAL):
        raise HistoryError(
            f"{path}:1: format {header.format!r}; this version reads {FORMAT!r} and"
            f" {_TOLD_AT_THE_HEAL!r}"
        )
    return History(_as_it_was_meant(header), stored, str(path), copy)


def _as_it_was_meant(header: Header) -> Header:
    """The header with what an earlier format left out, in its meaning then (NET-7)."""
    if header.format == FORMAT:
        return header
    scenario = dict(header.scenario)
    workload = scenario.get("workload")
    groups = workload.get("subscribers") if isinstance(workload, dict) else None
    if isinstance(workload, dict) and isinstance(groups, dict):
        told = {
            name: {"notices": "at-heal", **group} if isinstance(group, dict) else group
            for name, group in groups.items()
        }
        scenario["workload"] = {**workload, "subscribers": told}
    return msgspec.structs.replace(header, scenario=scenario)
