"""Ties made by hand, where one rule decides, and rules of `app` that no row could show.

Generated scenarios seldom meet these: each is here because an error in the rule was planted and no
generated scenario noticed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given

from simrt.history import Row
from simrt.scenario.model import Scenario
from simrt.server.outlet import Outlet
from simrt.targets import app
from simrt.targets.app.link import Link
from simrt.targets.app.wire import Wire
from simrt.testing import repeatable, scenarios
from tests.agreement.both import difference, on_app, possible
from tests.properties.runs import SEEDS, corpus_size, examples, simulated
from tests.targets.small import MS, small

SELDOM = [{"event": "e", "arrivals": {"periodic": "0.2/s"}}]
NEVER = [{"event": "e", "arrivals": {"periodic": "0.01/s"}}]


def agreed(scenario: Scenario) -> list[Row]:
    """The rows of the scenario's own group, the same on both."""
    ours = on_app(scenario, 1)
    assert difference(simulated(scenario, 1), ours) == ""
    return [row for row in ours if row.subscriber == "g/0"]


@pytest.mark.rules("NET-6")
def test_of_two_stalls_the_last_to_heal_lets_a_heartbeat_in() -> None:
    """A heartbeat that lies unread fills the window until the second stall is over, too."""
    rows = agreed(
        small(
            faults=[
                {"at": "2500ms", "stall": "g", "for": "5s"},
                {"at": "2600ms", "stall": "g", "for": "1s"},
            ],
            server={"heartbeat": "1s"},
            publish=SELDOM,
            window=1,
            duration="9s",
        )
    )
    assert [(row.t_ns, row.seq) for row in rows if row.kind == "take"] == [(7500 * MS, 1)]


@pytest.mark.rules("NET-7", "NET-9")
def test_what_would_arrive_in_the_instant_in_which_a_dead_connection_is_known_does_not() -> None:
    """The event of 4 s is written into a half-open connection; it would be here at the heal."""
    rows = agreed(
        small(
            latency="100ms",
            notices="at-heal",
            faults=[{"at": "2500ms", "half-open": "g", "for": "1600ms"}],
            duration="5s",
        )
    )
    assert [row.seq for row in rows if row.kind == "receive"] == [1, 2]
    ends = [(row.t_ns, row.cause) for row in rows if row.kind == "close"]
    assert ends == [(4100 * MS, "server"), (4200 * MS, "network")]


@pytest.mark.rules("NET-7")
def test_nine_probes_without_an_answer_end_a_connection_in_the_same_instant() -> None:
    """The last byte comes at 2.1 s; then a probe each second; the tenth second after ends it."""
    rows = agreed(
        small(
            latency="100ms",
            notices={"keepalive": "1s"},
            faults=[{"at": "2450ms", "half-open": "g", "for": "11s"}],
            duration="16s",
        )
    )
    ends = [(row.t_ns, row.cause) for row in rows if row.kind == "close" and row.connection == 1]
    assert (12_100 * MS, "keepalive") in ends


@pytest.mark.rules("NET-7", "SSE-5")
def test_a_silence_that_swallows_a_leaving_leaves_the_server_without_an_answer() -> None:
    """The client leaves at 1.4 s; its word is under way when the silence begins at 1.45 s."""
    rows = agreed(
        small(
            latency="100ms",
            watchdog="1s",
            reconnect={"after": "500ms", "jitter": "0s"},
            online={"up": "1450ms", "down": "6s", "silent": True},
            server={"peerTimeout": "1s"},
            publish=SELDOM,
            duration="9s",
        )
    )
    ends = [(row.t_ns, row.cause) for row in rows if row.kind == "close" and row.connection == 1]
    assert next((row.t_ns, row.seq) for row in rows if row.kind == "take") == (5000 * MS, 1)
    assert ends == [(1400 * MS, "watchdog"), (6000 * MS, "gone")]


@pytest.mark.rules("NET-9", "SSE-5", "STR-1")
def test_a_silence_is_told_before_a_stuck_write_though_it_was_planned_later() -> None:
    """Both are due at 5.1 s; the look at the peer is planned anew at 5 s, that at the write before.

    The peer is looked at for what was written at 3 s; then it turns out that only what was written
    at 3.1 s met the silence.
    """
    rows = agreed(
        small(
            faults=[
                {"at": "3s", "burst": "e", "by": 2, "for": "200ms"},
                {"at": "3050ms", "half-open": "g", "for": "4s"},
                {"at": "4100ms", "burst": "e", "by": 1, "for": "100ms"},
            ],
            server={"peerTimeout": "2s", "writeDeadline": "1s"},
            publish=NEVER,
            window=2,
            drain="5s",
            duration="8s",
        )
    )
    ends = [(row.t_ns, row.cause) for row in rows if row.kind == "close"]
    assert ends[0] == (5100 * MS, "gone")


@pytest.mark.rules("SSE-5", "NET-7")
def test_a_dead_client_is_noticed_when_the_simulator_says() -> None:
    rows = agreed(
        small(
            faults=[{"at": "2500ms", "half-open": "g", "for": "5s"}],
            server={"peerTimeout": "1500ms"},
            latency="100ms",
            duration="9s",
        )
    )
    assert (4500 * MS, "gone") in [(row.t_ns, row.cause) for row in rows if row.kind == "close"]


# --- what no row can show -----------------------------------------------------------------------

# Told of a run before it starts: where to patch, what to count in, the rows so far.
Watch = Callable[[pytest.MonkeyPatch, "Counter[str]", list[Row]], None]


def watched(watch: Watch) -> Counter[str]:
    """Run generated scenarios on `app`, each watched; what was counted."""
    seen: Counter[str] = Counter()

    @examples(0.25)
    @given(scenarios(), SEEDS)
    def explore(scenario: Scenario, seed: int) -> None:
        if not possible(scenario):
            return
        rows: list[Row] = []
        with pytest.MonkeyPatch.context() as patch, repeatable(scenario, seed):
            watch(patch, seen, rows)
            app.run(scenario, seed, write=rows.append)
        seen["scenarios"] += 1

    explore()
    assert seen["scenarios"] > corpus_size() // 5, seen
    return seen


@pytest.mark.rules("DLV-7")
def test_no_send_in_virtual_time_finds_what_could_have_gone_out_before_it() -> None:
    """Each send is an event of its own, and what it makes ready is done before the next.

    So the flush before a send that would else cost an event has nothing to do on `app`: whether it
    is there, only `tests/server/test_stream.py` can show, where several are sent in one turn.
    """

    def watch(patch: pytest.MonkeyPatch, seen: Counter[str], _rows: list[Row]) -> None:
        send = Outlet.send

        def looked_at(outlet: Outlet, *given: Any) -> Any:
            for stream in outlet.streams.values():
                assert not (stream.writable and stream.subscription.pending)
                seen["streams"] += 1
            seen["sends"] += 1
            return send(outlet, *given)

        patch.setattr(Outlet, "send", looked_at)

    seen = watched(watch)
    assert seen["sends"] > 10 * seen["scenarios"], seen
    assert seen["streams"] > seen["sends"], seen


@pytest.mark.rules("NET-3")
def test_nothing_comes_between_a_receipt_and_the_freeing_of_its_bytes() -> None:
    """Bytes are freed by an event of their own (NET-3), and it is always the very next one.

    Its class comes before that of the receipt, so all others of that class are done by then. That
    it is no part of the receipt itself can therefore not be seen; that it comes before all else of
    its instant can: see `freed-behind-the-sends-of-its-instant` in docs/planted-errors.md.
    """

    def watch(patch: pytest.MonkeyPatch, seen: Counter[str], rows: list[Row]) -> None:
        handled, free = Link.handled, Wire.free
        due: list[tuple[Link, int]] = []

        def receipt(link: Link) -> None:
            assert not due
            handled(link)
            due.append((link, len(rows)))

        def freed(wire: Wire, link: Link, units: int) -> None:
            then = due.pop() if due else None
            if then is not None and link.server_open:  # else nobody hears of it
                assert then == (link, len(rows))
                seen["freed"] += 1
            free(wire, link, units)

        patch.setattr(Link, "handled", receipt)
        patch.setattr(Wire, "free", freed)

    seen = watched(watch)
    assert seen["freed"] > 10 * seen["scenarios"], seen
