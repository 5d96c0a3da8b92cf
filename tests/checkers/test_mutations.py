"""Every row of a good history is needed: without it, or with it changed, some checker complains.

One test for each kind of change: it makes the change to one row after another and lists the rows
whose change no checker noticed.
"""

from collections.abc import Callable, Iterator

import msgspec
import pytest

from simrt.checkers import Status, Verdict, judge
from simrt.history import History, Row
from tests.checkers.histories import newest, oldest

NEEDED = (
    "send", "connect", "replay", "drop", "expire", "take", "receive", "close", "end", "refuse",
    "gave-up", "restart", "fault", "heal",
)  # fmt: skip
GOOD = {"oldest": oldest(), "newest": newest()}


def each(wanted: Callable[[Row], object], at_least: int) -> Iterator[tuple[str, int, Row]]:
    """History, place and row of each row of both histories that is wanted."""
    found = [
        (name, at, row) for name, good in GOOD.items() for at, row in enumerate(good) if wanted(row)
    ]
    assert len(found) >= at_least
    yield from found


def judged(name: str, at: int, *replacement: Row) -> list[Verdict]:
    """What the checkers say when one row is exchanged: that breaks none of them."""
    rows = list(GOOD[name])
    rows[at : at + 1] = replacement
    found = judge(History(GOOD[name].header, rows))
    for verdict in found:
        assert "broke down" not in verdict.sentence, (name, at, verdict.evidence)
    return list(found)


def fails(found: list[Verdict]) -> bool:
    return any(verdict.status is Status.FAIL for verdict in found)


def unnoticed(
    wanted: Callable[[Row], object], change: Callable[[Row], tuple[Row, ...]], at_least: int
) -> list[str]:
    """The rows whose change no checker noticed."""
    return [
        f"{name} {at}: {row}"
        for name, at, row in each(wanted, at_least)
        if not fails(judged(name, at, *change(row)))
    ]


def needed(row: Row) -> bool:
    return row.kind in NEEDED


def ends_the_run(row: Row) -> bool:
    return row.kind == "end" and not row.subscriber


def test_all_kinds_of_rows_are_there():
    assert set(NEEDED) <= {row.kind for good in GOOD.values() for row in good}


@pytest.mark.rules("ACC-1", "ACC-2", "ACC-3")
def test_without_one_row_some_checker_complains():
    assert unnoticed(lambda row: needed(row) and not ends_the_run(row), lambda _row: (), 140) == []


@pytest.mark.rules("ACC-1")
def test_without_its_end_a_run_is_not_accounted_for():
    for name, at, _ in each(ends_the_run, len(GOOD)):
        found = {verdict.check: verdict.status for verdict in judged(name, at)}
        assert found["accounting"] is Status.INCONCLUSIVE, name


def test_with_one_row_twice_some_checker_complains():
    assert unnoticed(needed, lambda row: (row, row), 140) == []


@pytest.mark.parametrize("by", [1, -1, 1000])
def test_with_another_seq_some_checker_complains(by):
    def change(row):
        return (msgspec.structs.replace(row, seq=row.seq + by),)

    assert unnoticed(lambda row: row.seq, change, 80) == []


def test_with_another_digest_some_checker_complains():
    """But for a send that nobody took: its digest has no second witness."""
    taken = {
        (name, row.project, row.epoch, row.seq)
        for name, _, row in each(lambda row: row.kind == "take", 20)
    }
    for name, at, row in each(lambda row: row.digest, 80):
        changed = msgspec.structs.replace(row, digest="0123456789abcdef")
        has_witness = (name, row.project, row.epoch, row.seq) in taken
        assert fails(judged(name, at, changed)) == has_witness, f"{name} {at}: {row}"


@pytest.mark.parametrize(
    ("field", "value", "at_least"),
    [("cause", "weather", 25), ("connection", 77, 110), ("epoch", "e7", 130)],
)
def test_with_another_value_some_checker_complains(field, value, at_least):
    def change(row):
        return (msgspec.structs.replace(row, **{field: value}),)

    assert unnoticed(lambda row: getattr(row, field), change, at_least) == []


def test_with_another_time_some_checker_complains():
    """Each row much later; the last, which may come as late as it likes, at the very beginning."""
    last = {name: list(good)[-1] for name, good in GOOD.items()}

    def change(row):
        t_ns = 0 if row in last.values() else row.t_ns + 1_000_000_000_000
        return (msgspec.structs.replace(row, t_ns=t_ns),)

    assert unnoticed(bool, change, 140) == []


def test_with_two_rows_exchanged_nothing_crashes():
    for name, at, _ in each(bool, 140):
        rows = list(GOOD[name])
        rows[at - 1], rows[at] = rows[at], rows[at - 1]
        for verdict in judge(History(GOOD[name].header, rows)):
            assert "broke down" not in verdict.sentence, (name, at, verdict.evidence)
