"""Durations, rates and sizes: exact, bounded, and written back as they were."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simrt.scenario.units import (
    LONGEST_DURATION_NS,
    NS_PER_S,
    format_duration,
    format_size,
    parse_duration,
    parse_rate,
    parse_size,
    zone_of,
)


@pytest.mark.parametrize(
    ("text", "ns"),
    [
        ("1ns", 1), ("1us", 1000), ("250ms", 250_000_000), ("20s", 20 * NS_PER_S), ("0s", 0),
        ("5m", 300 * NS_PER_S), ("2h", 7200 * NS_PER_S), ("1d", 86_400 * NS_PER_S),
        ("1.5s", 1_500_000_000), ("0.1ns", 0), ("0.6ns", 1), ("36500d", LONGEST_DURATION_NS),
        ("0.000000001s", 1), ("1.000000001h", 3_600_000_003_600),
    ],
)  # fmt: skip
def test_durations(text, ns):
    assert parse_duration(text) == ns


@pytest.mark.parametrize(
    "text",
    ["", "5", "s", "5 s", " 5s", "5s ", "5s\n", "-5s", "+5s", "5S", "5min", "1e3s", ".5s", "5.s",
     "1_0s", "٣s", "36501d", "9" * 21 + "ns", "0." + "1" * 21 + "s", "1m30s"],
)  # fmt: skip
def test_what_is_no_duration(text):
    with pytest.raises(ValueError, match="a number with a unit"):
        parse_duration(text)


@given(st.integers(0, LONGEST_DURATION_NS))
def test_a_duration_is_written_back_exactly(ns):
    assert parse_duration(format_duration(ns)) == ns


def test_a_duration_is_written_in_its_largest_unit():
    assert [format_duration(n * NS_PER_S) for n in (0, 1, 60, 90, 3600, 86_400)] == [
        "0s", "1s", "1m", "90s", "1h", "1d",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "per_s", "gap_ns"),
    [
        ("4/s", 4.0, 250_000_000),
        ("0.5/s", 0.5, 2 * NS_PER_S),
        ("3/min", 0.05, 20 * NS_PER_S),
        ("3/m", 0.05, 20 * NS_PER_S),
        ("2/h", 2 / 3600, 1800 * NS_PER_S),
        ("7/s", 7.0, Fraction(NS_PER_S, 7)),
        ("1000000/s", 1e6, 1000),
    ],
)
def test_rates(text, per_s, gap_ns):
    rate = parse_rate(text)
    assert rate.per_s == pytest.approx(per_s)
    assert rate.gap_ns == gap_ns
    assert rate.text == text


@pytest.mark.parametrize(
    "text", ["", "4", "4/d", "0/s", "0.0/s", "-1/s", "4 /s", "4/s ", "1000001/s"]
)
def test_what_is_no_rate(text):
    with pytest.raises(ValueError, match="a number above 0 per unit of time"):
        parse_rate(text)


def test_sizes():
    assert [parse_size(text) for text in ("0B", "512B", "4KiB", "1MiB")] == [0, 512, 4096, 1 << 20]
    assert [format_size(size) for size in (0, 512, 4096, 1 << 20, 1025)] == [
        "0B", "512B", "4KiB", "1MiB", "1025B",
    ]  # fmt: skip
    for text in ("", "4", "4kB", "4 KiB", "1.5KiB", "-1B", "4KiB ", "1GiB"):
        with pytest.raises(ValueError, match="a whole number with a unit"):
            parse_size(text)


def test_zones():
    assert str(zone_of("Europe/Berlin")) == "Europe/Berlin"
    assert zone_of("UTC").utcoffset(None).total_seconds() == 0
    for name in ("", "Europe", "Nowhere/None", "../UTC", "/etc/passwd", "a\0b", "x" * 500):
        with pytest.raises(ValueError, match="the name of a time zone"):
            zone_of(name)
