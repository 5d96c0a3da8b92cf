"""The simulator against times worked out by hand: every rule of the network and client model."""

import pytest

from simrt.network import Turn
from tests.targets.small import MS, S, simulate, small, times


def kinds(rows, *wanted):
    return [(row.t_ns / MS, row.kind, row.cause) for row in rows if row.kind in wanted]


@pytest.mark.rules("NET-1", "NET-3")
def test_a_dial_takes_three_latencies_and_an_event_one():
    rows = simulate(small(duration="3s", latency="10ms", drain="5ms"))
    assert times(rows, "connect") == [(30, 0)]
    assert times(rows, "send") == [(1000, 1), (2000, 2)]
    assert times(rows, "take") == [(1000, 1), (2000, 2)]
    assert times(rows, "receive") == [(1015, 1), (2015, 2)]


@pytest.mark.rules("NET-1", "CLI-1")
def test_a_refusal_is_learnt_after_two_latencies_and_tried_again():
    rows = simulate(
        small(
            latency="10ms",
            reconnect={"after": "1s", "jitter": "0s", "backoff": 2, "atMost": "3s"},
            faults=[{"at": "0s", "restart": "server", "for": "9s"}],
        )
    )
    # Dialled at 0, refused at 20 ms; then after 2, 3, 3 s (1 s doubled, cut at atMost).
    refused = [20, 20 + 2000 + 20, 2040 + 3000 + 20, 5060 + 3000 + 20]
    assert kinds(rows, "refuse") == [(t, "refuse", "down") for t in refused]
    assert times(rows, "connect") == [(8080 + 3000 + 30, 0)]


@pytest.mark.rules("NET-2", "NET-3", "DLV-5", "SSE-6")
def test_a_window_of_one_takes_the_next_event_when_the_last_was_handled():
    burst = [{"event": "e", "arrivals": {"batch": {"rate": "1/s", "size": {"fixed": 3}}}}]
    rows = simulate(small(duration="4s", publish=burst, latency="10ms", drain="100ms", window=1))
    first = times(rows, "send")[0][0]
    # Freed at the end of the drain; the next one travels 10 ms and is handled for 100.
    assert times(rows, "take")[:3] == [(first, 1), (first + 110, 2), (first + 220, 3)]
    assert times(rows, "receive")[:3] == [(first + 110, 1), (first + 220, 2), (first + 330, 3)]


@pytest.mark.rules("BUF-2", "BUF-3", "NET-2")
@pytest.mark.parametrize(
    ("policy", "taken", "dropped"),
    [("drop-oldest", [1, 4, 5], [2, 3]), ("drop-newest", [1, 2, 3], [4, 5])],
)
def test_on_full_decides_what_a_slow_client_loses(policy, taken, dropped):
    burst = [{"event": "e", "arrivals": {"batch": {"rate": "0.2/s", "size": {"fixed": 5}}}}]
    scenario = small(
        publish=burst, options={"bufferSize": 2, "onFull": policy}, window=1, drain="1ms"
    )
    rows = simulate(scenario, seed=3)
    sent_at = times(rows, "send")[0][0]
    assert [seq for _, seq in times(rows, "take")][:3] == taken
    assert times(rows, "drop")[:2] == [(sent_at, seq) for seq in dropped]


@pytest.mark.rules("TTL-3", "TTL-4")
def test_a_stale_event_expires_at_the_take_that_finds_it():
    rows = simulate(
        small(duration="4s", options={"messageTTL": "1500ms"}, window=1, drain="1700ms")
    )
    # 1 is taken at once and handled until 2.7 s; 2 (of 2 s) is young enough then, until 4.4 s;
    # 3 (of 3 s) is 1.4 s old at 4.4 s: taken.
    assert times(rows, "take") == [(1000, 1), (2700, 2), (4400, 3)]
    rows = simulate(
        small(duration="4s", options={"messageTTL": "1300ms"}, window=1, drain="1700ms")
    )
    assert times(rows, "take") == [(1000, 1), (2700, 2)]
    assert times(rows, "expire") == [(4400, 3)]


@pytest.mark.rules("NET-6")
def test_a_stall_freezes_the_drain_under_way_and_holds_what_arrives():
    rows = simulate(
        small(
            duration="6s",
            drain="400ms",
            window=2,
            faults=[{"at": "1100ms", "stall": "g", "for": "2s"}],
        )
    )
    # 1 has 300 ms left at 1.1 s; it goes on at 3.1 s. 2 waits at the client. The window of two is
    # full then: 3 (sent at 3 s) is taken when 1 is freed.
    assert times(rows, "take") == [(1000, 1), (2000, 2), (3400, 3), (4000, 4), (5000, 5)]
    assert times(rows, "receive")[:3] == [(3400, 1), (3800, 2), (4200, 3)]


@pytest.mark.rules("NET-5", "NET-8", "RST-1", "RST-2", "RST-3")
def test_the_end_travels_behind_what_is_in_flight():
    rows = simulate(
        small(
            duration="4s",
            latency="100ms",
            reconnect={"after": "500ms", "jitter": "0s"},
            faults=[{"at": "2050ms", "restart": "server", "for": "500ms"}],
        )
    )
    # 2 left at 2.0 s and arrives at 2.1 s although the server died at 2.05 s; the end is there at
    # 2.15 s. The client dials at 2.65 s, when the new server listens, and is in at 2.95 s.
    assert times(rows, "receive")[1] == (2100, 2)
    assert kinds(rows, "restart", "close") == [
        (2050, "restart", "server"),
        (2150, "close", "server"),
    ]
    assert times(rows, "connect") == [(300, 0), (2950, 0)]
    assert times(rows, "send") == [(1000, 1), (2000, 2), (3000, 1)]
    assert len({row.epoch for row in rows if row.kind == "send"}) == 2


@pytest.mark.rules("RST-5")
def test_while_the_server_is_down_nothing_is_sent():
    rows = simulate(small(faults=[{"at": "2500ms", "restart": "server", "for": "2s"}]))
    assert kinds(rows, "reject") == [(3000, "reject", "down"), (4000, "reject", "down")]
    assert [seq for _, seq in times(rows, "send")] == [1, 2, 1, 2, 3, 4, 5]


@pytest.mark.rules("NET-4", "CLI-2")
def test_the_server_learns_of_an_end_one_latency_later():
    rows = simulate(
        small(
            duration="5s",
            latency="100ms",
            reconnect={"after": "1s", "jitter": "0s"},
            faults=[{"at": "2950ms", "disconnect": "g"}],
        )
    )
    assert [(row.t_ns / MS, row.cause) for row in rows if row.kind == "close"] == [
        (2950, "disconnect"),
        (3050, "client"),
    ]
    # What the server took at 3.0 s went to nobody.
    assert (3000, 3) in times(rows, "take")
    assert 3 not in [seq for t, seq in times(rows, "receive") if t < 3950]
    assert times(rows, "connect") == [(300, 0), (2950 + 1000 + 300, 0)]


@pytest.mark.rules("CLI-1", "CLI-2")
def test_at_once_connects_in_the_instant_the_network_returns():
    online = {"up": "3s", "down": "1500ms"}
    rows = simulate(small(duration="6s", online=online, reconnect="at-once"))
    assert kinds(rows, "offline", "online", "connect")[:4] == [
        (0, "connect", ""),
        (3000, "offline", ""),
        (4500, "online", ""),
        (4500, "connect", ""),
    ]


@pytest.mark.rules("CLI-1")
def test_an_attempt_without_network_fails():
    online = {"up": "2s", "down": "2500ms"}
    policy = {"after": "1s", "jitter": "0s"}
    rows = simulate(small(duration="6s", online=online, reconnect=policy))
    assert kinds(rows, "refuse") == [(3000, "refuse", "offline"), (4000, "refuse", "offline")]
    assert times(rows, "connect") == [(0, 0), (5000, 0)]


@pytest.mark.rules("STR-1", "NET-5")
def test_a_connection_that_accepts_nothing_is_closed():
    rows = simulate(
        small(
            duration="9s",
            window=1,
            server={"writeDeadline": "3s"},
            faults=[{"at": "1500ms", "stall": "g", "for": "7s"}],
        )
    )
    # 2 fills the window at 2 s; from 3 s on something waits; 3 s later the server has had enough.
    closed = [row for row in rows if row.kind == "close"]
    assert [(row.t_ns / MS, row.cause) for row in closed] == [(6000, "stalled"), (8500, "server")]
    # The send of that instant comes before the timer (NET-9).
    assert closed[0].detail["pending"] == [3, 4, 5, 6]
    assert (8500, 2) in times(rows, "receive")


@pytest.mark.rules("SSE-5", "STR-1")
def test_heartbeats_fill_silence_and_take_a_place_in_the_window():
    def run(window):
        return simulate(
            small(
                duration="30s",
                publish=[{"event": "e", "arrivals": {"periodic": "3/min"}}],
                window=window,
                server={"heartbeat": "5s"},
                faults=[{"at": "1s", "stall": "g", "for": "25s"}],
            )
        )

    # Beats at 5, 10, 15 s; the event of 20 s finds a window of three full, one of four not.
    assert times(run(4), "take")[0] == (20_000, 1)
    assert times(run(3), "take")[0] == (26_000, 1)


@pytest.mark.rules("STR-1", "SSE-5", "NET-2")
@pytest.mark.parametrize(("heals", "ends"), [("60s", 44_000), ("43s", None)])
def test_a_heartbeat_that_does_not_fit_starts_the_write_deadline(heals, ends):
    """No event is under way: what waits for a place in the window is a heartbeat alone."""
    rows = simulate(
        small(
            duration="65s",
            publish=[],
            window="100B",
            server={"heartbeat": "1s", "writeDeadline": "10s"},
            faults=[{"at": "500ms", "stall": "g", "for": heals}],
        )
    )
    # Three bytes a second: of the 34th two do not fit. Ten seconds later the server gives up.
    found = [row.t_ns / MS for row in rows if row.kind == "close" and row.cause == "stalled"]
    assert found == ([ends] if ends else [])


@pytest.mark.rules("NET-2")
def test_a_window_in_bytes_holds_one_event_more_than_fits():
    burst = [{"event": "e", "arrivals": {"batch": {"rate": "1/s", "size": {"fixed": 40}}}}]
    rows = simulate(
        small(duration="4s", publish=burst, window="1KiB", drain="1s", options={"bufferSize": 64})
    )
    at = times(rows, "send")[0][0]
    at_once = [row for row in rows if row.kind == "take" and row.t_ns / MS == at]
    # id: 32 hex digits, colon, seq; event: e; data: {"n":"1"}: some 60 bytes each.
    assert 1024 / 70 < len(at_once) < 1024 / 50 + 1


@pytest.mark.rules("SSE-4", "CLI-3")
@pytest.mark.parametrize("credentials", ["none", "wrong", "expired", "other-project"])
def test_who_may_not_subscribe_gives_up(credentials):
    rows = simulate(small(latency="10ms", credentials=credentials))
    assert kinds(rows, "refuse", "gave-up", "connect") == [
        (40, "refuse", "status"),
        (40, "gave-up", "status"),
    ]


@pytest.mark.rules("SUB-1", "REP-2", "REP-7")
def test_replay_comes_first_and_is_pending_like_any_event():
    rows = simulate(
        small(
            duration="8s",
            replay={"lastN": 2, "maxAge": "none"},
            reconnect="at-once",
            online={"up": "3500ms", "down": "4s"},
        )
    )
    replay = [row for row in rows if row.kind == "replay"]
    assert [row.detail["count"] for row in replay] == [0, 2]
    assert (replay[1].detail["first"], replay[1].detail["last"]) == (6, 7)
    assert times(rows, "take")[-2:] == [(7500, 6), (7500, 7)]


@pytest.mark.rules("NET-9")
def test_one_instant_has_one_order():
    assert list(Turn) == sorted(Turn)
    names = [turn.name for turn in Turn]
    assert names == ["FAULT", "ARRIVAL", "DRAINED", "ONLINE_ENDS", "SEND", "CONNECT", "TIMER"]


@pytest.mark.rules("NET-9")
def test_the_end_of_a_drain_comes_before_a_send_of_the_same_instant():
    # Each drain ends in the very instant of the next send: the window of one is free by then.
    rows = simulate(small(duration="5s", window=1, drain="1s", options={"bufferSize": 1}))
    assert times(rows, "take") == [(1000, 1), (2000, 2), (3000, 3), (4000, 4)]
    assert not times(rows, "drop")


@pytest.mark.rules("NET-9", "SUB-1")
def test_a_fault_comes_before_a_send_and_a_send_before_a_connect():
    rows = simulate(
        small(
            duration="4s",
            replay={"lastN": 1, "maxAge": "none"},
            reconnect="at-once",
            online={"up": "1s", "down": "1s"},
        )
    )
    # Online ends at 1, 3 s (before the send of that instant); back at 2, 4 s (after it: replayed).
    assert times(rows, "receive")[:2] == [(2000, 2), (4000, 3)]


def test_the_quiet_phase_ends_when_all_is_settled_and_at_the_latest_after_quiet():
    rows = simulate(small(duration="3s", drain="700ms", window=1))
    assert rows[-1].t_ns == 2 * S + 700 * MS + 300 * MS  # nothing waits: it ends with the workload
    rows = simulate(small(duration="3s", drain="9s", window=1, server={"quiet": "5s"}))
    assert rows[-1].t_ns == 8 * S
    ends = [row for row in rows if row.kind == "end"]
    assert [row.detail.get("side", "run") for row in ends] == ["server", "client", "run"]
    assert ends[0].detail["pending"] == [2]
