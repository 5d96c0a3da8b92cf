"""Reading scenario text: YAML into plain data, with the place of every key and value.

The parser's events are turned into data here, one by one, so that a file's mistakes (a duplicate
key, an alias, a number that is none) are all found at once, each with its line. A scenario is plain
data: what YAML can do beyond JSON is refused, except for comments.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)
from ruamel.yaml.reader import ReaderError

from simrt.errors import Mistake, UsageError
from simrt.inputs import copy_of_pipe, encoding_of
from simrt.scenario.documents import (
    MAX_DEPTH,
    MAX_MISTAKES,
    Document,
    KeyPath,
    Place,
    number_problem,
    spelled,
    text_problem,
)
from simrt.scenario.scanner import SCALARS, TabScanner, core_type, without_old_breaks
from simrt.scenario.words import described, unreadable

# Far beyond any scenario; recorded times belong into a trace. At worst it takes some seconds.
MAX_BYTES = 1 << 18

ENDINGS = (".yml", ".yaml")
"""How the name of a scenario's file ends, where files are looked for."""

_TAG = "tag:yaml.org,2002:"
_CORE = {f"{_TAG}{name}" for name in ("null", "bool", "int", "float", "str", "map", "seq")}


def read_file(path: Path) -> Document:
    """Read a scenario file.

    Raises:
        UsageError: where there is no such file, or it cannot be one.
    """
    try:
        if path.is_dir():
            raise UsageError(
                f"{path} is a folder; name a scenario file in it, such as {path}/NAME.yml"
            )
        with copy_of_pipe(path, MAX_BYTES + 1) or path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise UsageError(unreadable(path, error, ENDINGS)) from error
    except ValueError:
        raise UsageError(f"{str(path)!r} is not a file name") from None
    if len(raw) > MAX_BYTES:
        raise UsageError(
            f"{path}: larger than {MAX_BYTES >> 10} KiB; a scenario is small, "
            "recorded times go into a trace file of their own"
        )
    return read_text(raw, str(path))


def read_text(raw: bytes, file: str) -> Document:
    """Read the bytes of a scenario file; what is wrong stands in the document's problems."""
    document = Document(file)
    try:
        text = raw.decode(encoding_of(raw))
    except UnicodeDecodeError as error:
        before = error.object[: error.start].decode(error.encoding)
        line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
        found = f"bytes that are not {error.encoding[:6].upper()}"
        _fatal(document, found, "text in UTF-8", line, column)
        return document
    try:
        _Builder(document).build(text)
    except ReaderError as error:
        before_it = text[: error.position]
        line = before_it.count("\n") + 1
        found = f"the control character {described(chr(_code(error)))}"
        column = int(error.position) - before_it.rfind("\n")
        _fatal(document, found, "printable text", line, column)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        problem = " ".join(str(part) for part in (error.context, error.problem) if part)
        found = f"what is not YAML ({problem})"
        _fatal(document, found, "YAML; look at indentation, quotes and brackets here", line, column)
    except YAMLError as error:
        _fatal(document, f"what is not YAML ({error})", "YAML", 1, 1)
    return document


def _code(error: ReaderError) -> int:
    character = error.character
    return ord(character) if isinstance(character, str) else int(character)


def _fatal(document: Document, found: str, allowed: str, line: int, column: int) -> None:
    document.problems.append(((), Mistake("", found, allowed, "", document.file, line, column)))


class _Stop(Exception):  # noqa: N818 - nothing failed: the rest is not worth reading
    """The rest of the text cannot be read."""


class _Builder:
    """Builds plain data from the parser's events."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._yaml = YAML(typ="safe", pure=True)
        self._yaml.Scanner = TabScanner
        self._events: Any = None
        self._kept: dict[int, int] = {}

    def build(self, text: str) -> None:
        text, self._kept = without_old_breaks(text)
        self._events = self._yaml.parse(text)
        documents = 0
        try:
            for event in self._events:
                if isinstance(event, DocumentStartEvent):
                    documents += 1
                    self._check_start(event, documents)
                elif isinstance(event, NodeEvent):
                    self._place((), event, event)
                    self._document.data = self._value(event, (), 0)
        except _Stop:
            return
        if documents == 0:
            _fatal(
                self._document,
                "an empty file",
                "a scenario: title, intent, feature, workload",
                1,
                1,
            )

    def _check_start(self, event: DocumentStartEvent, documents: int) -> None:
        line, column = event.start_mark.line + 1, event.start_mark.column + 1
        if event.version is not None and tuple(event.version) != (1, 2):
            _fatal(
                self._document, "another version of YAML", "YAML 1.2, without %YAML", line, column
            )
            raise _Stop
        if documents > 1:
            found = "a second document"
            _fatal(self._document, found, "one scenario a file, without a line ---", line, column)
            raise _Stop

    def _problem(self, path: KeyPath, found: str, allowed: str, event: Event) -> None:
        line, column = event.start_mark.line + 1, event.start_mark.column + 1
        file = self._document.file
        mistake = Mistake(spelled(path), found, allowed, "", file, line, column)
        self._document.problems.append((path, mistake))
        if len(self._document.problems) >= MAX_MISTAKES:
            raise _Stop

    def _place(self, path: KeyPath, key: Event, value: Event) -> None:
        places = self._document.places
        places[path] = Place(
            len(places),
            key.start_mark.line + 1,
            key.start_mark.column + 1,
            value.start_mark.line + 1,
            value.start_mark.column + 1,
        )

    def _value(self, event: Event, path: KeyPath, depth: int) -> Any:
        if isinstance(event, AliasEvent):
            found = f"the alias {described(f'*{event.anchor}')}"
            self._problem(path, found, "the value itself, written out", event)
            return None
        anchor, tag = getattr(event, "anchor", None), getattr(event, "tag", None)
        if anchor:
            allowed = "the value without an anchor; a scenario has no aliases"
            self._problem(path, f"the anchor {described(f'&{anchor}')}", allowed, event)
        if tag is not None and str(tag) not in _CORE:
            self._problem(path, f"the tag {described(str(tag))}", "plain data, without tags", event)
        if depth > MAX_DEPTH:
            self._problem(
                path, f"more than {MAX_DEPTH} levels", f"at most {MAX_DEPTH} levels", event
            )
            raise _Stop
        if isinstance(event, MappingStartEvent):
            return self._mapping(path, depth)
        if isinstance(event, SequenceStartEvent):
            return self._sequence(path, depth)
        assert isinstance(event, ScalarEvent)
        return self._scalar(event, path)

    def _sequence(self, path: KeyPath, depth: int) -> list[Any]:
        items: list[Any] = []
        for event in self._events:
            if isinstance(event, SequenceEndEvent):
                break
            inner = (*path, len(items))
            self._place(inner, event, event)
            items.append(self._value(event, inner, depth + 1))
        return items

    def _mapping(self, path: KeyPath, depth: int) -> dict[str, Any]:
        mapping: dict[str, Any] = {}
        for event in self._events:
            if isinstance(event, MappingEndEvent):
                break
            key = self._key(event, path, depth)
            value_event = next(self._events)
            if key is None:
                self._skip(value_event, path, depth)
            elif key in mapping:
                inner = (*path, key)
                first = self._document.places[inner].key_line
                found = f"the key {described(key)} again; it stands in line {first} already"
                self._problem(inner, found, "each key once", event)
                self._skip(value_event, path, depth)
            else:
                inner = (*path, key)
                self._place(inner, event, value_event)
                mapping[key] = None  # so that a mistake inside finds its key taken
                mapping[key] = self._value(value_event, inner, depth + 1)
        return mapping

    def _key(self, event: Event, path: KeyPath, depth: int) -> str | None:
        allowed = "text as a key; put it in quotes"
        if not isinstance(event, ScalarEvent):
            found = "an alias" if isinstance(event, AliasEvent) else "a list or a mapping as a key"
            self._problem(path, found, allowed, event)
            self._skip(event, path, depth)
            return None
        if event.implicit[0] and event.value == "<<":
            self._problem(path, "the merge key <<", "keys that are written out", event)
            return None
        if self._tag(event) != f"{_TAG}str":
            self._problem(
                path, f"the key {described(event.value)}, which is not text", allowed, event
            )
        if event.anchor:
            self._problem(
                path,
                f"the anchor {described(f'&{event.anchor}')}",
                "a key without an anchor",
                event,
            )
        key = _paired(event.value.translate(self._kept))
        if problem := text_problem(key):
            self._problem(path, f"the key {described(key)}", problem, event)
            return None
        return key

    def _skip(self, event: Event, path: KeyPath, depth: int) -> None:
        """Read over a value that has no place of its own."""
        aside = Document(self._document.file)
        kept, self._document = self._document, aside
        try:
            self._value(event, path, depth + 1)
        finally:
            self._document = kept

    def _tag(self, event: ScalarEvent) -> str:
        if event.tag is not None:
            return str(event.tag)
        if not event.implicit[0]:
            return f"{_TAG}str"
        return _TAG + core_type(event.value)

    def _scalar(self, event: ScalarEvent, path: KeyPath) -> Any:
        text, tag = _paired(event.value.translate(self._kept)), self._tag(event)
        if not _stands_for(tag.removeprefix(_TAG), text):
            self._problem(path, described(text), f"what {tag.removeprefix(_TAG)} can be", event)
            return None
        if tag == f"{_TAG}null":
            return None
        if tag == f"{_TAG}bool":
            return text.lower() == "true"
        try:
            if tag == f"{_TAG}int":
                return _whole_number(text)
            if tag == f"{_TAG}float":
                return _number(text)
        except ValueError as error:
            self._problem(path, f"the number {text[:60]}", str(error), event)
            return None
        if problem := text_problem(text):
            self._problem(path, described(text), problem, event)
            return None
        return str(text)


def _stands_for(kind: str, text: str) -> bool:
    """Whether a text can be of the kind that a tag such as !!int says."""
    found = core_type(text)
    return kind not in SCALARS or found == kind or (kind == "float" and found == "int")


def _paired(text: str) -> str:
    """The text with each pair of halves, as JSON escapes an emoji, as the character meant."""
    if not any("\ud800" <= char <= "\udfff" for char in text):
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")


def _whole_number(text: str) -> int:
    if len(text) > 70:
        raise ValueError("a number of at most 64 bits")
    value = int(text, 0 if text[:2] in ("0x", "0o") else 10)
    if problem := number_problem(value):
        raise ValueError(problem)
    return value


def _number(text: str) -> float:
    value = math.nan if text.lower().lstrip("+-") in (".inf", ".nan") else float(text)
    if problem := number_problem(value):
        raise ValueError(problem)
    return value
