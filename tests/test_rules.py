"""Each rule is cited by a test: ``@pytest.mark.rules("BUF-2")``.

The rules are those of docs/semantics.md.
"""

from __future__ import annotations

from pathlib import Path

from tests.docs.rules import SEMANTICS, cited_in_marks, rules_of

RULES = [rule.id for rule in rules_of(SEMANTICS.read_text("utf-8"))]


def test_every_rule_is_cited_by_a_test() -> None:
    tests = sorted(Path(__file__).parent.rglob("*.py"))
    found = {rule for path in tests for rule in cited_in_marks(path.read_text("utf-8"))}
    assert [rule for rule in RULES if rule not in found] == []


def test_no_test_cites_a_rule_that_does_not_exist() -> None:
    for path in sorted(Path(__file__).parent.rglob("*.py")):
        unknown = set(cited_in_marks(path.read_text("utf-8"))) - set(RULES)
        assert unknown == set(), f"{path.name} cites {unknown}"


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
    assert cited_in_marks(source) == ["A-1", "A-2", "B-1", "C-1"]
