"""Laws of a length of time, as far as the formulas need them: moments, transform, counts."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Dist = Literal["exponential", "deterministic", "erlang", "hyperexponential", "uniform"]
Vector = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Law:
    """A law of a length of time.

    Attributes:
        dist: its kind.
        mean_s: its mean, seconds; 0 only for `deterministic`.
        shape: of `erlang`: how many equal exponential stages.
        phases: of `hyperexponential`: probability and mean, seconds, of each phase.
        low_s: of `uniform`: the shortest, seconds.
        high_s: of `uniform`: the longest, seconds.
    """

    dist: Dist
    mean_s: float
    shape: int = 1
    phases: tuple[tuple[float, float], ...] = ()
    low_s: float = 0.0
    high_s: float = 0.0

    @property
    def second_moment(self) -> float:
        """The mean of the square, seconds squared."""
        mean = self.mean_s
        if self.dist == "deterministic":
            return mean**2
        if self.dist == "erlang":
            return mean**2 * (1 + 1 / self.shape)
        if self.dist == "hyperexponential":
            return math.fsum(2 * p * one**2 for p, one in self.phases)
        if self.dist == "uniform":
            return (self.low_s**2 + self.low_s * self.high_s + self.high_s**2) / 3
        return 2 * mean**2

    def transform(self, s: float) -> float:
        """The mean of exp(-s X): the chance that a Poisson process of rate `s` has no event."""
        if self.dist == "deterministic":
            return math.exp(-s * self.mean_s)
        if self.dist == "erlang":
            return float((1 + s * self.mean_s / self.shape) ** -self.shape)
        if self.dist == "hyperexponential":
            return math.fsum(p / (1 + s * one) for p, one in self.phases)
        if self.dist == "uniform":
            width = s * (self.high_s - self.low_s)
            return math.exp(-s * self.low_s) * (-math.expm1(-width) / width if width else 1.0)
        return 1 / (1 + s * self.mean_s)

    def excess(self, above_s: float) -> float:
        """The mean of what X exceeds a length by, 0 where it is shorter; seconds."""
        from scipy.special import gammaincc

        if self.dist == "deterministic":
            return max(0.0, self.mean_s - above_s)
        if self.dist == "erlang":
            scaled = above_s * self.shape / self.mean_s
            longer = gammaincc(self.shape + 1, scaled) * self.mean_s
            return float(longer - above_s * gammaincc(self.shape, scaled))
        if self.dist == "hyperexponential":
            return math.fsum(p * one * math.exp(-above_s / one) for p, one in self.phases)
        if self.dist == "uniform":
            if above_s <= self.low_s:
                return self.mean_s - above_s
            left = max(0.0, self.high_s - above_s)
            return left**2 / (2 * (self.high_s - self.low_s))
        return self.mean_s * math.exp(-above_s / self.mean_s)

    def count_tail(self, rate_per_s: float, most: int) -> Vector:
        """P(M > k) for k = 0 to `most`, M the events of a Poisson process during X."""
        from scipy.special import betainc, gammainc

        k = np.arange(most + 1, dtype=np.float64)
        if self.dist == "deterministic":
            tail = gammainc(k + 1, rate_per_s * self.mean_s)
        elif self.dist == "erlang":
            share = rate_per_s / (rate_per_s + self.shape / self.mean_s)
            tail = betainc(k + 1, self.shape, share)
        elif self.dist == "hyperexponential":
            shares = [(p, rate_per_s * one / (1 + rate_per_s * one)) for p, one in self.phases]
            tail = sum((p * share ** (k + 1) for p, share in shares), np.zeros_like(k))
        elif self.dist == "uniform" and self.high_s > self.low_s:
            # The integral of P(Poisson(rate u) > k) over u, from 0 to each end.
            def up_to(u: float) -> Vector:
                events = rate_per_s * u
                first = u * gammainc(k + 1, events)
                return np.asarray(first - (k + 1) / rate_per_s * gammainc(k + 2, events))

            tail = (up_to(self.high_s) - up_to(self.low_s)) / (self.high_s - self.low_s)
        elif self.dist == "uniform":
            tail = gammainc(k + 1, rate_per_s * self.mean_s)
        else:
            share = rate_per_s * self.mean_s / (1 + rate_per_s * self.mean_s)
            tail = share ** (k + 1)
        return np.asarray(tail, dtype=np.float64)

    def counts(self, rate_per_s: float, most: int) -> Vector:
        """P(M = k) for k = 0 to `most`."""
        tail = self.count_tail(rate_per_s, most)
        return np.asarray(-np.diff(np.concatenate(([1.0], tail))), dtype=np.float64)

    def capped_count(self, rate_per_s: float, cap: int) -> float:
        """The mean of min(M, `cap`)."""
        return math.fsum(self.count_tail(rate_per_s, cap - 1)) if cap else 0.0

    def excess_count(self, rate_per_s: float, cap: int) -> float:
        """The mean of what M exceeds `cap` by; summed from the tail, so that small ones are exact.

        The sum ends where nothing is left that a float could show.
        """
        begin, total = cap, 0.0
        size = 64
        while True:
            tail = self.count_tail(rate_per_s, begin + size - 1)[begin:]
            part = math.fsum(tail)
            total += part
            if tail[-1] <= 1e-17 * max(total, 1e-300) or part == 0.0:
                return total
            begin, size = begin + size, 2 * size


def exponential(mean_s: float) -> Law:
    """Exponential with this mean, seconds."""
    return Law("exponential", mean_s)


def deterministic(mean_s: float) -> Law:
    """Always this long, seconds."""
    return Law("deterministic", mean_s)


def erlang(mean_s: float, shape: int) -> Law:
    """The sum of `shape` equal exponential stages, with this mean in all, seconds."""
    return Law("erlang", mean_s, shape=shape)


def hyperexponential(phases: tuple[tuple[float, float], ...]) -> Law:
    """With probability p exponential with that mean: pairs of p and seconds."""
    return Law("hyperexponential", math.fsum(p * mean for p, mean in phases), phases=phases)


def uniform(low_s: float, high_s: float) -> Law:
    """Equally likely between two lengths, seconds."""
    return Law("uniform", (low_s + high_s) / 2, low_s=low_s, high_s=high_s)
