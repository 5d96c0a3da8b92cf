"""One call of a hook brings a list of events (HOK-4): sim and app agree, and the rules hold."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings

from simrt.agreement import row_by_row
from simrt.errors import UsageError
from simrt.history import Row
from simrt.runs import judge, record
from simrt.scenario import scenario as build
from simrt.scenario.model import Scenario
from simrt.targets.harness.credentials import refuse_denials
from simrt.testing import repeatable
from simrt.testing.strategies import scenario_data
from tests.properties.runs import SEEDS

EXAMPLES = 40
EVENT = {
    "type": "object",
    "additionalProperties": False,
    "required": ["n"],
    "properties": {"n": {"type": "string"}},
    "examples": [{"n": "{n}"}],
}


def with_lists(data: dict[str, Any]) -> Scenario:
    """The scenario, each of its hooks taking a list."""
    senders = [
        sender | {"body": "list"} if "hook" in sender else sender
        for sender in data["feature"]["senders"]
    ]
    return build(data | {"feature": data["feature"] | {"senders": senders}})


def test_generated_scenarios_agree_row_by_row() -> None:
    seen: Counter[str] = Counter()

    @settings(max_examples=EXAMPLES)
    @given(scenario_data(), SEEDS)
    def agree(data: dict[str, Any], seed: int) -> None:
        scenario = with_lists(data)
        with repeatable(scenario, seed):
            try:
                refuse_denials(scenario)
            except UsageError:
                return
            left, right = (record(scenario, target, seed) for target in ("sim", "app"))
            found = row_by_row(left, right)
            assert found.complete
            assert found.same, str(found)
            together = [row for row in left if row.kind == "send" and "part" in (row.detail or {})]
            seen.update(scenarios=1, together=len(together))

    agree()
    assert seen["scenarios"] > 0.8 * EXAMPLES, seen
    assert seen["together"] > EXAMPLES, seen


def burst(on_full: str, **options: Any) -> Scenario:
    """Ten events in each call, every second; a buffer of four, one client that keeps up."""
    batch = {"periodic": "1s", "size": {"fixed": 10}}
    return build(
        {
            "title": "Bursts",
            "intent": {"kind": "notifications"},
            "feature": {
                "project": "p",
                "channel": "c",
                "options": {"bufferSize": 4, "onFull": on_full, "messageTTL": "none"},
                "stream": {"path": "/s", "permission": {"user": ["GET"]}},
                "events": {"e": EVENT},
                "senders": [
                    {
                        "hook": "POST /e",
                        "permission": {"token:t": ["POST"]},
                        "body": "list",
                        "sends": "e",
                    }
                ],
            },
            "workload": {
                "duration": "5500ms",
                "publish": [{"event": "e", "arrivals": {"batch": batch}}],
                "subscribers": {
                    "quick": {"window": 40},
                    "slow": {"window": 1, "drain": "300ms", "latency": "10ms"},
                },
            }
            | options,
            "faults": [{"at": "1900ms", "restart": "server", "for": "300ms"}],
        }
    )


def sends(rows: list[Row]) -> list[Row]:
    return [row for row in rows if row.kind == "send" and row.project == "p"]


@pytest.mark.parametrize("target", ["sim", "app"])
@pytest.mark.parametrize("on_full", ["drop-oldest", "drop-newest"])
@pytest.mark.rules("HOK-4", "DLV-7", "RST-5")
def test_the_events_of_a_call_are_sent_one_after_the_other(target: str, on_full: str) -> None:
    found = judge(record(burst(on_full), target, 1))
    rows = list(found.history)
    assert not [one for one in found.verdicts if one.status.value == "fail"]
    sent = sends(rows)
    assert len(sent) == 40  # of five calls one found the server down
    assert [row.detail and row.detail.get("part", 1) for row in sent] == [*range(1, 11)] * 4
    assert {row.t_ns for row in sent[:10]} == {1_000_000_000}
    # One call is refused once, whatever it would have brought.
    down = [row for row in rows if row.kind == "reject" and row.project == "p"]
    assert [(row.t_ns, row.cause) for row in down] == [(2_000_000_000, "down")]
    # Who keeps up loses nothing to a call that brings more than the buffer holds.
    assert {row.subscriber for row in rows if row.kind == "drop"} == {"slow/0"}


def test_both_targets_agree_on_bursts() -> None:
    for on_full in ("drop-oldest", "drop-newest"):
        left, right = (record(burst(on_full), target, 1) for target in ("sim", "app"))
        found = row_by_row(left, right)
        assert found.same, str(found)


def test_no_send_comes_between_those_of_a_call() -> None:
    """Two hooks of one channel are called in one instant."""
    data = burst("drop-oldest").normalised()
    feature = data["feature"]
    feature["events"]["f"] = feature["events"]["e"]
    feature["senders"].append(feature["senders"][0] | {"hook": "POST /f", "sends": "f"})
    data["workload"]["publish"].append(data["workload"]["publish"][0] | {"event": "f"})
    for target in ("sim", "app"):
        sent = sends(list(record(build(data), target, 1)))
        changes = sum(a.event != b.event for a, b in pairwise(sent))
        assert (len(sent), changes) == (80, 7)
