"""What became of each event for each client that is watched: a fold over rows, in bounded memory.

The server's side comes as the rows of docs/history.md, so what is dropped, and why, is the
engine's own word. The clients tell what they received. Each event of a member ends in one outcome
(ACC-2); until then it waits in the buffer or is on its way. Events are numbered through all lives
of the hub, as they were sent.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from simrt.history import Row

WAITING, ON_THE_WAY = "waiting", "on-the-way"
RECEIVED, OFFLINE, LOST, RESTART = "received", "offline", "connection-lost", "restart"
_OPEN = (WAITING, ON_THE_WAY)
_FATES = {"drop-oldest": "dropped-oldest", "drop-newest": "dropped-newest", "ttl": "expired"}
CODES = (
    RECEIVED, "dropped-oldest", "dropped-newest", "expired", OFFLINE, LOST, RESTART, WAITING,
    ON_THE_WAY,
)  # fmt: skip

# Settled events that are remembered beside what waits; a page shows the newest of them.
KEPT = 512
_SLACK = 256
# A receipt may come from a life that has ended; from how many is known.
_LIVES = 8


@dataclass(slots=True)
class Cell:
    """One event for one member.

    Attributes:
        code: one of `CODES`.
        connection: the member's latest connection to which it was offered; 0 for none.
        sent_ns: when it was sent; None where that is forgotten.
        replayed: whether it was offered by a replay there.
    """

    code: str
    connection: int
    sent_ns: int | None
    replayed: bool = False


@dataclass(slots=True)
class _Life:
    """One epoch: event `seq` of it is number `base + seq`."""

    epoch: str
    base: int


@dataclass(slots=True)
class Sends:
    """What was sent to one channel.

    Attributes:
        newest: the number of the newest event; 0 before the first.
        times: when each of the newest was sent, scenario nanoseconds, by number.
    """

    newest: int = 0
    times: dict[int, int] = field(default_factory=dict)
    _lives: list[_Life] = field(default_factory=list)

    def number(self, epoch: str, seq: int) -> int | None:
        """The number of an event; None for one of a life that is not known."""
        life = next((each for each in self._lives if each.epoch == epoch), None)
        return None if life is None else life.base + seq

    def begin(self, epoch: str) -> None:
        """A row bears this epoch; it may be a new one."""
        if not self._lives or self._lives[-1].epoch != epoch:
            self._lives.append(_Life(epoch, self.newest))
            del self._lives[:-_LIVES]

    def add(self, number: int, t_ns: int) -> None:
        """One more."""
        self.newest = number
        self.times[number] = t_ns
        if len(self.times) > KEPT + _SLACK:
            for old in list(self.times)[:-KEPT]:
                del self.times[old]


class Member:
    """One client, from its first accepted subscribe.

    Attributes:
        name: as rows name it.
        counts: events sent while a member, by code; they add up to all of these.
        duplicates: receipts beyond the first of an event.
        earlier: first receipts of events sent before membership.
        taken: events taken for it, on all connections.
        in_flight_max: the most that were on their way at once.
        newest_ns: the send time of the latest-sent event that it received; None before.
        newest: that event's number.
        connection: the latest connection that the server accepted; 0 before the first.
    """

    def __init__(self, name: str, sends: Sends) -> None:
        self.name = name
        self.sends = sends
        self.counts = dict.fromkeys(CODES, 0)
        self.duplicates = self.earlier = self.taken = self.in_flight_max = 0
        self.newest_ns: int | None = None
        self.newest = 0
        self.member_from = sends.newest
        self.connection = 0
        self._on_the_way = 0
        self._cells: dict[int, Cell] = {}
        self._server_open: dict[int, None] = {}
        self._accepted: deque[int] = deque(maxlen=_LIVES)
        self._accepts = 0
        self._client_closed = 0
        self._ended_by: dict[int, str] = {}

    # --- what the page shows --------------------------------------------------------------------

    @property
    def in_flight(self) -> int:
        """Taken for it and neither received nor lost so far."""
        return self._on_the_way

    @property
    def behind(self) -> int:
        """How many newer events were sent than the newest one that it has."""
        return self.sends.newest - max(self.newest, self.member_from)

    def accepted(self, nth: int) -> int | None:
        """The number of the how-many-th connection that the server accepted, if not long ago."""
        place = nth - 1 - (self._accepts - len(self._accepted))
        return self._accepted[place] if 0 <= place < len(self._accepted) else None

    def latest(self, count: int) -> Iterator[tuple[int, str, bool]]:
        """The newest events that were sent to it or offered: number, code, whether by replay."""
        for number in range(max(1, self.sends.newest - count + 1), self.sends.newest + 1):
            cell = self._cells.get(number)
            if cell is not None:
                yield number, cell.code, cell.replayed

    # --- the server's side ------------------------------------------------------------------------

    def sent(self, number: int) -> None:
        """An event was sent: it waits for this member, or the member has no connection."""
        is_open = self.connection in self._server_open
        code, connection = (WAITING, self.connection) if is_open else (OFFLINE, 0)
        cell = Cell(code, connection, self.sends.times[number])
        self._cells[number] = cell
        self.counts[cell.code] += 1
        if len(self._cells) > KEPT + _SLACK + self.counts[WAITING] + self.counts[ON_THE_WAY]:
            floor = self.sends.newest - KEPT
            self._cells = {
                n: cell for n, cell in self._cells.items() if n > floor or cell.code in _OPEN
            }

    def connected(self, connection: int) -> None:
        """The server has a new connection of it."""
        self.connection = connection
        self._server_open[connection] = None
        self._accepted.append(connection)
        self._accepts += 1

    def replayed(self, connection: int, numbers: range) -> None:
        """These were put into its queue; what it has received already stays received."""
        for number in numbers:
            sent_ns = self.sends.times.get(number)
            cell = self._cells.setdefault(number, Cell("", connection, sent_ns))
            cell.connection, cell.replayed = connection, True
            if cell.code != RECEIVED:
                self._change(number, cell, WAITING)

    def took(self, connection: int, number: int) -> None:
        """It was taken from the queue and written."""
        self.taken += 1
        self._decide(connection, number, ON_THE_WAY)
        self.in_flight_max = max(self.in_flight_max, self._on_the_way)

    def lost(self, connection: int, number: int, cause: str) -> None:
        """The engine dropped it, or found it expired."""
        self._decide(connection, number, _FATES[cause])

    def closed(self, connection: int, cause: str) -> None:
        """The server's side of a connection ended: what was pending is gone."""
        self._server_open.pop(connection, None)
        outcome = RESTART if cause == "shutdown" else LOST
        self._ended_by[connection] = outcome
        while len(self._ended_by) > _LIVES:
            del self._ended_by[next(iter(self._ended_by))]
        self._resolve(connection, WAITING, outcome)
        if connection <= self._client_closed:
            self._resolve(connection, ON_THE_WAY, outcome)

    # --- the client's side ------------------------------------------------------------------------

    def received(self, epoch: str, seq: int) -> None:
        """The client has handled an event."""
        number = self.sends.number(epoch, seq)
        cell = None if number is None else self._cells.get(number)
        if number is None or cell is None or cell.code == RECEIVED:
            self.duplicates += 1
            return
        if number <= self.member_from:
            self.earlier += 1
        self._change(number, cell, RECEIVED)
        if number > self.newest:
            self.newest, self.newest_ns = number, cell.sent_ns

    def left(self, connection: int) -> None:
        """The client's side of a connection ended: what was on its way is lost."""
        self._client_closed = max(self._client_closed, connection)
        outcome = self._ended_by.get(connection, LOST)
        for number, cell in list(self._cells.items()):
            if cell.connection <= connection and cell.code == ON_THE_WAY:
                self._change(number, cell, outcome)

    # --- inside -------------------------------------------------------------------------------

    def _decide(self, connection: int, number: int, code: str) -> None:
        """The latest connection to which an event was offered decides (ACC-2)."""
        cell = self._cells.get(number)
        if cell is not None and cell.connection == connection and cell.code != RECEIVED:
            self._change(number, cell, code)

    def _resolve(self, connection: int, code: str, outcome: str) -> None:
        for number, cell in list(self._cells.items()):
            if cell.connection == connection and cell.code == code:
                self._change(number, cell, outcome)

    def _change(self, number: int, cell: Cell, code: str) -> None:
        if number > self.member_from:
            self.counts[code] += 1
            if cell.code:
                self.counts[cell.code] -= 1
        self._on_the_way += (code == ON_THE_WAY) - (cell.code == ON_THE_WAY)
        cell.code = code


class Ledger:
    """Follows the members of all channels.

    Attributes:
        sends: by project and channel.
        members: those that were asked to be followed and have subscribed, by name.
    """

    def __init__(self) -> None:
        self.sends: dict[tuple[str, str], Sends] = {}
        self.members: dict[str, Member] = {}
        self._followed: dict[str, None] = {}

    def follow(self, name: str) -> None:
        """Keep the books of this client from now on."""
        self._followed[name] = None

    def forget(self, name: str) -> None:
        """It is not watched any more."""
        self._followed.pop(name, None)
        self.members.pop(name, None)

    def row(self, row: Row) -> None:
        """Take one row of the server's side."""
        if not row.epoch:
            return
        sends = self.sends.setdefault((row.project, row.channel), Sends())
        sends.begin(row.epoch)
        if row.kind == "send":
            number = sends.number(row.epoch, row.seq)
            assert number is not None
            sends.add(number, row.t_ns)
            for member in self.members.values():
                if member.sends is sends:
                    member.sent(number)
        elif row.subscriber in self._followed:
            self._about(row, sends)

    def _about(self, row: Row, sends: Sends) -> None:
        member = self.members.get(row.subscriber)
        if member is None:
            member = self.members[row.subscriber] = Member(row.subscriber, sends)
        number = sends.number(row.epoch, row.seq)
        assert number is not None
        detail: dict[str, Any] = row.detail or {}
        if row.kind == "connect":
            member.connected(row.connection)
        elif row.kind == "replay" and detail["count"]:
            base = number - row.seq
            member.replayed(
                row.connection, range(base + detail["first"], base + detail["last"] + 1)
            )
        elif row.kind == "take":
            member.took(row.connection, number)
        elif row.kind in ("drop", "expire"):
            member.lost(row.connection, number, row.cause)
        elif row.kind == "close":
            member.closed(row.connection, row.cause)
