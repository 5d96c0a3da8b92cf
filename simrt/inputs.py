"""What people and other programs hand in: JSON that every reader reads alike, encodings, pipes."""

from __future__ import annotations

import errno
import io
import json
import math
import os
import re
import stat
import sys
from codecs import BOM_UTF8
from collections.abc import Iterator
from gzip import GzipFile
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO, Any, TypeAlias

MAX_LEVELS = 100
"""Most levels of lists and objects in JSON, as for the data of an event (PUB-3)."""

STDIN = "-"
"""The name of a file that means standard input."""

BinaryLines: TypeAlias = io.BufferedReader | GzipFile
"""A file that can be looked into before it is read."""

_ESCAPED_HALF = re.compile(r"\\u[dD][89a-fA-F]")
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")
_CHUNK = 1 << 16


class NotJson(ValueError):  # noqa: N818 - a finding
    """What is not JSON in UTF-8, or not for every reader the same (RFC 8259, RFC 7493)."""


def read_json(text: str | bytes, levels: int = MAX_LEVELS) -> Any:
    """The value of a JSON text.

    Arguments:
        text: the text, or its UTF-8; a byte order mark before it is read over.
        levels: most levels of lists and objects.

    Raises:
        NotJson: with the reason, which quotes nothing of the text.
    """
    try:
        if isinstance(text, bytes):
            text = text.decode("utf-8-sig")
        value = json.loads(
            text, parse_constant=_constant, parse_float=_float, object_pairs_hook=_object
        )
    except UnicodeDecodeError:
        raise NotJson("it is not UTF-8") from None
    except json.JSONDecodeError as error:
        raise NotJson(f"{error.msg}, line {error.lineno}, column {error.colno}") from None
    except RecursionError:
        raise NotJson(_too_deep(levels)) from None
    except NotJson:
        raise
    except ValueError:  # the interpreter's own limit, sys.get_int_max_str_digits()
        raise NotJson("a number has too many digits") from None
    if text.count("[") + text.count("{") > levels and _levels(value) > levels:
        raise NotJson(_too_deep(levels))
    if _ESCAPED_HALF.search(text) and _has_half(value):
        raise NotJson(r"half a character (a lone surrogate such as \ud83d) stands in a text")
    return value


def _too_deep(levels: int) -> str:
    return f"it is nested too deeply: more than {levels} levels"


def _constant(name: str) -> Any:
    raise NotJson(f"{name} is no number there")


def _float(written: str) -> float:
    value = float(written)
    if math.isinf(value):  # one reader takes infinity, another the largest number, a third none
        raise NotJson("a number is too large")
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):  # one reader takes the first, another the last
        raise NotJson("a key stands twice in one object")
    return found


def _levels(value: Any) -> int:
    deepest, waiting = 0, [(value, 1)]
    while waiting:
        one, level = waiting.pop()
        inner = one.values() if isinstance(one, dict) else one if isinstance(one, list) else None
        if inner is not None:
            deepest = max(deepest, level)
            waiting.extend((each, level + 1) for each in inner)
    return deepest


def _has_half(value: Any) -> bool:
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return True
    return False


def encoding_of(begin: bytes) -> str:
    """The encoding that a byte order mark tells: UTF-16, as PowerShell writes it, or else UTF-8.

    Arguments:
        begin: the first two bytes of the text, or more.
    """
    return "utf-16" if begin.startswith(_UTF_16) else "utf-8-sig"


def open_text(path: Path, newline: str) -> io.TextIOWrapper:
    """Open a file as text, by its byte order mark.

    Arguments:
        path: a regular file.
        newline: as for `open`.

    Raises:
        OSError: where it cannot be read.
    """
    file = path.open("rb")
    return io.TextIOWrapper(file, encoding_of(file.peek(2)), newline=newline)


def utf8_lines(file: BinaryLines, most: int) -> Iterator[bytes]:
    """The lines of a text file in UTF-8, whatever its byte order mark says that it is in.

    Arguments:
        file: the file, at its beginning.
        most: a longer line comes in pieces of more bytes than these: to be refused.

    Raises:
        UnicodeError: where a text in UTF-16 is none.
    """
    begin = file.peek(len(BOM_UTF8))
    if encoding_of(begin) == "utf-16":
        with io.TextIOWrapper(file, "utf-16", newline="\n") as text:
            while line := text.readline(most + 1):
                yield line.encode()
        return
    if begin.startswith(BOM_UTF8):
        file.read(len(BOM_UTF8))
    while piece := file.readline(most + 1):
        yield piece


def copy_of_pipe(path: Path | str, most: int = sys.maxsize) -> IO[bytes] | None:
    """What comes through a pipe or standard input (`-`), copied into a temporary file.

    A named pipe to which nobody writes is an error at once: nothing waits for a writer.

    Arguments:
        path: its name.
        most: only so many bytes are copied.

    Returns:
        The file, at its beginning; it is deleted when it is closed. None where the path can be
        opened and read again by itself.

    Raises:
        OSError: where it cannot be read.
    """
    standard = str(path) == STDIN
    mode = (os.fstat(0) if standard else Path(path).stat()).st_mode
    if not standard and (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        return None
    descriptor = os.dup(0) if standard else os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    with os.fdopen(descriptor, "rb", buffering=0) as pipe:
        if stat.S_ISBLK(mode) or (stat.S_ISCHR(mode) and not pipe.isatty()):
            raise OSError(errno.EINVAL, "is a device; name a file or a pipe")
        return _copied(pipe, most, named_pipe=stat.S_ISFIFO(mode) and not standard)


def _copied(pipe: io.FileIO, most: int, *, named_pipe: bool) -> IO[bytes]:
    chunk = pipe.read(min(most, _CHUNK))
    if chunk == b"" and named_pipe:
        raise OSError(errno.EPIPE, "nobody writes to this pipe; start its writer first")
    copy = NamedTemporaryFile(prefix="simrt-")  # noqa: SIM115 - handed out
    os.set_blocking(pipe.fileno(), True)
    while chunk is None or chunk:  # None: there is a writer, and nothing yet
        copy.write(chunk or b"")
        chunk = pipe.read(min(most - copy.tell(), _CHUNK))
    copy.seek(0)  # writes what waits, too
    return copy
