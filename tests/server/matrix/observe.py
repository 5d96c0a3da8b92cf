"""What one client does with our server: events, an ended stream, a restart, a refusal.

    python -m tests.server.matrix.observe

asks all of them and writes the table of docs/server.md anew.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any

from simrt.scenario.model import Scenario
from simrt.sse import Event
from tests.docs.generated import between, replaced
from tests.docs.rules import ROOT
from tests.server.live import Live, Socket
from tests.server.matrix.programs import PROGRAMS, Program, Running, running
from tests.server.rig import SHAPE, TOKENS, answers, feature, request

DOCUMENT = ROOT / "docs" / "server.md"
EDITOR, READER = TOKENS["shop"]["editor"], "reader-of-the-matrix"
TEXTS = (
    "one line",
    "two\nlines,\r\nthree",
    "ä € 😀 \u2028 \u2029 \ufeff \x00 \x85",
    "data: no field\n\nid: none\n\n: no comment",
)
_NAMED = {"project": "shop", "credentials": ["token:reader"]}


@dataclass(frozen=True)
class Seen:
    """What a client did, in words of the table.

    Attributes:
        events: whether every event arrived with its type, data and id.
        returned: after its stream had ended.
        resumed: what it said of the last event it had.
        restarted: after the server was killed and begun anew.
        refused: at 401.
    """

    events: str
    returned: str
    resumed: str
    restarted: str
    refused: str


def scenario() -> Scenario:
    """Two types of events; a stream that resumes, for whoever has the token."""
    hook = {"permission": {"token:editor": ["POST"]}}
    base = feature(
        permission={"token:reader": ["GET"]},
        options={"bufferSize": 64},
        server={"retrySpread": ["1s", "1001ms"]},
        variants={"resume": "last-event-id"},
    ).normalised()
    base["feature"]["events"] = {"changed": SHAPE, "message": SHAPE}
    base["feature"]["senders"] = [
        {"hook": "POST /changed", "sends": "changed", **hook},
        {"hook": "POST /message", "sends": "message", **hook},
    ]
    return Scenario.model_validate(base)


@contextmanager
def life(record: Path, epoch: str, port: int = 0) -> Iterator[Live]:
    """One life of the server."""
    tokens = {"shop": {"editor": EDITOR, "reader": READER}}
    with Live(scenario(), record=record, epoch=epoch, port=port, tokens=tokens) as server:
        yield server


def send(server: Live, text: str, event: str = "changed") -> None:
    """Send one event by its hook."""
    body = json.dumps({"id": text}).encode()
    with Socket(server.port) as poster:
        poster.send(request("POST", f"/shop/{event}", body, token=EDITOR))
        poster.read(lambda: poster.got.endswith(b"}"))
        assert answers(bytes(poster.got))[0].status == 200


def last_ids(server: Live) -> list[str | None]:
    """The `Last-Event-ID` of each subscription so far."""
    return [(row.detail or {}).get("last_event_id") for row in server.rows if row.kind == "replay"]


class Listener:
    """One client over all its programs: what does not return by itself is started anew."""

    def __init__(self, stack: ExitStack, program: Program, port: int) -> None:
        self._stack = stack
        self._program = program
        self._url = f"http://127.0.0.1:{port}/shop/news"
        self.before: list[Event] = []
        self.now = self._start("")

    def _start(self, last_event_id: str) -> Running:
        run = running(self._program, self._url, READER, last_event_id)
        return self._stack.enter_context(run)

    @property
    def events(self) -> list[Event]:
        """Everything that arrived."""
        return self.before + self.now.events

    def until(self, count: int) -> None:
        """Hear it until so many events arrived."""
        self.now.until(lambda: len(self.events) >= count)

    def come_back(self) -> None:
        """Its stream ended: whoever uses it starts it again, where it does not itself."""
        if self._program.returns:
            return
        self.now.until(lambda: self.now.over)
        self.before = self.events
        self.now = self._start(self.before[-1].last_event_id)


Proxy = Callable[[int], AbstractContextManager[tuple[int, Any]]]
"""Something in front of a server's port, with a port of its own."""


def observe(program: Program, folder: Path, proxy: Proxy | None = None) -> Seen:
    """Put one client through everything, perhaps through something in between.

    Raises:
        AssertionError: where it did not get what the server sent.
    """
    by_itself = "by itself" if program.returns else "whoever uses it must"
    wanted: list[Event] = []

    def sent(epoch: str, seq: int, text: str, event: str) -> None:
        data = json.dumps({"id": text}, ensure_ascii=False, separators=(",", ":"))
        wanted.append(Event(event, data, f"{epoch}:{seq}"))

    with ExitStack() as stack:
        first = stack.enter_context(life(folder / "first", "e1"))
        port = first.port if proxy is None else stack.enter_context(proxy(first.port))[0]
        client = Listener(stack, program, port)
        first.until(lambda _: len(last_ids(first)) == 1)
        for n, text in enumerate(TEXTS):
            event = ("changed", "message")[n % 2]
            send(first, text, event)
            sent("e1", n + 1, text, event)
        client.until(len(wanted))
        assert client.events == wanted, f"{client.events} instead of {wanted}"
        # Both words arrive in one piece: the client cannot ask in between.
        first.say(f"revoke {json.dumps(_NAMED)}\nrestore {json.dumps(_NAMED)}")
        assert [first.hear(), first.hear()] == [{"revoked": 1}, {"restored": 1}]
        send(first, "while it was away")
        sent("e1", len(TEXTS) + 1, "while it was away", "changed")
        client.come_back()
        client.until(len(wanted))
        assert client.events == wanted, f"{client.events} instead of {wanted}"
        resumed = last_ids(first)[1]
        assert resumed == f"e1:{len(TEXTS)}", resumed
        first.kill()
        if not program.returns:
            client.now.until(lambda: client.now.over)
        second = stack.enter_context(life(folder / "second", "e2", first.port))
        client.come_back()
        second.until(lambda _: len(last_ids(second)) == 1)
        assert last_ids(second) == [f"e1:{len(TEXTS) + 1}"]
        send(second, "after the restart", "message")
        sent("e2", 1, "after the restart", "message")
        client.until(len(wanted))
        assert client.events == wanted, f"{client.events} instead of {wanted}"
        assert second.tell(f"revoke {json.dumps(_NAMED)}") == {"revoked": 1}
        client.come_back()
        client.now.until(lambda: client.now.over)
        assert client.events == wanted, "nothing comes after a refusal"
        assert len(last_ids(second)) == 1
        known = "" if client.now.status is None else f", and knows {client.now.status}"
    sends_it = "sends it" if program.returns else "sent by whoever uses it"
    return Seen("all", by_itself, sends_it, by_itself, f"ends{known}")


def row(name: str, version: str, seen: Seen) -> str:
    """One row of the table."""
    return f"| {' | '.join((name, version, *astuple(seen)))} |\n"


HEAD = (
    "| client | version | events with id, type, data | a stream that ended: comes back"
    " | `Last-Event-ID` | a server that was restarted: comes back | at 401 |\n"
    f"|{'---|' * 7}\n"
)


def rows(document: str) -> dict[str, list[str]]:
    """The cells of each row of the document's table, by client."""
    lines = between(document, "clients").splitlines()[2:]
    cells = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]
    return {each[0]: each[1:] for each in cells}


def main() -> None:
    """Ask all clients and write the table."""
    table = HEAD
    for program in PROGRAMS:
        missing = program.missing()
        assert not missing, missing
        with tempfile.TemporaryDirectory() as folder:
            seen = observe(program, Path(folder))
        print(f"{program.name} {program.version()}: {seen}")
        table += row(program.name, program.version(), seen)
    text = DOCUMENT.read_text("utf-8")
    DOCUMENT.write_text(replaced(text, "clients", table), "utf-8")


if __name__ == "__main__":
    main()
