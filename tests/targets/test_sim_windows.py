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


@pytest.mark.rules("NET-7", "NET-9")
@pytest.mark.parametrize(
    ("first_pause_s", "comes_s"),
    [
        pytest.param(0.0, 30.5, id="held up until the silence ends"),
        # Lost at 11 s, repeated after 4, 12 and 28 s.
        pytest.param(4.0, 39.0, id="repeated after pauses that double"),
        # After 6.5 and 19.5 s: in the instant in which the silence ends.
        pytest.param(6.5, 30.5, id="repeated in the instant of the end"),
    ],
)
def test_what_a_silence_lost_comes_with_the_next_repeat(
    first_pause_s: float, comes_s: float
) -> None:
    online = {"up": "10500ms", "down": "20s", "silent": True}
    silent = small(duration="45s", online=online, server={"peerTimeout": "none"})
    kernel = KernelWindow(9000, repeats_ns=round(first_pause_s * S))
    rows = simulated(silent, kernel)
    came = {n: t for t, n in times(rows, "receive")}
    ends = [row.t_ns / S for row in rows if row.kind == "online"]
    assert came[10] == 10_000
    assert ends[0] == 30.5  # whatever is repeated when
    late = [n for n in range(11, 50) if n < comes_s and n in came]
    assert late[0] == 11
    assert {came[n] for n in late} == {round(comes_s * 1000)}
    # What is sent after the end and before the repeat waits behind what is lost (the order holds).
    assert [n for _, n in times(rows, "receive")] == sorted(came)


@pytest.mark.rules("NET-7", "NET-9")
def test_a_silence_that_begins_before_the_repeat_loses_it_as_well() -> None:
    """Lost at 11 s, repeated at 33 s: into the next silence."""
    online = {"up": "10500ms", "down": "10s", "silent": True}
    silent = small(duration="60s", online=online, server={"peerTimeout": "none"})
    rows = simulated(silent, KernelWindow(9000, repeats_ns=22 * S))
    assert [row.t_ns / S for row in rows if row.kind == "offline"][:3] == [10.5, 31.0, 51.5]
    came = {n: t for t, n in times(rows, "receive")}
    assert came[10] == 10_000
    assert came[11] == 77_000  # lost again after 22 s; the next one comes 44 s later


@pytest.mark.rules("NET-7", "NET-9")
def test_while_nothing_is_acknowledged_less_is_under_way() -> None:
    size = size_of_an_event()
    online = {"up": "10500ms", "down": "20s", "silent": True}
    silent = small(
        duration="45s",
        online=online,
        options={"bufferSize": 64},
        server={"peerTimeout": "none"},
    )
    wide = simulated(silent, KernelWindow(40 * size))
    narrow = simulated(silent, KernelWindow(40 * size, silent_bytes=5 * size))

    def taken(rows: list[Any]) -> list[int]:
        return [n for t, n in times(rows, "take") if 10_500 < t < 30_500]

    assert taken(wide) == list(range(11, 31))
    assert taken(narrow) == list(range(11, 16))
    # After it the window is as wide as before, and nothing is missing.
    assert [n for _, n in times(narrow, "receive")] == [n for _, n in times(wide, "receive")]


def test_the_header_says_which_windows_were_simulated() -> None:
    scenario = small(latency="300ms")
    header = sim.header(scenario, 1, {"g": KernelWindow(4000, 2000, 1000, 5)})
    assert header.window == {
        "g": {"bytes": 4000, "reopens_bytes": 2000, "silent_bytes": 1000, "repeats_ns": 5}
    }
    assert header.scenario == scenario.normalised()
