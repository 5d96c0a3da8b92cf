"""Named random streams: every random quantity has its own, and every draw its own place in it.

A stream is a counter-based generator (Philox) keyed by a digest of the seed and the stream's name.
Draw 17 of `drain/office/3` is therefore the same number whatever else is drawn, in whatever order,
in any process: another subscriber, another policy or a replay changes nothing.

Draws are made in blocks. A block starts at its own place in the generator's counter, so a draw is
found by its index alone, forwards or backwards.
"""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeAlias, TypeVar

import numpy as np
from numpy.random import Generator, Philox

from simrt.scenario.model import Distribution

# Draws in one block. Larger is cheaper per draw; smaller wastes less on short streams.
BLOCK = 128
# Draws that a stream makes first of its first block: few streams need more, and what thousands of
# subscribers do not need would only push out of the processor's caches what they do.
FIRST = 16
# Blocks that one stream keeps. A replay goes back by at most a buffer, seldom over 500 messages.
KEPT_BLOCKS = 4
# The longest time that is ever drawn: far beyond any run, and within 64 bits.
LONGEST_NS = 2**62

T = TypeVar("T")
_Key: TypeAlias = bytes
# Blocks are arrays, not lists: Python's garbage collector would look at every draw of every list,
# again and again, and with thousands of subscribers that costs more than the run itself.
_Block: TypeAlias = "array[Any]"
# Makes so many draws. Fewer are the beginning of more.
_Sampler: TypeAlias = Callable[[Generator, int], _Block]


def epoch_of(seed: int, life: int) -> str:
    """The name of one life of a hub (HUB-2), where it must not be left to chance.

    Arguments:
        seed: of the run.
        life: how many restarts came before.
    """
    return hashlib.blake2b(f"epoch/{seed}/{life}".encode(), digest_size=16).hexdigest()


class Draws(Protocol):
    """Times drawn from one law, each found by its index."""

    def at(self, index: int) -> int:
        """The draw with this index (0 or more): nanoseconds, 0 or more."""
        ...


class Fractions(Protocol):
    """Numbers drawn uniformly from [0, 1), each found by its index."""

    def at(self, index: int) -> float:
        """The draw with this index (0 or more)."""
        ...


class _Constant:
    """A law without chance."""

    __slots__ = ("_ns",)

    def __init__(self, ns: int) -> None:
        self._ns = ns

    def at(self, index: int) -> int:  # noqa: ARG002 - every index has the same value
        return self._ns


_NO_DRAWS: _Block = array("q")


class _Source:
    """The one generator, set to the beginning of any block of any stream.

    Setting it costs a sixth of making a new one; what it left half used is thrown away.
    """

    __slots__ = ("_generator", "_philox", "_state")

    def __init__(self) -> None:
        self._philox = Philox(key=0)
        self._generator = Generator(self._philox)
        self._state: Any = self._philox.state

    def at(self, key: _Key, block: int) -> Generator:
        # The second word of the counter: a block may use 2**64 steps of the first.
        self._state["state"] = {
            "counter": np.array([0, block, 0, 0], np.uint64),
            "key": np.frombuffer(key, dtype="<u8").astype(np.uint64),
        }
        self._philox.state = self._state
        return self._generator


class _Stream:
    """Blocks of draws, made when asked for; the newest few are kept."""

    __slots__ = ("_blocks", "_draw", "_end", "_first", "_key", "_source", "_values")

    def __init__(self, source: _Source, key: _Key, draw: _Sampler) -> None:
        self._source = source
        self._key = key
        self._draw = draw
        self._blocks: dict[int, _Block] | None = None
        self._values: _Block = _NO_DRAWS
        self._first = self._end = 0

    def at(self, index: int) -> Any:
        if self._first <= index < self._end:
            return self._values[index - self._first]
        return self._from_other_block(index)

    def _from_other_block(self, index: int) -> Any:
        if index < 0:
            raise IndexError(f"draw {index}: an index is 0 or more")
        if index < FIRST and self._blocks is None:
            self._values = self._draw(self._source.at(self._key, 0), FIRST)
            self._end = FIRST
            return self._values[index]
        if self._blocks is None:
            self._blocks = {}
        number = index // BLOCK
        values = self._blocks.get(number)
        if values is None:
            values = self._draw(self._source.at(self._key, number), BLOCK)
            if len(self._blocks) >= KEPT_BLOCKS:
                del self._blocks[next(iter(self._blocks))]
            self._blocks[number] = values
        self._values = values
        self._first = number * BLOCK
        self._end = self._first + BLOCK
        return values[index - self._first]


def _as_ns(values: np.ndarray[Any, Any]) -> _Block:
    return _whole(np.rint(np.minimum(values, LONGEST_NS)))


def _whole(values: np.ndarray[Any, Any]) -> _Block:
    return array("q", values.astype(np.int64).tobytes())


def _fractions(source: Generator, count: int) -> _Block:
    return array("d", source.random(count).tobytes())


def _sampler(law: Distribution) -> _Sampler:
    """How one block of this law is drawn, with numpy's own laws."""
    if law.exponential_ns is not None:
        mean_ns = float(law.exponential_ns)
        return lambda source, count: _as_ns(source.exponential(mean_ns, count))
    if law.erlang is not None:
        shape, scale = law.erlang.shape, law.erlang.mean_ns / law.erlang.shape
        return lambda source, count: _as_ns(source.gamma(shape, scale, count))
    if law.uniform is not None:
        low, high = law.uniform.low_ns, law.uniform.high_ns
        return lambda source, count: _as_ns(source.uniform(low, high, count))
    assert law.hyperexponential is not None
    # The last phase takes what rounding leaves of the sum of the shares.
    bounds = np.cumsum([phase.p for phase in law.hyperexponential])[:-1]
    means = np.array([phase.mean_ns for phase in law.hyperexponential], dtype=float)

    def hyperexponential(source: Generator, count: int) -> _Block:
        # All phases of a block are drawn before all times: half a block would have other times.
        phases = np.searchsorted(bounds, source.random(BLOCK), side="right")
        return _as_ns((source.standard_exponential(BLOCK) * means[phases])[:count])

    return hyperexponential


class Randomness:
    """All chance of one run: streams with names.

    A name is a text such as `drain/office/3`: what is drawn, for whom; never a position in a list
    of unlike things. Equal names give equal draws; different names are independent.

    Arguments:
        seed: any whole number.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self._source = _Source()

    def _key(self, name: str) -> _Key:
        return hashlib.blake2b(f"{self.seed}/{name}".encode(), digest_size=16).digest()

    def _stream(self, name: str, draw: _Sampler) -> _Stream:
        return _Stream(self._source, self._key(name), draw)

    def _once(self, name: str) -> Generator:
        return self._source.at(self._key(name), 0)

    def draws(self, name: str, law: Distribution) -> Draws:
        """Times from a law, in nanoseconds, rounded.

        Arguments:
            name: the stream's name.
            law: the distribution; `constant` costs nothing.
        """
        if law.constant_ns is not None:
            return _Constant(law.constant_ns)
        return self._stream(name, _sampler(law))

    def exponential(self, name: str, mean_ns: float) -> Draws:
        """Exponential times; unlike a `Distribution`'s, the mean need not be whole nanoseconds."""
        return self._stream(name, lambda source, count: _as_ns(source.exponential(mean_ns, count)))

    def between(self, name: str, low_ns: int, high_ns: int) -> Draws:
        """Times between two durations, uniformly; equal ones cost nothing."""
        if low_ns == high_ns:
            return _Constant(low_ns)
        return self._stream(
            name,
            lambda source, count: _as_ns(source.uniform(low_ns, high_ns, count)),
        )

    def geometric(self, name: str, mean: float) -> Draws:
        """Counts 1, 2, … with this mean (1 or more): how many trials until the first success."""
        return self._stream(name, lambda source, count: _whole(source.geometric(1 / mean, count)))

    def uniform(self, name: str) -> Fractions:
        """Numbers in [0, 1)."""
        return self._stream(name, _fractions)

    def choice(self, name: str, population: int, count: int) -> tuple[int, ...]:
        """Some of the numbers 0 to `population` - 1, without repeats, in rising order."""
        chosen = self._once(name).choice(population, size=count, replace=False)
        return tuple(sorted(int(member) for member in chosen))

    def shuffle(self, name: str, items: Sequence[T]) -> tuple[T, ...]:
        """The items in a random order."""
        return tuple(items[int(place)] for place in self._once(name).permutation(len(items)))
