"""What only a kernel can show: small windows, stalled readers, kills, cut cables."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import resource
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from simrt.clock import RealClock
from simrt.server import Limits, Secrets, Server, bind, compile_site
from tests.server.live import Socket, live
from tests.server.rig import KEY, STARTS, TOKENS, S, answers, feature, request, user_token

pytestmark = pytest.mark.real

SMALL = 4096
QUIET = {"heartbeat": "none", "writeDeadline": "none", "peerTimeout": "none"}


def padded(n: int, size: int = 200) -> bytes:
    return json.dumps({"id": str(n).ljust(size, "x")}).encode()


@pytest.mark.rules("SSE-6", "BUF-2", "DLV-5", "PUB-2")
@pytest.mark.parametrize("on_full", ["drop-oldest", "drop-newest"])
def test_a_client_that_stops_reading(on_full: str, tmp_path: Path) -> None:
    """What is taken and not read fits the kernel's buffers and one message."""
    scenario = feature(options={"bufferSize": 8, "onFull": on_full}, server=QUIET)
    with (
        live(scenario, record=tmp_path / "rows", sndbuf=SMALL) as server,
        Socket(server.port, rcvbuf=SMALL).subscribe() as client,
        Socket(server.port) as poster,
    ):
        client.read(client.began)
        for n in range(250):
            assert poster.post(padded(n)) == 200
        taken = [row for row in server.rows if row.kind == "take"]
        frame = len("id: e1:100\nevent: changed\ndata: \n\n") + len(padded(1))
        # The kernel counts its own bookkeeping into these, so that less data fits than they say;
        # it reports twice what it was asked for.
        kernels = client.sock.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) + 2 * SMALL
        assert len(taken) * frame <= kernels + frame
        assert server.tell("count")["counts"][0][3] <= 8
        client.read(lambda: len(client.seqs) > len(taken))
        assert poster.post(padded(251)) == 200
        client.read(lambda: client.seqs[-1] == 251)
        rows = server.rows
        assert client.seqs == [row.seq for row in rows if row.kind == "take"]
        drops = [row.seq for row in rows if row.kind == "drop"]
        assert {row.cause for row in rows if row.kind == "drop"} == {on_full}
        assert sorted(client.seqs + drops) == list(range(1, 252))
        assert len(drops) > 150
        if on_full == "drop-oldest":
            assert client.seqs[-9:] == list(range(243, 252))


@pytest.mark.rules("SSE-6", "TTL-3")
def test_ttl_acts_on_a_client_that_stops_reading(tmp_path: Path) -> None:
    options = {"bufferSize": 8, "messageTTL": "10s"}
    scenario = feature(options=options, server=QUIET)
    with (
        live(scenario, record=tmp_path / "rows", sndbuf=SMALL, speed=20.0) as server,
        Socket(server.port, rcvbuf=SMALL).subscribe() as client,
        Socket(server.port) as poster,
    ):
        client.read(client.began)
        for n in range(200):
            poster.post(padded(n))
        last = server.rows[-1].t_ns
        server.until(lambda _: poster.post(b"{}") == 422 and server.rows[-1].t_ns > last + 10 * S)
        poster.post(padded(201))
        client.read(lambda: bool(client.seqs) and client.seqs[-1] == 201)
        rows = server.rows
        expired = [row.seq for row in rows if row.kind == "expire"]
        assert expired
        assert expired == list(range(expired[0], expired[-1] + 1))
        assert expired[-1] == 200
        assert not set(expired) & set(client.seqs)
        takes = {row.seq: row.t_ns for row in rows if row.kind == "take"}
        sends = {row.seq: row.t_ns for row in rows if row.kind == "send"}
        assert all(takes[seq] - sends[seq] < 10 * S for seq in client.seqs)


CROWD, BUFFER, EVENTS, EVENT_BYTES = 20, 8, 4000, 2000
# What the server may hold for a crowd that reads nothing: each distinct message once (BUF-5), the
# frames that are kept for the next reader, and one message in each connection's own buffer.
HELD_BYTES = (BUFFER * (1 + CROWD) + 32 + CROWD) * EVENT_BYTES
NOISE_BYTES = 4_000_000
"""What Python's allocator may do on its own; all events for all would be 160 MB."""


@pytest.mark.rules("BUF-5", "SSE-6", "BUF-2", "BUF-3", "TTL-3")
@pytest.mark.parametrize(
    "options",
    [{"onFull": "drop-oldest"}, {"onFull": "drop-newest"}, {"messageTTL": "1s"}],
    ids=lambda options: "-".join(options.values()),
)
def test_memory_stays_flat_while_nobody_reads(options: dict[str, str]) -> None:
    """Thousands of events for a crowd that reads none: each policy acts, and memory says so."""
    scenario = feature(options={"bufferSize": BUFFER, **options}, server=QUIET)
    with live(scenario, sndbuf=SMALL) as server, contextlib.ExitStack() as stack:
        for n in range(CROWD):
            client = Socket(server.port, rcvbuf=SMALL).subscribe(f"a/{n}")
            stack.enter_context(client).read(client.began)
        poster = stack.enter_context(Socket(server.port))
        memory = psutil.Process(server.process.pid)
        used = []
        for _ in range(4):
            for n in range(EVENTS // 4):
                assert poster.post(padded(n, EVENT_BYTES)) == 200
                poster.got.clear()
            used.append(memory.memory_info().rss)
        counts = server.tell("count")["counts"]
        assert len(counts) == CROWD
        for _, _, taken, pending in counts:
            assert taken < EVENTS / 20  # what the kernel's small buffers hold
            assert pending == BUFFER
        assert used[-1] - used[0] < HELD_BYTES + NOISE_BYTES


@pytest.mark.rules("RST-1", "NET-5")
def test_a_kill_loses_no_row_of_what_others_saw(tmp_path: Path) -> None:
    """kill -9 in the middle of everything: each receipt and each event has its rows in the file."""
    with live(record=tmp_path / "rows") as server, contextlib.ExitStack() as stack:
        clients = [Socket(server.port).subscribe(f"a/{n}") for n in range(3)]
        for client in clients:
            stack.enter_context(client).read(client.began)
        poster = stack.enter_context(Socket(server.port))
        for _ in range(50):
            assert poster.post() == 200
        poster.sock.setblocking(False)
        body = b'{"id":"7"}'
        pipelined = request("POST", "/shop/content", body, token=TOKENS["shop"]["editor"]) * 400
        with contextlib.suppress(BlockingIOError):
            poster.sock.send(pipelined)
        clients[0].read(lambda: len(clients[0].seqs) > 80)
        server.kill()
        poster.sock.setblocking(True)
        poster.sock.settimeout(60)
        poster.read()
        for client in clients:
            client.read()
        rows = server.rows
        sent = {row.seq for row in rows if row.kind == "send"}
        receipts = [
            json.loads(each.body)["seq"]
            for each in answers(bytes(poster.got))
            if each.body.endswith(b"}")
        ]
        assert set(receipts) <= sent
        assert len(receipts) >= 50
        for n, client in enumerate(clients):
            took = [row.seq for row in rows if row.kind == "take" and row.subscriber == f"a/{n}"]
            assert len(client.seqs) >= 50
            assert client.seqs == took[: len(client.seqs)]
            assert set(took) <= sent
        assert [row.t_ns for row in rows] == sorted(row.t_ns for row in rows)
        assert not [row for row in rows if row.kind in ("close", "end")]


@pytest.mark.rules("STR-1", "SSE-5")
def test_a_stalled_client_is_ended_and_delays_nobody(tmp_path: Path) -> None:
    settings = {"heartbeat": "5s", "writeDeadline": "30s", "peerTimeout": "10s"}
    scenario = feature(options={"bufferSize": 4}, server=settings)
    with (
        live(scenario, record=tmp_path / "rows", sndbuf=SMALL, speed=20.0) as server,
        Socket(server.port, rcvbuf=SMALL).subscribe("a/stalled") as stalled,
        Socket(server.port).subscribe("a/reads") as reads,
        Socket(server.port) as poster,
    ):
        stalled.read(stalled.began)
        for n in range(100):
            poster.post(padded(n))
        close = server.closed("a/stalled")
        last_take = max(
            row.t_ns for row in server.rows if row.kind == "take" and row.subscriber == "a/stalled"
        )
        assert close.cause == "stalled"  # and not `gone`: its kernel still answers
        assert close.t_ns >= last_take + 30 * S
        reads.read(lambda: reads.comments >= 4)
        stalled.read()  # what the kernel held, then the end
        took = [r.seq for r in server.rows if r.kind == "take" and r.subscriber == "a/stalled"]
        assert stalled.seqs == took[: len(stalled.seqs)]
        assert len(took) - len(stalled.seqs) <= 1


@pytest.mark.rules("STR-4", "SSE-4")
def test_a_credential_that_expires_in_the_stream(tmp_path: Path) -> None:
    scenario = feature(permission={"user": ["GET"]})
    with live(scenario, record=tmp_path / "rows", speed=50.0) as server:
        expires = server.hello["t_ns"] // S + 60
        token = user_token(expires_s=expires)
        with Socket(server.port).subscribe("a/0", token=token) as client:
            client.read()
            assert client.got.startswith(b"HTTP/1.1 200")
        close = server.closed("a/0")
        assert close.cause == "expired"
        assert close.t_ns >= expires * S
        with Socket(server.port).subscribe("a/0", 2, token=token) as client:
            client.read(lambda: client.got.endswith(b"}"))
            assert client.got.startswith(b"HTTP/1.1 401")


@pytest.mark.rules("NET-4")
def test_a_half_closed_client_is_a_closed_one(tmp_path: Path) -> None:
    with live(record=tmp_path / "rows", sndbuf=SMALL) as server, Socket(server.port) as poster:
        for name, rcvbuf in (("a/reads", None), ("a/full", SMALL)):
            with Socket(server.port, rcvbuf=rcvbuf).subscribe(name) as client:
                client.read(client.began)
                for n in range(60):
                    poster.post(padded(n))
                client.sock.shutdown(socket.SHUT_WR)
                assert server.closed(name).cause == "client"
                client.read()
        assert server.tell("count") == {"counts": []}


def test_a_slow_head_byte_by_byte(tmp_path: Path) -> None:
    with live(record=tmp_path / "rows") as server, Socket(server.port) as client:
        for byte in request("GET", "/shop/news"):
            client.send(bytes([byte]))
        client.read(client.began)
        with Socket(server.port) as poster:
            poster.post()
            client.read(lambda: client.seqs == [1])


def test_a_stream_as_the_second_request() -> None:
    with live() as server, Socket(server.port) as client, Socket(server.port) as poster:
        assert client.post() == 200
        client.got.clear()
        client.subscribe()
        client.read(client.began)
        assert poster.post() == 200
        client.read(lambda: client.seqs == [2])


def test_accepted_connections_answer_without_delay() -> None:
    """asyncio sets TCP_NODELAY only where the listening socket names its protocol."""

    async def main() -> None:
        site = compile_site([feature()])
        server = Server(site, RealClock(STARTS), secrets_=Secrets(KEY, TOKENS))
        sock = bind("127.0.0.1", 0, SMALL)
        sock.listen()
        await server.listen(sock)
        _, writer = await asyncio.open_connection(*sock.getsockname())
        while not server.connections:  # noqa: ASYNC110 - the kernel sets no event
            await asyncio.sleep(0.001)
        accepted = next(iter(server.connections)).transport.get_extra_info("socket")
        assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 1
        assert accepted.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) == 2 * SMALL
        writer.close()
        await writer.wait_closed()
        await server.shut_down()

    asyncio.run(main())


MOST = 10_000

_CROWDED = f"""
import asyncio
from simrt.server import Limits, Site, live_clock, serve
site = Site("shop")
site.stream("/news", channel="news", permission="public", events={{"changed": {{}}}})

@site.hook("POST", "/content", permission="public", sends=["changed"])
def content(call):
    call.send("changed", call.data)

limits = Limits(connections={MOST}, turned_away=10)
asyncio.run(serve(site, live_clock(), port=0, limits=limits,
                  on_listening=lambda _, port: print(port, flush=True)))
"""


@pytest.mark.rules("STR-2")
def test_ten_thousand_idle_connections() -> None:
    """At the limit streams and hooks go on; beyond it 503; the silent end; then there is room."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if most < MOST + 200:
        pytest.skip(f"needs {MOST + 200} open files; here {most} are allowed")
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    hook = request("POST", "/shop/content", b"{}")
    with (
        subprocess.Popen([sys.executable, "-c", _CROWDED], stdout=subprocess.PIPE) as server,
        contextlib.ExitStack() as stack,
    ):
        stack.callback(server.kill)
        assert server.stdout is not None
        port = int(server.stdout.readline())
        process = psutil.Process(server.pid)
        stream = stack.enter_context(Socket(port).subscribe())
        stream.read(stream.began)
        poster = stack.enter_context(Socket(port))

        def post() -> None:
            before = poster.got.count(b"HTTP/1.1 200")
            poster.send(hook)
            poster.read(lambda: poster.got.count(b"HTTP/1.1 200") > before)

        post()
        with contextlib.ExitStack() as crowd:
            for _ in range(MOST - 2):
                crowd.enter_context(Socket(port))
            post()
            stream.read(lambda: len(stream.seqs) == 2)
            for _ in range(10):
                told = crowd.enter_context(Socket(port).subscribe())
                told.read(lambda: told.got.endswith(b"}"))  # noqa: B023 - called here
                assert told.got.startswith(b"HTTP/1.1 503")
            silent = [crowd.enter_context(Socket(port)) for _ in range(11)]
            assert silent[0].read() == b""
            assert process.num_fds() > MOST
        while process.num_fds() > 100:
            post_and_hear(stream, post)
        room = stack.enter_context(Socket(port).subscribe())
        room.read(room.began)
        server.send_signal(signal.SIGTERM)
        assert server.wait(60) == 0


def post_and_hear(stream: Socket, post: Callable[[], None]) -> None:
    """Others are served while the crowd goes."""
    before = len(stream.seqs)
    post()
    stream.read(lambda: len(stream.seqs) > before)


@pytest.mark.rules("SSE-6")
@pytest.mark.parametrize("lowat", [1, 50, None])
def test_the_kernel_is_asked_to_keep_little(lowat: int | None) -> None:
    async def main() -> None:
        site = compile_site([feature()])
        limits = Limits(notsent_lowat_bytes=lowat)
        server = Server(site, RealClock(STARTS), secrets_=Secrets(KEY, TOKENS), limits=limits)
        sock = bind("127.0.0.1", 0)
        sock.listen()
        await server.listen(sock)
        reader, writer = await asyncio.open_connection(*sock.getsockname())
        asked = next(iter(server.connections)).transport.get_extra_info("socket")
        before = asked.getsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT)
        writer.write(request("GET", "/shop/news"))
        await reader.readuntil(b"\n\n")
        after = asked.getsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT)
        assert after == (before if lowat is None else lowat)
        writer.close()
        await writer.wait_closed()
        await server.shut_down()

    asyncio.run(main())


@contextlib.contextmanager
def namespace() -> Iterator[str]:
    """A network namespace at the end of a cable; its name. Root alone may make one."""
    name = f"simrt-{os.getpid()}"
    near, far = f"sn{os.getpid()}", f"sf{os.getpid()}"

    def ip(*words: str) -> None:
        subprocess.run(["ip", *words], check=True, capture_output=True)

    ip("netns", "add", name)
    try:
        ip("link", "add", near, "type", "veth", "peer", "name", far)
        ip("link", "set", far, "netns", name)
        ip("addr", "add", "198.18.77.1/24", "dev", near)
        ip("link", "set", near, "up")
        ip("netns", "exec", name, "ip", "addr", "add", "198.18.77.2/24", "dev", far)
        ip("netns", "exec", name, "ip", "link", "set", far, "up")
        yield name
    finally:
        subprocess.run(["ip", "link", "del", near], check=False, capture_output=True)
        ip("netns", "del", name)


_FAR_CLIENT = """
import socket, sys
sock = socket.create_connection(("198.18.77.1", int(sys.argv[1])))
sock.sendall(b"GET /shop/news HTTP/1.1\\r\\nhost: t\\r\\nsimrt-subscriber: a/far\\r\\n"
             b"simrt-connection: 1\\r\\n\\r\\n")
sock.recv(10)
print("connected", flush=True)
sys.stdin.read()
"""


def may_make_namespaces() -> bool:
    done = subprocess.run(["ip", "netns", "add", "simrt-try"], check=False, capture_output=True)
    subprocess.run(["ip", "netns", "del", "simrt-try"], check=False, capture_output=True)
    return done.returncode == 0


@pytest.mark.rules("SSE-5", "NET-7")
def test_a_cut_cable_is_noticed(tmp_path: Path) -> None:
    """A peer that vanishes without a word is closed as `gone`; one that merely idles is not."""
    if not may_make_namespaces():
        pytest.skip("needs root: a cable that can be cut is a network namespace")
    settings = {"heartbeat": "10s", "peerTimeout": "30s", "writeDeadline": "none"}
    record = tmp_path / "rows"
    with (
        namespace() as name,
        live(feature(server=settings), record=record, host="198.18.77.1", speed=20.0) as server,
    ):
        far = subprocess.Popen(
            ["ip", "netns", "exec", name, sys.executable, "-c", _FAR_CLIENT, str(server.port)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            assert far.stdout is not None
            assert far.stdout.readline() == "connected\n"
            with Socket(server.port, host="198.18.77.1").subscribe("a/near") as near:
                near.read(lambda: near.comments >= 6)
                assert not [row for row in server.rows if row.kind == "close"]
                link = f"sf{os.getpid()}"
                subprocess.run(
                    ["ip", "netns", "exec", name, "ip", "link", "set", link, "down"],
                    check=True,
                )
                assert server.closed("a/far").cause == "gone"
                assert [row.subscriber for row in server.rows if row.kind == "close"] == ["a/far"]
        finally:
            far.send_signal(signal.SIGKILL)
            far.communicate()
