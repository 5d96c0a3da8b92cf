"""What a verdict on mutants is true for: digests of the engine and of its tests.

Comments and docstrings do not count: they change no mutant, and no test.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).parents[2]
ENGINE = ROOT / "simrt" / "engine"
TESTS = ROOT / "tests" / "engine"


def digest_of(parts: Iterable[str]) -> str:
    """A short name for some texts, in their order."""
    found = hashlib.blake2b(digest_size=6)
    for part in parts:
        found.update(part.encode() + b"\0")
    return found.hexdigest()


def statements_of(source: str) -> list[str]:
    """The statements of a module, without comments, docstrings and line breaks."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
            and ast.get_docstring(node, clean=False) is not None
        ):
            node.body = node.body[1:] or [ast.Pass()]
    return [ast.dump(statement) for statement in tree.body]


def engine_digests(folder: Path = ENGINE) -> dict[str, str]:
    """Of each file of the engine, by its name, what its verdicts are true for."""
    return {
        path.name: digest_of(statements_of(path.read_text("utf-8")))
        for path in sorted(folder.glob("*.py"))
    }


def statements_of_tests(folder: Path = TESTS) -> dict[str, list[str]]:
    """Of each file of the engine's tests, the digests of its statements, in their order."""
    return {
        path.name: [digest_of([one]) for one in statements_of(path.read_text("utf-8"))]
        for path in sorted(folder.glob("*.py"))
    }


def digest_of_tests(statements: dict[str, list[str]]) -> str:
    """What all verdicts are true for: the tests that gave them."""
    return digest_of(f"{name} {' '.join(found)}" for name, found in sorted(statements.items()))


def only_added(before: dict[str, list[str]], after: dict[str, list[str]]) -> bool:
    """Whether every statement of the tests is still there, so that what they killed stays dead."""
    return all(set(found) <= set(after.get(name, ())) for name, found in before.items())


def functions_of(source: str) -> dict[str, str]:
    """The text of each function of a module and of each method, as `DropNewest.fill`."""
    lines = source.splitlines()
    found: dict[str, str] = {}

    def keep(node: ast.stmt, prefix: str = "") -> None:
        if isinstance(node, ast.FunctionDef):
            found[prefix + node.name] = "\n".join(lines[node.lineno - 1 : node.end_lineno])

    for node in ast.parse(source).body:
        keep(node)
        if isinstance(node, ast.ClassDef):
            for part in node.body:
                keep(part, f"{node.name}.")
    return found
