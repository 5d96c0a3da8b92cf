"""docs/scenarios.md: a table row and an example for every key that a file may have."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from ruamel.yaml import YAML

from simrt.antipatterns import ANTIPATTERNS
from simrt.scenario.laws import Phase
from simrt.scenario.model import Fault
from tests.docs.blocks import blocks_of
from tests.docs.generated import between
from tests.docs.keys import PARTS, SCENARIOS, SECTIONS, keys_of, parts_in_model, table_of_keys

TEXT = SCENARIOS.read_text("utf-8")
AGAIN = "run python -m tests.docs.keys"


@pytest.mark.parametrize("name", PARTS)
def test_the_tables_are_those_of_the_model(name: str) -> None:
    assert between(TEXT, name) == PARTS[name](), AGAIN


def test_every_part_of_the_model_has_a_section() -> None:
    assert set(SECTIONS) == parts_in_model()
    headings = re.findall(r"^##+ (.+)$", TEXT, re.MULTILINE)
    assert set(SECTIONS.values()) <= set(headings)
    for name, heading in SECTIONS.items():
        assert f"<!-- keys of {name}: begin -->" in _section(heading)


@pytest.mark.parametrize("name", SECTIONS)
def test_every_key_has_an_example_in_its_section(name: str) -> None:
    places = [block for block in blocks_of(SCENARIOS) if block.language == "yaml"]
    shown = {
        key
        for block in places
        if block.text in _section(SECTIONS[name])
        for key in _keys(YAML(typ="safe").load(block.text))
    }
    assert set(keys_of(name)) - shown == set()


def _section(heading: str) -> str:
    begin = re.search(rf"^##+ {re.escape(heading)}$", TEXT, re.MULTILINE)
    assert begin is not None, heading
    return re.split(r"^##+ ", TEXT[begin.end() :], maxsplit=1, flags=re.MULTILINE)[0]


def _keys(data: Any) -> Iterator[str]:
    if isinstance(data, dict):
        for key, value in data.items():
            yield key
            yield from _keys(value)
    elif isinstance(data, list):
        for value in data:
            yield from _keys(value)


def test_every_kind_of_value_has_words() -> None:
    """What the model says in a way that no reader would write is translated."""
    for name in SECTIONS:
        table = table_of_keys(name)
        assert "[0-9]" not in table
        assert "None" not in table
        assert all(line.count(" | ") == 3 for line in table.splitlines()[2:]), table


def test_the_tables_say_what_is_allowed() -> None:
    assert "| `p` | a number, above 0, at most 1 | **must be written** |" in table_of_keys(
        Phase.__name__
    )
    faults = table_of_keys(Fault.__name__)
    assert all(f"| `{kind}` |" in faults for kind in Fault.choices())
    assert "| `bufferSize` | a whole number, 1 or more | `64` |" in table_of_keys("Options")
    assert "`drop-oldest`, `drop-newest`" in table_of_keys("Options")


def test_the_codes_are_those_that_can_fail() -> None:
    codes = set(re.findall(r"^\| `([\w-]+)` \|", between(TEXT, "codes"), re.MULTILINE))
    assert {rule.code for rule in ANTIPATTERNS} < codes
    assert {"settings", "stale", "site", "loss", "restart"} < codes
