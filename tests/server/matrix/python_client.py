"""httpx2's own reader of event streams as a program: one line of JSON for each thing."""

from __future__ import annotations

import json
import sys
from typing import Any

import httpx2


def say(words: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(words) + "\n")
    sys.stdout.flush()


def main(url: str, token: str, last_event_id: str = "") -> None:
    """Listen to a stream until it ends."""
    headers = {"authorization": f"Bearer {token}"}
    if last_event_id:
        headers["last-event-id"] = last_event_id
    status = None
    try:
        with (
            httpx2.Client(timeout=None, trust_env=False) as client,
            client.sse(url, headers=headers) as source,
        ):
            status = source.response.status_code
            if source.response.is_success:
                say({"open": True})
                for event in source:
                    if event.data:  # it hands on a `retry` as an event without data
                        say({"event": [event.event, event.data, event.id]})
    except httpx2.TransportError as error:
        say({"error": status if status != 200 else None, "over": True, "why": str(error)})
        return
    say({"error": status if status != 200 else None, "over": True})


if __name__ == "__main__":
    main(*sys.argv[1:])
