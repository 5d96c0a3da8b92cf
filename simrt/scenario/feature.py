"""The feature of a scenario: channel, endpoint, events, senders."""

from __future__ import annotations

import unicodedata
from typing import Annotated, Any, Literal

from pydantic import Field, StrictInt, StrictStr, field_validator

from simrt.engine import ChannelOptions, ReplayOptions
from simrt.scenario.fields import (
    MOST_MESSAGES,
    Allowed,
    OneOf,
    OptionalCount,
    OptionalDurationNs,
    Part,
    Permission,
)
from simrt.scenario.units import ZONE_ALLOWED, parse_duration

# A type that cannot be broken out of, neither in a stream nor in a table (PUB-3).
EventType = Annotated[
    StrictStr,
    Field(pattern=r"^[^\x00-\x1f\x7f]{1,200}$"),
    Allowed("an event type of 1 to 200 characters, none of them a control character"),
]


_CHANNEL_ALLOWED = "a name of 1 to 200 bytes of UTF-8 without control characters"


class Options(Part):
    """The channel's options (OPT-1). What is not written is used by default and undecided."""

    buffer_size: StrictInt = Field(
        default=64,
        alias="bufferSize",
        ge=1,
        le=MOST_MESSAGES,
        description="Capacity of the history and of each pending queue, in messages.",
    )
    on_full: Literal["drop-oldest", "drop-newest"] = Field(
        default="drop-oldest",
        alias="onFull",
        description="Which message a full pending queue loses.",
    )
    message_ttl_ns: OptionalDurationNs = Field(
        default=None, alias="messageTTL", description="Age from which a message is expired."
    )

    def for_engine(self) -> ChannelOptions:
        """The same for the engine: what was written stays written."""
        written = {name: getattr(self, name) for name in sorted(self.model_fields_set)}
        return ChannelOptions(**written)


class Replay(Part):
    """What a new subscription gets from the history (REP-1 to REP-6)."""

    last_n: OptionalCount = Field(
        default=None, alias="lastN", description="At most this many messages of replay."
    )
    max_age_ns: OptionalDurationNs = Field(
        default=None, alias="maxAge", description="Replay no message older than this."
    )

    def for_engine(self) -> ReplayOptions:
        """The same for the engine: what was written stays written."""
        written = {name: getattr(self, name) for name in sorted(self.model_fields_set)}
        return ReplayOptions(**written)


# Plain segments: nothing that a client, a proxy or a router would rewrite.
_PATH = r"/([A-Za-z0-9_\-][A-Za-z0-9_\-.]*(/[A-Za-z0-9_\-][A-Za-z0-9_\-.]*)*)?"


class Stream(Part):
    """The subscription endpoint, a read hook (SSE-3)."""

    path: Annotated[
        StrictStr,
        Allowed(
            "a path of letters, digits, - _ and . such as /admin/news, without a slash at its end"
        ),
    ] = Field(pattern=rf"^{_PATH}$", description="Its path below the project, such as /admin/news.")
    permission: Permission = Field(description="Who may open it: {user: [GET]}.")
    replay: Replay = Field(default=Replay(), description="What a new subscription gets first.")


class Sender(OneOf):
    """A hook (`POST /content`) or a job (a cron expression or an interval) that sends (HOK-1)."""

    hook: Annotated[
        StrictStr | None,
        Allowed(
            "a method and a path, such as POST /content: POST, PUT, PATCH or DELETE; "
            "letters, digits, - _ and . without a slash at the end"
        ),
    ] = Field(
        default=None,
        pattern=rf"^(POST|PUT|PATCH|DELETE) {_PATH}$",
        description="Method and path of the request that causes the send.",
    )
    job: Annotated[
        StrictStr | None,
        Allowed(
            "a cron expression of five fields, such as */5 * * * *, or an interval such as 30s"
        ),
    ] = Field(
        default=None, description="A cron expression of five fields, or an interval such as 30s."
    )
    permission: Permission | None = Field(
        default=None, description="Who may call the hook: {token:editor: [POST]}."
    )
    timezone: Annotated[StrictStr, Allowed(ZONE_ALLOWED)] = Field(
        default="UTC", description="The time zone of the cron expression; default: the scenario's."
    )
    body: Literal["event", "list"] = Field(
        default="event",
        description="What one call of the hook brings: one event's data, or a list of them.",
    )
    sends: Annotated[StrictStr, Allowed("the event type that it sends, as text")] = Field(
        description="The event's type."
    )
    data: Any = Field(
        default=None, description="Its data; {n} and {now} are filled in. Default: first example."
    )

    @classmethod
    def choices(cls) -> tuple[str, ...]:
        """`hook` or `job`."""
        return ("hook", "job")

    @classmethod
    def branch(cls, choice: str) -> dict[str, Any]:
        """A hook has a permission of its own (HOK-1) and a body; only jobs have a time zone."""
        if choice == "hook":
            return {"required": ["permission"], "not": {"required": ["timezone"]}}
        return {"not": {"anyOf": [{"required": ["permission"]}, {"required": ["body"]}]}}

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
    """One realtime feature of one project: channel, endpoint, events, senders."""

    project: Annotated[StrictStr, Allowed("1 to 64 letters, digits, - or _")] = Field(
        pattern=r"^[A-Za-z0-9_\-]{1,64}$", description="The project; URLs start with its name."
    )
    channel: Annotated[StrictStr, Allowed(_CHANNEL_ALLOWED)] = Field(
        min_length=1, max_length=200, description="The channel's name, 1 to 200 bytes."
    )
    options: Options = Field(default=Options(), description="The channel's options.")
    stream: Stream
    events: Annotated[
        dict[EventType, dict[str, Any]],
        Allowed("event types, each with the JSON Schema of its data"),
    ] = Field(
        min_length=1, description="Type to JSON Schema of its data, examples among it (SSE-7)."
    )
    senders: Annotated[tuple[Sender, ...], Allowed("a list of hooks and jobs")] = Field(
        default=(), description="Hooks and jobs that send."
    )

    @field_validator("channel")
    @classmethod
    def _channel_name(cls, name: str) -> str:
        if len(name.encode()) > 200 or any(unicodedata.category(c) == "Cc" for c in name):
            raise ValueError(_CHANNEL_ALLOWED)
        return name

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
