"""Durations, rates and sizes as people write them, and as simrt computes with them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from fractions import Fraction
from zoneinfo import ZoneInfo

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

# ASCII digits, and not so many that a number could not be computed with.
_NUMBER = r"[0-9]{1,20}(\.[0-9]{1,20})?"
DURATION_PATTERN = rf"^{_NUMBER}(ns|us|ms|s|m|h|d)$"
POSITIVE_DURATION_PATTERN = rf"^(?=.*[1-9]){_NUMBER}(ns|us|ms|s|m|h|d)$"
RATE_PATTERN = rf"^(?=.*[1-9]){_NUMBER}/(s|min|m|h)$"
SIZE_PATTERN = r"^[0-9]{1,9}(B|KiB|MiB)$"
POSITIVE_SIZE_PATTERN = r"^(?=.*[1-9])[0-9]{1,9}(B|KiB|MiB)$"

# So that every time of a run, and sums of two, fit into 64 bits and a calendar.
LONGEST_DURATION_NS = 36_500 * 86_400 * NS_PER_S
HIGHEST_RATE_PER_S = 1_000_000

DURATION_ALLOWED = "a number with a unit, such as 250ms, 20s, 5m, 2h or 1d"
RATE_ALLOWED = "a number above 0 per unit of time, such as 0.5/s, 3/min or 2/h"
PACE_ALLOWED = "a number above 0 per unit of time, such as 0.5/s or 3/min; or a period such as 5s"
MOMENT_ALLOWED = "a date and time with its offset, such as 2026-01-01T00:00:00Z"
ZONE_ALLOWED = "the name of a time zone, such as UTC or Europe/Berlin"
SIZE_ALLOWED = "a whole number with a unit, such as 512B, 4KiB or 1MiB"


def parse_duration(text: str) -> int:
    """Read a duration such as `250ms`; return nanoseconds, rounded to the nearest.

    Raises:
        ValueError: where the text is not a number with a unit.
    """
    match = re.fullmatch(rf"({_NUMBER})(ns|us|ms|s|m|h|d)", text)
    if match is None:
        raise ValueError(DURATION_ALLOWED)
    ns = round(Fraction(match[1]) * _UNITS[match[3]])
    if ns > LONGEST_DURATION_NS:
        raise ValueError(f"{DURATION_ALLOWED}, at most {format_duration(LONGEST_DURATION_NS)}")
    return ns


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
    match = re.fullmatch(rf"({_NUMBER})/(s|min|m|h)", text)
    if match is None or Fraction(match[1]) == 0:
        raise ValueError(RATE_ALLOWED)
    rate = Rate(Fraction(match[1]), _PER[match[3]], text)
    if rate.count * NS_PER_S > HIGHEST_RATE_PER_S * rate.per_ns:
        raise ValueError(f"{RATE_ALLOWED}, at most {HIGHEST_RATE_PER_S}/s")
    return rate


def parse_pace(text: str) -> Rate:
    """Read how often something happens: a rate such as `0.2/s`, or a period such as `5s`.

    Raises:
        ValueError: where the text is neither, or not above 0.
    """
    if re.fullmatch(rf"{_NUMBER}/.*", text):
        return parse_rate(text)
    try:
        period_ns = parse_duration(text)
    except ValueError:
        raise ValueError(PACE_ALLOWED) from None
    if period_ns * HIGHEST_RATE_PER_S < NS_PER_S:
        raise ValueError(f"{PACE_ALLOWED}, at most {HIGHEST_RATE_PER_S}/s")
    return Rate(Fraction(1), period_ns, text)


def parse_size(text: str) -> int:
    """Read a size such as `4KiB`; return bytes.

    Raises:
        ValueError: where the text is not a whole number with a unit.
    """
    match = re.fullmatch(r"([0-9]{1,9})(B|KiB|MiB)", text)
    if match is None:
        raise ValueError(SIZE_ALLOWED)
    return int(match[1]) * _SIZES[match[2]]


def format_size(size: int) -> str:
    """Write bytes as the shortest exact size, such as `4KiB`."""
    for unit in ("MiB", "KiB"):
        if size and size % _SIZES[unit] == 0:
            return f"{size // _SIZES[unit]}{unit}"
    return f"{size}B"


# RFC 3339, and what databases write: a space for the T, hours alone as offset, no separators.
_MOMENT = re.compile(
    r"([0-9]{4})-?([0-9]{2})-?([0-9]{2})[Tt ]([01][0-9]|2[0-3]):?([0-5][0-9]):?([0-5][0-9]|60)"
    r"(?:\.([0-9]{1,30}))?([Zz]|[+-][0-9]{2}(?::?[0-9]{2})?)"
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def parse_moment(text: str) -> int:
    """Read a date and time with its offset; return nanoseconds since 1970, rounded to the nearest.

    A leap second is the first instant after it, as in the time of POSIX.

    Raises:
        ValueError: where the text is none.
    """
    match = _MOMENT.fullmatch(text)
    if match is None:
        raise ValueError(MOMENT_ALLOWED)
    year, month, day, hour, minute, second, decimals, offset = match.groups()
    leap = second == "60"
    clock = f"{hour}:{minute}:{59 if leap else second}{offset.upper()}"
    try:
        moment = datetime.fromisoformat(f"{year}-{month}-{day}T{clock}")
    except ValueError:  # no such day
        raise ValueError(MOMENT_ALLOWED) from None
    whole = (moment - _EPOCH) // timedelta(seconds=1)
    if leap and whole % 86_400 != 86_399:
        raise ValueError(MOMENT_ALLOWED)
    part = 0 if leap or not decimals else round(Fraction(f"0.{decimals}") * NS_PER_S)
    return (whole + leap) * NS_PER_S + part


def zone_of(name: str) -> tzinfo:
    """The time zone of this name; UTC needs no time zone database.

    Raises:
        ValueError: where there is none.
    """
    if name == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # not there, no name at all, a folder of zones
        raise ValueError(ZONE_ALLOWED) from None
