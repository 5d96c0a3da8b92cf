"""The faults of the simulator against times worked out by hand."""

import pytest

from simrt.checkers import Status, judge
from simrt.runs import record
from simrt.scenario.randomness import Randomness
from tests.targets.small import MS, S, simulate, small, times


def told(rows, *kinds):
    return [(row.t_ns / MS, row.kind, row.cause) for row in rows if row.kind in kinds]


@pytest.mark.rules("NET-6")
def test_slow_multiplies_what_an_event_takes_and_factors_multiply():
    rows = simulate(
        small(
            drain="10ms",
            faults=[
                {"at": "1500ms", "slow": "g", "by": 3, "for": "3s"},
                {"at": "2500ms", "slow": "g", "by": 2, "for": "1s"},
            ],
        )
    )
    assert times(rows, "receive")[:5] == [(1010, 1), (2030, 2), (3060, 3), (4030, 4), (5010, 5)]


@pytest.mark.rules("NET-7")
def test_after_a_short_silence_the_network_delivers_what_is_under_way():
    rows = simulate(
        small(duration="8s", latency="100ms", online={"up": "2050ms", "down": "3s", "silent": True})
    )
    # 2 left at 2.0 s and would have arrived at 2.1 s; 3, 4, 5 are written into the silence.
    assert times(rows, "take")[:5] == [(1000, 1), (2000, 2), (3000, 3), (4000, 4), (5000, 5)]
    assert times(rows, "receive")[:5] == [(1100, 1), (5050, 2), (5050, 3), (5050, 4), (5100, 5)]
    assert not told(rows, "close")


@pytest.mark.rules("NET-7", "SSE-5")
def test_a_peer_that_acknowledges_nothing_is_gone_and_the_client_learns_it_when_it_can():
    rows = simulate(
        small(
            latency="100ms",
            server={"peerTimeout": "2s"},
            notices="at-heal",
            reconnect={"after": "1s", "jitter": "0s"},
            online={"up": "2500ms", "down": "4s", "silent": True},
        )
    )
    # 3, written at 3.0 s, is never acknowledged: gone at 5.0 s. The client hears of it at 6.5 s.
    # (Dialled at 7.5 s; the request is there at 7.8 s; silence again at 9.0 s.)
    assert told(rows, "close", "connect")[:4] == [
        (300, "connect", ""),
        (5000, "close", "gone"),
        (6500, "close", "server"),
        (7800, "connect", ""),
    ]
    # 3 and 4 were taken, and 5 too: the send of that instant comes before the timer (NET-9).
    assert [seq for t, seq in times(rows, "take") if t < 6500] == [1, 2, 3, 4, 5]
    assert [seq for t, seq in times(rows, "receive") if t < 7800] == [1, 2]


@pytest.mark.rules("NET-7")
def test_half_open_kills_the_connection_without_a_word():
    rows = simulate(
        small(
            duration="8s",
            latency="100ms",
            notices="at-heal",
            reconnect={"after": "1s", "jitter": "0s"},
            faults=[{"at": "2500ms", "half-open": "g", "for": "2s"}],
        )
    )
    # Each side learns at the heal: the client at once, the server one latency later.
    assert told(rows, "close", "connect") == [
        (300, "connect", ""),
        (4500, "close", "server"),
        (4600, "close", "network"),
        (5800, "connect", ""),
    ]
    assert [seq for _, seq in times(rows, "receive")] == [1, 2, 6, 7]


@pytest.mark.rules("CLI-4")
def test_a_watchdog_drops_a_connection_on_which_nothing_came():
    rows = simulate(
        small(
            duration="9s",
            watchdog="1500ms",
            reconnect={"after": "1s", "jitter": "0s"},
            faults=[{"at": "2500ms", "half-open": "g", "for": "4s"}],
        )
    )
    # Last heard at 2.0 s; dropped at 3.5 s, unheard; dialled at 4.5 s into the silence; through at
    # 6.5 s, as are events of the old connection: the answer to them is a reset.
    assert told(rows, "close") == [(3500, "close", "watchdog"), (6500, "close", "network")]
    assert times(rows, "connect") == [(0, 0), (6500, 0)]


@pytest.mark.rules("NET-5", "NET-7", "CLI-4")
def test_a_server_holds_a_connection_that_was_left_in_a_silence_until_it_writes():
    rows = simulate(
        small(
            duration="9s",
            latency="100ms",
            watchdog="1s",
            publish=[{"event": "e", "arrivals": {"periodic": "0.2/s"}}],
            reconnect={"after": "500ms", "jitter": "0s"},
            faults=[{"at": "1s", "half-open": "g", "for": "3s"}],
        )
    )
    # The head came at 0.4 s, then nothing: dropped at 1.4 s, unheard. Dialled at 1.9 s; at the heal
    # the dial is through. The server holds both connections until it writes to the old one, at
    # 5.0 s. (The new one heard its head at 4.3 s and that event at 5.1 s: dropped at 6.1 s.)
    assert told(rows, "connect", "close")[:5] == [
        (300, "connect", ""),
        (1400, "close", "watchdog"),
        (4200, "connect", ""),
        (5200, "close", "network"),
        (6100, "close", "watchdog"),
    ]


def test_without_a_watchdog_a_client_waits_as_long_as_it_takes():
    silence = [{"at": "2500ms", "half-open": "g", "for": "4s"}]
    rows = simulate(small(duration="9s", notices="at-heal", faults=silence))
    assert told(rows, "close")[0] == (6500, "close", "server")


def noticing(notices, **group):
    return simulate(
        small(
            notices=notices,
            **{"duration": "9s", "latency": "100ms"} | group,
            reconnect={"after": "1s", "jitter": "0s"},
        )
    )


@pytest.mark.rules("NET-7")
def test_keep_alive_finds_out_by_a_reset_after_the_silence():
    """2 is here at 2.1 s; the probe of 5.1 s is the first after the silence: answered at 5.3 s."""
    rows = noticing({"keepalive": "1s"}, faults=[{"at": "2500ms", "half-open": "g", "for": "2s"}])
    assert told(rows, "close", "connect") == [
        (300, "connect", ""),
        (4600, "close", "network"),
        (5300, "close", "keepalive"),
        (6600, "connect", ""),
    ]


@pytest.mark.rules("NET-7", "SSE-5")
def test_keep_alive_finds_out_that_the_server_has_given_up():
    """Silent from 2.5 s to 6.5 s; gone at 5.0 s; the probe of 7.1 s is answered at 7.3 s."""
    online = {"up": "2500ms", "down": "4s", "silent": True}
    rows = noticing({"keepalive": "1s"}, server={"peerTimeout": "2s"}, online=online)
    assert told(rows, "close")[:2] == [(5000, "close", "gone"), (7300, "close", "keepalive")]


@pytest.mark.rules("NET-7")
def test_nine_probes_without_an_answer_end_a_connection_that_the_server_holds():
    """The last byte at 2.1 s; probes from 3.1 s to 11.1 s; the end at 12.1 s, in the silence."""
    silence = [{"at": "2450ms", "half-open": "g", "for": "11s"}]
    rows = noticing({"keepalive": "1s"}, duration="16s", faults=silence)
    assert told(rows, "close")[0] == (12_100, "close", "keepalive")


@pytest.mark.rules("NET-7")
def test_a_connection_that_is_held_answers_and_lives_on():
    rows = noticing({"keepalive": "1s"}, online={"up": "2500ms", "down": "2s", "silent": True})
    assert not told(rows, "close")


@pytest.mark.rules("NET-7", "ACC-2")
def test_who_never_notices_believes_itself_connected_to_the_end():
    rows = noticing("never", faults=[{"at": "2500ms", "half-open": "g", "for": "2s"}])
    assert told(rows, "close") == [(4600, "close", "network")]
    assert [row.cause for row in rows if row.kind == "end" and row.subscriber] == ["untold"]
    assert rows[-1].t_ns == 9 * S  # nothing holds up the end of the run


@pytest.mark.rules("NET-7", "CLI-4")
def test_a_watchdog_outlasts_a_silence_that_is_shorter():
    """Silent from 2.5 s to 3.5 s; nothing came since 2.1 s, and nobody tells it anything."""
    rows = noticing(
        "never", watchdog="2s", faults=[{"at": "2500ms", "half-open": "g", "for": "1s"}]
    )
    assert told(rows, "close", "connect") == [
        (300, "connect", ""),
        (3600, "close", "network"),
        (4100, "close", "watchdog"),
        (5400, "connect", ""),
    ]


def bad(verdict):
    return verdict.status is Status.FAIL and verdict.check != "shape"  # that of `small` is lax


# Silent from 2.5 s to 6.5 s; the last byte came at 2.1 s. When the client's side of the
# first connection ends and why, and when it is connected again.
RESTARTED = {
    # The probe of 7.1 s is the first after the silence; a dial of 5.1 s waits in it.
    "keepalive": ({"notices": {"keepalive": "1s"}}, (7300, "keepalive"), 8600),
    "watchdog": ({"notices": "never", "watchdog": "2s"}, (4100, "watchdog"), 6700),
    "at-heal": ({"notices": "at-heal"}, (6500, "server"), 7800),
    "never": ({"notices": "never"}, None, None),
}


@pytest.mark.rules("NET-7", "NET-8")
@pytest.mark.parametrize("silence", ["half-open", "silent"])
@pytest.mark.parametrize("how", RESTARTED)
def test_a_restart_in_a_silence_is_learnt_like_any_other_end(how, silence):
    """Killed at 3 s, back at 4 s: the new server knows nothing of the connection."""
    group, closed, again = RESTARTED[how]
    faults = [{"at": "3s", "restart": "server", "for": "1s"}]
    if silence == "half-open":
        faults.append({"at": "2500ms", "half-open": "g", "for": "4s"})
    else:
        group = group | {"online": {"up": "2500ms", "down": "4s", "silent": True}}
    scenario = small(
        duration="9s", latency="100ms", reconnect={"after": "1s", "jitter": "0s"},
        faults=faults, **group,
    )  # fmt: skip
    rows = simulate(scenario)
    closes = [(t, cause) for t, kind, cause in told(rows, "close")]
    connects = [t for t, _, _ in told(rows, "connect")]
    assert closes[:1] == [closed][: closed is not None]
    assert connects[1:2] == [again][: again is not None]
    untold = [row.cause for row in rows if row.kind == "end" and row.subscriber]
    assert (untold == ["untold"]) is (closed is None)
    failed = [verdict.check for verdict in judge(record(scenario, "sim", 1)) if bad(verdict)]
    assert failed == []


def test_while_the_server_is_down_its_machine_still_answers_with_a_reset():
    """Silent from 2.5 s to 3.5 s, killed at 3 s for 5 s: the probe of 4.1 s, the dial of 5.3 s."""
    rows = noticing(
        {"keepalive": "1s"},
        faults=[
            {"at": "2500ms", "half-open": "g", "for": "1s"},
            {"at": "3s", "restart": "server", "for": "5s"},
        ],
    )
    assert told(rows, "close", "refuse")[:2] == [
        (4300, "close", "keepalive"),
        (5500, "refuse", "down"),
    ]


def test_a_burst_is_evenly_spread_over_its_time():
    quiet = [{"event": "e", "arrivals": {"periodic": "1/h"}}]
    at_once = small(publish=quiet, faults=[{"at": "2s", "burst": "e", "by": 3}])
    assert times(simulate(at_once), "send") == [(2000, 1), (2000, 2), (2000, 3)]
    spread = small(publish=quiet, faults=[{"at": "2s", "burst": "e", "by": 4, "for": "2s"}])
    assert [t for t, _ in times(simulate(spread), "send")] == [2000, 2500, 3000, 3500]


@pytest.mark.rules("SSE-4", "CLI-3", "STR-4")
def test_who_is_denied_loses_the_stream_and_returns_when_it_may():
    rows = simulate(
        small(
            latency="100ms",
            reconnect={"after": "1s", "jitter": "0s"},
            faults=[{"at": "2500ms", "deny": "g", "for": "4s"}],
        )
    )
    assert told(rows, "close", "connect", "refuse", "gave-up") == [
        (300, "connect", ""),
        (2500, "close", "denied"),
        (2600, "close", "server"),
        (4000, "refuse", "status"),
        (4000, "gave-up", "status"),
        (6800, "connect", ""),
    ]


@pytest.mark.rules("CLI-1", "SSE-4")
def test_who_is_let_in_again_has_not_failed_yet():
    """CLI-1: two failures before the refusal at 8 s do not lengthen the waits after 20 s."""
    rows = simulate(
        small(
            duration="40s",
            reconnect={"after": "1s", "jitter": "0s", "backoff": 2, "atMost": "1h"},
            faults=[
                {"at": "1s", "restart": "server", "for": "5s"},
                {"at": "1s", "deny": "g", "for": "19s"},
                {"at": "19900ms", "restart": "server", "for": "3s"},
            ],
        )
    )
    assert told(rows, "refuse", "gave-up", "connect") == [
        (0, "connect", ""),
        (2000, "refuse", "down"),
        (4000, "refuse", "down"),
        (8000, "refuse", "status"),
        (8000, "gave-up", "status"),
        (20_000, "refuse", "down"),
        (22_000, "refuse", "down"),
        (26_000, "connect", ""),
    ]


@pytest.mark.parametrize("silent", [False, True])
def test_each_period_of_a_network_is_drawn_once(silent):
    law = {"up": {"exponential": "3s"}, "down": {"exponential": "1s"}, "silent": silent}
    scenario = small(duration="60s", online=law)
    online = scenario.workload.subscribers["g"].online
    for seed in (1, 2, 3):
        of_chance = Randomness(seed)
        up, down = (
            of_chance.draws(f"online/g/0/{side}", getattr(online, side)) for side in ("up", "down")
        )
        due, now = [], 0
        for period in range(60):
            for kind, draws in (("offline", up), ("online", down)):
                now += draws.at(period)
                due.append((now, kind))
        rows = [row for row in simulate(scenario, seed) if row.kind in ("offline", "online")]
        within = [each for each in due if each[0] < 60 * S]
        assert len(within) > 10
        assert [(row.t_ns, row.kind) for row in rows][: len(within)] == within


def test_every_fault_heals_at_the_end_of_the_workload_at_the_latest():
    kinds = [
        {"restart": "server"},
        {"stall": "g"},
        {"slow": "g", "by": 5},
        {"half-open": "g"},
        {"deny": "g"},
        {"disconnect": "g"},
    ]
    for kind in kinds:
        faults = [{"at": "2s", "for": "1h"} | kind]
        rows = simulate(small(duration="5s", notices="at-heal", faults=faults))
        heals = told(rows, "heal")
        assert heals == [(5000, "heal", next(iter(kind)))]
        assert rows[-1].detail == {"run": "complete"}
        ends = [row.subscriber for row in rows if row.kind == "end" and row.subscriber]
        assert ends == ["g/0", "g/0"], kind


@pytest.mark.rules("DLV-2", "NET-6")
def test_what_arrives_while_a_stall_heals_stays_behind_what_is_here():
    """A client connects while stalled, without latency: freeing its head lets more in."""
    for seed in range(40):
        rows = simulate(
            small(
                duration="30s",
                window=2,
                publish=[{"event": "e", "arrivals": {"poisson": "3/s"}}],
                replay={"lastN": 3, "maxAge": "none"},
                online={"up": {"exponential": "4s"}, "down": "1s"},
                faults=[{"at": "5s", "stall": "g", "for": "15s"}],
            ),
            seed,
        )
        for number in {row.connection for row in rows if row.kind == "receive"}:
            seqs = [r.seq for r in rows if r.kind == "receive" and r.connection == number]
            assert seqs == sorted(set(seqs)), seed


@pytest.mark.rules("NET-7", "SSE-5")
def test_a_silence_shorter_than_the_patience_ends_nothing():
    """What was held up is acknowledged when the silence ends; the next one counts anew."""
    rows = simulate(
        small(
            online={"up": "2500ms", "down": "1500ms", "silent": True},
            server={"peerTimeout": "2s", "writeDeadline": "none"},
        )
    )
    assert [row.cause for row in rows if row.kind == "close"] == []
    assert times(rows, "receive") == [
        (1000, 1), (2000, 2), (4000, 3), (4000, 4), (5000, 5), (6000, 6), (8000, 7), (8000, 8),
        (9000, 9),
    ]  # fmt: skip


@pytest.mark.rules("NET-6")
def test_of_two_stalls_the_last_to_heal_counts():
    stalls = [
        {"at": "1500ms", "stall": "g", "for": "2s"},
        {"at": "2500ms", "stall": "g", "for": "3s"},
    ]
    rows = simulate(small(faults=stalls))
    assert times(rows, "receive")[:6] == [
        (1000, 1), (5500, 2), (5500, 3), (5500, 4), (5500, 5), (6000, 6),
    ]  # fmt: skip
