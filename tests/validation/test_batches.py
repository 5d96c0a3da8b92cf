"""Batches: what a run was like in stretches of time, from one pass over its rows."""

import pytest

from simrt.metrics import Meter
from simrt.metrics.batches import Batches, joined
from simrt.metrics.totals import FIGURES
from simrt.targets import sim
from tests.targets.small import S, small

SETTINGS = {
    "queue": {
        "publish": [{"event": "e", "arrivals": {"poisson": "20/s"}}],
        "drain": {"exponential": "60ms"},
        "window": 1,
        "options": {"bufferSize": 3, "messageTTL": "200ms"},
    },
    "outages": {
        "publish": [{"event": "e", "arrivals": {"poisson": "10/s"}}],
        "online": {"up": {"exponential": "2s"}, "down": {"exponential": "1s"}},
        "reconnect": "at-once",
        "replay": {"lastN": 4, "maxAge": "none"},
        "options": {"bufferSize": 20, "onFull": "drop-newest"},
    },
}  # fmt: skip


def rows_of(name, duration="60s"):
    scenario = small(duration=duration, **SETTINGS[name])
    rows = []
    sim.run(scenario, 3, write=rows.append)
    return scenario, rows


@pytest.mark.parametrize("name", SETTINGS)
@pytest.mark.parametrize("at_s", [0, 7, 23, 60])
def test_a_reading_is_what_a_run_that_ended_there_would_say(name, at_s):
    scenario, rows = rows_of(name)
    meter = Meter(scenario)
    meter.feed_all(row for row in rows if row.t_ns <= at_s * S)
    found = meter.until(at_s * S)
    shorter = Meter(small(duration=f"{max(at_s, 1)}s", **SETTINGS[name]))
    shorter._end = at_s * S
    shorter.feed_all(row for row in rows if row.t_ns <= at_s * S)
    expected = shorter.finish()
    assert found.totals() == expected.totals()
    for metric in ("latency_s", "staleness_s", "peak_staleness_s"):
        assert found.quantile(metric, p=0.9) == expected.quantile(metric, p=0.9)


@pytest.mark.parametrize("name", SETTINGS)
def test_a_reading_leaves_no_trace(name):
    scenario, rows = rows_of(name)
    plain, read = Meter(scenario), Meter(scenario)
    for number, row in enumerate(rows):
        plain.feed(row)
        read.feed(row)
        if number % 400 == 0 and row.t_ns <= 60 * S:
            read.until(row.t_ns)
    assert read.finish().to_frame().equals(plain.finish().to_frame())


@pytest.mark.parametrize("name", SETTINGS)
def test_batches_add_up_to_the_run_without_its_warm_up(name):
    scenario, rows = rows_of(name)
    batches = Batches(scenario, 6 * S, 9)
    meter = Meter(scenario)
    for row in rows:
        batches.feed(row)
    found = batches.finish()
    assert len(found) == 9
    assert all(batch.totals.covered_ns == 6 * S for batch in found)
    meter.feed_all(row for row in rows if row.t_ns <= 6 * S)
    before = meter.until(6 * S).totals()
    whole = Meter(scenario)
    whole.feed_all(row for row in rows if row.t_ns <= 60 * S)
    rest = whole.until(60 * S).totals().less(before)
    added = joined(found).totals
    assert added.outcomes == rest.outcomes
    for metric, figure in FIGURES.items():
        if not metric.endswith(("_max", "gap_messages", "blind_s")):
            assert figure(added) == figure(rest), metric
    live = joined(found)
    assert live.latencies.total == live.totals.live_latencies + live.totals.replay_latencies
    assert live.latency_quantile(0.5) is not None


def test_a_batch_without_one_of_its_parts_is_the_others():
    scenario, rows = rows_of("queue")
    batches = Batches(scenario, 0, 4)
    for row in rows:
        batches.feed(row)
    first, *others = batches.finish()
    left, rest = joined([first, *others]).less(first), joined(others)
    for metric in ("loss_fraction", "latency_s", "staleness_s", "mean_pending"):
        assert left.value(metric) == rest.value(metric)
    for p in (0.1, 0.5, 0.95):
        assert left.latency_quantile(p) == pytest.approx(rest.latency_quantile(p), rel=0.01)
