"""Numbers as readers take them in."""

import pytest

from simrt.report import words


def plain(text):
    return text.replace("\u00a0", " ")


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (1, "1"), (9.96, "10"), (0.0123, "0.012"), (99.4, "99"), (2345, "2,300"),
     (0.000_04, "0.00004"), (1_234_567, "1,200,000")],
)  # fmt: skip
def test_two_significant_digits_and_no_exponent(value, text):
    assert words.two(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0 s"), (0.000_02, "20 µs"), (0.012, "12 ms"), (0.9949, "990 ms"), (0.9996, "1 s"),
     (45, "45 s"), (119, "2 min"), (150, "2.5 min"), (7199, "2 h"), (86_400 * 3, "3 days")],
)  # fmt: skip
def test_times_in_the_unit_that_reads_best(value, text):
    assert plain(words.seconds(value)) == text


@pytest.mark.parametrize(
    ("fraction", "text"),
    [(0, "0 %"), (0.005, "0.5 % (1 in 200)"), (0.06, "6 %"), (0.0099, "0.99 % (1 in 100)"),
     (0.01, "1 %"), (0.9999, "more than 99 %"), (1, "100 %")],
)  # fmt: skip
def test_a_share_is_never_rounded_to_none_or_all(fraction, text):
    assert plain(words.percent(fraction)) == text


@pytest.mark.parametrize(
    ("fraction", "text"),
    [(0, "0"), (0.0001, "fewer than 0.1"), (0.94, "94"), (0.9999, "more than 99"), (1, "100")],
)
def test_of_a_hundred(fraction, text):
    assert words.of_hundred(fraction) == text


@pytest.mark.parametrize(
    ("ns", "text"),
    [(90_000_000_000, "90 s"), (125_000_000_000, "125 s"), (600_000_000_000, "10 min"),
     (86_400_000_000_000, "1 day"), (250_000_000, "250 ms")],
)  # fmt: skip
def test_what_was_decided_is_not_rounded(ns, text):
    assert plain(words.exactly(ns)) == text


def test_a_number_and_its_unit_stay_on_one_line():
    assert " " not in words.seconds(45)
    assert " " not in words.percent(0.06)


def test_lists_and_counts():
    assert words.listing(["a"]) == "a"
    assert words.listing(["a", "b", "c"]) == "a, b and c"
    assert words.many(1, "run") == "1 run"
    assert words.many(1234, "run") == "1,234 runs"
    assert plain(words.clock_time(185_900_000_000)) == "3 min 5 s"
