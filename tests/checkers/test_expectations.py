"""Corners of the words of expectations; the rest is tested with the metrics that they judge."""

import pytest

from simrt.checkers import told
from simrt.checkers.bounds import Errors
from simrt.checkers.one_run import Times
from simrt.checkers.told import digits_of
from simrt.checkers.unsettled import Seen
from simrt.metrics import limits
from simrt.scenario.expect import parse_expectation
from tests.metrics.tales import scenario


def test_as_many_digits_as_it_takes_to_tell_a_value_from_its_bound():
    assert digits_of("s", 2.0, 2.0) == 2
    assert digits_of("s", 2.04, 2.0) == 3
    assert digits_of("s", 0.1 + 0.2, 0.3) == 17


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("missed(a) < 3", "a: events missed, allowed less than 3"),
        ("missed_fraction() <= 0.125", "everyone: events missed, allowed 12.5 %"),
        ("latency_s(a) > 0.25", "a: delay of an event, asked for more than 250 ms"),
        ("memory_bytes() >= 2048", "everyone: memory for events, asked for at least 2 KiB"),
        ("p90(latency_s, a) == 61", "a: delay of an event, 90 % point, asked for exactly 61 s"),
        (
            "not missed() <= 1 and reached(x)",
            "not (everyone: events missed, allowed 1) and x is reached",
        ),
        ("missed() <= 0.07", "everyone: events missed, allowed 0.07"),
        ("missed() <= 0.123456789012345", "everyone: events missed, allowed 0.123456789012345"),
        ("always(reached(x))", "in every run x is reached"),
        ("in 99.5 % of runs not reached(x)", "in 99.5 % of runs not (x is reached)"),
    ],
)
def test_the_words_of_what_is_asked(text, words):
    assert told.asked(parse_expectation(text).term) == words


def test_a_run_takes_no_longer_than_its_workload_and_its_quiet_phase():
    made = scenario()  # 100 s, and 60 s
    assert Times.of(made, "sim", 0) == Times("sim", 0, 160.0)


@pytest.mark.parametrize(
    ("found", "words"),
    [
        ((1, 1), "; 1 further run may decide it"),
        ((1, 404), "; 1 to 410 further runs may decide it"),
        ((123, 128), "; 130 further runs may decide it"),
        ((12, 101), "; 12 to 110 further runs may decide it"),
        ((501, None), "; at least 510 further runs, perhaps more than 10,000, may decide it"),
        (None, "too near the bound for 10,000 runs"),
    ],
)
def test_the_words_of_how_many_runs_more(found, words):
    assert told.near(found).endswith(words)


@pytest.mark.parametrize("errors", [Errors(0.025, 0.0001), Errors(0.0001, 0.025), Errors()])
def test_how_many_runs_more_are_told_for_the_surer_limit(errors):
    (term,) = parse_expectation("missed(a) <= 13").comparisons
    values = [9.0, 10.0, 11.0, 14.0, 9.0]
    level = min(errors.passing, errors.failing)
    due = told.near(limits.further_runs(limits.spread_of(values), 13, None, level))
    assert told.further(term, [Seen(1, one, one, one) for one in values], errors) == due
    usual = told.near(limits.further_runs(limits.spread_of(values), 13, None))
    assert (level == limits.LEVEL) == (due == usual)


@pytest.mark.parametrize(
    ("number", "needed", "words"),
    [
        (19, 20, "1 further run is needed (20 in all)"),
        (1, 20, "19 further runs are needed (20 in all)"),
        (1, 10_000, "9,999 further runs are needed (10000 in all)"),
        (1, 10_001, "only 10,001 runs could tell"),
    ],
)
def test_the_words_of_runs_that_are_missing(number, needed, words):
    assert told.more_runs(number, needed) == words
