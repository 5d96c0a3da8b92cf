"""Ways to misuse a realtime channel, each a pure function of a scenario.

Nothing runs: what is wrong stands in the file. Each rule has a code, which an `outcome` may name,
says why it matters in this scenario, and what to write instead.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from simrt.checkers.verdict import Status, Verdict
from simrt.scenario.backlog import useful_buffer
from simrt.scenario.laws import Arrivals
from simrt.scenario.model import Scenario
from simrt.scenario.units import NS_PER_S, format_duration
from simrt.text import duration, exact_duration

# More types than this on one channel need a common purpose that their names show.
MANY_TYPES = 5

# The default size: nothing is gained by a smaller one.
SMALL_BUFFER = 64

# An event names what changed. With more fields than this, or a text longer than this, it is the
# thing itself; where a field is called like a whole thing, a text longer than a title is enough.
MANY_FIELDS = 12
LONG_TEXT = 1000
LONG_TITLE = 200
_WHOLE_WORDS = """
    document doc body html markdown content contents article snapshot payload attachment
"""
WHOLE_WORDS = frozenset(_WHOLE_WORDS.split())

# Words of a field's name that say: this is about a person, or opens a door.
_WORDS = """
    password passwd pwd passphrase secret token apikey credential credentials authorization cookie
    session ssn iban bic cvv cvc pin otp card creditcard passport taxid birthday birthdate dob
    email mail phone mobile address street salary diagnosis gender religion
"""
SENSITIVE_WORDS = frozenset(_WORDS.split())
SENSITIVE_FORMATS = frozenset(("email", "idn-email", "password"))

_DURABLE = ("durable", "guaranteed-delivery", "unbounded-replay")


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong, and what to write instead.

    Attributes:
        reason: why it matters here, a sentence.
        suggestion: what to write instead, a sentence.
    """

    reason: str
    suggestion: str


@dataclass(frozen=True, slots=True)
class Antipattern:
    """One rule.

    Attributes:
        code: its name, as verdicts and `outcome` use it.
        title: what it looks for, in a few words.
        item: the checklist item that it feeds.
        find: the rule itself.
    """

    code: str
    title: str
    item: int
    find: Callable[[Scenario], Finding | None]


def sends_per_s(scenario: Scenario) -> float | None:
    """Events per second that the workload sends on average; None where a trace decides."""
    total = 0.0
    for entry in scenario.workload.publish:
        rate = _rate(entry.arrivals)
        if rate is None:
            return None
        total += rate
    for job in scenario.feature.jobs:
        if job.interval_ns:
            total += NS_PER_S / job.interval_ns
    return total


def _rate(arrivals: Arrivals) -> float | None:
    plain = arrivals.poisson or arrivals.periodic
    if plain is not None:
        return plain.per_s
    if arrivals.batch is not None:
        return arrivals.batch.sends_per_s
    if arrivals.on_off is not None:
        on, off = arrivals.on_off.on.mean_ns, arrivals.on_off.off.mean_ns
        return arrivals.on_off.rate.per_s * on / (on + off)
    return None


def _replayed_events(scenario: Scenario) -> int:
    """The most events that a replay can bring (REP-1 to REP-6)."""
    replay = scenario.feature.stream.replay
    size = scenario.feature.options.buffer_size
    if replay.last_n == 0 or (replay.last_n is None and replay.max_age_ns is None):
        return 0
    return size if replay.last_n is None else min(replay.last_n, size)


def store(scenario: Scenario) -> Finding | None:
    """A store in disguise: the channel is asked to keep what no longer helps, or for good."""
    lasting = [need for need in scenario.intent.needs if need in _DURABLE]
    if lasting:
        return Finding(
            f"Its needs say {' and '.join(lasting)}, and a channel keeps nothing for good.",
            "Write the data to a database and send only a signal that it changed.",
        )
    useful_ns, rate = scenario.intent.useful_for_ns, sends_per_s(scenario)
    if useful_ns is None or not rate:
        return None
    options, replay = scenario.feature.options, scenario.feature.stream.replay
    limits = [ns for ns in (options.message_ttl_ns, replay.max_age_ns) if ns is not None]
    events = _replayed_events(scenario)
    reach_ns = min([events * NS_PER_S / rate, *limits])
    if reach_ns > useful_ns:
        return Finding(
            f"Replay reaches back {duration(reach_ns)}, but an event helps for only "
            f"{exact_duration(useful_ns)}.",
            f"Write maxAge: {format_duration(useful_ns)}, or a smaller lastN.",
        )
    kept_ns = min([options.buffer_size * NS_PER_S / rate, *limits[:1]])
    if options.message_ttl_ns is None and kept_ns > useful_ns:
        return Finding(
            f"The buffer holds {duration(kept_ns)} of events for a slow client, but an event helps "
            f"for only {exact_duration(useful_ns)}.",
            f"Write messageTTL: {format_duration(useful_ns)}, or a smaller bufferSize.",
        )
    return None


def sensitive(scenario: Scenario) -> Finding | None:
    """Data that looks sensitive: by the name of a field or by its format, however deep."""
    found = []
    for event, schema in scenario.feature.events.items():
        for path, name, part in _fields(schema):
            words = set(_words(name))
            if words & SENSITIVE_WORDS or part.get("format") in SENSITIVE_FORMATS:
                found.append(f"{event}.{path}")
    if not found:
        return None
    return Finding(
        f"{', '.join(found)} look{'s' if len(found) == 1 else ''} sensitive.",
        "Send the id only; let the client fetch the rest where access is checked.",
    )


def private_in_public(scenario: Scenario) -> Finding | None:
    """A public endpoint with data that the schema itself marks as private (`x-private: true`)."""
    if "public" not in scenario.feature.stream.permission:
        return None
    found = [
        f"{event}.{path}".rstrip(".")
        for event, schema in scenario.feature.events.items()
        for path, _, part in [("", "", schema), *_fields(schema)]
        if part.get("x-private") is True
    ]
    if not found:
        return None
    return Finding(
        f"The endpoint is public, and {', '.join(found)} is marked private.",
        "Ask for `user` or a token, or send only what everybody may read.",
    )


def whole(scenario: Scenario) -> Finding | None:
    """A whole document: an event carries the thing that changed, and not only which one it is."""
    for event, schema in scenario.feature.events.items():
        found = list(_fields(schema))
        for path, name, part in found:
            room = _room(part)
            if room > LONG_TEXT or (room > LONG_TITLE and WHOLE_WORDS & set(_words(name))):
                return Finding(f"{event}.{path} has room for a whole document.", _FETCH)
        if len(found) > MANY_FIELDS:
            return Finding(f"{event} has {len(found)} fields, as whole documents do.", _FETCH)
    return None


def _room(part: dict[str, Any]) -> float:
    """How many characters the text of a field may have; 0 for what is no free text.

    A text without a limit counts as long, but not as too long: only its field's name tells whether
    it is a title or a page. So does an object or a list, whose own fields are looked at besides.
    """
    if any(key in part for key in ("enum", "const", "format", "pattern")):
        return 0
    types = part.get("type", [])
    types = [types] if isinstance(types, str) else types
    if "string" in types:
        return float(part.get("maxLength", LONG_TEXT))
    return LONG_TEXT if "object" in types or "array" in types else 0


_FETCH = "Send the id only; let the client fetch the document."


def _fields(schema: Any, path: str = "") -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Every declared field, however deep: its path, its name, its schema."""
    if not isinstance(schema, dict):
        return
    for name, part in (schema.get("properties") or {}).items():
        inner = f"{path}.{name}" if path else name
        yield inner, name, part if isinstance(part, dict) else {}
        yield from _fields(part, inner)
    for key in ("items", "additionalProperties", "contains", "not", "if", "then", "else"):
        yield from _fields(schema.get(key), path)
    for key in ("allOf", "anyOf", "oneOf", "prefixItems"):
        for part in schema.get(key) or ():
            yield from _fields(part, path)
    for key in ("$defs", "definitions", "patternProperties"):
        for part in (schema.get(key) or {}).values():
            yield from _fields(part, path)


def _words(name: str) -> list[str]:
    """`userEmail`, `user_email` and `user-email` are the words user and email."""
    parted = re.sub(r"([a-z0-9])([A-Z])", r"\1 \2", name)
    return [word for word in re.split(r"[^a-z0-9]+", parted.lower()) if word]


def catch_all(scenario: Scenario) -> Finding | None:
    """A catch-all channel: many event types whose names have no word in common."""
    types = list(scenario.feature.events)
    if len(types) <= MANY_TYPES:
        return None
    common = set.intersection(*(set(_words(name)) for name in types))
    if common:
        return None
    return Finding(
        f"{len(types)} event types share one channel, and their names share no word: "
        f"{', '.join(types[:4])}, …",
        "Give each purpose a channel of its own, so that each can decide what it loses.",
    )


def hose(scenario: Scenario) -> Finding | None:
    """A raw event hose: data of any shape goes out as it came in."""
    open_types = [
        name
        for name, schema in scenario.feature.events.items()
        if not any(key in schema for key in ("properties", "enum", "const", "items", "$ref"))
        and schema.get("additionalProperties") is not False
        and schema.get("type") in (None, "object", "array")
    ]
    if not open_types:
        return None
    return Finding(
        f"Events of type {', '.join(open_types)} may carry data of any shape.",
        "Declare the few fields that the client shows, with additionalProperties: false.",
    )


def contradictory(scenario: Scenario) -> Finding | None:
    """Settings that contradict the kind of feature."""
    if scenario.intent.kind != "state":
        return None
    if scenario.feature.options.on_full == "drop-newest":
        return Finding(
            "It shows a state, and drop-newest loses the newest value: the one that is true.",
            "Write onFull: drop-oldest.",
        )
    if _replayed_events(scenario) > 1:
        return Finding(
            "It shows a state, and replay brings older values, which are no longer true.",
            "Write lastN: 1, so that a new client starts with the newest value.",
        )
    return None


def oversized(scenario: Scenario) -> Finding | None:
    """A buffer far larger than any replay or lag of the scenario uses."""
    size, used = scenario.feature.options.buffer_size, useful_buffer(scenario)
    if used is None or size <= max(SMALL_BUFFER, 2 * used):
        return None
    return Finding(
        f"The buffer holds {size:,} events, but no replay and no lag in this file uses more than "
        f"{used:,}.",
        f"Write bufferSize: {used}, or add the fault that needs more, such as a longer stall.",
    )


ANTIPATTERNS = (
    Antipattern("store-in-disguise", "keeping what no longer helps", 3, store),
    Antipattern("sensitive-data", "data that looks sensitive", 2, sensitive),
    Antipattern("whole-document", "whole documents", 2, whole),
    Antipattern("catch-all-channel", "types without a common purpose", 2, catch_all),
    Antipattern("raw-event-hose", "data of any shape", 2, hose),
    Antipattern("private-in-public", "private data for everybody", 2, private_in_public),
    Antipattern("contradictory-settings", "settings against the kind of feature", 3, contradictory),
    Antipattern("oversized-buffer", "a buffer larger than anything uses", 3, oversized),
)


def judge_antipatterns(scenario: Scenario) -> tuple[Verdict, ...]:
    """One verdict a rule: found means fail."""
    return tuple(_verdict(scenario, rule) for rule in ANTIPATTERNS)


def _verdict(scenario: Scenario, rule: Antipattern) -> Verdict:
    found = rule.find(scenario)
    if found is None:
        sentence = f"Nothing found: {rule.title}."
        return Verdict(rule.code, Status.PASS, 1, sentence, (), rule.item)
    return Verdict(rule.code, Status.FAIL, 1, f"{found.reason} {found.suggestion}", (), rule.item)
