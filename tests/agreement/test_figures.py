"""The figures of two targets: equal, or inside of an interval; and what an interval is worth."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest

from simrt.agreement import banded_figures, ends, equal_figures, late_ns, shapes
from simrt.agreement.distributions import apart
from simrt.agreement.figures import JUDGED, Figure, figures_of, slack_of
from simrt.agreement.window import READ_BYTES
from simrt.client import connection
from simrt.history import FORMAT, Header
from simrt.metrics import METRICS, Metrics
from simrt.metrics.sketch import Sketch
from simrt.network import KernelWindow
from simrt.runs import simulated_metrics
from simrt.scenario import scenario
from simrt.scenario.model import Scenario
from tests.targets import small as smallest

SEEDS = range(1, 21)


def lively(**parts: Any) -> Scenario:
    """A slow group behind a small buffer, and one whose network comes and goes."""
    data = smallest.small(
        duration="60s",
        publish=[{"event": "e", "arrivals": {"poisson": "5/s"}}],
        options={"bufferSize": 8, "messageTTL": "3s"},
        replay={"lastN": 4, "maxAge": "none"},
        subscribers={
            "g": {"count": 3, "drain": {"exponential": "180ms"}, "window": 2},
            "t": {
                "count": 2,
                "online": {"up": {"exponential": "8s"}, "down": {"exponential": "3s"}},
            },
        },
    ).normalised()
    for path, value in parts.items():
        *steps, last = path.split("__")
        part = data
        for step in steps:
            part = part[step]
        part[last] = value
    return scenario(data)


@cache
def simulated(seed: int) -> Metrics:
    return simulated_metrics(lively(), seed)


def band() -> list[list[Metrics]]:
    return [[simulated(seed) for seed in SEEDS]]


def differing(run: Metrics, resolution_ns: int = 0) -> list[str]:
    found = banded_figures(band(), run, resolution_ns)
    return [one.figure.name for one in found if one.judged and one.agrees is False]


# --- intervals ----------------------------------------------------------------------------------


def test_an_interval_by_hand() -> None:
    """The range, widened on both sides by its own length."""
    found = banded_figures(band(), simulated(1), 0)
    one = next(one for one in found if (one.figure.group, one.figure.name) == ("g", "latency_s"))
    values = [simulated(seed).value("latency_s", "g") or 0.0 for seed in SEEDS]
    low, high = min(values), max(values)
    assert one.low == pytest.approx(max(0, low - (high - low)))
    assert one.high == pytest.approx(high + (high - low))
    assert (one.left, one.right) == (values[0], values[0])
    assert one.difference == 0


def test_like_systems_agree() -> None:
    """docs/model-and-reality.md says how many of many tables; of these 20 all but one."""
    agreeing = [seed for seed in range(101, 121) if not differing(simulated(seed))]
    assert len(agreeing) >= 19


def steady() -> Scenario:
    """The same, but nobody's network goes away."""
    data = lively().normalised()
    del data["workload"]["subscribers"]["t"]["online"]
    return scenario(data)


_OPTIONS, _REPLAY = "feature__options", "feature__stream__replay"
_G, _T = "workload__subscribers__g", "workload__subscribers__t"
PLANTED = (
    ("`bufferSize` 9, not 8", {f"{_OPTIONS}__bufferSize": 9}, "pending_max"),
    ("`bufferSize` 7, not 8", {f"{_OPTIONS}__bufferSize": 7}, "pending_max"),
    (
        "`bufferSize` 32 and nothing expires",
        {f"{_OPTIONS}__bufferSize": 32, f"{_OPTIONS}__messageTTL": "none"},
        "latency_s",
    ),
    ("no replay, not the last 4", {f"{_REPLAY}__lastN": 0}, "pending_max"),
    ("a replay of 3, not 4", {f"{_REPLAY}__lastN": 3}, "pending_max"),
    ("a window of 4, not 2", {f"{_G}__window": 4}, "in_flight_max"),
    ("an event takes 100 ms to handle, not 0", {f"{_T}__drain": "100ms"}, "latency_s"),
    ("nobody's network goes away", None, "outages"),
)


def planted_systems() -> Iterator[tuple[str, Scenario]]:
    """Systems that are not alike, and what is changed."""
    for said, parts, _ in PLANTED:
        yield said, steady() if parts is None else lively(**parts)


def differing_of(system: Scenario) -> list[str]:
    """The judged figures of one run of a system that lie outside of the interval of `lively`."""
    return differing(simulated_metrics(system, 1))


@pytest.mark.parametrize("number", range(len(PLANTED)), ids=[said for said, _, _ in PLANTED])
def test_a_system_that_is_not_alike_differs(number: int) -> None:
    _, system = list(planted_systems())[number]
    assert PLANTED[number][2] in differing_of(system)


def test_both_ends_of_the_window_span_the_interval() -> None:
    """A run under any window between two simulated ones agrees; under a far larger one not."""
    ends = [
        [simulated_metrics(lively(workload__subscribers__g__window=window), seed) for seed in SEEDS]
        for window in (2, 8)
    ]
    between = simulated_metrics(lively(workload__subscribers__g__window=5), 1)
    found = {(one.figure.group, one.figure.name): one for one in banded_figures(ends, between, 0)}
    in_flight = found["g", "in_flight_max"]
    assert (in_flight.low, in_flight.high, in_flight.right) == (2, 8, 5)
    assert in_flight.difference == 0  # it lies between both
    assert not [one for one in found.values() if one.judged and one.agrees is False]
    beyond = simulated_metrics(lively(workload__subscribers__g__window=12), 1)
    far = {one.figure.name: one for one in banded_figures(ends, beyond, 0) if one.judged}
    assert far["in_flight_max"].agrees is False


def test_a_few_simulated_runs_give_no_interval() -> None:
    few = [[simulated(seed) for seed in range(1, 10)]]
    alone = banded_figures(few, simulated_metrics(lively(feature__options__bufferSize=64), 1), 0)
    assert not [one for one in alone if one.agrees is False]
    assert any(one.agrees is None for one in alone)
    same = banded_figures([[simulated(1)]], simulated(1), 0)
    assert all(one.agrees for one in same)


def test_a_figure_that_only_one_side_has() -> None:
    quiet = [simulated_metrics(steady(), seed) for seed in SEEDS]
    found = {
        (one.figure.group, one.figure.name): one for one in banded_figures([quiet], simulated(1), 0)
    }
    assert found["t", "reconnect_s"].agrees is False  # no simulated run ever reconnects
    back = {(one.figure.group, one.figure.name): one for one in banded_figures(band(), quiet[0], 0)}
    assert back["t", "reconnect_s"].agrees is False  # each simulated run does
    assert back["t", "reconnect_s"].difference is None


def test_percentiles_are_shown_and_do_not_count() -> None:
    found = banded_figures(band(), simulated(2), 0)
    assert {one.figure.metric for one in found if one.judged} <= set(JUDGED)
    assert not any(one.figure.percent and one.judged for one in found)
    assert any(one.figure.name == "p90(latency_s)" for one in found)


# --- what lateness moves ------------------------------------------------------------------------


def test_lateness_by_hand() -> None:
    run = simulated(1)
    totals = run.totals("t")
    rate = totals.sent / (totals.covered_ns / 1e9)
    assert slack_of(Figure("t", "latency_s"), run, 0.1) == pytest.approx(0.2)
    assert slack_of(Figure("t", "staleness_s", 90), run, 0.1) == pytest.approx(0.2)
    assert slack_of(Figure("t", "outdated_fraction"), run, 0.1) == pytest.approx(0.2 * rate)
    assert slack_of(Figure("t", "mean_pending"), run, 0.1) == pytest.approx(0.2 * rate)
    assert slack_of(Figure("t", "in_flight_max"), run, 0.1) == math.ceil(0.2 * rate)
    borders = (2 * totals.outages + 2) * math.ceil(0.2 * rate)
    assert slack_of(Figure("t", "missed"), run, 0.1) == pytest.approx(borders)
    assert slack_of(Figure("t", "missed_fraction"), run, 0.1) == pytest.approx(
        borders / totals.sent
    )
    assert slack_of(Figure("t", "outages"), run, 0.1) == 0
    # Nobody of g was ever away: each has one border, its first subscribe.
    assert slack_of(Figure("g", "missed"), run, 0.1) == 3 * math.ceil(0.2 * rate)


def test_exact_times_move_nothing() -> None:
    for figure in figures_of(("g", "t", "all")):
        assert slack_of(figure, simulated(1), 0.0) == 0


# --- equality -----------------------------------------------------------------------------------


def test_equal_runs_have_equal_figures() -> None:
    runs = [simulated(1), simulated(2)]
    assert all(one.agrees for one in equal_figures(runs, runs))


def test_of_several_runs_the_first_that_differs_is_shown() -> None:
    found = equal_figures([simulated(1), simulated(2)], [simulated(1), simulated(3)])
    one = next(one for one in found if (one.figure.group, one.figure.name) == ("g", "latency_s"))
    assert one.agrees is False
    assert one.left == simulated(2).value("latency_s", "g")
    assert one.right == simulated(3).value("latency_s", "g")


def test_a_table_has_every_metric_of_every_group_once() -> None:
    names = [(one.group, one.name) for one in figures_of(("a", "b", "all"))]
    assert len(names) == len(set(names))
    for group in ("a", "b", "all"):
        assert {name for where, name in names if where == group} >= set(METRICS)
    alone = [(one.group, one.name) for one in figures_of(("a", "all"))]
    assert [name for group, name in alone if group == "all"] == ["memory_bytes"]


# --- distributions ------------------------------------------------------------------------------


def sketch(*seconds: float) -> Sketch:
    found = Sketch()
    for value in seconds:
        found.add(round(value * 1e9))
    return found


def test_distances_of_distributions_by_hand() -> None:
    """Half of the values moved by 2 s: 1 s on average; below 2 s lies half as much."""
    moved_s, share = apart(sketch(1, 1, 1, 1), sketch(1, 1, 3, 3))
    assert moved_s == pytest.approx(1, rel=0.01)
    assert share == pytest.approx(0.5)
    assert apart(sketch(1, 2, 3), sketch(1, 2, 3)) == (0, 0)


def test_time_weighs_ages() -> None:
    """An age that grew from 0 to 4 s against one that stayed below 2 s."""
    one, other = Sketch(), Sketch()
    one.add_span(0, 4_000_000_000)
    other.add_span(0, 2_000_000_000)
    moved_s, share = apart(one, other)
    assert moved_s == pytest.approx(1, rel=0.01)
    assert share == pytest.approx(0.5, rel=0.01)


def test_shapes_stand_beside_what_is_usual_between_seeds() -> None:
    found = {(one.group, one.metric): one for one in shapes(band(), simulated(1))}
    assert set(found) == {(g, m) for g in "gt" for m in ("latency_s", "staleness_s")}
    for one in found.values():
        assert (one.moved_s, one.share) == (0, 0)
        assert one.usual_moved_s is not None
        assert one.usual_moved_s > 0
    slow = simulated_metrics(lively(workload__subscribers__t__drain="2s"), 1)
    late = {(one.group, one.metric): one for one in shapes(band(), slow)}
    assert late["t", "latency_s"].moved_s > (late["t", "latency_s"].usual_moved_s or 0)


# --- windows ------------------------------------------------------------------------------------


def test_a_calibrated_window_is_a_band() -> None:
    measured = {"a": {"messages": 40, "bytes": 3200, "most_bytes": 9000},
                "b": {"messages": 10, "bytes": 900}}  # fmt: skip
    header = Header(FORMAT, {}, "server", 1, window=measured)
    least, in_lumps, largest = ends(header)
    assert least == {"a": KernelWindow(3200, 1600), "b": KernelWindow(900, 450)}
    assert in_lumps == {"a": KernelWindow(9000, 4500), "b": KernelWindow(2948, 1474)}
    assert largest == {"a": KernelWindow(9000), "b": KernelWindow(900 + READ_BYTES)}


@pytest.mark.rules("NET-7", "NET-9")
def test_what_a_kernel_does_in_silence_is_a_band() -> None:
    measured = {"messages": 40, "bytes": 3200, "most_bytes": 9000, "silent_bytes": 1600,
                "most_silent_bytes": 3000, "pause_ns": 3, "most_pause_ns": 4}  # fmt: skip
    found = ends(Header(FORMAT, {}, "server", 1, window={"a": measured}))
    assert [(end["a"].silent_bytes, end["a"].repeats_ns) for end in found] == [
        (1600, 3), (1600, 4), (3000, 4)
    ]  # fmt: skip


def test_a_time_is_late_by_the_resolution_and_the_longest_trip() -> None:
    window = {"a": {"bytes": 9, "trip_ns": 30}, "b": {"bytes": 9, "trip_ns": 50}, "c": {"bytes": 9}}
    assert late_ns(Header(FORMAT, {}, "server", 1, resolution_ns=100, window=window)) == 150
    assert late_ns(Header(FORMAT, {}, "server", 1, resolution_ns=100)) == 100
    assert late_ns(Header(FORMAT, {}, "sim", 1)) == 0


def test_what_one_read_brings_is_what_our_client_reads() -> None:
    assert READ_BYTES == connection.READ_BYTES
