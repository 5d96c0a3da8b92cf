"""Promise: nothing of one project is ever seen through another, though their channels share a name.

Every run has a neighbour project with an equal channel name and other events (PRJ-1). Each take
and each receipt must carry an event of its subscriber's own project. An event whose data both
projects sent tells nothing and is not judged.
"""

from __future__ import annotations

from simrt.checkers.fold import Checker, Watch
from simrt.checkers.ledger import Ledger, Subscription
from simrt.checkers.verdict import Status
from simrt.history import Row
from simrt.scenario.neighbour import GROUP as NEIGHBOUR
from simrt.text import many

_SHARED = ""


class _Isolation(Watch):
    """Remembers whose each digest is, and compares every delivery with it."""

    def __init__(self, ledger: Ledger) -> None:
        super().__init__(ledger)
        self._owner: dict[str, str] = {}
        self._channel = ledger.scenario.feature.channel
        self._deliveries = {ledger.project: 0, ledger.neighbour: 0}

    def on_send(self, row: Row, _: Subscription | None) -> None:
        if row.project not in self._deliveries:
            self.fail(row, f"sent in {row.project}, which is neither project of this run (PRJ-1)")
        if self._owner.setdefault(row.digest, row.project) != row.project:
            self._owner[row.digest] = _SHARED

    def on_connect(self, row: Row, _: Subscription | None) -> None:
        own = self._home(row)
        if row.project != own:
            self.fail(row, f"a subscriber of {own} was let into {row.project} (PRJ-1)")
        self._in_channel(row)

    def on_replay(self, row: Row, _: Subscription | None) -> None:
        self._in_channel(row)

    def _in_channel(self, row: Row) -> None:
        if row.channel != self._channel:
            self.fail(row, f"is about channel {row.channel!r}, not {self._channel!r} (PRJ-1)")

    def on_take(self, row: Row, _: Subscription | None) -> None:
        self._delivered(row)

    def on_receive(self, row: Row, _: Subscription | None) -> None:
        self._delivered(row)

    def _home(self, row: Row) -> str:
        near = row.group == NEIGHBOUR
        return self.ledger.neighbour if near else self.ledger.project

    def _delivered(self, row: Row) -> None:
        self._in_channel(row)
        own = self._home(row)
        owner = self._owner.get(row.digest, own)
        if row.project != own:
            self.fail(row, f"a subscriber of {own} got an event as one of {row.project} (PRJ-1)")
        elif owner not in (own, _SHARED):
            self.fail(row, f"this event was sent only in {owner}, not in {own} (PRJ-1)")
        if owner != _SHARED:
            self.judged += 1
            self._deliveries[own] += 1

    def conclude(self) -> tuple[Status, str]:
        """One sentence."""
        own, near = self._deliveries.values()
        if self.failures:
            what = many(self.failures, "event or connection", "events or connections")
            return Status.FAIL, f"{what} crossed from one project into another."
        if not own or not near:
            silent = "the neighbour project" if own else "this project"
            return Status.INCONCLUSIVE, f"No event of {silent} was delivered; nothing to compare."
        return Status.PASS, (
            f"Nothing of the neighbour project was handed out or received here ({own:,} times "
            f"judged), and nothing of this one there ({near:,} times)."
        )


CHECKER = Checker(
    "isolation",
    "Nothing of one project is ever seen through another, though their channels share a name.",
    ("PRJ-1",),
    1,
    _Isolation,
)
check = CHECKER.check
