"""What a browser notices of a dead connection: measured, for docs/model-and-reality.md (NET-7).

    python -m tests.docs.noticing

opens an EventSource in Chromium, in a network namespace of its own, takes the network away in
several ways, and writes the page's table: eight minutes. That needs Linux, root, `ip` and `ss`.
"""

from __future__ import annotations

import re
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from simrt.targets.server.namespace import Namespace, own_network
from tests.chromium import ARGUMENTS, PROGRAM
from tests.docs.generated import replaced
from tests.docs.rules import ROOT

PAGE = ROOT / "docs" / "model-and-reality.md"
HTML = b"""<!doctype html><title>noticing</title><script>
const log = [];
const note = what => log.push([Date.now() / 1000, what]);
const source = new EventSource("/stream");
source.onopen = () => note("open");
source.onmessage = e => note("event " + e.data);
source.onerror = () => note("error");
addEventListener("offline", () => note("offline"));
addEventListener("online", () => note("online"));
</script>"""
# ss: the timer of a socket, as in timer:(keepalive,42sec,0); the last is the number of probes.
_TIMER = re.compile(r"timer:\((\w+),([^,]+),(\d+)\)")
_ABORT = struct.pack("ii", 1, 0)  # SO_LINGER: close with a reset, forget the connection


class Stream:
    """A server with one page and one stream, which says one event and then nothing.

    Arguments:
        host: where it listens.

    Attributes:
        port: where it listens.
        accepted: when each stream was asked for, seconds since the epoch.
    """

    def __init__(self, host: str) -> None:
        self._listener = socket.create_server((host, 0))
        self.port = self._listener.getsockname()[1]
        self.accepted: list[float] = []
        self._streams: list[socket.socket] = []
        threading.Thread(target=self._serve, daemon=True).start()

    def say(self, text: str) -> None:
        """Send an event on the newest stream."""
        self._streams[-1].sendall(f"data: {text}\n\n".encode())

    def forget(self) -> None:
        """Forget the newest stream, as a server that was killed, or that gave up, does."""
        stream = self._streams.pop()
        stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _ABORT)
        stream.close()

    def close(self) -> None:
        """Listen no more."""
        self._listener.close()

    def _serve(self) -> None:
        while True:
            try:
                peer, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._answer, args=(peer,), daemon=True).start()

    def _answer(self, peer: socket.socket) -> None:
        asked = b""
        while b"\r\n\r\n" not in asked:
            more = peer.recv(65536)
            if not more:
                peer.close()
                return
            asked += more
        if asked.startswith(b"GET /stream "):
            self.accepted.append(time.time())
            self._streams.append(peer)
            peer.sendall(
                b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"
                b"cache-control: no-store\r\n\r\nretry: 1000\ndata: first\n\n"
            )
            return
        known = asked.startswith(b"GET / ")
        body = HTML if known else b""
        peer.sendall(
            b"HTTP/1.1 %s\r\ncontent-type: text/html\r\nconnection: close\r\n"
            b"content-length: %d\r\n\r\n%s"
            % (b"200 OK" if known else b"404 Not Found", len(body), body)
        )
        peer.close()


@dataclass
class Lab:
    """One browser, one server, and the network between them.

    Attributes:
        name: of the namespace.
        network: the namespace.
        stream: the server.
        page: the browser's page.
        timers: what `ss` said of the stream's socket: when, kind, how long, probes.
    """

    name: str
    network: Namespace
    stream: Stream
    page: Any
    timers: list[tuple[float, str, str, int]] = field(default_factory=list)

    def ip(self, *words: str) -> None:
        """Run `ip` inside the namespace."""
        subprocess.run(("ip", "-n", self.name, *words), check=True, capture_output=True)

    def log(self) -> list[tuple[float, str]]:
        """What the page noted."""
        return [(when, what) for when, what in self.page.evaluate("log")]

    def wait(self, until: Callable[[], bool], most_s: float) -> None:
        """Look each second, until something is so, at most so long; keep the socket's timer."""
        end = time.monotonic() + most_s
        while time.monotonic() < end:
            self.look()
            if until():
                return
            self.page.wait_for_timeout(1000)

    def noted(self, what: str, since: float) -> bool:
        """Whether the page noted that, since then."""
        return any(when >= since and one == what for when, one in self.log())

    def look(self) -> None:
        """Ask `ss` for the timer of the stream's socket."""
        said = subprocess.run(
            ("ip", "netns", "exec", self.name, "ss", "-tinoH", "state", "established",
             "dport", "=", f":{self.stream.port}"),
            capture_output=True, text=True, check=True,
        ).stdout  # fmt: skip
        for kind, left, probes in _TIMER.findall(said):
            self.timers.append((time.time(), kind, left, int(probes)))


@contextmanager
def lab() -> Iterator[Lab]:
    """A browser with an open stream, inside a namespace."""
    from playwright.sync_api import sync_playwright

    with own_network(1) as network, tempfile.TemporaryDirectory() as folder:
        assert network is not None, "this needs Linux, root and ip"
        inside = Path(folder) / "chromium"
        inside.write_text(f'#!/bin/sh\nexec ip netns exec {network.name} {PROGRAM} "$@"\n')
        inside.chmod(0o755)
        stream = Stream(network.host)
        with sync_playwright() as session:
            browser = session.chromium.launch(executable_path=inside, args=ARGUMENTS)
            page = browser.new_page()
            page.goto(f"http://{network.host}:{stream.port}/")
            found = Lab(network.name, network, stream, page)
            found.wait(lambda: found.noted("event first", 0), 30)
            assert found.noted("event first", 0), "the stream did not open"
            yield found
            browser.close()
        stream.close()


# --- what is done to the network ------------------------------------------------------------------


def silence_to_the_end(found: Lab) -> float:
    """Every packet is lost, and that does not end."""
    begun = time.time()
    found.network.silence(0, silent=True)
    found.wait(lambda: found.noted("error", begun), 600)
    return begun


def forgotten_in_a_silence(found: Lab) -> float:
    """Every packet is lost for a minute, in which the server forgets the connection."""
    found.network.silence(0, silent=True)
    found.wait(lambda: False, 20)
    found.stream.forget()
    found.wait(lambda: False, 40)
    found.network.silence(0, silent=False)
    begun = time.time()
    found.wait(lambda: found.noted("error", begun), 180)
    return begun


def held_through_a_silence(found: Lab) -> float:
    """Every packet is lost for a minute; the server holds the connection, then it says an event."""
    begun = time.time()
    found.network.silence(0, silent=True)
    found.wait(lambda: False, 60)
    found.network.silence(0, silent=False)
    found.stream.say("after")
    found.wait(lambda: found.noted("event after", begun), 120)
    return begun


def interface_down_and_up(found: Lab) -> float:
    """The interface goes down for ten seconds, and comes up with the same address."""
    begun = time.time()
    found.ip("link", "set", "inside", "down")
    found.wait(lambda: False, 10)
    found.ip("link", "set", "inside", "up")
    found.wait(lambda: False, 120)
    found.stream.say("after")
    found.wait(lambda: found.noted("event after", begun), 60)
    return begun


def another_address(found: Lab) -> float:
    """The interface loses its address, and has another one ten seconds later."""
    begun = time.time()
    found.ip("addr", "flush", "dev", "inside")
    found.wait(lambda: False, 10)
    found.ip("addr", "add", found.network.host.rpartition(".")[0] + ".77/24", "dev", "inside")
    found.wait(lambda: False, 120)
    return begun


COURSES = (silence_to_the_end, forgotten_in_a_silence, held_through_a_silence,
           interface_down_and_up, another_address)  # fmt: skip


def measured(course: Callable[[Lab], float]) -> tuple[str, str]:
    """Run one course.

    Returns:
        What was measured with, and a row of the page's table.
    """
    with lab() as found:
        version = found.page.context.browser.version.partition(".")[0]
        begun = course(found)
        _, kind, left, _ = found.timers[0]
        tool = (
            f"Chromium {version}: the stream's socket begins with the timer `{kind}`, {left} left"
        )
        noted = [(when - begun, f"`{what}`") for when, what in found.log() if when >= begun]
        probes = {count: when - begun for when, _, _, count in reversed(found.timers) if count}
        cells = (
            " ".join((course.__doc__ or "").split()),
            _times(sorted(probes.values())),
            _times([at for at, what in noted if what == "`error`"][:1]),
            ", ".join(f"{what} {at:.0f} s" for at, what in noted if what != "`error`") or "—",
        )
    return tool, f"| {' | '.join(cells)} |\n"


def _times(seconds: list[float]) -> str:
    return ", ".join(f"{one:.0f}" for one in seconds) + " s" if seconds else "—"


def main() -> None:
    """Measure, and write the page."""
    with ThreadPoolExecutor(len(COURSES)) as pool:
        done = list(pool.map(measured, COURSES))
    assert len({tool for tool, _ in done}) == 1, done
    part = "".join(
        (
            f"{done[0][0]}.\n\n",
            "| the network | probes without an answer | `error` | else |\n|---|---|---|---|\n",
            *(row for _, row in done),
        )
    )
    sys.stdout.write(part)
    PAGE.write_text(replaced(PAGE.read_text("utf-8"), "noticing", part), "utf-8")


if __name__ == "__main__":
    main()
