"""docs/choosing.md names every need, every anti-pattern, every setting."""

from __future__ import annotations

import re

import pytest

import simrt
from simrt.antipatterns import ANTIPATTERNS
from simrt.report.feature import settings
from tests.docs.generated import between
from tests.docs.misuse import CHOOSING, PARTS, SHIPPED, needs, verdict_of
from tests.docs.rules import ROOT

TEXT = CHOOSING.read_text("utf-8")
AGAIN = "run python -m tests.docs.misuse"


@pytest.mark.parametrize("name", PARTS)
def test_the_tables_are_those_of_the_rules(name: str) -> None:
    assert between(TEXT, name) == PARTS[name](), AGAIN


def test_every_need_has_its_question_and_its_verdict() -> None:
    section = TEXT.split("\n## When it is the wrong tool\n")[1].split("\n## ")[0]
    asked = re.findall(r"^\|.*\? \| `([\w-]+)` \|$", section, re.MULTILINE)
    assert sorted(asked) == sorted(needs())
    assert {verdict_of(need)[0] for need in needs()} == {"wrong abstraction"}
    assert {verdict_of(f"{need}: nice-to-have")[0] for need in needs()} == {"weak fit"}


def test_every_antipattern_has_its_row_and_what_ships_is_named() -> None:
    table = between(TEXT, "antipatterns")
    assert re.findall(r"^\| `([\w-]+)` \|", table, re.MULTILINE) == [r.code for r in ANTIPATTERNS]
    for path in SHIPPED.glob("*.yml"):
        assert path.name in table


def test_every_setting_is_decided() -> None:
    scenario = simrt.load(ROOT / "scenarios/patterns/live-admin-notifications.yml")
    section = TEXT.split("\n## The five settings\n")[1].split("\n### ")[0]
    named = re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)
    assert sorted(named) == sorted(setting.name for setting in settings(scenario))
