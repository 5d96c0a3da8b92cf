"""Tens of thousands of connections that no client should make, over TCP to a server process.

    python -m tests.server.fuzz

sends them to 127.0.0.1 only, prints what came of them, and writes the table of docs/security.md
anew (`make fuzz`). Bounded by a count; some minutes. It ends with an error as soon as something
breaks: a server that dies or complains, a stream that is stuck, a file or a connection that stays.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import socket
import struct
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import psutil
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from simrt.clock import stopwatch
from simrt.sse import Parser, SseError
from tests.docs.generated import replaced
from tests.docs.rules import ROOT
from tests.docs.theory import bare
from tests.server.attacks import ATTACKS, STREAMS, Attack
from tests.server.live import PATIENCE_S, Live, Socket
from tests.server.rig import answers

DOCUMENT = ROOT / "docs" / "security.md"
EXAMPLES = int(os.environ.get("SIMRT_FUZZ_EXAMPLES", "1000"))
AT_ONCE = 20
STREAM_EXAMPLES = EXAMPLES * 20
_MOST_READ = 200_000
_MOST_PIECES = 40
_WARM_EXAMPLES = 200
"""After so many the server's memory is measured for the first time."""
_MOST_GROWTH_BYTES = 30_000_000
# Whatever reads or answers what a stranger sends, and what is sent.
_SOURCES = ("simrt/server", "simrt/sse", "tests/server/attacks.py")


@dataclass
class Counts:
    """What was sent, and what came of it."""

    connections: int = 0
    bytes: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    ended: int = 0
    delivered: int = 0
    streams: int = 0
    streams_refused: int = 0
    growth_bytes: int = 0


def digest() -> str:
    """Of the code that was attacked; comments, docstrings and layout do not count."""
    found = hashlib.blake2b(digest_size=12)
    for source in _SOURCES:
        place = ROOT / source
        for path in sorted(place.rglob("*.py")) if place.is_dir() else [place]:
            found.update(bare(path.read_text("utf-8")).encode())
    return found.hexdigest()


def one_profile(examples: int) -> settings:
    """As many examples, the same in every run."""
    return settings(
        max_examples=examples,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=(Phase.generate,),  # a failure over TCP is found again, and cut down, in memory
    )


@contextlib.contextmanager
def connections(port: int, attacks: list[Attack]) -> Iterator[list[socket.socket]]:
    """A connection for each attack; all that was opened is closed."""
    with contextlib.ExitStack() as stack:
        opened = []
        for _ in attacks:
            sock = stack.enter_context(socket.socket())
            sock.settimeout(PATIENCE_S)
            sock.connect(("127.0.0.1", port))
            opened.append(sock)
        yield opened


def speak(sock: socket.socket, attack: Attack) -> None:
    """Say all of it; a server that has ended the connection need not hear it."""
    with contextlib.suppress(ConnectionError):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for piece in attack.pieces[:_MOST_PIECES]:
            sock.sendall(piece)
        sock.sendall(b"".join(attack.pieces[_MOST_PIECES:]))


def end(sock: socket.socket, attack: Attack, counts: Counts) -> None:
    """End it, and count what was answered."""
    if attack.ending == "reset":
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        return
    if attack.ending == "silence":
        return
    got = b""
    with contextlib.suppress(OSError):  # the server has ended it already
        sock.shutdown(socket.SHUT_WR)
    with contextlib.suppress(ConnectionError):
        while (data := sock.recv(65_536)) and len(got) < _MOST_READ:
            got += data
    counts.ended += 1
    with contextlib.suppress(ValueError, IndexError):  # an answer that a reset cut
        for answer in answers(got):
            counts.statuses[answer.status] += 1


def attack_server(counts: Counts) -> None:
    """Requests: a bystander's stream and a sender go on meanwhile."""
    with Live() as server, Socket(server.port).subscribe("a/0") as bystander:
        bystander.read(bystander.began)
        process = psutil.Process(server.process.pid)
        files = process.num_fds()
        examples = rss = 0

        @one_profile(EXAMPLES)
        @given(attacks=st.lists(ATTACKS, min_size=AT_ONCE, max_size=AT_ONCE))
        def attack(attacks: list[Attack]) -> None:
            nonlocal examples, rss
            examples += 1
            with connections(server.port, attacks) as opened:
                for sock, each in zip(opened, attacks, strict=True):
                    speak(sock, each)
                with Socket(server.port) as poster:
                    assert poster.post() == 200
                    last = json.loads(answers(bytes(poster.got))[-1].body)["seq"]
                bystander.got = bystander.got[-10_000:]
                bystander.read(lambda: f"id: e1:{last}\n".encode() in bystander.got)
                counts.delivered += 1
                for sock, each in zip(opened, attacks, strict=True):
                    end(sock, each, counts)
            counts.connections += len(attacks)
            counts.bytes += sum(len(each.raw) for each in attacks)
            if examples == _WARM_EXAMPLES:
                rss = process.memory_info().rss

        attack()
        passed = stopwatch()
        while process.num_fds() > files + 1 and passed() < PATIENCE_S:
            server.tell("count")
        assert process.num_fds() <= files + 1, "files stay open"
        assert len(server.tell("count")["counts"]) == 1, "streams stay open"
        counts.growth_bytes = max(0, process.memory_info().rss - rss) if rss else 0
        assert counts.growth_bytes < _MOST_GROWTH_BYTES, f"grew by {counts.growth_bytes} bytes"
        bystander.sock.close()
        assert server.hang_up() == 0
        assert server.process.stderr is not None
        said = server.process.stderr.read()
        assert said == "", said[:500]


def attack_parser(counts: Counts) -> None:
    """Streams: items, or the parser's one error; in bounded memory."""

    @one_profile(STREAM_EXAMPLES)
    @given(stream=STREAMS, piece=st.integers(1, 200), limit=st.sampled_from([1, 100, 1 << 20]))
    def read(stream: bytes, piece: int, limit: int) -> None:
        parser = Parser(max_event_bytes=limit)
        counts.streams += 1
        try:
            for at in range(0, len(stream), piece):
                parser.feed(stream[at : at + piece])
        except SseError:
            counts.streams_refused += 1

    read()


def table(counts: Counts) -> str:
    """The counts, for the document."""
    statuses = ", ".join(f"{status}: {n:,}" for status, n in sorted(counts.statuses.items()))
    rows = [
        ("connections with malformed requests, over TCP", f"{counts.connections:,}"),
        ("bytes sent on them", f"{counts.bytes:,}"),
        ("of these read to their end", f"{counts.ended:,}"),
        ("answers on those, by status", statuses),
        ("events that a bystander had to get meanwhile, and got", f"{counts.delivered:,}"),
        ("connections, files or streams left open", "0"),
        ("growth of memory", f"below {_MOST_GROWTH_BYTES // 1_000_000} MB"),
        ("lines in the server's log", "0"),
        ("malformed streams read by the parser", f"{counts.streams:,}"),
        ("of these refused for their size", f"{counts.streams_refused:,}"),
    ]
    lines = "".join(f"| {what} | {value} |\n" for what, value in rows)
    return f"| | |\n|---|---|\n{lines}\nTrue for code `{digest()}`.\n"


def main() -> None:
    """Attack, print, write."""
    counts = Counts()
    attack_server(counts)
    attack_parser(counts)
    print(table(counts))
    print(f"memory grew by {counts.growth_bytes:,} bytes")
    text = DOCUMENT.read_text("utf-8")
    DOCUMENT.write_text(replaced(text, "fuzz", table(counts)), "utf-8")


if __name__ == "__main__":
    main()
