"""A detail that cannot be computed with is refused where it is read: line, key, what may stand."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from simrt.errors import HistoryError
from simrt.history import read_history
from simrt.runs import judge
from tests.checkers.histories import newest


@pytest.mark.parametrize(
    ("kind", "key", "wrong", "says"),
    [
        ("replay", "first", "x", 'found "x"; allowed: a whole number, 0 or more'),
        ("replay", "last_n", -1, "a whole number, 0 or more; or null"),
        ("close", "pending", [1, "a"], "a list of whole numbers, 0 or more"),
        ("close", "fates", {"taken": None}, "an object of whole numbers, 0 or more"),
        ("fault", "index", True, "found true"),
    ],
)
def test_line_and_key_are_named(kind, key, wrong, says, tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    newest().save(path)
    lines = path.read_text("utf-8").splitlines()
    at = next(
        n
        for n, line in enumerate(lines)
        if n and json.loads(line)["kind"] == kind and key in json.loads(line).get("detail", {})
    )
    row = json.loads(lines[at])
    row["detail"][key] = wrong
    lines[at] = json.dumps(row)
    path.write_text("\n".join(lines) + "\n", "utf-8")
    with pytest.raises(HistoryError) as caught:
        judge(read_history(path))
    assert str(caught.value).startswith(f"{path}:{at + 1}: not a row: {kind}: detail.{key}: ")
    assert says in str(caught.value)


def test_a_range_without_its_begin_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    newest().save(path)
    path.write_text(path.read_text("utf-8").replace('"first":5,', ""), "utf-8")
    with pytest.raises(HistoryError, match=r"replay: detail\.first: missing"):
        judge(read_history(path))
