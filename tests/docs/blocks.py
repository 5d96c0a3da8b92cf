"""The fenced blocks of a document, and which documents there are."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.docs.rules import ROOT

DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *ROOT.glob("tests/*.md")])

_FENCE = re.compile(r"^```([^\n`]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_OTHER_FENCE = re.compile(r"^(~~~|````)", re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """One fenced block.

    Attributes:
        place: document and line of its first line, such as `README.md:12`.
        language: the first word behind the fence.
        text: what stands in it.
        remark: the words after it; a `yaml part` is laid over the first whole file above it.
    """

    place: str
    language: str
    text: str
    remark: str = ""


def blocks_of(path: Path) -> Iterator[Block]:
    """The blocks of a document, in order."""
    document = path.read_text("utf-8")
    assert not _OTHER_FENCE.search(document), f"{path}: write blocks between ``` and ```"
    name = path.relative_to(ROOT).as_posix()
    for match in _FENCE.finditer(document):
        line = document.count("\n", 0, match.start()) + 2
        language, _, remark = match[1].strip().partition(" ")
        yield Block(f"{name}:{line}", language, match[2], remark)


def prose_of(path: Path) -> str:
    """A document without its blocks."""
    return _FENCE.sub("", path.read_text("utf-8"))
