"""Events: does their data fit the declared shape, and what is sent when a template is filled in."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec

from simrt.scenario.model import Feature, Publish, Sender
from simrt.scenario.shapes import shape_of

if TYPE_CHECKING:
    from simrt.scenario.arrivals import Arrival

MOST_BODY_BYTES = 262_144
"""The longest body of a hook's request, where a server does not say otherwise."""

# More digits than any ordinal of a send has (see `sending.MOST_SENDS`).
_LONGEST_N = 99_999_999
# All moments are written with as many characters.
_SOME_TIME = datetime(2026, 1, 1, tzinfo=UTC)
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


def most_of_a_call(feature: Feature, event: str, template: Any) -> int:
    """How many events one call of the event's hook brings at most: as many as its body holds.

    Arguments:
        feature: whose hook.
        event: the event's type.
        template: its data, to be filled in.
    """
    hook = feature.hook_for(event)
    if hook is None or hook.body == "event":
        return 1
    longest = msgspec.json.encode(render(template, _LONGEST_N, _SOME_TIME))
    return max(1, (MOST_BODY_BYTES - 1) // (len(longest) + 1))  # [a,b]: each with one more


def body_of(hook: Sender, arrival: Arrival, wall: datetime) -> bytes:
    """The body of a call of a hook.

    Arguments:
        hook: which.
        arrival: what it brings.
        wall: the scenario's wall clock.
    """
    filled = [render(arrival.data, n, wall) for n in range(arrival.n, arrival.n + arrival.count)]
    return msgspec.json.encode(filled if hook.body == "list" else filled[0])


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
