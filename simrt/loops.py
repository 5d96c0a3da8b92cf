"""Event loops of our own beside those of others, such as a notebook's."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")
Progress = Callable[[float], None]


def beside_any_loop(work: Callable[[Progress | None], T], progress: Progress | None = None) -> T:
    """Do work that runs an event loop; where one runs in this thread already, in another thread.

    Arguments:
        work: called with what to tell progress to.
        progress: told the share that is done.

    Raises:
        KeyboardInterrupt: Ctrl-C came; the work was ended by one too, when it next told progress.
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return work(progress)
    interrupted = threading.Event()

    def tell(share: float) -> None:
        if interrupted.is_set():
            raise KeyboardInterrupt
        if progress is not None:
            progress(share)

    with ThreadPoolExecutor(1, "simrt") as pool:  # its end waits for the work's
        try:
            return pool.submit(work, tell).result()
        except KeyboardInterrupt:
            interrupted.set()
            raise
