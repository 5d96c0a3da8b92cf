"""When two targets agree, and when they differ."""

from dataclasses import replace

import pytest

from simrt.metrics import Estimate, Metrics, estimate
from simrt.metrics.totals import Totals
from simrt.report.certainty import compared, difference
from tests.report.checks import usual


@pytest.fixture(scope="module")
def base():
    return usual()


def a_run(metric, value, group):
    totals = Totals(members=1, live_latencies=1)
    if metric == "missed_fraction":
        totals.outcomes[:2] = [1000 - round(1000 * value), round(1000 * value)]
    else:
        totals.live_latency_ns = round(value * 1e9)
    return Metrics({group: totals}, {}, {}, end_ns=1, memory_bytes=0, refetches=False)


def rows(base, *series, metric="missed_fraction", group="office"):
    """The table of figures that were measured on targets: target, values by seed from 1 on."""
    measured = {
        target: tuple(a_run(metric, value, group) for value in values) for target, values in series
    }
    figures = tuple(estimate(runs, at, metric, group) for at, runs in measured.items())
    seeds = {target: tuple(range(1, len(values) + 1)) for target, values in series}
    return compared(replace(base, estimates=figures, measured=measured, seeds=seeds))


def judged(base, *series, **more):
    (row,) = rows(base, *series, **more)
    return row.agree


# 20 runs about 0.1, ordered so that the run with seed 1 is the least.
SERIES = [0.08, *[0.09, 0.1, 0.11] * 6, 0.12]


@pytest.mark.parametrize(
    ("sim", "server", "said"),
    [
        # Series against series, seed by seed: all that differs is the same for each pair.
        (SERIES, [value + 0.001 * (n % 3 - 1) for n, value in enumerate(SERIES)], "agree"),
        (SERIES, [value + 0.001 * (n % 3) for n, value in enumerate(SERIES)],
         "differ: the paired differences leave out zero"),
        # A single run: like its pair, or within the range of single runs.
        (SERIES, [0.08], "agree"),
        (SERIES, [0.12], "agree"),
        (SERIES, [0.15], "differ, more than single runs do"),
        ([0.1] * 20, [0.1], "agree"),
        ([0.1] * 20, [0.11], "differ, more than single runs do"),
        ([0.1], [0.3], "one run each"),
    ],
)  # fmt: skip
def test_targets_differ_only_beyond_chance(base, sim, server, said):
    assert judged(base, ("sim", sim), ("server", server)) == said
    assert judged(base, ("sim", server), ("server", sim)) == said


def test_times_closer_than_the_clock_can_tell_agree(base):
    # The server of this check tells times to 8 ms.
    near = ("sim", [0.1] * 20), ("server", [0.107])
    assert judged(base, *near, metric="latency_s") == "agree"
    assert judged(base, *near) == "differ, more than single runs do"
    far = ("sim", [0.1] * 20), ("server", [0.109])
    assert judged(base, *far, metric="latency_s") == "differ, more than single runs do"


def test_cells_show_value_and_limits_in_their_unit(base):
    (row,) = rows(base, ("sim", SERIES), ("server", [0.2]))
    assert [cell.replace("\u00a0", " ") for cell in row.cells] == ["10 % [9.5 % to 10 %]", "20 %"]
    (row,) = rows(base, ("sim", [0.1] * 20), ("server", [0.1]))
    assert [cell.replace("\u00a0", " ") for cell in row.cells] == ["10 %", "10 %"]
    (row,) = rows(base, ("sim", [45.0, 46.0]), metric="latency_s")
    assert row.cells[1] == "—"
    assert row.label == "Delay of an event, average"


def test_zero_everywhere_is_left_out_and_unknown_figures_are_not(base):
    assert rows(base, ("sim", [0.0] * 20), ("server", [0.0])) == ()
    unknown = Estimate("sim", "strangers", "something_new", 3.0, None, None, 20)
    (row,) = compared(replace(base, estimates=(unknown,)))
    assert (row.label, row.cells[0]) == ("Something_new", "3")


def test_the_sentence_counts_what_the_table_marks(base):
    assert difference(()) == ""
    agree = rows(base, ("sim", SERIES), ("server", [0.1]))
    differ = rows(base, ("sim", SERIES), ("server", [0.9]))
    alone = rows(base, ("sim", [0.1]), ("server", [0.9]))
    assert difference(agree) == "The targets agree in all 1 figure of this table."
    assert difference(agree + differ).startswith("The targets agree in 1 of 2 figures")
    assert "too little to say" in difference(alone)
