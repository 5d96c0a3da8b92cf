"""Why a survivor changes nothing: entries of `survivors.toml`, held against the survivors.

An entry names the function, the line as it stands and the line as the mutant has it. So a line that
changes makes its reason stale, loudly.
"""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, fields
from pathlib import Path

from tests.mutants.source import ENGINE, functions_of

REASONS = Path(__file__).with_name("survivors.toml")


class ReasonError(Exception):
    """A survivor without a reason, or a reason without a survivor."""


@dataclass(frozen=True, slots=True)
class Change:
    """What a mutant changes.

    Attributes:
        file: such as `queues.py`.
        function: such as `DropNewest.fill`.
        old: the lines as they stand, without indentation.
        new: the lines in the mutant.
    """

    file: str
    function: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a change changes nothing.

    Attributes:
        change: which.
        why: in a sentence or two.
    """

    change: Change
    why: str


def change_of(file: str, function: str, diff: str) -> Change:
    """Read the diff that mutmut shows of a mutant."""
    lines = diff.split("\n@@", 1)[1].splitlines()[1:]
    old, new = (
        "\n".join(line[1:].strip() for line in lines if line.startswith(sign)) for sign in "-+"
    )
    return Change(file, function, old, new)


def read_reasons(path: Path = REASONS) -> tuple[Reason, ...]:
    """All reasons, in order of file and function.

    Raises:
        ReasonError: an entry lacks something, or is there twice.
    """
    found: dict[Change, Reason] = {}
    due = {field.name for field in fields(Change)} | {"why"}
    for entry in tomllib.loads(path.read_text("utf-8")).get("survivor", []):
        if set(entry) != due or not all(entry.values()):
            raise ReasonError(f"{path.name}: {entry}: has {sorted(entry)}, not {sorted(due)}")
        change = Change(*(entry[field.name].strip() for field in fields(Change)))
        if change in found:
            raise ReasonError(f"{path.name}: there twice: {change}")
        found[change] = Reason(change, " ".join(entry["why"].split()))
    return tuple(sorted(found.values(), key=lambda one: (one.change.file, one.change.function)))


def check(survivors: Iterable[Change], reasons: Iterable[Reason]) -> None:
    """Hold the survivors against the reasons.

    Raises:
        ReasonError: says which survivors have none, ready to be filled in, and which reasons are
            those of no survivor.
    """
    seen = Counter(survivors)
    known = {reason.change for reason in reasons}
    missing = "".join(entry_of(change) for change in seen if change not in known)
    if missing:
        raise ReasonError(
            f"these survived. Write a test that kills them; where no caller could notice, say why\n"
            f"in tests/mutants/{REASONS.name}:\n\n{missing}"
        )
    dead = "".join(f"\n{change}" for change in known - set(seen))
    if dead:
        raise ReasonError(f"killed by now: take them out of tests/mutants/{REASONS.name}:{dead}")


def entry_of(change: Change) -> str:
    """An entry without its reason."""
    parts = "".join(
        f"{field.name} = {_quoted(getattr(change, field.name))}\n" for field in fields(change)
    )
    return f"[[survivor]]\n{parts}why = ''\n\n"


def _quoted(text: str) -> str:
    mark = "'''" if "'" in text or "\n" in text else "'"
    return f"{mark}{text}{mark}"


def stale(reasons: Iterable[Reason], folder: Path = ENGINE) -> list[Change]:
    """The reasons whose line does not stand in the engine any more."""
    functions = {path.name: functions_of(path.read_text("utf-8")) for path in folder.glob("*.py")}
    found = []
    for reason in reasons:
        change = reason.change
        text = functions.get(change.file, {}).get(change.function, "")
        lines = [line.strip() for line in text.splitlines()]
        if not re.search(rf"^{re.escape(change.old)}$", "\n".join(lines), re.MULTILINE):
            found.append(change)
    return found
