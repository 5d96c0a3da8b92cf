"""Numbers and lists as a reader takes them in: two significant digits, a unit, plain words."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

NS_PER_S = 1_000_000_000
NOTHING = "—"  # stands where a figure does not exist


def two(value: float) -> str:
    """A number with at most two significant digits, without exponent: `0.012`, `2,300`."""
    if value == 0:
        return "0"
    rounded = Decimal(f"{value:.1e}")
    if rounded == rounded.to_integral_value():
        return f"{int(rounded):,}"
    return f"{rounded.normalize():f}"


def count(number: int) -> str:
    """A count, exact, with commas between thousands."""
    return f"{number:,}"


def many(number: int, noun: str, plural: str = "") -> str:
    """A count with its noun: `1 run`, `20 runs`."""
    return f"{count(number)} {noun if number == 1 else plural or noun + 's'}"


def seconds(value: float) -> str:
    """A length of time given in seconds, in the unit that reads best: `45 s`, `2.5 min`."""
    size = abs(value)
    if size == 0:
        return "0 s"
    if size < 0.000_999:
        return f"{two(value * 1e6)} µs"
    if size < 0.999:
        return f"{two(value * 1e3)} ms"
    if size < 120:
        return f"{two(value)} s"
    if size < 7200:
        return f"{two(value / 60)} min"
    if size < 172_800:
        return f"{two(value / 3600)} h"
    return f"{two(value / 86_400)} days"


def duration(ns: int) -> str:
    """A length of time given in nanoseconds, as `seconds` writes it."""
    return seconds(ns / NS_PER_S)


def percent(fraction: float) -> str:
    """A share: `6 %`; below 1 % with `1 in …` beside it; never rounded to none or all."""
    if fraction <= 0:
        return "0 %"
    if fraction >= 1:
        return f"{two(100 * fraction)} %"
    if fraction > 0.994:
        return "more than 99 %"
    if fraction < 0.01:
        return f"{two(100 * fraction)} % (1 in {two(1 / fraction)})"
    return f"{two(100 * fraction)} %"


def of_hundred(fraction: float) -> str:
    """How many of 100, as a reader counts: `94`, `0.5`, `fewer than 0.1`."""
    if 0 < fraction < 0.001:
        return "fewer than 0.1"
    if 0.994 < fraction < 1:
        return "more than 99"
    return two(100 * fraction)


def listing(parts: Sequence[str], last: str = "and") -> str:
    """`a`, `a and b`, `a, b and c`."""
    if len(parts) < 2:
        return "".join(parts)
    return f"{', '.join(parts[:-1])} {last} {parts[-1]}"


def capital(text: str) -> str:
    """The same text, its first letter large."""
    return text[:1].upper() + text[1:]
