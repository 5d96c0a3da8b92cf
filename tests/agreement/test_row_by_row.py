"""Two histories, row by row: what agrees, what differs, what cannot be compared."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from simrt.agreement import Grain, RowByRow, row_by_row
from simrt.checkers.verdict import Status
from simrt.errors import UsageError
from simrt.history import History, Row
from tests.checkers.histories import OLDEST, OLDEST_ROWS, edited, history, oldest, scenario


def other(*edits: tuple[str, str], text: str = OLDEST_ROWS, target: str = "app") -> History:
    """The good history as another target could have written it."""
    written = history(edited(text, *edits), OLDEST, target=target)
    return History(written.header, sorted(written, key=lambda row: row.t_ns))


def compared(*edits: tuple[str, str]) -> RowByRow:
    """The good history against an edited one."""
    return row_by_row(oldest(), other(*edits))


def place(found: RowByRow) -> tuple[float, str, int, int]:
    """Where they differ first: seconds, subscriber, life, message."""
    assert found.first is not None
    there = found.first.place
    return there.t_ns / 1e9, there.subscriber, there.life, there.seq


def test_equal_histories_agree_and_say_how_much_was_compared() -> None:
    found = compared()
    assert found.same
    assert found.status is Status.PASS
    assert found.rows == len(list(oldest()))
    assert found.sentence == (
        "First difference: none. 18 messages × 3 subscribers: 34 outcomes, 96 rows agree."
    )
    assert str(found) == found.sentence


def test_the_name_of_an_epoch_is_chance() -> None:
    def named(row: Row) -> Row:
        return msgspec.structs.replace(row, epoch=row.epoch and f"life-{row.epoch}")

    app = History(other().header, [named(row) for row in oldest()])
    assert compared().sentence == row_by_row(oldest(), app).sentence


def test_an_event_id_inside_of_a_replay_is_compared_by_its_life() -> None:
    def resumed(epoch: str, seq: int = 9) -> History:
        def row_of(row: Row) -> Row:
            detail = row.detail
            if row.kind == "replay":
                detail = {**(detail or {}), "last_event_id": f"{epoch}1:{seq}"}
            here = row.epoch.replace("e", epoch)
            return msgspec.structs.replace(row, epoch=here, detail=detail)

        return History(oldest().header, map(row_of, oldest()))

    assert row_by_row(resumed("x"), resumed("y")).same
    found = row_by_row(resumed("x"), resumed("y", 8))
    assert found.rows_apart == 2 * sum(row.kind == "replay" for row in oldest())


def test_one_outcome_differs() -> None:
    """Message 7 is taken where the other target let it expire."""
    found = compared(("14 expire a/0#1 7", "14 take a/0#1 7"))
    assert found.status is Status.FAIL
    assert found.outcomes_apart == 1
    assert place(found) == (14, "a/0", 1, 7)
    assert found.first is not None
    assert found.first.outcomes == ("expired", "in-flight")  # nobody says where it is
    assert found.rows_apart == 2
    told = str(found)
    assert "message 7, a/0  sim" in told
    assert "outcome         expired" in told


def test_one_time_differs_and_nothing_else() -> None:
    found = compared(("22.1 receive a/0#3 10", "22.100000001 receive a/0#3 10"))
    assert (found.outcomes_apart, found.rows_apart, found.messages_apart) == (0, 2, 1)
    assert place(found) == (22.1, "a/0", 1, 10)
    assert found.first is not None
    assert found.first.rows[1] is None
    told = str(found)
    assert "22.100000000 s (connection 3)  22.100000001 s (connection 3)" in told
    assert told.count("≠") == 2  # the row in both, at its two times


def test_one_row_is_missing() -> None:
    found = compared(("25.1 receive b/0#1 12", ""))
    assert (found.outcomes_apart, found.rows_apart) == (1, 1)
    assert place(found) == (25.1, "b/0", 1, 12)
    assert found.first is not None
    assert found.first.outcomes == ("received", "connection-lost") or found.first.outcomes[1]
    assert "≠ no such row here" in str(found)


def test_one_row_is_too_many() -> None:
    found = compared(("22.2 receive a/0#3 11", "22.2 receive a/0#3 11\n22.2 receive a/0#3 11"))
    assert found.first is not None
    assert found.first.rows[0] is None
    assert found.outcomes_apart == 0


@pytest.mark.parametrize(
    ("edit", "whose"),
    [
        (("19 online a/0", "19.5 online a/0"), "a/0"),
        (("31 reject news down", "32 reject news down"), ""),
        (("35 heal restart server", ""), ""),
        (("33.4 refuse b/0#2 down", "33.4 refuse b/0#2 network"), "b/0"),
        (("22 replay a/0#3 10-11", "22 replay a/0#3 11-11"), "a/0"),
        (("39 receive neighbour/0#1 1".replace("#1", "#3"), ""), "neighbour/0"),
        (
            (
                "15.2 close a/0#1 server client taken=7 dropped-oldest=1 expired=1 pending=10",
                "15.2 close a/0#1 server network taken=7 dropped-oldest=1 expired=1 pending=10",
            ),
            "a/0",
        ),
    ],
)
def test_every_kind_of_row_counts(edit: tuple[str, str], whose: str) -> None:
    found = compared(edit)
    assert found.status is Status.FAIL
    assert place(found)[1] == whose


def test_each_row_left_out_is_found() -> None:
    """No row of the good history can be missing in the other one without being told."""
    rows = list(oldest())
    for number in range(len(rows) - 1):
        app = History(other().header, [*rows[:number], *rows[number + 1 :]])
        assert not row_by_row(oldest(), app).same, rows[number]
        assert not row_by_row(app, oldest()).same, rows[number]


def test_each_time_that_is_off_by_a_nanosecond_is_found() -> None:
    rows = list(oldest())
    for number, row in enumerate(rows[:-1]):
        late: list[Any] = [*rows]
        late[number] = msgspec.structs.replace(row, t_ns=row.t_ns + 1)
        late.sort(key=lambda one: one.t_ns)
        assert not row_by_row(oldest(), History(other().header, late)).same, row


def test_strands_of_one_instant_may_be_woven_in_another_way() -> None:
    """Two subscribers in one instant have no order between them; one subscriber's rows have."""
    woven = edited(
        OLDEST_ROWS,
        ("25 take a/0#3 12", "25 take b/0#1 12"),
    )
    lines = woven.splitlines()
    lines.remove("25 take b/0#1 12")
    at = lines.index("25 take b/0#1 12")
    lines.insert(at + 1, "25 take a/0#3 12")
    assert row_by_row(oldest(), history("\n".join(lines), OLDEST, target="app")).same
    swapped = compared(
        ("14 receive a/0#1 6", ""), ("14 expire a/0#1 7", "14 receive a/0#1 6\n14 expire a/0#1 7")
    )
    assert swapped.same  # the client's row and the server's: two strands
    doubled = compared(
        ("22 take a/0#3 10", ""),
        ("22 replay a/0#3 10-11", "22 take a/0#3 10\n22 replay a/0#3 10-11"),
    )
    assert not doubled.same  # both the server's


def test_outcomes_alone_do_not_look_at_times() -> None:
    app = other(("22.1 receive a/0#3 10", "22.15 receive a/0#3 10"))
    found = row_by_row(oldest(), app, outcomes_only=True)
    assert found.same
    assert found.grain is Grain.OUTCOMES
    assert found.sentence == (
        "First difference: none. 18 messages × 3 subscribers: 34 outcomes agree."
    )
    lost = row_by_row(oldest(), other(("2.5 receive a/0#1 2", "")), outcomes_only=True)
    assert place(lost) == (2, "a/0", 1, 2)  # at its send
    assert lost.first is not None
    assert lost.first.rows == (None, None)


def test_the_first_of_several_differences_is_the_earliest() -> None:
    found = compared(
        ("99 receive b/0#3 2", ""),
        ("24 receive b/0#1 11", ""),
        ("33.5 refuse a/0#4 down", "33.6 refuse a/0#4 down"),
    )
    assert place(found) == (24, "b/0", 1, 11)
    assert found.messages_apart == 2


def test_what_was_cut_short_is_inconclusive_up_to_the_cut() -> None:
    whole = OLDEST_ROWS.splitlines()
    cut = history("\n".join(whole[: whole.index("25    send    12 offered=2")]), OLDEST)
    found = row_by_row(oldest(), cut)
    assert found.status is Status.INCONCLUSIVE
    assert not found.complete
    assert found.outcomes == 0
    assert found.sentence == "A run was cut short at 24 s; before that 50 rows agree."
    early = history(
        edited(
            "\n".join(whole[: whole.index("25    send    12 offered=2")]),
            ("2.5 receive a/0#1 2", ""),
        ),
        OLDEST,
    )
    assert row_by_row(oldest(), early).status is Status.FAIL


def test_nothing_sent_is_nothing_compared() -> None:
    empty = history("0 connect a/0#1\n0 replay a/0#1 -\n9 end run", scenario())
    found = row_by_row(empty, empty)
    assert found.same
    assert found.status is Status.INCONCLUSIVE
    assert "nothing to compare" in found.sentence


def test_probes_are_no_part_of_the_run() -> None:
    app = other(("101 end run", "101 refuse probe/none#1 status status=401\n101 end run"))
    assert row_by_row(oldest(), app).same


def test_other_seeds_are_refused() -> None:
    header = msgspec.structs.replace(other().header, seed=2)
    with pytest.raises(UsageError, match="seeds 1 and 2"):
        row_by_row(oldest(), History(header, other()))


def test_other_scenarios_are_refused_by_their_keys() -> None:
    changed = OLDEST.with_(buffer_size=8)
    with pytest.raises(UsageError, match=r"feature\.options\.bufferSize is 2 and 8"):
        row_by_row(oldest(), history(OLDEST_ROWS, changed, target="app"))


def test_a_server_that_runs_freely_has_no_rows_to_compare() -> None:
    real = history(OLDEST_ROWS, OLDEST, target="server", resolution_ns=1_000_000)
    with pytest.raises(UsageError, match="only its figures"):
        row_by_row(oldest(), real)


def test_two_histories_of_one_target_are_told_apart() -> None:
    assert row_by_row(oldest(), oldest()).names == ("sim (1)", "sim (2)")
