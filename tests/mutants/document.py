"""The generated parts of docs/mutants.md: a row for each file, each survivor with its reason."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from tests.docs.generated import between, replaced
from tests.mutants.reasons import Change, Reason
from tests.mutants.results import Mutant, Verdict
from tests.mutants.source import ROOT

DOCUMENT = ROOT / "docs" / "mutants.md"
LEAST = 0.95
_ROW = re.compile(
    r"^\| `(?P<file>\w+\.py)` \| (?P<mutants>[\d,]+) \| (?P<killed>[\d,]+) \|"
    r" (?P<endless>[\d,]+) \| (?P<survived>[\d,]+) \| `(?P<digest>[0-9a-f]+)` \|$",
    re.MULTILINE,
)
_TESTS = re.compile(r"^The tests that ran: `([0-9a-f]+)`\.$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Row:
    """What became of the mutants of one file.

    Attributes:
        file: such as `queues.py`.
        mutants: how many there are.
        killed: how many a test noticed, those included with which it came to no end.
        endless: how many of the killed are of that kind.
        survived: how many no test noticed.
        digest: of the file.
    """

    file: str
    mutants: int
    killed: int
    endless: int
    survived: int
    digest: str

    @property
    def cells(self) -> str:
        """The row as the table writes it."""
        numbers = (self.mutants, self.killed, self.endless, self.survived)
        counts = " | ".join(f"{number:,}" for number in numbers)
        return f"| `{self.file}` | {counts} | `{self.digest}` |\n"


def rows_of(mutants: Iterable[Mutant], digests: Mapping[str, str]) -> list[Row]:
    """Count the verdicts, file by file; a file without mutants has its row too."""
    verdicts: dict[str, list[Verdict]] = {file: [] for file in sorted(digests)}
    for mutant in mutants:
        verdicts[mutant.file].append(mutant.verdict)
    return [
        Row(
            file,
            len(found),
            found.count(Verdict.KILLED) + found.count(Verdict.ENDLESS),
            found.count(Verdict.ENDLESS),
            found.count(Verdict.SURVIVED),
            digests[file],
        )
        for file, found in verdicts.items()
    ]


def share_of(rows: Sequence[Row]) -> float:
    """Which part of all mutants was killed."""
    return sum(row.killed for row in rows) / sum(row.mutants for row in rows)


def table_of(rows: Sequence[Row], tests: str) -> str:
    """The whole table."""
    mutants, killed = (sum(getattr(row, name) for row in rows) for name in ("mutants", "killed"))
    head = (
        f"{mutants:,} mutants, {killed:,} killed: {_percent(share_of(rows))}.\n\n"
        "| file | mutants | killed | of these, came to no end | survived | true for |\n"
        "|---|---:|---:|---:|---:|---|\n"
    )
    return head + "".join(row.cells for row in rows) + f"\nThe tests that ran: `{tests}`.\n"


def survivors_of(reasons: Iterable[Reason]) -> str:
    """Each survivor, file by file: the line, the line in the mutant, and the reason."""
    return _listed((reason.change, f"\n{reason.why}\n") for reason in reasons)


def endless_of(changes: Iterable[Change]) -> str:
    """Each mutant whose tests came to no end, file by file."""
    return _listed((change, "") for change in changes)


def stated(document: str) -> tuple[list[Row], str]:
    """What the document's table says: its rows, and the digest of the tests that ran."""
    part = between(document, "mutants")
    rows = [
        Row(
            match["file"],
            *(
                int(match[name].replace(",", ""))
                for name in ("mutants", "killed", "endless", "survived")
            ),
            match["digest"],
        )
        for match in _ROW.finditer(part)
    ]
    tests = _TESTS.search(part)
    return rows, tests[1] if tests else ""


def write(
    rows: Sequence[Row], tests: str, endless: Iterable[Change], reasons: Iterable[Reason]
) -> None:
    """Put new tables into the document."""
    text = DOCUMENT.read_text("utf-8")
    text = replaced(text, "mutants", table_of(rows, tests))
    text = replaced(text, "endless", endless_of(endless))
    DOCUMENT.write_text(replaced(text, "survivors", survivors_of(reasons)), "utf-8")


def _listed(entries: Iterable[tuple[Change, str]]) -> str:
    parts = []
    for file, found in itertools.groupby(entries, lambda entry: entry[0].file):
        parts.append(f"\n### {file}\n")
        parts.extend(
            f"\n`{change.function}`\n\n```text\n{_signed(change)}```\n{said}"
            for change, said in found
        )
    return "".join(parts).lstrip("\n") or "None.\n"


def _percent(share: float) -> str:
    """Never rounded up: 94.99 is not 95."""
    return f"{int(share * 1000) / 10} %"


def _signed(change: Change) -> str:
    return "".join(
        f"{sign}{line}\n"
        for sign, text in (("-", change.old), ("+", change.new))
        for line in text.splitlines()
    )
