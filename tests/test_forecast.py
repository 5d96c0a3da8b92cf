"""What a check will take: from a probe, not from a constant."""

from pathlib import Path

import simrt.forecast
from simrt.checks import check_forecast
from simrt.forecast import forecast
from simrt.scenario import load_all
from tests.targets.small import small

PATTERN = load_all([Path("scenarios/patterns/live-admin-notifications.yml")])[0]


def clock_of(*readings):
    coming = iter(readings)
    return lambda: lambda: next(coming)


def test_a_probe_that_is_cut_short_stands_for_the_whole(monkeypatch):
    # Two hundredths in 2 s, judged by 3 s: the whole takes 150 s.
    monkeypatch.setattr(simrt.forecast, "stopwatch", clock_of(0.5, 2.0, 3.0))
    assert simrt.forecast.run_s(small(count=1), 1.0) == 150.0


def test_a_probe_to_the_end_is_the_whole(monkeypatch):
    monkeypatch.setattr(simrt.forecast, "stopwatch", clock_of(*[0.0] * 100, 4.0))
    assert simrt.forecast.run_s(small(count=1), 1.0) == 4.0


def test_runs_share_the_cores_and_the_server_has_its_pace(monkeypatch):
    monkeypatch.setattr(simrt.forecast, "run_s", lambda *_: 30.0)
    monkeypatch.setattr(simrt.forecast, "cpu_count", lambda: 2)
    assert forecast([PATTERN], [20], None, server=False) == "5 min"
    assert forecast([PATTERN], [0], 1.0, server=True) == "10 min"


def test_it_names_runs_and_targets(monkeypatch):
    monkeypatch.setattr(simrt.forecast, "run_s", lambda *_: 30.0)
    monkeypatch.setattr(simrt.forecast, "cpu_count", lambda: 2)
    said = check_forecast([PATTERN], ("sim",), None, None)
    assert said == "20 runs on sim: about 5 min"
    said = check_forecast([PATTERN, PATTERN], ("sim", "server"), 3, 60.0)
    assert said.startswith("6 runs on sim and 2 runs on server: about ")
