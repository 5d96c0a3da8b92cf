"""docs/security.md: its limits are those of the code, its promises name tests that are there."""

from __future__ import annotations

import re
import shutil

from tests.docs.generated import between
from tests.docs.rules import ROOT
from tests.server import fuzz
from tests.server.security import DOCUMENT, TESTS, is_there, limits, named_tests, table_of_limits

TEXT = DOCUMENT.read_text("utf-8")


def test_the_limits_are_those_of_the_code() -> None:
    assert between(TEXT, "limits") == table_of_limits(), "run python -m tests.server.security"
    assert set(TESTS) == {key for key, _, _ in limits()}


def test_the_counts_of_the_long_attack_are_those_of_this_code() -> None:
    assert f"True for code `{fuzz.digest()}`." in between(TEXT, "fuzz"), "run make fuzz"


def test_another_line_of_code_makes_the_counts_old(tmp_path, monkeypatch) -> None:
    for source in ("simrt/server", "simrt/sse", "tests/server"):
        shutil.copytree(ROOT / source, tmp_path / source)
    monkeypatch.setattr(fuzz, "ROOT", tmp_path)
    kept = fuzz.digest()
    file = tmp_path / "simrt" / "server" / "protocol.py"
    code = file.read_text("utf-8")
    file.write_text(f"# a comment\n{code}", "utf-8")
    assert fuzz.digest() == kept
    file.write_text(code.replace("_LINE_BYTES = ", "_LINE_BYTES = 1 + "), "utf-8")
    assert fuzz.digest() != kept


def test_every_promise_names_tests_and_all_of_them_are_there() -> None:
    section = TEXT.split("\n## Promises\n")[1].split("\n## ")[0]
    rows = re.findall(r"^\| (?!promise|---)(.*) \| (.*) \|$", section, re.MULTILINE)
    assert len(rows) > 15
    assert [promise for promise, tests in rows if not named_tests(tests)] == []
    assert [test for test in named_tests(TEXT) if not is_there(test)] == []


def test_a_test_that_is_not_there_is_noticed() -> None:
    assert named_tests("`tests/server/test_x.py::test_y`, `tests/a.py`") == [
        "tests/server/test_x.py::test_y"
    ]
    assert not is_there("tests/server/test_x.py::test_y")
    assert not is_there("tests/server/test_limits.py::test_y")
    assert is_there("tests/server/test_limits.py::test_bodies")
