"""When sends are caused: laws, order, streams of their own, traces, and jobs."""

import json
import math
from collections import Counter
from datetime import UTC, datetime
from itertools import islice

import numpy as np
import pytest

from simrt.scenario import arrivals, job_times, scenario
from simrt.scenario.events import body_of
from simrt.scenario.feature import Sender
from simrt.scenario.laws import Arrivals
from simrt.scenario.randomness import Randomness
from simrt.scenario.units import NS_PER_S

S = NS_PER_S
START = datetime(2026, 1, 1, tzinfo=UTC)


def made(*publish, duration="10m", groups=None, directory=""):
    """A scenario whose entries are (event, arrivals) or whole dicts."""
    entries = [e if isinstance(e, dict) else {"event": e[0], "arrivals": e[1]} for e in publish]
    events = {e["event"]: {"examples": [{"of": e["event"]}]} for e in entries}
    return scenario(
        {
            "title": "Arrivals",
            "intent": {"kind": "state"},
            "feature": {
                "project": "p",
                "channel": "c",
                "stream": {"path": "/s", "permission": {"public": ["GET"]}},
                "events": events,
                "senders": [
                    {"hook": f"POST /{event}", "permission": {"public": ["POST"]}, "sends": event}
                    for event in events
                ],
            },
            "workload": {
                "duration": duration,
                "publish": entries,
                "subscribers": groups or {"g": {}},
            },
        },
        directory,
    )


def times(law, duration="10m", seed=1):
    return [a.t_ns for a in arrivals(made(("a", law), duration=duration), Randomness(seed))]


# --- laws ----------------------------------------------------------------------------------------


def test_poisson_has_its_rate_and_its_gaps():
    found = np.array(times({"poisson": "4/s"}, "2h"))
    expected = 4 * 7200
    assert abs(len(found) - expected) < 4 * math.sqrt(expected)
    gaps = np.diff(found) / S
    assert abs(gaps.mean() - 0.25) < 4 * 0.25 / math.sqrt(len(gaps))
    assert abs(gaps.var() - 0.0625) < 4 * 0.0625 * math.sqrt(8 / len(gaps))
    counts = np.bincount(found // (10 * S), minlength=720)
    assert abs(counts.var() / counts.mean() - 1) < 4 * math.sqrt(2 / 720)


def test_periodic_comes_at_exact_distances_and_first_after_one():
    assert times({"periodic": "3/s"}, "1s") == [333333333, 666666667]  # the third is at the end
    assert times({"periodic": "1/min"}, "10m") == [60 * S * n for n in range(1, 10)]
    found = times({"periodic": "7/s"}, "1000s")
    assert len(found) == 6999
    assert found[-1] == round(6999 * S / 7)


def test_a_period_is_a_rate_the_other_way_round():
    assert times({"periodic": "5s"}, "1m") == times({"periodic": "0.2/s"}, "1m")
    assert times({"periodic": "1m"}, "10m") == times({"periodic": "1/min"}, "10m")
    assert times({"periodic": "1us"}, "5us") == [1000, 2000, 3000, 4000]
    again = made(("a", {"periodic": "5s"})).normalised()
    assert again["workload"]["publish"][0]["arrivals"] == {"periodic": "5s"}


def test_batches_at_even_distances():
    found = times({"batch": {"periodic": "10s", "size": {"fixed": 3}}}, "30s")
    assert found == [10 * S] * 3 + [20 * S] * 3
    assert found == times({"batch": {"periodic": "6/min", "size": {"fixed": 3}}}, "30s", seed=2)
    sizes = Counter(times({"batch": {"periodic": "1s", "size": {"geometric": 4}}}, "5000s"))
    assert sorted(sizes) == [n * S for n in range(1, 5000)]
    assert abs(sum(sizes.values()) / len(sizes) - 4) < 4 * math.sqrt(12 / len(sizes))


def test_nothing_comes_at_the_end_or_later():
    assert times({"periodic": "1/s"}, "1s") == []
    assert times({"periodic": "1/s"}, "1000000001ns") == [S]


def test_batches_share_one_instant():
    found = Counter(times({"batch": {"rate": "1/s", "size": {"fixed": 3}}}, "2000s"))
    assert set(found.values()) == {3}
    assert abs(len(found) - 2000) < 4 * math.sqrt(2000)


def listing(law, data=None, duration="2000s"):
    """A scenario whose one hook takes a list."""
    one = made({"event": "a", "arrivals": law, "data": data or {"n": "{n}"}}, duration=duration)
    return one.with_({"feature.senders[0].body": "list"})


@pytest.mark.rules("HOK-4")
@pytest.mark.parametrize("size", [{"fixed": 3}, {"geometric": 4}])
def test_a_batch_is_one_call_where_the_hook_takes_a_list(size):
    """The same sends at the same times, numbered as before."""
    law = {"batch": {"rate": "1/s", "size": size}}
    calls = list(arrivals(listing(law), Randomness(1)))
    single = list(arrivals(made(("a", law), duration="2000s"), Randomness(1)))
    assert len({call.t_ns for call in calls}) == len(calls)
    spread = [(call.t_ns, call.n + more) for call in calls for more in range(call.count)]
    assert spread == [(one.t_ns, one.n) for one in single]
    assert {one.count for one in single} == {1}
    if "fixed" in size:
        assert {call.count for call in calls} == {3}


@pytest.mark.rules("HOK-4")
def test_what_comes_alone_is_a_list_of_one():
    for law in ({"poisson": "1/s"}, {"periodic": "1/s"}):
        assert {call.count for call in arrivals(listing(law), Randomness(1))} == {1}


@pytest.mark.rules("HOK-4", "PUB-3")
def test_a_call_brings_no_more_than_its_body_holds():
    """The rest comes in further calls of the same instant; a template of any length is counted."""
    law = {"batch": {"periodic": "1s", "size": {"fixed": 250}}}
    for data in ({"n": "{n}{now}", "fill": "x" * 2000}, {"n": "ä" * 1000}):
        of = listing(law, data, "3s")
        hook = of.feature.hook_for("a")
        calls = list(arrivals(of, Randomness(1)))
        bodies = [body_of(hook, call, START) for call in calls]
        assert [call.t_ns for call in calls] == [S, S, 2 * S, 2 * S]
        assert max(map(len, bodies)) <= 262_144
        assert len(bodies[0]) > 0.97 * 262_144
        assert [call.n for call in calls] == [1, calls[0].count + 1, 251, calls[2].count + 251]
        assert calls[0].count + calls[1].count == 250


@pytest.mark.rules("HOK-4")
def test_the_body_of_a_call():
    law = {"batch": {"periodic": "1s", "size": {"fixed": 2}}}
    of = listing(law, {"n": "{n}", "at": "{now}"}, "3s")
    first, second = arrivals(of, Randomness(1))
    now = "2026-01-01T00:00:00.000Z"
    hook = of.feature.hook_for("a")
    assert json.loads(body_of(hook, first, START)) == [{"n": str(n), "at": now} for n in (1, 2)]
    assert json.loads(body_of(hook, second, START)) == [{"n": str(n), "at": now} for n in (3, 4)]
    alone = made({"event": "a", "arrivals": law, "data": {"n": "{n}"}}, duration="3s")
    one = next(arrivals(alone, Randomness(1)))
    assert body_of(alone.feature.hook_for("a"), one, START) == b'{"n":"1"}'


def test_geometric_batches_have_their_mean():
    found = Counter(times({"batch": {"rate": "1/s", "size": {"geometric": 4}}}, "5000s"))
    sizes = np.array(list(found.values()))
    assert sizes.min() == 1
    assert abs(sizes.mean() - 4) < 4 * math.sqrt(12 / len(sizes))


def test_batches_come_when_single_ones_would():
    single = times({"poisson": "1/s"}, "100s")
    batched = times({"batch": {"rate": "1/s", "size": {"geometric": 4}}}, "100s")
    assert sorted(set(batched)) == single


def test_on_and_off_in_turn():
    law = {"on-off": {"rate": "10/s", "on": "20s", "off": "40s"}}
    found = np.array(times(law, "6000s"))
    assert set((found // (20 * S)) % 3) == {0}
    expected = 10 * 2000
    assert abs(len(found) - expected) < 4 * math.sqrt(expected)


def test_on_and_off_by_chance():
    law = {"on-off": {"rate": "10/s", "on": {"exponential": "2s"}, "off": {"exponential": "6s"}}}
    found = times(law, "20000s")
    # share of time that is on: 1/4; its variance is that of an alternating renewal process
    on = 20000 / 4
    sd_on = math.sqrt(20000 * 2 * (2 * 6) ** 2 / (2 + 6) ** 3)
    assert abs(len(found) - 10 * on) < 4 * (10 * sd_on + math.sqrt(10 * on))


@pytest.mark.parametrize("seed", range(1, 21))
def test_each_period_is_drawn_once(seed):
    """Sends lie in the periods that the law draws, one draw a period, and in every one of them."""
    exponential = {"on": {"exponential": "10s"}, "off": {"exponential": "30s"}}
    law = Arrivals.model_validate({"on-off": {"rate": "50/s", **exponential}}).on_off
    found = np.array(times({"on-off": {"rate": "50/s", **exponential}}, seed=seed))
    of_chance = Randomness(seed)
    on, off = (
        of_chance.draws(f"arrivals/a/1/{side}", part)
        for side, part in (("on", law.on), ("off", law.off))
    )
    begin, inside = 0, 0
    for period in range(8):
        within = (begin <= found) & (found < begin + on.at(period))
        expected = 50 * on.at(period) / S
        assert abs(within.sum() - expected) < 5 * math.sqrt(expected) + 3, f"period {period}"
        inside += within.sum()
        begin += on.at(period) + off.at(period)
    assert inside == (found < begin).sum(), "sends between the periods"


def test_periods_without_pause_are_a_poisson_process():
    law = {"on-off": {"rate": "4/s", "on": "5s", "off": 0}}
    assert times(law, "100s") == times({"poisson": "4/s"}, "100s")


# --- order, names, ordinals ----------------------------------------------------------------------


def test_order_is_time_then_place_in_the_file():
    entries = (("b", {"periodic": "1/s"}), ("a", {"periodic": "2/s"}), ("b", {"periodic": "1/s"}))
    found = list(arrivals(made(*entries, duration="3s"), Randomness(1)))
    assert [(a.t_ns / S, a.publish_index) for a in found] == [
        (0.5, 1), (1, 0), (1, 1), (1, 2), (1.5, 1), (2, 0), (2, 1), (2, 2), (2.5, 1),
    ]  # fmt: skip
    assert [a.n for a in found if a.publish_index == 1] == [1, 2, 3, 4, 5]
    assert [a.n for a in found if a.publish_index == 2] == [1, 2]


def test_a_batch_has_an_ordinal_for_each_send():
    law = {"batch": {"rate": "1/s", "size": {"fixed": 3}}}
    found = list(arrivals(made(("a", law)), Randomness(1)))
    assert [a.n for a in found] == list(range(1, len(found) + 1))


def test_an_entry_keeps_its_times_whatever_stands_beside_it():
    law = {"poisson": "1/s"}
    alone = times(law)
    beside = made(
        ("z", law), ("a", law), ("y", {"batch": {"rate": "1/s", "size": {"geometric": 2}}})
    )
    found = list(arrivals(beside, Randomness(1)))
    assert [a.t_ns for a in found if a.event == "a"] == alone
    assert [a.t_ns for a in found if a.event == "z"] != alone
    more_groups = made(("a", law), groups={"g": {"count": 9}, "h": {}})
    assert [a.t_ns for a in arrivals(more_groups, Randomness(1))] == alone


def test_streams_are_named_by_event_and_ordinal_from_one():
    law = {"poisson": "1/s"}
    found = list(arrivals(made(("a", law), ("b", law), ("a", law)), Randomness(1)))
    for index, name in enumerate(("arrivals/a/1", "arrivals/b/1", "arrivals/a/2")):
        mine = [arrival.t_ns for arrival in found if arrival.publish_index == index]
        gaps = Randomness(1).exponential(name, S)
        sums = np.cumsum([gaps.at(place) for place in range(len(mine))])
        assert mine == sums.tolist()


def test_the_times_of_on_periods_are_those_of_a_clock_that_stops_in_between():
    busy = times({"poisson": "10/s"}, "400s")
    law = {"on-off": {"rate": "10/s", "on": "20s", "off": "40s"}}
    expected = [t + t // (20 * S) * 40 * S for t in busy if t < 200 * S]
    assert times(law, "600s") == expected


def test_two_entries_of_one_event_are_independent():
    law = {"poisson": "1/s"}
    found = list(arrivals(made(("a", law), ("a", law)), Randomness(1)))
    first = [a.t_ns for a in found if a.publish_index == 0]
    second = [a.t_ns for a in found if a.publish_index == 1]
    assert first == times(law)
    assert first != second


def test_another_seed_gives_other_times():
    assert times({"poisson": "1/s"}, seed=1) != times({"poisson": "1/s"}, seed=2)


def test_arrivals_are_lazy():
    endless = arrivals(made(("a", {"poisson": "100/s"}), duration="100000s"), Randomness(1))
    assert len(list(islice(endless, 5))) == 5


def test_an_arrival_carries_the_template_of_its_data():
    publish = (
        {"event": "a", "arrivals": {"periodic": "1/s"}, "data": {"id": "{n}"}},
        {"event": "b", "arrivals": {"periodic": "1/s"}},
        {"event": "a", "arrivals": {"periodic": "1/s"}, "data": None},
    )
    found = list(arrivals(made(*publish, duration="2s"), Randomness(1)))
    assert [a.data for a in found] == [{"id": "{n}"}, {"of": "b"}, None]


# --- traces --------------------------------------------------------------------------------------


def traced(folder, text, law, duration="10m", name="t.csv", events=("a",)):
    (folder / name).write_text(text, "utf-8")
    law = {"trace": {"file": name, **law}}
    one = made(*((event, law) for event in events), duration=duration, directory=folder)
    return [(a.t_ns / S, a.event, a.n) for a in arrivals(one, Randomness(1))]


ROWS = "t,event\n100,a\n100,b\n130,a\n130,a\n160.5,b\n190,a\n"


def test_a_trace_begins_with_its_first_row_of_any_event(tmp_path):
    assert traced(tmp_path, ROWS, {}) == [(0, "a", 1), (30, "a", 2), (30, "a", 3), (90, "a", 4)]
    assert traced(tmp_path, ROWS, {}, events=("b",)) == [(0, "b", 1), (60.5, "b", 2)]


def test_two_entries_share_a_trace(tmp_path):
    found = traced(tmp_path, ROWS, {}, events=("a", "b"))
    assert [event for _, event, _ in found] == ["a", "b", "a", "a", "b", "a"]


def test_compress_and_offset(tmp_path):
    assert traced(tmp_path, ROWS, {"compress": 30}) == [
        (0, "a", 1), (1, "a", 2), (1, "a", 3), (3, "a", 4)
    ]  # fmt: skip
    assert traced(tmp_path, ROWS, {"offset": "30s"}) == [(0, "a", 1), (0, "a", 2), (60, "a", 3)]
    assert traced(tmp_path, ROWS, {"offset": "31s", "compress": 2}) == [(29.5, "a", 1)]


def test_a_compression_below_one_stretches_exactly(tmp_path):
    found = traced(tmp_path, ROWS, {"compress": 0.1}, duration="1h")
    assert found == [(0, "a", 1), (300, "a", 2), (300, "a", 3), (900, "a", 4)]


def test_a_trace_ends_with_the_workload(tmp_path):
    assert len(traced(tmp_path, ROWS, {}, duration="90s")) == 3
    assert len(traced(tmp_path, ROWS, {}, duration="90001ms")) == 4


def test_times_are_rounded_to_the_nearest_nanosecond(tmp_path):
    found = traced(tmp_path, "t,event\n0,a\n1,a\n2,a\n", {"compress": 3})
    assert [round(t * S) for t, _, _ in found] == [0, 333333333, 666666667]


def test_a_trace_brings_data_or_takes_the_entry_s(tmp_path):
    rows = '{"t": 0, "event": "a", "data": {"x": 1}}\n{"t": 1, "event": "a"}\n'
    (tmp_path / "t.jsonl").write_text(rows)
    one = made(("a", {"trace": {"file": "t.jsonl"}}), directory=tmp_path)
    assert [a.data for a in arrivals(one, Randomness(1))] == [{"x": 1}, {"of": "a"}]


# --- jobs ----------------------------------------------------------------------------------------


def job(text, **more):
    return Sender(job=text, sends="a", **more)


def fires(sender, until_s, start_ns=0, starts=START):
    return [t / S for t in job_times(sender, starts, start_ns, until_s * S)]


@pytest.mark.rules("HOK-3")
def test_a_cron_job_fires_on_its_minutes_and_never_at_the_start():
    every = job("*/4 * * * *")
    assert fires(every, 600) == [240, 480]
    assert fires(every, 600, start_ns=240 * S) == [480]
    assert fires(every, 600, start_ns=240 * S - 1) == [240, 480]
    assert fires(every, 600, start_ns=239 * S) == [240, 480]
    assert fires(every, 240) == []
    assert fires(every, 241) == [240]


@pytest.mark.rules("HOK-3")
def test_an_interval_fires_first_after_one_interval():
    assert fires(job("90s"), 300) == [90, 180, 270]
    assert fires(job("90s"), 270) == [90, 180]
    assert fires(job("90s"), 400, start_ns=100 * S) == [190, 280, 370]
    assert list(job_times(job("1ms"), START, 5, 2_000_005)) == [1_000_005]


def test_a_server_that_starts_between_two_microseconds():
    start_ns = 240 * S + 500
    assert fires(job("*/4 * * * *"), 600, start_ns=start_ns) == [480]


def test_a_scenario_that_starts_within_a_minute():
    starts = datetime(2026, 1, 1, 0, 0, 30, 250_000, tzinfo=UTC)
    assert fires(job("* * * * *"), 120, starts=starts) == [29.75, 89.75]


@pytest.mark.rules("HOK-3")
def test_cron_is_utc_unless_a_zone_is_named():
    midnight = "0 0 * * *"
    assert fires(job(midnight), 86_400 * 2) == [86_400]
    assert fires(job(midnight, timezone="Europe/Berlin"), 86_400 * 2) == [23 * 3600, 47 * 3600]
    assert fires(job(midnight, timezone="Asia/Kolkata"), 86_400) == [18.5 * 3600]


@pytest.mark.rules("HOK-3")
def test_summer_time():
    berlin = "Europe/Berlin"
    spring, autumn = datetime(2026, 3, 28, tzinfo=UTC), datetime(2026, 10, 24, tzinfo=UTC)
    hours = [t / 3600 for t in fires(job("30 2 * * *", timezone=berlin), 3 * 86_400, starts=spring)]
    # 02:30 on Sunday does not exist; the job runs when the clocks have moved, at 03:00 summer time.
    assert hours == [1.5, 25.0, 48.5]
    hours = [t / 3600 for t in fires(job("30 2 * * *", timezone=berlin), 3 * 86_400, starts=autumn)]
    assert hours == [0.5, 24.5, 49.5]  # 02:30 happens twice on Sunday; the job runs once
    half = fires(job("*/30 2 * * *", timezone=berlin), 2 * 86_400, starts=autumn)
    assert len(half) == 1 + 4  # 02:30 on Saturday; on Sunday a step runs in both hours


def test_intervals_are_lazy():
    assert next(job_times(job("1ms"), START, 0, 10**18)) == 1_000_000
