"""What the simulator does keeps every promise, and both ways of counting outcomes agree."""

import pytest

from simrt.checkers import Status, judge, reached_states
from simrt.checkers.accounting import outcomes
from simrt.history import History
from simrt.metrics import measure
from simrt.scenario.model import Scenario
from simrt.targets import sim
from tests.checkers.histories import scenario

RUSH = {"event": "news", "arrivals": {"poisson": "6/s"}, "data": {"id": "{n}"}}
GROUPS = {
    "slow": {"count": 3, "drain": {"exponential": "300ms"}, "latency": "5ms", "window": 2},
    "bytes": {"count": 2, "drain": {"exponential": "200ms"}, "latency": "20ms", "window": "200B"},
    "train": {
        "count": 3,
        "drain": "50ms",
        "latency": "50ms",
        "online": {"up": {"exponential": "8s"}, "down": {"exponential": "3s"}},
        "reconnect": {"after": "1s", "jitter": "1s", "backoff": 2, "atMost": "8s"},
    },
    "quick": {"count": 2, "online": {"up": "9s", "down": "500ms"}, "reconnect": "at-once"},
    "stranger": {"credentials": "wrong"},
}
FAULTS = [
    {"at": "15s", "stall": "slow", "for": "6s"},
    {"at": "30s", "restart": "server", "for": "2s"},
    {"at": "45s", "disconnect": "train", "for": "4s"},
]


def crowded(on_full: str) -> Scenario:
    made = scenario(
        options={"bufferSize": 4, "onFull": on_full, "messageTTL": "900ms"},
        replay={"lastN": 4, "maxAge": "2s"},
        groups=GROUPS,
        faults=FAULTS,
        server={"retrySpread": ["500ms", "1500ms"], "quiet": "20s"},
    )
    data = made.normalised()
    data["workload"] |= {"duration": "60s", "publish": [RUSH]}
    return Scenario.model_validate(data)


def simulated(on_full: str, seed: int) -> History:
    rows = []
    of = crowded(on_full)
    sim.run(of, seed, write=rows.append)
    return History(sim.header(of, seed), rows)


@pytest.mark.rules("ACC-1", "ACC-2", "ACC-3", "RST-5")
@pytest.mark.parametrize("on_full", ["drop-oldest", "drop-newest"])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_crowded_run_keeps_every_promise(on_full, seed):
    found = judge(simulated(on_full, seed))
    wrong = [verdict for verdict in found if verdict.status is Status.FAIL]
    assert wrong == []
    open_questions = [v.check for v in found if v.status is Status.INCONCLUSIVE]
    assert open_questions == []
    assert sum(verdict.status is Status.PASS for verdict in found) == 11  # nothing asks `reached`


def test_that_run_is_crowded():
    met = reached_states(simulated("drop-oldest", 1))
    for state in (
        "drop-oldest", "expired-while-pending", "replayed", "restart", "down", "reconnect",
        "connection-lost", "duplicate", "offline", "refused", "gave-up", "stall", "disconnect",
    ):  # fmt: skip
        assert met[state], state


@pytest.mark.rules("ACC-2")
@pytest.mark.parametrize("on_full", ["drop-oldest", "drop-newest"])
def test_the_metrics_count_the_same_outcomes(on_full):
    history = simulated(on_full, 1)
    counted = outcomes(history)
    measured = measure(history)
    for group in GROUPS:
        mine: dict[str, int] = {}
        for name, tally in counted.items():
            if name.startswith(f"{group}/"):
                for outcome, number in tally.items():
                    mine[outcome] = mine.get(outcome, 0) + number
        theirs = {outcome: n for outcome, n in measured.outcomes(group).items() if n}
        assert mine == theirs, group
