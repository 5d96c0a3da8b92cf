"""Rows as both targets write them."""

from __future__ import annotations

import pytest

from simrt.engine import ChannelOptions, Hub, encode_event
from simrt.history import Row, digest_of
from simrt.record import Record, Where, Who


@pytest.mark.rules("DLV-3", "PRJ-1")
def test_a_digest_tells_data_apart_and_is_the_same_in_each_row_of_an_event() -> None:
    rows: list[Row] = []
    record = Record(rows.append)
    where, who = Where("shop", "news", "e1"), Who("a/0", 1)
    channel = Hub("e1").project("shop").channel("news", ChannelOptions())
    taking = channel.subscribe(now=0)
    for t_ns, data in ((1, {"id": "1"}), (2, {"id": "2"})):
        event = encode_event("changed", data)
        record.sent(t_ns, where, channel.send_encoded(event, t_ns), "POST /news")
    for message in taking.take(3, 2):
        record.took(3, where, who, message)
        record.received(4, where, who, message)
    first, second = digest_of(b'{"id":"1"}'), digest_of(b'{"id":"2"}')
    assert first != second
    assert [(row.kind, row.seq, row.bytes, row.digest) for row in rows] == [
        ("send", 1, 10, first),
        ("send", 2, 10, second),
        ("take", 1, 10, first),
        ("receive", 1, 10, first),
        ("take", 2, 10, second),
        ("receive", 2, 10, second),
    ]
