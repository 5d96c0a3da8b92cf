"""Reading an event stream, in chunks that are split anywhere.

Lines are cut from the bytes before they are decoded. That gives the same text as decoding first:
CR, LF and the colon are single bytes that never stand inside a character, and a broken character
before one of them ends there in either order. It also lets limits be exact, in bytes, and a chunk
end inside a character.

Three states outlive a chunk: whether the stream's first bytes are settled (byte order mark),
whether the chunk ended in CR (an LF that follows belongs to it), and the unfinished line. A block
adds its data, type and id; all of it is bounded by the limits.
"""

from __future__ import annotations

from simrt.sse.encoder import MAX_RETRY_MS
from simrt.sse.items import Comment, Event, Item, Retry, SseError

MAX_EVENT_BYTES = 1 << 20
"""Default limit of one event's data, in bytes."""

_BOM = b"\xef\xbb\xbf"
_FIELD_ROOM = len("data: ")
_RETRY_DIGITS = len(str(MAX_RETRY_MS))


class Parser:
    """One stream's parser: bytes in, items out (SSE-1).

    Arguments:
        max_event_bytes: largest data of one event, line ends between its data lines counted,
            1 or more.
        max_line_bytes: longest line without its end, 1 or more; default: an event of
            `max_event_bytes` on one line.
        last_event_id: the id that the connection before ended with. Browsers carry it on, so an
            event without an id keeps it.
    """

    def __init__(
        self,
        max_event_bytes: int = MAX_EVENT_BYTES,
        max_line_bytes: int | None = None,
        last_event_id: str = "",
    ) -> None:
        if max_line_bytes is None:
            max_line_bytes = max_event_bytes + _FIELD_ROOM
        if max_event_bytes < 1 or max_line_bytes < 1:
            raise SseError("max_event_bytes and max_line_bytes must be 1 or more")
        self.max_event_bytes = max_event_bytes
        self.max_line_bytes = max_line_bytes
        self._last_event_id = last_event_id
        self._head: bytes | None = b""
        self._after_cr = False
        self._line = bytearray()
        self._data = bytearray()
        self._type = ""
        self._id = last_event_id
        self._ended = ""

    @property
    def last_event_id(self) -> str:
        """The id to send at a reconnect: that of the last finished block that had one."""
        return self._last_event_id

    def feed(self, chunk: bytes) -> list[Item]:
        """Parse the next bytes of the stream.

        Arguments:
            chunk: any number of bytes; a chunk's own size is the caller's to bound.

        Returns:
            The items that these bytes finished, in the order of the stream.

        Raises:
            SseError: the stream is beyond a limit, or was closed; `items` holds what was finished
                before. The parser stays unusable.
        """
        if self._ended:
            raise SseError(self._ended)
        items: list[Item] = []
        lines = self._lines(chunk)
        if len(chunk) + len(lines[0] if lines else self._line) <= self.max_line_bytes:
            self._parse(lines, items)
            return items
        limit = self.max_line_bytes
        fit = next((i for i, line in enumerate(lines) if len(line) > limit), len(lines))
        self._parse(lines[:fit], items)
        if fit < len(lines) or len(self._line) > limit:
            self._fail(f"a line is longer than {limit} bytes", items)
        return items

    def close(self) -> None:
        """The stream ended: an unfinished block is discarded, as the standard demands."""
        self._end("the stream was closed; make a new Parser for the next connection")

    def _lines(self, chunk: bytes) -> list[bytes]:
        """The lines that this chunk finished, without their ends; keeps the rest."""
        if self._head is not None:
            chunk = self._head + chunk
            if len(chunk) < len(_BOM) and _BOM.startswith(chunk):
                self._head = chunk
                return []
            self._head = None
            chunk = chunk.removeprefix(_BOM)
        if self._after_cr and chunk:
            self._after_cr = False
            chunk = chunk.removeprefix(b"\n")
        if b"\r" in chunk:
            self._after_cr = chunk.endswith(b"\r")
            chunk = chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        lines = chunk.split(b"\n")
        rest = lines.pop()
        if lines and self._line:
            lines[0] = bytes(self._line) + lines[0]
            self._line.clear()
        self._line += rest
        return lines

    def _parse(self, lines: list[bytes], items: list[Item]) -> None:
        """Process whole lines."""
        for line in lines:
            if not line:
                self._dispatch(items)
                continue
            name, _, value = line.partition(b":")
            if value[:1] == b" ":
                value = value[1:]
            if name == b"data":
                self._data += value
                self._data += b"\n"
                if len(self._data) > self.max_event_bytes + 1:
                    self._fail(f"an event's data exceeds {self.max_event_bytes} bytes", items)
            elif name == b"id":
                if b"\0" not in value:
                    self._id = value.decode("utf-8", "replace")
            elif name == b"event":
                self._type = value.decode("utf-8", "replace")
            elif not name:
                items.append(Comment(value.decode("utf-8", "replace")))
            elif name == b"retry" and value.isdigit():
                digits = value.lstrip(b"0") or b"0"
                ms = int(digits) if len(digits) <= _RETRY_DIGITS else MAX_RETRY_MS
                items.append(Retry(ms))

    def _dispatch(self, items: list[Item]) -> None:
        """A blank line: the block ends, and is an event if it has data."""
        self._last_event_id = self._id
        if self._data:
            self._data.pop()
            text = self._data.decode("utf-8", "replace")
            items.append(Event(self._type or "message", text, self._id))
            self._data.clear()
        self._type = ""

    def _fail(self, message: str, items: list[Item]) -> None:
        """End the stream with an error that hands over what was finished."""
        self._end(f"{message}; raise the limit, or mend the server")
        raise SseError(self._ended, tuple(items))

    def _end(self, reason: str) -> None:
        """Hold nothing any more, and refuse what follows."""
        self._ended = self._ended or reason
        self._line.clear()
        self._data.clear()
