"""Loading a scenario: from a file or a dict into one validated model, all mistakes at once."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain
from pathlib import Path
from typing import Any

from simrt.errors import Mistake, ScenarioError, UsageError
from simrt.scenario.arguments import path_of, wrong
from simrt.scenario.consistency import mistakes_between_parts
from simrt.scenario.documents import MAX_MISTAKES, SCENARIO_ALLOWED, Document, read_data
from simrt.scenario.draft import Draft
from simrt.scenario.model import Scenario
from simrt.scenario.reading import ENDINGS, read_file
from simrt.scenario.structure import mistakes_of_parts


def load(path: str | Path) -> Scenario:
    """Load a scenario from a YAML file.

    Arguments:
        path: the file; traces and the site's folder that it names are relative to its own folder.

    Raises:
        ScenarioError: with all mistakes of the file, in its order.
        UsageError: where there is no such file.
    """
    path = path_of("load", path, 'the path of a YAML file, such as "scenario.yml"')
    document = read_file(path)
    directory = str(path.parent)
    return _validated(document, directory).placed(path.stem, directory, str(path))


def load_all(paths: Iterable[str | Path]) -> list[Scenario]:
    """Load scenarios from files and from folders, with all mistakes of all files at once.

    Arguments:
        paths: YAML files, and folders: of these every *.yml and *.yaml, by name, at any depth.

    Raises:
        ScenarioError: with the mistakes of every file.
        UsageError: where there is no such file, or none in a folder.
    """
    scenarios: list[Scenario] = []
    mistakes: list[Mistake] = []
    for file in chain.from_iterable(_files(Path(path)) for path in paths):
        try:
            scenarios.append(load(file))
        except ScenarioError as error:
            mistakes.extend(error.mistakes)
    if mistakes:
        raise ScenarioError(tuple(mistakes))
    return scenarios


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    found = sorted(file for file in path.rglob("*") if file.suffix in ENDINGS)
    if not found:
        raise UsageError(f"{path}: no scenario (*.yml, *.yaml) in this folder")
    return found


def scenario(data: dict[str, Any], directory: str | Path = "") -> Scenario:
    """Load a scenario from a dict in the file's spelling.

    Arguments:
        data: the scenario; it is copied.
        directory: where relative names of traces and of the site's folder start.

    Raises:
        ScenarioError: with all mistakes, in the dict's order.
    """
    if not isinstance(data, dict):
        raise wrong("scenario", data, "a dict in the file's spelling; for a file, simrt.load(path)")
    if directory != "":
        path_of("directory", directory)
    return _validated(read_data(data), str(directory)).placed("", str(directory))


def opened(what: object, name: str = "scenario") -> Scenario:
    """A scenario, or the one in a file: what every public call takes.

    Raises:
        ScenarioError: with all mistakes of the file.
        UsageError: where it is neither.
    """
    if isinstance(what, Scenario):
        return what
    if isinstance(what, dict):
        raise UsageError(f"{name}: found a dict; write simrt.scenario({name})")
    return load(path_of(name, what, 'a scenario, or the path of its file, such as "scenario.yml"'))


def _validated(document: Document, directory: str) -> Scenario:
    mistakes = mistakes_in(document, directory)
    if mistakes:
        raise ScenarioError(mistakes)
    return Scenario.model_validate(document.data)


def mistakes_in(document: Document, directory: str) -> tuple[Mistake, ...]:
    """All mistakes of a document, in its order; one a place, the plainest first.

    What could not be read at all hides what follows from it.
    """
    findings = list(document.problems)
    spoiled = {path for path, _ in findings if document.at(path) is None}
    if not isinstance(document.data, dict):
        if not findings:
            findings.append(((), document.mistake((), SCENARIO_ALLOWED)))
        return tuple(mistake for _, mistake in findings[:MAX_MISTAKES])
    asked = chain(mistakes_of_parts(document), mistakes_between_parts(Draft(document, directory)))
    findings.extend(found for found in asked if found[0] not in spoiled)
    kept: dict[tuple[str, int, int], tuple[int, Mistake]] = {}
    for path, mistake in findings:
        order = document.place(path)[0]
        kept.setdefault((mistake.path, mistake.line, mistake.column), (order, mistake))
    ordered = sorted(kept.values(), key=lambda one: (one[1].line, one[1].column, one[0]))
    mistakes = [mistake for _, mistake in ordered[:MAX_MISTAKES]]
    if len(ordered) > MAX_MISTAKES:
        more = f"{len(ordered) - MAX_MISTAKES} mistakes more"
        mistakes.append(Mistake("", more, "a scenario without mistakes; mend these first"))
    return tuple(mistakes)
