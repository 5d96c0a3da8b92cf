"""YAML 1.2.2 where ruamel.yaml's scanner follows older rules: tabs, and the types of scalars."""

from __future__ import annotations

import re
from typing import Any

from ruamel.yaml.scanner import Scanner, ScannerError

_OLD_BREAKS = "\x85\u2028\u2029"
_BREAKS = f"\r\n{_OLD_BREAKS}"
_END = f"\0{_BREAKS}"
_HEADER = re.compile(r"[-+0-9]{0,2}([ \t]+)")

# The core schema of YAML 1.2.2 (10.3.2); a plain scalar that matches none is text.
_CORE = {
    "null": re.compile(r"null|Null|NULL|~|"),
    "bool": re.compile(r"true|True|TRUE|false|False|FALSE"),
    "int": re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+"),
    "float": re.compile(
        r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?"
        r"|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)"
    ),
}
SCALARS = tuple(_CORE)
"""The types of scalars that are not text."""


def core_type(text: str) -> str:
    """What a plain scalar is: `null`, `bool`, `int`, `float` or `str`."""
    return next((name for name, form in _CORE.items() if form.fullmatch(text)), "str")


def without_old_breaks(text: str) -> tuple[str, dict[int, int]]:
    """The text without the characters that only YAML 1.1 takes for line breaks.

    Returns the text with a private character for each of them, and a table for `str.translate` that
    gives a scalar its own again: JSON has them in its texts as they are.
    """
    if not any(char in text for char in _OLD_BREAKS):
        return text, {}
    private = (code for code in range(0xE000, 0xF900) if chr(code) not in text)
    hidden = {ord(char): code for char, code in zip(_OLD_BREAKS, private, strict=False)}
    return text.translate(hidden), {code: char for char, code in hidden.items()}


class TabScanner(Scanner):
    """A scanner for which tabs separate tokens as spaces do, and never indent (6.1, 6.2)."""

    def scan_to_next_token(self) -> None:
        """Go over separation, comments and line breaks."""
        reader = self.reader
        if reader.index == 0 and reader.peek() == "\ufeff":
            reader.forward()
        while True:
            while reader.peek() in " \t":
                reader.forward()
            if reader.peek() == "#":
                while reader.peek() not in _END:
                    reader.forward()
            if not self.scan_line_break():
                break
            if not self.flow_level:
                self.allow_simple_key = True
        if not self.flow_level and reader.peek() != "\0":
            self._check_tabs()

    def _check_tabs(self) -> None:
        """After a tab no block begins: its column is what indents it."""
        line = self._line()
        before = line.rstrip(" \t")
        if "\t" not in line[len(before) :]:
            return
        self.allow_simple_key = False
        if not before and _indentation(line) <= self.indent:
            mark = self.reader.get_mark()
            mark.column = _indentation(line)
            raise ScannerError(None, None, "a tab as indentation; write spaces", mark)

    def _line(self) -> str:
        """What stands before this place in its line."""
        reader = self.reader
        return str(reader.buffer[reader.pointer - reader.column : reader.pointer])

    def scan_plain_spaces(self, indent: int, start_mark: Any) -> list[str] | None:  # noqa: ARG002
        """What stands between two words of a plain scalar; tabs among them are kept."""
        reader = self.reader
        spaces = self._blanks()
        reader.forward(len(spaces))
        if reader.peek() not in _BREAKS:
            return [spaces] if spaces else []
        first = self.scan_line_break()
        breaks: list[str] = []
        self.allow_simple_key = True
        while not (self.check_document_start() or self.check_document_end()):
            blanks = self._blanks()
            if reader.peek(len(blanks)) in _BREAKS:
                reader.forward(len(blanks))
                breaks.append(self.scan_line_break())
                continue
            indented = self.flow_level or _indentation(blanks) >= indent
            reader.forward(len(blanks) if indented else _indentation(blanks))
            return [first, *breaks] if first != "\n" else breaks or [" "]
        return None

    def _blanks(self) -> str:
        """The spaces and tabs that follow."""
        length = 0
        while self.reader.peek(length) in " \t":
            length += 1
        return str(self.reader.prefix(length))

    def scan_block_scalar_indicators(self, start_mark: Any) -> Any:
        """The header of a block scalar; tabs may follow it."""
        reader = self.reader
        header = _HEADER.match(reader.buffer, reader.pointer)
        if header is not None:
            begin, end = header.span(1)
            reader.buffer = reader.buffer[:begin] + " " * (end - begin) + reader.buffer[end:]
        return super().scan_block_scalar_indicators(start_mark)


def _indentation(blanks: str) -> int:
    return len(blanks) - len(blanks.lstrip(" "))
