"""Decide, prove and watch how a realtime feature delivers its messages.

    import simrt

    scenario = simrt.load("scenarios/patterns/live-admin-notifications.yml")
    run = simrt.run(scenario, on="sim", seed=1)
    run.metrics.value("missed_fraction", "office")

Names are imported when they are first used, so that `import simrt` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from simrt.agreement import Comparison
    from simrt.checks import check
    from simrt.comparisons import compare
    from simrt.errors import ScenarioError, SimrtError, TargetError, UsageError
    from simrt.history import History, Row, read_history
    from simrt.results import Check, Run
    from simrt.runs import judge, run
    from simrt.scenario import Scenario, load, scenario

_HOMES = {
    "load": "simrt.scenario",
    "scenario": "simrt.scenario",
    "Scenario": "simrt.scenario",
    "run": "simrt.runs",
    "judge": "simrt.runs",
    "check": "simrt.checks",
    "compare": "simrt.comparisons",
    "Run": "simrt.results",
    "Check": "simrt.results",
    "Comparison": "simrt.agreement",
    "History": "simrt.history",
    "Row": "simrt.history",
    "read_history": "simrt.history",
    "SimrtError": "simrt.errors",
    "ScenarioError": "simrt.errors",
    "TargetError": "simrt.errors",
    "UsageError": "simrt.errors",
}

__all__ = [
    "load",
    "scenario",
    "Scenario",
    "run",
    "judge",
    "check",
    "compare",
    "Run",
    "Check",
    "Comparison",
    "History",
    "Row",
    "read_history",
    "SimrtError",
    "ScenarioError",
    "TargetError",
    "UsageError",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'simrt' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
