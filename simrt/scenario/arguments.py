"""What public calls are given: one place that says of a wrong argument what to write instead."""

from __future__ import annotations

import inspect
import math
import operator
import os
import reprlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from simrt.errors import UsageError
from simrt.scenario.words import nearest

MOST_RUNS = 100_000
"""The most runs that one may ask for: all of them are planned before the first."""

_MOST_SEED = 2**63 - 1


def wrong(name: str, value: object, write: str, *, meant: str = "") -> UsageError:
    """The error for one argument.

    Arguments:
        name: of the argument.
        value: what was given.
        write: what to write instead.
        meant: the known word that was probably meant.
    """
    plain = value is None or isinstance(value, str | bytes | int | float)
    found = reprlib.repr(value) if plain else f"a value of the type {type(value).__name__}"
    hint = f" (did you mean {meant}?)" if meant else ""
    return UsageError(f"{name}: found {found}{hint}; write {write}")


def whole(name: str, value: object, least: int, most: int | None = None) -> int:
    """A whole number from `least` to `most`; numpy's are numbers too.

    Raises:
        UsageError: where it is none.
    """
    upper = "" if most is None else f" to {most}"
    write = f"a whole number, {least}{upper or ' or more'}"
    if isinstance(value, bool):
        raise wrong(name, value, write)
    try:
        number = operator.index(value)  # type: ignore[arg-type] # that is asked here
    except TypeError:
        raise wrong(name, value, write) from None
    if number < least or (most is not None and number > most):
        raise wrong(name, value, write)
    return number


def seed_of(value: object, name: str = "seed") -> int:
    """A seed.

    Raises:
        UsageError: where it is none.
    """
    return whole(name, value, 0, _MOST_SEED)


def runs_of(value: object) -> int | None:
    """How many runs; None where nobody says.

    Raises:
        UsageError: where it is none, or more than are ever planned.
    """
    if value is None:
        return None
    return whole("runs", value, 1, MOST_RUNS)


def number(name: str, value: object, write: str, least: float, most: float = math.inf) -> float:
    """A finite number from `least` to `most`.

    Raises:
        UsageError: where it is none; with what to `write`.
    """
    if isinstance(value, bool | str | bytes) or not hasattr(value, "__float__"):
        raise wrong(name, value, write)
    try:
        found = float(value)
    except (TypeError, ValueError, OverflowError):
        raise wrong(name, value, write) from None
    if not (math.isfinite(found) and least <= found <= most):
        raise wrong(name, value, write)
    return found


def speed_of(value: object) -> float | None:
    """Scenario seconds per real second; None where nobody says.

    Raises:
        UsageError: where it is none.
    """
    if value is None:
        return None
    return number("speed", value, "a number above 0, such as 1 or 30, or None", 5e-324)


def path_of(name: str, value: object, write: str = "a path, as text or a Path") -> Path:
    """A path.

    Raises:
        UsageError: where it is none; with what to `write`.
    """
    if not isinstance(value, str | os.PathLike) or not (text := os.fspath(value)):
        raise wrong(name, value, write)
    if not isinstance(text, str) or "\0" in text:
        raise wrong(name, value, write)
    return Path(text)


def flag(name: str, value: object) -> bool:
    """True or False.

    Raises:
        UsageError: where it is neither.
    """
    if not isinstance(value, bool):
        raise wrong(name, value, "True or False")
    return value


def callback_of(name: str, value: object, *called_with: str) -> None:
    """A function, or None.

    Arguments:
        name: of the argument.
        value: what was given.
        called_with: what each of its arguments will be.

    Raises:
        UsageError: where it is neither, or cannot be called with so many arguments.
    """
    if value is None:
        return
    write = f"a function that is called with {' and '.join(called_with)}, or None"
    if not callable(value) or isinstance(value, type):
        raise wrong(name, value, write)
    try:
        inspect.signature(value).bind(*called_with)
    except TypeError:
        raise wrong(name, value, write) from None
    except ValueError:  # some functions that are written in C do not say what they take
        return


def one_of(name: str, value: object, known: Iterable[str]) -> str:
    """One of some words.

    Raises:
        UsageError: where it is none; the message names the nearest.
    """
    words = tuple(known)
    if not isinstance(value, str) or value not in words:
        raise wrong(name, value, " or ".join(words), meant=nearest(value, words))
    return value


def some_of(name: str, value: object, known: Iterable[str]) -> tuple[str, ...]:
    """One or more of some words: a word, or a sequence of them.

    Raises:
        UsageError: where it is neither, is empty, or names what is not known.
    """
    words = tuple(known)
    if isinstance(value, str):
        return (one_of(name, value, words),)
    if not isinstance(value, Iterable) or isinstance(value, bytes | dict):
        raise wrong(name, value, f"{' or '.join(words)}, or a list of these")
    given: tuple[Any, ...] = tuple(value)
    if not given:
        raise UsageError(f"{name}: found nothing; write {' or '.join(words)}, or a list of these")
    return tuple(dict.fromkeys(one_of(name, each, words) for each in given))
