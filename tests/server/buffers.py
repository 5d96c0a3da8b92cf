"""How much is beyond `onFull` and `messageTTL` for a client that never reads: measured.

    python -m tests.server.buffers

measures and writes the table of docs/deployment.md anew.
"""

from __future__ import annotations

import asyncio
import platform
import socket
from contextlib import ExitStack
from typing import Any

from simrt.clock import RealClock
from simrt.server import Limits, Secrets, Server, bind, compile_site
from tests.docs.generated import replaced
from tests.server import nginx
from tests.server.rig import KEY, STARTS, TOKENS, feature, request, user_token

EVENT_BYTES = 200
# A queue that never takes more for so many sends is full for good.
_STEADY = 2000
_MOST = 60_000
_DOCUMENT = nginx.DOCUMENT
_SMALL = 16_384

_NO_LOWAT = Limits(notsent_lowat_bytes=None)
_SITE = nginx.plain(nginx.documented())

Row = tuple[str, int | None, Limits, str]
ROWS: tuple[Row, ...] = (
    ("direct", None, Limits(), ""),
    ("direct, a client with a receive buffer of 16 KiB", _SMALL, Limits(), ""),
    ("direct, without `TCP_NOTSENT_LOWAT`", None, _NO_LOWAT, ""),
    ("behind nginx as above", None, Limits(), _SITE),
    ("behind nginx, a client with a receive buffer of 16 KiB", _SMALL, Limits(), _SITE),
    ("behind nginx without `sndbuf=`", None, Limits(), _SITE.replace(" sndbuf=16k", "")),
)


async def beyond_policy(rcvbuf_bytes: int | None, limits: Limits, behind: str) -> int:
    """How many events were taken for a client that reads none."""
    quiet = {"heartbeat": "none", "writeDeadline": "none", "peerTimeout": "none"}
    site = compile_site([feature(options={"bufferSize": 1}, server=quiet)])
    server = Server(site, RealClock(STARTS), secrets_=Secrets(KEY, TOKENS), limits=limits)
    sock = bind("127.0.0.1", 0)
    sock.listen()
    port = sock.getsockname()[1]
    await server.listen(sock)
    loop = asyncio.get_running_loop()
    with ExitStack() as stack:
        if behind:
            port, _ = stack.enter_context(nginx.nginx(behind, port))
        client = stack.enter_context(socket.socket())
        if rcvbuf_bytes is not None:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, rcvbuf_bytes)
        client.setblocking(False)
        await loop.sock_connect(client, ("127.0.0.1", port))
        await loop.sock_sendall(client, request("GET", "/shop/news", token=user_token()))
        while not server.counts():  # noqa: ASYNC110 - the kernel sets no event
            await asyncio.sleep(0.01)
        taken = steady = 0
        for n in range(_MOST):
            data = {"id": str(n).ljust(EVENT_BYTES - len('{"id":""}'), "x")}
            server.send(server.site.hooks[0], "changed", data, {})
            await asyncio.sleep(0.001 if n % 50 == 0 else 0)
            now = server.counts()[0].fates["taken"]
            steady = 0 if now > taken else steady + 1
            taken = now
            if steady == _STEADY:
                break
        else:
            raise AssertionError(f"{_MOST} events, and the client still takes more")
        await server.abort()
    return taken


def measure(row: Row) -> str:
    """One row of the table."""
    what, rcvbuf_bytes, limits, behind = row
    counts = sorted(asyncio.run(beyond_policy(rcvbuf_bytes, limits, behind)) for _ in range(3))
    size = EVENT_BYTES + len("id: \nevent: changed\ndata: \n\n") + 38
    print(f"{what}: {counts}")
    return f"| {what} | {counts[1]:,} | {counts[1] * size // 1024:,} KiB |\n"


def main() -> None:
    """Measure and write the table."""
    table = "| | events beyond policy | that is |\n|---|---|---|\n"
    table += "".join(map(measure, ROWS))
    stamp: Any = f"\nLinux {platform.release().split('-')[0]}, nginx {nginx.version()}; the"
    table += f"{stamp} middle one of three runs.\n"
    text = _DOCUMENT.read_text("utf-8")
    _DOCUMENT.write_text(replaced(text, "buffers", table), "utf-8")


if __name__ == "__main__":
    main()
