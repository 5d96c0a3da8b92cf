"""Each anti-pattern with scenarios that are one, and scenarios that only look like one."""

import pytest

from simrt.antipatterns import ANTIPATTERNS, judge_antipatterns, sends_per_s
from simrt.scenario import scenario

NARROW = {
    "type": "object",
    "additionalProperties": False,
    "properties": {"id": {"type": "string"}},
    "examples": [{"id": "7"}],
}


def made(
    *,
    intent=None,
    options=None,
    replay=None,
    events=None,
    permission=None,
    publish=None,
    group=None,
    faults=(),
    variants=None,
    jobs=(),
):
    events = events or {"changed": NARROW}
    first = next(iter(events))
    return scenario(
        {
            "title": "Feature",
            "intent": {"kind": "notifications", "useful_for": "1m"} | (intent or {}),
            "feature": {
                "project": "p",
                "channel": "c",
                "options": {"bufferSize": 16, "onFull": "drop-oldest", "messageTTL": "1m"}
                | (options or {}),
                "stream": {
                    "path": "/s",
                    "permission": permission or {"user": ["GET"]},
                    "replay": replay or {"lastN": 5, "maxAge": "none"},
                },
                "events": events,
                "senders": [
                    {"hook": "POST /e", "permission": {"token:t": ["POST"]}, "sends": first},
                    *({"job": job, "sends": first} for job in jobs),
                ],
            },
            "workload": {
                "duration": "1m",
                "publish": [{"event": first, "arrivals": publish or {"poisson": "1/s"}}],
                "subscribers": {"g": group or {}},
            },
            "faults": list(faults),
            "variants": variants or {},
        }
    )


def typed(**fields):
    return {"changed": NARROW | {"properties": fields, "examples": [{}]}}


def stall(lasts):
    return {"at": "5s", "stall": "g", "for": lasts}


def up_to(characters):
    return {"type": "string", "maxLength": characters}


HTML = {"properties": {"html": {"type": "string"}}}
FIELDS = {f"f{n}": {} for n in range(12)}
LINES = {"type": "array", "items": {"type": "string"}}
TYPES = ("a", "b", "c", "d", "e", "f")
WIDE = {"options": {"bufferSize": 150}}
LASTS = {"options": {"bufferSize": 150, "messageTTL": "none"}}
UNTIL = {"lastN": "none"}

BAD = [
    ("store-in-disguise", {"intent": {"needs": ["durable"]}}, "database"),
    ("store-in-disguise", {"intent": {"needs": ["guaranteed-delivery"]}}, "for good"),
    (
        "store-in-disguise",
        {"options": {"bufferSize": 500, "messageTTL": "none"}, "replay": {"lastN": 200}},
        "back 3.3 min",
    ),
    (
        "store-in-disguise",
        {"options": {"bufferSize": 500, "messageTTL": "none"}, "replay": {"lastN": 0}},
        "messageTTL: 1m",
    ),
    (
        "store-in-disguise",
        {"options": {"bufferSize": 9999, "messageTTL": "1d"}, "replay": {"maxAge": "3h"}},
        "back 2.8 h",
    ),
    ("sensitive-data", {"events": typed(password={"type": "string"})}, "changed.password"),
    ("sensitive-data", {"events": typed(userEmail={"type": "string"})}, "changed.userEmail"),
    ("sensitive-data", {"events": typed(who={"type": "string", "format": "email"})}, "who"),
    (
        "sensitive-data",
        {"events": typed(user={"type": "object", "properties": {"card_no": {}}})},
        "changed.user.card_no",
    ),
    (
        "sensitive-data",
        {"events": typed(users={"type": "array", "items": {"properties": {"iban": {}}}})},
        "changed.users.iban",
    ),
    ("whole-document", {"events": typed(html={"type": "string"})}, "changed.html has room"),
    (
        "whole-document",
        {"events": typed(pageBody={"type": ["string", "null"]})},
        "changed.pageBody",
    ),
    ("whole-document", {"events": typed(doc=NARROW)}, "changed.doc has room"),
    ("whole-document", {"events": typed(content=LINES)}, "changed.content has room"),
    ("whole-document", {"events": typed(page=NARROW | HTML)}, "changed.page.html has room"),
    ("whole-document", {"events": typed(text=up_to(1001))}, "changed.text has room"),
    ("whole-document", {"events": typed(body=up_to(201))}, "changed.body has room"),
    ("whole-document", {"events": typed(**FIELDS, last={})}, "changed has 13 fields"),
    ("catch-all-channel", {"events": dict.fromkeys(TYPES, NARROW)}, "6 event types"),
    ("raw-event-hose", {"events": {"any": {"type": "object", "examples": [{}]}}}, "any shape"),
    ("raw-event-hose", {"events": {"any": {"examples": [1]}}}, "any shape"),
    (
        "private-in-public",
        {"permission": {"public": ["GET"]}, "events": typed(name={"x-private": True})},
        "changed.name",
    ),
    (
        "private-in-public",
        {"permission": {"public": ["GET"]}, "events": {"e": NARROW | {"x-private": True}}},
        "is marked private",
    ),
    (
        "contradictory-settings",
        {"intent": {"kind": "state"}, "options": {"onFull": "drop-newest"}, "replay": {"lastN": 1}},
        "drop-oldest",
    ),
    ("contradictory-settings", {"intent": {"kind": "state"}}, "lastN: 1"),
    ("oversized-buffer", {"options": {"bufferSize": 65}}, "uses more than 5"),
    (
        "oversized-buffer",
        {"options": {"bufferSize": 65}, "replay": {"lastN": 32}},
        "bufferSize: 32",
    ),
    (
        "oversized-buffer",
        {"options": {"bufferSize": 205}, "replay": {"maxAge": "102s"} | UNTIL},
        "more than 60",
    ),
    ("oversized-buffer", {**WIDE, "faults": [stall("50s")]}, "uses more than 51"),
    ("oversized-buffer", {**WIDE, "faults": [stall("90s")]}, "uses more than 60"),  # the TTL
    ("oversized-buffer", {**WIDE, "faults": [{"at": "5s", "disconnect": "g", "for": "50s"}]}, "5,"),
    ("oversized-buffer", {**WIDE, "jobs": ["* * * * *"]}, "uses more than 5"),
]

GOOD = [
    ("store-in-disguise", {}),
    ("store-in-disguise", {"intent": {"needs": ["cross-instance"]}}),
    ("store-in-disguise", {"intent": {"useful_for": "none"}, "options": {"bufferSize": 9999}}),
    ("store-in-disguise", {"options": {"bufferSize": 9999}, "replay": {"lastN": 9999}}),  # TTL
    ("store-in-disguise", {"options": {"bufferSize": 60, "messageTTL": "none"}}),  # at the limit
    ("sensitive-data", {"events": typed(id={}, title={}, status={})}),
    ("sensitive-data", {"events": typed(tokens_left_count={"type": "integer"}, pinned={})}),
    ("sensitive-data", {"events": typed(addressed={}, mailing_done={}, cardinality={})}),
    ("whole-document", {}),
    ("whole-document", {"events": typed(**FIELDS)}),  # at the limit
    (
        "whole-document",
        {"events": typed(text=up_to(1000), body=up_to(200), title={"type": "string"})},
    ),
    ("whole-document", {"events": typed(content={"enum": ["draft", "published"]})}),
    ("whole-document", {"events": typed(body={"type": "string", "format": "uri"})}),
    ("whole-document", {"events": typed(contentment={"type": "string"}, page=NARROW, body={})}),
    ("catch-all-channel", {"events": dict.fromkeys(TYPES[:5], NARROW)}),
    (
        "catch-all-channel",
        {"events": dict.fromkeys([f"import-{name}" for name in TYPES], NARROW)},
    ),
    ("raw-event-hose", {}),
    ("raw-event-hose", {"events": {"count": {"type": "integer", "examples": [1]}}}),
    ("private-in-public", {"events": typed(name={"x-private": True})}),
    ("private-in-public", {"permission": {"public": ["GET"]}}),
    ("contradictory-settings", {"intent": {"kind": "state"}, "replay": {"lastN": 1}}),
    ("contradictory-settings", {"options": {"onFull": "drop-newest"}}),
    ("oversized-buffer", {}),
    ("oversized-buffer", {"options": {"bufferSize": 64}, "replay": {"lastN": 0}}),  # the default
    ("oversized-buffer", {"options": {"bufferSize": 66}, "replay": {"lastN": 33}}),  # twice
    ("oversized-buffer", {"options": {"bufferSize": 9999}, "replay": {"lastN": 5000}} | LASTS),
    (
        "oversized-buffer",
        {**WIDE, **LASTS, "faults": [stall("59s")], "publish": {"poisson": "2/s"}},
    ),
    ("oversized-buffer", {**WIDE, **LASTS, "faults": [{"at": "5s", "burst": "changed", "by": 99}]}),
    ("oversized-buffer", {**WIDE, **LASTS, "group": {"drain": "2s"}}),  # fills any buffer
    ("oversized-buffer", {**WIDE, **LASTS, "group": {"window": 1, "latency": "1s"}}),
    (
        "oversized-buffer",
        {**WIDE, **LASTS, "faults": [{"at": "5s", "slow": "g", "for": "50s", "by": 9}]}
        | {"publish": {"poisson": "4/s"}, "group": {"drain": "200ms"}},
    ),
    (
        "oversized-buffer",
        {**WIDE, **LASTS, "publish": {"batch": {"rate": "1/min", "size": {"fixed": 100}}}},
    ),
    (
        "oversized-buffer",
        {**WIDE, **LASTS, "group": {"online": {"up": "60s", "down": "20s", "silent": True}}},
    ),
    (
        "oversized-buffer",
        {"options": {"bufferSize": 150, "messageTTL": "2h"}, "replay": {"lastN": 150}}
        | {"jobs": ["* * * * *"], "publish": {"periodic": "1/h"}},
    ),
    (
        "oversized-buffer",
        {**WIDE, **LASTS, "variants": {"resume": "last-event-id"}}
        | {"faults": [{"at": "5s", "disconnect": "g", "for": "50s"}]},
    ),
]


def verdict(code, changes):
    (found,) = [v for v in judge_antipatterns(made(**changes)) if v.check == code]
    return found


@pytest.mark.parametrize(("code", "changes", "words"), BAD)
def test_an_antipattern_is_found_and_says_what_to_write_instead(code, changes, words):
    found = verdict(code, changes)
    assert found.status.value == "fail"
    assert words in found.sentence


@pytest.mark.parametrize(("code", "changes"), GOOD)
def test_what_only_looks_like_one_is_not(code, changes):
    assert verdict(code, changes).status.value == "pass"


def test_every_rule_has_true_and_false_cases():
    codes = {rule.code for rule in ANTIPATTERNS}
    assert codes == {case[0] for case in BAD} == {case[0] for case in GOOD}


@pytest.mark.parametrize(
    ("arrivals", "rate"),
    [
        ({"poisson": "4/s"}, 4),
        ({"periodic": "30/min"}, 0.5),
        ({"batch": {"rate": "2/s", "size": {"fixed": 3}}}, 6),
        ({"batch": {"rate": "2/s", "size": {"geometric": 1.5}}}, 3),
        ({"on-off": {"rate": "8/s", "on": "10s", "off": "30s"}}, 2),
    ],
)
def test_the_rate_of_a_workload_is_its_mean(arrivals, rate):
    assert sends_per_s(made(publish=arrivals)) == pytest.approx(rate)


def test_a_trace_decides_when_so_the_file_alone_does_not_say_what_a_buffer_is_for(tmp_path):
    (tmp_path / "trace.csv").write_text("t,event\n0,changed\n1,changed\n")
    publish = {"trace": {"file": str(tmp_path / "trace.csv")}}
    found = verdict("oversized-buffer", {"options": {"bufferSize": 9999}, "publish": publish})
    assert found.status.value == "pass"
