"""How a client learns that its connection is dead (NET-7): bounds on both sides.

A connection whose server ended it in a silence, or which a `half-open` lost, is dead when the
silence ends, and nobody tells the client. Where the group has keep-alive, a probe finds it out: not
before an interval without a byte has passed, and at the latest an interval and the way there and
back after the silence. Ten intervals without an answer end a connection, whatever holds it. Where
the group has none, only a watchdog or a loss of the network ends it.

Rows do not say when a heartbeat arrived, so the earliest time counts from the last event that has
certainly arrived, the latest from the silence. An end waits behind what a client still handles.
"""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field
from typing import Protocol

from simrt.checkers.fold import Watch
from simrt.checkers.ledger import NEVER, Ledger, Subscription, side, whom_of
from simrt.history import UNTOLD, Row
from simrt.scenario.model import Subscribers
from simrt.text import exact_s

# A probe after one interval without a byte, eight more, and one interval for the last answer.
GIVES_UP_AFTER = 10
# On a target with measured time, how many resolutions off is certainly wrong.
_CERTAINLY = 20


class Judge(Protocol):
    """The checker that this one works for."""

    judged: int

    def fail(self, row: Row | None, what: str) -> None:
        """Note one broken promise."""

    def uses(self, subscriber: str, connection: int) -> bool:
        """Whether the client's newest attempt is this connection, and has not ended."""
        ...


@dataclass(slots=True)
class _Used:
    """The connection that a client uses.

    Attributes:
        group: the client's settings.
        number: the connection's.
        heard_ns: when something certainly came last.
        taken: when what is on its way outside a silence was taken.
        came: how many events have come outside silences.
        received: how many of its events the client has handled.
        received_ns: when it handled the last of them.
        silent: whether its network is silent.
        fell_ns: when the silence began in which it may have died; `NEVER` before any.
        spoke_ns: when its last silence ended.
        lost: whether a half-open lost it.
        dead: whether nobody tells the client of its end.
    """

    group: Subscribers
    number: int
    heard_ns: int
    taken: deque[int] = field(default_factory=deque)
    came: int = 0
    received: int = 0
    received_ns: float = NEVER
    silent: bool = False
    fell_ns: float = NEVER
    spoke_ns: float = NEVER
    lost: bool = False
    dead: bool = False


class Noticing(Watch):
    """Follows each client's connection through silences.

    Arguments:
        ledger: channels and connections after the rows before this one.
        judge: the checker that this one works for.
    """

    def __init__(self, ledger: Ledger, judge: Judge) -> None:
        super().__init__(ledger)
        self._judge = judge
        self._used: dict[str, _Used] = {}
        self._silent: set[str] = set()
        self._stalls: Counter[str] = Counter()
        self._read_on_ns: dict[str, int] = {}
        self._slack_ns = _CERTAINLY * ledger.header.resolution_ns

    # --- connections ---------------------------------------------------------------------------

    def on_connect(self, row: Row, _: Subscription | None) -> None:
        """A connection whose network may fall silent."""
        group = self.ledger.groups.get(row.group)
        falls = row.group in self.scenario.workload.subscribers
        if group is None or not falls or not self.scenario.falls_silent(row.group):
            return
        if self._judge.uses(row.subscriber, row.connection):
            heard_ns = row.t_ns + group.latency_ns
            used = self._used[row.subscriber] = _Used(group, row.connection, heard_ns)
            if row.subscriber in self._silent:
                used.silent, used.fell_ns = True, row.t_ns

    def on_refuse(self, row: Row, _: Subscription | None) -> None:
        """The attempt is over."""
        used = self._used.get(row.subscriber)
        if used is not None and used.number <= row.connection:
            del self._used[row.subscriber]

    def on_close(self, row: Row, _: Subscription | None) -> None:
        """The client is done with it: for this reason, at this time?"""
        used = self._used.get(row.subscriber)
        if side(row) != "client":
            return
        if row.cause == "keepalive" and (used is None or used.group.keepalive_ns is None):
            self._judge.fail(row, "ended by keep-alive, and nothing asks there (NET-7)")
        if used is None or used.number != row.connection:
            return
        del self._used[row.subscriber]
        if row.cause == "keepalive" and used.group.keepalive_ns is not None:
            self._asked(row, used, used.group.keepalive_ns)
        elif row.cause == "server" and used.dead and used.group.notices != "at-heal":
            self._judge.fail(row, "its connection was dead, and nobody could tell it (NET-7)")
        if row.cause in ("server", "keepalive") or not self._busy(used):
            self._in_time(row, row.t_ns, row.group, used)

    def on_end(self, row: Row, subscription: Subscription | None) -> None:
        """The run ends: does it believe itself connected with reason?"""
        used = self._used.get(row.subscriber)
        if side(row) != "client" or used is None or used.number != row.connection:
            return
        ended = self._ended(subscription)
        dead = used.dead and ended is not None and ended.kind != "end"
        if row.cause == UNTOLD and not dead and self.ledger.exact:
            self._judge.fail(row, "nobody had to tell it: its connection lived (NET-7)")
        elif dead and row.cause != UNTOLD and not self._busy(used):
            self._judge.fail(row, "its connection was dead, and the row does not say so (NET-7)")

    @staticmethod
    def _busy(used: _Used) -> bool:
        """Whether it may still handle what came: then it has not heard the end behind that."""
        return not used.group.window_msgs or used.came > used.received

    def on_take(self, row: Row, _: Subscription | None) -> None:
        """What is taken outside a silence certainly arrives."""
        used = self._used.get(row.subscriber)
        if used is None or used.silent or used.dead or not used.group.window_msgs:
            return
        self._arrived(used, row.t_ns)
        if used.number == row.connection:
            used.taken.append(row.t_ns)

    def on_receive(self, row: Row, _: Subscription | None) -> None:
        """The client still handles what has come."""
        used = self._used.get(row.subscriber)
        if used is not None and used.number == row.connection:
            used.received_ns = row.t_ns
            used.received += 1

    @staticmethod
    def _arrived(used: _Used, now_ns: int) -> None:
        while used.taken and used.taken[0] + used.group.latency_ns < now_ns:
            used.heard_ns = used.taken.popleft() + used.group.latency_ns
            used.came += 1

    # --- silences and faults -------------------------------------------------------------------

    def on_offline(self, row: Row, _: Subscription | None) -> None:
        """A silence begins."""
        if row.cause != "silent":
            return
        self._silent.add(row.subscriber)
        used = self._used.get(row.subscriber)
        if used is not None:
            self._arrived(used, row.t_ns)
            used.taken.clear()
            used.silent = True
            if not used.dead:
                used.fell_ns = row.t_ns

    def on_online(self, row: Row, _: Subscription | None) -> None:
        """It ends: is the connection dead?"""
        if row.cause != "silent":
            return
        self._silent.discard(row.subscriber)
        used = self._used.get(row.subscriber)
        if used is None:
            return
        self._in_time(row, row.t_ns, row.group, used)
        used.silent, used.spoke_ns = False, row.t_ns
        ended = self._ended(self.ledger.subscriptions.get((row.subscriber, used.number)))
        if ended is None:
            used.dead = used.lost
        elif ended.t_ns + used.group.latency_ns > used.fell_ns + self._slack_ns:
            used.dead = True  # its word of that met the silence
        self._judge.judged += used.dead and used.group.notices != "at-heal"

    @staticmethod
    def _ended(subscription: Subscription | None) -> Row | None:
        return None if subscription is None else subscription.server_end or subscription.killed_by

    def on_fault(self, row: Row, _: Subscription | None) -> None:
        """Who is stalled hears nothing."""
        if row.cause == "stall":
            self._stalls[whom_of(row)] += 1

    def on_heal(self, row: Row, _: Subscription | None) -> None:
        """A half-open loses the connections that it hit."""
        whom = whom_of(row)
        if row.cause == "stall":
            self._stalls[whom] -= 1
            self._read_on_ns[whom] = row.t_ns
        elif row.cause == "half-open":
            for name, used in self._used.items():
                used.lost = used.lost or name.partition("/")[0] == whom

    # --- judging -------------------------------------------------------------------------------

    def _asked(self, row: Row, used: _Used, interval_ns: int) -> None:
        """Keep-alive ended it: not too early, and for a reason."""
        self._judge.judged += 1
        if used.fell_ns == NEVER:
            self._judge.fail(row, "ended by keep-alive, and its network always spoke (NET-7)")
            return
        idle_ns = row.t_ns - used.heard_ns
        unanswered = idle_ns >= GIVES_UP_AFTER * interval_ns - self._slack_ns
        reset = used.dead and not used.silent and row.t_ns >= used.spoke_ns + used.group.latency_ns
        if not unanswered and not reset and (used.silent or self.ledger.exact):
            after = f"{exact_s(idle_ns)}, nine probes take {exact_s(10 * interval_ns)}"
            self._judge.fail(row, f"ended by keep-alive after {after} (NET-7)")
        if idle_ns < interval_ns - self._slack_ns:
            asks = f"a probe comes after {exact_s(interval_ns)}"
            self._judge.fail(row, f"ended by keep-alive after {exact_s(idle_ns)}, {asks} (NET-7)")

    def _in_time(
        self, row: Row | None, now_ns: int, group: str, used: _Used, name: str = "it"
    ) -> None:
        """Who has keep-alive knows it by a certain time."""
        due_ns = self._due_ns(used)
        if due_ns is None or self._stalls[group] > 0:
            return
        # An end waits behind what is still handled, and for who is stalled until that heals.
        due_ns = max(due_ns, used.received_ns, self._read_on_ns.get(group, NEVER)) + self._slack_ns
        if now_ns > due_ns:
            late = f"{name} did not know by {exact_s(round(due_ns))} that its connection was dead"
            self._judge.fail(row, f"{late} (NET-7)")

    def _due_ns(self, used: _Used) -> float | None:
        """By when the client must know; None where it need not."""
        interval_ns = used.group.keepalive_ns
        if interval_ns is None:
            return None
        gives_up_ns = used.fell_ns + GIVES_UP_AFTER * interval_ns
        if used.dead and not used.silent:
            return min(gives_up_ns, used.spoke_ns + interval_ns + 2 * used.group.latency_ns)
        return gives_up_ns if used.silent else None

    def finish(self) -> None:
        """The run is over: who should have noticed by now?"""
        for name, used in self._used.items():
            if not self._busy(used):
                self._in_time(None, self.ledger.now, name.partition("/")[0], used, name)
