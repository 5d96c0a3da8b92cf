"""The one module that words numbers: what it says, and what no surface may do with a number."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simrt import text
from simrt.metrics import METRICS
from simrt.report.experience import metric_text

ROOT = Path(text.__file__).parent


@pytest.mark.parametrize(
    ("value", "said"),
    [(0, "0"), (1, "1"), (9.96, "10"), (0.0123, "0.012"), (99.4, "99"), (2345, "2,300"),
     (0.000_04, "0.00004"), (1_234_567, "1,200,000")],
)  # fmt: skip
def test_two_significant_digits_and_no_exponent(value, said):
    assert text.rounded(value) == said


@pytest.mark.parametrize(
    ("value", "said"),
    [(0, "0"), (0.123, "0.12"), (9.96, "10"), (99.6, "100"), (284, "284"), (284.4, "284"),
     (1_234_567, "1,234,567")],
)  # fmt: skip
def test_counts_and_means_of_counts_keep_their_whole_digits(value, said):
    assert text.number(value) == said


@pytest.mark.parametrize(
    ("value", "said"),
    [(0, "0 s"), (0.000_02, "20 µs"), (0.012, "12 ms"), (0.9949, "990 ms"), (0.9996, "1 s"),
     (45, "45 s"), (94, "94 s"), (114, "110 s"), (119, "2 min"), (125, "2.1 min"),
     (7000, "120 min"), (7199, "2 h"), (86_400 * 3, "3 days")],
)  # fmt: skip
def test_times_in_the_unit_that_reads_best(value, said):
    assert text.seconds(value) == said
    assert text.duration(round(value * 1e9)) == said


@pytest.mark.parametrize(
    ("fraction", "said"),
    [(0, "0 %"), (1e-9, "less than 0.01 %"), (0.0001, "0.01 %"), (0.005, "0.5 %"), (0.06, "6 %"),
     (0.9949, "99 %"), (0.9975, "more than 99 %"), (1 - 1e-12, "more than 99 %"), (1, "100 %")],
)  # fmt: skip
def test_a_share_is_never_rounded_to_none_or_all(fraction, said):
    assert text.share(fraction) == said


def test_more_digits_where_two_do_not_tell_it_from_another():
    assert text.share(0.9975, 3) == "99.8 %"
    assert text.share(0.99975, 3) == "more than 99.9 %"
    assert text.seconds(10.004, 5) == "10.004 s"


@pytest.mark.parametrize(
    ("fraction", "said"),
    [(0.005, "0.5 % (1 in 200)"), (0.0099, "0.99 % (1 in 100)"), (0.01, "1 %"), (0, "0 %")],
)
def test_a_rare_share_has_its_odds_beside_it(fraction, said):
    assert text.share_and_odds(fraction) == said


@pytest.mark.parametrize(
    ("fraction", "said"),
    [(0, "0"), (0.000_01, "fewer than 0.01"), (0.94, "94"), (0.9999, "more than 99"), (1, "100")],
)
def test_of_a_hundred(fraction, said):
    assert text.of_hundred(fraction) == said


@pytest.mark.parametrize(
    ("ns", "said"),
    [(0, "0 s"), (90_000_000_000, "90 s"), (125_000_000_000, "125 s"), (600_000_000_000, "10 min"),
     (86_400_000_000_000, "1 day"), (2 * 86_400_000_000_000, "2 days"), (250_000_000, "250 ms"),
     (7, "7 ns")],
)  # fmt: skip
def test_what_was_decided_is_not_rounded(ns, said):
    assert text.exact_duration(ns) == said


def test_instants_of_a_record_are_exact():
    assert [text.exact_s(ns) for ns in (0, 12_500_000_000, -1, 10**16 + 1)] == [
        "0 s", "12.5 s", "-0.000000001 s", "10000000.000000001 s",
    ]  # fmt: skip
    assert text.clock_time(185_900_000_000) == "3 min 5 s"
    assert text.clock_time(3_725_000_000_000) == "1 h 2 min"


def test_a_bound_is_worded_as_it_was_written():
    assert text.exact_share(0.125) == "12.5 %"
    assert text.exact_share(0.00001) == "0.001 %"


def test_lists_and_counts():
    assert text.listing(["a"]) == "a"
    assert text.listing(["a", "b", "c"]) == "a, b and c"
    assert text.listing(["a", "b"], "or") == "a or b"
    assert text.many(1, "run") == "1 run"
    assert text.many(1234, "run") == "1,234 runs"
    assert text.many(2, "delivery", "deliveries") == "2 deliveries"


def test_on_a_page_a_number_and_its_unit_stay_on_one_line():
    said = text.unbroken("45 s, 6 % of 3 days in 2 h 5 min; 7 seconds; 5 s-bahn")
    assert said == "45\u00a0s, 6\u00a0% of 3\u00a0days in 2\u00a0h 5\u00a0min; 7 seconds; 5 s-bahn"


# --- properties -------------------------------------------------------------------------------

_LENGTHS = {"µs": 1e-6, "ms": 1e-3, "s": 1.0, "min": 60.0, "h": 3600.0, "days": 86_400.0}
_COUNTS = st.one_of(st.integers(0, 10**12), st.floats(0, 1e12))
_SHARES = st.one_of(st.floats(0, 1), st.floats(0.99, 1), st.floats(0, 0.001))
_SECONDS = st.one_of(st.floats(0, 1e-3), st.floats(0, 200), st.floats(0, 1e7))


def read(said: str) -> float:
    """The number that a wording says, in seconds, in percent, or as counted."""
    found = re.fullmatch(r"(more than |less than )?([0-9.,]+)( [a-zµ%]+)?", said)
    assert found, said
    value = float(found[2].replace(",", "")) * _LENGTHS.get((found[3] or "").strip(), 1.0)
    return value + {"more than ": 1e-9, "less than ": -1e-9, None: 0.0}[found[1]]


@given(_COUNTS, _COUNTS)
def test_a_larger_number_never_reads_smaller(one, other):
    low, high = sorted((one, other))
    assert read(text.number(low)) <= read(text.number(high))
    assert read(text.rounded(low)) <= read(text.rounded(high))


@given(_SECONDS, _SECONDS, st.integers(2, 6))
def test_a_longer_time_never_reads_shorter(one, other, digits):
    low, high = sorted((one, other))
    assert read(text.seconds(low, digits)) <= read(text.seconds(high, digits)) * (1 + 1e-12)


@given(_SHARES, _SHARES, st.integers(2, 6))
def test_a_larger_share_never_reads_smaller(one, other, digits):
    low, high = sorted((one, other))
    assert read(text.share(low, digits)) <= read(text.share(high, digits))
    assert read(text.of_hundred(low).replace("fewer", "less")) <= read(
        text.of_hundred(high).replace("fewer", "less")
    )


@given(_SHARES, st.integers(2, 17))
def test_none_and_all_are_said_of_nothing_else(fraction, digits):
    said = text.share(fraction, digits)
    assert (said == "0 %") == (fraction == 0)
    assert (said == "100 %") == (fraction == 1)


@given(_SECONDS, _SHARES, _COUNTS)
def test_what_is_read_is_what_was_measured_to_two_digits(length, fraction, number):
    for said, value in (
        (text.seconds(length), length),
        (text.share(fraction), 100 * fraction),
        (text.number(number), number),
    ):
        if "less than" not in said:
            # Half a unit of the second digit, and for the shortest times half of 0.1 µs more.
            assert abs(read(said) - value) <= 0.05 * value * (1 + 1e-9) + 1e-8


@given(st.sampled_from(list(METRICS.values())), _SHARES)
def test_one_figure_has_one_wording_on_every_surface(metric, value):
    said = metric_text(metric.name, value)
    assert said == text.measured(value, metric.unit)
    share = text.share(value)
    assert text.share_and_odds(value).startswith(share)
    assert text.of_hundred(value).replace("fewer", "less") == share.removesuffix(" %")


# --- nobody else ------------------------------------------------------------------------------

# What is written for a program or a drawing, not for a reader.
_MACHINE_MADE = {
    "report/palette.py", "report/drawing.py", "report/figures/canvas.py", "scenario/neighbour.py",
    "validation/cases.py", "scenario/traces.py", "targets/app/loop.py", "targets/app/run.py",
    "validation/text.py", "scenario/sending.py", "scenario/units.py",
}  # fmt: skip


@pytest.mark.parametrize(
    "path", sorted(ROOT.rglob("*.py")), ids=lambda path: path.relative_to(ROOT).as_posix()
)
def test_numbers_are_rounded_for_readers_in_one_place(path):
    """A format such as `:.2g` or `:.1f` would be a second way to word a number."""
    name = path.relative_to(ROOT).as_posix()
    if name == "text.py" or name in _MACHINE_MADE or name.startswith("theory/"):
        return
    tree = ast.parse(path.read_text("utf-8"))
    formats = [
        ast.unparse(node)
        for node in ast.walk(tree)
        if isinstance(node, ast.FormattedValue) and node.format_spec is not None
        and re.search(r"\.[0-9]+[efg%]", ast.unparse(node.format_spec))
    ]  # fmt: skip
    assert formats == []
