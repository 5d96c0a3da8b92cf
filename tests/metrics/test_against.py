"""The fold against plain walks over random histories, and metrics against each other."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import pytest

from simrt.metrics import OUTCOMES, RELATIVE_ERROR, Meter, Metrics, measure
from simrt.metrics.totals import Totals
from tests.metrics.generated import END, Plain, World
from tests.metrics.generated import held_bytes as plain_held_bytes
from tests.metrics.test_sketch import exact, exact_over_spans

SEEDS = range(80)


def run(seed: int) -> tuple[World, Metrics, dict[str, Plain], dict[str, Totals]]:
    world = World(seed)
    seen = world.measure()
    plain = {who: Plain(world.rows, who) for who in seen.subscribers()}
    return world, seen, plain, seen._subscribers


@pytest.mark.rules("ACC-2", "ACC-3")
@pytest.mark.parametrize("seed", SEEDS)
def test_outcomes(seed: int) -> None:
    world, seen, plain, totals = run(seed)
    for who, one in plain.items():
        found = one.outcomes()
        count = Counter(found.values())
        assert seen.outcomes(subscriber=who) == {name: count[name] for name in OUTCOMES}
        longest = gap = 0
        for outcome in found.values():
            gap = 0 if outcome in ("received", "unfinished") else gap + 1
            longest = max(longest, gap)
        assert totals[who].longest_gap == longest
        longest = gap = 0
        for outcome in found.values():
            gap = 0 if outcome == "received" else gap + 1
            longest = max(longest, gap)
        assert totals[who].longest_gap_unfinished == longest
        receipts = Counter((row.epoch, row.seq) for row in one.receives)
        earlier = [message for message in receipts if message not in found]
        assert totals[who].earlier == len(earlier)
        assert totals[who].duplicates == sum(receipts.values()) - len(receipts)
        assert totals[who].unmatched == 0
    assert seen.value("sent") == sum(seen.outcomes().values())
    received, unfinished = seen.value("received"), seen.value("unfinished")
    assert seen.value("sent") == (received or 0) + (unfinished or 0) + (seen.value("missed") or 0)
    rows = sum(row.kind == "receive" for row in world.rows)
    assert rows == sum(seen.value(n) or 0 for n in ("received", "duplicates", "earlier"))


@pytest.mark.parametrize("seed", SEEDS)
def test_staleness_by_two_methods(seed: int) -> None:
    _, seen, plain, totals = run(seed)
    everyone = []
    for who, one in plain.items():
        ages = one.ages()
        everyone += [(t - sent, until - sent) for t, until, sent in ages]
        area = sum((until - sent) ** 2 - (t - sent) ** 2 for t, until, sent in ages)
        assert totals[who].doubled_age_area == area
        assert totals[who].informed_ns == sum(until - t for t, until, _ in ages)
        assert totals[who].uninformed_ns + totals[who].informed_ns == totals[who].covered_ns
        peaks = [
            until - sent for (t, until, sent), (_, _, next_) in pairwise(ages)
            if next_ > sent
        ]  # fmt: skip
        assert (totals[who].peaks, totals[who].peak_ns) == (len(peaks), sum(peaks))
        assert totals[who].never_informed == (not ages)
        assert totals[who].outdated_ns == one.outdated_ns()
        assert totals[who].blind_ns == one.blind_ns()
        spans = one.outdated_spans()
        area = sum(stop**2 - start**2 for start, stop in spans)
        assert totals[who].doubled_outdated_area == area
        assert totals[who].outdated_max_ns == max((stop for _, stop in spans), default=0)
    for p in (0.1, 0.5, 0.9, 0.99):
        found = seen.quantile("staleness_s", p=p)
        if found is not None:
            truth = exact_over_spans(everyone, p)
            assert abs(found * 1e9 - truth) <= RELATIVE_ERROR * truth + 1


@pytest.mark.parametrize("seed", SEEDS[:40])
def test_how_long_outdated_by_looking_at_every_nanosecond(seed: int) -> None:
    """Quantiles over all time, in which 0 is the age while nothing newer was sent."""
    _, seen, plain, totals = run(seed)
    ages: Counter[int] = Counter()
    for who, one in plain.items():
        spent = 0
        for start, stop in one.outdated_spans():
            ages.update(range(start, stop))
            spent += stop - start
        ages[0] += totals[who].covered_ns - spent
    if not ages.total():
        return
    mean = seen.value("outdated_s")
    assert mean is not None
    assert mean * 1e9 == pytest.approx(sum(t * n for t, n in ages.items()) / ages.total(), abs=1)
    for p in (0.1, 0.5, 0.9, 0.99):
        truth = exact(sorted(ages.elements()), p)
        found = (seen.quantile("outdated_s", p=p) or 0) * 1e9
        assert abs(found - truth) <= RELATIVE_ERROR * truth + 1


@pytest.mark.parametrize("seed", SEEDS[:40])
def test_staleness_by_looking_often(seed: int) -> None:
    """A look every 10 ns at what each sees: the mean of the ages, whatever the formula says."""
    _, _, plain, totals = run(seed)
    for who, one in plain.items():
        total = looks = 0
        for t, until, sent in one.ages():
            times = range(t, until, 10)
            total += sum(time - sent for time in times)
            looks += len(times)
        if looks > 1000:
            mean = totals[who].doubled_age_area / 2 / totals[who].informed_ns
            assert total / looks == pytest.approx(mean, rel=0.01)


@pytest.mark.parametrize("seed", SEEDS)
def test_latency(seed: int) -> None:
    _, seen, plain, totals = run(seed)
    latencies, live = [], []
    for who, one in plain.items():
        members = set(one.member_messages())
        begun = {r.connection: one.place[id(r)] for r in one.mine if r.kind == "connect"}
        sent_place = {(r.epoch, r.seq): one.place[id(r)] for r in one.sends}
        for row in one.receives:
            message = (row.epoch, row.seq)
            if message in members:
                members.remove(message)
                latencies.append(row.t_ns - one.sent_at[message])
                if sent_place[message] > begun[row.connection]:
                    live.append(latencies[-1])
        assert totals[who].replayed == len(one.replay_takes())
        assert totals[who].replay_age_ns == sum(one.replay_takes())
        assert totals[who].resurfaced == sum(age > 4000 for age in one.replay_takes())
    for name, values in (("latency_s", latencies), ("live_latency_s", live)):
        if not values:
            assert seen.value(name) is None
            continue
        assert seen.value(name) == pytest.approx(sum(values) / len(values) / 1e9)
        for p in (0.1, 0.5, 0.9, 0.99):
            truth = exact(values, p)
            assert abs((seen.quantile(name, p=p) or 0) * 1e9 - truth) <= RELATIVE_ERROR * truth


@pytest.mark.parametrize("seed", SEEDS)
def test_occupancy(seed: int) -> None:
    world, seen, plain, totals = run(seed)
    for who, one in plain.items():
        assert (totals[who].pending_area, totals[who].pending_max) == one.pending(world.size)
        assert totals[who].in_flight_max == one.in_flight_max()
    assert seen.value("memory_bytes") == plain_held_bytes(world)


@pytest.mark.parametrize("seed", SEEDS)
def test_outages(seed: int) -> None:
    _, _, plain, totals = run(seed)
    for who, one in plain.items():
        lengths = one.outages()
        assert (totals[who].reconnects, totals[who].reconnect_ns) == (len(lengths), sum(lengths))
        assert totals[who].gaps == one.gaps()


@pytest.mark.parametrize("seed", SEEDS)
def test_recoveries_replays_evictions_and_refetches(seed: int) -> None:
    _, seen, plain, totals = run(seed)
    for who, one in plain.items():
        lengths = one.recoveries()
        assert (totals[who].recoveries, totals[who].recovery_ns) == (len(lengths), sum(lengths))
        ages = [age for _, age in one.replays() if age is not None]
        assert totals[who].replay_sizes == sum(count for count, _ in one.replays())
        assert totals[who].ages_after_replay == len(ages)
        assert totals[who].age_after_replay_ns == sum(ages)
        evicted = one.evictions()
        assert (totals[who].evictions, totals[who].evicted_age_ns) == (len(evicted), sum(evicted))
        assert seen.value("refetches", subscriber=who) == one.refetches()


@pytest.mark.parametrize("seed", range(20))
def test_littles_law(seed: int) -> None:
    """Mean pending times the time is the sum of the waits, where nothing is lost.

    L = lambda W over a period in which the queue starts and ends empty (Little 1961): here both
    sides are finite sums, and what still waits at the end has waited until then.
    """
    world = World(seed, lossless=True)
    seen = measure(world.history())
    for who in seen.subscribers():
        mine = [row for row in world.rows if row.subscriber == who]
        start = mine[0].t_ns
        if start >= END:
            continue
        taken = {row.seq: min(row.t_ns, END) for row in mine if row.kind == "take"}
        replayed = next(row.detail or {} for row in mine if row.kind == "replay")
        first = replayed["first"] if replayed["count"] else None
        begin = next(i for i, row in enumerate(world.rows) if row.subscriber == who)
        waits = [
            taken.get(row.seq, END) - max(row.t_ns, start)
            for place, row in enumerate(world.rows)
            if row.kind == "send" and (place > begin or (first is not None and row.seq >= first))
        ]
        mean = seen.value("mean_pending", subscriber=who)
        assert mean == pytest.approx(sum(waits) / (END - start))


@pytest.mark.parametrize("seed", range(20))
def test_a_long_run_measures_the_same_and_forgets(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Forgetting after every few sends changes no figure; memory follows the history's length."""
    world = World(seed, members=4)
    plain = world.measure().to_frame()
    monkeypatch.setattr("simrt.metrics.meter._ROOM", 0)
    monkeypatch.setattr("simrt.metrics.outcomes._PATIENCE", 0)
    assert Meter(world.scenario)._room == 0
    assert world.measure().to_frame().equals(plain)
