"""The rules of docs/semantics.md: the document is the source of their ids."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
SEMANTICS = ROOT / "docs" / "semantics.md"

CHAPTERS = (
    "HUB", "PRJ", "CHN", "OPT", "PUB", "HIS", "TTL", "SUB", "REP", "BUF", "DLV", "RST", "ACC",
    "SSE", "STR", "HOK", "CLI", "NET",
)  # fmt: skip
_HEADING = re.compile(r"^### ([A-Z]{3}-[0-9]+)\n\n", re.MULTILINE)
_KIND = re.compile(r"\*\*(Given|Pinned|Given; [a-z ]+ pinned)\.\*\* ")


@dataclass(frozen=True)
class Rule:
    """One rule of the document.

    Attributes:
        id: such as `BUF-2`.
        kind: `given`, `pinned` or `both`.
        text: what stands under its heading.
    """

    id: str
    kind: str
    text: str


def rules_of(document: str) -> list[Rule]:
    """Every rule, in the document's order."""
    parts = _HEADING.split(re.split(r"^## Try it", document, flags=re.MULTILINE)[0])
    rules = []
    for name, body in zip(parts[1::2], parts[2::2], strict=True):
        text = re.split(r"^## ", body, flags=re.MULTILINE)[0]
        match = _KIND.match(text)
        assert match, f"{name} must begin with **Given.**, **Pinned.** or **Given; … pinned.**"
        kind = {"Given": "given", "Pinned": "pinned"}.get(match[1], "both")
        rules.append(Rule(name, kind, text))
    return rules


def cited_in_marks(source: str) -> list[str]:
    """The rule ids in the ``pytest.mark.rules(…)`` marks of a test file."""
    ids = []
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call) or ast.unparse(node.func) != "pytest.mark.rules":
            continue
        for argument in node.args:
            assert isinstance(argument, ast.Constant), f"line {node.lineno}: write the rule id out"
            ids.append(str(argument.value))
    return ids
