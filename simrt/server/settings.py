"""What the server promises its streams, and where it stops."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import get_args

from simrt.engine import Resume
from simrt.engine.message import DEFAULT_MAX_EVENT_BYTES
from simrt.errors import UsageError
from simrt.scenario.events import MOST_BODY_BYTES

SECOND_NS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class StreamSettings:
    """The settings of a feature's streams; times in scenario nanoseconds, None = off.

    Attributes:
        heartbeat_ns: a comment goes out after so long without an event (SSE-5).
        peer_timeout_ns: a peer that acknowledges nothing for so long is gone (SSE-5).
        write_deadline_ns: a connection that accepts nothing for so long is ended (STR-1).
        retry_spread_ns: the least and the most `retry` of a new stream (STR-3).
        max_event_bytes: most bytes of an event's data, compact UTF-8 (PUB-3).
        resume: the variant: whether `Last-Event-ID` decides the replay (SSE-2).
    """

    heartbeat_ns: int | None = 15 * SECOND_NS
    peer_timeout_ns: int | None = 30 * SECOND_NS
    write_deadline_ns: int | None = 60 * SECOND_NS
    retry_spread_ns: tuple[int, int] | None = (2 * SECOND_NS, 5 * SECOND_NS)
    max_event_bytes: int = DEFAULT_MAX_EVENT_BYTES
    resume: Resume = "none"

    def __post_init__(self) -> None:
        for name in ("heartbeat_ns", "peer_timeout_ns", "write_deadline_ns"):
            _whole(name, getattr(self, name), 1, or_none=True)
        _whole("max_event_bytes", self.max_event_bytes, 1)
        spread = self.retry_spread_ns
        if spread is not None:
            if not isinstance(spread, tuple) or len(spread) != 2 or spread[0] > spread[1]:
                raise UsageError(
                    f"retry_spread_ns: found {spread!r}; write the least and the most, or None"
                )
            for bound in spread:
                _whole("retry_spread_ns", bound, 0)
        if self.resume not in get_args(Resume):
            raise UsageError(
                f"resume: found {self.resume!r}; write {' or '.join(get_args(Resume))}"
            )


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on what strangers can make the server hold.

    The times here guard the machine, not the feature: they are seconds of the event loop and do
    not shrink when scenario time runs faster.

    Attributes:
        connections: most connections, streams included, 1 or more; decided for each when it is
            accepted (STR-2).
        turned_away: most connections beyond these that wait for their 503; each is closed with its
            answer. Beyond this number the one that has been silent for the longest time is closed.
        streams: most open streams of the whole server (STR-2).
        streams_per_endpoint: most open streams of one endpoint (STR-2).
        channels: most channels of one project (CHN-5).
        head_bytes: longest request line and headers together.
        body_bytes: longest body of a hook's request; with chunk framing, on the wire, eight times
            as many bytes and `head_bytes` more.
        request_s: time from the accept, or the first byte of a later request, to its last byte;
            and for how long an answer may stay unread.
        idle_s: how long a connection may wait between two requests.
        notice_s: for how long before a shutdown the health endpoint says 503 and all else goes on,
            so that a load balancer can look elsewhere.
        farewell_s: how long a shutdown waits for streams to swallow their last words.
        sndbuf_bytes: SO_SNDBUF of each connection; None leaves the system's. Small values move
            what waits for a slow client from the kernel into the pending queue.
        notsent_lowat_bytes: TCP_NOTSENT_LOWAT of each stream; None leaves the system's.
    """

    connections: int = 15_000
    turned_away: int = 1_000
    streams: int = 12_000
    streams_per_endpoint: int = 12_000
    channels: int = 10_000
    head_bytes: int = 16_384
    body_bytes: int = MOST_BODY_BYTES
    request_s: float = 30.0
    idle_s: float = 75.0
    notice_s: float = 0.0
    farewell_s: float = 1.0
    sndbuf_bytes: int | None = None
    notsent_lowat_bytes: int | None = 1

    def __post_init__(self) -> None:
        for name in ("connections", "channels", "head_bytes"):
            _whole(name, getattr(self, name), 1)
        for name in ("turned_away", "streams", "streams_per_endpoint", "body_bytes"):
            _whole(name, getattr(self, name), 0)
        for name in ("sndbuf_bytes", "notsent_lowat_bytes"):
            _whole(name, getattr(self, name), 1, or_none=True)
        for name in ("request_s", "idle_s"):
            _seconds(name, getattr(self, name), above=True)
        for name in ("notice_s", "farewell_s"):
            _seconds(name, getattr(self, name), above=False)


def _whole(name: str, value: object, least: int, *, or_none: bool = False) -> None:
    if or_none and value is None:
        return
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        also = ", or None" if or_none else ""
        raise UsageError(f"{name}: found {value!r}; write a whole number, {least} or more{also}")


def _seconds(name: str, value: object, *, above: bool) -> None:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not (0 < value < inf if above else 0 <= value < inf):  # type: ignore[operator]
        least = "above 0" if above else "0 or more"
        raise UsageError(f"{name}: found {value!r}; write seconds, {least}")
