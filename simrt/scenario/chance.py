"""What in a scenario is drawn at random; where nothing is, one run says all."""

from __future__ import annotations

from collections.abc import Iterator

from simrt.scenario.laws import Arrivals, Distribution
from simrt.scenario.model import Scenario, Subscribers


def draws_of(scenario: Scenario) -> tuple[str, ...]:
    """What of the scenario uses a random stream that a figure can depend on, in its order.

    Empty: every seed gives the same figures, on a target with exact times. Decided from the file
    alone, and on the safe side: a pause before a reconnect counts as drawn as soon as a connection
    can end. Two draws are left out, since no figure sees them: the name of a hub's life, and a
    `retry` that nobody waits for.
    """
    found = [
        f"arrivals of {entry.event}"
        for entry in scenario.workload.publish
        if _arrives_by_chance(entry.arrivals)
    ]
    for name, group in scenario.workload.subscribers.items():
        found += [f"{what} of {name}" for what in _of_group(scenario, name, group)]
    return tuple(found)


def _of_group(scenario: Scenario, name: str, group: Subscribers) -> Iterator[str]:
    if _varies(group.drain):
        yield "drain"
    if group.online is not None and (_varies(group.online.up) or _varies(group.online.down)):
        yield "online periods"
    for fault in scenario.faults:
        share = fault.by if fault.kind == "disconnect" and fault.whom == name else None
        if share is not None and round(group.count * share) < group.count:
            yield "members that a disconnect hits"
    if _returns_by_chance(scenario, group) and _can_end(scenario, name, group):
        yield "pauses before a reconnect"
    if group.window_bytes is not None and _retry_varies_in_size(scenario):
        yield "size of the retry field"


def _arrives_by_chance(arrivals: Arrivals) -> bool:
    if arrivals.batch is not None:
        return arrivals.batch.rate is not None or arrivals.batch.size.geometric is not None
    return arrivals.on_off is not None or arrivals.poisson is not None


def _varies(law: Distribution) -> bool:
    if law.uniform is not None:
        return law.uniform.low_ns != law.uniform.high_ns
    return law.constant_ns is None


def _returns_by_chance(scenario: Scenario, group: Subscribers) -> bool:
    if isinstance(group.reconnect, str):
        return False
    spread = scenario.server.retry_spread_ns
    return bool(group.reconnect.jitter_ns) or (spread is not None and spread[0] != spread[1])


def _can_end(scenario: Scenario, name: str, group: Subscribers) -> bool:
    """Whether a connection of this group can end before the run does."""
    if group.online is not None or group.watchdog_ns is not None:
        return True
    held_ns, factor = 0, 1.0
    for fault in scenario.faults:
        if fault.ends_connections_of(name):
            return True
        if fault.kind == "stall" and fault.whom == name:
            held_ns += fault.for_ns
        if fault.kind == "slow" and fault.whom == name and fault.by is not None:
            factor *= max(1.0, float(fault.by))
    # A window is full for no longer than one event takes, if nothing stalls.
    longest_ns = group.drain.uniform.high_ns if group.drain.uniform else group.drain.constant_ns
    deadline_ns = scenario.server.write_deadline_ns
    if deadline_ns is None:
        return False
    return longest_ns is None or held_ns + longest_ns * factor >= deadline_ns


def _retry_varies_in_size(scenario: Scenario) -> bool:
    spread = scenario.server.retry_spread_ns
    return spread is not None and len(str(spread[0] // 10**6)) != len(str(spread[1] // 10**6))
