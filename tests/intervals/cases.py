"""Laws with a known mean: what a figure of one run is drawn from.

Each case makes `Metrics`, as a run does, so that all that is measured goes through the code of
`simrt check`. Most are drawn from a law; five are whole scenarios, run on the simulator, whose mean
has a closed form.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from simrt.metrics import Metrics
from simrt.metrics.sketch import Sketch
from simrt.metrics.totals import Totals
from simrt.runs import simulated_metrics
from simrt.scenario.model import Scenario
from simrt.workers import simulate_all

NS = 1_000_000_000
SENT = 1_000_000
"""Of so many events a fraction is made."""

Draw = Callable[[np.random.Generator, int], Any]


@dataclass(frozen=True, slots=True)
class Case:
    """One law.

    Attributes:
        name: what it is, in words.
        figure: as `expect` writes it, such as `latency_s()`.
        truth: its mean.
        draw: so many values of it, or of what it is made of; None for a whole scenario.
        spread: whether its standard deviation is at most half of its mean.
        rare: whether it differs from its usual value in fewer than one run of five.
        scenario: what is simulated.
    """

    name: str
    figure: str
    truth: float
    draw: Draw | None = None
    spread: bool = False
    rare: bool = False
    scenario: Scenario | None = None


def run_of(figure: str, value: Any) -> Metrics:
    """A run with this value of a figure."""
    totals = Totals(members=1, first_ns=0, covered_ns=100 * NS)
    sketches = {}
    if figure == "latency_s()":
        totals.live_latencies, totals.live_latency_ns = 1, round(value * NS)
    elif figure == "staleness_s()":
        totals.informed_ns, totals.doubled_age_area = NS, round(2 * value * NS * NS)
    elif figure == "blind_s()":
        totals.blind_ns = round(value * NS)
    elif figure == "missed()":
        totals.outcomes[1] = int(value)
    elif figure == "missed_fraction()":
        missed = round(value * SENT)
        totals.outcomes[0], totals.outcomes[1] = SENT - missed, missed
    elif figure == "p90(latency_s)":
        sketch = Sketch()
        for one in value:
            sketch.add(round(one * NS))
        sketches["g", "latency_s"] = sketch
    else:
        raise AssertionError(figure)
    return Metrics({"g": totals}, {}, sketches, end_ns=100 * NS, memory_bytes=0, refetches=False)


def _now_and_then(share: float, size: Draw) -> Draw:
    return lambda chance, number: (chance.random(number) < share) * size(chance, number)


def _one(chance: np.random.Generator, number: int) -> Any:
    return np.ones(number)


def _exponential(chance: np.random.Generator, number: int) -> Any:
    return chance.exponential(1, number)


def _noise(chance: np.random.Generator, number: int) -> Any:
    return 1 + 0.1 * chance.standard_normal(number)


def _harmonic(first: int, last: int) -> float:
    return math.fsum(1 / k for k in range(first, last + 1))


LAWS = (
    Case("normal, spread 10 %", "latency_s()", 1, _noise, spread=True),
    Case("gamma, spread 50 %", "latency_s()", 1, lambda c, n: c.gamma(4, 0.25, n), spread=True),
    Case("lognormal, spread 53 %", "staleness_s()", math.exp(0.125),
         lambda c, n: c.lognormal(0, 0.5, n)),
    Case("exponential, spread 100 %", "staleness_s()", 1, _exponential),
    Case("largest of 50 exponential", "blind_s()", _harmonic(1, 50),
         lambda c, n: c.exponential(1, (n, 50)).max(1), spread=True),
    Case("90 % point of 10 exponential", "p90(latency_s)", _harmonic(2, 10),
         lambda c, n: c.exponential(1, (n, 10)), spread=True),
    Case("Poisson, mean 4", "missed()", 4, lambda c, n: c.poisson(4, n), spread=True),
    Case("Poisson, mean 0.3", "missed()", 0.3, lambda c, n: c.poisson(0.3, n)),
    Case("beta, mean 20 %", "missed_fraction()", 0.2, lambda c, n: c.beta(2, 8, n)),
    Case("5 % in one run of five, else none", "missed_fraction()", 0.01,
         _now_and_then(0.2, lambda c, n: 0.05 * _one(c, n))),
    Case("exponential in one run of five, else none", "missed_fraction()", 0.01,
         _now_and_then(0.2, lambda c, n: 0.05 * _exponential(c, n))),
    Case("exponential in every other run, else none", "staleness_s()", 0.5,
         _now_and_then(0.5, _exponential)),
    Case("all, but for one run of five", "missed_fraction()", 0.82,
         lambda c, n: 1 - 0.9 * _now_and_then(0.2, _one)(c, n), spread=True),
    Case("always 3", "missed()", 3, lambda c, n: 3 * _one(c, n), spread=True, rare=True),
    Case("20 % in one run of twenty, else none", "missed_fraction()", 0.01,
         _now_and_then(0.05, lambda c, n: 0.2 * _one(c, n)), rare=True),
    Case("90 % in one run of a thousand, else none", "missed_fraction()", 0.0009,
         _now_and_then(0.001, lambda c, n: 0.9 * _one(c, n)), rare=True),
)  # fmt: skip

BEYOND = (
    Case("lognormal, spread 131 %", "staleness_s()", math.exp(0.5),
         lambda c, n: c.lognormal(0, 1, n)),
    Case("noise, and ten times as much in one run of five", "latency_s()", 3,
         lambda c, n: _noise(c, n) + 10 * (c.random(n) < 0.2)),
    Case("noise, and ten times as much in one run of twenty", "latency_s()", 1.5,
         lambda c, n: _noise(c, n) + 10 * (c.random(n) < 0.05), rare=True),
)  # fmt: skip
"""Laws for which the rules do not keep their word everywhere; the page says where."""


# --- whole scenarios ------------------------------------------------------------------------------


def _scenario(title: str, duration: str, arrivals: dict[str, Any], **group: Any) -> Scenario:
    return Scenario.model_validate(
        {
            "title": title,
            "intent": {"kind": "notifications"},
            "feature": {
                "project": "shop",
                "channel": "news",
                "options": {"bufferSize": 32, "onFull": "drop-oldest", "messageTTL": "none"},
                "stream": {
                    "path": "/news",
                    "permission": {"public": ["GET"]},
                    "replay": {"lastN": 0, "maxAge": "none"},
                },
                "events": {"e": {"type": "object", "examples": [{}]}},
                "senders": [{"hook": "POST /e", "permission": {"user": ["POST"]}, "sends": "e"}],
            },
            "workload": {
                "duration": duration,
                "publish": [{"event": "e", "arrivals": arrivals}],
                "subscribers": {"g": {"reconnect": "at-once", **group}},
            },
        }
    )


def away(t_s: float, up_s: float, down_s: float) -> float:
    """That a client is offline at a time, if it began online: a Markov chain of two states."""
    rate = 1 / up_s + 1 / down_s
    return (1 / up_s) / rate * -math.expm1(-rate * t_s)


def _missed(sends_s: Sequence[float], up_s: float, down_s: float) -> float:
    return math.fsum(away(t, up_s, down_s) for t in sends_s) / len(sends_s)


def _outages(duration_s: float, up_s: float, down_s: float) -> float:
    """How often it goes offline: the integral of being online over `up_s`."""
    rate = 1 / up_s + 1 / down_s
    offline = (1 / up_s) / rate * (duration_s + math.expm1(-rate * duration_s) / rate)
    return (duration_s - offline) / up_s


def _online(up_s: int, down_s: int) -> dict[str, Any]:
    return {"up": {"exponential": f"{up_s}s"}, "down": {"exponential": f"{down_s}s"}}


# Every 3 s, from the first one on; five of them in 18 s.
_FIVE = {"periodic": "1/3s"}


def _periodic_s(gap: float, duration: float) -> list[float]:
    return [gap * k for k in range(1, math.ceil(duration / gap))]


WHOLE = (
    Case("sends of a Poisson process", "sent()", 10, spread=True,
         scenario=_scenario("Sends", "10s", {"poisson": "1/s"})),
    Case("mean of five exponential drains", "latency_s()", 0.1, spread=True,
         scenario=_scenario("Drains", "18s", {"periodic": "20/min"},
                            drain={"exponential": "100ms"})),
    Case("largest of five exponential drains", "p99(latency_s)", 0.1 * _harmonic(1, 5),
         scenario=_scenario("Drains", "18s", {"periodic": "20/min"},
                            drain={"exponential": "100ms"})),
    Case("missed by a client that is seldom offline", "missed_fraction(g)",
         _missed(_periodic_s(1, 30), 100, 5),
         scenario=_scenario("Seldom", "30s", {"periodic": "1/s"}, online=_online(100, 5))),
    Case("missed by one that is often offline", "missed_fraction(g)",
         _missed(_periodic_s(1, 60), 10, 5), spread=True,
         scenario=_scenario("Often", "60s", {"periodic": "1/s"}, online=_online(10, 5))),
    Case("broken connections of that one", "outages(g)", _outages(60, 10, 5), spread=True,
         scenario=_scenario("Often", "60s", {"periodic": "1/s"}, online=_online(10, 5))),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Job:
    scenario: Scenario
    first: int
    number: int


def _play(job: _Job, _: Callable[[float], None] | None = None) -> list[Metrics]:
    return [simulated_metrics(job.scenario, job.first + n) for n in range(job.number)]


def runs_of(case: Case, number: int, chance: np.random.Generator) -> list[Metrics]:
    """So many independent runs of a case."""
    if case.draw is not None:
        return [run_of(case.figure, value) for value in case.draw(chance, number)]
    assert case.scenario is not None
    return _simulated(case.scenario.title, number)


@cache
def _simulated(title: str, number: int) -> list[Metrics]:
    """The runs of a whole scenario: two cases look at each of some."""
    scenario = next(
        one.scenario for one in WHOLE if one.scenario is not None and one.scenario.title == title
    )
    return list(_played(scenario, number))


def _played(scenario: Scenario, number: int, each: int = 100) -> Iterator[Metrics]:
    jobs = [_Job(scenario, first, min(each, number - first)) for first in range(0, number, each)]
    done = {}
    for job, found in simulate_all(_play, jobs):
        if isinstance(found, Exception):
            raise found
        done[job.first] = found
    for job in jobs:
        yield from done[job.first]
