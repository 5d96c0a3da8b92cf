"""Metrics: a course worked out by hand, books that balance, labels that stay few."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from simrt.errors import UsageError
from simrt.server import Call, Limits, Site, compile_site
from simrt.server.metrics import METRICS, Collector
from tests.server.rig import (
    QUIET,
    SHAPE,
    TOKENS,
    Rig,
    feature,
    head_bytes,
    rig,
    sends,
    settle,
    user_token,
    virtual,
)

NEWS = ("shop", "news")


def site(**changes: Any) -> Site:
    """The rig's feature, with metrics for everybody."""
    declared = compile_site([feature(**changes)])
    declared.metrics(permission="public")
    return declared


async def scrape(on: Rig) -> dict[str, dict[tuple[str, ...], float]]:
    """What Prometheus reads, parsed by its own parser: name -> labels in order -> value."""
    client = await on.ask("GET", "/metrics")
    assert client.answer.status == 200
    assert client.answer.headers["content-type"].startswith("text/plain; version=")
    labels = {each.name: each.labels for each in METRICS}
    found: dict[str, dict[tuple[str, ...], float]] = {}
    for family in text_string_to_metric_families(client.answer.body.decode()):
        for sample in family.samples:
            if not sample.name.endswith("_created"):
                values = tuple(sample.labels[name] for name in labels[family.name])
                found.setdefault(family.name, {})[values] = sample.value
    return found


@pytest.mark.rules("ACC-1", "PUB-4")
@virtual
async def test_a_course_worked_out_by_hand() -> None:
    # One quick client. One that takes nothing after the head: it lost 2 of 6 to a buffer of 4.
    on = await rig(site(options={"bufferSize": 4, "messageTTL": "60s"}, server=QUIET))
    await on.subscribe("a/0")
    slow = await on.subscribe("a/1", window=10)
    await sends(on, 6)
    assert (await on.post({"wrong": 1})).status == 422
    assert (await on.ask("GET", "/shop/nothing")).answer.status == 404
    assert (await on.ask("POST", "/shop/content", b"{}")).answer.status == 401
    now = await scrape(on)
    assert now["simrt_streams"] == {NEWS: 2}
    assert now["simrt_streams_opened"] == {NEWS: 2}
    assert now["simrt_streams_waiting"] == {NEWS: 1}
    assert now["simrt_connections"] == {(): len(on.server.connections)}
    assert now["simrt_sends"] == {NEWS: 6}
    assert now["simrt_calls"] == {("shop", "POST /content"): 7}
    assert now["simrt_rejects"] == {(*NEWS, "shape"): 1}
    assert now["simrt_refused"] == {("", "404"): 1, ("shop", "401"): 1, ("shop", "422"): 1}
    assert now["simrt_offered"] == {NEWS: 12}
    assert now["simrt_taken"] == {NEWS: 6}
    assert now["simrt_dropped"] == {(*NEWS, "drop-oldest"): 2}
    assert now["simrt_pending"] == {NEWS: 4}
    assert now["simrt_channels"] == {NEWS: 1}
    assert now["simrt_held_messages"] == {NEWS: 4}
    assert now["simrt_memory_bytes"] == {NEWS: 4 * len('changed{"id":"0"}')}
    # A minute later all that waits is old; then the slow client reads, and leaves.
    await asyncio.sleep(61)
    await sends(on, 1)
    slow.transport.read(1 << 20)
    await asyncio.sleep(1)
    slow.connection.transport.abort()
    await asyncio.sleep(1)
    then = await scrape(on)
    assert then["simrt_dropped"] == {(*NEWS, "drop-oldest"): 3}
    assert then["simrt_expired"] == {NEWS: 3}
    assert then["simrt_taken"] == {NEWS: 8}
    assert then["simrt_offered"] == {NEWS: 14}
    assert then["simrt_pending"] == {NEWS: 0}
    assert then["simrt_streams"] == {NEWS: 1}
    assert sum(then["simrt_streams_closed"].values()) == 1


@pytest.mark.rules("PUB-4")
@pytest.mark.parametrize("on_full", ["drop-oldest", "drop-newest"])
@virtual
async def test_drops_are_counted_as_if_at_the_send(on_full: str) -> None:
    on = await rig(site(options={"bufferSize": 2, "onFull": on_full}, server=QUIET))
    await on.subscribe(window=10)
    seen = []
    for _ in range(5):
        await sends(on, 1)
        seen.append(sum((await scrape(on)).get("simrt_dropped", {}).values()))
    assert seen == [0, 0, 1, 2, 3]


@virtual
async def test_the_books_balance_at_every_reading() -> None:
    on = await rig(site(options={"bufferSize": 3, "messageTTL": "2s"}, server=QUIET))
    clients = []
    for n in range(30):
        if n % 5 == 0:
            clients.append(await on.subscribe(f"a/{n}", window=10 if n % 2 else head_bytes() + 90))
        if n % 7 == 6:
            clients.pop(0).connection.transport.abort()
        await sends(on, 1 + n % 3)
        await asyncio.sleep(n % 4)
        if n % 9 == 8:  # what waited longer than 2 s is found expired now
            clients[0].transport.read(400)
        now = await scrape(on)
        parts = ("taken", "expired", "discarded", "pending")
        total = sum(now[f"simrt_{part}"][NEWS] for part in parts)
        total += sum(now.get("simrt_dropped", {}).values())
        assert now["simrt_offered"][NEWS] == total
        assert now["simrt_streams_opened"][NEWS] == now["simrt_streams"][NEWS] + sum(
            now.get("simrt_streams_closed", {}).values()
        )
    assert all(now[f"simrt_{part}"][NEWS] > 0 for part in ("taken", "expired", "discarded"))
    assert sum(now["simrt_dropped"].values()) > 0


@pytest.mark.rules("STR-1")
@virtual
async def test_a_stalled_connection_is_counted() -> None:
    on = await rig(site(server={**QUIET, "writeDeadline": "60s"}))
    await on.subscribe(window=10)
    await sends(on, 1)
    await asyncio.sleep(70)
    now = await scrape(on)
    assert now["simrt_streams_closed"] == {(*NEWS, "stalled"): 1}
    assert now["simrt_discarded"] == {NEWS: 1}


@virtual
async def test_a_thousand_rooms_are_one_label() -> None:
    declared = Site("shop")
    declared.stream(
        "/rooms/{room}", channel="room-{room}", permission="public", events={"changed": SHAPE}
    )

    @declared.hook("POST", "/rooms/{room}", permission="public", sends=["changed"])
    def said(call: Call) -> None:
        call.send("changed", call.data)

    declared.metrics(permission="public")
    on = await rig(declared)
    before = {name: set(samples) for name, samples in (await scrape(on)).items()}
    for room in range(1000):
        answer = await on.ask("POST", f"/shop/rooms/{room}", b'{"id":"7"}')
        assert answer.answer.status == 200
    await on.subscribe(path="/shop/rooms/nobody-wrote-here")
    for n in range(50):
        await on.ask("GET", f"/project-{n}/nothing")
    now = await scrape(on)
    room = ("shop", "room-{room}")
    assert now["simrt_channels"] == {room: 1001}
    assert now["simrt_sends"] == {room: 1000}
    assert now["simrt_calls"] == {("shop", "POST /rooms/{room}"): 1000}
    assert now["simrt_refused"] == {("", "404"): 50}
    grown = {name for name in now if set(now[name]) != before.get(name, set())}
    assert grown == {"simrt_calls", "simrt_refused"}


@virtual
async def test_a_send_and_a_take_count_nothing() -> None:
    """Counting costs nothing on the way of a message: the tally is not touched."""
    on = await rig(site())
    await on.subscribe()
    before = {name: repr(value) for name, value in vars(on.server.tally).items()}
    await sends(on, 1)
    await sends(on, 50)
    after = {name: repr(value) for name, value in vars(on.server.tally).items()}
    assert before.pop("channels") == after.pop("channels")
    assert before == after


@virtual
async def test_each_server_has_metrics_of_its_own() -> None:
    ons = [await rig(site()) for _ in range(2)]
    await sends(ons[0], 3)
    assert [(await scrape(on))["simrt_sends"][NEWS] for on in ons] == [3, 0]


@virtual
async def test_they_are_off_unless_declared_and_open_to_whom_the_owner_says() -> None:
    assert (await (await rig()).ask("GET", "/metrics")).answer.status == 404
    declared = compile_site([feature()])
    declared.metrics("/numbers", permission="token:reader", project="shop")
    on = await rig(declared)
    assert (await on.ask("GET", "/numbers")).answer.status == 401
    assert (await on.ask("GET", "/numbers", token=user_token())).answer.status == 403
    reader = TOKENS["shop"]["reader"]
    assert (await on.ask("GET", "/numbers", token=reader)).answer.status == 200
    assert (await on.ask("POST", "/numbers", b"", token=reader)).answer.status == 405
    assert (await on.ask("GET", "/shop/numbers", token=reader)).answer.status == 404


def test_a_declaration_that_cannot_be_meant_is_refused() -> None:
    declared = Site()
    for wrong in ("metrics", "/", "/a/b", "/{name}", ""):
        with pytest.raises(UsageError, match="one segment"):
            declared.metrics(wrong, permission="public")
    with pytest.raises(UsageError, match="whose credentials"):
        declared.metrics(permission="token:reader")
    declared.metrics(permission="public")
    with pytest.raises(UsageError, match="declared twice"):
        declared.health("/metrics")


@virtual
async def test_health() -> None:
    declared = compile_site([feature()])
    declared.health()
    on = await rig(declared, limits=Limits(notice_s=5))
    stream = await on.subscribe()
    well = (await on.ask("GET", "/_health")).answer
    assert (well.status, well.body) == (200, b'{"status": "ok"}')
    stopping = asyncio.get_running_loop().create_task(on.server.shut_down())
    await asyncio.sleep(4.9)
    ill = (await on.ask("GET", "/_health")).answer
    assert ill.status == 503
    assert 1 <= int(ill.headers["retry-after"]) <= 10
    assert b"shop" not in ill.body
    assert (await on.post()).status == 200  # all else goes on
    assert not stream.gone()
    await stopping
    assert stream.gone()


def test_every_metric_says_what_it_is() -> None:
    assert len({each.name for each in METRICS}) == len(METRICS)
    for each in METRICS:
        assert each.help.endswith("."), each.name
        assert not each.name.endswith("_total")


@pytest.mark.rules("STR-2")
@virtual
async def test_who_is_turned_away_is_counted() -> None:
    on = await rig(site(), limits=Limits(connections=2, turned_away=1))
    await on.subscribe()
    on.dial()
    assert (await on.ask("GET", "/shop/news")).answer.status == 503
    on.dial()
    on.dial()
    await settle()
    read = Collector(on.server).read()
    assert read["simrt_refused"] == {("", "503"): 1, ("", "0"): 1}
    assert read["simrt_connections"] == {(): 3}
