"""Whether all members of a run are at rest, asked after each instant, at a cost that stays linear.

Asking everybody after each instant would cost the square of their number. One that is not at rest
answers for all; only when it is, another is looked for, from there on. All are at rest when a whole
round found none.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

M = TypeVar("M")


class Settling(Generic[M]):
    """Asks members in turn, and remembers who was not at rest.

    Arguments:
        members: all of them.
        at_rest: whether one has nothing pending, in flight or to do.
    """

    def __init__(self, members: Sequence[M], at_rest: Callable[[M], bool]) -> None:
        self._members = members
        self._at_rest = at_rest
        self._place = 0

    def all_at_rest(self) -> bool:
        """Whether each of them is at rest now."""
        many = len(self._members)
        for step in range(many):
            place = (self._place + step) % many
            if not self._at_rest(self._members[place]):
                self._place = place
                return False
        return True
