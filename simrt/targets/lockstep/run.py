"""The target's interface: one scenario, one seed, its rows."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from simrt.history import Header, Row
from simrt.scenario.model import Scenario
from simrt.targets.app.run import Course, places_of
from simrt.targets.harness.credentials import refuse_denials
from simrt.targets.header import header_of
from simrt.targets.lockstep.lives import HOST, ProcessLives
from simrt.targets.server.troubles import lives_of


def header(scenario: Scenario, seed: int) -> Header:
    """The header of a run: of the real server, whose clock and windows are emulated."""
    return header_of(scenario, "server", seed, emulated=True)


def run(
    scenario: Scenario,
    seed: int,
    *,
    write: Callable[[Row], None],
    progress: Callable[[float], None] | None = None,
) -> None:
    """Run a scenario on a real server process that is stepped.

    Arguments:
        scenario: what runs; its neighbour runs beside it.
        seed: every random quantity follows from it and a name.
        write: takes each row in order.
        progress: told the share of the workload that is done, 0 to 1, now and then.

    Raises:
        UsageError: the scenario asks for what a real server cannot do.
        TargetError: a server process did not start, died, or did not settle.
    """
    refuse_denials(scenario)
    with TemporaryDirectory(prefix="simrt-") as folder:
        course = LockstepCourse(scenario, seed, write, Path(folder))
        try:
            course.run(progress)
        finally:
            course.bury()


class LockstepCourse(Course):
    """The course of a run in virtual time, with the server in another process."""

    lives: ProcessLives

    def __init__(
        self, scenario: Scenario, seed: int, write: Callable[[Row], None], folder: Path
    ) -> None:
        self._folder = folder
        super().__init__(scenario, seed, write)

    def _make_lives(self, seed: int, write: Callable[[Row], None] | None) -> Any:
        assert write is not None
        orders = {
            "scenarios": [play.normalised() for play in self.plays],
            "starts": self.scenario.starts.isoformat(),
            "host": HOST,
            "secret": self._credentials.secret,
            "tokens": self._credentials.tokens,
            "places": places_of(self.scenario, self.plays),
        }
        count = lives_of(self.scenario.faults)
        return ProcessLives(self.loop, orders, seed, write, self._folder, count)

    def bury(self) -> None:
        """Leave no process behind, and no task."""
        self.lives.bury()
        self.close()
