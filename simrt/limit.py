"""A limit of real time for a long piece of work, which ends at a place where it can be ended."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Self


class OutOfTimeError(Exception):
    """The limit was reached."""


class TimeLimit:
    """So many real seconds from `with` on.

    What is inside `with limit.waiting():` is ended by `OutOfTimeError` when they are over; what is
    outside, such as the writing of a report, is finished first. Only in a main thread.

    Arguments:
        seconds: how many, above 0; None sets no limit.

    Attributes:
        seconds: the same.
        over: whether they are over, or Ctrl-C came.
        interrupted: whether Ctrl-C came.
    """

    def __init__(self, seconds: float | None = None) -> None:
        self.seconds = seconds
        self.over = False
        self.interrupted = False
        self._waiting = False

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """What may be ended at once.

        Raises:
            OutOfTimeError: the time is over, by now or before.
        """
        self._waiting = True
        try:
            if self.over:
                raise OutOfTimeError
            yield
        finally:
            self._waiting = False

    @property
    def why(self) -> str:
        """Why no more runs, for a sentence: `interrupted`, or which limit was reached."""
        if self.interrupted:
            return "interrupted"
        return f"not done within the time limit of {self.seconds:g} s"

    def interrupt(self) -> None:
        """Ctrl-C came: nothing more runs, what has ended is judged.

        Raises:
            OutOfTimeError: always.
        """
        self.over = self.interrupted = True
        raise OutOfTimeError

    def __enter__(self) -> Self:
        if self.seconds is not None:
            self._before = signal.signal(signal.SIGALRM, self._end)
            signal.setitimer(signal.ITIMER_REAL, self.seconds)
        return self

    def __exit__(self, *_: object) -> None:
        if self.seconds is not None:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, self._before)

    def _end(self, _number: int, _frame: FrameType | None) -> None:
        self.over = True
        if self._waiting:
            self._waiting = False  # what cleans up after the error is not ended once more
            raise OutOfTimeError
