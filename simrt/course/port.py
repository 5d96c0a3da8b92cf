"""What a target implements so that the course of a scenario can run on it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from simrt.scenario.arrivals import Arrival
from simrt.scenario.model import Sender


class Subscriber(Protocol):
    """One subscriber of a run.

    Reasons (`why`) name who holds a subscriber up: two faults may do so at once, and only with the
    last reason gone it goes on.

    Attributes:
        name: `GROUP/MEMBER`.
        number: its number in the group, from 0.
    """

    @property
    def name(self) -> str: ...  # noqa: D102 - see Attributes
    @property
    def number(self) -> int: ...  # noqa: D102

    def connect(self) -> None:
        """Scenario time 0: dial."""

    def stall(self) -> None:
        """Stop reading; stalls nest (NET-6)."""

    def resume(self) -> None:
        """One stall is over."""

    def slow_down(self, why: str, factor: float) -> None:
        """Take `factor` times as long for each event that it begins to handle; factors multiply."""

    def speed_up(self, why: str) -> None:
        """One such factor is gone."""

    def go_offline(self, why: str, cause: str) -> None:
        """The network goes away and tells the client; its stream ends with this cause (CLI-2)."""

    def go_online(self, why: str) -> None:
        """One reason for the network's absence is gone."""

    def blackhole(self, why: str) -> None:
        """Nothing passes from now on, and nobody is told (NET-7)."""

    def restore(self, why: str, *, dead: bool = False) -> None:
        """One reason for the silence is gone; with the last, what is under way arrives.

        Arguments:
            why: the reason.
            dead: whether the network lost the connection for good.
        """

    def disconnect(self) -> None:
        """The connection is cut, the network stays."""

    def log_in_again(self) -> None:
        """Its credentials are good again: connect anew, also after having given up."""


class Port(Protocol):
    """One run on a target.

    Attributes:
        up: whether a server listens.
        jobs: whether jobs are due through `job`. False where the server's own processes know what
            they fired and what they missed.
    """

    @property
    def up(self) -> bool: ...  # noqa: D102 - see Attributes
    @property
    def jobs(self) -> bool: ...  # noqa: D102

    def now(self) -> int:
        """Nanoseconds of scenario time."""

    def at(self, t_ns: int, key: int, action: Callable[..., None], *args: Any) -> object:
        """Let something happen at an instant; the key orders simultaneous events (NET-9)."""

    def call(self, tenant: int, hook: Sender, arrival: Arrival, key: int) -> None:
        """Call a hook, now.

        Arguments:
            tenant: 0 for the scenario, 1 for its neighbour.
            hook: the sender.
            arrival: what is sent, and when it was due.
            key: of this instant's event, for what must follow it.
        """

    def job(self, tenant: int, job: Sender, n: int) -> None:
        """A job is due, for the `n`-th time since its server started."""

    def kill(self) -> None:
        """Kill the server, as by kill -9 (NET-8)."""

    def start(self, heal: dict[str, Any]) -> None:
        """Start a server with an empty hub (RST-1); write the `heal` row with this detail."""

    def revoke(self, subscribers: Sequence[Subscriber]) -> None:
        """Take these subscribers' credentials away: streams end, attempts get 401."""

    def restore(self, subscribers: Sequence[Subscriber], then: Callable[[], None]) -> None:
        """Give credentials back; do `then` once they are good."""

    def fault_row(self, kind: str, cause: str, detail: dict[str, Any]) -> None:
        """Write a `fault` or `heal` row, now."""
