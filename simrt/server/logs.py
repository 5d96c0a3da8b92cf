"""How log lines are written: one JSON object a line, or text for people."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from typing import IO, Any

FORMATS = ("text", "json")


class JsonLines(logging.Formatter):
    """One JSON object a line: `time`, `level`, `logger`, `message`, then the fields."""

    def format(self, record: logging.LogRecord) -> str:
        """One line; whatever is in it, no character of it can begin another."""
        said = {
            "time": _time(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **_fields(record),
        }
        if record.exc_info:
            said["error"] = self.formatException(record.exc_info)
        return json.dumps(said, default=str)


class TextLines(logging.Formatter):
    """`time level message field=value …`; control characters are written as escapes."""

    def format(self, record: logging.LogRecord) -> str:
        """One line, and an error's lines behind it."""
        fields = [f"{name}={_plain(value)}" for name, value in _fields(record).items()]
        head = f"{_time(record)} {record.levelname.lower()} {_escaped(record.getMessage())}"
        line = " ".join([head, *fields])
        if record.exc_info:
            line += "\n" + self.formatException(record.exc_info)
        return line


def log_to(form: str, stream: IO[str] | None = None, level: int = logging.INFO) -> logging.Handler:
    """Let simrt's loggers, and those below the root, write to a stream.

    Arguments:
        form: one of `FORMATS`.
        stream: where; None = stderr.
        level: the least that is written.

    Returns:
        The handler, to be removed again where that is wanted.
    """
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonLines() if form == "json" else TextLines())
    root = logging.getLogger()
    root.addHandler(handler)
    root.setLevel(level)
    return handler


def _time(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    fields = getattr(record, "fields", {})
    return fields if isinstance(fields, dict) else {}


def _plain(value: Any) -> str:
    text = str(value)
    return json.dumps(text) if not text or " " in text or not text.isprintable() else text


def _escaped(text: str) -> str:
    return text if text.isprintable() else json.dumps(text)[1:-1]
