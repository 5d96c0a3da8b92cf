"""The scenarios that ship: patterns to copy, questions to answer, anti-patterns that fail."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from simrt.errors import UsageError
from simrt.scenario import load
from simrt.scenario.arguments import path_of, wrong
from simrt.scenario.model import Scenario
from simrt.scenario.words import nearest

KINDS = ("patterns", "questions", "antipatterns")
"""The folders they are sorted into, in the order of the list."""

FIRST = "live-admin-notifications"
"""The one to begin with."""


@dataclass(frozen=True, slots=True)
class Shipped:
    """One scenario that ships.

    Attributes:
        name: as `copy` takes it.
        kind: one of `KINDS`.
        sentence: what it is about.
        path: the file.
    """

    name: str
    kind: str
    sentence: str
    path: Path


def folder() -> Path:
    """Where they are: inside the package where a wheel was installed, beside it in the source."""
    package = Path(__file__).resolve().parent
    within = package / "shipped"
    return within if within.is_dir() else package.parent / "scenarios"


def shipped() -> Iterator[Shipped]:
    """Each of them, by kind and name."""
    for kind in KINDS:
        for path in sorted((folder() / kind).glob("*.yml")):
            yield Shipped(path.stem, kind, _about(load(path)), path)


def copy(name: str, to: Path | str = "scenarios") -> list[Path]:
    """Copy one, with the traces that it reads; what is there already is never written over.

    Arguments:
        name: of the scenario.
        to: the folder that gets `KIND/NAME.yml`, and `traces/` beside it where one is read.

    Returns:
        The files that were written, the scenario first.

    Raises:
        UsageError: no such scenario, a file that is there already, or a folder that cannot be
            written to.
    """
    known = {path.stem: path for kind in KINDS for path in (folder() / kind).glob("*.yml")}
    if name not in known:
        write = "a name that `simrt patterns` lists"
        raise wrong("pattern", name, write, meant=nearest(name, sorted(known)))
    root = path_of("folder", to, "the path of a folder")
    sources = [known[name], *_traces(load(known[name]))]
    pairs = [(source, root / source.relative_to(folder())) for source in sources]
    missing = [(source, target) for source, target in pairs if not _same(source, target)]
    for _, target in missing:
        if target.exists():
            raise UsageError(
                f"{target}: is there already, with other content, and stays as it is; write another"
                f" folder: simrt patterns {name} FOLDER"
            )
    if missing == [] or missing[0][0] != known[name]:
        raise UsageError(f"{pairs[0][1]}: is there already, as it ships; nothing to write")
    for source, target in reversed(missing):  # what the scenario reads comes before it
        _write(source, target)
    return [target for _, target in missing]


def _about(scenario: Scenario) -> str:
    """The first sentence of its question."""
    text = " ".join((scenario.question or scenario.title).split())
    ends = [at for mark in (". ", "? ") if (at := text.find(mark)) > 0]
    return text[: min(ends) + 1] if ends else text


def _traces(scenario: Scenario) -> list[Path]:
    """The traces that it reads, each with what says where it comes from."""
    found: dict[Path, None] = {}
    for entry in scenario.workload.publish:
        if entry.arrivals.trace is not None:
            path = (Path(scenario.directory) / entry.arrivals.trace.file).resolve()
            found |= dict.fromkeys((path, path.with_name("README.md")))
    return list(found)


def _same(source: Path, target: Path) -> bool:
    return target.is_file() and target.read_bytes() == source.read_bytes()


def _write(source: Path, target: Path) -> None:
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("xb") as file:
            file.write(source.read_bytes())
    except OSError as error:
        said = error.strerror or error
        raise UsageError(
            f"{target}: cannot be written: {said}; write a folder in which you may make files"
        ) from error
