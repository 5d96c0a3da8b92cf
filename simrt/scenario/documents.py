"""A scenario before it is judged: plain data, and the place of every part of it."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from simrt.errors import Mistake, UsageError
from simrt.scenario.words import described, printable

MAX_DEPTH = 40
# More are not read by anybody; a generated file can have very many.
MAX_MISTAKES = 100
# Data that holds itself twice would otherwise be copied for ever.
MAX_PARTS = 200_000
_LONGEST_PATH = 200
MAX_INT, MIN_INT = 2**64 - 1, -(2**63)

SCENARIO_ALLOWED = "a scenario: a mapping with title, intent, feature and workload"

KeyPath: TypeAlias = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Place:
    """Where something stands: its position among all, and lines and columns from 1 (or 0)."""

    order: int
    key_line: int = 0
    key_column: int = 0
    line: int = 0
    column: int = 0


@dataclass(slots=True)
class Document:
    """Plain data with its places, and what was wrong already in the text.

    Attributes:
        file: the file's name, or empty.
        data: dicts, lists, text, numbers, booleans, None.
        places: by key path.
        problems: mistakes, by the key path that they spoil.
    """

    file: str
    data: Any = None
    places: dict[KeyPath, Place] = field(default_factory=dict)
    problems: list[tuple[KeyPath, Mistake]] = field(default_factory=list)

    def place(self, path: KeyPath, *, of_key: bool = False) -> tuple[int, int, int]:
        """Order, line and column of a path, or of the nearest thing around it.

        A missing key has no place of its own: then it is the key of what lacks it.
        """
        around = path
        while around and around not in self.places:
            around = around[:-1]
        found = self.places.get(around)
        if found is None:
            return 0, int(bool(self.file)), int(bool(self.file))
        if of_key or around != path:
            return found.order, found.key_line, found.key_column
        return found.order, found.line, found.column

    def mistake(
        self,
        path: KeyPath,
        allowed: str,
        *,
        found: str | None = None,
        nearest: str = "",
        of_key: bool = False,
    ) -> Mistake:
        """A mistake at a path; what stands there is described where `found` does not say it."""
        _, line, column = self.place(path, of_key=of_key)
        if found is None:
            found = described(self.at(path))
        return Mistake(spelled(path), found, allowed, nearest, self.file, line, column)

    def at(self, path: KeyPath) -> Any:
        """What stands at a path; None where nothing does."""
        value = self.data
        for step in path:
            if isinstance(value, dict):
                value = value.get(step)
            elif isinstance(value, list) and isinstance(step, int) and step < len(value):
                value = value[step]
            else:
                return None
        return value


def spelled(path: KeyPath) -> str:
    """A key path as people write it: `faults[0].at`."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        else:
            text += f".{step}" if text else step
    return printable(text if len(text) <= _LONGEST_PATH else text[: _LONGEST_PATH - 1] + "…")


def number_problem(value: int | float) -> str:  # noqa: PYI041 - mypy tells them apart
    """Why a number cannot stand in a scenario, as what is allowed instead; empty where it can."""
    if isinstance(value, float):
        return "" if math.isfinite(value) else "a finite number"
    return "" if MIN_INT <= value <= MAX_INT else "a number of at most 64 bits"


def text_problem(text: str) -> str:
    """Why a text cannot stand in a scenario, as what is allowed instead; empty where it can."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return "text without half a character (a lone surrogate)"
    return ""


def read_data(data: Any) -> Document:
    """A document from Python data: the same rules as for a file, without lines.

    Tuples count as lists. The data is copied: what the caller changes later has no effect.

    Raises:
        UsageError: where it is far too large for a scenario.
    """
    document = Document("")
    document.data = _copied(data, (), document)
    return document


def _copied(value: Any, path: KeyPath, document: Document) -> Any:
    if len(document.places) >= MAX_PARTS:
        raise UsageError(f"more than {MAX_PARTS} values; a scenario is small")
    document.places[path] = Place(len(document.places))
    if len(path) > MAX_DEPTH:
        found = f"more than {MAX_DEPTH} levels of lists and mappings"
        _refuse(document, path, found, f"at most {MAX_DEPTH} levels")
        return None
    if isinstance(value, dict):
        return _copied_dict(value, path, document)
    if isinstance(value, list | tuple):
        return [_copied(item, (*path, index), document) for index, item in enumerate(value)]
    problem = ""
    if isinstance(value, str):
        problem = text_problem(value)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        problem = number_problem(value)
    elif value is not None and not isinstance(value, bool):
        problem = "text, a number, true, false, a list or a mapping"
    if problem:
        _refuse(document, path, described(value), problem)
        return None
    # A subclass (an enumeration, a number of numpy) becomes the plain value that it is.
    return str(value) if isinstance(value, str) else value


def _copied_dict(value: dict[Any, Any], path: KeyPath, document: Document) -> dict[str, Any]:
    copied: dict[str, Any] = {}
    for key, item in value.items():
        if isinstance(key, str) and not text_problem(key):
            copied[str(key)] = _copied(item, (*path, str(key)), document)
        else:
            _refuse(document, path, f"the key {described(key)}", "text as a key")
    return copied


def _refuse(document: Document, path: KeyPath, found: str, allowed: str) -> None:
    document.problems.append((path, Mistake(spelled(path), found, allowed)))
