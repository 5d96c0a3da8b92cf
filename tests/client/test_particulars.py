"""What a client does in particular cases: one rule, one small test."""

from __future__ import annotations

import asyncio
import errno
import socket
from typing import Any, ClassVar

import pytest

from simrt.client import Client, Endpoint, Reconnect
from simrt.client.connection import MAX_HEAD_BYTES, READ_BYTES, Connection, End, Head, Part
from simrt.client.dial import tcp
from simrt.client.headers import MOST_RETRY_AFTER_S
from simrt.client.reconnect import AT_ONCE
from simrt.network import Turn
from simrt.sse import Event, Parser

from .scripted import (
    STREAM,
    Closing,
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


async def streaming(peer: Peer) -> None:
    await peer.say(STREAM)
    await peer.gone()


async def ending(peer: Peer) -> None:
    await peer.say(STREAM)


async def nothing(peer: Peer) -> None:
    await peer.gone()


async def asked(server: Server, count: int) -> list[bytes]:
    """The requests, once there are so many."""
    while len(server.peers) < count or not server.peers[count - 1].request:
        await turns(1)
    return [peer.request for peer in server.peers]


# --- when it tries again --------------------------------------------------------------------------


@pytest.mark.rules("CLI-1")
def test_the_defaults_are_those_of_browsers() -> None:
    rule = Reconnect()
    assert (rule.after_ns, rule.jitter_ns, rule.backoff) == (3 * S, S, 1)
    assert (rule.at_most_ns, rule.at_once) == (30 * S, False)


@pytest.mark.rules("CLI-1")
def test_a_wait_grows_with_the_failures_up_to_its_limit() -> None:
    def waits(rule: Reconnect, *failed: int) -> list[int]:
        return [rule.wait_ns(times, None, 0) for times in failed]

    slowly = Reconnect(after_ns=1_000_000, backoff=1.01)
    assert waits(slowly, 0, 1, 63, 64, 65) == [
        1_000_000,
        1_010_000,
        1_871_744,
        1_890_462,
        1_890_462,
    ]
    steeply = Reconnect(after_ns=7, backoff=1e9, at_most_ns=1000)
    assert waits(steeply, 0, 1, 64) == [7, 1000, 1000]  # the last is too large for a float


@pytest.mark.rules("CLI-3")
@pytest.mark.parametrize(
    ("retry_after", "waited_s"),
    [
        ("1234567890123", MOST_RETRY_AFTER_S),
        ("999999999", 999_999_999),
        ("Wed, 31 Dec 2025 23:59:00 GMT", 3),
        ("4", 4),
    ],
)
def test_what_retry_after_asks_for(retry_after: str, waited_s: int) -> None:
    """Up to the longest wait; a date that has passed asks for nothing."""

    async def main() -> None:
        async def full(peer: Peer) -> None:
            head = f"HTTP/1.1 503 Full\r\nContent-Length: 0\r\nRetry-After: {retry_after}\r\n\r\n"
            await peer.say(head.encode())

        server = Server(full, streaming)
        async with server.listening():
            notes, clock = Notes(), Standing()
            async with using(Client(clock, server.endpoint, notes, patient=True)):
                await notes.until("refuse")
                assert clock.waits == [waited_s * S]

    run(main)


@pytest.mark.rules("CLI-3")
def test_digits_of_other_scripts_are_no_number_of_seconds() -> None:
    async def main() -> None:
        async def full(peer: Peer) -> None:
            await peer.say(b"HTTP/1.1 503 Full\r\nContent-Length: 0\r\nRetry-After: \xb2\r\n\r\n")

        server = Server(full)
        async with server.listening():
            notes = Notes()
            async with using(Client(Standing(), server.endpoint, notes, patient=True)):
                await notes.until("gave-up")

    run(main)


@pytest.mark.rules("CLI-1", "CLI-2")
@pytest.mark.parametrize("at_once", [False, True])
def test_who_waits_when_its_network_goes_away(at_once: bool) -> None:
    """The rule `at-once` makes no attempt until the network is back; any other goes on waiting."""

    async def main() -> None:
        server = Server(ending)
        async with server.listening():
            notes, clock = Notes(), Standing()
            policy = AT_ONCE if at_once else Reconnect(jitter_ns=0)
            async with using(Client(clock, server.endpoint, notes, reconnect=policy)) as client:
                await notes.until("close")
                assert clock.waits == [3 * S]
                client.go_offline()
                assert (client._timer is None) == at_once

    run(main)


@pytest.mark.rules("CLI-2")
def test_a_network_that_was_not_away_does_not_come_back() -> None:
    async def main() -> None:
        server = Server(streaming)
        async with server.listening():
            notes = Notes()
            client = Client(Standing(), server.endpoint, notes, reconnect=AT_ONCE)
            async with using(client):
                client.go_online()
                assert client.online
                await notes.until("opened")
                client.go_offline()
                assert not client.online
                assert notes.kinds() == ["opened", "offline", "close"]

    run(main)


@pytest.mark.rules("NET-6")
def test_a_stall_that_never_began_does_not_heal() -> None:
    client = Client(Standing(), Endpoint("h", 1, "/"), Notes())
    client.heal()
    client.stall()
    assert client.stalled


@pytest.mark.rules("CLI-2", "NET-4")
def test_a_disconnect_while_dialling_is_a_failure_of_the_network() -> None:
    async def main() -> None:
        server = Server(nothing)
        async with server.listening():
            notes = Notes()
            async with using(Client(Standing(), server.endpoint, notes)) as client:
                await asked(server, 1)
                client.disconnect()
                assert notes.seen == [("refuse", 1, "network", None)]

    run(main)


def test_hanging_up_while_dialling_ends_no_stream() -> None:
    async def main() -> None:
        server = Server(nothing)
        async with server.listening():
            notes = Notes()
            async with using(Client(Standing(), server.endpoint, notes)) as client:
                await asked(server, 1)
                client.hang_up()
                client.dial()
                await turns()
                assert (client.gave_up, client.attempt, notes.seen) == (True, 1, [])

    run(main)


def test_who_hung_up_while_waiting_waits_no_more() -> None:
    """A login then connects at once, as after any giving up."""

    async def main() -> None:
        server = Server(streaming)
        async with server.listening():
            notes = Notes()
            async with using(Client(Standing(), server.endpoint, notes)) as client:
                await notes.until("opened")
                client.disconnect()
                client.hang_up()
                client.log_in_again()
                await notes.until("opened", 2)

    run(main)


def test_who_hung_up_leaves_the_stream() -> None:
    async def main() -> None:
        server = Server(streaming)
        async with server.listening():
            notes = Notes()
            async with using(Client(Standing(), server.endpoint, notes)) as client:
                await notes.until("opened")
                client.hang_up()
                assert not client.opened
                await asyncio.wait_for(client.wait_closed(), 20)
                assert notes.of("close") == [("close", 1, "client", 0)]

    run(main)


@pytest.mark.rules("CLI-1")
def test_a_login_while_an_attempt_is_under_way_forgives_no_failure() -> None:
    async def main() -> None:
        async def failing(peer: Peer) -> None:
            pass

        server = Server(failing, nothing)
        async with server.listening():
            notes, clock = Notes(), Jumping()
            policy = Reconnect(after_ns=100, backoff=2, jitter_ns=0)
            async with using(Client(clock, server.endpoint, notes, reconnect=policy)) as client:
                await asked(server, 2)
                client.log_in_again()
                client.disconnect()
                assert clock.waits == [200, 400]

    run(main)


@pytest.mark.rules("NET-9")
def test_what_falls_into_one_instant_is_ordered_by_whose_it_is() -> None:
    class Ordering(Standing):
        asked: ClassVar[list[tuple[Any, ...]]] = []

        def order(self, *what: Any, **_: Any) -> int:
            self.asked.append(what)
            return 0

    async def main() -> None:
        server = Server(streaming)
        async with server.listening():
            clock, notes = Ordering(), Notes()
            async with using(Client(clock, server.endpoint, notes, name="a/0")):
                await notes.until("opened")
        assert clock.asked == [
            (Turn.TIMER, "a/0"), (Turn.CONNECT, "a/0"), (Turn.DRAINED, "a/0", 1),
        ]  # fmt: skip

    run(main)


@pytest.mark.rules("CLI-1")
def test_a_login_does_not_shorten_a_wait() -> None:
    async def main() -> None:
        server = Server(ending)
        async with server.listening():
            notes, clock = Notes(), Standing()
            async with using(Client(clock, server.endpoint, notes)) as client:
                await notes.until("close")
                client.log_in_again()
                await turns()
                assert client.attempt == 1
                assert clock.waits == [3 * S]

    run(main)


def test_the_latest_instant_to_dial_replaces_the_others() -> None:
    async def main() -> None:
        server = Server(streaming)
        async with server.listening():
            notes, clock = Notes(), Standing()
            client = Client(clock, server.endpoint, notes)
            client.dial_at(7)
            client.dial_at(5)
            assert clock.waits == [7, 5]
            async with using(client):  # dials now; no timer is left, or `run` fails
                await notes.until("opened")

    run(main)


@pytest.mark.parametrize("kind", ["opened", "receive"])
def test_who_is_closed_by_good_news_watches_and_reads_no_more(kind: str) -> None:
    async def main() -> None:
        async def two(peer: Peer) -> None:
            await peer.say(STREAM + block(1) + block(2))
            await peer.gone()

        server = Server(two)
        async with server.listening():
            notes = Closing(kind)
            client = notes.client = Client(Standing(), server.endpoint, notes, watchdog_ns=S)
            client.dial()
            await notes.until(kind)
            await turns()
            await client.wait_closed()
            assert notes.kinds() == ["opened", "receive"][: 1 + (kind == "receive")]

    run(main)


def test_waiting_for_the_end_can_be_given_up_before_it() -> None:
    async def main() -> None:
        server = Server(streaming)
        async with server.listening():
            notes = Notes()
            client = Client(Standing(), server.endpoint, notes)
            client.dial()
            await notes.until("opened")
            waiting = asyncio.get_running_loop().create_task(client.wait_closed())
            await turns(2)
            waiting.cancel()
            await turns(2)
            assert waiting.cancelled()
            client.close()
            await turns()  # the transport goes now; `run` fails if that was an error

    run(main)


@pytest.mark.rules("CLI-1")
def test_who_goes_while_a_dial_hangs_calls_it_off() -> None:
    async def main() -> None:
        called_off = []

        async def hanging(*_: object) -> None:
            try:
                await asyncio.get_running_loop().create_future()
            except asyncio.CancelledError:
                called_off.append(True)
                raise

        notes = Notes()
        client = Client(Standing(), Endpoint("h", 1, "/"), notes, dial=hanging)
        client.dial()
        await turns(2)
        client.disconnect()
        await turns(2)
        assert called_off == [True]
        assert notes.seen == [("refuse", 1, "network", None)]
        client.close()
        await asyncio.wait_for(client.wait_closed(), 20)

    run(main)


def test_an_attempt_that_is_over_leaves_nothing_behind() -> None:
    async def main() -> None:
        server = Server(ending)
        async with server.listening():
            notes = Notes()
            async with using(Client(Jumping(), server.endpoint, notes)) as client:
                await notes.until("close", 12)
                assert len(client._dials) <= 1
                assert len(client._leaving) <= 2

    run(main)


def test_a_client_that_never_dialled() -> None:
    client = Client(Standing(), Endpoint("h", 1, "/"), Notes())
    assert (client.attempt, client.opened, client.received, client.gave_up) == (0, False, 0, False)
    assert (client.online, client.stalled, client.idle) == (True, False, True)


# --- what was received last -----------------------------------------------------------------------


@pytest.mark.rules("SSE-2")
def test_an_id_outlasts_a_connection_on_which_none_was_said() -> None:
    async def main() -> None:
        async def first(peer: Peer) -> None:
            await peer.say(STREAM + block(7))

        async def without(peer: Peer) -> None:
            await peer.say(STREAM + b"data: x\n\n")

        server = Server(first, without, ending, streaming)
        async with server.listening():
            notes = Notes()
            async with using(Client(Jumping(), server.endpoint, notes)):
                requests = await asked(server, 4)
                assert [b"Last-Event-ID: e1:7\r\n" in one for one in requests] == [
                    False, True, True, True
                ]  # fmt: skip
                assert [fact[2] for fact in notes.of("receive")] == ["e1:7", "e1:7"]

    run(main)


@pytest.mark.rules("SSE-2")
def test_an_id_without_data_counts_for_the_next_request() -> None:
    async def main() -> None:
        async def only_id(peer: Peer) -> None:
            await peer.say(STREAM + b"id: e1:9\n\n")

        server = Server(only_id, streaming)
        async with server.listening():
            notes = Notes()
            async with using(Client(Jumping(), server.endpoint, notes)):
                assert b"Last-Event-ID: e1:9\r\n" in (await asked(server, 2))[1]

    run(main)


# --- draining -------------------------------------------------------------------------------------


@pytest.mark.rules("NET-3", "NET-9")
def test_an_event_of_somebody_else_is_handled_in_no_time_but_not_at_once() -> None:
    async def main() -> None:
        async def both(peer: Peer) -> None:
            await peer.say(STREAM + b"id: x\ndata: y\n\n" + block(1))
            await peer.gone()

        server = Server(both)
        async with server.listening():
            notes, clock = Notes(), Standing()
            client = Client(clock, server.endpoint, notes, drain=lambda *_: 100)
            async with using(client):
                await notes.until("receive")
                await turns()
                assert clock.waits == [100]
                assert len(notes.of("receive")) == 1

    run(main)


@pytest.mark.rules("NET-3")
def test_a_client_handles_events_in_no_time_unless_told_otherwise() -> None:
    async def main() -> None:
        async def two(peer: Peer) -> None:
            await peer.say(STREAM + block(1) + block(2))
            await peer.gone()

        server = Server(two)
        async with server.listening():
            notes, clock = Notes(), Standing()
            async with using(Client(clock, server.endpoint, notes)) as client:
                await notes.until("receive", 2)
                assert client._drain("e1", 1) == 0
                assert clock.waits == []

    run(main)


@pytest.mark.rules("NET-6")
def test_a_stall_of_a_drain_that_is_overdue_leaves_nothing_of_it() -> None:
    async def main() -> None:
        async def two(peer: Peer) -> None:
            await peer.say(STREAM + block(1) + block(2))
            await peer.gone()

        server = Server(two)
        async with server.listening():
            notes, clock = Notes(), Standing()
            client = Client(clock, server.endpoint, notes, drain=lambda *_: 100)
            async with using(client):
                await notes.until("opened")
                await turns()
                clock.t = 130
                client.stall()
                clock.t = 1000
                client.heal()
                await turns()
                assert len(notes.of("receive")) == 1
                assert clock.waits == [100, 100]  # the second begins at the heal

    run(main)


@pytest.mark.rules("NET-3", "NET-6")
def test_what_the_kernel_held_during_a_stall_begins_when_it_is_read() -> None:
    async def main() -> None:
        async def two(peer: Peer) -> None:
            await peer.say(STREAM)
            await notes.until("opened")
            await peer.say(block(1) + block(2))
            await peer.gone()

        server = Server(two)
        async with server.listening():
            clock = Standing()
            client = Client(
                clock, server.endpoint, notes, drain=lambda *_: 100, read_bytes=len(block(1))
            )
            async with using(client):
                await notes.until("opened")
                await turns()
                clock.t = 130
                client._draining.cancel()  # type: ignore[union-attr]
                client._drained()
                client.stall()
                clock.t = 1000
                client.heal()
                await turns()
                assert clock.waits == [100, 100]

    notes = Notes()
    run(main)


# --- heads ----------------------------------------------------------------------------------------


class Heard:
    """An owner of a connection that remembers what arrived."""

    def __init__(self) -> None:
        self.parts: list[Part] = []
        self.told: list[str] = []

    def connected(self, connection: Connection) -> None:  # noqa: ARG002 - the interface
        self.told.append("connected")

    def heard(self, connection: Connection) -> None:  # noqa: ARG002
        self.told.append("heard")

    def arrived(self, connection: Connection, parts: list[Part]) -> None:  # noqa: ARG002
        self.parts += parts

    def lost(self, connection: Connection) -> None:  # noqa: ARG002
        self.told.append("lost")


def reading(*reads: bytes) -> tuple[Connection, Heard]:
    """A connection into which these were read."""
    owner = Heard()
    connection = Connection(owner, b"", Parser(), max(map(len, reads), default=1))
    for data in reads:
        connection.get_buffer(-1)[: len(data)] = data
        connection.buffer_updated(len(data))
    return connection, owner


def test_sizes_that_the_documentation_states() -> None:
    assert (MAX_HEAD_BYTES, READ_BYTES) == (65_536, 2048)
    assert MOST_RETRY_AFTER_S == 10**9  # seconds, some thirty years


def test_a_head_counts_up_to_its_end_and_not_what_follows_it() -> None:
    filler = b"X: " + b"1" * 60_000 + b"\r\n"
    head = STREAM.replace(b"\r\n", b"\r\n" + filler, 1)
    _, owner = reading(head[:60_000], head[60_000:] + block(1) * 200)
    assert isinstance(owner.parts[0], Head)
    assert sum(isinstance(part, Event) for part in owner.parts) == 200
    assert not any(isinstance(part, End) for part in owner.parts)


@pytest.mark.parametrize(
    ("status", "interim"), [(99, False), (100, True), (101, False), (102, True), (199, True)]
)
def test_what_is_not_the_answer_yet(status: int, interim: bool) -> None:
    _, owner = reading(b"HTTP/1.1 %03d Some\r\n\r\n" % status)
    assert owner.parts[:1] == ([] if interim else [Head(status, ())])


def test_what_comes_after_the_end_is_not_heard() -> None:
    """The end is told once, whoever ended it."""
    over = STREAM.replace(b"Connection: close", b"Content-Length: 0")
    connection, owner = reading(over, block(1))
    assert [type(part) for part in owner.parts] == [Head, End]
    connection.connection_lost(None)
    assert [type(part) for part in owner.parts] == [Head, End]
    assert owner.told == ["heard", "lost"]
    connection, owner = reading(STREAM + block(1)[:-1])
    connection.connection_lost(None)
    assert [type(part) for part in owner.parts] == [Head, End]
    connection, owner = reading(STREAM)
    connection.abort()
    connection.connection_lost(None)
    assert [type(part) for part in owner.parts] == [Head]


def test_a_body_that_is_no_stream_is_not_parsed() -> None:
    page = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 50\r\n\r\n"
    _, owner = reading(page + block(1))
    assert [type(part) for part in owner.parts][:1] == [Head]
    assert not any(isinstance(part, Event) for part in owner.parts)


@pytest.mark.parametrize("count", [1, 255, 256, 65_536])
def test_one_byte_that_waits_is_something(count: int) -> None:
    async def main() -> None:
        server = Server(streaming)
        async with server.listening():
            notes = Notes()
            async with using(Client(Standing(), server.endpoint, notes)) as client:
                await notes.until("opened")
                held = client._connection
                assert held is not None
                client.stall()
                await turns(3)
                assert not held.waits()
                await server.peers[0].say(b":" * count)
                await turns()
                assert held.waits()

    run(main)


# --- what the kernel knows ------------------------------------------------------------------------


class Kernel:
    """A socket that answers what a test says."""

    def __init__(self, answer: bytes | OSError) -> None:
        self.answer = answer

    def getsockopt(self, *_: int) -> bytes:
        if isinstance(self.answer, OSError):
            raise self.answer
        return self.answer


class Transport(asyncio.Transport):
    """A transport that is what a test says and does nothing."""

    def pause_reading(self) -> None:
        pass

    def write(self, data: bytes | bytearray | memoryview) -> None:
        pass

    def is_closing(self) -> bool:
        return False


@pytest.mark.rules("CLI-4")
@pytest.mark.parametrize(
    ("answer", "unheard"),
    [
        (bytes(52) + (700).to_bytes(4, "little"), 7000),
        (bytes(52) + (700).to_bytes(3, "little"), None),
        (bytes(52), None),
        (OSError(errno.ENOPROTOOPT, "no"), None),
    ],
)
def test_a_kernel_that_does_not_know_when_data_came(
    answer: bytes | OSError, unheard: int | None
) -> None:
    connection, _ = reading()
    assert connection.unheard_ns(10_000, 10) is None  # no transport yet
    connection.connection_made(Transport({"socket": Kernel(answer)}))
    assert connection.unheard_ns(10_000, 10) is None  # it reads
    connection.read(wanted=False)
    assert connection.unheard_ns(10_000, 10) == unheard


@pytest.mark.rules("CLI-4")
@pytest.mark.parametrize("left_ns", [0, 1])
def test_a_watchdog_barks_in_the_instant_and_not_before(
    left_ns: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main() -> None:
        server = Server(streaming)
        async with server.listening():
            notes, clock = Notes(), Standing()
            async with using(Client(clock, server.endpoint, notes, watchdog_ns=S)) as client:
                await notes.until("opened")
                monkeypatch.setattr(Connection, "unheard_ns", lambda *_: S - left_ns)
                clock.t = 5 * S
                watch = client._watch
                assert watch is not None
                watch._run()  # type: ignore[attr-defined]
                watch.cancel()
                assert notes.kinds()[1:] == ([] if left_ns else ["close"])
                assert clock.waits[-1] == (left_ns or 3 * S)

    run(main)


@pytest.mark.rules("CLI-4")
def test_where_there_is_no_socket_or_no_such_question_nobody_knows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    connection, _ = reading()
    connection.connection_made(Transport({}))
    connection.read(wanted=False)
    assert connection.unheard_ns(10_000, 10) is None
    assert not connection.waits()
    connection, _ = reading()
    connection.connection_made(Transport({"socket": Kernel(bytes(56))}))
    connection.read(wanted=False)
    monkeypatch.delattr(socket, "TCP_INFO")
    assert connection.unheard_ns(10_000, 10) is None


def test_a_transport_is_asked_once_and_not_while_it_closes() -> None:
    class Asked(Transport):
        closing = False

        def __init__(self) -> None:
            super().__init__({})
            self.asked: list[str] = []

        def pause_reading(self) -> None:
            self.asked.append("pause")

        def resume_reading(self) -> None:
            self.asked.append("resume")

        def is_closing(self) -> bool:
            return self.closing

    connection, _ = reading()
    connection.read(wanted=False)  # no transport yet
    transport = Asked()
    connection.connection_made(transport)
    for wanted in (True, False, False, True, True):
        connection.read(wanted=wanted)
    assert transport.asked == ["pause", "resume"]
    transport.closing = True
    connection.read(wanted=False)
    assert transport.asked == ["pause", "resume"]


# --- sockets --------------------------------------------------------------------------------------


class Tried(socket.socket):
    """A socket that remembers how it was when it connected."""

    blocking: bool | None = None

    def connect(self, address: Any, /) -> None:
        self.blocking = self.getblocking()
        super().connect(address)


def test_a_connect_does_not_block_the_loop() -> None:
    async def main() -> None:
        made: list[Tried] = []

        def opened() -> socket.socket:
            made.append(Tried(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP))
            return made[0]

        server = Server(streaming)
        async with server.listening():
            notes = Notes()
            dial = tcp(opened=opened)
            async with using(Client(Standing(), server.endpoint, notes, dial=dial)):
                await notes.until("opened")
                assert made[0].blocking is False

    run(main)


def test_a_dial_that_failed_closes_its_socket() -> None:
    async def main() -> None:
        with socket.socket() as held, socket.socket() as used:
            held.bind(("127.0.0.1", 0))  # nobody listens there
            there = Endpoint("127.0.0.1", held.getsockname()[1], "/")
            with pytest.raises(ConnectionRefusedError):
                await tcp(opened=lambda: used)(asyncio.Protocol, there)
            assert used.fileno() == -1

    run(main)
