"""The table of docs/mutants.md is that of this source; its driver is itself known to work."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from tests.docs.generated import between
from tests.mutants import running
from tests.mutants.document import (
    DOCUMENT,
    LEAST,
    Row,
    rows_of,
    share_of,
    stated,
    survivors_of,
    table_of,
)
from tests.mutants.reasons import (
    Change,
    Reason,
    ReasonError,
    change_of,
    check,
    entry_of,
    read_reasons,
    stale,
)
from tests.mutants.results import MUTATED, Mutant, Verdict, read
from tests.mutants.running import Basis, alone, lay_out, prepare, still_true
from tests.mutants.source import (
    digest_of_tests,
    engine_digests,
    only_added,
    statements_of_tests,
)

TEXT = DOCUMENT.read_text("utf-8")
ROWS, RAN = stated(TEXT)
REASONS = read_reasons()
AGAIN = "docs/mutants.md is old: run make mutants"
CHANGE = Change("errors.py", "shown", "return text", "return None")


def test_every_row_is_true_for_this_engine() -> None:
    now = engine_digests()
    old = sorted({row.file: row.digest for row in ROWS}.items() ^ now.items())
    assert not old, f"{AGAIN} ({', '.join(sorted({file for file, _ in old}))})"


def test_the_tests_that_ran_are_these() -> None:
    assert digest_of_tests(statements_of_tests()) == RAN, f"{AGAIN} (the tests of the engine)"


def test_enough_were_killed_and_every_survivor_has_its_reason() -> None:
    assert sum(row.mutants for row in ROWS) > 1000
    assert all(row.killed + row.survived == row.mutants for row in ROWS)
    assert share_of(ROWS) >= LEAST
    survivors = [reason.change.file for reason in REASONS]
    assert {row.file: row.survived for row in ROWS if row.survived} == {
        file: survivors.count(file) for file in set(survivors)
    }
    assert between(TEXT, "mutants") == table_of(ROWS, RAN)
    assert between(TEXT, "survivors") == survivors_of(REASONS)
    assert between(TEXT, "endless").count("```text") == sum(row.endless for row in ROWS)


def test_every_reason_is_about_a_line_that_stands_there() -> None:
    assert not stale(REASONS), AGAIN
    moved = Reason(Change("errors.py", "shown", "return txt", "return None"), "why")
    elsewhere = Reason(Change("errors.py", "other", "text = repr(value)", "text = None"), "why")
    assert stale([moved, elsewhere]) == [moved.change, elsewhere.change]


@pytest.mark.parametrize(
    ("old", "new", "ages"),
    [
        ("return Receipt(1, 2)", "return Receipt(1, 3)", True),
        ("LIMIT = 7", "LIMIT = 8", True),
        ("@property\n    def", "def", True),
        ("# why", "# wherefore", False),
        ("What it does.", "What it did.", False),
    ],
)
def test_a_digest_sees_all_but_words(tmp_path: Path, old: str, new: str, ages: bool) -> None:
    source = '''LIMIT = 7  # why
class Queue:
    """What it does."""

    @property
    def last(self):
        """What it does."""
        return Receipt(1, 2)
'''
    (tmp_path / "queue.py").write_text(source, "utf-8")
    before = engine_digests(tmp_path)
    assert old in source
    (tmp_path / "queue.py").write_text(source.replace(old, new), "utf-8")
    assert (engine_digests(tmp_path) != before) == ages


def test_what_was_killed_stays_dead_only_while_no_test_went() -> None:
    before = {"test_a.py": ["1", "2"], "test_b.py": ["3"]}
    assert only_added(before, {"test_a.py": ["1", "9", "2"], "test_b.py": ["3"], "c.py": ["4"]})
    assert not only_added(before, {"test_a.py": ["1"], "test_b.py": ["3"]})
    assert not only_added(before, {"test_a.py": ["1", "2"]})


def test_a_survivor_without_a_reason_is_shown_ready_to_be_filled_in(tmp_path: Path) -> None:
    with pytest.raises(ReasonError, match="these survived") as caught:
        check([CHANGE], [])
    file = tmp_path / "survivors.toml"
    entry = str(caught.value).split("\n\n", 1)[1]
    file.write_text(entry, "utf-8")
    with pytest.raises(ReasonError, match=r"has \['file', 'function', 'new', 'old', 'why'\]"):
        read_reasons(file)  # nobody has written why
    file.write_text(entry.replace("why = ''", "why = 'It is the same.'"), "utf-8")
    assert read_reasons(file) == (Reason(CHANGE, "It is the same."),)
    check([CHANGE], read_reasons(file))
    file.write_text(file.read_text("utf-8") * 2, "utf-8")
    with pytest.raises(ReasonError, match="there twice"):
        read_reasons(file)


def test_a_reason_without_a_survivor_is_refused() -> None:
    with pytest.raises(ReasonError, match=r"killed by now.*\n.*return None"):
        check([], [Reason(CHANGE, "why")])


def test_lines_with_quotes_survive_the_way_through_the_file(tmp_path: Path) -> None:
    change = Change("a.py", "f", "x = 'it'\ny = 2", 'x = "XXitXX"\ny = 2')
    file = tmp_path / "survivors.toml"
    file.write_text(entry_of(change).replace("why = ''", "why = 'Same.'"), "utf-8")
    assert read_reasons(file)[0].change == change


def test_a_diff_is_read_without_its_indentation() -> None:
    diff = (
        "# simrt.engine.errors.x_shown__mutmut_6: survived\n"
        "--- simrt/engine/errors.py\n+++ simrt/engine/errors.py\n@@ -1,3 +1,3 @@\n"
        " def shown(value):\n-    return text\n+    return None\n"
    )
    assert change_of("errors.py", "shown", diff) == CHANGE


def workspace(folder: Path, **codes: int | None) -> Path:
    """A workspace with mutants of `shown`, by name, and how their tests ended."""
    place = folder / MUTATED
    place.mkdir(parents=True)
    names = {f"simrt.engine.errors.x_shown__mutmut_{name}": code for name, code in codes.items()}
    (place / "errors.py.meta").write_text(json.dumps({"exit_code_by_key": names}), "utf-8")
    return folder


def verdicts(folder: Path) -> list[Verdict]:
    return [mutant.verdict for mutant in read(folder)]


def test_verdicts_are_read_from_how_the_tests_ended(tmp_path: Path) -> None:
    codes = {"1": 1, "2": 0, "3": 33, "4": -24, "5": None, "6": -11, "7": 2}
    place = workspace(tmp_path, **codes)
    assert verdicts(place) == [
        Verdict.KILLED,
        Verdict.SURVIVED,
        Verdict.SURVIVED,  # no test calls it
        Verdict.ENDLESS,
        Verdict.OPEN,
        Verdict.OPEN,  # the interpreter crashed
        Verdict.OPEN,  # somebody stopped it
    ]
    method = Mutant("simrt.engine.queues.xǁDropNewestǁ__init____mutmut_9", Verdict.OPEN)
    assert (method.file, method.function) == ("queues.py", "DropNewest.__init__")
    assert (read(place)[0].file, read(place)[0].function) == ("errors.py", "shown")
    (place / MUTATED / "errors.py.meta").write_text('{"exit_code', "utf-8")  # cut off
    assert read(place) == []


def test_rows_count_each_file_and_the_share_all_of_them(tmp_path: Path) -> None:
    mutants = read(workspace(tmp_path, **{"1": 1, "2": 0, "3": 1, "4": -24}))
    rows = rows_of(mutants, {"errors.py": "ab", "__init__.py": "cd"})
    assert rows == [Row("__init__.py", 0, 0, 0, 0, "cd"), Row("errors.py", 4, 3, 1, 1, "ab")]
    assert share_of(rows) == 0.75
    table = table_of([Row("errors.py", 2000, 1899, 1, 101, "ab")], "ef")
    assert "2,000 mutants, 1,899 killed: 94.9 %." in table  # not 95
    assert stated(f"<!-- mutants: begin -->\n{table}<!-- mutants: end -->") == (
        [Row("errors.py", 2000, 1899, 1, 101, "ab")],
        "ef",
    )


def test_a_workspace_keeps_the_verdicts_that_are_still_true(tmp_path: Path) -> None:
    then = Basis({"errors.py": "1", "hub.py": "2"}, {"test_a.py": ["3"], "test_b.py": ["4"]}, "5")

    def kept(now: Basis, text: str | None = None) -> list[Verdict]:
        """One survived and one was killed; then the engine or its tests became what they are."""
        place = workspace(tmp_path / f"work{len(list(tmp_path.iterdir()))}", **{"1": 0, "2": 1})
        file = place / MUTATED / "errors.py.meta"
        found = {file.name: file.read_text("utf-8") if text is None else text}
        shutil.rmtree(place)
        lay_out(place, then, found)
        found = still_true(place, now)
        shutil.rmtree(place)
        lay_out(place, now, found)
        return verdicts(place)

    more, fewer = {**then.tests, "test_c.py": ["6"]}, {"test_a.py": ["3"]}
    same = [Verdict.SURVIVED, Verdict.KILLED]
    assert kept(then) == same
    assert kept(replace(then, engine={"errors.py": "1", "hub.py": "another"})) == same
    assert kept(replace(then, engine={"errors.py": "another", "hub.py": "2"})) == []
    assert kept(replace(then, tests=more)) == [Verdict.OPEN, Verdict.KILLED]
    assert kept(replace(then, tests=fewer)) == []
    assert kept(replace(then, settings="another")) == []
    assert kept(then, '{"exit_code') == []  # cut off
    assert still_true(tmp_path / "none", then) == {}


def test_a_copy_has_the_engine_and_its_tests(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running, "_version", lambda: "1")
    place = tmp_path / "work"
    prepare(place)
    assert engine_digests(place / "simrt" / "engine") == engine_digests()
    assert statements_of_tests(place / "tests" / "engine") == statements_of_tests()
    assert read(place) == []
    (place / MUTATED / "hub.py.meta").write_text('{"exit_code_by_key": {}}', "utf-8")
    prepare(place)
    assert (place / MUTATED / "hub.py.meta").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["work"]


def test_there_is_one_run_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "PLACE", tmp_path)
    with alone(), pytest.raises(SystemExit, match="another run"), alone():
        pass
    with alone():
        pass
