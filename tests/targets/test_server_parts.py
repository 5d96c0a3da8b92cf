"""Parts of the target `server`: callers of hooks, credentials, processes, the measured window."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import sys
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any

import jwt
import pytest

from simrt.client.connection import READ_BYTES
from simrt.clock import RealClock
from simrt.errors import HistoryError, TargetError, UsageError
from simrt.history import read_history
from simrt.scenario import Randomness, neighbour_of, scenario
from simrt.scenario.model import Scenario
from simrt.targets import server as target
from simrt.targets.harness.calls import Caller, Hook, Line, LostCall
from simrt.targets.harness.credentials import KINDS, Credentials
from simrt.targets.harness.members import Member, Rows, reconnect_of
from simrt.targets.server.calibrate import calibrate
from simrt.targets.server.lives import Lives
from simrt.targets.server.merge import Life
from simrt.targets.server.namespace import own_network, why_none
from simrt.targets.server.process import ServerProcess
from simrt.targets.server.punctuality import Punctuality, instants_of
from simrt.targets.server.record import Part
from simrt.targets.server.sockets import buffers_of, rcvbuf_of, typical_event
from simrt.targets.server.wire import Loopback
from tests.marks import calibrated
from tests.targets import small as smallest

small: Callable[..., Scenario] = smallest.small

S = 1_000_000_000
nothing = contextlib.nullcontext
HOOK = Hook("p", "c", "e", "POST /e", (("Authorization", "Bearer t"),))

Answering = Callable[[bytes, asyncio.StreamWriter], Awaitable[None]]


def run(main: Callable[[], Coroutine[Any, Any, None]]) -> None:
    failures: list[dict[str, Any]] = []

    async def guarded() -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: failures.append(context))
        await asyncio.wait_for(main(), 60)

    asyncio.run(guarded())
    assert failures == []


class Site:
    """A raw HTTP server: what it was asked, and an answer for each."""

    def __init__(self, *answers: bytes) -> None:
        self.bodies: list[bytes] = []
        self.heads: list[bytes] = []
        self.connections = 0
        self._answers = list(answers)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                size = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
                self.heads.append(head)
                self.bodies.append(await reader.readexactly(size))
                answer = self._answers.pop(0) if self._answers else b"204"
                if not answer:
                    break
                text = b"no" if answer != b"204" else b""
                writer.write(
                    b"HTTP/1.1 %b X\r\nContent-Length: %d\r\n\r\n%b" % (answer, len(text), text)
                )
        writer.close()

    @contextlib.asynccontextmanager
    async def listening(self, port: int = 0) -> Any:
        listener = await asyncio.start_server(self.serve, "127.0.0.1", port)
        try:
            yield listener.sockets[0].getsockname()[1]
        finally:
            listener.close()
            await listener.wait_closed()


class Called:
    """A caller with its notes."""

    def __init__(self, port: int) -> None:
        self.down: list[Hook] = []
        self.lost: list[LostCall] = []
        self.life = 0
        self.caller = Caller(
            HOOK,
            Line("127.0.0.1", port),
            life=lambda: self.life,
            down=self.down.append,
            lost=self.lost.append,
            now=lambda: 77,
        )

    @contextlib.asynccontextmanager
    async def working(self) -> Any:
        task = asyncio.create_task(self.caller.work())
        try:
            yield self
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def idle(self) -> None:
        while not self.caller.idle:  # noqa: ASYNC110 - the caller has no event for it
            await asyncio.sleep(0.001)


@pytest.mark.real
@pytest.mark.rules("HOK-1")
def test_calls_keep_their_order_on_one_connection() -> None:
    async def main() -> None:
        site = Site()
        async with site.listening() as port, Called(port).working() as called:
            for n in range(50):
                called.caller.call(lambda n=n: b"%d" % n)
                if n % 7 == 0:
                    await asyncio.sleep(0.002)
            await called.idle()
            assert site.bodies == [b"%d" % n for n in range(50)]
            assert site.connections == 1
            assert site.heads[0].startswith(b"POST /p/e HTTP/1.1\r\n")
            assert b"\r\nAuthorization: Bearer t\r\n" in site.heads[0]
            assert (called.down, called.lost) == ([], [])

    run(main)


@pytest.mark.real
@pytest.mark.rules("RST-5")
def test_calls_that_find_nobody_or_lose_their_answer() -> None:
    """Refused is `down` for sure; a lost answer says how many were answered in that life."""

    async def main() -> None:
        site = Site(b"204", b"422", b"204", b"")
        async with site.listening() as port, Called(port).working() as called:
            for _ in range(4):
                called.caller.call(lambda: b"x")
            await called.idle()
        assert called.lost == [LostCall(HOOK, 0, 77, 2, 1)]
        async with Called(port).working() as called:
            called.caller.call(lambda: b"x")
            called.caller.call(lambda: b"y")
            await called.idle()
            assert (called.down, called.lost) == ([HOOK, HOOK], [])
            # The server is back: the next call goes to it, and the counts begin anew.
            called.life = 1
            later = Site(b"204", b"")
            async with later.listening(port):
                called.caller.call(lambda: b"z")
                called.caller.call(lambda: b"z")
                await called.idle()
            assert later.bodies == [b"z", b"z"]
            assert called.lost == [LostCall(HOOK, 1, 77, 1, 0)]

    run(main)


@pytest.mark.real
def test_a_kept_connection_that_ended_is_not_used() -> None:
    """A restart between two calls: the second goes to the new server and is not lost."""

    async def main() -> None:
        first, second = Site(), Site()
        async with first.listening() as port, Called(port).working() as called:
            called.caller.call(lambda: b"1")
            await called.idle()
            _, writer = called.caller._line._streams
            writer.transport.abort()
            await asyncio.sleep(0.01)
            called.caller.call(lambda: b"2")
            await called.idle()
            assert called.lost == []
            assert first.connections == 2
        assert second.bodies == []

    run(main)


@pytest.mark.real
@pytest.mark.parametrize("status", [b"401", b"403", b"404", b"500"])
def test_an_answer_that_is_none_is_an_error(status: bytes) -> None:
    async def main() -> None:
        site = Site(status)
        async with site.listening() as port:
            line = Line("127.0.0.1", port)
            with pytest.raises(TargetError, match=f"POST /e of p answered {status.decode()}: no"):
                await line.call(HOOK, b"{}")
            line.close()

    run(main)


def test_a_call_without_a_body_is_not_made() -> None:
    async def main() -> None:
        site = Site()
        async with site.listening() as port, Called(port).working() as called:
            for body in (b"1", None, b"3"):
                called.caller.call(lambda body=body: body)
            await called.idle()
            assert site.bodies == [b"1", b"3"]

    run(main)


def test_nothing_is_called_after_the_workload() -> None:
    made = Punctuality(10 * S, speed=20.0, instants=3)
    assert made.in_time("a", 9 * S, 10 * S - 1, alone=True)
    assert not made.in_time("a", 9 * S, 10 * S, alone=True)
    assert not made.in_time("a", 10 * S - 1, 11 * S, alone=False)
    assert made.unsent == 2
    assert made.kept_up(0)  # a second of the scenario is 50 ms: what a machine is late by


def test_a_run_that_fell_behind_did_not_keep_up() -> None:
    """Due 0.3 real seconds before the end and not made: another workload than the scenario's."""
    made = Punctuality(10 * S, speed=20.0, instants=100)
    assert not made.in_time("a", 4 * S, 10 * S, alone=False)
    assert not made.kept_up(101_000_000)


@pytest.mark.parametrize(("late", "kept_up"), [(9, True), (11, False)])
def test_a_tenth_of_late_calls_is_too_many(late: int, kept_up: bool) -> None:
    made = Punctuality(1000 * S, speed=10.0, instants=100)
    for number in range(100):
        made.in_time("a", number * S, number * S + (3 * S if number < late else 0), alone=True)
        made.in_time("a", number * S, number * S + 30 * S, alone=False)  # a burst queues by design
        assert made.hopeless(0) == (late > 10 and number >= 10)  # as soon as that is certain
    assert 290_000_000 < made.p99_ns() < 310_000_000
    assert made.kept_up(0) == kept_up
    # Everything was late on this machine, and the resolution says so.
    assert made.kept_up(101_000_000)
    assert not made.hopeless(101_000_000)


def test_calls_of_one_instant_wait_for_each_other_by_design() -> None:
    """The first of a batch tells whether the machine keeps up; the resolution knows them all."""
    made = Punctuality(1000 * S, speed=10.0, instants=4)
    for due in (0, 10 * S):
        for hook in ("a", "b"):
            for number in range(50):
                assert made.in_time(hook, due, due + number * S, alone=True)
    assert made.p99_ns() > 1_900_000_000
    assert made.kept_up(0)
    assert not made.hopeless(0)


@pytest.mark.parametrize(("unsent", "kept_up"), [(9, True), (11, False)])
def test_a_batch_may_lose_a_little_to_the_end_and_not_more(unsent: int, kept_up: bool) -> None:
    made = Punctuality(100 * S, speed=10.0, instants=1)
    for number in range(100):
        made.in_time("a", 90 * S, (90 if number < 100 - unsent else 100) * S, alone=True)
    assert made.unsent == unsent
    assert made.kept_up(0) == kept_up


def test_a_machine_whose_timers_are_late_does_not_keep_up() -> None:
    """Calls are excused where timers are late, and then the timers count."""
    made = Punctuality(1000 * S, speed=10.0, instants=100)
    made.in_time("a", 0, 0, alone=True)
    assert made.kept_up(500_000_000)
    assert not made.kept_up(500_000_001)


def test_instants_of_a_workload() -> None:
    """One for each batch and hook of the scenario and of its neighbour, whatever its size."""
    arrivals = {"batch": {"periodic": "2s", "size": {"fixed": 50}}}
    spec = small(duration="10s", publish=[{"event": "e", "arrivals": arrivals}])
    beside = neighbour_of(spec)
    alone = instants_of([spec], Randomness(1))
    assert alone == 4
    both = instants_of([spec, beside], Randomness(1))
    assert both == alone + instants_of([beside], Randomness(1)) > alone


# --- credentials ------------------------------------------------------------------------------


@pytest.mark.rules("SSE-4")
def test_each_kind_of_jwt() -> None:
    """Right: this audience, valid for the whole run; each other kind is wrong in one way only."""
    spec = small()
    made = Credentials((spec, neighbour_of(spec)))
    shown = {kind: made.headers(kind, "p", {"user": ("GET",)}, "GET", "g/0") for kind in KINDS}
    assert shown.pop("none") == ()
    claims = {}
    for kind, ((name, value),) in shown.items():
        assert name == "Authorization"
        token = value.removeprefix("Bearer ")
        claims[kind] = jwt.decode(token, options={"verify_signature": False})
        signed = True
        try:
            jwt.decode(token, made.secret, ["HS256"], options={
                "verify_exp": False, "verify_aud": False})  # fmt: skip
        except jwt.InvalidSignatureError:
            signed = False
        assert signed == (kind != "wrong")
    begin = spec.starts.timestamp()
    assert claims["right"] == claims["wrong"]
    assert claims["right"]["aud"] == claims["expired"]["aud"] == "p"
    assert claims["other-project"]["aud"] == "p-neighbour"
    assert claims["expired"]["exp"] < begin
    run_s = (spec.workload.duration_ns + spec.server.quiet_ns) / 10**9
    assert claims["right"]["exp"] > begin + run_s


@pytest.mark.rules("SSE-4")
def test_each_kind_of_token() -> None:
    spec = small()
    both = (spec, neighbour_of(spec))
    made = Credentials(both)
    permission = {"token:t": ("POST",)}
    shown = {kind: made.headers(kind, "p", permission, "POST", "x") for kind in KINDS}
    assert shown["right"] == (("Authorization", f"Bearer {made.tokens['p']['t']}"),)
    assert shown["none"] == ()
    values = [headers[0][1] for headers in shown.values() if headers]
    assert len(set(values)) == 4
    # The stream's own tokens exist in both projects, with different secrets.
    data = spec.normalised()
    data["feature"]["stream"]["permission"] = {"token:reader": ["GET"]}
    spec = Scenario.model_validate(data)
    made = Credentials((spec, neighbour_of(spec)))
    theirs = made.headers("other-project", "p", {"token:reader": ("GET",)}, "GET", "x")
    assert theirs == (("Authorization", f"Bearer {made.tokens['p-neighbour']['reader']}"),)
    assert made.tokens["p"]["reader"] != made.tokens["p-neighbour"]["reader"]


def test_public_needs_none_and_the_method_decides() -> None:
    spec = small()
    made = Credentials((spec, neighbour_of(spec)))
    assert made.headers("right", "p", {"public": ("GET",)}, "GET", "x") == ()
    assert made.headers("right", "p", None, "POST", "x") == ()
    both = {"user": ("GET",), "token:t": ("POST",)}
    assert made.headers("right", "p", both, "POST", "x")[0][1].endswith(made.tokens["p"]["t"])
    assert made.headers("wrong", "p", {"public": ("GET",)}, "GET", "x") != ()


# --- members ----------------------------------------------------------------------------------


@pytest.mark.rules("CLI-1", "NET-3")
def test_members_draw_from_the_streams_that_sim_draws_from(tmp_path: Path) -> None:
    """Drains by member, life and seq; the jitter by member and attempt."""
    group = {
        "count": 2,
        "drain": {"exponential": "20ms"},
        "window": 4,
        "client": "patient",
        "reconnect": {"after": "7s", "jitter": "2s", "backoff": 2, "atMost": "9s"},
    }
    spec = small(**group)
    plays = (spec, neighbour_of(spec))
    randomness = Randomness(5)
    lives = Lives(tmp_path, {}, lambda _: None)
    lives.lives = [Life(tmp_path / "0"), Life(tmp_path / "1"), Life(tmp_path / "2")]
    lives.epochs = ["a", "b"]
    clock = RealClock(spec.starts)
    part = Part(tmp_path / "part", clock)
    part.close()
    member = Member(
        spec,
        "g",
        1,
        clock=clock,
        address=("127.0.0.1", 1),
        rows=Rows(part, spec, "g/1", lives),
        network=Loopback(4096),
        lives=lives,
        randomness=randomness,
        credentials=Credentials(plays),
    )
    law = spec.workload.subscribers["g"].drain
    # The newest life's name may reach a client before it reaches the harness.
    for life, epoch in enumerate(("a", "b", "not heard of yet")):
        draws = Randomness(5).draws(f"drain/g/1/{life}", law)
        seqs = (1, 2, 300)
        assert [member.client._drain(epoch, seq) for seq in seqs] == [draws.at(n) for n in seqs]
    taken = member.client._drain("a", 7)
    member.slow_down("fault/0", 3)
    member.slow_down("fault/1", 2.5)
    assert member.client._drain("a", 7) == round(taken * 7.5)
    member.speed_up("fault/0")
    member.speed_up("fault/1")
    assert member.client._drain("a", 7) == taken
    share = Randomness(5).uniform("reconnect/g/1").at(3)
    client = member.client
    assert client._jitter(3) == share
    assert client._reconnect.wait_ns(0, None, share) == 7 * 10**9 + int(share * 2 * 10**9)
    assert client._reconnect.wait_ns(9, None, 0.0) == 9 * 10**9
    assert client._patient
    assert dict(client._headers(4)) | {"Authorization": ""} == {
        "simrt-subscriber": "g/1",
        "simrt-connection": "4",
        "Authorization": "",
    }
    at_once = small(reconnect="at-once").workload.subscribers["g"]
    assert reconnect_of(at_once).at_once


# --- processes --------------------------------------------------------------------------------


def config(spec: Scenario, port: int = 0) -> dict[str, Any]:
    plays = (spec, neighbour_of(spec))
    made = Credentials(plays)
    return {
        "scenarios": [play.normalised() for play in plays],
        "starts": spec.starts.isoformat(),
        "host": "127.0.0.1",
        "port": port,
        "secret": made.secret,
        "tokens": made.tokens,
        **buffers_of(spec),
    }


@pytest.mark.real
def test_a_port_in_use_is_said(tmp_path: Path) -> None:
    async def main() -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = taken.getsockname()[1]
            process = ServerProcess(tmp_path / "s.jsonl", config(small(), port))
            await process.start()
            with pytest.raises(TargetError, match=f"port {port} .*in use"):
                await process.listen()
            await process.stop()
            assert not process.alive

    run(main)


@pytest.mark.real
def test_a_process_ends_with_its_stdin(tmp_path: Path) -> None:
    """Stopping is orderly; asking afterwards says that it is gone."""

    async def main() -> None:
        process = ServerProcess(tmp_path / "s.jsonl", config(small()))
        await process.start()
        listening = await process.listen()
        assert (listening.port > 0, len(listening.epoch) > 0) == (True, True)
        assert await process.ask("count") == {"counts": []}
        assert (await process.ask("end"))["ended"] is True
        await process.stop()
        assert process._popen is not None
        assert process._popen.returncode == 0
        with pytest.raises(TargetError, match="ended"):
            await process.ask("count")

    run(main)


@pytest.mark.real
def test_an_answer_may_come_in_parts(tmp_path: Path) -> None:
    """A pipe brings bytes, not lines: half an answer waits for its other half."""
    code = """
import sys
def say(text):
    sys.stdout.write(text)
    sys.stdout.flush()
sys.stdin.readline()
say('{"held": ')
sys.stdin.readline()
say('true}\\n{"counts"')
sys.stdin.readline()
say(': []}\\n{"ended": true}\\n')
sys.stdin.read()
"""

    async def main() -> None:
        process = ServerProcess(tmp_path / "s.jsonl", {}, (sys.executable, "-c", code))
        arrived: list[bytes] = []
        came = asyncio.Event()
        real = process.data_received

        def data_received(data: bytes) -> None:
            real(data)
            arrived.append(data)
            came.set()

        process.data_received = data_received  # type: ignore[method-assign]
        await process.start()
        asked = []
        for word in ("count", "end"):
            await came.wait()  # the next part is not written before this one was read
            came.clear()
            asked.append(asyncio.create_task(process.ask(word)))
        await process.ready()
        assert [await each for each in asked] == [{"counts": []}, {"ended": True}]
        assert len(arrived) == 3
        await process.stop()

    run(main)


@pytest.mark.real
def test_a_process_that_ignores_the_end_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("simrt.targets.server.process._EXIT_S", 0.05)
    code = "import time\nwhile True: time.sleep(1)"

    async def main() -> None:
        process = ServerProcess(tmp_path / "s.jsonl", {}, (sys.executable, "-c", code))
        await process.start()
        await process.stop()
        assert process._popen is not None
        assert process._popen.returncode == -9

    run(main)


# --- the window -------------------------------------------------------------------------------


@calibrated
@pytest.mark.real
@pytest.mark.rules("SSE-6", "NET-9")
def test_the_window_is_measured(tmp_path: Path) -> None:
    """A larger receive buffer swallows more; each is bounded by what the kernel holds."""
    spec = small()

    async def main() -> None:
        measured = await calibrate(spec, (2304, 65_536, 2304), config(spec), tmp_path)
        assert list(measured) == [2304, 65_536]
        least, most = measured[2304], measured[65_536]
        assert 1 <= least.messages < most.messages < 20_000
        assert least.wire_bytes > least.messages * 50
        for found in measured.values():
            assert found.most_bytes >= found.wire_bytes + READ_BYTES
            assert found.trip_ns > 0
            assert found.silence is None
            assert found.written(20.0, silent=True)["trip_ns"] == 20 * found.trip_ns

    run(main)


@calibrated
@pytest.mark.real
@pytest.mark.rules("NET-7", "NET-9")
@pytest.mark.skipif(bool(why_none(1)), reason=f"no packets can be lost here: {why_none(1)}")
def test_what_the_kernel_does_in_silence_is_measured(tmp_path: Path) -> None:
    """It takes something, repeats what is lost no sooner than RFC 6298 has it on Linux (200 ms),
    and its first pause is not the second one (400 ms more)."""
    spec = small()

    async def main() -> None:
        with own_network(1) as namespace:
            assert namespace is not None
            within = {**config(spec), "host": namespace.host}
            found = (await calibrate(spec, (2304,), within, tmp_path, {2304: 0.02}, namespace))[
                2304
            ]
        assert found.silence is not None
        seen = found.silence
        assert 0 < seen.least_bytes <= seen.most_bytes < 60_000
        assert 200_000_000 <= seen.least_pause_ns <= seen.most_pause_ns
        assert seen.least_pause_ns < 600_000_000
        assert "pause_ns" not in found.written(10.0, silent=False)
        written = found.written(10.0, silent=True)
        assert written["pause_ns"] == 10 * seen.least_pause_ns
        assert written["most_silent_bytes"] == seen.most_bytes

    run(main)


@calibrated
@pytest.mark.real
@pytest.mark.rules("SSE-6", "NET-9")
def test_the_systems_own_buffers_hold_far_more(tmp_path: Path) -> None:
    """`kernelBuffers: default` sets nothing on either side."""
    text = {"text": "x" * 8000}
    settings = {
        "subscribers": {"g": {"window": "4MiB"}},
        "publish": [{"event": "e", "arrivals": {"periodic": "1/s"}, "data": text}],
    }
    few = small(**settings, server={"kernelBuffers": "small"})
    many = small(**settings, server={"kernelBuffers": "default"})

    async def main() -> None:
        low = (await calibrate(few, [4096], config(few), tmp_path))[4096]
        high = (await calibrate(many, [None], config(many), tmp_path))[None]
        # Only the server's side, then only the client's: either alone holds more than both small.
        sent = (await calibrate(many, [4096], config(many), tmp_path))[4096]
        got = (await calibrate(few, [None], config(few), tmp_path))[None]
        assert 5 * low.wire_bytes < sent.wire_bytes < high.wire_bytes
        assert 2 * low.wire_bytes < got.wire_bytes < high.wire_bytes

    run(main)


def test_the_systems_own_buffers_are_asked_for_on_both_sides() -> None:
    groups = {"g": {"window": "4MiB"}}
    spec = small(subscribers=groups, server={"kernelBuffers": "default"})
    assert buffers_of(spec) == {"sndbuf": None, "notsent_lowat": None}
    assert rcvbuf_of(spec, spec.workload.subscribers["g"]) is None
    assert buffers_of(small(subscribers=groups)) == {"sndbuf": 16_384, "notsent_lowat": 1}


def test_the_receive_buffer_follows_the_scenario() -> None:
    """A window in bytes is asked for as it is; one in messages by the size of an event."""
    groups = {
        "few": {"window": 1},
        "many": {"window": 4000},
        "bytes": {"window": "64KiB"},
        "huge": {"window": "64MiB"},
    }
    spec = small(subscribers=groups)
    wanted = {name: rcvbuf_of(spec, group) for name, group in spec.workload.subscribers.items()}
    assert wanted["few"] == 2304
    assert wanted["bytes"] == 65_536
    assert wanted["huge"] == 4 << 20
    assert 100_000 < wanted["many"] < 400_000
    assert typical_event(spec) == ("e", {"n": "1"})


def test_an_event_without_data_or_example_still_has_a_type() -> None:
    spec = scenario(
        {
            "title": "Silent",
            "intent": {"kind": "state"},
            "feature": {
                "project": "p", "channel": "c",
                "stream": {"path": "/s", "permission": {"public": ["GET"]}},
                "events": {"e": {"type": "object"}},
            },
            "workload": {"duration": "1s", "subscribers": {"g": {}}},
        }
    )  # fmt: skip
    assert typical_event(spec) == ("e", None)


def test_what_a_killed_run_left_is_neither_lost_nor_judged(tmp_path: Path) -> None:
    """The next run does not write over it; whoever judges it hears what it is."""
    history = tmp_path / "h.jsonl"
    left = tmp_path / "h.jsonl.parts"
    left.mkdir()
    (left / "clients.jsonl").write_text("{}\n")
    with pytest.raises(UsageError, match=r"h\.jsonl\.parts: what a run left .* Move or remove it"):
        target.run(small(), 1, history=history)
    assert (left / "clients.jsonl").exists()
    for asked in (history, left):
        with pytest.raises(
            HistoryError, match=r"h\.jsonl\.parts is what a run left .*run it again"
        ):
            read_history(asked)
