"""What a client makes of two headers of an answer: `Content-Type` and `Retry-After`."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from simrt.client.reconnect import NS_PER_S

MOST_RETRY_AFTER_S = 1_000_000_000
"""Longer waits, some thirty years, count as this."""

# Values end at commas outside quotes (Fetch, "get, decode, and split").
_VALUE = re.compile(r'(?:[^",]|"(?:[^"\\]|\\.?)*(?:"|$))+')
_NAME = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_ESSENCE = re.compile(rf"[ \t]*({_NAME}/{_NAME})[ \t]*(?:;|$)")


def media_type(values: Iterable[str]) -> str:
    """The media type without parameters, in lower case: of all lines, the last valid value counts.

    As Fetch extracts a MIME type, and so EventSource. Empty where there is none.

    Arguments:
        values: the values of all `Content-Type` lines, in their order.
    """
    found = ""
    for value in _VALUE.findall(", ".join(values)):
        match = _ESSENCE.match(value)
        if match is not None and match[1] != "*/*":
            found = match[1].lower()
    return found


def retry_after_ns(value: str, wall: datetime) -> int | None:
    """How long `Retry-After` asks a client to wait, in nanoseconds; None where it says nothing.

    Arguments:
        value: seconds in digits, or a date.
        wall: the time of day.
    """
    value = value.strip(" \t")
    if value.isascii() and value.isdigit():
        digits = value.lstrip("0") or "0"
        whole = int(digits) if len(digits) < len(str(MOST_RETRY_AFTER_S)) else MOST_RETRY_AFTER_S
        return whole * NS_PER_S
    try:
        date = parsedate_to_datetime(value)
        date = date.replace(tzinfo=UTC) if date.tzinfo is None else date
        wait = (date - wall) // timedelta(microseconds=1)
    except (ValueError, TypeError, IndexError, OverflowError):  # no date of any calendar
        return None
    return min(max(0, wait) * 1000, MOST_RETRY_AFTER_S * NS_PER_S)
