"""What a client makes of answers: statuses, redirects, types, broken responses (CLI-3)."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import pytest

from simrt.client import Client, Endpoint, Reconnect
from simrt.client.headers import MOST_RETRY_AFTER_S
from simrt.client.reconnect import AT_ONCE

from .scripted import (
    STREAM,
    Jumping,
    Notes,
    Peer,
    Script,
    Server,
    Standing,
    block,
    run,
    turns,
    using,
)

pytestmark = pytest.mark.real


def saying(data: bytes, piece: int = 0) -> Script:
    """A script that says this and ends."""

    async def script(peer: Peer) -> None:
        await peer.say(data, piece)

    return script


async def streaming(peer: Peer) -> None:
    """A script that opens a stream and waits."""
    await peer.say(STREAM)
    await peer.gone()


def answer(status: int, *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status} Some", "Content-Length: 0", *headers]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


@pytest.mark.rules("CLI-3")
@pytest.mark.parametrize(
    "status", [201, 204, 206, 300, 304, 400, 401, 403, 404, 429, 500, 502, 503]
)
def test_any_status_but_200_ends_a_browser(status: int) -> None:
    """CLI-3: refused and given up, with the status; no other attempt."""

    async def main() -> None:
        server = Server(saying(answer(status, "Retry-After: 1")))
        async with server.listening():
            notes = Notes()
            client = Client(Jumping(), server.endpoint, notes)
            async with using(client):
                await notes.until("gave-up")
                client.dial()
                await turns()
                assert notes.seen == [
                    ("refuse", 1, "status", {"status": status}),
                    ("gave-up", 1, "status", {"status": status}),
                ]
                assert client.gave_up
                assert len(server.peers) == 1

    run(main)


@pytest.mark.rules("CLI-3")
@pytest.mark.parametrize("kind", ["text/html", "text/event-streams", "", None])
def test_200_of_another_type_ends_it(kind: str | None) -> None:
    """CLI-3: as in browsers, 200 alone is not a stream."""

    async def main() -> None:
        header = b"" if kind is None else f"Content-Type: {kind}\r\n".encode()
        server = Server(saying(b"HTTP/1.1 200 OK\r\n" + header + b"\r\n" + block(1)))
        async with server.listening():
            notes = Notes()
            async with using(Client(Jumping(), server.endpoint, notes)):
                await notes.until("gave-up")
                detail = {"status": 200, "content_type": kind or ""}
                assert notes.seen == [
                    ("refuse", 1, "status", detail),
                    ("gave-up", 1, "status", detail),
                ]

    run(main)


@pytest.mark.parametrize("kind", ["text/event-stream;charset=utf-8", "Text/Event-Stream ; x=y"])
def test_parameters_and_case_of_the_type_do_not_matter(kind: str) -> None:
    async def main() -> None:
        server = Server(
            saying(f"HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\n\r\n".encode() + block(1))
        )
        async with server.listening():
            notes = Notes()
            async with using(Client(Standing(), server.endpoint, notes)):
                await notes.until("close")
                assert notes.kinds() == ["opened", "receive", "close"]

    run(main)


def test_of_several_types_the_last_counts() -> None:
    async def main() -> None:
        kinds = b"content-type: text/html\r\ncontent-type: text/event-stream\r\n"
        server = Server(saying(b"HTTP/1.1 200 OK\r\n" + kinds + b"\r\n" + block(1)))
        async with server.listening():
            notes = Notes()
            async with using(Client(Standing(), server.endpoint, notes)):
                await notes.until("close")
                assert notes.kinds() == ["opened", "receive", "close"]

    run(main)


@pytest.mark.rules("CLI-3")
@pytest.mark.parametrize(
    ("retry_after", "waited_s"),
    [("7", 7), ("0", 3), ("Thu, 01 Jan 2026 00:01:00 GMT", 60), ("Thu, 01 Jan 2026 00:01:00", 60),
     ("9" * 400, MOST_RETRY_AFTER_S)],
)  # fmt: skip
def test_patient_returns_after_503_with_retry_after(retry_after: str, waited_s: int) -> None:
    """CLI-3: no sooner than asked for, and no sooner than CLI-1 says."""

    async def main() -> None:
        server = Server(saying(answer(503, f"Retry-After: {retry_after}")), streaming)
        async with server.listening():
            notes = Notes()
            clock = Jumping()
            async with using(Client(clock, server.endpoint, notes, patient=True)):
                await notes.until("opened")
                assert notes.seen == [("refuse", 1, "status", {"status": 503}), ("opened", 2)]
                assert clock.waits == [waited_s * 10**9]

    run(main)


@pytest.mark.rules("CLI-3")
@pytest.mark.parametrize(
    ("status", "headers"),
    [
        (503, ()),
        (503, ("Retry-After: soon",)),
        (503, ("Retry-After: -1",)),
        (503, (f"Retry-After: Thu, 01 Jan {'9' * 400} 00:00:00 GMT",)),
        (429, ("Retry-After: 1",)),
        (401, ("Retry-After: 1",)),
    ],
)
def test_patient_gives_up_otherwise(status: int, headers: tuple[str, ...]) -> None:
    async def main() -> None:
        server = Server(saying(answer(status, *headers)))
        async with server.listening():
            notes = Notes()
            async with using(Client(Jumping(), server.endpoint, notes, patient=True)):
                await notes.until("gave-up")
                assert notes.kinds() == ["refuse", "gave-up"]

    run(main)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize(
    "location", ["/moved?x=1", "../moved?x=1", "http://127.0.0.1:{port}/moved?x=1"]
)
def test_redirects_are_followed_within_one_attempt(status: int, location: str) -> None:
    async def main() -> None:
        async def redirect(peer: Peer) -> None:
            await peer.say(answer(status, "Location: " + location.format(port=server.port)))

        server = Server(redirect, saying(STREAM + block(1)), redirect, streaming)
        async with server.listening():
            notes = Notes()
            headers = (("Authorization", "Bearer x"),)
            client = Client(Jumping(), server.endpoint, notes, headers=lambda _: headers)
            async with using(client):
                await notes.until("opened", 2)
            assert [fact[:2] for fact in notes.seen] == [
                ("opened", 1), ("receive", 1), ("close", 1), ("opened", 2)
            ]  # fmt: skip
            first, second, third, _ = (peer.request for peer in server.peers)
            assert first.startswith(b"GET /shop/news HTTP/1.1\r\n")
            assert second.startswith(b"GET /moved?x=1 HTTP/1.1\r\n")
            assert b"Authorization: Bearer x" in second
            # As EventSource: each attempt begins at the address it was made with.
            assert third.startswith(b"GET /shop/news HTTP/1.1\r\n")

    run(main)


def test_credentials_do_not_follow_to_another_origin() -> None:
    async def main() -> None:
        other = Server(streaming)
        async with other.listening():

            async def redirect(peer: Peer) -> None:
                await peer.say(answer(302, f"Location: http://127.0.0.1:{other.port}/there"))

            server = Server(redirect)
            async with server.listening():
                notes = Notes()
                headers = (("Authorization", "Bearer x"), ("simrt-subscriber", "office/0"))
                client = Client(Jumping(), server.endpoint, notes, headers=lambda _: headers)
                async with using(client):
                    await notes.until("opened")
                assert b"Authorization" in server.peers[0].request
                assert b"Authorization" not in other.peers[0].request
                assert f"Host: 127.0.0.1:{other.port}".encode() in other.peers[0].request
                assert b"simrt-subscriber: office/0" in other.peers[0].request

    run(main)


def test_endless_redirects_are_a_network_error() -> None:
    """As fetch: 20 are followed, then the attempt failed, and EventSource tries again."""

    async def main() -> None:
        server = Server(saying(answer(302, "Location: /again")))
        async with server.listening():
            notes = Notes()
            async with using(Client(Standing(), server.endpoint, notes)):
                await notes.until("refuse")
                assert notes.seen == [("refuse", 1, "network", {"redirects": 20})]
                assert len(server.peers) == 21

    run(main)


@pytest.mark.parametrize("location", ["https://127.0.0.1/x", "http://[bad/", "mailto:x@y", None])
def test_redirects_that_cannot_be_followed_end_it(location: str | None) -> None:
    async def main() -> None:
        headers = () if location is None else (f"Location: {location}",)
        server = Server(saying(answer(302, *headers)))
        async with server.listening():
            notes = Notes()
            async with using(Client(Standing(), server.endpoint, notes)):
                await notes.until("refuse")
                await turns()
                assert notes.seen[-1] == ("gave-up", 1, "status", {"status": 302})

    run(main)


async def resets(peer: Peer) -> None:
    """A script that answers with a reset."""
    peer.reset()


@pytest.mark.rules("CLI-1", "CLI-3")
@pytest.mark.parametrize(
    "script",
    [
        saying(b""),
        saying(b"HTTP/1.1 200 OK\r\nContent-Type: text/ev"),
        saying(b"SSH-2.0-OpenSSH_9.2\r\n"),
        saying(b"HTTP/1.1 2000 OK\r\n\r\n"),
        saying(b"HTTP/1.1 200 OK\r\n" + b"X-Filler: " + b"x" * 70_000),
        resets,
    ],
    ids=["silent", "half a head", "not HTTP", "bad status", "endless head", "reset"],
)
def test_an_attempt_that_ends_before_a_response_failed(script: Script) -> None:
    """CLI-1: `network`; the next attempt follows."""

    async def main() -> None:
        server = Server(script, streaming)
        async with server.listening():
            notes = Notes()
            async with using(Client(Jumping(), server.endpoint, notes)):
                await notes.until("opened")
                assert notes.seen == [("refuse", 1, "network", None), ("opened", 2)]

    run(main)


def free_port() -> socket.socket:
    """A socket that holds a port on which nobody listens."""
    sock = socket.socket()
    sock.bind(("127.0.0.1", 0))
    return sock


@pytest.mark.rules("CLI-1")
def test_nobody_listens() -> None:
    """CLI-1: `down`; with backoff, `atMost`, and the jitter of each attempt's own number."""

    async def main() -> None:
        with free_port() as held:
            notes = Notes()
            clock = Jumping()
            policy = Reconnect(after_ns=1000, jitter_ns=100, backoff=3, at_most_ns=20_000)
            client = Client(
                clock,
                Endpoint("127.0.0.1", held.getsockname()[1], "/"),
                notes,
                reconnect=policy,
                jitter=lambda attempt: attempt / 100,
            )
            async with using(client):
                await notes.until("refuse", 5)
            expected: list[tuple[Any, ...]] = [("refuse", n, "down", None) for n in range(1, 6)]
            assert notes.seen[:5] == expected
            assert clock.waits[:5] == [3002, 9003, 20_004, 20_005, 20_006]

    run(main)


def test_no_route_is_no_network() -> None:
    async def main() -> None:
        notes = Notes()

        async def unreachable(*_: object) -> None:
            raise OSError(101, "Network is unreachable")

        client = Client(Standing(), Endpoint("10.0.0.1", 1, "/"), notes, dial=unreachable)
        async with using(client):
            await notes.until("refuse")
            assert notes.seen == [("refuse", 1, "offline", None)]

    run(main)


def test_interim_responses_are_not_the_answer() -> None:
    async def main() -> None:
        interim = b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n"
        server = Server(saying(interim + STREAM + block(1)))
        async with server.listening():
            notes = Notes()
            async with using(Client(Standing(), server.endpoint, notes)):
                await notes.until("close")
                assert notes.kinds() == ["opened", "receive", "close"]

    run(main)


def test_another_protocol_is_no_stream() -> None:
    async def main() -> None:
        head = b"HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\nxx"
        server = Server(saying(head))
        async with server.listening():
            notes = Notes()
            async with using(Client(Standing(), server.endpoint, notes)):
                await notes.until("gave-up")
                assert notes.seen[-1] == ("gave-up", 1, "status", {"status": 101})

    run(main)


def test_closing_while_dialling_leaves_nothing() -> None:
    async def main() -> None:
        server = Server(streaming)
        async with server.listening():
            for pause in range(6):
                notes = Notes()
                client = Client(Jumping(), server.endpoint, notes)
                client.dial()
                for _ in range(pause):
                    await asyncio.sleep(0)
                client.close()
                await client.wait_closed()
                assert notes.seen == []

    run(main)


@pytest.mark.rules("CLI-3", "SSE-4")
def test_who_logs_in_again_connects_anew_without_a_last_id() -> None:
    async def main() -> None:
        async def refused(peer: Peer) -> None:
            await peer.say(b"HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n")

        async def once(peer: Peer) -> None:
            await peer.say(STREAM + block(7))

        server = Server(once, refused, streaming)
        async with server.listening():
            notes = Notes()
            clock = Jumping()
            async with using(Client(clock, server.endpoint, notes)) as client:
                await notes.until("gave-up")
                assert b"Last-Event-ID: e1:7" in server.peers[1].request
                client.log_in_again()
                client.log_in_again()  # an attempt is under way
                await notes.until("opened", 2)
                assert not client.gave_up
                assert b"Last-Event-ID" not in server.peers[2].request
                client.log_in_again()  # a stream is open
                await turns()
                assert client.attempt == 3

    run(main)


@pytest.mark.rules("CLI-1")
@pytest.mark.parametrize("failures", [0, 1, 3])
def test_who_logs_in_again_has_not_failed_yet(failures: int) -> None:
    """CLI-1: the waits after a login are those of a client that never failed before it."""

    async def main() -> None:
        async def refused(peer: Peer) -> None:
            await peer.say(answer(401))

        async def failing(peer: Peer) -> None:
            pass

        server = Server(*[failing] * failures, refused, failing, failing, streaming)
        async with server.listening():
            notes = Notes()
            clock = Jumping()
            policy = Reconnect(after_ns=100, backoff=2, jitter_ns=0)
            async with using(Client(clock, server.endpoint, notes, reconnect=policy)) as client:
                await notes.until("gave-up")
                assert clock.waits == [200, 400, 800][:failures]
                client.log_in_again()
                await notes.until("opened")
                assert clock.waits[failures:] == [200, 400]

    run(main)


@pytest.mark.rules("CLI-1")
def test_who_logs_in_again_without_a_network_waits_for_it() -> None:
    async def main() -> None:
        server = Server(streaming)
        async with server.listening():
            notes = Notes()
            client = Client(Standing(), server.endpoint, notes, reconnect=AT_ONCE)
            async with using(client):
                await notes.until("opened")
                client.go_offline()
                client.log_in_again()
                assert client.attempt == 1
                client.go_online()
                await notes.until("opened", 2)

    run(main)
