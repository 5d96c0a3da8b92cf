"""Asking whether all are at rest costs a look at each, not at each after every instant."""

import gc

import pytest

from simrt.history import History, Row
from simrt.runs import judge, record
from simrt.targets import sim
from simrt.targets.settling import Settling
from tests.targets.small import small


def test_each_is_asked_a_few_times_while_one_after_the_other_comes_to_rest() -> None:
    many, asked = 1000, 0
    rested: set[int] = set()

    def at_rest(member: int) -> bool:
        nonlocal asked
        asked += 1
        return member in rested

    settling = Settling(range(many), at_rest)
    for member in range(many):
        assert not settling.all_at_rest()
        rested.add(member)
    assert settling.all_at_rest()
    assert asked <= 4 * many


def test_one_that_is_at_work_again_is_seen() -> None:
    rested = {0, 1, 2}
    settling = Settling(range(4), rested.__contains__)
    assert not settling.all_at_rest()
    rested.add(3)
    rested.discard(0)
    assert not settling.all_at_rest()
    rested.add(0)
    assert settling.all_at_rest()


def test_nobody_is_at_rest() -> None:
    assert Settling((), bool).all_at_rest()


@pytest.mark.parametrize("faults", [[], [{"at": "5s", "restart": "server", "for": "1s"}]])
def test_what_a_run_and_its_judges_leave_in_circles_does_not_grow_with_it(faults) -> None:
    """They run without collections: only an ended hub may wait for one."""
    left = [_left_in_circles(duration, faults) for duration in ("20s", "400s")]
    assert left[1] <= left[0] + 20


def _left_in_circles(duration: str, faults: list[dict[str, str]]) -> int:
    scenario = small(
        duration=duration,
        faults=faults,
        server={"heartbeat": "2s", "writeDeadline": "3s"},
        count=3,
        drain={"exponential": "300ms"},
        window=2,
        online={"up": {"exponential": "3s"}, "down": {"exponential": "1s"}},
    )
    judge(record(scenario, "sim", 1))  # what is made once, for good
    gc.collect()
    rows: list[Row] = []
    sim.run(scenario, 1, write=rows.append)
    judge(History(sim.header(scenario, 1), rows))
    return gc.collect()
