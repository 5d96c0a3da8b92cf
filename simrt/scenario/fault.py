"""Faults: what goes wrong in a scenario, and all that may be written about each kind."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field, StrictStr

from simrt.scenario.fields import Allowed, DurationNs, OneOf, PositiveNumber
from simrt.scenario.units import POSITIVE_DURATION_PATTERN

# More sends than this in one burst are a load test, not a scenario.
MOST_BURST = 100_000


@dataclass(frozen=True, slots=True)
class By:
    """What the number `by` says of one kind of fault.

    Attributes:
        most: the largest value; None for no limit.
        whole: whether it is a whole number, 1 or more.
        allowed: the range, in words.
        asked: what to write where it is missing; empty where it may be.
    """

    most: int | None = None
    whole: bool = False
    allowed: str = ""
    asked: str = ""

    def allows(self, value: float) -> bool:
        """Whether a number above 0 is in the range."""
        return not (self.whole and value != int(value)) and (
            self.most is None or value <= self.most
        )

    def schema(self) -> dict[str, Any]:
        """The range, as JSON Schema."""
        whole = {"type": "integer", "minimum": 1} if self.whole else {}
        return whole if self.most is None else {**whole, "maximum": self.most}


@dataclass(frozen=True, slots=True)
class FaultKind:
    """One kind of fault.

    Attributes:
        hits: a group of subscribers, the server, or an event type.
        happens: what happened, as `reached(…)` tells it.
        lasts: whether it must say how long (`for`).
        by: what its number says; None where it has none.
        ends: whether it ends connections.
        network: whether the group's network is away while it lasts.
        stops: whether the group's clients read nothing while it lasts, and stay connected.
    """

    hits: Literal["group", "server", "event"]
    happens: str
    lasts: bool = True
    by: By | None = None
    ends: bool = False
    network: bool = False
    stops: bool = False


FAULT_KINDS = {
    "restart": FaultKind(
        "server", "the server was killed and came back with empty channels", ends=True
    ),
    "stall": FaultKind("group", "a group of clients stopped reading", stops=True),
    "disconnect": FaultKind(
        "group",
        "a group of clients was cut off",
        lasts=False,
        by=By(1, allowed="a number above 0, at most 1: the share of the group"),
        ends=True,
        network=True,
    ),
    "slow": FaultKind(
        "group",
        "a group of clients handled events more slowly, or faster",
        by=By(asked="how many times as long each event takes, such as by: 10"),
    ),
    "burst": FaultKind(
        "event",
        "many events were sent beside the usual ones",
        lasts=False,
        by=By(
            MOST_BURST,
            whole=True,
            allowed=f"a whole number of sends, 1 to {MOST_BURST:,}",
            asked="how many sends, such as by: 100",
        ),
    ),
    "half-open": FaultKind(
        "group",
        "the network lost the connections of a group without a word",
        ends=True,
        network=True,
        stops=True,
    ),
    "deny": FaultKind("group", "the credentials of a group were revoked", ends=True),
}
"""By the key that names it in a scenario."""


_Group = Annotated[StrictStr, Allowed("the name of a group of this scenario")]
_Event = Annotated[StrictStr, Allowed("an event that a hook sends")]


class Fault(OneOf):
    """What goes wrong, when, and for how long; it heals by itself."""

    at_ns: DurationNs = Field(alias="at", description="When, before the end of the workload.")
    for_ns: DurationNs = Field(default=0, alias="for", description="How long.")
    by: Annotated[
        PositiveNumber | None,
        Allowed("a number above 0: a share of at most 1, a factor, or a number of sends"),
    ] = Field(
        default=None,
        description="Of a disconnect the share of the group, at most 1; of slow the factor; "
        "of a burst the number of sends.",
    )
    restart: Literal["server"] | None = Field(
        default=None, description="The server process is killed; after this time another listens."
    )
    stall: _Group | None = Field(default=None, description="The clients of this group do not read.")
    disconnect: _Group | None = Field(
        default=None, description="The connections of this group, or a share of it, are cut."
    )
    slow: _Group | None = Field(
        default=None, description="The clients of this group handle each event `by` times as long."
    )
    half_open: _Group | None = Field(
        default=None,
        alias="half-open",
        description="The network loses this group's connections without a word.",
    )
    burst: _Event | None = Field(
        default=None, description="`by` more sends of this event type, evenly over the time."
    )
    deny: _Group | None = Field(
        default=None, description="The credentials of this group are revoked, and restored."
    )

    @classmethod
    def choices(cls) -> tuple[str, ...]:
        """The kinds of fault."""
        return tuple(FAULT_KINDS)

    @classmethod
    def branch(cls, choice: str) -> dict[str, Any]:
        """What lasts must say how long; only some have a number `by`."""
        kind = FAULT_KINDS[choice]
        properties: dict[str, Any] = {}
        if kind.lasts:
            properties["for"] = {"type": "string", "pattern": POSITIVE_DURATION_PATTERN}
        if kind.by is not None and (number := kind.by.schema()):
            properties["by"] = number
        must = ["for"] * kind.lasts + ["by"] * (kind.by is not None and bool(kind.by.asked))
        schema: dict[str, Any] = {"required": must} if must else {}
        schema["properties"] = properties
        return schema if kind.by is not None else {**schema, "not": {"required": ["by"]}}

    @property
    def whom(self) -> str:
        """The group that it hits, the event of a burst, or `server`."""
        return str(self._chosen(self.kind))

    @property
    def heals_ns(self) -> int:
        """When it is over."""
        return self.at_ns + self.for_ns

    @property
    def of_kind(self) -> FaultKind:
        """What is true of its kind."""
        return FAULT_KINDS[self.kind]

    def ends_connections_of(self, group: str) -> bool:
        """Whether it ends the connections of this group."""
        return self.of_kind.ends and (self.of_kind.hits == "server" or self.whom == group)
