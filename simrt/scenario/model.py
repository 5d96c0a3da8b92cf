"""The scenario: one feature, the load on it, what goes wrong, and what its owner expects.

Pure data. Keys are spelled as people write them in YAML; attributes are `snake_case` with their
unit. Every model is frozen and refuses unknown keys. What one model cannot see alone (does this
group exist?) is asked in `simrt.scenario.consistency`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BeforeValidator,
    Discriminator,
    Field,
    PlainSerializer,
    PrivateAttr,
    StrictBool,
    StrictInt,
    StrictStr,
    Tag,
    WithJsonSchema,
    field_validator,
    model_validator,
)

from simrt import engine
from simrt.errors import UsageError
from simrt.scenario.arguments import wrong
from simrt.scenario.fault import Fault
from simrt.scenario.feature import Feature, Options, Replay, Sender, Stream
from simrt.scenario.fields import (
    Allowed,
    DurationNs,
    OneOrMore,
    OptionalDurationNs,
    Part,
    Permission,
    PositiveDurationNs,
    SizeBytes,
    Window,
)
from simrt.scenario.laws import (
    Arrivals,
    Batch,
    BatchSize,
    Distribution,
    Erlang,
    OnOff,
    Phase,
    Trace,
    Uniform,
)
from simrt.scenario.paths import changed
from simrt.scenario.units import (
    DURATION_ALLOWED,
    DURATION_PATTERN,
    MOMENT_ALLOWED,
    NS_PER_S,
    SIZE_ALLOWED,
    ZONE_ALLOWED,
    format_duration,
    parse_moment,
    parse_size,
    zone_of,
)

__all__ = [
    "Scenario",
    "Intent",
    "Feature",
    "Options",
    "Replay",
    "Stream",
    "Sender",
    "Permission",
    "Workload",
    "Publish",
    "Subscribers",
    "Reconnect",
    "KeepAlive",
    "Online",
    "Fault",
    "ServerSettings",
    "Variants",
    "SiteCheck",
    "Outcome",
    "Arrivals",
    "Batch",
    "BatchSize",
    "Distribution",
    "Erlang",
    "OnOff",
    "Phase",
    "Trace",
    "Uniform",
]

STARTS_ALLOWED = f"{MOMENT_ALLOWED}, from 1970 to 2200"

GroupName = Annotated[
    StrictStr,
    Field(pattern=r"^[A-Za-z][A-Za-z0-9_\-]{0,63}$"),
    Allowed("a group name: a letter, then letters, digits, - or _, at most 64 in all"),
]

_SPREAD_ALLOWED = "two durations, the shorter first, such as [2s, 5s]; or none"
_TWO_DURATIONS = {
    "type": "array",
    "items": {"anyOf": [{"type": "string", "pattern": DURATION_PATTERN}, {"const": 0}]},
    "minItems": 2,
    "maxItems": 2,
}
RetrySpread = Annotated[
    tuple[DurationNs, DurationNs] | None,
    BeforeValidator(lambda value: None if value == "none" else value),
    PlainSerializer(
        lambda spread: "none" if spread is None else [format_duration(ns) for ns in spread]
    ),
    WithJsonSchema({"anyOf": [_TWO_DURATIONS, {"const": "none"}]}),
    Allowed(_SPREAD_ALLOWED),
]


# --- intent -----------------------------------------------------------------------------------

Need = Literal[
    "guaranteed-delivery",
    "cross-instance",
    "durable",
    "unbounded-replay",
    "guaranteed-delivery: nice-to-have",
    "cross-instance: nice-to-have",
    "durable: nice-to-have",
    "unbounded-replay: nice-to-have",
]


class Intent(Part):
    """What the feature is for."""

    kind: Literal["state", "notifications", "invalidation", "progress"] = Field(
        description="What an event means to its reader."
    )
    useful_for_ns: OptionalDurationNs = Field(
        default=None,
        alias="useful_for",
        description="An event older than this misleads more than it helps; none = never.",
    )
    needs: Annotated[tuple[Need, ...], Allowed("a list of needs")] = Field(
        default=(),
        description="What is asked for that a realtime channel does not give; [] = nothing. "
        "Not written: the fit is undecided.",
    )


# --- workload ---------------------------------------------------------------------------------


class Publish(Part):
    """What calls a hook: the event that it causes, when, and with which data."""

    event: Annotated[StrictStr, Allowed("an event type that a hook sends, as text")] = Field(
        description="The event's type; a hook must send it."
    )
    arrivals: Arrivals
    data: Any = Field(
        default=None,
        description="Its data; {n} and {now} are filled in. Default: the hook's, or first example.",
    )


class Reconnect(Part):
    """When a client tries again (CLI-1)."""

    after_ns: DurationNs = Field(
        default=3_000_000_000, alias="after", description="The first pause."
    )
    jitter_ns: DurationNs = Field(
        default=1_000_000_000, alias="jitter", description="Up to so much more, by chance."
    )
    backoff: OneOrMore = Field(default=1, description="Factor after each failed attempt.")
    at_most_ns: DurationNs = Field(
        default=30_000_000_000, alias="atMost", description="The longest pause, without jitter."
    )


class Online(Part):
    """Periods with and without network; the first online period begins at 0 (CLI-1)."""

    up: Distribution = Field(description="How long the network is there.")
    down: Distribution = Field(description="How long it is away.")
    silent: StrictBool = Field(
        default=False, description="Whether nobody is told, as in a tunnel (NET-7)."
    )


def _reconnect_kind(value: object) -> str:
    return "at-once" if isinstance(value, str) else "periods"


class KeepAlive(Part):
    """The client's system asks now and then whether the server is still there (NET-7)."""

    keepalive_ns: Annotated[PositiveDurationNs, Allowed(f"{DURATION_ALLOWED}; 1s or more")] = Field(
        alias="keepalive",
        ge=NS_PER_S,  # TCP counts in seconds; and each probe of each client costs work
        description="A probe after so long without a byte, 1s or more, and each so long on.",
    )


Notices = Annotated[
    Annotated[KeepAlive, Tag("keepalive")] | Annotated[Literal["never", "at-heal"], Tag("word")],
    Discriminator(lambda value: "word" if isinstance(value, str) else "keepalive"),
    Allowed("never, at-heal, or an interval such as {keepalive: 45s}"),
]
"""How a client learns that its connection is dead, where nobody tells it."""

BROWSER_NOTICES = KeepAlive(keepalive="45s")
"""What desktop Chromium was measured to do (docs/model-and-reality.md)."""


class Subscribers(Part):
    """A group of like clients."""

    count: StrictInt = Field(default=1, ge=1, le=100_000, description="How many.")
    drain: Distribution = Field(
        default=Distribution(constant=0), description="How long a client handles one event."
    )
    latency_ns: DurationNs = Field(
        default=0, alias="latency", description="One way through the network."
    )
    window: Window = Field(
        default=16, description="How much can be in flight: messages, or bytes such as 16KiB."
    )
    online: Online | None = Field(default=None, description="Default: always online.")
    reconnect: Annotated[
        Annotated[Reconnect, Tag("periods")] | Annotated[Literal["at-once"], Tag("at-once")],
        Discriminator(_reconnect_kind),
    ] = Field(default=Reconnect(), description="When a client tries again, or at-once.")
    client: Literal["browser", "patient"] = Field(
        default="browser", description="patient also returns after 503 (CLI-3)."
    )
    watchdog_ns: OptionalDurationNs = Field(
        default=None,
        alias="watchdog",
        description="Drop a connection on which nothing came for so long (CLI-4), or none.",
    )
    notices: Notices = Field(
        default=BROWSER_NOTICES,
        description="How a client learns of a dead connection of which nobody tells it (NET-7).",
    )
    credentials: Literal["right", "none", "wrong", "expired", "other-project"] = Field(
        default="right", description="What the clients show at the stream."
    )

    @property
    def keepalive_ns(self) -> int | None:
        """The interval of TCP keep-alive, or None where nobody asks."""
        return self.notices.keepalive_ns if isinstance(self.notices, KeepAlive) else None

    @property
    def window_msgs(self) -> int | None:
        """The window in messages, or None where it is in bytes."""
        return self.window if isinstance(self.window, int) else None

    @property
    def window_bytes(self) -> int | None:
        """The window in bytes, or None where it is in messages."""
        return parse_size(self.window) if isinstance(self.window, str) else None


class Workload(Part):
    """How long, what is sent, and to whom."""

    duration_ns: PositiveDurationNs = Field(
        alias="duration", description="Nothing is sent at or after this time."
    )
    publish: Annotated[tuple[Publish, ...], Allowed("a list: which event arrives when")] = Field(
        default=(), description="What calls the hooks; jobs fire by themselves."
    )
    subscribers: Annotated[
        dict[GroupName, Subscribers],
        Allowed("groups of subscribers by name, such as {office: {count: 20}}"),
    ] = Field(min_length=1, description="Groups of clients, by name.")


# --- expectations, the rest ---------------------------------------------------------------------


class ServerSettings(Part):
    """The server's own settings; every value is its default, `none` switches one off."""

    heartbeat_ns: OptionalDurationNs = Field(
        default=15_000_000_000, alias="heartbeat", description="A sign of life after so long."
    )
    peer_timeout_ns: OptionalDurationNs = Field(
        default=30_000_000_000,
        alias="peerTimeout",
        description="A peer that acknowledges nothing for so long is closed (SSE-5).",
    )
    write_deadline_ns: OptionalDurationNs = Field(
        default=60_000_000_000,
        alias="writeDeadline",
        description="A connection that accepts nothing for so long is closed (STR-1).",
    )
    retry_spread_ns: RetrySpread = Field(
        default=(2_000_000_000, 5_000_000_000),
        alias="retrySpread",
        description="Between these two a stream's retry is drawn (STR-3).",
    )
    kernel_buffers: Literal["small", "default"] = Field(
        default="small",
        alias="kernelBuffers",
        description="How much of what waits lies in real sockets, beyond every setting: "
        "as little as can be, or what the system's defaults allow.",
    )
    quiet_ns: DurationNs = Field(
        default=60_000_000_000,
        alias="quiet",
        description="How long, at most, outcomes may settle after the workload.",
    )
    max_event_bytes: Annotated[SizeBytes, Allowed(f"{SIZE_ALLOWED}; 2B or more")] = Field(
        default=65_536,
        alias="maxEventBytes",
        ge=2,
        description="Larger events are rejected (PUB-3).",
    )

    @field_validator("retry_spread_ns")
    @classmethod
    def _ordered(cls, spread: tuple[int, int] | None) -> tuple[int, int] | None:
        if spread is not None and spread[0] > spread[1]:
            raise ValueError(_SPREAD_ALLOWED)
        return spread


class Variants(Part):
    """Another design than the rules', for comparison; whoever reports a run says which."""

    resume: Literal["none", "last-event-id"] = Field(
        default="none", description="Whether a client that comes back names what it had last."
    )

    def for_engine(self) -> engine.Variants:
        """The same for the engine."""
        return engine.Variants(resume=self.resume)


class SiteCheck(Part):
    """The site's own validation (item 6): a command and the directory that it runs in."""

    directory: Annotated[StrictStr, Allowed("the folder of the site, as text")] = Field(
        min_length=1, description="Where it runs, relative to the scenario's folder."
    )
    validate_command: Annotated[StrictStr, Allowed("a command, as text")] = Field(
        default="yarn validate", alias="validate", min_length=1, description="The command."
    )


class Outcome(Part):
    """Declares a counterexample: it passes exactly when these, and no others, fail."""

    fail: Annotated[tuple[StrictStr, ...], Allowed("a list of one code or more, as text")] = Field(
        min_length=1, description="The codes that must fail."
    )


def _moment(value: object) -> object:
    if isinstance(value, str):
        try:
            since = timedelta(microseconds=parse_moment(value) // 1000)
            return datetime(1970, 1, 1, tzinfo=UTC) + since
        except (ValueError, OverflowError):
            raise ValueError(STARTS_ALLOWED) from None
    # A bare number would be read as seconds since 1970: nobody means that here.
    if not isinstance(value, datetime):
        raise ValueError(STARTS_ALLOWED)  # noqa: TRY004 - pydantic collects ValueErrors
    return value


class Scenario(Part):
    """One feature, the load on it, what goes wrong, what its owner expects.

    Load one with `simrt.load(path)` or `simrt.scenario(dict)`: these report all mistakes at once.
    """

    title: StrictStr = Field(min_length=1, max_length=200, description="A short title.")
    question: StrictStr = Field(default="", description="Which question it answers.")
    intent: Intent
    feature: Feature
    workload: Workload
    faults: Annotated[
        tuple[Fault, ...], Allowed("a list of faults, such as {at: 3m, stall: office, for: 45s}")
    ] = Field(default=(), description="What goes wrong, and when.")
    expect: Annotated[
        tuple[StrictStr, ...],
        Allowed("a list of expectations as text, such as missed_fraction(office) <= 0.1"),
    ] = Field(default=(), description="What must hold: missed_fraction(office) <= 0.1")
    outcome: Outcome | None = Field(default=None, description="Only for counterexamples.")
    server: ServerSettings = Field(default=ServerSettings(), description="The server's settings.")
    variants: Variants = Field(default=Variants(), description="Another design, for comparison.")
    site: SiteCheck | None = Field(default=None, description="The site's own validation.")
    starts: Annotated[datetime, BeforeValidator(_moment), Allowed(STARTS_ALLOWED)] = Field(
        default=datetime(2026, 1, 1, tzinfo=UTC), description="The wall clock at the start."
    )
    timezone: Annotated[StrictStr, Allowed(ZONE_ALLOWED)] = Field(
        default="UTC", description="The time zone of cron expressions."
    )

    # Where the file stands: traces and the site's directory are relative to it.
    _directory: str = PrivateAttr(default="")
    _name: str = PrivateAttr(default="")
    _file: str = PrivateAttr(default="")

    @field_validator("starts")
    @classmethod
    def _aware(cls, starts: datetime) -> datetime:
        if starts.tzinfo is None or not 1970 <= starts.year <= 2200:
            raise ValueError(STARTS_ALLOWED)
        return starts.astimezone(UTC)

    @field_validator("timezone")
    @classmethod
    def _zone(cls, name: str) -> str:
        zone_of(name)
        return name

    @model_validator(mode="after")
    def _zone_of_jobs(self) -> Self:
        for sender in self.feature.senders:
            if sender.job is not None and "timezone" not in sender.model_fields_set:
                # Inherited, not written: it must not appear among what was written.
                sender.__dict__["timezone"] = self.timezone
        return self

    @property
    def name(self) -> str:
        """A short name for folders and tables: the file's stem, or the title made plain."""
        if self._name:
            return self._name
        plain = "".join(c if c.isalnum() else "-" for c in self.title.lower())
        return "-".join(part for part in plain.split("-") if part)[:60] or "scenario"

    @property
    def directory(self) -> str:
        """The folder that relative paths in the scenario start from; empty: the current one."""
        return self._directory

    @property
    def file(self) -> str:
        """The file it was loaded from, as it was named; empty for a dict."""
        return self._file

    def placed(self, name: str, directory: str, file: str = "") -> Scenario:
        """The same scenario, knowing its name, folder and file."""
        copy = self.model_copy()
        copy._file = file  # noqa: SLF001 - a copy of this same class
        copy._name = name  # noqa: SLF001
        copy._directory = directory  # noqa: SLF001
        return copy

    def falls_silent(self, group: str) -> bool:
        """Whether the network of this group's members falls silent at some time (NET-7)."""
        online = self.workload.subscribers[group].online
        return (online is not None and online.silent) or any(
            (fault.kind, fault.whom) == ("half-open", group) for fault in self.faults
        )

    def fault_stream(self, index: int) -> str:
        """The name of a fault's chance: kind, whom, and its ordinal among equals, from 1."""
        fault = self.faults[index]
        of = (fault.kind, fault.whom)
        ordinal = [(one.kind, one.whom) for one in self.faults[: index + 1]].count(of)
        return f"faults/{fault.kind}/{fault.whom}/{ordinal}"

    def __repr__(self) -> str:
        return f"Scenario {self.title!r}{f', {self.file}' if self.file else ''}"

    def normalised(self) -> dict[str, Any]:
        """The scenario as JSON data in the file's spelling; only what was written.

        `Scenario.model_validate(s.normalised())` has equal parts, undecided options included; only
        the name, the folder and the file are not in it.
        """
        return self.model_dump(mode="json", by_alias=True, exclude_unset=True)

    def with_(self, at: Mapping[str, Any] | None = None, /, **settings: Any) -> Scenario:
        """The same scenario with other settings; all else, the seed's chance too, stays as it is.

        Arguments:
            at: values as in a file, by the path of their key: `{"workload.duration": "1m",
                "faults[0].for": "10s"}`; see `simrt.scenario.paths`.
            settings: the five settings by their Python names: `buffer_size=8`,
                `on_full="drop-newest"`, `message_ttl="10m"`, `last_n=5`, `max_age=None`.

        Raises:
            ScenarioError: with each value that is not allowed.
            UsageError: where there is no such setting, or a path leads nowhere.
        """
        from simrt.scenario.loader import scenario  # the loader knows this model

        if not isinstance(at, Mapping | None):
            raise wrong("with_", at, 'values by path, such as {"workload.duration": "1m"}')
        for name in settings:
            if name not in _SETTINGS:
                known = ", ".join(_SETTINGS)
                raise UsageError(
                    f"there is no setting {name}; there are {known}, and every other key by its"
                    ' path: with_({"workload.duration": "1m"})'
                )
        named = {_SETTINGS[name]: value for name, value in settings.items()}
        data = changed(self.normalised(), {**named, **(at or {})})
        return scenario(data, self.directory).placed(self.name, self.directory, self.file)


# The settings of a feature by their names in Python (OPT-2).
_SETTINGS = {
    "buffer_size": "bufferSize",
    "on_full": "onFull",
    "message_ttl": "messageTTL",
    "last_n": "lastN",
    "max_age": "maxAge",
}
