"""A site inside somebody else's ASGI server: a server that begins and ends with the application."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from simrt.clock import live_clock
from simrt.errors import UsageError
from simrt.server.access import Secrets
from simrt.server.asgi import Receive, Send
from simrt.server.server import Server
from simrt.server.serving import warn_of_keyless
from simrt.server.settings import Limits
from simrt.server.site import Site
from simrt.server.timers import SiteClock


class Mounted:
    """An ASGI app of a site, to be run by any ASGI server or mounted in another app.

    A server that knows the lifespan protocol begins and ends it by itself. An app that mounts it
    must say when: `async with mounted.running(): …` in its own lifespan.

    Arguments:
        site: what it offers.
        secrets: what credentials are compared with.
        limits: bounds; those of connections and heads are the surrounding server's to keep.
        clock: the time; None takes the machine's own date.
    """

    def __init__(
        self,
        site: Site,
        *,
        secrets: Secrets | None = None,
        limits: Limits | None = None,
        clock: SiteClock | None = None,
    ) -> None:
        site.check()
        self._site = site
        self._secrets = secrets
        self._limits = limits
        self._clock = clock
        self._server: Server | None = None

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Server]:
        """One life of the hub: streams are answered and jobs fire while it lasts."""
        if self._server is not None:
            raise UsageError("this site runs already; make another Mounted for another app")
        server = Server(
            self._site,
            self._clock or live_clock(),
            secrets_=self._secrets,
            limits=self._limits,
        )
        warn_of_keyless(self._site, self._secrets or Secrets())
        server.begin()
        self._server = server
        try:
            yield server
        finally:
            self._server = None
            await server.shut_down()

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        """Answer one request (ASGI 3)."""
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif self._server is None:
            raise UsageError(
                "nobody began this site: write `async with mounted.running():` in the lifespan of"
                " the app that mounts it"
            )
        else:
            await self._server.app(scope, receive, send)

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        async with self.running():
            await send({"type": "lifespan.startup.complete"})
            await receive()
        await send({"type": "lifespan.shutdown.complete"})
