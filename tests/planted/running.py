"""Planted errors are held against their checks: is each caught, and is a sound copy left alone?"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path

from simrt.clock import stopwatch
from tests.planted.planting import ROOT, Planted, PlantingError, copy_source

LIMIT_S = 600


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a check said of a copy.

    Attributes:
        caught: whether it complained.
        after: how much it looked at until then, or in all, such as `3 runs`.
        evidence: what it complained of.
        time_s: how long that took on this machine.
        processes: how many processes imported the copy.
    """

    caught: bool
    after: str
    evidence: str
    time_s: float
    processes: int


def ask(check: str, error: Planted | None = None) -> Outcome:
    """Hold a copy of the source against a check.

    Arguments:
        check: kind and words, as an entry names them.
        error: what is planted in the copy; None: nothing.

    Raises:
        PlantingError: the error cannot be planted, or the check cannot be asked.
    """
    with tempfile.TemporaryDirectory(prefix="planted-") as name:
        folder = Path(name).resolve()
        copy_source(folder, error)
        seconds = stopwatch()
        done = in_copy(folder, "-m", "tests.planted.asking", *shlex.split(check))
        time_s = seconds()
        imported = folder / "imported"
        processes = set(imported.read_text().split()) if imported.exists() else set()
    whose = error.name if error is not None else "the source as it is"
    try:
        answer = json.loads(done.stdout.splitlines()[-1])
    except (IndexError, ValueError):
        said = (done.stderr or done.stdout)[-2000:]
        raise PlantingError(f"{whose}: `{check}` could not be asked:\n{said}") from None
    if done.returncode or Path(answer["simrt"]) != folder / "simrt" or not processes:
        raise PlantingError(f"{whose}: `{check}` asked {answer['simrt']}, not the copy")
    return Outcome(answer["caught"], answer["after"], answer["evidence"], time_s, len(processes))


def in_copy(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run Python from the root of the repository, with the copy as its `simrt`."""
    environment = {**os.environ, "PYTHONPATH": str(folder), "PYTHONHASHSEED": "0"}
    return subprocess.run(
        [sys.executable, *words],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=LIMIT_S,
    )


class Runner:
    """Asks each check once of the sound copy, and then of each copy with an error.

    Arguments:
        errors: what will be run.
        asks: how a check is asked.
    """

    def __init__(
        self,
        errors: Iterable[Planted],
        asks: Callable[[str, Planted | None], Outcome] = ask,
    ) -> None:
        checks = dict.fromkeys(error.check for error in errors)
        # One run of all tests, and one of the scenarios for all checkers, serve every error.
        self._together = {
            kind: " ".join(
                [kind, *(c.partition(" ")[2] for c in checks if c.startswith(f"{kind} "))]
            )
            for kind in ("test", "corpus")
        }
        self._ask = asks
        self._sound: dict[str, Future[Outcome]] = {}
        self._lock = threading.Lock()

    def run(self, error: Planted) -> Outcome:
        """Hold one error against its check; may be called from several threads.

        Raises:
            PlantingError: as `ask`; or the check complains of the source as it is.
        """
        sound = self._of_sound(error.check)
        if sound.caught:
            raise PlantingError(
                f"`{error.check}` complains of the source as it is: {sound.evidence}"
            )
        return self._ask(error.check, error)

    def _of_sound(self, check: str) -> Outcome:
        """What a check says of the source as it is; asked once."""
        check = self._together.get(check.partition(" ")[0], check)
        with self._lock:
            first = check not in self._sound
            known = self._sound.setdefault(check, Future())
        if first:
            try:
                known.set_result(self._ask(check, None))
            except PlantingError as error:
                known.set_exception(error)
        return known.result()
