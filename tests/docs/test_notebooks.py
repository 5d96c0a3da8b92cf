"""The notebooks: prose with few lines of code, executed, and what they show is not old."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import nbformat
import pytest

import simrt
from tests.docs.notebooks import SOURCES, code_of, executed, read_source, said, stored
from tests.docs.rules import ROOT

AGAIN = "run python -m tests.docs.notebooks"
MOST_BYTES = 1_000_000
MOST_LINES = 5
_PATHS = ("/work", "/tmp", "/home", "/root", "site-packages", "Traceback")

notebooks = pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)


def test_there_are_notebooks() -> None:
    assert [source.stem for source in SOURCES] == ["01-first-run", "02-which-end-to-drop"]


@notebooks
def test_the_stored_notebook_is_that_of_its_source(source: Path) -> None:
    wanted, found = read_source(source), stored(source)
    assert [(c.id, c.cell_type, c.source) for c in found.cells] == [
        (c.id, c.cell_type, c.source) for c in wanted.cells
    ], AGAIN
    assert found.metadata == wanted.metadata, AGAIN


@notebooks
def test_it_was_executed_in_order_and_without_trouble(source: Path) -> None:
    cells = [cell for cell in stored(source).cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1)), AGAIN
    outputs = [output for cell in cells for output in cell.outputs]
    assert {output.output_type for output in outputs} <= {"stream", "execute_result"}
    assert all(output.get("name") != "stderr" for output in outputs)
    assert any("image/svg+xml" in output.get("data", {}) for output in outputs)


@notebooks
def test_it_is_small_and_names_nothing_of_this_machine(source: Path) -> None:
    file = source.with_suffix(".ipynb")
    assert file.stat().st_size < MOST_BYTES
    text = file.read_text("utf-8")
    assert [path for path in (*_PATHS, str(ROOT)) if path in text] == []


@notebooks
def test_prose_comes_first(source: Path) -> None:
    cells = read_source(source).cells
    assert cells[0].cell_type == "markdown"
    prose = " ".join(cell.source for cell in cells if cell.cell_type == "markdown")
    assert len(prose.split()) > 3 * len(" ".join(code_of(read_source(source))).split())


@notebooks
def test_code_is_short_and_without_logic(source: Path) -> None:
    for code in code_of(read_source(source)):
        assert len(code.splitlines()) <= MOST_LINES, code
        for node in ast.walk(ast.parse(code)):
            assert not isinstance(node, LOGIC), code


LOGIC = (
    ast.If, ast.For, ast.While, ast.FunctionDef, ast.ClassDef, ast.Lambda, ast.ListComp,
    ast.DictComp, ast.SetComp, ast.GeneratorExp, ast.IfExp, ast.Try, ast.With, ast.BinOp,
)  # fmt: skip


@notebooks
def test_only_public_names_are_used(source: Path) -> None:
    for node in ast.walk(ast.parse("\n".join(code_of(read_source(source))))):
        assert not isinstance(node, ast.ImportFrom), "import simrt, and take names from it"
        if isinstance(node, ast.Import):
            assert [alias.name for alias in node.names] == ["simrt"]
        elif isinstance(node, ast.Attribute):
            assert not node.attr.startswith("_") or node.attr == "with_"
            if isinstance(node.value, ast.Name) and node.value.id == "simrt":
                assert node.attr in simrt.__all__


@notebooks
def test_links_lead_somewhere(source: Path) -> None:
    for where in re.findall(r"\]\(([^)]+)\)", source.read_text("utf-8")):
        assert (source.parent / where).exists(), where


@pytest.mark.real
@notebooks
def test_what_it_shows_is_what_it_would_show_now(source: Path) -> None:
    """In a kernel, which listens on sockets. Figures are compared by what they say."""
    assert said(executed(source)) == said(stored(source)), AGAIN


def test_other_numbers_are_noticed() -> None:
    text = SOURCES[0].with_suffix(".ipynb").read_text("utf-8")
    other = text.replace("18\u00a0%", "19\u00a0%")
    assert other != text
    assert said(nbformat.reads(text, as_version=4)) != said(nbformat.reads(other, as_version=4))
