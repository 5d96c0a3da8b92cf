"""One client's network: there, away, or silent (CLI-2, NET-7).

Away means: the client knows it; its connection ends, and attempts fail. Silent means: nobody is
told; what is sent in either direction gets nowhere until the silence ends.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from simrt.targets.sim.world import World

_Carried: TypeAlias = tuple[int, Callable[..., None], tuple[Any, ...]]


class Wire:
    """What passes between one client and the server.

    Arguments:
        world: time.

    Attributes:
        silent: whether nothing passes.
        repeats_ns: the first pause after which the server's kernel repeats what was lost; the next
            ones double. 0: nothing is lost, it is held up until the silence ends.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._away: set[str] = set()
        self._silences: set[str] = set()
        self._under_way: list[_Carried] = []
        self._lost_ns: int | None = None
        self.silent = False
        self.repeats_ns = 0

    @property
    def in_a_silence(self) -> bool:
        """Whether a silence began that has not ended."""
        return bool(self._silences)

    @property
    def away(self) -> bool:
        """Whether the client knows that it has no network."""
        return bool(self._away)

    def lose(self, why: str) -> bool:
        """The network goes away, for one more reason; say whether it was there before."""
        was_there = not self._away
        self._away.add(why)
        return was_there

    def regain(self, why: str) -> bool:
        """One reason is gone; say whether the network is there again by that."""
        if why not in self._away:
            return False
        self._away.remove(why)
        return not self._away

    def carry(self, due_ns: int, key: int, action: Callable[..., None], *args: Any) -> None:
        """Let something arrive, unless a silence holds it up."""
        self._world.at(due_ns, key, self.deliver, key, action, *args)

    def deliver(self, key: int, action: Callable[..., None], *args: Any) -> None:
        """It is here: it arrives, or it is held up until the silence ends."""
        if self.silent:
            self._under_way.append((key, action, args))
        else:
            action(*args)

    def blackhole(self, why: str) -> None:
        """Nothing passes from now on, for one more reason."""
        self._silences.add(why)
        self.silent = True

    def note_loss(self) -> None:
        """Something that the server sent is lost in a silence."""
        if self._lost_ns is None:
            self._lost_ns = self._world.now_ns

    def restore(self, why: str) -> bool:
        """One reason for silence is gone; say whether the silence is over by that."""
        if why not in self._silences:
            return False
        self._silences.remove(why)
        return not self._silences

    def repeated_ns(self) -> int:
        """When what was lost is repeated next: now, where nothing is lost."""
        now = self._world.now_ns
        if self._lost_ns is None or not self.repeats_ns:
            return now
        due_ns, pause_ns = self._lost_ns, self.repeats_ns
        while due_ns < now:
            due_ns += pause_ns
            pause_ns *= 2
        return due_ns

    def pass_on(self, without: object = None) -> bool:
        """After a silence: what was held up arrives, in order.

        Arguments:
            without: a connection that is dead by now: what belongs to it is lost.

        Returns:
            Whether it does: not where the next silence has begun.
        """
        if self._silences:
            return False
        self.silent = False
        self._lost_ns = None
        under_way, self._under_way = self._under_way, []
        for key, action, args in under_way:
            if without is None or args[0] is not without:
                self._world.at(self._world.now_ns, key, action, *args)
        return True
