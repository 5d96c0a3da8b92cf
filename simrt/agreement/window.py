"""What the kernel does for real connections, as far as it is known: the ends of a band.

A server that runs freely has the kernel's windows and the kernel's repeats. Its calibration says
what a client swallowed that read nothing, the most that was under way once it read, and for clients
that fall silent what the kernel took, and after which pause it repeated (`Header.window`). None of
these is *the* window or *the* pause: between two reads the window moves, a full one opens again
once a good part of it is free, no two connections are treated alike. So a few ends bound it.
"""

from __future__ import annotations

from collections.abc import Mapping

from simrt.history import Header
from simrt.network import KernelWindow

READ_BYTES = 2048
"""What one read of our client brings at most: beyond the kernel's window."""

Windows = dict[str, KernelWindow]
"""By group."""


def ends(header: Header) -> tuple[Windows, ...]:
    """The windows that a real run can have had, at the ends of what is known.

    Returns:
        By group: what a client swallows that reads nothing, opened again when half of it is free;
        the most that was under way, opened again likewise; the same, opened again at once.
    """
    return tuple(
        {group: end(measured) for group, measured in header.window.items()}
        for end in (_least, _largest_in_lumps, _largest)
    )


def _least(measured: Mapping[str, int]) -> KernelWindow:
    size = measured["bytes"]
    silent = measured.get("silent_bytes", 0)
    return KernelWindow(size, size // 2, silent, measured.get("pause_ns", 0))


def _largest_in_lumps(measured: Mapping[str, int]) -> KernelWindow:
    size = _most_bytes(measured)
    silent = measured.get("silent_bytes", 0)
    return KernelWindow(size, size // 2, silent, measured.get("most_pause_ns", 0))


def _largest(measured: Mapping[str, int]) -> KernelWindow:
    silent = measured.get("most_silent_bytes", 0)
    pause_ns = measured.get("most_pause_ns", 0)
    return KernelWindow(_most_bytes(measured), 1, silent, pause_ns)


def _most_bytes(measured: Mapping[str, int]) -> int:
    return max(measured.get("most_bytes", 0), measured["bytes"] + READ_BYTES)


def late_ns(header: Header) -> int:
    """How late one end of a time can be on that target, scenario time; 0 if it is exact.

    By the resolution, and by what it takes an event to reach a client that waits for it: the model
    gives that no time.
    """
    trips = (measured.get("trip_ns", 0) for measured in header.window.values())
    return header.resolution_ns + max(trips, default=0) if header.resolution_ns else 0
