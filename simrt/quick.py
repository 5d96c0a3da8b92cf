"""A first answer: the scenario with fewer members, few runs on the simulator, the same rules.

What is left out follows from the file alone, never from the machine's speed: the answer is the
same everywhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice

from simrt.scenario import Randomness, Scenario, arrivals
from simrt.text import many

_RUNS = 20
# Fewer runs rather than fewer members of each group than so many.
_MEMBERS = 5
# Deliveries in all runs together: some seconds of two cores, simulated and judged.
_DELIVERIES = 40_000


@dataclass(frozen=True, slots=True)
class Quick:
    """What a quick check runs.

    Attributes:
        scenario: the scenario, each group with at least one member.
        runs: how many seeds.
        left_out: in a sentence what the whole check has beyond it.
    """

    scenario: Scenario
    runs: int
    left_out: str


def quick_of(scenario: Scenario, usual_runs: int) -> Quick:
    """Fewer members in proportion, then fewer runs, until the deliveries are few enough.

    Arguments:
        scenario: the whole.
        usual_runs: how many seeds the simulator runs in a check that is not quick.
    """
    groups = scenario.workload.subscribers
    members = sum(group.count for group in groups.values())
    calls = islice(arrivals(scenario, Randomness(1)), _DELIVERIES)
    sends = max(1, sum(call.count for call in calls))
    least = sum(min(group.count, _MEMBERS) for group in groups.values())
    runs = max(1, min(_RUNS, usual_runs, _DELIVERIES // (sends * least)))
    share = min(1.0, _DELIVERIES / (sends * runs) / members)
    counts = {name: max(1, int(group.count * share)) for name, group in groups.items()}
    kept = sum(counts.values())
    fewer = {
        name: group.model_copy(update={"count": counts[name]}) for name, group in groups.items()
    }
    workload = scenario.workload.model_copy(update={"subscribers": fewer})
    smaller = scenario.model_copy(update={"workload": workload})
    parts = [f"{runs} of {many(usual_runs, 'run')}"]
    if kept < members:
        parts.append(f"{kept:,} of {many(members, 'member')}")
    return Quick(
        smaller.placed(scenario.name, scenario.directory, scenario.file),
        runs,
        f"A quick check: {' with '.join(parts)}, without a real server.",
    )
