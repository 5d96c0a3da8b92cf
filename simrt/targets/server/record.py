"""What the harness and its clients write down while a run goes on: one part of the history."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from simrt.clock import Clock
from simrt.history import Row, encode_row
from simrt.targets.harness.members import size_and_digest


class Part:
    """A file of rows, each stamped with the scenario time at which it was told.

    Arguments:
        path: the file.
        clock: scenario time.

    Attributes:
        rows: how many were written.
        receipts: how many of them say that a client received an event.
    """

    def __init__(self, path: Path, clock: Clock) -> None:
        self.rows = self.receipts = 0
        self._clock = clock
        self._file = path.open("wb")
        self._last_ns = 0

    def write(self, kind: str, **columns: Any) -> None:
        """Write a row that happens now; before the run's beginning counts as its beginning."""
        self._last_ns = max(self._last_ns, self._clock.now())
        self._file.write(encode_row(Row(t_ns=self._last_ns, kind=kind, **columns)))
        self.rows += 1

    def received(self, data: str, **columns: Any) -> None:
        """Write a `receive` row: size and digest are those of the data that arrived."""
        self.receipts += 1
        size, digest = size_and_digest(data)
        self.write("receive", bytes=size, digest=digest, **columns)

    def close(self) -> None:
        """Flush and close; harmless when repeated."""
        self._file.close()
