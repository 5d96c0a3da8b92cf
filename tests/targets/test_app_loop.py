"""The loop in virtual time: its order, its ends, and how it says that nothing can happen."""

import asyncio
import contextlib
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from simrt.network import Turn
from simrt.targets.app import loop as loop_module
from simrt.targets.app.loop import Clock, DeadlockError, Loop, RestlessError
from simrt.targets.app.network import Network
from simrt.targets.app.run import AppRun
from tests.docs.generated import between
from tests.targets.small import S, small

HOUR_NS = 3600 * S
REALITY = Path(__file__).parents[2] / "docs" / "model-and-reality.md"


def without_places(message):
    """A message without numbers of tasks, files and lines, and without names of tests."""
    message = re.sub(r"Task-\d+", "Task", message)
    return re.sub(r"(stands at )(?:\S*<locals>\.)?(\S+), \S+", r"\1\2", message)


@contextlib.contextmanager
def looping():
    loop = Loop()
    loop.network = Network(loop)
    try:
        yield loop
    finally:
        loop.close()


def test_time_jumps_and_is_exact():
    with looping() as loop:
        seen = []

        async def sleeper(seconds):
            await asyncio.sleep(seconds)
            seen.append((seconds, loop.now_ns))

        async def main():
            await asyncio.gather(*(sleeper(each) for each in (86_400 * 30, 0.1, 3600.000000001)))

        loop.run_until_complete(main())
        assert seen == [
            (0.1, S // 10),
            (3600.000000001, HOUR_NS + 1),
            (86_400 * 30, 720 * HOUR_NS),
        ]


@pytest.mark.rules("NET-9")
def test_what_happens_in_one_instant_happens_in_one_order():
    """Classes first, then place, then connection, then what was planned first."""
    with looping() as loop:
        clock = Clock(loop, datetime(2026, 1, 1, tzinfo=UTC), {"a/0": 0, "a/1": 1, "fault/0": 0})
        seen = []

        def plan(turn, whose="", connection=0, note=""):
            key = clock.order(turn, whose, connection)
            clock.timer(S, key, lambda: seen.append((turn.name, whose, connection, note)))

        plan(Turn.TIMER, "a/0", 1)
        plan(Turn.CONNECT, "a/1")
        plan(Turn.CONNECT, "a/0", note="first")
        plan(Turn.CONNECT, "a/0", note="second")
        plan(Turn.DRAINED, "a/0", 2)
        plan(Turn.DRAINED, "a/0", 1)
        plan(Turn.ARRIVAL, "a/1", 1)
        plan(Turn.FAULT, "fault/0")
        loop.run_before(S + 1)
        assert seen == [
            ("FAULT", "fault/0", 0, ""),
            ("ARRIVAL", "a/1", 1, ""),
            ("DRAINED", "a/0", 1, ""),
            ("DRAINED", "a/0", 2, ""),
            ("CONNECT", "a/0", 0, "first"),
            ("CONNECT", "a/0", 0, "second"),
            ("CONNECT", "a/1", 0, ""),
            ("TIMER", "a/0", 1, ""),
        ]


def test_what_an_event_makes_ready_is_done_before_the_next_event():
    with looping() as loop:
        seen = []

        async def caused():
            await asyncio.sleep(0)
            seen.append("caused by the first")

        loop.at(S, 0, lambda: loop.create_task(caused()))
        loop.at(S, 0, seen.append, "the second")
        loop.run_before(2 * S)
        assert seen == ["caused by the first", "the second"]


def test_sets_of_tasks_have_the_order_of_birth():
    with looping() as loop:

        async def main():
            tasks = {loop.create_task(asyncio.sleep(1), name=str(n)) for n in range(100)}
            done, _ = await asyncio.wait(tasks)
            return [task.get_name() for task in done]

        # A small set of small whole numbers is iterated in their order.
        assert loop.run_until_complete(main()) == [str(n) for n in range(100)]


def test_a_deadlock_says_who_waits_for_what():
    with looping() as loop:

        async def wait_for_the_other(lock, other):
            async with lock:
                await asyncio.sleep(1)
                async with other:
                    raise AssertionError("never")

        async def main():
            forks = asyncio.Lock(), asyncio.Lock()
            left = loop.create_task(wait_for_the_other(*forks), name="left philosopher")
            right = loop.create_task(wait_for_the_other(*forks[::-1]), name="right philosopher")
            await asyncio.gather(left, right)

        with pytest.raises(DeadlockError) as caught:
            loop.run_until_complete(main())
        message = str(caught.value)
        assert message.startswith(
            "deadlock at 1.000000000 s: nothing is ready, no timer is set, and these wait:\n"
        )
        for name in ("left", "right"):
            line = next(line for line in message.splitlines() if f"{name} philosopher" in line)
            assert "wait_for_the_other" in line
            assert "stands at Lock.acquire, " in line
            assert "asyncio/locks.py:" in line
        for task in asyncio.all_tasks(loop):
            task.cancel()
        loop.run_before(loop.now_ns + 1)


def test_cancelled_timers_and_sleeps_for_ever_hide_no_deadlock():
    with looping() as loop:

        async def main():
            loop.call_later(5, print).cancel()
            loop.at(9 * S, 0, print).cancel()
            await asyncio.sleep(float("inf"))

        task = loop.create_task(main())
        with pytest.raises(DeadlockError, match=r"at 0\.000000000 s"):
            loop.run_until_complete(task)
        task.cancel()
        loop.run_before(1)


def test_a_hook_that_never_answers_is_a_deadlock_of_the_run(monkeypatch):
    """The run would go on without its sends; instead it says which call waits, and where."""
    from simrt.server.app import App

    async def stuck(self, hook, receive):
        await asyncio.get_running_loop().create_future()

    monkeypatch.setattr(App, "_data", stuck)
    course = AppRun(small(), 1, None)
    with pytest.raises(DeadlockError) as caught:
        course.run(None)
    message = str(caught.value)
    first = message.splitlines()[0]
    assert "POST /" in first
    assert "was called and not answered within the instant; these wait:" in first
    assert (
        "stands at test_a_hook_that_never_answers_is_a_deadlock_of_the_run.<locals>.stuck"
        in message
    )
    assert "Caller.work" in message
    shown = between(REALITY.read_text("utf-8"), "deadlock")
    assert without_places(message) in without_places(shown)
    monkeypatch.undo()
    course.close()


def test_an_instant_that_does_not_end_is_refused(monkeypatch):
    monkeypatch.setattr(loop_module, "MOST_TURNS", 1000)
    with looping() as loop:

        async def spin():
            while True:  # noqa: ASYNC110 - it is what must not hang a run
                await asyncio.sleep(0)

        task = loop.create_task(spin(), name="spinner")
        with pytest.raises(RestlessError, match=r"more than 1,000 callbacks.*\n.*spinner"):
            loop.run_before(S)
        monkeypatch.undo()
        task.cancel()
        loop.run_before(S)


def test_an_event_that_plans_itself_again_and_again_in_its_instant_is_refused(monkeypatch):
    monkeypatch.setattr(loop_module, "MOST_TURNS", 1000)
    with looping() as loop:

        def ring():
            loop.at(loop.now_ns, 0, ring)

        loop.at(S // 2, 0, ring)
        with pytest.raises(RestlessError, match=r"1,000 callbacks in the instant 0\.500000000 s"):
            loop.run_before(S)


def test_what_fails_in_a_callback_ends_the_run():
    with looping() as loop:

        def fail():
            raise ValueError("seen")

        loop.call_later(1, fail)
        with pytest.raises(ValueError, match="seen"):
            loop.run_before(2 * S)


def test_threads_have_no_place_in_it():
    with looping() as loop:

        async def main():
            return await loop.run_in_executor(None, lambda: 7)

        assert loop.run_until_complete(main()) == 7
        with pytest.raises(RuntimeError, match="other threads"):
            loop.call_soon_threadsafe(print)


def test_connections_that_take_no_time_carry_bytes_in_order_and_tell_their_end():
    with looping() as loop:

        async def serve(reader, writer):
            data = await reader.readexactly(3)
            writer.write(data[::-1])
            writer.close()

        async def main():
            server = await loop.create_server(
                lambda: asyncio.StreamReaderProtocol(
                    asyncio.StreamReader(loop=loop), serve, loop=loop
                ),
                host="here",
                port=1,
            )
            reader, writer = await asyncio.open_connection("here", 1)
            writer.write(b"a")
            writer.write(b"bc")
            assert await reader.read() == b"cba"
            writer.close()
            server.close()
            with pytest.raises(ConnectionRefusedError):
                await asyncio.open_connection("here", 1)

        loop.run_until_complete(main())
        assert loop.now_ns == 0
