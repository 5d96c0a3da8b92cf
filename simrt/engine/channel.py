"""A channel as its callers hold it: a handle that stays valid across restarts (RST-6)."""

from typing import TYPE_CHECKING

from simrt.engine.channel_state import ChannelState
from simrt.engine.errors import EventError, OptionError, shown
from simrt.engine.message import EncodedEvent, Message, encode_event
from simrt.engine.options import ChannelOptions, ReplayOptions

if TYPE_CHECKING:
    from simrt.engine.state import HubState
    from simrt.engine.subscription import Subscription

_NO_REPLAY = ReplayOptions()
_new = tuple.__new__  # half the price of calling the class, on the path of every send


class Channel:
    """A named stream of messages inside one project. Made by `Project.channel`.

    Two handles are equal when they name the same channel of the same hub.
    """

    __slots__ = ("_hub", "_name", "_options", "_project", "_state")

    def __init__(
        self, hub: "HubState", project: str, name: str, options: ChannelOptions | None
    ) -> None:
        self._hub = hub
        self._project = project
        self._name = name
        self._options = options
        self._state: ChannelState | None = None
        if options is not None:
            self._bind()  # CHN-2: at once

    def __repr__(self) -> str:
        return f"<Channel {self._name!r} of {self._project!r}>"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Channel):
            return NotImplemented
        return (
            self._hub is other._hub
            and self._project == other._project
            and self._name == other._name
        )

    def __hash__(self) -> int:
        return hash((self._project, self._name))

    @property
    def project(self) -> str:
        """The name of its project."""
        return self._project

    @property
    def name(self) -> str:
        """Its name, unique inside its project."""
        return self._name

    @property
    def options(self) -> ChannelOptions:
        """The bound options; while none are bound, those that the next use would bind (CHN-2)."""
        state = self._find()
        return state.options if state is not None else self._options or ChannelOptions()

    @property
    def undecided(self) -> tuple[str, ...]:
        """Names of the options that are defaults nobody wrote down (OPT-3)."""
        state = self._find()
        if state is None:
            return self.options.undecided
        return tuple(name for name in state.options.undecided if name not in state.decided)

    @property
    def bound(self) -> bool:
        """Whether options are bound in this epoch: the name counts against the limit (CHN-5)."""
        return self._find() is not None

    @property
    def made(self) -> bool:
        """Whether it was sent to or subscribed to in this epoch (CHN-1)."""
        state = self._find()
        return state is not None and (state.last_seq > 0 or state.births > 0)

    @property
    def last_seq(self) -> int:
        """Number of the newest message in this epoch; 0 before the first (PUB-1)."""
        state = self._find()
        return 0 if state is None else state.last_seq

    @property
    def history(self) -> tuple[Message, ...]:
        """The messages kept for replay, in order of ``seq``, expired or not (HIS-1)."""
        state = self._find()
        if state is None:
            return ()
        return state.span(state.last_seq - len(state.ring) + 1, state.last_seq)

    @property
    def subscriptions(self) -> tuple["Subscription", ...]:
        """The open subscriptions, in order of birth."""
        state = self._find()
        return () if state is None else tuple(queue.subscription for queue in state.queues)

    @property
    def held(self) -> int:
        """Messages held, for replay or for somebody, each counted once (BUF-5)."""
        state = self._find()
        return 0 if state is None else len(state.held())

    @property
    def memory_bytes(self) -> int:
        """Bytes of type and encoded data of the messages held, each counted once (BUF-5).

        Counted when read: this costs time in proportion to what is held.
        """
        state = self._find()
        return 0 if state is None else state.memory_bytes()

    def send(self, event: str, data: object, now: int) -> Message:
        """Send an event: encode it once, number it, offer it to every open subscription.

        Args:
            event: its type: text, not empty, without line breaks and NUL.
            data: JSON (RFC 8259), at most the hub's ``max_event_bytes`` of compact UTF-8.
            now: time of the call, nanoseconds.

        Returns:
            The message, with the ``seq`` it got, and to how many subscriptions it was offered
            (PUB-4). It never waits for them, and never fails because of one (PUB-2).

        Raises:
            EventError: the event is not allowed (PUB-3).
            TimeError: ``now`` lies before the hub's time (HUB-3).
            OptionsConflictError: after a restart, other options were bound first (RST-6).
            ChannelLimitError: the project has no room for one more channel (CHN-5).
        """
        return self.send_encoded(encode_event(event, data, self._hub.max_event_bytes), now)

    def send_encoded(self, event: EncodedEvent, now: int) -> Message:
        """Send an event that was checked and encoded before, for a fraction of the price.

        Args:
            event: made by `encode_event`; only its size is checked again.
            now: time of the call, nanoseconds.

        Returns:
            As `send`.

        Raises:
            As `send`.
        """
        # One frame for the whole of a send, and no work for those that are behind (BUF-4).
        hub = self._hub
        encoded = event.encoded
        if len(encoded) > hub.max_event_bytes:
            raise EventError(
                f"data must be at most {hub.max_event_bytes} bytes of compact JSON; "
                f"got {len(encoded)}"
            )
        if type(now) is not int or now < hub.now:
            raise hub.time_error(now)
        state = self._state
        if state is None or state.ended:
            state = self._bind()
        hub.now = now
        seq = state.last_seq + 1  # PUB-1
        message = _new(Message, (seq, event.event, encoded, now, len(state.queues)))
        # PUB-4: while a history is recorded, this send's drops are found in this send.
        drops = () if hub.on_fate is None else state.find_drops(message)
        state.last_seq = seq
        size = state.buffer_size
        place = seq - 1 - state.base
        if place < size:
            state.ring.append(message)
        else:
            state.ring[place % size] = message  # HIS-1
        state.cut = None  # it may hold what the ring just lost (BUF-5)
        if state.watched:
            for queue in state.watched.pop(seq, ()):
                queue.reach(seq)
        if state.idle or drops:
            state.tell(drops, now)
        return message

    def subscribe(
        self, replay: ReplayOptions | None = None, *, now: int, last_event_id: str | None = None
    ) -> "Subscription":
        """Open a subscription, with its replay pending, in one step (SUB-1, REP-7).

        Args:
            replay: how much of the history it gets first; None or no bounds: nothing (REP-1).
            now: time of the call, nanoseconds.
            last_event_id: ``EPOCH:SEQ`` (SSE-2), what the client says it had last; any text may
                stand there. Ignored unless the hub's variant ``resume`` is on: then, where the
                channel's history still holds all that followed it, the replay is what followed,
                whatever ``replay`` says.

        Returns:
            The subscription, open until it is closed or the hub restarts.

        Raises:
            OptionError: ``replay`` is not `ReplayOptions`.
            TimeError: ``now`` lies before the hub's time (HUB-3).
            OptionsConflictError: after a restart, other options were bound first (RST-6).
            ChannelLimitError: the project has no room for one more channel (CHN-5).
        """
        replay = _NO_REPLAY if replay is None else replay
        if not isinstance(replay, ReplayOptions):
            raise OptionError(f"replay must be ReplayOptions or None; got {shown(replay)}")
        self._hub.check_time(now)
        state = self._state
        if state is None or state.ended:
            state = self._bind()
        return state.subscribe(self, replay, now, last_event_id)

    def collect_ready(self) -> list["Subscription"]:
        """Hand over the subscriptions that got something since they were empty (HUB-4).

        Returns:
            Them, in order of birth. From here on each is its driver's, until a take leaves it
            with nothing pending: it is not handed over again before that.
        """
        state = self._find()
        return [] if state is None else [queue.subscription for queue in state.collect()]

    def _bind(self) -> ChannelState:
        """Find the channel in this epoch, or make it (CHN-1, CHN-2)."""
        self._state = self._hub.bind(self._project, self._name, self._options, self)
        return self._state

    def _find(self) -> ChannelState | None:
        """Find the channel in this epoch without making it: to read is not to use."""
        return self._hub.find(self._project, self._name)
