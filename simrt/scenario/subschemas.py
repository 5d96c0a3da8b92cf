"""The parts of a JSON Schema: where schemas stand in a schema, and which refer to which."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

from simrt.scenario.documents import KeyPath

ONE = (
    "not", "if", "then", "else", "contains", "propertyNames", "additionalProperties",
    "unevaluatedProperties", "unevaluatedItems", "items", "contentSchema",
)  # fmt: skip
"""Keywords that hold a schema."""
SOME = ("allOf", "anyOf", "oneOf", "prefixItems")
"""Keywords that hold a list of schemas."""
NAMED = ("properties", "patternProperties", "dependentSchemas", "$defs", "definitions")
"""Keywords that hold schemas by name."""
REFERENCES = ("$ref", "$dynamicRef")
"""Keywords that name a schema elsewhere in the schema."""


def subschemas(schema: Any, path: KeyPath = ()) -> Iterator[tuple[KeyPath, Any]]:
    """Every schema in a schema, itself first, with its place; also `true` and `false`."""
    if isinstance(schema, bool):
        yield path, schema
    if not isinstance(schema, dict):
        return
    yield path, schema
    for key, value in schema.items():
        if key in ONE:
            yield from subschemas(value, (*path, key))
        elif key in SOME and isinstance(value, list):
            for index, one in enumerate(value):
                yield from subschemas(one, (*path, key, index))
        elif key in NAMED and isinstance(value, dict):
            for name, one in value.items():
                yield from subschemas(one, (*path, key, name))


def references(schema: dict[str, Any]) -> dict[KeyPath, KeyPath | None]:
    """What each reference of a schema leads to: places, of the keyword and of the schema meant.

    A reference is `#`, a JSON pointer to a place where a schema stands, or an anchor. None for
    any other.
    """
    placed = dict(subschemas(schema))
    spelled = {tuple(str(step) for step in path): path for path in placed}
    anchors = {
        f"#{one[key]}": path
        for path, one in placed.items()
        if isinstance(one, dict)
        for key in ("$anchor", "$dynamicAnchor")
        if key in one
    }
    found: dict[KeyPath, KeyPath | None] = {}
    for path, one in placed.items():
        for key in REFERENCES:
            if not isinstance(one, dict) or not isinstance(one.get(key), str):
                continue
            text = one[key]
            if text == "#" or text.startswith("#/"):
                found[(*path, key)] = spelled.get(_steps(text))
            else:
                found[(*path, key)] = anchors.get(text)
    return found


def _steps(pointer: str) -> tuple[str, ...]:
    """The steps of a JSON pointer in a fragment (RFC 6901)."""
    steps = unquote(pointer[1:]).split("/")[1:]
    return tuple(step.replace("~1", "/").replace("~0", "~") for step in steps)
