"""Rows as both targets write them: what happened, in the words of the history."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from simrt.engine import Fate, Message, ReplayOptions, Subscription
from simrt.history import Row, digest_of

# Scenarios send the same data again and again, and each message goes to many.
_digest = lru_cache(maxsize=4096)(digest_of)


@dataclass(frozen=True, slots=True)
class Where:
    """Where a row belongs: project, channel, and the life of the hub."""

    project: str
    channel: str
    epoch: str = ""


@dataclass(frozen=True, slots=True)
class Who:
    """Whom a row is about: a subscriber and its connection."""

    subscriber: str
    connection: int


_NOBODY = Who("", 0)


def replay_detail(subscription: Subscription, limits: ReplayOptions) -> dict[str, Any]:
    """What a `replay` row says: the range, and the limits that were asked for."""
    replayed = subscription.replayed
    return {
        "count": len(replayed),
        "first": replayed[0] if replayed else 0,
        "last": replayed[-1] if replayed else 0,
        "last_n": limits.last_n,
        "max_age_ns": limits.max_age_ns,
    }


# What the engine calls a loss -> the row's kind and cause.
LOSSES: dict[Fate, tuple[str, str]] = {
    "dropped-oldest": ("drop", "drop-oldest"),
    "dropped-newest": ("drop", "drop-newest"),
    "expired": ("expire", "ttl"),
}


class Record:
    """Writes rows; every method is one kind of row.

    Arguments:
        write: takes each row, in order.
    """

    def __init__(self, write: Callable[[Row], None]) -> None:
        self.write = write

    def sent(self, t_ns: int, where: Where, message: Message, sender: str, part: int = 1) -> None:
        """`send`; `part` is its place among those that one call sends together, from 1."""
        detail = {"offered": message.offered, "sender": sender}
        if part > 1:
            detail["part"] = part
        self._message("send", t_ns, where, message, _NOBODY, detail)

    def took(self, t_ns: int, where: Where, who: Who, message: Message) -> None:
        """`take`."""
        self._message("take", t_ns, where, message, who)

    def received(self, t_ns: int, where: Where, who: Who, message: Message) -> None:
        """`receive`."""
        self._message("receive", t_ns, where, message, who)

    def _message(
        self,
        kind: str,
        t_ns: int,
        where: Where,
        message: Message,
        who: Who,
        detail: dict[str, Any] | None = None,
    ) -> None:
        encoded = message.encoded
        self.write(
            Row(
                t_ns,
                kind,
                where.project,
                where.channel,
                where.epoch,
                message.seq,
                message.event,
                len(encoded),
                _digest(encoded),
                who.subscriber,
                who.connection,
                "",
                detail,
            )
        )

    def rejected(self, t_ns: int, where: Where, event: str, cause: str) -> None:
        """`reject`."""
        self.write(Row(t_ns, "reject", where.project, where.channel, event=event, cause=cause))

    def subscribed(self, t_ns: int, where: Where, who: Who, replay: dict[str, Any]) -> None:
        """`connect`, then `replay`."""
        self._about("connect", t_ns, where, who, detail={"status": 200})
        self._about("replay", t_ns, where, who, detail=replay)

    def lost(self, kind: str, t_ns: int, where: Where, who: Who, seq: int, cause: str) -> None:
        """`drop` or `expire`."""
        self._about(kind, t_ns, where, who, seq=seq, cause=cause)

    def server_side(
        self,
        kind: str,
        t_ns: int,
        where: Where,
        who: Who,
        fates: Mapping[Fate, int],
        pending: Sequence[int],
        cause: str,
    ) -> None:
        """`close` or `end`, as the server knows it."""
        detail = {"side": "server", "fates": dict(fates), "pending": list(pending)}
        self._about(kind, t_ns, where, who, cause=cause, detail=detail)

    def client_side(
        self, kind: str, t_ns: int, where: Where, who: Who, received: int, cause: str
    ) -> None:
        """`close` or `end`, as the client knows it."""
        detail = {"side": "client", "received": received}
        self._about(kind, t_ns, where, who, cause=cause, detail=detail)

    def refused(
        self, kind: str, t_ns: int, where: Where, who: Who, cause: str, status: int | None
    ) -> None:
        """`refuse` or `gave-up`."""
        detail = None if status is None else {"status": status}
        self._about(kind, t_ns, where, who, cause=cause, detail=detail)

    def _about(
        self,
        kind: str,
        t_ns: int,
        where: Where,
        who: Who,
        *,
        seq: int = 0,
        cause: str = "",
        detail: dict[str, Any] | None = None,
    ) -> None:
        self.write(
            Row(
                t_ns,
                kind,
                where.project,
                where.channel,
                where.epoch,
                seq,
                subscriber=who.subscriber,
                connection=who.connection,
                cause=cause,
                detail=detail,
            )
        )

    def network(self, kind: str, t_ns: int, subscriber: str, cause: str) -> None:
        """`offline` or `online`."""
        self.write(Row(t_ns, kind, subscriber=subscriber, cause=cause))

    def restarted(self, t_ns: int, epoch: str) -> None:
        """`restart`: a life of the hub ended."""
        self.write(Row(t_ns, "restart", epoch=epoch, cause="server"))

    def fault(
        self, kind: str, t_ns: int, cause: str, detail: dict[str, Any], epoch: str = ""
    ) -> None:
        """`fault` or `heal`."""
        self.write(Row(t_ns, kind, epoch=epoch, cause=cause, detail=detail))

    def complete(self, t_ns: int) -> None:
        """The last row of a run that was not cut short."""
        self.write(Row(t_ns, "end", detail={"run": "complete"}))
