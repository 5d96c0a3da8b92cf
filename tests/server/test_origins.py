"""Pages of other origins: they read nothing, unless an endpoint names them (CORS)."""

from __future__ import annotations

from typing import Any

import pytest

from simrt.errors import UsageError
from simrt.server import Call, Limits, Site
from tests.server.rig import SHAPE, TOKENS, Client, Rig, rig, user_token, virtual

APP = "https://app.example"
EVENTS = {"changed": SHAPE}
ASKS = {"access-control-request-method": "GET", "access-control-request-headers": "authorization"}


def site() -> Site:
    site = Site("shop")
    site.stream("/closed", channel="news", permission="user", events=EVENTS)
    site.stream("/news", channel="news", permission="user", events=EVENTS, origins=[APP])
    site.stream("/all", channel="news", permission="public", events=EVENTS, origins=["*"])
    site.stream("/some", channel="news", permission="public", events=EVENTS, origins=[APP])
    where: Any = {"permission": "token:editor", "sends": ["changed"]}

    @site.hook("POST", "/content", origins=[APP, "http://localhost:8080"], **where)
    def content(call: Call) -> None:
        call.send("changed", call.data)

    @site.hook("POST", "/closed", **where)
    def closed(call: Call) -> None:
        call.send("changed", call.data)

    return site


async def ask(
    on: Rig, method: str, path: str, origin: str | None, headers: dict[str, str] | None = None
) -> Client:
    named = {} if origin is None else {"origin": origin}
    return await on.ask(method, f"/shop{path}", headers=named | (headers or {}), token=user_token())


def allowed(client: Client) -> dict[str, str]:
    """What an answer says of origins."""
    return {
        name.removeprefix("access-control-allow-"): value
        for name, value in client.answer.headers.items()
        if name.startswith("access-control-") or name == "vary"
    }


@virtual
async def test_by_default_no_answer_allows_any_origin() -> None:
    on = await rig(site())
    for method, path in (("GET", "/closed"), ("POST", "/closed"), ("GET", "/nothing")):
        assert allowed(await ask(on, method, path, APP)) == {}
    for path in ("/closed", "/nothing"):
        preflight = await ask(on, "OPTIONS", path, APP, ASKS)
        assert preflight.answer.status == (405 if path == "/closed" else 404)
        assert allowed(preflight) == {}


@virtual
async def test_a_named_origin_reads_the_stream_and_no_other_does() -> None:
    on = await rig(site())
    named = await ask(on, "GET", "/news", APP)
    assert named.answer.status == 200
    assert named.retries == [3500]  # the head ended where it should
    assert allowed(named) == {"vary": "Origin", "origin": APP, "credentials": "true"}
    for other in (None, "https://app.example.evil", "http://app.example", "null", APP + ":443"):
        client = await ask(on, "GET", "/news", other)
        assert client.answer.status == 200  # the permission decides that, not the origin
        assert allowed(client) == {"vary": "Origin"}


@virtual
async def test_what_is_public_needs_no_credential_and_asks_for_none() -> None:
    on = await rig(site())
    assert allowed(await ask(on, "GET", "/all", APP)) == {"origin": "*"}
    assert allowed(await ask(on, "GET", "/some", APP)) == {"vary": "Origin", "origin": APP}


@virtual
async def test_refusals_can_be_read_too() -> None:
    on = await rig(site(), limits=Limits(streams=0))
    full = await ask(on, "GET", "/news", APP)
    assert (full.answer.status, allowed(full)["origin"]) == (503, APP)
    unknown = await on.ask("GET", "/shop/news", headers={"origin": APP})
    assert (unknown.answer.status, allowed(unknown)["origin"]) == (401, APP)
    known = await ask(on, "POST", "/content", APP)
    assert (known.answer.status, allowed(known)["origin"]) == (403, APP)


@virtual
async def test_a_browser_may_ask_first_whether_it_may_send_a_credential() -> None:
    on = await rig(site())
    # A preflight carries no credential.
    preflight = await on.ask("OPTIONS", "/shop/news", headers={"origin": APP} | ASKS)
    assert preflight.answer.status == 204
    assert preflight.answer.body == b""
    assert "content-length" not in preflight.answer.headers
    said = allowed(preflight)
    assert (said["origin"], said["methods"], said["credentials"]) == (APP, "GET", "true")
    assert "authorization" in said["headers"].split(", ")
    post = ASKS | {"access-control-request-method": "POST", "origin": "http://localhost:8080"}
    hook = await on.ask("OPTIONS", "/shop/content", headers=post)
    assert (hook.answer.status, allowed(hook)["methods"]) == (204, "POST")
    for wrong in (
        post | {"origin": "http://localhost"},
        post | {"access-control-request-method": "DELETE"},
        {"origin": APP},
    ):
        refused = await on.ask("OPTIONS", "/shop/content", headers=wrong)
        assert refused.answer.status == 405
        assert allowed(refused) == {}


@virtual
async def test_a_hook_with_a_named_origin_answers_its_pages() -> None:
    on = await rig(site())
    sent = await on.ask(
        "POST",
        "/shop/content",
        b'{"id":"7"}',
        token=TOKENS["shop"]["editor"],
        headers={"origin": APP},
    )
    assert (sent.answer.status, allowed(sent)["origin"]) == (200, APP)


@pytest.mark.parametrize(
    ("origins", "permission", "says"),
    [
        (["*"], "user", "any page could use the credential"),
        (["*"], {"public": ["POST"], "user": ["GET"]}, "any page could use the credential"),
        (["https://app.example/"], "public", "without a path"),
        (["app.example"], "public", "write scheme, host and port"),
        (["https://App.example"], "public", "lower case"),
        (["null"], "public", "write scheme"),
        (["https://a.example\r\nx: y"], "public", "write scheme"),
        (APP, "public", "write a list"),
    ],
)
def test_a_wrong_origin_says_what_to_write(origins: Any, permission: Any, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        Site("shop").stream(
            "/news", channel="news", permission=permission, events=EVENTS, origins=origins
        )
