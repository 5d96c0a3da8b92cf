"""How many bytes of messages the channel holds: BUF-5, recomputed from the rows."""

from __future__ import annotations

from collections import deque


class Memory:
    """Bytes of type and data of the distinct messages that a channel holds.

    A message is held while it is among the newest `bufferSize`, or pending for any subscription.
    Under `drop-oldest` what is pending is among the newest, and nobody has to be counted.

    Arguments:
        buffer_size: length of the history.
        beyond: whether a pending message can be older than the history (`drop-newest`).

    Attributes:
        most: the most bytes held at once.
    """

    __slots__ = ("_beyond", "_bytes", "_held", "_pending", "_ring", "_size", "most")

    def __init__(self, buffer_size: int, *, beyond: bool) -> None:
        self.most = 0
        self._size = buffer_size
        self._beyond = beyond
        self._held = 0
        self._ring: deque[tuple[int, int]] = deque()  # message, bytes; the newest last
        self._pending: dict[int, int] = {}  # message -> subscriptions that it is pending for
        self._bytes: dict[int, int] = {}  # bytes of what is pending and older than the ring

    def sent(self, message: int, size: int, offered: int) -> None:
        """A message of so many bytes was sent, and offered to so many subscriptions."""
        self._ring.append((message, size))
        self._held += size
        if self._beyond and offered:
            self._pending[message] = offered
        if len(self._ring) > self._size:
            oldest, bytes_ = self._ring.popleft()
            if oldest in self._pending:
                self._bytes[oldest] = bytes_
            else:
                self._held -= bytes_
        self.most = max(self.most, self._held)

    def offered(self, first: int, last: int) -> None:
        """A replay put these into one more queue."""
        if self._beyond:
            for message in range(first, last + 1):
                self._pending[message] = self._pending.get(message, 0) + 1

    def left(self, message: int) -> None:
        """A message left one queue."""
        if not self._beyond:
            return
        count = self._pending.get(message, 0)
        if count > 1:
            self._pending[message] = count - 1
        elif count:
            del self._pending[message]
            self._held -= self._bytes.pop(message, 0)

    def cleared(self) -> None:
        """A restart emptied the channel."""
        self._held = 0
        self._ring.clear()
        self._pending.clear()
        self._bytes.clear()
