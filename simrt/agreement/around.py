"""What stands around a difference: enough rows of both histories to understand it."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from simrt.agreement.instants import plain_rows
from simrt.history import History, Row

# So many rows are shown before the instant of a difference, and from it on.
BEFORE = 5
SINCE = 8


@dataclass(frozen=True, slots=True)
class Place:
    """Where two histories differ.

    Attributes:
        t_ns: when, in the history in which it comes first.
        project: whose channel.
        subscriber: whose row, or empty where it is one of the channel or of the run.
        life: which life of the hub, from 1; 0 where no message is meant.
        seq: the message, or 0.
    """

    t_ns: int
    project: str
    subscriber: str
    life: int
    seq: int


@dataclass(frozen=True, slots=True)
class Around:
    """What one history says about a place; epochs are numbers of lives.

    Attributes:
        message: every row of the message for this subscriber, from its send on.
        rows: what happened to the subscriber, the channel and the run before and at that time.
        left_out: how many rows lie between those of `message` and those shown.
    """

    message: tuple[Row, ...]
    rows: tuple[Row, ...]


def around(place: Place, history: History) -> Around:
    """Look at one history around a place; one pass, a few rows in memory."""
    message: list[Row] = []
    before: deque[Row] = deque(maxlen=BEFORE)
    since: list[Row] = []
    for row in plain_rows(history):
        if row.subscriber not in ("", place.subscriber):
            continue
        own = not row.project or row.project == place.project
        if not own:
            continue
        if place.seq and row.seq == place.seq and row.epoch == str(place.life):
            message.append(row)
        if row.t_ns < place.t_ns:
            before.append(row)
        elif len(since) < SINCE:
            since.append(row)
    return Around(tuple(message), (*before, *since))
