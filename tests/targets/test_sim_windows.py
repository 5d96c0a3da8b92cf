"""The windows of a real server's network, simulated: in bytes, and opened again in lumps."""

from __future__ import annotations

from typing import Any

import pytest

from simrt.network import KernelWindow
from simrt.scenario.model import Scenario
from simrt.targets import sim
from tests.targets import small as smallest

S = smallest.S
small: Any = smallest.small
times: Any = smallest.times


def simulated(scenario: Scenario, window: KernelWindow | None) -> list[Any]:
    rows: list[Any] = []
    windows = None if window is None else {"g": window}
    sim.run(scenario, 1, write=rows.append, windows=windows)
    return [row for row in rows if row.subscriber == "g/0"]


def size_of_an_event() -> int:
    """So much of a window an event of the small scenario fills, by what a window of bytes takes."""
    stalled = small(duration="60s", faults=[{"at": "500ms", "stall": "g", "for": "59s"}])
    taken = len(times(simulated(stalled, KernelWindow(2000)), "take"))
    return -(-2000 // taken)


@pytest.mark.rules("NET-2", "NET-3", "NET-9")
def test_a_full_window_opens_again_when_so_much_of_it_is_free() -> None:
    """Drains of 2 s against sends of 1 s: the window fills, and is refilled one by one, or in lumps
    of half of it, at the end of a drain."""
    slow = small(duration="100s", drain="2s", options={"bufferSize": 64})
    size = size_of_an_event()
    at_once = simulated(slow, KernelWindow(8 * size))
    in_lumps = simulated(slow, KernelWindow(8 * size, 4 * size))
    received = {t for t, _ in times(in_lumps, "receive")}
    late = [t for t, _ in times(in_lumps, "take") if t > 50_000]
    assert set(late) <= received
    lumps = [late.count(t) for t in sorted(set(late))]
    assert max(lumps) >= 4
    steps = [t for t, _ in times(at_once, "take") if t > 50_000]
    assert max(steps.count(t) for t in steps) <= 2  # an event that did not fit whole, and one more
    # Handled at the same pace all the same: nobody waits for the window.
    assert len(times(in_lumps, "receive")) == len(times(at_once, "receive"))


@pytest.mark.rules("NET-2")
def test_a_window_that_never_fills_is_never_waited_for() -> None:
    quick = small(duration="20s", drain="10ms")
    size = size_of_an_event()
    assert times(simulated(quick, KernelWindow(8 * size, 8 * size)), "receive") == [
        (1000 * n + 10, n) for n in range(1, 20)
    ]


def test_one_machine_has_no_latency() -> None:
    far = small(duration="3s", latency="300ms")
    assert times(simulated(far, None), "receive") == [(1300, 1), (2300, 2)]
    assert times(simulated(far, KernelWindow(4000)), "receive") == [(1000, 1), (2000, 2)]


def test_the_header_says_which_windows_were_simulated() -> None:
    scenario = small(latency="300ms")
    header = sim.header(scenario, 1, {"g": KernelWindow(4000, 2000)})
    assert header.window == {"g": {"bytes": 4000, "reopens_bytes": 2000}}
    assert header.scenario == scenario.normalised()
