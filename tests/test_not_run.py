"""A target that gives no run: what the others say is judged and kept, and everything says so."""

import json
import re

import pytest

import simrt.checks
from simrt.cli import main
from simrt.errors import TargetError
from tests.test_limit import lively

WHY = "the run could not keep up: one was 0.3 s late: run it slower than --speed 60"


@pytest.fixture
def slow_machine(monkeypatch):
    """No real server keeps up."""

    def play_all(_work, jobs, _tell):
        for job in jobs:
            yield job, TargetError(WHY)

    monkeypatch.setattr(simrt.checks, "play_all", play_all)


def checked(folder, **options):
    scenario = simrt.scenario(lively(**options)).placed("lively", "")
    return simrt.check(scenario, runs=2, reports=folder)


def test_what_the_simulator_judged_is_kept(tmp_path, slow_machine):
    found = checked(tmp_path)
    assert found.errors == {"server": WHY}
    assert found.exit_code == 4
    # Only a real server answers the first; the simulator answers the others.
    told = [item.status.value for item in found.items]
    assert told == ["inconclusive", "pass", "pass", "pass", "pass", "not-applicable"]
    assert found.items[0].sentence.startswith("On server: The run could not keep up")
    assert "2 runs on sim" in found.items[3].sentence
    assert "--speed 60" in found.sentence
    assert found.seeds == {"sim": (1, 2)}
    assert not found.cut_short


def test_it_is_written(tmp_path, slow_machine):
    folder = checked(tmp_path).folder
    verdicts = json.loads((folder / "verdicts.json").read_text("utf-8"))
    assert (verdicts["exit_code"], verdicts["errors"]) == (4, {"server": WHY})
    assert verdicts["status"] == "inconclusive"
    page = (folder / "report.html").read_text("utf-8")
    assert "could not keep up" in page
    junit = (folder / "junit.xml").read_text("utf-8")
    assert re.search(r'name="not-run on server">\s*<error', junit)
    assert simrt.judge(folder / "runs" / "sim-1.jsonl.gz").status.value == "pass"


def test_what_fails_on_the_simulator_fails(tmp_path, slow_machine):
    found = checked(tmp_path, expect=["missed_fraction(g) <= 0"])
    assert (found.status.value, found.exit_code) == ("fail", 4)
    assert found.sentence.startswith("Not as intended")


def test_where_no_target_gives_a_run_there_is_nothing_to_judge(tmp_path, slow_machine):
    scenario = simrt.scenario(lively()).placed("lively", "")
    with pytest.raises(TargetError, match="could not keep up"):
        simrt.check(scenario, on=("server",), reports=tmp_path)


def test_the_command_line_shows_both(tmp_path, slow_machine, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "lively.yml").write_text(json.dumps(lively()), "utf-8")
    with pytest.raises(SystemExit) as ended:
        main(["check", "lively.yml", "--runs", "2"])
    assert ended.value.code == 4
    said = capsys.readouterr()
    assert re.search(r"pass +4\. Disconnect and reconnect", said.out)
    assert "lively on server: the run could not keep up" in said.err
    assert "--speed 60" in said.err
