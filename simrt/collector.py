"""Rest for Python's garbage collector while work goes on that leaves it nothing to collect.

The collector looks for objects that refer to each other in circles, by looking at all that there
are. A run and its judges make hundreds of thousands that stay, and no circles: it would look at
them again and again, and with ten thousand subscribers that costs more than the run.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def resting() -> Iterator[None]:
    """No collection while this goes on; counting references frees all that needs no more.

    Only for work whose circles are few and bounded; tests count what it leaves behind.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
