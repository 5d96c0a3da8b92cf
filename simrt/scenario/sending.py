"""Checks of what is sent: declared shapes, data that fits them, arrivals that can be run."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, TypeAlias

from simrt.errors import Mistake, UsageError
from simrt.scenario.dialect import faults
from simrt.scenario.documents import KeyPath
from simrt.scenario.draft import Draft
from simrt.scenario.events import render
from simrt.scenario.laws import Arrivals, Trace
from simrt.scenario.shapes import Shape, shape_of
from simrt.scenario.traces import Recording, TraceError, read_recording, replayed, trace_path
from simrt.scenario.units import NS_PER_S, format_size, parse_size
from simrt.scenario.words import described, nearest
from simrt.text import listing

Finding: TypeAlias = tuple[KeyPath, Mistake]

# A bound on one entry's sends: half a year at one a second is 16 million.
MOST_SENDS = 20_000_000
SHORTEST_PERIOD_NS = 1_000_000
DEFAULT_MAX_EVENT_BYTES = 65_536

_NOTHING_TO_SEND = "data, or an example in the event's schema: without either nothing can be sent"
# Any moment does: only the form of {now} matters to a schema.
_SOME_TIME = datetime(2026, 1, 1, tzinfo=UTC)


# --- shapes -------------------------------------------------------------------------------------


def schemas(draft: Draft) -> Iterator[Finding]:
    """An event's shape is a JSON Schema that is accepted: each word of it is judged."""
    for event, schema in draft.events.items():
        for fault in faults(schema):
            path: KeyPath = ("feature", "events", event, *fault.path)
            yield draft.wrong(
                path, fault.allowed, found=fault.found, nearest=fault.nearest, of_key=fault.of_key
            )


def _shapes(draft: Draft) -> dict[str, Shape]:
    """The shape of each event whose schema is accepted."""
    found: dict[str, Shape] = {}
    for event, schema in draft.events.items():
        with suppress(UsageError):
            found[event] = shape_of(schema)
    return found


# --- who sends what -----------------------------------------------------------------------------


def senders_send_what_is_declared(draft: Draft) -> Iterator[Finding]:
    """A sender sends a declared event (SSE-7)."""
    for path, sender in draft.senders:
        event = sender.get("sends")
        if isinstance(event, str) and draft.events and event not in draft.events:
            yield _undeclared(draft, (*path, "sends"), event)


def published_events_have_a_hook(draft: Draft) -> Iterator[Finding]:
    """What is published is declared, and a hook sends it: there is no other way (HOK-1)."""
    for path, entry in draft.publishes:
        event = entry.get("event")
        if not isinstance(event, str) or not draft.events:
            continue
        if event not in draft.events:
            yield _undeclared(draft, (*path, "event"), event)
        elif draft.hook_for(event) is None:
            sent = [s.get("sends") for _, s in draft.senders if isinstance(s.get("hook"), str)]
            hooked = listing(dict.fromkeys(one for one in sent if isinstance(one, str)), "or")
            allowed = f"an event that a hook in feature.senders sends: {hooked or 'there is none'}"
            yield draft.wrong((*path, "event"), allowed)


def _undeclared(draft: Draft, path: KeyPath, event: str) -> Finding:
    allowed = f"an event that feature.events declares: {listing(draft.events, 'or')}"
    return draft.wrong(path, allowed, nearest=nearest(event, draft.events))


# --- data ---------------------------------------------------------------------------------------


def examples_fit(draft: Draft) -> Iterator[Finding]:
    """An example in a schema fits that schema."""
    for event, shape in _shapes(draft).items():
        examples = draft.events[event].get("examples")
        for index, example in enumerate(examples if isinstance(examples, list) else []):
            path = ("feature", "events", event, "examples", index)
            yield from _misfit(draft, path, shape, event, example)


def data_fits(draft: Draft) -> Iterator[Finding]:
    """What is written as data fits the shape of its event, and is not too large."""
    shapes = _shapes(draft)
    entries = [(path, entry, entry.get("event")) for path, entry in draft.publishes]
    entries += [(path, sender, sender.get("sends")) for path, sender in draft.senders]
    for path, entry, event in entries:
        if "data" in entry and isinstance(event, str) and event in shapes:
            yield from _misfit(draft, (*path, "data"), shapes[event], event, entry["data"])


def there_is_data(draft: Draft) -> Iterator[Finding]:
    """An entry has data, or its event's schema an example."""
    for path, sender in draft.senders:
        if (
            "job" in sender
            and "data" not in sender
            and not _has_example(draft, sender.get("sends"))
        ):
            yield draft.wrong((*path, "data"), _NOTHING_TO_SEND, found="")
    for path, entry in draft.publishes:
        if "data" in entry or _has_example(draft, entry.get("event")):
            continue
        hook = draft.hook_for(str(entry.get("event")))
        if (hook is not None and "data" in hook[1]) or _trace_brings_data(draft, path, entry):
            continue
        yield draft.wrong((*path, "data"), _NOTHING_TO_SEND, found="")


def _has_example(draft: Draft, event: Any) -> bool:
    if not isinstance(event, str) or event not in draft.events:
        return True  # the mistake is another one
    examples = draft.events[event].get("examples")
    return isinstance(examples, list) and bool(examples)


def _misfit(
    draft: Draft, path: KeyPath, shape: Shape, event: str, template: Any
) -> Iterator[Finding]:
    data = render(template, 1, _SOME_TIME)
    encoded, limit = _encoded(data), _max_event_bytes(draft)
    if len(encoded) > limit:
        allowed = f"data of at most {format_size(limit)} (server.maxEventBytes)"
        yield draft.wrong(path, allowed, found=f"{len(encoded)} bytes")
        return
    problem = shape.problem(data, encoded)
    if problem is not None:
        yield draft.wrong(path, f"data that fits the schema of {event}; {problem}")


def _encoded(data: Any) -> bytes:
    return json.dumps(data, ensure_ascii=False, separators=(",", ":")).encode()


def _max_event_bytes(draft: Draft) -> int:
    written = draft.text(("server", "maxEventBytes"))
    try:
        limit = parse_size(written) if written else 0
    except ValueError:
        limit = 0
    return limit if limit >= 2 else DEFAULT_MAX_EVENT_BYTES


# --- arrivals -----------------------------------------------------------------------------------


def loads(draft: Draft) -> Iterator[Finding]:
    """Arrivals can be run: not too many, and periods that are not endlessly short."""
    duration_ns = draft.duration_ns("workload", "duration")
    for path, _ in draft.publishes:
        law = draft.part(Arrivals, (*path, "arrivals"))
        if law is None or duration_ns is None:
            continue
        if law.on_off is not None and law.on_off.on.mean_ns < SHORTEST_PERIOD_NS:
            inner = (*path, "arrivals", "on-off", "on")
            yield draft.wrong(inner, "periods of 1ms or more on average")
            continue
        sends = _per_s(law) * duration_ns / NS_PER_S
        if sends > MOST_SENDS:
            allowed = f"at most {MOST_SENDS} sends in one run; a lower rate or a shorter duration"
            found = f"about {sends:.3g} sends"
            yield draft.wrong((*path, "arrivals"), allowed, found=found)


def _per_s(law: Arrivals) -> float:
    if law.poisson is not None:
        return law.poisson.per_s
    if law.periodic is not None:
        return law.periodic.per_s
    if law.batch is not None:
        return law.batch.sends_per_s
    if law.on_off is not None:
        on, off = law.on_off.on.mean_ns, law.on_off.off.mean_ns
        return law.on_off.rate.per_s * on / (on + off)
    return 0.0  # a trace has its own bound


def traces(draft: Draft) -> Iterator[Finding]:
    """A trace can be read and brings the event that is meant; its own data fits."""
    shapes = _shapes(draft)
    for path, entry in draft.publishes:
        trace, event = _trace(draft, path), entry.get("event")
        if trace is None:
            continue
        inner = (*path, "arrivals", "trace", "file")
        try:
            recording = read_recording(trace_path(trace, str(draft.directory)))
        except TraceError as error:
            yield draft.wrong(inner, f"a trace that can be read; {error}")
            continue
        if not isinstance(event, str):
            continue
        rows = list(_rows(draft, trace, recording, event))
        if not rows:
            yield draft.wrong(inner, _no_rows(recording, event), found=described(trace.file))
        shape = shapes.get(event)
        for position in rows if shape is not None else ():
            if shape is None or position not in recording.data:
                continue
            problem = _row_problem(draft, shape, recording.data[position])
            if problem is not None:
                place = f"{trace.file}:{recording.lines[position]}"
                allowed = f"data that fits the schema of {event}; {place}: {problem}"
                yield draft.wrong(inner, allowed)
                break


def _row_problem(draft: Draft, shape: Shape, template: Any) -> str | None:
    data = render(template, 1, _SOME_TIME)
    encoded, limit = _encoded(data), _max_event_bytes(draft)
    if len(encoded) > limit:
        return f"{len(encoded)} bytes, allowed {format_size(limit)} (server.maxEventBytes)"
    return shape.problem(data, encoded)


def _trace(draft: Draft, path: KeyPath) -> Trace | None:
    inner = (*path, "arrivals", "trace")
    found = draft.part(Trace, inner) if draft.mapping(*inner) else None
    return found if isinstance(found, Trace) else None


def _rows(draft: Draft, trace: Trace, recording: Recording, event: str) -> Iterator[int]:
    duration_ns = draft.duration_ns("workload", "duration")
    if duration_ns:
        for _, position in replayed(trace, recording, event, duration_ns):
            yield position


def _no_rows(recording: Recording, event: str) -> str:
    counts: dict[str, int] = {}
    for one in recording.events:
        counts[one] = counts.get(one, 0) + 1
    if event in counts:
        return (
            f"a trace with rows of {event} within the workload; with this offset and compress "
            "there is none"
        )
    most = sorted(counts, key=lambda one: (-counts[one], one))[:5]
    has = listing([f"{one} ({counts[one]})" for one in most]) or "no rows at all"
    return f"a trace with rows of {event}; it has {has}"


def _trace_brings_data(draft: Draft, path: KeyPath, entry: dict[str, Any]) -> bool:
    trace, event = _trace(draft, path), entry.get("event")
    if trace is None or not isinstance(event, str):
        return False
    try:
        recording = read_recording(trace_path(trace, str(draft.directory)))
    except TraceError:
        return True  # the mistake is another one
    return all(position in recording.data for position in _rows(draft, trace, recording, event))


SENDING_CHECKS: tuple[Callable[[Draft], Iterator[Finding]], ...] = (
    schemas,
    senders_send_what_is_declared,
    published_events_have_a_hook,
    examples_fit,
    data_fits,
    there_is_data,
    loads,
    traces,
)
