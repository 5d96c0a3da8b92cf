"""Laws against numerical integration of their densities."""

import itertools
import math

import numpy as np
import pytest
from scipy import integrate, stats

from simrt.theory import deterministic, erlang, exponential, hyperexponential, uniform

PHASES = ((0.7, 0.4), (0.3, 3.0))
LAWS = {
    "exponential": (exponential(1.5), lambda x: math.exp(-x / 1.5) / 1.5, 0, 90),
    "erlang": (erlang(1.5, 3), lambda x: stats.gamma.pdf(x, 3, scale=0.5), 0, 60),
    "hyperexponential": (
        hyperexponential(PHASES),
        lambda x: sum(p * math.exp(-x / m) / m for p, m in PHASES),
        0,
        150,
    ),
    "uniform": (uniform(0.5, 2.0), lambda _: 1 / 1.5, 0.5, 2.0),
}


def mean_of(law, what):
    """The mean of a function of X, by its density."""
    _, density, low, high = LAWS[law]
    parts = itertools.pairwise(np.linspace(low, high, 40))
    return math.fsum(
        integrate.quad(lambda x: what(x) * density(x), a, b, epsabs=1e-13)[0] for a, b in parts
    )


@pytest.mark.parametrize("name", LAWS)
def test_moments_transform_and_excess(name):
    law = LAWS[name][0]
    assert mean_of(name, lambda x: x) == pytest.approx(law.mean_s, rel=1e-9)
    assert mean_of(name, lambda x: x * x) == pytest.approx(law.second_moment, rel=1e-9)
    for s in (0.01, 0.7, 5.0):
        assert mean_of(name, lambda x, s=s: math.exp(-s * x)) == pytest.approx(law.transform(s))
    for above in (0.0, 0.3, 1.0, 1.7, 2.5):
        expected = mean_of(name, lambda x, a=above: max(0.0, x - a))
        assert law.excess(above) == pytest.approx(expected, rel=1e-5, abs=1e-9)


@pytest.mark.parametrize("name", LAWS)
@pytest.mark.parametrize("rate", [0.2, 2.0, 9.0])
def test_counts_are_a_mixed_poisson(name, rate):
    law = LAWS[name][0]
    tail = law.count_tail(rate, 6)
    for k in range(7):
        expected = mean_of(name, lambda x, k=k: stats.poisson.sf(k, rate * x))
        assert tail[k] == pytest.approx(expected, rel=1e-7)
    assert law.counts(rate, 6).sum() == pytest.approx(1 - tail[-1])
    assert law.excess_count(rate, 0) == pytest.approx(rate * law.mean_s)
    for cap in (0, 1, 4):
        both = law.capped_count(rate, cap) + law.excess_count(rate, cap)
        assert both == pytest.approx(rate * law.mean_s, rel=1e-9)


def test_a_constant_law():
    law = deterministic(2.0)
    assert (law.second_moment, law.excess(0.5), law.excess(3.0)) == (4.0, 1.5, 0.0)
    assert law.transform(0.5) == math.exp(-1)
    assert law.count_tail(1.5, 3) == pytest.approx([stats.poisson.sf(k, 3.0) for k in range(4)])


def test_small_excesses_keep_their_digits():
    """Far beyond the mean the difference of two means would have no digit left."""
    exact = sum((m - 60) * stats.poisson.pmf(m, 10.0) for m in range(61, 200))
    assert deterministic(5.0).excess_count(2.0, 60) == pytest.approx(exact, rel=1e-9)
    assert exact < 1e-25


def test_a_uniform_law_without_width_is_constant():
    narrow, law = uniform(2.0, 2.0), deterministic(2.0)
    assert narrow.count_tail(1.5, 3) == pytest.approx(law.count_tail(1.5, 3))
    assert narrow.transform(0.5) == pytest.approx(law.transform(0.5))
    assert narrow.excess(0.5) == pytest.approx(1.5)
