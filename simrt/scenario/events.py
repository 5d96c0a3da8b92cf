"""Events: does their data fit the declared shape, and what is sent when a template is filled in."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

import referencing
import referencing.exceptions
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError, best_match

from simrt.scenario.model import Feature, Publish, Sender

# `format` is only judged where a checker is given; date-time needs rfc3339-validator, a dependency.
FORMATS = Draft202012Validator.FORMAT_CHECKER
_MARKS = re.compile(r"\{(n|now)\}")


class Shapes:
    """The declared shapes of a feature's events, ready to judge data (SSE-7).

    Arguments:
        feature: the feature; each of its schemas is compiled once. A `$ref` that leaves its own
            schema is never fetched.
    """

    def __init__(self, feature: Feature) -> None:
        self._validators = {event: validator(schema) for event, schema in feature.events.items()}

    def problem(self, event: str, data: Any) -> str | None:
        """Why this event must be rejected, as a sentence; None where it fits.

        Arguments:
            event: the event's type.
            data: JSON data.
        """
        found = self._validators.get(event)
        if found is None:
            declared = ", ".join(self._validators)
            return f"event type {event!r} is not declared; declared: {declared}"
        return misfit(found, data)


def validator(schema: dict[str, Any]) -> Draft202012Validator:
    """A validator that judges formats and fetches nothing."""
    return Draft202012Validator(schema, format_checker=FORMATS, registry=referencing.Registry())


def misfit(judge: Draft202012Validator, data: Any) -> str | None:
    """Why data does not fit a schema, in a sentence with the place; None where it fits."""
    try:
        error = best_match(judge.iter_errors(data))
    except referencing.exceptions.Unresolvable as problem:
        return f"the schema refers to {problem.ref!r}, which it does not hold"
    except re.error as problem:
        return f"the schema holds a pattern that is not a regular expression: {problem}"
    except RecursionError:
        return "the schema refers to itself without an end"
    return None if error is None else _sentence(error)


def _sentence(error: ValidationError) -> str:
    place = "".join(
        f"[{part}]" if isinstance(part, int) else f".{part}" for part in error.absolute_path
    )
    message = error.message if len(error.message) <= 200 else error.message[:199] + "…"
    return f"data{place}: {message}"


def payload(feature: Feature, entry: Publish | Sender) -> Any:
    """The template of what an entry sends.

    Its own `data` where written (`null` is data too); for a publish entry then the data of the
    hook that sends this event; then the first example of the event's schema.

    Raises:
        LookupError: where there is none of these; a loaded scenario has no such entry.
    """
    event = entry.sends if isinstance(entry, Sender) else entry.event
    if "data" in entry.model_fields_set:
        return entry.data
    if isinstance(entry, Publish):
        hook = feature.hook_for(event)
        if hook is not None and "data" in hook.model_fields_set:
            return hook.data
    examples = feature.events.get(event, {}).get("examples")
    if isinstance(examples, list) and examples:
        return examples[0]
    raise LookupError(f"no data for {event}: neither data nor an example in its schema")


def render(template: Any, n: int, wall: datetime) -> Any:
    """Fill in a template: `{n}` and `{now}` in the texts anywhere in it (not in keys).

    Arguments:
        template: JSON data; it is not changed..
        n: the ordinal of the send, from 1.
        wall: the scenario's wall clock; written as RFC 3339 in UTC with milliseconds and `Z`.
    """
    if isinstance(template, str):
        if "{n" not in template:
            return template
        return _MARKS.sub(lambda mark: str(n) if mark[1] == "n" else timestamp(wall), template)
    if isinstance(template, dict):
        return {key: render(value, n, wall) for key, value in template.items()}
    if isinstance(template, list | tuple):
        return [render(value, n, wall) for value in template]
    return template


def timestamp(wall: datetime) -> str:
    """RFC 3339 in UTC, to the millisecond: `2026-01-01T00:00:00.000Z`."""
    return wall.astimezone(UTC).isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"
