"""The faults of the target `server`, on real processes and sockets.

Nothing here asserts a time: only what came before what, how often, and why.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from simrt.checkers import judge, reconnect
from simrt.checkers.verdict import Status
from simrt.errors import OverloadError, UsageError
from simrt.history import History, Row, read_history
from simrt.scenario.model import Scenario
from simrt.targets import server
from simrt.targets.server.namespace import why_none
from tests.marks import paced
from tests.targets import small as smallest

pytestmark = [pytest.mark.real, paced]

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


@pytest.mark.rules("SSE-4", "CLI-3")
def test_who_is_denied_loses_the_stream_and_returns_when_it_may(tmp_path: Path) -> None:
    """Also where the server restarts meanwhile: a new life knows what is revoked."""
    after_the_restart = {"after": "8s", "jitter": "0s"}
    spec = small(
        duration="30s",
        subscribers={"g": {"count": 3, "reconnect": after_the_restart}, "other": {}},
        faults=[
            {"at": "5s", "deny": "g", "for": "15s"},
            {"at": "10s", "restart": "server", "for": "500ms"},
        ],
    )
    rows = own(history_of(spec, tmp_path))
    begin, end = place(rows, "fault", "deny"), place(rows, "heal", "deny")
    kinds = ("connect", "close", "refuse", "gave-up")
    for who in ("g/0", "g/1", "g/2"):
        of_who = [told([row], *kinds) for row in rows[begin:end] if row.subscriber == who]
        assert [(kind, cause) for [(kind, _, cause)] in filter(None, of_who)] == [
            ("close", "denied"),
            ("close", "server"),
            ("refuse", "status"),
            ("gave-up", "status"),
        ]
        after = [row for row in rows[end:] if row.subscriber == who]
        assert [row.kind for row in after if row.kind in kinds] == ["connect"]
        assert sum(row.kind == "receive" for row in after) >= 9
    assert [row.detail for row in rows if row.kind == "refuse" and row.group == "g"] == [
        {"status": 401}
    ] * 3
    others = told(rows, "close", "gave-up")
    assert [cause for _, who, cause in others if who == "other/0"] == ["server"]


@pytest.mark.rules("SSE-4")
def test_a_token_can_be_denied_where_one_group_shows_it(tmp_path: Path) -> None:
    spec = small(
        count=2,
        permission={"token:reader": ["GET"]},
        faults=[
            {"at": "3s", "deny": "g", "for": "3s"},
            {"at": "4s", "deny": "g", "for": "4s"},  # the last to heal counts
        ],
    )
    rows = own(history_of(spec, tmp_path))
    heals = [at for at, row in enumerate(rows) if row.kind == "heal"]
    connects = [at for at, row in enumerate(rows) if row.kind == "connect"]
    assert [at < heals[0] for at in connects] == [True, True, False, False]
    assert connects[2] > heals[1]


def test_what_a_real_server_cannot_deny_is_said(tmp_path: Path) -> None:
    faults = [{"at": "3s", "deny": "g", "for": "3s"}]
    reader = {"token:reader": ["GET"]}
    for spec, what in (
        (small(permission={"public": ["GET"]}, faults=faults), "public"),
        (small(permission=reader, faults=faults, subscribers={"g": {}, "h": {}}), "group h"),
        (small(permission={"token:t": ["GET"]}, faults=faults), "hook POST /e"),
    ):
        with pytest.raises(UsageError, match=f"faults.0..deny.*{what}"):
            server.run(spec, 1, history=tmp_path / "history.jsonl")


def of(rows: list[Row], who: str, *kinds: str) -> list[tuple[str, str]]:
    """(kind, cause) of one subscriber's rows of these kinds, in order."""
    return [(row.kind, row.cause) for row in rows if row.subscriber == who and row.kind in kinds]


@pytest.mark.rules("NET-7")
def test_after_a_silence_the_network_delivers_what_is_under_way(tmp_path: Path) -> None:
    """Nobody is told, nothing is lost, nothing comes twice, no connection ends."""
    spec = small(
        duration="20s",
        options={"bufferSize": 64},
        subscribers={
            "g": {"online": {"up": "4500ms", "down": "5s", "silent": True}},
            "other": {},
        },
    )
    rows = own(history_of(spec, tmp_path))
    assert of(rows, "g/0", "offline", "online", "connect", "close") == [
        ("connect", ""),
        *[("offline", "silent"), ("online", "silent")] * 2,
    ]
    for who in ("g/0", "other/0"):
        seqs = [row.seq for row in rows if (row.kind, row.subscriber) == ("receive", who)]
        assert seqs == list(range(1, 20))
    at = [n for n, row in enumerate(rows) if row.kind in ("offline", "online")]
    for begin, end in (at[:2], at[2:]):
        silent = rows[begin:end]
        assert of(silent, "g/0", "receive") == []
        assert len(of(silent, "other/0", "receive")) >= 3
        assert len(of(silent, "g/0", "take")) >= 3  # the server hears of nothing
    why = why_none(1)
    by = {"by": "proxy", "because": why} if why else {"by": "namespace"}
    assert [row.detail for row in rows if row.kind == "offline"] == [by] * 2


@pytest.mark.rules("NET-7", "CLI-1")
def test_half_open_kills_the_connection_and_each_side_learns_it_at_the_heal(tmp_path: Path) -> None:
    spec = small(
        duration="20s",
        count=2,
        notices="at-heal",
        reconnect={"after": "2s", "jitter": "0s"},
        faults=[{"at": "4500ms", "half-open": "g", "for": "6s"}],
    )
    rows = own(history_of(spec, tmp_path))
    silent = during(rows, "half-open")
    for who in ("g/0", "g/1"):
        assert of(silent, who, "connect", "close", "refuse", "receive") == []
        assert of(rows, who, "offline", "online", "connect", "close")[1:3] == [
            ("offline", "silent"),
            ("online", "silent"),
        ]
        ends = [row for row in rows if row.kind == "close" and row.subscriber == who]
        # The server cannot tell the network's reset from a client's.
        assert sorted(row.cause for row in ends) == ["client", "server"]
        assert of(rows, who, "connect") == [("connect", "")] * 2
        seqs = [row.seq for row in rows if (row.kind, row.subscriber) == ("receive", who)]
        missed = set(range(1, 20)) - set(seqs)
        assert {6, 7, 8, 9} <= missed
        assert missed <= set(range(4, 15))


@pytest.mark.rules("CLI-4", "NET-7")
def test_a_watchdog_notices_a_silence_and_dials_into_it(tmp_path: Path) -> None:
    """The dial gets through when the silence ends; a restart in it is learnt then."""
    spec = small(
        duration="30s",
        subscribers={
            "g": {"watchdog": "4s", "reconnect": {"after": "1s", "jitter": "0s"}},
            "patient": {"notices": "at-heal"},
        },
        faults=[
            {"at": "4500ms", "half-open": "g", "for": "12s"},
            {"at": "4500ms", "half-open": "patient", "for": "12s"},
            {"at": "12s", "restart": "server", "for": "2s"},
        ],
    )
    rows = own(history_of(spec, tmp_path))
    assert of(rows, "g/0", "offline", "online", "close", "refuse", "connect") == [
        ("connect", ""),
        ("offline", "silent"),
        ("close", "watchdog"),
        ("online", "silent"),
        ("connect", ""),
    ]
    assert of(rows, "patient/0", "offline", "online", "close", "refuse", "connect") == [
        ("connect", ""),
        ("offline", "silent"),
        ("online", "silent"),
        ("close", "server"),
        ("connect", ""),
    ]


@pytest.mark.rules("NET-7")
def test_after_a_half_open_each_client_learns_as_it_notices(tmp_path: Path) -> None:
    """Silent from 4.5 s to 10.5 s, one to 18.5 s; nobody tells a client when that ends."""
    again = {"reconnect": {"after": "1s", "jitter": "0s"}}
    groups = {
        "asking": {"notices": {"keepalive": "4s"}} | again,
        "impatient": {"notices": {"keepalive": "1s"}} | again,
        "never": {"notices": "never"} | again,
    }
    faults = [{"at": "4500ms", "half-open": name, "for": "6s"} for name in groups]
    faults[1]["for"] = "14s"
    history = history_of(small(duration="24s", subscribers=groups, faults=faults), tmp_path)
    assert reconnect.check(history).status is Status.PASS
    rows = own(history)
    closes = {
        row.subscriber: (row.cause, at)
        for at, row in enumerate(rows)
        if row.kind == "close" and (row.detail or {})["side"] == "client"
    }
    spoke = {row.subscriber: at for at, row in enumerate(rows) if row.kind == "online"}
    cause, at = closes["asking/0"]
    assert cause == "keepalive"
    assert at > spoke["asking/0"]
    cause, at = closes["impatient/0"]
    assert cause == "keepalive"
    assert at < spoke["impatient/0"]
    assert "never/0" not in closes
    ends = {row.subscriber: row.cause for row in rows if row.kind == "end" and row.connection}
    assert ends["never/0"] == "untold"
    assert [len(of(rows, f"{name}/0", "connect")) for name in groups] == [2, 2, 1]


@pytest.mark.rules("NET-7", "NET-8")
def test_a_server_that_restarts_in_a_silence_is_gone_without_a_word(tmp_path: Path) -> None:
    """Killed at 6 s and back at 7 s, within silent periods that end at 10.5 s."""
    tunnel = {
        "online": {"up": "4500ms", "down": "6s", "silent": True},
        "reconnect": {"after": "1s", "jitter": "0s"},
    }
    groups = {
        "asking": {"notices": {"keepalive": "3s"}} | tunnel,
        "watchful": {"notices": "never", "watchdog": "3s"} | tunnel,
        "never": {"notices": "never"} | tunnel,
        "told": {"notices": "at-heal"} | tunnel,
    }
    faults = [{"at": "6s", "restart": "server", "for": "1s"}]
    history = history_of(small(duration="14s", subscribers=groups, faults=faults), tmp_path)
    assert reconnect.check(history).status is Status.PASS
    rows = own(history)
    spoke = {row.subscriber: at for at, row in reversed([*enumerate(rows)]) if row.kind == "online"}
    firsts = {
        row.subscriber: (row.cause, at > spoke[row.subscriber])
        for at, row in reversed([*enumerate(rows)])
        if row.kind == "close" and (row.detail or {})["side"] == "client"
    }
    assert firsts == {
        "asking/0": ("keepalive", True),
        "watchful/0": ("watchdog", False),
        "told/0": ("server", True),
    }
    ends = {row.subscriber: row.cause for row in rows if row.kind == "end" and row.connection}
    assert ends["never/0"] == "untold"
    assert len(of(rows, "never/0", "connect")) == 1


def test_a_run_that_cannot_keep_up_says_so(tmp_path: Path) -> None:
    """Nothing is sent after the workload, and nobody takes such a run for the scenario."""
    spec = small(
        duration="1600s",
        publish=[{"event": "e", "arrivals": {"poisson": "100/s"}}],
    )
    path = tmp_path / "history.jsonl"
    with pytest.raises(OverloadError, match=r"at 400 times real time: .* or with nothing else"):
        server.run(spec, 1, history=path, speed=400.0)
    rows = own(read_history(path).load())
    assert [row for row in rows if row.kind == "send"]
    assert not [row for row in rows if row.kind == "send" and row.t_ns > 1600 * S + 4 * S]
