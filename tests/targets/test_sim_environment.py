"""SimPy's processes beside a simulated run: its time, its order, its end."""

from typing import Any

import pytest
import simpy

from simrt.errors import UsageError
from simrt.history import Row
from simrt.targets.sim import Simulation
from tests.targets.small import S, small


def simulation(rows: list[Row] | None = None) -> Simulation:
    return Simulation(small(), 1, None if rows is None else rows.append)


def test_a_process_runs_in_the_time_of_the_run() -> None:
    run = simulation()
    seen: list[int] = []

    def clock() -> Any:
        while True:
            seen.append(run.env.now)
            yield run.env.timeout(S)

    run.env.process(clock())
    run.run(None)
    assert seen[:3] == [0, S, 2 * S]
    assert seen[-1] >= run.scenario.workload.duration_ns - S


def test_at_one_instant_a_process_comes_after_the_scenario() -> None:
    """Its store is filled by an action that was scheduled later, for the same instant."""
    run = simulation()
    store = simpy.Store(run.env)
    got: list[tuple[int, str]] = []

    def consumer() -> Any:
        yield run.env.timeout(S)
        item = yield store.get()
        got.append((run.env.now, item))

    run.env.process(consumer())
    run.at(S, 0, store.put, "by the scenario")
    run.run(None)
    assert got == [(S, "by the scenario")]


def test_a_process_beside_a_run_changes_no_row_of_it() -> None:
    alone: list[Row] = []
    beside: list[Row] = []
    simulation(alone).run(None)
    run = simulation(beside)

    def busy() -> Any:
        while True:
            yield run.env.timeout(7_000_000)

    run.env.process(busy())
    run.run(None)
    assert beside == alone
    assert len(alone) > 20


def test_a_process_that_fails_ends_the_run() -> None:
    run = simulation()

    def failing() -> Any:
        yield run.env.timeout(S)
        raise LookupError("no such row in my database")

    run.env.process(failing())
    with pytest.raises(LookupError, match="no such row in my database"):
        run.run(None)


def test_who_waits_for_a_failing_process_may_catch_it() -> None:
    run = simulation()
    caught: list[str] = []

    def failing() -> Any:
        yield run.env.timeout(S)
        raise LookupError("gone")

    def waiting() -> Any:
        try:
            yield run.env.process(failing())
        except LookupError as error:
            caught.append(str(error))

    run.env.process(waiting())
    run.run(None)
    assert caught == ["gone"]


def test_a_delay_is_a_whole_number_of_nanoseconds() -> None:
    run = simulation()
    with pytest.raises(UsageError, match="write 1500000000 for"):
        run.env.timeout(1.5)


def test_the_environment_is_not_run_by_itself() -> None:
    with pytest.raises(UsageError, match=r"simulation\.run"):
        simulation().env.run(10)
