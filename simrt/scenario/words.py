"""How mistakes are worded: what was found, what was meant."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from typing import Any

_LONGEST = 60
# Of a folder's files: so many are looked at, and so many named.
_LOOKED_AT = 10_000
_NAMED = 5


def described(value: Any) -> str:
    """What stands somewhere, in a few characters that any terminal can show."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        text = value if len(value) <= _LONGEST else value[: _LONGEST - 1] + "…"
        return f'"{printable(text)}"'
    if isinstance(value, dict):
        return "a mapping" if value else "an empty mapping"
    if isinstance(value, list | tuple):
        return _listed_value(value)
    if isinstance(value, int | float):
        huge = isinstance(value, int) and abs(value) >= 10**_LONGEST
        return "a very large number" if huge else repr(value)
    return f"a value of the type {type(value).__name__}"


def _listed_value(value: list[Any] | tuple[Any, ...]) -> str:
    if not value:
        return "an empty list"
    if len(value) > 5 or not all(isinstance(item, str | int | float) for item in value):
        return "a list"
    text = ", ".join(described(item).strip('"') for item in value)
    return f"[{text}]" if len(text) <= _LONGEST else "a list"


def printable(text: str) -> str:
    """The text with everything escaped that a terminal could not show."""
    return "".join(
        c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text
    )


def unreadable(path: Path, error: OSError, endings: tuple[str, ...]) -> str:
    """Why a file cannot be read, and what can be written instead.

    Arguments:
        path: the file.
        error: what the system says.
        endings: of the files that can be read in its place.
    """
    said = f"{path}: cannot be read: {error.strerror or error}"
    if not isinstance(error, FileNotFoundError):
        return said
    folder = path.parent
    try:
        with os.scandir(folder) as entries:
            names = [one.name for one in islice(entries, _LOOKED_AT)]
    except OSError:
        return f"{said}; the folder {folder} is not there"
    here = sorted(name for name in names if name.lower().endswith(endings))
    if not here:
        return f"{said}; no file there ends in {' or '.join(endings)}"
    meant = nearest(path.name, here)
    more = "" if len(here) <= _NAMED else f" and {len(here) - _NAMED:,} more"
    hint = f" (did you mean {meant}?)" if meant else ""
    return f"{said}{hint}; here are: {', '.join(map(printable, here[:_NAMED]))}{more}"


def nearest(word: Any, known: Iterable[str]) -> str:
    """The known word that was probably meant, or empty.

    Case, hyphens and underscores do not count: `on_full` means `onFull`.
    """
    if not isinstance(word, str) or len(word) > 200:
        return ""
    plain = {_plain(one): one for one in reversed(tuple(known))}
    close = difflib.get_close_matches(_plain(word), plain, n=1, cutoff=0.6)
    return plain[close[0]] if close and plain[close[0]] != word else ""


def _plain(word: str) -> str:
    return word.lower().replace("_", "").replace("-", "").replace(" ", "")
