"""The mutator of rooms and its judge are themselves known to work; `make mutants ROOM=…`."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.docs.generated import between
from tests.mutants.mutator import Mutation, blindings, compiles, mutations
from tests.mutants.of_rooms import DOCUMENT, LEAST, REASONS
from tests.mutants.reasons import read_reasons
from tests.mutants.rooms import ROOMS, sample
from tests.mutants.source import ROOT

SOURCE = '''\
"""Words."""

LIMIT = 8
TABLE = {"a": f, "b": g}

@decorated(order=True)
def judge(now, *, late=3):
    if now < LIMIT and not late:
        print("said", now + 1)
        return -now
    for each in range(2):
        if each:
            continue
    store.last = max(now, late)
    assert now > 0
    return sorted(TABLE, key=len, reverse=True)
'''
DUE = {
    "constant": {
        "LIMIT = 9", "LIMIT = (7)", "def judge(now, *, late=4):", "def judge(now, *, late=(2)):",
    },
    "comparison": {"if (now <= LIMIT) and not late:"},
    "and, or": {"if (now < LIMIT or not late):"},
    "operand left out": {"if (not late):", "if (now < LIMIT):"},
    "sign": {"if now < LIMIT and (late):", "return (now)"},
    "condition": {"if (not (now < LIMIT and (not late))):", "if (not (each)):"},
    "arithmetic": {'print("said", (now - 1))'},
    "entry left out": {"TABLE = ({'b': g})", "TABLE = ({'a': f})"},
    "entries exchanged": {"TABLE = ({'a': g, 'b': f})"},
    "function": {"store.last = min(now, late)"},
    "argument left out": {
        "return (sorted(TABLE, reverse=True))", "return (sorted(TABLE, key=len))",
    },
    "arguments exchanged": {"(print(now + 1, 'said'))"},
    "statement": {"pass", "break"},
    "result": {"return None"},
}  # fmt: skip

CHECKER = """\
class W:
    def on_send(self, row):
        if row.late or row.lost:
            self.fail(row, "late")
        elif row.odd:
            self._odd(row)
        if row.fine:
            return
        self.doubt("not fine")

    def _odd(self, row):
        for each in row:
            if each:
                self.fail(row, "odd")

    def conclude(self):
        if self.failures:
            return Status.FAIL, "words"
        return Status.PASS, "words"
"""


def by_kind(found: list[Mutation]) -> dict[str, set[str]]:
    kinds: dict[str, set[str]] = {}
    for each in found:
        kinds.setdefault(each.kind, set()).add(each.new)
    return kinds


def test_a_small_source_is_changed_in_every_way() -> None:
    found = by_kind(mutations("x.py", SOURCE))
    for kind, lines in DUE.items():
        assert lines <= found[kind], kind
    assert set(found) == set(DUE)


def test_what_tells_nothing_is_left_alone() -> None:
    """Text, assertions, arguments of decorators, and the order of what is compared."""
    touched = {mutation.old for mutation in mutations("x.py", SOURCE)}
    assert touched.isdisjoint({'"""Words."""', "assert now > 0", "@decorated(order=True)"})
    assert "store.last = (max(late, now))" not in by_kind(mutations("x.py", SOURCE)).get(
        "arguments exchanged", set()
    )


def test_each_change_is_of_one_place() -> None:
    for mutation in mutations("x.py", SOURCE):
        changed = mutation.applied(SOURCE)
        assert compiles(mutation, SOURCE), mutation
        lines = zip(SOURCE.splitlines(), changed.splitlines(), strict=False)
        assert sum(old != new for old, new in lines) == 1 or "\n" in mutation.new


def test_every_condition_under_which_a_checker_speaks_is_blinded() -> None:
    found = {(each.function, each.old, each.new) for each in blindings("x.py", CHECKER)}
    assert found == {
        ("W.on_send", "if row.late or row.lost:", "if False:"),
        ("W.on_send", "if row.late or row.lost:", "if (False or row.lost):"),
        ("W.on_send", "if row.late or row.lost:", "if (row.late or False):"),
        ("W.on_send", "elif row.odd:", "elif False:"),
        ("W.on_send", 'self.doubt("not fine")', "pass"),
        ("W._odd", "if each:", "if False:"),
        ("W.conclude", "if self.failures:", "if False:"),
    }


@pytest.mark.parametrize("name", ROOMS)
def test_what_is_drawn_depends_on_the_seed_alone(name: str) -> None:
    room = ROOMS[name]
    first = sample(room, "mutants", "a", 5)
    assert first == sample(room, "mutants", "a", 5)
    assert first != sample(room, "mutants", "b", 5)
    assert all(each.file in room.files() for each in first)
    assert all((ROOT / test).exists() for test in room.tests)


HANDFUL = """
import json, sys
from pathlib import Path
from tests.mutants.judging import judge
from tests.mutants.mutator import mutations
from tests.mutants.rooms import Room
from tests.mutants.source import ROOT

assert "simrt" not in sys.modules
file = "simrt/metrics/buckets.py"
room = Room("handful", (file,), ("tests/metrics/test_sketch.py",))
source = (ROOT / file).read_text("utf-8")
found = mutations(file, source)
place = Path(sys.argv[1])
# Some that a test is known to kill; and one that changes no more than a comment would.
chosen = [each for each in found if each.kind in ("arithmetic", "result")][:3]
from dataclasses import replace
last = len(source.encode())
harmless = replace(chosen[0], begin=last, end=last, text="\\nX = 1\\n", new="X = 1")
for _ in range(2):
    said = []
    verdicts = judge(room, [*chosen, harmless], place / "judged.jsonl", 2, said.append)
    print(json.dumps([[one.killed, one.tests, one.by] for one in verdicts]))
    print(json.dumps(said))
"""


def test_a_handful_dies_and_a_survivor_is_noticed(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", HANDFUL, str(tmp_path)],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=280,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    first, said, again, said_again = map(json.loads, done.stdout.splitlines())
    assert [killed for killed, _, _ in first] == [True, True, True, False]
    assert all("tests/metrics/test_sketch.py::" in by for _, _, by in first[:3])
    assert all(tests > 0 for _, tests, _ in first)
    assert again == first
    assert Counter(line.split()[1] for line in said if "/4 " in line) == {
        "killed": 3,
        "SURVIVED": 1,
    }
    assert not [line for line in said_again if "/4 " in line]  # nothing is judged twice


def test_the_document_says_enough_were_killed() -> None:
    text = DOCUMENT.read_text("utf-8")
    why = {reason.change: reason.why for reason in read_reasons(REASONS)}
    assert all(why.values())
    for name in ROOMS:
        part = between(text, f"room-{name}")
        for line in part.splitlines():
            if line.startswith("| drawn "):
                judged, killed = line.split("|")[3], line.split("|")[4].split(":")[0]
                assert int(killed) >= LEAST * int(judged) > 0, line
