"""Silence, revoked credentials and watchdogs: what the checkers allow then, and what not."""

from pathlib import Path

import msgspec
import pytest

from simrt.checkers import STATES, Status, judge, reached_states
from simrt.history import FORMAT, History, read_history
from tests.checkers.asserting import fails, inconclusive, passes
from tests.checkers.histories import history, scenario

pytestmark = pytest.mark.rules("NET-7", "CLI-4", "SSE-4", "STR-4", "RST-1")

BEGIN = "0 connect a/0#1\n0 replay a/0#1 -\n0 connect neighbour/0#1\n0 replay neighbour/0#1 -\n"
END = "{} end neighbour/0#1 client received=0\n{} end run"


def of(fault="half-open", server=None, **group):
    again = {"after": "1s", "jitter": "0s"}
    plain = {"latency": "100ms", "notices": "at-heal", "reconnect": again}
    return scenario(
        groups={"a": plain | group},
        faults=[{"at": "1s", fault: "a", "for": "9s"}],
        server=server or {"retrySpread": "none"},
    )


# --- silence ------------------------------------------------------------------------------------

SILENT = (
    BEGIN
    + """2 offline a/0 silent
3 close a/0#1 client watchdog received=0
{0} online a/0 silent
{0} close a/0#1 server client
{1} connect a/0#2
{1} replay a/0#2 -
"""
)


def test_a_silence_holds_up_attempts_and_the_news_of_an_end():
    watched = of(watchdog="2s")
    passes("reconnect", history(SILENT.format(9, "9.4"), watched))
    plain = BEGIN + "3 close a/0#1 client server received=0\n3 close a/0#1 server gone\n"
    late = plain + "9.4 connect a/0#2\n9.4 replay a/0#2 -"
    fails("reconnect", history(late, watched), "only after 6.4 s, at most")
    held = plain.replace("close a/0#1 client server", "close a/0#1 client watchdog")
    held = held.replace("3 close a/0#1 server gone", "4 close a/0#1 server client")
    fails("reconnect", history(held, watched), "the server still held it 1 s later")


def test_nobody_connects_through_a_silence():
    text = SILENT.format(9, "8.9").splitlines()
    text = "\n".join(sorted(text, key=lambda line: float(line.split()[0])))
    fails("reconnect", history(text, of(watchdog="2s")), "a network that lets nothing pass (NET-7)")


def test_silence_and_absence_are_told_apart():
    both = "2 offline a/0 silent\n3 offline a/0\n4 online a/0 silent\n5 online a/0\n9 end run"
    inconclusive("reconnect", history(BEGIN + both, of()))
    twice = "2 offline a/0 silent\n3 offline a/0 silent"
    fails("reconnect", history(BEGIN + twice, of()), "had gone before")
    never = "2 offline a/0\n4 online a/0 silent"
    fails("reconnect", history(BEGIN + never, of()), "had not gone")


def test_who_was_cut_off_in_a_silence_owes_no_attempt():
    text = BEGIN + "2 offline a/0 silent\n3 close a/0#1 client watchdog received=0\n"
    inconclusive("reconnect", history(text + END.format(90, 90), of(watchdog="2s")))
    over = text + "4 online a/0 silent\n"
    inconclusive("reconnect", history(over + END.format(90, 90), of(watchdog="2s")))


def test_a_request_that_a_silence_held_up_is_accepted_after_its_client_left():
    text = (
        "0 offline a/0 silent\n1 refuse a/0#1 network\n{1}{0} connect a/0#1\n{0} replay a/0#1 -\n"
        "9.5 refuse a/0#2 network\n"
    )
    online = "8 online a/0 silent\n"
    passes("reconnect", history(text.format(8, online), of()))
    fails("reconnect", history(text.format(8, ""), of()), "lets nothing pass")


# --- watchdogs ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("t", "good"), [("4.1", True), ("4.0", False), ("2.05", True)])
def test_a_watchdog_waits_as_long_as_it_says(t, good):
    """The event is taken at 2.0 s and here at 2.1 s; before that the client last heard at 0 s."""
    text = (
        f"{BEGIN}2 send 1 offered=1\n2 take a/0#1 1\n{t} close a/0#1 client watchdog received=0\n"
    )
    again = f"{float(t) + 1.3:.2f} connect a/0#2\n"
    found = history(text + again, of(watchdog="2s"))
    if good:
        passes("reconnect", found)
    else:
        fails("reconnect", found, "dropped after 1.9 s, not 2 s (CLI-4)")


def test_a_watchdog_is_only_judged_where_its_times_are_seen():
    text = BEGIN + "2 take a/0#1 1\n3 close a/0#1 client watchdog received=0\n4.3 connect a/0#2"
    passes("reconnect", history(text, of(watchdog="2s", window="1KiB")))
    fails("reconnect", history(text, of()), "and the group has none (CLI-4)")
    fails(
        "reconnect", history("0 close a/0#9 client watchdog received=0", of(watchdog="2s")), "not"
    )


# --- revoked credentials ------------------------------------------------------------------------

DENIED = (
    BEGIN
    + """1 fault deny a
1 close a/0#1 server denied
1.1 close a/0#1 client server received=0
2.4 refuse a/0#2 status status=401
2.4 gave-up a/0#2 status status=401
10 heal deny a
10.3 connect a/0#3
10.3 replay a/0#3 -
"""
)


def denied(*edits, resolution_ns=0):
    text = DENIED
    for old, new in edits:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return history(text, of("deny"), resolution_ns=resolution_ns)


def test_who_is_denied_loses_the_stream_is_refused_and_comes_back():
    passes("reconnect", denied())
    fails("reconnect", denied(("1 fault deny a\n", "")), "denied, and its credentials were good")
    fails("reconnect", denied(("10 heal deny a\n", "")), "had been refused for good (CLI-3)")


def test_two_denials_end_with_the_second():
    two = denied(("1 fault deny a", "1 fault deny a\n1 fault deny a"))
    fails("reconnect", two, "had been refused for good (CLI-3)")
    both = ("10 heal deny a", "9 heal deny a\n10 heal deny a")
    passes("reconnect", denied(("1 fault deny a", "1 fault deny a\n1 fault deny a"), both))


def test_a_401_needs_a_reason():
    assert reached_states(denied())["denied"] == 1
    fails("permission", denied(("1 fault deny a\n", ""), ("10 heal deny a\n", "")), "in spite of")
    # Refused just before the heal, heard of just after it; a second later that is no reason more.
    late = "2.4 refuse a/0#2 status status=401\n2.4 gave-up a/0#2 status status=401\n"
    heal = "10 heal deny a\n{0} refuse a/0#2 status status=401\n{0} gave-up a/0#2 status status=401"
    soon = denied((late, ""), ("10 heal deny a", heal.format("10.1")))
    assert not [line for line in evidence(soon) if "in spite of" in line]
    again = heal.format("10.1") + "\n12 refuse a/0#4 status status=401"
    assert evidence(denied((late, ""), ("10 heal deny a", again)))


def evidence(found):
    from tests.checkers.asserting import verdict

    return verdict("permission", found).evidence


def test_nobody_is_let_in_while_denied():
    let_in = ("2.4 refuse a/0#2 status status=401", "2.4 connect a/0#2\n2.4 refuse a/0#2 network")
    fails("permission", denied(let_in), "while its credentials were revoked (SSE-4)")
    real = denied(let_in, resolution_ns=1_000_000)
    assert not [line for line in evidence(real) if "revoked" in line]


# --- restarts -----------------------------------------------------------------------------------

KILLED = (
    BEGIN
    + """30 fault restart server
30 restart
{0}
35 heal restart server
36 connect neighbour/0#2
36 replay neighbour/0#2 -
36 send 1 in=neighbour offered=1
36 take neighbour/0#2 1
{1}
37 end run
"""
)


def killed(before="", after=""):
    made = scenario(
        groups={"a": {"reconnect": {"after": "1s", "atMost": "1s", "jitter": "0s"}}},
        faults=[{"at": "30s", "restart": "server", "for": "5s"}],
        server={"retrySpread": "none"},
    )
    return history(KILLED.format(before, after), made)


def test_who_hears_of_the_end_late_comes_back_late():
    left = "close a/0#1 client server received=0"
    missing = fails("restart", killed(f"30 {left}"), "a/0: not back 2 s after the restart")
    assert missing.sentence.startswith("1 client did not come back after a restart; 0 other")
    inconclusive("restart", killed("", f"36.5 {left}"))
    fails("restart", killed("34 refuse a/0#2 down"), "a/0: not back 2 s")
    inconclusive("restart", killed())  # it handles what it had and knows of no end


def test_who_has_no_network_of_either_kind_need_not_be_back():
    left = "30 close a/0#1 client server received=0\n"
    away = left + "31 offline a/0 silent\n32 offline a/0\n33 online a/0 silent"
    assert passes("restart", killed(away)).status
    back = away + "\n34 online a/0"
    fails("restart", killed(back), "a/0: not back")


LOST = (
    BEGIN
    + """2 offline a/0 silent by=namespace
3 send 1 offered=2
3 take a/0#1 1
3 take neighbour/0#1 1
{0} close a/0#1 server gone taken=1
20 online a/0 silent
20.1 close a/0#1 client server received=0
21.1 connect a/0#2
21.1 replay a/0#2 -
"""
)


@pytest.mark.rules("SSE-5")
@pytest.mark.parametrize("by", [" by=namespace", ""])
def test_a_peer_is_gone_once_it_was_silent_for_its_time(by):
    timed = of(server={"retrySpread": "none", "peerTimeout": "5s"})
    lost = LOST.replace(" by=namespace", by).replace("3 take neighbour/0#1 1\n", "")
    lost = lost.replace("offered=2", "offered=1")
    assert passes("reconnect", history(lost.format("8.2"), timed)).judged == 2
    passes("reconnect", history(lost.format("6.9"), timed))  # an event was on its way
    fails("reconnect", history(lost.format("6.7"), timed), "gone after 4.7 s, allowed 5 s (SSE-5)")
    rough = history(lost.format("6.7"), timed, target="server", resolution_ns=10**8)
    passes("reconnect", rough)
    held = lost.split("{0}")[0] + "{} online a/0 silent"
    late = "held for 17 s without an answer, allowed 5 s (SSE-5)"
    fails("reconnect", history(held.format("20"), timed), late)
    fails("reconnect", history(held.format("9.3"), timed), "held for 6.3 s")
    assert passes("reconnect", history(held.format("9.25"), timed)).judged == 1  # 1.25 times 5 s
    idle = "\n".join(line for line in held.splitlines() if " take " not in line)
    inconclusive("reconnect", history(idle.format("20"), timed))  # nothing was there to acknowledge


@pytest.mark.rules("SSE-5", "NET-2")
def test_what_waits_for_a_full_window_of_bytes_needs_no_answer():
    """It is in the server's buffer: nobody sent it, so nobody owes an acknowledgement."""
    small = of(server={"retrySpread": "none", "peerTimeout": "5s"}, window="60B")
    sends = "1 send 1 offered=1\n{} take a/0#1 1\n2 offline a/0 silent\n"
    rest = "2.5 send 2 offered=1\n2.5 take a/0#1 2\n20 online a/0 silent\n21 end run"
    full = BEGIN + sends.format(1) + rest
    inconclusive("reconnect", history(full, small))
    free = full.replace("2 offline a/0", "1.5 receive a/0#1 1\n2 offline a/0")
    fails("reconnect", history(free, small), "held for 17.5 s without an answer, allowed 5 s")
    fails(
        "reconnect", history(full, of(server={"retrySpread": "none", "peerTimeout": "5s"})), "17.5"
    )


@pytest.mark.rules("SSE-5")
def test_what_was_written_into_a_silence_is_owed_until_the_answer_had_time_to_come():
    timed = of(server={"retrySpread": "none", "peerTimeout": "5s"})
    over = LOST.replace("20 online a/0 silent\n", "").replace("{0}", "8 online a/0 silent\n{0}")
    passes("reconnect", history(over.format("8.2"), timed))  # a latency is 100 ms
    fails("reconnect", history(over.format("8.3"), timed), "acknowledged what was written (SSE-5)")


@pytest.mark.rules("SSE-5")
def test_nobody_is_gone_whose_kernel_acknowledges():
    timed = of(server={"retrySpread": "none", "peerTimeout": "5s"})
    proxied = LOST.replace("by=namespace", "by=proxy").format("8.2")
    fails("reconnect", history(proxied, timed), "acknowledged what was written (SSE-5)")
    held = LOST.split("{0}")[0].replace("by=namespace", "by=proxy") + "20 online a/0 silent"
    inconclusive("reconnect", history(held, timed))  # the server may hold it as long as it likes
    loud = "2 close a/0#1 server gone\n2.1 close a/0#1 client server received=0\n"
    fails("reconnect", history(BEGIN + loud, timed), "acknowledged what was written (SSE-5)")
    endless = of(server={"retrySpread": "none", "peerTimeout": "none"})
    fails("reconnect", history(LOST.format("8.2"), endless), "acknowledged what was written")


# --- states -------------------------------------------------------------------------------------


def test_each_fault_and_each_end_is_a_state():
    text = BEGIN + "\n".join(
        [
            *(f"1 fault {kind} a" for kind in ("slow", "half-open", "burst", "deny", "restart")),
            "1 reject news shape",
            "2 offline a/0 silent",
            "3 close a/0#1 client watchdog received=0",
            "4 close a/0#1 server gone",
            "5 connect a/0#2",
            "6 close a/0#2 client keepalive received=0",
            "7 connect a/0#3",
            "8 end a/0#3 client cause=untold received=0",
        ]
    )
    met = {state for state, times in reached_states(history(text)).items() if times}
    assert met == {
        "slow", "half-open", "burst", "deny", "rejected", "silent", "watchdog", "gone",
        "keepalive", "untold", "reconnect", "reconnect-while-open",
    }  # fmt: skip
    assert met < set(STATES)


def test_a_silence_holds_up_the_news_that_nobody_listened():
    begin = BEGIN.replace("0 connect a/0#1\n0 replay a/0#1 -\n", "")
    down = "1 fault restart server\n1 restart\n{0}2 heal restart server\n{1}9 refuse a/0#1 down\n"
    held = down.format("1.5 offline a/0 silent\n", "9 online a/0 silent\n")
    inconclusive("reconnect", history(begin + held, of()))
    fails("reconnect", history(begin + down.format("", ""), of()), "and the server was up")


# --- who notices, and when ------------------------------------------------------------------------

NOTICED = (
    BEGIN
    + """1 send 1 offered=1
1 take a/0#1 1
1.1 receive a/0#1 1
1.5 fault half-open a
1.5 offline a/0 silent
10 heal half-open a
10 online a/0 silent
10.1 close a/0#1 server network taken=1
{0}
"""
)


def noticed(text, notices, **group):
    return history(NOTICED.format(text), of(notices=notices, **group))


@pytest.mark.parametrize(
    ("t", "why"),
    [("10.1", ""), ("12.2", ""), ("12.3", "did not know by 12.2 s"), ("10.05", "nine probes take")],
)
def test_keep_alive_finds_out_within_an_interval_and_the_way_there_and_back(t, why):
    asks = {"keepalive": "2s"}
    found = noticed(f"{t} close a/0#1 client keepalive received=1", asks)
    if why:
        fails("reconnect", found, why)
    else:
        passes("reconnect", found)


def test_nobody_tells_a_client_whose_connection_is_dead():
    told = "11 close a/0#1 client server received=1"
    for notices in ("never", {"keepalive": "2s"}):
        fails("reconnect", noticed(told, notices), "was dead, and nobody could tell it (NET-7)")
    asked = "11 close a/0#1 client keepalive received=1"
    fails("reconnect", noticed(asked, "never"), "and nothing asks there (NET-7)")


def test_a_server_that_was_killed_in_a_silence_leaves_dead_connections():
    text = (
        BEGIN + "2 offline a/0 silent\n3 fault restart server\n3 restart\n4 heal restart server\n"
        "9 online a/0 silent\n10 close a/0#1 client server received=0\n"
    )
    fails("reconnect", history(text, of(notices="never")), "was dead, and nobody could tell it")


@pytest.mark.parametrize(("t", "heard"), [("4.9", True), ("4.91", False)])
def test_the_word_of_an_end_is_heard_if_it_arrives_before_the_silence(t, heard):
    text = (
        f"{BEGIN}{t} close a/0#1 server slow\n5 offline a/0 silent\n9 online a/0 silent\n"
        "9 close a/0#1 client server received=0\n10 connect a/0#2\n10 replay a/0#2 -"
    )
    if heard:
        passes("reconnect", history(text, of(notices="never")))
    else:
        fails("reconnect", history(text, of(notices="never")), "was dead, and nobody could tell")


def test_nine_probes_take_ten_intervals():
    """The event is here at 1.1 s; the silence falls at 1.5 s."""
    end = "{} close a/0#1 client keepalive received=1"
    before = BEGIN + NOTICED.split("10 heal")[0].removeprefix(BEGIN)
    asks = of(notices={"keepalive": "1s"})
    passes("reconnect", history(before + end.format("11.1"), asks))
    passes("reconnect", history(before + end.format("11.5"), asks))
    fails("reconnect", history(before + end.format("11.0"), asks), "nine probes take 10 s")
    fails("reconnect", history(before + end.format("11.6"), asks), "did not know by 11.5 s")


def test_an_end_says_whether_the_connection_was_dead():
    end = "{} end a/0#1 client {}received=1\n99 end neighbour/0#1 client received=0\n99 end run"
    untold = end.format(99, "cause=untold ")
    plain = end.format(99, "")
    passes("reconnect", noticed(untold, "never"))
    fails("reconnect", noticed(plain, "never"), "and the row does not say so (NET-7)")
    lived = BEGIN + "5 offline a/0 silent\n6 online a/0 silent\n" + untold
    fails("reconnect", history(lived, of(notices="never")), "its connection lived (NET-7)")


def test_at_the_end_of_a_run_who_asks_must_know_by_then_unless_it_is_busy():
    asks = {"keepalive": "2s"}
    fails("reconnect", noticed("99 end run", asks), "a/0 did not know by 12.2 s")
    passes("reconnect", noticed("12.2 end run", asks))
    held = NOTICED.replace("1.1 receive a/0#1 1\n", "").format("99 end run")
    passes("reconnect", history(held, of(notices=asks)))  # it still handles what came


def test_who_was_stalled_before_is_not_excused_later():
    stalled = "3 fault stall a\n{}10 heal half-open a"
    for heal, good in (("", True), ("4 heal stall a\n", False)):
        text = NOTICED.replace("10 heal half-open a", stalled.format(heal)).format("99 end run")
        faults = [
            {"at": "1s", "half-open": "a", "for": "9s"},
            {"at": "3s", "stall": "a", "for": "1s"},
        ]
        group = {"latency": "100ms", "notices": {"keepalive": "2s"}}
        made = scenario(groups={"a": group}, faults=faults, server={"retrySpread": "none"})
        if good:
            passes("reconnect", history(text, made))
        else:
            fails("reconnect", history(text, made), "did not know by 12.2 s")


def test_a_connection_that_the_server_still_holds_at_the_end_is_not_dead_for_its_client():
    """A half-open lost it; the server has not said so, and nobody could tell the client."""
    text = NOTICED.replace("10.1 close a/0#1 server network taken=1\n", "")
    ends = "20 end a/0#1 client received=1\n20 end a/0#1 server taken=1\n20 end run"
    passes("reconnect", history(text.format(ends), of(notices="never")))


def test_a_silence_of_the_first_instant_is_one():
    text = (
        "0 offline a/0 silent\n0 connect a/0#1\n0 replay a/0#1 -\n"
        "5 send 1 offered=1\n5 take a/0#1 1\n6 send 2 offered=1\n6 take a/0#1 2\n"  # unheard
        "20 close a/0#1 client keepalive received=0\n20 close a/0#1 server client\n"
    )
    passes("reconnect", history(text, of(notices={"keepalive": "2s"}, latency="0s")))


def test_who_still_handles_what_came_has_not_heard_of_the_end_unless_it_says_so():
    busy = NOTICED.replace("1.1 receive a/0#1 1\n", "")
    plain = "99 end a/0#1 client received=0\n99 end run"
    passes("reconnect", history(busy.format(plain), of(notices="never")))
    late = "13 close a/0#1 client keepalive received=0"
    asks = of(notices={"keepalive": "2s"})
    fails("reconnect", history(busy.format(late), asks), "did not know by 12.2 s")


def test_after_a_silence_that_it_outlived_nothing_resets_a_connection():
    text = BEGIN + "2 offline a/0 silent\n3 online a/0 silent\n{} close a/0#1 client keepalive"
    early = history(text.format(6) + " received=0", of(notices={"keepalive": "1s"}))
    fails("reconnect", early, "ended by keep-alive after 5.9 s, nine probes take 10 s (NET-7)")


def test_a_silence_that_a_connection_outlived_is_nothing_that_was_judged():
    text = BEGIN + "2 offline a/0 silent\n3 online a/0 silent\n9 end run"
    inconclusive("reconnect", history(text, of(notices="never")), "No connection ended")


def test_what_was_still_on_its_way_when_a_silence_fell_was_not_heard():
    """The first event is here at 1.1 s; the second would have been at 1.55 s."""
    text = (
        BEGIN + "1 send 1 offered=1\n1 take a/0#1 1\n1.1 receive a/0#1 1\n"
        "1.45 send 2 offered=1\n1.45 take a/0#1 2\n1.5 offline a/0 silent\n"
    )
    asks = of(notices={"keepalive": "1s"})
    end = "{} close a/0#1 client keepalive received=1"
    fails("reconnect", history(text + end.format("11.0"), asks), "nine probes take 10 s")
    passes("reconnect", history(text + end.format("11.1"), asks))


@pytest.mark.rules("SSE-5")
def test_a_server_without_a_time_for_its_peers_may_hold_them_for_good():
    endless = of(server={"retrySpread": "none", "peerTimeout": "none"})
    held = LOST.split("{0}")[0] + "20 online a/0 silent"
    inconclusive("reconnect", history(held, endless), "No connection ended")


GOOD = {
    "silent": (SILENT.format(9, "9.4"), of(watchdog="2s")),
    "denied": (DENIED, of("deny")),
    "lost": (LOST.format("8.2"), of(server={"retrySpread": "none", "peerTimeout": "5s"})),
    "noticed": (
        NOTICED.format("12 close a/0#1 client keepalive received=1\n99 end run"),
        of(notices={"keepalive": "2s"}),
    ),
    "untold": (
        NOTICED.format("99 end a/0#1 client cause=untold received=1\n99 end run"),
        of(notices="never"),
    ),
}


@pytest.mark.parametrize("name", GOOD)
def test_whatever_is_wrong_with_one_row_breaks_no_checker(name):
    good = history(*GOOD[name])
    rows = list(good)
    for at, row in enumerate(rows):
        changed = (
            {"connection": 77}, {"subscriber": "x/0"}, {"subscriber": "probe/none"},
            {"project": "other"}, {"detail": None}, {"detail": {}}, {"cause": ""}, {"seq": 99},
        )  # fmt: skip
        for instead in (
            (), (row, row), *([msgspec.structs.replace(row, **one)] for one in changed)
        ):  # fmt: skip
            for found in judge(History(good.header, [*rows[:at], *instead, *rows[at + 1 :]])):
                assert "broke down" not in found.sentence, (row, instead, found.evidence)


def test_a_history_from_before_notices_is_judged_by_what_held_then():
    """Every client learnt of its end at the heal; nothing in such a file says so."""
    old = read_history(Path(__file__).parent / "told_at_the_heal.jsonl.gz")
    assert {group.notices for group in old.scenario.workload.subscribers.values()} == {"at-heal"}
    assert {one.status for one in judge(old)} <= {Status.PASS, Status.NOT_APPLICABLE}
    new = History(msgspec.structs.replace(old.header, format=FORMAT, scenario=plainly(old)), old)
    fails("reconnect", new, "was dead, and nobody could tell it (NET-7)")


def plainly(old):
    groups = old.header.scenario["workload"]["subscribers"]
    bare = {name: {k: v for k, v in one.items() if k != "notices"} for name, one in groups.items()}
    workload = {**old.header.scenario["workload"], "subscribers": bare}
    return {**old.header.scenario, "workload": workload}
