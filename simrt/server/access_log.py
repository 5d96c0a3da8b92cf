"""One log line for each request that was answered, and for each stream's begin and end.

A line names what was declared, never what was sent to us: the endpoint's pattern, not the address
with its parameters and query; no header, no credential, not even the subject of one. So there is
nothing to be masked. Lines go to the logger `simrt.access`, their fields in the record's `fields`;
`simrt.server.logs` writes them as JSON or text.
"""

from __future__ import annotations

import logging
from typing import Any

from simrt.engine import Subscription
from simrt.server.declared import Endpoint, StreamEndpoint
from simrt.server.signs import Sign

log = logging.getLogger("simrt.access")

NS_PER_S = 1_000_000_000

FIELDS = {
    "project": "the endpoint's project; empty where there is no such endpoint, or it has none",
    "endpoint": "method and path as declared, such as `GET /rooms/{room}`; empty as above",
    "channel": "the channel as declared",
    "stream": "the stream's number among those of its channel, from 1",
    "status": "the HTTP status",
    "cause": "why a stream ended, as in a history's `close` row",
    "duration_s": "how long a stream was open, in seconds of the server's clock",
    "offered": "messages offered to it; the sum of the five below",
    "taken": "of these, written to it",
    "dropped": "lost by a full buffer",
    "expired": "waited too long",
    "discarded": "waited when it ended",
    "sent": "events that a hook sent",
}
"""What a line's fields mean."""


def opened(endpoint: StreamEndpoint, subscription: Subscription) -> None:
    """A stream began."""
    if log.isEnabledFor(logging.INFO):
        _say("stream opened", {**_of(endpoint), **_stream(endpoint, subscription), "status": 200})


def closed(endpoint: StreamEndpoint, subscription: Subscription, cause: str, now_ns: int) -> None:
    """A stream ended; its subscription is closed."""
    if not log.isEnabledFor(logging.INFO):
        return
    fates = subscription.fates
    duration_s = round((now_ns - subscription.opened_ns) / NS_PER_S, 3)
    counts = {
        "offered": subscription.offered,
        "taken": fates["taken"],
        "dropped": fates["dropped-oldest"] + fates["dropped-newest"],
        "expired": fates["expired"],
        "discarded": fates["discarded"],
    }
    about = {**_of(endpoint), **_stream(endpoint, subscription)}
    _say("stream closed", {**about, "cause": cause, "duration_s": duration_s, **counts})


def answered(endpoint: Endpoint | None, status: int, **more: Any) -> None:
    """A request was answered, but not by a stream.

    Arguments:
        endpoint: what it asked for; None where there is none.
        status: the HTTP status.
        more: further fields.
    """
    if log.isEnabledFor(logging.INFO):
        _say("answered" if status < 400 else "refused", {**_of(endpoint), "status": status, **more})


def _of(endpoint: Endpoint | None) -> dict[str, Any]:
    if endpoint is None:
        return {"project": "", "endpoint": ""}
    path = endpoint.path if isinstance(endpoint, Sign) else endpoint.path.text
    return {"project": endpoint.project, "endpoint": f"{endpoint.method} {path}"}


def _stream(endpoint: StreamEndpoint, subscription: Subscription) -> dict[str, Any]:
    return {"channel": endpoint.feed.channel.text, "stream": subscription.birth}


def _say(what: str, fields: dict[str, Any]) -> None:
    log.info(what, extra={"fields": fields})
