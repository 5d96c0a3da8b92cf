"""How late timers are, and what of that is certain before the end."""

import pytest

from simrt.server.lateness import Delays, Lateness


class Loop:
    """Its clock is set by hand."""

    def __init__(self):
        self.now_s = 0.0

    def time(self):
        return self.now_s

    def call_at(self, due_s, tick):
        self.due_s, self.tick = due_s, tick

    def ring(self, late_s):
        self.now_s = self.due_s + late_s
        self.tick()


def test_how_many_came_later():
    delays = Delays()
    for late_ms in (1, 250, 251, 2000, 9000):
        delays.note(late_ms * 1_000_000)
    told = [delays.above(late_ms * 1_000_000) for late_ms in (0, 250, 251, 252, 2000)]
    assert told == [5, 4, 3, 2, 2]
    assert delays.total == 5


@pytest.mark.parametrize(("left_s", "certain"), [(1.7, True), (1.9, False)])
def test_late_ticks_that_punctual_ones_cannot_make_up_for(left_s, certain):
    """Two of 200 ticks are one in a hundred, of fewer they are more; 110 came, 50 a second come."""
    loop = Loop()
    lateness = Lateness(loop)
    for late_s in [0.6] * 2 + [0.0] * 108:
        loop.ring(late_s)
    assert lateness.surely_above(500_000_000, left_s) is certain
    assert not lateness.surely_above(700_000_000, 0.0)
