"""The buckets of a sketch for many values at once. Imported when there are many: it loads numpy."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from simrt.metrics.sketch import BITS

Integers = NDArray[np.int64]


def counted(values: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Each bucket that holds some of these values, and how many."""
    return _pairs(*np.unique(_buckets_of(np.asarray(values, np.int64)), return_counts=True))


def spanned(
    starts: Sequence[int], stops: Sequence[int]
) -> tuple[Iterator[tuple[int, int]], Iterator[tuple[int, int]]]:
    """Of these spans: what to add to buckets' weights, and to the changes of the coverage."""
    start, stop = np.asarray(starts, np.int64), np.asarray(stops, np.int64)
    first, last = _buckets_of(start), _buckets_of(stop)
    ends = np.concatenate((first, last))
    inside = np.concatenate((_bounds_of(first)[1] - start, stop - _bounds_of(last)[0]))
    changes = np.concatenate((first + 1, last))
    ones = np.ones(len(start), np.int64)
    return _summed(ends, inside), _summed(changes, np.concatenate((ones, -ones)))


def _buckets_of(values: Integers) -> Integers:
    # Floats know the power of two; they are exact below 2**53, which the caller sees to.
    lengths = np.frexp(values.astype(np.float64))[1].astype(np.int64)
    shifts = np.maximum(lengths - BITS - 1, 0)
    buckets: Integers = (shifts << BITS) + (values >> shifts)
    return buckets


def _bounds_of(buckets: Integers) -> tuple[Integers, Integers]:
    shifts = np.maximum((buckets >> BITS) - 1, 0)
    lows = (buckets - (shifts << BITS)) << shifts
    return lows, lows + (np.int64(1) << shifts)


def _summed(buckets: Integers, weights: Integers) -> Iterator[tuple[int, int]]:
    names, places = np.unique(buckets, return_inverse=True)
    sums = np.zeros(len(names), np.int64)
    np.add.at(sums, places, weights)
    return _pairs(names, sums)


def _pairs(buckets: Integers, weights: Integers) -> Iterator[tuple[int, int]]:
    return zip(buckets.tolist(), weights.tolist(), strict=True)
