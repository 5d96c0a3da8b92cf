"""A stored history is judged as the check judged it, and measured as the run was."""

import os

import pytest

import simrt
from simrt import check, judge, load
from simrt.errors import UsageError
from simrt.runs import simulated_metrics
from tests.targets.small import small

FAILS = "scenarios/questions/stale-news-without-ttl.yml"


def test_a_stored_history_gives_the_verdicts_and_figures_of_its_check(tmp_path):
    found = check(load(FAILS), on=("sim",), runs=2, reports=tmp_path)
    told = {verdict for item in found.items for verdict in item.verdicts}
    stored = sorted((found.folder / "runs").iterdir())
    assert [path.name for path in stored] == [
        "sim-1.jsonl.gz",
        "sim-2.jsonl.gz",  # it failed, too
        "sim-probe-1.jsonl.gz",
    ]
    for path, run in zip(stored, found.runs, strict=False):
        again = judge(path)
        assert again.verdicts == run.verdicts
        # `reached` is asked of all runs together; what the probe answers is not asked of these.
        missing = {verdict.check for verdict in again.verdicts if verdict not in told}
        assert missing <= {"reached", "restart"}
        stale = next(verdict for verdict in again.verdicts if verdict.check == "stale")
        assert stale.status.value == "fail"
        assert again.metrics.to_frame().equals(run.metrics.to_frame())
        live = simulated_metrics(found.scenario, run.seed)
        assert again.metrics.to_frame().equals(live.to_frame())


@pytest.mark.timeout(60)  # a pipe that nobody reads would be opened for ever
@pytest.mark.parametrize("on", ["sim", "app", "server"])
def test_a_history_is_no_pipe_and_no_device(tmp_path, on):
    pipe = tmp_path / "pipe.jsonl"
    os.mkfifo(pipe)
    for path in (pipe, "/dev/null"):
        with pytest.raises(UsageError, match="a pipe or a device; write the name of a file"):
            simrt.run(small(duration="1s"), on, history=path)
