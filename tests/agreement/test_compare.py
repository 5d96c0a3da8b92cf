"""`simrt compare` and `simrt.compare`: what is run, what is said, and with which exit code."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

import simrt
from simrt.agreement import Grain
from simrt.checkers.verdict import Status
from simrt.errors import UsageError
from simrt.history import History, Row
from simrt.runs import record
from simrt.scenario.model import Scenario
from simrt.targets import app, sim
from tests.agreement.test_figures import lively, simulated
from tests.checkers.histories import OLDEST, OLDEST_ROWS, edited, history, oldest
from tests.marks import paced
from tests.test_cli import SIMRT
from tests.test_cli import simrt as command

ROOT = Path(__file__).parents[2]
QUICK = ROOT / "scenarios" / "questions" / "stale-news-with-ttl.yml"


def stored(folder: Path, name: str, *edits: tuple[str, str], seed: int = 1) -> Path:
    """The good history, edited, in a file."""
    written = history(edited(OLDEST_ROWS, *edits), OLDEST, target=name)
    header = msgspec.structs.replace(written.header, seed=seed)
    path = folder / f"{name}.jsonl"
    History(header, written).save(path)
    return path


# --- stored histories ---------------------------------------------------------------------------


def test_two_that_agree(tmp_path: Path) -> None:
    done = command("compare", stored(tmp_path, "sim"), stored(tmp_path, "app"))
    assert done.returncode == 0
    first, second, third, asked = done.stdout.splitlines()
    assert asked == "What its owner expects is not judged by a comparison; simrt check judges it."
    assert first == "✓ agree: By hand, sim and app, seed 1"
    seen = "18 messages × 3 subscribers: 34 outcomes, 96 rows agree, over 1 seed."
    assert second == f"First difference: none. {seen}"
    assert third.startswith("Figures: all ")
    assert third.endswith(" are equal.")


def test_two_that_differ_say_where_and_how_to_repeat_it(tmp_path: Path) -> None:
    left = stored(tmp_path, "sim")
    right = stored(tmp_path, "app", ("25.1 receive b/0#1 12", ""))
    done = command("compare", left, right)
    assert done.returncode == 1
    assert "✗ differ: By hand, sim and app, seed 1" in done.stdout
    assert "First difference: at 25.1 s, message 12 of life 1 for b/0." in done.stdout
    lines = [line.split() for line in done.stdout.splitlines()]
    assert ["≠", *["25.100000000", "s", "receive", "b/0#1", "message", "12", "life", "1"]] in lines
    assert "b/0    missed" in done.stdout or "b      missed" in done.stdout
    assert done.stdout.splitlines()[-1] == f"To repeat it: simrt compare {left} {right}"


def test_what_cannot_be_said(tmp_path: Path) -> None:
    cut = stored(tmp_path, "app", ("101 end run", ""))
    done = command("compare", stored(tmp_path, "sim"), cut)
    assert done.returncode == 3
    assert "inconclusive: By hand" in done.stdout
    assert "cut short" in done.stdout
    assert done.stdout.splitlines()[-1].startswith("To repeat it: simrt compare ")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["sim", "two"], "seeds 1 and 2"),
        (["sim"], "write a second one"),
        (["sim", "sim", "sim"], "one scenario, or two histories"),
        (["sim", "nowhere"], "cannot be read"),
    ],
)
def test_wrong_usage(tmp_path: Path, arguments: list[str], said: str) -> None:
    stored(tmp_path, "sim")
    stored(tmp_path, "two", seed=2)
    done = command("compare", *(tmp_path / f"{name}.jsonl" for name in arguments))
    assert done.returncode == 2
    assert said in done.stderr
    assert done.stdout == ""


def test_as_json(tmp_path: Path) -> None:
    left = stored(tmp_path, "sim")
    right = stored(tmp_path, "app", ("22.1 receive a/0#3 10", "22.12 receive a/0#3 10"))
    done = command("compare", "--json", left, right)
    assert done.returncode == 1
    found = json.loads(done.stdout)
    assert (found["status"], found["exit_code"], found["grain"]) == ("fail", 1, "times")
    place = found["seeds_compared"][0]["first"]["place"]
    assert (place["subscriber"], place["seq"]) == ("a/0", 10)
    assert any(one["agrees"] is False for one in found["figures"])


def test_on_a_terminal_it_is_coloured_and_piped_it_is_not(tmp_path: Path) -> None:
    paths = [str(stored(tmp_path, name)) for name in ("sim", "app")]
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [*SIMRT, "compare", *paths],
        stdout=theirs,
        stderr=theirs,
        env={**os.environ, "TERM": "xterm-256color", "COLUMNS": "200"},
    ) as running:
        assert running.wait(60) == 0
    os.close(theirs)
    seen = os.read(ours, 65536).decode()
    os.close(ours)
    assert "\x1b[32m✓" in seen
    assert "agree: By hand" in seen
    assert "\x1b" not in command("compare", *paths).stdout


# --- scenarios ----------------------------------------------------------------------------------


def test_a_scenario_on_app(tmp_path: Path) -> None:
    done = command("compare", QUICK, "--on", "app", "--runs", "2", "--keep", tmp_path)
    assert done.returncode == 0, done.stdout
    assert "sim and app, seeds 1 to 2" in done.stdout
    assert "over 2 seeds" in done.stdout
    kept = sorted(path.name for path in tmp_path.iterdir())
    assert kept == ["app-1.jsonl", "app-2.jsonl", "sim-1.jsonl", "sim-2.jsonl"]
    again = command("compare", tmp_path / "sim-2.jsonl", tmp_path / "app-2.jsonl")
    assert again.returncode == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--on", "sim"], "on: found 'sim'; write app or server"),
        (["--on", "moon"], "on: found 'moon'"),
        (["--keep", "/nowhere/at/all"], "no such folder"),
        (["--runs", "0"], "greater than or equal to 1"),
    ],
)
def test_a_scenario_with_wrong_options(arguments: list[str], said: str) -> None:
    done = command("compare", QUICK, *arguments)
    assert done.returncode == 2
    assert said in done.stderr


def test_each_outcome_must_be_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that delivers one message less is told by that message."""

    def forgetful(scenario: Scenario, seed: int, *, write: Callable[[Row], None], **_: Any) -> None:
        rows: list[Row] = []
        sim.run(scenario, seed, write=rows.append)
        left_out = next(n for n, row in enumerate(rows) if (row.kind, row.seq) == ("receive", 7))
        for row in rows[:left_out] + rows[left_out + 1 :]:
            write(row)

    monkeypatch.setattr(app, "run", forgetful)
    found = simrt.compare(simrt.load(QUICK), on="app", runs=1)
    assert (found.status, found.exit_code) == (Status.FAIL, 1)
    assert found.rows[0].outcomes_apart == 1
    assert found.rows[0].first is not None
    assert found.rows[0].first.place.seq == 7
    assert found.command == f"simrt compare {QUICK} --on app --seed 1 --runs 1"


def test_from_python() -> None:
    found = simrt.compare(oldest(), oldest())
    assert isinstance(found, simrt.Comparison)
    assert found.status is Status.PASS
    assert found.grain is Grain.TIMES
    frame = found.to_frame()
    assert list(frame.columns) == [
        "group", "metric", "unit", "left", "right", "difference", "low", "high", "agrees", "judged",
    ]  # fmt: skip
    assert (frame.difference.dropna() == 0).all()
    assert "<table" in found._repr_html_()
    assert repr(found).startswith("By hand, sim (1) and sim (2): First difference: none.")
    with pytest.raises(UsageError, match="write a second one"):
        simrt.compare(oldest())
    with pytest.raises(UsageError, match="a scenario runs on two targets"):
        simrt.compare(OLDEST, oldest())


# --- against a server that runs freely ----------------------------------------------------------


def free(run_of: History) -> History:
    """A simulated run as a server that runs freely could have left it."""
    header = msgspec.structs.replace(
        run_of.header, target="server", resolution_ns=5_000_000, speed=10.0
    )
    return History(header, run_of)


def test_stored_figures_of_one_run_each_have_no_interval(tmp_path: Path) -> None:
    real = free(record(lively(), "sim", 2))
    ours = record(lively(), "sim", 2)
    same = simrt.compare(ours, real)
    assert same.grain is Grain.FIGURES
    assert same.status is Status.PASS  # no figure moved by more than lateness can explain
    other = free(record(lively(feature__options__bufferSize=64), "sim", 2))
    header = msgspec.structs.replace(other.header, scenario=ours.header.scenario)
    found = simrt.compare(ours, History(header, other))
    assert found.status is Status.INCONCLUSIVE
    assert found.exit_code == 3
    assert "cannot be said" in str(found)


@paced
@pytest.mark.real
@pytest.mark.rules("NET-9")
def test_a_server_that_runs_freely_lies_within_the_interval(tmp_path: Path) -> None:
    found = simrt.compare(simrt.load(QUICK), on="server", runs=10, keep=tmp_path)
    assert found.status is Status.PASS, str(found)
    assert found.header.target == "server"
    assert (tmp_path / "server-1.jsonl").exists()
    told = str(found)
    assert "times real speed" in told
    assert "for a client that reads nothing" in told
    assert "moved by" in told


def test_a_target_that_cannot_be_reached_is_an_error_of_the_target(tmp_path: Path) -> None:
    """Exit code 4, and the command that repeats it."""
    code = (
        "import sys, simrt.targets.server as target\n"
        "from simrt.errors import TargetError\n"
        "def run(*_, **__): raise TargetError('the server did not start')\n"
        "target.run = run\n"
        f"sys.argv = ['simrt', 'compare', {str(QUICK)!r}, '--on', 'server']\n"
        "from simrt.cli import main; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, check=False, text=True, cwd=ROOT
    )
    assert done.returncode == 4
    assert "the server did not start" in done.stderr
    last = done.stdout.splitlines()[-1]
    assert last == f"To repeat it: simrt compare {QUICK} --on server --seed 1"


def test_the_simulated_figures_are_those_of_a_recorded_run() -> None:
    recorded = simrt.run(lively(), on="sim", seed=3).metrics
    frames = [one.to_frame() for one in (recorded, simulated(3))]
    assert frames[0].equals(frames[1])
