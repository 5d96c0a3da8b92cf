"""The server as a process: what it is told, what it says, how it ends."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
from pathlib import Path
from typing import Any

import pytest

from simrt.clock import live_clock
from simrt.errors import TargetError, UsageError
from simrt.server import Server, bind, compile_site, serve
from simrt.server.process import build_site, read_orders
from simrt.sse import Retry
from tests.server.live import Live, Socket, fails, live, orders
from tests.server.rig import TOKENS, feature, request, user_token

pytestmark = pytest.mark.real


def test_it_says_where_it_listens_and_ends_with_its_stdin(tmp_path: Path) -> None:
    with live(record=tmp_path / "rows") as server:
        assert set(server.hello) == {"port", "epoch", "pid", "t_ns"}
        assert (server.hello["epoch"], server.hello["pid"]) == ("e1", server.process.pid)
        with Socket(server.port).subscribe() as client, Socket(server.port) as poster:
            assert poster.post() == 200
            client.read(lambda: client.seqs == [1])
            assert server.hang_up() == 0
            client.read()  # to the end
            assert client.seqs == [1]
        with pytest.raises(ConnectionRefusedError):
            Socket(server.port)


@pytest.mark.rules("HUB-2")
def test_an_epoch_of_its_own_is_128_random_bits() -> None:
    epochs = []
    for _ in range(2):
        with live(epoch=None) as server:
            epochs.append(server.hello["epoch"])
    assert all(len(bytes.fromhex(epoch)) == 16 for epoch in epochs)
    assert epochs[0] != epochs[1]


@pytest.mark.rules("STR-3")
def test_sigterm_is_an_orderly_end(tmp_path: Path) -> None:
    with live(record=tmp_path / "rows") as server:
        clients = [Socket(server.port).subscribe(f"a/{n}") for n in range(5)]
        for client in clients:
            client.read(client.began)
        server.signal(signal.SIGINT)  # not for the server to obey
        with Socket(server.port) as poster:
            assert poster.post() == 200
        server.signal(signal.SIGTERM)
        assert server.wait() == 0
        words = []
        for client in clients:
            client.read()
            words.append(client.items[-1])
            client.sock.close()
        assert all(isinstance(word, Retry) and 1000 <= word.ms <= 10_000 for word in words)
        assert len({str(word) for word in words}) > 1
        closes = [row for row in server.rows if row.kind == "close"]
        assert [row.cause for row in closes] == ["shutdown"] * 5


def test_sigterm_ends_it_though_a_client_does_not_read() -> None:
    with live(sndbuf=4096) as server, Socket(server.port, rcvbuf=4096).subscribe():
        with Socket(server.port) as poster:
            for _ in range(20):
                poster.post(json.dumps({"id": "x" * 4000}).encode())
        server.signal(signal.SIGTERM)
        assert server.wait() == 0


def test_a_port_in_use_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        status, out, err = fails(json.dumps(orders(port=port)))
    assert (status, out) == (4, "")
    assert f"port {port}" in err
    assert "in use" in err
    assert err.count("\n") == 1


def test_a_port_that_is_only_bound_can_be_used() -> None:
    """A harness keeps the port between two lives by a socket that does not listen."""
    keeper = socket.socket()
    with keeper:
        keeper.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        keeper.bind(("127.0.0.1", 0))
        for _ in range(2):
            with live(port=keeper.getsockname()[1]) as server, Socket(server.port) as poster:
                assert poster.post() == 200
                server.kill()


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        (None, "first line"),
        ({"scenarios": None}, "scenarios"),
        ({"speeed": 2}, "speeed"),
        ({"speed": 0}, "above 0"),
        ({"starts": "2026-01-01T00:00:00"}, "offset"),
        ({"secret": "short"}, "32 bytes"),
        ({"scenarios": [{}]}, "scenario"),
        ({"scenarios": orders()["scenarios"] * 2}, "twice"),
    ],
)
def test_orders_that_make_no_sense(changes: dict[str, Any] | None, says: str) -> None:
    line = "nonsense" if changes is None else json.dumps({**orders(), **changes})
    with pytest.raises(UsageError) as error:
        build_site(read_orders(line))
    assert says in str(error.value)


@pytest.mark.parametrize(
    ("changes", "status", "says"),
    [
        ({"speed": -1}, 2, "above 0"),
        ({"epoch": "no epoch"}, 2, "epoch"),
        ({"record": "/nowhere/rows", "host": "192.0.2.1"}, 4, "/nowhere/rows"),
    ],
)
def test_what_makes_no_sense_is_said_in_a_line(
    changes: dict[str, Any], status: int, says: str
) -> None:
    code, out, err = fails(json.dumps({**orders(), **changes}))
    assert (code, out) == (status, "")
    assert says in err
    assert "Traceback" not in err
    assert err.count("\n") <= 2


def test_an_address_that_is_not_ours() -> None:
    with pytest.raises(TargetError, match=r"192\.0\.2\.1"):
        bind("192.0.2.1", 0)


def test_no_first_line_at_all() -> None:
    status, out, err = fails("", close=True)
    assert (status, out) == (2, "")
    assert "stdin" in err


def test_orders_longer_than_a_pipe_holds() -> None:
    """A pipe holds 64 KiB, so both ends see the line in parts, and so they do a command."""
    many = {"shop": TOKENS["shop"] | {f"reader-{n}": "a secret " * 20 for n in range(1100)}}
    with live(tokens=many) as server:
        assert len(json.dumps(orders(tokens=many))) > 200_000
        with Socket(server.port) as poster:
            assert poster.post() == 200
        named = {"project": "shop", "credentials": [f"token:reader-{n}" for n in range(10_000)]}
        assert server.tell(f"revoke {json.dumps(named)}") == {"revoked": 10_000}


def test_held_until_told(tmp_path: Path) -> None:
    with Live(hold=True, record=tmp_path / "rows", speed=10.0) as server:
        assert server.hear() == {"held": True, "pid": server.process.pid}
        server.hello = server.tell("listen 0")
        assert server.hello["t_ns"] > 10**10  # ten times what the machine has been up
        with Socket(server.port) as poster:
            assert poster.post() == 200


@pytest.mark.rules("SSE-4")
def test_credentials_are_revoked_while_held_and_later() -> None:
    def told(word: str, *names: str) -> str:
        return f"{word} {json.dumps({'project': 'shop', 'credentials': names})}"

    with Live(feature(permission={"user": ["GET"]}), hold=True) as server:
        server.hear()
        assert server.tell(told("revoke", "user:u", "user:v")) == {"revoked": 2}
        assert server.tell(told("restore", "user:v")) == {"restored": 1}
        assert "user:SUBJECT" in server.tell(told("revoke", "u"))["error"]
        assert "revoke" in server.tell("revoke everybody")["error"]
        server.hello = server.tell("listen")

        def answered(subject: str) -> bytes:
            client = Socket(server.port).subscribe(token=user_token(sub=subject))
            with client:
                client.read(lambda: b"\r\n" in client.got)
                return bytes(client.got[9:12])

        assert (answered("u"), answered("v")) == (b"401", b"200")
        with Socket(server.port).subscribe(token=user_token(sub="v")) as client:
            client.read(client.began)
            assert server.tell(told("revoke", "user:v")) == {"revoked": 1}
            client.read()  # to the end
        assert server.tell(told("restore", "user:u", "user:v")) == {"restored": 2}
        assert (answered("u"), answered("v")) == (b"200", b"200")
        assert "error" in server.tell("restore {}")


def test_held_and_then_not_wanted() -> None:
    with Live(hold=True) as server:
        server.hear()
        assert server.hang_up() == 0


def test_count_and_end(tmp_path: Path) -> None:
    with live(record=tmp_path / "rows", speed=1.0) as server:
        client = Socket(server.port).subscribe("a/0", 3)
        client.read(client.began)
        with Socket(server.port) as poster:
            assert poster.post() == 200
            client.read(lambda: client.seqs == [1])
            assert server.tell("count") == {"counts": [["a/0", 3, 1, 0]]}
            assert "unknown command" in server.tell("dance")["error"]
            ended = server.tell("end")
            assert ended["ended"] is True
            assert isinstance(ended["late_ns"], int)
            last = server.rows[-1]
            assert (last.kind, last.subscriber, last.connection) == ("end", "a/0", 3)
            assert poster.post() == 503
        client.sock.close()
        assert server.tell("count") is not None
        assert server.rows[-1] == last


def test_a_signal_ends_the_record_too(tmp_path: Path) -> None:
    with live(record=tmp_path / "rows") as server, Socket(server.port).subscribe() as client:
        client.read(client.began)
        server.signal(signal.SIGUSR1)
        server.until(lambda rows: rows[-1].kind == "end")


def test_commands_that_came_with_the_first_line(tmp_path: Path) -> None:
    first = json.dumps(orders(record=str(tmp_path / "rows")))
    status, out, _ = fails(f"{first}\ncount\nend", close=True)
    said: list[dict[str, Any]] = [json.loads(line) for line in out.splitlines()]
    assert status == 0
    assert sorted(next(iter(line)) for line in said) == ["counts", "ended", "port"]


def test_two_projects_in_one_process() -> None:
    tokens = {"shop": {"editor": "editor's secret"}, "two": {"editor": "editor's secret"}}
    with live(feature(), feature(project="two"), tokens=tokens) as server:
        client = Socket(server.port).subscribe()
        client.read(client.began)
        with Socket(server.port) as poster:
            assert poster.post(path="/two/content") == 200
            assert poster.post() == 200
        client.read(lambda: client.seqs == [1])
        client.sock.close()


def test_stderr_stays_silent_and_holds_no_secret() -> None:
    with live() as server:
        with Socket(server.port) as bad:
            bad.send(b"garbage\r\n\r\n")
            bad.read()
        with Socket(server.port, rcvbuf=4096).subscribe() as client, Socket(server.port) as poster:
            client.read(client.began)
            assert poster.post(b"{") == 400
        assert server.hang_up() == 0
        assert server.process.stderr is not None
        said = server.process.stderr.read()
    assert "Traceback" not in said
    assert "secret" not in said


def test_a_record_that_cannot_be_written_stops_it_before_anything_leaves() -> None:
    with live(record=Path("/dev/full")) as server, Socket(server.port).subscribe() as client:
        client.read()
        assert client.got == b""
        assert server.wait() == 4
        assert server.process.stderr is not None
        assert server.process.stderr.read() == (
            "the record cannot be written: No space left on device\n"
        )


def test_serve_until_a_signal() -> None:
    """What a command line calls: listens, serves, ends in an orderly way."""
    heard: list[int] = []
    site = compile_site([feature()])

    async def main() -> None:
        loop = asyncio.get_running_loop()
        client: list[asyncio.Task[bytes]] = []

        async def visit(port: int) -> bytes:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(request("GET", "/shop/news"))
            await reader.readuntil(b"\n\n")
            os.kill(os.getpid(), signal.SIGTERM)
            rest = await reader.read()
            writer.close()
            return rest

        def listening(_server: Server, port: int) -> None:
            heard.append(port)
            client.append(loop.create_task(visit(port)))

        await serve(site, live_clock(), port=0, on_listening=listening)
        assert (await client[0]).startswith(b"retry: ")

    asyncio.run(main())
    assert len(heard) == 1
    with pytest.raises(ConnectionRefusedError):
        Socket(heard[0])
