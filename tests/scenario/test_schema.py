"""The JSON Schema says the same as the loader, as far as one place of a file can say it."""

import json
from pathlib import Path

import pytest
from jsonschema_rs import Draft202012Validator, meta

from simrt.scenario import json_schema, load
from simrt.scenario.reading import read_text
from tests.scenario.example import TEXT
from tests.scenario.wrong import WRONG

SCHEMA = json_schema()
JUDGE = Draft202012Validator(SCHEMA)
SHIPPED = sorted((Path(__file__).parents[2] / "scenarios").rglob("*.yml"))


def data(text):
    return read_text(text.encode(), "").data


def test_it_is_a_valid_schema_with_a_dialect():
    meta.validate(SCHEMA)
    assert SCHEMA["$schema"] == "https://json-schema.org/draft/2020-12/schema"


def test_the_example_fits():
    assert [error.message for error in JUDGE.iter_errors(data(TEXT))] == []


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_each_shipped_scenario_fits(path):
    assert [e.message for e in JUDGE.iter_errors(data(path.read_text("utf-8")))] == []


def test_scenarios_ship():
    assert SHIPPED


@pytest.mark.parametrize("wrong", [w for w in WRONG if w.structural], ids=lambda wrong: wrong.name)
def test_each_structurally_wrong_file_fails(wrong):
    assert not JUDGE.is_valid(data(wrong.text))


def test_it_speaks_the_spelling_of_files():
    text = json.dumps(SCHEMA)
    for python in ("_ns", "buffer_size", "last_n", "max_event_bytes", "validate_command", "null"):
        assert python not in text.replace('["array", "boolean", "integer", "null"', "")
    for key in ("bufferSize", "useful_for", "atMost", "on-off", "maxEventBytes"):
        assert f'"{key}"' in text


def test_defaults_are_written_as_people_write_them():
    settings = SCHEMA["$defs"]["ServerSettings"]["properties"]
    assert settings["heartbeat"]["default"] == "15s"
    assert settings["retrySpread"]["default"] == ["2s", "5s"]
    assert settings["maxEventBytes"]["default"] == "64KiB"
    assert SCHEMA["$defs"]["Subscribers"]["properties"]["drain"]["default"] == {"constant": "0s"}
    assert SCHEMA["$defs"]["Reconnect"]["properties"]["after"]["default"] == "3s"


def test_each_default_fits_its_own_place():
    for name, part in SCHEMA["$defs"].items():
        for key, schema in part.get("properties", {}).items():
            if "default" in schema:
                here = {**schema, "$defs": SCHEMA["$defs"]}
                assert Draft202012Validator(here).is_valid(schema["default"]), (name, key)


def test_each_key_is_explained():
    parts = [SCHEMA, *SCHEMA["$defs"].values()]
    for part in parts:
        branches = [part, *part.get("anyOf", [])]
        for branch in branches:
            for key, schema in branch.get("properties", {}).items():
                target = SCHEMA["$defs"].get(schema.get("$ref", "").rpartition("/")[2], {})
                assert schema.get("description") or target.get("description"), key


def test_an_event_shape_is_itself_checked():
    wrong = data(TEXT)
    wrong["feature"]["events"]["content-updated"]["type"] = "objekt"
    assert not JUDGE.is_valid(wrong)


@pytest.mark.parametrize("drain", [0, "0s", "5ms", {"constant": "5ms"}, {"constant": 0}])
def test_a_bare_duration_is_a_law(drain, tmp_path):
    right = data(TEXT)
    right["workload"]["subscribers"]["office"]["drain"] = drain
    assert JUDGE.is_valid(right)


def test_it_is_the_same_each_time():
    assert json.dumps(json_schema()) == json.dumps(json_schema())


def test_none_is_written_where_it_may_be(tmp_path):
    text = TEXT.replace("messageTTL: 10m", "messageTTL: none").replace(
        "retrySpread: [2s, 5s]", "retrySpread: none"
    )
    assert JUDGE.is_valid(data(text))
    path = tmp_path / "it.yml"
    path.write_text(text)
    made = load(path)
    assert made.server.retry_spread_ns is None
    assert "messageTTL" not in made.feature.undecided
