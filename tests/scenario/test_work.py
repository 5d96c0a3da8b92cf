"""A schema is accepted where it looks at each value a bounded number of times (SSE-7)."""

import json

import pytest

from simrt.scenario.dialect import faults
from simrt.scenario.work import MOST_LOOKS, EndlessError, most_looks


@pytest.mark.parametrize(
    ("schema", "looks"),
    [
        ({}, 1),
        ({"properties": {"a": {}, "b": {}}}, 1),
        ({"allOf": [{}, {"not": {}}]}, 4),
        ({"if": {}, "then": {}, "else": {}, "dependentSchemas": {"a": {}}}, 5),
        # The property a meets three schemas, any other one two.
        ({"properties": {"a": {}}, "patternProperties": {"b": {}, "c": {}}}, 5),
        ({"properties": {"a": {}}, "additionalProperties": {"allOf": [{}, {}]}}, 3),
        ({"prefixItems": [{}], "items": {"allOf": [{}, {}]}, "contains": {}}, 4),
        ({"propertyNames": {"anyOf": [{}, {}]}}, 3),
        ({"enum": ["a", 1, None]}, 1),
        ({"enum": ["a", [1, 2], {"a": [3]}]}, 7),
        ({"const": {"a": [1, 2]}}, 5),
        ({"enum": [1, 2.5, 3.5]}, 21),
        ({"minimum": 0, "multipleOf": 0.01}, 21),
        # A list, a tree, a tree by two names: each value is looked at by one part and its target.
        ({"items": {"$ref": "#"}}, 2),
        ({"$defs": {"t": {"properties": {"l": {"$ref": "#/$defs/t"}, "r": {"$ref": "#/$defs/t"}}}},
          "$ref": "#/$defs/t"}, 2),
    ],
)  # fmt: skip
def test_looks_are_counted(schema, looks):
    assert most_looks(schema) == looks


TWICE = {"anyOf": [{"properties": {"x": {"$ref": "#"}}, "required": [k]} for k in ("y", "z")]}
DOUBLING = {
    "$defs": {
        "n0": {},
        **{f"n{k + 1}": {"allOf": [{"$ref": f"#/$defs/n{k}"}] * 2} for k in range(60)},
    },
    "$ref": "#/$defs/n60",
}
FLOATS = {"items": {"enum": [n + 0.5 for n in range(60)]}}
MANY = {"anyOf": [{"minimum": n} for n in range(1_000)]}
PAIRS = {"enum": [[n, n] for n in range(400)]}


@pytest.mark.parametrize(
    "schema",
    [TWICE, DOUBLING, MANY, PAIRS, FLOATS],
    ids=["twice", "2^60", "many", "pairs", "floats"],
)
def test_what_looks_more_often_is_refused_with_a_sentence(schema):
    assert most_looks(schema) > MOST_LOOKS
    (fault,) = faults(schema)
    assert "at most 500 looks at one value" in fault.allowed


@pytest.mark.parametrize(
    "schema", [{"$ref": "#"}, {"allOf": [{"$ref": "#"}]}, {"not": {"if": {"$ref": "#"}}}]
)
def test_a_circle_is_refused(schema):
    with pytest.raises(EndlessError):
        most_looks(schema)
    (fault,) = faults(schema)
    assert fault.allowed == "references that come to an end"


def test_a_wide_schema_is_walked_once():
    """1,000 properties with parts of their own are 1,000 places, not a thousand looks at one."""
    parts = {
        f"p{n}": {"type": "object", "properties": {"id": {"type": "string"}}} for n in range(900)
    }
    assert len(json.dumps({"properties": parts})) < 65_536
    assert most_looks({"properties": parts}) == 1
