"""The scenario: one feature, the load on it, what goes wrong, and what its owner expects.

Pure data. Keys are spelled as people write them in YAML; attributes are `snake_case` with their
unit. Every model is frozen and refuses unknown keys. What one model cannot see alone (does this
group exist?) is asked in `simrt.scenario.consistency`.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    PrivateAttr,
    StrictFloat,
    StrictInt,
    StrictStr,
    WithJsonSchema,
    field_validator,
    model_validator,
)

from simrt.engine import ChannelOptions, ReplayOptions
from simrt.scenario.units import (
    DURATION_ALLOWED,
    DURATION_PATTERN,
    RATE_ALLOWED,
    RATE_PATTERN,
    SIZE_ALLOWED,
    SIZE_PATTERN,
    Rate,
    format_duration,
    format_size,
    parse_duration,
    parse_rate,
    parse_size,
)


def _duration(value: object) -> int:
    if isinstance(value, str):
        return parse_duration(value)
    if value == 0 and not isinstance(value, bool):
        return 0
    raise ValueError(DURATION_ALLOWED)


def _positive_duration(value: object) -> int:
    ns = _duration(value)
    if ns <= 0:
        raise ValueError(f"{DURATION_ALLOWED}, above 0")
    return ns


def _or_none(value: object) -> int | None:
    if value is None or value == "none":
        return None
    if value == 0 or (isinstance(value, str) and value.strip()[:1].isalpha()):
        raise ValueError(f"{DURATION_ALLOWED}, above 0; or none")
    return _positive_duration(value)


def _count_or_none(value: object) -> int | None:
    if value is None or value == "none":
        return None
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    raise ValueError("a whole number, 0 or more; or none")


def _rate(value: object) -> Rate:
    if isinstance(value, Rate):
        return value
    if isinstance(value, str):
        return parse_rate(value)
    raise ValueError(RATE_ALLOWED)


def _size(value: object) -> int:
    if isinstance(value, str):
        return parse_size(value)
    raise ValueError(SIZE_ALLOWED)


_DURATION_SCHEMA = {"type": "string", "pattern": DURATION_PATTERN}

DurationNs = Annotated[
    int,
    BeforeValidator(_duration),
    PlainSerializer(format_duration),
    WithJsonSchema(_DURATION_SCHEMA),
]
PositiveDurationNs = Annotated[
    int,
    BeforeValidator(_positive_duration),
    PlainSerializer(format_duration),
    WithJsonSchema(_DURATION_SCHEMA),
]
OptionalDurationNs = Annotated[
    int | None,
    BeforeValidator(_or_none),
    PlainSerializer(lambda ns: "none" if ns is None else format_duration(ns)),
    WithJsonSchema({"anyOf": [_DURATION_SCHEMA, {"const": "none"}]}),
]
OptionalCount = Annotated[
    int | None,
    BeforeValidator(_count_or_none),
    PlainSerializer(lambda count: "none" if count is None else count),
    WithJsonSchema({"anyOf": [{"type": "integer", "minimum": 0}, {"const": "none"}]}),
]
RateField = Annotated[
    Rate,
    BeforeValidator(_rate),
    PlainSerializer(lambda rate: rate.text),
    WithJsonSchema({"type": "string", "pattern": RATE_PATTERN}),
]
SizeBytes = Annotated[
    int,
    BeforeValidator(_size),
    PlainSerializer(format_size),
    WithJsonSchema({"type": "string", "pattern": SIZE_PATTERN}),
]

Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]


class Part(BaseModel):
    """What all parts of a scenario share: frozen, no unknown keys, keys as in the file."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        populate_by_name=False,
        arbitrary_types_allowed=True,
        serialize_by_alias=True,
    )


class OneOf(Part):
    """A part of which exactly one of some keys says what it is."""

    @classmethod
    def choices(cls) -> tuple[str, ...]:
        """The keys (as written) of which exactly one must stand there."""
        raise NotImplementedError

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        given = [key for key in self.choices() if self._chosen(key) is not None]
        if len(given) != 1:
            found = " and ".join(given) if given else "none of them"
            raise ValueError(f"exactly one of {', '.join(self.choices())}; found {found}")
        return self

    def _chosen(self, key: str) -> Any:
        for name, field in type(self).model_fields.items():
            if (field.alias or name) == key:
                return getattr(self, name)
        raise KeyError(key)

    @property
    def kind(self) -> str:
        """The key that stands there."""
        return next(key for key in self.choices() if self._chosen(key) is not None)


# --- intent -----------------------------------------------------------------------------------

Need = Literal["guaranteed-delivery", "cross-instance", "durable", "unbounded-replay"]


class Intent(Part):
    """What the feature is for.

    `useful_for_ns`: an event older than this misleads more than it helps; None = never.
    """

    kind: Literal["state", "notifications", "invalidation", "progress"]
    useful_for_ns: OptionalDurationNs = Field(default=None, alias="useful_for")
    needs: tuple[Need, ...] = ()


# --- feature ----------------------------------------------------------------------------------


class Options(Part):
    """The channel's options (OPT-1). What is not written is used by default and undecided."""

    buffer_size: StrictInt = Field(default=64, alias="bufferSize", ge=1)
    on_full: Literal["drop-oldest", "drop-newest"] = Field(default="drop-oldest", alias="onFull")
    message_ttl_ns: OptionalDurationNs = Field(default=None, alias="messageTTL")

    def for_engine(self) -> ChannelOptions:
        """The same for the engine: what was written stays written."""
        written = {name: getattr(self, name) for name in sorted(self.model_fields_set)}
        return ChannelOptions(**written)


class Replay(Part):
    """What a new subscription gets from the history (REP-1 to REP-6)."""

    last_n: OptionalCount = Field(default=None, alias="lastN")
    max_age_ns: OptionalDurationNs = Field(default=None, alias="maxAge")

    def for_engine(self) -> ReplayOptions:
        """The same for the engine: what was written stays written."""
        written = {name: getattr(self, name) for name in sorted(self.model_fields_set)}
        return ReplayOptions(**written)


Permission = dict[StrictStr, tuple[Method, ...]]


def _check_permission(permission: Permission) -> Permission:
    for who, methods in permission.items():
        if who not in ("public", "user") and not (who.startswith("token:") and who[6:]):
            raise ValueError("public, user or token:NAME, each with a list of methods")
        if not methods:
            raise ValueError(f"at least one method for {who}, such as [GET]")
    if not permission:
        raise ValueError("public, user or token:NAME, each with a list of methods")
    return permission


class Stream(Part):
    """The subscription endpoint, a read hook (SSE-3). `path` starts with `/`."""

    path: StrictStr = Field(pattern=r"^/[A-Za-z0-9_\-./{}]*$")
    permission: Permission
    replay: Replay = Replay()

    _permission = field_validator("permission")(_check_permission)


class Sender(OneOf):
    """A hook (`POST /content`) or a job (a cron expression or an interval) that sends (HOK-1)."""

    hook: StrictStr | None = Field(
        default=None, pattern=r"^(POST|PUT|PATCH|DELETE) /[A-Za-z0-9_\-./{}]*$"
    )
    job: StrictStr | None = None
    permission: Permission | None = None
    timezone: StrictStr = "UTC"
    sends: StrictStr
    data: Any = None

    @classmethod
    def choices(cls) -> tuple[str, ...]:
        """`hook` or `job`."""
        return ("hook", "job")

    @field_validator("permission")
    @classmethod
    def _permission(cls, permission: Permission | None) -> Permission | None:
        return permission if permission is None else _check_permission(permission)

    @property
    def method(self) -> str:
        """The hook's HTTP method."""
        assert self.hook is not None
        return self.hook.split(" ", 1)[0]

    @property
    def path(self) -> str:
        """The hook's path, without the project."""
        assert self.hook is not None
        return self.hook.split(" ", 1)[1]

    @property
    def interval_ns(self) -> int | None:
        """The job's interval in nanoseconds, or None where it is a cron expression."""
        try:
            return parse_duration(self.job or "")
        except ValueError:
            return None


class Feature(Part):
    """One realtime feature of one project: channel, endpoint, events, senders.

    `events`: type -> JSON Schema of its data, `examples` among it (SSE-7).
    """

    project: StrictStr = Field(pattern=r"^[A-Za-z0-9_\-]{1,64}$")
    channel: StrictStr = Field(min_length=1, max_length=200)
    options: Options = Options()
    stream: Stream
    events: dict[StrictStr, dict[str, Any]] = Field(min_length=1)
    senders: tuple[Sender, ...] = ()

    @property
    def hooks(self) -> tuple[Sender, ...]:
        """The senders that are hooks, in file order."""
        return tuple(sender for sender in self.senders if sender.hook is not None)

    @property
    def jobs(self) -> tuple[Sender, ...]:
        """The senders that are jobs, in file order."""
        return tuple(sender for sender in self.senders if sender.job is not None)

    def hook_for(self, event: str) -> Sender | None:
        """The first hook that sends this event type."""
        return next((hook for hook in self.hooks if hook.sends == event), None)

    @property
    def undecided(self) -> tuple[str, ...]:
        """The options and replay limits that were left to their default (OPT-3), as written."""
        names = {
            "bufferSize": ("buffer_size", self.options),
            "onFull": ("on_full", self.options),
            "messageTTL": ("message_ttl_ns", self.options),
            "lastN": ("last_n", self.stream.replay),
            "maxAge": ("max_age_ns", self.stream.replay),
        }
        return tuple(
            key for key, (name, part) in names.items() if name not in part.model_fields_set
        )


# --- distributions and arrivals -----------------------------------------------------------------


class Erlang(Part):
    """A sum of `shape` equal exponential stages with this mean in all."""

    mean_ns: PositiveDurationNs = Field(alias="mean")
    shape: StrictInt = Field(ge=1)


class Uniform(Part):
    """Equally likely between two durations."""

    low_ns: DurationNs = Field(alias="low")
    high_ns: PositiveDurationNs = Field(alias="high")


class Phase(Part):
    """One phase of a hyperexponential: with probability `p`, exponential with this mean."""

    p: StrictFloat = Field(gt=0, le=1)
    mean_ns: PositiveDurationNs = Field(alias="mean")


class Distribution(OneOf):
    """A law for a length of time; a bare duration means `constant`."""

    constant_ns: DurationNs | None = Field(default=None, alias="constant")
    exponential_ns: PositiveDurationNs | None = Field(default=None, alias="exponential")
    erlang: Erlang | None = None
    uniform: Uniform | None = None
    hyperexponential: tuple[Phase, ...] | None = Field(default=None, min_length=2)

    @classmethod
    def choices(cls) -> tuple[str, ...]:
        """The laws."""
        return ("constant", "exponential", "erlang", "uniform", "hyperexponential")

    @model_validator(mode="before")
    @classmethod
    def _bare(cls, value: object) -> object:
        return {"constant": value} if isinstance(value, str) or value == 0 else value

    @property
    def mean_ns(self) -> float:
        """The mean, in nanoseconds."""
        if self.constant_ns is not None:
            return float(self.constant_ns)
        if self.exponential_ns is not None:
            return float(self.exponential_ns)
        if self.erlang is not None:
            return float(self.erlang.mean_ns)
        if self.uniform is not None:
            return (self.uniform.low_ns + self.uniform.high_ns) / 2
        assert self.hyperexponential is not None
        return sum(phase.p * phase.mean_ns for phase in self.hyperexponential)


class BatchSize(OneOf):
    """How many sends one batch holds: always `fixed`, or geometric (1, 2, …) with this mean."""

    fixed: StrictInt | None = Field(default=None, ge=1)
    geometric: StrictInt | StrictFloat | None = Field(default=None, ge=1)

    @classmethod
    def choices(cls) -> tuple[str, ...]:
        """`fixed` or `geometric`."""
        return ("fixed", "geometric")


class Batch(Part):
    """Batches form a Poisson process; the sends of one batch share one instant."""

    rate: RateField
    size: BatchSize


class OnOff(Part):
    """Poisson sends during `on` periods, none during `off` periods; starts on."""

    rate: RateField
    on: Distribution
    off: Distribution


class Trace(Part):
    """Recorded times: CSV or JSON Lines with `t` and `event`.

    `compress`: recorded seconds per scenario second. `offset`: recorded time that is skipped,
    counted from the first record.
    """

    file: StrictStr
    compress: StrictInt | StrictFloat = Field(default=1, gt=0)
    offset_ns: DurationNs = Field(default=0, alias="offset")


class Arrivals(OneOf):
    """When sends are caused."""

    poisson: RateField | None = None
    periodic: RateField | None = None
    batch: Batch | None = None
    on_off: OnOff | None = Field(default=None, alias="on-off")
    trace: Trace | None = None

    @classmethod
    def choices(cls) -> tuple[str, ...]:
        """The processes."""
        return ("poisson", "periodic", "batch", "on-off", "trace")


# --- workload ---------------------------------------------------------------------------------


class Publish(Part):
    """What calls a hook: the event that it causes, when, and with which data."""

    event: StrictStr
    arrivals: Arrivals
    data: Any = None


class Reconnect(Part):
    """When a client tries again (CLI-1)."""

    after_ns: DurationNs = Field(default=3_000_000_000, alias="after")
    jitter_ns: DurationNs = Field(default=1_000_000_000, alias="jitter")
    backoff: StrictInt | StrictFloat = Field(default=1, ge=1)
    at_most_ns: DurationNs = Field(default=30_000_000_000, alias="atMost")


class Online(Part):
    """Periods with and without network; the first online period begins at 0 (CLI-1)."""

    up: Distribution
    down: Distribution


def _window(value: object) -> int | str:
    if isinstance(value, int) and not isinstance(value, bool) and value >= 1:
        return value
    if isinstance(value, str):
        try:
            if parse_size(value) > 0:
                return value
        except ValueError:
            pass
    raise ValueError("a number of messages, 1 or more, or bytes such as 16KiB")


Window = Annotated[
    int | str,
    BeforeValidator(_window),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "integer", "minimum": 1},
                {"type": "string", "pattern": SIZE_PATTERN},
            ]
        }
    ),
]


class Subscribers(Part):
    """A group of like clients."""

    count: StrictInt = Field(default=1, ge=1, le=100_000)
    drain: Distribution = Distribution(constant=0)
    latency_ns: DurationNs = Field(default=0, alias="latency")
    window: Window = 16
    online: Online | None = None
    reconnect: Reconnect | Literal["at-once"] = Reconnect()
    client: Literal["browser", "patient"] = "browser"
    credentials: Literal["right", "none", "wrong", "expired", "other-project"] = "right"

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

    duration_ns: PositiveDurationNs = Field(alias="duration")
    publish: tuple[Publish, ...] = ()
    subscribers: dict[
        Annotated[StrictStr, Field(pattern=r"^[A-Za-z][A-Za-z0-9_\-]{0,63}$")], Subscribers
    ] = Field(min_length=1)


# --- faults, expectations, the rest -------------------------------------------------------------


class Fault(OneOf):
    """What goes wrong, when, and for how long; it heals by itself.

    `by`: the share of the group for `disconnect`, above 0 and at most 1.
    """

    at_ns: DurationNs = Field(alias="at")
    for_ns: DurationNs = Field(default=0, alias="for")
    by: StrictInt | StrictFloat | None = None
    restart: Literal["server"] | None = None
    stall: StrictStr | None = None
    disconnect: StrictStr | None = None

    @classmethod
    def choices(cls) -> tuple[str, ...]:
        """The kinds of fault."""
        return ("restart", "stall", "disconnect")

    @property
    def whom(self) -> str:
        """The group that it hits, or `server`."""
        return str(self._chosen(self.kind))

    @property
    def heals_ns(self) -> int:
        """When it is over."""
        return self.at_ns + self.for_ns


class ServerSettings(Part):
    """The server's own settings; every value is its default, `none` switches one off."""

    heartbeat_ns: OptionalDurationNs = Field(default=15_000_000_000, alias="heartbeat")
    peer_timeout_ns: OptionalDurationNs = Field(default=30_000_000_000, alias="peerTimeout")
    write_deadline_ns: OptionalDurationNs = Field(default=60_000_000_000, alias="writeDeadline")
    retry_spread_ns: tuple[DurationNs, DurationNs] | None = Field(
        default=(2_000_000_000, 5_000_000_000), alias="retrySpread"
    )
    quiet_ns: DurationNs = Field(default=60_000_000_000, alias="quiet")
    max_event_bytes: SizeBytes = Field(default=65_536, alias="maxEventBytes", ge=2)

    @field_validator("retry_spread_ns", mode="before")
    @classmethod
    def _spread(cls, value: object) -> object:
        return None if value == "none" else value

    @field_validator("retry_spread_ns")
    @classmethod
    def _ordered(cls, spread: tuple[int, int] | None) -> tuple[int, int] | None:
        if spread is not None and spread[0] > spread[1]:
            raise ValueError("two durations, the smaller first, or none")
        return spread


class SiteCheck(Part):
    """The site's own validation (item 6): a command and the directory that it runs in."""

    directory: StrictStr
    validate_command: StrictStr = Field(default="yarn validate", alias="validate", min_length=1)


class Outcome(Part):
    """Declares a counterexample: it passes exactly when these, and no others, fail."""

    fail: tuple[StrictStr, ...] = Field(min_length=1)


class Scenario(Part):
    """One feature, the load on it, what goes wrong, what its owner expects.

    Load one with `simrt.load(path)` or `simrt.scenario(dict)`: these report all mistakes at once.
    """

    title: StrictStr = Field(min_length=1)
    question: StrictStr = ""
    intent: Intent
    feature: Feature
    workload: Workload
    faults: tuple[Fault, ...] = ()
    expect: tuple[StrictStr, ...] = ()
    outcome: Outcome | None = None
    server: ServerSettings = ServerSettings()
    site: SiteCheck | None = None
    starts: datetime = datetime(2026, 1, 1, tzinfo=UTC)
    timezone: StrictStr = "UTC"

    # Where the file stands: traces and the site's directory are relative to it.
    _directory: str = PrivateAttr(default="")
    _name: str = PrivateAttr(default="")

    @field_validator("starts")
    @classmethod
    def _aware(cls, starts: datetime) -> datetime:
        if starts.tzinfo is None:
            raise ValueError("a date and time with its offset, such as 2026-01-01T00:00:00Z")
        return starts.astimezone(UTC)

    @field_validator("timezone")
    @classmethod
    def _zone(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (KeyError, ValueError, OSError):
            raise ValueError("the name of a time zone, such as UTC or Europe/Berlin") from None
        return name

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

    def placed(self, name: str, directory: str) -> Scenario:
        """The same scenario, knowing its name and folder."""
        copy = self.model_copy()
        copy._name = name  # noqa: SLF001 - a copy of this same class
        copy._directory = directory  # noqa: SLF001
        return copy

    def normalised(self) -> dict[str, Any]:
        """The scenario as JSON data in the file's spelling; only what was written.

        `Scenario.model_validate(s.normalised())` is equal to `s`, undecided options included.
        """
        return self.model_dump(mode="json", by_alias=True, exclude_unset=True)
