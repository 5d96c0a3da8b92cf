"""The event-stream format: an encoder and an incremental parser, both without I/O.

The format is the one of the WHATWG HTML standard, section "Server-sent events"; the rules are
SSE-1 and SSE-2. This room imports nothing of the rest of the package.
"""

from simrt.sse.encoder import (
    MAX_RETRY_MS,
    encode_comment,
    encode_event,
    encode_event_tail,
    encode_id,
    encode_retry,
    event_id,
    parse_event_id,
)
from simrt.sse.items import Comment, Event, Item, Retry, SseError
from simrt.sse.parser import MAX_EVENT_BYTES, Parser

__all__ = [
    "Comment",
    "Event",
    "Item",
    "MAX_EVENT_BYTES",
    "MAX_RETRY_MS",
    "Parser",
    "Retry",
    "SseError",
    "encode_comment",
    "encode_event",
    "encode_event_tail",
    "encode_id",
    "encode_retry",
    "event_id",
    "parse_event_id",
]
