"""Promise: after a restart nothing from before comes back, and everyone who can does.

A restart ends every subscription and empties every channel (RST-1): the life that ended writes no
row on the server's side any more, and a connection of the next life carries only that life's
events (RST-2; what was in flight may still arrive on the old connection). Numbers begin at 1 in a
new epoch (RST-3). While the server is down nothing is sent: an arrival is a `reject` row with cause
`down` (RST-5). Afterwards every client that was a member, has its network and did not give up is
connected to the new life.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from simrt.checkers.fold import Checker, Watch
from simrt.checkers.ledger import PROBE, Ledger, Subscription, side
from simrt.checkers.verdict import Status
from simrt.checkers.waits import longest_wait_ns
from simrt.history import UNTOLD, Row
from simrt.scenario.neighbour import GROUP as NEIGHBOUR
from simrt.text import duration, exact_s, many


@dataclass(slots=True)
class _Member:
    """What must be known of a client to say whether it should be back.

    Attributes:
        epoch: the life that it was connected to last.
        left_ns: when its side of a connection or attempt last ended; None while it knows of no end.
        away: why it has no network now: each cause that is not over.
        gone: whether it gave up.
        untold: whether it believed itself connected to the end, because nobody told it (NET-7).
    """

    epoch: str = ""
    left_ns: int | None = None
    away: set[str] = field(default_factory=set)
    gone: bool = False
    untold: bool = False


class _Restart(Watch):
    """Follows the lives of the hub."""

    def __init__(self, ledger: Ledger) -> None:
        super().__init__(ledger)
        self._life = ""
        self._ended: set[str] = set()
        self._down = False
        self._restarts = 0
        self._begun_ns: int  # the newest life, once there was a restart
        self._killed_ns: int  # the life before it
        self._cut: set[str] = (
            set()
        )  # our own clients that the restart cut off and that are not back
        self._back_ns: int | None = None
        self._rejected = 0
        self._first_due: set[tuple[str, str]] = set()
        self._members: dict[str, _Member] = {}

    # --- the server's side -------------------------------------------------------------------

    def on_send(self, row: Row, _: Subscription | None) -> None:
        place = (row.project, row.epoch)
        if self._restarts and place not in self._first_due:
            self._first_due.add(place)
            stream = self.ledger.stream_of(row)
            if not stream.sent and row.seq != 1:
                self.fail(row, "the first event after a restart has number 1 (RST-3)")

    def on_connect(self, row: Row, _: Subscription | None) -> None:
        if row.group == PROBE:
            return
        member = self._members.setdefault(row.subscriber, _Member())
        if row.subscriber in self._cut:
            self._cut.discard(row.subscriber)
            self._back_ns = max(self._back_ns or 0, row.t_ns - self._killed_ns)
        member.epoch, member.left_ns = row.epoch, None

    def on_take(self, row: Row, subscription: Subscription | None) -> None:
        self._own_life(row, subscription)

    def on_reject(self, row: Row, _: Subscription | None) -> None:
        if row.cause == "down":
            self._rejected += row.project == self.ledger.project
            if not self._down and self.ledger.exact:
                self.fail(row, "rejected as down while the server was up (RST-5)")
        elif self._down and self.ledger.exact:
            self.fail(row, f"rejected because of {row.cause} while the server was down (RST-5)")

    # --- the client's side -------------------------------------------------------------------

    def on_receive(self, row: Row, subscription: Subscription | None) -> None:
        self._own_life(row, subscription)

    def on_close(self, row: Row, _: Subscription | None) -> None:
        if row.subscriber in self._members and side(row) == "client":
            self._members[row.subscriber].left_ns = row.t_ns

    def on_refuse(self, row: Row, _: Subscription | None) -> None:
        if row.subscriber in self._members:
            self._members[row.subscriber].left_ns = row.t_ns

    def on_gave_up(self, row: Row, _: Subscription | None) -> None:
        if row.group != PROBE:
            self._members.setdefault(row.subscriber, _Member()).gone = True

    def on_end(self, row: Row, _: Subscription | None) -> None:
        if row.subscriber in self._members and row.cause == UNTOLD:
            self._members[row.subscriber].untold = True

    def on_offline(self, row: Row, _: Subscription | None) -> None:
        self._members.setdefault(row.subscriber, _Member()).away.add(row.cause)

    def on_online(self, row: Row, _: Subscription | None) -> None:
        self._members.setdefault(row.subscriber, _Member()).away.discard(row.cause)

    # --- the restart itself ------------------------------------------------------------------

    def on_restart(self, row: Row, _: Subscription | None) -> None:
        if row.cause != "server":
            self.fail(row, f"cause {row.cause or 'missing'}, a restart's is server")
        if self._down:
            self.fail(row, "the server was down already (RST-1)")
        if self._life and row.epoch != self._life:
            self.fail(row, f"epoch {row.epoch} ended, but {self._life} was alive (RST-1)")
        self._ended.add(row.epoch)
        self._restarts += 1
        self._down = True
        self._killed_ns = row.t_ns
        self._cut = {
            one.subscriber
            for one in self.ledger.open_in(row.epoch)
            if one.client_end is None
            and one.subscriber.partition("/")[0] in self.scenario.workload.subscribers
        }
        self._life = ""

    def on_heal(self, row: Row, _: Subscription | None) -> None:
        if row.cause != "restart":
            return
        if row.epoch in self._ended:
            self.fail(row, "a new life has a new epoch (RST-3)")
        elif self._life not in ("", row.epoch):
            self.fail(row, f"rows of epoch {self._life} came before it (RST-3)")
        self._down = False
        self._begun_ns = row.t_ns
        self._life = row.epoch

    def on_server_side(self, row: Row, _: Subscription | None) -> None:
        """Each row of the server's side belongs to the life that is alive."""
        self.judged += self._restarts > 0
        if row.epoch == self._life and row.epoch:
            return
        if row.epoch in self._ended:
            self.fail(row, f"epoch {row.epoch} had ended with the restart (RST-1, RST-2)")
        elif self._down and self.ledger.exact:
            self.fail(row, "while the server was down (RST-5)")
        elif self._life:
            self.fail(row, f"epoch {row.epoch} without a restart of {self._life} (RST-3)")
        else:
            self._life = row.epoch

    def _own_life(self, row: Row, subscription: Subscription | None) -> None:
        if subscription is None:
            return
        if row.kind == "receive" and self._restarts:
            self.judged += 1
        if row.epoch != subscription.stream.epoch:
            own = subscription.stream.epoch
            self.fail(row, f"an event of epoch {row.epoch} on a connection of {own} (RST-2)")

    # --- the end -----------------------------------------------------------------------------

    def _missing(self) -> tuple[int, int, int]:
        """How many members should be back and are not; how many are; how many of these our own."""
        missing = back = own = 0
        for name, member in self._members.items():
            if member.epoch and member.epoch not in self._ended:
                own += name.partition("/")[0] != NEIGHBOUR
                back += 1
            elif member.epoch and not (member.away or member.gone or member.untold):
                group = self.ledger.groups.get(name.partition("/")[0])
                # Behind events that take long to handle, the end is heard of late.
                waited = self.ledger.now - max(self._begun_ns, member.left_ns or 0)
                knows = member.left_ns is not None
                if group is not None and knows and waited > longest_wait_ns(group):
                    self.fail(None, f"{name}: not back {exact_s(waited)} after the restart (CLI-1)")
                    missing += 1
                else:
                    self.doubt(f"{name}: not back yet when the run ended")
        return missing, back, own

    def conclude(self) -> tuple[Status, str]:
        """One sentence."""
        missing = back = own = 0
        if self.ledger.complete and not self._down:
            missing, back, own = self._missing()
        if self.failures:
            wrong = self.failures - missing
            return Status.FAIL, (
                f"{many(missing, 'client')} did not come back after a restart; "
                f"{many(wrong, 'other finding')} that a restart forbids."
            )
        if not self._restarts:
            if any(fault.restart for fault in self.scenario.faults):
                return Status.INCONCLUSIVE, "A restart is declared, but none happened."
            return Status.NOT_APPLICABLE, "No restart is declared, and none happened."
        if not back or self.doubts:
            return Status.INCONCLUSIVE, (
                f"After the restart {many(back, 'client')} came back before the run ended, "
                "too few to judge it."
            )
        cut = "it cut nobody off"
        if self._back_ns is not None:
            back_after = duration(self._back_ns)
            cut = f"the last that was cut off was connected again {back_after} after the kill"
        return Status.PASS, (
            f"After {many(self._restarts, 'restart')} nothing from before came back, and "
            f"{many(own, 'client')} did; {cut}; "
            f"{many(self._rejected, 'arrival')} found the server down."
        )


CHECKER = Checker(
    "restart",
    "After a restart nothing from before comes back, and everyone who can does.",
    ("CLI-1", "RST-1", "RST-2", "RST-3", "RST-5"),
    5,
    _Restart,
)
check = CHECKER.check
