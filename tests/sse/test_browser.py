"""The vectors, put to Chromium's EventSource: are we right about what browsers do? (SSE-1, SSE-2)

A raw server sends each stream and ends it. The page counts the events until the browser reports
the end, and then until it came back with its `Last-Event-ID` and was told 204, which ends it for
good. So nothing here waits for a length of time.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from simrt.sse import Event, Retry
from tests.chromium import ARGUMENTS, PROGRAM

from .vectors import VECTORS, Vector

LONGEST_RETRY_MS = 10_000
"""A vector that asks for a longer wait is not waited for; its last id is not asked."""

CARRIED_ON = (b"retry: 1\nid: 7\ndata: a\n\nid: 8\ndata: lost\n", b"data: b\n\n")

PAGE = """<!doctype html><meta charset="utf-8"><title>vectors</title><script>
function ask(path, types, comesBack) {
  return new Promise(done => {
    const source = new EventSource(path), events = [];
    const note = e => { events.push([e.type, e.data, e.lastEventId]); };
    for (const type of types) {
      source.addEventListener(type, e => { if (e instanceof MessageEvent) note(e); });
    }
    source.addEventListener("error", e => {
      if (e instanceof MessageEvent) return;
      if (!comesBack) source.close();
      if (source.readyState === EventSource.CLOSED) done(events);
    });
  });
}
</script>"""


def types_of(vector: Vector) -> list[str]:
    """What to listen to: each value that a wrong reading of the stream could take for a type."""
    text = vector.stream.decode("utf-8", "replace")
    for mark in "\r\n":
        text = text.replace(mark, "\n")
    values = {"message", *(event.type for event in vector.events)}
    for line in text.split("\n"):
        value = line.partition(":")[2]
        values |= {value, value.removeprefix(" "), value.strip(), value.strip().lower()}
    return sorted(values)


def comes_back(vector: Vector) -> bool:
    waits = [item.ms for item in vector.items if isinstance(item, Retry)]
    return not waits or waits[-1] <= LONGEST_RETRY_MS


class RawServer:
    """Sends the page, and each vector's stream: first whole, in the other pass byte by byte."""

    def __init__(self) -> None:
        self.last_event_ids: dict[str, bytes] = {}
        self.seen: set[str] = set()
        self.carried_on_visits = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        path = head.split(b" ")[1].decode()
        _, _, index = path.rpartition("/")
        if path == "/carried-on":
            self.carried_on(writer)
        elif not index.isdigit():
            self.head(writer, "200 OK", "text/html; charset=utf-8")
            writer.write(PAGE.encode())
        elif path in self.seen:
            self.last_event_ids[path] = next(
                (
                    value.strip(b" ")
                    for name, _, value in (line.partition(b":") for line in head.split(b"\r\n"))
                    if name.lower() == b"last-event-id"
                ),
                b"",
            )
            self.head(writer, "204 No Content", "text/plain")
        else:
            self.seen.add(path)
            self.head(writer, "200 OK", "text/event-stream")
            stream = VECTORS[int(index)].stream
            step = 1 if path.startswith("/bytes/") else len(stream) or 1
            for start in range(0, len(stream), step):
                writer.write(stream[start : start + step])
                await writer.drain()
                await asyncio.sleep(0)
        writer.close()
        await writer.wait_closed()

    def carried_on(self, writer: asyncio.StreamWriter) -> None:
        """Two connections of one source: the first sets an id, the second sends none."""
        self.carried_on_visits += 1
        if self.carried_on_visits > len(CARRIED_ON):
            self.head(writer, "204 No Content", "text/plain")
            return
        self.head(writer, "200 OK", "text/event-stream")
        writer.write(CARRIED_ON[self.carried_on_visits - 1])

    @staticmethod
    def head(writer: asyncio.StreamWriter, status: str, media_type: str) -> None:
        head = f"HTTP/1.1 {status}\r\nContent-Type: {media_type}\r\nConnection: close\r\n\r\n"
        writer.write(head.encode())


async def ask_chromium(
    playwright_api: Any,
) -> tuple[str, dict[str, list[list[str]]], dict[str, bytes]]:
    """Chromium's version; for each path its events, and the id that it came back with."""
    server = RawServer()
    listener = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    async with listener, playwright_api.async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=PROGRAM, args=ARGUMENTS)
        page = await browser.new_page()
        await page.goto(f"http://127.0.0.1:{port}/")
        asked: list[tuple[str, list[str], bool]] = [
            (f"/{way}/{index}", types_of(vector), comes_back(vector))
            for way in ("whole", "bytes")
            for index, vector in enumerate(VECTORS)
        ] + [("/carried-on", ["message"], True)]
        answers: Any = await page.evaluate(
            """async asked => JSON.stringify(await Promise.all(asked.map(a => ask(...a))))""",
            [list(question) for question in asked],
        )
        version = browser.version
        await browser.close()
    paths = [path for path, _, _ in asked]
    return version, dict(zip(paths, json.loads(answers), strict=True)), server.last_event_ids


@pytest.mark.real
@pytest.mark.rules("SSE-1", "SSE-2")
@pytest.mark.skipif(PROGRAM is None, reason="chromium is not installed (apt: chromium)")
def test_chromium_agrees_with_every_vector() -> None:
    playwright_api = pytest.importorskip("playwright.async_api")
    version, answers, last_event_ids = asyncio.run(ask_chromium(playwright_api))
    differences = []
    for way in ("whole", "bytes"):
        for index, vector in enumerate(VECTORS):
            path = f"/{way}/{index}"
            seen = [Event(*event) for event in answers[path]]
            if seen != vector.events:
                differences.append(f"{vector.name} ({way}): {seen} instead of {vector.events}")
            expected = vector.last_event_id.encode().strip(b" ")
            if comes_back(vector) and last_event_ids[path] != expected:
                differences.append(
                    f"{vector.name} ({way}): came back with {last_event_ids[path]!r}"
                )
    # The standard gives each stream an empty id to begin with; browsers carry the last one on.
    carried_on = answers["/carried-on"]
    if carried_on != [["message", "a", "7"], ["message", "b", "7"]]:
        differences.append(f"the id over a reconnect: {carried_on}")
    print(f"Chromium {version}: {len(answers)} streams, {len(last_event_ids)} reconnects")
    assert not differences, "\n".join(differences)
