"""What a site declares: channels with their events, and who may read them or send to them.

Pure data: no clock, no sockets.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from simrt.engine import ChannelOptions, EventError, InvalidNameError, ReplayOptions
from simrt.engine.message import check_type
from simrt.engine.state import check_name
from simrt.errors import UsageError
from simrt.scenario.events import Shapes
from simrt.scenario.model import Sender
from simrt.scenario.shapes import shape_of
from simrt.server.access import Permission
from simrt.server.call import Handler, Params, Rejected
from simrt.server.origins import Origins
from simrt.server.settings import StreamSettings
from simrt.server.signs import Sign

_NAME = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}")
# What a path parameter may be: no separator, no control character, nothing that climbs.
_VALUE = r"[A-Za-z0-9_\-][A-Za-z0-9_.\-]{0,127}"


@dataclass(frozen=True, slots=True)
class Pattern:
    """A path or a channel's name with parameters in braces."""

    text: str

    @property
    def names(self) -> tuple[str, ...]:
        """The parameters."""
        return tuple(_NAME.findall(self.text))

    @property
    def bare(self) -> str:
        """The text without them."""
        return _NAME.sub("", self.text)

    def matcher(self) -> re.Pattern[str]:
        """A regular expression for paths; it accepts only values that are safe in a name."""
        parts = _NAME.split(self.text)
        found = "".join(
            f"(?P<{part}>{_VALUE})" if place % 2 else re.escape(part)
            for place, part in enumerate(parts)
        )
        return re.compile(found)

    def fill(self, params: Params) -> str:
        """The text with its parameters filled in; values are checked again.

        Raises:
            Rejected: for a parameter that is missing or unsafe.
        """

        def value(match: re.Match[str]) -> str:
            given = params.get(match[1])
            if not isinstance(given, str) or not re.fullmatch(_VALUE, given):
                raise Rejected("event", f"{match[1]} in the channel's name is missing or unsafe")
            return given

        return _NAME.sub(value, self.text)


@dataclass(slots=True)
class Feed:
    """A channel, or a family of channels, with what may be sent to it (SSE-7)."""

    project: str
    channel: Pattern
    options: ChannelOptions | None
    settings: StreamSettings
    schemas: dict[str, dict[str, Any]]
    shapes: Shapes = field(init=False)

    def __post_init__(self) -> None:
        try:
            if not self.channel.names:  # else each name is judged when it is filled in
                check_name(self.channel.text, "a channel")
            for event, schema in self.schemas.items():
                check_type(event)
                try:
                    shape_of(schema)
                except UsageError as error:
                    raise UsageError(
                        f"channel {self.channel.text}: the schema of {event}: {error}"
                    ) from None
        except (InvalidNameError, EventError) as error:
            raise UsageError(f"project {self.project}: {error}") from None
        self.shapes = Shapes(self.schemas)


@dataclass(frozen=True, slots=True, eq=False)
class StreamEndpoint:
    """A read hook: the only way to a channel's messages (SSE-3)."""

    feed: Feed
    path: Pattern
    permission: Permission
    replay: ReplayOptions
    limit: int | None
    origins: Origins

    method = "GET"

    @property
    def project(self) -> str:
        """Whose it is."""
        return self.feed.project


@dataclass(frozen=True, slots=True, eq=False)
class Hook:
    """An endpoint that sends because something changed (HOK-1)."""

    project: str
    method: str
    path: Pattern
    permission: Permission
    sends: tuple[str, ...]
    channel: str | None
    handler: Handler
    origins: Origins

    @property
    def sender(self) -> str:
        """Its name in a history."""
        return f"{self.method} {self.path.text}"


@dataclass(frozen=True, slots=True, eq=False)
class Job:
    """Sends on a schedule (HOK-1, HOK-3)."""

    project: str
    schedule: Sender
    sends: tuple[str, ...]
    channel: str | None
    handler: Handler

    @property
    def sender(self) -> str:
        """Its name in a history."""
        return self.schedule.job or ""


Endpoint = StreamEndpoint | Hook | Sign
