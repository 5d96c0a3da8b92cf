"""Events: does their data fit the declared shape, and what is sent when a template is filled in."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from simrt.scenario.model import Feature, Publish, Sender
from simrt.scenario.shapes import shape_of

_MARKS = re.compile(r"\{(n|now)\}")


class Shapes:
    """The declared shapes of events, ready to judge data (SSE-7).

    Arguments:
        schemas: by event type the JSON Schema of its data; each is compiled once.

    Raises:
        UsageError: where one is not accepted; a scenario that was loaded has none.
    """

    def __init__(self, schemas: Mapping[str, dict[str, Any]]) -> None:
        self._shapes = {event: shape_of(schema) for event, schema in schemas.items()}

    def problem(self, event: str, data: Any, encoded: bytes) -> str | None:
        """Why this event must be rejected, as a sentence; None where it fits.

        Arguments:
            event: the event's type.
            data: JSON data.
            encoded: the same as compact JSON, whose size was judged before: what it costs to
                judge a shape grows with it.
        """
        found = self._shapes.get(event)
        if found is None:
            return f"event type {event!r} is not declared; declared: {', '.join(self._shapes)}"
        return found.problem(data, encoded)


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
