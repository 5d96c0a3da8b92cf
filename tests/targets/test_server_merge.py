"""One history from parts: order, causes, what a dead server had done and what it had not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from simrt.history import Row, encode_row, read_history
from simrt.scenario import Scenario, neighbour_of
from simrt.targets.harness.calls import Hook, LostCall
from simrt.targets.header import header_of
from simrt.targets.server.merge import Life, Parts, merge
from tests.targets import small as smallest
from tests.targets.small import S

small: Callable[..., Scenario] = smallest.small

HOOK = Hook("p", "c", "e", "POST /e", ())


def save(path: Path, *rows: Row, tail: bytes = b"") -> Path:
    path.write_bytes(b"".join(encode_row(row) for row in rows) + tail)
    return path


def row(t_ns: int, kind: str, **columns: Any) -> Row:
    return Row(t_ns, kind, **columns)


def send(t_ns: int, seq: int, sender: str = "POST /e", project: str = "p", event: str = "e") -> Row:
    detail = {"offered": 1, "sender": sender}
    return Row(t_ns, "send", project, "c", "e1", seq, event, detail=detail)


def merged(parts: Parts, complete_ns: int | None = 100 * S, **changes: Any) -> list[Row]:
    scenario = small(duration="60s", **changes)
    path = parts.clients.with_name("history.jsonl")
    plays = (scenario, neighbour_of(scenario))
    header = header_of(scenario, "server", 1, speed=2.0)
    merge(parts, header, path, plays, speed=2.0, complete_ns=complete_ns)
    return list(read_history(path))


def names(rows: list[Row]) -> list[tuple[int, str, str]]:
    return [(r.t_ns, r.kind, r.cause or r.subscriber) for r in rows]


def test_causes_come_first_within_an_instant(tmp_path: Path) -> None:
    """Server before clients: a receive never precedes its take, even at one nanosecond."""
    life = Life(save(tmp_path / "s0", send(5, 1), row(5, "take", seq=1), row(9, "take", seq=2)))
    clients = save(tmp_path / "c", row(5, "receive", seq=1), row(7, "receive", seq=1))
    rows = merged(Parts(clients, [life]))
    assert [r.kind for r in rows] == ["send", "take", "receive", "receive", "take", "end"]


@pytest.mark.rules("RST-2", "NET-8")
def test_a_restart_stands_after_all_that_the_dead_life_did(tmp_path: Path) -> None:
    """The kill is told before the process is dead: what it still did comes before `restart`."""
    lives = [
        Life(save(tmp_path / "s0", send(10, 1), row(25, "take", seq=1)), "e1", 0, 20, 40),
        Life(save(tmp_path / "s1", row(40, "connect", subscriber="g/0")), "e2", 40),
    ]
    clients = save(
        tmp_path / "c", row(19, "fault", cause="restart"), row(25, "close", cause="server")
    )
    heal = row(40, "heal", cause="restart", epoch="e2")
    rows = merged(Parts(clients, lives, [heal]))
    assert names(rows) == [
        (10, "send", ""),
        (19, "fault", "restart"),
        (25, "take", ""),
        (25, "restart", "server"),
        (25, "close", "server"),
        (40, "heal", "restart"),
        (40, "connect", "g/0"),
        (100 * S, "end", ""),
    ]
    assert rows[3].epoch == "e1"


def test_an_unfinished_line_is_left_out(tmp_path: Path) -> None:
    """A kill in the middle of a row: nothing that it describes was seen by anybody."""
    life = Life(save(tmp_path / "s0", send(1, 1), tail=b'{"t_ns":2,"kind":"ta'), "e1", 0, 5)
    rows = merged(Parts(save(tmp_path / "c"), [life]))
    assert [r.kind for r in rows] == ["send", "restart", "end"]


def test_a_run_that_was_cut_short_has_no_last_row(tmp_path: Path) -> None:
    life = Life(save(tmp_path / "s0", send(1, 1)))
    assert [r.kind for r in merged(Parts(save(tmp_path / "c"), [life]), None)] == ["send"]


def test_nothing_stands_after_the_last_row(tmp_path: Path) -> None:
    life = Life(save(tmp_path / "s0", send(500, 1)))
    rows = merged(Parts(save(tmp_path / "c"), [life]), 400)
    assert names(rows) == [(500, "send", ""), (500, "end", "")]


@pytest.mark.rules("RST-5")
@pytest.mark.parametrize(
    ("sent", "rejected", "answered", "refused", "downs"),
    [
        (2, 0, 2, 0, 1),  # answered twice, sent twice: the lost one was not done
        (3, 0, 2, 0, 0),  # the third was sent; only its answer was lost
        (2, 1, 2, 0, 0),  # the third was rejected by the server
        (2, 1, 2, 1, 1),
        (0, 0, 0, 0, 1),
    ],
)
def test_a_lost_call_was_done_or_found_nobody(
    tmp_path: Path, sent: int, rejected: int, answered: int, refused: int, downs: int
) -> None:
    """RST-5: what the dead life's own rows do not show is a `reject`, cause `down`."""
    rows = [send(seq, seq) for seq in range(1, sent + 1)]
    rows += [send(10 + seq, seq, project="p-neighbour") for seq in range(1, 9)]
    rows += [row(20, "reject", project="p", event="e", cause="shape")] * rejected
    life = Life(save(tmp_path / "s0", *rows), "e1", 0, 50)
    lost = [LostCall(HOOK, 0, 60, answered, refused)]
    after = merged(Parts(save(tmp_path / "c"), [life], lost=lost))
    found = [r for r in after if r.kind == "reject" and r.cause == "down"]
    assert [(r.t_ns, r.project, r.channel, r.event) for r in found] == [(60, "p", "c", "e")] * downs


@pytest.mark.rules("RST-5", "HOK-3")
def test_cron_instants_in_the_down_time_are_rejects(tmp_path: Path) -> None:
    """RST-5: those after the kill, before the next life; an interval misses nothing."""
    scenario = small(duration="10m")
    data = scenario.normalised()
    data["feature"]["senders"] += [{"job": "* * * * *", "sends": "e"}, {"job": "7s", "sends": "e"}]
    scenario = type(scenario).model_validate(data)
    minute = 60 * S
    life = Life(
        save(tmp_path / "s0", send(minute + 5, 1, "* * * * *")), "e1", -5, minute + 6, 3 * minute
    )
    lives = [life, Life(save(tmp_path / "s1"), "e2", 3 * minute, 595 * S, None)]
    path = tmp_path / "history.jsonl"
    header = header_of(scenario, "server", 1)
    parts = Parts(save(tmp_path / "c"), lives)
    merge(parts, header, path, (scenario,), speed=1.0, complete_ns=700 * S)
    downs = [(r.t_ns, r.event, r.cause) for r in read_history(path) if r.kind == "reject"]
    # The minute 1 was done; 3 belongs to the next life; from 9:55 to the end nothing is due.
    assert downs == [(2 * minute, "e", "down")]


@pytest.mark.rules("RST-5")
@pytest.mark.parametrize(("done", "downs"), [(True, 0), (False, 1)])
def test_a_kill_beside_a_cron_instant(tmp_path: Path, done: bool, downs: int) -> None:
    """The instant came before the kill: whether the job came round, the dead life's rows say."""
    scenario = small(duration="10m")
    data = scenario.normalised()
    data["feature"]["senders"].append({"job": "* * * * *", "sends": "e"})
    scenario = type(scenario).model_validate(data)
    minute = 60 * S
    rows = [send(minute + 1000, 1, "* * * * *")] if done else []
    life = Life(save(tmp_path / "s0", *rows), "e1", 0, minute + 2000, minute + S)
    path = tmp_path / "history.jsonl"
    parts = Parts(save(tmp_path / "c"), [life])
    merge(parts, header_of(scenario, "server", 1), path, (scenario,), speed=1.0, complete_ns=None)
    found = [r.t_ns for r in read_history(path) if r.kind == "reject"]
    assert found == [minute + 2000] * downs
