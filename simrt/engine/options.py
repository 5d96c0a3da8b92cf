"""Options of a channel and of a subscription: values, ranges, and which of them were written."""

from dataclasses import dataclass, field
from enum import Enum
from typing import Final, Literal, TypeGuard

from simrt.engine.errors import OptionError, shown

OnFull = Literal["drop-oldest", "drop-newest"]
Resume = Literal["none", "last-event-id"]

ON_FULL: Final[tuple[OnFull, ...]] = ("drop-oldest", "drop-newest")
RESUME: Final[tuple[Resume, ...]] = ("none", "last-event-id")
DEFAULT_BUFFER_SIZE: Final = 64
DEFAULT_ON_FULL: Final[OnFull] = "drop-oldest"


class Unwritten(Enum):
    """Stands for an option that the caller did not write (OPT-3)."""

    DEFAULT = "default"


_DEFAULT: Final = Unwritten.DEFAULT


def is_integer(value: object) -> TypeGuard[int]:
    """Whether a value is an integer; a boolean is not (OPT-4)."""
    return isinstance(value, int) and not isinstance(value, bool)


def at_least(value: object, least: int, what: str) -> int:
    """Check an integer option against its range (OPT-4).

    Args:
        value: what the caller wrote.
        least: the smallest allowed value.
        what: how the error names the option and its unit.

    Returns:
        The value.

    Raises:
        OptionError: the value is no integer of at least ``least``.
    """
    if not is_integer(value) or value < least:
        raise OptionError(f"{what} must be an integer, {least} or more; got {shown(value)}")
    return value


def _at_least_or_none(value: object, least: int, what: str) -> int | None:
    if value is None:
        return None
    if not is_integer(value) or value < least:
        raise OptionError(
            f"{what} must be an integer, {least} or more, or None; got {shown(value)}"
        )
    return value


@dataclass(frozen=True, slots=True, init=False)
class ChannelOptions:
    """Options of a channel (OPT-1). Equal values are equal, written or default (CHN-2).

    Args:
        buffer_size: ``bufferSize``, messages, 1 or more; default 64. Capacity of the history and
            of each pending queue.
        on_full: ``onFull``, ``"drop-oldest"`` (default) or ``"drop-newest"``. Which message a
            full pending queue loses.
        message_ttl_ns: ``messageTTL``, nanoseconds above 0, or None (default): never expires.

    Attributes:
        decided: names of the options that were written, None included (OPT-5), in field order.

    Raises:
        OptionError: a value is out of range (OPT-4).
    """

    buffer_size: int
    on_full: OnFull
    message_ttl_ns: int | None
    decided: tuple[str, ...] = field(compare=False, repr=False)

    def __init__(
        self,
        *,
        buffer_size: int | Unwritten = _DEFAULT,
        on_full: OnFull | Unwritten = _DEFAULT,
        message_ttl_ns: int | Unwritten | None = _DEFAULT,
    ) -> None:
        decided = []
        size, policy, ttl = DEFAULT_BUFFER_SIZE, DEFAULT_ON_FULL, None
        if buffer_size is not _DEFAULT:
            decided.append("buffer_size")
            size = at_least(buffer_size, 1, "buffer_size (bufferSize, messages)")
        if on_full is not _DEFAULT:
            decided.append("on_full")
            if on_full not in ON_FULL:
                allowed = " or ".join(repr(value) for value in ON_FULL)
                raise OptionError(f"on_full (onFull) must be {allowed}; got {shown(on_full)}")
            policy = on_full
        if message_ttl_ns is not _DEFAULT:
            decided.append("message_ttl_ns")
            ttl = _at_least_or_none(message_ttl_ns, 1, "message_ttl_ns (messageTTL, nanoseconds)")
        object.__setattr__(self, "buffer_size", size)
        object.__setattr__(self, "on_full", policy)
        object.__setattr__(self, "message_ttl_ns", ttl)
        object.__setattr__(self, "decided", tuple(decided))

    @property
    def undecided(self) -> tuple[str, ...]:
        """Names of the options whose default is used without being written (OPT-3)."""
        names = ("buffer_size", "on_full", "message_ttl_ns")
        return tuple(name for name in names if name not in self.decided)


@dataclass(frozen=True, slots=True, init=False)
class ReplayOptions:
    """Options of a subscription (OPT-1): how much history it gets first (REP-1, REP-2).

    Args:
        last_n: ``lastN``, messages, 0 or more, or None (default): no bound on their number.
        max_age_ns: ``maxAge``, nanoseconds above 0, or None (default): no bound on their age.
            With neither there is no replay.

    Attributes:
        decided: names of the options that were written, None included (OPT-5), in field order.

    Raises:
        OptionError: a value is out of range (OPT-4).
    """

    last_n: int | None
    max_age_ns: int | None
    decided: tuple[str, ...] = field(compare=False, repr=False)

    def __init__(
        self,
        *,
        last_n: int | Unwritten | None = _DEFAULT,
        max_age_ns: int | Unwritten | None = _DEFAULT,
    ) -> None:
        decided = []
        count = age = None
        if last_n is not _DEFAULT:
            decided.append("last_n")
            count = _at_least_or_none(last_n, 0, "last_n (lastN, messages)")
        if max_age_ns is not _DEFAULT:
            decided.append("max_age_ns")
            age = _at_least_or_none(max_age_ns, 1, "max_age_ns (maxAge, nanoseconds)")
        object.__setattr__(self, "last_n", count)
        object.__setattr__(self, "max_age_ns", age)
        object.__setattr__(self, "decided", tuple(decided))

    @property
    def undecided(self) -> tuple[str, ...]:
        """Names of the options whose default is used without being written (OPT-3)."""
        return tuple(name for name in ("last_n", "max_age_ns") if name not in self.decided)


@dataclass(frozen=True, slots=True)
class Variants:
    """Another design of the hub, off by default, there to be compared.

    Args:
        resume: ``"none"`` (default, REP-4): the id that a client names is ignored.
            ``"last-event-id"``: a subscribe that names a known id gets what follows it.

    Raises:
        OptionError: a value that no variant has.
    """

    resume: Resume = "none"

    def __post_init__(self) -> None:
        if self.resume not in RESUME:
            allowed = " or ".join(repr(value) for value in RESUME)
            raise OptionError(f"resume must be {allowed}; got {shown(self.resume)}")
