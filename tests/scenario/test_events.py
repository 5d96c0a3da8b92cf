"""Shapes that are judged, templates that are filled in."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from simrt.engine.message import encode_data
from simrt.scenario import Shapes, payload, render, scenario, timestamp
from simrt.scenario.feature import Feature, Sender
from simrt.scenario.model import Publish
from simrt.scenario.reading import read_text
from tests.scenario.example import TEXT

WALL = datetime(2026, 3, 1, 8, 0, 0, 123_999, tzinfo=UTC)


def feature(**events):
    data = read_text(TEXT.encode(), "").data["feature"]
    return Feature.model_validate({**data, "events": events, "senders": []})


def problem(events, event, data):
    return Shapes(events).problem(event, data, encode_data(data, 65_536))


# --- shapes --------------------------------------------------------------------------------------


@pytest.mark.rules("SSE-7")
def test_an_undeclared_type_is_a_problem():
    problem = Shapes({"a": {}, "c": {}}).problem("b", {}, b"{}")
    assert problem == "event type 'b' is not declared; declared: a, c"


@pytest.mark.rules("SSE-7")
def test_a_declared_type_is_judged_by_its_own_schema():
    judge = Shapes({"a": {"type": "string"}, "b": {"type": "integer"}})
    assert judge.problem("b", 5, b"5") is None
    assert judge.problem("a", 5, b"5") == 'data: 5 is not of type "string"'


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
    assert problem({"a": {"format": "date-time"}}, "a", render("{now}", 1, wall)) is None


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
    events = made.feature.events
    for entry in made.workload.publish:
        assert problem(events, entry.event, render(payload(made.feature, entry), 3, WALL)) is None
    for sender in made.feature.senders:
        assert problem(events, sender.sends, render(payload(made.feature, sender), 3, WALL)) is None
