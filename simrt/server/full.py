"""No room: what a client is told that was turned away for now."""

from __future__ import annotations


class Full(Exception):  # noqa: N818 - what the server is, not what went wrong
    """No room for one more (STR-2, CHN-5).

    Attributes:
        retry_after_s: when to come again, seconds of scenario time.
    """

    def __init__(self, reason: str, retry_after_s: int) -> None:
        self.retry_after_s = retry_after_s
        super().__init__(reason)
