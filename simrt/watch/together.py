"""Several files behind one address: what contradicts those before it gets a project of its own.

Twins of one feature, such as two settings to be compared, declare the same channel of the same
project. One server cannot offer both as they are written, so the later one moves: `shop` to
`shop-2`. Nothing else of it changes, and whoever watches is told.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from simrt.errors import UsageError
from simrt.scenario.model import Scenario
from simrt.server import Site, compile_site

_LONGEST_PROJECT = 64


@dataclass(frozen=True, slots=True)
class Moved:
    """Why a scenario is served under another project than the one that its file names.

    Attributes:
        written: the project that the file names.
        reason: what stood in the way, as a sentence.
    """

    written: str
    reason: str


def together(scenarios: Sequence[Scenario]) -> tuple[Site, list[Scenario], list[Moved | None]]:
    """The site of all of them.

    Arguments:
        scenarios: one or more.

    Returns:
        The site; the scenarios as they are served, in order; for each, whether it moved.

    Raises:
        UsageError: where there is none, or one contradicts itself.
    """
    if not scenarios:
        raise UsageError("name a scenario to serve: simrt serve scenarios/patterns/NAME.yml")
    served: list[Scenario] = []
    moves: list[Moved | None] = []
    taken = {each.feature.project for each in scenarios}
    for scenario in scenarios:
        try:
            compile_site([scenario])
        except UsageError as error:
            raise UsageError(f"{scenario.name}: {error}") from error
        found, moved = _beside(served, scenario, taken)
        served.append(found)
        moves.append(moved)
    return compile_site(served), served, moves


def _beside(
    served: Sequence[Scenario], scenario: Scenario, taken: set[str]
) -> tuple[Scenario, Moved | None]:
    """The scenario, in the first project where it contradicts none of the others."""
    written = scenario.feature.project
    first: UsageError | None = None
    for project in _projects(written, taken):
        found = scenario
        if project != written:
            feature = scenario.feature.model_copy(update={"project": project})
            found = scenario.model_copy(update={"feature": feature})
        try:
            compile_site([*served, found])
        except UsageError as error:
            first = first or error
            continue
        return found, None if first is None else Moved(written, str(first))
    raise AssertionError("a project that nobody has contradicts nobody")


def _projects(written: str, taken: set[str]) -> Iterator[str]:
    """The project itself, then others that no file names."""
    yield written
    number = 2
    while True:
        ending = f"-{number}"
        name = written[: _LONGEST_PROJECT - len(ending)] + ending
        if name not in taken:
            yield name
        number += 1
