"""What the parts of a scenario are made of: durations, numbers, and parts with one of some keys.

Every type here knows three spellings: what a person writes, what Python computes with, and the
JSON Schema that an editor checks with.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    PlainSerializer,
    StrictStr,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import CoreSchema, PydanticCustomError

from simrt.scenario.units import (
    DURATION_ALLOWED,
    DURATION_PATTERN,
    PACE_ALLOWED,
    POSITIVE_DURATION_PATTERN,
    POSITIVE_SIZE_PATTERN,
    RATE_ALLOWED,
    RATE_PATTERN,
    SIZE_ALLOWED,
    SIZE_PATTERN,
    Rate,
    format_duration,
    format_size,
    parse_duration,
    parse_pace,
    parse_rate,
    parse_size,
)


@dataclass(frozen=True, slots=True)
class Allowed:
    """What may stand at a field, in words: part of its type.

    Only where the type does not say it: the range of a number and the words of a `Literal` are
    worded from the type itself.

    Attributes:
        words: such as `a number with a unit, such as 45s`.
    """

    words: str


# A bound on counts of messages, so that no later stage meets a number that it cannot hold.
MOST_MESSAGES = 1_000_000_000

COUNT_ALLOWED = f"a whole number from 0 to {MOST_MESSAGES}; or none"
WINDOW_ALLOWED = "a number of messages, 1 or more, or bytes such as 16KiB"


def _whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _duration(value: object) -> int:
    if isinstance(value, str):
        return parse_duration(value)
    if _whole(value) and value == 0:
        return 0
    raise ValueError(DURATION_ALLOWED)


def _positive_duration(value: object) -> int:
    if _whole(value) and value == 0:
        raise ValueError(f"{DURATION_ALLOWED}, above 0")
    ns = _duration(value)
    if ns <= 0:
        raise ValueError(f"{DURATION_ALLOWED}, above 0")
    return ns


def _duration_or_none(value: object) -> int | None:
    if value is None or value == "none":
        return None
    try:
        return _positive_duration(value)
    except ValueError as error:
        above = "" if "above 0" in str(error) or "at most" in str(error) else ", above 0"
        raise ValueError(f"{error}{above}; or none") from None


def _count_or_none(value: object) -> int | None:
    if value is None or value == "none":
        return None
    if isinstance(value, int) and _whole(value) and 0 <= value <= MOST_MESSAGES:
        return value
    raise ValueError(COUNT_ALLOWED)


def _number(value: object) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
        return value
    raise ValueError("a number")


def _rate(value: object) -> Rate:
    if isinstance(value, Rate):
        return value
    if isinstance(value, str):
        return parse_rate(value)
    raise ValueError(RATE_ALLOWED)


def _pace(value: object) -> Rate:
    if isinstance(value, Rate):
        return value
    if isinstance(value, str):
        return parse_pace(value)
    raise ValueError(PACE_ALLOWED)


def _size(value: object) -> int:
    if isinstance(value, str):
        return parse_size(value)
    raise ValueError(SIZE_ALLOWED)


def _window(value: object) -> int | str:
    if isinstance(value, int) and _whole(value) and 1 <= value <= MOST_MESSAGES:
        return value
    if isinstance(value, str):
        try:
            if parse_size(value) > 0:
                return value
        except ValueError:
            pass
    raise ValueError(WINDOW_ALLOWED)


_ZERO_OR_DURATION = {"anyOf": [{"type": "string", "pattern": DURATION_PATTERN}, {"const": 0}]}
_POSITIVE_DURATION: dict[str, Any] = {"type": "string", "pattern": POSITIVE_DURATION_PATTERN}

DurationNs = Annotated[
    int,
    BeforeValidator(_duration),
    PlainSerializer(format_duration),
    WithJsonSchema(_ZERO_OR_DURATION),
    Allowed(DURATION_ALLOWED),
]
PositiveDurationNs = Annotated[
    int,
    BeforeValidator(_positive_duration),
    PlainSerializer(format_duration),
    WithJsonSchema(_POSITIVE_DURATION),
    Allowed(DURATION_ALLOWED),
]
OptionalDurationNs = Annotated[
    int | None,
    BeforeValidator(_duration_or_none),
    PlainSerializer(lambda ns: "none" if ns is None else format_duration(ns)),
    WithJsonSchema({"anyOf": [_POSITIVE_DURATION, {"const": "none"}]}),
    Allowed(f"{DURATION_ALLOWED}, above 0; or none"),
]
OptionalCount = Annotated[
    int | None,
    BeforeValidator(_count_or_none),
    PlainSerializer(lambda count: "none" if count is None else count),
    WithJsonSchema(
        {"anyOf": [{"type": "integer", "minimum": 0, "maximum": MOST_MESSAGES}, {"const": "none"}]}
    ),
    Allowed(COUNT_ALLOWED),
]
Number = Annotated[float | int, BeforeValidator(_number), WithJsonSchema({"type": "number"})]
PositiveNumber = Annotated[
    float | int,
    BeforeValidator(_number),
    Field(gt=0),
    WithJsonSchema({"type": "number", "exclusiveMinimum": 0}),
]
Probability = Annotated[
    float | int,
    BeforeValidator(_number),
    Field(gt=0, le=1),
    WithJsonSchema({"type": "number", "exclusiveMinimum": 0, "maximum": 1}),
]
OneOrMore = Annotated[
    float | int,
    BeforeValidator(_number),
    Field(ge=1),
    WithJsonSchema({"type": "number", "minimum": 1}),
]
RateField = Annotated[
    Rate,
    BeforeValidator(_rate),
    PlainSerializer(lambda rate: rate.text),
    WithJsonSchema({"type": "string", "pattern": RATE_PATTERN}),
    Allowed(RATE_ALLOWED),
]
PaceField = Annotated[
    Rate,
    BeforeValidator(_pace),
    PlainSerializer(lambda rate: rate.text),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "pattern": RATE_PATTERN},
                {"type": "string", "pattern": POSITIVE_DURATION_PATTERN},
            ]
        }
    ),
    Allowed(PACE_ALLOWED),
]
SizeBytes = Annotated[
    int,
    BeforeValidator(_size),
    PlainSerializer(format_size),
    WithJsonSchema({"type": "string", "pattern": SIZE_PATTERN}),
]
Window = Annotated[
    int | str,
    BeforeValidator(_window),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "integer", "minimum": 1, "maximum": MOST_MESSAGES},
                {"type": "string", "pattern": POSITIVE_SIZE_PATTERN},
            ]
        }
    ),
    Allowed(WINDOW_ALLOWED),
]

Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]

# Whoever may use an endpoint, with the methods that they may use (SSE-4).
Who = Annotated[
    StrictStr,
    Field(pattern=r"^(public|user|token:[A-Za-z0-9_\-]{1,64})$"),
    Allowed("public, user or token:NAME, the name of 1 to 64 letters, digits, - or _"),
]
Methods = Annotated[
    tuple[Method, ...], Field(min_length=1), Allowed("a list of methods, such as [GET]")
]
Permission = Annotated[
    dict[Who, Methods],
    Field(min_length=1),
    Allowed("public, user or token:NAME, each with its methods, such as {user: [GET]}"),
]


class Part(BaseModel):
    """What all parts of a scenario share: frozen, no unknown keys, keys as in the file."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        populate_by_name=False,
        arbitrary_types_allowed=True,
        serialize_by_alias=True,
        allow_inf_nan=False,
    )


class OneOf(Part):
    """A part of which exactly one of some keys says what it is."""

    @classmethod
    def choices(cls) -> tuple[str, ...]:
        """The keys (as written) of which exactly one must stand there."""
        raise NotImplementedError

    @classmethod
    def branch(cls, choice: str) -> dict[str, Any]:
        """The JSON Schema of what else must hold where this choice was made; empty for nothing."""
        del choice
        return {}

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        given = [key for key in self.choices() if self._chosen(key) is not None]
        if len(given) != 1:
            found = " and ".join(given) if given else "none of them"
            raise PydanticCustomError(
                "exactly_one",
                "exactly one of {choices}; found {found}",
                {"choices": ", ".join(self.choices()), "found": found},
            )
        return self

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        """The schema of the part: exactly one of the choices, and what each asks for."""
        schema = handler.resolve_ref_schema(handler(core))
        schema["oneOf"] = [{"required": [choice]} for choice in cls.choices()]
        more = [(choice, cls.branch(choice)) for choice in cls.choices()]
        if any(branch for _, branch in more):
            schema["allOf"] = [
                {"if": {"required": [choice]}, "then": branch} for choice, branch in more if branch
            ]
        return schema

    def _chosen(self, key: str) -> Any:
        for name, field in type(self).model_fields.items():
            if (field.alias or name) == key:
                return getattr(self, name)
        raise KeyError(key)

    @property
    def kind(self) -> str:
        """The key that stands there."""
        return next(key for key in self.choices() if self._chosen(key) is not None)
