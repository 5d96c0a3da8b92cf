"""What is added up for one subscriber, and what follows from it for a group.

Sums are exact integers; a figure is worked out only when it is asked for. So a group is the sum of
its members: fractions are sum over sum, and means are pooled over messages or over time.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, fields

from simrt.metrics.outcomes import (
    DROPPED_NEWEST,
    DROPPED_OLDEST,
    EXPIRED,
    LOST,
    OFFLINE,
    RECEIVED,
    RESTARTED,
    UNFINISHED,
)
from simrt.scenario.metric_names import OUTCOMES

NS_PER_S = 1_000_000_000


@dataclass(slots=True)
class Totals:
    """Sums over one subscriber or one group; `*_ns` are nanoseconds added up.

    Attributes:
        outcomes: messages sent while a member, by outcome in the order of `OUTCOMES`.
        members: subscribers whose membership began before the end of the workload.
        first_ns: the earliest first accepted subscribe; None without members.
        covered_ns: time from first accepted subscribe to the end of the workload.
        informed_ns: of this, time after the first receive.
        doubled_age_area: twice the integral of the age over that time, in nanoseconds squared.
        pending_area: the integral of the number of pending messages, in messages times nanoseconds.
        doubled_outdated_area: twice the integral of how long the screen has been outdated.
        longest_gap, blind_ns, outdated_max_ns, pending_max, in_flight_max: the largest of all.
        longest_gap_unfinished: the longest gap, if what is unfinished were missed.
    """

    outcomes: list[int] = field(default_factory=lambda: [0] * len(OUTCOMES))
    members: int = 0
    first_ns: int | None = None
    covered_ns: int = 0
    duplicates: int = 0
    earlier: int = 0
    unmatched: int = 0
    live_latencies: int = 0
    live_latency_ns: int = 0
    replay_latencies: int = 0
    replay_latency_ns: int = 0
    informed_ns: int = 0
    doubled_age_area: int = 0
    peaks: int = 0
    peak_ns: int = 0
    uninformed_ns: int = 0
    never_informed: int = 0
    outdated_ns: int = 0
    doubled_outdated_area: int = 0
    outdated_max_ns: int = 0
    replayed: int = 0
    replay_age_ns: int = 0
    resurfaced: int = 0
    outages: int = 0
    reconnects: int = 0
    reconnect_ns: int = 0
    recoveries: int = 0
    recovery_ns: int = 0
    not_recovered: int = 0
    gaps: int = 0
    replay_sizes: int = 0
    ages_after_replay: int = 0
    age_after_replay_ns: int = 0
    evictions: int = 0
    evicted_age_ns: int = 0
    pending_area: int = 0
    refetches: int = 0
    longest_gap: int = 0
    longest_gap_unfinished: int = 0
    blind_ns: int = 0
    pending_max: int = 0
    in_flight_max: int = 0

    def include(self, other: Totals) -> None:
        """Add a member's totals to a group's."""
        for index, number in enumerate(other.outcomes):
            self.outcomes[index] += number
        if other.first_ns is not None:
            first = other.first_ns if self.first_ns is None else self.first_ns
            self.first_ns = min(first, other.first_ns)
        for name in _SUMS:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for name in _MAXIMA:
            setattr(self, name, max(getattr(self, name), getattr(other, name)))

    def less(self, other: Totals) -> Totals:
        """The sums without what an earlier reading, or a part, had counted; no maxima."""
        left = Totals()
        left.outcomes = [a - b for a, b in zip(self.outcomes, other.outcomes, strict=True)]
        for name in _SUMS:
            setattr(left, name, getattr(self, name) - getattr(other, name))
        return left

    @property
    def sent(self) -> int:
        """Messages sent while a member."""
        return sum(self.outcomes)

    @property
    def missed(self) -> int:
        """Of these, neither received nor unfinished."""
        return self.sent - self.outcomes[RECEIVED] - self.outcomes[UNFINISHED]


_MAXIMA = (
    "longest_gap", "longest_gap_unfinished", "blind_ns", "outdated_max_ns", "pending_max",
    "in_flight_max",
)  # fmt: skip
_SUMS = tuple(
    one.name for one in fields(Totals) if one.name not in (*_MAXIMA, "outcomes", "first_ns")
)


def _share(part: float, whole: float) -> float | None:
    return part / whole if whole else None


def _seconds(sum_ns: int, number: int) -> float | None:
    return sum_ns / number / NS_PER_S if number else None


def _dropped(totals: Totals) -> int:
    return totals.outcomes[DROPPED_OLDEST] + totals.outcomes[DROPPED_NEWEST]


Figure = Callable[[Totals], float | None]

FIGURES: dict[str, Figure] = {
    "sent": lambda t: t.sent,
    "received": lambda t: t.outcomes[RECEIVED],
    "duplicates": lambda t: t.duplicates,
    "earlier": lambda t: t.earlier,
    "missed": lambda t: t.missed,
    "missed_dropped_oldest": lambda t: t.outcomes[DROPPED_OLDEST],
    "missed_dropped_newest": lambda t: t.outcomes[DROPPED_NEWEST],
    "missed_expired": lambda t: t.outcomes[EXPIRED],
    "missed_offline": lambda t: t.outcomes[OFFLINE],
    "missed_connection_lost": lambda t: t.outcomes[LOST],
    "missed_restart": lambda t: t.outcomes[RESTARTED],
    "unfinished": lambda t: t.outcomes[UNFINISHED],
    "unmatched": lambda t: t.unmatched,
    "missed_fraction": lambda t: _share(t.missed, t.sent),
    "loss_fraction": lambda t: _share(_dropped(t), t.sent),
    "expired_fraction": lambda t: _share(t.outcomes[EXPIRED], t.sent),
    "gap_messages": lambda t: t.longest_gap if t.first_ns is not None else None,
    "evicted_age_s": lambda t: _seconds(t.evicted_age_ns, t.evictions),
    "latency_s": lambda t: _seconds(
        t.live_latency_ns + t.replay_latency_ns, t.live_latencies + t.replay_latencies
    ),
    "live_latency_s": lambda t: _seconds(t.live_latency_ns, t.live_latencies),
    "staleness_s": lambda t: _seconds(t.doubled_age_area, 2 * t.informed_ns),
    "peak_staleness_s": lambda t: _seconds(t.peak_ns, t.peaks),
    "uninformed_s": lambda t: _seconds(t.uninformed_ns, t.members),
    "never_informed": lambda t: t.never_informed,
    "outdated_fraction": lambda t: _share(t.outdated_ns, t.covered_ns),
    "outdated_s": lambda t: _seconds(t.doubled_outdated_area, 2 * t.covered_ns),
    "outdated_max_s": lambda t: _seconds(t.outdated_max_ns, 1) if t.members else None,
    "blind_s": lambda t: _seconds(t.blind_ns, 1) if t.members else None,
    "replayed": lambda t: t.replayed,
    "replay_age_s": lambda t: _seconds(t.replay_age_ns, t.replayed),
    "resurfaced": lambda t: t.resurfaced,
    "outages": lambda t: t.outages,
    "reconnects": lambda t: t.reconnects,
    "not_reconnected": lambda t: t.outages - t.reconnects,
    "not_recovered": lambda t: t.not_recovered,
    "reconnect_s": lambda t: _seconds(t.reconnect_ns, t.reconnects),
    "recovery_s": lambda t: _seconds(t.recovery_ns, t.recoveries),
    "missed_per_outage": lambda t: _share(t.missed, t.outages),
    "duplicates_per_outage": lambda t: _share(t.duplicates, t.outages),
    "gap_probability": lambda t: _share(t.gaps, t.reconnects),
    "replayed_per_reconnect": lambda t: _share(t.replay_sizes, t.reconnects),
    "age_after_replay_s": lambda t: _seconds(t.age_after_replay_ns, t.ages_after_replay),
    "pending_max": lambda t: t.pending_max if t.first_ns is not None else None,
    "mean_pending": lambda t: _share(t.pending_area, t.covered_ns),
    "in_flight_max": lambda t: t.in_flight_max if t.first_ns is not None else None,
}
"""What each metric is in terms of the totals; those that need more stand in `Metrics`."""
