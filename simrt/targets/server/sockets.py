"""The sockets of a run: its port, and buffers near the window that a group asks for (NET-9)."""

from __future__ import annotations

import json
import socket
from typing import Any

from simrt.scenario.events import payload, render
from simrt.scenario.model import Publish, Scenario, Sender, Subscribers
from simrt.sse import encode_event, event_id

# Below this the kernel rounds up; above it, a window of so many bytes is what a laptop has.
_LEAST_RCVBUF = 2304
_MOST_RCVBUF = 4 << 20
# The server's side: near the smallest, so that little lies in it.
SNDBUF_BYTES = 16_384


def typical_event(scenario: Scenario) -> tuple[str, Any]:
    """An event that the scenario sends, with its data: of the first entry that sends."""
    feature = scenario.feature
    entries: tuple[Publish | Sender, ...] = (*scenario.workload.publish, *feature.senders)
    for entry in entries:
        try:
            data = payload(feature, entry)
        except LookupError:
            continue
        event = entry.sends if isinstance(entry, Sender) else entry.event
        return event, render(data, 1, scenario.starts)
    event = next(iter(feature.events))
    examples = feature.events[event].get("examples") or [None]
    return event, examples[0]


def wire_bytes(event: str, size: int) -> int:
    """How long an event with so much data is on the stream; its seq counted as four digits."""
    return len(encode_event(event_id("0" * 32, 1000), event, b"0" * size))


def buffers_of(scenario: Scenario) -> dict[str, int | None]:
    """The server's side of the kernel's window, as it is told to a server process."""
    if scenario.server.kernel_buffers == "default":
        return {"sndbuf": None, "notsent_lowat": None}
    return {"sndbuf": SNDBUF_BYTES, "notsent_lowat": 1}


def rcvbuf_of(scenario: Scenario, group: Subscribers) -> int | None:
    """The SO_RCVBUF with which the kernel's window comes near the one that a group asks for.

    None, the system's own, where the scenario says so.
    """
    if scenario.server.kernel_buffers == "default":
        return None
    event, data = typical_event(scenario)
    size = wire_bytes(event, len(compact(data)))
    wanted = group.window_bytes or (group.window_msgs or 1) * size
    return min(max(wanted, _LEAST_RCVBUF), _MOST_RCVBUF)


def compact(data: Any) -> bytes:
    """Data as a hook is given it."""
    return json.dumps(data, ensure_ascii=False, separators=(",", ":")).encode()


def reserved_port(host: str) -> socket.socket:
    """Hold a free port for the whole run.

    A bound socket that does not listen, with SO_REUSEADDR as the server's own: the server can
    listen on the port, again after each restart, and nobody else gets it in between. Above all the
    kernel never gives it to a client as its own port: a client that dials a port on which nobody
    listens, from that very port, would be connected to itself.
    """
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind((host, 0))
    return sock
