"""The command line as a user meets it: exit codes, clear errors, nothing lost."""

import json
import os
import re
import resource
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.targets.small import small

ROOT = Path(__file__).parents[1]
SIMRT = [sys.executable, "-c", "from simrt.cli import main; main()"]


def simrt(*arguments, **options):
    """Run `simrt` in a process; its exit code, output and complaints."""
    return subprocess.run(
        [*SIMRT, *map(str, arguments)],
        capture_output=True,
        check=False,
        text=True,
        cwd=ROOT,
        **options,
    )


@pytest.fixture
def scenario(tmp_path):
    """Write a small scenario; keyword arguments change it."""

    def write(name="feature.yml", **changes):
        more = changes.pop("more", {})
        data = small(duration="20s", **changes).normalised()
        event = data["feature"]["events"]["e"]
        event |= {"additionalProperties": False, "properties": {"n": {"type": "string"}}}
        data["feature"]["stream"]["replay"] = {"lastN": 1, "maxAge": "none"}
        data |= more
        path = tmp_path / name
        path.write_text(json.dumps(data), "utf-8")  # JSON is YAML
        return path

    return write


@pytest.fixture
def lively(scenario):
    """One that passes: it disconnects, restarts, and everybody comes back."""
    faults = [
        {"at": "5s", "disconnect": "g", "for": "1s"},
        {"at": "10s", "restart": "server", "for": "1s"},
    ]
    return lambda **more: scenario(more={"faults": faults} | more)


def test_help_teaches_and_imports_nothing_heavy():
    code = (
        "import sys; sys.argv = ['simrt', '--help']\n"
        "from simrt.cli import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "heavy = {'pandas', 'matplotlib', 'scipy', 'simpy', 'numpy', 'pydantic', 'asyncio'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False, text=True)
    assert done.stdout.strip().endswith("[]"), done.stdout
    for verb in ("check", "run", "judge", "schema"):
        assert verb in done.stdout
    assert "130 interrupted" in done.stdout


@pytest.mark.parametrize("verb", ["check", "run", "judge", "schema"])
def test_each_verb_has_help_with_an_example(verb):
    done = simrt(verb, "--help")
    assert done.returncode == 0
    assert f"simrt {verb}" in done.stdout


def test_a_check_that_passes_ends_with_0_and_leaves_its_files(lively, tmp_path):
    done = simrt("check", lively(), "--on", "sim", "--runs", 2, "--reports", tmp_path / "out")
    assert done.returncode == 0, done.stdout + done.stderr
    first, *progress = done.stderr.splitlines()
    assert first.startswith("simrt: 2 runs on sim: about ")
    assert all(line.startswith("simrt: 1 scenario: ") for line in progress)
    assert "\x1b" not in done.stdout  # no colours where there is no terminal
    assert done.stdout.splitlines()[0].startswith("✓ pass")
    assert done.stdout.splitlines()[-1] == f"Report: {tmp_path / 'out' / 'index.html'}"
    (folder,) = (tmp_path / "out" / "feature").iterdir()
    names = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert names == {
        "report.html",
        "verdicts.json",
        "metrics.csv",
        "junit.xml",
        "scenario.yml",
        "environment.json",
        "runs/sim-1.jsonl.gz",
    }


def test_a_check_that_fails_ends_with_1_and_says_last_how_to_repeat_it(lively, tmp_path):
    path = lively(expect=["received(g) <= 0"])
    out = tmp_path / "out"
    done = simrt("check", path, "--on", "sim", "--runs", 2, "--reports", out)
    assert done.returncode == 1
    last = done.stdout.splitlines()[-1]
    assert last.startswith("To repeat it: simrt check ")
    again = simrt(*last.removeprefix("To repeat it: simrt ").split(), "--reports", out)
    assert again.returncode == 1


def test_what_cannot_be_decided_ends_with_3(lively, tmp_path):
    path = lively(expect=["reached(drop-newest)"])
    done = simrt("check", path, "--on", "sim", "--runs", 1, "--reports", tmp_path)
    assert done.returncode == 3


def test_a_declared_counterexample_passes_when_exactly_that_fails(lively, tmp_path):
    text = "received(g) <= 0"
    path = lively(expect=[text], outcome={"fail": [text]})
    done = simrt("check", path, "--on", "sim", "--runs", 1, "--reports", tmp_path)
    assert done.returncode == 0
    path = lively(expect=["received(g) >= 1"], outcome={"fail": ["received(g) >= 1"]})
    done = simrt("check", path, "--on", "sim", "--runs", 1, "--reports", tmp_path)
    assert done.returncode == 1


def test_what_programs_read(lively, tmp_path):
    failing = lively(expect=["received(g) <= 0"])
    command = ("check", failing, "--on", "sim", "--runs", 1, "--reports", tmp_path)
    done = simrt(*command, "--json", env={**os.environ, "GITHUB_ACTIONS": ""})
    said = json.loads(done.stdout)
    assert (done.returncode, said["exit_code"]) == (1, 1)
    assert said["checks"][0]["status"] == "fail"
    noted = simrt(*command, env={**os.environ, "GITHUB_ACTIONS": "true"})
    lines = [line for line in noted.stdout.splitlines() if line.startswith("::")]
    assert len(lines) == 1
    assert lines[0].startswith(f"::error file={failing},title=feature%3A 3. Replay%2C TTL")


def test_one_scenario_against_another_gives_a_page_with_both(scenario, tmp_path):
    faults = [{"at": "5s", "stall": "g", "for": "10s"}]
    options = {"bufferSize": 2, "messageTTL": "none"}
    oldest, newest = (
        scenario(
            f"{policy}.yml",
            window=1,
            options=options | {"onFull": policy},
            more={"title": f"<b>{policy}</b>", "faults": faults},
        )
        for policy in ("drop-oldest", "drop-newest")
    )
    command = ("check", oldest, "--on", "sim", "--runs", 2, "--reports", tmp_path / "out")
    done = simrt(*command, "--against", newest)
    assert done.returncode == 0, done.stdout + done.stderr
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("Side by side: ")]
    written = Path(line.removeprefix("Side by side: "))
    assert written.parent.parent.name == "drop-oldest"  # beside the one that was checked
    page = written.read_text("utf-8")
    assert f"simrt check {oldest} --on sim --seed 1 --runs 2 --against {newest}" in page.replace(
        "<wbr>", ""
    )
    assert "&lt;b&gt;drop-oldest&lt;/b&gt; against" in page
    assert "<b>drop" not in page
    assert page.count("<svg ") >= 6
    # The stalled client misses 8 of 19 sends under either policy: the change is nothing.
    assert "full buffer refused them" in page
    wrong = simrt("check", oldest, newest, "--on", "sim", "--against", newest)
    assert wrong.returncode == 2
    assert "one scenario against one other" in wrong.stderr


def test_quiet_says_nothing_of_what_passes(lively, tmp_path):
    command = ("check", lively(), "--on", "sim", "--runs", 1, "--reports", tmp_path, "--quiet")
    done = simrt(*command)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_time_limit_ends_a_check(scenario, tmp_path):
    long = scenario(publish=[{"event": "e", "arrivals": {"poisson": "5000/s"}}], count=100)
    command = ("check", long, "--on", "sim", "--runs", 1, "--reports", tmp_path)
    done = simrt(*command, "--time-limit", 3)
    assert done.returncode == 4
    assert "simrt: feature: Not done within the time limit of 3 s: of its runs" in done.stderr
    assert "simrt: not done within the time limit of 3 s" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["check", "missing.yml"], "missing.yml"),
        (["check", "docs"], "no scenario"),
        (["check", "--on", "mars", "scenarios"], "write sim or app or server"),
        (["check", "--runs", "0", "scenarios"], "--runs"),
        (["run", "missing.yml", "--history", "h.jsonl"], "missing.yml"),
        (["judge", "missing.jsonl"], "missing.jsonl"),
        (["judge", "README.md"], "not the header of a simrt history"),
        (["chekc"], "No such command"),
        (["run"], "Missing"),
    ],
)
def test_wrong_usage_ends_with_2_and_says_what(arguments, words):
    done = simrt(*arguments)
    assert done.returncode == 2, done.stdout + done.stderr
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_all_mistakes_of_all_files_are_told_before_anything_runs(scenario, tmp_path):
    scenario("a.yml", more={"titel": "A"})
    scenario("b.yml", more={"server": {"heartbeet": "1s"}})
    out = tmp_path / "out"
    done = simrt("check", tmp_path, "--reports", out)
    assert done.returncode == 2
    assert "did you mean title" in done.stderr
    assert "did you mean heartbeat" in done.stderr
    assert not out.exists()


def test_a_history_goes_to_a_folder_that_exists(lively, tmp_path):
    done = simrt("run", lively(), "--history", tmp_path / "no" / "h.jsonl")
    assert done.returncode == 2
    assert "write one that exists" in done.stderr


def test_a_history_is_a_file(lively, tmp_path):
    done = simrt("run", lively(), "--history", tmp_path)
    assert done.returncode == 2
    assert "a folder; write the name of a file" in done.stderr


def test_reports_go_where_a_folder_can_be_made(lively, tmp_path):
    (tmp_path / "taken").write_text("a file", "utf-8")
    done = simrt("check", lively(), "--on", "sim", "--reports", tmp_path / "taken")
    assert done.returncode == 2
    assert "name another folder for the reports" in done.stderr


def test_a_full_disk_is_no_error_of_ours(lively, tmp_path):
    def limited():
        """No file of this process may have more bytes: as on a full disk, a write fails."""
        resource.setrlimit(resource.RLIMIT_FSIZE, (2_000, 2_000))

    quiet = {key: value for key, value in os.environ.items() if key != "SIMRT_DEBUG"}
    done = simrt("run", lively(), "--history", tmp_path / "h.jsonl", env=quiet, preexec_fn=limited)
    assert done.returncode == 4
    assert "File too large" in done.stderr
    assert "error of simrt itself" not in done.stderr


def test_an_output_without_signs_costs_no_verdict(lively, tmp_path):
    ascii_only = {**os.environ, "PYTHONIOENCODING": "ascii", "LC_ALL": "C"}
    done = simrt("run", lively(), "--history", tmp_path / "h.jsonl", env=ascii_only)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("? pass")


def test_what_repeats_it_can_be_pasted(scenario, tmp_path):
    wrong = scenario("two words.yml", more={"expect": ["received(all) <= 0"]})
    out = tmp_path / "r"
    once = ("--on", "sim", "--runs", 1, "--speed", 4)
    done = simrt("check", wrong, *once, "--reports", out)
    assert done.returncode == 1, done.stdout + done.stderr
    last = shlex.split(done.stdout.splitlines()[-1].partition(": ")[2])
    assert last[:3] == ["simrt", "check", str(wrong)]
    assert last[-2:] == ["--speed", "4"]
    told = json.loads(next(out.glob("*/*/verdicts.json")).read_text("utf-8"))
    assert str(wrong) in shlex.split(told["command"])


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (lambda text: text.replace('"scenario":{', '"scenario":{"bogus":1,', 1), "no scenario of"),
        (lambda text: text + '{"t_ns":1' + "0" * 30 + ',"kind":"take"}\n', "not a row"),
        (lambda text: text + '{"t_ns":"1","kind":"take"}\n', "not a row"),
    ],
)
def test_a_spoilt_history_is_a_wrong_file(spoil, told, lively, tmp_path):
    path = tmp_path / "h.jsonl"
    assert simrt("run", lively(), "--history", path).returncode == 0
    path.write_text(spoil(path.read_text("utf-8")), "utf-8")
    done = simrt("judge", path)
    assert done.returncode == 2
    assert told in done.stderr
    assert f"{path}:" in done.stderr


def test_a_damaged_history_is_a_wrong_file(lively, tmp_path):
    path = tmp_path / "h.jsonl.gz"
    assert simrt("run", lively(), "--history", path).returncode == 0
    whole = path.read_bytes()
    path.write_bytes(whole[:-8] + b"\0" * 8)  # the check sum at its end
    done = simrt("judge", path)
    assert done.returncode == 2
    assert "damaged" in done.stderr


def test_a_path_may_be_text(lively, tmp_path):
    import simrt as package

    path = tmp_path / "h.jsonl"
    assert simrt("run", lively(), "--history", path).returncode == 0
    assert package.read_history(str(path)).header == package.read_history(path).header


def test_a_stored_history_gets_the_same_verdicts(lively, tmp_path):
    path = tmp_path / "h.jsonl.gz"
    ran = simrt("run", lively(), "--seed", 3, "--history", path)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    judged = simrt("judge", path)
    assert judged.returncode == 0
    assert judged.stdout.splitlines() == ran.stdout.splitlines()[: len(judged.stdout.splitlines())]


# As on a terminal, also where whoever runs the tests ignores Ctrl-C (nohup does).
HEARS_CTRL_C = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"


def test_ctrl_c_keeps_what_was_recorded(scenario, tmp_path):
    slow = scenario(publish=[{"event": "e", "arrivals": {"poisson": "2000/s"}}], count=50)
    path = tmp_path / "h.jsonl"
    with subprocess.Popen(
        [*SIMRT[:2], f"{HEARS_CTRL_C}; {SIMRT[2]}", "run", str(slow), "--history", str(path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as running:
        try:
            while not (path.exists() and path.stat().st_size > 100_000):
                assert running.poll() is None, running.communicate()
                time.sleep(0.01)
            running.send_signal(signal.SIGINT)
            _, complaints = running.communicate(timeout=60)
        finally:
            running.kill()
    assert running.returncode == 130
    assert f"kept in {path}" in complaints
    assert "interrupted; what was recorded is kept" in complaints
    assert "Traceback" not in complaints
    judged = simrt("judge", path)
    assert judged.returncode == 3  # cut short: nothing false, not everything known
    assert "Traceback" not in judged.stderr


def test_ctrl_c_in_a_check_judges_what_has_ended(scenario, tmp_path):
    slow = scenario(publish=[{"event": "e", "arrivals": {"poisson": "50/s"}}], count=5)
    reports = tmp_path / "kept"
    check = ["check", str(slow), "--on", "sim", "--runs", "300", "--reports", str(reports)]
    with subprocess.Popen(
        [*SIMRT[:2], f"{HEARS_CTRL_C}; {SIMRT[2]}", *check],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as running:
        try:
            while not any(reports.glob("*/*/runs/sim-1.jsonl.gz")):
                assert running.poll() is None, running.communicate()
                time.sleep(0.01)
            time.sleep(1)  # the first run has ended, and is on its way to its parent
            running.send_signal(signal.SIGINT)
            said, complaints = running.communicate(timeout=120)
        finally:
            running.kill()
    assert running.returncode == 130
    assert "interrupted; what had ended by then is judged" in complaints
    assert "Interrupted: of its runs ended" in said
    assert "Traceback" not in complaints
    assert list(reports.glob("*/*/report.html"))


def test_quiet_says_nothing_of_what_passed(scenario):
    wrong = scenario(more={"expect": ["missed_fraction(g) >= 1"]})
    done = simrt("check", wrong, "--on", "sim", "--runs", 2, "-q")
    assert done.returncode == 1
    assert "✓ pass" not in done.stdout
    assert "✗ fail" in done.stdout


def test_a_check_says_first_what_it_will_run_and_how_long_that_takes(scenario):
    done = simrt("check", scenario(), "--on", "sim", "--runs", 2)
    assert re.search(r"^simrt: 2 runs on sim: about \d", done.stderr)
    assert "runs on sim: about" not in done.stdout


def test_an_error_of_our_own_is_one_line(lively, tmp_path):
    code = (
        "import simrt.targets.sim as sim\n"
        "def broken(*a, **k): raise ZeroDivisionError('oops')\n"
        "sim.run = broken\n"
        f"from simrt.cli import main; main(['run', {str(lively())!r}, '--history', "
        f"{str(tmp_path / 'h.jsonl')!r}])"
    )
    quiet = {key: value for key, value in os.environ.items() if key != "SIMRT_DEBUG"}
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        check=False,
        text=True,
        cwd=ROOT,
        env=quiet,
    )
    assert done.returncode == 4
    assert "an error of simrt itself: ZeroDivisionError: oops" in done.stderr
    assert "Traceback" not in done.stderr
    loud = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        check=False,
        text=True,
        cwd=ROOT,
        env={**quiet, "SIMRT_DEBUG": "1"},
    )
    assert "Traceback" in loud.stderr


def test_a_reader_that_leaves_is_no_error(tmp_path):
    done = subprocess.run(
        f"{sys.executable} -c 'from simrt.cli import main; main()' schema | head -n 1",
        shell=True,
        capture_output=True,
        check=False,
        text=True,
        cwd=ROOT,
    )
    assert done.stdout == "{\n"
    assert done.stderr == ""


def test_a_reader_that_leaves_is_no_failed_verdict(lively, tmp_path):
    line = f"{sys.executable} -c 'from simrt.cli import main; main()' run {lively()}"
    done = subprocess.run(
        ["bash", "-c", f"{line} --history {tmp_path / 'h'} | true; echo ${{PIPESTATUS[0]}}"],
        capture_output=True,
        check=False,
        text=True,
        cwd=ROOT,
    )
    assert done.stdout == "4\n"
    assert all(line.endswith("%") for line in done.stderr.splitlines())  # only progress


def test_the_schema_is_json():
    assert json.loads(simrt("schema").stdout)["title"] == "simrt scenario"


def test_the_version_is_that_of_the_package():
    from importlib.metadata import version

    assert simrt("--version").stdout.strip() == f"simrt {version('simrt')}"


def test_public_names_are_what_they_say():
    import simrt as package

    for name in package.__all__:
        assert getattr(package, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = package.nothing
