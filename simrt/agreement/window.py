"""The window of a real connection, as far as it is known: a least and a largest one.

A server that runs freely has the kernel's window. Its calibration says what a client swallowed that
read nothing, and the most that was under way once it read (`Header.window`). Between two reads the
kernel's window moves: full, it opens again once a good part of it is free, and what one read
brought waits in the client. So neither number is the window, and both together bound it.
"""

from __future__ import annotations

from simrt.history import Header
from simrt.network import KernelWindow

READ_BYTES = 2048
"""What one read of our client brings at most: beyond the kernel's window."""

Windows = dict[str, KernelWindow]
"""By group."""


def least_windows(header: Header) -> Windows:
    """What a client swallows that reads nothing; full, it opens again when half of it is free."""
    return {
        group: KernelWindow(measured["bytes"], measured["bytes"] // 2)
        for group, measured in header.window.items()
    }


def largest_windows(header: Header) -> Windows:
    """The most that was under way; it opens as soon as anything of it is free."""
    return {
        group: KernelWindow(max(measured.get("most_bytes", 0), measured["bytes"] + READ_BYTES))
        for group, measured in header.window.items()
    }
