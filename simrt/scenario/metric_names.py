"""The names of what simrt measures: one table that scenarios, metrics and docs share.

It imports nothing heavy, so a scenario can be checked without loading the fold that measures.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal


class Outcome(StrEnum):
    """What can become of one message for one subscriber (ACC-2), in the order of every table."""

    RECEIVED = "received"
    DROPPED_OLDEST = "dropped-oldest"
    DROPPED_NEWEST = "dropped-newest"
    EXPIRED = "expired"
    OFFLINE = "offline"
    CONNECTION_LOST = "connection-lost"
    RESTART = "restart"
    UNFINISHED = "unfinished"


OUTCOMES = tuple(Outcome)

MISSED = tuple(one for one in Outcome if one not in (Outcome.RECEIVED, Outcome.UNFINISHED))
"""The outcomes that are a miss: neither received nor still on their way."""

Kind = Literal["count", "fraction", "mean", "maximum", "rate"]
Over = Literal["", "messages", "time", "outages", "members"]


@dataclass(frozen=True, slots=True)
class Metric:
    """One thing that is measured.

    Attributes:
        name: its name; ends with the unit where it is a length of time, a size or a share.
        unit: `s`, `bytes`, `fraction` (0 to 1), or what is counted.
        kind: how members become a group: counts and rates add up, a fraction is sum over sum,
            a mean is pooled over what `over` names, a maximum is the largest of any member.
        over: what its distribution is over; empty where it has none and `pNN` is not allowed.
        meaning: what it is, exactly.
        phrase: the same for a sentence, in a product owner's words.
    """

    name: str
    unit: str
    kind: Kind
    over: Over
    meaning: str
    phrase: str

    @property
    def top(self) -> float | None:
        """What it cannot exceed: 1 for a fraction; None where there is no such number."""
        return 1.0 if self.kind == "fraction" else None


def _table(*metrics: Metric) -> dict[str, Metric]:
    return {metric.name: metric for metric in metrics}


METRICS = _table(
    # --- what became of the messages; the whole run counts, its quiet phase included
    Metric("sent", "messages", "count", "",
           "messages sent while a member, to the end of the workload, each member counted",
           "events sent"),
    Metric("received", "messages", "count", "",
           "of these, received at least once",
           "events received"),
    Metric("duplicates", "messages", "count", "",
           "receipts of a message that had been received before, also one of `earlier`",
           "events received again"),
    Metric("earlier", "messages", "count", "",
           "first receipts of messages sent before membership; they enter no fraction and no delay",
           "events received from before the first connection"),
    Metric("missed", "messages", "count", "",
           "sent while a member, neither received nor `unfinished`",
           "events missed"),
    Metric("missed_dropped_oldest", "messages", "count", "",
           "missed, outcome `dropped-oldest`",
           "events missed because a full buffer dropped its oldest"),
    Metric("missed_dropped_newest", "messages", "count", "",
           "missed, outcome `dropped-newest`",
           "events missed because a full buffer refused them"),
    Metric("missed_expired", "messages", "count", "",
           "missed, outcome `expired`",
           "events missed because they had expired"),
    Metric("missed_offline", "messages", "count", "",
           "missed, outcome `offline`: sent while no connection stood, and not in any replay",
           "events missed while away"),
    Metric("missed_connection_lost", "messages", "count", "",
           "missed, outcome `connection-lost`: pending or in flight when the connection ended",
           "events missed because the connection broke"),
    Metric("missed_restart", "messages", "count", "",
           "missed, outcome `restart`: pending or in flight when the hub was killed",
           "events missed because the server restarted"),
    Metric("unfinished", "messages", "count", "",
           "outcome `unfinished`: still pending or in flight when the run ended; not missed",
           "events still on their way at the end"),
    Metric("unmatched", "messages", "count", "",
           "receipts of a message that the history never saw sent; 0 in a sound history",
           "receipts of events that nobody sent"),
    Metric("missed_fraction", "fraction", "fraction", "",
           "missed / sent",
           "events missed"),
    Metric("loss_fraction", "fraction", "fraction", "",
           "missed with outcome `dropped-oldest` or `dropped-newest` / sent",
           "events lost to a full buffer"),
    Metric("expired_fraction", "fraction", "fraction", "",
           "missed with outcome `expired` / sent",
           "events lost to their age"),
    Metric("gap_messages", "messages", "maximum", "",
           "longest run, in send order, of missed messages of one member",
           "events missed in a row"),
    Metric("evicted_age_s", "s", "mean", "messages",
           "age of a message when `drop-oldest` removed it from a pending queue",
           "age of an event when the full buffer dropped it"),
    # --- delay and age
    Metric("latency_s", "s", "mean", "messages",
           "send to first receive, of messages sent while a member",
           "delay of an event"),
    Metric("live_latency_s", "s", "mean", "messages",
           "the same for messages whose first receipt did not come from a replay",
           "delay of an event that came live"),
    Metric("staleness_s", "s", "mean", "time",
           "age of information: now minus the send time of the latest-sent message received; "
           "time average from the first receive to the end of the workload",
           "age of what is on screen, also while nothing is sent"),
    Metric("peak_staleness_s", "s", "mean", "messages",
           "that age just before each receive that lowers it",
           "age of what is on screen just before news"),
    Metric("uninformed_s", "s", "mean", "members",
           "first accepted subscribe to first receive, or to the end of the workload",
           "time before the first event"),
    Metric("never_informed", "members", "count", "",
           "members that received nothing before the end of the workload",
           "clients that never received anything"),
    Metric("outdated_fraction", "fraction", "fraction", "",
           "share of time in which some sent message is newer than the newest received",
           "time in which the screen is outdated"),
    Metric("outdated_s", "s", "mean", "time",
           "age of synchronization: 0 while the newest message sent was received, else now minus "
           "the send time of the earliest message after the newest received (before the first "
           "receive: after the first accepted subscribe, if that is later); time average from "
           "the first accepted subscribe to the end of the workload. Unlike `staleness_s` it does "
           "not grow while nothing is sent",
           "time for which the screen has been outdated"),
    Metric("outdated_max_s", "s", "maximum", "",
           "the largest value of that",
           "longest time for which the screen was outdated"),
    Metric("blind_s", "s", "maximum", "",
           "longest time from the first send after the last receive (or the first connect) to the "
           "next receive or the end of the workload",
           "longest time without hearing of an event that had been sent"),
    # --- replay
    Metric("replayed", "messages", "count", "",
           "messages taken from a replay",
           "events replayed"),
    Metric("replay_age_s", "s", "mean", "messages",
           "age of a replayed message when it was taken",
           "age of a replayed event"),
    Metric("resurfaced", "messages", "count", "",
           "messages taken from a replay when older than the intent's `useful_for`",
           "events replayed when too old to be useful"),
    # --- reconnects; an outage is an end of a connection before the end of the workload, and is
    #     followed to its own end, also in the quiet phase
    Metric("outages", "outages", "count", "",
           "ends of a connection before the end of the workload",
           "broken connections"),
    Metric("reconnects", "outages", "count", "",
           "outages that ended with an accepted connection",
           "reconnects"),
    Metric("not_reconnected", "outages", "count", "",
           "outages that lasted to the end of the run",
           "connections that never came back"),
    Metric("not_recovered", "members", "count", "",
           "members that were not current again at the end of the run after an outage",
           "clients that never were current again"),
    Metric("reconnect_s", "s", "mean", "outages",
           "end of a connection, as either side saw it first, to the next accepted one",
           "time to reconnect"),
    Metric("recovery_s", "s", "mean", "outages",
           "end of a connection to being connected and having the newest message sent; an outage "
           "that begins before that belongs to the same recovery",
           "time to be current again"),
    Metric("missed_per_outage", "messages", "rate", "",
           "missed / outages",
           "events missed per broken connection"),
    Metric("duplicates_per_outage", "messages", "rate", "",
           "duplicates / outages",
           "events received again per broken connection"),
    Metric("gap_probability", "fraction", "fraction", "",
           "share of reconnects after which a message sent since the newest received one, and "
           "before the reconnect, is missed for good",
           "reconnects that leave a gap"),
    Metric("replayed_per_reconnect", "messages", "rate", "",
           "messages put into the replay / reconnects",
           "events replayed per reconnect"),
    Metric("age_after_replay_s", "s", "mean", "outages",
           "age of information when the last message of a reconnect's replay was received, or at "
           "the reconnect where the replay is empty",
           "age of what is on screen after a reconnect"),
    # --- occupancy
    Metric("pending_max", "messages", "maximum", "",
           "most messages pending at once for one member, be it for an instant",
           "most events waiting at once for one client"),
    Metric("mean_pending", "messages", "mean", "",
           "time average of the messages pending for one member, 0 while not connected",
           "events waiting for one client, on average"),
    Metric("in_flight_max", "messages", "maximum", "",
           "most messages of one connection taken and not yet received",
           "most events in the network at once for one client"),
    Metric("memory_bytes", "bytes", "maximum", "",
           "most bytes of type and data of distinct messages that the channel held at once "
           "(BUF-5); only for `all`",
           "memory for events"),
    # --- what the clients ask of the site
    Metric("refetches", "requests", "count", "",
           "for intents of kind `invalidation`, to the end of the workload: one a receipt and one "
           "a reconnect",
           "requests caused at the site"),
    Metric("refetches_per_s", "requests/s", "rate", "",
           "refetches / time from the group's first accepted subscribe to the end of the workload",
           "requests per second caused at the site"),
)  # fmt: skip
"""Every metric by name, in the order of tables."""

VALIDATION_QUANTITIES = {
    "loss_fraction": "loss_fraction",
    "expired_fraction": "expired_fraction",
    "mean_latency_s": "latency_s",
    "latency_quantile_s": "latency_s",
    "mean_pending": "mean_pending",
    "mean_evicted_age_s": "evicted_age_s",
    "mean_aoi_s": "staleness_s",
    "peak_aoi_s": "peak_staleness_s",
    "expected_missed": "missed_per_outage",
    "expected_duplicates": "duplicates_per_outage",
    "gap_probability": "gap_probability",
    "mean_replayed": "replayed_per_reconnect",
    "missed_fraction": "missed_fraction",
    "mean_age_after_replay_s": "age_after_replay_s",
}
"""The quantities that closed-form cases name, and the metric whose value each one is; the value
of `latency_quantile_s` is a quantile of its metric."""


def known_metric(name: str) -> Metric:
    """The metric of that name.

    Raises:
        ValueError: where there is none; the message names the nearest.
    """
    metric = METRICS.get(name)
    if metric is None:
        near = difflib.get_close_matches(name, METRICS, n=1, cutoff=0.5)
        hint = f"did you mean {near[0]}?" if near else f"known: {', '.join(METRICS)}"
        raise ValueError(f"unknown metric {name!r}; {hint}")
    return metric
