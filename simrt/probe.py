"""The probe run: what a scenario leaves out of disconnects and restarts, tried once.

Items 4 and 5 of the checklist ask what a disconnect and a restart cost. A scenario that declares
neither would leave them open, so a check plays it once more with both.
"""

from __future__ import annotations

from simrt.scenario.model import Fault, Scenario
from simrt.scenario.units import format_duration

_AWAY_NS = 10_000_000_000
_DOWN_NS = 2_000_000_000


def probe_of(scenario: Scenario) -> Scenario | None:
    """The scenario with a disconnect of every group and a restart; None where it has both.

    At 40 % of the workload every group loses its network for ten seconds, at 70 % the server is
    restarted and is down for two; for less where the workload is short. Its own faults stay out, so
    that nothing else is blamed.
    """
    kinds = {fault.kind for fault in scenario.faults}
    groups = scenario.workload.subscribers
    leaves = "disconnect" in kinds or any(group.online is not None for group in groups.values())
    if leaves and "restart" in kinds:
        return None
    duration_ns = scenario.workload.duration_ns
    away = format_duration(max(1, min(_AWAY_NS, duration_ns // 10)))
    down = format_duration(max(1, min(_DOWN_NS, duration_ns // 20)))
    cut, killed = format_duration(duration_ns * 4 // 10), format_duration(duration_ns * 7 // 10)
    faults = [Fault.model_validate({"at": cut, "disconnect": name, "for": away}) for name in groups]
    faults.append(Fault.model_validate({"at": killed, "restart": "server", "for": down}))
    probe = scenario.model_copy(update={"faults": tuple(faults), "expect": ()})
    return probe.placed(scenario.name, scenario.directory, scenario.file)
