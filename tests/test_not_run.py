"""A target that gives no run: what the others say is judged and kept, and everything says so."""

import json
import re
from functools import partial
from pathlib import Path

import pytest
from msgspec.structs import replace

import simrt.checks
import simrt.comparisons
import simrt.runs
from simrt.cli import main
from simrt.errors import OverloadError, TargetError
from simrt.history import History, read_history
from simrt.text import capital
from tests.test_limit import lively

WHY = "the server process ended (status 1): no disk"
SLOW = "this machine is too slow for the scenario at real time: it answers 3 calls per second"


def ended_by(monkeypatch, error):
    def play_all(_work, jobs, _tell):
        for job in jobs:
            yield job, error

    monkeypatch.setattr(simrt.checks, "play_all", play_all)


@pytest.fixture
def no_server(monkeypatch):
    """No real server starts."""
    ended_by(monkeypatch, TargetError(WHY))


@pytest.fixture
def slow_machine(monkeypatch):
    """No real server keeps up, at any speed."""
    ended_by(monkeypatch, OverloadError(SLOW))


@pytest.fixture
def slowed_machine(monkeypatch):
    """A real server keeps up at a quarter of real time; the simulator stands for it."""

    simulated = simrt.runs.record

    def record(scenario, on, seed, *, progress=None, again=None, history=None, **_):
        if on == "server":
            again("real time was too fast, again at 0.25")
            progress(0.5)
        found = simulated(scenario, "sim", seed)
        if on == "server":
            found = History(replace(found.header, target="server", speed=0.25), list(found))
        if history is None:
            return found
        found.save(Path(history))
        return read_history(history)

    def play_all(work, jobs, tell):
        for job in jobs:
            yield job, work(job, partial(tell, job))

    monkeypatch.setattr(simrt.checks, "record", record)
    monkeypatch.setattr(simrt.checks, "play_all", play_all)
    monkeypatch.setattr(simrt.checks, "simulate_all", play_all)


def checked(folder, **options):
    scenario = simrt.scenario(lively(**options)).placed("lively", "")
    return simrt.check(scenario, runs=2, reports=folder)


def test_what_the_simulator_judged_is_kept(tmp_path, no_server):
    found = checked(tmp_path)
    assert found.errors == {"server": WHY}
    assert found.exit_code == 4
    # Only a real server answers the first; the simulator answers the others.
    told = [item.status.value for item in found.items]
    assert told == ["inconclusive", "pass", "pass", "pass", "pass", "not-applicable"]
    assert found.items[0].sentence.startswith("On server: The server process ended")
    assert "2 runs on sim" in found.items[3].sentence
    assert "no disk" in found.sentence
    assert found.seeds == {"sim": (1, 2)}
    assert not found.cut_short


def test_it_is_written(tmp_path, no_server):
    folder = checked(tmp_path).folder
    verdicts = json.loads((folder / "verdicts.json").read_text("utf-8"))
    assert (verdicts["exit_code"], verdicts["errors"]) == (4, {"server": WHY})
    assert verdicts["status"] == "inconclusive"
    page = (folder / "report.html").read_text("utf-8")
    assert "no disk" in page
    junit = (folder / "junit.xml").read_text("utf-8")
    assert re.search(r'name="not-run on server">\s*<error', junit)
    assert simrt.judge(folder / "runs" / "sim-1.jsonl.gz").status.value == "pass"


def test_what_fails_on_the_simulator_fails(tmp_path, no_server):
    found = checked(tmp_path, expect=["missed_fraction(g) <= 0"])
    assert (found.status.value, found.exit_code) == ("fail", 4)
    assert found.sentence.startswith("Not as intended")


def test_where_no_target_gives_a_run_there_is_nothing_to_judge(tmp_path, no_server):
    scenario = simrt.scenario(lively()).placed("lively", "")
    with pytest.raises(TargetError, match="no disk"):
        simrt.check(scenario, on=("server",), reports=tmp_path)


def test_the_command_line_shows_both(tmp_path, no_server, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "lively.yml").write_text(json.dumps(lively()), "utf-8")
    with pytest.raises(SystemExit) as ended:
        main(["check", "lively.yml", "--runs", "2"])
    assert ended.value.code == 4
    said = capsys.readouterr()
    assert re.search(r"pass +4\. Disconnect and reconnect", said.out)
    assert f"lively on server: {WHY}" in said.err


# --- a machine that is too slow ---------------------------------------------------------------


def test_a_slow_machine_decides_nothing_and_is_no_error(tmp_path, slow_machine):
    found = checked(tmp_path)
    assert (found.status.value, found.exit_code, found.errors) == ("inconclusive", 3, {})
    assert found.items[0].sentence == f"On server: {capital(SLOW)}."
    assert [item.status.value for item in found.items[1:5]] == ["pass"] * 4
    assert json.loads((found.folder / "verdicts.json").read_text("utf-8"))["exit_code"] == 3
    failing = checked(tmp_path, expect=["missed_fraction(g) <= 0"])
    assert (failing.status.value, failing.exit_code) == ("fail", 1)


@pytest.mark.parametrize("verb", ["check", "run", "compare"])
def test_each_verb_ends_with_3_and_says_what_the_machine_can_do(
    verb, tmp_path, slow_machine, capsys, monkeypatch
):
    def record(*_, **__):
        raise OverloadError(SLOW)

    monkeypatch.setattr(simrt.runs, "record", record)
    monkeypatch.setattr(simrt.comparisons, "record", record)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "lively.yml").write_text(json.dumps(lively()), "utf-8")
    arguments = [verb, "lively.yml", "--on", "server"]
    with pytest.raises(SystemExit) as ended:
        main([*arguments, *(["--history", "h.jsonl"] if verb == "run" else [])])
    assert ended.value.code == 3
    said = capsys.readouterr()
    assert SLOW in said.err
    assert f"To repeat it: simrt {verb} lively.yml --on server --seed 1" in said.out


def test_the_command_that_repeats_it_has_the_speed_that_worked(tmp_path, slowed_machine):
    told = []
    scenario = simrt.scenario(lively()).placed("lively", "")
    found = simrt.check(
        scenario, runs=2, reports=tmp_path, progress=lambda *what: told.append(what)
    )
    assert found.slowed == 0.25
    assert found.command.endswith(", seed=1, runs=2, speed=0.25)")
    again = "real server 1 of 1: real time was too fast, again at 0.25"
    assert [share for what, share in told if what == again] == [0.0, 0.25, 0.75, 1.0]


def test_the_command_line_repeats_it_at_that_speed(tmp_path, slowed_machine, capsys, monkeypatch):
    monkeypatch.setattr(simrt.comparisons, "record", simrt.checks.record)
    monkeypatch.setattr(simrt.runs, "record", simrt.checks.record)
    monkeypatch.chdir(tmp_path)
    spec = lively(expect=["missed_fraction(g) <= 0"])
    (tmp_path / "lively.yml").write_text(json.dumps(spec), "utf-8")
    said = {}
    for verb, options in [
        ("check", ["--runs", "2"]),
        ("run", ["--on", "server", "--history", "h.jsonl"]),
    ]:
        with pytest.raises(SystemExit):
            main([verb, "lively.yml", *options])
        lines = capsys.readouterr().out.splitlines()
        said[verb] = lines[-1] if lines[-1].startswith("To repeat") else ""
    assert said["check"] == "To repeat it: simrt check lively.yml --seed 1 --runs 2 --speed 0.25"
    assert said["run"] == (
        "To repeat it: simrt run lively.yml --on server --seed 1 --speed 0.25 --history h.jsonl"
    )
    compared = simrt.compare(tmp_path / "lively.yml", on="server", runs=2)
    assert compared.command.endswith("--on server --seed 1 --runs 2 --speed 0.25")
