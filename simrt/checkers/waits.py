"""How long a client may wait before it tries again (CLI-1), as bounds that a row can be held to."""

from __future__ import annotations

from dataclasses import dataclass

from simrt.scenario.model import Reconnect, Scenario, Subscribers

NS_PER_MS = 1_000_000
# Dial, accept, request, answer: four ways through the network (NET-1).
WAYS_TO_ANSWER = 4
# A smaller window takes the head of an answer in pieces, one way each (NET-2, NET-3).
LONGEST_HEAD_BYTES = 119
# An orderly shutdown sends its own retry (STR-3).
SHUTDOWN_RETRY_NS = (1_000_000_000, 10_000_000_000)
# Powers of the backoff are rounded somewhere; nobody can see a microsecond of it.
ROUNDING_NS = 1_000


@dataclass(frozen=True, slots=True)
class Bounds:
    """From the end of a connection or attempt to the row of the next attempt.

    Attributes:
        least_ns: no attempt is dialled before this.
        most_ns: by then its answer is there.
    """

    least_ns: int
    most_ns: int


def answer_ns(group: Subscribers) -> int:
    """The longest time from the dial until the client has its answer (NET-1)."""
    window = group.window_bytes or LONGEST_HEAD_BYTES
    more_pieces = (LONGEST_HEAD_BYTES - 1) // window
    return (WAYS_TO_ANSWER + more_pieces) * group.latency_ns


def wait_bounds(
    scenario: Scenario, group: Subscribers, failures: int, *, told: bool, shutdown: bool
) -> Bounds:
    """The shortest and the longest wait that CLI-1 allows.

    Arguments:
        scenario: for the server's `retry`.
        group: the client's settings.
        failures: failed attempts since the last success.
        told: whether a server may have sent it a `retry` before.
        shutdown: whether that server said a last word (STR-3).
    """
    at_once = group.reconnect == "at-once"
    policy = group.reconnect if isinstance(group.reconnect, Reconnect) else Reconnect()
    afters = [policy.after_ns]
    if told and not at_once:
        low, high = scenario.server.retry_spread_ns or (policy.after_ns, policy.after_ns)
        afters.extend((low - low % NS_PER_MS, high))  # the field counts whole milliseconds
        afters.extend(SHUTDOWN_RETRY_NS if shutdown else ())
    factor = policy.backoff ** min(failures, 64)
    least, most = (
        min(round(min(after * factor, 1e18)), policy.at_most_ns)
        for after in (min(afters), max(afters))
    )
    return Bounds(least - ROUNDING_NS, most + policy.jitter_ns + answer_ns(group) + ROUNDING_NS)


def longest_wait_ns(group: Subscribers) -> int:
    """No client of this group waits longer than this between two attempts."""
    policy = group.reconnect if isinstance(group.reconnect, Reconnect) else Reconnect()
    return policy.at_most_ns + policy.jitter_ns + answer_ns(group) + ROUNDING_NS
