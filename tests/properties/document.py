"""The tables of docs/properties.md.

    python -m tests.properties.document

runs the corpus, prints how many of its scenarios reached each state, and writes the tables anew
(`make states`). Sentences and rules stand in the tests themselves: a test's name is its sentence.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

from hypothesis import settings

from simrt.checkers import CHECKERS, STATES
from tests.docs.generated import between, replaced
from tests.docs.rules import ROOT, cited_in_marks
from tests.properties.corpus import Corpus, explore
from tests.properties.runs import examples

DOCUMENT = ROOT / "docs" / "properties.md"

# Where properties are tested, with what each file holds two or more runs against.
FILES = (
    "tests/properties/test_corpus.py",
    "tests/properties/test_metamorphic.py",
    "tests/properties/test_failures.py",
    "tests/properties/test_counts.py",
    "tests/properties/test_words.py",
    "tests/properties/test_page.py",
    "tests/targets/test_determinism.py",
)
_STATE = re.compile(r"^\| `([\w-]+)` \| (.+) \| ([\d,]+) \|$", re.MULTILINE)


def _links(rules: list[str]) -> str:
    return ", ".join(f"[{rule}](semantics.md#{rule.lower()})" for rule in rules)


def sentence_of(name: str) -> str:
    """The sentence that a test's name is."""
    words = name.removeprefix("test_").replace("_", " ")
    return words[:1].upper() + words[1:]


def table_of_properties() -> str:
    """Every property with its rules and its test."""
    rows = ["| property | rules | test |\n|---|---|---|\n"]
    for file in FILES:
        for node in ast.parse((ROOT / file).read_text("utf-8")).body:
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                marks = "\n".join(f"@{ast.unparse(one)}" for one in node.decorator_list)
                rules = cited_in_marks(f"{marks}\ndef test(): ...") if marks else []
                place = f"[{Path(file).name}](../{file})"
                rows.append(f"| {sentence_of(node.name)} | {_links(rules)} | {place} |\n")
    return "".join(rows)


def table_of_promises() -> str:
    """What each run of the corpus is held to: the promises of the checkers."""
    rows = ["| promise | rules | checker |\n|---|---|---|\n"]
    rows += [f"| {c.promise} | {_links(list(c.rules))} | `{c.name}` |\n" for c in CHECKERS]
    return "".join(rows)


def table_of_states(corpus: Corpus) -> str:
    """Every state with how many scenarios of the corpus reached it."""
    head = (
        f"{corpus.scenarios:,} scenarios, {corpus.rows:,} rows of history.\n\n"
        "| state | that is | scenarios that reached it |\n|---|---|---|\n"
    )
    rows = [
        f"| `{state}` | {meaning} | {corpus.reached[state]:,} |\n"
        for state, meaning in STATES.items()
    ]
    return head + "".join(rows)


def stated(document: str) -> list[tuple[str, str, int]]:
    """State, meaning and count of each row of the document's table of states."""
    found = _STATE.findall(between(document, "states"))
    return [(state, meaning, int(times.replace(",", ""))) for state, meaning, times in found]


def main() -> None:
    """Run the corpus, print its states, write the tables."""
    corpus = explore(settings(examples(), deadline=None, derandomize=True, database=None))
    print(f"{corpus.scenarios:,} scenarios, {corpus.rows:,} rows; reached by so many of them:")
    for state, meaning in STATES.items():
        print(f"{corpus.reached[state]:6,}  {state:28} {meaning}")
    text = DOCUMENT.read_text("utf-8")
    text = replaced(text, "properties", table_of_properties())
    text = replaced(text, "promises", table_of_promises())
    text = replaced(text, "states", table_of_states(corpus))
    DOCUMENT.write_text(text, "utf-8")
    if corpus.unreached():
        raise SystemExit(f"never reached: {', '.join(corpus.unreached())}")


if __name__ == "__main__":
    main()
