"""A client on an open stream: events, drains, stalls, ends, returns (CLI-1, CLI-2, NET-3)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from simrt.client import Client, Reconnect
from simrt.client.connection import READ_BYTES
from simrt.client.reconnect import AT_ONCE
from simrt.clock import RealClock

from .scripted import (
    STARTS,
    STREAM,
    Jumping,
    Notes,
    Peer,
    Server,
    Standing,
    block,
    run,
    turns,
    using,
)

pytestmark = pytest.mark.real

S = 10**9


def slow(ns: int) -> Callable[[str, int], int]:
    """A drain of so many nanoseconds for every event."""
    return lambda *_: ns


async def holding(peer: Peer) -> None:
    """A script that opens a stream, sends three events, and waits."""
    await peer.say(STREAM + b"retry: 2500\n\n" + block(1) + block(2) + block(3))
    await peer.gone()


@pytest.mark.rules("SSE-1", "SSE-2", "NET-3")
@pytest.mark.parametrize("piece", [1, 2, 7, 0])
def test_events_arrive_however_the_bytes_are_split(piece: int) -> None:
    async def main() -> None:
        async def script(peer: Peer) -> None:
            await peer.say(STREAM + b":\n\n" + block(1) + block(2, '{"x":"é€😀"}'), piece)

        server = Server(script)
        async with server.listening():
            notes = Notes()
            async with using(Client(Standing(), server.endpoint, notes)):
                await notes.until("close")
                assert notes.seen == [
                    ("opened", 1),
                    ("receive", 1, "e1:1", "content-updated", '{"id":"7"}'),
                    ("receive", 1, "e1:2", "content-updated", '{"x":"é€😀"}'),
                    ("close", 1, "server", 2),
                ]

    run(main)


@pytest.mark.parametrize("size", [1, 3, 1000])
def test_chunked_bodies(size: int) -> None:
    """The framing of chunks is no part of the stream; the last chunk ends it."""

    async def main() -> None:
        async def script(peer: Peer) -> None:
            head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
            body = block(1) + block(2)
            chunks = [body[i : i + size] for i in range(0, len(body), size)] + [b""]
            framed = b"".join(b"%x\r\n%b\r\n" % (len(c), c) for c in chunks)
            await peer.say(head + b"Transfer-Encoding: chunked\r\n\r\n" + framed, 5)
            await peer.gone()

        server = Server(script)
        async with server.listening():
            notes = Notes()
            async with using(Client(Standing(), server.endpoint, notes)):
                await notes.until("close")
                assert notes.kinds() == ["opened", "receive", "receive", "close"]

    run(main)


async def by_length(peer: Peer) -> None:
    body = block(1)
    head = STREAM.replace(b"Connection: close", b"Content-Length: %d" % len(body))
    await peer.say(head + body)
    await peer.gone()


async def bad_chunk(peer: Peer) -> None:
    head = STREAM.replace(b"Connection: close", b"Transfer-Encoding: chunked")
    await peer.say(head + b"%x\r\n%b\r\nzz\r\n" % (len(block(1)), block(1)))
    await peer.gone()


async def unfinished(peer: Peer) -> None:
    await peer.say(STREAM + block(1) + block(2)[:-1])


async def too_large(peer: Peer) -> None:
    await peer.say(STREAM + block(1) + block(2, "x" * 5000))
    await peer.gone()


@pytest.mark.rules("NET-5", "CLI-1")
@pytest.mark.parametrize("script", [by_length, bad_chunk, unfinished, too_large])
def test_every_end_of_a_stream_leads_to_another_attempt(
    script: Callable[[Peer], asyncio.Future[None]],
) -> None:
    """NET-5: what arrived before the end is received, an unfinished event is dropped."""

    async def main() -> None:
        server = Server(script, holding)
        async with server.listening():
            notes = Notes()
            clock = Jumping()
            async with using(Client(clock, server.endpoint, notes, max_event_bytes=1000)):
                await notes.until("opened", 2)
                assert [fact[:2] for fact in notes.seen[:4]] == [
                    ("opened", 1), ("receive", 1), ("close", 1), ("opened", 2)
                ]  # fmt: skip
                assert notes.of("close") == [("close", 1, "server", 1)]
                assert clock.waits[0] == 3 * S

    run(main)


@pytest.mark.rules("NET-5", "CLI-1")
def test_a_reset_ends_a_stream() -> None:
    async def main() -> None:
        go = asyncio.Event()

        async def script(peer: Peer) -> None:
            await peer.say(STREAM + block(1))
            await go.wait()
            peer.reset()

        server = Server(script, holding)
        async with server.listening():
            notes = Notes()
            async with using(Client(Jumping(), server.endpoint, notes)):
                await notes.until("receive")
                go.set()
                await notes.until("opened", 2)
                assert notes.of("close") == [("close", 1, "server", 1)]

    run(main)


# --- reconnecting -----------------------------------------------------------------------------


@pytest.mark.rules("CLI-1", "SSE-1")
@pytest.mark.parametrize(
    ("lines", "waited_ns"),
    [
        (b"", 3 * S),
        (b"retry: 2500\n\n", 2_500_000_000),
        (b"retry: 2500\nretry: 2s\nretry: -1\nretry:\nretry: 1.5\n\n", 2_500_000_000),
        (b"retry: 0\n\n", 0),
        (b"retry: 99999999999999999999999999\n\n", 30 * S),
    ],
)
def test_retry_replaces_after(lines: bytes, waited_ns: int) -> None:
    """CLI-1: also for the attempts after the next, within `atMost`; rubbish changes nothing."""

    async def main() -> None:
        async def script(peer: Peer) -> None:
            await peer.say(STREAM + lines)

        async def refusing(peer: Peer) -> None:
            pass

        server = Server(script, refusing)
        async with server.listening():
            notes = Notes()
            clock = Jumping()
            async with using(Client(clock, server.endpoint, notes)):
                await notes.until("refuse", 2)
                assert clock.waits[:3] == [waited_ns] * 3 if waited_ns else clock.waits == []

    run(main)


@pytest.mark.rules("CLI-1")
def test_a_success_forgets_the_failures() -> None:
    """CLI-1: k counts the failed attempts since the last success."""

    async def main() -> None:
        async def refusing(peer: Peer) -> None:
            pass

        async def once(peer: Peer) -> None:
            await peer.say(STREAM)

        server = Server(refusing, refusing, once, refusing, once)
        async with server.listening():
            notes = Notes()
            clock = Jumping()
            policy = Reconnect(after_ns=100, backoff=2, jitter_ns=0)
            async with using(Client(clock, server.endpoint, notes, reconnect=policy)):
                await notes.until("close", 2)
                assert clock.waits[:4] == [200, 400, 100, 200]

    run(main)


@pytest.mark.rules("CLI-1")
def test_at_once_is_never_replaced() -> None:
    """CLI-1: for an end by the server as 3 s and 1 s of jitter, whatever `retry` says."""

    async def main() -> None:
        async def script(peer: Peer) -> None:
            await peer.say(STREAM + b"retry: 9000\n\n")

        server = Server(script, holding)
        async with server.listening():
            notes = Notes()
            clock = Jumping()
            client = Client(clock, server.endpoint, notes, reconnect=AT_ONCE, jitter=lambda _: 0.25)
            async with using(client):
                await notes.until("opened", 2)
                assert clock.waits == [3_250_000_000]

    run(main)


@pytest.mark.rules("CLI-1", "CLI-2")
def test_at_once_returns_with_the_network() -> None:
    """CLI-1: no attempt while it is away, one in the instant it is back."""

    async def main() -> None:
        server = Server(holding)
        async with server.listening():
            notes = Notes()
            clock = Jumping()
            async with using(Client(clock, server.endpoint, notes, reconnect=AT_ONCE)) as client:
                await notes.until("receive", 3)
                client.go_offline()
                await turns()
                client.go_online()
                await turns()
                assert client.attempt == 2
                await notes.until("opened", 2)
                assert clock.waits == []
                assert notes.kinds()[4:8] == ["offline", "close", "online", "opened"]
                assert notes.of("close") == [("close", 1, "offline", 3)]

    run(main)


@pytest.mark.rules("CLI-1", "CLI-2")
def test_attempts_without_network_fail() -> None:
    """CLI-2, CLI-1: going offline ends the stream; attempts until it is back are refused."""

    async def main() -> None:
        server = Server(holding)
        async with server.listening():
            notes = Notes()
            clock = Standing()
            async with using(Client(clock, server.endpoint, notes)) as client:
                await notes.until("receive", 3)
                client.go_offline()
                client.go_offline()  # a second reason: a fault in a tunnel
                client.dial()
                client.dial()
                client.go_online()
                client.dial()
                client.go_online()
                client.dial()
                await notes.until("opened", 2)
                assert notes.seen[4:11] == [
                    ("offline",),
                    ("close", 1, "offline", 3),
                    ("refuse", 2, "offline", None),
                    ("refuse", 3, "offline", None),
                    ("refuse", 4, "offline", None),
                    ("online",),
                    ("opened", 5),
                ]

    run(main)


@pytest.mark.rules("CLI-2", "NET-4")
def test_going_offline_while_dialling_is_a_failed_attempt() -> None:
    async def main() -> None:
        async def mute(peer: Peer) -> None:
            await peer.gone()

        server = Server(mute)
        async with server.listening():
            for pause in range(5):
                notes = Notes()
                async with using(Client(Standing(), server.endpoint, notes)) as client:
                    for _ in range(pause):
                        await asyncio.sleep(0)
                    client.go_offline()
                    await turns()
                    assert notes.seen == [("offline",), ("refuse", 1, "offline", None)]

    run(main)


def test_a_disconnect_cuts_and_returns() -> None:
    """The fault `disconnect`: the stream ends at the client, who waits as for any end."""

    async def main() -> None:
        server = Server(holding)
        async with server.listening():
            notes = Notes()
            clock = Jumping()
            async with using(Client(clock, server.endpoint, notes)) as client:
                await notes.until("receive", 3)
                client.disconnect()
                client.disconnect()  # nothing is left to cut
                await notes.until("opened", 2)
                assert notes.of("close") == [("close", 1, "disconnect", 3)]
                assert clock.waits == [2_500_000_000]
                await asyncio.wait_for(server.peers[0].gone(), 20)

    run(main)


def test_last_event_id_goes_along() -> None:
    """As browsers: the id of the last event that was handled, also after an end in between."""

    async def main() -> None:
        async def first(peer: Peer) -> None:
            await peer.say(STREAM + block(1) + block(7))

        async def empty(peer: Peer) -> None:
            await peer.say(STREAM)

        server = Server(first, empty, holding)
        async with server.listening():
            notes = Notes()
            async with using(Client(Jumping(), server.endpoint, notes)):
                await notes.until("opened", 3)
            assert b"Last-Event-ID" not in server.peers[0].request
            assert b"Last-Event-ID: e1:7\r\n" in server.peers[1].request
            assert b"Last-Event-ID: e1:7\r\n" in server.peers[2].request

    run(main)


def test_the_last_event_id_is_that_of_what_was_handled() -> None:
    """What was read and is lost with a cut may be asked for again."""

    async def main() -> None:
        server = Server(holding)
        async with server.listening():
            notes = Notes()
            clock = Standing()
            drain = {1: 0, 2: 100, 3: 100}
            client = Client(clock, server.endpoint, notes, drain=lambda _, seq: drain[seq])
            async with using(client):
                await notes.until("receive")
                client.disconnect()
                client.dial()
                await notes.until("opened", 2)
            assert b"Last-Event-ID: e1:1\r\n" in server.peers[1].request

    run(main)


def test_hanging_up_is_the_clients_own_end() -> None:
    async def main() -> None:
        server = Server(holding)
        async with server.listening():
            notes = Notes()
            async with using(Client(Jumping(), server.endpoint, notes)) as client:
                await notes.until("receive", 3)
                client.hang_up()
                await turns()
                assert notes.seen[-1] == ("close", 1, "client", 3)
                assert len(server.peers) == 1

    run(main)


# --- drains and stalls ------------------------------------------------------------------------


@pytest.mark.rules("NET-3")
def test_receive_is_the_end_of_the_drain() -> None:
    """NET-3: one event at a time, each for as long as its own draw says."""

    async def main() -> None:
        server = Server(holding)
        async with server.listening():
            notes = Notes()
            clock = Standing()
            drain = {("e1", 1): 100, ("e1", 2): 0, ("e1", 3): 50}
            client = Client(clock, server.endpoint, notes, drain=lambda *at: drain[at])
            async with using(client):
                await notes.until("opened")
                await turns()
                assert notes.of("receive") == []
                assert clock.waits == [100]
                assert not client.idle
                clock.t = 100
                client._draining.cancel()  # type: ignore[union-attr]
                client._drained()
                await turns()  # what takes no time is still done after what else is due now
                assert [fact[2] for fact in notes.of("receive")] == ["e1:1", "e1:2"]
                assert clock.waits == [100, 50]
                clock.t = 150
                client._draining.cancel()  # type: ignore[union-attr]
                client._drained()
                assert len(notes.of("receive")) == 3
                assert client.idle

    run(main)


@pytest.mark.rules("NET-3")
def test_lateness_does_not_add_up() -> None:
    """What waited begins when the one before it was due, not when its timer came round."""

    async def main() -> None:
        server = Server(holding)
        async with server.listening():
            notes = Notes()
            clock = Standing()
            async with using(Client(clock, server.endpoint, notes, drain=slow(100))) as client:
                await notes.until("opened")
                await turns()
                clock.t = 130  # the loop came round 30 late
                client._draining.cancel()  # type: ignore[union-attr]
                client._drained()
                assert clock.waits == [100, 70]

    run(main)


@pytest.mark.rules("NET-3")
@pytest.mark.parametrize(
    ("sends", "waits"),
    [
        pytest.param([block(1), block(2)], [100, 70], id="what the kernel held had waited"),
        pytest.param(
            [block(1), block(2, "9" * 150)], [100, 70], id="a part of it is in the next read"
        ),
        pytest.param([block(1), block(2)[:30]], [100], id="no event yet"),
    ],
)
def test_lateness_does_not_add_up_from_read_to_read(sends: list[bytes], waits: list[int]) -> None:
    """What waited with the kernel begins when the one before it was due, too."""

    async def main() -> None:
        async def all_at_once(peer: Peer) -> None:
            await peer.say(STREAM)
            await notes.until("opened")
            await peer.say(b"".join(sends))
            await peer.gone()

        server = Server(all_at_once)
        async with server.listening():
            clock = Standing()
            client = Client(
                clock, server.endpoint, notes, drain=slow(100), read_bytes=len(block(1))
            )
            async with using(client):
                await notes.until("opened")
                await turns()
                assert clock.waits == [100]
                clock.t = 130  # the loop came round 30 late
                client._draining.cancel()  # type: ignore[union-attr]
                client._drained()
                await turns()
                assert clock.waits == waits

    notes = Notes()
    run(main)


@pytest.mark.rules("NET-3")
@pytest.mark.parametrize("read_bytes", [len(block(1)), READ_BYTES])
def test_what_did_not_wait_begins_when_it_comes(read_bytes: int) -> None:
    """Also where the read before it brought only a part of it."""

    async def main() -> None:
        async def in_pieces(peer: Peer) -> None:
            await peer.say(STREAM)
            await notes.until("opened")
            await peer.say(block(1) + block(2)[:30])
            await notes.until("receive")
            await turns()
            clock.t = 500
            await peer.say(block(2)[30:])
            await peer.gone()

        server = Server(in_pieces)
        async with server.listening():
            client = Client(clock, server.endpoint, notes, drain=slow(100), read_bytes=read_bytes)
            async with using(client):
                await notes.until("opened")
                await turns()
                clock.t = 130
                client._draining.cancel()  # type: ignore[union-attr]
                client._drained()
                await turns(60)
                assert clock.waits == [100, 100]
                assert client._due_ns == 600

    notes, clock = Notes(), Standing()
    run(main)


@pytest.mark.rules("NET-2", "NET-3", "SSE-6")
def test_it_reads_no_more_while_events_wait() -> None:
    """What one read brought is the most that lies between the kernel and the handling."""

    async def main() -> None:
        async def flood(peer: Peer) -> None:
            await peer.say(STREAM + b"".join(block(seq) for seq in range(1, 2000)))
            await peer.gone()

        server = Server(flood)
        async with server.listening():
            notes = Notes()
            async with using(Client(Standing(), server.endpoint, notes, drain=slow(S))) as client:
                await notes.until("opened")
                await turns()
                waiting = len(client._queue)
                assert 1 <= waiting <= READ_BYTES // len(block(1))
                assert client._connection is not None
                assert not client._connection._transport.is_reading()  # type: ignore[union-attr]

    run(main)


def test_all_of_a_flood_arrives_in_order() -> None:
    async def main() -> None:
        count = 3000

        async def flood(peer: Peer) -> None:
            await peer.say(STREAM + b"".join(block(seq) for seq in range(1, count + 1)))

        server = Server(flood)
        async with server.listening():
            notes = Notes()
            async with using(Client(Jumping(), server.endpoint, notes, drain=slow(5))):
                await notes.until("close")
                ids = [fact[2] for fact in notes.of("receive")]
                assert ids == [f"e1:{seq}" for seq in range(1, count + 1)]
                assert notes.seen[-1] == ("close", 1, "server", count)

    run(main)


@pytest.mark.rules("NET-6")
def test_a_stall_freezes_the_drain_and_hears_nothing() -> None:
    """NET-6: neither events nor the end until the heal; then the rest of the drain, in order."""

    async def main() -> None:
        ended = asyncio.Event()

        async def script(peer: Peer) -> None:
            await peer.say(STREAM + block(1))
            await ended.wait()
            await peer.say(block(2))

        server = Server(script, holding)
        async with server.listening():
            notes = Notes()
            clock = Standing()
            async with using(Client(clock, server.endpoint, notes, drain=slow(100))) as client:
                await notes.until("opened")
                await turns()
                clock.t = 30
                client.stall()
                client.stall()  # two stalls overlap
                client.heal()
                ended.set()
                await turns(50)
                assert notes.kinds() == ["opened"]
                assert client.stalled
                clock.t = 1000
                client.heal()
                assert clock.waits == [100, 70]
                clock.t = 1070
                client._draining.cancel()  # type: ignore[union-attr]
                client._drained()
                await turns(50)
                assert clock.waits == [100, 70, 100]
                client._draining.cancel()  # type: ignore[union-attr]
                clock.t = 1170
                client._drained()
                await notes.until("close")
                assert notes.kinds() == ["opened", "receive", "receive", "close"]
                assert clock.waits[3:] == [3 * S]

    run(main)


@pytest.mark.rules("NET-6")
def test_a_stall_lasts_across_reconnects() -> None:
    """NET-6: an attempt made while stalled hears no response before the heal."""

    async def main() -> None:
        server = Server(holding)
        async with server.listening():
            notes = Notes()
            async with using(Client(Standing(), server.endpoint, notes)) as client:
                await notes.until("receive", 3)
                client.stall()
                client.disconnect()
                client.dial()
                while len(server.peers) < 2 or not server.peers[1].request:
                    await turns(1)
                await turns(50)
                assert notes.kinds()[4:] == ["close"]
                client.heal()
                await notes.until("receive", 6)
                assert notes.of("opened") == [("opened", 1), ("opened", 2)]

    run(main)


@pytest.mark.rules("NET-4", "NET-6")
def test_what_was_not_handled_is_lost_with_the_connection() -> None:
    """NET-4: also for a client that is stalled; a heal afterwards brings nothing back."""

    async def main() -> None:
        server = Server(holding)
        async with server.listening():
            notes = Notes()
            clock = Standing()
            async with using(Client(clock, server.endpoint, notes, drain=slow(100))) as client:
                await notes.until("opened")
                await turns()
                client.stall()
                client.go_offline()
                client.heal()
                await turns()
                assert notes.seen[1:] == [("offline",), ("close", 1, "offline", 0)]

    run(main)


def test_a_slow_client_on_a_real_clock() -> None:
    """All together at speed 1000: order and completeness, no time is asserted."""

    async def main() -> None:
        async def script(peer: Peer) -> None:
            await peer.say(STREAM + b"".join(block(seq) for seq in range(1, 41)), 300)

        server = Server(script)
        async with server.listening():
            notes = Notes()
            clock = RealClock(STARTS, 1000.0)
            async with using(Client(clock, server.endpoint, notes, drain=slow(S // 2))) as client:
                await notes.until("receive", 10)
                client.stall()
                count = len(notes.of("receive"))
                await turns()
                assert len(notes.of("receive")) == count
                client.heal()
                await notes.until("close")
                ids = [fact[2] for fact in notes.of("receive")]
                assert ids[:40] == [f"e1:{seq}" for seq in range(1, 41)]

    run(main)
