"""The runner of planted errors is itself known to work; `make planted` runs them all."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from tests.docs.generated import between
from tests.planted.document import DOCUMENT, stated, table_of
from tests.planted.planting import ROOT, Planted, PlantingError, copy_source, read_errors
from tests.planted.running import Outcome, Runner, ask, in_copy

ERRORS = read_errors()
NAMED = {error.name: error for error in ERRORS}
# From different rooms, each caught in seconds.
SAMPLE = ("drop-counted-twice", "leak-between-projects", "frame-cut-at-a-chunk-border")
ROOMS = {
    "app", "engine", "sse", "server", "client", "simulator", "metrics", "checkers", "record",
    "report", "scenario", "processes",
}  # fmt: skip

# Whatever else is planted: these must be.
DUE = {
    "expiry-off-by-one", "capacity-off-by-one", "replay-out-of-order", "replay-and-live-overlap",
    "lost-wakeup", "leak-between-projects", "seq-reused-after-forgetting",
    "dead-client-never-noticed", "heartbeat-behind-a-stalled-write", "taken-before-there-is-room",
    "drop-counted-twice", "outcome-without-a-witness", "staleness-from-receipt",
    "frame-cut-at-a-chunk-border", "restart-without-a-new-epoch", "tie-decided-by-hash-order",
}  # fmt: skip


def harmless(check: str) -> Planted:
    """A patch that changes nothing but a comment."""
    text = "        state.cut = None  # it may hold what the ring just lost (BUF-5)\n"
    return dataclasses.replace(
        NAMED["drop-counted-twice"],
        name="harmless",
        file="simrt/engine/channel.py",
        old=text,
        new=text.replace("it may", "this may"),
        check=check,
    )


def test_there_are_enough_in_every_room() -> None:
    assert len(ERRORS) >= 30
    assert {error.room for error in ERRORS} == ROOMS
    assert set(NAMED) >= DUE
    assert set(stated(DOCUMENT.read_text("utf-8"))) >= DUE


@pytest.mark.parametrize("name", NAMED)
def test_each_can_be_planted(name: str) -> None:
    error = NAMED[name]
    source = (ROOT / error.file).read_text("utf-8")
    compile(error.applied(source), error.file, "exec")


@pytest.mark.parametrize("name", SAMPLE)
def test_a_sample_is_caught(name: str) -> None:
    outcome = Runner([NAMED[name]]).run(NAMED[name])
    assert outcome.caught, outcome
    assert outcome.evidence
    assert outcome.processes >= 1


def test_what_changes_nothing_is_not_caught() -> None:
    outcome = ask("engine lazily", harmless("engine lazily"))
    assert not outcome.caught, outcome


def test_a_source_that_moved_is_noticed() -> None:
    moved = dataclasses.replace(NAMED["drop-counted-twice"], old="no such text")
    with pytest.raises(PlantingError, match=r"stands 0 times in simrt/engine/queues\.py, not once"):
        ask(moved.check, moved)
    often = dataclasses.replace(moved, old="self.")
    with pytest.raises(PlantingError, match=r"stands \d+ times"):
        often.applied((ROOT / often.file).read_text("utf-8"))


def test_what_cannot_even_be_imported_is_not_caught_but_an_error() -> None:
    broken = dataclasses.replace(NAMED["drop-counted-twice"], new="            self.dropped +=\n")
    with pytest.raises(PlantingError, match=r"could not be asked(.|\n)*SyntaxError"):
        ask(broken.check, broken)


def test_a_test_that_does_not_exist_is_an_error() -> None:
    with pytest.raises(PlantingError, match="could not be asked"):
        ask("test tests/engine/test_expiry.py::test_no_such_thing")


def test_a_check_that_complains_of_the_source_as_it_is_is_an_error() -> None:
    def complains(_check: str, _error: Planted | None) -> Outcome:
        return Outcome(True, "1 run", "says so", 0.0, 1)

    runner = Runner(ERRORS, complains)
    with pytest.raises(PlantingError, match="complains of the source as it is: says so"):
        runner.run(ERRORS[0])


def test_every_process_imports_the_copy(tmp_path: Path) -> None:
    """Also one that another one starts, and one that finds the source first."""
    copy_source(tmp_path)
    where = "import sys; sys.path.insert(0, '.'); import simrt; print(simrt.__file__, flush=True)"
    code = f"import subprocess; {where}; subprocess.run([sys.executable, '-c', {where!r}])"
    done = in_copy(tmp_path, "-c", code)
    assert done.stdout.split() == [str(tmp_path / "simrt" / "__init__.py")] * 2, done.stderr
    assert len(set((tmp_path / "imported").read_text().split())) == 2


def test_the_table_is_that_of_the_errors_and_of_this_source() -> None:
    again = "run make planted, or python -m tests.planted --old for what is old"
    text = DOCUMENT.read_text("utf-8")
    found = stated(text)
    old = [e.name for e in ERRORS if found.get(e.name, ("", ""))[1] != e.digest()]
    assert not old, f"{again}: {old}"
    assert between(text, "planted") == table_of(ERRORS, found), again
