"""How a run in virtual time passes: the workload, then the quiet phase."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from simrt.scenario.model import Scenario

# How often progress is told: in slices of the workload.
_SLICES = 100


class VirtualTime(Protocol):
    """Time that passes when it is told to.

    Attributes:
        now_ns: scenario time, nanoseconds.
    """

    now_ns: int

    def run_before(self, t_ns: int) -> None:
        """Let everything happen that is due before this instant."""

    def run_instant(self, until_ns: int) -> bool:
        """Let one whole instant happen, if the next is not after `until_ns`; say whether."""
        ...


def play_out(
    time: VirtualTime,
    scenario: Scenario,
    settled: Callable[[], bool],
    progress: Callable[[float], None] | None,
) -> None:
    """Run the workload, then until nothing is pending or in flight, at the latest after `quiet`.

    Arguments:
        time: in which everything is planned.
        scenario: how long the workload and the quiet phase last.
        settled: whether nothing is pending or in flight; asked after each instant.
        progress: told the share of the workload that is done, 0 to 1.
    """
    duration_ns = scenario.workload.duration_ns
    for part in range(1, _SLICES + 1):
        time.run_before(duration_ns * part // _SLICES)
        if progress is not None:
            progress(part / _SLICES)
    # The instant in which the workload ends is part of it: faults heal, networks return.
    time.run_before(duration_ns + 1)
    time.now_ns = duration_ns
    latest_ns = duration_ns + scenario.server.quiet_ns
    while not settled():
        if not time.run_instant(latest_ns):
            time.now_ns = latest_ns
            return
