"""What one client makes of answers that are no stream: as browsers do, or otherwise.

    python -m tests.server.matrix.answers

asks all of them, ours too, and writes the table of docs/server.md anew.
"""

from __future__ import annotations

import contextlib
import http.server
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tests.docs.generated import between, replaced
from tests.server.live import PATIENCE_S, Socket
from tests.server.matrix.observe import DOCUMENT
from tests.server.matrix.programs import OWN, PROGRAMS, Program, Running, running
from tests.server.rig import request

CLIENTS = (*PROGRAMS, OWN)
PATH, ELSEWHERE = "/shop/news", "/shop/elsewhere"
TOKEN = "a reader of the matrix"
STREAM = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n"
    b"id: e1:1\nevent: changed\ndata: {}\n\n"
)


@dataclass(frozen=True)
class Case:
    """One first answer.

    Attributes:
        name: as the table's head shows it.
        answer: its bytes; empty: the connection ends without a word; None: our server's own, asked
            for one stream more than it can keep.
    """

    name: str
    answer: bytes | None


_HTML = b"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 2\r\n\r\nok"
CASES = (
    Case("204", b"HTTP/1.1 204 No Content\r\n\r\n"),
    Case("our 503 with `Retry-After`", None),
    Case(
        "307 to a stream",
        b"HTTP/1.1 307 Temporary Redirect\r\nlocation: %b\r\ncontent-length: 0\r\n\r\n"
        % ELSEWHERE.encode(),
    ),
    Case("200, but `text/html`", _HTML),
    Case("no answer", b""),
)


# --- a server that answers once like this, and then with a stream ---------------------------------


@contextmanager
def scripted(answer: bytes) -> Iterator[tuple[int, list[str]]]:
    """Its port, and the paths that it was asked for."""
    asked: list[str] = []
    over = threading.Event()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.close_connection = True
            if self.path not in (PATH, ELSEWHERE):  # the page on which a browser stands
                self.wfile.write(_HTML)
                return
            asked.append(self.path)
            if asked == [PATH]:
                self.wfile.write(answer)
                return
            self.wfile.write(STREAM)
            self.wfile.flush()
            over.wait(PATIENCE_S)

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_port, asked
    finally:
        over.set()
        server.shutdown()
        server.server_close()


# --- our server, full ----------------------------------------------------------------------------

_FULL = """
import asyncio, sys
from simrt.server import Secrets, Site, live_clock, serve
site = Site("shop")
site.metrics(permission="public")
site.stream("/news", channel="news", permission="token:reader", events={"changed": {}}, limit=1)

@site.job("1s", sends=["changed"])
def fire(call):
    call.send("changed", {})

def listening(_server, port):
    print(port, flush=True)

secrets = Secrets("", {"shop": {"reader": sys.argv[1]}})
asyncio.run(serve(site, live_clock(), port=0, secrets=secrets, on_listening=listening))
"""


@contextmanager
def full() -> Iterator[tuple[int, Socket]]:
    """The port of a server that keeps one stream, and who has it."""
    with subprocess.Popen(
        [sys.executable, "-c", _FULL, TOKEN], stdout=subprocess.PIPE, text=True
    ) as server:
        try:
            assert server.stdout is not None
            port = int(server.stdout.readline())
            with Socket(port).subscribe(token=TOKEN) as occupant:
                occupant.read(occupant.began)
                yield port, occupant
        finally:
            server.terminate()
            server.wait(PATIENCE_S)


_COUNT = 'simrt_refused_total{project="shop",status="503"}'


def turned_away(port: int) -> int:
    """How many streams that server had no room for."""
    with Socket(port) as reader:
        reader.send(request("GET", "/metrics", headers={"connection": "close"}))
        lines = reader.read().decode().splitlines()
    counted = [line.split()[1] for line in lines if line.startswith(_COUNT)]
    return int(sum(map(float, counted)))


# --- what a client does ---------------------------------------------------------------------------


def seen(program: Program) -> list[str]:
    """What a client makes of each first answer, in words of the table.

    All are begun before the first is waited for: a client that comes back takes its time.
    """
    with contextlib.ExitStack() as stack:
        begun = [_begun(stack, program, case) for case in CASES]
        return [conclude() for conclude in begun]


def _begun(stack: contextlib.ExitStack, program: Program, case: Case) -> Callable[[], str]:
    """Begin one client; what is returned waits for what becomes of it."""
    if case.answer is None:
        return _begun_at_a_full_server(stack, program)
    port, asked = stack.enter_context(scripted(case.answer))
    client = stack.enter_context(running(program, f"http://127.0.0.1:{port}{PATH}", TOKEN))

    def conclude() -> str:
        client.until(lambda: client.over or bool(client.events))
        return outcome(client, follows=ELSEWHERE in asked)

    return conclude


def _begun_at_a_full_server(stack: contextlib.ExitStack, program: Program) -> Callable[[], str]:
    port, occupant = stack.enter_context(full())
    client = stack.enter_context(running(program, f"http://127.0.0.1:{port}{PATH}", TOKEN))

    def conclude() -> str:
        ended = False
        while not turned_away(port):
            assert not ended, "it ended, and was never turned away"
            with contextlib.suppress(subprocess.TimeoutExpired):
                client.process.wait(0.05)
                ended = True
        occupant.sock.close()  # from now on there is room
        client.until(lambda: client.over or bool(client.events))
        return outcome(client, follows=False)

    return conclude


def outcome(client: Running, *, follows: bool) -> str:
    """The words."""
    if client.events:
        return "follows it" if follows else "comes back"
    return "ends" if client.status is None else f"ends, and knows {client.status}"


# --- the table -----------------------------------------------------------------------------------

HEAD = f"| client | {' | '.join(case.name for case in CASES)} |\n|{'---|' * (len(CASES) + 1)}\n"


def rows(document: str) -> dict[str, list[str]]:
    """The cells of each row of the document's table, by client."""
    lines = between(document, "answers").splitlines()[2:]
    cells = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]
    return {each[0]: each[1:] for each in cells}


def main() -> None:
    """Ask all clients and write the table."""
    table = HEAD
    for program in CLIENTS:
        missing = program.missing()
        assert not missing, missing
        words = seen(program)
        print(program.name, words)
        table += f"| {' | '.join((program.name, *words))} |\n"
    text = DOCUMENT.read_text("utf-8")
    DOCUMENT.write_text(replaced(text, "answers", table), "utf-8")


if __name__ == "__main__":
    main()
