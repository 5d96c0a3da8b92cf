"""Every row of a good history is needed: without it, or with it changed, some checker complains."""

import msgspec
import pytest

from simrt.checkers import Status, judge
from simrt.history import History
from tests.checkers.histories import newest, oldest

NEEDED = (
    "send", "connect", "replay", "drop", "expire", "take", "receive", "close", "end", "refuse",
    "gave-up", "restart", "fault", "heal",
)  # fmt: skip
GOOD = {"oldest": oldest(), "newest": newest()}


def rows_where(wanted):
    """A case for each row of both histories that is wanted."""
    places = [
        pytest.param(name, at, id=f"{name}-{at}-{row.kind}")
        for name, good in GOOD.items()
        for at, row in enumerate(good)
        if wanted(row)
    ]
    return pytest.mark.parametrize(("name", "at"), places)


def row_at(name, at):
    return list(GOOD[name])[at]


def complaints(name, at, *replacement):
    """What the checkers say when one row is exchanged."""
    rows = list(GOOD[name])
    rows[at : at + 1] = replacement
    return {v.check: v.status for v in judge(History(GOOD[name].header, rows))}


def fails(found):
    return Status.FAIL in found.values()


def test_all_kinds_of_rows_are_there():
    assert set(NEEDED) <= {row.kind for good in GOOD.values() for row in good}


@pytest.mark.rules("ACC-1", "ACC-2", "ACC-3")
@rows_where(lambda row: row.kind in NEEDED)
def test_without_one_row_some_checker_complains(name, at):
    row = row_at(name, at)
    found = complaints(name, at)
    if row.kind == "end" and not row.subscriber:
        assert found["accounting"] is Status.INCONCLUSIVE
    else:
        assert fails(found), found


@rows_where(lambda row: row.kind in NEEDED)
def test_with_one_row_twice_some_checker_complains(name, at):
    row = row_at(name, at)
    assert fails(complaints(name, at, row, row))


@rows_where(lambda row: row.seq)
@pytest.mark.parametrize("by", [1, -1, 1000])
def test_with_another_seq_some_checker_complains(name, at, by):
    row = row_at(name, at)
    assert fails(complaints(name, at, msgspec.structs.replace(row, seq=row.seq + by)))


@rows_where(lambda row: row.digest)
def test_with_another_digest_some_checker_complains(name, at):
    row = row_at(name, at)
    taken = any(
        other.kind == "take" and (other.project, other.epoch, other.seq) == place
        for place in [(row.project, row.epoch, row.seq)]
        for other in GOOD[name]
    )
    changed = msgspec.structs.replace(row, digest="0123456789abcdef")
    assert fails(complaints(name, at, changed)) == taken  # what nobody took has no second witness


@rows_where(lambda row: row.cause)
def test_with_another_cause_some_checker_complains(name, at):
    row = row_at(name, at)
    assert fails(complaints(name, at, msgspec.structs.replace(row, cause="weather")))


@rows_where(bool)
def test_with_another_time_some_checker_complains(name, at):
    rows = list(GOOD[name])
    row = rows[at]
    last = at == len(rows) - 1
    t_ns = 0 if last else row.t_ns + 1_000_000_000_000
    assert fails(complaints(name, at, msgspec.structs.replace(row, t_ns=t_ns)))


@rows_where(lambda row: row.connection)
def test_with_another_connection_some_checker_complains(name, at):
    row = row_at(name, at)
    assert fails(complaints(name, at, msgspec.structs.replace(row, connection=77)))


@rows_where(lambda row: row.epoch)
def test_with_another_epoch_some_checker_complains(name, at):
    row = row_at(name, at)
    assert fails(complaints(name, at, msgspec.structs.replace(row, epoch="e7")))


@rows_where(bool)
def test_with_two_rows_exchanged_nothing_crashes(name, at):
    rows = list(GOOD[name])
    rows[at - 1], rows[at] = rows[at], rows[at - 1]
    for verdict in judge(History(GOOD[name].header, rows)):
        assert "broke down" not in verdict.sentence, verdict.evidence
