"""The neighbour: the same channel name in another project, and nothing else in common."""

import pytest

from simrt.engine.message import encode_data
from simrt.scenario import Shapes, arrivals, neighbour_of, render, scenario
from simrt.scenario.documents import read_data
from simrt.scenario.loader import mistakes_in
from simrt.scenario.model import Scenario
from simrt.scenario.neighbour import neighbour_project
from simrt.scenario.randomness import Randomness
from simrt.scenario.reading import read_text
from tests.scenario.example import TEXT


def made(*edits):
    text = TEXT
    for old, new in edits:
        assert old in text
        text = text.replace(old, new)
    return scenario(read_text(text.encode(), "").data)


@pytest.mark.rules("PRJ-1")
def test_it_shares_the_channel_s_name_and_settings_and_no_event():
    mine = made()
    other = neighbour_of(mine)
    assert other.feature.project == "shop-neighbour"
    assert other.feature.channel == mine.feature.channel
    assert other.feature.options == mine.feature.options
    assert other.feature.options.model_fields_set == mine.feature.options.model_fields_set
    assert other.feature.stream == mine.feature.stream
    assert other.server == mine.server
    assert other.starts == mine.starts
    assert other.workload.duration_ns == mine.workload.duration_ns
    assert set(other.feature.events).isdisjoint(mine.feature.events)
    assert other.faults == ()
    assert list(other.workload.subscribers) == ["neighbour"]
    assert other.workload.subscribers["neighbour"].count == 1


def test_what_the_scenario_left_undecided_its_neighbour_leaves_too():
    mine = made((", messageTTL: 10m", ""), ("    replay: {lastN: 5, maxAge: 5m}\n", ""))
    assert neighbour_of(mine).feature.undecided == mine.feature.undecided != ()


def test_it_is_a_scenario_like_any_other():
    other = neighbour_of(made())
    (only,) = mistakes_in(read_data(other.normalised()), "")
    assert only.path == "workload.subscribers.neighbour"  # a name that is kept for it
    assert Scenario.model_validate(other.normalised()).feature == other.feature


def test_its_events_fit_and_come_at_even_distances():
    other = neighbour_of(made())
    judge = Shapes(other.feature.events)
    found = list(arrivals(other, Randomness(1)))
    assert [a.t_ns for a in found] == [15_000_000_000 * n for n in range(1, 40)]
    for arrival in found:
        data = render(arrival.data, arrival.n, other.starts)
        assert data == {"of": "neighbour", "n": str(arrival.n)}
        assert judge.problem(arrival.event, data, encode_data(data, 9999)) is None


@pytest.mark.parametrize(
    ("duration", "count"),
    [("7s", (38, 41)), ("36500d", (38, 41)), ("5ms", (4, 4)), ("1ms", (0, 0))],
)
def test_a_run_of_any_length_has_some_but_not_many(duration, count):
    faults = TEXT[TEXT.index("faults:") : TEXT.index("expect:")]
    publish = TEXT[TEXT.index("  publish:") : TEXT.index("  subscribers:")]
    mine = made(("duration: 10m", f"duration: {duration}"), (faults, ""), (publish, ""))
    found = list(arrivals(neighbour_of(mine), Randomness(1)))
    assert count[0] <= len(found) <= count[1]
    assert all(0 <= a.t_ns < mine.workload.duration_ns for a in found)


@pytest.mark.parametrize(
    "project",
    ["a", "x" * 54, "x" * 55, "x" * 64, "x" * 54 + "-neighbour", "x" * 53 + "-neighbour2"],
)
def test_its_project_is_another_one_within_the_limit(project):
    name = neighbour_project(project)
    assert name != project
    assert len(name) <= 64
    assert "-neighbour" in name


def test_its_chance_does_not_touch_the_scenario_s():
    mine = made()
    before = list(arrivals(mine, Randomness(1)))
    list(arrivals(neighbour_of(mine), Randomness(1)))
    assert list(arrivals(mine, Randomness(1))) == before
