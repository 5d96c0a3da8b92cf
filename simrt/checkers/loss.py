"""Promise: an event is lost in a queue only where the overflow rule says so, and never silently.

The pending queue of every connection is recomputed from the rows: replay and sends fill it, takes,
drops and expiries empty it. A send to a queue that already holds `bufferSize` events asks for
exactly one drop: of the oldest under `drop-oldest` (BUF-2), of the new one under `drop-newest`
(BUF-3), at the time of that send and before anything else happens (PUB-4). No other drop is
allowed, and nothing may be taken before what was pending ahead of it (BUF-1, SUB-1). The receipt
counts the open subscriptions (PUB-4), and no send is refused because of a subscriber (PUB-2).

A connection is judged until its first broken promise: what follows would only repeat it.
"""

from __future__ import annotations

from itertools import takewhile
from typing import NamedTuple

from simrt.checkers.fold import Checker, Watch
from simrt.checkers.ledger import Key, Ledger, Subscription
from simrt.checkers.verdict import Status
from simrt.history import Row
from simrt.text import exact_s, many

_REASONS_TO_REJECT = ("shape", "event", "down")


class _Due(NamedTuple):
    """A drop that a send asks for."""

    send: Row
    seq: int


class _Loss(Watch):
    """Works out which drop each send asks for, and waits for its row."""

    def __init__(self, ledger: Ledger) -> None:
        super().__init__(ledger)
        options = ledger.scenario.feature.options
        self._size = options.buffer_size
        self._on_full = options.on_full
        self._ttl_ns = options.message_ttl_ns
        self._rule = "BUF-2" if options.on_full == "drop-oldest" else "BUF-3"
        self._due: dict[Key, _Due] = {}
        self._broken: set[Key] = set()
        self._drops = 0

    def on_server_side(self, row: Row, _: Subscription | None) -> None:
        if self._due and row.kind != "drop":
            self._settled()

    def on_send(self, row: Row, _: Subscription | None) -> None:
        stream = self.ledger.stream_of(row)
        self.judged += len(stream.open)
        offered = (row.detail or {}).get("offered")
        if offered != len(stream.open):
            self.fail(row, f"receipt says {offered} offered, {len(stream.open)} are open (PUB-4)")
        oldest = self._on_full == "drop-oldest"
        for key, subscription in stream.open.items():
            if len(subscription.queue) >= self._size:
                self._due[key] = _Due(row, subscription.queue[0] if oldest else row.seq)

    def on_drop(self, row: Row, subscription: Subscription | None) -> None:
        self._drops += 1
        key = (row.subscriber, row.connection)
        due = self._due.pop(key, None)
        if subscription is None or not subscription.open:
            self._break(row, "dropped for a connection that is not open (ACC-1)")
        elif due is None:
            held = len(subscription.queue)
            self._break(row, f"dropped with {held} of {self._size} pending ({self._rule})")
        elif row.cause != self._on_full:
            self._break(row, f"cause {row.cause}, the channel's rule is {self._on_full}")
        elif row.seq != due.seq:
            self._break(row, f"{self._on_full} asks for event {due.seq} ({self._rule})")
        elif row.t_ns != due.send.t_ns:
            self._break(row, f"its send was at {exact_s(due.send.t_ns)} (PUB-4)")

    def on_take(self, row: Row, subscription: Subscription | None) -> None:
        if subscription is None:
            return
        queue = subscription.queue
        if row.seq not in queue:
            self._break(row, "taken though it was not pending on this connection (BUF-1, SUB-1)")
            return
        for seq in takewhile(lambda seq: seq != row.seq, queue):
            if not self._expired(subscription, seq, row.t_ns):  # those are the expiry checker's
                self._break(row, f"event {seq} was pending before it and vanished (BUF-1)")

    def on_reject(self, row: Row, _: Subscription | None) -> None:
        if row.cause not in _REASONS_TO_REJECT:
            self.fail(row, f"refused because of {row.cause}; no subscriber stops a send (PUB-2)")

    def on_restart(self, _row: Row, _: Subscription | None) -> None:
        if self.ledger.exact:
            self._settled()
        self._due.clear()  # a real kill can fall between a send's row and its drops'

    def _expired(self, subscription: Subscription, seq: int, now: int) -> bool:
        return self._ttl_ns is not None and subscription.stream.age_ns(seq, now) >= self._ttl_ns

    def _settled(self) -> None:
        """Every drop that the last send asked for must have been written by now."""
        for key, due in self._due.items():
            if key not in self._broken:
                self._broken.add(key)
                who = f"{key[0]} connection {key[1]}"
                what = f"{who} had {self._size} pending: event {due.seq} must be dropped"
                self.fail(due.send, f"{what} ({self._rule})")
        self._due.clear()

    def _break(self, row: Row, what: str) -> None:
        key = (row.subscriber, row.connection)
        if key not in self._broken:
            self._broken.add(key)
            self.fail(row, what)

    def conclude(self) -> tuple[Status, str]:
        """One sentence."""
        if self.ledger.complete:
            self._settled()
        if self.failures:
            return Status.FAIL, (
                f"{many(self.failures, 'loss or receipt', 'losses or receipts')} that the rule "
                f"for a full buffer ({self._on_full}) does not explain."
            )
        if not self.judged:
            return Status.INCONCLUSIVE, "No event was sent while anyone was connected."
        return Status.PASS, (
            f"Of {many(self.judged, 'event')} offered to a connection, {self._drops:,} dropped: "
            f"each one as {self._on_full} asks with {self._size} waiting."
        )


CHECKER = Checker(
    "loss",
    "An event is lost in a queue only where the overflow rule says so, and never silently.",
    ("ACC-1", "BUF-1", "BUF-2", "BUF-3", "PUB-2", "PUB-4", "SUB-1"),
    3,
    _Loss,
)
check = CHECKER.check
