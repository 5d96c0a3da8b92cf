"""Who may import whom: the rooms of `docs/architecture.md`, checked on the source itself."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1] / "simrt"

# room -> the rooms of simrt that it may import. A file at the top is a room of its own.
ALLOWED = {
    "engine": set(),
    "sse": set(),
    "errors": set(),
    "text": set(),
    "inputs": set(),
    "clock": {"network"},
    "collector": set(),
    "network": set(),
    "scheduler": set(),
    "course": {"network", "scenario"},
    "theory": set(),
    "scenario": {"engine", "errors", "inputs", "text"},
    "history": {"errors", "inputs", "scenario"},
    "record": {"engine", "history"},
    "metrics": {"errors", "history", "scenario", "text"},
    "checkers": {"errors", "history", "metrics", "scenario", "text"},
    "agreement": {"checkers", "errors", "history", "metrics", "network", "scenario", "text"},
    "client": {"clock", "errors", "history", "network", "scenario", "sse"},
    "server": {
        "clock", "engine", "errors", "history", "inputs", "network", "record", "scenario", "sse",
    },
    "targets": {
        "client", "clock", "collector", "course", "engine", "errors", "history", "network",
        "record", "scenario", "scheduler", "server", "sse", "text",
    },
    "fit": {"checkers", "scenario"},
    "results": {"checkers", "errors", "fit", "history", "metrics", "scenario", "report", "text"},
    "report": {
        "agreement", "checkers", "clock", "errors", "fit", "history", "metrics", "results",
        "scenario", "text",
    },
    "testing": {"report", "scenario"},
    "antipatterns": {"checkers", "scenario", "text"},
    "probe": {"scenario"},
    "quick": {"scenario", "text"},
    "forecast": {"clock", "history", "runs", "scenario", "targets", "text", "workers"},
    "workers": {"errors"},
    "limit": set(),
    "loops": set(),
    "checklist": {"checkers", "metrics", "results", "scenario"},
    "summary": {"checkers", "fit", "metrics", "results", "scenario", "text"},
    "runs": {
        "checkers", "checklist", "collector", "errors", "history", "loops", "metrics", "network",
        "results", "scenario", "targets",
    },
    "checks": {
        "antipatterns", "checkers", "checklist", "clock", "errors", "fit", "forecast", "history",
        "limit", "metrics", "probe", "quick", "report", "results", "runs", "scenario", "summary",
        "text", "workers",
    },
    "comparisons": {
        "agreement", "errors", "history", "metrics", "results", "runs", "scenario", "workers",
    },
    "validation": {
        "clock", "errors", "history", "inputs", "metrics", "scenario", "targets", "theory",
        "workers",
    },
    "watch": {
        "checkers", "client", "clock", "errors", "history", "metrics", "report", "scenario",
        "server", "sse",
        "targets",
    },
    "shipped": {"errors", "scenario"},
    "terminal": {"checks", "clock", "text"},
    "endings": {"errors", "limit", "results", "terminal"},
    "cli": {
        "checks", "comparisons", "endings", "errors", "limit", "report", "results", "runs",
        "scenario", "shipped", "terminal", "validation", "watch",
    },
    "__main__": {"cli"},
    "__init__": {
        "agreement", "checks", "comparisons", "errors", "history", "results", "runs", "scenario",
    },
}  # fmt: skip

# library -> the only places that may import it.
ONLY_IN = {
    "simpy": ("targets/sim",),
    "matplotlib": ("report",),
    "pandas": ("agreement", "report", "history.py", "metrics", "results.py"),
    "scipy": ("agreement", "metrics", "checkers", "theory"),
    "asyncio": (
        "clock.py",
        "loops.py",
        "server",
        "client",
        "targets/server",
        "targets/harness",
        "targets/app",
        "watch",
    ),
    "time": ("clock.py",),
    "typer": ("cli.py", "endings.py"),
    "ruamel": ("scenario", "report/source.py"),
    "jinja2": ("report",),
    "jwt": ("server", "targets/harness", "watch"),
    "uvicorn": ("server",),
    "prometheus_client": ("server",),
}

FILES = sorted(ROOT.rglob("*.py"))


def imports(path):
    """Every module that a file imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: import absolutely"
            yield node.module
            if node.module == "simrt":
                yield from (f"simrt.{alias.name}" for alias in node.names)


def room_of(path):
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def test_every_room_is_in_the_table():
    assert {room_of(path) for path in FILES} <= set(ALLOWED)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_file_imports_only_what_its_room_may(path):
    room = room_of(path)
    reached = {name.split(".")[1] for name in imports(path) if name.startswith("simrt.")}
    assert reached - ALLOWED[room] - {room} == set()


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_library_stays_in_its_place(path):
    inside = path.relative_to(ROOT).as_posix()
    for name in imports(path):
        places = ONLY_IN.get(name.split(".")[0])
        assert places is None or inside.startswith(places), f"{name} may stand only in {places}"


def test_checkers_take_only_names_from_the_engine():
    """A checker that used the engine's behaviour would not see the engine's errors."""
    for path in (ROOT / "checkers").rglob("*.py"):
        assert not [name for name in imports(path) if name.startswith("simrt.engine")]


def test_the_engine_and_the_codec_use_the_standard_library_alone():
    import sys

    for room in ("engine", "sse"):
        for path in (ROOT / room).rglob("*.py"):
            for name in imports(path):
                top = name.split(".")[0]
                assert top in sys.stdlib_module_names or name.startswith(f"simrt.{room}")
