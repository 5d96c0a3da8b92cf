"""docs/model-and-reality.md is as its command would write it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.docs import reality
from tests.docs.generated import between

TEXT = reality.PAGE.read_text("utf-8")
AGAIN = "the page is old: run make reality"


def test_the_page_is_that_of_this_code() -> None:
    """The digest of the code is cheap; where it differs, what matters is the behaviour."""
    code, behaviour = re.findall(r"[0-9a-f]{24}", between(TEXT, "stamp"))
    if code != reality.digest():
        assert behaviour == reality.fingerprint(), AGAIN


def test_every_shipped_scenario_is_listed_and_equal() -> None:
    rows = re.findall(r"^\| `([\w-]+)` \|.*\| (\S+) \|$", between(TEXT, "equality"), re.MULTILINE)
    paths = reality.shipped("patterns", "questions", "antipatterns")
    assert [name for name, _ in rows] == [path.stem for path in paths], AGAIN
    assert {said for _, said in rows} == {"equal"}


def test_every_pattern_and_question_is_shown_or_named() -> None:
    part = between(TEXT, "freedom")
    rows = re.findall(r"^\| `([\w-]+)` \|", part, re.MULTILINE)
    not_run = re.findall(r"`([\w-]+)`", "".join(re.findall(r"^Not run: .*$", part, re.MULTILINE)))
    names = [path.stem for path in reality.shipped("patterns", "questions")]
    assert sorted(rows + not_run) == sorted(names), AGAIN
    assert len(not_run) <= 2


def test_each_planted_difference_was_noticed() -> None:
    rows = re.findall(r"^\| ([^|]+) \| ([^|]+) \|$", between(TEXT, "power"), re.MULTILINE)[1:]
    assert len(rows) >= 8
    assert all("**none**" not in told for _, told in rows)


@pytest.mark.parametrize("name", reality.FIGURES)
def test_each_figure_is_there_shown_and_small(name: str) -> None:
    path: Path = reality.PAGE.parent / f"reality-{name}.svg"
    assert path.read_text("utf-8").startswith("<?xml")
    assert path.stat().st_size < 150_000
    assert f"]({path.name})" in TEXT
