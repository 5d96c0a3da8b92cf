"""Two headers as they come from servers, proxies and strangers (CLI-3)."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simrt.client.headers import MOST_RETRY_AFTER_S, media_type, retry_after_ns

NOW = datetime(2026, 1, 1, tzinfo=UTC)
S = 1_000_000_000
MOST = MOST_RETRY_AFTER_S * S


@pytest.mark.rules("CLI-3")
@pytest.mark.parametrize(
    ("value", "wait_ns"),
    [
        ("0", 0),
        ("120", 120 * S),
        (" 7 ", 7 * S),
        ("0000000000000005", 5 * S),
        ("999999999", 999_999_999 * S),
        ("1000000000", MOST),
        ("9" * 400, MOST),
        ("9" * 5_000, MOST),
        ("Thu, 01 Jan 2026 00:00:05 GMT", 5 * S),
        ("Thursday, 01-Jan-26 00:00:05 GMT", 5 * S),
        ("Thu Jan  1 00:00:05 2026", 5 * S),
        ("Thu, 01 Jan 2026 01:00:05 +0100", 5 * S),
        ("Wed, 31 Dec 2025 23:59:59 GMT", 0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", MOST),
        ("Thu, 01 Jan 0001 00:00:00 GMT", 0),
        *(
            (garbage, None)
            for garbage in (
                "", "soon", "-5", "+5", "1.5", "1e3", "5s", "5, 6", "\u0665", "\u00b2", "\x00",
                "Thu, 99 Jan 2026 00:00:05 GMT", "Thu, 01 Jan 2026 99:00:05 GMT",
                "Thu, 01 Jan 99999999999999999999 00:00:05 GMT",
                "Thu, 01 Jan 2026 00:00:05 +99999999999999999999",
                "Thu, 01 Jan " + "9" * 5_000 + " 00:00:05 GMT",
                "Thu", ",", "a b c d e f g", "2026-01-01T00:00:05Z",
            )
        ),
    ],
)  # fmt: skip
def test_any_retry_after_is_a_wait_or_none(value, wait_ns):
    assert retry_after_ns(value, NOW) == wait_ns


@given(
    st.text(max_size=60)
    | st.from_regex(
        r"(Mon|Thu)?,? ?[0-9]{0,25} (Jan|Feb|x) -?[0-9]{0,25} [0-9:]{0,30} [+-]?\w{0,30}"
    )
)
def test_whatever_it_says_a_client_survives(value):
    wait = retry_after_ns(value, NOW)
    assert wait is None or 0 <= wait <= MOST


@pytest.mark.rules("CLI-3")
@pytest.mark.parametrize(
    ("lines", "kind"),
    [
        ((), ""),
        (("text/event-stream",), "text/event-stream"),
        (("Text/Event-Stream; charset=utf-8",), "text/event-stream"),
        ((" \ttext/event-stream ;x",), "text/event-stream"),
        # Of several values the last that is one counts.
        (("text/html", "text/event-stream"), "text/event-stream"),
        (("text/event-stream", "text/html"), "text/html"),
        (("text/event-stream", "gibberish"), "text/event-stream"),
        (("text/event-stream", ""), "text/event-stream"),
        (("text/event-stream", "*/*"), "text/event-stream"),
        (("text/html, text/event-stream",), "text/event-stream"),
        (('text/event-stream;a="b,c", text/html',), "text/html"),
        (('text/event-stream;a=", text/html',), "text/event-stream"),
        (('text/event-stream;a="\\", text/html"',), "text/event-stream"),
        (("text /event-stream",), ""),
        (("text/event-stream x",), ""),
        (("/event-stream", "text/"), ""),
        (("text/event-stream\u00e9",), ""),
    ],
)
def test_the_media_type_is_the_one_that_fetch_extracts(lines, kind):
    assert media_type(lines) == kind


@given(st.lists(st.text(st.sampled_from('a/;," \\*\t'), max_size=20), max_size=4))
def test_any_content_type_is_read(lines):
    assert media_type(lines) == media_type([", ".join(lines)])
