"""The server's side of a history, written before what it describes leaves the process.

Rows gather while one step runs and go to the file in one `os.write`, always before the bytes or
the answer that they describe. So kill -9 loses no row of something that somebody else saw.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from simrt.engine import EncodedEvent, Fate, Message, Receipt, ReplayOptions, Subscription
from simrt.errors import TargetError
from simrt.history import Row, encode_row

_LOSSES: dict[Fate, tuple[str, str]] = {
    "dropped-oldest": ("drop", "drop-oldest"),
    "dropped-newest": ("drop", "drop-newest"),
    "expired": ("expire", "ttl"),
}


@dataclass(frozen=True, slots=True)
class Where:
    """Project, channel and life of the hub, as rows name them."""

    project: str
    channel: str
    epoch: str


@dataclass(frozen=True, slots=True)
class Who:
    """A subscriber and its how-many-th connection, as rows name them."""

    subscriber: str
    connection: int


_NOBODY = Who("", 0)


class Recorder:
    """Writes the rows of docs/history.md that the server's side writes.

    Arguments:
        path: the file, made anew; rows only, no header.
        on_failure: told when the file takes no more rows, before the error is raised. What the
            rows describe must not happen then.

    Raises:
        TargetError: where it cannot be made.
    """

    def __init__(self, path: Path, on_failure: Callable[[OSError], None] | None = None) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND
        try:
            self._file = os.open(path, flags, 0o644)
        except OSError as error:
            raise TargetError(f"{path}: cannot be written: {error.strerror}") from error
        self._on_failure = on_failure
        self._rows: list[bytes] = []
        self._last_ns: int | None = None
        self._losses: list[tuple[Subscription, int, Fate, int]] = []
        self._known: dict[Subscription, tuple[Where, Who]] = {}
        self._finished = False

    # --- the file -----------------------------------------------------------------------------

    def flush(self) -> None:
        """Hand all rows to the system; call it before the bytes that they describe."""
        if not self._rows:
            return
        data = memoryview(b"".join(self._rows))
        self._rows.clear()
        try:
            while data:
                data = data[os.write(self._file, data) :]
        except OSError as error:
            if self._on_failure is not None:
                self._on_failure(error)
            raise

    def finish(self) -> None:
        """Make the file safe; whatever happens from here on is not recorded."""
        if self._finished:
            return
        self.flush()
        os.fsync(self._file)
        os.close(self._file)
        self._finished = True

    def _write(self, row: Row) -> None:
        if self._finished:
            return
        assert self._last_ns is None or row.t_ns >= self._last_ns, "rows stand in time order"
        self._last_ns = row.t_ns
        self._rows.append(encode_row(row))

    # --- senders ------------------------------------------------------------------------------

    def sent(
        self,
        t_ns: int,
        where: Where,
        event: EncodedEvent,
        digest: str,
        receipt: Receipt,
        sender: str,
    ) -> None:
        """`send`, and the `drop` rows that it caused."""
        detail = {"offered": receipt.offered, "sender": sender}
        self._message("send", t_ns, where, receipt.seq, event, digest, _NOBODY, detail)
        self._write_losses()

    def rejected(self, t_ns: int, where: Where, event: str, cause: str) -> None:
        """`reject`."""
        self._write(Row(t_ns, "reject", where.project, where.channel, event=event, cause=cause))

    # --- subscriptions ------------------------------------------------------------------------

    def subscribed(
        self,
        t_ns: int,
        where: Where,
        who: Who,
        subscription: Subscription,
        limits: ReplayOptions,
        named: Mapping[str, str | None],
    ) -> None:
        """`connect`, then `replay`; `named` is what the client says that it had last."""
        self._known[subscription] = where, who
        self._about("connect", t_ns, where, who, detail={"status": 200})
        replayed = subscription.replayed
        detail = {
            "count": len(replayed),
            "first": replayed[0] if replayed else 0,
            "last": replayed[-1] if replayed else 0,
            "last_n": limits.last_n,
            "max_age_ns": limits.max_age_ns,
            **named,
        }
        self._about("replay", t_ns, where, who, detail=detail)

    def took(self, t_ns: int, subscription: Subscription, message: Message, digest: str) -> None:
        """The `expire` rows of what the take found expired, then `take`."""
        self._write_losses()
        where, who = self._known[subscription]
        self._message("take", t_ns, where, message.seq, message, digest, who)

    def took_nothing(self) -> None:
        """The `expire` rows of a take that found nothing else."""
        self._write_losses()

    def closed(
        self, t_ns: int, subscription: Subscription, pending: Sequence[int], cause: str
    ) -> None:
        """`close`: the fates as they are after it, and what was pending just before it."""
        self._server_side("close", t_ns, subscription, pending, cause)
        del self._known[subscription]

    def ended(self, t_ns: int, subscription: Subscription) -> None:
        """`end`: the run is over and this subscription is open."""
        self._server_side("end", t_ns, subscription, subscription.pending_seqs(), "")

    # --- what the engine tells ----------------------------------------------------------------

    def fate(self, subscription: Subscription, message: Message, fate: Fate, now: int) -> None:
        """The engine's `on_fate`: kept until the row of the call that caused it is written."""
        if fate in _LOSSES:  # a discarded message stands in the `pending` of its close
            self._losses.append((subscription, message.seq, fate, now))

    def _write_losses(self) -> None:
        if not self._losses:
            return
        losses, self._losses = self._losses, []
        for subscription, seq, fate, t_ns in losses:
            kind, cause = _LOSSES[fate]
            where, who = self._known[subscription]
            self._about(kind, t_ns, where, who, seq=seq, cause=cause)

    # --- rows ---------------------------------------------------------------------------------

    def _message(
        self,
        kind: str,
        t_ns: int,
        where: Where,
        seq: int,
        message: Message | EncodedEvent,
        digest: str,
        who: Who,
        detail: dict[str, Any] | None = None,
    ) -> None:
        row = Row(
            t_ns,
            kind,
            where.project,
            where.channel,
            where.epoch,
            seq,
            message.event,
            len(message.encoded),
            digest,
            who.subscriber,
            who.connection,
            detail=detail,
        )
        self._write(row)

    def _server_side(
        self, kind: str, t_ns: int, subscription: Subscription, pending: Sequence[int], cause: str
    ) -> None:
        where, who = self._known[subscription]
        detail = {
            "side": "server",
            "fates": dict(subscription.fates),
            "pending": list(pending),
        }
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
        row = Row(
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
        self._write(row)
