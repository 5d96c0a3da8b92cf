"""docs/theory.md is as its command would write it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from simrt.scenario.metric_names import VALIDATION_QUANTITIES
from simrt.validation import MOST_Z, SHIPPED, read_cases
from tests.docs import theory
from tests.docs.generated import between

TEXT = theory.PAGE.read_text("utf-8")
AGAIN = "the page is old: run make theory"


def test_the_figures_are_those_of_this_code() -> None:
    """The digest of the code is cheap; where it differs, what matters is the behaviour."""
    code, behaviour = re.findall(r"[0-9a-f]{24}", between(TEXT, "stamp"))
    if code != theory.digest():
        assert behaviour == theory.fingerprint(), AGAIN


def test_comments_and_docstrings_do_not_make_the_page_old() -> None:
    plain = theory.bare("def f(x):\n    return x + 1\n")
    assert plain == theory.bare('"""M."""\ndef f(x):\n    """Doc."""\n    # why\n    return x+1\n')
    assert plain != theory.bare("def f(x):\n    return x + 2\n")


def test_another_behaviour_makes_it_old(monkeypatch: pytest.MonkeyPatch) -> None:
    from simrt.engine.channel_state import ChannelState

    kept = theory.fingerprint()
    assert kept == theory.fingerprint()
    start = ChannelState.replay_start
    monkeypatch.setattr(
        ChannelState, "replay_start", lambda self, replay, now: max(1, start(self, replay, now) - 1)
    )
    assert theory.fingerprint() != kept


def test_every_case_is_listed_and_agrees() -> None:
    rows = re.findall(
        r"^\| `([\w-]+)` \|.*\| ([+-][\d.]+) \|$", between(TEXT, "cases"), re.MULTILINE
    )
    assert [name for name, _ in rows] == [case.id for case in read_cases(SHIPPED)]
    assert all(abs(float(z)) < MOST_Z for _, z in rows)


def test_every_formula_is_listed() -> None:
    assert between(TEXT, "formulas") == theory.table_of_formulas(), AGAIN


def test_every_quantity_is_explained() -> None:
    section = TEXT.split("| quantity | metric |")[1].split("\n\n")[0]
    found = {
        quantity: metric
        for quantities, metric in re.findall(r"^\| (`.*`) \| `(\w+)` \|$", section, re.MULTILINE)
        for quantity in re.findall(r"`(\w+)`", quantities)
    }
    assert found == VALIDATION_QUANTITIES


@pytest.mark.parametrize("name", theory.FIGURES)
def test_each_figure_is_there_and_shown(name: str) -> None:
    path: Path = theory.PAGE.parent / f"theory-{name}.svg"
    assert path.read_text("utf-8").startswith("<?xml")
    assert f"]({path.name})" in TEXT
