import pytest

from simrt.checkers.shape import loose_places
from tests.checkers.asserting import fails, inconclusive, passes
from tests.checkers.histories import NEWS, history, newest, oldest, scenario

pytestmark = pytest.mark.rules("SSE-7", "PUB-3")

SEND = "1 send 1 offered=0"


@pytest.mark.parametrize("good", [oldest, newest])
def test_good_histories_have_a_shape(good):
    passes("shape", good())


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("1 send 1 offered=0 event=other", "type 'other' is not declared"),
        ("1 send 1 offered=0 bytes=2049", "news has 2,049 bytes, allowed 2,048 bytes"),
        ("1 reject news shape", "'news' was rejected: its data is not as declared"),
        ("1 reject news event", "'news' was rejected: it is no valid event"),
    ],
)
def test_it_sees(line, words):
    fails("shape", history(f"{line}\n2 send 2 offered=0"), words)


def test_the_limit_itself_is_allowed():
    passes("shape", history("1 send 1 offered=0 bytes=2048"))


def test_the_file_may_allow_more_or_less():
    more = scenario(server={"maxEventBytes": "4KiB"})
    passes("shape", history("1 send 1 offered=0 bytes=4096", more))
    less = scenario(server={"maxEventBytes": "16B"})
    fails("shape", history("1 send 1 offered=0 bytes=17", less), "allowed 16 bytes")


def test_an_arrival_that_found_the_server_down_is_no_matter_of_shape():
    passes("shape", history(f"{SEND}\n2 reject news down"))


def test_the_neighbours_events_are_not_judged():
    inconclusive("shape", history("1 send 1 in=neighbour offered=0"), "Nothing was sent")


def test_types_that_were_never_sent_are_named():
    of = scenario(events={"news": NEWS, "rare": NEWS})
    assert "never sent: rare" in passes("shape", history(SEND, of)).sentence


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({"type": "array", "items": {"type": "string"}}, "news: its type is not object"),
        ({"type": "object", "properties": {}}, "news: additionalProperties is not false"),
        (NEWS | {"additionalProperties": True}, "any field may be added"),
        (NEWS | {"properties": {"id": {}}}, "news.id: no type"),
        (NEWS | {"properties": {"id": True}}, "news.id: True says nothing"),
        (NEWS | {"required": ["id", "more"]}, "news.more: required but not described"),
        (NEWS | {"properties": {"id": {"type": "object"}}}, "news.id: additionalProperties"),
        (NEWS | {"properties": {"id": {"type": ["object", "null"]}}}, "news.id: additionalProp"),
        (NEWS | {"properties": {"id": {"type": "array"}}}, "news.id[]: True says nothing"),
        (NEWS | {"properties": {"id": {"type": "array", "items": {}}}}, "news.id[]: no type"),
        (NEWS | {"properties": {"id": {"type": ["array", "null"]}}}, "news.id[]: True says"),
        (NEWS | {"properties": {"id": {"$ref": "#/$defs/a"}}, "$defs": {"a": {}}}, "$defs.a: no"),
        (NEWS | {"patternProperties": {"^x": {"type": "string"}}}, "whose name fits ^x"),
        (NEWS | {"properties": {"id": {"anyOf": [{"type": "string"}, {}]}}}, "news.id.anyOf[1]"),
    ],
)
def test_a_loose_schema_fails_without_any_send(schema, words):
    fails("shape", history(SEND, scenario(events={"news": schema})), words)


@pytest.mark.parametrize(
    "part",
    [
        {"type": "string"},
        {"enum": ["a", "b"]},
        {"const": 1},
        {"type": ["string", "null"]},
        {"anyOf": [{"type": "string"}, {"type": "null"}]},
        {"type": "array", "items": {"type": "number"}},
        {"type": "array", "prefixItems": [{"type": "number"}], "items": False},
        {"type": "object", "additionalProperties": False, "properties": {"x": {"type": "number"}}},
        {"type": "object", "additionalProperties": False},
    ],
)
def test_an_explicit_schema_is_enough(part):
    assert list(loose_places(part, "news")) == []
