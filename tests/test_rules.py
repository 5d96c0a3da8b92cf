"""Each rule of the engine is cited by a test: ``@pytest.mark.rules("BUF-2")``."""

from __future__ import annotations

import ast
from pathlib import Path

RULES = {
    "HUB": 4,
    "PRJ": 1,
    "CHN": 5,
    "OPT": 5,
    "PUB": 5,
    "HIS": 1,
    "TTL": 5,
    "SUB": 1,
    "REP": 7,
    "BUF": 5,
    "DLV": 7,
    "RST": 6,
    "ACC": 3,
}
"""How many rules each chapter of docs/semantics.md has, from Hub to Accounting."""


def cited(source: str) -> list[str]:
    """List the rule ids in the ``pytest.mark.rules(…)`` marks of a test file."""
    ids = []
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call) or ast.unparse(node.func) != "pytest.mark.rules":
            continue
        for argument in node.args:
            assert isinstance(argument, ast.Constant), f"line {node.lineno}: write the rule id out"
            ids.append(str(argument.value))
    return ids


def test_every_rule_is_cited_by_a_test() -> None:
    tests = Path(__file__).parent
    found = {rule for path in sorted(tests.rglob("*.py")) for rule in cited(path.read_text())}
    wanted = [f"{chapter}-{n}" for chapter, last in RULES.items() for n in range(1, last + 1)]
    assert [rule for rule in wanted if rule not in found] == []


def test_no_test_cites_a_rule_that_does_not_exist() -> None:
    for path in sorted(Path(__file__).parent.rglob("*.py")):
        for rule in cited(path.read_text()):
            chapter, _, number = rule.partition("-")
            assert number.isdigit(), f"{path.name} cites {rule}"
            if chapter in RULES:
                assert 1 <= int(number) <= RULES[chapter], f"{path.name} cites {rule}"


def test_marks_are_found_wherever_they_stand() -> None:
    source = """
pytestmark = pytest.mark.rules("A-1", "A-2")

@pytest.mark.rules("B-1")
def test(): ...

class Test:
    @pytest.mark.rules("C-1")
    def test(self): ...

def rules(x): ...
rules("D-1")
"""
    assert cited(source) == ["A-1", "A-2", "B-1", "C-1"]
