"""Log lines: what they say, that each is one line, and that no secret is in any of them."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import logging
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest

from simrt.server import Call, Site, compile_site
from simrt.server.access_log import FIELDS
from simrt.server.logs import FORMATS, JsonLines, TextLines, log_to
from tests.server.rig import (
    KEY,
    QUIET,
    SHAPE,
    STARTS,
    TOKENS,
    feature,
    rig,
    sends,
    user_token,
    virtual,
)


@pytest.fixture(params=FORMATS)
def written(request: pytest.FixtureRequest) -> Iterator[tuple[str, io.StringIO]]:
    """Everything that is logged during a test, at every level, and in which format."""
    stream = io.StringIO()
    root = logging.getLogger()
    level = root.level
    handler = log_to(request.param, stream, logging.DEBUG)
    yield request.param, stream
    root.removeHandler(handler)
    root.setLevel(level)


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    """The access lines, as JSON."""
    found = [json.loads(line) for line in stream.getvalue().splitlines()]
    return [line for line in found if line["logger"] == "simrt.access"]


@pytest.mark.parametrize("written", ["json"], indirect=True)
def test_a_stream_says_when_it_opened_and_how_it_ended(written: tuple[str, io.StringIO]) -> None:
    @virtual
    async def course() -> None:
        on = await rig(options={"bufferSize": 2, "messageTTL": "1m"}, server=QUIET)
        await on.subscribe("a/0")
        slow = await on.subscribe("a/1", window=10)
        await sends(on, 5)
        await asyncio.sleep(90)
        slow.connection.abort()
        await asyncio.sleep(1)

    course()
    said = lines(written[1])
    opened, other = (line for line in said if line["message"] == "stream opened")
    called = [line for line in said if line["message"] == "answered"]
    closed = next(line for line in said if line["message"] == "stream closed")
    assert len(called) == 5
    where = {"project": "shop", "endpoint": "GET /news", "channel": "news"}
    assert opened.items() >= {**where, "message": "stream opened", "stream": 1}.items()
    assert other["stream"] == 2
    assert {line["endpoint"] for line in called} == {"POST /content"}
    assert {(line["status"], line["sent"]) for line in called} == {(200, 1)}
    assert closed.items() >= {**where, "message": "stream closed", "stream": 2}.items()
    counts = {"offered": 5, "taken": 0, "dropped": 3, "expired": 0, "discarded": 2}
    assert closed.items() >= {"cause": "shutdown", "duration_s": 90.0, **counts}.items()
    for line in (opened, other, *called, closed):
        assert line["level"] == "info"
        assert set(line) - set(FIELDS) == {"time", "level", "logger", "message"}


@pytest.mark.parametrize("written", ["json"], indirect=True)
def test_refusals_name_what_was_declared_and_nothing_that_was_asked(
    written: tuple[str, io.StringIO],
) -> None:
    @virtual
    async def course() -> None:
        site = Site("shop")
        site.stream(
            "/rooms/{room}", channel="room-{room}", permission="user", events={"changed": SHAPE}
        )
        on = await rig(site)
        await on.ask("GET", "/shop/rooms/attic")
        await on.ask("GET", "/shop/rooms/attic?x=1", token=TOKENS["shop"]["editor"])
        await on.ask("GET", "/nothing/here")
        await on.ask("BREW", "/shop/rooms/attic")

    course()
    said = [(line["project"], line["endpoint"], line["status"]) for line in lines(written[1])]
    rooms = "GET /rooms/{room}"
    assert said == [("shop", rooms, 401), ("shop", rooms, 403), ("", "", 404), ("", "", 400)]
    assert "attic" not in written[1].getvalue()


SECRET_BODY = "body-secret-4711"
SECRET_QUERY = "query-secret-4712"
SECRET_PATH = "path-secret-4713"
SECRET_COOKIE = "cookie-secret-4714"
SECRET_PASSWORD = "basic-secret-4715"
WRONG_TOKEN = "wrong-token-4716"
SUBJECT = "subject-4717@example.org"


def forms(secret: str) -> set[str]:
    """A secret as it could stand in a log: plain, percent-encoded, base64, hexadecimal, in part."""
    raw = secret.encode()
    return {
        secret,
        quote(secret, safe=""),
        base64.b64encode(raw).decode().rstrip("="),
        base64.urlsafe_b64encode(raw).decode().rstrip("="),
        raw.hex(),
        json.dumps(secret)[1:-1],
        secret[: max(6, len(secret) // 2)],
        secret[-max(6, len(secret) // 2) :],
    }


def test_no_secret_is_logged_whatever_happens(written: tuple[str, io.StringIO]) -> None:
    good = user_token(sub=SUBJECT)
    bad = [
        user_token(key="another key of HS256 that is long", sub=SUBJECT),
        user_token(expires_s=-5, sub=SUBJECT),
        user_token("other", sub=SUBJECT),
        WRONG_TOKEN,
    ]

    @virtual
    async def course() -> None:
        site = compile_site([feature(permission={"user": ["GET"]}, server=QUIET)])
        site.metrics(permission="token:reader", project="shop")
        site.health()

        @site.hook("POST", "/fails/{id}", permission="public", sends=["changed"], project="shop")
        def fails(call: Call) -> None:
            raise RuntimeError("it failed")

        on = await rig(site)
        await on.ask("GET", f"/shop/news?token={SECRET_QUERY}", token=good)
        cookie = {"cookie": f"simrt_credential={good}; other={SECRET_COOKIE}"}
        await on.ask("GET", "/shop/news", headers=cookie)
        for token in bad:
            await on.ask("GET", "/shop/news", token=token)
            await on.ask("GET", "/shop/news", headers={"cookie": f"simrt_credential={token}"})
            await on.ask("POST", "/shop/content", b'{"id":"7"}', token=token)
        basic = base64.b64encode(f"me:{SECRET_PASSWORD}".encode()).decode()
        await on.ask("GET", "/shop/news", headers={"authorization": f"Basic {basic}"})
        await on.ask("GET", f"/{SECRET_PATH}/{SECRET_PATH}")
        await on.ask("POST", f"/shop/fails/{SECRET_PATH}", json.dumps(SECRET_BODY).encode())
        wrong = json.dumps({"id": 7, "secret": SECRET_BODY}).encode()
        await on.ask("POST", "/shop/content", wrong, token=TOKENS["shop"]["editor"])
        await on.ask("POST", "/shop/content", b"{" + wrong, token=TOKENS["shop"]["editor"])
        await on.ask("GET", "/metrics", token=TOKENS["shop"]["reader"])
        broken = on.dial()
        broken.transport.arrive(f"GET /{SECRET_PATH} HTTP/1.1\r\n{SECRET_COOKIE}\r\n\r\n".encode())
        large = on.dial()
        large.transport.arrive(
            f"GET /x HTTP/1.1\r\nhost: x\r\ncookie: {SECRET_COOKIE * 2000}".encode()
        )
        on.server.revoke("shop", f"user:{SUBJECT}")
        await sends(on, 3)
        await asyncio.sleep(1)
        await on.server.shut_down()

    course()
    text = written[1].getvalue()
    assert text.count("stream closed") == 2
    assert text.count("refused") >= 15
    assert "it failed" in text
    secrets = [KEY, good, *bad, *TOKENS["shop"].values(), SECRET_BODY, SECRET_QUERY, SECRET_PATH]
    secrets += [SECRET_COOKIE, SECRET_PASSWORD, SUBJECT, *good.split(".")[1:], "eyJ"]
    found = [(secret, form) for secret in secrets for form in forms(secret) if form in text]
    assert found == []


HOSTILE = 'a\nlevel=error b\r\u2028\x1b[31m"quoted"\x00'


@pytest.mark.parametrize("formatter", [JsonLines(), TextLines()])
def test_nothing_in_a_line_can_begin_another(formatter: logging.Formatter) -> None:
    record = logging.LogRecord("simrt.access", logging.INFO, "", 0, HOSTILE, None, None)
    record.fields = {"project": HOSTILE, "empty": "", "count": 3}
    line = formatter.format(record)
    assert line.isprintable()
    assert line.splitlines() == [line]
    if isinstance(formatter, JsonLines):
        said = json.loads(line)
        assert (said["message"], said["project"], said["count"]) == (HOSTILE, HOSTILE, 3)


def test_an_error_is_told_with_its_place() -> None:
    try:
        int("no")
    except ValueError as error:
        info = (type(error), error, error.__traceback__)
    record = logging.LogRecord("simrt.server", logging.ERROR, "", 0, "a hook failed", None, info)
    said = json.loads(JsonLines().format(record))
    assert "ValueError: invalid literal" in said["error"].splitlines()[-1]
    assert "ValueError: invalid literal" in TextLines().format(record).splitlines()[-1]


def test_times_are_utc() -> None:
    record = logging.LogRecord("simrt.access", logging.INFO, "", 0, "x", None, None)
    record.created = STARTS.timestamp()
    assert json.loads(JsonLines().format(record))["time"] == "2026-01-01T00:00:00.000+00:00"
