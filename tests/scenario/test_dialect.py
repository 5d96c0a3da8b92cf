"""What load accepts of JSON Schema: each word is judged, or it is a mistake with its place."""

import pytest

from simrt.scenario.dialect import KEYWORDS, MAX_SCHEMA_BYTES, faults


def found(schema):
    return list(faults(schema))


@pytest.mark.parametrize(
    "schema",
    [
        {},
        {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": "https://a.example/x"},
        {"$comment": "a note", "x-owner": "shop", "title": "T", "examples": [{"maxlength": 1}]},
        {"properties": {"maxlength": {"type": "string"}, "format": {"const": {"formatt": 1}}}},
        {
            "$defs": {"a": {"$anchor": "b"}},
            "items": {"$ref": "#b"},
            "contains": {"$ref": "#/$defs/a"},
        },
        {"$defs": {"a/b~c%": True}, "items": {"$ref": "#/$defs/a~1b~0c%25"}},
        {"items": {"$ref": "#"}},
        {"enum": ["x"] * 1 + [str(n) for n in range(5_000)]},
    ],
)
def test_what_is_accepted(schema):
    assert found(schema) == []


@pytest.mark.parametrize(
    ("schema", "path", "allowed", "nearest"),
    [
        ({"maxlength": 3}, ("maxlength",), "x-NAME", "maxLength"),
        ({"items": {"minimun": 3}}, ("items", "minimun"), "x-NAME", "minimum"),
        ({"dependencies": {"a": ["b"]}}, ("dependencies",), "x-NAME", "dependentRequired"),
        ({"nullable": True}, ("nullable",), "x-NAME", "type"),
        ({"anyOf": [True, {"requird": []}]}, ("anyOf", 1, "requird"), "x-NAME", "required"),
        ({"wholly-unknown": 1}, ("wholly-unknown",), "x-NAME", ""),
        ({"format": "date_time"}, ("format",), "a format that is judged", "date-time"),
        ({"format": "int64"}, ("format",), "a format that is judged", ""),
        ({"$schema": "http://json-schema.org/draft-07/schema#"}, ("$schema",), "only dialect", ""),
        ({"$schema": 5}, ("$schema",), "only dialect", ""),
        ({"items": {"$id": "x"}}, ("items", "$id"), "at the top", ""),
        ({"$ref": "#/$defs/a"}, ("$ref",), "nothing is fetched", ""),
        ({"$ref": "#/enum/0", "enum": [{}]}, ("$ref",), "nothing is fetched", ""),
        ({"$dynamicRef": "other.json#a"}, ("$dynamicRef",), "nothing is fetched", ""),
        ({"type": "objekt"}, ("type",), "a type of JSON: array, boolean", ""),
        (
            {"properties": {"a": {"maxLength": -1}}},
            ("properties", "a", "maxLength"),
            "allows for",
            "",
        ),
        ({"items": [{}]}, ("items",), "allows for items", ""),
        ({"pattern": "("}, ("pattern",), "a regular expression", ""),
        ({"patternProperties": {"(?=a)": True}}, ("patternProperties", "(?=a)"), "lookahead", ""),
        ({"pattern": "a{1000}{1}"}, ("pattern",), "something to repeat", ""),
        ({"pattern": "(a{1000}){1000}"}, ("pattern",), "counts such as {1000} multiply", ""),
    ],
)
def test_what_is_not(schema, path, allowed, nearest):
    (one,) = found(schema)
    assert (one.path, one.nearest) == (path, nearest)
    assert allowed in one.allowed


def test_all_mistakes_at_once():
    schema = {"maxlength": 3, "type": "objekt", "format": "x", "$ref": "y", "pattern": "("}
    assert {one.path[0] for one in found(schema)} == set(schema)


def test_a_large_schema_is_refused_before_it_is_walked():
    schema = {"enum": ["x" * 1000 + str(n) for n in range(70)], "maxlength": 3}
    (one,) = found(schema)
    assert "at most 64 KiB" in one.allowed
    assert int(one.found.split()[3]) > MAX_SCHEMA_BYTES


def test_a_deep_schema_is_refused():
    deep = {}
    for _ in range(3_000):
        deep = {"not": deep}
    (one,) = found(deep)
    assert "plain JSON" in one.allowed or "levels" in one.allowed
    deep = {}
    for _ in range(101):
        deep = {"not": deep}
    (one,) = found(deep)
    assert one.allowed == "a schema of at most 100 levels"


def test_data_that_holds_itself_is_no_schema():
    schema = {}
    schema["const"] = schema
    (one,) = found(schema)
    assert "plain JSON" in one.allowed


def test_no_keyword_stands_twice():
    assert len(set(KEYWORDS)) == len(KEYWORDS)
