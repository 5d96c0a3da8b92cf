"""Quantiles of long runs in bounded memory, with a stated relative error.

A sketch counts integer nanoseconds in logarithmic buckets: below 256 ns one bucket a nanosecond,
above it 128 buckets for each doubling, so that a bucket is at most 1/128 of its values wide. A
quantile is read inside the bucket that holds it and is therefore at most 1 % from the exact one;
nothing is rounded before that, and the smallest and largest values are kept exactly.

Besides single values it takes spans: an age that grew from `a` to `b` spent one nanosecond at each
value between. Every bucket that the span crosses whole is written down as two changes of a
coverage, so that a span costs the same however long it is, and is still counted exactly.

Source of the buckets: the layout of log-linear histograms (G. Tene, HdrHistogram), 7 bits.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

RELATIVE_ERROR = 0.01
"""A quantile from a sketch is at most this share away from the exact one."""

BITS = 7
"""Each doubling has two to this power buckets."""

_EXACT = 1 << (BITS + 1)  # below this a bucket is one nanosecond
CHUNK = 8192
"""So many values wait before they are counted together."""

_FEW = 64  # fewer are counted one by one, without loading numpy
_LARGEST = 1 << 62  # larger ones too: they do not fit numpy's integers


def bucket_of(value: int) -> int:
    """The bucket of a value, 0 or more; in the order of values and without holes."""
    shift = value.bit_length() - BITS - 1
    return value if shift <= 0 else (shift << BITS) + (value >> shift)


def bounds_of(bucket: int) -> tuple[int, int]:
    """The lowest value of a bucket and the lowest of the next."""
    if bucket < _EXACT:
        return bucket, bucket + 1
    shift = (bucket >> BITS) - 1
    low = (bucket - (shift << BITS)) << shift
    return low, low + (1 << shift)


class Sketch:
    """A distribution of integer nanoseconds, 0 or more, in logarithmic buckets.

    `add` and `add_span` count in chunks by themselves. Where nanoseconds matter, append to
    `values`, or to `starts` and `stops`, and call `settle` now and then.

    Attributes:
        values: single values that wait to be counted.
        starts, stops: spans that wait, one list for each of their ends.
        total: how many values, or nanoseconds of spans, were counted by the last `settle`.
        low: the smallest value, None while empty.
        high: the largest.
    """

    __slots__ = ("_cover", "_weights", "high", "low", "starts", "stops", "total", "values")

    def __init__(self) -> None:
        self.total = 0
        self.low: int | None = None
        self.high: int | None = None
        self._weights: dict[int, int] = {}  # bucket -> values counted in it
        self._cover: dict[int, int] = {}  # bucket -> by how much the coverage changes there
        self.values: list[int] = []
        self.starts: list[int] = []
        self.stops: list[int] = []

    def add(self, value: int) -> None:
        """Count one value."""
        self.values.append(value)
        if len(self.values) >= CHUNK:
            self._count_values()

    def add_span(self, start: int, stop: int) -> None:
        """Count each nanosecond from `start` to `stop`; `stop` is not below `start`."""
        self.starts.append(start)
        self.stops.append(stop)
        if len(self.starts) >= CHUNK:
            self._count_spans()

    def add_weight(self, value: int, weight: int) -> None:
        """Count one value so many times: nanoseconds that were spent at it."""
        if weight:
            self.total += weight
            self._stretch(value, value)
            _add(self._weights, bucket_of(value), weight)

    def merge(self, other: Sketch) -> None:
        """Count all that another sketch counted; the other stays as it is."""
        self.settle()
        other.settle()
        for bucket, weight in other._weights.items():
            self._weights[bucket] = self._weights.get(bucket, 0) + weight
        for bucket, change in other._cover.items():
            self._cover[bucket] = self._cover.get(bucket, 0) + change
        self.total += other.total
        if other.low is not None and other.high is not None:
            self._stretch(other.low, other.high)

    def less(self, other: Sketch) -> Sketch:
        """All but what another sketch counted, which must be a part of this one; both settled."""
        left = Sketch()
        left.low, left.high = self.low, self.high
        left.total = self.total - other.total
        left._weights = _difference(self._weights, other._weights)
        left._cover = _difference(self._cover, other._cover)
        return left

    def settle(self) -> None:
        """Count what still waits, so that the sketch is as small as it can be."""
        if self.values:
            self._count_values()
        if self.starts:
            self._count_spans()

    def quantile(self, p: float) -> float | None:
        """The smallest value that at least the share `p` (0 to 1) is not above, in nanoseconds.

        None while empty. At most `RELATIVE_ERROR` from the exact one, and exact at 0 and 1.
        """
        if not 0 <= p <= 1:
            raise ValueError(f"p is a share from 0 to 1, not {p}")
        self.settle()
        if self.low is None or self.high is None:
            return None
        if not self.total:  # only spans without length: no time passed at any value
            return None
        # As a fraction: 0.07 of 100 is 7, where floats say a little more and take the 8th.
        share = Fraction(p).limit_denominator(1_000_000)
        rank = max(1, -(-share.numerator * self.total // share.denominator))
        if rank == self.total:
            return float(self.high)
        if rank == 1:
            return float(self.low)
        low, high, before, weight = self._bucket_at(rank)
        value = low + (high - low) * (rank - before - 0.5) / weight if high - low > 1 else low
        return float(min(max(value, self.low), self.high))

    def buckets(self) -> Iterator[tuple[int, int, int]]:
        """Of each bucket that holds something both bounds and its weight, in the order of values.

        The weight counts single values, and nanoseconds of spans.
        """
        self.settle()
        cover = 0
        changes = sorted(self._cover.items())
        weights = sorted(self._weights.items())
        at = 0
        # Between two changes of the coverage each bucket holds its whole width that many times.
        edges = [bucket for bucket, _ in changes]
        stretches = list(zip([0, *edges], [*edges, None], strict=True))
        for index, (first, last) in enumerate(stretches):
            cover += changes[index - 1][1] if index else 0
            if cover:
                assert last is not None
                for bucket in range(first, last):
                    low, high = bounds_of(bucket)
                    weight = cover * (high - low)
                    if at < len(weights) and weights[at][0] == bucket:
                        weight += weights[at][1]
                        at += 1
                    yield low, high, weight
            else:
                while at < len(weights) and (last is None or weights[at][0] < last):
                    bucket, weight = weights[at]
                    at += 1
                    yield *bounds_of(bucket), weight

    def _bucket_at(self, rank: int) -> tuple[int, int, int, int]:
        """Of the bucket that holds this rank: both bounds, the weight before it and in it."""
        before = 0
        for low, high, weight in self.buckets():
            if before + weight >= rank:
                return low, high, before, weight
            before += weight
        raise AssertionError("the buckets hold less than the total")

    def _stretch(self, low: int, high: int) -> None:
        self.low = low if self.low is None or low < self.low else self.low
        self.high = high if self.high is None or high > self.high else self.high

    def _count_values(self) -> None:
        values = self.values[:]
        self.values.clear()  # the list stays: whoever appends may hold on to it
        self.total += len(values)
        self._stretch(min(values), max(values))
        if len(values) < _FEW or max(values) > _LARGEST:
            for value in values:
                _add(self._weights, bucket_of(value), 1)
            return
        from simrt.metrics.buckets import counted

        for bucket, number in counted(values):
            _add(self._weights, bucket, number)

    def _count_spans(self) -> None:
        starts, stops = self.starts[:], self.stops[:]
        self.starts.clear()
        self.stops.clear()
        self.total += sum(stops) - sum(starts)
        # A span without length is no time spent at its value.
        long = [span for span in zip(starts, stops, strict=True) if span[0] < span[1]]
        if long:
            self._stretch(min(start for start, _ in long), max(stop for _, stop in long))
        if len(starts) < _FEW or max(stops) > _LARGEST:
            for start, stop in zip(starts, stops, strict=True):
                self._count_span(start, stop)
            return
        from simrt.metrics.buckets import spanned

        weights, changes = spanned(starts, stops)
        for bucket, weight in weights:
            _add(self._weights, bucket, weight)
        for bucket, change in changes:
            _add(self._cover, bucket, change)

    def _count_span(self, start: int, stop: int) -> None:
        first, last = bucket_of(start), bucket_of(stop)
        # Also right where both are one bucket: its coverage is then -1 times its width.
        _add(self._weights, first, bounds_of(first)[1] - start)
        _add(self._weights, last, stop - bounds_of(last)[0])
        _add(self._cover, first + 1, 1)
        _add(self._cover, last, -1)


def _difference(counts: dict[int, int], less: dict[int, int]) -> dict[int, int]:
    left = dict(counts)
    for bucket, by in less.items():
        _add(left, bucket, -by)
    return {bucket: number for bucket, number in left.items() if number}


def _add(counts: dict[int, int], bucket: int, by: int) -> None:
    counts[bucket] = counts.get(bucket, 0) + by
