"""`python -m tests`: parts beside each other, every exit code kept, what matters said last."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.__main__ import Part, parts, run

ROOT = Path(__file__).parents[1]


def part(name, code):
    return Part(name, (sys.executable, "-c", code))


def saying(*lines, code=0):
    return "\n".join(
        [*(f"print({line!r}, flush=True)" for line in lines), f"raise SystemExit({code})"]
    )


GOOD = saying("....   [100%]", "5.1s call slow", "7 passed, 2 skipped in 3.25s")


def test_all_pass_and_the_closing_lines_stand_last(capfd):
    alone = part("alone", saying(".   [100%]", "1 passed in 0.50s"))
    assert run(part("virtual", GOOD), part("real", GOOD), alone) == 0
    said = capfd.readouterr().out.splitlines()
    assert "virtual ....   [100%]" in said
    assert said.count("5.1s call slow") == 2
    assert said[-6:] == [
        "virtual:", "7 passed, 2 skipped in 3.25s",
        "real:", "7 passed, 2 skipped in 3.25s",
        "alone:", "1 passed in 0.50s",
    ]  # fmt: skip


@pytest.mark.parametrize("failing", range(3))
def test_whichever_fails_the_others_end_and_its_code_is_kept(capfd, failing):
    bad = saying("..F.   [100%]", "FAILED tests/x.py", "1 failed, 3 passed in 1.00s", code=1)
    made = [part(name, GOOD) for name in ("virtual", "real", "alone")]
    made[failing] = part(made[failing].name, bad)
    assert run(*made) == 1
    said = capfd.readouterr().out.splitlines()
    assert "FAILED tests/x.py" in said
    assert said[-5::2].count("1 failed, 3 passed in 1.00s") == 1
    assert said[-5::2].count("7 passed, 2 skipped in 3.25s") == 2


def test_what_dies_without_a_word_fails(capfd):
    dead = part("real", "import os; os.abort()")
    assert run(part("virtual", GOOD), dead, part("alone", GOOD)) == -signal.SIGABRT
    assert "no closing line" in capfd.readouterr().out


def test_a_part_without_tests_is_none_to_fail():
    none = saying("no tests ran in 0.01s", code=5)
    assert run(part("virtual", GOOD), part("real", none), part("alone", none)) == 0


def test_each_test_is_in_one_part():
    """Real or not; of the real ones, alone or not; `alone` implies `real`."""
    made = parts(2, [])
    chosen = [one.command[-1] for one in made]
    assert chosen == ["not real", "real and not alone", "alone"]


CTRL_C = """
import sys
from tests.__main__ import Part, heed_sigterm, run
heed_sigterm()
child = "import time, pathlib, sys; pathlib.Path(sys.argv[1]).touch(); time.sleep(600)"
made = [Part(name, (sys.executable, "-c", child, f"{sys.argv[1]}/{name}")) for name in "abc"]
sys.exit(run(*made))
"""


@pytest.mark.parametrize("word", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_ends_all(tmp_path, word):
    started = subprocess.Popen(
        [sys.executable, "-c", CTRL_C, tmp_path],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    while not all((tmp_path / name).exists() for name in "ab"):
        assert started.poll() is None
        time.sleep(0.01)
    started.send_signal(word)
    said, _ = started.communicate()
    assert started.returncode == 130
    assert not (tmp_path / "c").exists()
    assert said.count("KeyboardInterrupt") == 2
    assert said.splitlines()[-2:] == ["c:", "no closing line"]
