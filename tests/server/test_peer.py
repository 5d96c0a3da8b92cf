"""Is the peer still there: what the kernel says, and what follows from it (SSE-5)."""

from __future__ import annotations

import asyncio
import socket
import struct
from pathlib import Path
from typing import Any

import pytest

from simrt.server.peer import Acknowledgements, Silence
from tests.server.rig import S, rig, virtual

MS = 1_000_000
WATCHED = {"heartbeat": "15s", "peerTimeout": "30s", "writeDeadline": "none"}


class Kernel:
    """A socket that answers TCP_INFO; times are those of a virtual loop."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.sent_s = self.acked_s = self.loop.time()
        self.unacked = 0
        self.asked = 0

    def setsockopt(self, *_option: Any) -> None:
        """Accepts everything."""

    def getsockopt(self, level: int, name: int, size: int) -> bytes:
        assert (level, name) == (socket.IPPROTO_TCP, socket.TCP_INFO)
        self.asked += 1
        now = self.loop.time()
        info = bytearray(size)
        struct.pack_into("=I", info, 24, self.unacked)
        struct.pack_into("=I", info, 44, round((now - self.sent_s) * 1000))
        struct.pack_into("=I", info, 56, round((now - self.acked_s) * 1000))
        return bytes(info)

    def sends(self, *, answered: bool) -> None:
        self.sent_s = self.loop.time()
        if answered:
            self.acked_s = self.sent_s
        self.unacked = 0 if answered else 1


async def watched(tmp_path: Path) -> tuple[Any, Any, Kernel]:
    on = await rig(record=tmp_path / "rows", server=WATCHED)
    client = on.dial()
    kernel = Kernel()

    def info(name: str, default: Any = None) -> Any:
        return kernel if name == "socket" else default

    client.transport.get_extra_info = info  # type: ignore[method-assign]
    await on.ask("GET", "/shop/news", client=client)
    return on, client, kernel


@pytest.mark.rules("SSE-5", "NET-7")
@virtual
async def test_a_peer_that_acknowledges_nothing_is_gone(tmp_path: Path) -> None:
    on, client, kernel = await watched(tmp_path)
    await asyncio.sleep(1000)  # idle, heartbeats acknowledged: nothing is owed
    assert not client.gone()
    kernel.sends(answered=False)
    await on.post()
    since = on.server.clock.now()
    for _ in range(14):  # the kernel repeats itself, without an answer
        await asyncio.sleep(2)
        kernel.sends(answered=False)
    assert not client.gone()
    await asyncio.sleep(10)
    assert client.gone()
    close = [row for row in on.rows if row.kind == "close"][-1]
    assert close.cause == "gone"
    assert close.t_ns - since == 30 * S


@pytest.mark.rules("SSE-5", "NET-7")
@virtual
async def test_a_busy_peer_that_falls_silent_is_gone_soon_after_its_time(tmp_path: Path) -> None:
    """What was acknowledged between two looks hides which write is the first that is not."""
    on, _, kernel = await watched(tmp_path)
    for _ in range(40):
        await on.post()
        kernel.sends(answered=True)
        await asyncio.sleep(0.5)
    silent = on.server.clock.now()
    for _ in range(80):
        await on.post()
        kernel.sends(answered=False)
        await asyncio.sleep(0.5)
    close = [row for row in on.rows if row.kind == "close"][-1]
    assert close.cause == "gone"
    assert 30 * S <= close.t_ns - silent <= 31 * S


@pytest.mark.rules("SSE-5")
@virtual
async def test_who_stopped_reading_still_answers(tmp_path: Path) -> None:
    """A full window: each repeat is answered at once, at ever longer distances."""
    on, client, kernel = await watched(tmp_path)
    await on.post()
    for gap in (1, 2, 4, 8, 16, 32, 64, 120, 120):
        kernel.sends(answered=True)
        kernel.unacked = 1  # the window stays full
        await asyncio.sleep(gap)
    assert not client.gone()


@pytest.mark.rules("SSE-5")
@virtual
async def test_an_answer_between_two_looks_pays_the_debt(tmp_path: Path) -> None:
    on, client, kernel = await watched(tmp_path)
    await on.post()
    for _ in range(20):
        kernel.sends(answered=False)
        await asyncio.sleep(20)
        kernel.acked_s = kernel.loop.time() - 1
        kernel.sent_s = kernel.loop.time() - 0.5
    assert not client.gone()


@virtual
async def test_an_idle_connection_is_not_asked_about(tmp_path: Path) -> None:
    _, _, kernel = await watched(tmp_path)
    await asyncio.sleep(10)
    asked = kernel.asked
    await asyncio.sleep(4)
    assert kernel.asked == asked
    await asyncio.sleep(600)
    assert kernel.asked - asked <= 41  # once after each heartbeat


@virtual
async def test_without_a_socket_nothing_is_asked(tmp_path: Path) -> None:
    on = await rig(record=tmp_path / "rows", server=WATCHED)
    client = await on.subscribe()
    await on.post()
    await asyncio.sleep(1000)
    assert not client.gone()


def test_time_scales_with_speed() -> None:
    """At speed 50 a real millisecond is 50 ms of scenario time."""
    silence = Silence()
    debt = [
        silence.owed_ns(Acknowledgements(1, 0, 100 + at), at * 50 * MS, 50 * MS)
        for at in (0, 100, 600)
    ]
    assert debt == [0, 5 * S, 30 * S]


def test_an_old_acknowledgement_is_no_debt() -> None:
    silence = Silence()
    assert silence.owed_ns(Acknowledgements(1, 0, 600_000), 700 * S, MS) == 0
    assert silence.owed_ns(Acknowledgements(1, 0, 610_000), 710 * S, MS) == 10 * S
    assert silence.owed_ns(Acknowledgements(1, 0, 500), 711 * S, MS) == 0
    assert silence.owed_ns(Acknowledgements(0, 5, 4), 711 * S, MS) == 0
    assert silence.owed_ns(Acknowledgements(2, 5, 4), 711 * S, MS) == 0
    assert silence.owed_ns(Acknowledgements(2, 4, 5), 711 * S, MS) == 0


def test_the_first_write_after_all_was_paid_is_when_the_debt_begins() -> None:
    silence = Silence()
    silence.wrote(700 * S)
    assert silence.owed_ns(Acknowledgements(1, 0, 600_000), 701 * S, MS) == S
    silence.paid()
    silence.wrote(800 * S)
    # Acknowledged after it: which write is not, nobody knows.
    assert silence.owed_ns(Acknowledgements(1, 0, 500), 801 * S, MS) == 0
    assert silence.owed_ns(Acknowledgements(1, 0, 1_500), 802 * S, MS) == S


def test_the_offsets_are_those_of_the_kernel() -> None:
    """A socket pair over TCP: the numbers are sensible, so they stand where we look."""
    from simrt.server.peer import acknowledgements

    class Transport:
        def __init__(self, sock: socket.socket) -> None:
            self.sock = sock

        def get_extra_info(self, name: str) -> Any:
            return self.sock if name == "socket" else None

    with socket.create_server(("127.0.0.1", 0)) as listener:
        near = socket.create_connection(listener.getsockname())
        far, _ = listener.accept()
        with near, far:
            near.sendall(b"x")
            far.recv(1)
            far.sendall(b"y")
            near.recv(1)
            seen: Any = acknowledgements(Transport(near))  # type: ignore[arg-type]
            assert seen.unacked == 0
            assert seen.last_sent_ms < 60_000
            assert seen.last_ack_ms < 60_000
    a, b = socket.socketpair()
    with a, b:
        assert acknowledgements(Transport(a)) is None  # type: ignore[arg-type]
