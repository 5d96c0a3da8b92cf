"""How simrt words numbers, counts, shares, durations and lists, wherever it says one.

What was counted or decided is exact; what was measured has two significant digits, more where two
would not tell it from its bound. So one number reads alike in a sentence, a table and a figure.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Context, Decimal

NOTHING = "—"  # stands where a figure does not exist
LEAST_SHARE = 0.0001
"""Shares below this one, and above none, are told as less than it."""

_NS_PER_S = 1_000_000_000
# From the longest to the shortest: a length in nanoseconds, what it is called, from where it is
# used for a measured time.
_UNITS = (
    (86_400 * _NS_PER_S, "days", 172_800 * _NS_PER_S),
    (3600 * _NS_PER_S, "h", 7200 * _NS_PER_S),
    (60 * _NS_PER_S, "min", 120 * _NS_PER_S),
    (_NS_PER_S, "s", _NS_PER_S),
    (1_000_000, "ms", 1_000_000),
    (1_000, "µs", 0),
)
_UNBROKEN = re.compile(r"(?<=[0-9]) (?=(?:%|ns|µs|ms|s|min|h|days?|B|KiB|MiB)(?![\w-]))")


def rounded(value: float, digits: int = 2) -> str:
    """A measured number, with at most so many significant digits and no exponent: `0.012`, `2,300`.

    Arguments:
        value: the number.
        digits: significant digits, from 1.
    """
    return _plain(_significant(Decimal(value), digits))


def count(number: int) -> str:
    """A count, exact, with commas between thousands: `2,345`."""
    return f"{number:,}"


def number(value: float, digits: int = 2) -> str:
    """A count, or a mean of counts: whole digits are never rounded away: `2,345`, `12`, `0.12`."""
    whole = len(str(abs(int(value))))
    return rounded(value, max(digits, whole))


def plural(number: int, noun: str, many: str = "") -> str:
    """The noun as it stands after this count: `run`, `runs`."""
    return noun if number == 1 else many or noun + "s"


def many(number: int, noun: str, more: str = "") -> str:
    """A count with its noun: `1 run`, `20 runs`.

    Arguments:
        number: the count.
        noun: what is counted, as one.
        more: the noun for more than one, where it does not end in `s`.
    """
    return f"{count(number)} {plural(number, noun, more)}"


def share(fraction: float, digits: int = 2) -> str:
    """A share of a whole, in percent: `6 %`.

    `0 %` is said of none and `100 %` of all only: between them stand `less than 0.01 %` and
    `more than 99 %`, or with more digits `more than 99.9 %`.

    Arguments:
        fraction: 0 to 1; what lies beyond, such as a difference, is worded as it is.
        digits: significant digits, where two do not tell it from another number.
    """
    if 0 < abs(fraction) < LEAST_SHARE and digits == 2:
        least = exact_share(LEAST_SHARE)
        return f"less than {least}" if fraction > 0 else f"more than -{least}"
    percent = 100 * Decimal(fraction)
    found = _significant(percent, digits)
    if found == 100 and percent != 100:
        # What differs from all is told apart from it, on whichever side it lies.
        below = percent < 100
        bound = _significant(percent, digits, ROUND_FLOOR if below else ROUND_CEILING)
        return f"{'more' if below else 'less'} than {_plain(bound)} %"
    return f"{_plain(found)} %"


def share_and_odds(fraction: float, digits: int = 2) -> str:
    """A share for a sentence: below 1 % with its odds beside it, `0.5 % (1 in 200)`."""
    said = share(fraction, digits)
    return f"{said} (1 in {rounded(1 / fraction)})" if 0 < fraction < 0.00995 else said


def exact_share(fraction: float) -> str:
    """A share that somebody decided, not rounded: `12.5 %`."""
    return f"{_plain(100 * Decimal(repr(fraction)))} %"


def of_hundred(fraction: float) -> str:
    """How many of 100, with the number that `share` says: `94`, `0.5`, `more than 99`."""
    return share(fraction).removesuffix(" %").replace("less", "fewer")


def duration(ns: float | Decimal, digits: int = 2) -> str:
    """A measured length of time, in the unit that reads best: `45 s`, `2.5 min`.

    Arguments:
        ns: nanoseconds.
        digits: significant digits, where two do not tell it from another number.
    """
    exact = Decimal(ns)
    if not exact:
        return "0 s"
    for length, unit, least in _UNITS:
        # Rounding decides the unit, so that 119.6 s and 120 s are both `2 min`.
        if abs(_significant(exact, digits)) >= least:
            return f"{_plain(_significant(exact / length, digits))} {unit}"
    raise AssertionError("the last unit begins at 0")


def seconds(value: float, digits: int = 2) -> str:
    """A measured length of time given in seconds, worded as `duration` does.

    Whole nanoseconds stay whole: half of the last digit is rounded as `duration` rounds it.
    """
    return duration(Decimal(repr(float(value))) * _NS_PER_S, digits)


def exact_duration(ns: int) -> str:
    """A length of time that somebody decided, not rounded: `90 s`, `10 min`."""
    if ns == 0:
        return "0 s"
    for length, unit in (*((length, unit) for length, unit, _ in _UNITS), (1, "ns")):
        if ns % length == 0:
            number = ns // length
            return f"{number:,} {'day' if unit == 'days' and number == 1 else unit}"
    raise AssertionError("every whole number is a number of nanoseconds")


def exact_s(ns: int) -> str:
    """An instant or a length of a record, to the nanosecond: `12.5 s`. For evidence."""
    return f"{_plain(Decimal(ns) / _NS_PER_S, group=False)} s"


def clock_time(ns: int) -> str:
    """An instant of a run, counted from its start: `12 s`, `3 min 5 s`, `1 h 2 min`."""
    whole = ns // _NS_PER_S
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def size(value: float, digits: int = 2) -> str:
    """Bytes, in the unit that reads best: `512 B`, `4.2 KiB`."""
    if value < 1024:
        return f"{number(value, digits)} B"
    return f"{number(value / 1024, digits)} KiB"


def measured(value: float, unit: str, digits: int = 2) -> str:
    """A figure in the words of its unit.

    Arguments:
        value: the figure.
        unit: as the table of metrics has it; what is counted stands beside the number already.
        digits: significant digits, where two do not tell it from another number.
    """
    if unit == "s":
        return seconds(value, digits)
    if unit == "fraction":
        return share(value, digits)
    if unit == "bytes":
        return size(value, digits)
    said = number(value, digits)
    return f"{said} {unit}" if unit == "requests/s" else said


def listing(parts: Iterable[str], last: str = "and") -> str:
    """`a`, `a and b`, `a, b and c`."""
    some = list(parts)
    if len(some) < 2:
        return "".join(some)
    return f"{', '.join(some[:-1])} {last} {some[-1]}"


def capital(text: str) -> str:
    """The same text, its first letter large."""
    return text[:1].upper() + text[1:]


def unbroken(text: str) -> str:
    """The same text for a page: no line breaks between a number and its unit."""
    return _UNBROKEN.sub("\u00a0", text)


def _significant(value: Decimal, digits: int, how: str = ROUND_HALF_EVEN) -> Decimal:
    return Context(prec=digits, rounding=how).plus(value)


def _plain(value: Decimal, *, group: bool = True) -> str:
    """Without an exponent and without idle zeros."""
    text = f"{value:,f}" if group else f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
