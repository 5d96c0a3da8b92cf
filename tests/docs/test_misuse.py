"""docs/choosing.md names every need, every anti-pattern, every setting."""

from __future__ import annotations

import re
from typing import get_args

import pytest

import simrt
from simrt.antipatterns import ANTIPATTERNS
from simrt.fit import NEEDS, Fit
from simrt.report.feature import settings
from simrt.scenario.model import Need
from tests.docs.generated import between
from tests.docs.misuse import CHOOSING, PARTS, SHIPPED, verdict_of
from tests.docs.rules import ROOT

TEXT = CHOOSING.read_text("utf-8")
AGAIN = "run python -m tests.docs.misuse"


@pytest.mark.parametrize("name", PARTS)
def test_the_tables_are_those_of_the_rules(name: str) -> None:
    assert between(TEXT, name) == PARTS[name](), AGAIN


def test_every_need_that_a_file_can_write_has_its_question_and_its_verdict() -> None:
    assert {need.removesuffix(": nice-to-have") for need in get_args(Need)} == set(NEEDS)
    assert {verdict_of(need)[0] for need in NEEDS} == {Fit.WRONG}
    assert {verdict_of(f"{need}: nice-to-have")[0] for need in NEEDS} == {Fit.WEAK}


def test_every_fit_has_its_row() -> None:
    section = TEXT.split("\n## When it is the wrong tool\n")[1].split("\n## ")[0]
    assert re.findall(r"^\| \*(.+)\* \|", section, re.MULTILINE) == list(Fit)


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
