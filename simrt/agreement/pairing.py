"""May two histories be compared, and how finely: same scenario, same seed, exact times or not."""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum
from typing import Any

from simrt.errors import UsageError
from simrt.history import Header, History

# How many differing keys of two scenarios a refusal names.
_MOST_KEYS = 3


class Grain(Enum):
    """How finely a target can be compared with another one."""

    TIMES = "times"  # its clock is the scenario's: each row, to the nanosecond
    OUTCOMES = "outcomes"  # where nobody asks for more: each outcome, whatever the times
    FIGURES = "figures"  # its clock is the machine's: figures, within an interval


def grain_of(header: Header) -> Grain:
    """How finely the history behind a header can be compared."""
    return Grain.FIGURES if header.resolution_ns else Grain.TIMES


def grain(left: History, right: History) -> Grain:
    """How finely two histories can be compared: as finely as the coarser of both."""
    order = list(Grain)
    return max((grain_of(left.header), grain_of(right.header)), key=order.index)


def names_of(left: History, right: History) -> tuple[str, str]:
    """What tells the two apart: their targets, or their places where the targets are the same."""
    first, second = left.header.target, right.header.target
    return (first, second) if first != second else (f"{first} (1)", f"{second} (2)")


def require_a_pair(left: History, right: History) -> None:
    """Refuse two histories that are not of the same scenario and seed.

    Raises:
        UsageError: saying what differs.
    """
    one, other = left.header, right.header
    if one.seed != other.seed:
        raise UsageError(
            f"the histories have seeds {one.seed} and {other.seed}: chance alone makes them differ;"
            " compare two of the same seed"
        )
    apart = list(_apart(one.scenario, other.scenario, ""))
    if apart:
        shown = "; ".join(apart[:_MOST_KEYS])
        more = f"; and {len(apart) - _MOST_KEYS} more" if len(apart) > _MOST_KEYS else ""
        raise UsageError(
            f"the histories are of different scenarios: {shown}{more}; compare two of the same"
        )


_NONE = object()


def _apart(one: Any, other: Any, path: str) -> Iterator[str]:
    """Where two scenarios differ, a key each, with both values."""
    if isinstance(one, dict) and isinstance(other, dict):
        for key in dict.fromkeys([*one, *other]):
            below = f"{path}.{key}" if path else str(key)
            yield from _apart(one.get(key, _NONE), other.get(key, _NONE), below)
    elif one != other:
        yield f"{path} is {_shown(one)} and {_shown(other)}"


def _shown(value: Any) -> str:
    text = "not there" if value is _NONE else repr(value)
    return text if len(text) <= 60 else f"{text[:59]}…"
