"""How long a check will take: from a short probe of each scenario, on this machine, now."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from os import cpu_count

from simrt.clock import NS_PER_S, stopwatch
from simrt.history import History, Row
from simrt.runs import judge
from simrt.scenario import Scenario
from simrt.targets import sim
from simrt.targets.server import expected_s
from simrt.text import duration
from simrt.workers import REAL_AT_ONCE

# Real seconds for the probes of all scenarios; each takes a hundredth of its workload at least.
_PROBES_S = 1.0


class _EnoughError(Exception):
    """The probe has run for long enough."""


def run_s(scenario: Scenario, most_s: float) -> float:
    """Real seconds that one simulated and judged run takes, from its first part.

    Arguments:
        scenario: what would run.
        most_s: for so long it is probed, and to the end of the hundredth under way.
    """
    since = stopwatch()
    rows: list[Row] = []
    done = 1.0

    def tell(share: float) -> None:
        nonlocal done
        done = share
        if since() >= most_s:
            raise _EnoughError

    with suppress(_EnoughError):
        sim.run(scenario, 1, write=rows.append, progress=tell)
    judge(History(sim.header(scenario, 1), rows))
    return since() / done


def forecast(scenarios: Sequence[Scenario], runs: Sequence[int], speed: float | None, *,
             server: bool) -> str:  # fmt: skip
    """About how long their runs will take, in words.

    Arguments:
        scenarios: what is checked.
        runs: how often each is simulated; 0 where the simulator is left out.
        speed: of the real server; None: that which each run chooses.
        server: whether a real server runs too.
    """
    each_s = _PROBES_S / len(scenarios)
    needed_s = 0.0
    if any(runs):
        work = [
            run_s(scenario, each_s) * many for scenario, many in zip(scenarios, runs, strict=True)
        ]
        needed_s += sum(work) / min(cpu_count() or 1, sum(runs))
    if server:
        real = [expected_s(scenario, speed) for scenario in scenarios]
        needed_s += max(*real, sum(real) / REAL_AT_ONCE)
    return duration(needed_s * NS_PER_S, 1)
