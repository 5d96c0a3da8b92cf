"""What is drawn at random, decided from the file: held against the rows of two seeds."""

import msgspec
import pytest

from simrt.metrics import measure
from simrt.runs import record
from simrt.scenario.chance import draws_of
from tests.targets.small import small

SPREAD = {"retrySpread": ["2s", "5s"]}
CUT = [{"at": "3s", "disconnect": "g", "for": "1s"}]
STEADY = {"reconnect": {"after": "1s", "jitter": "0s"}}
SLOW = {"drain": "700ms", "window": 1}

NOTHING = {
    "periodic sends, always online": {"server": SPREAD},
    "a constant drain that is too slow": {**SLOW, "server": SPREAD},
    "a pause without chance": {**STEADY, "faults": CUT},
    "at once": {"reconnect": "at-once", "faults": CUT, "server": SPREAD},
    "a stall shorter than the deadline": {
        "faults": [{"at": "3s", "stall": "g", "for": "4s"}], "server": SPREAD | {
            "writeDeadline": "5s"}, **SLOW},
    "the whole of a group": {
        "count": 3, **STEADY, "faults": [{"at": "3s", "disconnect": "g", "for": "1s", "by": 1}]},
    "constant periods": {"online": {"up": "3s", "down": "1s"}, **STEADY},
    "batches at even distances": {
        "publish": [{"event": "e", "arrivals": {"batch": {"periodic": "2s", "size": {"fixed": 3}}}}]
    },
    "a burst": {"faults": [{"at": "3s", "burst": "e", "for": "1s", "by": 5}]},
    "no deadline that a full window could miss": {
        **SLOW, "server": SPREAD | {"writeDeadline": "none"}},
    "a law of no width": {"drain": {"uniform": {"low": "50ms", "high": "50ms"}}},
}  # fmt: skip

SOMETHING = {
    "arrivals of e": {"publish": [{"event": "e", "arrivals": {"poisson": "1/s"}}]},
    "drain of g": {"drain": {"uniform": {"low": "50ms", "high": "90ms"}}},
    "online periods of g": {"online": {"up": {"exponential": "3s"}, "down": "1s"}, **STEADY},
    "members that a disconnect hits of g": {
        "count": 4, **STEADY,
        "faults": [{"at": "3s", "disconnect": "g", "for": "1s", "by": 0.5}]},
    "pauses before a reconnect of g": {"faults": CUT},
}  # fmt: skip

# Each of these ends connections, so that a pause with chance in it matters.
ENDS = {
    "restart": {"faults": [{"at": "3s", "restart": "server", "for": "1s"}]},
    "deny": {"faults": [{"at": "3s", "deny": "g", "for": "1s"}]},
    "half-open": {"notices": "at-heal", "faults": [{"at": "3s", "half-open": "g", "for": "1s"}]},
    "online": {"online": {"up": "3s", "down": "1s"}},
    "retry": {"faults": CUT, **STEADY, "server": SPREAD},
    "stalled": {**SLOW, "publish": [{"event": "e", "arrivals": {"periodic": "10/s"}}],
                "faults": [{"at": "3s", "stall": "g", "for": "3s"}],
                "server": {"writeDeadline": "2s"}},
    "slow": {**SLOW, "publish": [{"event": "e", "arrivals": {"periodic": "10/s"}}],
             "faults": [{"at": "3s", "slow": "g", "for": "6s", "by": 10}],
             "server": {"writeDeadline": "5s"}},
    "watchdog": {"watchdog": "2s", "publish": []},
}  # fmt: skip


def rows_of(scenario, seed):
    """The rows of a run without the names of the hub's lives, which are drawn and mean nothing."""
    history = record(scenario, "sim", seed).load()
    rows = [msgspec.structs.replace(row, epoch="") for row in history]
    return rows, measure(history).to_frame()


@pytest.mark.parametrize("name", NOTHING)
def test_where_nothing_is_drawn_all_seeds_are_one(name):
    scenario = small(**NOTHING[name])
    assert draws_of(scenario) == ()
    (first, figures), (second, others) = (rows_of(scenario, seed) for seed in (1, 2))
    assert first == second
    assert figures.equals(others)


@pytest.mark.parametrize("what", SOMETHING)
def test_what_is_drawn_is_named_and_makes_a_difference(what):
    scenario = small(**SOMETHING[what])
    assert draws_of(scenario) == (what,)
    assert rows_of(scenario, 1)[0] != rows_of(scenario, 2)[0]


@pytest.mark.parametrize("when", [{"periodic": "1s"}, {"rate": "1/s"}])
def test_batches_whose_sizes_vary_are_drawn_whatever_their_distances(when):
    batch = {"batch": {**when, "size": {"geometric": 3}}}
    scenario = small(publish=[{"event": "e", "arrivals": batch}])
    assert draws_of(scenario) == ("arrivals of e",)
    assert rows_of(scenario, 1)[0] != rows_of(scenario, 2)[0]


@pytest.mark.parametrize("what", ENDS)
def test_what_ends_a_connection_draws_a_pause(what):
    scenario = small(**ENDS[what])
    assert draws_of(scenario) == ("pauses before a reconnect of g",)
    assert rows_of(scenario, 1)[0] != rows_of(scenario, 2)[0]


def test_a_drain_without_a_longest_time_can_outlast_a_deadline():
    drawn = draws_of(small(drain={"exponential": "1s"}, server={"writeDeadline": "5m"}))
    assert drawn == ("drain of g", "pauses before a reconnect of g")


@pytest.mark.parametrize(("stall", "ends"), [("4999ms", False), ("5s", True)])
def test_a_stall_as_long_as_the_deadline_can_end_a_connection(stall, ends):
    faults = [{"at": "3s", "stall": "g", "for": stall}]
    drawn = draws_of(small(faults=faults, server={"writeDeadline": "5s"}))
    assert drawn == (("pauses before a reconnect of g",) if ends else ())


def test_what_hits_another_group_draws_nothing_in_this_one():
    groups = {"g": {"count": 4, "reconnect": "at-once"}, "h": {"count": 4, **STEADY}}
    half = [{"at": "3s", "disconnect": "h", "for": "1s", "by": 0.5}]
    drawn = draws_of(small(subscribers=groups, faults=half))
    assert drawn == ("members that a disconnect hits of h",)
    stall = [{"at": "3s", "stall": "h", "for": "6s"}]
    made = small(subscribers={"g": {}, "h": {}}, faults=stall, server={"writeDeadline": "5s"})
    assert draws_of(made) == ("pauses before a reconnect of h",)


@pytest.mark.parametrize(
    ("drain", "slow", "ends"),
    [
        ("3s", [], False), ("4999ms", [], False), ("5s", [], True), ("3s", [("g", 2)], True),
        ("2s", [("g", 2)], False), ("2s", [("g", 2), ("g", 2)], True), ("3s", [("h", 2)], False),
    ],
)  # fmt: skip
def test_an_event_that_takes_as_long_as_the_deadline_can_end_a_connection(drain, slow, ends):
    faults = [{"at": f"{3 + n}s", "slow": whom, "for": "1s", "by": by}
              for n, (whom, by) in enumerate(slow)]  # fmt: skip
    groups = {"g": {"drain": drain}, "h": {}}
    drawn = draws_of(small(subscribers=groups, faults=faults, server={"writeDeadline": "5s"}))
    assert drawn == (("pauses before a reconnect of g",) if ends else ())


@pytest.mark.parametrize(
    ("low", "high", "other"),
    [("1s", "9999ms", False), ("999ms", "1s", True), ("9999ms", "10s", True), ("1s", "1s", False)],
)
def test_the_retry_field_is_as_long_as_its_milliseconds(low, high, other):
    made = small(window="1KiB", server={"retrySpread": [low, high]})
    assert draws_of(made) == (("size of the retry field of g",) if other else ())


def test_a_retry_of_another_length_is_another_size_in_a_window_of_bytes():
    spread = {"retrySpread": ["5s", "15s"]}
    assert draws_of(small(window="1KiB", server=spread)) == ("size of the retry field of g",)
    assert draws_of(small(window="1KiB", server=SPREAD)) == ()
    assert draws_of(small(window="1KiB")) == ()
