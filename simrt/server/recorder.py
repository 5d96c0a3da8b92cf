"""The server's side of a history, written before what it describes leaves the process.

Rows gather while one step runs and go to the file in one `os.write`, always before the bytes or
the answer that they describe. So kill -9 loses no row of something that somebody else saw.
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from simrt.engine import Fate, Message, ReplayOptions, Subscription
from simrt.errors import TargetError
from simrt.history import Row, encode_row
from simrt.record import LOSSES, Record, Where, Who, replay_detail


class Recording(ABC):
    """Turns what a server does into the rows of docs/history.md; a subclass says where they go."""

    def __init__(self) -> None:
        self._losses: list[tuple[Subscription, int, Fate, int]] = []
        self._known: dict[Subscription, tuple[Where, Who]] = {}
        self._record = Record(self.write)

    @abstractmethod
    def write(self, row: Row) -> None:
        """Take one row, in order of time."""

    @abstractmethod
    def flush(self) -> None:
        """Let the rows so far be safe; called before the bytes that they describe."""

    @abstractmethod
    def finish(self) -> None:
        """The server ends; whatever happens from here on is not recorded."""

    # --- senders ------------------------------------------------------------------------------

    def sent(self, t_ns: int, where: Where, message: Message, sender: str, part: int) -> None:
        """`send`, and the `drop` rows that it caused."""
        self._record.sent(t_ns, where, message, sender, part)
        self._write_losses()

    def rejected(self, t_ns: int, where: Where, event: str, cause: str) -> None:
        """`reject`."""
        self._record.rejected(t_ns, where, event, cause)

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
        self._record.subscribed(t_ns, where, who, {**replay_detail(subscription, limits), **named})

    def took(self, t_ns: int, subscription: Subscription, message: Message) -> None:
        """The `expire` rows of what the take found expired, then `take`."""
        self._write_losses()
        where, who = self._known[subscription]
        self._record.took(t_ns, where, who, message)

    def took_nothing(self) -> None:
        """The `expire` rows of a take that found nothing else."""
        self._write_losses()

    def closed(
        self, t_ns: int, subscription: Subscription, pending: Sequence[int], cause: str
    ) -> None:
        """`close`: the fates as they are after it, and what was pending just before it."""
        where, who = self._known.pop(subscription)
        fates = subscription.fates
        self._record.server_side("close", t_ns, where, who, fates, pending, cause)

    def ended(self, t_ns: int, subscription: Subscription) -> None:
        """`end`: the run is over and this subscription is open."""
        where, who = self._known[subscription]
        fates, pending = subscription.fates, subscription.pending_seqs()
        self._record.server_side("end", t_ns, where, who, fates, pending, "")

    # --- what the engine tells ----------------------------------------------------------------

    def fate(self, subscription: Subscription, message: Message, fate: Fate, now: int) -> None:
        """The engine's `on_fate`: kept until the row of the call that caused it is written."""
        if fate in LOSSES:  # a discarded message stands in the `pending` of its close
            self._losses.append((subscription, message.seq, fate, now))

    def _write_losses(self) -> None:
        if not self._losses:
            return
        losses, self._losses = self._losses, []
        for subscription, seq, fate, t_ns in losses:
            kind, cause = LOSSES[fate]
            where, who = self._known[subscription]
            self._record.lost(kind, t_ns, where, who, seq, cause)


class Recorder(Recording):
    """Writes the rows to a file.

    Arguments:
        path: the file, made anew; rows only, no header.
        on_failure: told when the file takes no more rows, before the error is raised. What the
            rows describe must not happen then.

    Raises:
        TargetError: where it cannot be made.
    """

    def __init__(self, path: Path, on_failure: Callable[[OSError], None] | None = None) -> None:
        super().__init__()
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND
        try:
            self._file = os.open(path, flags, 0o644)
        except OSError as error:
            raise TargetError(f"{path}: cannot be written: {error.strerror}") from error
        self._on_failure = on_failure
        self._rows: list[bytes] = []
        self._last_ns: int | None = None
        self._finished = False

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

    def write(self, row: Row) -> None:
        """Keep a row until the next flush."""
        if self._finished:
            return
        assert self._last_ns is None or row.t_ns >= self._last_ns, "rows stand in time order"
        self._last_ns = row.t_ns
        self._rows.append(encode_row(row))
