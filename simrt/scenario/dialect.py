"""Which JSON Schemas are accepted: draft 2020-12, each word of them judged, in linear work.

A keyword, format, dialect or reference that would be passed over is a mistake here, with its place:
whoever writes `maxlength` believes that it is judged.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import jsonschema_rs

from simrt.scenario.documents import KeyPath
from simrt.scenario.patterns import PatternError, translated
from simrt.scenario.subschemas import NAMED, ONE, SOME, references, subschemas
from simrt.scenario.words import nearest
from simrt.scenario.work import MOST_LOOKS, EndlessError, most_looks
from simrt.text import listing

DIALECT = "https://json-schema.org/draft/2020-12/schema"
MAX_SCHEMA_BYTES = 65_536
MAX_SCHEMA_LEVELS = 100
# What one compiled pattern may take: at worst each character meets all of it.
REGEX = jsonschema_rs.RegexOptions(size_limit=1 << 18, dfa_size_limit=1 << 21)

FORMATS = (
    "date-time", "date", "time", "duration", "email", "idn-email", "hostname", "idn-hostname",
    "ipv4", "ipv6", "uri", "uri-reference", "iri", "iri-reference", "uuid", "uri-template",
    "json-pointer", "relative-json-pointer", "regex",
)  # fmt: skip
"""The formats of draft 2020-12; each is judged."""

_OTHERS = (
    "type", "enum", "const", "multipleOf", "maximum", "exclusiveMaximum", "minimum",
    "exclusiveMinimum", "maxLength", "minLength", "pattern", "maxItems", "minItems", "uniqueItems",
    "maxContains", "minContains", "maxProperties", "minProperties", "required",
    "dependentRequired", "title", "description", "default", "deprecated", "readOnly", "writeOnly",
    "examples", "format", "contentEncoding", "contentMediaType", "$schema", "$id", "$anchor",
    "$dynamicAnchor", "$ref", "$dynamicRef", "$comment",
)  # fmt: skip
KEYWORDS = (*_OTHERS, *ONE, *SOME, *NAMED)

_TYPES = ("array", "boolean", "integer", "null", "number", "object", "string")
_INSTEAD = {"dependencies": "dependentRequired", "id": "$id", "nullable": "type"}


@dataclass(frozen=True, slots=True)
class Fault:
    """What a schema says that is not accepted.

    Attributes:
        path: where in the schema.
        allowed: what may stand there.
        found: what stands there, in words; None where the value says it.
        nearest: what was probably meant, or empty.
        of_key: it is about the key itself.
    """

    path: KeyPath
    allowed: str
    found: str | None = None
    nearest: str = ""
    of_key: bool = False


def faults(schema: dict[str, Any]) -> Iterator[Fault]:
    """Everything in a schema that is not accepted, in its order."""
    try:
        size = len(json.dumps(schema, ensure_ascii=False).encode())
    except (ValueError, TypeError, RecursionError) as error:
        yield Fault((), f"a JSON Schema of plain JSON: {error}", found="no JSON")
        return
    if size > MAX_SCHEMA_BYTES:
        allowed = f"a schema of at most {MAX_SCHEMA_BYTES >> 10} KiB"
        yield Fault((), allowed, found=f"a schema of {size} bytes")
        return
    if _levels(schema) > MAX_SCHEMA_LEVELS:
        yield Fault((), f"a schema of at most {MAX_SCHEMA_LEVELS} levels", found="more levels")
        return
    found: dict[KeyPath, Fault] = {}
    for fault in _said(schema):  # one a place: the plainest first
        found.setdefault(fault.path, fault)
    yield from found.values() if found else _too_much(schema)


def _levels(value: Any) -> int:
    deepest, waiting = 0, [(value, 1)]
    while waiting:
        one, level = waiting.pop()
        deepest = max(deepest, level)
        inner = one.values() if isinstance(one, dict) else one if isinstance(one, list) else ()
        waiting.extend((each, level + 1) for each in inner)
    return deepest


def _said(schema: dict[str, Any]) -> Iterator[Fault]:
    for path, one in subschemas(schema):
        for key, value in one.items() if isinstance(one, dict) else ():
            yield from _keyword(path, key, value)
    for error in _META.iter_errors(schema):
        path = tuple(error.instance_path)
        keyword = next((part for part in reversed(path) if isinstance(part, str)), "")
        if keyword == "type":
            yield Fault(path, f"a type of JSON: {listing(_TYPES, 'or')}")
        else:
            allowed = f"what JSON Schema (draft 2020-12) allows for {keyword or 'a schema'}"
            yield Fault(path, allowed)
    for path, target in references(schema).items():
        if target is None:
            allowed = "a reference into this schema, such as #/$defs/NAME; nothing is fetched"
            yield Fault(path, allowed)


def _keyword(path: KeyPath, key: str, value: Any) -> Iterator[Fault]:
    here = (*path, key)
    if key == "$schema":
        if value not in (DIALECT, f"{DIALECT}#"):
            yield Fault(here, f"{DIALECT}, the only dialect that is judged; or no $schema")
    elif key == "$id" and path:
        yield Fault(here, "$id at the top of a schema only; $anchor and $defs name its parts")
    elif key == "format":
        if isinstance(value, str) and value not in FORMATS:
            allowed = f"a format that is judged: {listing(FORMATS, 'or')}"
            yield Fault(here, allowed, nearest=nearest(value, FORMATS))
    elif key == "pattern" and isinstance(value, str):
        yield from _pattern(here, value, of_key=False)
    elif key == "patternProperties" and isinstance(value, dict):
        for pattern in value:
            yield from _pattern((*here, pattern), pattern, of_key=True)
    elif key not in KEYWORDS and not key.startswith("x-"):
        allowed = "keywords of JSON Schema (draft 2020-12), and x-NAME for notes of your own"
        meant = _INSTEAD.get(key) or nearest(key, KEYWORDS)
        yield Fault(here, allowed, f'the keyword "{key[:60]}"', meant, of_key=True)


def _pattern(path: KeyPath, pattern: str, *, of_key: bool) -> Iterator[Fault]:
    try:
        jsonschema_rs.Draft202012Validator(
            {"pattern": translated(pattern)}, pattern_options=REGEX, offline=True
        )
    except PatternError as error:
        yield Fault(path, str(error), of_key=of_key)
    except ValueError:
        allowed = "a regular expression (ECMA-262), not too large: counts such as {1000} multiply"
        yield Fault(path, allowed, of_key=of_key)


def _too_much(schema: dict[str, Any]) -> Iterator[Fault]:
    try:
        most = most_looks(schema)
    except EndlessError as endless:
        yield Fault(endless.path, "references that come to an end", found="a circle of references")
        return
    if most > MOST_LOOKS:
        allowed = (
            f"a schema with at most {MOST_LOOKS} looks at one value (alternatives, patterns, lists"
            " and objects in enum), however deep the data: each event is judged in linear work"
        )
        yield Fault((), allowed, found=f"a schema with {most} looks or more")


# Patterns are judged here, each with its own words: not a second time as a format.
_META = jsonschema_rs.Draft202012Validator({"$ref": DIALECT}, validate_formats=False, offline=True)
