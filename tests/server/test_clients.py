"""Clients that others wrote, against our server: what docs/server.md says they do, they do."""

from __future__ import annotations

import http.server
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import astuple
from pathlib import Path

import pytest

from tests.server.live import PATIENCE_S
from tests.server.matrix import answers
from tests.server.matrix.observe import DOCUMENT, observe, rows
from tests.server.matrix.programs import CHROMIUM, OWN, PROGRAMS, Program

BY_NAME = {program.name: program for program in PROGRAMS}
AGAIN = "run python -m tests.server.matrix.observe"


def test_the_table_has_every_client() -> None:
    assert list(rows(DOCUMENT.read_text("utf-8"))) == list(BY_NAME), AGAIN


@pytest.mark.real
@pytest.mark.rules("SSE-1", "SSE-2", "SSE-4", "STR-3", "RST-2", "CLI-3")
@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.name)
def test_a_client_does_what_the_table_says(program: Program, tmp_path: Path) -> None:
    missing = program.missing()
    if missing:
        pytest.skip(missing)
    seen = observe(program, tmp_path)
    version, *stated = rows(DOCUMENT.read_text("utf-8"))[program.name]
    assert list(astuple(seen)) == stated, AGAIN
    print(f"{program.name} {program.version()} (the table: {version})")


@pytest.mark.real
@pytest.mark.rules("STR-2", "CLI-1", "CLI-3")
@pytest.mark.parametrize("program", answers.CLIENTS, ids=lambda program: program.name)
def test_a_client_takes_other_answers_as_the_table_says(program: Program) -> None:
    missing = program.missing()
    if missing:
        pytest.skip(missing)
    stated = answers.rows(DOCUMENT.read_text("utf-8"))[program.name]
    assert answers.seen(program) == stated, "run python -m tests.server.matrix.answers"


def test_our_own_client_does_what_a_browser_does() -> None:
    """Also told: what a browser hides from its page, a status."""
    table = answers.rows(DOCUMENT.read_text("utf-8"))
    assert list(table) == [program.name for program in answers.CLIENTS]
    ours = [cell.partition(",")[0] for cell in table[OWN.name]]
    assert ours == table[PROGRAMS[0].name]
    assert {"ends", "comes back", "follows it"} == set(ours)


# --- a page of another origin -----------------------------------------------------------------

_SITE = """
import asyncio, sys
from simrt.server import Secrets, Site, live_clock, serve
site = Site("shop")
events = {"changed": {"type": "object"}}
site.stream("/closed", channel="news", permission="token:reader", events=events)
site.stream("/open", channel="news", permission="token:reader", events=events, origins=sys.argv[1:])

@site.job("1s", sends=["changed"])
def fire(call):
    call.send("changed", {})

def listening(_server, port):
    print(port, flush=True)

secrets = Secrets("", {"shop": {"reader": "a reader"}})
asyncio.run(serve(site, live_clock(), port=0, secrets=secrets, on_listening=listening))
"""


class _Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/html")
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@contextmanager
def another_origin() -> Iterator[str]:
    """The address of a page that is not the server's."""
    pages = http.server.HTTPServer(("127.0.0.1", 0), _Page)
    threading.Thread(target=pages.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{pages.server_port}"
    finally:
        pages.shutdown()
        pages.server_close()


@pytest.mark.real
@pytest.mark.rules("SSE-4")
def test_a_page_of_another_origin_reads_what_names_it_and_nothing_else() -> None:
    missing = PROGRAMS[0].missing()
    if missing:
        pytest.skip(missing)
    with (
        another_origin() as origin,
        subprocess.Popen(
            [sys.executable, "-c", _SITE, origin], stdout=subprocess.PIPE, text=True
        ) as server,
    ):
        try:
            assert server.stdout is not None
            port = int(server.stdout.readline())
            heard = {
                path: first_word(f"http://127.0.0.1:{port}/shop/{path}", origin)
                for path in ("open", "closed")
            }
        finally:
            server.terminate()
            server.wait(PATIENCE_S)
    assert heard["open"] == {"open": True}
    assert heard["closed"] == {"error": None, "over": True}


def first_word(url: str, origin: str) -> dict[str, object]:
    """What becomes of Chromium's attempt to read a stream from a page of that origin."""
    words = [CHROMIUM, url, "a reader", f"{origin}/"]
    module = "tests.server.matrix.chromium_client"
    with subprocess.Popen(
        [sys.executable, "-m", module, *words], stdout=subprocess.PIPE, text=True
    ) as client:
        assert client.stdout is not None
        client.stdout.readline()  # its version
        said: dict[str, object] = json.loads(client.stdout.readline())
        client.kill()
    return said
