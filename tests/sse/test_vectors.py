"""Each vector, cut in every way, and against a second implementation (SSE-1, SSE-2)."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise, product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simrt.sse import Item, Parser

from . import naive
from .vectors import VECTORS, Vector

pytestmark = pytest.mark.rules("SSE-1", "SSE-2")

each_vector = pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector.name)


def parse(chunks: Iterable[bytes]) -> tuple[tuple[Item, ...], str]:
    parser = Parser()
    items = [item for chunk in chunks for item in parser.feed(chunk)]
    parser.close()
    return tuple(items), parser.last_event_id


def cut(stream: bytes, positions: Iterable[int]) -> list[bytes]:
    borders = [0, *sorted(positions), len(stream)]
    return [stream[a:b] for a, b in pairwise(borders)]


def test_there_are_enough_vectors_and_each_says_why() -> None:
    assert len(VECTORS) >= 100
    assert len({vector.name for vector in VECTORS}) == len(VECTORS)
    assert all(vector.why.endswith(".") for vector in VECTORS)


@each_vector
def test_vector_in_one_chunk(vector: Vector) -> None:
    assert parse([vector.stream]) == (vector.items, vector.last_event_id), vector.why


@each_vector
def test_vector_byte_by_byte(vector: Vector) -> None:
    chunks = cut(vector.stream, range(len(vector.stream)))
    assert parse(chunks) == (vector.items, vector.last_event_id), vector.why


@each_vector
def test_vector_cut_at_every_position(vector: Vector) -> None:
    for position in range(len(vector.stream) + 1):
        chunks = [vector.stream[:position], b"", vector.stream[position:]]
        assert parse(chunks) == (vector.items, vector.last_event_id), (vector.why, position)


@given(data=st.data(), vector=st.sampled_from(VECTORS))
def test_vector_cut_at_random(data: st.DataObject, vector: Vector) -> None:
    positions = data.draw(st.lists(st.integers(0, len(vector.stream)), max_size=20))
    assert parse(cut(vector.stream, positions)) == (vector.items, vector.last_event_id)


@each_vector
def test_vector_by_the_second_implementation(vector: Vector) -> None:
    assert naive.read(vector.stream) == (list(vector.items), vector.last_event_id)


# What the format is made of, so that random streams are mostly near a rule and seldom noise.
PIECES = [
    *(b"data", b"event", b"id", b"retry", b"foo", b"Data", b":", b" ", b"\n", b"\r", b"\r\n"),
    *(b"\n\n", b"\r\r", b"data: a\n", b"data:b\r\n", b"event: t\n", b"id: 1\n", b"id:\n", b"\0"),
    *(b"12", b"x", b"\xef\xbb\xbf", b"\xef\xbb", b"\xbf", b"\xc3\xa9", b"\xc3", b"\xe2\x82"),
    *(b"\xac", b"\xf0\x9f\x92\xa1", b"\xf0\x9f", b"\xff", b"\xed\xa0\x80", b"\xe2\x80\xa8"),
]
streams = st.lists(st.sampled_from(PIECES), max_size=40).map(b"".join) | st.binary(max_size=100)


@settings(max_examples=500)
@given(stream=streams, positions=st.lists(st.integers(0, 200), max_size=10))
def test_any_stream_cut_anywhere_agrees_with_the_second_implementation(
    stream: bytes, positions: list[int]
) -> None:
    chunks = cut(stream, (min(position, len(stream)) for position in positions))
    items, last_event_id = naive.read(stream)
    assert parse(chunks) == (tuple(items), last_event_id)


def test_pythons_decoder_replaces_as_the_encoding_standard_does() -> None:
    """The parser relies on it: every border byte of every range, in all sequences of up to four."""
    borders = [
        *(0x41, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xC1, 0xC2, 0xDF, 0xE0, 0xE1),
        *(0xEC, 0xED, 0xEE, 0xEF, 0xF0, 0xF1, 0xF3, 0xF4, 0xF5, 0xFF),
    ]
    for length in range(4):
        for sequence in map(bytes, product(borders, repeat=length)):
            assert sequence.decode("utf-8", "replace") == naive.decode(sequence), sequence
    for lead, *rest in product((0xF0, 0xF1, 0xF4), borders, borders, borders):
        sequence = bytes((lead, *rest))
        assert sequence.decode("utf-8", "replace") == naive.decode(sequence), sequence
