"""The place of everything that acts in a scenario, for simultaneous events (NET-9)."""

from __future__ import annotations

from collections.abc import Sequence

from simrt.network import LAST_RANK
from simrt.scenario.model import Scenario

# Bursts come after all jobs and calls of the same instant.
_BURSTS = 1 << 20

END_OF_WORKLOAD = LAST_RANK
"""The end of the workload comes after all faults and heals of its instant."""


def ranks_of(tenants: Sequence[Scenario]) -> dict[str, int]:
    """By name, the place of subscribers and jobs.

    Arguments:
        tenants: the scenario, then its neighbour.

    Returns:
        Names are `GROUP/MEMBER` for subscribers and `PROJECT JOB` for jobs.
    """
    members = [
        f"{name}/{number}"
        for tenant in tenants
        for name, group in tenant.workload.subscribers.items()
        for number in range(group.count)
    ]
    ranks = {name: rank for rank, name in enumerate(members)}
    senders = [
        f"{tenant.feature.project} {sender.job or sender.hook}"
        for tenant in tenants
        for sender in tenant.feature.senders
    ]
    ranks.update({name: rank for rank, name in enumerate(senders)})
    return ranks


def first_calls(tenants: Sequence[Scenario]) -> list[int]:
    """For each tenant, the place of its first `publish` entry.

    They come after all jobs: the feature stands before the workload in the file.
    """
    rank = sum(len(tenant.feature.senders) for tenant in tenants)
    first = []
    for tenant in tenants:
        first.append(rank)
        rank += len(tenant.workload.publish)
    return first


def burst_rank(fault: int) -> int:
    """The place of the calls of a burst, by the position of the fault."""
    return _BURSTS + fault
