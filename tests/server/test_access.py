"""Who may do what, decided before the first byte (SSE-4)."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from simrt.errors import UsageError
from simrt.server import Secrets, Server, compile_site
from simrt.server.access import Gate
from tests.server.rig import (
    KEY,
    TOKENS,
    VirtualClock,
    feature,
    last,
    rig,
    settle,
    started,
    user_token,
    virtual,
)

EDITOR, READER = TOKENS["shop"]["editor"], TOKENS["shop"]["reader"]
HOOK = {"hook": "POST /content", "permission": {"token:editor": ["POST"]}, "sends": "changed"}
NEIGHBOUR = {"shop": {"editor": EDITOR}, "other": {"editor": "the other's secret"}}

CREDENTIALS: dict[str, str | None] = {
    "none": None,
    "wrong": "guess",
    "user": user_token(),
    "expired": user_token(expires_s=0),
    "other project": user_token("other"),
    "another key": user_token(key="x" * 32),
    "no expiry": user_token(expires_s=None),
    "not yet": user_token(nbf=9e9),
    "unsigned": user_token(key="", algorithm="none"),
    "another algorithm": user_token(key="y" * 64, algorithm="HS512"),
    "editor": EDITOR,
    "reader": READER,
    "nearly": EDITOR[:-1],
}
KNOWN = {"user", "editor", "reader"}


@pytest.mark.rules("SSE-4")
@pytest.mark.parametrize("who", CREDENTIALS)
@pytest.mark.parametrize(
    ("permission", "allowed"),
    [
        ({"public": ["GET"]}, set(CREDENTIALS)),
        ({"user": ["GET"]}, {"user"}),
        ({"token:editor": ["GET"]}, {"editor"}),
        ({"token:reader": ["GET"], "user": ["GET"]}, {"reader", "user"}),
        ({"token:editor": ["POST"], "user": ["GET"]}, {"user"}),  # known, but for another method
    ],
)
def test_streams(permission: dict[str, list[str]], allowed: set[str], who: str) -> None:
    @virtual
    async def test() -> None:
        on = await rig(permission=permission)
        client = await on.ask("GET", "/shop/news", token=CREDENTIALS[who])
        wanted = 200 if who in allowed else 403 if who in KNOWN else 401
        assert client.answer.status == wanted
        if wanted != 200:
            assert set(client.answer.json) == {"error"}
            assert client.answer.headers["content-type"] == "application/json"
            assert ("www-authenticate" in client.answer.headers) == (wanted == 401)

    test()


@pytest.mark.rules("SSE-4", "HOK-1")
@pytest.mark.parametrize("who", CREDENTIALS)
def test_hooks_have_a_permission_of_their_own(who: str) -> None:
    @virtual
    async def test() -> None:
        on = await rig()
        client = await on.ask("POST", "/shop/content", b'{"id":"7"}', token=CREDENTIALS[who])
        wanted = 200 if who == "editor" else 403 if who in KNOWN else 401
        assert client.answer.status == wanted

    test()


@pytest.mark.rules("SSE-4", "PRJ-1")
@virtual
async def test_a_token_of_one_project_opens_nothing_of_another() -> None:
    permission = {"token:editor": ["GET"]}
    site = compile_site(
        [feature(permission=permission), feature(project="other", permission=permission)]
    )
    clock = VirtualClock(asyncio.get_running_loop())
    on = started(Server(site, clock, secrets_=Secrets(KEY, NEIGHBOUR)))
    for project, token, status in (
        ("shop", EDITOR, 200),
        ("other", EDITOR, 401),
        ("other", "the other's secret", 200),
        ("shop", "the other's secret", 401),
    ):
        client = await on.ask("GET", f"/{project}/news", token=token)
        assert client.answer.status == status


@pytest.mark.rules("SSE-4")
@virtual
async def test_the_cookie_opens_streams_and_never_hooks() -> None:
    on = await rig(permission={"user": ["GET"]})
    for header, status in (
        (f"simrt_credential={user_token()}", 200),
        (f"theme=dark; simrt_credential={user_token()}; x=1", 200),
        ("simrt_credential=guess", 401),
        (f"another={user_token()}", 401),
    ):
        client = await on.ask("GET", "/shop/news", headers={"cookie": header})
        assert client.answer.status == status
    cookie = {"cookie": f"simrt_credential={EDITOR}"}
    assert (await on.ask("POST", "/shop/content", b"{}", headers=cookie)).answer.status == 401


@pytest.mark.rules("SSE-4")
@virtual
async def test_the_cookie_opens_nothing_else_that_is_read() -> None:
    """Whatever is no stream asks for the header, whichever its method: only a stream must not."""
    declared = compile_site([feature(permission={"token:editor": ["GET"]})])
    declared.metrics(permission="token:editor", project="shop")
    on = await rig(declared)
    cookie = {"cookie": f"simrt_credential={EDITOR}"}
    assert (await on.ask("GET", "/shop/news", headers=cookie)).answer.status == 200
    assert (await on.ask("GET", "/metrics", token=EDITOR)).answer.status == 200
    assert (await on.ask("GET", "/metrics", headers=cookie)).answer.status == 401


@pytest.mark.rules("SSE-4")
@virtual
async def test_no_credential_is_read_from_the_address() -> None:
    on = await rig(permission={"user": ["GET"]})
    for name in ("access_token", "authorization", "token", "simrt_credential"):
        client = await on.ask("GET", f"/shop/news?{name}={user_token()}")
        assert client.answer.status == 401


@pytest.mark.rules("SSE-4")
@pytest.mark.parametrize(
    "header", ["Basic abc", "Bearer", "Bearer ", "bearer\tx", "Bearer a b", "Bearer \xff\xfe"]
)
def test_odd_headers_are_no_credentials(header: str) -> None:
    @virtual
    async def test() -> None:
        on = await rig(permission={"user": ["GET"]})
        raw = b"GET /shop/news HTTP/1.1\r\nhost: t\r\nauthorization: "
        client = on.dial()
        client.transport.arrive(raw + header.encode("latin-1") + b"\r\n\r\n")
        await settle()
        assert client.answer.status == 401

    test()


@pytest.mark.rules("SSE-4")
@virtual
async def test_expiry_asks_the_clock_and_not_the_machine() -> None:
    """The machine's date lies far from the scenario's: both directions are right by the clock."""
    for year in (2001, 2099):
        starts = datetime(year, 1, 1, tzinfo=UTC)
        on = await rig(permission={"user": ["GET"]}, starts=starts)
        good = user_token(starts=starts, expires_s=60, iat=starts.timestamp() + 1e9)
        assert (await on.ask("GET", "/shop/news", token=good)).answer.status == 200
        old = user_token(starts=starts, expires_s=-1)
        assert (await on.ask("GET", "/shop/news", token=old)).answer.status == 401


@pytest.mark.rules("SSE-4")
@pytest.mark.parametrize(
    "claim",
    [
        {"exp": "soon"},
        {"exp": float("nan")},
        {"exp": float("inf")},
        {"exp": True},
        {"exp": [9e9]},
        {"exp": -1},
        {"exp": 1e300},
        {"exp": 10**400},  # beyond what a float can be
        {"exp": 1_900_000_000_000},  # milliseconds: it would never expire
        {"nbf": "x"},
        {"nbf": -(10**400)},
    ],
)
def test_claims_that_are_no_dates_are_refused(claim: dict[str, Any]) -> None:
    @virtual
    async def test() -> None:
        on = await rig(permission={"user": ["GET"]})
        token = user_token(expires_s=None if "exp" in claim else 60, **claim)
        assert (await on.ask("GET", "/shop/news", token=token)).answer.status == 401

    test()


@pytest.mark.rules("SSE-4", "STR-4")
@virtual
async def test_the_last_date_of_the_calendar_is_a_date() -> None:
    on = await rig(permission={"user": ["GET"]})
    token = user_token(expires_s=None, exp=253_402_300_799)
    client = await on.ask("GET", "/shop/news", token=token)
    assert client.answer.status == 200
    await on.post()
    assert client.seqs == [1]


def test_secrets_are_long_enough_and_never_shown() -> None:
    with pytest.raises(UsageError, match="32 bytes"):
        Secrets("x" * 31)
    assert Secrets("x" * 32).jwt
    with pytest.raises(UsageError, match="its secret is empty"):
        Secrets("", {"shop": {"editor": ""}})
    shown = repr(Secrets(KEY, TOKENS))
    assert KEY not in shown
    assert EDITOR not in shown


@pytest.mark.rules("SSE-4")
@virtual
async def test_refusals_log_no_secret(caplog: pytest.LogCaptureFixture) -> None:
    on = await rig(permission={"user": ["GET"]})
    secret = user_token(expires_s=0)
    await on.ask("GET", f"/shop/news?x={secret}", token=secret)
    await on.ask("POST", "/shop/content", b"nonsense", token=EDITOR)
    await on.ask("BREW", "/shop/news", token=secret)
    assert secret not in caplog.text
    assert EDITOR not in caplog.text


# --- revocation -------------------------------------------------------------------------------


@pytest.mark.rules("SSE-4")
@virtual
async def test_who_is_revoked_loses_the_stream_and_comes_back_when_restored(tmp_path: Path) -> None:
    on = await rig(record=tmp_path / "rows", permission={"user": ["GET"], "token:reader": ["GET"]})
    shown = {"u": user_token(sub="u"), "v": user_token(sub="v"), "reader": READER}
    opened = {who: await on.ask("GET", "/shop/news", token=it) for who, it in shown.items()}

    async def statuses() -> dict[str, int]:
        return {
            who: (await on.ask("GET", "/shop/news", token=it)).answer.status
            for who, it in shown.items()
        }

    on.server.revoke("shop", "user:u")
    await settle()
    assert {who: client.gone() for who, client in opened.items()} == {
        "u": True,
        "v": False,
        "reader": False,
    }
    assert last(on, "close").cause == "denied"
    assert await statuses() == {"u": 401, "v": 200, "reader": 200}
    on.server.revoke("shop", "token:reader")
    await settle()
    assert opened["reader"].gone()
    assert await statuses() == {"u": 401, "v": 200, "reader": 401}
    on.server.revoke("shop", "user:u")  # again: one restore is enough
    on.server.restore("shop", "user:u")
    on.server.restore("shop", "token:reader")
    on.server.restore("shop", "user:never revoked")
    assert await statuses() == dict.fromkeys(shown, 200)
    assert not opened["v"].gone()


@pytest.mark.rules("SSE-4", "PRJ-1")
@virtual
async def test_a_revocation_is_of_one_project_and_one_kind() -> None:
    site = compile_site([feature(permission={"user": ["GET"]}), feature(project="other",
                        permission={"user": ["GET"]})])  # fmt: skip
    on = started(Server(site, VirtualClock(asyncio.get_running_loop()), secrets_=Secrets(KEY)))
    streams = {
        project: await on.ask("GET", f"/{project}/news", token=user_token(project))
        for project in ("shop", "other")
    }
    on.server.revoke("shop", "token:u")  # no token: the user of that name is somebody else
    await settle()
    assert not streams["shop"].gone()
    on.server.revoke("shop", "user:u")
    await settle()
    assert streams["shop"].gone()
    assert not streams["other"].gone()
    again = await on.ask("GET", "/other/news", token=user_token("other"))
    assert again.answer.status == 200


@virtual
async def test_what_is_public_needs_no_credential_and_loses_none() -> None:
    on = await rig(permission={"public": ["GET"]})
    client = await on.ask("GET", "/shop/news", token=user_token())
    on.server.revoke("shop", "user:u")
    await settle()
    assert not client.gone()
    assert (await on.ask("GET", "/shop/news", token=user_token())).answer.status == 200


def test_revocations_are_named_and_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    gate = Gate(Secrets(KEY))
    for name in ("u", "", "token:", "public:x"):
        with pytest.raises(UsageError, match="user:SUBJECT or token:NAME"):
            gate.revoke("shop", name)
    monkeypatch.setattr("simrt.server.access.MOST_REVOKED", 2)
    gate.revoke("shop", "user:")
    gate.revoke("shop", "user:a")
    gate.revoke("shop", "user:a")
    with pytest.raises(UsageError, match="restore some"):
        gate.revoke("shop", "user:b")
