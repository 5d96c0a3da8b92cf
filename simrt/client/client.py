"""One subscriber, over many connections."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

from simrt.client.connection import READ_BYTES, Connection, End, Head, Part
from simrt.client.dial import Dial, cause_of, tcp
from simrt.client.endpoint import Endpoint
from simrt.client.headers import retry_after_ns
from simrt.client.observer import Observer
from simrt.client.reconnect import NS_PER_S, Reconnect
from simrt.clock import Clock, Timer
from simrt.network import Turn
from simrt.sse import MAX_EVENT_BYTES, Event, Parser, Retry, parse_event_id

Headers = Callable[[int], Iterable[tuple[str, str]]]
"""The request headers of an attempt, by its number: credentials may change between attempts."""

# What fetch allows, and so EventSource.
MAX_REDIRECTS = 20
_REDIRECTS = (301, 302, 303, 307, 308)
NS_PER_MS = 1_000_000


class Client:
    """An event-stream client with the manners of a browser (CLI-1 to CLI-4, NET-3, NET-6).

    It must be used inside a running event loop; nothing happens before `dial`.

    Arguments:
        clock: scenario time.
        endpoint: the stream.
        observer: hears what happens.
        drain: how long the handling of an event takes, in nanoseconds, by epoch and seq; an event
            whose id is none of ours is handled in no time.
        reconnect: when to try again.
        jitter: the share of the jitter (0 to below 1) before an attempt, by the attempt's number.
        patient: come back after 503 with `Retry-After` (CLI-3).
        watchdog_ns: drop a stream on which nothing came for so long (CLI-4); None = never, as
            browsers do.
        headers: request headers by attempt.
        dial: how to connect; default: TCP.
        name: the subscriber's, for what happens in one instant (NET-9).
        read_bytes: most bytes of one read.
        max_event_bytes: larger events end the connection.

    Attributes:
        attempt: how many attempts were made.
        opened: whether a stream is open.
        received: events handled on the open stream.
        gave_up: whether it will not try again.
        stalled: whether it reads nothing.
    """

    def __init__(
        self,
        clock: Clock,
        endpoint: Endpoint,
        observer: Observer,
        *,
        drain: Callable[[str, int], int] = lambda epoch, seq: 0,  # noqa: ARG005 - no time
        reconnect: Reconnect | None = None,
        jitter: Callable[[int], float] = lambda attempt: 0.0,  # noqa: ARG005 - no jitter
        patient: bool = False,
        watchdog_ns: int | None = None,
        headers: Headers = lambda attempt: (),  # noqa: ARG005 - none
        dial: Dial | None = None,
        name: str = "",
        read_bytes: int = READ_BYTES,
        max_event_bytes: int = MAX_EVENT_BYTES,
    ) -> None:
        self.attempt = 0
        self.opened = False
        self.received = 0
        self.gave_up = False
        self._clock = clock
        self._endpoint = self._hop = endpoint
        self._observer = observer
        self._drain = drain
        self._reconnect = reconnect or Reconnect()
        self._jitter = jitter
        self._patient = patient
        self._watchdog_ns = watchdog_ns
        self._headers = headers
        self._network = dial or tcp()
        self._read_bytes = read_bytes
        self._max_event_bytes = max_event_bytes
        self._failed = 0
        self._retry_ns: int | None = None
        self._last_event_id = ""
        self._redirects: int  # of the attempt under way
        self._closed = False
        self._away = 0
        self._stalls = 0
        self._connection: Connection | None = None
        self._leaving: dict[Connection, asyncio.Future[None]] = {}
        self._dials: dict[asyncio.Task[None], None] = {}
        self._name = name
        self._timer: Timer | None = None
        self._queue: deque[Event | End] = deque()
        self._draining: Timer | None = None
        self._drain_key: int  # of the attempt under way
        self._due_ns: int  # of the drain under way
        self._left_ns: int | None = None
        self._free_ns: int | None = None
        self._heard_ns: int  # where there is a watchdog
        self._watch: Timer | None = None
        self._watch_key = clock.order(Turn.TIMER, name)
        self._dial_key = clock.order(Turn.CONNECT, name)

    # --- what it is doing ---------------------------------------------------------------------

    @property
    def online(self) -> bool:
        """Whether its network is there."""
        return self._away == 0

    @property
    def stalled(self) -> bool:
        """Whether it handles and reads nothing (NET-6)."""
        return self._stalls > 0

    @property
    def idle(self) -> bool:
        """Whether it handles nothing and nothing that it read waits."""
        return not self._queue

    # --- connecting ---------------------------------------------------------------------------

    def dial_at(self, due_ns: int) -> None:
        """Try to connect, at this instant of scenario time instead of at any other."""
        self._disarm()
        self._timer = self._clock.timer(due_ns, self._dial_key, self.dial)

    def dial(self) -> None:
        """Try to connect, now; harmless while an attempt or a stream is under way."""
        self._disarm()
        if self._closed or self.gave_up or self._connection is not None:
            return
        self.attempt += 1
        self._redirects = 0
        self._drain_key = self._clock.order(Turn.DRAINED, self._name, self.attempt)
        if self.online:
            self._connect(self._endpoint)
        else:
            self._attempt_failed("offline")

    def _connect(self, endpoint: Endpoint) -> None:
        self._hop = endpoint
        parser = Parser(max_event_bytes=self._max_event_bytes, last_event_id=self._last_event_id)
        connection = Connection(self, self._request(endpoint), parser, self._read_bytes)
        self._connection = connection
        task = asyncio.get_running_loop().create_task(self._open(connection, endpoint))
        self._dials[task] = None
        task.add_done_callback(self._dials.pop)

    async def _open(self, connection: Connection, endpoint: Endpoint) -> None:
        try:
            await self._network(lambda: connection, endpoint)
        except (OSError, UnicodeError) as error:
            if connection is self._connection:
                self._connection = None
                self._attempt_failed(cause_of(error))

    def _request(self, endpoint: Endpoint) -> bytes:
        lines = [
            f"GET {endpoint.target} HTTP/1.1",
            f"Host: {endpoint.authority}",
            "Accept: text/event-stream",
            "Cache-Control: no-store",
        ]
        for name, value in self._headers(self.attempt):
            # As fetch does: credentials do not follow a redirect to another origin.
            if name.lower() == "authorization" and not endpoint.same_origin(self._endpoint):
                continue
            lines.append(f"{name}: {value}")
        if self._last_event_id:
            lines.append(f"Last-Event-ID: {self._last_event_id}")
        return ("\r\n".join(lines) + "\r\n\r\n").encode()

    # --- what a connection tells --------------------------------------------------------------

    def connected(self, connection: Connection) -> None:
        """The transport is there; a client that is stalled does not read (NET-6)."""
        self._leaving[connection] = asyncio.get_running_loop().create_future()
        if connection is self._connection:
            connection.read(not self.stalled)

    def lost(self, connection: Connection) -> None:
        """The transport is gone."""
        gone = self._leaving.pop(connection)
        if not gone.done():  # who waited for it may have been cancelled
            gone.set_result(None)

    def heard(self, connection: Connection) -> None:
        """Bytes came, whatever they say."""
        if self._watchdog_ns is not None:
            # What came while it did not read counts from when it came, if somebody knows.
            known_ns = connection.heard_ns()
            self._heard_ns = self._clock.now() if known_ns is None else known_ns

    def arrived(self, connection: Connection, parts: list[Part]) -> None:
        """Parts of the response came in."""
        for part in parts:
            if connection is not self._connection:
                return
            if isinstance(part, Head):
                self._answered(part)
            elif isinstance(part, Retry):
                self._retry_ns = part.ms * NS_PER_MS
            elif isinstance(part, Event | End):
                self._queue.append(part)
        if connection is self._connection:
            self._next()

    def _answered(self, head: Head) -> None:
        location = head.header("location")
        if head.is_stream:
            self.opened = True
            self.received = 0
            self._failed = 0
            self._observer.opened(self.attempt, head)
            self._watch_over()
        elif head.status in _REDIRECTS and location is not None:
            self._redirect(head, location)
        else:
            self._turned_away(head)

    def _redirect(self, head: Head, location: str) -> None:
        assert self._connection is not None
        try:
            there = self._hop.follow(location)
        except ValueError:
            self._turned_away(head)
            return
        self._drop()
        self._redirects += 1
        if self._redirects > MAX_REDIRECTS:
            self._attempt_failed("network", {"redirects": MAX_REDIRECTS})
        else:
            self._connect(there)

    def _turned_away(self, head: Head) -> None:
        """CLI-3: any answer but a stream ends a browser for good."""
        self._drop()
        detail: dict[str, Any] = {"status": head.status}
        if head.status == 200:
            detail["content_type"] = head.content_type
        later_ns = self._retry_after_ns(head) if self._patient and head.status == 503 else None
        if later_ns is not None:
            self._attempt_failed("status", detail, later_ns)
            return
        self._observer.refuse(self.attempt, "status", detail)
        self.gave_up = True
        self._observer.gave_up(self.attempt, "status", detail)

    def _retry_after_ns(self, head: Head) -> int | None:
        value = head.header("retry-after")
        return None if value is None else retry_after_ns(value, self._clock.wall())

    # --- handling events ----------------------------------------------------------------------

    def _next(self) -> None:
        """Handle what waits, one at a time; when nothing waits, read on."""
        while not self.stalled and self._draining is None:
            if not self._queue:
                if self._connection is not None:
                    # What the kernel holds has waited as well.
                    if not self._connection.waits():
                        self._free_ns = None
                    self._connection.read(wanted=True)
                return
            part = self._queue[0]
            if isinstance(part, End):
                self._told_of_the_end(part.cause)
                return
            now = self._clock.now()
            # What waited is begun when the one before it was due, not when its timer came round:
            # else each event would add the loop's lateness to the drain of all that follow.
            begun = now if self._free_ns is None else self._free_ns
            self._due_ns = begun + self._drain_ns(part)
            # Not at once, even if it takes no time: what else happens in this instant may be before
            # it (NET-9).
            if self._due_ns >= now:
                self._wait()
            else:
                self._handled()
        if self._connection is not None:
            self._connection.read(wanted=False)

    def _drain_ns(self, event: Event) -> int:
        known = parse_event_id(event.last_event_id)
        return self._drain(*known) if known else 0

    def _wait(self) -> None:
        self._draining = self._clock.timer(self._due_ns, self._drain_key, self._drained)

    def _drained(self) -> None:
        self._draining = None
        self._handled()
        self._next()

    def _handled(self) -> None:
        """The client is done with one event: this is its receipt (NET-3)."""
        event = self._queue.popleft()
        assert isinstance(event, Event)
        self._free_ns = self._due_ns
        self.received += 1
        self._last_event_id = event.last_event_id
        self._observer.receive(self.attempt, event)

    # --- silence ------------------------------------------------------------------------------

    def _watch_over(self) -> None:
        """CLI-4: drop a stream on which nothing came, not even a heartbeat, for so long."""
        if self._watchdog_ns is None or self._connection is None:
            return
        now = self._clock.now()
        left_ns = self._heard_ns + self._watchdog_ns - now
        if left_ns <= 0:
            # What came while it did not read is with the kernel.
            ns_per_ms = round(NS_PER_S / (self._clock.loop_s(NS_PER_S) * 1000))
            unheard_ns = self._connection.unheard_ns(now, ns_per_ms)
            if unheard_ns is not None:
                self._heard_ns = max(self._heard_ns, now - unheard_ns)
                left_ns = self._heard_ns + self._watchdog_ns - now
        if left_ns <= 0:
            self._cut("watchdog")
            return
        self._watch = self._clock.timer(now + left_ns, self._watch_key, self._watch_over)

    # --- stalls -------------------------------------------------------------------------------

    def stall(self) -> None:
        """Read and handle nothing any more; a drain under way freezes (NET-6)."""
        self._stalls += 1
        if self._draining is not None:
            self._draining.cancel()
            self._draining = None
            self._left_ns = max(0, self._due_ns - self._clock.now())
        self._free_ns = None
        if self._connection is not None:
            self._connection.read(wanted=False)

    def heal(self) -> None:
        """Go on where the stall began; of several stalls the last to heal counts."""
        if self._stalls == 0:
            return
        self._stalls -= 1
        if self.stalled:
            return
        if self._left_ns is not None:
            left, self._left_ns = self._left_ns, None
            self._due_ns = self._clock.now() + left
            self._wait()
        else:
            self._next()

    # --- the network --------------------------------------------------------------------------

    def go_offline(self, cause: str = "offline") -> None:
        """The network goes away, for one more reason: it ends the connection (CLI-2).

        Arguments:
            cause: why its stream ends, as `Observer.close` tells it.
        """
        self._away += 1
        if self._away > 1:
            return
        self._observer.offline()
        if self._reconnect.at_once:
            self._disarm()  # it dials when the network returns
        self._cut(cause)

    def go_online(self) -> None:
        """One reason for the network's absence is gone."""
        if self._away == 0:
            return
        self._away -= 1
        if not self.online:
            return
        self._observer.online()
        if self._reconnect.at_once and not self.gave_up and not self._closed:
            self.dial_at(self._clock.now())

    def log_in_again(self) -> None:
        """Its credentials are good again: connect anew, also after having given up."""
        if self.gave_up:
            self._last_event_id = ""  # a new EventSource has no last id
        self.gave_up = False
        waits_for_network = self._reconnect.at_once and not self.online
        if self._connection is None and self._timer is None and not waits_for_network:
            self._failed = 0
            self.dial_at(self._clock.now())

    def disconnect(self) -> None:
        """The connection is cut, the network stays (the fault of that name)."""
        self._cut("disconnect")

    def hang_up(self) -> None:
        """The user goes away: the stream ends, and no other attempt follows."""
        self._disarm()
        self.gave_up = True
        if self._connection is not None:
            opened, received = self.opened, self.received
            self._drop()
            if opened:
                self._observer.close(self.attempt, "client", received)

    def close(self) -> None:
        """End everything without a word: no row, no timer, no socket is left."""
        self._closed = True
        self._disarm()
        if self._connection is not None:
            self._drop()

    async def wait_closed(self) -> None:
        """Wait until the transports of connections that were dropped are gone."""
        await asyncio.gather(*self._dials, *self._leaving.values(), return_exceptions=True)

    # --- the end of a connection --------------------------------------------------------------

    def _told_of_the_end(self, cause: str) -> None:
        assert self._connection is not None
        self._last_event_id = self._connection.parser.last_event_id
        opened, received = self.opened, self.received
        self._drop()
        if opened:
            self._observer.close(self.attempt, cause, received)
            self._try_again()
        else:
            self._attempt_failed("network")

    def _cut(self, cause: str) -> None:
        """End it from this side (NET-4): what was not handled is lost."""
        if self._connection is None:
            return
        opened, received = self.opened, self.received
        self._drop()
        if opened:
            self._observer.close(self.attempt, cause, received)
            self._try_again()
        else:
            self._attempt_failed("offline" if cause == "offline" else "network")

    def _drop(self) -> None:
        connection = self._connection
        assert connection is not None
        self._connection = None
        self.opened = False
        self._queue.clear()
        self._left_ns = self._free_ns = None
        for timer in (self._draining, self._watch):
            if timer is not None:
                timer.cancel()
        self._draining = self._watch = None
        connection.abort()
        if connection not in self._leaving:
            for task in self._dials:
                task.cancel()  # still dialling: there is one attempt at a time

    def _attempt_failed(
        self, cause: str, detail: dict[str, Any] | None = None, later_ns: int | None = None
    ) -> None:
        self._observer.refuse(self.attempt, cause, detail)
        self._failed += 1
        self._try_again(later_ns)

    def _try_again(self, later_ns: int | None = None) -> None:
        """Wait as CLI-1 says, then dial."""
        if self._closed or (self._reconnect.at_once and not self.online):
            return
        share = self._jitter(self.attempt + 1)
        wait_ns = self._reconnect.wait_ns(self._failed, self._retry_ns, share)
        if later_ns is not None:
            wait_ns = max(wait_ns, later_ns)
        self.dial_at(self._clock.now() + wait_ns)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
