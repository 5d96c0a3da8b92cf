"""How late the loop's timers ring: the resolution of time in this process."""

from __future__ import annotations

import asyncio

_EVERY_S = 0.02
_BUCKET_NS = 50_000
# Lateness beyond this (2 s) counts as this: the table stays small.
_MOST_BUCKETS = 40_000


class Lateness:
    """A ticker that notes by how much each of its ticks is late, in real time.

    Arguments:
        loop: whose timers.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._counts: dict[int, int] = {}
        self._total = 0
        self._wait()

    def stop(self) -> None:
        """Tick no more."""
        self._handle.cancel()

    def p99_ns(self) -> int:
        """The lateness that 99 % of the ticks did not exceed, real nanoseconds; 0 without ticks."""
        seen = 0
        for bucket in sorted(self._counts):
            seen += self._counts[bucket]
            if seen * 100 >= self._total * 99:
                return (bucket + 1) * _BUCKET_NS
        return 0

    def _wait(self) -> None:
        self._due_s = self._loop.time() + _EVERY_S
        self._handle = self._loop.call_at(self._due_s, self._tick)

    def _tick(self) -> None:
        late_ns = max(0, round((self._loop.time() - self._due_s) * 1e9))
        bucket = min(late_ns // _BUCKET_NS, _MOST_BUCKETS)
        self._counts[bucket] = self._counts.get(bucket, 0) + 1
        self._total += 1
        self._wait()
