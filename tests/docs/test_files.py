"""The lists of files and rooms in README.md and docs/architecture.md are those of the tree."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import simrt
from simrt.cli import app
from simrt.scenario.model import Fault
from tests.docs.blocks import blocks_of
from tests.docs.files import ARCHITECTURE, ROOMS, files, named_files, table_of_imports
from tests.docs.files import table_of_libraries as libraries
from tests.docs.generated import between
from tests.docs.rules import ROOT

TEXT = ARCHITECTURE.read_text("utf-8")
README = (ROOT / "README.md").read_text("utf-8")
AGAIN = "run python -m tests.docs.files"


def test_every_file_has_its_line() -> None:
    assert named_files(TEXT) == files(), AGAIN


def test_a_file_without_a_line_is_noticed() -> None:
    cut = TEXT.replace("- `engine/hub.py`", "- engine/hub.py")
    assert set(named_files(TEXT)) - set(named_files(cut)) == {"engine/hub.py"}


def test_the_tables_of_imports_are_those_that_are_enforced() -> None:
    assert between(TEXT, "imports") == table_of_imports(), AGAIN
    assert between(TEXT, "libraries") == libraries(), AGAIN


def test_the_readme_names_every_room() -> None:
    section = README.split("\n## How it is built\n")[1].split("\n## ")[0]
    named = re.findall(r"^\| `simrt/([\w.]+)/?`", section, re.MULTILINE)
    rooms = {name.split("/")[0] for name in files()}
    assert set(named) == rooms
    assert len(named) == len(rooms)
    assert set(ROOMS) >= rooms, f"give {rooms - set(ROOMS)} a place in tests/docs/files.py"


def test_the_tests_readme_names_every_folder() -> None:
    text = (ROOT / "tests" / "README.md").read_text("utf-8")
    named = re.findall(r"^\| `(\w+)/`", text, re.MULTILINE)
    folders = {path.parent.name for path in (ROOT / "tests").glob("*/__init__.py")}
    assert sorted(named) == sorted(folders)


def test_the_readme_says_of_every_fault_where_it_can_be_injected() -> None:
    section = README.split("\n## What it does not do yet\n")[1].split("\n## ")[0]
    rows = dict(re.findall(r"^\| `([\w-]+)` \|(.*)\|$", section, re.MULTILINE))
    assert set(rows) == set(Fault.choices())
    assert all(cell.strip().startswith("yes") for row in rows.values() for cell in row.split("|"))


def test_the_readme_names_every_command() -> None:
    section = README.split("\n## Commands\n")[1].split("\n## ")[0]
    named = re.findall(r"^\| `simrt (\w+)` \|", section, re.MULTILINE)
    known = [command.callback.__name__ for command in app.registered_commands if command.callback]
    assert sorted(named) == sorted(known)


def test_the_readme_names_every_public_name() -> None:
    section = README.split("\n## From Python\n")[1].split("\n## ")[0]
    missing = [name for name in simrt.__all__ if f"simrt.{name}" not in section]
    assert [name for name in missing if name[0].islower() or name.endswith("Error")] == []


def test_public_functions_stay_functions_whatever_is_imported() -> None:
    """The function `simrt.scenario` and the room of that name are one callable thing."""
    for name in simrt.__all__:
        assert callable(getattr(simrt, name)), name
    with pytest.raises(simrt.ScenarioError, match="title: missing"):
        simrt.scenario({})


def test_the_readme_walks_the_scenario_that_ships(tmp_path: Path) -> None:
    shipped = simrt.load(ROOT / "scenarios" / "patterns" / "live-admin-notifications.yml")
    shown = next(b for b in blocks_of(ROOT / "README.md") if b.language == "yaml")
    file = tmp_path / "shown.yml"
    file.write_text(shown.text, "utf-8")
    assert simrt.load(file).normalised() == shipped.normalised()
