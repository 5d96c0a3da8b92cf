"""Poisson sends, writes made of exponential stages, B pending and one in flight: M/PH/1/K.

Exponential, Erlang and hyperexponential writes are walks through exponential stages, so that the
whole queue is a Markov chain. One chain gives the time averages; another follows one *tagged*
message from its send to the end of its write, or to its eviction. From the two follow loss,
latency, its quantiles, pending messages, the age of what is evicted, and the age of information,
under both policies.

Sources. Loss and mean queue with exponential writes: the M/M/1/K queue (Kleinrock 1975, Queueing
Systems vol. 1). Time averages are what an arrival sees: Wolff 1982, Oper. Res. 30. The age of
information as a renewal cycle: Kaul, Yates, Gruteser 2012, INFOCOM; Costa, Codreanu, Ephremides
2016, IEEE Trans. Inf. Theory 62(4). None of these was checked against the original. The chain of
the tagged message, hence latency and age under drop-oldest: derived.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from simrt.theory.laws import Law

OnFull = Literal["drop-oldest", "drop-newest"]
Matrix = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Stages:
    """A length of time as a walk through exponential stages.

    Attributes:
        start: probability to start in each stage.
        inner: rates between stages; the diagonal is minus the rate of leaving.
        leave: rate of ending from each stage, per second.
    """

    start: Matrix
    inner: Matrix
    leave: Matrix


def stages_of(law: Law) -> Stages | None:
    """The stages of a law, or None where it has none (`deterministic`, `uniform`)."""
    if law.dist == "exponential":
        rates, start = [1 / law.mean_s], [1.0]
    elif law.dist == "erlang":
        rates, start = [law.shape / law.mean_s] * law.shape, [1.0] + [0.0] * (law.shape - 1)
    elif law.dist == "hyperexponential":
        rates, start = [1 / mean for _, mean in law.phases], [p for p, _ in law.phases]
    else:
        return None
    inner = -np.diag(rates)
    leave = np.array(rates)
    if law.dist == "erlang":
        inner += np.diag(rates[:-1], 1)
        leave[:-1] = 0.0
    return Stages(np.array(start), inner, leave)


def occupancy(rate_per_s: float, write: Stages, buffer_size: int) -> tuple[float, Matrix]:
    """The stationary chance that the system is empty, and of n messages with the write in stage i.

    Returns:
        The chance of 0, and an array of `buffer_size` + 1 rows (n from 1) and one column a stage.
    """
    most, number = buffer_size + 1, len(write.start)
    size = 1 + most * number
    flow = np.zeros((size, size))

    def at(n: int) -> slice:
        return slice(1 + (n - 1) * number, 1 + n * number)

    flow[0, at(1)] = rate_per_s * write.start
    for n in range(1, most + 1):
        flow[at(n), at(n)] += write.inner - np.diag(write.inner.diagonal())
        if n < most:
            flow[at(n), at(n + 1)] += rate_per_s * np.eye(number)
        if n == 1:
            flow[at(1), 0] += write.leave
        else:
            flow[at(n), at(n - 1)] += np.outer(write.leave, write.start)
    flow -= np.diag(flow.sum(axis=1))
    flow[:, 0] = 1.0  # one balance equation is redundant; the chances add up to 1 instead
    found = np.linalg.solve(flow.T, np.eye(size)[0])
    return float(found[0]), found[1:].reshape(most, number)


# What is solved for, from each state of the tagged message: will it be written; written and
# leaving the system empty; evicted; and the time until then, where it is that.
_WRITTEN, _EMPTY, _EVICTED, _T_WRITTEN, _T_EMPTY, _T_EVICTED = range(6)


def on_send(a: int, b: int, buffer_size: int, on_full: OnFull) -> tuple[int, int] | None:
    """Where a send takes a tagged message with `a` ahead (one of them in flight) and `b` behind.

    None where the tagged message itself is evicted.
    """
    pending = a + b if a else b
    if pending < buffer_size:
        return a, b + 1
    if on_full == "drop-newest" or a == 0:
        return a, b  # the new one is refused, or takes the place of the oldest behind
    return (a - 1, b + 1) if a > 1 else None


def follow_tagged(
    rate_per_s: float, write: Stages, buffer_size: int, on_full: OnFull
) -> dict[tuple[int, int], Matrix]:
    """Absorption chances and times of the tagged message, from each of its states.

    Each send and each end of a write leads to a smaller `a`, or to the same `a` and a larger `b`
    (or changes nothing), so that the states can be solved one by one.

    Returns:
        By (ahead, behind): an array with one row a stage and six columns, as named above.
    """
    number = len(write.start)
    busy = np.linalg.inv(rate_per_s * np.eye(number) - write.inner)
    still = np.linalg.inv(-write.inner)
    solved: dict[tuple[int, int], Matrix] = {}
    for a in range(buffer_size + 1):
        for b in range(buffer_size - a if a else buffer_size, -1, -1):
            rest = np.zeros((number, 6))
            if a:
                rest += np.outer(write.leave, write.start @ solved[a - 1, b])
            else:
                rest[:, _WRITTEN] += write.leave
                rest[:, _EMPTY] += write.leave * (b == 0)
            target = on_send(a, b, buffer_size, on_full)
            if target is None:
                rest[:, _EVICTED] += rate_per_s
            elif target != (a, b):
                rest += rate_per_s * solved[target]
            solver = still if target == (a, b) else busy
            found = solver @ rest
            # A time grows, while the state lasts, by the chance of what it leads to.
            found[:, _T_WRITTEN:] += solver @ found[:, :_T_WRITTEN]
            solved[a, b] = found
    return solved


def starts(
    write: Stages, empty: float, busy: Matrix, on_full: OnFull
) -> list[tuple[tuple[int, int], Matrix]]:
    """Where an accepted message begins: its state, and the chance of each stage of the write."""
    most = len(busy)
    begin = [((0, 0), empty * write.start)]
    begin += [((n, 0), busy[n - 1]) for n in range(1, most)]
    if on_full == "drop-oldest":
        begin.append(((most - 1, 0), busy[most - 1]))  # the oldest pending message made room
    return begin


def mph1k(
    rate_per_s: float, drain: Law, buffer_size: int, on_full: OnFull = "drop-oldest"
) -> dict[str, float]:
    """Poisson sends to a subscriber whose drain is made of exponential stages.

    Arguments:
        rate_per_s: sends per second.
        drain: `exponential`, `erlang` or `hyperexponential`.
        buffer_size: pending messages, without the one in flight.
        on_full: which message a full queue loses.

    Returns:
        By the names of the metrics: `loss_fraction`, `missed_fraction`, `mean_pending`,
        `latency_s`, `staleness_s`, `peak_staleness_s`, and for drop-oldest `evicted_age_s`.

    Raises:
        ValueError: a drain without stages.

    Source: M/M/1/K of Kleinrock 1975 for loss and pending with exponential drain, the renewal
    cycle of Kaul, Yates, Gruteser 2012 for the age; not checked against the originals. The rest:
    derived.
    """
    write = stages_of(drain)
    if write is None:
        raise ValueError(f"a {drain.dist} drain has no exponential stages")
    empty, busy = occupancy(rate_per_s, write, buffer_size)
    solved = follow_tagged(rate_per_s, write, buffer_size, on_full)
    sums = np.zeros(6)
    for state, chances in starts(write, empty, busy, on_full):
        sums += chances @ solved[state]
    written = sums[_WRITTEN]
    left_empty = sums[_EMPTY] / written
    figures = {
        "loss_fraction": float(busy[-1].sum()),
        "missed_fraction": float(busy[-1].sum()),
        "mean_pending": float(np.arange(buffer_size + 1) @ busy.sum(axis=1)),
        "latency_s": float(sums[_T_WRITTEN] / written),
    }
    figures.update(
        age_cycle(rate_per_s, drain, figures["latency_s"], left_empty, sums[_T_EMPTY] / written)
    )
    if on_full == "drop-oldest" and sums[_EVICTED] > 0:
        figures["evicted_age_s"] = float(sums[_T_EVICTED] / sums[_EVICTED])
    return figures


def age_cycle(
    rate_per_s: float, drain: Law, latency_s: float, left_empty: float, latency_empty_s: float
) -> dict[str, float]:
    """The age of information from what one written message leaves behind.

    With T the latency of a written message and I the time to the end of the next write, the time
    average is (2 E[T I] + E[I^2]) / (2 E[I]) and the mean peak E[T] + E[I]. With Poisson sends I
    is one write, after an exponential wait where the message left the system empty.

    Arguments:
        rate_per_s: sends per second.
        drain: the law of a write.
        latency_s: E[T].
        left_empty: the chance that a written message leaves the system empty.
        latency_empty_s: E[T; left empty].

    Source: Kaul, Yates, Gruteser 2012, INFOCOM; Costa, Codreanu, Ephremides 2016, IEEE Trans. Inf.
    Theory 62(4). Not checked against the originals.
    """
    wait = left_empty / rate_per_s
    mean = drain.mean_s + wait
    square = drain.second_moment + 2 * wait * (1 / rate_per_s + drain.mean_s)
    product = latency_s * drain.mean_s + latency_empty_s / rate_per_s
    return {
        "staleness_s": float((2 * product + square) / (2 * mean)),
        "peak_staleness_s": float(latency_s + mean),
    }


def latency_tail(
    t_s: float, rate_per_s: float, drain: Law, buffer_size: int, on_full: OnFull = "drop-oldest"
) -> float:
    """P(T > t) of a written message: the matrix exponential of the tagged chain.

    Arguments:
        t_s: seconds, 0 or more.
        rate_per_s: sends per second.
        drain: a law of exponential stages.
        buffer_size: pending messages, without the one in flight.
        on_full: which message a full queue loses.

    Source: derived (phase-type laws).
    """
    start, flow, written = _tail_parts(rate_per_s, drain, buffer_size, on_full)
    from scipy.sparse.linalg import expm_multiply

    return float(expm_multiply(flow.T * t_s, start) @ written / (start @ written))


def latency_quantile(
    p: float, rate_per_s: float, drain: Law, buffer_size: int, on_full: OnFull = "drop-oldest"
) -> float:
    """The p-quantile of the latency of a written message, seconds.

    Arguments:
        p: above 0 and below 1.
        rate_per_s: sends per second.
        drain: a law of exponential stages.
        buffer_size: pending messages, without the one in flight.
        on_full: which message a full queue loses.

    Source: derived (phase-type laws).
    """
    from scipy.optimize import brentq
    from scipy.sparse.linalg import expm_multiply

    start, flow, written = _tail_parts(rate_per_s, drain, buffer_size, on_full)
    whole = start @ written

    def above(t_s: float) -> float:
        return float(expm_multiply(flow.T * t_s, start) @ written / whole) - (1 - p)

    high = drain.mean_s
    while above(high) > 0:
        high *= 2
    return float(brentq(above, 0.0, high, xtol=1e-15, rtol=1e-13))


def _tail_parts(
    rate_per_s: float, drain: Law, buffer_size: int, on_full: OnFull
) -> tuple[Matrix, Matrix, Matrix]:
    """Start, rates between the states of the tagged chain, and the chance to be written."""
    write = stages_of(drain)
    if write is None:
        raise ValueError(f"a {drain.dist} drain has no exponential stages")
    number = len(write.start)
    solved = follow_tagged(rate_per_s, write, buffer_size, on_full)
    place = {state: slice(k * number, (k + 1) * number) for k, state in enumerate(solved)}
    size = len(solved) * number
    flow, start = np.zeros((size, size)), np.zeros(size)
    for (a, b), here in place.items():
        flow[here, here] += write.inner
        if a:
            flow[here, place[a - 1, b]] += np.outer(write.leave, write.start)
        target = on_send(a, b, buffer_size, on_full)
        if target != (a, b):
            flow[here, here] -= rate_per_s * np.eye(number)
            if target is not None:
                flow[here, place[target]] += rate_per_s * np.eye(number)
    empty, busy = occupancy(rate_per_s, write, buffer_size)
    for state, chances in starts(write, empty, busy, on_full):
        start[place[state]] += chances
    written = np.concatenate([one[:, _WRITTEN] for one in solved.values()])
    return start, flow, written
