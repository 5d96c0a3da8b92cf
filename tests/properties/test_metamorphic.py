"""What must not change when something else does: two runs against each other."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from simrt.checkers import judge
from simrt.checkers.accounting import outcomes
from simrt.history import encode_row, read_history
from simrt.metrics import measure
from simrt.scenario import scenario as load
from simrt.scenario.model import Scenario
from simrt.scenario.units import format_duration, parse_duration
from simrt.targets.sim import Simulation
from simrt.testing import durations, repeatable, scenario_data, scenarios
from tests.properties.runs import SEEDS, Data, changed, examples, own_rows, simulated, told


def about(history, name):
    """Time, kind and number of the rows about one subscriber."""
    return [(r.t_ns, r.kind, r.epoch, r.seq, r.connection, r.cause)
            for r in history if r.subscriber == name]  # fmt: skip


def members(scenario):
    groups = scenario.workload.subscribers.items()
    return [f"{name}/{member}" for name, group in groups for member in range(group.count)]


def figures(metrics):
    """Every metric of every group."""
    return {
        (name, group): metrics.value(name, group)
        for name in metrics.names
        for group in metrics.groups()
    }


@examples(0.1)
@given(scenarios(), SEEDS)
def test_the_same_seed_gives_the_same_bytes(scenario: Scenario, seed: int):
    """And a scenario that went through its own YAML spelling is the same scenario."""
    with repeatable(scenario, seed):
        first = [encode_row(row) for row in simulated(scenario, seed)]
        assert [encode_row(row) for row in simulated(load(scenario.normalised()), seed)] == first


@pytest.mark.rules("PUB-4")
@examples(0.1)
@given(scenarios(), SEEDS)
def test_without_a_history_the_same_happens(scenario: Scenario, seed: int):
    """Nobody asks for drops, so the engine finds them late; what it counts is the same."""

    def fates(simulation):
        return [
            (link.client.name, link.number, stream.subscription.fates)
            for link, stream in simulation.server.streams.items()
        ]

    with repeatable(scenario, seed):
        quiet, loud = (
            Simulation(scenario, seed, None),
            Simulation(scenario, seed, lambda _row: None),
        )
        quiet.run(None)
        loud.run(None)
        assert fates(quiet) == fates(loud)
        assert quiet.world.now_ns == loud.world.now_ns


@examples(0.1)
@given(scenarios(), SEEDS)
def test_a_stored_history_is_judged_and_measured_as_a_fresh_one(
    tmp_path_factory: pytest.TempPathFactory, scenario: Scenario, seed: int
):
    with repeatable(scenario, seed):
        fresh = simulated(scenario, seed)
        path = tmp_path_factory.mktemp("stored") / "history.jsonl.gz"
        fresh.save(path)
        stored = read_history(path)
        assert judge(stored) == judge(fresh)
        assert figures(measure(stored)) == figures(measure(fresh))


@pytest.mark.rules("ACC-2")
@examples(0.1)
@given(scenarios(), SEEDS)
def test_metrics_and_accounting_count_the_same_outcomes(scenario: Scenario, seed: int):
    counts_agree(scenario, seed)


def counts_agree(scenario: Scenario, seed: int) -> dict[str, int]:
    with repeatable(scenario, seed):
        history = simulated(scenario, seed)
        counted: dict[str, Counter[str]] = {
            name: Counter() for name in scenario.workload.subscribers
        }
        for name, tally in outcomes(history).items():
            counted[name.partition("/")[0]].update(tally)
        measured = measure(history)
        for group, mine in counted.items():
            theirs = {outcome: n for outcome, n in measured.outcomes(group).items() if n}
            assert theirs == mine, group
    return dict(sum(counted.values(), Counter()))


@pytest.mark.rules("ACC-2", "NET-5")
def test_a_restart_in_the_last_instant_leaves_what_is_in_flight_unfinished() -> None:
    scenario = load(
        {
            "title": "A restart heals in the last instant",
            "intent": {"kind": "notifications", "useful_for": "10m"},
            "feature": {
                "project": "shop",
                "channel": "news",
                "options": {"bufferSize": 4},
                "stream": {"path": "/news", "permission": {"public": ["GET"]}},
                "events": {"news": {"type": "object", "examples": [{}]}},
                "senders": [
                    {"hook": "POST /news", "permission": {"public": ["POST"]}, "sends": "news"}
                ],
            },
            "workload": {
                "duration": "3200ms",
                "publish": [{"event": "news", "arrivals": {"periodic": "20/s"}}],
                "subscribers": {"a": {"drain": "100ms"}},
            },
            "faults": [{"at": "3100ms", "for": "100ms", "restart": "server"}],
            "server": {"quiet": "0s"},
        }
    )
    assert counts_agree(scenario, 1).get("unfinished")


@examples(0.1)
@given(scenario_data(), st.integers(1, 40), SEEDS)
def test_a_longer_workload_changes_nothing_before(data: Data, more: int, seed: int):
    # The sends of a burst are spread over what is left of the workload: these may change.
    assume(not any("burst" in fault for fault in data.get("faults", ())))
    shorter = load(data)
    end_ns = shorter.workload.duration_ns
    longer = changed(shorter, workload__duration=format_duration(end_ns + more * 100_000_000))
    with repeatable(shorter, seed):
        before = told(own_rows(simulated(shorter, seed), end_ns))
        assert told(own_rows(simulated(longer, seed), end_ns)) == before


@pytest.mark.rules("BUF-4")
@examples(0.1)
@given(scenario_data(), SEEDS)
def test_another_subscriber_changes_no_other(data: Data, seed: int):
    few = load(data)
    more = changed(few, workload__subscribers__more={"drain": "300ms", "window": 1})
    end_ns = few.workload.duration_ns
    with repeatable(few, seed):
        without = told(own_rows(simulated(few, seed), end_ns))
        beside = (r for r in own_rows(simulated(more, seed), end_ns) if r.group != "more")
        assert told(beside) == without


@pytest.mark.rules("NET-9")
@examples(0.1)
@given(scenario_data(), SEEDS)
def test_the_order_of_groups_in_the_file_changes_nobodys_course(data: Data, seed: int):
    there = load(data)
    groups = data["workload"]["subscribers"]
    back = changed(there, workload__subscribers=dict(reversed(groups.items())))
    with repeatable(there, seed):
        one, other = simulated(there, seed), simulated(back, seed)
        for name in members(there):
            assert about(other, name) == about(one, name), name


@pytest.mark.rules("TTL-1", "TTL-4", "CHN-3")
@examples(0.1)
@given(scenarios(), SEEDS)
def test_a_very_long_life_is_no_limit(scenario: Scenario, seed: int):
    none = changed(scenario, feature__options__messageTTL="none")
    long = changed(scenario, feature__options__messageTTL="1d")
    with repeatable(long, seed):
        assert [*simulated(long, seed)] == [*simulated(none, seed)]


@pytest.mark.rules("REP-6", "BUF-1")
@examples(0.1)
@given(scenarios(), SEEDS)
def test_a_replay_beyond_the_buffer_is_clipped(scenario: Scenario, seed: int):
    """`lastN` above `bufferSize` gives what `lastN` equal to it gives."""
    equal = changed(scenario, feature__stream__replay__lastN=scenario.feature.options.buffer_size)
    above = changed(scenario, feature__stream__replay__lastN=1_000)
    with repeatable(above, seed):
        rows = [row for row in simulated(above, seed) if row.kind != "replay"]
        assert rows == [row for row in simulated(equal, seed) if row.kind != "replay"]


def steady(data: Data) -> Scenario:
    """Which messages a queue holds makes no difference to when it is taken from."""
    data["feature"]["options"] |= {"messageTTL": "none"}
    data.pop("variants", None)
    for number, group in enumerate(data["workload"]["subscribers"].values()):
        group |= {"drain": f"{200 + 100 * number}ms"}
        if isinstance(group.get("window"), str):
            group["window"] = 2
    return load(data)


@pytest.mark.rules("BUF-2", "BUF-3")
@examples(0.15)
@given(scenario_data().map(steady), SEEDS)
def test_both_policies_lose_at_the_same_instants(scenario: Scenario, seed: int):
    """Only which message is lost differs, so drops, takes and receipts have the same times."""
    oldest = changed(scenario, feature__options__onFull="drop-oldest")
    newest = changed(scenario, feature__options__onFull="drop-newest")

    def times(history):
        return [(r.t_ns, r.kind, r.subscriber, r.connection) for r in history]

    with repeatable(oldest, seed):
        assert times(simulated(newest, seed)) == times(simulated(oldest, seed))


def lossless_but_for_the_queue(data: Data) -> Scenario:
    """One connection a client, without replay: nothing is lost but by overflow."""
    data.pop("faults", None)
    data.pop("server", None)
    data["feature"]["stream"]["replay"] = {"lastN": 0}
    for group in data["workload"]["subscribers"].values():
        for key in ("online", "watchdog"):
            group.pop(key, None)
    return steady(data)


@pytest.mark.rules("BUF-1", "BUF-2", "BUF-3")
@examples(0.1)
@given(scenario_data().map(lossless_but_for_the_queue), st.integers(1, 4), SEEDS)
def test_a_larger_buffer_loses_no_more(scenario: Scenario, more: int, seed: int):
    size = scenario.feature.options.buffer_size
    larger = changed(scenario, feature__options__bufferSize=size + more)

    def lost(history):
        drops = [r.subscriber for r in history if r.kind == "drop"]
        return {name: drops.count(name) for name in members(scenario)}

    with repeatable(scenario, seed):
        few, many = lost(simulated(larger, seed)), lost(simulated(scenario, seed))
        assert all(few[name] <= many[name] for name in many)


@examples(0.1)
@given(scenario_data(), durations(1, 20), SEEDS)
def test_a_fault_changes_nothing_before_it(data: Data, for_how_long: str, seed: int):
    calm = load(data)
    at_ns = calm.workload.duration_ns // 2
    fault = {"at": format_duration(at_ns), "stall": "a", "for": for_how_long}
    hit = changed(calm, faults=[*data.get("faults", []), fault])
    assert parse_duration(fault["at"]) == at_ns
    with repeatable(hit, seed):
        before = told(own_rows(simulated(calm, seed), at_ns))
        assert told(own_rows(simulated(hit, seed), at_ns)) == before
