"""docs/properties.md lists every property, promise and state: `make states` writes it anew."""

from __future__ import annotations

import re

from simrt.checkers import STATES
from tests.docs.generated import between
from tests.docs.rules import ROOT
from tests.properties.document import (
    DOCUMENT,
    FILES,
    sentence_of,
    stated,
    table_of_promises,
    table_of_properties,
)

TEXT = DOCUMENT.read_text("utf-8")
AGAIN = "run make states"


def test_the_tables_are_those_of_the_tests_and_checkers() -> None:
    assert between(TEXT, "properties") == table_of_properties(), AGAIN
    assert between(TEXT, "promises") == table_of_promises(), AGAIN


def test_every_state_is_listed_and_was_reached() -> None:
    listed = stated(TEXT)
    assert [(state, meaning) for state, meaning, _ in listed] == list(STATES.items()), AGAIN
    assert [state for state, _, times in listed if not times] == []


def test_no_file_of_properties_is_forgotten() -> None:
    here = {
        f"tests/properties/{path.name}" for path in (ROOT / "tests/properties").glob("test_*.py")
    }
    assert here - set(FILES) == {"tests/properties/test_document.py"}


def test_a_name_is_a_sentence() -> None:
    assert sentence_of("test_both_policies_lose") == "Both policies lose"
    assert re.search(r"^\| Both policies lose at the same instants \|", TEXT, re.MULTILINE)
