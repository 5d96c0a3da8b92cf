"""The target `server` from end to end: real processes, sockets, parser and kills.

Nothing here asserts a time: only order, loss, accounting, and what is left behind.
"""

from __future__ import annotations

import asyncio
import json
import os
import resource
import signal
import subprocess
import sys
import textwrap
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from simrt.checkers import judge
from simrt.checkers.verdict import Status
from simrt.errors import TargetError, UsageError
from simrt.history import History, Row, read_history
from simrt.scenario import Scenario, scenario
from simrt.targets import server
from simrt.targets.server.run import default_speed
from tests.marks import paced

pytestmark = pytest.mark.real

JSON = dict[str, Any]


def feature(**changes: Any) -> JSON:
    """A feature with a hook and a job that fires every minute."""
    return {
        "project": "shop",
        "channel": "news",
        "options": {"bufferSize": 8, "onFull": "drop-oldest", "messageTTL": "10m"},
        "stream": {
            "path": "/news",
            "permission": {"user": ["GET"]},
            "replay": {"lastN": 3, "maxAge": "5m"},
        },
        "events": {
            "changed": {
                "type": "object",
                "additionalProperties": False,
                "required": ["id"],
                "properties": {"id": {"type": "string"}},
            },
            "tick": {
                "type": "object",
                "additionalProperties": False,
                "properties": {"at": {"type": "string", "format": "date-time"}},
                "examples": [{"at": "{now}"}],
            },
        },
        "senders": [
            {"hook": "POST /content", "permission": {"token:editor": ["POST"]}, "sends": "changed"},
            {"job": "* * * * *", "sends": "tick"},
        ],
        **changes,
    }


def small(
    groups: JSON,
    faults: tuple[JSON, ...] = (),
    duration: str = "90s",
    rate: str = "4/s",
    **rest: Any,
) -> Scenario:
    """A scenario with this feature, these groups and faults."""
    return scenario(
        {
            "title": "Small",
            "intent": {"kind": "notifications"},
            "feature": feature(**rest.pop("feature", {})),
            "workload": {
                "duration": duration,
                "publish": [
                    {"event": "changed", "arrivals": {"poisson": rate}, "data": {"id": "{n}"}}
                ],
                "subscribers": groups,
            },
            "faults": list(faults),
            **rest,
        }
    )


@pytest.fixture
def no_strays() -> Iterator[None]:
    """No process of ours outlives its test."""
    me = psutil.Process()
    before = {child.pid for child in me.children(recursive=True)}
    yield
    assert {child.pid for child in me.children(recursive=True)} <= before


def of(history: History, kind: str, **columns: Any) -> list[Row]:
    """The scenario's own rows of one kind."""
    return [
        row
        for row in history
        if row.kind == kind
        and not row.project.endswith("-neighbour")
        and all(getattr(row, name) == value for name, value in columns.items())
    ]


def failures(history: History) -> list[str]:
    """What the checkers find wrong."""
    return [
        f"{verdict.check}: {verdict.sentence} {verdict.evidence}"
        for verdict in judge(history)
        if verdict.status is Status.FAIL
    ]


@pytest.fixture(scope="module")
def eventful(tmp_path_factory: pytest.TempPathFactory) -> History:
    """A run with a stall, a restart over a cron instant, offline periods and a disconnect."""
    path = tmp_path_factory.mktemp("server") / "history.jsonl.gz"
    spec = small(
        {
            "office": {"count": 3, "drain": {"exponential": "20ms"}},
            "stuck": {"count": 2},
            "train": {"count": 2, "online": {"up": {"uniform": {"low": "8s", "high": "16s"}},
                                             "down": "5s"}},
            "locked": {"credentials": "wrong"},
        },
        (
            {"at": "5s", "stall": "stuck", "for": "30s"},
            {"at": "58s", "restart": "server", "for": "4s"},
            {"at": "70s", "disconnect": "office", "by": 0.5},
        ),
    )  # fmt: skip
    seen: list[float] = []
    server.run(spec, 3, history=path, speed=15.0, progress=seen.append)
    assert seen == sorted(seen)
    assert seen[-1] == 1.0
    assert not path.with_name(path.name + ".parts").exists()
    return read_history(path).load()


@paced
@pytest.mark.rules("ACC-1", "ACC-2", "ACC-3", "RST-2", "DLV-2", "DLV-3", "PRJ-1", "SSE-4")
def test_every_promise_holds_on_a_real_server(eventful: History) -> None:
    """All checkers: nothing fails on a real run with every fault that there is."""
    assert failures(eventful) == []
    assert eventful.header.target == "server"
    assert eventful.header.speed == 15.0
    assert eventful.header.resolution_ns > 0


@paced
def test_rows_stand_in_time_order_causes_first(eventful: History) -> None:
    """No receive before its take, no take before its send, no row after the last."""
    times = [row.t_ns for row in eventful]
    assert times == sorted(times)
    sent, taken, received = set(), set(), 0
    for row in eventful:
        message = (row.project, row.epoch, row.seq)
        if row.kind == "send":
            sent.add(message)
        elif row.kind == "take":
            assert message in sent
            taken.add((row.subscriber, row.connection, *message))
        elif row.kind == "receive":
            assert (row.subscriber, row.connection, *message) in taken
            received += 1
    assert received > 1000
    *_, last = eventful
    assert (last.kind, last.subscriber) == ("end", "")
    assert last.detail is not None
    assert last.detail["run"] == "complete"


@paced
@pytest.mark.rules("RST-1", "RST-3", "NET-8")
def test_a_restart_is_a_kill_and_a_new_process(eventful: History) -> None:
    """RST-1, RST-3: one epoch ends, another begins at seq 1; nothing is written in between."""
    (restart,) = of(eventful, "restart")
    (heal,) = of(eventful, "heal", cause="restart")
    epochs = list(dict.fromkeys(row.epoch for row in of(eventful, "send")))
    assert epochs == [restart.epoch, heal.epoch]
    assert restart.epoch != heal.epoch
    for row in of(eventful, "send") + of(eventful, "take") + of(eventful, "connect"):
        before = row.epoch == restart.epoch
        assert row.t_ns <= restart.t_ns if before else row.t_ns >= heal.t_ns
    first = next(row for row in of(eventful, "send", epoch=heal.epoch))
    assert first.seq == 1
    ended = {row.subscriber for row in of(eventful, "close", cause="server")}
    assert {"office/0", "office/1", "office/2", "stuck/0", "stuck/1"} <= ended


@paced
@pytest.mark.rules("RST-5", "HOK-3")
def test_what_found_the_server_down_is_no_send(eventful: History) -> None:
    """RST-5: hook calls and the cron instant in the down time are `reject` rows, cause `down`."""
    (restart,) = of(eventful, "restart")
    (heal,) = of(eventful, "heal", cause="restart")
    down = of(eventful, "reject", cause="down")
    assert all(restart.t_ns <= row.t_ns <= heal.t_ns + 10**9 for row in down)
    assert Counter(row.event for row in down)["tick"] == 1
    assert Counter(row.event for row in down)["changed"] >= 3
    # Each call of the hook came to one end.
    from simrt.scenario import Randomness, arrivals

    calls = sum(1 for _ in arrivals(eventful.scenario, Randomness(3)))
    ends = len(of(eventful, "send", event="changed")) + len(
        [row for row in of(eventful, "reject") if row.event == "changed"]
    )
    assert ends == calls


@paced
@pytest.mark.rules("BUF-2", "SSE-6", "NET-6")
def test_a_stall_makes_the_server_drop_by_policy(eventful: History) -> None:
    """BUF-2, SSE-6: of a stalled client's messages the oldest are lost, and nothing is received."""
    drops = of(eventful, "drop")
    assert {row.cause for row in drops} == {"drop-oldest"}
    assert {"stuck/0", "stuck/1"} <= {row.subscriber for row in drops}
    (begin,) = of(eventful, "fault", cause="stall")
    (end,) = of(eventful, "heal", cause="stall")
    assert begin.detail == {"index": 0, "whom": "stuck", "members": [0, 1]}
    during = [
        row
        for row in of(eventful, "receive")
        if row.group == "stuck" and begin.t_ns < row.t_ns < end.t_ns
    ]
    assert during == []
    window = eventful.header.window["stuck"]["messages"]
    assert 1 <= window < 120
    assert set(eventful.header.window) == {"office", "stuck", "train", "locked"}


@paced
@pytest.mark.rules("CLI-1", "CLI-2")
def test_offline_periods_end_connections_and_with_the_workload(eventful: History) -> None:
    """CLI-2: the client's close has cause `offline`; all are online when the workload is over."""
    for name in ("train/0", "train/1"):
        states = [row.kind for row in eventful if row.subscriber == name
                  and row.kind in ("offline", "online")]  # fmt: skip
        assert len(states) >= 2
        assert states == ["offline", "online"] * (len(states) // 2)
        assert of(eventful, "close", subscriber=name, cause="offline")
        attempts = [
            row.connection
            for row in eventful
            if row.subscriber == name and row.kind in ("connect", "refuse")
        ]
        assert sorted(set(attempts)) == list(range(1, max(attempts) + 1))


@paced
def test_a_share_is_disconnected_by_the_named_stream(eventful: History) -> None:
    from simrt.scenario import Randomness

    (fault,) = of(eventful, "fault", cause="disconnect")
    chosen = list(Randomness(3).choice("faults/disconnect/office/1", 3, 2))
    assert fault.detail == {"index": 2, "whom": "office", "members": chosen}
    hit = {row.subscriber for row in of(eventful, "close", cause="disconnect")}
    assert hit == {f"office/{number}" for number in chosen}


@paced
@pytest.mark.rules("CLI-3", "SSE-4")
def test_wrong_credentials_end_a_client_for_good(eventful: History) -> None:
    about = [row for row in eventful if row.subscriber == "locked/0"]
    assert [(row.kind, row.cause, row.detail) for row in about] == [
        ("refuse", "status", {"status": 401}),
        ("gave-up", "status", {"status": 401}),
    ]


@paced
@pytest.mark.rules("SSE-4")
def test_the_permission_is_probed(eventful: History) -> None:
    """Each kind of credentials is tried once, after the quiet phase, and its answer kept."""
    probes = {
        row.subscriber: row.detail
        for row in eventful
        if row.group == "probe" and row.kind in ("refuse", "close") and row.detail
        and "probe" in row.detail
    }  # fmt: skip
    assert {name: detail["status"] for name, detail in probes.items()} == {
        "probe/none": 401, "probe/wrong": 401, "probe/expired": 401, "probe/other-project": 401,
        "probe/right": 200,
    }  # fmt: skip
    assert {detail["endpoint"] for detail in probes.values()} == {"GET /shop/news"}
    first = next(row.t_ns for row in eventful if row.group == "probe")
    assert first >= 90 * 10**9


@paced
@pytest.mark.rules("ACC-1", "ACC-3")
def test_the_run_ends_when_nothing_waits(eventful: History) -> None:
    """Both sides write an `end` for each open stream; nothing is pending or in flight."""
    ends = [row for row in of(eventful, "end") if row.subscriber]
    sides = {(row.subscriber, row.detail["side"]) for row in ends if row.detail}
    names = [f"{group}/{n}" for group, count in (("office", 3), ("stuck", 2), ("train", 2))
             for n in range(count)]  # fmt: skip
    assert sides == {(name, side) for name in names for side in ("server", "client")}
    for row in ends:
        assert row.detail is not None
        if row.detail["side"] == "server":
            assert row.detail["pending"] == []
        else:
            taken = of(eventful, "take", subscriber=row.subscriber, connection=row.connection)
            assert row.detail["received"] == len(taken)


@paced
@pytest.mark.rules("BUF-3", "RST-1")
def test_drop_newest_and_many_restarts(tmp_path: Path, no_strays: None) -> None:
    """BUF-3; the last restart heals with the end of the workload."""
    restarts: tuple[JSON, ...] = tuple(
        {"at": f"{20 + 10 * k}s", "restart": "server", "for": "2s"} for k in range(3)
    )
    spec = small(
        {
            "stuck": {"reconnect": "at-once"},
            "patient": {"client": "patient"},
            "tunnel": {"online": {"up": "45s", "down": "1h"}},
        },
        (
            {"at": "0s", "stall": "stuck", "for": "18s"},
            *restarts,
            {"at": "59s", "restart": "server", "for": "30s"},
        ),
        duration="60s",
        rate="8/s",
        feature={"options": {"bufferSize": 4, "onFull": "drop-newest", "messageTTL": "none"}},
    )
    path = tmp_path / "history.jsonl"
    server.run(spec, 1, history=path, speed=6.0)
    history = read_history(path)
    assert failures(history) == []
    assert {row.cause for row in of(history, "drop")} == {"drop-newest"}
    kinds = [row.kind for row in of(history, "restart") + of(history, "heal", cause="restart")]
    assert kinds == ["restart"] * 4 + ["heal"] * 4
    in_time = [row for row in of(history, "send") if row.t_ns < 60 * 10**9]
    assert len({row.epoch for row in in_time}) == 4
    # The tunnel would have lasted longer than the workload.
    states = [row.kind for row in history if row.subscriber == "tunnel/0"]
    assert [kind for kind in states if kind.startswith("o")] == ["offline", "online"]
    assert of(history, "end", subscriber="tunnel/0")


@paced
def test_restarts_come_faster_than_servers_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, no_strays: None
) -> None:
    """One process waits ready at a time: late or overlapping restarts are told as they were."""
    monkeypatch.setattr("simrt.targets.server.lives._MOST_SPARES", 1)
    restarts = tuple(
        {"at": f"{5 + 2 * k}s", "restart": "server", "for": "1500ms"} for k in range(6)
    )
    path = tmp_path / "history.jsonl"
    server.run(small({"office": {}}, restarts, "30s"), 1, history=path, speed=10.0)
    history = read_history(path)
    assert failures(history) == []
    heals = [row.epoch for row in of(history, "heal", cause="restart")]
    assert len(heals) == len(of(history, "fault", cause="restart")) == 6
    epochs = [epoch for epoch in heals if epoch]
    assert len(of(history, "restart")) == len(set(epochs)) == len(epochs) >= 1


# --- what goes wrong --------------------------------------------------------------------------

OFFICE: JSON = {"office": {"count": 2}}


def test_a_server_that_dies_at_start(tmp_path: Path, no_strays: None) -> None:
    """Its last words are shown; no history is left, as nothing ran."""
    path = tmp_path / "history.jsonl"
    command = (sys.executable, "-c", "import sys; sys.exit('no such luck')")
    with pytest.raises(TargetError, match="no such luck"):
        server.run(small(OFFICE), 1, history=path, command=command)
    assert list(tmp_path.iterdir()) == []


def test_a_server_that_says_nonsense(tmp_path: Path, no_strays: None) -> None:
    command = (sys.executable, "-c", "print('hello', flush=True); input(); input()")
    with pytest.raises(TargetError, match="hello"):
        server.run(small(OFFICE), 1, history=tmp_path / "history.jsonl", command=command)


def test_a_server_that_dies_in_the_middle(tmp_path: Path, no_strays: None) -> None:
    """Killed behind the harness's back: an error at once, the history up to there, no more."""
    path = tmp_path / "history.jsonl"
    seen: list[float] = []

    def kill_it(share: float) -> None:
        seen.append(share)
        if share > 0.3:
            for child in psutil.Process().children():
                if any(c.status == psutil.CONN_LISTEN for c in child.net_connections("tcp")):
                    child.kill()

    with pytest.raises(TargetError, match="ended"):
        server.run(small(OFFICE), 1, history=path, speed=10.0, progress=kill_it)
    assert seen[-1] < 1.0
    history = read_history(path)
    rows = list(history)
    assert of(history, "receive")
    assert rows[-1].detail != {"run": "complete"}
    assert list(tmp_path.iterdir()) == [path]


def test_a_failure_in_a_callback_ends_the_run(tmp_path: Path, no_strays: None) -> None:
    """What asyncio would only log is an error of the run."""

    def broken() -> None:
        raise RuntimeError("broken callback")

    def plant(share: float) -> None:
        if share > 0.1:
            asyncio.get_running_loop().call_soon(broken)

    with pytest.raises(RuntimeError, match="broken callback"):
        server.run(small(OFFICE), 1, history=tmp_path / "h.jsonl", speed=30.0, progress=plant)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_keeps_what_was_recorded(
    tmp_path: Path, no_strays: None, number: signal.Signals
) -> None:
    """Ctrl-C and SIGTERM: children end, the history lacks only its last row, the caller hears."""
    path = tmp_path / "history.jsonl"
    script = textwrap.dedent(
        f"""
        import signal, sys
        from pathlib import Path
        from simrt.scenario.model import Scenario
        from simrt.targets import server
        # Under a shell's background job SIGINT is ignored, and that is inherited.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        scenario = Scenario.model_validate_json(sys.argv[1])
        def tell(share):
            if share > 0.2:
                print("running", flush=True)
        try:
            server.run(scenario, 1, history=Path({str(path)!r}), speed=20.0, progress=tell)
        except KeyboardInterrupt:
            sys.exit(130)
        """
    )
    spec = json.dumps(small(OFFICE).normalised())
    harness = subprocess.Popen([sys.executable, "-c", script, spec], stdout=subprocess.PIPE)
    try:
        assert harness.stdout is not None
        assert harness.stdout.readline() == b"running\n"
        children = psutil.Process(harness.pid).children(recursive=True)
        assert children
        harness.send_signal(number)
        assert harness.wait(60) == 130
    finally:
        harness.kill()
        harness.wait()
        assert harness.stdout is not None
        harness.stdout.close()
    _, alive = psutil.wait_procs(children, timeout=0)
    assert alive == []
    history = read_history(path)
    rows = list(history)
    assert of(history, "receive")
    assert rows[-1].detail != {"run": "complete"}
    assert list(tmp_path.iterdir()) == [path]


def test_a_harness_that_is_killed_leaves_no_server(tmp_path: Path, no_strays: None) -> None:
    """kill -9 of the harness: its servers see the end of stdin and go; the parts stay."""
    path = tmp_path / "history.jsonl"
    script = textwrap.dedent(
        f"""
        import sys
        from pathlib import Path
        from simrt.scenario.model import Scenario
        from simrt.targets import server
        tell = lambda share: share > 0.2 and print("running", flush=True)
        scenario = Scenario.model_validate_json(sys.argv[1])
        server.run(scenario, 1, history=Path({str(path)!r}), speed=20.0, progress=tell)
        """
    )
    spec = json.dumps(small(OFFICE).normalised())
    harness = subprocess.Popen([sys.executable, "-c", script, spec], stdout=subprocess.PIPE)
    assert harness.stdout is not None
    with harness.stdout:
        assert harness.stdout.readline() == b"running\n"
        children = psutil.Process(harness.pid).children(recursive=True)
        assert children
        os.kill(harness.pid, signal.SIGKILL)
        harness.wait()
    _, alive = psutil.wait_procs(children, timeout=30)
    assert alive == []
    assert (path.with_name(path.name + ".parts") / "clients.jsonl").exists()


@pytest.mark.parametrize("speed", [0.0, -1.0, float("nan"), float("inf")])
def test_a_speed_that_is_none(tmp_path: Path, speed: float) -> None:
    with pytest.raises(UsageError, match="speed"):
        server.run(small(OFFICE), 1, history=tmp_path / "h.jsonl", speed=speed)


def test_too_few_open_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """More clients than descriptors: said before anything runs, with what to do."""
    monkeypatch.setattr(resource, "getrlimit", lambda _: (256, 256))
    with pytest.raises(TargetError, match="ulimit -n 400"):
        server.run(small({"crowd": {"count": 300}}), 1, history=tmp_path / "h.jsonl")
    with pytest.raises(TargetError, match="at most 20000"):
        server.run(small({"crowd": {"count": 30_000}}), 1, history=tmp_path / "h.jsonl")
    assert list(tmp_path.iterdir()) == []


def test_the_soft_limit_is_raised_where_that_is_enough(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, no_strays: None
) -> None:
    raised: list[tuple[int, int]] = []
    monkeypatch.setattr(resource, "getrlimit", lambda _: (256, 4096))
    monkeypatch.setattr(resource, "setrlimit", lambda _, limits: raised.append(limits))
    command = (sys.executable, "-c", "import sys; sys.exit('enough')")
    spec = small({"crowd": {"count": 300}})
    with pytest.raises(TargetError, match="enough"):
        server.run(spec, 1, history=tmp_path / "h.jsonl", command=command)
    assert raised == [(400, 4096)]


@pytest.mark.parametrize(
    ("duration", "speed"), [("5s", 1), ("10s", 1), ("11s", 2), ("10m", 31), ("2h", 60)]
)
def test_the_default_speed_ends_within_half_a_minute(duration: str, speed: float) -> None:
    assert default_speed(small(OFFICE, duration=duration)) == speed


@pytest.mark.parametrize(("rate", "speed"), [("1/s", 31), ("10/s", 20), ("1000/s", 1)])
def test_the_default_speed_is_one_that_two_cores_carry(rate: str, speed: int) -> None:
    crowd = small({"crowd": {"count": 20}}, duration="10m", rate=rate)
    assert abs(default_speed(crowd) - speed) <= 1
