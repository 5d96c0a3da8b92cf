"""Planted errors: what they are, and a copy of the source that has one.

An error is an entry of a file in `errors/`: the file that it changes, the old text and the new one,
what that means, and the check that must catch it. Nothing in the product knows of this.
"""

from __future__ import annotations

import ast
import hashlib
import shutil
import tomllib
from dataclasses import dataclass, fields
from pathlib import Path

ROOT = Path(__file__).parents[2]
ERRORS = Path(__file__).with_name("errors")

# In every Python process that has the copy on its PYTHONPATH, `simrt` is the copy, whatever else
# the process would find; and the process leaves its number behind.
_SITE = """\
import os, sys
from importlib.abc import MetaPathFinder
from importlib.util import spec_from_file_location

HERE = os.path.dirname(os.path.abspath(__file__))


class Copy(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name != "simrt":
            return None
        with open(os.path.join(HERE, "imported"), "a") as file:
            file.write(f"{os.getpid()}\\n")
        place = os.path.join(HERE, "simrt")
        init = os.path.join(place, "__init__.py")
        return spec_from_file_location(name, init, submodule_search_locations=[place])


sys.meta_path.insert(0, Copy())
"""


class PlantingError(Exception):
    """A patch that cannot be applied, or an entry that says nothing."""


@dataclass(frozen=True, slots=True)
class Planted:
    """One error.

    Attributes:
        name: such as `expiry-off-by-one`.
        room: where it is planted: the name of its file in `errors/`.
        file: the source that it changes, from the root of the repository.
        old: the text that is replaced; it stands there exactly once.
        new: what is put in its place.
        means: what goes wrong by it, in a sentence.
        check: what must catch it: a kind of `asking.KINDS` and its words.
        by: that check in the product's words, such as ``checker `expiry` (TTL-2)``.
    """

    name: str
    room: str
    file: str
    old: str
    new: str
    means: str
    check: str
    by: str

    def applied(self, source: str) -> str:
        """The source with the error in it.

        Raises:
            PlantingError: where the old text does not stand there exactly once.
        """
        found = source.count(self.old)
        if found != 1 or self.old == self.new:
            raise PlantingError(
                f"{self.name}: its old text stands {found} times in {self.file}, not once; "
                f"mend the entry in tests/planted/errors/{self.room}.toml"
            )
        return source.replace(self.old, self.new)

    def digest(self) -> str:
        """What a result is true for: this entry, and the function that it changes."""
        source = (ROOT / self.file).read_text("utf-8")
        self.applied(source)
        before = source[: source.index(self.old)]
        first = before.count("\n") + self.old.startswith("\n") + 1
        around = _around(ast.parse(source), first, first + self.old.strip("\n").count("\n"))
        found = hashlib.blake2b(digest_size=6)
        for part in (self.old, self.new, self.check, ast.dump(around)):
            found.update(part.encode() + b"\0")
        return found.hexdigest()


def _around(tree: ast.Module, first: int, last: int) -> ast.AST:
    """The innermost function that holds these lines; outside of all, the whole module."""
    holding = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.lineno <= first
        and last <= (node.end_lineno or 0)
    ]
    return max(holding, key=lambda node: node.lineno, default=tree)


def read_errors() -> tuple[Planted, ...]:
    """All planted errors, file by file.

    Raises:
        PlantingError: an entry lacks something, or two have one name.
    """
    found: dict[str, Planted] = {}
    due = {field.name for field in fields(Planted)} - {"room"}
    for path in sorted(ERRORS.glob("*.toml")):
        for entry in tomllib.loads(path.read_text("utf-8"))["error"]:
            name = entry.get("name", "?")
            if set(entry) != due:
                raise PlantingError(f"{path.name}: {name}: has {sorted(entry)}, not {sorted(due)}")
            if name in found:
                raise PlantingError(f"{path.name}: {name} is there twice")
            found[name] = Planted(room=path.stem, **entry)
    return tuple(found.values())


def copy_source(folder: Path, error: Planted | None = None) -> None:
    """Copy the package into an empty folder, with an error or without.

    Arguments:
        folder: where to; to be put on the PYTHONPATH.
        error: what is planted in it; None: the copy is as the source.

    Raises:
        PlantingError: the error cannot be planted.
    """
    shutil.copytree(ROOT / "simrt", folder / "simrt")  # with compiled files: it then starts sooner
    (folder / "sitecustomize.py").write_text(_SITE, "utf-8")
    if error is not None:
        place = folder / error.file
        place.write_text(error.applied(place.read_text("utf-8")), "utf-8")
        for compiled in (place.parent / "__pycache__").glob(f"{place.stem}.*.pyc"):
            compiled.unlink()
