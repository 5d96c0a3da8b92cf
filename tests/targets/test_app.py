"""The target `app`: the same rows as the simulator, wherever and however they are made."""

import ast
import hashlib
import itertools
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

import simrt
from simrt.history import encode_row
from simrt.network import HEAD_BYTES
from simrt.results import Status
from simrt.runs import run
from simrt.scenario import scenario
from simrt.server.stream import RAW_HEAD
from simrt.targets import app, sim
from tests.targets.small import S, small
from tests.targets.test_determinism import LIVELY

ROOT = Path(__file__).parents[2]
SHIPPED = sorted((ROOT / "scenarios").rglob("*.yml"))

# Windows in bytes, latencies and texts whose characters take several bytes each.
TEXTS = LIVELY | {
    "subscribers": {
        "wide": {"count": 2, "drain": {"exponential": "60ms"}, "latency": "5ms", "window": "200B"},
        "narrow": {"count": 2, "drain": "90ms", "latency": "20ms", "window": "60B"},
        "counted": {"count": 2, "drain": {"exponential": "80ms"}, "window": 2},
    },
    "publish": [
        {
            "event": "e",
            "arrivals": {"poisson": "5/s"},
            "data": {"n": "{n}", "text": "Grüße 日本 🌍"},
        }
    ],
    "faults": [
        {"at": "5s", "stall": "wide", "for": "5s"},
        {"at": "12s", "half-open": "counted", "for": "2s"},
        {"at": "20s", "restart": "server", "for": "1s"},
        {"at": "30s", "disconnect": "narrow", "by": 0.5, "for": "2s"},
    ],
}


def rows_on(target, made, seed=7, **how):
    rows = []
    target.run(made, seed, write=rows.append, **how)
    return rows


def lines(rows):
    return [encode_row(row).decode() for row in rows]


def digest(made, seed=7):
    total = hashlib.blake2b()
    app.run(made, seed, write=lambda row: total.update(encode_row(row)))
    return total.hexdigest()


def digests():
    return [digest(small(**TEXTS)), digest(small(**LIVELY))]


# --- the same as the simulator ------------------------------------------------------------------


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_a_shipped_scenario_gives_the_rows_of_the_simulator(path, histories):
    made = simrt.load(path)
    ours, theirs = (list(histories.of(made, target)) for target in ("app", "sim"))
    assert len(ours) > 500
    assert ours == theirs


def test_all_promises_hold_on_it():
    done = run(simrt.load(ROOT / "scenarios/questions/which-end-to-drop-oldest.yml"), on="app")
    assert done.history.header.target == "app"
    assert done.status is Status.PASS
    judged = {verdict.check: verdict.judged for verdict in done.verdicts}
    assert judged["accounting"] > 10_000
    assert judged["loss"] > 10_000


# --- chunks -------------------------------------------------------------------------------------


@pytest.mark.parametrize("sizes", [[1], [2], [3], [1, 7, 2], [64, 1]], ids=str)
def test_where_reads_are_split_changes_no_row(sizes):
    made = small(**TEXTS)
    whole = rows_on(app, made)
    assert sum(row.kind == "receive" for row in whole) > 300
    assert rows_on(app, made, sizes=itertools.cycle(sizes)) == whole


def test_reads_of_chance_change_no_row():
    made = small(**TEXTS)
    chance = random.Random(1)
    assert rows_on(app, made, sizes=iter(lambda: chance.randint(1, 90), 0)) == rows_on(app, made)


def test_several_byte_characters_and_all_networks_give_the_rows_of_the_simulator():
    made = small(**TEXTS)
    assert rows_on(app, made) == rows_on(sim, made)


def test_the_simulated_head_is_as_long_as_the_real_one():
    """NET-2: a window in bytes counts it."""
    assert HEAD_BYTES[200] == len(RAW_HEAD)


@pytest.mark.parametrize("credentials", ["none", "wrong", "expired", "other-project"])
def test_a_refusal_is_as_long_as_the_simulated_one(credentials):
    """In a window of so many bytes the client knows its answer one latency after the request."""
    for window, latencies in ((HEAD_BYTES[401], 4), (HEAD_BYTES[401] - 1, 5)):
        group = {"latency": "100ms", "window": f"{window}B", "credentials": credentials}
        made = small(duration="2s", **group)
        for target in (sim, app):
            gave_up = [row.t_ns for row in rows_on(target, made) if row.kind == "gave-up"]
            assert gave_up == [latencies * S // 10], (target.__name__, window)


# --- determinism --------------------------------------------------------------------------------


@pytest.mark.parametrize("hash_seed", ["0", "1", "4242"])
def test_another_process_under_another_hash_seed_gives_the_same_bytes(hash_seed):
    code = "from tests.targets.test_app import *; print(*digests())"
    found = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
        capture_output=True,
        text=True,
        check=True,
    )
    assert found.stdout.split() == digests()


def test_without_a_history_everything_happens_all_the_same(monkeypatch):
    """What clients handle, and when, does not depend on whether it is written down."""
    from simrt.targets.app.wire import Wire

    seen = []
    handled = Wire.handled

    def noted(wire):
        seen.append((wire.loop.now_ns, wire.link.in_flight))
        handled(wire)

    monkeypatch.setattr(Wire, "handled", noted)
    made = small(**TEXTS)
    received = [row.t_ns for row in rows_on(app, made) if row.kind == "receive"]
    with_history, seen[:] = list(seen), []
    app.run(made, 7, write=None)
    assert seen == with_history
    assert [t_ns for t_ns, _ in seen] == received


# --- what is shared, and what is not ------------------------------------------------------------


def imports(room):
    for path in sorted((ROOT / "simrt/targets" / room).glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.ImportFrom):
                yield from (f"{node.module}.{alias.name}" for alias in node.names)
            elif isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names)


def test_it_uses_nothing_of_the_simulator_nor_the_simulator_of_it():
    assert not [name for name in imports("app") if "targets.sim" in name or "simpy" in name]
    assert not [name for name in imports("harness") if "targets.sim" in name or "simpy" in name]
    assert not [name for name in imports("sim") if "targets.app" in name or "simrt.server" in name]


def test_app_and_server_run_the_same_classes(monkeypatch):
    """Request parsing, stream writer, hooks, jobs and client are those that a process runs."""
    from simrt.client import Client
    from simrt.server import process
    from simrt.server.app import App
    from simrt.server.jobs import JobRunner
    from simrt.server.protocol import Connection
    from simrt.server.server import Server
    from simrt.server.stream import Stream
    from simrt.targets.app import lives
    from simrt.targets.harness import members
    from simrt.targets.server import conduct

    used = set()
    for kind, method in (
        (Server, "send"),
        (Server, "open"),
        (Connection, "on_headers_complete"),
        (Connection, "hand_over"),
        (Stream, "write"),
        (App, "_hook"),
        (JobRunner, "_fire"),
        (Client, "_handled"),
    ):
        real = getattr(kind, method)

        def noting(*args, _real=real, _name=f"{kind.__name__}.{method}", **named):
            used.add(_name)
            return _real(*args, **named)

        monkeypatch.setattr(kind, method, noting)
    made = scenario(_with_a_job(small(duration="5s")))
    app.run(made, 1, write=None)
    assert used == {
        "Server.send", "Server.open", "Connection.on_headers_complete", "Connection.hand_over",
        "Stream.write", "App._hook", "JobRunner._fire", "Client._handled",
    }  # fmt: skip
    assert process.Server is lives.Server is Server
    assert conduct.Member is members.Member
    assert issubclass(app.run.__globals__["WiredMember"], conduct.Member)
    assert app.run.__globals__["Caller"] is conduct.Caller


def _with_a_job(made):
    data = made.normalised()
    data["feature"]["senders"].append({"job": "1s", "sends": "e"})
    return data
