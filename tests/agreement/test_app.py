"""Simulator and real server in virtual time: the same rows for every generated scenario.

Longer: ``SIMRT_SCENARIOS_EXAMPLES=5000 HYPOTHESIS_PROFILE=explore``.
"""

from __future__ import annotations

from collections import Counter

import msgspec
import pytest
from hypothesis import assume, given

from simrt.checkers import STATES, reached_states
from simrt.errors import UsageError
from simrt.history import History
from simrt.scenario.model import Scenario
from simrt.testing import repeatable, scenarios
from tests.agreement.both import SIZES, Sizes, difference, on_app
from tests.properties.runs import SEEDS, corpus_size, examples, simulated
from tests.targets.small import small


@pytest.mark.rules(
    "NET-1", "NET-2", "NET-3", "NET-4", "NET-5", "NET-6", "NET-7", "NET-8", "NET-9",
    "CLI-1", "CLI-2", "CLI-3", "CLI-4", "SSE-5", "SSE-6", "STR-1", "STR-3", "HOK-3", "RST-5",
)  # fmt: skip
def test_simulator_and_app_write_the_same_rows() -> None:
    compared = Counter[str]()

    @examples(0.5)
    @given(scenarios(), SEEDS, SIZES)
    def agree(scenario: Scenario, seed: int, sizes: Sizes) -> None:
        with repeatable(scenario, seed):
            try:
                ours = on_app(scenario, seed, sizes)
            except UsageError:  # a credential that no real server can take from one group alone
                compared["refused"] += 1
                assume(False)
            theirs = simulated(scenario, seed)
            assert difference(theirs, ours) == ""
            compared["scenarios"] += 1
            compared.update(state for state, times in reached_states(ours).items() if times)

    agree()
    assert compared["scenarios"] >= corpus_size() // 2
    assert compared["refused"] < compared["scenarios"] / 2
    # The corpus as a whole is held to reach every state; here nearly all of them must be compared.
    assert sum(compared[state] > 0 for state in STATES) >= len(STATES) * 3 // 4


@pytest.mark.parametrize("latency", ["0s", "20ms"])
@pytest.mark.parametrize("size", [{"fixed": 40}, {"geometric": 9}])
def test_batches_at_even_distances_agree(latency: str, size: dict[str, int]) -> None:
    arrivals = ({"batch": {"periodic": "2s", "size": size}}, {"periodic": "500ms"})
    scenario = small(
        publish=[{"event": "e", "arrivals": law} for law in arrivals],
        faults=[{"at": "5s", "restart": "server", "for": "2s"}],
        drain={"exponential": "100ms"},
        window=2,
        latency=latency,
    )
    ours = on_app(scenario, 1)
    assert difference(simulated(scenario, 1), ours) == ""
    assert {row.t_ns for row in ours if row.kind == "drop" and row.project == "p"}


@pytest.mark.rules("NET-7", "SSE-5", "STR-1", "NET-9")
@pytest.mark.parametrize("latency", ["0s", "100ms", "1s"])
@pytest.mark.parametrize("heartbeat", ["none", "1s"])
@pytest.mark.parametrize("server", [("2s", "1s"), ("1s", "2s"), ("500ms", "none"), ("none", "2s")])
def test_deadlines_of_one_instant_ring_in_one_order(
    latency: str, heartbeat: str, server: tuple[str, str]
) -> None:
    """A peer that is gone and a write that is stuck; also where the network is the slower one."""
    scenario = small(
        faults=[{"at": "5500ms", "half-open": "g", "for": "6s"}],
        server={"peerTimeout": server[0], "writeDeadline": server[1], "heartbeat": heartbeat},
        window=1,
        drain="100ms",
        latency=latency,
        watchdog="4s",
        duration="14s",
    )
    ours = on_app(scenario, 1)
    assert difference(simulated(scenario, 1), ours) == ""
    causes = [row.cause for row in ours if row.kind == "close" and row.group == "g"]
    assert {"gone", "stalled"} & set(causes)
    if server == ("2s", "1s") and latency == "0s":  # both are due at 8 s
        assert causes[0] == "gone"


def test_a_difference_is_seen_and_told() -> None:
    """The order of rows within an instant counts too."""
    scenario = small(duration="3s", latency="50ms")
    ours, theirs = on_app(scenario, 1), simulated(scenario, 1)
    assert difference(theirs, ours) == ""
    rows = list(ours)
    at = next(n for n, row in enumerate(rows) if row.kind == "receive")
    changed = [*rows[: at - 1], rows[at], rows[at - 1], *rows[at + 1 :]]
    assert f"row {at - 1}:" in difference(theirs, History(ours.header, changed))
    late = [*rows]
    late[at] = msgspec.structs.replace(rows[at], t_ns=rows[at].t_ns + 1)
    assert "receive" in difference(theirs, History(ours.header, late))
