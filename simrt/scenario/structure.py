"""What one part of a scenario says about itself: unknown keys, missing keys, wrong values.

The models find the mistakes; this gives each its place and words that a product owner understands.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic import ValidationError
from pydantic.fields import FieldInfo

from simrt.errors import Mistake
from simrt.scenario.documents import Document, KeyPath
from simrt.scenario.fault import FAULT_KINDS
from simrt.scenario.fields import COUNT_ALLOWED, MOST_MESSAGES, WINDOW_ALLOWED, OneOf, Part
from simrt.scenario.model import STARTS_ALLOWED, Scenario
from simrt.scenario.units import DURATION_ALLOWED, PACE_ALLOWED, RATE_ALLOWED, SIZE_ALLOWED
from simrt.scenario.words import described, nearest
from simrt.text import listing

_WHO = "public, user or token:NAME, each with its methods, such as {user: [GET]}"
_PATH = "a path of letters, digits, - _ and . such as /admin/news, without a slash at its end"

# What may stand at a key, where the key's own type does not say it. By the key's name, which is
# unique where it matters.
ALLOWED = {
    "title": "a short title: text of 1 to 200 characters",
    "question": "text",
    "starts": STARTS_ALLOWED,
    "timezone": "the name of a time zone, such as UTC or Europe/Berlin",
    "project": "1 to 64 letters, digits, - or _",
    "channel": "a name of 1 to 200 bytes of UTF-8 without control characters",
    "bufferSize": f"a whole number from 1 to {MOST_MESSAGES}",
    "path": _PATH,
    "permission": _WHO,
    "hook": (
        "a method and a path, such as POST /content: POST, PUT, PATCH or DELETE; "
        "letters, digits, - _ and . without a slash at the end"
    ),
    "job": "a cron expression of five fields, such as */5 * * * *, or an interval such as 30s",
    "sends": "the event type that it sends, as text",
    "event": "an event type that a hook sends, as text",
    "events": "event types, each with the JSON Schema of its data",
    "senders": "a list of hooks and jobs",
    "publish": "a list: which event arrives when",
    "subscribers": "groups of subscribers by name, such as {office: {count: 20}}",
    "count": "a whole number from 1 to 100000",
    "shape": "a whole number from 1 to 1000000",
    "fixed": "a whole number, 1 or more",
    "geometric": "a number, 1 or more",
    "backoff": "a number, 1 or more",
    "compress": "a number above 0: recorded seconds per scenario second",
    "p": "a number above 0, at most 1",
    "by": "a number above 0: a share of at most 1, a factor, or a number of sends",
    "hyperexponential": "a list of two phases or more, each {p: …, mean: …}",
    "file": "the name of a trace file, as text",
    "faults": "a list of faults, such as {at: 3m, stall: office, for: 45s}",
    "silent": "true or false",
    "watchdog": "a number with a unit, such as 45s, above 0; or none",
    "notices": "never, at-heal, or an interval such as {keepalive: 45s}",
    "needs": "a list of needs",
    "expect": "a list of expectations as text, such as missed_fraction(office) <= 0.1",
    "fail": "a list of one code or more, as text",
    "retrySpread": "two durations, the shorter first, such as [2s, 5s]; or none",
    "maxEventBytes": f"{SIZE_ALLOWED}; 2B or more",
    "directory": "the folder of the site, as text",
    "validate": "a command, as text",
}
_DURATIONS = (
    "duration", "at", "for", "constant", "exponential", "mean", "low", "high", "offset", "latency",
    "after", "jitter", "atMost", "quiet",
)  # fmt: skip
_OPTIONAL_DURATIONS = (
    "useful_for", "messageTTL", "maxAge", "heartbeat", "peerTimeout", "writeDeadline",
)  # fmt: skip
ALLOWED |= dict.fromkeys(_DURATIONS, DURATION_ALLOWED)
ALLOWED |= dict.fromkeys(_OPTIONAL_DURATIONS, f"{DURATION_ALLOWED}, above 0; or none")
ALLOWED |= {"keepalive": f"{DURATION_ALLOWED}; 1s or more"}
ALLOWED |= dict.fromkeys(("poisson", "rate"), RATE_ALLOWED)
ALLOWED["periodic"] = PACE_ALLOWED
_HIT = {
    "group": "the name of a group of this scenario",
    "event": "an event that a hook sends",
    "server": "server",
}
ALLOWED |= {name: _HIT[kind.hits] for name, kind in FAULT_KINDS.items()}
ALLOWED |= {"lastN": COUNT_ALLOWED, "window": WINDOW_ALLOWED}

# What may stand for a key that the author names.
NAMED = {
    "permission": "public, user or token:NAME, the name of 1 to 64 letters, digits, - or _",
    "events": "an event type of 1 to 200 characters, none of them a control character",
    "subscribers": "a group name: a letter, then letters, digits, - or _, at most 64 in all",
}
_PERMISSION_KEYS = ("public", "user", "token:NAME")


def mistakes_of_parts(document: Document) -> Iterator[tuple[KeyPath, Mistake]]:
    """Everything that the parts of a scenario say about themselves, with the path of each."""
    yield from _choices(document)
    yield from _empty_values(document)
    try:
        Scenario.model_validate(document.data)
    except ValidationError as error:
        for one in error.errors(include_url=False, include_input=False):
            # Which of some keys was chosen is asked by _choices, also where more is wrong.
            if one["type"] != "exactly_one" and not _follows(document, one):
                yield _from_model(document, one)


# --- what a model found -------------------------------------------------------------------------


def _from_model(document: Document, error: Any) -> tuple[KeyPath, Mistake]:
    path, of_key = _path_of(error["loc"], document.data, missing=error["type"] == "missing")
    where = resolve(path)
    if error["type"] == "extra_forbidden":
        known = resolve(path[:-1]).keys
        return path, document.mistake(
            path,
            f"the keys {listing(known)}",
            found=f"the key {described(path[-1])}",
            nearest=nearest(path[-1], known),
            of_key=True,
        )
    if of_key:
        named = str(path[-2]) if len(path) > 1 else ""
        known = _PERMISSION_KEYS[:2] if named == "permission" else ()
        return path, document.mistake(
            path,
            NAMED.get(named, "another name"),
            found=f"the name {described(path[-1])}",
            nearest=nearest(path[-1], known),
            of_key=True,
        )
    if error["type"] == "missing":
        return path, document.mistake(path, where.allowed, found="")
    allowed = str(error["ctx"]["error"]) if error["type"] == "value_error" else where.allowed
    return path, document.mistake(path, allowed, nearest=nearest(document.at(path), where.literals))


def _follows(document: Document, error: Any) -> bool:
    """A list is called too short where its items were refused: these are the mistakes."""
    if error["type"] != "too_short":
        return False
    path, _ = _path_of(error["loc"], document.data, missing=False)
    value = document.at(path)
    return isinstance(value, list | dict) and len(value) >= error["ctx"]["min_length"]


def _path_of(loc: tuple[str | int, ...], data: Any, *, missing: bool) -> tuple[KeyPath, bool]:
    """The key path of a model's error, and whether it is about the key itself.

    Between the keys pydantic puts names of its own (which branch of a union it tried); these lead
    to nothing in the data and are left out.
    """
    path: list[str | int] = []
    value, of_key = data, False
    for number, step in enumerate(loc, 1):
        if step == "[key]":
            of_key = True
        elif _holds(value, step):
            path.append(step)
            value = value[step]
        elif missing and number == len(loc) and isinstance(value, dict):
            path.append(step)
    return tuple(path), of_key


def _holds(value: Any, step: str | int) -> bool:
    if isinstance(value, list):
        return isinstance(step, int) and step < len(value)
    return isinstance(value, dict) and step in value


# --- what may stand where -----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Where:
    """What a key path of a scenario leads to.

    Attributes:
        key: the last key that has a name.
        types: the types that may stand there.
        in_list: it is an item of a list under that key.
    """

    key: str
    types: tuple[Any, ...]
    in_list: bool = False

    @property
    def parts(self) -> tuple[type[Part], ...]:
        """The models among the types."""
        return tuple(t for t in self.types if isinstance(t, type) and issubclass(t, Part))

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys that are known there, in their order."""
        return tuple(key for part in self.parts for key in keys_of(part))

    @property
    def literals(self) -> tuple[str, ...]:
        """The words that may stand there."""
        return tuple(word for t in self.types if get_origin(t) is Literal for word in get_args(t))

    @property
    def allowed(self) -> str:
        """What may stand there, as a sentence."""
        if self.literals and not self.parts:
            return listing(self.literals, "or")
        if self.key in ALLOWED and not self.in_list:
            return ALLOWED[self.key]
        if self.parts:
            words = f", or {listing(self.literals, 'or')}" if self.literals else ""
            one_of = [part for part in self.parts if issubclass(part, OneOf)]
            if one_of:
                return f"exactly one of {', '.join(one_of[0].choices())}{words}"
            return f"a mapping with {listing(self.keys)}{words}"
        if any(get_origin(t) is tuple for t in self.types):
            return "a list of methods, such as [GET]"
        if self.types == (dict,) or any(get_origin(t) is dict for t in self.types):
            return "a JSON Schema: a mapping, such as {type: object}"
        return "text"


def keys_of(part: type[Part]) -> tuple[str, ...]:
    """The keys of a part, as written, in their order."""
    return tuple(field.alias or name for name, field in part.model_fields.items())


def resolve(path: KeyPath) -> Where:
    """What a key path leads to; nothing known below free data such as an event's schema."""
    where = Where("", (Scenario,))
    for step in path:
        where = _below(where, step)
    return where


def _below(where: Where, step: str | int) -> Where:
    found: list[Any] = []
    key = step if isinstance(step, str) else where.key
    for one in where.types:
        if isinstance(one, type) and issubclass(one, Part):
            field = _field(one, step)
            if field is not None:
                found.extend(_flat(field.annotation))
        elif get_origin(one) is dict:
            found.extend(_flat(get_args(one)[1]))
        elif get_origin(one) is tuple:
            found.extend(_flat(get_args(one)[0]))
    return Where(str(key), tuple(found), isinstance(step, int))


def _field(part: type[Part], key: str | int) -> FieldInfo | None:
    for name, field in part.model_fields.items():
        if (field.alias or name) == key:
            return field
    return None


def _flat(annotation: Any) -> Iterator[Any]:
    """The types of an annotation: unions opened, validators and null left out."""
    if get_origin(annotation) is Annotated:
        yield from _flat(get_args(annotation)[0])
    elif type(annotation).__name__ in ("UnionType", "_UnionGenericAlias"):
        for inner in get_args(annotation):
            yield from _flat(inner)
    elif annotation is not type(None):
        yield annotation


# --- what is asked of the data itself -----------------------------------------------------------


def _parts(value: Any, where: Where, path: KeyPath) -> Iterator[tuple[KeyPath, type[Part], Any]]:
    """Every mapping of the data that a model describes, in the data's order."""
    if isinstance(value, dict):
        for part in where.parts:
            yield path, part, value
        for key, inner in value.items():
            yield from _parts(inner, _below(where, key), (*path, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _parts(inner, _below(where, index), (*path, index))


def _choices(document: Document) -> Iterator[tuple[KeyPath, Mistake]]:
    """Parts in which not exactly one of some keys stands."""
    for path, part, value in _parts(document.data, resolve(()), ()):
        if not issubclass(part, OneOf):
            continue
        choices = part.choices()
        # An empty value in a file is a choice that was begun; in Python None is no choice.
        given = [
            key for key in choices if key in value and (document.file or value[key] is not None)
        ]
        meant = [key for key in value if key not in keys_of(part) and nearest(key, choices)]
        if len(given) == 1 or (not given and meant):  # an unknown key is a mistake of its own
            continue
        found = listing(given) if given else "none of them"
        yield path, document.mistake(path, f"exactly one of {', '.join(choices)}", found=found)


def _empty_values(document: Document) -> Iterator[tuple[KeyPath, Mistake]]:
    """Keys of a file without a value: forgotten, not decided. In Python None says `none`."""
    if not document.file:
        return
    for path, part, value in _parts(document.data, resolve(()), ()):
        for key, inner in value.items():
            if inner is None and key in keys_of(part) and key != "data":
                here = (*path, key)
                yield here, document.mistake(here, resolve(here).allowed, of_key=True)
