"""The sketch against exact quantiles, one by one and by the thousand."""

from __future__ import annotations

import pickle
import random
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from simrt.metrics import RELATIVE_ERROR
from simrt.metrics.sketch import Sketch, bounds_of, bucket_of

P = (0.0, 0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99, 0.999, 1.0)
times = st.integers(0, 10**15)


def exact(values: list[int], p: float) -> int:
    """The smallest value that at least the share p is not above."""
    ordered = sorted(values)
    rank = max(1, -(-Fraction(str(p)) * len(ordered) // 1))
    return ordered[int(rank) - 1]


def exact_over_spans(spans: list[tuple[int, int]], p: float) -> float:
    """The same over time: by walking all edges, where the number of spans above changes."""
    edges = sorted({edge for span in spans for edge in span})
    target = p * sum(stop - start for start, stop in spans)
    before = 0.0
    for low, high in pairwise(edges):
        depth = sum(start <= low and high <= stop for start, stop in spans)
        if depth and before + depth * (high - low) >= target:
            return low + (target - before) / depth
        before += depth * (high - low)
    return edges[-1]


@given(st.integers(0, 2**70))
def test_buckets_are_narrow_and_without_holes(value: int) -> None:
    bucket = bucket_of(value)
    low, high = bounds_of(bucket)
    assert low <= value < high
    assert high - low == 1 or (high - low) / low <= RELATIVE_ERROR
    assert bucket_of(high) == bucket + 1
    assert bounds_of(bucket + 1)[0] == high


@given(st.lists(times, min_size=1, max_size=200))
def test_quantiles_of_values(values: list[int]) -> None:
    sketch = Sketch()
    for value in values:
        sketch.add(value)
    for p in P:
        found = sketch.quantile(p)
        assert found is not None
        assert abs(found - exact(values, p)) <= RELATIVE_ERROR * exact(values, p)
    assert (sketch.quantile(0), sketch.quantile(1)) == (min(values), max(values))


@given(st.lists(st.tuples(times, times).map(sorted).map(tuple), min_size=1, max_size=30))
@settings(max_examples=30)
@example([(0, 1), (2, 2)])  # no time was spent at 2
@example([(5, 5)])
@example([(1000, 1001), (1000, 1003)])  # inside one bucket
def test_quantiles_of_spans(spans: list[tuple[int, int]]) -> None:
    sketch = Sketch()
    for start, stop in spans:
        sketch.add_span(start, stop)
    if all(start == stop for start, stop in spans):
        assert sketch.quantile(0.5) is None
        return
    for p in P[1:]:
        found = sketch.quantile(p)
        truth = exact_over_spans(spans, p)
        assert found is not None
        assert abs(found - truth) <= RELATIVE_ERROR * truth + 1


@pytest.mark.parametrize("largest", [200, 10**6, 10**12, 2**60, 2**70])
def test_many_at_once_are_counted_as_one_by_one(largest: int) -> None:
    """20,000 values go through numpy in chunks; the same one at a time do not."""
    draw = random.Random(1)
    values = [draw.randrange(largest) for _ in range(20_000)]
    spans = [sorted((draw.randrange(largest), draw.randrange(largest))) for _ in range(20_000)]
    quick, slow = Sketch(), Sketch()
    for value, (start, stop) in zip(values, spans, strict=True):
        quick.add(value)
        quick.add_span(start, stop)
        slow.add(value)
        slow.add_span(start, stop)
        slow.settle()
    quick.settle()
    for part in ("_weights", "_cover"):
        one, other = getattr(quick, part), getattr(slow, part)
        assert {b: w for b, w in one.items() if w} == {b: w for b, w in other.items() if w}
    assert (quick.total, quick.low, quick.high) == (slow.total, slow.low, slow.high)


@given(st.lists(times, max_size=50), st.lists(times, max_size=50))
def test_merging_is_counting_together(left: list[int], right: list[int]) -> None:
    one, other, both = Sketch(), Sketch(), Sketch()
    for sketch, values in ((one, left), (other, right), (both, left + right)):
        for value in values:
            sketch.add(value)
            sketch.add_span(value, value + 1000)
    one.merge(other)
    both.settle()
    assert one.total == both.total
    assert [one.quantile(p) for p in P] == [both.quantile(p) for p in P]
    assert [pickle.loads(pickle.dumps(one)).quantile(p) for p in P] == [both.quantile(p) for p in P]


def test_a_share_is_meant_as_written() -> None:
    """0.07 of 100 values is the 7th, though 0.07 * 100 is a little above 7 in floats."""
    sketch = Sketch()
    for value in range(1, 101):
        sketch.add(value)
    assert [sketch.quantile(percent / 100) for percent in range(1, 101)] == list(range(1, 101))
    assert sketch.quantile(0.999) == 100
    assert Sketch().quantile(0.5) is None
    with pytest.raises(ValueError, match="from 0 to 1"):
        sketch.quantile(90)


def test_size_is_bounded() -> None:
    draw = random.Random(2)
    sketch = Sketch()
    for _ in range(100_000):
        sketch.add(int(draw.expovariate(1e-9)))
    sketch.settle()
    assert len(pickle.dumps(sketch)) < 20_000


def test_many_at_once_know_the_powers_of_two() -> None:
    """At and beside each of them, also where floats cannot tell these apart."""
    values = [2**power + beside for power in range(8, 62) for beside in (-2, -1, 0, 1)]
    quick, slow = Sketch(), Sketch()
    for value in values:
        quick.add(value)
        slow.add(value)
        slow.settle()
    quick.settle()
    assert quick._weights == slow._weights
