"""One `simrt serve`: a site, one server life after another, and the clients that are watched."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import httptools

from simrt.client import Endpoint
from simrt.clock import NS_PER_S, RealClock
from simrt.errors import UsageError
from simrt.history import Row
from simrt.scenario.model import Scenario, Sender
from simrt.server import Limits, Recording, Server, Site, bind
from simrt.server.serving import listening
from simrt.targets.harness.calls import Answer, Hook, Line
from simrt.watch import orders
from simrt.watch.clients import GROUP, Browser, Loopback, Watched
from simrt.watch.credentials import Badges
from simrt.watch.front import KEY_HEADER, Front
from simrt.watch.ledger import Ledger
from simrt.watch.together import Moved
from simrt.watch.workload import Player

MOST_LOOPBACK = 12
# A browser keeps at most six connections to one server over HTTP/1.1; the page needs one itself.
MOST_BROWSER = 4
_DOWN_S = 1.0
_PATIENCE_NS = 60 * NS_PER_S


class LiveRows(Recording):
    """Rows that nobody keeps: each goes into the ledger, and is forgotten.

    Arguments:
        ledger: whose.
    """

    def __init__(self, ledger: Ledger) -> None:
        super().__init__()
        self._ledger = ledger

    def write(self, row: Row) -> None:
        """Take one row."""
        self._ledger.row(row)

    def flush(self) -> None:
        """Nothing waits."""

    def finish(self) -> None:
        """Nothing is kept."""


class Session:
    """What the page is about.

    Arguments:
        scenarios: what is served.
        moves: for each, why its project is not the one that its file names; None where it is.
        site: the same, compiled.
        clock: the time.
        host: where to listen.
        port: 0 lets the system choose at the first start.
        on_failure: told what ends the session, such as a port that another took during a restart.

    Attributes:
        key: whoever knows it may use the page's controls.
        port: where it listens.
        server: the life that runs; None while it is down.
        lives: how many there were.
        clients: those that are watched, by name, in order of their joining.
    """

    def __init__(
        self,
        scenarios: Sequence[Scenario],
        moves: Sequence[Moved | None],
        site: Site,
        clock: RealClock,
        host: str,
        port: int,
        on_failure: Callable[[Exception], None],
    ) -> None:
        self.scenarios = tuple(scenarios)
        self.moves = tuple(moves)
        self.site = site
        self.clock = clock
        self.host = host
        self.port = port
        self.key = secrets.token_urlsafe(18)
        self.badges = Badges(scenarios, clock.wall())
        self.ledger = Ledger(scenarios, (GROUP,))
        self.server: Server | None = None
        self.lives = 0
        self.clients: dict[str, Watched] = {}
        self._names = 0
        self._on_failure = on_failure
        self._tasks: dict[asyncio.Task[Any], None] = {}
        self._lines: dict[tuple[str, str], tuple[Line, asyncio.Lock]] = {}
        self._players = [Player(each, clock, self._play) for each in self.scenarios]

    # --- its lives ----------------------------------------------------------------------------

    async def start(self) -> None:
        """Begin a life of the server.

        Raises:
            TargetError: where it cannot listen.
        """
        limits = Limits()
        sock = listening(bind(self.host, self.port, limits.sndbuf_bytes))
        self.port = sock.getsockname()[1]
        server = Server(
            self.site,
            self.clock,
            secrets_=self.badges.secrets,
            limits=limits,
            recorder=LiveRows(self.ledger),
            front=lambda app: Front(self, app),
        )
        await server.listen(sock)
        self.server = server
        self.lives += 1

    async def stop(self) -> None:
        """End everything, in an orderly way."""
        for player in self._players:
            player.stop()
        for task in list(self._tasks):
            task.cancel()
        for client in list(self.clients.values()):
            client.leave()
        for line, _ in self._lines.values():
            line.close()
        if self.server is not None:
            await self.server.shut_down()

    async def _restart(self, how: str) -> None:
        server, self.server = self.server, None
        if server is None:
            return
        await (server.shut_down() if how == "deploy" else server.abort())
        await asyncio.sleep(_DOWN_S)
        try:
            await self.start()
        except Exception as error:  # noqa: BLE001 - nobody awaits this task
            self._on_failure(error)

    def _soon(self, work: Awaitable[Any], delay_s: float = 0.0) -> None:
        async def later() -> None:
            await asyncio.sleep(delay_s)
            await work

        task = asyncio.get_running_loop().create_task(later())
        self._tasks[task] = None
        task.add_done_callback(lambda done: self._tasks.pop(done, None))

    # --- what the page asks for ---------------------------------------------------------------

    async def obey(self, order: orders.Order) -> dict[str, Any]:
        """Do what an order says; returns what there is to say of it.

        Raises:
            UsageError: where that is not possible.
        """
        match order:
            case orders.Join():
                client = self._join(order)
                ticket = client.ticket if isinstance(client, Browser) else ""
                return {"client": client.name, "ticket": ticket}
            case orders.Leave():
                self._client(order.client).leave()
                del self.clients[order.client]
            case orders.Act():
                _act(self._loopback(order.client), order.what)
            case orders.Drain():
                self._loopback(order.client).slow_down(_drain_ns(order.drain_ms))
            case orders.Send():
                return await self._send(order)
            case orders.Play():
                self._scenario(order.feature)
                player = self._players[order.feature]
                (player.play if order.on else player.stop)()
            case orders.Restart():
                # Behind the answer to this very request.
                self._soon(self._restart(order.how), 0.05)
        return {}

    def hear(self, ask: orders.Ask) -> None:
        """Take what the page's own EventSources heard; forget those whose page is gone."""
        now = self.clock.now()
        for name in ask.mine:
            client = self.clients.get(name)
            if isinstance(client, Browser):
                client.seen_ns = now
        for heard in ask.heard:
            client = self.clients.get(heard.client)
            if isinstance(client, Browser):
                client.heard(heard.what, heard.event, heard.data, heard.id, heard.chars)
        for name, client in list(self.clients.items()):
            if isinstance(client, Browser) and now - client.seen_ns > _PATIENCE_NS:
                client.leave()
                del self.clients[name]

    @property
    def playing(self) -> list[bool]:
        """For each scenario, whether its workload is played."""
        return [player.playing for player in self._players]

    # --- clients ------------------------------------------------------------------------------

    def _join(self, order: orders.Join) -> Watched:
        scenario = self._scenario(order.feature)
        most = MOST_BROWSER if order.kind == "browser" else MOST_LOOPBACK
        if sum(each.kind == order.kind for each in self.clients.values()) >= most:
            raise UsageError(f"there are {most} of these clients already; remove one first")
        drain_ns = _drain_ns(order.drain_ms)
        name = f"{GROUP}/{self._names}"
        self._names += 1
        about = name, order.feature, self.ledger, self.clock
        client: Watched
        if order.kind == "browser":
            client = Browser(*about)
        else:
            feature = scenario.feature
            client = Loopback(
                *about,
                endpoint=Endpoint(*self.here, f"/{feature.project}{feature.stream.path}"),
                headers=(
                    (KEY_HEADER, self.key),
                    *self.badges.headers(feature.project, feature.stream.permission, "GET"),
                ),
                drain_ns=drain_ns,
            )
        self.clients[name] = client
        return client

    @property
    def here(self) -> tuple[str, int]:
        """Host and port under which this machine reaches it."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)  # noqa: S104
        return host, self.port

    def _client(self, name: str) -> Watched:
        client = self.clients.get(name)
        if client is None:
            raise UsageError(f"there is no client {name!r}")
        return client

    def _loopback(self, name: str) -> Loopback:
        client = self._client(name)
        if not isinstance(client, Loopback):
            raise UsageError("a browser cannot be told to read slowly; the other clients can")
        return client

    # --- hooks --------------------------------------------------------------------------------

    def _scenario(self, index: int) -> Scenario:
        if not 0 <= index < len(self.scenarios):
            raise UsageError(f"there is no feature {index}")
        return self.scenarios[index]

    async def _send(self, order: orders.Send) -> dict[str, Any]:
        scenario = self._scenario(order.feature)
        hooks = scenario.feature.hooks
        if not 0 <= order.hook < len(hooks):
            raise UsageError(f"there is no hook {order.hook}")
        if not 1 <= order.times <= orders.MOST_TIMES:
            raise UsageError(f"write 1 to {orders.MOST_TIMES} times")
        said: dict[str, Any] = {}
        for _ in range(order.times):
            answer = await self._call(scenario, hooks[order.hook], order.data.encode())
            if answer is None:
                return {"status": 0, "answer": "the server is down"}
            text = answer.body.decode("utf-8", "replace")
            said = {"status": answer.status, "answer": text[:2000]}
            if answer.status >= 300:
                break
        return said

    async def _play(self, scenario: Scenario, sender: Sender, body: bytes) -> None:
        await self._call(scenario, sender, body)

    async def _call(self, scenario: Scenario, sender: Sender, body: bytes) -> Answer | None:
        """Call a hook as anybody would, over TCP; None where the server is down."""
        project = scenario.feature.project
        name = f"{sender.method} {sender.path}"
        if (project, name) not in self._lines:
            self._lines[project, name] = Line(*self.here), asyncio.Lock()
        line, lock = self._lines[project, name]
        headers = self.badges.headers(project, sender.permission or {}, sender.method)
        hook = Hook(project, scenario.feature.channel, sender.sends, name, headers)
        async with lock:
            with contextlib.suppress(OSError, httptools.HttpParserError):
                return await line.ask(hook, body)
        return None


def _act(client: Loopback, what: str) -> None:
    """Something happens to a client, once."""
    real = client.client
    if what == "stall" and not real.stalled:
        client.say("stall", "it stops reading; its connection stays open")
        real.stall()
    elif what == "heal" and real.stalled:
        client.say("heal", "it reads again")
        real.heal()
    elif what == "cut":
        real.disconnect()
    elif what == "offline" and real.online:
        real.go_offline()
    elif what == "online" and not real.online:
        real.go_online()


def _drain_ns(drain_ms: int) -> int:
    if not 0 <= drain_ms <= orders.MOST_DRAIN_MS:
        raise UsageError(f"write 0 to {orders.MOST_DRAIN_MS} milliseconds for each event")
    return drain_ms * 1_000_000
