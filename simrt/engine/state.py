"""What a hub remembers: time, epoch, limits, the channels of each project, and who is ready.

Internal. `Hub`, `Project` and `Channel` are what callers hold.
"""

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from simrt.engine.channel_state import ChannelState
from simrt.engine.errors import (
    ChannelLimitError,
    EpochError,
    InvalidNameError,
    OptionsConflictError,
    TimeError,
    shown,
)
from simrt.engine.message import Fate, Message
from simrt.engine.options import ChannelOptions, Variants

if TYPE_CHECKING:
    from simrt.engine.channel import Channel
    from simrt.engine.subscription import Subscription

OnReady = Callable[["Channel"], None]
OnFate = Callable[["Subscription", Message, Fate, int], None]

MAX_NAME_BYTES: Final = 200
_CONTROL = re.compile("[\0-\x1f\x7f-\x9f]")
_EPOCH = re.compile("[A-Za-z0-9_-]{1,64}")


def check_name(name: object, what: str) -> str:
    """Return the name of a project or a channel, or raise `InvalidNameError` (CHN-5)."""
    rule = f"{what} is named by 1 to {MAX_NAME_BYTES} bytes of UTF-8 without control characters"
    if not isinstance(name, str):
        raise InvalidNameError(f"{rule}; got {shown(name)}")
    try:
        size = len(name.encode())
    except UnicodeEncodeError as error:
        raise InvalidNameError(f"{rule}; got {shown(name)}, which has no UTF-8 form") from error
    if not 1 <= size <= MAX_NAME_BYTES or _CONTROL.search(name):
        raise InvalidNameError(f"{rule}; got {shown(name)} of {size} bytes")
    return name


def check_epoch(epoch: object, used: tuple[str, ...] = ()) -> str:
    """Return the name of a new life of a hub, or raise `EpochError` (HUB-2)."""
    if not isinstance(epoch, str) or not _EPOCH.fullmatch(epoch):
        raise EpochError(
            f"an epoch is 1 to 64 of the characters A-Z a-z 0-9 _ and -; got {shown(epoch)}"
        )
    if epoch in used:
        raise EpochError(f"epoch {epoch!r} was just in use; a restart needs a new one")
    return epoch


class HubState:
    """The memory of one hub, shared by its handles."""

    __slots__ = (
        "channels",
        "epoch",
        "last_epoch",
        "max_channels",
        "max_event_bytes",
        "now",
        "on_fate",
        "on_ready",
        "ready",
        "variants",
    )

    def __init__(
        self,
        epoch: str,
        on_ready: OnReady | None,
        on_fate: OnFate | None,
        max_event_bytes: int,
        max_channels: int,
        variants: Variants,
    ) -> None:
        self.epoch = epoch
        self.last_epoch = epoch
        self.on_ready = on_ready
        self.on_fate = on_fate
        self.max_event_bytes = max_event_bytes
        self.max_channels = max_channels
        self.variants = variants
        self.now: int | float = float("-inf")  # before the first call any time is allowed
        self.channels: dict[str, dict[str, ChannelState]] = {}  # project, name: see PRJ-1
        self.ready: dict[ChannelState, None] = {}  # in order of becoming ready (HUB-4)

    def check_time(self, now: object) -> None:
        """Raise `TimeError` if a call at ``now`` is refused (HUB-3)."""
        if type(now) is not int or now < self.now:
            raise self.time_error(now)

    def time_error(self, now: object) -> TimeError:
        """Say why a call at ``now`` is refused (HUB-3)."""
        if type(now) is not int:
            return TimeError(f"now must be an integer number of nanoseconds; got {shown(now)}")
        return TimeError(
            f"now must not decrease: this hub has seen {self.now}, got {now}; "
            "read the clock and call in one step"
        )

    def announce(self, channel: ChannelState) -> None:
        """Tell the driver that a channel has become ready (HUB-4)."""
        if self.on_ready is not None:
            self.on_ready(channel.channel)

    def find(self, project: str, name: str) -> ChannelState | None:
        """Find what is bound to a name of a project."""
        return self.channels.get(project, {}).get(name)

    def bind(
        self, project: str, name: str, options: ChannelOptions | None, channel: "Channel"
    ) -> ChannelState:
        """Find the channel of a name, or bind the name to it (CHN-2).

        Args:
            project: who owns the channel.
            name: its name there.
            options: what the handle was made with; None takes what is bound, else the defaults.
            channel: the handle that asks.

        Raises:
            OptionsConflictError: other options are bound.
            ChannelLimitError: the project has no room for one more (CHN-5).
        """
        state = self.find(project, name)
        if state is None:
            names = self.channels.get(project, {})
            if len(names) >= self.max_channels:
                raise ChannelLimitError(
                    f"project {project!r} has its {self.max_channels} channels already; "
                    f"channel {name!r} would be one more: use fewer names, or raise max_channels"
                )
            options = options or ChannelOptions()
            state = ChannelState(self, channel, options)
            self.channels.setdefault(project, {})[name] = state
        elif options is not None:
            if options != state.options:
                raise OptionsConflictError(
                    f"channel {name!r} of project {project!r} has {state.options}; "
                    f"it cannot have {options} before a restart"
                )
            state.decided.update(dict.fromkeys(options.decided))
        return state

    def restart(self, epoch: str, now: int) -> None:
        """End every subscription, empty and unbind every channel, begin a new epoch (RST-1)."""
        for names in self.channels.values():
            for state in names.values():
                state.end()
        self.channels = {}  # RST-6: handles find nothing bound and bind again
        self.ready = {}
        self.last_epoch, self.epoch = self.epoch, epoch
        self.now = now
