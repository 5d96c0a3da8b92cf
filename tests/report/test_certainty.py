"""When two targets agree, and when they differ."""

from dataclasses import replace

import pytest

from simrt.metrics import Estimate
from simrt.report.certainty import compared, difference
from tests.report.checks import usual


@pytest.fixture(scope="module")
def base():
    return usual()


def rows(base, *estimates, metric="missed_fraction", group="office"):
    figures = tuple(
        Estimate(target, group, metric, value, value - half, value + half, runs)
        for target, value, half, runs in estimates
    )
    return compared(replace(base, estimates=figures))


def judged(base, *estimates, **more):
    (row,) = rows(base, *estimates, **more)
    return row.agree


@pytest.mark.parametrize(
    ("sim", "server", "said"),
    [
        # Series against series: their intervals meet, or they do not.
        ((0.10, 0.02, 20), (0.13, 0.02, 20), "agree"),
        ((0.10, 0.02, 20), (0.15, 0.02, 20), "differ: the intervals do not meet"),
        # A single run lies outside of the interval of a mean 3 times in 4 and is fine so:
        # sqrt(21) * 0.02 = 0.092.
        ((0.10, 0.02, 20), (0.19, 0.00, 1), "agree"),
        ((0.10, 0.02, 20), (0.20, 0.00, 1), "differ, more than single runs do"),
        ((0.10, 0.00, 20), (0.10, 0.00, 1), "agree"),
        ((0.10, 0.00, 20), (0.11, 0.00, 1), "differ, more than single runs do"),
        ((0.10, 0.00, 1), (0.30, 0.00, 1), "one run each"),
    ],
)
def test_targets_differ_only_beyond_chance(base, sim, server, said):
    assert judged(base, ("sim", *sim), ("server", *server)) == said
    assert judged(base, ("sim", *server), ("server", *sim)) == said


def test_times_closer_than_the_clock_can_tell_agree(base):
    # The server of this check tells times to 8 ms.
    near = ("sim", 0.100, 0.0, 20), ("server", 0.107, 0.0, 1)
    assert judged(base, *near, metric="latency_s") == "agree"
    assert judged(base, *near) == "differ, more than single runs do"
    far = ("sim", 0.100, 0.0, 20), ("server", 0.109, 0.0, 1)
    assert judged(base, *far, metric="latency_s") == "differ, more than single runs do"


def test_cells_show_value_and_interval_in_their_unit(base):
    (row,) = rows(base, ("sim", 0.1, 0.02, 20), ("server", 0.2, 0.0, 1))
    assert [cell.replace("\u00a0", " ") for cell in row.cells] == ["10 % [8 % to 12 %]", "20 %"]
    (row,) = rows(base, ("sim", 45.0, 0.1, 20), metric="p90(staleness_s)")
    assert [cell.replace("\u00a0", " ") for cell in row.cells] == ["45 s", "—"]
    assert row.label == "Age of what is on screen, also while nothing is sent, 90 % are below"


def test_zero_everywhere_is_left_out_and_unknown_figures_are_not(base):
    assert rows(base, ("sim", 0.0, 0.0, 20), ("server", 0.0, 0.0, 1)) == ()
    (row,) = rows(base, ("sim", 3.0, 0.0, 20), metric="something_new", group="strangers")
    assert (row.label, row.cells[0]) == ("Something_new", "3")


def test_the_sentence_counts_what_the_table_marks(base):
    assert difference(()) == ""
    agree = rows(base, ("sim", 0.1, 0.02, 20), ("server", 0.1, 0.0, 1))
    differ = rows(base, ("sim", 0.1, 0.02, 20), ("server", 0.9, 0.0, 1))
    alone = rows(base, ("sim", 0.1, 0.0, 1), ("server", 0.9, 0.0, 1))
    assert difference(agree) == "The targets agree in all 1 figure of this table."
    assert difference(agree + differ).startswith("The targets agree in 1 of 2 figures")
    assert "too little to say" in difference(alone)
