"""Jobs in processes: results, errors, deaths, and an end that leaves nothing behind."""

import os
import signal
import time
from pathlib import Path

import pytest

from simrt.errors import TargetError
from simrt.workers import _Player, play_all, simulate_all


def double(job, tell):
    tell(0.5)
    return 2 * job


def refuse_odd(job, tell):
    if job % 2:
        raise TargetError(f"no {job}")
    return job


def die_at_two(job, tell):
    if job == 2:
        os._exit(3)
    return job


def say_who_and_wait(job, tell):
    if job == "quick":
        return 1
    Path(job).write_text(str(os.getpid()))
    time.sleep(600)
    return 2


def results(found):
    return {job: result if isinstance(result, int) else str(result) for job, result in found}


@pytest.mark.parametrize("jobs", [[], [1], [1, 2, 3, 4, 5]])
def test_every_job_is_done_once(jobs):
    wanted = {job: 2 * job for job in jobs}
    assert results(simulate_all(double, jobs)) == wanted
    told = []
    assert results(play_all(double, jobs, lambda job, share: told.append((job, share)))) == wanted
    assert sorted(told) == [(job, 0.5) for job in jobs]


def test_an_error_of_one_job_leaves_the_others_alone():
    assert results(play_all(refuse_odd, [1, 2, 3, 4], lambda *_: None)) == {
        1: "no 1",
        2: 2,
        3: "no 3",
        4: 4,
    }


@pytest.mark.parametrize(
    "run", [simulate_all, lambda work, jobs: play_all(work, jobs, lambda *_: None)]
)
def test_a_process_that_dies_is_an_error_and_no_job_is_forgotten(run):
    found = results(run(die_at_two, [1, 2, 3, 4]))
    assert set(found) == {1, 2, 3, 4}
    assert "died without a word" in found[2]
    assert found[1] == 1
    assert found[3] == 3


@pytest.mark.parametrize(
    "run", [simulate_all, lambda work, jobs: play_all(work, jobs, lambda *_: None)]
)
def test_who_stops_early_leaves_no_process(run, tmp_path):
    waiting = [str(tmp_path / name) for name in "ab"]
    playing = run(say_who_and_wait, ["quick", *waiting])
    assert next(playing) == ("quick", 1)
    while not all(Path(job).exists() and Path(job).read_text() for job in waiting):
        time.sleep(0.01)
    playing.close()
    for job in waiting:
        assert not Path(f"/proc/{Path(job).read_text()}").exists()


def test_ctrl_c_ends_a_process_without_a_word_even_while_it_starts(capfd):
    player = _Player(double, [1], range(1))
    os.kill(player.process.pid, signal.SIGINT)
    assert player.process.wait() == 0
    player.pipe.close()
    assert capfd.readouterr().err == ""
