"""The neighbour: a second project with an equal channel name, so that isolation can be judged."""

from __future__ import annotations

from typing import Any

from simrt.scenario.model import Scenario
from simrt.scenario.units import NS_PER_S

EVENT = "neighbour-event"
GROUP = "neighbour"
HOOK = "POST /neighbour"

_SUFFIX = "-neighbour"
_LONGEST_PROJECT = 64
# How many events the neighbour sends in one run, and the shortest time between two.
_EVENTS = 40
_SHORTEST_GAP_NS = 1_000_000


def neighbour_project(project: str) -> str:
    """The name of the neighbour of a project: another one, within the limit of length."""
    name = project[: _LONGEST_PROJECT - len(_SUFFIX)] + _SUFFIX
    if name == project:  # as long as may be, and ends like this already
        name = project[: _LONGEST_PROJECT - len(_SUFFIX) - 1] + _SUFFIX + "2"
    return name


def neighbour_of(scenario: Scenario) -> Scenario:
    """The neighbour project that every check runs beside a scenario (PRJ-1).

    It has the same channel name, options, stream path, permission and server settings; its own
    event type, one hook, one subscriber, a few events at even distances, and no faults.
    """
    feature = scenario.feature
    data = scenario.normalised()
    written = data["feature"]
    gap_ns = max(scenario.workload.duration_ns / _EVENTS, _SHORTEST_GAP_NS)
    built: dict[str, Any] = {
        "title": f"Neighbour of {scenario.title}",
        "intent": {"kind": "notifications"},
        "feature": {
            "project": neighbour_project(feature.project),
            "channel": feature.channel,
            "options": written.get("options", {}),
            "stream": written["stream"],
            "events": {
                EVENT: {
                    "type": "object",
                    "additionalProperties": False,
                    "required": ["of", "n"],
                    "properties": {"of": {"const": "neighbour"}, "n": {"type": "string"}},
                }
            },
            "senders": [
                {"hook": HOOK, "permission": {"token:neighbour": ["POST"]}, "sends": EVENT}
            ],
        },
        "workload": {
            "duration": data["workload"]["duration"],
            "publish": [
                {
                    "event": EVENT,
                    "arrivals": {"periodic": f"{3600 * NS_PER_S / gap_ns:.12f}/h"},
                    "data": {"of": "neighbour", "n": "{n}"},
                }
            ],
            "subscribers": {GROUP: {"count": 1}},
        },
        **{key: data[key] for key in ("server", "variants", "starts", "timezone") if key in data},
    }
    neighbour = Scenario.model_validate(built)
    return neighbour.placed(f"{scenario.name}{_SUFFIX}", scenario.directory)
