"""Mutants of other rooms than the engine: which, and the tests that judge them.

Each mutant is a copy of the source with one small change. It is judged by the tests of its room
that execute the changed lines, the cheapest first, until one fails. What that needs is collected
once: which test executes which line, and what it costs. Nothing in the product knows of this, and
nothing here imports `simrt`: each mutant has a process of its own, forked from one that has
imported everything else that the tests need.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path

from tests.mutants.mutator import Mutation, blindings, compiles, mutations
from tests.mutants.source import ROOT, digest_of, statements_of

LEARN = ("learn", 100)
COUNT = 200


@dataclass(frozen=True, slots=True)
class Room:
    """A room of the product, and the tests that must know it.

    Attributes:
        name: such as `client`.
        sources: its files and folders.
        tests: the files and folders of tests that judge its mutants. Tests of tables and of
            documents are not among them: a digest that says "old" is no catch.
        checkers: whether its conditions are blinded too.
        others: files below its folders that belong to another room.
        seed: draws the sample that counts; another one, once tests followed from its survivors.
    """

    name: str
    sources: tuple[str, ...]
    tests: tuple[str, ...]
    checkers: bool = False
    others: tuple[str, ...] = ()
    seed: str = "count-2"

    def files(self) -> list[str]:
        """The sources, from the root of the repository."""
        return [file for file in _files(self.sources) if file not in self.others]

    def digest(self) -> str:
        """Of its sources, without comments and docstrings."""
        return _digest(self.files())

    def digest_of_tests(self) -> str:
        """Of the tests that judge it."""
        return _digest(_files(self.tests))


_EXPECTATIONS = (
    "simrt/checkers/expectations.py",
    "simrt/checkers/bounds.py",
    "simrt/checkers/observed.py",
    "simrt/checkers/one_run.py",
    "simrt/checkers/told.py",
    "simrt/checkers/unsettled.py",
    "simrt/scenario/chance.py",
    "simrt/scenario/expect.py",
    "simrt/metrics/estimate.py",
    "simrt/metrics/limits.py",
    "simrt/checklist.py",
)

ROOMS = {
    room.name: room
    for room in (
        Room(
            "client",
            ("simrt/client",),
            ("tests/client", "tests/agreement/test_app.py", "tests/agreement/test_ties.py"),
        ),
        Room(
            "checkers",
            ("simrt/checkers",),
            ("tests/checkers",),
            checkers=True,
            others=_EXPECTATIONS,
        ),
        Room(
            "metrics",
            ("simrt/metrics",),
            (
                "tests/metrics",
                "tests/theory/test_identities.py",
                "tests/validation/test_batches.py",
            ),
        ),
        Room(
            "expectations",
            _EXPECTATIONS,
            (
                "tests/metrics/test_expect.py",
                "tests/metrics/test_expectations.py",
                "tests/metrics/test_estimates.py",
                "tests/metrics/test_limits.py",
                "tests/checkers/test_bounds.py",
                "tests/checkers/test_expectations.py",
                "tests/checkers/test_observed.py",
                "tests/scenario/test_chance.py",
                "tests/test_acted.py",
                "tests/test_checklist.py",
                "tests/test_summary.py",
            ),
            seed="count-3",
        ),
    )
}


def sample(room: Room, kind: str, seed: str, count: int) -> list[Mutation]:
    """Some mutants of a room, drawn evenly; all of them where there are not so many.

    Arguments:
        room: which.
        kind: `mutants`, or `blinded`: the conditions of its checkers.
        seed: another one, other mutants.
        count: how many.
    """
    make = mutations if kind == "mutants" else blindings
    sources = {file: (ROOT / file).read_text("utf-8") for file in room.files()}
    found = [each for file, source in sources.items() for each in make(file, source)]
    random.Random(f"{room.name} {kind} {seed}").shuffle(found)
    kept: list[Mutation] = []
    for mutation in found:
        if len(kept) == count:
            break
        if compiles(mutation, sources[mutation.file]):
            kept.append(mutation)
    return kept


def _files(places: tuple[str, ...]) -> list[str]:
    found = []
    for place in places:
        path = ROOT / place
        inside = sorted(path.rglob("*.py")) if path.is_dir() else [path]
        found += [str(each.relative_to(ROOT)) for each in inside]
    return list(dict.fromkeys(found))


def _digest(files: list[str]) -> str:
    return digest_of(
        part
        for file in files
        for part in (file, *statements_of(Path(ROOT, file).read_text("utf-8")))
    )
