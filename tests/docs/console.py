"""Commands that documents show, with what they print.

In a `console` block a line that begins with `$ ` is a command; the lines below it are what it
prints. A shown line must be among the printed lines, in the same order: equal where it stands for
itself, up to its numbers where a number changes with each release. `…` stands for lines that are
left out, or for the rest of a line. A command that ends with another code than 0 says so behind
`# exit:`; one that tests must not run says why behind `# not run:`.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass

_REMARK = re.compile(r"\s+# (not run|exit): (\S.*)$")
_NUMBER = re.compile(r"\d[\d,]*(?:\.\d+)?")


@dataclass(frozen=True)
class Command:
    """One command.

    Attributes:
        line: as it is written.
        reason: why tests do not run it; empty where they do.
        exit_code: what it ends with.
        shown: the lines that it is said to print.
    """

    line: str
    reason: str
    exit_code: int
    shown: tuple[str, ...]

    @property
    def words(self) -> list[str]:
        """The command as a list of arguments."""
        return shlex.split(self.line, comments=True)


def commands_of(text: str) -> Iterator[Command]:
    """The commands of a block."""
    assert text.startswith("$ "), "a console block begins with a command: $ simrt …"
    for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        line, *shown = part.rstrip("\n").split("\n")
        match = _REMARK.search(line)
        word, said = (match[1], match[2]) if match else ("", "")
        yield Command(
            _REMARK.sub("", line),
            said if word == "not run" else "",
            int(said) if word == "exit" else 0,
            tuple(shown),
        )


def missing_line(shown: tuple[str, ...], printed: str) -> str | None:
    """The first shown line that was not printed in its place, or None."""
    coming = iter([_form(line) for line in printed.splitlines()])
    for line in shown:
        if line.strip() in ("", "…"):
            continue
        wanted = _form(line)
        head, cut, _ = wanted.partition("…")
        if not any(found.startswith(head) if cut else found == wanted for found in coming):
            return line
    return None


def _form(line: str) -> str:
    """A line without what changes from version to version: its numbers."""
    return _NUMBER.sub("#", line.rstrip())
