"""One stream: what it says, when it takes, when it ends. Virtual time, a window in bytes."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from simrt.server import Call, Server, Site
from simrt.server.retries import seeded, unforeseen
from simrt.sse import Retry
from tests.server.rig import (
    SHAPE,
    Client,
    MemoryTransport,
    Rig,
    S,
    rig,
    settle,
    user_token,
    virtual,
)

FRAME = len('id: e1:1\nevent: changed\ndata: {"id":"7"}\n\n')
QUIET = {"heartbeat": "none", "writeDeadline": "none", "peerTimeout": "none"}


def head_bytes() -> int:
    """How much a stream writes before its first event, with the rig's `retry`."""
    from simrt.server.stream import RAW_HEAD

    return len(RAW_HEAD) + len("retry: 3500\n\n")


async def sends(on: Rig, count: int) -> None:
    for n in range(count):
        assert (await on.post({"id": str(n % 10)})).status == 200


def last(on: Rig, kind: str) -> Any:
    return [row for row in on.rows if row.kind == kind][-1]


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


# --- ends -------------------------------------------------------------------------------------


async def stalled(on: Rig, window: int) -> tuple[Client, int]:
    """A client that takes `window` bytes, and when something first waited."""
    client = await on.subscribe(window=window)
    await asyncio.sleep(7)
    await sends(on, 1)
    return client, on.server.clock.now()


@pytest.mark.rules("STR-1", "NET-5")
@virtual
async def test_who_accepts_nothing_for_the_deadline_is_ended(tmp_path: Path) -> None:
    on = await rig(record=tmp_path / "rows", server={**QUIET, "writeDeadline": "60s"})
    other = await on.subscribe("a/1")
    client, since = await stalled(on, head_bytes() + 5)
    await asyncio.sleep(59.9)
    await sends(on, 1)
    assert not client.gone()
    await asyncio.sleep(0.2)
    assert client.transport.aborted
    assert client.gone()
    close = last(on, "close")
    assert (close.cause, close.subscriber, close.t_ns) == ("stalled", "a/0", since + 60 * S)
    assert close.detail["pending"] == [2]
    assert not other.gone()


@pytest.mark.rules("STR-1")
@virtual
async def test_each_accepted_byte_begins_the_deadline_anew() -> None:
    on = await rig(server={**QUIET, "writeDeadline": "60s"})
    client = await on.subscribe(window=head_bytes())
    await on.post({"id": "x" * 100})
    for _ in range(20):
        await asyncio.sleep(50)
        client.transport.read(1)
    assert not client.gone()
    await asyncio.sleep(68)
    assert client.gone()


@pytest.mark.rules("STR-1")
@virtual
async def test_the_deadline_runs_only_while_something_waits() -> None:
    on = await rig(server={**QUIET, "writeDeadline": "60s"})
    client = await on.subscribe(window=head_bytes() + FRAME)
    await asyncio.sleep(1000)
    await sends(on, 1)  # fills the window to the last byte; nothing waits
    await asyncio.sleep(1000)
    assert not client.gone()
    await sends(on, 1)
    await asyncio.sleep(59.9)
    assert not client.gone()
    client.transport.read(FRAME)
    await asyncio.sleep(1000)
    assert not client.gone()


class Credits(MemoryTransport):
    """A window in messages (NET-2): paused while so many are in flight, and never holds a byte."""

    credits = 3  # the head is a message too

    def write(self, data: Any) -> None:
        super().write(data)
        self.credits -= 1
        if self.credits == 0:
            self.protocol.pause_writing()

    def free(self) -> None:
        self.credits += 1
        if self.credits == 1:
            self.protocol.resume_writing()


@pytest.mark.rules("STR-1", "NET-2", "SSE-6")
@virtual
async def test_a_window_in_messages(tmp_path: Path) -> None:
    settings = {**QUIET, "writeDeadline": "60s"}
    on = await rig(record=tmp_path / "rows", server=settings)
    connection = on.server.connection()
    client = Client(connection, Credits(connection))
    assert isinstance(client.transport, Credits)
    await on.ask("GET", "/shop/news", client=client)
    await sends(on, 2)
    await asyncio.sleep(1000)  # the window is full, and nothing waits
    assert not client.gone()
    await sends(on, 1)
    await asyncio.sleep(50)
    client.transport.free()
    assert client.seqs == [1, 2, 3]
    await sends(on, 1)
    since = on.server.clock.now()
    await asyncio.sleep(61)
    close = last(on, "close")
    assert (close.cause, close.t_ns) == ("stalled", since + 60 * S)
    assert client.seqs == [1, 2, 3]


class Careless(MemoryTransport):
    """A transport that holds much before it says so."""

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Keeps its own."""


@pytest.mark.rules("SSE-6")
@virtual
async def test_what_the_transport_holds_counts_though_it_does_not_pause(tmp_path: Path) -> None:
    on = await rig(record=tmp_path / "rows", server=QUIET)
    connection = on.server.connection()
    client = Client(connection, Careless(connection, head_bytes() + 1))
    await on.ask("GET", "/shop/news", client=client)
    await sends(on, 10)
    assert [row.seq for row in on.rows if row.kind == "take"] == [1]


class Secure(MemoryTransport):
    """Pauses as TLS transports do: also at a limit that is reached, so on an empty buffer at 0."""

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return True if name == "sslcontext" else default

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        assert high
        super().set_write_buffer_limits(high - 1, low)


@pytest.mark.rules("SSE-6")
@virtual
async def test_a_tls_transport_does_not_pause_on_an_empty_buffer() -> None:
    on = await rig(server=QUIET)
    connection = on.server.connection()
    client = Client(connection, Secure(connection, head_bytes() + 1))
    await on.ask("GET", "/shop/news", client=client)
    await sends(on, 10)
    client.transport.read(10_000)
    await settle()
    assert client.seqs == [1, 7, 8, 9, 10]


@pytest.mark.rules("STR-1")
@virtual
async def test_without_a_deadline_it_waits_for_ever() -> None:
    on = await rig(server=QUIET)
    client, _ = await stalled(on, head_bytes())
    await asyncio.sleep(100_000)
    assert not client.gone()


@pytest.mark.rules("STR-4")
@virtual
async def test_a_stream_ends_when_its_credential_does(tmp_path: Path) -> None:
    on = await rig(record=tmp_path / "rows", permission={"user": ["GET"], "token:reader": ["GET"]})
    await asyncio.sleep(3.25)
    client = await on.ask("GET", "/shop/news", token=user_token(expires_s=10))
    longer = await on.ask("GET", "/shop/news", token=user_token(expires_s=20.5))
    token = await on.ask("GET", "/shop/news", token="reader's secret")
    await asyncio.sleep(6.7)
    assert not client.gone()
    await asyncio.sleep(0.1)
    assert client.gone()
    assert not longer.gone()
    close = last(on, "close")
    assert (close.cause, close.t_ns) == ("expired", 10 * S)
    await asyncio.sleep(11)
    assert (last(on, "close").cause, last(on, "close").t_ns) == ("expired", 20 * S + S // 2)
    await asyncio.sleep(10_000)
    assert not token.gone()


@pytest.mark.rules("STR-4", "STR-1")
@virtual
async def test_a_stalled_write_does_not_delay_the_end() -> None:
    on = await rig(permission={"user": ["GET"]}, server=QUIET)
    client = await on.ask("GET", "/shop/news", token=user_token(expires_s=10), window=10)
    await asyncio.sleep(9.9)
    assert not client.gone()
    await asyncio.sleep(0.2)
    assert client.gone()


@pytest.mark.rules("NET-4", "DLV-4")
@pytest.mark.parametrize(
    ("how", "cause"),
    [
        ("eof", "client"),
        (ConnectionResetError(), "client"),
        (BrokenPipeError(), "client"),
        (TimeoutError(), "network"),
        (OSError(113, "no route"), "network"),
        ("chatter", "client"),
    ],
)
def test_the_cause_of_a_close(how: Any, cause: str, tmp_path: Path) -> None:
    @virtual
    async def test() -> None:
        on = await rig(record=tmp_path / "rows", server=QUIET)
        client = await on.subscribe(window=head_bytes() + 1)
        await sends(on, 3)
        if how == "eof":
            client.transport.eof()
        elif how == "chatter":
            client.transport.arrive(b"x" * 60_000)
            assert on.server.counts()
            client.transport.arrive(b"x" * 60_000)
        else:
            client.transport.reset(how)
        await settle()
        close = last(on, "close")
        assert close.cause == cause
        assert close.detail == {
            "side": "server",
            "fates": {
                "taken": 1, "dropped-oldest": 0, "dropped-newest": 0, "expired": 0,
                "discarded": 2, "pending": 0,
            },
            "pending": [2, 3],
        }  # fmt: skip
        assert client.gone()
        assert on.server.counts() == []
        assert client.connection not in on.server.connections
        assert on.kinds().count("close") == 1
        await sends(on, 1)
        assert last(on, "send").detail["offered"] == 0

    test()


@virtual
async def test_an_ended_stream_leaves_no_timer(tmp_path: Path) -> None:
    on = await rig(record=tmp_path / "rows", permission={"user": ["GET"]})
    for _ in range(50):
        client = await on.ask("GET", "/shop/news", token=user_token(), window=10)
        await sends(on, 2)
        client.transport.eof()
        await settle()
    loop: Any = asyncio.get_running_loop()
    left = [handle for handle in loop._scheduled if not handle.cancelled()]
    assert [handle for handle in left if "keep_alive" not in repr(handle)] == []


@virtual
async def test_connections_come_and_go_in_order() -> None:
    on = await rig()
    clients = [await on.subscribe(f"a/{n}") for n in range(10)]
    await sends(on, 1)
    assert [client.seqs for client in clients] == [[1]] * 10
    for before, after in pairwise(clients):
        before.transport.eof()
        await sends(on, 1)
        assert after.seqs[-1] == before.seqs[-1] + 1
    assert isinstance(on.server, Server)
