"""The fold that figures are drawn from, on hand-written rows and against the metrics."""

import numpy as np
import pytest

from simrt.history import FORMAT, Header, History, Row
from simrt.metrics import measure
from simrt.report.lane import choose_lanes, follow, peaks
from simrt.report.story import DELAY_BINS, delay_bin, delay_edge_s, in_faults, overlap_ns, tell
from tests.report.synthetic import play, scenario

S = 1_000_000_000
HOME = {"project": "shop", "channel": "admin-notifications"}


def one_client(rows, **changes):
    workload = {
        "duration": "60s",
        "subscribers": {"office": {"count": 1}},
    }
    scene = scenario(workload=workload, faults=[], expect=[], **changes)
    header = Header(FORMAT, scene.normalised(), "sim", 1)
    return History(header, [*rows, Row(60 * S, "end", detail={"run": "complete"})])


def row(t, kind, seq=0, connection=1, epoch="a", **more):
    subscriber = "" if kind in ("send", "restart", "fault", "heal") else "office/0"
    fields = {"seq": seq, "epoch": epoch, "subscriber": subscriber}
    fields["connection"] = connection if subscriber else 0
    return Row(int(t * S), kind, **{**HOME, **fields, **more})


def connect(t, connection=1, epoch="a", first=0, last=0):
    count = last - first + 1 if first else 0
    detail = {"count": count, "first": first, "last": last, "last_n": 3, "max_age_ns": None}
    return [
        row(t, "connect", connection=connection, epoch=epoch, detail={"status": 200}),
        row(t, "replay", connection=connection, epoch=epoch, detail=detail),
    ]


def close(t, side, connection=1, cause="client"):
    return row(t, "close", connection=connection, cause=cause, detail={"side": side})


def outcome_of(rows, index=0):
    story = tell(one_client(rows))
    person = story.people[0]
    return next(name for name, number in person.counts().items() if number), person, story


CASES = {
    "received": [*connect(0), row(1, "send", 1), row(1, "take", 1), row(2, "receive", 1)],
    "dropped-oldest": [*connect(0), row(1, "send", 1), row(3, "drop", 1, cause="drop-oldest")],
    "dropped-newest": [*connect(0), row(1, "send", 1), row(1, "drop", 1, cause="drop-newest")],
    "expired": [*connect(0), row(1, "send", 1), row(30, "expire", 1, cause="ttl")],
    "offline": [*connect(0), close(1, "client"), close(1, "server"), row(2, "send", 1)],
    "connection-lost": [*connect(0), row(1, "send", 1), close(2, "server"), close(2, "client")],
    "restart": [*connect(0), row(1, "send", 1), row(2, "restart", cause="server")],
    "unfinished": [*connect(0), row(1, "send", 1)],
}


@pytest.mark.rules("ACC-2")
@pytest.mark.parametrize("outcome", CASES)
def test_each_outcome_has_its_witness(outcome):
    found, person, _ = outcome_of(CASES[outcome])
    assert found == outcome
    assert person.sent == 1


@pytest.mark.rules("ACC-2")
def test_received_wins_and_the_last_subscription_decides():
    lost = [*connect(0), row(1, "send", 1), close(2, "server"), close(2, "client")]
    replayed = [*lost, *connect(5, connection=2, first=1, last=1)]
    _, person, _ = outcome_of([*replayed, row(6, "receive", 1, connection=2)])
    assert person.counts()["received"] == 1
    assert person.replayed == 1
    again, _, _ = outcome_of([*replayed, row(5, "expire", 1, connection=2, cause="ttl")])
    assert again == "expired"
    # What the old connection says later changes nothing: the new one has the event now.
    late, _, _ = outcome_of([*replayed, row(6, "drop", 1, connection=1, cause="drop-oldest")])
    assert late == "unfinished"


@pytest.mark.rules("ACC-2")
def test_in_flight_at_a_kill_can_still_arrive():
    rows = [*connect(0), row(1, "send", 1), row(1, "take", 1), row(2, "restart", cause="server")]
    found, _, _ = outcome_of([*rows, row(2.5, "receive", 1)])
    assert found == "received"


@pytest.mark.rules("ACC-2")
def test_before_membership_is_earlier_and_again_is_a_duplicate():
    rows = [row(1, "send", 1), *connect(2, first=1, last=1), row(3, "receive", 1)]
    story = tell(one_client([*rows, row(4, "receive", 1)]))
    person = story.people[0]
    assert (person.sent, person.earlier, person.duplicates) == (0, 1, 1)


def test_strangers_and_neighbours_are_not_in_it():
    other = {"project": "shop-neighbour"}
    rows = [
        *connect(0),
        row(1, "send", 1, **other),
        row(1, "send", 1),
        row(2, "receive", 1, subscriber="probe/none"),
    ]
    story = tell(one_client(rows))
    assert len(story.send_ns) == 1
    assert story.counts("office")["unfinished"] == 1


def test_away_is_from_the_first_end_to_the_next_connect():
    rows = [*connect(0), close(10, "client"), close(10.5, "server"), *connect(13, connection=2)]
    story = tell(one_client([*rows, close(50, "client", connection=2)]))
    assert story.people[0].away == [(10 * S, 13 * S), (50 * S, 60 * S)]
    assert overlap_ns(story.people[0].away, 55 * S) == 8 * S


def test_silence_is_from_the_loss_of_packets_to_their_return():
    rows = [
        *connect(0),
        row(10, "offline", cause="silent"),
        row(14, "online", cause="silent"),
        row(20, "offline", cause="client"),  # this one is told: no silence
        row(30, "online", cause="client"),
        row(50, "offline", cause="silent"),  # until the end
    ]
    assert tell(one_client(rows)).people[0].silent == [(10 * S, 14 * S), (50 * S, 60 * S)]


def test_staleness_ages_from_the_send_of_the_newest_received():
    rows = [*connect(0), row(10, "send", 1), row(12, "receive", 1), row(40, "send", 2)]
    story = tell(one_client([*rows, row(40, "receive", 2), row(41, "receive", 1)]))
    curve = story.staleness["office"]
    assert np.isnan(curve.median[curve.t_s < 11.5]).all()
    between = (curve.t_s > 13) & (curve.t_s < 39)
    assert np.allclose(curve.median[between], curve.t_s[between] - 10, atol=1e-6)
    assert curve.worst_s == pytest.approx(30, abs=0.1)
    after = curve.t_s > 41.5
    assert np.allclose(curve.median[after], curve.t_s[after] - 40, atol=1e-6)


def test_a_record_that_was_cut_short_is_told_as_far_as_it_goes():
    whole = one_client(CASES["received"])
    cut = History(whole.header, [r for r in whole if r.kind != "end"])
    story = tell(cut)
    assert not story.complete
    assert len(story.staleness["office"].t_s) < len(tell(whole).staleness["office"].t_s)


def test_levels_of_the_queue_and_of_the_network():
    rows = [
        *connect(0),
        *(row(t, "send", t) for t in (1, 2, 3)),
        row(3, "drop", 1, cause="drop-oldest"),
        row(4, "take", 2),
        row(5, "receive", 2),
        row(6, "restart", cause="server"),
    ]
    story = tell(one_client(rows))
    lanes = choose_lanes(story)
    follow(story, lanes)
    levels = {t // S: (flying, pending) for t, flying, pending in lanes[0].levels}
    # The send and the drop of one instant are one step: three pending are never seen.
    assert levels == {0: (0, 0), 1: (0, 1), 2: (0, 2), 4: (1, 1), 5: (0, 1), 6: (0, 0)}
    assert peaks(story, "office/0") == (1, 2)


def test_restarts_know_who_was_cut_off_and_when_each_was_back():
    story = tell(play())
    (restart,) = story.restarts
    assert restart.lost == {"office": 6, "train": 3}
    assert {group: len(times) for group, times in restart.back.items()} == restart.lost
    assert restart.up_ns == 47 * S
    assert all(t >= restart.up_ns for times in restart.back.values() for t in times)


def test_losses_because_of_a_fault_are_counted_apart():
    during = [row(10, "fault", cause="restart", detail={"index": 0, "whom": "server"})]
    during += [row(10, "restart", cause="server")]
    heal = [row(12, "heal", cause="restart", epoch="b", detail={"index": 0, "whom": "server"})]
    later = [row(13, "send", 1, epoch="b"), *connect(14, connection=2, epoch="b")]
    alone = [close(20, "client", 2), close(20, "server", 2), row(21, "send", 2, epoch="b")]
    lost = [*connect(0), row(9.9, "send", 1), *during, *heal, *later]
    assert in_faults(tell(one_client(lost)), "office") == (2, 2)
    assert in_faults(tell(one_client([*lost, *alone])), "office") == (2, 3)
    assert in_faults(tell(one_client([*connect(0), row(1, "send", 1)])), "office") == (0, 0)


@pytest.mark.rules("ACC-2")
@pytest.mark.parametrize("seed", range(1, 6))
@pytest.mark.parametrize("on_full", ["drop-oldest", "drop-newest"])
def test_agrees_with_the_metrics(seed, on_full):
    feature = scenario().normalised()["feature"]
    options = {**feature["options"], "onFull": on_full, "messageTTL": "4s"}
    history = play(scenario(feature={**feature, "options": options}), seed=seed)
    agree(history)


@pytest.mark.rules("ACC-2")
@pytest.mark.parametrize("seed", [1, 2])
def test_agrees_with_the_metrics_on_the_simulator(seed):
    agree(simulated(seed))


def simulated(seed):
    from simrt.targets import sim

    workload = scenario().normalised()["workload"]
    groups = workload["subscribers"]
    groups["train"]["online"] = {"up": {"exponential": "9s"}, "down": {"exponential": "4s"}}
    scene = scenario(workload=workload)
    rows = []
    sim.run(scene, seed, write=rows.append)
    return History(sim.header(scene, seed), rows)


def agree(history):
    story, metrics = tell(history), measure(history)
    assert any(story.counts("office").values())
    for group in story.groups:
        assert story.counts(group) == metrics.outcomes(group)
        members = story.members(group)
        for name in ("duplicates", "earlier"):
            assert sum(getattr(p, name) for p in members) == metrics.value(name, group)
        delays = [sum(counts) for counts in story.delays[group]]
        assert sum(delays) == metrics.value("received", group)
        curve = story.staleness[group]
        exact = metrics.quantile("staleness_s", group, 1.0)
        assert curve.worst_s <= exact * 1.01 + 1e-9
        assert curve.worst_s > exact - 0.2  # the grid's step is 94 ms


def test_delay_bins_hold_what_they_say():
    for ns in (1, 999, 1000, 1500, 10**6, 123_456_789, 10**9, 9 * 10**14):
        place = delay_bin(ns)
        assert ns / 1e9 <= delay_edge_s(place) * (1 + 1e-9)
        assert place == 0 or ns / 1e9 >= delay_edge_s(place - 1) * (1 - 1e-9)
    assert delay_bin(10**18) == DELAY_BINS - 1


def test_lanes_are_the_worst_the_median_and_the_best_of_each_group():
    story = tell(play())
    lanes = choose_lanes(story)
    office = [lane for lane in lanes if lane.person.group == "office"]
    assert [lane.place for lane in office] == ["worst", "median", "best"]
    shares = sorted(p.missed_fraction for p in story.members("office"))
    assert office[0].person.missed_fraction == shares[-1]
    assert office[-1].person.missed_fraction == shares[0]


@pytest.mark.parametrize("groups", [1, 4, 6, 15])
def test_never_more_than_twelve_lanes(groups):
    workload = {
        "duration": "5s",
        "subscribers": {f"g{n}": {"count": 5} for n in range(groups)},
    }
    story = tell(play(scenario(workload=workload, faults=[], expect=[])))
    lanes = choose_lanes(story)
    assert 0 < len(lanes) <= 12
    assert len({lane.person.name for lane in lanes}) == len(lanes)
