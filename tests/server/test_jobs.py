"""Jobs: when they fire, what they send, what happens when they fail."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from simrt.server import Call, Site
from tests.server.rig import SHAPE, TOKENS, Rig, S, rig, settle, virtual


def fired(on: Rig) -> list[float]:
    return [row.t_ns / S for row in on.rows if row.kind == "send"]


def site_of(schedule: str, timezone: str = "UTC") -> Site:
    site = Site("shop")
    site.stream("/news", channel="news", permission="public", events={"changed": SHAPE})

    @site.job(schedule, sends=["changed"], timezone=timezone)
    def fire(call: Call) -> None:
        call.send("changed", {"id": str(call.n)})

    return site


@pytest.mark.rules("HOK-3", "RST-5")
@pytest.mark.parametrize(
    ("schedule", "after_s", "times"),
    [
        ("30s", 100, [30, 60, 90]),
        ("*/2 * * * *", 400, [120, 240, 360]),  # never at the start itself
        ("1h", 100, []),
    ],
)
def test_schedules(schedule: str, after_s: float, times: list[float], tmp_path: Path) -> None:
    @virtual
    async def test() -> None:
        on = await rig(site_of(schedule), record=tmp_path / "rows")
        await asyncio.sleep(after_s)
        assert fired(on) == times

    test()


@pytest.mark.rules("HOK-3", "RST-5")
@virtual
async def test_a_server_that_starts_later_catches_nothing_up(tmp_path: Path) -> None:
    await asyncio.sleep(130)
    cron = await rig(site_of("*/2 * * * *"), record=tmp_path / "cron")
    every = await rig(site_of("50s"), record=tmp_path / "every")
    await asyncio.sleep(120)
    assert fired(cron) == [240]
    assert fired(every) == [180, 230]


BERLIN, NEW_YORK, LORD_HOWE = "Europe/Berlin", "America/New_York", "Australia/Lord_Howe"


@pytest.mark.rules("HOK-3")
@pytest.mark.parametrize(
    ("schedule", "timezone", "starts", "times"),
    [
        # A night without 02:00 to 03:00: what falls into the gap fires at its end.
        ("30 2 * * *", BERLIN, "2026-03-28T12", ["29 01:00", "30 00:30"]),
        ("0 3 * * *", BERLIN, "2026-03-28T12", ["29 01:00", "30 01:00"]),
        ("0 1-4 * * *", BERLIN, "2026-03-28T12", ["29 00:00", "29 01:00", "29 02:00", "29 23:00"]),
        ("30 2 * * *", NEW_YORK, "2026-03-07T12", ["08 07:00", "09 06:30"]),
        # A night with two of them: a fixed time fires once, at the first.
        ("30 2 * * *", BERLIN, "2026-10-24T12", ["25 00:30", "26 01:30"]),
        ("0 3 * * *", BERLIN, "2026-10-24T12", ["25 02:00", "26 02:00"]),
        ("30 1 * * *", NEW_YORK, "2026-10-31T12", ["01 05:30", "02 06:30"]),
        # An hour that is half an hour long.
        ("45 1 * * *", LORD_HOWE, "2026-04-04T12", ["04 14:45", "05 15:15"]),
        # "Every" goes on evenly through both nights.
        ("0 * * * *", BERLIN, "2026-03-28T23", ["29 00:00", "29 01:00", "29 02:00", "29 03:00"]),
        ("0 * * * *", BERLIN, "2026-10-24T23", ["25 00:00", "25 01:00", "25 02:00", "25 03:00"]),
        ("*/30 0-3 * * *", "UTC", "2026-03-28T23", ["29 00:00", "29 00:30", "29 01:00"]),
    ],
)
def test_a_time_zone_and_its_changes(
    schedule: str, timezone: str, starts: str, times: list[str], tmp_path: Path
) -> None:
    """The times are UTC."""

    @virtual
    async def test() -> None:
        begun = datetime.fromisoformat(starts).replace(tzinfo=UTC)
        on = await rig(site_of(schedule, timezone), record=tmp_path / "rows", starts=begun)
        await asyncio.sleep(60 * 3600)
        at = [begun + timedelta(seconds=seconds) for seconds in fired(on)]
        assert [f"{each:%d %H:%M}" for each in at][: len(times)] == times

    test()


@pytest.mark.rules("HOK-1", "SSE-7")
@virtual
async def test_what_a_scenario_job_sends(tmp_path: Path) -> None:
    senders = [
        {"job": "10s", "sends": "changed", "data": {"id": "{n} at {now}"}},
        {"job": "25s", "sends": "changed"},
        {"job": "40s", "sends": "changed", "data": {"id": 7}},
    ]
    on = await rig(senders=senders, record=tmp_path / "rows")
    client = await on.subscribe()
    await asyncio.sleep(41)
    ids = [json.loads(event.data)["id"] for event in client.events]
    stamps = ["1 at 2026-01-01T00:00:10.000Z", "2 at 2026-01-01T00:00:20.000Z"]
    assert ids[:3] == [*stamps, "1"]  # without data: the first example
    assert [row.detail and row.detail["sender"] for row in on.rows if row.kind == "send"][:3] == [
        "10s",
        "10s",
        "25s",
    ]
    rejects = [row for row in on.rows if row.kind == "reject"]
    assert [(row.cause, row.t_ns) for row in rejects] == [("shape", 40 * S)]


@pytest.mark.rules("HOK-2")
@virtual
async def test_a_job_that_fails_fires_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    site = Site("shop")
    site.stream("/news", channel="news", permission="public", events={"changed": SHAPE})

    @site.job("10s", sends=["changed"])
    def fails(call: Call) -> None:
        call.send("changed", {"id": str(call.n)})
        raise RuntimeError("no luck")

    @site.job("10s", sends=["changed"])
    async def fails_later(call: Call) -> None:
        await asyncio.sleep(1)
        call.send("changed", {"id": str(call.n)})
        raise RuntimeError("no luck later")

    on = await rig(site, record=tmp_path / "rows")
    await asyncio.sleep(35)
    assert fired(on) == [10, 11, 20, 21, 30, 31]
    assert caplog.text.count("RuntimeError: no luck later") == 3


@pytest.mark.rules("HOK-2")
@virtual
async def test_a_job_that_does_not_end_is_not_begun_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    site = Site("shop")
    site.stream("/news", channel="news", permission="public", events={"changed": SHAPE})

    @site.job("10s", sends=["changed"])
    async def long(call: Call) -> None:
        await asyncio.sleep(25)
        call.send("changed", {"id": str(call.n)})

    on = await rig(site, record=tmp_path / "rows")
    await asyncio.sleep(80)
    assert fired(on) == [35, 65]
    assert "still runs" in caplog.text
    await on.server.shut_down()
    await settle()


@pytest.mark.rules("HOK-3", "RST-5")
@virtual
async def test_a_server_that_stops_fires_no_more(tmp_path: Path) -> None:
    on = await rig(site_of("10s"), record=tmp_path / "rows")
    await asyncio.sleep(15)
    await on.server.shut_down()
    await asyncio.sleep(100)
    assert fired(on) == [10]


@pytest.mark.rules("HOK-1")
@virtual
async def test_nothing_but_hooks_and_jobs_sends(tmp_path: Path) -> None:
    on = await rig(record=tmp_path / "rows")
    for method in ("GET", "POST", "PUT", "PATCH", "DELETE"):
        for path in ("/shop/news", "/shop", "/shop/news/publish", "/publish", "/shop/changed"):
            await on.ask(method, path, b'{"id":"7"}', token=TOKENS["shop"]["editor"])
    await asyncio.sleep(1000)
    assert "send" not in on.kinds()
