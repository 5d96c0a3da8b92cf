"""Parts of documents that are written by a program, between two comments."""

from __future__ import annotations


def _marks(name: str) -> tuple[str, str]:
    return f"<!-- {name}: begin -->\n", f"<!-- {name}: end -->"


def between(document: str, name: str) -> str:
    """The generated part of that name."""
    begin, end = _marks(name)
    assert document.count(begin) == document.count(end) == 1, f"{begin!r} and {end!r}, once each"
    return document.split(begin)[1].split(end, maxsplit=1)[0]


def replaced(document: str, name: str, part: str) -> str:
    """The document with a new generated part of that name."""
    begin, end = _marks(name)
    return document.replace(begin + between(document, name) + end, begin + part + end)
