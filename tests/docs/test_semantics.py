"""docs/semantics.md: every rule is there, in one form, and what it says of the code is so."""

from __future__ import annotations

import re
from dataclasses import dataclass, fields

import pytest

import simrt.engine
from simrt.checkers import CHECKERS
from simrt.report.rules import RULES as SENTENCES
from tests.docs.generated import between
from tests.docs.places import TABLE, found_places, stated_places
from tests.docs.rules import CHAPTERS, ROOT, SEMANTICS, Rule, rules_of

TEXT = SEMANTICS.read_text("utf-8")
RULES = rules_of(TEXT)
IDS = [rule.id for rule in RULES]
NOT_CHOSEN, WOULD_DIFFER = "\n\n**Not chosen.** ", "\n\n**What would differ.** "


def test_chapters_stand_in_order_and_count_from_one() -> None:
    chapters = [name.split("-")[0] for name in IDS]
    assert list(dict.fromkeys(chapters)) == list(CHAPTERS)
    assert [f"{c}-{n}" for c in CHAPTERS for n in range(1, chapters.count(c) + 1)] == IDS


@pytest.mark.parametrize("rule", RULES, ids=IDS)
def test_a_pinned_rule_names_what_was_not_chosen(rule: Rule) -> None:
    """A reader who has another server must see what else the description could mean."""
    parts = (rule.text.count(NOT_CHOSEN), rule.text.count(WOULD_DIFFER))
    assert parts == ((0, 0) if rule.kind == "given" else (1, 1))


def test_the_report_has_a_sentence_for_each_rule() -> None:
    assert list(SENTENCES) == IDS


def test_checkers_cite_rules_that_exist() -> None:
    cited = {rule for checker in CHECKERS for rule in checker.rules}
    assert cited - set(IDS) == set()


@pytest.mark.parametrize("folder", ["simrt", "tests", "scenarios", "docs"])
def test_nothing_cites_a_rule_that_does_not_exist(folder: str) -> None:
    known = "|".join(CHAPTERS)
    for path in sorted((ROOT / folder).rglob("*")):
        if path.suffix in (".py", ".md", ".yml", ".j2") and path.is_file():
            cited = set(re.findall(rf"\b(?:{known})-[0-9]+\b", path.read_text("utf-8")))
            assert cited - set(IDS) == set(), path


def test_the_table_has_a_row_for_each_rule_with_its_kind() -> None:
    rows = re.findall(
        r"^\| \[([A-Z]{3}-[0-9]+)\]\(#(\S+)\) \| (\w+) ", between(TEXT, TABLE), re.MULTILINE
    )
    assert rows == [(rule.id, rule.id.lower(), rule.kind) for rule in RULES]


def test_the_table_claims_only_what_is_so() -> None:
    """It may lag behind the newest citation, but never name a place that is none."""
    stated, found = stated_places(TEXT), found_places()
    for rule in IDS:
        for column in ("code", "judges", "tests"):
            claimed, real = (set(getattr(each[rule], column)) for each in (stated, found))
            assert claimed <= real, f"{rule}: run python -m tests.docs.places"
            assert claimed or not real, f"{rule} is cited now: run python -m tests.docs.places"


def test_variants_are_as_far_as_the_section_says() -> None:
    """What a scenario can switch on must be said, and what it cannot must not be."""
    from simrt.scenario import json_schema

    section = TEXT.split("\n## Variants\n")[1].split("\n## ")[0]
    rows = re.findall(r"^\| `(\w+)` \|.*\| ([\w ]+) \|$", section, re.MULTILINE)
    assert len(rows) == 7
    schema = repr(json_schema())
    engine = {field.name for field in fields(getattr(simrt.engine, "Variants", _NoVariants))}
    for name, built in rows:
        in_python = re.sub("([A-Z])", lambda match: f"_{match[1].lower()}", name)
        assert (built == "scenario") == (f"'{name}'" in schema), name
        assert built == "no" or in_python in engine, name


@dataclass
class _NoVariants:
    """An engine without any."""


def test_each_choice_names_code_that_exists() -> None:
    section = TEXT.split("\n## Where the description left")[1].split("\n## Where each rule")[0]
    choices = re.findall(r"^- \*\*.*?(?=^- \*\*|^###|\Z)", section, re.MULTILINE | re.DOTALL)
    assert len(choices) > 30
    for choice in choices:
        paths = re.findall(r"`((?:simrt|docs)/[^`]+)`", choice)
        assert paths, choice
        assert [path for path in paths if not (ROOT / path).is_file()] == []
