"""Queues that are not made of exponential stages: M/G/1, M/G/1/K, D/M/1/K, batches."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from simrt.theory.laws import Law
from simrt.theory.stages import OnFull, age_cycle, on_send

Matrix = NDArray[np.float64]


def mm1k_loss(rate_per_s: float, drain_s: float, buffer_size: int) -> float:
    """Loss of the M/M/1/K queue, K = `buffer_size` + 1: both policies lose as many.

    Source: Kleinrock 1975, Queueing Systems vol. 1; not checked against the original. Equal loss
    under drop-oldest: an eviction happens whenever a refusal would (derived).
    """
    load, most = rate_per_s * drain_s, buffer_size + 1
    if load > 1:  # from the top, so that powers stay below 1
        return 1 / math.fsum(load**-n for n in range(most + 1))
    return load**most / math.fsum(load**n for n in range(most + 1))


def mm11_staleness(rate_per_s: float, drain_s: float) -> float:
    """Age of information with one slot that refuses (M/M/1/2), seconds.

    Source: Costa, Codreanu, Ephremides 2016, IEEE Trans. Inf. Theory 62(4); not checked against the
    original.
    """
    a, m = rate_per_s, 1 / drain_s
    return 1 / a + 3 / m - 2 * (a + m) / (a * a + a * m + m * m)


def mm11_replaced_staleness(rate_per_s: float, drain_s: float) -> float:
    """Age of information with one slot that is replaced (M/M/1/2*), seconds.

    Source: Costa, Codreanu, Ephremides 2016, IEEE Trans. Inf. Theory 62(4); not checked against the
    original.
    """
    a, m = rate_per_s, 1 / drain_s
    both = a + m
    return 1 / a + 2 / m + a / both**2 + 1 / both - 2 * both / (a * a + a * m + m * m)


def mm1_staleness(rate_per_s: float, drain_s: float) -> float:
    """Age of information of the M/M/1 queue, seconds; load below 1.

    Source: Kaul, Yates, Gruteser 2012, INFOCOM; not checked against the original.
    """
    load = _load(rate_per_s, drain_s)
    return drain_s * (1 + 1 / load + load**2 / (1 - load))


def md1_staleness(rate_per_s: float, drain_s: float) -> float:
    """Age of information of the M/D/1 queue, seconds; load below 1.

    Source: Kaul, Yates, Gruteser 2012, INFOCOM; not checked against the original.
    """
    load = _load(rate_per_s, drain_s)
    return drain_s * (1 / (2 * (1 - load)) + 0.5 + (1 - load) * math.exp(load) / load)


def _load(rate_per_s: float, drain_s: float) -> float:
    load = rate_per_s * drain_s
    if not 0 < load < 1:
        raise ValueError(f"without a bound on the queue the load must be below 1; it is {load:g}")
    return load


def mg1(rate_per_s: float, drain: Law) -> dict[str, float]:
    """Poisson sends, any drain, a buffer that is never full; load below 1.

    Returns:
        `latency_s`, `mean_pending`, `staleness_s`, `peak_staleness_s`, and a loss of 0.

    Source: Pollaczek-Khinchine mean and transform (Kleinrock 1975) with the renewal cycle of Kaul,
    Yates, Gruteser 2012; not checked against the originals. A message leaves the system empty where
    nothing is sent during its latency, so E[T; left empty] = E[T exp(-rate T)]: derived.
    """
    load = _load(rate_per_s, drain.mean_s)
    wait = rate_per_s * drain.second_moment / (2 * (1 - load))
    silent = drain.transform(rate_per_s)
    latency = wait + drain.mean_s
    latency_empty = (1 - load) * (1 - silent) / (rate_per_s * silent)
    return {
        "loss_fraction": 0.0,
        "missed_fraction": 0.0,
        "mean_pending": rate_per_s * wait,
        "latency_s": latency,
        **age_cycle(rate_per_s, drain, latency, 1 - load, latency_empty),
    }


def mg1k(
    rate_per_s: float, drain: Law, buffer_size: int, on_full: OnFull = "drop-oldest"
) -> dict[str, float]:
    """Poisson sends, any drain, B pending: the chain of what a write leaves behind.

    Returns:
        `loss_fraction`, `missed_fraction`, `mean_pending` under both policies; `latency_s` under
        drop-newest.

    Source: Gross, Shortle, Thompson, Harris 2008, Fundamentals of Queueing Theory; not checked
    against the original. With a constant drain the loss is the series of Brun, Garcia 2000.
    """
    most = buffer_size + 1
    counts = drain.counts(rate_per_s, most)
    step = np.zeros((most, most))
    for left in range(most):
        begin = max(left - 1, 0)  # pending when the next write begins
        step[left, begin : most - 1] = counts[: most - 1 - begin]
        step[left, most - 1] = max(0.0, 1.0 - counts[: most - 1 - begin].sum())
    balance = step.T - np.eye(most)
    balance[-1] = 1.0
    after = np.linalg.solve(balance, np.eye(most)[-1])
    scale = after[0] + rate_per_s * drain.mean_s
    at_any_time = np.append(after / scale, 1 - 1 / scale)  # 0 to K messages
    loss = float(at_any_time[-1])
    inside = float(np.arange(most + 1) @ at_any_time)
    figures = {
        "loss_fraction": loss,
        "missed_fraction": loss,
        "mean_pending": inside - (1 - float(at_any_time[0])),
    }
    if on_full == "drop-newest":
        figures["latency_s"] = inside / (rate_per_s * (1 - loss))  # Little 1961
    return figures


def dm1(rate_per_s: float, drain_s: float) -> dict[str, float]:
    """Even sends, exponential drain, a buffer that is never full; load below 1.

    Source: Kaul, Yates, Gruteser 2012, INFOCOM; latency: Kleinrock 1975. Not checked against the
    originals.
    """
    from scipy.optimize import brentq

    _load(rate_per_s, drain_s)
    gap = 1 / (rate_per_s * drain_s)  # in mean drains
    # The root below 1; at 1 the equation has the other one.
    root = float(brentq(lambda s: s - math.exp(-gap * (1 - s)), 0.0, 1 - 1e-9, xtol=1e-16))
    latency = drain_s / (1 - root)
    return {
        "loss_fraction": 0.0,
        "missed_fraction": 0.0,
        "mean_pending": rate_per_s * (latency - drain_s),
        "latency_s": latency,
        "staleness_s": 1 / (2 * rate_per_s) + latency,
        "peak_staleness_s": 1 / rate_per_s + latency,
    }


def dm1k(
    rate_per_s: float, drain_s: float, buffer_size: int, on_full: OnFull = "drop-oldest"
) -> dict[str, float]:
    """Even sends, exponential drain, B pending: chains from one send to the next.

    Returns:
        `loss_fraction`, `missed_fraction`, `latency_s`.

    Source: loss: Gross, Shortle, Thompson, Harris 2008; not checked against the original. Latency:
    a tagged message followed from send to send, derived.
    """
    from scipy.special import gammainc

    most, gap_s = buffer_size + 1, 1 / rate_per_s
    ends = gap_s / drain_s  # writes that could end between two sends, on average
    at_least = gammainc(np.arange(1, most + 3, dtype=np.float64), ends)  # P(j or more), j from 1
    exactly = -np.diff(np.concatenate(([1.0], at_least)))
    step = np.zeros((most + 1, most + 1))
    for n in range(most + 1):
        inside = min(n + 1, most)
        step[n, 1 : inside + 1] = exactly[:inside][::-1]
        step[n, 0] = at_least[inside - 1]
    balance = step.T - np.eye(most + 1)
    balance[-1] = 1.0
    found = np.linalg.solve(balance, np.eye(most + 1)[-1])
    # From a state after a send: the chance to be written, and the time until then where it is.
    states = [(a, b) for a in range(most) for b in range(most - a if a else 1)]
    place = {state: k for k, state in enumerate(states)}
    moves = np.zeros((len(states), len(states)))
    now, time = np.zeros(len(states)), np.zeros(len(states))
    for (a, b), here in place.items():
        now[here] = at_least[a]
        time[here] = (a + 1) * drain_s * at_least[a + 1]
        for done in range(a + 1):
            ahead = a - done
            target = on_send(ahead, b, buffer_size, on_full)
            if target is not None:
                # Once it is in flight, nobody behind it matters.
                moves[here, place[target if target[0] else (0, 0)]] += exactly[done]
    rest = np.eye(len(states)) - moves
    written = np.linalg.solve(rest, now)
    spent = np.linalg.solve(rest, time + gap_s * (moves @ written))
    begin = np.zeros(len(states))
    for n in range(most):
        begin[place[n, 0]] += found[n]
    if on_full == "drop-oldest":
        begin[place[buffer_size, 0]] += found[most]
    loss = float(found[most])
    return {
        "loss_fraction": loss,
        "missed_fraction": loss,
        "latency_s": float(begin @ spent / (begin @ written)),
    }


def mxm1k(
    rate_per_s: float, sizes: Matrix, mean_size: float, drain_s: float, buffer_size: int
) -> dict[str, float]:
    """Batches at Poisson times, exponential drain, B pending; of a batch what fits is accepted.

    Arguments:
        rate_per_s: batches per second.
        sizes: P(size > k) for k = 0 to `buffer_size` + 1.
        mean_size: messages of a batch.
        drain_s: mean drain.
        buffer_size: pending messages, without the one in flight.

    Returns:
        `loss_fraction`, `missed_fraction`, `mean_pending`.

    Source: Chaudhry, Templeton 1983, A First Course in Bulk Queues; not checked against the
    original.
    """
    most = buffer_size + 1
    flow = np.zeros((most + 1, most + 1))
    exactly = -np.diff(np.concatenate(([1.0], sizes)))  # P(size = k), k from 0
    for n in range(most + 1):
        room = most - n
        flow[n, n + 1 : most] = rate_per_s * exactly[1:room] if room > 1 else 0.0
        if room:
            flow[n, most] += rate_per_s * sizes[room - 1]
        if n:
            flow[n, n - 1] += 1 / drain_s
    flow -= np.diag(flow.sum(axis=1))
    flow[:, 0] = 1.0
    chances = np.linalg.solve(flow.T, np.eye(most + 1)[0])
    # The mean overflow of a batch that finds n: E[(size - room)+].
    fits = np.concatenate(([0.0], np.cumsum(sizes)))  # E[min(size, k)], k from 0
    over = np.array([mean_size - fits[most - n] for n in range(most + 1)])
    loss = float(chances @ over / mean_size)
    return {
        "loss_fraction": loss,
        "missed_fraction": loss,
        "mean_pending": float(np.maximum(np.arange(most + 1) - 1, 0) @ chances),
    }
