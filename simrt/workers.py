"""Jobs in processes of their own: simulations side by side, real servers a few at a time."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from os import cpu_count
from typing import Any, Generic, TypeVar

from simrt.errors import TargetError

J = TypeVar("J")
D = TypeVar("D")

# Real runs mostly wait; more of them at once would disturb each other's timing.
REAL_AT_ONCE = 3

# A forked child would share the parent's threads and event loops in an unknown state.
_context = multiprocessing.get_context("spawn")


def simulate_all(work: Callable[[J], D], jobs: Sequence[J]) -> Iterator[D]:
    """Do jobs that keep a core busy, one a core, and give their results in order.

    Arguments:
        work: a function of a module, called with a job in another process.
        jobs: what to do.
    """
    workers = min(len(jobs), cpu_count() or 1)
    if workers <= 1:
        yield from map(work, jobs)
        return
    pool = ProcessPoolExecutor(workers, _context, initializer=_leave_interrupts_to_the_parent)
    try:
        yield from pool.map(work, jobs)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _leave_interrupts_to_the_parent() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)


class _Player(Generic[J]):
    """One job that runs in a process of its own."""

    def __init__(self, number: int, work: Callable[..., Any], job: J) -> None:
        self.number = number
        self.pipe, theirs = _context.Pipe(duplex=False)
        self.process: BaseProcess = _context.Process(target=_play, args=(theirs, work, job))
        self.process.start()
        theirs.close()  # else its end would never be seen here

    def end(self) -> None:
        """Let it end in order: it keeps what it recorded."""
        if self.process.is_alive():
            self.process.terminate()
        self.process.join()
        self.pipe.close()


def _play(pipe: Connection, work: Callable[..., Any], job: Any) -> None:
    try:
        done = work(job, lambda share: pipe.send(("share", share)))
        pipe.send(("done", done))
    except KeyboardInterrupt:
        return  # the parent ended it, or will end too
    except Exception as error:  # noqa: BLE001 - whatever it is, the parent says it
        pipe.send(("failed", error))


def play_all(
    work: Callable[[J, Callable[[float], None]], D],
    jobs: Sequence[J],
    tell: Callable[[J, float], None],
) -> Generator[tuple[J, D | Exception], None, None]:
    """Do jobs that mostly wait, a few at once.

    Arguments:
        work: a function of a module, called with a job and with what to tell progress to, in
            another process. SIGTERM is sent to it when the caller ends early.
        jobs: what to do.
        tell: told a job and the share of it that is done.

    Yields:
        Each job with its result, or with the error that ended it, as they end.
    """
    waiting = list(enumerate(jobs))[::-1]
    playing: dict[Connection, _Player[J]] = {}
    try:
        while waiting or playing:
            while waiting and len(playing) < REAL_AT_ONCE:
                number, job = waiting.pop()
                player = _Player(number, work, job)
                playing[player.pipe] = player
            for pipe in wait(list(playing)):
                assert isinstance(pipe, Connection)
                player = playing[pipe]
                job = jobs[player.number]
                try:
                    kind, value = pipe.recv()
                except EOFError:
                    player.end()
                    kind, value = "failed", TargetError("the run's process died without a word")
                if kind == "share":
                    tell(job, value)
                    continue
                del playing[pipe]
                player.end()
                yield job, value
    finally:
        for player in playing.values():
            player.end()
