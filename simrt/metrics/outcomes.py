"""What became of each message for one subscriber, as runs of consecutive messages.

Messages are counted through all lives of the hub: message `g` is the g-th send of the channel in
this run. The record holds the outcome so far of every message that can still change, as runs
`[first, last]` of one code. Neighbours with the same code are one run, so a minute in which
everything is dropped is one run, and a client that keeps up is one run as long as the history.

The bound: a message leaves the record once it is *settled*, which it is when it was received, or
when it can no longer reach the client. That is so once it is out of the channel's history (no
replay can hold it) and neither pending nor in flight on a connection that the client still has.
What stays is at most the history (`bufferSize`), the pending queue and what is in flight.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from copy import copy

from simrt.scenario.metric_names import OUTCOMES, Outcome

# The record holds an outcome as its place in OUTCOMES.
RECEIVED = OUTCOMES.index(Outcome.RECEIVED)
DROPPED_OLDEST = OUTCOMES.index(Outcome.DROPPED_OLDEST)
DROPPED_NEWEST = OUTCOMES.index(Outcome.DROPPED_NEWEST)
EXPIRED = OUTCOMES.index(Outcome.EXPIRED)
OFFLINE = OUTCOMES.index(Outcome.OFFLINE)
LOST = OUTCOMES.index(Outcome.CONNECTION_LOST)
RESTARTED = OUTCOMES.index(Outcome.RESTART)
UNFINISHED = OUTCOMES.index(Outcome.UNFINISHED)
OPEN = len(OUTCOMES)  # offered and without a fate so far: pending or in flight
PENDING, IN_FLIGHT = OPEN + 1, OPEN + 2  # the same, told apart in a snapshot
_CODES = IN_FLIGHT + 1

Settled = Callable[[int, int, Outcome], None]


def _unless(kept: tuple[int, ...], code: int) -> tuple[int, ...]:
    """For each code what it becomes: itself if it is kept, otherwise `code`."""
    return tuple(old if old in kept else code for old in range(_CODES))


_RECEIVE = _unless((), RECEIVED)
_OFFER = _unless((RECEIVED,), OPEN)
_FATE = tuple(_unless((RECEIVED,), code) for code in range(_CODES))
_RESOLVE = tuple(
    tuple(code if old == OPEN else old for old in range(_CODES)) for code in range(_CODES)
)
_STILL_ARRIVING = tuple(
    tuple(code if old in (LOST, RESTARTED) else old for old in range(_CODES))
    for code in range(_CODES)
)

_ARRIVING = (OPEN, LOST, RESTARTED)  # what a receipt may still hit

# How many runs and reconnects may wait before the record looks for what is settled.
_PATIENCE = 32


class Outcomes:
    """The outcomes of one subscriber's messages.

    Arguments:
        member_from: the newest message sent before membership; later ones are counted.
        floor: the newest message that can never reach this subscriber.
        settled: told of each run of messages that is settled: first, last, outcome.

    Attributes:
        top: the newest message in the record; later ones are open, or offline.
        tail: the code of the last run.
        counts: settled messages by code, sent while a member.
        longest_gap: the longest run of settled missed messages.
        longest_gap_unfinished: the same, if what is unfinished were missed too.
        gaps: reconnects after which a message was missed for good.
    """

    __slots__ = (
        "_codes", "_first", "_gap", "_gap_unfinished", "_last_missed", "_member_from", "_patience",
        "_reconnects", "_settled", "_told", "counts", "gaps", "longest_gap",
        "longest_gap_unfinished", "tail", "top",
    )  # fmt: skip

    def __init__(self, member_from: int, floor: int, settled: Settled | None = None) -> None:
        # The run before all others is never counted; it only saves asking whether there is one.
        self._first = [floor]
        self._codes = [RECEIVED]
        self.top = floor
        self.tail = RECEIVED
        self._settled = floor
        self._told = settled
        self._member_from = member_from
        self._gap = 0
        self._gap_unfinished = 0
        self._last_missed = 0
        self._patience = _PATIENCE
        self._reconnects: list[list[int]] = []  # from, to, whether one of these was missed
        self.counts = [0] * _CODES
        self.longest_gap = 0
        self.longest_gap_unfinished = 0
        self.gaps = 0

    def code(self, message: int) -> int:
        """The outcome so far; `OPEN` beyond the record, `RECEIVED` for what is settled."""
        if message > self.top:
            return OPEN
        place = bisect_right(self._first, message) - 1
        return self._codes[place] if place >= 0 else RECEIVED

    def receive(self, message: int) -> bool:
        """A receipt; whether it is the first of this message."""
        if message == self.top + 1 and self.tail == RECEIVED:
            self.top = message
            return True
        if message <= self._settled or self.code(message) == RECEIVED:
            return False
        self._rewrite(message, message, _RECEIVE)
        return True

    def offer(self, first: int, last: int) -> None:
        """A replay put these into the queue: what was not received is open again."""
        first = max(first, self._settled + 1)
        if first <= last:
            self._rewrite(first, last, _OFFER)

    def fate(self, message: int, code: int) -> None:
        """Dropped or expired; without effect on what was received or is settled."""
        if message > self._settled:
            self._rewrite(message, message, _FATE[code])

    def resolve(self, first: int, last: int, code: int) -> None:
        """Give all that is open in this range its outcome."""
        first = max(first, self._settled + 1)
        if first <= last:
            self._rewrite(first, last, _RESOLVE[code])

    def still_arriving(self, first: int, last: int, code: int) -> None:
        """These are still under way, on a connection that the server has ended."""
        first = max(first, self._settled + 1)
        if first <= last:
            self._rewrite(first, last, _STILL_ARRIVING[code])

    def snapshot(self) -> Outcomes:
        """The record as it is now, to be closed on its own; its listener hears nothing of that."""
        now = copy(self)
        now._first, now._codes = list(self._first), list(self._codes)  # noqa: SLF001 - its own kind
        now._told = None  # noqa: SLF001
        return now

    def runs(self) -> list[tuple[int, int, int]]:
        """What can still change: first and last message of a run, and its code."""
        lasts = [*(first - 1 for first in self._first[1:]), self.top]
        return [
            (max(first, self._settled + 1), last, code)
            for first, last, code in zip(self._first, lasts, self._codes, strict=True)
            if last > self._settled
        ]

    def reconnected(self, first: int, last: int) -> None:
        """A reconnect, after which it will be asked whether one of these was missed."""
        if first <= last:
            self._reconnects.append([first, last, int(first <= self._last_missed)])

    @property
    def crowded(self) -> bool:
        """Whether it is time to settle."""
        return len(self._codes) + len(self._reconnects) > self._patience

    def open_runs(self) -> list[tuple[int, int]]:
        """The runs that a receipt may still hit, without the open end beyond `top`."""
        return [(first, last) for first, last, code in self.runs() if code in _ARRIVING]

    def settle(self, floor: int, *, arriving: bool = False) -> None:
        """Count and forget what cannot change, from the oldest on, up to the first that can.

        Arguments:
            floor: the newest message that no replay can hold any more.
            arriving: the server ended the connection and the client still reads what is under way.
        """
        while True:
            code = self._codes[0]
            last = self._first[1] - 1 if len(self._first) > 1 else self.top
            if code == OPEN or (arriving and code in (LOST, RESTARTED)):
                break
            end = last if code == RECEIVED else min(last, floor)
            self._count(max(self._first[0], self._settled + 1), end, code)
            self._settled = max(self._settled, end)
            if end < last or len(self._first) == 1:
                break
            del self._first[0], self._codes[0]
        while self._reconnects and self._reconnects[0][1] <= self._settled:
            self.gaps += self._reconnects.pop(0)[2]
        self._patience = max(_PATIENCE, 2 * (len(self._codes) + len(self._reconnects)))

    def resolve_rest(self, newest: int, code: int) -> None:
        """Give all that is open, up to the newest message, this outcome."""
        self.resolve(self._settled + 1, newest, code)

    def _count(self, first: int, last: int, code: int) -> None:
        first = max(first, self._member_from + 1)
        if first > last:
            return
        self.counts[code] += last - first + 1
        if self._told is not None:
            self._told(first, last, OUTCOMES[code])
        self._gap_unfinished = 0 if code == RECEIVED else self._gap_unfinished + last - first + 1
        self.longest_gap_unfinished = max(self.longest_gap_unfinished, self._gap_unfinished)
        if code in (RECEIVED, UNFINISHED):
            self._gap = 0
            return
        self._last_missed = last
        self._gap += last - first + 1
        self.longest_gap = max(self.longest_gap, self._gap)
        for reconnect in self._reconnects:
            if reconnect[0] <= last and first <= reconnect[1]:
                reconnect[2] = 1

    def _rewrite(self, first: int, last: int, becomes: tuple[int, ...]) -> None:
        """Change the code of each message from `first` to `last` by the table `becomes`."""
        firsts, codes = self._first, self._codes
        if last > self.top:
            if codes[-1] != OPEN:
                firsts.append(self.top + 1)
                codes.append(OPEN)
            self.top = last
        low = self._split(first)
        high = self._split(last + 1)
        for place in range(low, high):
            codes[place] = becomes[codes[place]]
        # Join what became equal: inside the range, and with its two neighbours.
        for place in range(min(high, len(codes) - 1), max(low, 1) - 1, -1):
            if codes[place] == codes[place - 1]:
                del firsts[place], codes[place]
        self.tail = codes[-1]

    def _split(self, message: int) -> int:
        """Make a run begin at this message; its place, or one past the end."""
        if message > self.top:
            return len(self._first)
        place = bisect_right(self._first, message) - 1
        if self._first[place] == message:
            return place
        self._first.insert(place + 1, message)
        self._codes.insert(place + 1, self._codes[place])
        return place + 1
