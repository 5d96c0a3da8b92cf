"""How late the loop's timers ring: the resolution of time in this process."""

from __future__ import annotations

import asyncio

_EVERY_S = 0.02
_BUCKET_NS = 50_000
# Lateness beyond this (2 s) counts as this: the table stays small.
_MOST_BUCKETS = 40_000


class Delays:
    """How often what was due came how late, in a table of bounded size.

    Attributes:
        total: how many came.
    """

    def __init__(self) -> None:
        self._counts: dict[int, int] = {}
        self.total = 0

    def note(self, late_ns: int) -> None:
        """Something came so many nanoseconds late."""
        bucket = min(max(0, late_ns) // _BUCKET_NS, _MOST_BUCKETS)
        self._counts[bucket] = self._counts.get(bucket, 0) + 1
        self.total += 1

    def most_of_ns(self, percent: int) -> int:
        """The delay that so many of a hundred did not exceed, in nanoseconds; 0 if none came."""
        seen = 0
        for bucket in sorted(self._counts):
            seen += self._counts[bucket]
            if seen * 100 >= self.total * percent:
                return (bucket + 1) * _BUCKET_NS
        return 0

    def above(self, late_ns: int) -> int:
        """How many came later than this, as finely as the table has it."""
        return sum(many for bucket, many in self._counts.items() if bucket * _BUCKET_NS >= late_ns)


class Lateness:
    """A ticker that notes by how much each of its ticks is late, in real time.

    Arguments:
        loop: whose timers.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._delays = Delays()
        self._wait()

    def stop(self) -> None:
        """Tick no more."""
        self._handle.cancel()

    def p99_ns(self) -> int:
        """The lateness that 99 % of the ticks did not exceed, real nanoseconds; 0 without ticks."""
        return self._delays.most_of_ns(99)

    def surely_above(self, late_ns: int, left_s: float) -> bool:
        """Whether `p99_ns` will be above this, even if no tick to come is late.

        Arguments:
            late_ns: real nanoseconds.
            left_s: for how long it goes on ticking, real seconds.
        """
        to_come = left_s / _EVERY_S
        return self._delays.above(late_ns) * 100 > self._delays.total + to_come

    def _wait(self) -> None:
        self._due_s = self._loop.time() + _EVERY_S
        self._handle = self._loop.call_at(self._due_s, self._tick)

    def _tick(self) -> None:
        self._delays.note(round((self._loop.time() - self._due_s) * 1e9))
        self._wait()
