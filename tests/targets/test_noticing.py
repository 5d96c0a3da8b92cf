"""Laptops sleep for half an hour: who learns that its connection is dead, how, and when (NET-7)."""

from __future__ import annotations

from pathlib import Path

import pytest
from ruamel.yaml import YAML

from simrt.checkers import Status, judge
from simrt.history import History
from simrt.metrics import measure
from simrt.runs import record
from simrt.scenario import scenario
from simrt.scenario.model import Scenario
from tests.targets.small import MS, S

CASE = Path(__file__).with_name("laptops_asleep.yml")
# The last event before the silence is sent at 1,190 s and here 20 ms later.
LAST_NS = 1190 * S + 20 * MS
HEAL_NS = 3000 * S

pytestmark = pytest.mark.rules("NET-7", "CLI-4")


def case(minutes: float = 30, **laptop: object) -> Scenario:
    """The case; other lengths of the silence, and what the laptops notice."""
    data = YAML(typ="safe", pure=True).load(CASE)
    data["workload"]["subscribers"]["laptop"] |= laptop
    for fault in data["faults"]:
        fault["for"] = f"{round(minutes * 60)}s"
    return scenario(data)


def run_on(target: str, play: Scenario) -> History:
    """The history of its run, in which no checker finds anything wrong."""
    history = record(play, target, 1).load()
    assert [verdict.check for verdict in judge(history) if verdict.status is Status.FAIL] == []
    return history


def learnt(history: History, group: str) -> set[tuple[str, int]]:
    """How and when the clients of a group learn that their first connection is over."""
    return {
        (row.cause, row.t_ns)
        for row in history
        if row.kind == "close"
        and row.group == group
        and row.connection == 1
        and (row.detail or {})["side"] == "client"
    }


@pytest.mark.parametrize("target", ["sim", "app"])
def test_the_watchful_learn_after_45_s_and_laptops_by_nine_probes(target: str) -> None:
    history = run_on(target, case())
    assert learnt(history, "watchful") == {("watchdog", LAST_NS + 45 * S)}
    assert learnt(history, "laptop") == {("keepalive", LAST_NS + 450 * S)}


@pytest.mark.parametrize("target", ["sim", "app"])
def test_a_laptop_that_wakes_before_that_learns_by_its_next_probe(target: str) -> None:
    """Silent from 1,200 s to 1,500 s: the probe of 1,505.02 s is the first to be answered."""
    history = run_on(target, case(minutes=5))
    assert learnt(history, "watchful") == {("watchdog", LAST_NS + 45 * S)}
    assert learnt(history, "laptop") == {("keepalive", LAST_NS + 7 * 45 * S + 40 * MS)}


@pytest.mark.parametrize("target", ["sim", "app"])
def test_who_never_notices_shows_connected_for_the_rest_of_the_two_hours(target: str) -> None:
    history = run_on(target, case(notices="never"))
    assert learnt(history, "laptop") == set()
    ends = {row.cause for row in history if row.kind == "end" and row.group == "laptop"}
    assert ends == {"untold"}
    metrics = measure(history)
    assert metrics.value("blind_s", "laptop") == 6000  # from the event of 1,200 s to the end
    assert metrics.value("reconnects", "laptop") == 0
    assert metrics.value("reconnects", "watchful") == 3


@pytest.mark.parametrize("target", ["sim", "app"])
def test_at_the_heal_is_what_nobody_is_told_in_the_world(target: str) -> None:
    history = run_on(target, case(notices="at-heal"))
    assert learnt(history, "laptop") == {("server", HEAL_NS)}
