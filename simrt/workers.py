"""Jobs in processes of their own: simulations side by side, real servers a few at a time."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Callable, Generator, Sequence
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from os import cpu_count
from typing import Any, TypeVar

from simrt.errors import TargetError

J = TypeVar("J")
D = TypeVar("D")

# Real runs mostly wait; more of them at once would disturb each other's timing.
REAL_AT_ONCE = 3

# A forked child would share the parent's threads and event loops in an unknown state.
_context = multiprocessing.get_context("spawn")

Work = Callable[[J, Callable[[float], None]], D]


def simulate_all(
    work: Work[J, D], jobs: Sequence[J]
) -> Generator[tuple[J, D | Exception], None, None]:
    """Do jobs that keep a core busy, one process a core.

    Arguments:
        work: a function of a module, called with a job and with what to tell progress to.
        jobs: what to do.

    Yields:
        Each job with its result, or with the error that ended it, as they end. A caller that stops
        early ends what is under way.
    """
    workers = min(len(jobs), cpu_count() or 1)
    if workers <= 1:
        for job in jobs:
            yield job, work(job, lambda _share: None)
        return
    shares = [range(number, len(jobs), workers) for number in range(workers)]
    yield from _play_all(work, jobs, shares, workers, lambda _job, _share: None)


def play_all(
    work: Work[J, D], jobs: Sequence[J], tell: Callable[[J, float], None]
) -> Generator[tuple[J, D | Exception], None, None]:
    """Do jobs that mostly wait, a few at once, each in a process of its own.

    Arguments:
        work: a function of a module, called with a job and with what to tell progress to. SIGTERM
            is sent to its process when the caller ends early: it keeps what it recorded.
        jobs: what to do.
        tell: told a job and the share of it that is done.

    Yields:
        As `simulate_all`.
    """
    shares = [range(number, number + 1) for number in range(len(jobs))]
    yield from _play_all(work, jobs, shares, REAL_AT_ONCE, tell)


class _Player:
    """A process that does some of the jobs, one after the other."""

    def __init__(self, work: Work[Any, Any], jobs: Sequence[Any], share: range) -> None:
        self.waiting = list(share)
        self.pipe, theirs = _context.Pipe(duplex=False)
        mine = [(number, jobs[number]) for number in share]
        self.process = _context.Process(target=_play, args=(theirs, work, mine))
        resource_tracker.ensure_running()  # when it starts, it lets the signal through
        # Ctrl-C reaches the child too: not before it can end without a word.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            self.process.start()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        theirs.close()  # else its end would never be seen here

    def end(self) -> None:
        """Let it end in order, whatever it does."""
        if self.process.is_alive():
            self.process.terminate()
        self.process.join()
        self.pipe.close()


def _play(pipe: Connection, work: Work[Any, Any], jobs: Sequence[tuple[int, Any]]) -> None:
    try:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
        for number, job in jobs:

            def tell(share: float, number: int = number) -> None:
                pipe.send(("share", number, share))

            try:
                pipe.send(("done", number, work(job, tell)))
            except Exception as error:  # noqa: BLE001 - whatever it is, the parent says it
                pipe.send(("done", number, error))
    except KeyboardInterrupt:
        return  # the parent ended it, or will end too


def _play_all(
    work: Work[J, D],
    jobs: Sequence[J],
    shares: Sequence[range],
    at_once: int,
    tell: Callable[[J, float], None],
) -> Generator[tuple[J, D | Exception], None, None]:
    coming = list(shares)[::-1]
    playing: dict[Connection, _Player] = {}
    try:
        while coming or playing:
            while coming and len(playing) < at_once:
                player = _Player(work, jobs, coming.pop())
                playing[player.pipe] = player
            for pipe in wait(list(playing)):
                assert isinstance(pipe, Connection)
                player = playing[pipe]
                try:
                    kind, number, value = pipe.recv()
                except EOFError:
                    del playing[pipe]
                    player.end()
                    for number in player.waiting:
                        yield jobs[number], TargetError("the run's process died without a word")
                    continue
                if kind == "share":
                    tell(jobs[number], value)
                    continue
                player.waiting.remove(number)
                if not player.waiting:
                    del playing[pipe]
                    player.end()
                yield jobs[number], value
    finally:
        for player in playing.values():
            player.end()
