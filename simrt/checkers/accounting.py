"""Promise: every event is accounted for, for every subscriber; nothing is left unexplained.

Per connection (ACC-1): what the server says it offered, took, dropped, let expire, discarded and
still holds is what the rows say, and adds up. Taken is received, lost in flight, or still in flight
(ACC-3, DLV-5). Every connection ends on both sides, by a row or by a restart.

Per subscriber (ACC-2): each event that was sent while it was a member has exactly one outcome, and
each outcome has the row that caused it: a receipt, a drop, an expiry, an end, a restart. All
receipts are first receipts, duplicates, or of events from before its membership (ACC-3).

A history whose last row is missing was cut short and proves nothing.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import IntEnum

from simrt.checkers.fold import Checker, Watch, follow_all
from simrt.checkers.ledger import PROBE, Ledger, Subscription, is_complete, range_of, side
from simrt.checkers.verdict import Status
from simrt.checkers.waits import answer_ns
from simrt.history import KINDS, UNTOLD, History, Row
from simrt.scenario.neighbour import GROUP as NEIGHBOUR
from simrt.text import many


class Fate(IntEnum):
    """What has become of one message for one subscriber so far; those after IN_FLIGHT are final."""

    UNSENT = 0
    EARLIER = 1
    EARLIER_RECEIVED = 2
    PENDING = 3
    IN_FLIGHT = 4
    RECEIVED = 5
    DROPPED_OLDEST = 6
    DROPPED_NEWEST = 7
    EXPIRED = 8
    CONNECTION_LOST = 9
    RESTART = 10
    UNFINISHED = 11
    OFFLINE = 12


_OPEN_FATES = (Fate.PENDING, Fate.IN_FLIGHT)
_NOT_A_MEMBER = (Fate.UNSENT, Fate.EARLIER, Fate.EARLIER_RECEIVED)
_SHIFT = 4
_MASK = (1 << _SHIFT) - 1


@dataclass(slots=True)
class Member:
    """One subscriber and what became of each message for it.

    A cell holds the number of the connection to which the message was last offered, and its fate:
    `connection << 4 | fate`. Cell i is message i + 1 of that epoch.

    Attributes:
        cells: per epoch, one cell a message.
        open: the connections that are open on the server's side, oldest first.
    """

    cells: dict[str, array[int]] = field(default_factory=dict)
    open: list[int] = field(default_factory=list)

    def cells_of(self, epoch: str) -> array[int]:
        """The cells of one epoch, made where they are new."""
        cells = self.cells.get(epoch)
        if cells is None:
            cells = self.cells[epoch] = array("q")
        return cells

    def settle(self, epoch: str, seq: int, connection: int, fate: Fate) -> None:
        """Give a message its fate, unless it was received or offered to a later connection."""
        cells = self.cells_of(epoch)
        if 1 <= seq <= len(cells):
            cell = cells[seq - 1]
            if cell >> _SHIFT == connection and cell & _MASK in _OPEN_FATES:
                cells[seq - 1] = connection << _SHIFT | fate

    def offer(self, epoch: str, seq: int, connection: int) -> None:
        """A replay offers a message again."""
        cells = self.cells_of(epoch)
        if 1 <= seq <= len(cells):
            fate = cells[seq - 1] & _MASK
            if fate not in (Fate.RECEIVED, *_NOT_A_MEMBER):
                cells[seq - 1] = connection << _SHIFT | Fate.PENDING

    def receive(self, epoch: str, seq: int) -> bool:
        """Note one receipt; say whether it is a receipt of something that was sent."""
        cells = self.cells_of(epoch)
        fate = cells[seq - 1] & _MASK if 1 <= seq <= len(cells) else Fate.UNSENT
        if fate == Fate.UNSENT:
            return False
        earlier = fate in (Fate.EARLIER, Fate.EARLIER_RECEIVED)
        cells[seq - 1] = Fate.EARLIER_RECEIVED if earlier else Fate.RECEIVED
        return True

    def tally(self) -> Counter[int]:
        """Messages by fate."""
        return Counter(cell & _MASK for cells in self.cells.values() for cell in cells)


class _Outcomes(Watch):
    """Keeps, for every subscriber, the fate of every message sent while it was a member."""

    def __init__(self, ledger: Ledger) -> None:
        super().__init__(ledger)
        self.members: dict[str, Member] = {}
        self._homes: dict[tuple[str, str], list[Member]] = {}
        # Until when each client's network was silent the last time; None while it is.
        self._silent_until_ns: dict[str, int | None] = {}

    def on_offline(self, row: Row, _: Subscription | None) -> None:
        if row.cause == "silent":
            self._silent_until_ns[row.subscriber] = None

    def on_online(self, row: Row, _: Subscription | None) -> None:
        if row.cause == "silent":
            self._silent_until_ns[row.subscriber] = row.t_ns

    def on_connect(self, row: Row, _: Subscription | None) -> None:
        member = self.members.get(row.subscriber)
        if member is None:
            member = self.members[row.subscriber] = Member()
            self._homes.setdefault((row.project, row.channel), []).append(member)
            before = self.ledger.stream_of(row).last_seq
            member.cells[row.epoch] = array("q", [Fate.EARLIER]) * before
        member.open.append(row.connection)

    def on_replay(self, row: Row, subscription: Subscription | None) -> None:
        member = self.members.get(row.subscriber)
        if member is None or subscription is None:
            return
        first, last = range_of(row)
        for seq in range(max(first, 1), min(last, subscription.stream.last_seq) + 1):
            member.offer(row.epoch, seq, row.connection)

    def on_send(self, row: Row, _: Subscription | None) -> None:
        for member in self._homes.get((row.project, row.channel), ()):
            cells = member.cells_of(row.epoch)
            while len(cells) < row.seq - 1 and row.seq - len(cells) < 1_000_000:
                cells.append(Fate.UNSENT)
            if len(cells) == row.seq - 1:
                newest = member.open[-1] if member.open else 0
                fate = Fate.PENDING if newest else Fate.OFFLINE
                cells.append(newest << _SHIFT | fate)

    def on_drop(self, row: Row, _: Subscription | None) -> None:
        oldest = row.cause == "drop-oldest"
        self._settle(row, Fate.DROPPED_OLDEST if oldest else Fate.DROPPED_NEWEST)

    def on_expire(self, row: Row, _: Subscription | None) -> None:
        self._settle(row, Fate.EXPIRED)

    def on_take(self, row: Row, _: Subscription | None) -> None:
        self._settle(row, Fate.IN_FLIGHT)

    def on_receive(self, row: Row, _: Subscription | None) -> None:
        member = self.members.get(row.subscriber)
        if member is None or not member.receive(row.epoch, row.seq):
            self.fail(row, "a receipt of an event that was never sent (ACC-3)")

    def on_refuse(self, _: Row, subscription: Subscription | None) -> None:
        if subscription is not None:
            self._client_left(subscription, self._ended_by(subscription))

    def on_close(self, row: Row, subscription: Subscription | None) -> None:
        if subscription is None:
            return
        if side(row) == "client":
            self._client_left(subscription, self._ended_by(subscription))
        else:
            # An orderly end of the server is a restart too (ACC-2).
            restarts = row.cause == "shutdown"
            self._server_left(subscription, Fate.RESTART if restarts else Fate.CONNECTION_LOST)

    def on_end(self, row: Row, subscription: Subscription | None) -> None:
        if subscription is None:
            return
        if side(row) == "client":
            dead = row.cause == UNTOLD  # nothing more arrives (NET-7)
            fate = self._ended_by(subscription) if dead else Fate.UNFINISHED
            self._client_left(subscription, fate)
        else:
            self._server_left(subscription, Fate.UNFINISHED)

    def on_restart(self, row: Row, _: Subscription | None) -> None:
        for subscription in self.ledger.open_in(row.epoch):
            self._server_left(subscription, Fate.RESTART)

    @staticmethod
    def _ended_by(subscription: Subscription) -> Fate:
        """What in flight is lost by when the client is gone: a restart, if that came before."""
        end = subscription.killed_by or subscription.server_end
        restarts = end is not None and (end.kind == "restart" or end.cause == "shutdown")
        return Fate.RESTART if restarts else Fate.CONNECTION_LOST

    def settle_the_young(self) -> list[Subscription]:
        """At the end: what is under way on connections of which no client knows yet is unfinished.

        Returns:
            The other connections that have no end on their client's side.
        """
        others = []
        for subscription in self.ledger.subscriptions.values():
            if subscription.client_end is not None:
                continue
            if self._too_young(subscription):
                self._client_left(subscription, Fate.UNFINISHED)
            else:
                others.append(subscription)
        return others

    def _too_young(self, subscription: Subscription) -> bool:
        """Its answer was still under way when the run ended: the client has no connection yet."""
        group = self.ledger.groups.get(subscription.subscriber.partition("/")[0])
        if group is None or subscription.received:
            return False
        age = self.ledger.now - subscription.opened_ns
        late = self.ledger.header.resolution_ns
        if late:
            late += self._repeats_ns(subscription)
        return age <= answer_ns(group) + late

    def _repeats_ns(self, subscription: Subscription) -> int:
        """How long after its connect what a silence lost is repeated, on a real network (NET-7).

        A kernel repeats after pauses that double. So the repeat comes when the silence has lasted
        once more as long, and a first pause, at the latest.
        """
        until_ns = self._silent_until_ns.get(subscription.subscriber, 0)
        silence_ns = (self.ledger.now if until_ns is None else until_ns) - subscription.opened_ns
        if silence_ns <= 0:
            return 0
        group = subscription.subscriber.partition("/")[0]
        pause_ns = self.ledger.header.window.get(group, {}).get("most_pause_ns", 0)
        return 2 * silence_ns + pause_ns

    def _settle(self, row: Row, fate: Fate) -> None:
        member = self.members.get(row.subscriber)
        if member is not None:
            member.settle(row.epoch, row.seq, row.connection, fate)

    def _settle_all(
        self, subscription: Subscription, seqs: Iterable[int], now: Fate, fate: Fate
    ) -> None:
        """Only what the rows left in this state: a queue that skipped one does not explain it."""
        member = self.members[subscription.subscriber]
        cells = member.cells_of(subscription.stream.epoch)
        for seq in seqs:
            if 1 <= seq <= len(cells) and cells[seq - 1] & _MASK == now:
                member.settle(subscription.stream.epoch, seq, subscription.connection, fate)

    def _client_left(self, subscription: Subscription, fate: Fate) -> None:
        self._settle_all(subscription, subscription.in_flight, Fate.IN_FLIGHT, fate)

    def _server_left(self, subscription: Subscription, fate: Fate) -> None:
        member = self.members[subscription.subscriber]
        if subscription.connection in member.open:
            member.open.remove(subscription.connection)
        left = subscription.client_end
        gone = left is not None and left.kind != "end"  # nobody is left to receive anything
        lost = Fate.CONNECTION_LOST if gone else fate
        self._settle_all(subscription, subscription.queue, Fate.PENDING, lost)
        if gone:
            self._settle_all(subscription, subscription.in_flight, Fate.IN_FLIGHT, lost)


class _Accounting(_Outcomes):
    """The outcomes, and the books of each connection against its rows."""

    def on_close(self, row: Row, subscription: Subscription | None) -> None:
        self._books(row, subscription)
        super().on_close(row, subscription)

    def on_end(self, row: Row, subscription: Subscription | None) -> None:
        if not is_complete(row):
            self._books(row, subscription)
        super().on_end(row, subscription)

    def _books(self, row: Row, subscription: Subscription | None) -> None:
        self.judged += 1
        if subscription is None:
            self.fail(row, "ends a connection that never began (ACC-1)")
        elif row.epoch not in ("", subscription.stream.epoch):
            self.fail(row, f"the connection was one of epoch {subscription.stream.epoch}")
        elif side(row) == "client":
            self._client_books(row, subscription)
        elif side(row) == "server":
            self._server_books(row, subscription)
        else:
            self.fail(row, "does not say whose side ended")

    def _client_books(self, row: Row, subscription: Subscription) -> None:
        if subscription.client_end is not None:
            self.fail(row, "the client's side had ended before")
        said = (row.detail or {}).get("received")
        if said != subscription.received:
            found = subscription.received
            self.fail(row, f"says {said} received, the rows say {found} (ACC-3)")

    def _server_books(self, row: Row, subscription: Subscription) -> None:
        if not subscription.open:
            self.fail(row, "the server's side had ended before (DLV-4)")
            return
        detail = row.detail or {}
        pending = list(subscription.queue)
        if detail.get("pending") != pending:
            said = _short(detail.get("pending"))
            self.fail(row, f"says {said} are pending, the rows say {_short(pending)} (ACC-1)")
        closed = row.kind == "close"
        fates = {
            "taken": subscription.taken,
            "dropped-oldest": subscription.dropped_oldest,
            "dropped-newest": subscription.dropped_newest,
            "expired": subscription.expired,
            "discarded": len(pending) if closed else 0,
            "pending": 0 if closed else len(pending),
        }
        said_fates = detail.get("fates") or {}
        for fate in sorted({*fates, *said_fates}):
            if said_fates.get(fate) != fates.get(fate):
                found = fates.get(fate, "no such fate")
                self.fail(row, f"says {said_fates.get(fate)} {fate}, the rows say {found} (ACC-1)")
        if sum(fates.values()) != subscription.offered:
            total = sum(fates.values())
            self.fail(row, f"{subscription.offered} offered, {total} explained (ACC-1)")

    # --- the end -----------------------------------------------------------------------------

    def _finish(self) -> tuple[int, int]:
        """Every connection has two ends, every message one fate.

        Returns:
            How many messages were judged for our own subscribers, and for the neighbour's.
        """
        for subscription in self.ledger.subscriptions.values():
            if subscription.open:
                who = f"{subscription.subscriber} connection {subscription.connection}"
                self.fail(None, f"{who}: no row says how it ended on the server's side (ACC-1)")
        for subscription in self.settle_the_young():
            who = f"{subscription.subscriber} connection {subscription.connection}"
            self.fail(None, f"{who}: no row says how it ended for the client (ACC-3)")
        own = near = 0
        for name, member in self.members.items():
            tally = member.tally()
            offered = sum(n for fate, n in tally.items() if fate not in _NOT_A_MEMBER)
            if name.partition("/")[0] == NEIGHBOUR:
                near += offered
            else:
                own += offered
            unexplained = sum(tally[fate] for fate in _OPEN_FATES)
            if unexplained:
                examples = ", ".join(self._unexplained(member))
                self.fail(None, f"{name}: {unexplained} without an outcome: {examples} (ACC-2)")
        return own, near

    @staticmethod
    def _unexplained(member: Member) -> list[str]:
        found = [
            f"event {index + 1} of epoch {epoch}"
            for epoch, cells in member.cells.items()
            for index, cell in enumerate(cells)
            if cell & _MASK in _OPEN_FATES
        ]
        return found[:3]

    def _order_of_rows(self) -> None:
        if self.ledger.disorder is not None:
            self.fail(self.ledger.disorder, "stands behind a row of a later time")
        if self.ledger.after_end is not None:
            self.fail(self.ledger.after_end, "stands behind the row that ends the run")
        for kind in self.ledger.unknown_kinds:
            self.fail(None, f"rows of kind {kind!r}; there are {', '.join(KINDS)}")

    def conclude(self) -> tuple[Status, str]:
        """One sentence."""
        self._order_of_rows()
        own, near = self._finish() if self.ledger.complete else (0, 0)
        if self.failures:
            what = many(self.failures, "account")
            return Status.FAIL, f"{what} do not add up: something happened that no row explains."
        if not self.ledger.complete:
            return Status.INCONCLUSIVE, "The history was cut short: its last row is missing."
        if not own + near:
            return Status.INCONCLUSIVE, "Nobody was connected while anything was sent."
        self.judged += own + near
        mine = sum(name.partition("/")[0] != NEIGHBOUR for name in self.members)
        return Status.PASS, (
            f"{many(own, 'outcome')} of {many(mine, 'subscriber')}, and {near:,} of the neighbour "
            f"project's, over {many(len(self.ledger.subscriptions), 'connection')}: "
            "unexplained = 0."
        )


def outcomes(history: History) -> dict[str, dict[str, int]]:
    """Per subscriber of the scenario, the messages sent while it was a member, by outcome (ACC-2).

    Outcomes are spelled as in the rules (`dropped-oldest`, `connection-lost`, …); those that did
    not happen are left out. A second opinion for whoever counts them another way.
    """
    return {
        name: {
            _SPELLED[fate]: number
            for fate, number in sorted(member.tally().items())
            if fate not in _NOT_A_MEMBER
        }
        for name, member in _followed(history).items()
        if name.partition("/")[0] not in (NEIGHBOUR, PROBE)
    }


def fates(history: History) -> dict[str, dict[str, tuple[str, ...]]]:
    """What became of each message for each subscriber, the neighbour's too (ACC-2).

    By subscriber, then by epoch in the order of their first rows, one word a message: that of
    message `seq` stands at place `seq - 1`. The words are the outcomes of the rules, and `earlier`
    or `earlier-received` for what was sent before membership.
    """
    return {
        name: {
            epoch: tuple(_SPELLED[cell & _MASK] for cell in cells)
            for epoch, cells in member.cells.items()
        }
        for name, member in _followed(history).items()
        if name.partition("/")[0] != PROBE
    }


_SPELLED = tuple(fate.name.lower().replace("_", "-") for fate in Fate)


def _followed(history: History) -> dict[str, Member]:
    ledger = Ledger(history.header, history.scenario)
    watch = _Outcomes(ledger)
    follow_all(history, ledger, watch)
    if ledger.complete:
        watch.settle_the_young()
    return watch.members


def _short(seqs: object) -> str:
    if not isinstance(seqs, list):
        return repr(seqs)
    return f"{len(seqs)} ({', '.join(map(str, seqs[:6]))}{', …' if len(seqs) > 6 else ''})"


CHECKER = Checker(
    "accounting",
    "Every event is accounted for, for every subscriber; nothing is left unexplained.",
    ("ACC-1", "ACC-2", "ACC-3", "DLV-4", "DLV-5", "NET-7"),
    3,
    _Accounting,
)
check = CHECKER.check
