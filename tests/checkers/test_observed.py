"""What one run shows of each line of `expect`: never green where a line is not kept."""

import pytest

import simrt
from simrt.checkers.observed import OVER_RUNS, observe_expectations
from simrt.checkers.verdict import Status
from simrt.cli import main
from simrt.report.text import run_lines
from tests.metrics.tales import scenario
from tests.metrics.test_expectations import a_run
from tests.targets.small import small


def expecting(*lines):
    """Every second an event for 10 s; the client cannot keep up and its buffer holds 1."""
    data = small(
        subscribers={"a": {"drain": "3s", "window": 1}},
        publish=[{"event": "e", "arrivals": {"periodic": "1/s"}}],
        options={"bufferSize": 1, "onFull": "drop-oldest", "messageTTL": "none"},
        replay={"lastN": 0, "maxAge": "none"},
    ).normalised()
    data["feature"]["events"]["e"] |= {
        "additionalProperties": False,
        "properties": {"n": {"type": "string"}},
    }
    return simrt.scenario(data | {"expect": list(lines)})


def observed(line):
    run = simrt.run(expecting(line))
    (verdict,) = run.expected
    assert (verdict.target, verdict.seed) == ("sim", 1)
    return run, verdict


@pytest.mark.parametrize(
    "line",
    [
        "missed(a) >= 1",
        "missed_fraction(a) <= 0.99",
        "p90(latency_s, a) <= 60",
        "reached(drop-oldest)",
        "not reached(restart)",
        "not missed(a) == 0 and reached(drop-oldest)",
        "always(missed(a) >= 1)",
        "in 95 % of runs missed(a) >= 1",
    ],
)
def test_a_line_that_the_run_keeps_passes_and_says_in_which_run(line):
    run, verdict = observed(line)
    assert verdict.status is Status.PASS
    assert verdict.sentence.startswith("Kept in this run: ")
    words = ("allowed", "asked for", "was reached")
    parts = line.count("missed") + line.count("latency") + line.count("reached")
    assert sum(verdict.sentence.count(word) for word in words) == parts
    assert run.status is Status.PASS


@pytest.mark.parametrize(
    "line",
    [
        "missed(a) == 0",
        "missed_fraction(a) <= 0",
        "missed_fraction(a) <= 0.01",
        "p90(latency_s, a) <= 0.5",
        "not reached(drop-oldest)",
        "reached(restart)",
        "missed(a) >= 1 and missed(a) <= 1",
        "not missed(a) >= 1",
        "always(missed(a) <= 1)",
        "in 95 % of runs missed(a) <= 1",
    ],
)
def test_a_run_that_does_not_keep_a_line_is_not_green_anywhere(line):
    run, verdict = observed(line)
    assert verdict.status in (Status.FAIL, Status.INCONCLUSIVE)
    assert verdict.sentence.startswith("Not kept in this run: ")
    assert run.status is verdict.status
    for shown in (repr(run), "\n".join(run_lines(run)), run._repr_html_()):
        assert "Not kept in this run: " in shown
    assert run_lines(run)[0].count(run.status.value)


@pytest.mark.parametrize("line", ["missed(a) == 0", "missed_fraction(a) <= 0", "missed(all) <= 0"])
def test_one_run_refutes_a_bound_at_the_edge(line):
    assert observed(line)[1].status is Status.FAIL


def test_what_the_run_cannot_tell_is_inconclusive():
    run, verdict = observed("reconnect_s(a) <= 5")  # no connection ended
    assert verdict.status is Status.INCONCLUSIVE
    assert verdict.sentence.startswith("This run cannot tell: ")
    assert run.status is Status.INCONCLUSIVE


@pytest.mark.parametrize(
    ("line", "status"),
    [("missed() <= 12", Status.INCONCLUSIVE), ("missed() == 11", Status.INCONCLUSIVE),
     ("missed() <= 20", Status.PASS), ("missed() == 20", Status.FAIL)],
)  # fmt: skip
def test_what_is_open_is_said_where_the_run_cannot_tell_because_of_it(line, status):
    """10 are missed, 15 if what is unfinished is missed too."""
    run = a_run(received=85, missed=10, unfinished=5)
    (found,) = observe_expectations(scenario(expect=(line,)), "sim", 1, run, {}, 0)
    assert found.status is status
    untold = "cannot be judged: 5 events still on the way when the run ended" in found.sentence
    assert untold == (line in ("missed() <= 12", "missed() == 11"))
    assert found.sentence.startswith("This run cannot tell") == untold


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("missed() <= 20", "everyone: events missed 10, allowed 20"),
        ("not missed() <= 5", "not wanted: everyone: events missed 10, allowed 5"),
        ("always(missed() <= 20)", "everyone: events missed 10, allowed 20"),
        ("reached(x) and not reached(y)",
         "x was reached 2 times; not wanted: y was reached 0 times"),
        ("in 9 % of runs reached(x)", "x was reached 2 times"),
        ("p90(latency_s) <= 20", "everyone: delay of an event, 90 % point 3 s, allowed 20 s"),
        ("not reached(y) and missed() >= 3",
         "not wanted: y was reached 0 times; everyone: events missed 10, asked for at least 3"),
    ],
)  # fmt: skip
def test_what_one_run_shows_of_each_part_is_told(line, words):
    run = a_run(latencies_s=(3,) * 90)
    (found,) = observe_expectations(scenario(expect=(line,)), "sim", 1, run, {"x": 2}, 0)
    assert found.sentence == f"Kept in this run: {words}."
    assert (found.judged, found.item) == (1, 3)
    assert found.rules == (() if "missed" not in line and "latency" not in line else ("ACC-2",))


def test_of_a_figure_without_a_value_that_is_told():
    scene = scenario(expect=("latency_s() <= 3",))
    (found,) = observe_expectations(scene, "sim", 1, a_run(), {}, 0)
    assert found.sentence == "This run cannot tell: everyone: delay of an event: no value."
    assert found.judged == 0


def test_terminal_and_exit_code_tell_every_line(tmp_path, capsys):
    import json

    path = tmp_path / "s.yml"
    lines = ["missed(a) == 0", "missed_fraction(a) <= 0", "missed(a) >= 1"]
    path.write_text(json.dumps(expecting(*lines).normalised()))
    with pytest.raises(SystemExit) as ended:
        main(["run", str(path), "--history", str(tmp_path / "h.jsonl")])
    assert ended.value.code == 1
    told = capsys.readouterr().out
    assert all(line in told for line in lines)
    assert OVER_RUNS in told
    with pytest.raises(SystemExit) as ended:
        main(["judge", str(tmp_path / "h.jsonl")])
    assert ended.value.code == 1
    again = capsys.readouterr().out
    assert all(line in again for line in lines)
