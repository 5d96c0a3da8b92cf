"""The scenario: model, loading, distributions, arrivals."""

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from simrt.scenario.arrivals import Arrival, arrivals, job_times, trace_notes
from simrt.scenario.events import Shapes, payload, render, timestamp
from simrt.scenario.loader import load, load_all, opened, scenario
from simrt.scenario.model import Distribution, Fault, Feature, Publish, Scenario, Sender
from simrt.scenario.neighbour import neighbour_of
from simrt.scenario.randomness import Draws, Randomness
from simrt.scenario.schema import json_schema

__all__ = [
    "load",
    "load_all",
    "opened",
    "scenario",
    "Scenario",
    "Feature",
    "Sender",
    "Publish",
    "Fault",
    "Distribution",
    "json_schema",
    "Arrival",
    "arrivals",
    "job_times",
    "trace_notes",
    "Draws",
    "Randomness",
    "Shapes",
    "payload",
    "render",
    "timestamp",
    "neighbour_of",
]


class _Room(ModuleType):
    """This room, and the public function of its name: importing the one would hide the other."""

    def __call__(self, data: dict[str, Any], directory: str | Path = "") -> Scenario:
        return scenario(data, directory)


sys.modules[__name__].__class__ = _Room
