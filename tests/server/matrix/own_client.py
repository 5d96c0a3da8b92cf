"""Our own client as a program: prints one line of JSON for each thing that happens."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any
from urllib.parse import urlsplit

from simrt.client import Client, Endpoint, Head
from simrt.clock import live_clock
from simrt.sse import Event


def say(words: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(words) + "\n")
    sys.stdout.flush()


class Aloud:
    """An observer that says what it hears."""

    def opened(self, connection: int, head: Head) -> None:  # noqa: ARG002 - the interface
        say({"open": True})

    def receive(self, connection: int, event: Event) -> None:  # noqa: ARG002 - the interface
        say({"event": [event.type, event.data, event.last_event_id]})

    def refuse(self, connection: int, cause: str, detail: dict[str, Any] | None) -> None:
        """An attempt failed; what comes of it is said by the next word."""

    def gave_up(self, connection: int, cause: str, detail: dict[str, Any] | None) -> None:  # noqa: ARG002
        status = (detail or {}).get("status")
        say({"error": None if status == 200 else status, "over": True})

    def close(self, connection: int, cause: str, received: int) -> None:  # noqa: ARG002
        say({"error": None, "over": False})

    def offline(self) -> None:
        """Never here."""

    def online(self) -> None:
        """Never here."""


async def main(url: str, token: str) -> None:
    """Listen to a stream until killed."""
    parts = urlsplit(url)
    headers = (("authorization", f"Bearer {token}"),)
    where = Endpoint(str(parts.hostname), parts.port or 80, parts.path)
    client = Client(live_clock(), where, Aloud(), headers=lambda _attempt: headers)
    client.dial()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:3]))
