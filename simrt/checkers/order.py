"""Promise: a channel's events arrive unchanged, in the order of sending, once per connection.

Sends are numbered 1, 2, 3, … in one epoch (PUB-1). What the server takes for a connection has
strictly increasing numbers (DLV-2), never after the connection's close (DLV-4), and is what was
sent (DLV-3). A connection is a stream of bytes: what the client receives on it is the beginning of
what was taken for it, nothing skipped in the middle, nothing added. So all subscribers see one
order (DLV-6), replay included (REP-3). What one call brings as a list is sent one event after the
other (HOK-4).
"""

from __future__ import annotations

from simrt.checkers.fold import Checker, Watch
from simrt.checkers.ledger import Ledger, Subscription
from simrt.checkers.verdict import Status
from simrt.history import Row
from simrt.text import many


class _Order(Watch):
    """Compares every take and every receipt with what came before it on its connection."""

    def __init__(self, ledger: Ledger) -> None:
        super().__init__(ledger)
        self._received = 0
        self._before: dict[tuple[str, str, str], tuple[str, int]] = {}

    def on_send(self, row: Row, _: Subscription | None) -> None:
        due = self.ledger.stream_of(row).last_seq + 1
        if row.seq != due:
            self.fail(row, f"sends are numbered without a gap, {due} is due (PUB-1)")
        channel = (row.project, row.channel, row.epoch)
        sender, part = _place(row)
        if part > 1 and self._before.get(channel) != (sender, part - 1):
            self.fail(row, f"event {part} of one call does not follow the one before it (HOK-4)")
        self._before[channel] = sender, part

    def on_take(self, row: Row, subscription: Subscription | None) -> None:
        self.judged += 1
        if subscription is None:
            self.fail(row, "taken for a connection that never began (DLV-4)")
            return
        if not subscription.open:
            self.fail(row, "taken after the connection's end (DLV-4)")
        if row.seq <= subscription.last_taken:
            self.fail(row, f"taken after event {subscription.last_taken}; numbers rise (DLV-2)")
        self._unchanged(row, subscription)

    def on_receive(self, row: Row, subscription: Subscription | None) -> None:
        self.judged += 1
        self._received += row.group in self.scenario.workload.subscribers
        if subscription is None:
            self.fail(row, "received on a connection that never began (DLV-3)")
            return
        flight = subscription.in_flight
        if row.seq not in flight:
            again = row.seq <= subscription.last_received
            what = "received again or too late" if again else "received but never taken"
            self.fail(row, f"{what} on this connection (DLV-2)")
        elif flight[0] != row.seq:
            self.fail(row, f"received before event {flight[0]}, which was taken first (DLV-2)")
        if subscription.client_end is not None:
            self.fail(row, "received after the client's side had ended (DLV-4)")
        self._unchanged(row, subscription)

    def _unchanged(self, row: Row, subscription: Subscription) -> None:
        sent = subscription.stream.sent.get(row.seq)
        if sent is None:
            self.fail(row, "no such event was sent before on this channel (DLV-3)")
        elif (row.event, row.bytes, row.digest) != sent[1:]:
            self.fail(row, f"differs from what was sent as {sent.event}, {sent.digest} (DLV-3)")

    def conclude(self) -> tuple[Status, str]:
        """One sentence."""
        if self.failures:
            return Status.FAIL, (
                f"{many(self.failures, 'delivery', 'deliveries')} or sends out of order, "
                f"repeated or altered, of {self.judged:,} judged."
            )
        if not self.judged:
            return Status.INCONCLUSIVE, "No event was delivered, so no order could be seen."
        return Status.PASS, (
            "All events handed out were unchanged and in the order of sending, and so were the "
            f"{self._received:,} received."
        )


def _place(row: Row) -> tuple[str, int]:
    """Who sent it, and as the how-many-th of one call."""
    detail = row.detail or {}
    return str(detail.get("sender", "")), detail.get("part", 1)


CHECKER = Checker(
    "order",
    "A channel's events arrive unchanged, in the order of sending, once per connection.",
    ("PUB-1", "DLV-2", "DLV-3", "DLV-4", "DLV-6", "REP-3", "HOK-4"),
    4,
    _Order,
)
check = CHECKER.check
