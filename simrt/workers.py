"""Jobs in processes of their own: simulations side by side, real servers a few at a time.

A process is a new interpreter that imports this module and nothing of the caller's: its `__main__`
may be a script without a guard, a notebook or standard input. A fork would share the caller's
threads and event loops in an unknown state; multiprocessing's spawn would run `__main__` again.
"""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
from collections.abc import Callable, Generator, Sequence
from contextlib import suppress
from functools import partial
from multiprocessing.connection import Connection, wait
from os import cpu_count
from typing import Any, BinaryIO, TypeVar

from simrt.errors import TargetError

J = TypeVar("J")
D = TypeVar("D")
T = TypeVar("T")

# Real runs mostly wait; more of them at once would disturb each other's timing.
REAL_AT_ONCE = 3

# What a process runs: it finds modules where its parent does, then does what it is sent.
_BEGIN = (
    "import os, pickle, sys\n"
    "orders = os.fdopen(int(sys.argv[1]), 'rb')\n"
    "sys.path[:] = pickle.load(orders)\n"
    "from simrt.workers import obey\n"
    "obey(orders, int(sys.argv[2]))\n"
)

Work = Callable[[J, Callable[[T], None]], D]


def simulate_all(
    work: Work[J, T, D],
    jobs: Sequence[J],
    tell: Callable[[J, T], None] = lambda _job, _share: None,
) -> Generator[tuple[J, D | Exception], None, None]:
    """Do jobs that keep a core busy, one process a core.

    Arguments:
        work: a function of a module, called with a job and with what to tell progress to.
        jobs: what to do.
        tell: told a job and what its work tells of how far it is.

    Yields:
        Each job with its result, or with the error that ended it, as they end. A caller that stops
        early ends what is under way.
    """
    workers = min(len(jobs), cpu_count() or 1)
    if workers <= 1:
        for job in jobs:
            yield job, work(job, partial(tell, job))
        return
    shares = [range(number, len(jobs), workers) for number in range(workers)]
    yield from _play_all(work, jobs, shares, workers, tell)


def play_all(
    work: Work[J, T, D], jobs: Sequence[J], tell: Callable[[J, T], None]
) -> Generator[tuple[J, D | Exception], None, None]:
    """Do jobs that mostly wait, a few at once, each in a process of its own.

    Arguments:
        work: a function of a module, called with a job and with what to tell progress to. SIGTERM
            is sent to its process when the caller ends early: it keeps what it recorded.
        jobs: what to do.
        tell: told a job and what its work tells of how far it is.

    Yields:
        As `simulate_all`.
    """
    shares = [range(number, number + 1) for number in range(len(jobs))]
    yield from _play_all(work, jobs, shares, REAL_AT_ONCE, tell)


class _Player:
    """A process that does some of the jobs, one after the other."""

    def __init__(self, work: Work[Any, Any, Any], jobs: Sequence[Any], share: range) -> None:
        self.waiting = list(share)
        orders, ours = os.pipe()
        answers, theirs = os.pipe()
        self.pipe = Connection(answers, writable=False)
        # Ctrl-C reaches the child too: not before it can end without a word.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            self.process = subprocess.Popen(
                # -P: no module of the folder that it happens to start in.
                [sys.executable, "-P", "-c", _BEGIN, str(orders), str(theirs)],
                stdin=subprocess.DEVNULL,
                pass_fds=(orders, theirs),
            )
        except BaseException:
            os.close(ours)
            self.pipe.close()
            raise
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
            os.close(orders)
            os.close(theirs)  # else its end would never be seen here
        # Where it died already, that is seen when its answers are read.
        with suppress(BrokenPipeError), os.fdopen(ours, "wb") as to:
            pickle.dump([str(place) for place in sys.path], to)
            pickle.dump((work, [(number, jobs[number]) for number in share]), to)

    def end(self) -> None:
        """Let it end in order, whatever it does."""
        self.process.terminate()
        self.process.wait()
        self.pipe.close()


def obey(orders: BinaryIO, answers: int) -> None:
    """Do the jobs of a parent; the first thing that a process of this module calls.

    Arguments:
        orders: gives what to do.
        answers: the descriptor that takes what became of it.
    """
    pipe = Connection(answers, readable=False)
    try:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
        with orders:
            work, jobs = pickle.load(orders)  # noqa: S301 - from the parent alone
        for number, job in jobs:

            def tell(told: object, number: int = number) -> None:
                pipe.send(("told", number, told))

            try:
                pipe.send(("done", number, work(job, tell)))
            except Exception as error:  # noqa: BLE001 - whatever it is, the parent says it
                pipe.send(("done", number, error))
    except KeyboardInterrupt:
        return  # the parent ended it, or will end too


def _play_all(
    work: Work[J, T, D],
    jobs: Sequence[J],
    shares: Sequence[range],
    at_once: int,
    tell: Callable[[J, T], None],
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
                if kind == "told":
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
