"""One stream: what it says, when it takes, when it ends. Virtual time, a window in bytes."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from simrt.server import Call, Site
from simrt.server.retries import seeded, unforeseen
from simrt.sse import Retry
from tests.server.rig import (
    FRAME,
    QUIET,
    SHAPE,
    S,
    head_bytes,
    rig,
    sends,
    settle,
    virtual,
)

# --- what it says -----------------------------------------------------------------------------


@pytest.mark.rules("SSE-1", "STR-3")
@virtual
async def test_the_head_and_then_the_retry() -> None:
    on = await rig()
    client = await on.subscribe()
    answer = client.answer
    assert answer.status == 200
    assert answer.headers["content-type"] == "text/event-stream"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["connection"] == "close"
    assert "transfer-encoding" not in answer.headers
    assert answer.body == b"retry: 3500\n\n"
    assert len(client.transport.writes) == 1  # one server write (NET-2)


@pytest.mark.rules("SSE-1", "SSE-2", "DLV-3")
@virtual
async def test_events_carry_epoch_and_seq_and_hostile_data_stays_in_its_field() -> None:
    on = await rig()
    client = await on.subscribe()
    hostile = "a\r\n\r\nid: x\nevent: y\ndata: z\0\u2028\u2029\x85"
    await on.post({"id": hostile})
    await on.post({"id": "ü€😀"})
    assert [event.last_event_id for event in client.events] == ["e1:1", "e1:2"]
    assert [event.type for event in client.events] == ["changed", "changed"]
    import json

    assert [json.loads(event.data)["id"] for event in client.events] == [hostile, "ü€😀"]


@pytest.mark.rules("REP-2", "REP-3", "SUB-1")
@virtual
async def test_replay_comes_first_then_what_is_sent() -> None:
    on = await rig(replay={"lastN": 2})
    await sends(on, 3)
    client = await on.subscribe()
    assert client.seqs == [2, 3]
    await sends(on, 1)
    assert client.seqs == [2, 3, 4]


@pytest.mark.rules("SSE-2")
@virtual
async def test_last_event_id_is_ignored() -> None:
    on = await rig(replay={"lastN": 1})
    await sends(on, 3)
    client = await on.ask("GET", "/shop/news", headers={"last-event-id": "e1:1"})
    assert client.seqs == [3]


@virtual
async def test_with_the_variant_a_client_gets_what_followed_its_last_event(tmp_path: Path) -> None:
    variant = {"resume": "last-event-id"}
    on = await rig(replay={"lastN": 1}, variants=variant, record=tmp_path / "rows")
    await sends(on, 4)
    named = {"e1:1": [2, 3, 4], "e1:4": [], "e0:1": [4], "nonsense": [4], "e1:9": [4]}
    for last, expected in named.items():
        client = await on.ask("GET", "/shop/news", headers={"last-event-id": last})
        assert client.seqs == expected, last
    assert (await on.ask("GET", "/shop/news")).seqs == [4]
    said = [(row.detail or {})["last_event_id"] for row in on.rows if row.kind == "replay"]
    assert said == [*named, None]


# --- retry ------------------------------------------------------------------------------------


@pytest.mark.rules("STR-3")
@pytest.mark.parametrize(("drawn", "ms"), [(0.0, 2000), (0.5, 3500), (0.9999999, 4999)])
def test_retry_is_drawn_from_the_spread(drawn: float, ms: int) -> None:
    @virtual
    async def test() -> None:
        on = await rig(share=lambda _name, _index: drawn)
        assert (await on.subscribe()).retries == [ms]

    test()


@pytest.mark.rules("STR-3")
@virtual
async def test_retry_can_be_switched_off() -> None:
    on = await rig(server={"retrySpread": "none"})
    client = await on.subscribe()
    assert client.answer.body == b""
    await sends(on, 1)
    assert client.seqs == [1]


@pytest.mark.rules("STR-3")
@virtual
async def test_retries_are_spread_and_a_seed_fixes_them(tmp_path: Path) -> None:
    drawn = []
    for seed in (1, 1, 2):
        on = await rig(share=seeded(seed), record=tmp_path / "rows")
        clients = [await on.subscribe(f"a/{n}", 2) for n in range(20)]
        drawn.append([client.retries[0] for client in clients])
    assert drawn[0] == drawn[1] != drawn[2]
    assert len(set(drawn[0])) > 15
    assert all(2000 <= ms < 5000 for ms in drawn[0])
    # By name and number, not by the order of arrival.
    on = await rig(share=seeded(1), record=tmp_path / "rows")
    assert (await on.subscribe("a/7", 2)).retries == [drawn[0][7]]


@pytest.mark.rules("STR-3")
@virtual
async def test_without_a_seed_retries_differ() -> None:
    on = await rig(share=unforeseen())
    assert len({(await on.subscribe(f"a/{n}")).retries[0] for n in range(20)}) > 10


@pytest.mark.rules("STR-3", "ACC-1")
@virtual
async def test_a_shutdown_says_a_new_retry_and_ends(tmp_path: Path) -> None:
    on = await rig(share=seeded(1), record=tmp_path / "rows")
    clients = [await on.subscribe(f"a/{n}") for n in range(20)]
    idle = await on.ask("GET", "/nothing")
    await sends(on, 1)
    await on.server.shut_down()
    words = [client.items[-1] for client in clients]
    assert all(isinstance(word, Retry) and 1000 <= word.ms <= 10_000 for word in words)
    assert len({str(word) for word in words}) > 15
    assert all(client.gone() and not client.transport.aborted for client in clients)
    assert idle.gone()
    assert [client.seqs for client in clients] == [[1]] * 20
    closes = [row for row in on.rows if row.kind == "close"]
    assert [row.subscriber for row in closes] == [f"a/{n}" for n in range(20)]
    assert {row.cause for row in closes} == {"shutdown"}


@pytest.mark.rules("STR-3")
@virtual
async def test_a_shutdown_does_not_wait_for_who_does_not_read() -> None:
    on = await rig()
    client = await on.subscribe(window=10)
    before = on.server.clock.now()
    await on.server.shut_down()
    assert client.transport.aborted
    assert on.server.clock.now() - before == S  # farewell_s


# --- heartbeats -------------------------------------------------------------------------------


@pytest.mark.rules("SSE-5")
@virtual
async def test_a_comment_after_15_s_without_an_event() -> None:
    on = await rig()
    client = await on.subscribe()
    await asyncio.sleep(14.999)
    assert client.comments == 0
    await asyncio.sleep(0.001)
    assert client.comments == 1
    await asyncio.sleep(15)
    assert client.comments == 2
    await asyncio.sleep(10)
    await sends(on, 1)  # an event moves the next one
    await asyncio.sleep(14.9)
    assert client.comments == 2
    await asyncio.sleep(0.1)
    assert client.comments == 3


@pytest.mark.rules("SSE-5", "STR-1")
@virtual
async def test_a_heartbeat_is_skipped_where_there_is_no_room() -> None:
    on = await rig(server={**QUIET, "heartbeat": "15s"})
    client = await on.subscribe(window=head_bytes() + 5)
    other = await on.subscribe("a/1")
    await sends(on, 1)
    await asyncio.sleep(100)
    assert client.transport.largest_held == FRAME - 5  # the message, and nothing queued behind it
    assert other.comments == 6  # one stalled connection delays no other's heartbeat
    client.transport.read(10_000)
    await settle()
    assert client.comments == 0
    await asyncio.sleep(15)
    assert client.comments == 1


@pytest.mark.rules("SSE-5")
@virtual
async def test_heartbeats_can_be_switched_off() -> None:
    on = await rig(server={"heartbeat": "none"})
    client = await on.subscribe()
    await asyncio.sleep(1000)
    assert client.comments == 0


# --- it takes only what is accepted at once ---------------------------------------------------


@pytest.mark.rules("SSE-6", "BUF-2", "DLV-5")
@pytest.mark.parametrize("left", [1, 2, FRAME // 2, FRAME])
def test_at_most_one_message_is_beyond_policy(left: int, tmp_path: Path) -> None:
    """The client takes the head and all but `left` bytes of the third message, then nothing."""

    @virtual
    async def test() -> None:
        on = await rig(record=tmp_path / "rows", server=QUIET)
        client = await on.subscribe(window=head_bytes() + 3 * FRAME - left)
        await sends(on, 30)
        taken = [row.seq for row in on.rows if row.kind == "take"]
        assert taken == [1, 2, 3]
        assert client.transport.largest_held == left
        drops = [row.seq for row in on.rows if row.kind == "drop"]
        assert drops == list(range(4, 27))  # 27 to 30 are pending: drop-oldest acts
        client.transport.read(10_000)
        await settle()
        assert client.seqs == [1, 2, 3, 27, 28, 29, 30]
        assert all(len(write) <= FRAME + 4 for write in client.transport.writes[1:])

    test()


@pytest.mark.rules("SSE-6", "BUF-3")
@virtual
async def test_drop_newest_acts_on_who_does_not_read(tmp_path: Path) -> None:
    options = {"bufferSize": 4, "onFull": "drop-newest"}
    on = await rig(record=tmp_path / "rows", options=options, server=QUIET)
    client = await on.subscribe(window=head_bytes())
    await sends(on, 8)
    client.transport.read(10_000)
    await settle()
    assert client.seqs == [1, 2, 3, 4, 5]
    assert [row.seq for row in on.rows if row.kind == "drop"] == [6, 7, 8]


@pytest.mark.rules("SSE-6", "TTL-3", "TTL-4")
@virtual
async def test_ttl_acts_on_who_does_not_read(tmp_path: Path) -> None:
    options = {"bufferSize": 4, "messageTTL": "10s"}
    on = await rig(record=tmp_path / "rows", options=options, server=QUIET)
    client = await on.subscribe(window=head_bytes())
    await sends(on, 3)
    await asyncio.sleep(10)
    await sends(on, 1)
    client.transport.read(10_000)
    await settle()
    assert client.seqs == [1, 4]  # 1 was taken before it was refused room
    expired = [(row.seq, row.t_ns) for row in on.rows if row.kind == "expire"]
    assert expired == [(2, 10 * S), (3, 10 * S)]
    told = [(row.kind, row.seq) for row in on.rows][-3:]
    assert told == [("expire", 2), ("expire", 3), ("take", 4)]  # what a take finds comes before it


@pytest.mark.rules("TTL-3", "TTL-4")
@virtual
async def test_a_take_that_finds_only_expired_messages(tmp_path: Path) -> None:
    options = {"bufferSize": 4, "messageTTL": "10s"}
    on = await rig(record=tmp_path / "rows", options=options, server=QUIET)
    client = await on.subscribe(window=head_bytes())
    await sends(on, 3)
    await asyncio.sleep(20)
    client.transport.read(10_000)
    await settle()
    assert client.seqs == [1]
    assert [(row.kind, row.seq) for row in on.rows][-2:] == [("expire", 2), ("expire", 3)]


@pytest.mark.rules("SSE-6")
@virtual
async def test_a_large_message_drains_in_parts() -> None:
    on = await rig(server=QUIET)
    client = await on.subscribe(window=head_bytes())
    await on.post({"id": "x" * 10_000})
    await sends(on, 2)
    for _ in range(12):
        client.transport.read(1000)
        await settle()
    assert client.seqs == [1, 2, 3]


@pytest.mark.rules("DLV-7")
@pytest.mark.parametrize("size", [1, 4])
def test_who_keeps_up_loses_nothing_to_the_deferral(size: int, tmp_path: Path) -> None:
    """One call sends many times bufferSize before the loop's next turn."""

    @virtual
    async def test() -> None:
        on = await rig(
            burst_site(size, sends=10 * size + 3), record=tmp_path / "rows", share=unforeseen()
        )
        client = await on.subscribe()
        slow = await on.subscribe("a/1", window=head_bytes())
        assert (await on.post()).status == 200
        assert client.seqs == list(range(1, 10 * size + 4))
        rows = on.rows
        assert {row.subscriber for row in rows if row.kind == "drop"} == {"a/1"}
        slow.transport.read(100_000)
        await settle()
        assert slow.seqs[-size:] == client.seqs[-size:]

    test()


@pytest.mark.rules("DLV-7", "HUB-4")
@virtual
async def test_sends_of_one_turn_go_out_together_in_the_next(tmp_path: Path) -> None:
    on = await rig(burst_site(64, sends=10), record=tmp_path / "rows")
    client = await on.subscribe()
    await on.post()
    kinds = [kind for kind in on.kinds() if kind in ("send", "take")]
    assert kinds == ["send"] * 10 + ["take"] * 10
    assert client.seqs == list(range(1, 11))


def burst_site(size: int, sends: int) -> Site:
    """A hook that sends many times in one call."""
    from simrt.engine import ChannelOptions

    site = Site("shop")
    site.stream(
        "/news",
        channel="news",
        permission="public",
        events={"changed": SHAPE},
        options=ChannelOptions(buffer_size=size),
    )

    @site.hook("POST", "/content", permission="token:editor", sends=["changed"])
    def burst(call: Call) -> None:
        for n in range(sends):
            call.send("changed", {"id": str(n)})

    return site
