"""How often a JSON Schema looks at one value of the data, at most.

Each keyword is judged in work linear in what it looks at. So the whole is linear exactly where no
value is looked at more and more often with the data's depth: by a schema that refers to itself in
two alternatives, each level is judged twice as often as the one above it. Here a schema is walked
as data would be: which of its parts meet in one value, for each value that there can be.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any, TypeAlias

from simrt.scenario.documents import KeyPath
from simrt.scenario.subschemas import REFERENCES, references, subschemas

MOST_LOOKS = 500
"""Most looks at one value: at some 50 ns each, the worst event of 64 KiB takes a second."""

# Beyond so many different meetings of parts nobody can follow a schema either.
_MOST_MEETINGS = 20_000

# Numbers are compared as they are written, in decimal: some 20 looks, at half as many numbers as
# there can be other values in so many bytes.
_EXACT = 10
_COMPARED = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf")

_PARTS = ("allOf", "anyOf", "oneOf")
_BRANCHES = ("not", "if", "then", "else")

Counts: TypeAlias = Counter[KeyPath]


class EndlessError(ValueError):
    """A schema that refers to itself for the same value.

    Attributes:
        path: one of its places.
    """

    def __init__(self, path: KeyPath) -> None:
        self.path = path
        super().__init__("a circle of references")


def most_looks(schema: dict[str, Any]) -> int:
    """Most looks at one value of the data, or the first number found beyond `MOST_LOOKS`.

    Arguments:
        schema: a schema of draft 2020-12 whose references all lead to schemas in it.

    Raises:
        EndlessError: where a part refers to itself for the same value.
    """
    walk = _Walk(schema)
    start = walk.met(Counter({(): 1}))
    seen, waiting, most = {_key(start)}, [start], 0
    while waiting:
        meeting = waiting.pop()
        most = max(most, walk.looks(meeting))
        if most > MOST_LOOKS:
            break
        for inner in walk.below(meeting):
            key = _key(inner)
            if key not in seen:
                seen.add(key)
                waiting.append(inner)
        if len(seen) > _MOST_MEETINGS:
            return len(seen)
    return most


def _key(meeting: Counts) -> frozenset[tuple[KeyPath, int]]:
    return frozenset(meeting.items())


class _Walk:
    """Walks through a schema as through data."""

    def __init__(self, schema: dict[str, Any]) -> None:
        self._parts = dict(subschemas(schema))
        self._targets = references(schema)
        self._all: dict[KeyPath, Counts] = {}
        self._open: set[KeyPath] = set()

    def met(self, parts: Counts) -> Counts:
        """These parts with all that they apply to the same value, each as often as it looks."""
        met: Counts = Counter()
        for path, times in parts.items():
            for inner, more in self._applied(path).items():
                met[inner] += times * more
        return met

    def looks(self, meeting: Counts) -> int:
        """How often a value is looked at."""
        return sum(times * _cost(self._parts[path]) for path, times in meeting.items())

    def below(self, meeting: Counts) -> Iterator[Counts]:
        """What meets in each value below one: by name, by position, and in names themselves."""
        for rooms in (self._names(meeting), self._items(meeting)):
            every, rest, named = rooms
            for counts in (rest, *named.values()):
                inner = self.met(every + counts)
                if inner:
                    yield inner
        names = self._gathered(meeting, "propertyNames")
        if names:
            yield self.met(names)

    def _applied(self, path: KeyPath) -> Counts:
        if path in self._all:
            return self._all[path]
        if path in self._open:
            raise EndlessError(path)
        self._open.add(path)
        part, counts = self._parts[path], Counter({path: 1})
        for inner in self._on_the_same(path, part) if isinstance(part, dict) else ():
            counts += self._applied(inner)
        self._open.discard(path)
        self._all[path] = counts
        return counts

    def _on_the_same(self, path: KeyPath, part: dict[str, Any]) -> Iterator[KeyPath]:
        for key, value in part.items():
            if key in _BRANCHES:
                yield (*path, key)
            elif key in _PARTS:
                yield from ((*path, key, index) for index in range(len(value)))
            elif key == "dependentSchemas":
                yield from ((*path, key, name) for name in value)
            elif key in REFERENCES:
                target = self._targets[(*path, key)]
                assert target is not None
                yield target

    def _gathered(self, meeting: Counts, *keys: str) -> Counts:
        found: Counts = Counter()
        for path, times in meeting.items():
            part = self._parts[path]
            for key in keys:
                if isinstance(part, dict) and key in part:
                    found[(*path, key)] += times
        return found

    def _names(self, meeting: Counts) -> tuple[Counts, Counts, dict[str, Counts]]:
        """Of an object: for every property, for those not named, and for each that is."""
        every = self._gathered(meeting, "unevaluatedProperties")
        rest = self._gathered(meeting, "additionalProperties")
        named: dict[str, Counts] = {}
        for path, times in meeting.items():
            part = self._parts[path] if isinstance(self._parts[path], dict) else {}
            for pattern in part.get("patternProperties", ()):
                every[(*path, "patternProperties", pattern)] += times
            for name in part.get("properties", ()):
                counts = named.setdefault(name, rest.copy())
                counts.pop((*path, "additionalProperties"), None)
                counts[(*path, "properties", name)] += times
        return every, rest, named

    def _items(self, meeting: Counts) -> tuple[Counts, Counts, dict[int, Counts]]:
        """Of a list: for every item, for those beyond all prefixes, and for each before."""
        every = self._gathered(meeting, "contains", "unevaluatedItems")
        rest = self._gathered(meeting, "items")
        named: dict[int, Counts] = {}
        for path, times in meeting.items():
            part = self._parts[path] if isinstance(self._parts[path], dict) else {}
            for index in range(len(part.get("prefixItems", ()))):
                counts = named.setdefault(index, rest.copy())
                counts.pop((*path, "items"), None)
                counts[(*path, "prefixItems", index)] += times
        return every, rest, named


def _cost(part: Any) -> int:
    """What one look of a part costs, in looks of a plain keyword."""
    if not isinstance(part, dict):
        return 1
    values = [part["const"]] if "const" in part else []
    # Texts and whole numbers of an enum are found by their hash; others are compared one by one.
    values += [value for value in part.get("enum", ()) if isinstance(value, list | dict | float)]
    patterns = len(part.get("patternProperties", ()))
    bounds = sum(_EXACT for key in _COMPARED if key in part)
    return 1 + 2 * patterns + bounds + sum(map(_size, values))


def _size(value: Any) -> int:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return (_EXACT if isinstance(value, float) else 1) + sum(map(_size, inner))
