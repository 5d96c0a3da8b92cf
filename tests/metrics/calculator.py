"""Every metric, computed from a history as docs/metrics.md says, and from nothing else.

It was written from that page alone, so it shares no code and no reading with `simrt.metrics`: where
the two differ, one of them or the page is wrong.
"""

from __future__ import annotations

from collections import Counter

from simrt.history import History
from tests.metrics.member import OBSERVED, Age, Channel, Member, S, steps

Value = float | None
PERCENTS = (50, 90, 99)
PARTS = ("dropped-oldest", "dropped-newest", "expired", "offline", "connection-lost", "restart")
COUNTED = (
    "sent", "received", "unfinished", "missed",
    *(f"missed_{one.replace('-', '_')}" for one in PARTS), "earlier", "duplicates", "unmatched",
    "never_informed", "replayed", "resurfaced", "outages", "reconnects", "not_reconnected",
    "not_recovered",
)  # fmt: skip
LARGEST = ("gap_messages", "outdated_max_s", "blind_s", "pending_max", "in_flight_max")


def memory_bytes(channel: Channel, members: list[Member]) -> int:
    """The most bytes held after any step: the newest messages, and what waits anywhere."""
    after: dict[int, dict[str, list[set[int]]]] = {}
    for member in members:
        for i, queues in member.pending_after():
            after.setdefault(i, {})[member.name] = [set(queue) for queue in queues]
    now: dict[str, list[set[int]]] = {}
    life: list[int] = []
    most = 0
    over = steps(list(enumerate(channel.rows)))
    for i, row in enumerate(channel.rows):
        now |= after.get(i, {})
        if row.kind == "send":
            life.append(channel.order[row.epoch, row.seq])
        elif row.kind == "restart":
            life = []
        held = {*life[-channel.buffer_size :]}.union(
            *(q for queues in now.values() for q in queues)
        )
        if i in over:
            most = max(most, sum(channel.size[n] for n in held))
    return most


def ratio(above: float, below: float) -> Value:
    """A ratio; over nothing it is undefined."""
    return above / below if below else None


def percentile(values: list[int], percent: int) -> Value:
    """The smallest value that at least so many percent do not exceed, in seconds."""
    if not values:
        return None
    return sorted(values)[-(-len(values) * percent // 100) - 1] / S


def percentile_of_time(ages: list[Age], zero_ns: int, percent: int) -> Value:
    """The same over time, of ages that grow, and of a time in which they are 0."""
    total = zero_ns + sum(to - since for since, to in ages)
    if not total:
        return None
    low, high = 0, max((to for _, to in ages), default=0)
    while low < high:
        middle = (low + high) // 2
        below = sum(min(max(middle, since), to) - since for since, to in ages)
        if 100 * (zero_ns + below) >= percent * total:
            high = middle
        else:
            low = middle + 1
    return low / S


def of_group(channel: Channel, members: list[Member]) -> dict[str, Value]:
    """Every metric of these members together, and its percentiles."""
    parts = [(member, member.figures()) for member in members]
    figures = [one for _, one in parts]
    counts: Counter[str] = Counter()
    for one in figures:
        counts.update(one.counts)
    values: dict[str, Value] = {name: float(counts[name]) for name in COUNTED}
    for name in LARGEST:
        values[name] = max((f.largest[name] for f in figures if name in f.largest), default=None)
    for name in OBSERVED:
        observed = [value for one in figures for value in one.observed[name]]
        values[name] = ratio(sum(observed) / S, len(observed))
        for percent in PERCENTS:
            values[f"p{percent}({name})"] = percentile(observed, percent)
    covered = sum(one.covered_ns for one in figures)
    for name in ("staleness_s", "outdated_s"):
        ages = [age for one in figures for age in one.ages[name]]
        zero = sum(one.synchronous_ns for one in figures) if name == "outdated_s" else 0
        area = sum((to - since) * (to + since) for since, to in ages) / 2 / S
        values[name] = ratio(area, zero + sum(to - since for since, to in ages))
        for percent in PERCENTS:
            values[f"p{percent}({name})"] = percentile_of_time(ages, zero, percent)
    outdated = covered - sum(one.synchronous_ns for one in figures)
    values["outdated_fraction"] = ratio(outdated, covered)
    values["mean_pending"] = ratio(sum(one.pending_ns for one in figures), covered)
    dropped = counts["missed_dropped_oldest"] + counts["missed_dropped_newest"]
    for name, above, below in (
        ("missed_fraction", counts["missed"], counts["sent"]),
        ("loss_fraction", dropped, counts["sent"]),
        ("expired_fraction", counts["missed_expired"], counts["sent"]),
        ("missed_per_outage", counts["missed"], counts["outages"]),
        ("duplicates_per_outage", counts["duplicates"], counts["outages"]),
        ("gap_probability", counts["gaps"], counts["reconnects"]),
        ("replayed_per_reconnect", counts["offered again"], counts["reconnects"]),
    ):
        values[name] = ratio(above, below)
    listened = channel.end - min((one.accepted_at for one in members), default=channel.end)
    asked = float(counts["refetches"]) if channel.invalidates else None
    values["refetches"] = asked
    values["refetches_per_s"] = None if asked is None else ratio(asked, max(0, listened) / S)
    return values


def calculate(history: History) -> dict[str, dict[str, Value]]:
    """Every metric of a run.

    Arguments:
        history: a run.

    Returns:
        For each group, and for `all`: by metric, and by percentile of it as it is spelled in
        `metrics.csv`, its value in the unit that the documentation states; None where undefined.
    """
    channel = Channel(history)
    groups: dict[str, list[Member]] = {name: [] for name in channel.groups}
    accepted = {row.subscriber: row.group for row in channel.rows if row.kind == "connect"}
    for name, group in accepted.items():
        groups[group].append(Member(channel, name))
    everybody = [one for members in groups.values() for one in members]
    found = {name: of_group(channel, members) for name, members in groups.items()}
    found["all"] = of_group(channel, everybody)
    found["all"]["memory_bytes"] = float(memory_bytes(channel, everybody))
    return found
