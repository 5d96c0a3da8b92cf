"""The feature at a glance: endpoint, permission, senders, events, settings, window and buffer."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any

from simrt import text as words
from simrt.history import Header
from simrt.results import Check, acted
from simrt.scenario.model import Permission, Scenario, Sender

SETTINGS = ("bufferSize", "onFull", "messageTTL", "lastN", "maxAge")
"""The five settings, in the order in which they are shown."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One of the five settings.

    Attributes:
        name: as written in the file.
        value: in words.
        decided: whether somebody wrote it down.
        meaning: what this value does, in a sentence.
        acted: how often it acted, a line a target; empty where nothing ran.
    """

    name: str
    value: str
    decided: bool
    meaning: str
    acted: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Event:
    """One event type: its name, its fields (name, type, whether required), its example, schema."""

    name: str
    fields: tuple[tuple[str, str, str], ...]
    closed: bool
    example: str
    schema: str


@dataclass(frozen=True, slots=True)
class Feature:
    """What the section shows, ready to print."""

    endpoint: str
    channel: str
    permission: tuple[str, ...]
    senders: tuple[str, ...]
    events: tuple[Event, ...]
    settings: tuple[Setting, ...]
    windows: tuple[str, ...]


def feature(check: Check) -> Feature:
    """The feature of a check's scenario."""
    scenario = check.scenario
    declared = scenario.feature
    methods = sorted({m for allowed in declared.stream.permission.values() for m in allowed})
    return Feature(
        endpoint=f"{'/'.join(methods)} /{declared.project}{declared.stream.path}",
        channel=f"{declared.channel} of project {declared.project}",
        permission=who_may(declared.stream.permission),
        senders=tuple(_sender(sender, scenario) for sender in declared.senders),
        events=tuple(_event(name, schema) for name, schema in declared.events.items()),
        settings=_with_acts(check),
        windows=windows(check),
    )


def who_may(permission: Permission) -> tuple[str, ...]:
    """A permission in words, one line for each kind of caller."""
    who = {"public": "Anybody", "user": "Signed-in users (JWT)"}
    lines = []
    for name, methods in permission.items():
        holder = f"Whoever holds the secret “{name.removeprefix('token:')}”"
        lines.append(f"{who.get(name, holder)}: {', '.join(methods)}")
    return tuple(lines)


def _sender(sender: Sender, scenario: Scenario) -> str:
    project = scenario.feature.project
    if sender.hook is not None:
        allowed = f" ({words.listing(who_may(sender.permission))})" if sender.permission else ""
        return f"Hook {sender.method} /{project}{sender.path} sends {sender.sends}{allowed}"
    interval = sender.interval_ns
    when = (
        f"every {words.exact_duration(interval)}"
        if interval is not None
        else f"on the schedule {sender.job}, {sender.timezone}"
    )
    return f"Job {when} sends {sender.sends}"


def _event(name: str, schema: dict[str, Any]) -> Event:
    properties = schema.get("properties")
    required = schema.get("required") or []
    fields = []
    if isinstance(properties, dict):
        fields = [
            (str(key), _kind(part), "yes" if key in required else "no")
            for key, part in properties.items()
        ]
    examples = schema.get("examples") or []
    return Event(
        name=name,
        fields=tuple(fields),
        closed=schema.get("additionalProperties") is False,
        example=json.dumps(examples[0], ensure_ascii=False) if examples else "",
        schema=json.dumps(schema, indent=2, ensure_ascii=False),
    )


def _kind(part: object) -> str:
    if not isinstance(part, dict):
        return "anything"
    if "enum" in part:
        return "one of " + ", ".join(json.dumps(v, ensure_ascii=False) for v in part["enum"])
    if "const" in part:
        return json.dumps(part["const"], ensure_ascii=False)
    kind = part.get("type", "anything")
    text = " or ".join(map(str, kind)) if isinstance(kind, list) else str(kind)
    limits = [f"{key} {part[key]}" for key in ("format", "maxLength", "maximum") if key in part]
    return f"{text} ({', '.join(limits)})" if limits else text


def settings(scenario: Scenario) -> tuple[Setting, ...]:
    """The five settings: value, decided or default, what it means here."""
    options, replay = scenario.feature.options, scenario.feature.stream.replay
    size, ttl = options.buffer_size, options.message_ttl_ns
    last_n, max_age = replay.last_n, replay.max_age_ns
    undecided = scenario.feature.undecided
    none = "none"
    lost = "the oldest waiting event" if options.on_full == "drop-oldest" else "the new event"
    some = last_n != 0 and not (last_n is None and max_age is None)
    rows = (
        ("bufferSize", f"{size:,}",
         f"The channel keeps {words.many(size, 'event')}; as many can wait for a slow client."),
        ("onFull", options.on_full, f"When as many wait, {lost} is lost for that client."),
        ("messageTTL", none if ttl is None else words.exact_duration(ttl),
         "Events never expire: a slow client gets old news." if ttl is None else
         f"After {words.exact_duration(ttl)} an event is neither replayed nor delivered."),
        ("lastN", none if last_n is None else f"{last_n:,}",
         ("No limit of number for replay." if some else "No replay: with maxAge none too.")
         if last_n is None else
         "No replay." if last_n == 0 else
         f"A client that connects gets at most {words.many(last_n, 'earlier event')}."),
        ("maxAge", none if max_age is None else words.exact_duration(max_age),
         ("No limit of age for replay." if some else "No replay: with lastN none too.")
         if max_age is None else
         f"Replay brings nothing older than {words.exact_duration(max_age)}."),
    )  # fmt: skip
    return tuple(
        Setting(name, value, name not in undecided, meaning) for name, value, meaning in rows
    )


def _with_acts(check: Check) -> tuple[Setting, ...]:
    did = {target: acted(states) for target, states in check.states.items()}
    return tuple(
        replace(one, acted=tuple(f"{target}: {each[one.name]}" for target, each in did.items()))
        for one in settings(check.scenario)
    )


def windows(check: Check) -> tuple[str, ...]:
    """What waits in the buffer and what in the network, for each target and kind of window."""
    lines = []
    size = check.scenario.feature.options.buffer_size
    seen: set[str] = set()
    for run in check.runs:
        if run.target in seen:
            continue
        seen.add(run.target)
        by_text: dict[str, list[str]] = {}
        for group in check.scenario.workload.subscribers:
            text = _window(run.history.header, check.scenario, group, size)
            by_text.setdefault(text, []).append(group)
        lines += [
            f"On {run.target}, for {words.listing(groups)}: {text}"
            for text, groups in by_text.items()
        ]
    return tuple(lines)


def _window(header: Header, scenario: Scenario, group: str, size: int) -> str:
    measured = header.window.get(group) or {}
    messages = measured.get("messages")
    declared = scenario.workload.subscribers[group]
    if messages is not None:
        in_network = f"about {words.count(messages)} in the network, as measured"
        total = f"about {words.count(size + messages)}"
        if "bytes" in measured:
            in_network += f" ({words.size(measured['bytes'])})"
    elif header.target != "sim":
        return (
            f"{words.many(size, 'event')} can wait in the buffer, which your settings govern; how "
            "many more wait in the network was not measured in this run."
        )
    elif declared.window_msgs is not None:
        in_network = f"{words.count(declared.window_msgs)} in the network"
        total = words.count(size + declared.window_msgs)
    else:
        return (
            f"{words.many(size, 'event')} can wait in the buffer, which your settings govern, and "
            f"{declared.window} of events in the network, which they don't."
        )
    return (
        f"up to {total} events wait for a slow client: {words.count(size)} in the buffer, which "
        f"your settings govern, and {in_network}, which they don't."
    )
