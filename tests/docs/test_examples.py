"""Every example of a document is run: Python, scenarios, commands with what they print.

The blocks of one document share a folder and Python's names, in order, as a reader would type them.
"""

from __future__ import annotations

import doctest
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

import simrt
from tests.docs.blocks import DOCUMENTS, Block, blocks_of
from tests.docs.console import Command, commands_of, missing_line
from tests.docs.rules import ROOT

# `text` is for drawings and for output that no command of ours prints.
LANGUAGES = ("python", "yaml", "console", "text")
_TIME_LIMIT_S = 120


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.stem)
def test_examples_work(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("scenarios").symlink_to(ROOT / "scenarios")  # examples name files as in the repository
    names: dict[str, Any] = {"__name__": "__main__"}
    whole: dict[str, Any] = {}
    for block in blocks_of(path):
        assert block.language in LANGUAGES, f"{block.place}: say what it is, one of {LANGUAGES}"
        if block.language == "python":
            _run_python(block, names)
        elif block.language == "yaml":
            whole = whole or YAML(typ="safe").load(block.text)
            _load(block, whole if block.remark == "part" else {})
        elif block.language == "console":
            for command in commands_of(block.text):
                _run_command(command, block.place)


def _run_python(block: Block, names: dict[str, Any]) -> None:
    if ">>> " not in block.text:
        exec(compile(block.text, block.place, "exec"), names)
        return
    test = doctest.DocTestParser().get_doctest(block.text, names, block.place, block.place, 0)
    told: list[str] = []
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    runner.run(test, out=told.append, clear_globs=False)
    names.update(test.globs)
    assert runner.failures == 0, "".join(told)


def _load(block: Block, whole: dict[str, Any]) -> None:
    file = Path(f"{block.place.replace('/', '-').replace(':', '-')}.yml")
    text = block.text
    if whole:
        data = _over(whole, YAML(typ="safe").load(text))
        text = json.dumps(data, default=lambda moment: moment.isoformat())
    file.write_text(text, "utf-8")
    simrt.load(file)


def _over(whole: Any, part: Any) -> Any:
    """A file with a part of it written anew; lists and values are replaced as they stand."""
    if not isinstance(whole, dict) or not isinstance(part, dict):
        return part
    return whole | {key: _over(whole.get(key), value) for key, value in part.items()}


def _run_command(command: Command, place: str) -> None:
    if command.reason:
        return
    words = command.words
    assert words[0] == "simrt", f"{place}: tests run simrt alone; say behind # not run: why"
    done = subprocess.run(
        [sys.executable, "-c", "from simrt.cli import main; main()", *words[1:]],
        capture_output=True,
        text=True,
        check=False,
        timeout=_TIME_LIMIT_S,
        env={**os.environ, "COLUMNS": "80"},
    )
    printed = done.stdout + done.stderr
    assert done.returncode == command.exit_code, f"{place}: {command.line}\n{printed}"
    missing = missing_line(command.shown, printed)
    assert missing is None, f"{place}: not printed (in this place): {missing}\n{printed}"


def test_a_check_that_needs_a_real_server_says_the_same_on_the_simulator(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The README's check; all but item 1, which only a real server answers, and the counts."""
    monkeypatch.chdir(tmp_path)
    Path("scenarios").symlink_to(ROOT / "scenarios")
    [shown] = [
        command
        for block in blocks_of(ROOT / "README.md")
        if block.language == "console"
        for command in commands_of(block.text)
        if command.line.startswith("simrt check scenarios/") and command.reason
    ]
    lines = [re.sub(r" \(In all .*", "…", line) for line in shown.shown if " 1. " not in line]
    assert len(lines) >= 6
    command = Command(f"{shown.line} --on sim", "", 0, tuple(lines))
    _run_command(command, "README.md")


def test_a_line_that_is_not_printed_is_noticed() -> None:
    printed = "✓ pass  one: 12 things\n✗ fail  two: bad\n"
    assert missing_line(("✓ pass  one: 7 things", "…", "✗ fail  two…"), printed) is None
    assert missing_line(("✓ pass  two: bad",), printed) == "✓ pass  two: bad"
    assert missing_line(("✗ fail  two: bad", "✓ pass  one: 12 things"), printed) is not None


def test_a_wrong_example_is_noticed() -> None:
    with pytest.raises(AssertionError, match="Expected"):
        _run_python(Block("here:1", "python", ">>> 1 + 1\n3\n"), {})
    with pytest.raises(ZeroDivisionError):
        _run_python(Block("here:1", "python", "1 / 0\n"), {})


def test_commands_are_read_with_their_remarks() -> None:
    text = "$ simrt check x  # not run: long\nline\n$ simrt check y  # exit: 2\n"
    first, second = commands_of(text)
    assert (first.line, first.reason, first.shown) == ("simrt check x", "long", ("line",))
    assert (second.words, second.exit_code) == (["simrt", "check", "y"], 2)
