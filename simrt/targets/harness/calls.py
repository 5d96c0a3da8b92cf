"""Calling hooks: real HTTP requests, one after another, on a connection that is kept."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import httptools

from simrt.errors import TargetError
from simrt.scenario.model import Scenario
from simrt.targets.harness.credentials import Credentials

_CHUNK_BYTES = 65_536
# What a hook answers when it did its work: it sent, or it rejected the event.
_REJECTED = (400, 413, 422)


@dataclass(frozen=True, slots=True)
class Hook:
    """A hook as a caller sees it.

    Attributes:
        project: its project.
        channel: the channel it sends to.
        event: the type it sends.
        name: method and path, such as `POST /content`.
        headers: credentials.
    """

    project: str
    channel: str
    event: str
    name: str
    headers: tuple[tuple[str, str], ...]

    def request(self, authority: str, body: bytes) -> bytes:
        """The bytes of one call."""
        method, path = self.name.split(" ", 1)
        lines = [
            f"{method} /{self.project}{path} HTTP/1.1",
            f"Host: {authority}",
            "Content-Type: application/json",
            f"Content-Length: {len(body)}",
            *(f"{name}: {value}" for name, value in self.headers),
        ]
        return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


def hooks_of(
    plays: Sequence[Scenario], credentials: Credentials
) -> Iterator[tuple[tuple[int, str], Hook]]:
    """Each hook of a scenario and its neighbour, with the right credentials.

    Yields:
        The play's number and the hook's name; the hook.
    """
    for index, play in enumerate(plays):
        feature = play.feature
        for sender in feature.hooks:
            assert sender.hook is not None
            shown = credentials.headers(
                "right", feature.project, sender.permission, sender.method, "harness"
            )
            hook = Hook(feature.project, feature.channel, sender.sends, sender.hook, shown)
            yield (index, sender.hook), hook


class Answer:
    """Collects one response.

    Attributes:
        done: whether it is complete.
        status: its status.
        body: its body, up to 64 KiB of it.
    """

    def __init__(self) -> None:
        self.done = False
        self.status = 0
        self.body = b""
        self._parser = httptools.HttpResponseParser(self)

    def feed(self, data: bytes) -> None:
        """Bytes came."""
        self._parser.feed_data(data)

    def on_headers_complete(self) -> None:
        """The head is complete."""
        self.status = self._parser.get_status_code()

    def on_body(self, body: bytes) -> None:
        """Some of the body."""
        self.body = (self.body + body)[:_CHUNK_BYTES]

    def on_message_complete(self) -> None:
        """All of it."""
        self.done = True


def _ended(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
    """Whether a kept connection was ended by the other side, as by a restart."""
    return reader.at_eof() or reader.exception() is not None or writer.is_closing()


async def _some(reader: asyncio.StreamReader) -> bytes:
    data = await reader.read(_CHUNK_BYTES)
    if not data:
        raise ConnectionResetError("the connection ended before the answer")
    return data


class Line:
    """One kept connection to the server; a call waits for its answer."""

    def __init__(self, host: str, port: int) -> None:
        self._host = host
        self._port = port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def call(self, hook: Hook, body: bytes) -> int:
        """Call a hook; return the status.

        Raises:
            TargetError: the answer is none that a hook gives.
            OSError: as `ask`.
        """
        answer = await self.ask(hook, body)
        if not 200 <= answer.status < 300 and answer.status not in _REJECTED:
            text = answer.body[:200].decode("utf-8", "replace")
            raise TargetError(f"{hook.name} of {hook.project} answered {answer.status}: {text}")
        return answer.status

    async def ask(self, hook: Hook, body: bytes) -> Answer:
        """Call a hook, whatever it answers.

        Raises:
            ConnectionRefusedError: nobody listens; nothing was sent.
            OSError: the connection was lost before the answer: it may have been done, or not.
            httptools.HttpParserError: what came is no answer.
        """
        if self._streams is None or _ended(*self._streams):
            self.close()
            self._streams = await asyncio.open_connection(self._host, self._port)
        reader, writer = self._streams
        answer = Answer()
        try:
            writer.write(hook.request(f"{self._host}:{self._port}", body))
            while not answer.done:
                answer.feed(await _some(reader))
        except BaseException:
            self.close()
            raise
        return answer

    def close(self) -> None:
        """Hang up."""
        if self._streams is not None:
            self._streams[1].transport.abort()
            self._streams = None


@dataclass(frozen=True, slots=True)
class LostCall:
    """A call whose connection ended before its answer.

    Attributes:
        hook: what was called.
        life: in which life of the server.
        t_ns: when it was lost.
        sent: events of calls of this hook that were answered as sent in that life.
        rejected: calls … that were answered as rejected.
    """

    hook: Hook
    life: int
    t_ns: int
    sent: int
    rejected: int


class Caller:
    """Calls one hook, in the order it is asked to.

    Arguments:
        hook: which.
        line: its own connection.
        life: the number of the server's life that runs now.
        down: told of a call that found nobody.
        lost: told of a call that may have been done or not.
        now: scenario time.

    Attributes:
        asked: how many calls were asked for.
        answered: how many of them the server answered.
        busy_ns: how long those were under way, scenario time.
    """

    def __init__(
        self,
        hook: Hook,
        line: Line,
        *,
        life: Callable[[], int],
        down: Callable[[Hook], None],
        lost: Callable[[LostCall], None],
        now: Callable[[], int],
    ) -> None:
        self.hook = hook
        self.asked = self.answered = self.busy_ns = 0
        self._line = line
        self._life = life
        self._down = down
        self._lost = lost
        self._now = now
        self._waiting: deque[tuple[Callable[[], bytes | None], int]] = deque()
        self._arrived = asyncio.Event()
        self._busy = False
        self._of_life = 0
        self._sent = self._rejected = 0

    @property
    def idle(self) -> bool:
        """Whether every call was answered."""
        return not self._waiting and not self._busy

    def call(self, body: Callable[[], bytes | None], events: int = 1) -> None:
        """Call it with a body of so many events, after the calls before.

        The body is made when its turn comes; None: it is not called after all.
        """
        self.asked += 1
        self._waiting.append((body, events))
        self._arrived.set()

    async def work(self) -> None:
        """Make the calls, until cancelled."""
        try:
            while True:
                while self._waiting:
                    self._busy = True
                    make, events = self._waiting.popleft()
                    body = make()
                    if body is not None:
                        await self._call(body, events)
                    self._busy = False
                self._arrived.clear()
                await self._arrived.wait()
        finally:
            self._line.close()

    async def _call(self, body: bytes, events: int) -> None:
        life = self._life()
        if life != self._of_life:
            self._of_life, self._sent, self._rejected = life, 0, 0
        begun_ns = self._now()
        try:
            status = await self._line.call(self.hook, body)
        except ConnectionRefusedError:
            self._down(self.hook)
        except (OSError, httptools.HttpParserError):
            self._lost(LostCall(self.hook, life, self._now(), self._sent, self._rejected))
        else:
            self.answered += 1
            self.busy_ns += self._now() - begun_ns
            if status < 300:
                self._sent += events
            else:
                self._rejected += 1
