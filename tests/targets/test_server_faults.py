"""The faults of the target `server`, on real processes and sockets.

Nothing here asserts a time: only what came before what, how often, and why.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from simrt.checkers import judge
from simrt.checkers.verdict import Status
from simrt.history import History, Row, read_history
from simrt.scenario.model import Scenario
from simrt.targets import server
from tests.targets import small as smallest

pytestmark = pytest.mark.real

S = 1_000_000_000
small: Callable[..., Scenario] = smallest.small


def history_of(spec: Scenario, folder: Path, speed: float = 10.0) -> History:
    """Run it on the real server; no checker finds anything wrong but the lax shape of `small`."""
    path = folder / "history.jsonl"
    server.run(spec, 1, history=path, speed=speed)
    history = read_history(path).load()
    wrong = [
        f"{verdict.check}: {verdict.sentence} {verdict.evidence}"
        for verdict in judge(history)
        if verdict.status is Status.FAIL and verdict.check != "shape"
    ]
    assert wrong == []
    return history


def own(history: History) -> list[Row]:
    """The scenario's rows, without the neighbour's and the probes'."""
    return [
        row
        for row in history
        if row.project != "p-neighbour" and row.group not in ("neighbour", "probe")
    ]


def place(rows: list[Row], kind: str, cause: str) -> int:
    """Where the only row of this kind and cause stands."""
    [found] = [at for at, row in enumerate(rows) if (row.kind, row.cause) == (kind, cause)]
    return found


def during(rows: list[Row], cause: str) -> list[Row]:
    """What stands between a fault and its heal."""
    return rows[place(rows, "fault", cause) + 1 : place(rows, "heal", cause)]


def told(rows: list[Row], *kinds: str) -> list[tuple[Any, ...]]:
    """(kind, subscriber, cause) of rows of these kinds, in order."""
    return [(row.kind, row.subscriber, row.cause) for row in rows if row.kind in kinds]


@pytest.mark.rules("NET-6")
def test_slow_multiplies_what_an_event_takes(tmp_path: Path) -> None:
    """At forty times half a second nothing that is begun in it ends in it."""
    spec = small(
        duration="20s",
        subscribers={"g": {"drain": "500ms"}, "other": {"drain": "500ms"}},
        options={"bufferSize": 64},
        faults=[{"at": "5s", "slow": "g", "by": 40, "for": "5s"}],
    )
    rows = own(history_of(spec, tmp_path))
    slow = during(rows, "slow")
    assert len([row for row in slow if (row.kind, row.subscriber) == ("receive", "g/0")]) <= 1
    assert len([row for row in slow if (row.kind, row.subscriber) == ("receive", "other/0")]) >= 2
    assert rows[place(rows, "fault", "slow")].detail == {"index": 0, "whom": "g", "members": [0]}
    for who in ("g/0", "other/0"):
        assert sum((row.kind, row.subscriber) == ("receive", who) for row in rows) == 19


def test_a_burst_is_so_many_more_calls(tmp_path: Path) -> None:
    quiet = [{"event": "e", "arrivals": {"periodic": "1/h"}}]
    spec = small(
        publish=quiet,
        faults=[
            {"at": "2s", "burst": "e", "by": 30, "for": "2s"},
            {"at": "7s", "burst": "e", "by": 5},
        ],
    )
    rows = own(history_of(spec, tmp_path))
    sends = [row for row in rows if row.kind == "send"]
    assert len(sends) == 35
    assert {row.detail["sender"] for row in sends if row.detail} == {"POST /e"}
    strikes = [at for at, row in enumerate(rows) if row.kind == "fault"]
    assert sum(row.kind == "send" for row in rows[: strikes[0]]) == 0
    assert sum(row.kind == "send" for row in rows[: strikes[1]]) == 30
    # Evenly over the time: each may be late, as everything here may, and none is early.
    assert all(row.t_ns >= 2 * S + 2 * S * n // 30 for n, row in enumerate(sends[:30]))
    assert rows[strikes[0]].detail == {"index": 0, "whom": "e"}
