"""What the formulas are about: one subscriber, its drain, its queue, its outages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from simrt.theory.laws import Law
from simrt.theory.stages import OnFull

Process = Literal["poisson", "periodic", "batch"]


@dataclass(frozen=True, slots=True)
class Sends:
    """When messages are sent.

    Attributes:
        process: `poisson`: at random; `periodic`: at even distances; `batch`: several at once, at
            random times.
        rate_per_s: messages, or batches, per second.
        batch_dist: of `batch`: sizes are `geometric` (1, 2, …) or `fixed`.
        batch_mean: their mean.
    """

    process: Process
    rate_per_s: float
    batch_dist: Literal["geometric", "fixed"] = "fixed"
    batch_mean: float = 1.0

    @property
    def messages_per_s(self) -> float:
        """Messages per second."""
        return self.rate_per_s * (self.batch_mean if self.process == "batch" else 1)


@dataclass(frozen=True, slots=True)
class Outages:
    """Periods with and without a connection, in turn; the first is with one.

    Attributes:
        up: the law of a period with a connection.
        down: the law of an outage.
        resume: whether a reconnect leaves out what the client has (`resume: last-event-id`).
    """

    up: Law
    down: Law
    resume: bool = False


@dataclass(frozen=True, slots=True)
class Model:
    """One subscriber with latency 0 and a window of one message.

    Attributes:
        sends: when messages are sent.
        drain: how long the client handles one.
        buffer_size: pending messages without the one in flight, and length of the history; None is
            never full.
        on_full: which message a full queue loses.
        ttl_s: `messageTTL`, seconds, or None.
        outages: None is always connected.
        last_n: `lastN` of a replay, or None.
        max_age_s: `maxAge` of a replay, seconds, or None.
    """

    sends: Sends
    drain: Law
    buffer_size: int | None
    on_full: OnFull = "drop-oldest"
    ttl_s: float | None = None
    outages: Outages | None = None
    last_n: int | None = None
    max_age_s: float | None = None
