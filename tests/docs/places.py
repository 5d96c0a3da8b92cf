"""The table "Where each rule lives" of docs/semantics.md: written anew, or read to be checked.

    python -m tests.docs.places

writes it. The table may lag behind what is new; it must never claim what is not so.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from simrt.checkers import CHECKERS
from tests.docs.generated import between, replaced
from tests.docs.rules import ROOT, SEMANTICS, Rule, cited_in_marks, rules_of

TABLE = "places"
HEAD = "| rule | kind | code | judged by | tests |\n|---|---|---|---|---|\n"
NONE = "—"
_ID = re.compile(r"\b([A-Z]{3}-[0-9]+)\b")
# One sentence for each rule, and one error class for each kind of mistake: both cite, neither acts.
_NOT_A_PLACE = ("report/rules.py", "engine/errors.py")


@dataclass(frozen=True)
class Places:
    """Where one rule lives; paths as the table writes them."""

    code: tuple[str, ...]
    judges: tuple[str, ...]
    tests: tuple[str, ...]


def found_places() -> dict[str, Places]:
    """Where every rule lives, as the tree is."""
    code, judges, tests = _in_code(), _in_checkers(), _in_tests()
    rules = rules_of(SEMANTICS.read_text("utf-8"))
    return {
        rule.id: Places(
            _without_packages(code.get(rule.id, [])),
            tuple(judges.get(rule.id, [])),
            tuple(tests.get(rule.id, [])),
        )
        for rule in rules
    }


def _files(folder: Path) -> Iterator[tuple[str, str]]:
    for path in sorted(folder.rglob("*.py")):
        yield path.relative_to(folder).as_posix(), path.read_text("utf-8")


def _in_code() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, text in _files(ROOT / "simrt"):
        if name not in _NOT_A_PLACE and not name.startswith("checkers/"):
            for rule in sorted(set(_ID.findall(text))):
                found.setdefault(rule, []).append(name)
    return found


def _in_checkers() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for checker in CHECKERS:
        for rule in checker.rules:
            found.setdefault(rule, []).append(checker.name)
    return found


def _in_tests() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, text in _files(ROOT / "tests"):
        for rule in sorted(set(cited_in_marks(text))):
            found.setdefault(rule, []).append(name)
    return found


def _without_packages(names: Sequence[str]) -> tuple[str, ...]:
    """A package's own file describes; it is named only where nothing else cites the rule."""
    inside = tuple(name for name in names if not name.endswith("__init__.py"))
    return inside or tuple(names)


def written(rules: Sequence[Rule], places: Mapping[str, Places]) -> str:
    """The table as text."""
    lines = [
        f"| [{rule.id}](#{rule.id.lower()}) | {rule.kind} | "
        + " | ".join(_cell(names) for names in _columns(places[rule.id]))
        + " |\n"
        for rule in rules
    ]
    return HEAD + "".join(lines)


def _columns(places: Places) -> tuple[tuple[str, ...], ...]:
    return places.code, places.judges, places.tests


def _cell(names: Sequence[str]) -> str:
    return "<br>".join(f"`{name}`" for name in names) or NONE


def stated_places(text: str) -> dict[str, Places]:
    """What the document's table says."""
    stated = {}
    for line in between(text, TABLE).splitlines():
        if line.startswith("| ["):
            cells = [cell.strip() for cell in line.strip("|").split("|")]
            code, judges, tests = (tuple(re.findall(r"`([^`]+)`", cell)) for cell in cells[2:])
            stated[_ID.findall(cells[0])[0]] = Places(code, judges, tests)
    return stated


def main() -> None:
    """Write the table into the document."""
    text = SEMANTICS.read_text("utf-8")
    SEMANTICS.write_text(replaced(text, TABLE, written(rules_of(text), found_places())), "utf-8")


if __name__ == "__main__":
    main()
