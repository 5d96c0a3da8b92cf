"""The lists of docs/architecture.md: files with what each is, who may import whom.

    python -m tests.docs.files

writes them anew: what a file is stands in its own first lines, who may import whom in
tests/test_architecture.py.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

from tests.docs.generated import between, replaced
from tests.docs.rules import ROOT
from tests.test_architecture import ALLOWED, ONLY_IN

ARCHITECTURE = ROOT / "docs" / "architecture.md"

# In the order in which data passes through them; then what all of them use.
ROOMS = (
    "engine", "sse", "scenario", "course", "scheduler.py", "targets", "server", "client",
    "history.py", "checkers", "metrics",
    "theory", "validation", "agreement", "testing", "results.py", "runs.py", "workers.py",
    "loops.py", "collector.py", "limit.py", "quick.py", "forecast.py",
    "probe.py", "antipatterns.py", "checklist.py", "fit.py", "summary.py", "checks.py",
    "comparisons.py",
    "report", "watch", "shipped.py", "cli.py",
    "endings.py", "terminal.py", "__main__.py", "__init__.py",
    "record.py", "network.py", "clock.py", "inputs.py", "errors.py", "text.py", "py.typed",
)  # fmt: skip

# What cannot say itself what it is.
_SAID = {
    "report/templates/against.html.j2": "The page of two checks side by side.",
    "report/templates/index.html.j2": "The page of the index.",
    "report/templates/parts.html.j2": "Parts that pages share: badges, tables, figures.",
    "report/templates/report.html.j2": "The page of a check, section by section.",
    "report/templates/run.html.j2": "A run in a notebook.",
    "py.typed": "For type checkers: the package has its types.",
    "validation/closed_forms.json": "Cases whose answer is known without simulation.",
    "report/templates/style.css": "How pages look: light, dark and on paper.",
    "watch/page/ask.js": "Asking the server, with the session's key.",
    "watch/page/build.js": "Building the document from elements and text nodes.",
    "watch/page/card.js": "One client's card.",
    "watch/page/index.html": "The page that `simrt serve` shows.",
    "watch/page/marks.js": "The marks of outcomes, the legend, and the strip of a client's events.",
    "watch/page/page.css": "How that page looks: light, dark, on a telephone.",
    "watch/page/page.js": "What that page does.",
}
_PART = re.compile(r"\s*\((?:item \d|[A-Z]{3}-\d[^)]*)\)")


def files() -> list[str]:
    """Every file of the package, as `engine/hub.py`, rooms in their order."""
    package = ROOT / "simrt"
    found = [
        path.relative_to(package).as_posix()
        for path in sorted(package.rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts
    ]
    return sorted(found, key=lambda name: (_place(name.split("/")[0]), name))


def _place(room: str) -> int:
    """A room that is not listed here comes last."""
    return ROOMS.index(room) if room in ROOMS else len(ROOMS)


def first_words(path: Path) -> str:
    """What a Python file says of itself, up to the first sentence's end."""
    assert path.suffix == ".py", f"say in tests/docs/files.py what {path} is"
    said = (ast.get_docstring(ast.parse(path.read_text("utf-8"))) or "").split("\n\n")[0]
    assert said, f"{path} does not say what it is"
    return _PART.sub("", " ".join(said.split()))


def list_of_files() -> str:
    """All files with what they are, as a list for each room."""
    lines = []
    room = ""
    for name in files():
        said = _SAID.get(name) or first_words(ROOT / "simrt" / name)
        if name.split("/")[0] != room and "/" in name:
            room = name.split("/")[0]
            intro = first_words(ROOT / "simrt" / room / "__init__.py")
            lines.append(f"\n**`simrt/{room}/`**: {intro}\n\n")
        elif "/" not in name and "/" in (lines[-1] if lines else "/"):
            lines.append("\n")
        if not (name.endswith("/__init__.py") and name.count("/") == 1):
            lines.append(f"- `{name}`: {said}\n")
        else:
            lines.append(f"- `{name}`: the room's public names\n")
    return "".join(lines).lstrip("\n")


def named_files(document: str) -> list[str]:
    """The files that the document lists."""
    return re.findall(r"^- `([^`]+)`", between(document, "files"), re.MULTILINE)


def table_of_imports() -> str:
    """Who may import whom."""
    rows = [
        f"| `{room}` | {', '.join(f'`{name}`' for name in sorted(allowed)) or 'nothing'} |\n"
        for room, allowed in ALLOWED.items()
    ]
    return "| room | may import, of simrt |\n|---|---|\n" + "".join(rows)


def table_of_libraries() -> str:
    """Which library may be imported where."""
    rows = [
        f"| {library} | {', '.join(f'`{place}`' for place in places if _exists(place))} |\n"
        for library, places in ONLY_IN.items()
    ]
    return "| library | only in |\n|---|---|\n" + "".join(rows)


def _exists(place: str) -> bool:
    return (ROOT / "simrt" / place).exists()


PARTS = {
    "files": list_of_files,
    "imports": table_of_imports,
    "libraries": table_of_libraries,
}


def main() -> None:
    """Write the lists into the document."""
    text = ARCHITECTURE.read_text("utf-8")
    for name, part in PARTS.items():
        text = replaced(text, name, part())
    ARCHITECTURE.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
