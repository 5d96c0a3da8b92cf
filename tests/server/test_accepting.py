"""Accepting: a batch per turn, a pause where no descriptor is left, a server within its files."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import resource
import signal
import socket
import subprocess
import sys
from typing import Any

import psutil
import pytest

from simrt.server.accepting import Acceptor
from simrt.server.serving import bind
from tests.server.live import Socket
from tests.server.rig import request, settle, virtual


class Starving(socket.socket):
    """A listening socket whose process has no descriptor left, for a time."""

    tries = 0
    starving = True

    def accept(self) -> Any:
        self.tries += 1
        if self.starving:
            raise OSError(errno.EMFILE, "Too many open files")
        return super().accept()


def acceptor(sock: socket.socket, room: int = 10**6) -> tuple[Acceptor, list[asyncio.Protocol]]:
    made: list[asyncio.Protocol] = []

    def protocol() -> asyncio.Protocol:
        made.append(asyncio.Protocol())
        return made[-1]

    found = Acceptor(
        asyncio.get_running_loop(),
        sock,
        protocol,
        lambda connecting: len(made) + connecting < room,
        tls=None,
        handshake_s=1,
    )
    return found, made


async def seconds(count: int) -> None:
    """Virtual ones, each with a look at the sockets."""
    for _ in range(count):
        await asyncio.sleep(1)
        await settle()


@virtual
async def test_a_batch_per_turn_and_a_long_backlog() -> None:
    sock = bind("127.0.0.1", 0)
    accepting, made = acceptor(sock)
    with contextlib.ExitStack() as stack:
        for _ in range(300):  # all connected, before anybody accepts
            stack.enter_context(socket.create_connection(sock.getsockname()))
        counts = []
        while len(made) < 300:
            before = len(made)
            await asyncio.sleep(0)
            counts.append(len(made) - before)
        assert max(counts) == 32
        accepting.close()
        accepting.close()


@pytest.mark.rules("STR-2")
@virtual
async def test_beyond_the_room_a_connection_holds_nothing() -> None:
    """Closed as soon as it is accepted, one after the other: no batch of them is ever held."""
    sock = bind("127.0.0.1", 0)
    accepting, made = acceptor(sock, room=10)
    process = psutil.Process()
    with contextlib.ExitStack() as stack:
        clients = [
            stack.enter_context(socket.create_connection(sock.getsockname())) for _ in range(100)
        ]
        before = process.num_fds()
        for _ in range(30):
            await asyncio.sleep(0)
        assert len(made) == 10
        assert process.num_fds() == before + 10
        for client in clients[10:]:
            assert client.recv(1) == b""
        accepting.close()


@virtual
async def test_without_descriptors_it_pauses_and_says_so_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    plain = bind("127.0.0.1", 0)
    sock = Starving(fileno=plain.detach())
    sock.setblocking(False)
    accepting, made = acceptor(sock)
    with socket.create_connection(sock.getsockname()):
        await seconds(100)
        assert 90 <= sock.tries <= 101
        assert len(caplog.records) == 1
        assert "no connection can be accepted (Too many open files)" in caplog.text
        assert "LimitNOFILE" in caplog.text
        sock.starving = False
        await seconds(2)
        assert len(made) == 1
        sock.starving = True
        with socket.create_connection(sock.getsockname()):
            await seconds(10)
        assert len(caplog.records) == 2  # a new shortage
        accepting.close()


FILES = 400
_CONNECTIONS = FILES - 128 - (FILES - 128) // 10

_FEW_FILES = f"""
import asyncio, resource
from simrt.server import Site, live_clock, serve
resource.setrlimit(resource.RLIMIT_NOFILE, ({FILES}, {FILES}))
site = Site("shop")
site.stream("/news", channel="news", permission="public", events={{"changed": {{}}}})
site.health()

@site.hook("POST", "/content", permission="public", sends=["changed"])
def content(call):
    call.send("changed", call.data)

asyncio.run(serve(site, live_clock(), port=0,
                  on_listening=lambda _, port: print(port, flush=True)))
"""


@pytest.mark.rules("STR-2")
def test_a_crowd_beyond_the_files_leaves_the_others_served() -> None:
    """Files never run out: the crowd is told, or closed; streams, hooks and health go on."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if most < 3 * FILES:
        pytest.skip(f"needs {3 * FILES} open files; here {most} are allowed")
    with (
        subprocess.Popen(
            [sys.executable, "-c", _FEW_FILES], stdout=subprocess.PIPE, stderr=subprocess.PIPE
        ) as server,
        contextlib.ExitStack() as stack,
    ):
        stack.callback(server.kill)
        assert server.stdout is not None
        assert server.stderr is not None
        port = int(server.stdout.readline())
        process = psutil.Process(server.pid)
        stream = stack.enter_context(Socket(port).subscribe())
        stream.read(stream.began)
        poster = stack.enter_context(Socket(port))
        assert poster.post(b"{}") == 200
        with contextlib.ExitStack() as crowd:
            for _ in range(2 * FILES):
                crowd.enter_context(Socket(port))
            health = crowd.enter_context(Socket(port))
            health.send(request("GET", "/_health"))
            assert health.read().startswith(b"HTTP/1.1 200")
            told = crowd.enter_context(Socket(port).subscribe())
            assert told.read().startswith(b"HTTP/1.1 503")
            assert poster.post(b"{}") == 200
            stream.read(lambda: len(stream.seqs) == 2)
            assert _CONNECTIONS <= process.num_fds() <= FILES - 64
        server.send_signal(signal.SIGTERM)
        assert server.wait(60) == 0
        assert len(server.stderr.read().splitlines()) == 1  # the limit that was lowered
