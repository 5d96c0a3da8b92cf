"""Promise: a new connection gets exactly the past that the settings ask for, then what is sent.

At each subscribe the range of the replay is recomputed from the sends so far: of the newest
`bufferSize` events (HIS-1), those unexpired (TTL-2), not older than `maxAge`, at most the newest
`lastN` (REP-1, REP-2, REP-5, REP-6). It is put into the queue in the step that subscribes (REP-7),
and after it nothing older than the subscribe is taken (REP-3, REP-4).
"""

from __future__ import annotations

from simrt.checkers.fold import Checker, Watch
from simrt.checkers.ledger import Key, Ledger, Stream, Subscription
from simrt.checkers.verdict import Status
from simrt.history import Row
from simrt.scenario.model import Options, Replay
from simrt.text import many


def expected_replay(
    stream: Stream, options: Options, last_n: int | None, max_age_ns: int | None, now: int
) -> tuple[int, int]:
    """The first and last `seq` that a subscribe at `now` must replay; (0, 0) for none.

    Arguments:
        stream: what was sent so far.
        options: the channel's options.
        last_n: at most so many, or None.
        max_age_ns: none older than this, or None.
        now: nanoseconds since the start.
    """
    if last_n == 0 or (last_n is None and max_age_ns is None):
        return (0, 0)
    last = stream.last_seq
    first = max(1, last - options.buffer_size + 1)
    if last_n is not None:
        first = max(first, last - last_n + 1)
    return _young(stream, options, first, max_age_ns, now)


def resumed_replay(
    stream: Stream, options: Options, last_event_id: object, now: int
) -> tuple[int, int] | None:
    """What a subscribe with this id must replay under the variant `resume`; None where unknown.

    Arguments:
        stream: what was sent so far.
        options: the channel's options.
        last_event_id: `EPOCH:SEQ`, or what a client sent instead.
        now: nanoseconds since the start.
    """
    last = stream.last_seq
    for seq in range(max(1, last - options.buffer_size), last + 1):
        if last_event_id == f"{stream.epoch}:{seq}":
            return _young(stream, options, seq + 1, None, now)
    return None


def _young(
    stream: Stream, options: Options, first: int, max_age_ns: int | None, now: int
) -> tuple[int, int]:
    """What is not too old of the sends from `first` on; (0, 0) for nothing."""
    last = stream.last_seq
    ttl_ns = options.message_ttl_ns
    while first <= last:
        age = stream.age_ns(first, now)
        if (ttl_ns is None or age < ttl_ns) and (max_age_ns is None or age <= max_age_ns):
            return (first, last)
        first += 1
    return (0, 0)


class _Replays(Watch):
    """Recomputes each replay's range, and sees that no other past is taken."""

    def __init__(self, ledger: Ledger) -> None:
        super().__init__(ledger)
        self._limits: Replay = ledger.scenario.feature.stream.replay
        self._declared = self._limits.last_n != 0 and (
            self._limits.last_n is not None or self._limits.max_age_ns is not None
        )
        self._resume = ledger.scenario.variants.resume == "last-event-id"
        self._declared |= self._resume
        self._had: dict[str, str] = {}  # what each client received last, as the variant names it
        self._awaited: Row | None = None
        self._replayed = 0
        self._broken: set[Key] = set()

    def on_server_side(self, row: Row, _: Subscription | None) -> None:
        if row.kind != "replay":
            self._arrived()

    def on_connect(self, row: Row, _: Subscription | None) -> None:
        self._awaited = row

    def on_replay(self, row: Row, subscription: Subscription | None) -> None:
        awaited, self._awaited = self._awaited, None
        key = (row.subscriber, row.connection)
        if (
            subscription is None
            or awaited is None
            or key != (awaited.subscriber, awaited.connection)
        ):
            self.fail(row, "a replay stands directly after its connect, once (REP-7)")
            return
        self.judged += 1
        detail = row.detail or {}
        last_n, max_age_ns = detail.get("last_n"), detail.get("max_age_ns")
        if (last_n, max_age_ns) != (self._limits.last_n, self._limits.max_age_ns):
            self.fail(row, "the limits are not those that the scenario declares (REP-2)")
        options = self.scenario.feature.options
        stream, resumed = subscription.stream, None
        if self._resume:
            had = detail.get("last_event_id")
            if had != self._had.get(row.subscriber):
                self.fail(row, f"names {had}, which is not what the client received last (SSE-2)")
            resumed = resumed_replay(stream, options, had, row.t_ns)
        first, last = resumed or expected_replay(stream, options, last_n, max_age_ns, row.t_ns)
        due = (last - first + 1 if first else 0, first, last)
        found = (detail.get("count"), detail.get("first"), detail.get("last"))
        self._replayed += due[0]
        if found != due:
            self.fail(row, f"replays {_words(found)}, the settings give {_words(due)} (REP-2)")
        if subscription.opened_ns != row.t_ns:
            self.fail(row, "the replay is part of the step that subscribes (REP-7)")

    def on_take(self, row: Row, subscription: Subscription | None) -> None:
        if subscription is None or row.seq > subscription.history_end:
            return
        first, last = subscription.replayed or (0, 0)
        if not first <= row.seq <= last and subscription.key not in self._broken:
            self._broken.add(subscription.key)
            self.fail(row, "sent before this connection began and not replayed to it (REP-3)")

    def on_receive(self, row: Row, _: Subscription | None) -> None:
        if self._resume:
            self._had[row.subscriber] = f"{row.epoch}:{row.seq}"

    def on_gave_up(self, row: Row, _: Subscription | None) -> None:
        self._had.pop(row.subscriber, None)  # if it ever returns, it begins anew

    def on_restart(self, _row: Row, _: Subscription | None) -> None:
        if self.ledger.exact:
            self._arrived()
        self._awaited = None  # a real kill can fall between the two rows

    def _arrived(self) -> None:
        if self._awaited is not None:
            self.fail(self._awaited, "no replay row follows this connect (REP-7)")
            self._awaited = None

    def conclude(self) -> tuple[Status, str]:
        """One sentence."""
        if self.ledger.complete:
            self._arrived()
        if self.failures:
            what = many(self.failures, "replay or delivery", "replays or deliveries")
            return Status.FAIL, f"{what} of the past that the settings do not ask for."
        if not self._declared:
            return Status.NOT_APPLICABLE, "The stream declares no replay, and nothing was replayed."
        if not self.judged:
            return Status.INCONCLUSIVE, "Nobody subscribed, so nothing could be replayed."
        return Status.PASS, (
            f"All {many(self.judged, 'connection')} began with exactly the past that the settings "
            f"ask for: {many(self._replayed, 'event')} in all."
        )


def _words(replay: tuple[object, object, object]) -> str:
    number, first, last = replay
    return f"{number} events, {first} to {last}" if number else "nothing"


CHECKER = Checker(
    "replay",
    "A new connection gets exactly the past that the settings ask for, then what is sent.",
    ("HIS-1", "REP-1", "REP-2", "REP-3", "REP-4", "REP-5", "REP-6", "REP-7", "SSE-2", "TTL-2"),
    3,
    _Replays,
)
check = CHECKER.check
