"""The method behind every standard error: batches, jackknife, Student's t. Is it honest?"""

import numpy as np
import pytest
from scipy import stats

from simrt.metrics.batches import jackknife

REPLICATIONS = 400
BATCHES = 60


def coverage(observe, figure, truth):
    """The share of replications whose 95 % interval holds the truth.

    `observe(random)` gives a run as an array of batches, each a vector of what it adds up.
    """
    reach = stats.t.ppf(0.975, BATCHES - 1)
    held = 0
    for replication in range(REPLICATIONS):
        batches = observe(np.random.default_rng([replication, 5]))
        whole = batches.sum(axis=0)
        estimate, error = jackknife(whole, [whole - batch for batch in batches], figure)
        held += abs(estimate - truth) <= reach * error
    return held / REPLICATIONS


def autoregressive(random, length):
    """X' = 0.9 X + normal, from its stationary law: relaxation time about 10."""
    noise = random.standard_normal(length)
    values = np.empty(length)
    value = random.standard_normal() / np.sqrt(1 - 0.9**2)
    for place, step in enumerate(noise.tolist()):
        value = 0.9 * value + step
        values[place] = value
    return values


def queue(random, length, rate=0.7):
    """Latencies of an M/M/1 queue with drains of mean 1, by Lindley's recursion, after warm-up."""
    gaps = random.exponential(1 / rate, length + 500).tolist()
    drains = random.exponential(1, length + 500).tolist()
    wait, latencies = 0.0, []
    for gap, drain in zip(gaps, drains, strict=True):
        latencies.append(wait + drain)
        wait = max(0.0, wait + drain - gap)
    return np.array(latencies[500:])


def test_the_mean_of_a_process_with_memory():
    def observe(random):
        values = autoregressive(random, BATCHES * 200).reshape(BATCHES, 200)
        return np.column_stack((values.sum(axis=1), np.full(BATCHES, 200.0)))

    assert 0.9 <= coverage(observe, lambda sums: sums[0] / sums[1], 0.0) <= 0.99


def test_the_latency_of_a_queue_a_ratio_of_two_random_sums():
    def observe(random):
        # Batches of random size, as stretches of time give them.
        latencies = queue(random, BATCHES * 400)
        cuts = np.sort(random.choice(np.arange(1, len(latencies)), BATCHES - 1, replace=False))
        bounds = np.concatenate(([0], (cuts + np.arange(1, BATCHES) * 400) // 2, [len(latencies)]))
        sums = np.add.reduceat(latencies, bounds[:-1])
        return np.column_stack((sums, np.diff(bounds)))

    truth = 1 / (1 - 0.7)
    assert 0.9 <= coverage(observe, lambda sums: sums[0] / sums[1], truth) <= 0.99


def test_a_quantile_of_the_same_queue():
    """Latencies counted in bins of 0.2; the quantile is read inside its bin, as in a sketch."""

    def observe(random):
        latencies = queue(random, BATCHES * 400).reshape(BATCHES, 400)
        return np.array([np.bincount((one / 0.2).astype(int), minlength=400) for one in latencies])

    def quantile(counts):
        above = np.cumsum(counts)
        rank = 0.95 * above[-1]
        place = int(np.searchsorted(above, rank))
        return (place + (rank - above[place] + counts[place]) / counts[place]) * 0.2

    truth = -np.log(0.05) / (1 - 0.7)
    assert 0.9 <= coverage(observe, quantile, truth) <= 0.99


def test_single_observations_would_not_be_honest():
    """Why batches: without them the same data give intervals that mostly miss."""

    def observe(random):
        values = autoregressive(random, BATCHES)  # one value a "batch": all of it memory
        return np.column_stack((values, np.ones(BATCHES)))

    assert coverage(observe, lambda sums: sums[0] / sums[1], 0.0) < 0.75


def test_the_jackknife_of_a_mean_is_the_textbook_error():
    values = np.array([3.0, 1.0, 4.0, 1.0, 5.0, 9.0, 2.0, 6.0])
    whole = np.array([values.sum(), len(values)])
    rest = [whole - [value, 1] for value in values]
    estimate, error = jackknife(whole, rest, lambda sums: sums[0] / sums[1])
    assert estimate == values.mean()
    assert error == pytest.approx(values.std(ddof=1) / np.sqrt(len(values)))
