"""What a schema accepts: JSON Schema 2020-12, ECMA-262, RFC 3339; in words that name the place."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simrt.errors import UsageError
from simrt.scenario.dialect import FORMATS, faults
from simrt.scenario.shapes import MOST_WHOLE, Shape, shape_of

SUITE = Path(__file__).parents[3] / "shared" / "data" / "json-schema-2020-12"


def problem(schema, data):
    return Shape(schema).problem(data, json.dumps(data).encode())


# --- the standard --------------------------------------------------------------------------------


@pytest.mark.rules("SSE-7")
@pytest.mark.parametrize(
    ("schema", "fits", "fails"),
    [
        ({"multipleOf": 0.01}, [19.99, 0.07, 4.35, 1e15, -19.99, 0], [19.995, 0.001]),
        ({"multipleOf": 1e-8}, [12.34567891], [1.5e-9]),
        ({"type": "integer"}, [1, 1.0, -0.0], [1.5, True, "1"]),
        ({"const": 1}, [1.0], [True]),
        ({"enum": [0, [False]]}, [0.0, [False]], [False, [0]]),
        ({"uniqueItems": True}, [[1, True, 0, False], [{"a": 1}, {"a": 2}]], [[1, 1.0], [{}, {}]]),
        ({"maxLength": 1}, ["\U0001f680", "ä"], ["ab"]),
        ({"pattern": "^[a-z]+$"}, ["abc"], ["abc\n", "\nabc", "ABC"]),
        ({"pattern": r"^\d$"}, ["7"], ["٣", "\uff17"]),
        ({"pattern": r"^\w$"}, ["_"], ["ä", "ß"]),
        ({"pattern": r"^\s$"}, [" ", "\ufeff", "\u2028"], ["\x85", "\u180e"]),
        ({"pattern": r"^.$"}, ["\U0001f680", "\x85"], ["\n", "\r", "\u2028", "\u2029"]),
        ({"pattern": r"^\p{L}+$"}, ["Größe"], ["a1", ""]),
        ({"pattern": r"^\p{Script=Greek}$"}, ["\u03b1"], ["a"]),
        ({"pattern": r"^[\p{Lu}\d]$"}, ["Ä", "1"], ["ä"]),
        ({"pattern": r"\bä"}, ["aä"], ["ä"]),
        ({"pattern": r"a\B"}, ["ab"], ["a", "aä"]),
        ({"pattern": r"^\<\>\-\/$"}, ["<>-/"], ["-/"]),
        ({"pattern": r"^[[&&~~a]$"}, ["[", "&", "~", "a"], ["b", "[]"]),
        ({"pattern": r"^\u{1F680}\u0041\x42\cJ$"}, ["\U0001f680AB\n"], ["AB"]),
        ({"pattern": "b"}, ["abc"], ["ac"]),
        ({"patternProperties": {r"^\bx": False}}, [{"y": 1}], [{"x": 1}]),
        ({"prefixItems": [{"type": "string"}], "items": False}, [["x"], []], [["x", 1], [1]]),
        ({"dependentRequired": {"a": ["b"]}}, [{"b": 1}, {"a": 1, "b": 1}], [{"a": 1}]),
        (
            {"allOf": [{"properties": {"a": True}}], "unevaluatedProperties": False},
            [{"a": 1}],
            [{"b": 1}],
        ),
        ({"maximum": 3}, [3.0], [1e300]),
    ],
)
def test_the_standard_decides(schema, fits, fails):
    assert [data for data in fits if problem(schema, data)] == []
    assert [data for data in fails if not problem(schema, data)] == []


@pytest.mark.rules("SSE-7")
@pytest.mark.parametrize(
    ("form", "fits", "fails"),
    [
        (
            "date-time",
            ["2026-01-01T00:00:00Z", "2026-01-01t00:00:00.123456789z", "1998-12-31T23:59:60Z"],
            [
                "2026-01-01T00:00:00Z\n", "2026-01-01T00:00:00", "2026-01-01 00:00:00Z",
                "2026-02-30T00:00:00Z", "1998-12-31T23:58:60Z", "2026-01-01T24:00:00Z", "٢026",
            ],
        ),
        ("date", ["2024-02-29"], ["2026-02-29", "2026-1-1", "2026-01-01\n"]),
        ("time", ["08:30:06+01:00", "23:59:60Z"], ["08:30:06", "08:30:06 PST"]),
        ("duration", ["P1Y2M3DT4H5M6S", "PT36H"], ["P", "PT1D", "P1D\n"]),
        ("email", ["a@b.example"], ["2962", "a@b.example\n"]),
        ("idn-email", ["실례@실례.테스트"], ["2962"]),
        ("hostname", ["www.example.com"], ["-a", "a_b", "www.example.com\n"]),
        ("idn-hostname", ["실례.테스트"], ["〮실례.테스트"]),
        ("ipv4", ["127.0.0.1"], ["127.0.0.0.1", "256.1.1.1", "127.0.0.1\n"]),
        ("ipv6", ["::1"], ["12345::", "::1%eth0"]),
        ("uri", ["https://a.example/x?y#z"], ["//a.example/x", "a b", "https://a.example/\n"]),
        ("uri-reference", ["/x"], ["\\\\x"]),
        ("iri", ["https://ä.example/ß"], ["ß b"]),
        ("iri-reference", ["/ß"], ["\\\\ß"]),
        ("uuid", ["2eb8aa08-aa98-11ea-b4aa-73b441d16380"], ["2eb8aa08-aa98-11ea-b4aa-73b441d1638"]),
        ("uri-template", ["/{id}"], ["/{id"]),
        ("json-pointer", ["/a/b~1"], ["a", "/a~"]),
        ("relative-json-pointer", ["1/a"], ["/a"]),
        ("regex", ["^a"], ["("]),
    ],
)  # fmt: skip
def test_each_format_is_judged(form, fits, fails):
    assert [text for text in fits if problem({"format": form}, text)] == []
    assert [text for text in fails if not problem({"format": form}, text)] == []
    assert problem({"format": form}, 5) is None  # formats speak of text only


def test_no_format_is_forgotten():
    tested = test_each_format_is_judged.pytestmark[0].args[1]
    assert {form for form, _, _ in tested} == set(FORMATS)


@pytest.mark.skipif(not SUITE.is_dir(), reason=f"no public JSON Schema suite at {SUITE}")
def test_the_public_suite_agrees_in_all_that_is_accepted():
    """What is refused at load is counted; whatever is accepted is judged as the suite says."""
    wrong, judged, refused = [], 0, []
    for file in sorted(SUITE.rglob("*.json")):
        name = str(file.relative_to(SUITE))
        for case in json.loads(file.read_text("utf-8")):
            if isinstance(case["schema"], bool):
                continue
            first = next(faults(case["schema"]), None)
            if first is not None:
                refused.append(f"{name}: {case['description']}: {first.allowed}")
                continue
            shape = Shape(case["schema"])
            for test in case["tests"]:
                data = test["data"]
                found = shape.problem(data, json.dumps(data).encode())
                judged += 1
                if (found is None) != test["valid"] and not _stricter(name, data, found):
                    wrong.append((name, case["description"], test["description"], found))
    assert wrong == []
    assert judged >= 1_900
    # Other documents, other dialects, an unknown format; nothing that one schema can say itself.
    named = (
        "reference into this schema",
        "$id at the top",
        "only dialect",
        "format that is judged",
    )
    assert [one for one in refused if not any(words in one for words in named)] == []


def _stricter(name, data, found):
    """Where more is judged than the standard demands: formats, and numbers that browsers change."""
    if name == "format.json":
        return "annotation" not in str(found)
    return isinstance(data, int) and abs(data) > MOST_WHOLE and "beyond 2^53" in str(found)


# --- words ---------------------------------------------------------------------------------------

NEWS = {
    "type": "object",
    "additionalProperties": False,
    "required": ["id", "at"],
    "properties": {
        "id": {"type": "string"},
        "at": {"type": "string", "format": "date-time"},
        "tags": {"type": "array", "items": {"type": "string"}},
        "of": {
            "anyOf": [{"type": "null"}, {"properties": {"n": {"maximum": 3}}, "type": "object"}]
        },
    },
}


@pytest.mark.rules("SSE-7")
@pytest.mark.parametrize(
    ("data", "says"),
    [
        ({"id": "7", "at": "2026-01-01T00:00:00Z"}, None),
        ({"at": "2026-01-01T00:00:00Z"}, 'data: "id" is a required property'),
        ({"id": 7, "at": "2026-01-01T00:00:00Z"}, 'data.id: 7 is not of type "string"'),
        ({"id": "7", "at": "yesterday"}, 'data.at: "yesterday" is not a "date-time"'),
        ({"id": "7", "at": "2026-01-01T00:00:00Z", "x": 1}, "'x' was unexpected"),
        ({"id": "7", "at": "2026-01-01T00:00:00Z", "tags": ["a", 1]}, "data.tags[1]: 1 is not"),
        (
            {"id": "7", "at": "2026-01-01T00:00:00Z", "of": {"n": 4}},
            "data.of.n: 4 is greater than the maximum of 3",
        ),
        ({"id": "7", "at": "2026-01-01T00:00:00Z", "of": 4}, "data.of: 4 is not valid under any"),
        ("text", 'data: "text" is not of type "object"'),
        (None, 'data: null is not of type "object"'),
    ],
)
def test_data_that_does_not_fit_is_a_problem_with_its_place(data, says):
    found = problem(NEWS, data)
    assert found is None if says is None else says in found


def test_a_long_problem_is_cut():
    found = problem({"maxLength": 5}, "x" * 5000)
    assert len(found) < 250
    assert found.endswith("…")


def test_a_pattern_is_quoted_as_it_was_written():
    assert problem({"pattern": r"\bä\b"}, "x") == r'data: "x" does not match "\bä\b"'


def test_large_data_that_fits_no_alternative_is_refused_without_a_place():
    schema = {"anyOf": [{"type": "string"}, {"items": {"type": "string"}}]}
    assert problem(schema, [5] * 300).startswith("data[0]: 5 is not")
    assert problem(schema, [5] * 600).startswith("data: 1800 bytes that do not fit the schema")
    assert problem({"items": {"type": "string"}}, ["x"] * 600 + [5]).startswith("data[600]: 5")


@pytest.mark.rules("SSE-7")
def test_whole_numbers_that_browsers_change_are_refused():
    told = "is a whole number beyond 2^53 - 1, which browsers read as another one; write it as text"
    assert problem({}, {"a": [1, MOST_WHOLE, -MOST_WHOLE]}) is None
    assert problem({}, {"a": [1, MOST_WHOLE + 1]}) == f"data.a[1] {told}"
    assert problem({}, [{"b": -MOST_WHOLE - 1}]) == f"data[0].b {told}"
    assert problem({}, int("9" * 400)) == f"data {told}"
    assert problem({}, [str(MOST_WHOLE * 1000), 1e300, 0.1234567890123456]) is None


@given(st.integers(-(2**60), 2**60))
def test_each_whole_number_is_kept_or_refused(number):
    kept = problem({"type": "integer"}, number) is None
    assert kept == (int(float(number)) == number and abs(number) <= MOST_WHOLE)


# --- compiling -----------------------------------------------------------------------------------


def test_a_schema_may_refer_to_itself():
    tree = {"$defs": {"t": {"type": "array", "items": {"$ref": "#/$defs/t"}}}, "$ref": "#/$defs/t"}
    assert problem(tree, [[], [[]]]) is None
    assert problem(tree, [[5]]) == 'data[0][0]: 5 is not of type "array"'


@pytest.mark.parametrize(
    ("schema", "says"),
    [
        ({"$ref": "https://example.org/x"}, "$ref: write a reference into this schema"),
        ({"$ref": "file:///etc/hostname"}, "nothing is fetched"),
        (
            {"properties": {"a": {"maxlength": 3}}},
            'properties.a.maxlength: found the keyword "maxl',
        ),
        ({"const": {1}}, "write a JSON Schema of plain JSON"),
    ],
)
def test_what_is_not_accepted_is_not_compiled(schema, says):
    with pytest.raises(UsageError) as refused:
        shape_of(schema)
    assert says in str(refused.value)


def test_an_equal_schema_is_compiled_once():
    assert shape_of({"type": "string"}) is shape_of({"type": "string"})
    assert shape_of({"type": "string"}) is not shape_of({"type": "integer"})
