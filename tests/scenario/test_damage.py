# ruff: noqa: E501 - lists of snippets
"""Random damage to a valid file never yields anything but a scenario or an error for its author."""

import tempfile
from contextlib import suppress
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from simrt.errors import UsageError
from simrt.scenario import arrivals, load, neighbour_of, scenario
from simrt.scenario.model import Scenario
from simrt.scenario.randomness import Randomness
from simrt.scenario.reading import read_text
from tests.scenario.example import TEXT

DATA = read_text(TEXT.encode(), "").data

SNIPPETS = st.sampled_from(
    [
        "", " ", "\n", "\t", "{", "}", "[", "]", ":", "- ", "&a ", "*a", "!!x ", "'", '"', "#", "|",
        ">", "?", "0", "-1", "1e999", ".nan", "null", "true", "none", "9" * 30, "10m", "0s", "1/s",
        "\ud7ff", "\x00", "\x7f", "\u2028", "\ufeff", "…", "---\n", "...\n", "%YAML 1.1\n", "<<: ",
        "office", "server", "content-updated", "a.b", "{n}", "$ref", "#/x", "(", "36500d",
        "1000000/s", "{}", "[]", "[[[[[[", "{a: {a: {a: ", "at: 3m", "type: array",
    ]
)  # fmt: skip

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(
        [
            "10m", "0s", "none", "1/s", "16KiB", "office", "server", "content-updated", "GET", "{n}",
            "*/5 * * * *", "30s", "UTC", "drop-oldest", "user", "at-once", "object", "0 0 29 2 *",
            "#/$defs/x", "#", 0, 1, 2.5, 10**12,
        ]
    ),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(
            ["constant", "exponential", "uniform", "low", "high", "at", "for", "by", "stall", "hook",
             "job", "sends", "event", "data", "trace", "file", "on-off", "rate", "on", "off", "type",
             "$ref", "pattern", "properties", "examples", "items", "enum", "allOf", "required", ""]
        ) | st.text(max_size=4),
        inner,
        max_size=4,
    ),
    max_leaves=8,
)  # fmt: skip


HERE = str(Path(__file__).parent)


def loaded(raw):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "it.yml")
        path.write_bytes(raw)
        return load(path)


def survives(make):
    try:
        made = make()
    except UsageError as error:
        said = str(error)
    else:
        said = ""
    if said:
        said.encode()
        return
    assert isinstance(made, Scenario)
    neighbour_of(made)
    next(iter(arrivals(made, Randomness(1))), None)
    Scenario.model_validate(made.normalised())


@settings(max_examples=300)
@given(
    cuts=st.lists(
        st.tuples(st.integers(0, len(TEXT)), st.integers(0, 12), SNIPPETS), min_size=1, max_size=4
    )
)
def test_damaged_text(cuts):
    text = TEXT
    for at, length, snippet in cuts:
        text = text[:at] + snippet + text[at + length :]
    survives(lambda: loaded(text.encode()))


@settings(max_examples=100)
@given(at=st.integers(0, len(TEXT) - 1), bytes_=st.binary(min_size=1, max_size=4))
def test_damaged_bytes(at, bytes_):
    raw = TEXT.encode()
    survives(lambda: loaded(raw[:at] + bytes_ + raw[at + len(bytes_) :]))


def paths(value, path=()):
    yield path
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from paths(inner, (*path, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from paths(inner, (*path, index))


def damaged(value, path, new):
    """A copy in which the value at a path is another, or is gone."""
    if not path:
        return new
    copy = dict(value) if isinstance(value, dict) else list(value)
    if len(path) == 1 and new is GONE:
        del copy[path[0]]
    else:
        copy[path[0]] = damaged(copy[path[0]], path[1:], new)
    return copy


GONE = object()
PLACES = sorted(paths(DATA), key=str)[1:]


@settings(max_examples=500)
@given(
    one=st.tuples(st.sampled_from(PLACES), st.just(GONE) | VALUES),
    two=st.none() | st.tuples(st.sampled_from(PLACES), st.just(GONE) | VALUES),
)
def test_damaged_data(one, two):
    data = damaged(DATA, *one)
    if two is not None:
        with suppress(KeyError, IndexError, TypeError, ValueError):  # the place may be gone
            data = damaged(data, *two)
    survives(lambda: scenario(data, HERE))


@settings(max_examples=200)
@given(
    schema=st.dictionaries(
        st.sampled_from(
            ["type", "properties", "$ref", "$defs", "pattern", "items", "enum", "allOf", "not", "if",
             "required", "minimum", "format", "examples", "patternProperties", "$id", "$anchor",
             "$dynamicRef", "$schema", "multipleOf", "unevaluatedProperties", "prefixItems"]
        ),
        VALUES,
        max_size=5,
    )
)  # fmt: skip
def test_damaged_schemas(schema):
    data = damaged(DATA, ("feature", "events", "content-updated"), schema)
    survives(lambda: scenario(data, HERE))
