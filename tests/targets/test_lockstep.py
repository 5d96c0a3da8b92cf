"""The target `server` in lockstep: real process, real sockets, the rows of the simulator."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from hypothesis import Phase, assume, given, settings

import simrt
from simrt.errors import TargetError, UsageError
from simrt.history import Row
from simrt.network import Turn
from simrt.results import Status
from simrt.runs import run
from simrt.scenario.model import Scenario
from simrt.server.stepped import SteppedClock
from simrt.targets import lockstep, sim
from simrt.targets.lockstep.process import SteppedProcess
from simrt.testing import repeatable, scenarios
from tests.targets.small import S, small
from tests.targets.test_app import TEXTS, lines

ROOT = Path(__file__).parents[2]
# Each generated scenario starts a process or more: some two seconds.
EXAMPLES = int(os.environ.get("SIMRT_LOCKSTEP_EXAMPLES", "12"))


def rows_on(target, made: Scenario, seed: int = 1) -> list[Row]:
    rows: list[Row] = []
    target.run(made, seed, write=rows.append)
    return rows


@pytest.mark.real
@pytest.mark.parametrize(
    "name",
    ["patterns/daily-report", "patterns/scheduled-status-feed", "questions/restart-with-last-n"],
)
def test_a_shipped_scenario_gives_the_rows_of_the_simulator(name: str) -> None:
    made = simrt.load(ROOT / f"scenarios/{name}.yml")
    assert rows_on(lockstep, made) == rows_on(sim, made)


@pytest.mark.real
def test_all_networks_and_faults_give_the_rows_of_the_simulator() -> None:
    """Windows in bytes and in messages, characters of several bytes, a stall, a silence, a kill."""
    made = small(**TEXTS)
    ours = rows_on(lockstep, made, 7)
    assert lines(ours) == lines(rows_on(sim, made, 7))
    assert {row.cause for row in ours if row.kind == "fault"} == {
        "stall", "half-open", "restart", "disconnect",
    }  # fmt: skip


@pytest.mark.real
def test_generated_scenarios_give_the_rows_of_the_simulator() -> None:
    compared = []

    @settings(max_examples=EXAMPLES, phases=(Phase.explicit, Phase.generate))
    @given(scenarios())
    def agree(scenario: Scenario) -> None:
        with repeatable(scenario, 1):
            try:
                ours = rows_on(lockstep, scenario)
            except UsageError:  # a credential that no real server can take from one group alone
                assume(False)
            assert ours == rows_on(sim, scenario)
            compared.append(len(ours))

    agree()
    assert len(compared) >= EXAMPLES


@pytest.mark.real
def test_promises_hold_and_the_history_says_what_is_emulated(tmp_path: Path) -> None:
    made = simrt.load(ROOT / "scenarios/patterns/daily-report.yml")
    done = run(made, on="server", lockstep=True, history=tmp_path / "h.jsonl")
    header = done.history.header
    assert (header.target, header.emulated, header.resolution_ns) == ("server", True, 0)
    assert done.status is Status.PASS
    assert {v.check: v.status for v in done.verdicts}["permission"] is Status.NOT_APPLICABLE


@pytest.mark.real
def test_it_is_a_process_of_its_own_and_none_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """A restart is a kill of that process; another one goes on."""
    started: list[subprocess.Popen[bytes]] = []
    real = SteppedProcess.__init__

    def noted(self: SteppedProcess, *given: object) -> None:
        real(self, *given)  # type: ignore[arg-type]
        started.append(self._popen)

    monkeypatch.setattr(SteppedProcess, "__init__", noted)
    made = small(faults=[{"at": "4500ms", "restart": "server", "for": "1s"}])
    rows = rows_on(lockstep, made)
    assert [row.kind for row in rows if row.kind == "restart"] == ["restart"]
    assert len({each.pid for each in started} - {os.getpid()}) == 2
    assert [each.poll() for each in started] == [-9, -9]


@pytest.mark.real
def test_a_process_that_dies_ends_the_run_with_its_last_words(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(
        "simrt.targets.lockstep.process.COMMAND",
        ("/bin/sh", "-c", "echo 'out of luck' >&2; exit 3"),
    )
    with pytest.raises(TargetError, match=r"\(status 3\):\n  out of luck"):
        rows_on(lockstep, small())


@pytest.mark.parametrize(
    ("on", "speed", "words"),
    [("sim", None, "lockstep is for the target server"), ("server", 2.0, "has no speed")],
)
def test_what_lockstep_cannot_be_asked_for(on: str, speed: float | None, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        run(small(), on=on, speed=speed, lockstep=True)


@pytest.mark.rules("NET-9")
def test_a_stepped_clock_rings_in_the_order_of_the_scenario() -> None:
    clock = SteppedClock(small().starts, {"a/0": 0, "a/1": 1}, 0)
    rung: list[str] = []
    for name in ("a/1", "a/0"):
        clock.timer(S, clock.order(Turn.TIMER, name, 1), lambda name=name: rung.append(name))
    clock.timer(S // 2, 0, lambda: rung.append("cancelled")).cancel()
    clock.timer(2 * S, 0, lambda: rung.append("later"))
    assert clock.next() == (S, clock.order(Turn.TIMER, "a/0", 1))
    clock.now_ns = S
    clock.ring()
    clock.ring()
    assert rung == ["a/0", "a/1"]
    assert clock.next() == (2 * S, 0)
