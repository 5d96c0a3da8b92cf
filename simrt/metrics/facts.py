"""What the fold of the metrics finds, for those that show it: figures, and the page to watch.

Whoever needs what became of the messages listens to this fold and counts nothing anew. Messages are
numbered through all lives of the hub, from 1, as they were sent.
"""

from __future__ import annotations

from dataclasses import dataclass

from simrt.scenario.metric_names import Outcome


@dataclass(frozen=True, slots=True)
class Receipt:
    """One message was received.

    Attributes:
        subscriber: by whom, such as `office/0`.
        t_ns: when.
        message: its number.
        sent_ns: when it was sent; None where that is forgotten, for later receipts only.
        first: not received before.
        earlier: sent before the subscriber's membership.
        replayed: it came by a replay.
    """

    subscriber: str
    t_ns: int
    message: int
    sent_ns: int | None
    first: bool
    earlier: bool
    replayed: bool


class Listener:
    """Is told what the fold finds, in the order of the rows; each method does nothing here."""

    def sent(self, message: int, t_ns: int) -> None:
        """A message of the channel was sent."""

    def accepted(self, subscriber: str, connection: int, t_ns: int, *, left: bool) -> None:
        """A connection of a subscriber was accepted; with the first its membership begins.

        Arguments:
            subscriber: whose.
            connection: its number.
            t_ns: when.
            left: its client had left it already: it ends no outage, and `ended` is not told of it.
        """

    def received(self, receipt: Receipt) -> None:
        """A message was received, be it again."""

    def ended(self, subscriber: str, t_ns: int) -> None:
        """A subscriber's latest connection ended, as either side saw it first."""

    def settled(self, subscriber: str, first: int, last: int, outcome: Outcome) -> None:
        """These messages, sent while the subscriber was a member, have this outcome for good.

        Each message is told once: those of one subscriber in the order of sending, the last ones
        when the fold finishes.
        """
