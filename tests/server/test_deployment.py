"""Behind nginx as docs/deployment.md says, and with TLS of our own: events pass at once."""

from __future__ import annotations

import asyncio
import contextlib
import select
import socket
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import trustme

from simrt.clock import RealClock
from simrt.server import Secrets, Server, bind, compile_site
from tests.server import nginx
from tests.server.live import PATIENCE_S, Live, Socket, live
from tests.server.matrix.observe import observe
from tests.server.matrix.programs import CURL, PROGRAMS
from tests.server.rig import KEY, STARTS, TOKENS, feature, request

pytestmark = pytest.mark.real

needs_nginx = pytest.mark.skipif(bool(nginx.missing()), reason=nginx.missing() or "it is here")


def over_tls(client: Socket, authority: trustme.CA) -> Socket:
    """The same connection, encrypted."""
    context = ssl.create_default_context()
    authority.configure_trust(context)
    client.sock = context.wrap_socket(client.sock, server_hostname="live.example")
    return client


@needs_nginx
@pytest.mark.rules("SSE-1", "SSE-5")
def test_events_pass_the_documented_nginx_at_once() -> None:
    """Each event is waited for before the next one is sent; so none waits for a full buffer."""
    with (
        live() as server,
        nginx.nginx(nginx.documented(), server.port) as (port, authority),
        Socket(port) as client,
        Socket(port) as poster,
    ):
        over_tls(client, authority).subscribe()
        client.read(client.began)
        over_tls(poster, authority)
        for n in range(1, 6):
            assert poster.post() == 200
            client.read(lambda: client.seqs == list(range(1, n + 1)))  # noqa: B023 - called here
        refused = over_tls(Socket(port), authority)
        with refused:
            refused.send(request("POST", "/shop/content", b"{}"))
            refused.read(lambda: b'"error"' in refused.got)
            assert refused.got.startswith(b"HTTP/1.1 401")


@needs_nginx
@pytest.mark.skipif(not CURL, reason="curl is not installed (apt: curl)")
@pytest.mark.rules("SSE-1")
def test_events_pass_over_http_2(tmp_path: Path) -> None:
    """Browsers speak it to nginx; nginx speaks HTTP/1.1 to the server."""
    with (
        live() as server,
        nginx.nginx(nginx.documented(), server.port) as (port, authority),
        Socket(server.port) as poster,
    ):
        authority.cert_pem.write_to_path(tmp_path / "authority")
        words = [CURL, "-sN", "--http2", "--cacert", str(tmp_path / "authority"), "--noproxy", "*"]
        words += ["--resolve", f"live.example:{port}:127.0.0.1", "-w", "%{http_version}"]
        url = f"https://live.example:{port}/shop/news"
        with subprocess.Popen([*words, url], stdout=subprocess.PIPE) as curl:
            assert curl.stdout is not None
            assert curl.stdout.readline().startswith(b"retry: ")
            for n in range(1, 4):
                assert poster.post() == 200
                while (line := curl.stdout.readline()) != b"id: e1:%d\n" % n:
                    assert line, "the stream ended"
            server.hang_up()
            assert curl.stdout.read().endswith(b"\n2")


BUFFERING = ("proxy_buffering off;", "proxy_buffering on;")
DEAF = ("proxy_buffering off;", "proxy_buffering on; proxy_ignore_headers X-Accel-Buffering;")


@needs_nginx
@pytest.mark.parametrize(("change", "passes"), [(BUFFERING, True), (DEAF, False)])
def test_the_header_alone_keeps_nginx_from_buffering(change: tuple[str, str], passes: bool) -> None:
    site = nginx.plain(nginx.documented())
    assert change[0] in site
    with (
        live() as server,
        nginx.nginx(site.replace(*change), server.port) as (port, _),
        Socket(port) as client,
        Socket(server.port).subscribe("a/direct") as direct,
    ):
        client.subscribe()
        direct.read(direct.began)
        if passes:
            client.read(client.began)
        else:
            wait_for_two(server)
        with Socket(server.port) as poster:
            for _ in range(3):
                assert poster.post() == 200
        direct.read(lambda: direct.seqs == [1, 2, 3])
        if passes:
            client.read(lambda: client.seqs == [1, 2, 3])
        else:
            assert select.select([client.sock], [], [], 0.5)[0] == []
            server.kill()  # the end of the stream lets go what was held
            client.read(lambda: client.got.endswith(b"0\r\n\r\n"))
            assert client.seqs == [1, 2, 3]


def wait_for_two(server: Live) -> None:
    """Both streams are open."""
    while len(server.tell("count")["counts"]) < 2:
        pass


@needs_nginx
@pytest.mark.rules("CLI-3", "RST-2")
@pytest.mark.parametrize("program", PROGRAMS[:2], ids=lambda program: program.name)
def test_who_comes_back_by_itself_does_so_through_nginx(program: object, tmp_path: Path) -> None:
    """Also while nobody is behind it: a browser would give up for good at 502."""
    assert isinstance(program, type(PROGRAMS[0]))
    if program.missing():
        pytest.skip(program.missing())
    site = nginx.plain(nginx.documented())
    seen = observe(program, tmp_path, lambda port: nginx.nginx(site, port))
    assert (seen.returned, seen.restarted) == ("by itself", "by itself")


_MOUNTED = """
import sys, uvicorn
from simrt.server import Mounted, Site
site = Site("shop")
site.stream("/news", channel="news", permission="public", events={"changed": {}})

@site.job("1s", sends=["changed"])
def fire(call):
    call.send("changed", {"n": call.n})

uvicorn.run(Mounted(site), port=int(sys.argv[1]), log_level="error",
            timeout_graceful_shutdown=1)
"""


@pytest.mark.rules("SSE-1", "STR-3")
def test_mounted_under_a_uvicorn_of_somebody_else() -> None:
    """Events come, and it ends though a stream is open."""
    port = nginx.free_port()
    with subprocess.Popen([sys.executable, "-c", _MOUNTED, str(port)]) as process:
        try:
            nginx.wait_for(process, port)
            with Socket(port).subscribe() as client:
                client.read(lambda: len(client.seqs) == 2)
                process.terminate()
                client.read()
            assert process.wait(PATIENCE_S) is not None
        finally:
            process.kill()


@contextlib.asynccontextmanager
async def encrypted(**options: Any) -> AsyncIterator[tuple[Server, int, ssl.SSLContext]]:
    """A server with TLS of its own, its port, and a context that trusts it."""
    authority = trustme.CA()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("live.example").configure_cert(context)
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    quiet = {"heartbeat": "none", "writeDeadline": "none", "peerTimeout": "none"}
    site = compile_site([feature(options=options, server=quiet)])
    server = Server(site, RealClock(STARTS), secrets_=Secrets(KEY, TOKENS), epoch="e1")
    sock = bind("127.0.0.1", 0, _SMALL)
    sock.listen()
    await server.listen(sock, tls=context)
    yield server, sock.getsockname()[1], trusting
    await server.abort()


_SMALL = 4096
_SENDS = 1500


@pytest.mark.rules("SSE-6", "BUF-2", "DLV-7")
def test_a_client_that_stops_reading_over_tls() -> None:
    """What is beyond policy is what kernels hold, and two messages; then it catches up."""

    def connect(port: int, trusting: ssl.SSLContext) -> Socket:
        client = Socket(port, rcvbuf=_SMALL)
        client.sock = trusting.wrap_socket(client.sock, server_hostname="live.example")
        return client.subscribe()

    async def main() -> None:
        async with encrypted(bufferSize=8) as (server, port, trusting):
            client = await asyncio.to_thread(connect, port, trusting)
            with client:
                await asyncio.to_thread(client.read, client.began)
                hook = server.site.hooks[0]
                for n in range(_SENDS):
                    server.send(hook, "changed", {"id": str(n).ljust(200, "x")}, {})
                    await asyncio.sleep(0.001 if n % 20 == 0 else 0)
                taken = server.counts()[0].fates["taken"]
                frame = len("id: e1:1000\nevent: changed\ndata: \n\n") + 211
                kernels = client.sock.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) + 2 * _SMALL
                assert taken * frame <= kernels + 2 * frame
                assert server.counts()[0].fates["pending"] == 8
                last = list(range(_SENDS - 7, _SENDS + 1))
                await asyncio.to_thread(client.read, lambda: client.seqs[-8:] == last)
                assert len(client.seqs) == taken + 8

    asyncio.run(main())


@pytest.mark.rules("SSE-6", "STR-3")
def test_a_stream_over_tls_of_our_own(tmp_path: Path) -> None:
    """As the second request of a connection, small events and large, an orderly end."""

    async def main() -> None:
        async with encrypted(bufferSize=64) as (server, port, trusting):
            await talk(server, port, trusting)

    async def talk(server: Server, port: int, trusting: ssl.SSLContext) -> None:
        where = {"host": "127.0.0.1", "port": port, "ssl": trusting}
        reader, writer = await asyncio.open_connection(**where, server_hostname="live.example")
        poster, asks = await asyncio.open_connection(**where, server_hostname="live.example")
        writer.write(request("GET", "/shop/nothing"))
        assert (await reader.readuntil(b"}")).startswith(b"HTTP/1.1 404")
        writer.write(request("GET", "/shop/news"))
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")
        await reader.readuntil(b"\n\n")  # the retry
        for n, size in enumerate([1, 10, 60_000, 1, 60_000, 60_000, 1], 1):
            body = b'{"id":"%b"}' % (b"x" * size)
            asks.write(request("POST", "/shop/content", body, token=TOKENS["shop"]["editor"]))
            assert (await poster.readuntil(b"}")).startswith(b"HTTP/1.1 200")
            frame = await reader.readexactly(
                len(b"id: e1:1\nevent: changed\ndata: \n\n") + len(body)
            )
            assert frame.startswith(b"id: e1:%d\n" % n)
            assert frame.endswith(body + b"\n\n")
        await server.shut_down()
        assert (await reader.read()).startswith(b"retry: ")
        for each in (writer, asks):
            each.close()

    asyncio.run(main())
