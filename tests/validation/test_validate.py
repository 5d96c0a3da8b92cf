"""`simrt validate`: a fast part of the cases, its words, its exit codes, its repeatability."""

import json
import math

import pytest

from simrt.cli import main
from simrt.validation import MOST_Z, SHIPPED, Finding, jobs_of, plan, read_cases, simulate, validate
from simrt.validation import estimate as estimated
from simrt.validation.text import heading, last_line, line
from simrt.validation.validate import warm_up

CASES = {case.id: case for case in read_cases(SHIPPED)}

# One of each kind of model, at a twentieth of the sends; all cases: make validate.
FAST = (
    "mm1-b8-newest-loss", "mm1-b8-newest-pending", "mm1-b4-oldest-latency",
    "mm1-b8-oldest-peak-aoi", "mm1-b4-oldest-p95-latency", "dm1-b4-oldest-loss",
    "mxm1-b7-newest-loss", "mh2-b5-oldest-aoi", "mm1-b1-oldest-ttl-aoi",
    "mm1-b1-newest-ttl-expired", "lastn6-const-gap", "ring6-const-resume-replayed",
    "lastn8-maxage5-const-dup", "aoi-outage-no-replay",
)  # fmt: skip
SENDS = 5_000


def found(case, sends=SENDS, seed=1):
    made = plan(case, sends, seed)
    return estimated(made, [simulate(job) for job in jobs_of(made)])


@pytest.mark.parametrize("name", FAST)
def test_the_simulator_agrees_with_theory(name):
    finding = found(CASES[name])
    assert abs(finding.z) < MOST_Z, f"{finding.estimate} +- {finding.standard_error}"
    assert finding.sends >= SENDS
    assert finding.case.model.outages is None or finding.outages >= SENDS / 10
    # A standard error that is too large would hide everything.
    assert 0 < finding.standard_error < 0.15 * finding.case.expected


def test_the_same_seed_gives_the_same_figures_and_another_others():
    case = CASES["mm1-b1-newest-aoi"]
    one, same, other = (found(case, 1000, seed) for seed in (1, 1, 2))
    assert (one.estimate, one.standard_error) == (same.estimate, same.standard_error)
    assert one.estimate != other.estimate
    (parallel,) = validate([plan(case, 1000, 1)])
    assert parallel.estimate == one.estimate


def test_each_case_and_run_has_its_own_seed():
    seeds = [seed for case in CASES.values() for seed in plan(case).seeds]
    assert len(set(seeds)) == len(seeds) == 4 * 37


def test_enough_is_simulated_and_the_warm_up_is_long():
    for case in CASES.values():
        made, model = plan(case), case.model
        measured_s = made.measured_ns * len(made.seeds) / 1e9
        assert measured_s * model.sends.messages_per_s >= 100_000
        if model.outages is not None:
            assert measured_s / (model.outages.up.mean_s + model.outages.down.mean_s) >= 10_000
            assert warm_up(model) * model.sends.messages_per_s > model.buffer_size
        assert made.warm_up_ns / 1e9 >= 100 / model.sends.messages_per_s


def test_batches_are_long_against_the_memory_of_the_queue():
    slow = CASES["mm1-b8-newest-loss"]
    assert [plan(slow, sends).batches for sends in (100_000, 8_000, 1_000)] == [15, 7, 5]
    assert {plan(case).batches for case in CASES.values()} == {15}


def finding(estimate, error, expected=2.0):
    case = CASES["mm1-inf-aoi"]
    changed = type(case)(case.id, case.quantity, case.model, expected)
    return Finding(changed, estimate, error, 10, 0, 4, 60, 1.0)


def test_z_is_the_distance_in_standard_errors():
    assert finding(2.3, 0.1).z == pytest.approx(3.0)
    assert finding(2.3, 0.1).passed
    assert finding(1.6, 0.1).z == pytest.approx(-4.0)
    assert not finding(1.5999, 0.1).passed
    assert not finding(2.4001, 0.1).passed
    assert finding(None, math.nan).z == math.inf
    assert finding(2.0, 0.0).passed
    assert not finding(2.1, 0.0).passed


def test_what_is_printed():
    good, bad, none = finding(2.05, 0.1), finding(2.5, 0.1), finding(None, math.nan)
    assert heading(14).split() == [
        "case", "expected", "estimate", "standard", "error", "z", "runs", "time",
    ]  # fmt: skip
    assert line(good, 14).split() == ["mm1-inf-aoi", "2", "2.05", "0.1", "+0.50", "4", "1.0", "s"]
    assert line(bad, 14).endswith("FAIL")
    assert "undefined" in line(none, 14)
    assert last_line([good, good], "x") == "2 passed, 0 failed (|z| of 4 or more)"
    assert last_line([good, bad], "simrt validate") == (
        "1 passed, 1 failed (|z| of 4 or more); to repeat: simrt validate --only mm1-inf-aoi"
    )


def run(capsys, *arguments):
    with pytest.raises(SystemExit) as ended:
        main(["validate", *map(str, arguments)])
    said = capsys.readouterr()
    return ended.value.code, said.out.splitlines(), said.err


def write(folder, **changes):
    data = json.loads(SHIPPED.read_text("utf-8"))
    data["cases"] = [data["cases"][0] | {"id": "one"} | changes]
    path = folder / "cases.json"
    path.write_text(json.dumps(data))
    return path


def test_a_file_of_good_cases_ends_with_0(tmp_path, capsys):
    code, out, err = run(capsys, write(tmp_path), "--sends", 1000)
    assert (code, err) == (0, "")
    assert out[1].split()[0] == "one"
    assert out[-1].startswith("1 passed, 0 failed")


def test_a_wrong_value_ends_with_1_and_says_how_to_repeat_it(tmp_path, capsys):
    path = write(tmp_path, expected=0.2)
    code, out, _ = run(capsys, path, "--sends", 1000, "--seed", 7)
    assert code == 1
    assert out[1].endswith("FAIL")
    assert out[-1].startswith("0 passed, 1 failed")
    assert out[-1].endswith(f"simrt validate {path} --sends 1000 --seed 7 --only one")


def test_a_bad_file_ends_with_2_before_anything_runs(tmp_path, capsys):
    code, out, err = run(capsys, write(tmp_path, quantity="x"))
    assert (code, out) == (2, [])
    assert "cases[0] (one): quantity" in err
    assert run(capsys, tmp_path / "none.json")[0] == 2
    assert run(capsys, "--only", "no-such-case")[0] == 2
    assert run(capsys, "--sends", 10)[0] == 2


def test_a_model_that_the_simulator_does_not_take_is_named(tmp_path, capsys):
    data = json.loads(SHIPPED.read_text("utf-8"))["cases"][0]
    data["model"]["publish"]["rate"] = 1e9
    code, out, err = run(capsys, write(tmp_path, model=data["model"]))
    assert (code, out) == (2, [])
    assert "one: the simulator does not take this model" in err
