"""A project: a tenant of the hub, owner of channels."""

from typing import TYPE_CHECKING

from simrt.engine.channel import Channel
from simrt.engine.errors import OptionError, shown
from simrt.engine.options import ChannelOptions
from simrt.engine.state import check_name

if TYPE_CHECKING:
    from simrt.engine.state import HubState


class Project:
    """A tenant. Made by `Hub.project`. Nothing of one can be seen through another (PRJ-1)."""

    __slots__ = ("_hub", "_name")

    def __init__(self, hub: "HubState", name: str) -> None:
        self._hub = hub
        self._name = name

    def __repr__(self) -> str:
        return f"<Project {self._name!r}>"

    @property
    def name(self) -> str:
        """Its name."""
        return self._name

    @property
    def channels(self) -> tuple[Channel, ...]:
        """The channels whose names count against the limit (CHN-5), in order of binding."""
        return tuple(state.channel for state in self._hub.channels.get(self._name, {}).values())

    @property
    def memory_bytes(self) -> int:
        """Bytes of type and encoded data that its channels hold (BUF-5)."""
        states = self._hub.channels.get(self._name, {}).values()
        return sum(state.memory_bytes() for state in states)

    def channel(self, name: str, options: ChannelOptions | None = None) -> Channel:
        """Get a handle for a channel.

        Args:
            name: 1 to 200 bytes of UTF-8 without control characters (CHN-5).
            options: bound at once (CHN-2). None: the bound ones, or the defaults, which are bound
                at the first send or subscribe.

        Raises:
            InvalidNameError: the name has another form.
            OptionError: ``options`` is not `ChannelOptions`.
            OptionsConflictError: other options are bound (CHN-2).
            ChannelLimitError: the project has no room for one more channel (CHN-5).
        """
        check_name(name, "a channel")
        if options is not None and not isinstance(options, ChannelOptions):
            raise OptionError(f"options must be ChannelOptions or None; got {shown(options)}")
        return Channel(self._hub, self._name, name, options)
