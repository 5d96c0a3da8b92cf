"""Numbers and lists as a reader takes them in: two significant digits, a unit, plain words."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from simrt.scenario.units import spoken_duration

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
    # The bounds are where two digits would round up into the next unit.
    size = abs(value)
    if size == 0:
        return with_unit("0", "s")
    if size < 0.000_995:
        return with_unit(two(value * 1e6), "µs")
    if size < 0.995:
        return with_unit(two(value * 1e3), "ms")
    if size < 115:
        return with_unit(two(value), "s")
    if size < 6900:
        return with_unit(two(value / 60), "min")
    if size < 172_800:
        return with_unit(two(value / 3600), "h")
    return with_unit(two(value / 86_400), "days")


def duration(ns: int) -> str:
    """A length of time given in nanoseconds, as `seconds` writes it."""
    return seconds(ns / NS_PER_S)


def exactly(ns: int) -> str:
    """A length of time that somebody decided, not rounded: `90 s`, `10 min`."""
    return with_unit(*spoken_duration(ns))


def clock_time(ns: int) -> str:
    """An instant of a run, counted from its start: `12 s`, `3 min 5 s`, `1 h 2 min`."""
    whole = ns // NS_PER_S
    if whole < 60:
        return with_unit(f"{whole}", "s")
    if whole < 3600:
        return with_unit(f"{whole // 60}", "min") + " " + with_unit(f"{whole % 60}", "s")
    return with_unit(f"{whole // 3600}", "h") + " " + with_unit(f"{whole % 3600 // 60}", "min")


def with_unit(number: str, unit: str) -> str:
    """A number and its unit, never parted by a line break."""
    return f"{number}\u00a0{unit}"


def percent(fraction: float) -> str:
    """A share: `6 %`; below 1 % with `1 in …` beside it; never rounded to none or all."""
    if fraction <= 0:
        return with_unit("0", "%")
    if 0.995 <= fraction < 1:
        return "more than " + with_unit("99", "%")
    share = with_unit(two(100 * fraction), "%")
    return f"{share} (1 in {two(1 / fraction)})" if fraction < 0.00995 else share


def of_hundred(fraction: float) -> str:
    """How many of 100, as a reader counts: `94`, `0.5`, `fewer than 0.1`."""
    if 0 < fraction < 0.001:
        return "fewer than 0.1"
    if 0.995 <= fraction < 1:
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
