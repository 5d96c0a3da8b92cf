"""What a document points to is there: links, headings, files, make targets, commands."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.docs.blocks import DOCUMENTS, prose_of
from tests.docs.rules import ROOT

_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
# A path of the repository between backticks; patterns such as `reports/NAME/` are no paths.
_PATH = re.compile(r"`((?:simrt|tests|docs|scenarios|benchmarks|scripts)/[\w./-]*)`")
_MAKE = re.compile(r"`make ([a-z-]+)`")
_COMMAND = re.compile(r"`simrt ([a-z]+)\b")
_MOST_BYTES = 300_000


def anchors_of(path: Path) -> set[str]:
    """The names by which headings of a document are linked."""
    headings = _HEADING.findall(prose_of(path))
    plain = [re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings]
    return {heading.replace(" ", "-") for heading in plain}


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.stem)
def test_links_lead_somewhere(path: Path) -> None:
    for link in _LINK.findall(prose_of(path)):
        where, _, anchor = link.partition("#")
        assert "://" not in where, f"{link}: what a reader needs stands in this repository"
        target = (path.parent / where).resolve() if where else path
        assert target.exists(), link
        assert target.is_relative_to(ROOT), link
        if anchor:
            assert anchor in anchors_of(target), link


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.stem)
def test_named_files_exist(path: Path) -> None:
    for name in _PATH.findall(prose_of(path)):
        assert (ROOT / name).exists(), name


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.stem)
def test_named_make_targets_exist(path: Path) -> None:
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
    assert set(_MAKE.findall(path.read_text("utf-8"))) <= set(targets)


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.stem)
def test_named_commands_exist(path: Path) -> None:
    from simrt.cli import app

    known = {command.callback.__name__ for command in app.registered_commands if command.callback}
    assert set(_COMMAND.findall(path.read_text("utf-8"))) <= known


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.stem)
def test_nothing_outside_the_project_is_needed(path: Path) -> None:
    text = path.read_text("utf-8").replace("http://127.0.0.1", "")  # this machine itself
    for outside in ("../shared", "/work/", "/tmp/", "/home/", "http://", "https://"):
        assert outside not in text


def test_figures_are_small_and_complete() -> None:
    figures = [path for path in (ROOT / "docs").iterdir() if path.suffix in (".svg", ".png")]
    assert figures
    readers = "".join(path.read_text("utf-8") for path in DOCUMENTS)
    for figure in figures:
        assert figure.stat().st_size < _MOST_BYTES, figure
        shown = (f"({figure.name})", f"({figure.relative_to(ROOT).as_posix()})")
        assert any(link in readers for link in shown), f"{figure.name} is not shown"
        text = figure.read_text("utf-8")
        assert text.startswith(("<svg ", "<?xml "))
        assert 'xmlns="http://www.w3.org/2000/svg"' in text
        assert text.rstrip().endswith("</svg>")
        assert "<script" not in text
