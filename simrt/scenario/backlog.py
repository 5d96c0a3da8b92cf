"""How many events a buffer ever has use for, told from the file alone: nothing runs.

A buffer is used by a replay (`lastN`, `maxAge`), and by what gathers while a client lags: in a
stall, behind a slow drain, in a burst. What is older than `messageTTL` is of no use to either.
"""

from __future__ import annotations

import math

from simrt.scenario.laws import Arrivals
from simrt.scenario.model import Scenario, Subscribers
from simrt.scenario.units import NS_PER_S

# A queue of random sends is longer than this only once in a million times.
_RARELY = 1e-6
# A cron expression of five fields fires once a minute, at most.
_SHORTEST_CRON_NS = 60 * NS_PER_S
# A period of chance is hardly ever so many times as long as its mean.
_PERIODS = 5


def useful_buffer(scenario: Scenario) -> int | None:
    """The most events that a replay or a lag of this scenario can use, at the busiest rate.

    Returns:
        A number of events, 1 or more; None where the file alone does not tell: a trace decides
        when is sent, or a group is always too slow and would fill any buffer.
    """
    rate = _busiest_per_s(scenario)
    if rate is None:
        return None
    lags = [_lag(scenario, group, rate) for group in scenario.workload.subscribers]
    ttl_ns = scenario.feature.options.message_ttl_ns
    kept = math.inf if ttl_ns is None else rate * ttl_ns / NS_PER_S
    used = max(_replayed(scenario, rate), min(max(lags) + _at_once(scenario), kept), 1.0)
    return None if math.isinf(used) else math.ceil(used)


def _busiest_per_s(scenario: Scenario) -> float | None:
    total = 0.0
    for entry in scenario.workload.publish:
        if entry.arrivals.trace is not None:
            return None
        total += _peak(entry.arrivals)
    jobs = (job.interval_ns or _SHORTEST_CRON_NS for job in scenario.feature.jobs)
    return total + sum(NS_PER_S / interval_ns for interval_ns in jobs)


def _peak(arrivals: Arrivals) -> float:
    if arrivals.batch is not None:
        return arrivals.batch.sends_per_s
    one = arrivals.on_off.rate if arrivals.on_off else arrivals.poisson or arrivals.periodic
    return one.per_s if one is not None else 0.0


def _replayed(scenario: Scenario, rate: float) -> float:
    """The most that one replay brings (REP-2, REP-5); the buffer's size is left out of account."""
    replay, ttl_ns = scenario.feature.stream.replay, scenario.feature.options.message_ttl_ns
    most = [float(replay.last_n)] if replay.last_n is not None else []
    if scenario.variants.resume == "last-event-id":
        most = [max([*most, rate * _longest_away_s(scenario)])]
    elif replay.max_age_ns is not None:
        most.append(rate * replay.max_age_ns / NS_PER_S)
    if most and ttl_ns is not None:
        most.append(rate * ttl_ns / NS_PER_S)
    return min(most, default=0.0)


def _longest_away_s(scenario: Scenario) -> float:
    """How long a client may be without a connection: what a resumed replay reaches back for."""
    away = [fault.for_ns for fault in scenario.faults if fault.of_kind.network]
    waits = []
    for group in scenario.workload.subscribers.values():
        if group.online is not None:
            away.append(round(_PERIODS * group.online.down.mean_ns))
        if group.reconnect != "at-once":
            waits.append(group.reconnect.at_most_ns + group.reconnect.jitter_ns)
    return (max(away, default=0) + max(waits, default=0)) / NS_PER_S


def _lag(scenario: Scenario, name: str, rate: float) -> float:
    """What gathers for one client of a group: always, in its stalls, while it is slowed down."""
    group = scenario.workload.subscribers[name]
    spell_s = _spell_s(group)
    load = rate * spell_s
    if load >= 1:
        return math.inf
    lag = math.log(_RARELY) / math.log(load) if load > 0 else 1.0
    for fault in scenario.faults:
        lasts_s = fault.for_ns / NS_PER_S
        if fault.of_kind.stops and fault.whom == name:
            lag += rate * lasts_s
        elif fault.kind == "slow" and fault.whom == name:
            spell_s = _spell_s(group, fault.by or 1)
            lag += max(0.0, rate - 1 / spell_s if spell_s else 0.0) * lasts_s
    if group.online is not None and group.online.silent:
        lag += rate * _PERIODS * group.online.down.mean_ns / NS_PER_S
    return lag


def _spell_s(group: Subscribers, factor: float = 1) -> float:
    """How long one event keeps a client, or one place of its window, busy (NET-3)."""
    drain_ns = group.drain.mean_ns * factor
    window_ns = (drain_ns + group.latency_ns) / group.window_msgs if group.window_msgs else 0.0
    return max(drain_ns, window_ns) / NS_PER_S


def _at_once(scenario: Scenario) -> float:
    """What comes in one go: bursts, and the largest batch (a geometric one is rarely longer)."""
    bursts = [float(fault.by or 0) for fault in scenario.faults if fault.kind == "burst"]
    batches = [0.0]
    for entry in scenario.workload.publish:
        if entry.arrivals.batch is not None:
            size = entry.arrivals.batch.size
            batches.append(size.mean if size.fixed is not None else _PERIODS * size.mean)
    return sum(bursts) + max(batches)
