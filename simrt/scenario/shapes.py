"""The shape of an event's data: a JSON Schema, compiled once; its work is linear (SSE-7)."""

from __future__ import annotations

import json
import re
from functools import lru_cache
from typing import Any

import jsonschema_rs

from simrt.errors import UsageError
from simrt.scenario.dialect import REGEX, faults
from simrt.scenario.documents import spelled
from simrt.scenario.patterns import translated
from simrt.scenario.subschemas import NAMED, ONE, SOME, subschemas

MOST_WHOLE = 2**53 - 1
"""The largest whole number that every reader of JSON keeps, browsers among them (RFC 7493)."""

_MANY_DIGITS = re.compile(rb"[0-9]{16}")
_ALTERNATIVES = ("anyOf", "oneOf")
# Which alternative was meant is found by all their errors, each with its data: not linear.
_EXPLAINED_BYTES = 1024
_LONGEST_MESSAGE = 200


class Shape:
    """A JSON Schema that is accepted, ready to judge data.

    Arguments:
        schema: draft 2020-12 as `simrt.scenario.dialect` accepts it. Nothing is ever fetched.

    Raises:
        UsageError: with the first thing in it that is not accepted.
    """

    def __init__(self, schema: dict[str, Any]) -> None:
        for fault in faults(schema):
            where = f"{spelled(fault.path)}: " if fault.path else ""
            found = f"found {fault.found}; " if fault.found else ""
            raise UsageError(f"{where}{found}write {fault.allowed}")
        self._written: dict[str, str] = {}
        self._judge = jsonschema_rs.Draft202012Validator(
            self._rewritten(schema), validate_formats=True, pattern_options=REGEX, offline=True
        )
        self._has_alternatives = any(
            key in one
            for _, one in subschemas(schema)
            if isinstance(one, dict)
            for key in _ALTERNATIVES
        )

    def problem(self, data: Any, encoded: bytes) -> str | None:
        """Why data does not fit, in a sentence with the place; None where it fits.

        Arguments:
            data: JSON data.
            encoded: the same as JSON text; its size was judged before.
        """
        if _MANY_DIGITS.search(encoded) and (place := _too_large(data)):
            return (
                f"{place} is a whole number beyond 2^53 - 1, which browsers read as another one; "
                "write it as text"
            )
        if self._judge.is_valid(data):
            return None
        if self._has_alternatives and len(encoded) > _EXPLAINED_BYTES:
            return (
                f"data: {len(encoded)} bytes that do not fit the schema; where is only said of "
                f"{_EXPLAINED_BYTES} bytes or fewer if a schema has anyOf or oneOf"
            )
        try:
            self._judge.validate(data)
        except jsonschema_rs.ValidationError as error:
            return self._sentence(_meant(error))
        raise AssertionError("data that does not fit has no error")

    def _sentence(self, error: jsonschema_rs.ValidationError) -> str:
        message = error.message
        if error.kind.name == "pattern":
            for engine, written in self._written.items():
                message = message.replace(f'"{engine}"', f'"{written}"')
        if len(message) > _LONGEST_MESSAGE:
            message = message[: _LONGEST_MESSAGE - 1] + "…"
        return f"data{_place(error.instance_path)}: {message}"

    def _rewritten(self, schema: Any) -> Any:
        """The schema with its patterns as the engine writes them."""
        if not isinstance(schema, dict):
            return schema
        made: dict[str, Any] = {}
        for key, value in schema.items():
            if key in ONE:
                made[key] = self._rewritten(value)
            elif key in SOME:
                made[key] = [self._rewritten(one) for one in value]
            elif key in NAMED:
                made[key] = {
                    self._pattern(name) if key == "patternProperties" else name: self._rewritten(
                        one
                    )
                    for name, one in value.items()
                }
            else:
                made[key] = self._pattern(value) if key == "pattern" else value
        return made

    def _pattern(self, written: str) -> str:
        engine = translated(written)
        if engine != written:
            self._written[engine] = written
        return engine


def shape_of(schema: dict[str, Any]) -> Shape:
    """The shape of a schema; the newest are kept, for each run asks for the same.

    Raises:
        UsageError: with the first thing in it that is not accepted.
    """
    try:
        return _compiled(json.dumps(schema))
    except (ValueError, TypeError, RecursionError):
        return Shape(schema)  # no JSON: it says so


@lru_cache(maxsize=64)
def _compiled(schema: str) -> Shape:
    return Shape(json.loads(schema))


def _place(path: list[str | int]) -> str:
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)


def _meant(error: jsonschema_rs.ValidationError) -> jsonschema_rs.ValidationError:
    """Of an error in all alternatives, the one in the only alternative that got further in."""
    while error.kind.name in _ALTERNATIVES and (found := getattr(error.kind, "context", None)):
        depths = {id(first): len(first.instance_path) for one in found for first in one[:1]}
        deepest = max(depths.values(), default=0)
        meant = [one[0] for one in found if one and len(one[0].instance_path) == deepest]
        if deepest <= len(error.instance_path) or len(meant) != 1:
            break
        error = meant[0]
    return error


def _too_large(data: Any) -> str:
    """The place of the first whole number that not every reader keeps, or empty."""
    waiting: list[tuple[str, Any]] = [("data", data)]
    while waiting:
        path, value = waiting.pop()
        if isinstance(value, dict):
            waiting.extend((f"{path}.{key}", one) for key, one in reversed(value.items()))
        elif isinstance(value, list):
            waiting.extend((f"{path}[{at}]", value[at]) for at in range(len(value) - 1, -1, -1))
        elif isinstance(value, int) and not isinstance(value, bool) and abs(value) > MOST_WHOLE:
            return path
    return ""
