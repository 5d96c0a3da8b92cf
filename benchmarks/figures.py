"""What a benchmark measured, beside what it shall reach."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
# The code whose speed is measured.
ROOMS = ("engine", "targets/sim", "scenario", "sse", "network.py", "record.py", "cli.py")


@dataclass(frozen=True)
class Figure:
    """One ratio, or one length of time in seconds of CPU.

    Attributes:
        what: what was measured, against what.
        value: the measured value; of several rounds the median.
        target: what it shall reach.
        at_least: whether more is better.
        unit: `times`, or `s of CPU`.
    """

    what: str
    value: float
    target: float
    at_least: bool = True
    unit: str = "times"

    @property
    def met(self) -> bool:
        return self.value >= self.target if self.at_least else self.value <= self.target

    def row(self) -> tuple[str, str, str, str]:
        bound = f"at {'least' if self.at_least else 'most'} {self.target:g} {self.unit}"
        return self.what, f"{self.value:.2f}", bound, "met" if self.met else "NOT MET"


def digest() -> str:
    """A digest of the code whose speed is measured."""
    found = hashlib.blake2b(digest_size=12)
    for room in ROOMS:
        place = ROOT / "simrt" / room
        for path in sorted(place.rglob("*.py")) if place.is_dir() else [place]:
            found.update(path.relative_to(ROOT).as_posix().encode() + path.read_bytes())
    return found.hexdigest()
