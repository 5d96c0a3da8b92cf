"""A client at its edges: instants that fall together, calls that come too early or twice."""

from __future__ import annotations

import asyncio
import ctypes
import errno
import fcntl
import socket
from typing import Any

import pytest

from simrt.client import Client, Endpoint, Reconnect
from simrt.client import connection as connections
from simrt.client.connection import MAX_HEAD_BYTES
from simrt.client.dial import cause_of, tcp
from simrt.client.reconnect import AT_ONCE, NS_PER_S

from .scripted import (
    STREAM,
    Closing,
    Jumping,
    Notes,
    Peer,
    Server,
    Standing,
    block,
    run,
    turns,
    using,
)

pytestmark = pytest.mark.real


async def holding(peer: Peer) -> None:
    """A script that opens a stream, sends two events, and waits."""
    await peer.say(STREAM + block(1) + block(2))
    await peer.gone()


async def streaming(peer: Peer) -> None:
    await peer.say(STREAM)
    await peer.gone()


async def refused(peer: Peer) -> None:
    await peer.say(b"HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n")


# --- answers --------------------------------------------------------------------------------------


@pytest.mark.rules("CLI-1")
@pytest.mark.parametrize(("beyond", "ends"), [(0, False), (1, True)])
def test_a_head_without_an_end_is_read_up_to_a_limit(beyond: int, ends: bool) -> None:
    async def main() -> None:
        async def endless(peer: Peer) -> None:
            head = b"HTTP/1.1 200 OK\r\n" + b"X: 1\r\n" * MAX_HEAD_BYTES
            await peer.say(head[: MAX_HEAD_BYTES + beyond])
            await peer.gone()

        server = Server(endless)
        async with server.listening():
            notes = Notes()
            async with using(Client(Standing(), server.endpoint, notes)) as client:
                while not (client._connection is None or _read(client) >= MAX_HEAD_BYTES):
                    await turns(1)
                await turns()
                assert notes.kinds() == (["refuse"] if ends else [])

    run(main)


def _read(client: Client) -> int:
    assert client._connection is not None
    return client._connection._head_bytes


@pytest.mark.rules("CLI-3")
def test_a_date_to_come_again_is_met_to_the_microsecond() -> None:
    async def main() -> None:
        async def later(peer: Peer) -> None:
            date = b"Retry-After: Fri, 02 Jan 2026 00:00:01 GMT\r\n"
            await peer.say(b"HTTP/1.1 503 Full\r\nContent-Length: 0\r\n" + date + b"\r\n")

        server = Server(later, streaming)
        async with server.listening():
            notes, clock = Notes(), Jumping()
            clock.t = 250_007_000
            async with using(Client(clock, server.endpoint, notes, patient=True)):
                await notes.until("opened")
                assert clock.waits == [86_401 * NS_PER_S - 250_007_000]

    run(main)


@pytest.mark.parametrize(
    "number", [errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN, errno.EADDRNOTAVAIL]
)
def test_who_has_no_way_is_offline(number: int) -> None:
    assert cause_of(OSError(number, "no way")) == "offline"


def test_other_failures_are_the_networks() -> None:
    assert cause_of(socket.gaierror(-2, "no such name")) == "offline"
    assert cause_of(ConnectionRefusedError(errno.ECONNREFUSED, "refused")) == "down"
    assert cause_of(ConnectionResetError(errno.ECONNRESET, "reset")) == "network"
    assert cause_of(UnicodeError("no name")) == "network"


@pytest.mark.parametrize("rcvbuf_bytes", [None, 4096])
@pytest.mark.parametrize("own", [False, True])
def test_the_socket_is_the_one_that_was_asked_for(rcvbuf_bytes: int | None, own: bool) -> None:
    async def main() -> None:
        made: list[socket.socket] = []

        def opened() -> socket.socket:
            made.append(socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP))
            return made[-1]

        server = Server(holding)
        async with server.listening():
            notes = Notes()
            dial = tcp(rcvbuf_bytes, opened if own else None)
            async with using(Client(Standing(), server.endpoint, notes, dial=dial)) as client:
                await notes.until("receive", 2)
                assert client._connection is not None
                transport = client._connection._transport
                assert transport is not None
                sock = transport.get_extra_info("socket")
                assert not own or sock.fileno() == made[0].fileno()
                assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 1
                size = sock.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)
                assert (size == 2 * 4096) == (rcvbuf_bytes is not None)  # the kernel doubles it

    run(main)


@pytest.mark.rules("NET-2")
def test_every_reconnect_asks_for_the_same_receive_buffer() -> None:
    """The window that a server is offered is fixed by the option before each connect."""
    sizes: list[int] = []

    class Asking(socket.socket):
        def connect(self, address: Any) -> None:
            sizes.append(self.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF))
            super().connect(address)

    def opened() -> socket.socket:
        return Asking(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)

    async def ending(peer: Peer) -> None:
        await peer.say(STREAM)

    async def main() -> None:
        server = Server(ending, ending, streaming)
        async with server.listening():
            notes = Notes()
            client = Client(Jumping(), server.endpoint, notes, dial=tcp(4096, opened))
            async with using(client):
                await notes.until("opened", 3)

    run(main)
    assert sizes == [2 * 4096] * 3  # the kernel doubles it


@pytest.mark.rules("CLI-3")
@pytest.mark.parametrize("status", [201, 204, 206, 304, 401, 500, 503])
def test_no_other_status_is_a_stream_whatever_its_type_says(status: int) -> None:
    async def main() -> None:
        async def almost(peer: Peer) -> None:
            await peer.say(STREAM.replace(b"200 OK", b"%d Some" % status) + block(1))

        server = Server(almost)
        async with server.listening():
            notes = Notes()
            async with using(Client(Standing(), server.endpoint, notes)):
                await notes.until("gave-up")
                assert notes.kinds() == ["refuse", "gave-up"]
                assert notes.seen[0][3] == {"status": status}

    run(main)


def test_an_address_says_where_to() -> None:
    assert Endpoint.of("http://h") == Endpoint("h", 80, "/")
    assert Endpoint.of("http://h:81/a?b=1#c") == Endpoint("h", 81, "/a?b=1")
    assert Endpoint.of("http://[::1]/a").authority == "[::1]:80"
    assert Endpoint.of("http://h:81/a/b?c").follow("../d") == Endpoint("h", 81, "/d")
    assert Endpoint.of("http://h:81/a").follow("//other/d") == Endpoint("other", 80, "/d")


@pytest.mark.parametrize(
    "url",
    ["https://h/", "ftp://h/", "h/a", "http:///a", "http://h/a b", "http://h/é", "http://h/\x7f",
     "http://h:99999/", "http://h:x/"],
)  # fmt: skip
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"write|[Pp]ort"):
        Endpoint.of(url)


@pytest.mark.rules("CLI-1")
def test_origins_are_one_by_host_and_port() -> None:
    here = Endpoint("h", 80, "/a")
    assert here.same_origin(Endpoint("h", 80, "/b"))
    assert not here.same_origin(Endpoint("h", 81, "/a"))
    assert not here.same_origin(Endpoint("i", 80, "/a"))


# --- twice, too early, too late -------------------------------------------------------------------


@pytest.mark.rules("CLI-1")
def test_there_is_one_stream_at_a_time() -> None:
    async def main() -> None:
        server = Server(streaming)
        async with server.listening():
            notes = Notes()
            async with using(Client(Standing(), server.endpoint, notes)) as client:
                client.dial()  # an attempt is under way
                await notes.until("opened")
                client.dial()
                await turns()
                assert client.attempt == 1
                assert len(server.peers) == 1

    run(main)


def test_who_is_closed_does_nothing_any_more() -> None:
    async def main() -> None:
        server = Server(streaming)
        async with server.listening():
            notes = Notes()
            client = Client(Standing(), server.endpoint, notes, reconnect=AT_ONCE)
            async with using(client):
                await notes.until("opened")
                client.close()
                client.dial()
                client.go_offline()
                client.go_online()
                client.hang_up()
                client.disconnect()
                await turns()
                assert client.attempt == 1
                assert notes.kinds() == ["opened", "offline", "online"]

    run(main)


@pytest.mark.parametrize("kind", ["close", "refuse"])
def test_who_is_closed_by_what_it_tells_does_not_return(kind: str) -> None:
    """No timer is left, and no attempt follows."""

    async def main() -> None:
        async def ending(peer: Peer) -> None:
            await peer.say(STREAM if kind == "close" else b"")

        server = Server(ending)
        async with server.listening():
            notes = Closing(kind)
            client = notes.client = Client(Jumping(), server.endpoint, notes)
            client.dial()
            await notes.until(kind)
            await turns()
            await client.wait_closed()
            assert client.attempt == 1

    run(main)


def test_nobody_need_wait_for_the_end() -> None:
    """A transport that goes after the one who waited for it has gone is no error."""

    async def main() -> None:
        server = Server(streaming)
        async with server.listening():
            notes = Notes()
            client = Client(Standing(), server.endpoint, notes)
            client.dial()
            await notes.until("opened")
            client.close()
            waiting = asyncio.get_running_loop().create_task(client.wait_closed())
            await asyncio.sleep(0)
            waiting.cancel()
            await turns()
            assert waiting.cancelled() or waiting.done()

    run(main)


@pytest.mark.rules("NET-6")
def test_who_stalls_while_dialling_hears_the_answer_after_the_heal() -> None:
    async def main() -> None:
        server = Server(holding)
        async with server.listening():
            notes = Notes()
            client = Client(Standing(), server.endpoint, notes)
            async with using(client):
                client.stall()
                while not server.peers or not server.peers[0].request:
                    await turns(1)
                await turns()
                assert notes.seen == []
                client.heal()
                await notes.until("receive", 2)

    run(main)


# --- networks and logins --------------------------------------------------------------------------


@pytest.mark.rules("CLI-2")
@pytest.mark.parametrize("at_once", [False, True])
def test_only_at_once_returns_in_the_instant_of_the_network(at_once: bool) -> None:
    async def main() -> None:
        server = Server(streaming)
        async with server.listening():
            notes, clock = Notes(), Standing()
            policy = AT_ONCE if at_once else Reconnect(after_ns=100, jitter_ns=0)
            async with using(Client(clock, server.endpoint, notes, reconnect=policy)) as client:
                await notes.until("opened")
                client.go_offline()
                client.go_online()
                await turns()
                assert client.attempt == (2 if at_once else 1)
                assert clock.waits == ([] if at_once else [100])

    run(main)


@pytest.mark.rules("CLI-1", "CLI-2")
@pytest.mark.parametrize("at_once", [False, True])
@pytest.mark.parametrize("online", [False, True])
def test_a_login_dials_unless_it_waits_for_the_network(online: bool, at_once: bool) -> None:
    async def main() -> None:
        server = Server(refused, streaming)
        async with server.listening():
            notes = Notes()
            policy = AT_ONCE if at_once else Reconnect(after_ns=100, jitter_ns=0)
            client = Client(Standing(), server.endpoint, notes, reconnect=policy)
            async with using(client):
                await notes.until("gave-up")
                if not online:
                    client.go_offline()
                client.log_in_again()
                await turns()
                assert client.attempt == (1 if at_once and not online else 2)
                if online:
                    await notes.until("opened")
                else:
                    assert "opened" not in notes.kinds()

    run(main)


@pytest.mark.rules("CLI-3", "SSE-2")
def test_a_login_of_who_never_gave_up_forgets_no_id() -> None:
    async def main() -> None:
        async def once(peer: Peer) -> None:
            await peer.say(STREAM + block(7))
            await peer.gone()

        server = Server(once)
        async with server.listening():
            notes = Notes()
            async with using(Client(Standing(), server.endpoint, notes)) as client:
                await notes.until("receive")
                client.disconnect()
                client.log_in_again()  # it waits already, and goes on waiting
                assert client._timer is not None
                client.dial()
                while len(server.peers) < 2 or not server.peers[1].request:
                    await turns(1)
                assert b"Last-Event-ID: e1:7" in server.peers[1].request

    run(main)


# --- draining, reading ----------------------------------------------------------------------------


@pytest.mark.rules("NET-3", "NET-4")
def test_a_drain_that_was_cut_off_holds_up_nothing_on_the_next_connection() -> None:
    async def main() -> None:
        server = Server(holding)
        async with server.listening():
            notes, clock = Notes(), Standing()
            slow = [100]
            client = Client(clock, server.endpoint, notes, drain=lambda *_: slow[0])
            async with using(client):
                await notes.until("opened")
                await turns()
                assert clock.waits == [100]
                slow[0] = 0
                client.disconnect()
                client.dial()
                await notes.until("receive", 2)
                assert notes.of("receive")[0][1:3] == (2, "e1:1")

    run(main)


@pytest.mark.rules("NET-6")
def test_a_stall_in_the_instant_of_the_receipt_leaves_nothing_to_drain() -> None:
    async def main() -> None:
        def handled_in_no_time(*_: object) -> int:
            if not stalled:
                stalled.append(True)
                asyncio.get_running_loop().call_soon(client.stall)
            return 0

        stalled: list[bool] = []
        server = Server(holding)
        async with server.listening():
            notes, clock = Notes(), Standing()
            client = Client(clock, server.endpoint, notes, drain=handled_in_no_time)
            async with using(client):
                await notes.until("opened")
                await turns()
                assert notes.kinds() == ["opened"]
                client.heal()
                await notes.until("receive", 2)
                assert clock.waits == []  # nothing was due later than it was

    run(main)


@pytest.mark.rules("NET-6")
def test_who_is_stalled_leaves_what_comes_to_the_kernel() -> None:
    async def main() -> None:
        server = Server(streaming)
        async with server.listening():
            notes = Notes()
            async with using(Client(Standing(), server.endpoint, notes)) as client:
                await notes.until("opened")
                held = client._connection
                assert held is not None
                assert not held.waits()
                client.stall()
                await server.peers[0].say(block(1))
                while not held.waits():
                    await turns(1)
                await turns()
                assert held.waits()
                client.heal()
                await notes.until("receive")
                assert not held.waits()

    run(main)


def test_a_kernel_that_cannot_tell_says_that_nothing_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        def unknown(*_: object) -> bytes:
            raise OSError(errno.ENOTTY, "no such request")

        server = Server(streaming)
        async with server.listening():
            notes = Notes()
            async with using(Client(Standing(), server.endpoint, notes)) as client:
                await notes.until("opened")
                held = client._connection
                assert held is not None
                client.stall()
                await server.peers[0].say(block(1))
                while not held.waits():
                    await turns(1)
                monkeypatch.setattr(fcntl, "ioctl", unknown)
                assert not held.waits()
                monkeypatch.undo()
                held.abort()
                await turns()
                assert not held.waits()

    run(main)


# --- what the kernel knows ------------------------------------------------------------------------


class TcpInfo(ctypes.Structure):
    """The beginning of `struct tcp_info` of <linux/tcp.h>."""

    _fields_ = [
        *((name, ctypes.c_uint8) for name in (
            "state", "ca_state", "retransmits", "probes", "backoff", "options", "wscale", "rates",
        )),
        *((name, ctypes.c_uint32) for name in (
            "rto", "ato", "snd_mss", "rcv_mss", "unacked", "sacked", "lost", "retrans", "fackets",
            "last_data_sent", "last_ack_sent", "last_data_recv", "last_ack_recv",
        )),
    ]  # fmt: skip


@pytest.mark.rules("CLI-4")
def test_the_kernel_is_asked_for_the_last_data_that_was_received() -> None:
    assert TcpInfo.last_data_recv.offset == connections._LAST_DATA_RECEIVED


@pytest.mark.rules("CLI-4")
@pytest.mark.parametrize("said_ms", [None, 700])
@pytest.mark.parametrize("speed", [1, 10])
def test_what_the_kernel_says_is_told_in_scenario_time(
    speed: int, said_ms: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Data came so many real milliseconds ago: at ten times the speed, ten times as much."""

    class Timed(Standing):
        def loop_s(self, ns: int) -> float:
            return 1 / speed if ns == NS_PER_S else super().loop_s(ns)

    async def main() -> None:
        server = Server(streaming)
        async with server.listening():
            notes, clock = Notes(), Timed()
            watchdog_ns = 60 * NS_PER_S
            client = Client(clock, server.endpoint, notes, watchdog_ns=watchdog_ns)
            async with using(client):
                await notes.until("opened")
                client.stall()
                connection, watch = client._connection, client._watch
                assert connection is not None
                assert watch is not None
                monkeypatch.setattr(type(connection), "_silent_ms", lambda _: said_ms)
                clock.t = watchdog_ns
                watch._run()  # type: ignore[attr-defined]
                watch.cancel()
                if said_ms is None:
                    assert [fact[2] for fact in notes.of("close")] == ["watchdog"]
                else:
                    assert notes.of("close") == []
                    assert clock.waits[-1] == watchdog_ns - speed * said_ms * 1_000_000

    run(main)


@pytest.mark.rules("CLI-4")
def test_a_network_that_knows_when_data_came_is_believed() -> None:
    class Network(asyncio.Transport):
        def pause_reading(self) -> None:
            pass

        def write(self, data: bytes | bytearray | memoryview) -> None:
            pass

        def is_closing(self) -> bool:
            return False

    async def main() -> None:
        notes = Notes()
        client = Client(Standing(), Endpoint("h", 1, "/"), notes)
        made = connections.Connection(client, b"", connections.Parser())
        assert made.heard_ns() is None
        made.connection_made(Network({connections.HEARD_NS: 300}))
        assert made.heard_ns() == 300
        assert made.unheard_ns(1000, 1) is None  # it reads: nothing waits
        made.read(wanted=False)
        assert made.unheard_ns(1000, 1) == 700

    run(main)


def test_an_address_of_two_colons_is_one_of_the_sixth_version(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def main() -> None:
        asked: list[tuple[int, ...]] = []

        def make(*kind: int) -> socket.socket:
            asked.append(kind)
            raise OSError(errno.EAFNOSUPPORT, "none here")

        monkeypatch.setattr(socket, "socket", make)
        for host in ("::1", "127.0.0.1"):
            with pytest.raises(OSError, match="none here"):
                await tcp(4096)(asyncio.Protocol, Endpoint(host, 1, "/"))
        stream = (socket.SOCK_STREAM, socket.IPPROTO_TCP)
        assert asked == [(socket.AF_INET6, *stream), (socket.AF_INET, *stream)]

    run(main)
