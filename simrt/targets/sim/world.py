"""Time and record of a simulated run."""

from __future__ import annotations

from simrt.record import Record
from simrt.scheduler import Scheduler


class World(Scheduler):
    """Virtual time and the record.

    Arguments:
        record: writes the rows, or None: no history is kept.

    Attributes:
        record: as given.
    """

    def __init__(self, record: Record | None) -> None:
        super().__init__()
        self.record = record
