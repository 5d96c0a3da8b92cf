"""What other projects import to test with simrt: Hypothesis strategies for whole scenarios.

Needs Hypothesis: `pip install "simrt[testing]"`.
"""

from simrt.testing.repeating import how_to_repeat, repeatable
from simrt.testing.strategies import (
    arrivals,
    distributions,
    durations,
    faults,
    features,
    groups,
    options,
    reconnects,
    replays,
    scenario_data,
    scenarios,
    server_settings,
)

__all__ = [
    "scenarios",
    "scenario_data",
    "features",
    "options",
    "replays",
    "arrivals",
    "groups",
    "reconnects",
    "faults",
    "server_settings",
    "distributions",
    "durations",
    "repeatable",
    "how_to_repeat",
]
