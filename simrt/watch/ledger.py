"""What became of each event for each client that is watched: the metrics' fold, over live rows.

The server's side comes as the rows of docs/history.md, so what is dropped, and why, is the
engine's own word. The clients tell what they received. Nothing is counted here: the fold of the
metrics is, and what it has settled is remembered for the newest events only.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from simrt.history import Row
from simrt.metrics import OUTCOMES, Listener, Meter, Outcome, Receipt
from simrt.metrics.outcomes import IN_FLIGHT, PENDING
from simrt.metrics.subscriber import Subscriber
from simrt.scenario.model import Scenario

WAITING, ON_THE_WAY = "waiting", "on-the-way"
_NAMES = {**dict(enumerate(OUTCOMES)), PENDING: WAITING, IN_FLIGHT: ON_THE_WAY}
# On a page nothing is over: in place of `unfinished` it waits, or is on its way.
CODES = (*(one for one in OUTCOMES if one is not Outcome.UNFINISHED), WAITING, ON_THE_WAY)

# Settled events that are remembered; a page shows the newest of them.
KEPT = 512
# A receipt may come from a connection that has ended; so many are remembered.
_CONNECTIONS = 8
# No workload ends while a page is watched.
_NEVER_NS = 2**62


class Member:
    """One client, from its first accepted subscribe.

    Attributes:
        name: as rows name it.
        newest_ns: the send time of the latest-sent event that it received; None before.
    """

    def __init__(self, name: str, channel: Channel) -> None:
        self.name = name
        self.newest_ns: int | None = None
        self._channel = channel
        self._meter = channel.meter
        self._newest = 0
        self._earlier: deque[int] = deque(maxlen=KEPT)
        self._settled: dict[int, str] = {}
        self._replayed: dict[int, None] = {}
        self._accepted: deque[int] = deque(maxlen=_CONNECTIONS)
        self._accepts = 0

    # --- what the page shows --------------------------------------------------------------------

    @property
    def counts(self) -> dict[str, int]:
        """Events sent while a member, by code; they add up to all of these."""
        books = self._books()
        now = books.now(self._meter.sends)
        counts = dict.fromkeys(CODES, 0)
        for code, number in enumerate(now.counts[: len(OUTCOMES)]):
            if number:
                counts[_NAMES[code]] += number
        for first, last, code in now.runs():
            counts[_NAMES[code]] += max(0, last - max(first, books.member_from + 1) + 1)
        return counts

    @property
    def duplicates(self) -> int:
        """Receipts beyond the first of an event."""
        return self._books().totals.duplicates

    @property
    def earlier(self) -> int:
        """First receipts of events sent before membership."""
        return self._books().totals.earlier

    @property
    def in_flight(self) -> int:
        """Taken for it and neither received nor lost so far."""
        return self._meter.level(self.name)[0]

    @property
    def in_flight_max(self) -> int:
        """The most that were on their way at once."""
        return self._books().totals.in_flight_max

    @property
    def behind(self) -> int:
        """How many newer events were sent than the newest one that it has."""
        return self._meter.sends - max(self._newest, self._books().member_from)

    def accepted(self, nth: int) -> int | None:
        """The number of the how-many-th connection that the server accepted, if not long ago."""
        place = nth - 1 - (self._accepts - len(self._accepted))
        return self._accepted[place] if 0 <= place < len(self._accepted) else None

    def latest(self, count: int) -> Iterator[tuple[int, str, bool]]:
        """The newest events that were sent to it or offered: number, code, whether by replay."""
        books, newest = self._books(), self._meter.sends
        open_ = {
            number: _NAMES[code]
            for first, last, code in books.now(newest).runs()
            for number in range(max(first, newest - count + 1), last + 1)
        }
        for number in range(max(1, newest - count + 1), newest + 1):
            code = open_.get(number) or self._settled.get(number)
            if number <= books.member_from and code in (None, Outcome.OFFLINE):
                code = Outcome.RECEIVED if number in self._earlier else None
            if code is not None:
                yield number, code, number in self._replayed

    # --- what the client tells ------------------------------------------------------------------

    def received(self, epoch: str, seq: int) -> None:
        """The client has handled an event."""
        self._feed("receive", epoch, seq, self._books().connection.number)

    def left(self, connection: int) -> None:
        """The client's side of a connection ended: what was on its way is lost."""
        self._feed("close", "", 0, connection, {"side": "client"})

    # --- what the fold finds --------------------------------------------------------------------

    def was_accepted(self, connection: int) -> None:
        """The server has a new connection of it."""
        self._accepted.append(connection)
        self._accepts += 1

    def was_received(self, receipt: Receipt) -> None:
        """The fold has seen a receipt."""
        if not receipt.first:
            return
        if receipt.message > self._newest:
            self._newest, self.newest_ns = receipt.message, receipt.sent_ns
        if receipt.earlier:
            self._earlier.append(receipt.message)
        if receipt.replayed:
            self._replayed[receipt.message] = None
            while len(self._replayed) > KEPT:
                del self._replayed[next(iter(self._replayed))]

    def was_settled(self, first: int, last: int, outcome: Outcome) -> None:
        """Remember the newest of them."""
        for number in range(max(first, last - KEPT + 1), last + 1):
            self._settled[number] = outcome
        while len(self._settled) > KEPT:
            del self._settled[next(iter(self._settled))]

    # --- inside ---------------------------------------------------------------------------------

    def _books(self) -> Subscriber:
        books = self._meter.subscriber(self.name)
        assert books is not None, "a member has been accepted"
        return books

    def _feed(
        self, kind: str, epoch: str, seq: int, connection: int, detail: dict[str, Any] | None = None
    ) -> None:
        where = (*self._channel.where, epoch, seq)
        self._meter.feed(
            Row(self._channel.now_ns, kind, *where, subscriber=self.name, connection=connection,
                detail=detail)
        )  # fmt: skip


class Channel(Listener):
    """One channel, and the members of it that are watched.

    Attributes:
        where: its project and its name.
        meter: the metrics' fold over its rows.
        members: by name.
        now_ns: the time of its latest row.
    """

    def __init__(self, scenario: Scenario, groups: Sequence[str]) -> None:
        self.where = (scenario.feature.project, scenario.feature.channel)
        self.meter = Meter(scenario, self, groups=groups, end_ns=_NEVER_NS)
        self.members: dict[str, Member] = {}
        self.now_ns = 0

    def accepted(self, subscriber: str, connection: int, _: int, *, left: bool) -> None:  # noqa: ARG002
        """A client is back, or new."""
        member = self.members.get(subscriber)
        if member is None:
            member = self.members[subscriber] = Member(subscriber, self)
        member.was_accepted(connection)

    def received(self, receipt: Receipt) -> None:
        """Tell the member."""
        self.members[receipt.subscriber].was_received(receipt)

    def settled(self, subscriber: str, first: int, last: int, outcome: Outcome) -> None:
        """Tell the member; before its membership there is none."""
        self.members[subscriber].was_settled(first, last, outcome)


class Ledger:
    """Follows the members of all channels.

    Arguments:
        scenarios: whose channels.
        groups: the groups of the clients, as their names have them.
    """

    def __init__(self, scenarios: Iterable[Scenario], groups: Sequence[str]) -> None:
        channels = [Channel(scenario, groups) for scenario in scenarios]
        self._channels = {channel.where: channel for channel in reversed(channels)}
        self._followed: dict[str, None] = {}

    @property
    def members(self) -> dict[str, Member]:
        """Those that were asked to be followed and have subscribed, by name."""
        return {
            name: member
            for channel in self._channels.values()
            for name, member in channel.members.items()
        }

    def sent(self, project: str, channel: str) -> int:
        """How many events were sent to a channel, through all lives of its server."""
        return self._channels[project, channel].meter.sends

    def follow(self, name: str) -> None:
        """Keep the books of this client from now on."""
        self._followed[name] = None

    def forget(self, name: str) -> None:
        """It is not watched any more."""
        self._followed.pop(name, None)
        for channel in self._channels.values():
            channel.meter.forget(name)
            channel.members.pop(name, None)

    def refused(self, name: str, connection: int) -> None:
        """For this client an attempt is over; the server may have accepted it, or still will."""
        for channel in self._channels.values():
            row = Row(channel.now_ns, "refuse", subscriber=name, connection=connection)
            channel.meter.feed(row)

    def row(self, row: Row) -> None:
        """Take one row of the server's side."""
        channel = self._channels.get((row.project, row.channel))
        if channel is not None and (row.kind == "send" or row.subscriber in self._followed):
            channel.now_ns = row.t_ns
            channel.meter.feed(row)
