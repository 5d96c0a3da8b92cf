"""When a client tries again (CLI-1)."""

from __future__ import annotations

from dataclasses import dataclass

NS_PER_S = 1_000_000_000
# Beyond so many failures `at_most_ns` rules anyway; without a bound the power would overflow.
_MOST_FAILED = 64


@dataclass(frozen=True, slots=True)
class Reconnect:
    """A waiting rule (CLI-1).

    Attributes:
        after_ns: wait after a connection ended; a `retry` of the server replaces it.
        jitter_ns: up to so much is added, uniformly.
        backoff: factor per failed attempt since the last success, 1 or more.
        at_most_ns: the longest wait before the jitter.
        at_once: connect in the instant the network returns; for any other end as 3 s with 1 s of
            jitter, which no `retry` replaces.
    """

    after_ns: int = 3 * NS_PER_S
    jitter_ns: int = NS_PER_S
    backoff: float = 1
    at_most_ns: int = 30 * NS_PER_S
    at_once: bool = False

    def wait_ns(self, failed: int, retry_ns: int | None, share: float) -> int:
        """How long to wait before the next attempt, in nanoseconds.

        Arguments:
            failed: failed attempts since the last success, 0 or more.
            retry_ns: what the server's last `retry` said, or None.
            share: the share of the jitter, from 0 to below 1.
        """
        after = self.after_ns if retry_ns is None or self.at_once else retry_ns
        try:
            wait = min(round(after * self.backoff ** min(failed, _MOST_FAILED)), self.at_most_ns)
        except OverflowError:
            wait = self.at_most_ns
        return wait + int(share * self.jitter_ns)


AT_ONCE = Reconnect(at_once=True)
"""The rule `reconnect: at-once`."""
