"""A second reading of the standard: whole stream, decoded first, no state between chunks.

It shares no code and no order of steps with the parser, so that the two can judge each other on
streams that nobody wrote down.
"""

from __future__ import annotations

import re

from simrt.sse import Comment, Event, Item, Retry


def decode(raw: bytes) -> str:
    """UTF-8 as the Encoding standard decodes it: one U+FFFD for each sequence that breaks off."""
    out: list[str] = []
    code = needed = 0
    lower, upper = 0x80, 0xBF
    position = 0
    while position < len(raw):
        byte = raw[position]
        if needed and not lower <= byte <= upper:
            out.append("\ufffd")
            needed, lower, upper = 0, 0x80, 0xBF
            continue
        position += 1
        if needed:
            code, needed, lower, upper = code << 6 | byte & 0x3F, needed - 1, 0x80, 0xBF
            if not needed:
                out.append(chr(code))
        elif byte < 0x80:
            out.append(chr(byte))
        elif 0xC2 <= byte <= 0xDF:
            code, needed = byte & 0x1F, 1
        elif 0xE0 <= byte <= 0xEF:
            code, needed = byte & 0x0F, 2
            lower, upper = {0xE0: (0xA0, 0xBF), 0xED: (0x80, 0x9F)}.get(byte, (0x80, 0xBF))
        elif 0xF0 <= byte <= 0xF4:
            code, needed = byte & 0x07, 3
            lower, upper = {0xF0: (0x90, 0xBF), 0xF4: (0x80, 0x8F)}.get(byte, (0x80, 0xBF))
        else:
            out.append("\ufffd")
    if needed:
        out.append("\ufffd")
    return "".join(out)


def read(stream: bytes) -> tuple[list[Item], str]:
    """Items of a whole stream, and the id that is in force at its end."""
    text = decode(stream).removeprefix("\ufeff")
    lines = re.split("\r\n|\r|\n", text)[:-1]
    items: list[Item] = []
    data: list[str] = []
    kind = pending_id = last_id = ""
    for line in lines:
        if line == "":
            last_id = pending_id
            if data:
                items.append(Event(kind or "message", "\n".join(data), last_id))
            data, kind = [], ""
            continue
        found = re.fullmatch("([^:]*)(?:: ?(.*))?", line, re.DOTALL)
        assert found
        name, value = found[1], found[2] or ""
        if name == "":
            items.append(Comment(value))
        if name == "data":
            data.append(value)
        if name == "event":
            kind = value
        if name == "id" and "\0" not in value:
            pending_id = value
        if name == "retry" and re.fullmatch("[0-9]+", value):
            items.append(Retry(min(int(value[-4000:]), 10**15 - 1)))
    return items, last_id
