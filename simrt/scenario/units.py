"""Durations, rates and sizes as people write them, and as simrt computes with them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction

NS_PER_S = 1_000_000_000

_UNITS = {
    "ns": 1,
    "us": 1_000,
    "ms": 1_000_000,
    "s": NS_PER_S,
    "m": 60 * NS_PER_S,
    "h": 3600 * NS_PER_S,
    "d": 86_400 * NS_PER_S,
}
_PER = {"s": NS_PER_S, "min": 60 * NS_PER_S, "m": 60 * NS_PER_S, "h": 3600 * NS_PER_S}
_SIZES = {"B": 1, "KiB": 1024, "MiB": 1024 * 1024}

DURATION_PATTERN = r"^\d+(\.\d+)?(ns|us|ms|s|m|h|d)$"
RATE_PATTERN = r"^\d+(\.\d+)?/(s|min|m|h)$"
SIZE_PATTERN = r"^\d+(B|KiB|MiB)$"

DURATION_ALLOWED = "a number with a unit, such as 250ms, 20s, 5m, 2h or 1d"
RATE_ALLOWED = "a number per unit of time, such as 0.5/s, 3/min or 2/h"
SIZE_ALLOWED = "a whole number with a unit, such as 512B, 4KiB or 1MiB"


def parse_duration(text: str) -> int:
    """Read a duration such as `250ms`; return nanoseconds, rounded to the nearest.

    Raises:
        ValueError: where the text is not a number with a unit.
    """
    match = re.match(r"^(\d+(?:\.\d+)?)(ns|us|ms|s|m|h|d)$", text.strip())
    if match is None:
        raise ValueError(DURATION_ALLOWED)
    return round(Fraction(match[1]) * _UNITS[match[2]])


def format_duration(ns: int) -> str:
    """Write nanoseconds as the shortest exact duration, such as `10m`; inverse of the parser."""
    if ns == 0:
        return "0s"
    for unit in ("d", "h", "m", "s", "ms", "us"):
        if ns % _UNITS[unit] == 0:
            return f"{ns // _UNITS[unit]}{unit}"
    return f"{ns}ns"


@dataclass(frozen=True, slots=True)
class Rate:
    """How often something happens.

    Attributes:
        count: how many times …
        per_ns: … in this many nanoseconds.
        text: as it was written.
    """

    count: Fraction
    per_ns: int
    text: str

    @property
    def per_s(self) -> float:
        """Times per second."""
        return float(self.count * NS_PER_S / self.per_ns)

    @property
    def gap_ns(self) -> Fraction:
        """The mean time between two, in nanoseconds, exact."""
        return Fraction(self.per_ns) / self.count


def parse_rate(text: str) -> Rate:
    """Read a rate such as `0.5/s`.

    Raises:
        ValueError: where the text is not a number above 0 per unit of time.
    """
    match = re.match(r"^(\d+(?:\.\d+)?)/(s|min|m|h)$", text.strip())
    if match is None or Fraction(match[1]) == 0:
        raise ValueError(RATE_ALLOWED)
    return Rate(Fraction(match[1]), _PER[match[2]], text.strip())


def parse_size(text: str) -> int:
    """Read a size such as `4KiB`; return bytes.

    Raises:
        ValueError: where the text is not a whole number with a unit.
    """
    match = re.match(r"^(\d+)(B|KiB|MiB)$", text.strip())
    if match is None:
        raise ValueError(SIZE_ALLOWED)
    return int(match[1]) * _SIZES[match[2]]


def format_size(size: int) -> str:
    """Write bytes as the shortest exact size, such as `4KiB`."""
    for unit in ("MiB", "KiB"):
        if size and size % _SIZES[unit] == 0:
            return f"{size // _SIZES[unit]}{unit}"
    return f"{size}B"
