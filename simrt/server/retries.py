"""The draws of `retry`: spread, so that clients do not all return in the same second (STR-3)."""

from __future__ import annotations

import random
from collections.abc import Callable

from simrt.record import Who
from simrt.scenario.randomness import Randomness
from simrt.server.settings import SECOND_NS

NS_PER_MS = 1_000_000
# An orderly shutdown asks for a return within these (STR-3).
SHUTDOWN_SPREAD_NS = (1 * SECOND_NS, 10 * SECOND_NS)

Share = Callable[[str, int], float]
"""A number in [0, 1) for a named stream of draws and an index in it."""


def seeded(seed: int) -> Share:
    """Draws that a seed fixes: the same for the same subscriber and connection, in any order."""
    randomness = Randomness(seed)
    return lambda name, index: randomness.uniform(name).at(index)


def unforeseen() -> Share:
    """Draws from the operating system."""
    source = random.SystemRandom()
    return lambda name, index: source.random()  # noqa: ARG005 - names matter to a seed alone


def draw_ms(share: Share, what: str, project: str, who: Who, spread_ns: tuple[int, int]) -> int:
    """A time to wait, uniform in a spread, in whole milliseconds of scenario time.

    Arguments:
        share: where the draws come from.
        what: what is drawn, as the stream's name begins: `retry`, `shutdown`.
        project: whose stream it is.
        who: whose connection.
        spread_ns: the least and the most.
    """
    least, most = spread_ns
    drawn = share(f"{what}/{project}/{who.subscriber}", who.connection)
    return (least + int(drawn * (most - least))) // NS_PER_MS
