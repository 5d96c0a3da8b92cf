"""What the end of a run left open, counted both ways: how low and how high a figure can be.

An event that was still on its way can yet arrive or be missed; a client that is away can come back
at once or never. A figure that depends on it lies between two values; all others are as they are.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from simrt.metrics import Metrics
from simrt.metrics.totals import Totals
from simrt.scenario.expect import Comparison
from simrt.text import many

# What an event on its way can still make larger by one.
_COUNTED = frozenset(
    {"received", "missed", "missed_dropped_oldest", "missed_dropped_newest", "missed_expired",
     "missed_offline", "missed_connection_lost", "missed_restart"}
)  # fmt: skip
# The same, by what they are divided.
_SHARES: dict[str, Callable[[Totals], int]] = {
    "missed_fraction": lambda totals: totals.sent,
    "loss_fraction": lambda totals: totals.sent,
    "expired_fraction": lambda totals: totals.sent,
    "missed_per_outage": lambda totals: totals.outages,
    "gap_probability": lambda totals: totals.reconnects,
}
# Of what their mean and their percentiles are over, how much there is, and how much is open.
_POOLED: dict[str, Callable[[Totals], tuple[int, int]]] = {
    "latency_s": lambda t: (t.live_latencies + t.replay_latencies, _unfinished(t)),
    "live_latency_s": lambda t: (t.live_latencies, _unfinished(t)),
    "staleness_s": lambda t: (t.informed_ns, _unheard_ns(t)),
    "peak_staleness_s": lambda t: (t.peaks, t.peaks if t.never_informed else 0),
    "reconnect_s": lambda t: (t.reconnects, t.outages - t.reconnects),
    "recovery_s": lambda t: (t.recoveries, t.not_recovered),
}
_LATENCIES = ("latency_s", "live_latency_s")
_STALENESS = ("staleness_s", "peak_staleness_s")
_AWAY = {"reconnect_s": "not_reconnected", "recovery_s": "not_recovered"}


@dataclass(frozen=True, slots=True)
class Seen:
    """One figure in one run.

    Attributes:
        seed: of the run.
        value: as the run measured it; what is unfinished is then not missed.
        low, high: the least and the most that it can be, however what is open ends.
    """

    seed: int
    value: float
    low: float
    high: float


def seen_in(run: Metrics, seed: int, term: Comparison, longest_s: float) -> Seen | None:
    """One figure in one run, both ways; None where it has no value.

    Arguments:
        run: what it measured.
        seed: its seed.
        term: which figure.
        longest_s: how long the run took at most, workload and quiet phase: so old can an event
            become that is received at the very end.
    """
    value = _read(run, term, term.p)
    if value is None:
        return None
    totals = run.totals(term.group)
    if term.metric in _POOLED:
        whole, left = _POOLED[term.metric](totals)
        most = longest_s if term.metric in _LATENCIES else math.inf
        if not left or not whole:
            return Seen(seed, value, value, value)
        return Seen(seed, value, *_pooled(run, term, value, whole, left, most))
    left = _unfinished(totals)
    if not left:
        return Seen(seed, value, value, value)
    if term.metric in _COUNTED:
        return Seen(seed, value, value, value + left)
    if term.metric == "gap_messages":
        return Seen(seed, value, value, max(value, totals.longest_gap_unfinished))
    if term.metric in _SHARES:
        whole = _SHARES[term.metric](totals)
        most = (round(value * whole) + left) / whole
        return Seen(
            seed, value, value, most if term.metric == "missed_per_outage" else min(1, most)
        )
    return Seen(seed, value, value, value)


def _read(run: Metrics, term: Comparison, p: float | None) -> float | None:
    if p is None:
        return run.value(term.metric, term.group)
    return run.quantile(term.metric, term.group, p)


def _pooled(
    run: Metrics, term: Comparison, value: float, whole: int, left: int, most: float
) -> tuple[float, float]:
    """A mean or a percentile, if all that is open were 0, and if it were as long as can be."""
    if term.p is None:
        high = math.inf if most == math.inf else (value * whole + most * left) / (whole + left)
        return value * whole / (whole + left), high
    rank = term.p * (whole + left)
    low = 0.0 if rank <= left else _read(run, term, (rank - left) / whole)
    high = most if rank > whole else _read(run, term, rank / whole) or 0.0
    return min(low or 0.0, value), max(high, value)


def _unfinished(totals: Totals) -> int:
    return totals.sent - totals.missed - totals.outcomes[0]


def _unheard_ns(totals: Totals) -> int:
    """Time without a first receive; only where somebody never had one is it open what they saw."""
    return totals.uninformed_ns if totals.never_informed else 0


def left_open(runs: Sequence[Metrics], term: Comparison) -> str:
    """What was open at the end of these runs that the figure depends on, in words; or nothing."""

    def count(metric: str) -> int:
        return round(sum(run.value(metric, term.group) or 0 for run in runs))

    if term.metric in _STALENESS:
        return _told(count("never_informed"), "client", "never received anything")
    if term.metric in _AWAY:
        return _told(count(_AWAY[term.metric]), "client", "not back when the run ended")
    if term.metric in (*_COUNTED, *_SHARES, *_LATENCIES, "gap_messages"):
        return _told(count("unfinished"), "event", "still on the way when the run ended")
    return ""


def _told(number: int, noun: str, what: str) -> str:
    return f"{many(number, noun)} {what}" if number else ""
