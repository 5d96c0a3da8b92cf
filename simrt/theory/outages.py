"""A subscriber that is away now and then: what a replay brings back, what stays missing.

Poisson sends, a drain that takes no time, up and down periods in turn. What is in a replay only
moves forward, so that earlier outages do not matter to a later one.
"""

from __future__ import annotations

import math

import numpy as np

from simrt.theory.laws import Law


def last_n_replay(
    rate_per_s: float,
    up: Law,
    down: Law,
    buffer_size: int,
    last_n: int,
    *,
    resume: bool = False,
) -> dict[str, float]:
    """Outages with a replay of the newest messages.

    Arguments:
        rate_per_s: sends per second.
        up: the law of a period with a connection.
        down: the law of an outage.
        buffer_size: length of the history.
        last_n: `lastN`; 0 is no replay.
        resume: whether the server leaves out what the client has (`resume: last-event-id`).

    Returns:
        `missed_per_outage`, `duplicates_per_outage`, `gap_probability`, `replayed_per_reconnect`,
        `missed_fraction`, `staleness_s`, `age_after_replay_s`.

    Source: the sends of one outage are a mixed Poisson count (Johnson, Kemp, Kotz 2005, Univariate
    Discrete Distributions), the long-run fraction is a renewal reward (Ross 1996, Stochastic
    Processes); not checked against the originals. The accounting: derived.
    """
    kept = min(last_n, buffer_size)
    missed = down.excess_count(rate_per_s, kept)
    brought = down.capped_count(rate_per_s, kept)
    figures = {
        "missed_per_outage": missed,
        "duplicates_per_outage": 0.0 if resume else kept - brought,
        "gap_probability": float(down.count_tail(rate_per_s, kept)[kept]),
        "replayed_per_reconnect": brought if resume else float(kept),
        "missed_fraction": missed / (rate_per_s * (up.mean_s + down.mean_s)),
    }
    figures.update(_ages(rate_per_s, up, down, replay=kept > 0))
    return figures


def max_age_replay(rate_per_s: float, up: Law, down: Law, max_age_s: float) -> dict[str, float]:
    """Outages with a replay of what is not too old; a history that holds all of that.

    Arguments:
        rate_per_s: sends per second.
        up: the law of a period with a connection.
        down: the law of an outage.
        max_age_s: `maxAge`, seconds.

    Returns:
        `missed_per_outage`, `duplicates_per_outage`, `replayed_per_reconnect`, `missed_fraction`;
        for constant and exponential outages `gap_probability`.

    Source: derived.
    """
    beyond = down.excess(max_age_s)
    shorter = max_age_s - down.mean_s + beyond  # E[(maxAge - D)+]
    missed = rate_per_s * beyond
    figures = {
        "missed_per_outage": missed,
        "duplicates_per_outage": rate_per_s * shorter,
        "replayed_per_reconnect": rate_per_s * max_age_s,
        "missed_fraction": missed / (rate_per_s * (up.mean_s + down.mean_s)),
    }
    # A gap: something was sent in the part of the outage beyond maxAge.
    if down.dist == "deterministic":
        figures["gap_probability"] = -math.expm1(-rate_per_s * beyond)
    elif down.dist == "exponential":
        longer = math.exp(-max_age_s / down.mean_s)
        figures["gap_probability"] = longer * (1 - down.transform(rate_per_s))
    return figures


def both_limits_replay(
    rate_per_s: float, up: Law, down_s: float, buffer_size: int, last_n: int, max_age_s: float
) -> dict[str, float]:
    """Outages of constant length with both limits of a replay.

    Arguments:
        rate_per_s: sends per second.
        up: the law of a period with a connection.
        down_s: the length of each outage, seconds.
        buffer_size: length of the history.
        last_n: `lastN`.
        max_age_s: `maxAge`, seconds; the history holds all of that.

    Returns:
        `missed_per_outage`, `duplicates_per_outage`, `missed_fraction`.

    Source: derived.
    """
    kept = min(last_n, buffer_size)
    inside = min(max_age_s, down_s)
    window = Law("deterministic", inside)
    missed = rate_per_s * (down_s - inside) + window.excess_count(rate_per_s, kept)
    duplicates = 0.0
    if max_age_s > down_s:
        before = Law("deterministic", max_age_s - down_s)
        in_outage = Law("deterministic", down_s).counts(rate_per_s, kept)
        room = np.array([before.capped_count(rate_per_s, kept - m) for m in range(kept + 1)])
        duplicates = float(in_outage @ room)
    return {
        "missed_per_outage": missed,
        "duplicates_per_outage": duplicates,
        "missed_fraction": missed / (rate_per_s * (up.mean_s + down_s)),
    }


def _ages(rate_per_s: float, up: Law, down: Law, *, replay: bool) -> dict[str, float]:
    """The age of information over outages, and right after a reconnect.

    With a replay of at least the newest message, the age while connected is the time since the
    last send. Without one, a reconnect brings nothing, and neither does an up period in which
    nothing is sent, which has probability phi.

    Source: derived.
    """
    cycle = up.mean_s + down.mean_s
    fresh = 1 / rate_per_s
    if replay:
        return {
            "staleness_s": fresh + down.second_moment / (2 * cycle),
            "age_after_replay_s": fresh,
        }
    phi = up.transform(rate_per_s)
    again = down.mean_s**2 * phi / (1 - phi)
    return {
        "staleness_s": fresh + (down.mean_s * fresh + again + down.second_moment / 2) / cycle,
        "age_after_replay_s": fresh + down.mean_s / (1 - phi),
    }
