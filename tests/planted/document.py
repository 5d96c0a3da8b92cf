"""The table of docs/planted-errors.md: each error, what catches it, and after how much."""

from __future__ import annotations

import re
from collections.abc import Mapping

from tests.docs.generated import between, replaced
from tests.planted.planting import ROOT, Planted

DOCUMENT = ROOT / "docs" / "planted-errors.md"
_ROW = re.compile(r"^\| `([\w-]+)` \|.*\| ([\d,]+ \w+) \|.*\| `([0-9a-f]+)` \|$", re.MULTILINE)


def row_of(error: Planted, after: str, digest: str) -> str:
    """One row of the table."""
    place = error.file.removeprefix("simrt/")
    return (
        f"| `{error.name}` | {error.means} | `{place}` | {error.by} | {after} |"
        f" `python -m tests.planted {error.name}` | `{digest}` |\n"
    )


def table_of(errors: tuple[Planted, ...], found: Mapping[str, tuple[str, str]]) -> str:
    """The whole table.

    Arguments:
        errors: all of them, in order.
        found: by name, for those that were caught, after how much, and for which digest.
    """
    seen = [error for error in errors if error.name in found]
    head = (
        f"{len(errors)} errors, {len(seen)} caught.\n\n"
        "| error | what goes wrong | file | caught by | after | command | true for |\n"
        "|---|---|---|---|---:|---|---|\n"
    )
    return head + "".join(row_of(error, *found[error.name]) for error in seen)


def stated(document: str) -> dict[str, tuple[str, str]]:
    """What the document's table says: by name, after how much, and for which digest."""
    rows = _ROW.findall(between(document, "planted"))
    return {name: (after, digest) for name, after, digest in rows}


def write(errors: tuple[Planted, ...], found: Mapping[str, tuple[str, str]]) -> None:
    """Put a new table into the document."""
    text = DOCUMENT.read_text("utf-8")
    DOCUMENT.write_text(replaced(text, "planted", table_of(errors, found)), "utf-8")
