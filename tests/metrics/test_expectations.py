"""Expectations judged: every branch, the three-valued tables, and the sentences people read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from simrt.checkers.expectations import judge_expectations
from simrt.checkers.verdict import Status, Verdict
from simrt.metrics import Metrics
from simrt.metrics.sketch import Sketch
from simrt.metrics.totals import Totals
from tests.metrics.tales import Tale, scenario

PASS, FAIL, UNTOLD = Status.PASS, Status.FAIL, Status.INCONCLUSIVE


def a_run(
    *,
    received: int = 90,
    missed: int = 10,
    unfinished: int = 0,
    latencies_s: Sequence[float] = (),
    staleness_s: float = 0,
    never_informed: int = 0,
    outages: int = 0,
    reconnects: int = 0,
    not_recovered: int = 0,
    group: str = "office",
) -> Metrics:
    totals = Totals(
        outcomes=[received, missed, 0, 0, 0, 0, 0, unfinished], members=1, first_ns=0,
        covered_ns=10**11, informed_ns=10**11, doubled_age_area=round(2e20 * staleness_s),
        never_informed=never_informed, outages=outages, reconnects=reconnects,
        reconnect_ns=reconnects * 10**9, recoveries=reconnects, recovery_ns=reconnects * 10**9,
        not_recovered=not_recovered, live_latencies=len(latencies_s),
        live_latency_ns=round(sum(latencies_s) * 1e9), outdated_ns=25 * 10**9,
        gaps=reconnects // 2,
    )  # fmt: skip
    sketch = Sketch()
    for latency in latencies_s:
        sketch.add(round(latency * 1e9))
    sketches = {(group, "latency_s"): sketch}
    groups = {group: totals, "other": Totals()}
    return Metrics(groups, {f"{group}/0": totals}, sketches, end_ns=10**11, memory_bytes=0,
                   refetches=False)  # fmt: skip


def judge(
    text: str,
    runs: Sequence[Metrics],
    states: Sequence[Mapping[str, int]] = (),
    resolution_ns: int = 0,
) -> Verdict:
    (verdict,) = judge_expectations(scenario(expect=(text,)), "sim", runs, states, resolution_ns)
    assert verdict.check == text
    assert verdict.item == 3
    assert verdict.target == "sim"
    return verdict


MANY = [a_run(received=1000 - n, missed=n) for n in (40, 42, 44, 41, 43)]  # 4.2 %, 4.0 to 4.4


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("missed_fraction(office) <= 0.1", PASS),
        ("missed_fraction(office) < 0.1", PASS),
        ("missed_fraction(office) > 0.01", PASS),
        ("missed_fraction(office) >= 0.01", PASS),
        ("missed_fraction(office) <= 0.01", FAIL),
        ("missed_fraction(office) < 0.01", FAIL),
        ("missed_fraction(office) > 0.1", FAIL),
        ("missed_fraction(office) >= 0.1", FAIL),
        ("missed_fraction(office) == 0.1", FAIL),
        ("missed_fraction(office) <= 0.0425", UNTOLD),
        ("missed_fraction(office) < 0.0415", UNTOLD),
        ("missed_fraction(office) > 0.0425", UNTOLD),
        ("missed_fraction(office) >= 0.0415", UNTOLD),
        ("missed_fraction(office) == 0.042", UNTOLD),
        ("missed_fraction() <= 0.1", PASS),
        ("not missed_fraction(office) <= 0.1", FAIL),
        ("not missed_fraction(office) <= 0.01", PASS),
        ("not missed_fraction(office) <= 0.0425", UNTOLD),
        ("unfinished(office) == 0", PASS),
    ],
)
def test_an_interval_against_a_bound(text: str, status: Status) -> None:
    verdict = judge(text, MANY)
    assert verdict.status is status
    assert verdict.judged == 5
    assert verdict.rules == ("ACC-2",)


@pytest.mark.parametrize(
    ("bound", "le", "lt", "ge", "gt", "eq"),
    [("0.2", PASS, PASS, FAIL, FAIL, FAIL), ("0.1", PASS, FAIL, PASS, FAIL, PASS),
     ("0.05", FAIL, FAIL, PASS, PASS, FAIL)],
)  # fmt: skip
def test_one_run_is_compared(
    bound: str, le: Status, lt: Status, ge: Status, gt: Status, eq: Status
) -> None:
    ops = {"<=": le, "<": lt, ">=": ge, ">": gt, "==": eq}
    for op, status in ops.items():
        verdict = judge(f"missed_fraction(office) {op} {bound}", [a_run()])
        assert verdict.status is status
        assert verdict.sentence.endswith("(one run)")
        assert verdict.judged == 1


def test_what_to_do_about_a_bound_inside_the_interval_is_said() -> None:
    said = "; the bound lies inside that interval, which more runs (--runs) make narrower"
    assert judge("missed_fraction(office) <= 0.0425", MANY).sentence.endswith(said)
    assert said not in judge("missed_fraction(office) <= 0.1", MANY).sentence


def test_runs_without_a_value_are_said() -> None:
    quiet, broken = a_run(), a_run(outages=1, reconnects=1)
    one = judge("reconnect_s(office) <= 2", [quiet, broken, quiet]).sentence
    assert one.endswith("(one run of 3)")
    assert "2 of 3 runs)" in judge("reconnect_s(office) <= 2", [quiet, broken, broken]).sentence


def test_the_sentence_of_a_fraction() -> None:
    runs = [a_run(received=458, missed=20)] * 5
    assert judge("missed_fraction(office) <= 0.1", runs).sentence == (
        "office: events missed 4.2 % of 2,390, allowed 10 % (95 % interval 4.2 % to 4.2 %, 5 runs)"
    )
    one = judge("missed_fraction() >= 0.01", [a_run(received=1995, missed=5)])
    assert one.sentence == (
        "everyone: events missed 0.25 % of 2,000 (1 in 400), asked for at least 1 % (one run)"
    )


def test_a_close_miss_shows_the_digits_that_decide() -> None:
    verdict = judge("missed_fraction(office) <= 0.1", [a_run(received=89_960, missed=10_040)])
    assert verdict.status is FAIL
    assert "10.04 % of 100,000, allowed 10 %" in verdict.sentence


def test_other_sentences() -> None:
    runs = [a_run(latencies_s=(1.234,) * 9, outages=4, reconnects=4)]
    expected = {
        "p90(latency_s, office) < 45": "of an event, 90 % point 1.2 s, allowed less than 45 s",
        "missed(office) == 10": "events missed 10, asked for exactly 10 (one run)",
        "outdated_fraction(office) > 0.2": "25 % of the time, asked for more than 20 %",
        "gap_probability(office) <= 0.5": "reconnects that leave a gap 50 % of 4, allowed 50 %",
    }
    for text, sentence in expected.items():
        assert sentence in judge(text, runs).sentence


def test_nothing_to_compare_is_untold() -> None:
    verdict = judge("latency_s(office) < 1", [a_run(), a_run()])
    assert verdict.status is UNTOLD
    assert verdict.sentence == "office: delay of an event: no value in 2 runs"
    assert verdict.judged == 0
    assert judge("latency_s(office) < 1", []).sentence.endswith("nothing was run")
    assert judge("missed_fraction(other) < 1", [a_run()]).status is UNTOLD


def test_unfinished_outcomes_are_untold() -> None:
    runs = [a_run(), a_run(unfinished=1)]
    for text in ("missed_fraction(office) <= 0.9", "missed() <= 10"):
        verdict = judge(text, runs)
        assert verdict.status is UNTOLD
        assert "cannot be judged: 1 event still on the way when the run ended" in verdict.sentence
    # another group's are its own affair
    assert judge("missed(other) <= 10", runs).status is PASS


def test_staleness_of_who_never_heard_is_untold() -> None:
    runs = [a_run(staleness_s=3, never_informed=2)]
    verdict = judge("staleness_s(office) <= 45", runs)
    assert verdict.status is UNTOLD
    assert "2 clients never received anything" in verdict.sentence
    assert judge("missed_fraction(office) <= 0.2", runs).status is PASS
    assert judge("staleness_s(office) <= 45", [a_run(staleness_s=3)]).status is PASS
    assert judge("staleness_s(office) <= 2", [a_run(staleness_s=3)]).status is FAIL


def test_outages_without_an_end_are_untold() -> None:
    away = [a_run(outages=3, reconnects=2)]
    behind = [a_run(outages=3, reconnects=3, not_recovered=1)]
    assert judge("reconnect_s(office) <= 5", away).status is UNTOLD
    assert "1 client not back" in judge("reconnect_s(office) <= 5", away).sentence
    assert judge("reconnect_s(office) <= 5", behind).status is PASS
    assert judge("recovery_s(office) <= 5", behind).status is UNTOLD
    assert judge("recovery_s(office) <= 5", [a_run(outages=3, reconnects=3)]).status is PASS


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("latency_s(office) <= 0.19", UNTOLD),
        ("latency_s(office) <= 0.2", FAIL),  # exactly 20 times
        ("latency_s(office) <= 2", PASS),
        ("p50(latency_s, office) >= 0.19", UNTOLD),
        ("missed_fraction(office) <= 0.1", PASS),  # not a time
    ],
)
def test_a_bound_finer_than_time_itself_is_untold(text: str, status: Status) -> None:
    verdict = judge(text, [a_run(latencies_s=(1, 1))], resolution_ns=10_000_000)
    assert verdict.status is status
    if status is UNTOLD:
        assert "times finer than 200 ms mean nothing on sim (20 x its resolution)" in (
            verdict.sentence
        )


@pytest.mark.parametrize(
    ("text", "states", "status", "sentence"),
    [
        ("reached(x)", [{"x": 2}, {}, {"x": 1}], PASS, "x was reached 3 times, in 2 of 3 runs"),
        ("reached(x)", [{"x": 1}], PASS, "x was reached 1 time, in 1 of 1 run"),
        ("reached(x)", [{"x": 0}, {}], UNTOLD, "x was never reached in 2 runs"),
        ("reached(x)", [], UNTOLD, "x: nothing was run"),
        ("not reached(x)", [{"x": 1}, {}], FAIL, "x was reached 1 time, in 1 of 2 runs"),
        ("not reached(x)", [{}, {}], PASS, "x was never reached in 2 runs"),
        ("not reached(x)", [], UNTOLD, "x: nothing was run"),
        ("not not reached(x)", [{}], UNTOLD, "x was never reached in one run"),
        ("not not reached(x)", [{"x": 1}], PASS, "x was reached 1 time, in 1 of 1 run"),
    ],
)
def test_states(text: str, states: list[dict[str, int]], status: Status, sentence: str) -> None:
    verdict = judge(text, [], states)
    assert (verdict.status, verdict.sentence) == (status, sentence)
    assert verdict.judged == len(states)
    assert verdict.rules == ()


# Three terms whose answers are known, one each.
TERMS = {PASS: "missed() <= 50", FAIL: "missed() <= 5", UNTOLD: "latency_s() <= 1"}
_P, _F, _U = PASS, FAIL, UNTOLD


@pytest.mark.parametrize(
    ("left", "right", "both", "not_both"),
    [(_P, _P, _P, _F), (_P, _U, _U, _U), (_P, _F, _F, _P),
     (_U, _P, _U, _U), (_U, _U, _U, _U), (_U, _F, _F, _P),
     (_F, _P, _F, _P), (_F, _U, _F, _P), (_F, _F, _F, _P)],
)  # fmt: skip
def test_the_table_of_and(left: Status, right: Status, both: Status, not_both: Status) -> None:
    runs = [a_run()]
    text = f"{TERMS[left]} and {TERMS[right]}"
    assert judge(text, runs).status is both
    assert judge(f"not ({text})", runs).status is not_both
    assert judge(f"not not ({text})", runs).status is both


@pytest.mark.parametrize(("term", "contrary"), [(PASS, FAIL), (FAIL, PASS), (UNTOLD, UNTOLD)])
def test_the_table_of_not(term: Status, contrary: Status) -> None:
    verdict = judge(f"not {TERMS[term]}", [a_run()])
    assert verdict.status is contrary
    assert verdict.sentence.startswith("not wanted: ")


def test_what_decides_stands_first() -> None:
    verdict = judge("missed() <= 50 and missed() <= 5 and reached(x)", [a_run()], [{"x": 1}])
    assert verdict.status is FAIL
    assert verdict.judged == 3
    first, second, third = verdict.sentence.split("; ")
    assert "allowed 5 (" in first
    assert "allowed 50 (" in second
    assert "x was reached" in third


def test_one_verdict_a_line_in_order() -> None:
    texts = ("reached(x)", "missed() < 3", "p50(latency_s) < 1")
    verdicts = judge_expectations(scenario(expect=texts), "server", [], [], 0)
    assert tuple(verdict.check for verdict in verdicts) == texts
    assert {verdict.target for verdict in verdicts} == {"server"}
    assert judge_expectations(scenario(), "sim", [], [], 0) == ()


def test_from_a_history_to_a_verdict() -> None:
    tale = Tale(expect=("missed_fraction(g) <= 0.5", "missed_fraction(g) < 0.5"))
    tale.connect(0).send(1, 1).send(2, 2).drop(2, 1, "drop-oldest").arrive(3, 2)
    verdicts = judge_expectations(tale.scenario, "sim", [tale.measure()], [{}], 0)
    assert [verdict.status for verdict in verdicts] == [PASS, FAIL]
    assert verdicts[0].sentence == "g: events missed 50 % of 2, allowed 50 % (one run)"


@pytest.mark.parametrize("text", ["latency_s() <= 0.1", "not latency_s() > 0.1"])
def test_a_bound_too_fine_here_is_left_to_a_target_with_exact_time(text: str) -> None:
    """Where the simulator judges it a free-running server need not; alone it cannot tell."""
    runs = [a_run(latencies_s=(1, 1))]
    told = [
        judge_expectations(
            scenario(expect=(text,)), "server", runs, [{}], 10_000_000, judged_elsewhere=elsewhere
        )[0].status
        for elsewhere in (True, False)
    ]
    assert told == [Status.NOT_APPLICABLE, Status.INCONCLUSIVE]
