"""Declaring a site, and compiling one from scenarios."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from simrt.engine import ChannelOptions, ReplayOptions
from simrt.errors import UsageError
from simrt.server import Call, Limits, Secrets, Server, Site, StreamSettings, compile_site
from simrt.server.serving import warn_of_keyless
from tests.server.rig import (
    KEY,
    SHAPE,
    TOKENS,
    S,
    VirtualClock,
    feature,
    rig,
    started,
    virtual,
)

EVENTS = {"changed": SHAPE}
OTHER = {"changed": {"type": "object"}}


def rooms() -> Site:
    """A family of channels, one a room."""
    site = Site("shop")
    site.stream("/rooms/{room}", channel="room-{room}", permission="public", events=EVENTS)
    site.stream("/rooms/lobby", channel="lobby", permission="public", events={"greeting": SHAPE})

    @site.hook("PUT", "/rooms/{room}", permission="public", sends=["changed"])
    def change(call: Call) -> None:
        call.send("changed", call.data)

    @site.hook("POST", "/to", permission="public", sends=["changed"])
    def to(call: Call) -> None:
        call.send("changed", {"id": "7"}, room=call.data["room"])

    return site


@pytest.mark.rules("SSE-3", "CHN-1", "CHN-4")
@virtual
async def test_a_channel_from_a_path_parameter() -> None:
    on = await rig(rooms())
    one = await on.subscribe(path="/shop/rooms/1")
    two = await on.subscribe(path="/shop/rooms/2")
    lobby = await on.subscribe(path="/shop/rooms/lobby")
    assert (await on.ask("PUT", "/shop/rooms/1", b'{"id":"x"}')).answer.status == 200
    assert (await on.post({"room": "2"}, "/shop/to")).status == 200
    assert (one.seqs, two.seqs, lobby.seqs) == ([1], [1], [])


@pytest.mark.rules("SSE-3")
@pytest.mark.parametrize(
    "room",
    ["", ".", "..", "a/b", "a%2Fb", "%00", "%0A", "a b", "%7Broom%7D", "ü", "%C3%BC", "x" * 129],
)
def test_parameters_that_are_unsafe_are_nothing(room: str) -> None:
    @virtual
    async def test() -> None:
        on = await rig(rooms())
        if " " not in room and room.isascii():
            assert (await on.ask("GET", f"/shop/rooms/{room}")).answer.status == 404
        if "%" not in room:
            assert (await on.post({"room": room}, "/shop/to")).status == 400
        bound = [channel.name for channel in on.server.hub.project("shop").channels]
        assert bound == ["lobby"]

    test()


@pytest.mark.rules("CHN-5")
@virtual
async def test_a_name_that_is_too_long_is_nothing() -> None:
    site = Site("shop")
    events: Any = {"path": "/{a}/{b}", "channel": "{a}-{b}", "permission": "public"}
    site.stream(**events, events=EVENTS)

    @site.hook("POST", "/{a}/{b}", permission="public", sends=["changed"])
    def pass_on(call: Call) -> None:
        call.send("changed", call.data)

    on = await rig(site)
    long = "x" * 120
    assert (await on.ask("POST", f"/shop/{long}/{long}", b'{"id":"1"}')).answer.status == 400
    assert (await on.ask("GET", f"/shop/{long}/{long}")).answer.status == 404
    assert on.server.counts() == []


def stream(site: Site, **changes: Any) -> None:
    declared = {"channel": "n", "permission": "public", "events": EVENTS, **changes}
    site.stream(declared.pop("path", "/n"), **declared)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"path": "news"}, "path 'news'"),
        ({"path": "/n?x"}, "path '/n?x'"),
        ({"path": "/{a}{a}"}, "twice"),
        ({"path": "/{a"}, "path '/{a'"),
        ({"path": "/old", "channel": "c"}, "twice"),
        ({"channel": "{a}"}, "in the path"),
        ({"permission": "all"}, "permission 'all'"),
        ({"permission": "token:"}, "token:NAME"),
        ({"permission": {}}, "empty permission"),
        ({"permission": {"user": ["LOOK"]}}, "methods"),
        ({"permission": {"user": []}}, "methods"),
        ({"permission": {"user": "GET"}}, "methods"),
        ({"permission": {"user": ["POST"]}}, "gives nobody GET"),
        ({"permission": ["user"]}, "or a mapping of these"),
        ({"permission": None}, "or a mapping of these"),
        ({"events": ["changed"]}, "a JSON Schema of its data"),
        (
            {"events": {"changed": {"type": "objekt"}}},
            "the schema of changed: type: write a type of JSON",
        ),
        (
            {"events": {"changed": {"maxlength": 3}}},
            'the schema of changed: maxlength: found the keyword "maxlength"; write keywords',
        ),
        ({"events": {"a\nb": {}}}, "one line of Unicode text"),
        ({"events": {"": {}}}, "text that is not empty"),
        ({"channel": ""}, "1 to 200 bytes"),
        ({"channel": "a\n"}, "without control characters"),
        ({"channel": "n" * 201}, "got 'nnn"),
        ({"replay": {"lastN": 3}}, "write ReplayOptions("),
        ({"options": {"bufferSize": 3}}, "write ChannelOptions("),
        ({"settings": {"heartbeat": "1s"}}, "write StreamSettings("),
        ({"limit": -1}, "limit -1; write a whole number"),
        ({"limit": "3"}, "limit '3'; write a whole number"),
        ({"events": {}}, "SSE-7"),
        ({"channel": "old", "events": OTHER}, "SSE-7"),
        ({"channel": "old", "options": ChannelOptions(buffer_size=1)}, "declared twice"),
        ({"channel": "old", "settings": StreamSettings(heartbeat_ns=1)}, "declared twice"),
        ({"project": "a b"}, "project 'a b'"),
    ],
)
def test_a_wrong_stream_says_what_to_write(changes: dict[str, Any], says: str) -> None:
    site = Site("shop")
    stream(site, path="/old", channel="old")
    with pytest.raises(UsageError) as error:
        stream(site, **changes)
    assert says in str(error.value)


@pytest.mark.parametrize(
    ("declare", "says"),
    [
        (lambda s: s.hook("GET", "/h", permission="public", sends=["changed"]), "POST, PUT"),
        (lambda s: s.hook("POST", "/h", permission="public", sends=[]), "event types"),
        (lambda s: s.hook("POST", "/h", permission="public", sends="changed"), 'sends=["changed"]'),
        (lambda s: s.hook("POST", "/h", permission={"user": ["PUT"]}, sends=["changed"]), "POST"),
        (lambda s: s.job("* * * * * *", sends=["changed"]), "five fields: minute"),
        (lambda s: s.job("99 * * * *", sends=["changed"]), "bad minute"),
        (lambda s: s.job("0 0 30 2 *", sends=["changed"]), "bad day-of-month"),
        (lambda s: s.job("30", sends=["changed"]), "an interval such as 30s"),
        (lambda s: s.job("30s", sends="changed"), 'sends=["changed"]'),
        (lambda s: s.job("* * *", sends=["changed"]), "cron expression"),
        (lambda s: s.job("0s", sends=["changed"]), "interval"),
        (lambda s: s.job("soon", sends=["changed"]), "interval"),
        (lambda s: s.job("* * * * *", timezone="Nowhere/At", sends=["changed"]), "time zone"),
        (lambda s: s.job("* * * * *", sends=[]), "event types"),
    ],
)
def test_a_wrong_sender_says_what_to_write(declare: Any, says: str) -> None:
    with pytest.raises(UsageError) as error:
        declare(Site("shop"))
    assert says in str(error.value)


@pytest.mark.rules("SSE-7", "HOK-1")
def test_a_sender_of_what_no_stream_declares_is_refused_at_the_start() -> None:
    site = Site("shop")
    site.stream("/a", channel="a", permission="public", events=EVENTS)
    site.hook("POST", "/h", permission="public", sends=["changed"])(lambda _call: None)
    site.check()
    site.stream("/b", channel="b", permission="public", events=EVENTS)
    with pytest.raises(UsageError, match="say which"):
        site.check()
    other = Site("shop")
    other.job("1s", sends=["changed"], project="x")(lambda _call: None)
    with pytest.raises(UsageError, match="no stream there declares"):
        other.check()


@pytest.mark.rules("HOK-1")
def test_a_hook_of_a_scenario_says_what_the_file_says() -> None:
    site = compile_site([feature(), feature(project="two")])
    assert site.projects == ("shop", "two")
    assert [hook.sender for hook in site.hooks] == ["POST /content", "POST /content"]
    with pytest.raises(UsageError, match="declared twice"):
        compile_site([feature(), feature()])


@pytest.mark.rules("HOK-2", "HOK-4")
@pytest.mark.parametrize(
    ("body", "status", "sent"),
    [
        (b'[{"id":"1"},{"id":"2"},{"id":"3"}]', 200, 3),
        (b'[{"id":"1"},{"id":2},{"id":"3"}]', 422, 1),
        (b"[]", 202, 0),
        (b'{"id":"1"}', 422, 0),
        (b'"[]"', 422, 0),
    ],
)
def test_a_hook_that_takes_a_list_sends_each_of_its_events(
    tmp_path: Path, body: bytes, status: int, sent: int
) -> None:
    """In order; the first that is refused ends the call."""

    @virtual
    async def check() -> None:
        editor = {"token:editor": ["POST"]}
        sender = {"hook": "POST /content", "permission": editor, "body": "list", "sends": "changed"}
        on = await rig(record=tmp_path / "rows", senders=[sender])
        token = TOKENS["shop"]["editor"]
        client = await on.ask("POST", "/shop/content", body, token=token)
        assert client.answer.status == status
        assert on.kinds().count("send") == sent
        assert [row.cause for row in on.rows if row.kind == "reject"] == ["shape"] * (status == 422)

    check()


@pytest.mark.rules("OPT-3", "CHN-2")
@virtual
async def test_a_scenario_brings_its_options_and_settings() -> None:
    scenario = feature(
        options={"bufferSize": 3},
        replay={"lastN": 2, "maxAge": "9s"},
        server={"heartbeat": "1s", "peerTimeout": "2s", "writeDeadline": "none"},
    )
    site = compile_site([scenario])
    assert site.streams[0].replay == ReplayOptions(last_n=2, max_age_ns=9 * S)
    assert site.feeds[0].settings == StreamSettings(
        heartbeat_ns=S, peer_timeout_ns=2 * S, write_deadline_ns=None
    )
    on = await rig(site)
    channel = on.server.hub.project("shop").channel("news")
    assert channel.options == ChannelOptions(buffer_size=3)
    assert channel.undecided == ("on_full", "message_ttl_ns")


@pytest.mark.rules("PRJ-1")
@virtual
async def test_equal_names_in_two_projects_stay_apart() -> None:
    site = compile_site([feature(), feature(project="shop-neighbour")])
    secrets = Secrets(KEY, {**TOKENS, "shop-neighbour": {"editor": "other"}})
    clock = VirtualClock(asyncio.get_running_loop())
    on = started(Server(site, clock, secrets_=secrets, epoch="e1"))
    ours = await on.subscribe(path="/shop/news")
    theirs = await on.subscribe(path="/shop-neighbour/news")
    for _ in range(3):
        assert (await on.post()).json["offered"] == 1
    assert (ours.seqs, theirs.seqs) == ([1, 2, 3], [])
    wrong = await on.ask(
        "POST", "/shop-neighbour/content", b'{"id":"1"}', token=TOKENS["shop"]["editor"]
    )
    assert wrong.answer.status == 401


@pytest.mark.rules("PUB-3")
@virtual
async def test_each_project_has_its_own_largest_event() -> None:
    site = compile_site(
        [
            feature(server={"maxEventBytes": "20B"}),
            feature(project="big", server={"maxEventBytes": "1KiB"}),
        ]
    )
    secrets = Secrets(KEY, {**TOKENS, "big": TOKENS["shop"]})
    clock = VirtualClock(asyncio.get_running_loop())
    on = started(Server(site, clock, secrets_=secrets, epoch="e1"))
    data = {"id": "x" * 30}
    assert (await on.post(data)).status == 400
    assert (await on.post({"id": "x" * 11})).status == 200  # 20 bytes
    assert (await on.post({"id": "x" * 12})).status == 400
    assert (await on.post(data, "/big/content")).status == 200


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: StreamSettings(heartbeat_ns=0), "heartbeat_ns: found 0; write a whole number, 1"),
        (lambda: StreamSettings(peer_timeout_ns=1.5), "peer_timeout_ns: found 1.5"),
        (lambda: StreamSettings(write_deadline_ns=True), "write_deadline_ns: found True"),
        (lambda: StreamSettings(retry_spread_ns=(2, 1)), "write the least and the most, or None"),
        (lambda: StreamSettings(retry_spread_ns=(-1, 1)), "retry_spread_ns: found -1"),
        (lambda: StreamSettings(retry_spread_ns=5), "write the least and the most, or None"),
        (lambda: StreamSettings(max_event_bytes=0), "max_event_bytes: found 0"),
        (lambda: StreamSettings(max_event_bytes=None), "max_event_bytes: found None"),
        (lambda: StreamSettings(resume="yes"), "write none or last-event-id"),
        (lambda: Limits(connections=0), "connections: found 0; write a whole number, 1 or more"),
        (lambda: Limits(streams=-1), "streams: found -1; write a whole number, 0 or more"),
        (lambda: Limits(sndbuf_bytes=0), "sndbuf_bytes: found 0"),
        (lambda: Limits(request_s=0), "request_s: found 0; write seconds, above 0"),
        (lambda: Limits(idle_s=float("nan")), "idle_s: found nan"),
        (lambda: Limits(idle_s=float("inf")), "idle_s: found inf"),
        (lambda: Limits(farewell_s=-1), "farewell_s: found -1; write seconds, 0 or more"),
        (lambda: Limits(notice_s="5"), "notice_s: found '5'"),
        (lambda: Secrets(jwt=b"x" * 40), "the JWT secret: write text"),
        (lambda: Secrets(tokens={"editor": "x"}), "a mapping of name to secret"),
        (lambda: Secrets(tokens={"shop": {"editor": b"x"}}), "empty or no text"),
    ],
)
def test_a_wrong_setting_says_what_to_write(make: Any, says: str) -> None:
    with pytest.raises(UsageError) as error:
        make()
    assert says in str(error.value)


def test_who_can_never_be_let_in_is_named(caplog: pytest.LogCaptureFixture) -> None:
    site = Site("shop")
    stream(site, permission={"user": ["GET"], "token:reader": ["GET"], "public": ["GET"]})
    site.metrics(permission="token:reader")
    warn_of_keyless(site, Secrets(KEY, {"shop": {"reader": "r"}}))
    assert caplog.messages == []
    warn_of_keyless(site, Secrets("", {"other": {"reader": "r"}}))
    assert caplog.messages == [
        "project shop lets user in, but Secrets has no jwt for it: always 401",
        "project shop lets token:reader in, but Secrets has no tokens for it: always 401",
    ]
