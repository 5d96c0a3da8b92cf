"""Shapes that are judged, templates that are filled in."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from simrt.scenario import Shapes, payload, render, scenario, timestamp
from simrt.scenario.feature import Feature, Sender
from simrt.scenario.model import Publish
from simrt.scenario.reading import read_text
from tests.scenario.example import TEXT

WALL = datetime(2026, 3, 1, 8, 0, 0, 123_999, tzinfo=UTC)


def feature(**events):
    data = read_text(TEXT.encode(), "").data["feature"]
    return Feature.model_validate({**data, "events": events, "senders": []})


def shapes(schema):
    return Shapes(feature(a=schema))


# --- shapes --------------------------------------------------------------------------------------


@pytest.mark.rules("SSE-7")
def test_an_undeclared_type_is_a_problem():
    problem = shapes({}).problem("b", {})
    assert problem == "event type 'b' is not declared; declared: a"


@pytest.mark.rules("SSE-7")
@pytest.mark.parametrize(
    ("data", "says"),
    [
        ({"id": "7", "at": "2026-01-01T00:00:00Z"}, None),
        ({"at": "2026-01-01T00:00:00Z"}, "data: 'id' is a required property"),
        ({"id": 7, "at": "2026-01-01T00:00:00Z"}, "data.id: 7 is not of type 'string'"),
        ({"id": "7", "at": "yesterday"}, "data.at: 'yesterday' is not a 'date-time'"),
        ({"id": "7", "at": "2026-01-01T00:00:00Z", "x": 1}, "'x' was unexpected"),
        ({"id": "7", "at": "2026-01-01T00:00:00Z", "tags": ["a", 1]}, "data.tags[1]: 1 is not"),
        ("text", "data: 'text' is not of type 'object'"),
        (None, "data: None is not of type 'object'"),
    ],
)
def test_data_that_does_not_fit_is_a_problem_with_its_place(data, says):
    judge = shapes(
        {
            "type": "object",
            "additionalProperties": False,
            "required": ["id", "at"],
            "properties": {
                "id": {"type": "string"},
                "at": {"type": "string", "format": "date-time"},
                "tags": {"type": "array", "items": {"type": "string"}},
            },
        }
    )
    problem = judge.problem("a", data)
    assert problem is None if says is None else says in problem


def test_a_long_problem_is_cut():
    problem = shapes({"maxLength": 5}).problem("a", "x" * 5000)
    assert len(problem) < 250
    assert problem.endswith("…")


def test_a_schema_may_refer_to_itself_and_to_nothing_else():
    tree = {"$defs": {"t": {"type": "array", "items": {"$ref": "#/$defs/t"}}}, "$ref": "#/$defs/t"}
    assert shapes(tree).problem("a", [[], [[]]]) is None
    assert "is not of type 'array'" in shapes(tree).problem("a", [[5]])
    for elsewhere in ("https://example.org/x", "file:///etc/hostname", "#/$defs/none"):
        assert "refers to" in shapes({"$ref": elsewhere}).problem("a", 1)


def test_a_schema_without_an_end_is_a_problem():
    assert "without an end" in shapes({"$ref": "#"}).problem("a", 1)


def test_a_pattern_that_is_none_is_a_problem():
    assert "not a regular expression" in shapes({"pattern": "("}).problem("a", "x")


def test_the_dialect_is_2020_12():
    judge = shapes({"prefixItems": [{"type": "string"}], "items": False})
    assert judge.problem("a", ["x"]) is None
    assert judge.problem("a", ["x", 1]) is not None


# --- templates -----------------------------------------------------------------------------------


def test_marks_are_filled_in_anywhere_but_in_keys():
    template = {"{n}": ["{n}", {"at": "{now}", "both": "{n}/{now}/{n}"}], "plain": 5, "no": None}
    assert render(template, 12, WALL) == {
        "{n}": ["12", {"at": "2026-03-01T08:00:00.123Z", "both": "12/2026-03-01T08:00:00.123Z/12"}],
        "plain": 5,
        "no": None,
    }


def test_other_braces_stay():
    for text in ("{}", "{m}", "{{n", "{N}", "{ n }", "n", "{nn}", ""):
        assert render(text, 1, WALL) == text
    assert render("{{n}}", 1, WALL) == "{1}"


def test_a_template_is_not_changed():
    template = {"id": "{n}", "list": ["{n}"]}
    render(template, 1, WALL)
    assert template == {"id": "{n}", "list": ["{n}"]}


@pytest.mark.parametrize(
    ("wall", "text"),
    [
        (WALL, "2026-03-01T08:00:00.123Z"),
        (datetime(2026, 3, 1, tzinfo=UTC), "2026-03-01T00:00:00.000Z"),
        (
            datetime(2026, 3, 1, 1, 30, tzinfo=timezone(timedelta(hours=2))),
            "2026-02-28T23:30:00.000Z",
        ),
    ],
)
def test_now_is_rfc_3339_in_utc_with_milliseconds(wall, text):
    assert timestamp(wall) == text
    assert shapes({"format": "date-time"}).problem("a", render("{now}", 1, wall)) is None


# --- what is sent --------------------------------------------------------------------------------


def sends(**more):
    return Sender(hook="POST /a", permission={"public": ["POST"]}, sends="a", **more)


def with_hook(hook, **schema):
    data = read_text(TEXT.encode(), "").data["feature"]
    made = Feature.model_validate({**data, "events": {"a": schema}, "senders": []})
    return made.model_copy(update={"senders": (hook,)})


def publishes(**more):
    return Publish(event="a", arrivals={"poisson": "1/s"}, **more)


def test_an_entry_sends_its_own_data_first():
    made = with_hook(sends(data="hook"), examples=["example"])
    assert payload(made, publishes(data="entry")) == "entry"
    assert payload(made, publishes(data=None)) is None
    assert payload(made, publishes()) == "hook"
    assert payload(made, sends(data="own")) == "own"


def test_then_the_first_example():
    made = with_hook(sends(), examples=["first", "second"])
    assert payload(made, publishes()) == "first"
    assert payload(made, sends()) == "first"


def test_without_either_there_is_nothing():
    made = with_hook(sends(), examples=[])
    for entry in (publishes(), sends()):
        with pytest.raises(LookupError, match="no data for a"):
            payload(made, entry)


def test_what_a_loaded_scenario_sends_fits():
    made = scenario(read_text(TEXT.encode(), "").data)
    judge = Shapes(made.feature)
    for entry in made.workload.publish:
        assert judge.problem(entry.event, render(payload(made.feature, entry), 3, WALL)) is None
    for sender in made.feature.senders:
        assert judge.problem(sender.sends, render(payload(made.feature, sender), 3, WALL)) is None
