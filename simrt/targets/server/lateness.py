"""How late an event loop's timers come: measured, because it bounds what times can mean."""

from __future__ import annotations

import asyncio

_TICK_S = 0.02
# Enough for a run of some minutes; a longer one is judged by its first part.
_MOST_TICKS = 20_000


class Lateness:
    """A ticker on the running loop that notes how late it came.

    Its timers are as exact as every other timer of the loop, whose waits are rounded up to whole
    milliseconds.
    """

    def __init__(self) -> None:
        self._late_ns: list[int] = []
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Begin to measure."""
        loop = asyncio.get_running_loop()
        self._due_s = loop.time() + _TICK_S
        self._timer = loop.call_at(self._due_s, self._tick)

    def _tick(self) -> None:
        late_s = asyncio.get_running_loop().time() - self._due_s
        self._late_ns.append(max(0, round(late_s * 1e9)))
        if len(self._late_ns) < _MOST_TICKS:
            self.start()

    def stop(self) -> None:
        """Measure no more."""
        if self._timer is not None:
            self._timer.cancel()

    @property
    def p99_ns(self) -> int:
        """The 99th percentile, in real nanoseconds; 0 where nothing was measured."""
        if not self._late_ns:
            return 0
        return sorted(self._late_ns)[(len(self._late_ns) - 1) * 99 // 100]
