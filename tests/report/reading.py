"""A page as a reader takes it in: lines and tables, each with the section and the figure it is in.

No class and no layout of the page is known here, but its sections, its figures and its tables.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser

BLOCKS = frozenset(
    {"p", "li", "dt", "dd", "td", "th", "h1", "h2", "h3", "h4", "summary", "caption", "pre",
     "title", "desc", "text"}
)  # fmt: skip
VOID = frozenset({"meta", "link", "br", "img", "hr", "input", "wbr"})
UNREAD = frozenset({"style", "script"})


@dataclass(frozen=True, slots=True)
class Place:
    """Where something is said.

    Attributes:
        section: the `id` of its section; empty outside of one.
        figure: the `id` of its figure; empty outside of one.
        heading: the last heading of the third order before it, such as a group's name.
    """

    section: str
    figure: str
    heading: str


@dataclass(slots=True)
class Line:
    """A block of text that holds no other one.

    Attributes:
        place: where.
        tag: of its element.
        text: blanks made one.
    """

    place: Place
    tag: str
    text: str


@dataclass(slots=True)
class Table:
    """A table.

    Attributes:
        place: where.
        rows: the cells of each row, the head first.
        titles: for each row the `title` of each cell, or an empty text.
    """

    place: Place
    rows: list[list[str]] = field(default_factory=list)
    titles: list[list[str]] = field(default_factory=list)

    @property
    def head(self) -> list[str]:
        """The cells of the first row."""
        return self.rows[0]

    def body(self) -> Iterator[dict[str, str]]:
        """Each further row, by the head's words."""
        for row in self.rows[1:]:
            yield dict(zip(self.head, row, strict=True))


def one_line(text: str) -> str:
    """A text with each run of blanks, be they unbroken ones, as one blank."""
    return re.sub(r"\s+", " ", text).strip()


class Reading(HTMLParser):
    """Reads a page.

    Attributes:
        lines: its blocks outside of tables, in order.
        tables: its tables, in order.
        loose: texts outside of any block.
    """

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.lines: list[Line] = []
        self.tables: list[Table] = []
        self.loose: list[str] = []
        self._stack: list[tuple[str, str]] = []
        self._open: list[Line] = []
        self._heading = ""
        self.feed(text)
        self.close()

    @property
    def place(self) -> Place:
        """Where the reader is."""
        sections = [name for tag, name in self._stack if tag == "section"]
        figures = [name for tag, name in self._stack if tag == "figure"]
        return Place("".join(sections[-1:]), "".join(figures[-1:]), self._heading)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = {name: value or "" for name, value in attrs}
        if tag in VOID:
            return
        self._stack.append((tag, named.get("id", "")))
        if tag == "section":
            self._heading = ""
        if tag == "table":
            self.tables.append(Table(self.place))
        if tag == "tr":
            self.tables[-1].rows.append([])
            self.tables[-1].titles.append([])
        if tag in ("td", "th"):
            self.tables[-1].titles[-1].append(named.get("title", ""))
        if tag in BLOCKS:
            self._open.append(Line(self.place, tag, ""))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """An element without content says nothing."""

    def handle_endtag(self, tag: str) -> None:
        if tag in VOID:
            return
        name, _ = self._stack.pop()
        assert name == tag, f"</{tag}> closes <{name}>"
        if tag not in BLOCKS:
            if self._open and tag == "span":
                self._open[-1].text += " "
            return
        line = self._open.pop()
        line.text = one_line(line.text)
        if tag == "h3":
            self._heading = line.text
        if tag in ("td", "th"):
            self.tables[-1].rows[-1].append(line.text)
        elif line.text:
            self.lines.append(line)

    def handle_data(self, data: str) -> None:
        if any(tag in UNREAD for tag, _ in self._stack):
            return
        if self._open:
            self._open[-1].text += data
        elif data.strip():
            self.loose.append(one_line(data))

    def said(self, section: str, *tags: str) -> list[str]:
        """The lines of a section, of these elements where some are named."""
        return [
            line.text
            for line in self.lines
            if line.place.section == section and (not tags or line.tag in tags)
        ]

    def table(self, section: str, figure: str = "", heading: str | None = None) -> Table:
        """The only table there."""
        (found,) = self.tables_of(section, figure, heading)
        return found

    def tables_of(self, section: str, figure: str = "", heading: str | None = None) -> list[Table]:
        """The tables there; `heading`: only those under it."""
        return [
            table
            for table in self.tables
            if (table.place.section, table.place.figure) == (section, figure)
            and heading in (None, table.place.heading)
        ]
