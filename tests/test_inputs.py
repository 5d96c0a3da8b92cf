"""A hook's body: JSON that every reader reads alike, or a reason why not."""

from __future__ import annotations

import contextlib
import json
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simrt.inputs import NotJson, read_json
from tests.server.rig import TOKENS, rig, virtual

DIGITS = sys.get_int_max_str_digits()
NUMBERS = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
JSON = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(value=JSON, plain=st.booleans())
def test_what_is_json_is_read_as_it_was_written(value: Any, plain: bool) -> None:
    try:
        body = json.dumps(value, ensure_ascii=plain).encode()
    except UnicodeEncodeError:  # a lone surrogate has no UTF-8 form; escaped, it can be written
        return
    assert read_json(body) == value


@given(body=st.binary(max_size=200))
def test_whatever_it_is_there_is_one_kind_of_error(body: bytes) -> None:
    with contextlib.suppress(NotJson):
        read_json(body)


@pytest.mark.rules("PUB-3")
@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "Expecting value, line 1, column 1"),
        (b'{"id":\n oops}', "Expecting value, line 2, column 2"),
        (b"{} {}", "Extra data, line 1, column 4"),
        (b'"\xff"', "it is not UTF-8"),
        (b'"\xed\xa0\x80"', "it is not UTF-8"),
        ('{"a":1}'.encode("utf-16"), "it is not UTF-8"),
        ("1".encode("utf-32-le"), "Extra data, line 1, column 2"),
        (b"NaN", "NaN is no number there"),
        (b"[-Infinity]", "-Infinity is no number there"),
        (b'{"id":"7","id":"8"}', "a key stands twice in one object"),
        (b'[{"a":{"b":1,"\\u0062":2}}]', "a key stands twice in one object"),
        (b"[" * 100_000, "it is nested too deeply: more than 100 levels"),
        (b'{"a":' * 40_000, "it is nested too deeply: more than 100 levels"),
        (b"1" * (DIGITS + 1), "a number has too many digits"),
    ],
)
def test_what_is_not_is_refused_with_a_reason(body: bytes, reason: str) -> None:
    with pytest.raises(NotJson) as refused:
        read_json(body)
    assert str(refused.value) == reason


@virtual
async def test_the_sender_is_told() -> None:
    on = await rig()
    stream = await on.subscribe()
    body = b'{"id":"7","id":"8"}'
    client = await on.ask("POST", "/shop/content", body, token=TOKENS["shop"]["editor"])
    assert client.answer.status == 400
    told = "the body is not JSON (RFC 8259): a key stands twice in one object"
    assert client.answer.json == {"error": told}
    assert stream.seqs == []


def test_a_mark_at_the_beginning_is_overread() -> None:
    assert read_json(b"\xef\xbb\xbf{}") == {}
