"""The language of expectations: what it reads, what it refuses and how it says so."""

from __future__ import annotations

import re
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simrt.metrics import METRICS
from simrt.scenario.expect import (
    EXPECT_ALLOWED,
    OPERATORS,
    And,
    Comparison,
    Every,
    Not,
    Reached,
    Share,
    Term,
    parse_expectation,
)

MISSED = Comparison("missed_fraction", "office", "<=", 0.1)


@pytest.mark.parametrize(
    ("text", "term"),
    [
        ("missed_fraction(office) <= 0.1", MISSED),
        ("  missed_fraction( office )<=1e-1  ", MISSED),
        ("missed_fraction(office)<=.1", MISSED),
        ("(missed_fraction(office) <= 0.1)", MISSED),
        ("missed() < 3", Comparison("missed", "all", "<", 3)),
        ("missed(all) == 3", Comparison("missed", "all", "==", 3)),
        ("p90(staleness_s, train) <= 45", Comparison("staleness_s", "train", "<=", 45, "90")),
        ("p1(latency_s) > 0", Comparison("latency_s", "all", ">", 0, "1")),
        ("p99.9(latency_s,a) >= 2", Comparison("latency_s", "a", ">=", 2, "99.9")),
        # groups are named as people like: hyphens, Python's keywords, the language's own words
        ("missed(night-shift-2b) > 0", Comparison("missed", "night-shift-2b", ">", 0)),
        ("missed(in-house) > 0", Comparison("missed", "in-house", ">", 0)),
        ("missed(and) > 0 and missed(not) > 0",
         And((Comparison("missed", "and", ">", 0), Comparison("missed", "not", ">", 0)))),
        ("missed(p90) > 0", Comparison("missed", "p90", ">", 0)),
        ("reached(drop-oldest)", Reached("drop-oldest")),
        ("not reached(expired)", Not(Reached("expired"))),
        ("not not reached(x)", Not(Not(Reached("x")))),
        ("not reached(x) and reached(y)", And((Not(Reached("x")), Reached("y")))),
        ("not (reached(x) and reached(y))", Not(And((Reached("x"), Reached("y"))))),
        ("reached(x) and (reached(y) and reached(z))",
         And((Reached("x"), And((Reached("y"), Reached("z")))))),
        ("reached(x) and reached(y) and reached(z)",
         And((Reached("x"), Reached("y"), Reached("z")))),
        ("reached(x)\nand reached(y)", And((Reached("x"), Reached("y")))),
        ("always(missed_fraction(office) <= 0.1)", Every(MISSED)),
        ("always( reached(x) and not reached(y) )", Every(And((Reached("x"), Not(Reached("y")))))),
        ("not always(reached(x))", Not(Every(Reached("x")))),
        ("in 95 % of runs missed_fraction(office) <= 0.1", Share("95", MISSED)),
        ("in 95% of runs reached(x) and reached(y)",
         And((Share("95", Reached("x")), Reached("y")))),
        ("in 99.5 % of runs (reached(x) and reached(y))",
         Share("99.5", And((Reached("x"), Reached("y"))))),
        ("missed(in) > 0 and missed(always) > 0",
         And((Comparison("missed", "in", ">", 0), Comparison("missed", "always", ">", 0)))),
    ],
)  # fmt: skip
def test_reads(text: str, term: Term) -> None:
    found = parse_expectation(text)
    assert found.term == term
    assert found.text == text


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "nothing is written"),
        ("   ", "nothing is written"),
        ("missed_fraction", "missed_fraction needs brackets: missed_fraction(…)"),
        ("reached", "reached needs brackets"),
        ("hello", "'hello' is not followed by ("),
        ("missed(office)", "found the end, where one of < <= > >= == should stand"),
        ("missed(office) 3", "found 3, where one of < <= > >= == should stand"),
        ("missed(office) = 3", "found =, where one of"),
        ("missed(office) != 3", "found !=, where one of"),
        ("missed(office) <", "found the end, where a number should stand"),
        ("missed(office) < many", "found many, where a plain number in messages should stand"),
        ("missed_fraction(office) < 10%", "found 10%, where a plain number in fraction"),
        ("latency_s(office) < 45s", "found 45s, where a plain number in s should stand"),
        ("latency_s(office) < 1e999", "1e999 is too large"),
        ("latency_s(office) < )", "found ), where a plain number"),
        ("missed(office < 3", "found <, where ) should stand"),
        ("missed(3) < 3", "found 3, where a group should stand"),
        ("missed(office, train) < 3", "found ,, where ) should stand"),
        (
            "0 < missed(office)",
            "found 0, where a metric, pNN, reached, always, in … % of runs, not or ( should",
        ),
        ("missed(a) < 3 or missed(b) < 3", "found or, where and, or the end should stand"),
        ("missed(a) < 3 missed(b) < 3", "found missed, where and, or the end should stand"),
        ("missed(a) < 3 and", "found the end, where a metric"),
        ("not", "found the end, where a metric"),
        ("(missed(a) < 3", "found the end, where ) should stand"),
        ("missed(a) < 3)", "found ), where and, or the end should stand"),
        ("stalenes_s(train) < 3", "unknown metric 'stalenes_s'; did you mean staleness_s?"),
        ("p90(latency, train) < 3", "unknown metric 'latency'; did you mean latency_s?"),
        ("zzzz(train) < 3", "unknown metric 'zzzz'; known: sent, received"),
        ("p100(latency_s) < 3", "p100 is not a percentile: p1 to p99, or p99.9"),
        ("p0(latency_s) < 3", "p0 is not a percentile"),
        ("p05(latency_s) < 3", "p05 is not a percentile"),
        ("p99.5(latency_s) < 3", "p99.5 is not a percentile"),
        ("p50(missed) < 3", "missed has one value and no percentiles; these have: evicted_age_s"),
        ("p50(blind_s) < 3", "blind_s has one value"),
        ("p50() < 3", "found ), where a metric should stand"),
        ("p50(latency_s, ) < 3", "found ), where a group should stand"),
        ("reached()", "found ), where a state, such as drop-oldest should stand"),
        ("reached(a, b)", "found ,, where ) should stand"),
        ("always missed(a) < 3", "always needs brackets: always(…)"),
        ("always(always(reached(x)))", "always inside of always: both say of which runs"),
        ("in 9 % of runs always(reached(x))", "always inside of in … % of runs"),
        ("always(in 9 % of runs reached(x))", "in … % of runs inside of always"),
        ("in 95 runs reached(x)", "found runs, where % should stand"),
        ("in 95 % runs reached(x)", "found runs, where of should stand"),
        ("in many % of runs reached(x)", "found many %, where a share above 0 and below 100 %"),
        ("in % of runs reached(x)", "found %, where a share above 0 and below 100 %"),
        ("in 0 % of runs reached(x)", "found 0 %, where a share above 0 and below 100 %"),
        ("in 101 % of runs reached(x)", "found 101 %, where a share above 0 and below 100 %"),
        ("in 99.999 % of runs reached(x)", "found in 99.999 % of runs, at most 99.99 %"),
        ("in 95 % of runs", "found the end, where a metric"),
        ("reached(x) == 3", "found ==, where and, or the end should stand"),
        ("__import__('os').system('x')", "unknown metric '__import__'"),
        ("missed(a) < (lambda: 3)()", "found (, where a plain number"),
        ("not " * 200 + "reached(x)", "at most 500 characters"),
    ],
)
def test_refuses(text: str, problem: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the whole text is looked at
        parse_expectation(text)
    assert problem in str(caught.value)
    told = str(caught.value)
    assert EXPECT_ALLOWED in told or "did you mean" in told or "known:" in told or "500" in told


@pytest.mark.parametrize(
    ("text", "instead"),
    [
        ("missed_fraction(office) < 10%", "write 0.1;"),
        ("missed_fraction(office) < 10 %", "write 0.1;"),
        ("latency_s(office) < 45s", "write 45;"),
        ("latency_s(office) < 1.5 m", "write 90;"),
        ("memory_bytes() < 4KiB", "write 4096;"),
        ("missed(office) = 3", "write ==;"),
        ("in 100 % of runs missed(office) == 3", "write always(…);"),
        ("missed(office) =3", "write ==;"),
        ("missed(office) =< 3", "write <=;"),
        ("missed(office) ≥3", "write >=;"),
        ("missed(office) != 3", "write not before it, and ==;"),
        ("missed(a) < 3 && missed(b) < 3", "write and;"),
        ("missed(a) < 3 or missed(b) < 3", "write not (not … and not …), which is an or;"),
        ("NOT reached(x)", "write not;"),
        ("!reached(x)", "write metric(group)"),
        ("missed(a) < 3 order", "write metric(group)"),
        ("missed(a, b) < 3", "write metric(group)"),
    ],
)
def test_says_what_to_write_instead(text: str, instead: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the whole text is looked at
        parse_expectation(text)
    assert instead in str(caught.value)


def test_says_what_it_names() -> None:
    found = parse_expectation(
        "missed(a) < 3 and not (p50(latency_s, b) < 1 and reached(x)) and missed() > 0 "
        "and reached(y) and reached(x)"
    )
    assert found.metrics == ("missed", "latency_s")
    assert found.groups == ("a", "b", "all")
    assert found.states == ("x", "y")
    assert [one.subject for one in found.comparisons] == ["missed", "p50(latency_s)", "missed"]
    assert [one.p for one in found.comparisons] == [None, 0.5, None]


@pytest.mark.parametrize(
    ("op", "below", "at", "above"),
    [("<", True, False, False), ("<=", True, True, False), (">", False, False, True),
     (">=", False, True, True), ("==", False, True, False)],
)  # fmt: skip
def test_operators(op: str, below: bool, at: bool, above: bool) -> None:
    term = parse_expectation(f"missed() {op} 3").term
    assert isinstance(term, Comparison)
    assert (term.holds(2.9), term.holds(3), term.holds(3.1)) == (below, at, above)


names = st.from_regex(r"[A-Za-z][A-Za-z0-9_\-]{0,12}", fullmatch=True)
spread = st.sampled_from([name for name, metric in METRICS.items() if metric.over])
some = st.sampled_from(list(METRICS))
bounds = st.floats(0, 1e12, allow_nan=False)
leaves = st.one_of(
    st.builds(Reached, names),
    st.builds(Comparison, some, names, st.sampled_from(OPERATORS), bounds),
    st.builds(
        Comparison, spread, names, st.sampled_from(OPERATORS), bounds,
        st.sampled_from([*map(str, range(1, 100)), "99.9"]),
    ),
)  # fmt: skip
terms = st.recursive(
    leaves,
    lambda inner: (
        st.builds(Not, inner) | st.builds(And, st.lists(inner, min_size=2, max_size=3).map(tuple))
    ),
    max_leaves=5,
)


@given(terms)
def test_what_is_written_is_read_again(term: Term) -> None:
    if len(str(term)) <= 500:
        assert parse_expectation(str(term)).term == term


@pytest.mark.parametrize(
    "text",
    ["always(reached(x) and reached(y))", "in 95 % of runs reached(x)",
     "in 99.5 % of runs (reached(x) and reached(y))", "not in 5 % of runs not reached(x)"],
)  # fmt: skip
def test_what_is_about_single_runs_is_written_as_it_is_read(text: str) -> None:
    assert str(parse_expectation(text).term) == text


@given(st.text(max_size=60) | st.text("mised_fracton()p90, <>=.-andr1", max_size=60))
def test_any_text_is_read_or_refused_politely(text: str) -> None:
    with suppress(ValueError):
        parse_expectation(text)


@pytest.mark.parametrize(
    ("written", "instead"),
    [
        ("=", "=="), ("=<", "<="), ("=>", ">="), ("≤", "<="), ("≥", ">="),
        ("!=", "not before it, and =="), ("<>", "not before it, and =="),
        ("≠", "not before it, and =="),
    ],
)  # fmt: skip
@pytest.mark.parametrize("space", ["", " "])
def test_each_sign_of_another_language_says_what_stands_for_it(
    written: str, instead: str, space: str
) -> None:
    with pytest.raises(ValueError, match=re.escape(f"write {instead}; all that can be written")):
        parse_expectation(f"missed(all) {written}{space}1")


@pytest.mark.parametrize(
    ("text", "instead"),
    [
        ("missed_fraction(all) <= 5%", "0.05"),
        ("missed_fraction(all) <= 0.5%", "0.005"),
        ("p90(latency_s, all) <= 250ms", "0.25"),
        ("p90(latency_s, all) <= 5%", ""),
        ("missed(all) <= 5%", ""),
        ("missed(all) <= 5s", ""),
        ("memory_bytes(all) <= 2KiB", "2048"),
        ("memory_bytes(all) <= 5%", ""),
    ],
)
def test_a_number_with_a_unit_says_the_plain_number_where_there_is_one(
    text: str, instead: str
) -> None:
    with pytest.raises(ValueError, match="write") as raised:
        parse_expectation(text)
    said = re.findall(r"write ([\d.]+);", str(raised.value))
    assert said == ([instead] if instead else [])


@pytest.mark.parametrize(
    ("written", "instead"),
    [
        *((sign, "and") for sign in ("&&", "&", "AND")),
        *((sign, "not (not … and not …), which is an or") for sign in ("||", "|", "or", "OR")),
    ],
)
def test_each_join_of_another_language_says_what_stands_for_it(written: str, instead: str) -> None:
    with pytest.raises(ValueError, match=re.escape(f"write {instead}; all that can be written")):
        parse_expectation(f"missed(all) <= 1 {written} sent(all) > 0")


@pytest.mark.parametrize("written", ["NOT", "!"])
def test_so_does_each_not(written: str) -> None:
    with pytest.raises(ValueError, match="write not; all that can be written"):
        parse_expectation(f"{written} reached(restart)")


def test_what_is_said_of_nothing_in_particular_holds_all_that_can_be_written() -> None:
    with pytest.raises(ValueError, match=r"where .* should stand; write metric") as raised:
        parse_expectation("missed(all) ? 1")
    assert "None" not in str(raised.value)


@pytest.mark.parametrize(
    ("text", "runs"),
    [
        ("missed(a) < 3", 20),
        ("always(missed(a) < 3)", 20),
        ("reached(x)", 20),
        ("in 50 % of runs missed(a) < 3", 20),
        ("in 90 % of runs missed(a) < 3", 29),
        ("in 95 % of runs missed(a) < 3", 59),
        ("not in 95 % of runs missed(a) < 3 and in 99 % of runs reached(x)", 299),
    ],
)
def test_so_many_runs_can_pass(text: str, runs: int) -> None:
    """With one run less, all of them alike leave more than 5 % for a share that is too small."""
    found = parse_expectation(text).runs_needed
    assert found == runs
    if found > 20:
        share = {29: 0.9, 59: 0.95, 299: 0.99}[found]
        assert share**found <= 0.05 < share ** (found - 1)
