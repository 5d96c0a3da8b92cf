"""`simrt serve` as a process: what it says, how it ends, what it logs."""

from __future__ import annotations

import contextlib
import json
import os
import re
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from simrt.clock import stopwatch
from tests.server.test_access_log import forms
from tests.watch.serving import PATIENCE_S, Served, feature, serve


def simrt(*arguments: Any) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "simrt", "serve", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, check=False, text=True, timeout=60)


def written(folder: Path, name: str, **changes: Any) -> Path:
    path = folder / name
    path.write_text(json.dumps(feature(**changes)), "utf-8")
    return path


def ask(
    served: Served, method: str, path: str, body: bytes | None = None, **headers: str
) -> tuple[int, bytes]:
    """One request to it; a stream is read up to its first line."""
    url = f"http://127.0.0.1:{served.port}{path}"
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    request = urllib.request.Request(url, body, names, method=method)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            if answer.headers["content-type"] == "text/event-stream":
                return answer.status, answer.readline()
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ((), "name a scenario to serve: simrt serve scenarios/"),
        (("nowhere.yml",), "nowhere.yml: cannot be read"),
        (("news.yml", "--log-format", "xml"), "--log-format xml: write text or json"),
        (("wrong.yml",), "did you mean title?"),
        (("news.yml", "--port", "65536"), "--port"),
    ],
)
def test_what_cannot_be_served_is_told_before_anything_runs(tmp_path, wrong, words) -> None:
    written(tmp_path, "news.yml")
    (tmp_path / "wrong.yml").write_text("titel: x\n", "utf-8")
    arguments = [tmp_path / each if each.endswith(".yml") else each for each in wrong]
    done = simrt(*arguments)
    assert done.returncode == 2
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


@pytest.mark.real
def test_a_port_that_is_taken_is_named(tmp_path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = simrt(written(tmp_path, "news.yml"), "--port", port)
    assert done.returncode == 4
    assert done.stderr.strip() == (
        f"simrt: port {port} of 127.0.0.1 is in use; choose another, or 0 for any"
    )


@pytest.mark.real
def test_it_says_how_to_try_it_and_ends_in_order(tmp_path) -> None:
    with serve(tmp_path, arguments=("--log-format", "json")) as served:
        said = served.said
        url = f"http://127.0.0.1:{served.port}"
        assert f"Page:  {url}/#" in said
        assert f"stream  GET {url}/shop/news  (user)" in said
        assert f"hook    POST {url}/shop/content  (token:editor) sends changed" in said
        assert "job     1h sends changed" in said
        assert "made for this run and end with it" in said
        user, editor = (
            re.search(rf"{who} of shop +(\S+)", said)[1] for who in ("user", "token:editor")
        )
        assert f"curl -N -H 'Authorization: Bearer {user}' {url}/shop/news" in said
        bearer = {"Authorization": f"Bearer {user}"}
        assert ask(served, "GET", "/shop/news", **bearer) == (200, b"retry: 1000\n")
        body = b'{"text": "body-secret-1"}'
        status, answer = ask(
            served, "POST", "/shop/content", body, Authorization=f"Bearer {editor}"
        )
        assert (status, json.loads(answer)["seq"]) == (200, 1)
        wrong = {"Authorization": "Bearer wrong-token-2"}
        assert ask(served, "GET", "/shop/news?token=query-secret-3", **wrong)[0] == 401
        assert ask(served, "GET", "/shop/path-secret-4", Cookie="a=cookie-secret-5")[0] == 404
        assert ask(served, "POST", "/~watch/state", b"{}", simrt_key=served.key)[0] == 200
        assert ask(served, "POST", "/~watch/state", b"{}", simrt_key="wrong-key-6")[0] == 401
        assert ask(served, "GET", "/_health") == (200, b'{"status": "ok"}')
        metrics = ask(served, "GET", "/metrics")[1].decode()
        assert 'simrt_sends_total{channel="news",project="shop"} 1.0' in metrics
        assert 'simrt_streams_opened_total{channel="news",project="shop"} 1.0' in metrics
        code, rest, log = served.end()
    assert (code, rest) == (0, "")
    lines = [json.loads(line) for line in log.splitlines()]
    messages = [line["message"] for line in lines if line["logger"] == "simrt.access"]
    assert messages.count("stream opened") == messages.count("stream closed") == 1
    assert messages.count("refused") == 2
    secrets = [user, editor, served.key, *user.split(".")[1:]]
    secrets += ["body-secret-1", "wrong-token-2", "query-secret-3", "path-secret-4"]
    secrets += ["cookie-secret-5", "wrong-key-6"]
    assert [secret for secret in secrets for form in forms(secret) if form in log] == []
    assert "Traceback" not in log


@pytest.mark.real
def test_twins_are_served_side_by_side(tmp_path) -> None:
    with serve(tmp_path, feature(title="One"), feature(title="Other")) as served:
        moved = (
            "Other\n  as project shop-2, though its file says shop:\n  GET /shop/news is declared"
        )
        assert moved in served.said
        for project in ("shop", "shop-2"):
            user = re.search(rf"user of {project} +(\S+)", served.said)[1]
            bearer = {"Authorization": f"Bearer {user}"}
            assert ask(served, "GET", f"/{project}/news", **bearer)[0] == 200
        hello = json.loads(ask(served, "POST", "/~watch/hello", b"{}", simrt_key=served.key)[1])
    told = [(each["project"], each["written_project"]) for each in hello["features"]]
    assert told == [("shop", "shop"), ("shop-2", "shop")]


def life(served: Served, number: int) -> dict[str, Any]:
    """How things are, once the so-many-th life of the hub is there."""
    passed = stopwatch()
    while passed() < PATIENCE_S:
        with contextlib.suppress(urllib.error.URLError, ConnectionError):
            status, said = ask(served, "POST", "/~watch/state", b"{}", simrt_key=served.key)
            state: dict[str, Any] = json.loads(said)
            if status == 200 and state["life"] == number and state["epoch"]:
                return state
    raise AssertionError(f"life {number} never came")


@pytest.mark.real
@pytest.mark.rules("HUB-1", "RST-1", "RST-2", "RST-3")
@pytest.mark.parametrize("how", ["deploy", "kill"])
def test_a_restart_loses_everything(tmp_path, how) -> None:
    with serve(tmp_path) as served:
        user, editor = (
            {"Authorization": f"Bearer {re.search(rf'{who} of shop +(.+)', served.said)[1]}"}
            for who in ("user", "token:editor")
        )
        url = f"http://127.0.0.1:{served.port}/shop/news"

        def send(text: str) -> dict[str, Any]:
            body = json.dumps({"text": text}).encode()
            return json.loads(ask(served, "POST", "/shop/content", body, **editor)[1])

        for text in ("one", "two", "three"):
            before = send(text)
        assert before["seq"] == 3
        with urllib.request.urlopen(urllib.request.Request(url, headers=user)) as stream:
            heard = b"".join(stream.readline() for _ in range(10))  # the replay: the newest two
            assert heard.count(b"data: ") == 2
            order = json.dumps({"do": "restart", "how": how}).encode()
            assert ask(served, "POST", "/~watch/do", order, simrt_key=served.key)[0] == 200
            try:
                last_words = stream.read()  # it ends
            except ConnectionError:
                last_words = b""
        assert last_words.startswith(b"retry: ") == (how == "deploy")
        state = life(served, 2)
        assert state["epoch"] != before["epoch"]
        assert state["memory_bytes"] == 0
        metrics = ask(served, "GET", "/metrics")[1].decode()
        assert 'simrt_sends_total{channel="news",project="shop"} 0.0' in metrics
        with urllib.request.urlopen(urllib.request.Request(url, headers=user)) as stream:
            assert stream.readline() == b"retry: 1000\n"
            assert send("four") == {"seq": 1, "epoch": state["epoch"], "offered": 1}
            said = b"".join(stream.readline() for _ in range(4))
            assert said == (
                f'\nid: {state["epoch"]}:1\nevent: changed\ndata: {{"text":"four"}}\n'.encode()
            )


@pytest.mark.real
def test_a_second_ctrl_c_is_not_needed_while_clients_are_connected(tmp_path) -> None:
    with serve(tmp_path) as served:
        joined = {"do": "join", "feature": 0, "kind": "loopback"}
        for _ in range(3):
            body = json.dumps(joined).encode()
            assert ask(served, "POST", "/~watch/do", body, simrt_key=served.key)[0] == 200
        play = {"do": "play", "feature": 0, "on": True}
        ask(served, "POST", "/~watch/do", json.dumps(play).encode(), simrt_key=served.key)
        restart = {"do": "restart", "how": "kill"}
        ask(served, "POST", "/~watch/do", json.dumps(restart).encode(), simrt_key=served.key)
        code, _, log = served.end()
    assert code == 0
    assert "Traceback" not in log
    assert "never retrieved" not in log


@pytest.mark.real
def test_sigterm_ends_it_too(tmp_path) -> None:
    with serve(tmp_path) as served:
        os.kill(served.process.pid, 15)
        assert served.process.wait(60) == 0


@pytest.mark.real
def test_jobs_fire_and_time_runs_as_fast_as_asked(tmp_path) -> None:
    scenario = feature()
    scenario["feature"]["senders"][-1] = {"job": "10m", "sends": "changed"}
    scenario["feature"]["stream"]["permission"] = {"public": ["GET"]}
    with serve(tmp_path, scenario, arguments=("--speed", "1000")) as served:
        url = f"http://127.0.0.1:{served.port}/shop/news"
        with urllib.request.urlopen(url, timeout=60) as stream:
            said = next(line for line in stream if line.startswith(b"event"))
            assert said == b"event: changed\n"
            assert stream.readline() == b'data: {"text":"hello"}\n'
