"""The clients that the page watches: real ones, over loopback TCP or in a browser.

A browser's own EventSource cannot be told to stop reading, so those that stall and are slow run
beside the server, in its process: `simrt.client.Client`, with a receive buffer as small as the
kernel allows.
"""

from __future__ import annotations

import secrets
from collections import deque
from dataclasses import dataclass
from typing import Any

from simrt.client import Client, Endpoint, Head, tcp
from simrt.clock import Clock
from simrt.sse import Event, parse_event_id
from simrt.watch.ledger import Ledger

# The kernel rounds up to about this; what waits beyond it waits in the server's buffer.
RCVBUF_BYTES = 2304
# What a page shows of one event's data; the rest is cut, and said to be.
MOST_DATA_CHARS = 2000
LINES = 40
GROUP = "page"


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a client's log.

    Attributes:
        number: the how-many-th line of this client, from 1.
        t_ns: scenario time.
        what: `open`, `event`, `replayed`, `end`, `failed`, `gave-up`, or what a person did.
        text: a few words, or an event's type.
        data: an event's data as it arrived, cut to `MOST_DATA_CHARS`.
        id: an event's id.
    """

    number: int
    t_ns: int
    what: str
    text: str
    data: str = ""
    id: str = ""


class Watched:
    """What all watched clients have.

    Arguments:
        name: `page/N`, as rows name it.
        feature: position of the scenario whose stream it reads.
        ledger: where its books are kept.
        clock: scenario time.

    Attributes:
        lines: the newest lines of its log.
        state: `connecting`, `open`, `waiting` (to try again) or `gave-up`.
    """

    kind = ""

    def __init__(self, name: str, feature: int, ledger: Ledger, clock: Clock) -> None:
        self.name = name
        self.feature = feature
        self.lines: deque[Line] = deque(maxlen=LINES)
        self.state = "connecting"
        self._ledger = ledger
        self._clock = clock
        self._said = 0
        ledger.follow(name)

    def say(self, what: str, text: str, data: str = "", event_id: str = "", chars: int = 0) -> None:
        """Add a line to its log; `chars` is the data's length where only its beginning is here."""
        self._said += 1
        chars = max(chars, len(data))
        if chars > MOST_DATA_CHARS:
            data = f"{data[:MOST_DATA_CHARS]}… ({chars:,} characters)"
        line = Line(self._said, self._clock.now(), what, text[:MOST_DATA_CHARS], data, event_id)
        self.lines.append(line)

    def handled(self, event: str, data: str, event_id: str, chars: int = 0) -> None:
        """It is done with one event."""
        known = parse_event_id(event_id)
        if known is not None and self.name in self._ledger.members:
            self._ledger.members[self.name].received(*known)
        self.say("event", event, data, event_id, chars)

    def ended(self, connection: int) -> None:
        """Its side of a connection ended: what was on its way is lost."""
        if self.name in self._ledger.members:
            self._ledger.members[self.name].left(connection)

    def leave(self) -> None:
        """It goes away for good."""
        self._ledger.forget(self.name)


class Loopback(Watched):
    """A client of this process, over TCP.

    Arguments:
        endpoint: the stream.
        headers: credentials.
        drain_ns: how long it handles each event.

    Attributes:
        client: the real client.
        drain_ns: may be changed at any time; it counts from the next event on.
    """

    kind = "loopback"

    def __init__(
        self,
        name: str,
        feature: int,
        ledger: Ledger,
        clock: Clock,
        *,
        endpoint: Endpoint,
        headers: tuple[tuple[str, str], ...],
        drain_ns: int,
    ) -> None:
        super().__init__(name, feature, ledger, clock)
        self.drain_ns = drain_ns
        self.client = Client(
            clock,
            endpoint,
            self,
            drain=lambda _epoch, _seq: self.drain_ns,
            patient=True,
            headers=lambda attempt: (
                ("simrt-subscriber", name),
                ("simrt-connection", str(attempt)),
                *headers,
            ),
            dial=tcp(RCVBUF_BYTES),
        )
        self.client.dial()

    @property
    def away(self) -> bool:
        """Whether its network is gone."""
        return not self.client.online

    def slow_down(self, drain_ns: int) -> None:
        """From its next event on it takes so long for each."""
        self.drain_ns = drain_ns
        self.say("speed", f"from its next event on it takes {drain_ns // 1_000_000} ms for each")

    def leave(self) -> None:
        """Hang up, for good."""
        self.client.close()
        super().leave()

    # --- what its client tells ------------------------------------------------------------------

    def opened(self, connection: int, head: Head) -> None:  # noqa: ARG002 - the interface
        """A stream began."""
        self.state = "open"
        self.say("open", f"connection {connection} opened")

    def receive(self, connection: int, event: Event) -> None:  # noqa: ARG002 - the interface
        """An event was handled."""
        self.handled(event.type, event.data, event.last_event_id)

    def refuse(self, connection: int, cause: str, detail: dict[str, Any] | None) -> None:
        """An attempt failed."""
        self.state = "waiting"
        self._ledger.refused(self.name, connection)
        status = f": status {detail['status']}" if detail and "status" in detail else ""
        self.say("failed", f"attempt {connection} failed, {_REFUSED.get(cause, cause)}{status}")

    def gave_up(self, connection: int, cause: str, detail: dict[str, Any] | None) -> None:  # noqa: ARG002
        """It will not try again."""
        self.state = "gave-up"
        self.say("gave-up", "it will not try again, as browsers do after such an answer")

    def close(self, connection: int, cause: str, received: int) -> None:
        """A stream ended."""
        self.state = "waiting"
        self.ended(connection)
        self.say("end", f"connection {connection} ended: {_ENDED[cause]}; {received} events on it")

    def offline(self) -> None:
        """Its network went away."""
        self.say("offline", "its network is gone")

    def online(self) -> None:
        """Its network came back."""
        self.say("online", "its network is back")


class Browser(Watched):
    """An EventSource of the page; the page reports what it heard.

    Attributes:
        ticket: by it a request says which of them it is; a browser can set no header.
        requests: how many connections the browser asked for.
        seen_ns: when the page last spoke of it.
    """

    kind = "browser"

    def __init__(self, name: str, feature: int, ledger: Ledger, clock: Clock) -> None:
        super().__init__(name, feature, ledger, clock)
        self.ticket = secrets.token_urlsafe(12)
        self.requests = 0
        self.seen_ns = clock.now()
        self._opened = 0

    def heard(self, what: str, event: str, data: str, event_id: str, chars: int) -> None:
        """One thing that its EventSource told the page, in order.

        Arguments:
            what: `open`, `event`, `error` (it will try again) or `closed` (it will not).
            event: an event's type.
            data: its data, or the beginning of it.
            event_id: its id.
            chars: the length of all its data.
        """
        if what == "open":
            self._opened += 1
            self.state = "open"
            self.say("open", f"connection {self._opened} opened")
        elif what == "event":
            self.handled(event, data, event_id, chars)
        else:
            self._broken()
            if what == "closed":
                self.state = "gave-up"
                self.say("gave-up", "the browser will not try again")

    def _broken(self) -> None:
        if self.state != "open":
            self.say("failed", "an attempt failed")
            return
        self.state = "waiting"
        member = self._ledger.members.get(self.name)
        number = None if member is None else member.accepted(self._opened)
        if number is not None:
            self.ended(number)
        self.say("end", f"connection {self._opened} ended")


_REFUSED = {"down": "nobody listens", "offline": "no network", "network": "the connection broke"}
_ENDED = {
    "offline": "its network went away",
    "disconnect": "it was cut",
    "server": "by the server",
    "client": "it hung up",
    "watchdog": "nothing came for too long",
    "keepalive": "found dead by TCP keep-alive",
}
