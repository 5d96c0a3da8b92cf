import msgspec
import pytest

from simrt.checkers import CHECKERS, Status, judge
from simrt.checkers.fold import Checker, Watch, judge_by
from simrt.history import History, read_history
from simrt.text import duration, exact_s
from tests.checkers.histories import history, newest, oldest

GOOD = [oldest, newest]


def statuses(found):
    return {verdict.check: verdict.status for verdict in found}


@pytest.mark.rules("ACC-1", "ACC-2", "ACC-3")
@pytest.mark.parametrize("good", GOOD)
def test_good_histories_have_no_bad_verdict(good):
    found = statuses(judge(good()))
    assert set(found.values()) <= {Status.PASS, Status.NOT_APPLICABLE}
    assert len(found) == len(CHECKERS)


def test_every_promise_is_a_sentence_with_rules_and_an_item():
    for checker in CHECKERS:
        assert checker.promise.endswith(".")
        assert checker.rules
        assert 1 <= checker.item <= 6
    assert len({checker.name for checker in CHECKERS}) == len(CHECKERS) == 12


@pytest.mark.parametrize("good", GOOD)
def test_alone_and_together_they_say_the_same(good):
    together = judge(good())
    assert together == tuple(checker.check(good()) for checker in CHECKERS)


@pytest.mark.parametrize("name", ["history.jsonl", "history.jsonl.gz"])
@pytest.mark.parametrize("good", GOOD)
def test_from_a_file_and_from_memory_they_say_the_same(good, name, tmp_path):
    good().save(tmp_path / name)
    stored = read_history(tmp_path / name)
    assert judge(stored) == judge(stored) == judge(stored.load()) == judge(good())


def test_verdicts_know_their_run():
    for verdict in judge(newest()):
        assert (verdict.target, verdict.seed) == ("server", 1)


def test_a_verdict_repeats_its_checker():
    for checker, verdict in zip(CHECKERS, judge(oldest()), strict=True):
        assert (verdict.check, verdict.rules, verdict.item) == (
            checker.name,
            checker.rules,
            checker.item,
        )


class Crashing(Watch):
    where = ""
    takes = 0

    def __init__(self, ledger):
        super().__init__(ledger)
        self._maybe("start")

    def on_take(self, _row, _subscription):
        type(self).takes += 1
        self._maybe("take")

    def conclude(self):
        self._maybe("end")
        return Status.PASS, "fine"

    def _maybe(self, where):
        if self.where == where:
            raise ZeroDivisionError(f"at the {where}")


@pytest.mark.parametrize("where", ["start", "take", "end"])
def test_a_crash_is_inconclusive_and_hurts_no_other(where):
    crashing = type("_", (Crashing,), {"where": where})
    checkers = (CHECKERS[3], Checker("crash", "It crashes.", ("X-1",), 3, crashing), CHECKERS[6])
    first, crashed, last = judge_by(checkers, oldest())
    assert (first.status, last.status) == (Status.PASS, Status.PASS)
    assert crashed.status is Status.INCONCLUSIVE
    assert crashed.evidence == (f"ZeroDivisionError: at the {where}",)
    assert crashed.judged == 0
    assert crashing.takes == {"start": 0, "take": 1, "end": 20}[where]  # it does not go on
    assert crashed.target == "sim"


def test_a_pass_that_judged_nothing_is_a_crash():
    idle = Checker("idle", "It does nothing.", ("X-1",), 3, Crashing)
    (found,) = judge_by((idle,), oldest())
    assert found.status is Status.INCONCLUSIVE
    assert "passed without having judged anything" in found.evidence[0]


def test_rows_that_make_no_sense_are_a_verdict_too():
    """A `replay` row whose range is no number stops everybody, and says so."""
    good = oldest()
    rows = [
        msgspec.structs.replace(row, detail={"first": "x"}) if row.kind == "replay" else row
        for row in good
    ]
    found = judge(History(good.header, rows))
    assert {verdict.status for verdict in found} == {Status.INCONCLUSIVE}
    assert all("invalid literal" in verdict.evidence[0] for verdict in found)


class Counting(Watch):
    sends = 0

    def on_send(self, _row, _subscription):
        type(self).sends += 1


def test_behind_a_row_that_makes_no_sense_nothing_is_looked_at():
    good = newest()
    rows = [
        msgspec.structs.replace(row, detail={"first": "x"}) if row.kind == "replay" else row
        for row in good
    ]
    counting = Checker("count", "It counts.", ("X-1",), 3, Counting)
    (found,) = judge_by((counting,), History(good.header, rows))
    assert (found.status, Counting.sends) == (Status.INCONCLUSIVE, 0)


def test_an_empty_history_passes_nothing():
    found = statuses(judge(history("")))
    assert Status.PASS not in found.values()
    assert found["accounting"] is Status.INCONCLUSIVE


def test_numbers_in_evidence_are_exact_and_in_sentences_short():
    assert [exact_s(ns) for ns in (0, 1, 1_500_000_000, -2_000_000_000)] == [
        "0 s", "0.000000001 s", "1.5 s", "-2 s",
    ]  # fmt: skip
    assert [duration(ns) for ns in (0, 29_187_568_963, 806_000_000, 3_550_000_000)] == [
        "0 s", "29 s", "810 ms", "3.6 s",
    ]  # fmt: skip
