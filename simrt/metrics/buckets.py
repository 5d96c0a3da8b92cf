"""The buckets of a sketch for many values at once. Imported when there are many: it loads numpy."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from simrt.metrics.sketch import BITS

Integers = NDArray[np.int64]


def counted(values: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Each bucket that holds some of these values, and how many."""
    return _pairs(np.bincount(_buckets_of(np.asarray(values, np.int64))))


def spanned(
    starts: Sequence[int], stops: Sequence[int]
) -> tuple[Iterator[tuple[int, int]], Iterator[tuple[int, int]]]:
    """Of these spans: what to add to buckets' weights, and to the changes of the coverage."""
    start, stop = np.asarray(starts, np.int64), np.asarray(stops, np.int64)
    first, last = _buckets_of(start), _buckets_of(stop)
    size = int(last.max()) + 2
    inside = np.zeros(size, np.int64)  # exact, which weights of `bincount` (floats) are not
    np.add.at(inside, first, _bounds_of(first)[1] - start)
    np.add.at(inside, last, stop - _bounds_of(last)[0])
    changes = np.bincount(first + 1, minlength=size) - np.bincount(last, minlength=size)
    return _pairs(inside), _pairs(changes)


def _buckets_of(values: Integers) -> Integers:
    # Floats know the power of two. What they round up to the next one has all its leading bits
    # set, and lands in the same bucket either way.
    lengths = np.frexp(values.astype(np.float64))[1].astype(np.int64)
    shifts = np.maximum(lengths - BITS - 1, 0)
    buckets: Integers = (shifts << BITS) + (values >> shifts)
    return buckets


def _bounds_of(buckets: Integers) -> tuple[Integers, Integers]:
    shifts = np.maximum((buckets >> BITS) - 1, 0)
    lows = (buckets - (shifts << BITS)) << shifts
    return lows, lows + (np.int64(1) << shifts)


def _pairs(dense: Integers) -> Iterator[tuple[int, int]]:
    used = np.flatnonzero(dense)
    return zip(used.tolist(), dense[used].tolist(), strict=True)
