"""The notebooks: sources as text, and beside them the same executed, with their output.

    python -m tests.docs.notebooks

executes each source in notebooks/ and writes what it shows. What tells one execution from the next
(times, versions, names of cells) is left out: the same simrt gives the same file.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree as ET

import jupytext
import nbformat
from nbclient import NotebookClient

from tests.docs.rules import ROOT

FOLDER = ROOT / "notebooks"
SOURCES = sorted(FOLDER.glob("*.md"))
_TIME_LIMIT_S = 120


def read_source(source: Path) -> nbformat.NotebookNode:
    """The notebook that a source describes, without output."""
    notebook = jupytext.read(source)
    for number, cell in enumerate(notebook.cells, 1):
        cell.id = f"cell-{number}"
        cell.metadata = {}
    notebook.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    return notebook


def executed(source: Path) -> nbformat.NotebookNode:
    """The same with its output, run in a fresh kernel in the notebooks' folder."""
    notebook = read_source(source)
    NotebookClient(
        notebook,
        timeout=_TIME_LIMIT_S,
        kernel_name="python3",
        record_timing=False,
        resources={"metadata": {"path": str(FOLDER)}},
    ).execute()
    notebook.metadata = read_source(source).metadata
    return notebook


def stored(source: Path) -> nbformat.NotebookNode:
    """The notebook as it lies beside its source."""
    return nbformat.read(source.with_suffix(".ipynb"), as_version=4)


def code_of(notebook: nbformat.NotebookNode) -> list[str]:
    """The code cells, in order."""
    return [cell.source for cell in notebook.cells if cell.cell_type == "code"]


def said(notebook: nbformat.NotebookNode) -> list[str]:
    """What the outputs say, one text an output: words and numbers, not how they are drawn.

    Of an HTML output that is its text, with the text alternatives of its figures.
    """
    return [text for cell in notebook.cells for text in _said(cell.get("outputs", []))]


def _said(outputs: list[nbformat.NotebookNode]) -> Iterator[str]:
    for output in outputs:
        if output.output_type == "stream":
            yield output.text
        else:
            data = output.data
            html = re.sub(r"<[^>]*>", " ", data.get("text/html", ""))
            yield " ".join(f"{data['text/plain']} {html}".split())
            if "image/svg+xml" in data:
                yield " ".join("".join(ET.fromstring(data["image/svg+xml"]).itertext()).split())


def main() -> None:
    """Execute and write all of them."""
    for source in SOURCES:
        nbformat.write(executed(source), source.with_suffix(".ipynb"))


if __name__ == "__main__":
    main()
