"""Promise: what the scenario sets out to show really happened in the run.

A green run that never met the situation it is about proves nothing. `reached(STATE)` in `expect`
asks for one; this file says which states there are and counts how often each was met. A state that
was never reached makes the verdict inconclusive.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator

from simrt.checkers.fold import Checker, Watch, follow_all
from simrt.checkers.ledger import PROBE, Key, Ledger, Stream, Subscription, side
from simrt.checkers.verdict import Status
from simrt.history import UNTOLD, History, Row
from simrt.scenario.expect import And, Reached, Term, parse_expectation
from simrt.scenario.fault import FAULT_KINDS
from simrt.scenario.state_names import STATES
from simrt.text import many

_ENDS = {"server": ("denied", "stalled", "gone"), "client": ("watchdog", "keepalive")}


class _States(Watch):
    """Counts how often each state was met, in the scenario's own project."""

    def __init__(self, ledger: Ledger) -> None:
        super().__init__(ledger)
        feature = ledger.scenario.feature
        self.counts = dict.fromkeys(STATES, 0)
        self._ttl_ns = feature.options.message_ttl_ns
        self._size = feature.options.buffer_size
        self._newest_send_ns: dict[Stream, int] = {}
        self._newest_connect_ns: dict[Stream, int] = {}
        self._connected: set[str] = set()
        self._connections: dict[tuple[Stream, str], list[Key]] = {}
        self._got: dict[tuple[str, str], bytearray] = {}

    def _met(self, state: str, times: bool | int = True) -> None:
        self.counts[state] += times

    def _own(self, row: Row) -> bool:
        return row.project == self.ledger.project and not row.subscriber.startswith(f"{PROBE}/")

    # --- sends and losses --------------------------------------------------------------------

    def on_send(self, row: Row, _: Subscription | None) -> None:
        if self._own(row):
            stream = self.ledger.stream_of(row)
            self._met("sent-at-subscribe", self._newest_connect_ns.get(stream) == row.t_ns)
            self._met("forgotten-channel", self._forgotten(stream, row.t_ns))
            self._newest_send_ns[stream] = row.t_ns

    def on_reject(self, row: Row, _: Subscription | None) -> None:
        if self._own(row):
            self._met("down" if row.cause == "down" else "rejected")

    def on_drop(self, row: Row, subscription: Subscription | None) -> None:
        if not self._own(row) or subscription is None or row.cause not in self.counts:
            return
        self._met(row.cause)
        held = [seq for seq in subscription.queue if seq != row.seq]
        replay = bool(held) and held[-1] <= subscription.history_end
        self._met("replay-refuses-new", row.cause == "drop-newest" and replay)

    def on_expire(self, row: Row, subscription: Subscription | None) -> None:
        if self._own(row) and subscription is not None:
            self._met("expired")
            self._met("expired-while-pending")
            age = subscription.stream.age_ns(row.seq, row.t_ns)
            self._met("expired-at-take", age == self._ttl_ns)

    def on_receive(self, row: Row, _: Subscription | None) -> None:
        if not self._own(row):
            return
        got = self._got.setdefault((row.subscriber, row.epoch), bytearray())
        if row.seq >= len(got):
            got.extend(bytes(row.seq + 1 - len(got)))
        self._met("duplicate", got[row.seq])
        got[row.seq] = 1

    # --- connections -------------------------------------------------------------------------

    def on_connect(self, row: Row, _: Subscription | None) -> None:
        if not self._own(row):
            return
        stream = self.ledger.stream_of(row)
        self._met("sent-at-subscribe", self._newest_send_ns.get(stream) == row.t_ns)
        self._met("forgotten-channel", self._forgotten(stream, row.t_ns))
        self._met("reconnect", row.subscriber in self._connected)
        mine = self._connections.get((stream, row.subscriber), ())
        held = [key for key in mine if key in stream.open]
        self._met("reconnect-while-open", bool(held))
        self._connections[stream, row.subscriber] = [*held, (row.subscriber, row.connection)]
        self._newest_connect_ns[stream] = row.t_ns
        self._connected.add(row.subscriber)

    def on_replay(self, row: Row, subscription: Subscription | None) -> None:
        if not self._own(row) or subscription is None:
            return
        detail = row.detail or {}
        last_n, max_age_ns = detail.get("last_n"), detail.get("max_age_ns")
        if last_n is None and max_age_ns is None:
            return
        stream, now = subscription.stream, row.t_ns
        begins = {"bufferSize": stream.last_seq - self._size + 1}
        if self._ttl_ns is not None:
            begins["messageTTL"] = self._younger(stream, now, self._ttl_ns - 1)
        if last_n == 0:  # no replay at all: the limit keeps out whatever there is
            self._met("replay-clipped-by-lastN", max(begins.values()) <= stream.last_seq)
            return
        self._met("replayed", bool(detail.get("count")))
        if last_n is not None:
            begins["lastN"] = stream.last_seq - last_n + 1
        if max_age_ns is not None:
            begins["maxAge"] = self._younger(stream, now, max_age_ns)
        tightest = max(begins.values())
        for limit, begin in begins.items():
            # Of limits that keep out the same events each is one that did.
            if begin == tightest and begin > 1:
                self._met(f"replay-clipped-by-{limit}")
                self._met("expired", limit == "messageTTL")
        kept = max(begins["bufferSize"], begins.get("messageTTL", 1), 1)
        self._met("empty-history", kept > stream.last_seq)

    def on_refuse(self, row: Row, _: Subscription | None) -> None:
        self._met("refused", self._own(row))

    def on_gave_up(self, row: Row, _: Subscription | None) -> None:
        self._met("gave-up", self._own(row))

    def on_close(self, row: Row, subscription: Subscription | None) -> None:
        if self._own(row) and subscription is not None:
            server = side(row) == "server"
            lost = subscription.queue if server else subscription.in_flight
            self._met("connection-lost", bool(lost))
            if row.cause in _ENDS["server" if server else "client"]:
                self._met(row.cause)

    def on_end(self, row: Row, subscription: Subscription | None) -> None:
        if self._own(row) and subscription is not None:
            held = subscription.queue if side(row) == "server" else subscription.in_flight
            self._met("unfinished", bool(held))
            self._met(UNTOLD, row.cause == UNTOLD)

    def on_offline(self, row: Row, _: Subscription | None) -> None:
        if row.group in self.scenario.workload.subscribers:
            self._met("silent" if row.cause == "silent" else "offline")

    # --- faults ------------------------------------------------------------------------------

    def on_fault(self, row: Row, _: Subscription | None) -> None:
        if row.cause in FAULT_KINDS and row.cause != "restart":  # that has a row of its own
            self._met(row.cause)

    def on_restart(self, row: Row, _: Subscription | None) -> None:
        self._met("restart")
        self._met(
            "restart-during-replay",
            any(
                seqs and seqs[0] <= subscription.history_end
                for subscription in self.ledger.open_in(row.epoch)
                if subscription.stream.project == self.ledger.project
                for seqs in (subscription.queue, subscription.in_flight)
            ),
        )

    # --- the past ----------------------------------------------------------------------------

    @staticmethod
    def _younger(stream: Stream, now: int, most_ns: int) -> int:
        """The first `seq` that is at most so old; one more than the last where none is."""
        seqs = range(1, stream.last_seq + 1)
        return 1 + bisect_left(seqs, True, key=lambda seq: stream.age_ns(seq, now) <= most_ns)

    def _forgotten(self, stream: Stream, now: int) -> bool:
        if self._ttl_ns is None or stream.open:
            return False
        return stream.age_ns(stream.last_seq, now) >= self._ttl_ns


class _Reached(_States):
    """Compares the states that were met with those that `expect` asks for."""

    def conclude(self) -> tuple[Status, str]:
        """One sentence."""
        terms = (parse_expectation(text).term for text in self.scenario.expect)
        asked = list(dict.fromkeys(state for term in terms for state in _asked(term)))
        if not asked:
            return Status.NOT_APPLICABLE, "The scenario asks for no state to be reached."
        for state in asked:
            if state not in STATES:
                self.doubt(f"there is no state {state!r}; there are {', '.join(STATES)}")
            elif self.counts[state]:
                self.judged += 1
            else:
                self.doubt(f"never reached: {state} ({STATES[state]})")
        if self.doubts:
            missing = [state for state in asked if not self.counts.get(state)]
            return Status.INCONCLUSIVE, f"Never reached: {', '.join(missing)}."
        met = ", ".join(f"{state} {many(self.counts[state], 'time')}" for state in asked)
        return Status.PASS, f"Everything that the scenario is about happened: {met}."


def _asked(term: Term) -> Iterator[str]:
    """The states that a line of `expect` wants to be reached; what stands under `not` is not."""
    match term:
        case Reached(state):
            yield state
        case And(terms):
            for one in terms:
                yield from _asked(one)
        case _:
            return


def reached_states(history: History) -> dict[str, int]:
    """How often each state of `STATES` was met, by name, in the scenario's own project.

    Arguments:
        history: a stored or a fresh one.
    """
    ledger = Ledger(history.header, history.scenario)
    watch = _States(ledger)
    follow_all(history, ledger, watch)
    return watch.counts


CHECKER = Checker(
    "reached",
    "What the scenario sets out to show really happened in the run.",
    ("REP-6", "REP-7", "TTL-4"),
    3,
    _Reached,
)
check = CHECKER.check
