"""The look at the endpoint's permission: one attempt with each kind of credentials (SSE-4)."""

from __future__ import annotations

import asyncio
from typing import Any

from simrt.client import Client, Head
from simrt.clock import Clock
from simrt.scenario.model import Scenario
from simrt.targets.harness.credentials import KINDS, Credentials
from simrt.targets.harness.members import Rows, endpoint_of, named
from simrt.targets.server.lives import Lives
from simrt.targets.server.process import PATIENCE_S
from simrt.targets.server.record import Part


class _Probe(Rows):
    """Rows of one probe; it hangs up as soon as it was let in."""

    client: Client

    def __init__(self, part: Part, play: Scenario, kind: str, lives: Lives) -> None:
        stream = play.feature.stream
        self.seen: dict[str, Any] = {
            "probe": kind,
            "endpoint": f"GET /{play.feature.project}{stream.path}",
        }
        super().__init__(part, play, f"probe/{kind}", lives, self.seen)
        self.over = asyncio.Event()

    def opened(self, connection: int, head: Head) -> None:
        """It was let in: that is all it wanted to know."""
        super().opened(connection, head)
        self.seen["status"] = head.status
        self.client.hang_up()

    def refuse(self, connection: int, cause: str, detail: dict[str, Any] | None) -> None:
        """It was not."""
        super().refuse(connection, cause, detail)
        self.over.set()

    def close(self, connection: int, cause: str, received: int) -> None:
        """It has hung up."""
        super().close(connection, cause, received)
        self.over.set()


async def probe(
    play: Scenario,
    *,
    clock: Clock,
    address: tuple[str, int],
    part: Part,
    lives: Lives,
    credentials: Credentials,
) -> None:
    """Try the stream with no, wrong, expired, another project's and the right credentials.

    Each attempt is made once, by the same client that the groups use; its row says what came.
    """
    feature = play.feature
    for kind in KINDS:
        rows = _Probe(part, play, kind, lives)
        shown = credentials.headers(
            kind, feature.project, feature.stream.permission, "GET", f"probe/{kind}"
        )
        client = rows.client = Client(
            clock, endpoint_of(play, address), rows, headers=named(f"probe/{kind}", shown)
        )
        client.dial()
        try:
            await asyncio.wait_for(rows.over.wait(), PATIENCE_S)
        except TimeoutError:
            rows.refuse(client.attempt, "network", None)
        finally:
            client.close()
            await client.wait_closed()
