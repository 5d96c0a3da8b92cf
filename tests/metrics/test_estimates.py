"""Intervals over runs: against scipy's own, for coverage, and at the edges."""

from __future__ import annotations

import subprocess
import sys

import pytest
from scipy import stats

from simrt.errors import UsageError
from simrt.metrics import METHOD, METRICS, Metrics, estimate, estimates
from simrt.metrics.estimate import split_figure
from simrt.metrics.sketch import Sketch
from simrt.metrics.totals import FIGURES, Totals
from simrt.scenario.metric_names import VALIDATION_QUANTITIES


def a_run(received: int = 0, missed: int = 0, latencies_s: tuple[float, ...] = ()) -> Metrics:
    totals = Totals(outcomes=[received, missed, 0, 0, 0, 0, 0, 0], members=1, first_ns=0)
    totals.live_latencies = len(latencies_s)
    sketch = Sketch()
    for latency in latencies_s:
        totals.live_latency_ns += round(latency * 1e9)
        sketch.add(round(latency * 1e9))
    sketches = {("g", "latency_s"): sketch}
    return Metrics({"g": totals}, {"g/0": totals}, sketches, end_ns=10, memory_bytes=0,
                   refetches=False)  # fmt: skip


def test_an_interval_is_students_where_runs_are_not_skewed() -> None:
    """Wide apart from 0 and symmetric: the widening is a hundredth of the reach."""
    latencies = [100.0 + shift for shift in (-2, -1, 0, 1, 2)] * 4
    runs = [a_run(1, 0, (latency,)) for latency in latencies]
    found = estimate(runs, "sim", "latency_s", "g")
    low, high = stats.t.interval(0.95, 19, loc=100.0, scale=stats.sem(latencies))
    assert (found.value, found.low) == pytest.approx((100.0, low))
    assert found.high is not None
    assert high < found.high < high + 0.01 * (high - 100)
    assert (found.target, found.group, found.metric, found.runs) == ("sim", "g", "latency_s", 20)
    assert found.named
    assert "Student" in METHOD


def test_a_percentile_is_that_of_each_run() -> None:
    """Hundredths apart, so that each percent is another value."""
    run = a_run(100, 0, tuple(n / 100 for n in range(1, 101)))
    for percent, value in (("50", 0.5), ("99", 0.99)):
        found = estimate([run], "sim", "latency_s", "g", percent)
        assert found.value == pytest.approx(value, rel=0.004)


def test_fewer_than_20_runs_have_no_interval_of_95_percent() -> None:
    runs = [a_run(1, 0, (float(n),)) for n in range(1, 20)]
    assert not estimate(runs, "sim", "latency_s", "g").named
    assert estimate([*runs, a_run(1, 0, (20.0,))], "sim", "latency_s", "g").named


def test_one_run_has_its_value_alone() -> None:
    found = estimate([a_run(3, 1)], "server", "missed_fraction")
    assert (found.value, found.low, found.high, found.runs) == (0.25, None, None, 1)


def test_no_run_with_a_value() -> None:
    found = estimate([a_run(), a_run()], "sim", "latency_s")
    assert (found.value, found.low, found.high, found.runs) == (None, None, None, 0)
    assert estimates([], "sim") == ()


def test_runs_without_a_value_do_not_count() -> None:
    runs = [a_run(), a_run(1, 0, (2.0,)), a_run(1, 0, (4.0,))]
    found = estimate(runs, "sim", "latency_s")
    assert (found.value, found.runs) == (3.0, 2)


def test_equal_runs_have_no_interval() -> None:
    """One of no width would say that nothing else can happen."""
    runs = [a_run(9, 1) for _ in range(20)]
    found = estimate(runs, "sim", "missed_fraction")
    assert (found.low, found.value, found.high) == (None, 0.1, None)
    assert not found.named


def test_intervals_stay_where_the_figure_can_be() -> None:
    few = estimate([a_run(1000, 0), a_run(999, 1)], "sim", "missed_fraction")
    assert few.low == 0
    most = estimate([a_run(0, 1000), a_run(1, 999)], "sim", "missed_fraction")
    assert most.high == 1
    assert most.low is not None
    assert most.low < 0.9999


def test_percentiles() -> None:
    runs = [a_run(3, 0, (1.0, 2.0, 3.0)), a_run(3, 0, (3.0, 4.0, 5.0))]
    found = estimate(runs, "sim", "latency_s", "g", "50")
    assert found.metric == "p50(latency_s)"
    assert found.value == pytest.approx(3.0, rel=0.01)


@pytest.mark.parametrize(
    ("figure", "parts"),
    [("latency_s", ("", "latency_s")), ("p90(latency_s)", ("90", "latency_s")),
     ("p99.9(latency_s)", ("99.9", "latency_s")), ("pending_max", ("", "pending_max"))],
)  # fmt: skip
def test_a_figure_is_a_metric_or_its_percentile(figure: str, parts: tuple[str, str]) -> None:
    assert split_figure(figure) == parts


@pytest.mark.parametrize(
    "figure", ["", 90, "p\u0669\u0660(latency_s)", "latenza_\u00e8", "p90(latency_s", "p()"]
)
def test_a_figure_that_is_spelled_otherwise_is_refused(figure: str) -> None:
    with pytest.raises(UsageError, match="figure"):
        split_figure(figure)


def test_all_figures_in_order() -> None:
    found = estimates([a_run(3, 1, (1.0,)), a_run(3, 1, (1.0,))], "sim")
    names = [one.metric for one in found if one.group == "g"]
    assert [name for name in names if "(" not in name] == list(METRICS)
    assert names[names.index("latency_s") :][:4] == [
        "latency_s", "p50(latency_s)", "p90(latency_s)", "p99(latency_s)",
    ]  # fmt: skip
    assert [one.group for one in found] == ["g"] * len(names) + ["all"] * len(names)
    assert all(one.target == "sim" for one in found)


def test_one_run_alone_has_all_figures_too() -> None:
    one = estimates([a_run(3, 1, (1.0,))], "sim")
    assert [figure.metric for figure in one] == [
        figure.metric for figure in estimates([a_run(3, 1, (1.0,))] * 2, "sim")
    ]


def test_the_table_of_metrics_is_whole() -> None:
    elsewhere = {"memory_bytes", "refetches", "refetches_per_s"}
    assert set(METRICS) == set(FIGURES) | elsewhere
    assert all(name == metric.name for name, metric in METRICS.items())
    assert set(VALIDATION_QUANTITIES.values()) <= set(METRICS)
    for metric in METRICS.values():
        assert metric.meaning
        assert metric.phrase
        assert (metric.unit == "s") == metric.name.endswith("_s") or metric.unit == "requests/s"
        assert (metric.unit == "fraction") == (
            metric.name.endswith(("_fraction", "_probability"))
        ), metric.name


def test_the_table_loads_nothing_heavy() -> None:
    code = (
        "import sys, simrt.metrics, simrt.scenario.expect;"
        "print([m for m in ('scipy', 'pandas', 'matplotlib') if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]", out.stdout
