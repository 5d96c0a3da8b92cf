"""What each kind of fault does, on every target alike: what begins, and what heals."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from simrt.course.port import Port, Subscriber
from simrt.scenario.model import Fault

if TYPE_CHECKING:
    from simrt.course.course import Course


@dataclass(frozen=True, slots=True)
class Injection:
    """One fault of a run.

    Attributes:
        course: the run.
        port: its target.
        index: the fault's position in the scenario.
        fault: what was written.
        heals_ns: when it heals: with the workload at the latest.
        subscribers: who is hit.
    """

    course: Course
    port: Port
    index: int
    fault: Fault
    heals_ns: int
    subscribers: Sequence[Subscriber]

    @property
    def why(self) -> str:
        """What tells its effect on a subscriber from that of another fault."""
        return f"fault/{self.index}"

    def detail(self) -> dict[str, Any]:
        """What its `fault` and `heal` rows say."""
        detail: dict[str, Any] = {"index": self.index, "whom": self.fault.whom}
        if self.subscribers:
            detail["members"] = [subscriber.number for subscriber in self.subscribers]
        return detail

    def row(self, kind: str) -> None:
        """Write its `fault` or `heal` row."""
        self.port.fault_row(kind, self.fault.kind, self.detail())


class Effect:
    """What one kind of fault does; what may be written about it: `simrt.scenario.fault`."""

    def inject(self, fault: Injection) -> None:
        """It begins."""
        for subscriber in fault.subscribers:
            self.hit(fault, subscriber)

    def heal(self, fault: Injection) -> None:
        """It is over."""
        fault.row("heal")
        for subscriber in fault.subscribers:
            self.release(fault, subscriber)

    def hit(self, fault: Injection, subscriber: Subscriber) -> None:
        """What it does to one subscriber."""

    def release(self, fault: Injection, subscriber: Subscriber) -> None:
        """What the heal does to one subscriber."""


class Stall(Effect):
    """The clients of a group do not read (NET-6)."""

    def hit(self, fault: Injection, subscriber: Subscriber) -> None:  # noqa: ARG002, D102
        subscriber.stall()

    def release(self, fault: Injection, subscriber: Subscriber) -> None:  # noqa: ARG002, D102
        subscriber.resume()


class Slow(Effect):
    """The clients of a group handle each event `by` times as long."""

    def hit(self, fault: Injection, subscriber: Subscriber) -> None:  # noqa: D102
        subscriber.slow_down(fault.why, float(fault.fault.by or 1))

    def release(self, fault: Injection, subscriber: Subscriber) -> None:  # noqa: D102
        subscriber.speed_up(fault.why)


class Disconnect(Effect):
    """The connections of a group, or of a share of it, are cut; with `for`, it is offline."""

    def hit(self, fault: Injection, subscriber: Subscriber) -> None:  # noqa: D102
        if fault.fault.for_ns:
            subscriber.go_offline(fault.why, "disconnect")
        else:
            subscriber.disconnect()

    def release(self, fault: Injection, subscriber: Subscriber) -> None:  # noqa: D102
        if fault.fault.for_ns:
            subscriber.go_online(fault.why)


class HalfOpen(Effect):
    """The network loses the connections of a group, and nobody is told (NET-7)."""

    def hit(self, fault: Injection, subscriber: Subscriber) -> None:  # noqa: D102
        subscriber.blackhole(fault.why)

    def release(self, fault: Injection, subscriber: Subscriber) -> None:  # noqa: D102
        subscriber.restore(fault.why, dead=True)


class Deny(Effect):
    """The credentials of a group are revoked: streams end, attempts get 401."""

    def inject(self, fault: Injection) -> None:  # noqa: D102
        fault.course.revoke(fault.subscribers)

    def heal(self, fault: Injection) -> None:
        """Who no other fault denies logs in again."""
        free = fault.course.not_denied_after(fault.subscribers)

        def good_again() -> None:
            fault.row("heal")
            for subscriber in free:
                subscriber.log_in_again()

        fault.port.restore(free, good_again)


class Restart(Effect):
    """The server is killed; another one listens when the fault heals (NET-8)."""

    def inject(self, fault: Injection) -> None:  # noqa: D102
        fault.port.kill()

    def heal(self, fault: Injection) -> None:  # noqa: D102
        fault.port.start(fault.detail())
        fault.course.start_jobs()


class Burst(Effect):
    """`by` more calls, evenly over the fault's time, the first at its start."""

    def inject(self, fault: Injection) -> None:  # noqa: D102
        count = int(fault.fault.by or 1)
        length_ns = fault.heals_ns - fault.fault.at_ns
        due: Callable[[int], int] = lambda n: fault.fault.at_ns + length_ns * n // count  # noqa: E731
        fault.course.burst(fault.index, fault.fault.whom, map(due, range(count)))


EFFECTS: dict[str, Effect] = {
    "restart": Restart(),
    "stall": Stall(),
    "disconnect": Disconnect(),
    "slow": Slow(),
    "half-open": HalfOpen(),
    "burst": Burst(),
    "deny": Deny(),
}
"""By the name in a scenario."""
