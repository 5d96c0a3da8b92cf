"""The hub: the realtime memory of one server process (HUB-1)."""

from typing import Final

from simrt.engine.channel import Channel
from simrt.engine.errors import OptionError, shown
from simrt.engine.message import DEFAULT_MAX_EVENT_BYTES
from simrt.engine.options import Variants, at_least
from simrt.engine.project import Project
from simrt.engine.state import HubState, OnFate, OnReady, check_epoch, check_name

DEFAULT_MAX_CHANNELS: Final = 10_000


class Hub:
    """All projects, all channels of one server process, in memory only (HUB-1).

    One caller at a time (HUB-4). Time is what the caller passes in as ``now`` (HUB-3).

    Args:
        epoch: name of this life of the hub: 1 to 64 of ``A-Z a-z 0-9 _ -`` (HUB-2).
        on_ready: called with a channel when it goes from nothing to collect to something, after
            the change of the call that caused it is complete (HUB-4). It may call the hub. What
            it raises comes out of that call, whose change stands.
        on_fate: set it while a history is recorded (PUB-4). Called with a subscription, a message,
            its fate and the time of the call that decided it: ``dropped-oldest`` and
            ``dropped-newest`` in the send that caused it, ``expired`` in the take that found it,
            ``discarded`` in the close. It must neither call the hub nor raise.
        max_event_bytes: most bytes of an event's data as compact UTF-8 JSON (PUB-3).
        max_channels: most channels of one project (CHN-5).
        variants: another design than the rules', for comparison; default: none.

    Raises:
        EpochError: the epoch has another form.
        OptionError: ``variants`` is not `Variants`, or a limit is no integer of at least 1.
    """

    __slots__ = ("_state",)

    def __init__(
        self,
        epoch: str,
        on_ready: OnReady | None = None,
        on_fate: OnFate | None = None,
        *,
        max_event_bytes: int = DEFAULT_MAX_EVENT_BYTES,
        max_channels: int = DEFAULT_MAX_CHANNELS,
        variants: Variants | None = None,
    ) -> None:
        variants = Variants() if variants is None else variants
        if not isinstance(variants, Variants):
            raise OptionError(f"variants must be Variants or None; got {shown(variants)}")
        self._state = HubState(
            check_epoch(epoch),
            on_ready,
            on_fate,
            at_least(max_event_bytes, 1, "max_event_bytes (maxEventBytes, bytes)"),
            at_least(max_channels, 1, "max_channels (channels per project)"),
            variants,
        )

    def __repr__(self) -> str:
        return f"<Hub {self.epoch!r}>"

    @property
    def epoch(self) -> str:
        """The name of its present life."""
        return self._state.epoch

    @property
    def now(self) -> int | None:
        """Time of the last accepted call that had one, nanoseconds; None before it (HUB-3)."""
        now = self._state.now
        return now if isinstance(now, int) else None

    @property
    def max_event_bytes(self) -> int:
        """Most bytes of an event's data as compact UTF-8 JSON (PUB-3)."""
        return self._state.max_event_bytes

    @property
    def max_channels(self) -> int:
        """Most channels of one project (CHN-5)."""
        return self._state.max_channels

    @property
    def variants(self) -> Variants:
        """The variants that it was made with."""
        return self._state.variants

    @property
    def ready_channels(self) -> tuple[Channel, ...]:
        """The channels with something to collect, in order of becoming ready (HUB-4).

        A channel leaves when `Channel.collect_ready` is called, or nothing is left to collect.
        """
        return tuple(state.channel for state in self._state.ready)

    @property
    def memory_bytes(self) -> int:
        """Bytes of type and encoded data of all messages held, each counted once (BUF-5).

        Counted when read: this costs time in proportion to what is held.
        """
        projects = self._state.channels.values()
        return sum(state.memory_bytes() for names in projects for state in names.values())

    def project(self, name: str) -> Project:
        """Get a handle for a project.

        Args:
            name: 1 to 200 bytes of UTF-8 without control characters.

        Raises:
            InvalidNameError: the name has another form.
        """
        return Project(self._state, check_name(name, "a project"))

    def forget(self, now: int) -> int:
        """Drop the histories that nobody can ever read, to save memory (CHN-3).

        These are the wholly expired ones of channels without subscriptions. The close of a last
        subscription does it for its channel; this looks at all, whenever the caller likes. It
        changes nothing that can be taken or replayed.

        Args:
            now: time of the call, nanoseconds.

        Returns:
            Number of channels whose history was dropped.

        Raises:
            TimeError: ``now`` lies before the hub's time (HUB-3).
        """
        state = self._state
        state.check_time(now)
        state.now = now
        return sum(
            channel.forget(now) for names in state.channels.values() for channel in names.values()
        )

    def restart(self, epoch: str, now: int) -> None:
        """End every subscription, empty every channel, unbind all options (RST-1, RST-6).

        What was pending is ``discarded`` in the fates of its subscription. ``on_fate`` does not
        hear of it: a killed process writes no last words. To model an orderly shutdown, close
        the subscriptions first.

        Args:
            epoch: name of the new life: neither the present one nor the one before it (HUB-2).
            now: time of the call, nanoseconds. Time goes on across restarts.

        Raises:
            EpochError: the epoch has another form, or was just in use.
            TimeError: ``now`` lies before the hub's time (HUB-3).
        """
        state = self._state
        check_epoch(epoch, used=(state.epoch, state.last_epoch))
        state.check_time(now)
        state.restart(epoch, now)
