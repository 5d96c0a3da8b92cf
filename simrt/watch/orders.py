"""What the page may ask for, and how much of it."""

from __future__ import annotations

from typing import Any, Literal, cast

import msgspec

from simrt.errors import UsageError

MOST_BODY_BYTES = 262_144
MOST_TIMES = 1000
MOST_DRAIN_MS = 60_000
MOST_HEARD = 5000


class Join(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="do", tag="join"):
    """One more client."""

    feature: int
    kind: Literal["loopback", "browser"]
    drain_ms: int = 0


class Leave(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="do", tag="leave"):
    """A client goes away for good."""

    client: str


class Act(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="do", tag="act"):
    """Something happens to a client."""

    client: str
    what: Literal["stall", "heal", "cut", "offline", "online"]


class Drain(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="do", tag="drain"):
    """From its next event on a client takes so long for each."""

    client: str
    drain_ms: int


class Send(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="do", tag="send"):
    """A declared hook is called, so many times, with this JSON text."""

    feature: int
    hook: int
    data: str
    times: int = 1


class Play(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="do", tag="play"):
    """A scenario's workload is played, or not."""

    feature: int
    on: bool


class Restart(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="do", tag="restart"
):
    """The hub is restarted: as a deployment does, or as a crash does."""

    how: Literal["deploy", "kill"]


Order = Join | Leave | Act | Drain | Send | Play | Restart


class Heard(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a browser's EventSource told the page; of long data the beginning, and its length."""

    client: str
    what: Literal["open", "event", "error", "closed"]
    event: str = ""
    data: str = ""
    chars: int = 0
    id: str = ""


class Ask(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The page asks how things are, and tells what its own EventSources heard."""

    mine: list[str] = []
    heard: list[Heard] = []


def read_order(body: bytes) -> Order:
    """An order.

    Raises:
        UsageError: where it is none.
    """
    return cast("Order", _read(body, Order))


def read_ask(body: bytes) -> Ask:
    """A question.

    Raises:
        UsageError: where it is none.
    """
    ask = cast("Ask", _read(body, Ask))
    if len(ask.heard) > MOST_HEARD:
        raise UsageError(f"at most {MOST_HEARD} things at once")
    return ask


def _read(body: bytes, kind: Any) -> Any:
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise UsageError(str(error)) from error
