"""Promise: nobody is handed an event that is older than the channel's time to live.

With `messageTTL` = T an event sent at t is good while `now - t < T` (TTL-1). Every replay (TTL-2)
and every take (TTL-3) is judged by its own time, not by a sweeper's (TTL-5). An `expire` row must
be about a pending event that really is too old, from the front of the queue; one that is too old
and is passed over without such a row is a silent loss (TTL-4).
"""

from __future__ import annotations

from simrt.checkers.fold import Checker, Watch
from simrt.checkers.ledger import Key, Ledger, Subscription
from simrt.checkers.verdict import Status
from simrt.history import Row
from simrt.text import duration, exact_s, many


class _Expiry(Watch):
    """Works out the age of everything that is replayed, taken or expired."""

    def __init__(self, ledger: Ledger) -> None:
        super().__init__(ledger)
        self._ttl_ns = ledger.scenario.feature.options.message_ttl_ns
        self._expired = 0
        self._oldest_ns = 0
        self._broken: set[Key] = set()

    def on_replay(self, row: Row, subscription: Subscription | None) -> None:
        detail = row.detail or {}
        first = int(detail.get("first", 0))
        if self._ttl_ns is None or subscription is None or first < 1:
            return
        self.judged += int(detail.get("count", 0))
        self._is_fresh(row, subscription.stream.age_ns(first, row.t_ns), "replayed", "TTL-2")

    def on_take(self, row: Row, subscription: Subscription | None) -> None:
        if self._ttl_ns is None or subscription is None:
            return
        self.judged += 1
        self._is_fresh(row, subscription.stream.age_ns(row.seq, row.t_ns), "taken", "TTL-3")
        queue = subscription.queue
        if queue and queue[0] != row.seq and row.seq in queue:
            self._nothing_skipped(row, subscription)

    def on_expire(self, row: Row, subscription: Subscription | None) -> None:
        self.judged += 1
        self._expired += 1
        if self._ttl_ns is None:
            self.fail(row, "expired, though the channel has no messageTTL (TTL-1)")
            return
        if row.cause != "ttl":
            self.fail(row, f"cause {row.cause or 'missing'}, an expiry's is ttl")
        if subscription is None or not subscription.open:
            self.fail(row, "expired for a connection that is not open (TTL-4)")
            return
        age = subscription.stream.age_ns(row.seq, row.t_ns)
        if age < self._ttl_ns:
            self.fail(
                row,
                f"only {exact_s(age)} old, good for {exact_s(self._ttl_ns)} (TTL-1)",
            )
        if row.seq not in subscription.queue:
            self.fail(row, "expired though it was not pending (TTL-4)")
        elif subscription.queue[0] != row.seq:
            self._nothing_skipped(row, subscription)

    def _is_fresh(self, row: Row, age_ns: int, verb: str, rule: str) -> None:
        assert self._ttl_ns is not None
        self._oldest_ns = max(self._oldest_ns, age_ns)
        if age_ns >= self._ttl_ns:
            self.fail(
                row,
                f"{verb} {exact_s(age_ns)} old, good for {exact_s(self._ttl_ns)} ({rule})",
            )

    def _nothing_skipped(self, row: Row, subscription: Subscription) -> None:
        """What stands before it and is too old must have had a row of its own."""
        assert self._ttl_ns is not None
        seq = subscription.queue[0]
        key = subscription.key
        if subscription.stream.age_ns(seq, row.t_ns) >= self._ttl_ns and key not in self._broken:
            self._broken.add(key)
            self.fail(row, f"event {seq} before it was too old and has no expire row (TTL-4)")

    def conclude(self) -> tuple[Status, str]:
        """One sentence."""
        if self.failures:
            return Status.FAIL, (
                f"{many(self.failures, 'event')} handed out too old, or expired wrongly, of "
                f"{self.judged:,} judged."
            )
        if self._ttl_ns is None:
            return Status.NOT_APPLICABLE, "The channel has no messageTTL: nothing ever expires."
        if not self.judged:
            return Status.INCONCLUSIVE, "Nothing was replayed, taken or expired."
        return Status.PASS, (
            f"Of {many(self.judged, 'event')} the oldest handed out was "
            f"{duration(self._oldest_ns)} old (allowed: below {exact_s(self._ttl_ns)}); "
            f"{self._expired:,} expired."
        )


CHECKER = Checker(
    "expiry",
    "Nobody is handed an event that is older than the channel's time to live.",
    ("TTL-1", "TTL-2", "TTL-3", "TTL-4", "TTL-5"),
    3,
    _Expiry,
)
check = CHECKER.check
