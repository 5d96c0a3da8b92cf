"""The instants and the numbers at which a checker begins to speak, and those just before."""

from collections import deque

import msgspec
import pytest

from simrt.checkers import reached_states
from simrt.checkers.accounting import outcomes
from simrt.checkers.fold import place
from simrt.checkers.ledger import Sent, Stream, _advance, _remove, range_of, whom_of
from simrt.checkers.replay import resumed_replay
from simrt.checkers.shape import loose_places
from simrt.checkers.waits import longest_wait_ns
from simrt.history import History, Row
from tests.checkers.asserting import fails, inconclusive, passes, verdict
from tests.checkers.histories import history, scenario

BEGUN = "0 connect a/0#1\n0 replay a/0#1 -\n"


def test_a_row_that_does_not_say_whom_or_what_says_nobody_and_nothing():
    for detail in (None, {}, {"other": 1}):
        row = Row(0, "replay", detail=detail)
        assert (range_of(row), whom_of(row)) == ((0, 0), "")
    assert range_of(Row(0, "replay", detail={"first": 3, "last": 5})) == (3, 5)
    assert whom_of(Row(0, "fault", detail={"whom": "a"})) == "a"


@pytest.mark.rules("CLI-2")
@pytest.mark.parametrize(("closed", "good"), [("5", True), ("5.1", False)])
def test_an_end_for_want_of_a_network_in_the_instant_in_which_it_is_back(closed, good):
    text = f"{BEGUN}4 offline a/0\n5 online a/0\n{closed} close a/0#1 client offline received=0\n"
    again = "8.5 connect a/0#2\n8.5 replay a/0#2 -"
    if good:
        passes("reconnect", history(text + again))
    else:
        fails("reconnect", history(text + again), "ended because of offline, and had a network")


@pytest.mark.rules("CLI-2")
def test_before_a_network_first_moved_it_was_there():
    first = history("0 refuse a/0#1 offline", target="server", resolution_ns=10**6)
    fails("reconnect", first, "failed for want of a network, and had one")


@pytest.mark.rules("SSE-4")
def test_a_client_that_closed_after_its_denial_was_over_must_be_let_in_again():
    of = scenario(faults=[{"at": "1s", "deny": "a", "for": "1s"}])
    over = f"{BEGUN}1 fault deny a\n2 heal deny a\n"
    text = f"{over}3 close a/0#1 {{}}\n4 refuse a/0#2 status status=401"
    client, server = "client client received=0", "server client"
    fails("permission", history(text.format(client), of), "in spite of the right credentials")
    # It may have been refused before; the server's own row says nothing of when.
    assert verdict("permission", history(text.format(server), of)).evidence == ()
    # And who comes while nothing is denied any more may be let in.
    back = f"{over}3 connect a/0#2\n3 replay a/0#2 -"
    assert verdict("permission", history(back, of)).evidence == ()


@pytest.mark.rules("REP-3")
def test_a_past_that_was_not_replayed_is_told_once_for_each_connection():
    text = (
        "1 send 1 offered=0\n2 send 2 offered=0\n"
        "3 connect a/0#1\n3 replay a/0#1 -\n3 take a/0#1 1\n3 take a/0#1 2\n"
        "4 connect b/0#1\n4 replay b/0#1 -\n4 take b/0#1 1"
    )
    found = fails("replay", history(text, scenario(groups={"a": {}, "b": {}})), "(REP-3)")
    assert len(found.evidence) == 2


@pytest.mark.rules("RST-1")
def test_who_is_back_in_the_instant_of_the_kill_was_cut_off_too():
    of = scenario(
        groups={"a": {"reconnect": "at-once"}},
        faults=[{"at": "30s", "restart": "server", "for": "1s"}],
    )
    text = (
        f"{BEGUN}30 fault restart server\n30 restart\n30 close a/0#1 client server received=0\n"
        "30 heal restart server\n30 connect a/0#2\n30 replay a/0#2 -\n100 end run"
    )
    said = passes("restart", history(text, of)).sentence
    assert "the last that was cut off was connected again 0 s after the kill" in said
    alone = "30 fault restart server\n30 restart\n31 heal restart server\n"
    late = f"{alone}32 connect a/0#1\n32 replay a/0#1 -\n100 end run"
    assert "it cut nobody off" in passes("restart", history(late, of)).sentence


@pytest.mark.rules("RST-1")
def test_who_left_in_the_first_instant_knows_of_it():
    text = (
        f"{BEGUN}0 close a/0#1 client server received=0\n0 close a/0#1 server client\n"
        "30 fault restart server\n30 restart\n31 heal restart server\n100 end run"
    )
    of = scenario(faults=[{"at": "30s", "restart": "server", "for": "1s"}])
    fails("restart", history(text, of), "a/0: not back 69 s after the restart (CLI-1)")


OFFERED_TWICE = (
    "0 connect a/0#1\n0 replay a/0#1 -\n1 send 1 offered=1\n"
    "2 connect a/0#2\n2 replay a/0#2 1-1\n{}\n9 end run"
)


@pytest.mark.rules("ACC-2")
@pytest.mark.parametrize(
    ("row", "outcome"),
    [
        ("3 drop a/0#1 1 drop-oldest", "pending"),  # it was offered to a later connection
        ("3 drop a/0#2 1 drop-oldest", "dropped-oldest"),
        ("3 expire a/0#2 1\n4 drop a/0#2 1 drop-oldest", "expired"),  # the first word counts
        ("3 take a/0#1 1\n3 receive a/0#1 1\n4 drop a/0#2 1 drop-oldest", "received"),
    ],
)
def test_an_event_has_the_fate_that_its_newest_connection_gives_it_first(row, outcome):
    assert outcomes(history(OFFERED_TWICE.format(row))) == {"a/0": {outcome: 1}}


# --- reconnecting -------------------------------------------------------------------------------

BACK = (
    "{0} close a/0#1 client server received=0\n{0} close a/0#1 server client\n{1} connect a/0#2\n"
)


@pytest.mark.rules("CLI-1")
@pytest.mark.parametrize(
    ("closed", "number"), [("100", "1 reconnect,"), ("100.1", "0 reconnects,")]
)
def test_an_outage_counts_that_began_with_the_workload_or_at_its_end(closed, number):
    text = BEGUN + BACK.format(closed, "103.5")
    assert passes("reconnect", history(text)).sentence.startswith(number)


@pytest.mark.rules("NET-7")
def test_in_the_instant_in_which_a_silence_falls_a_connection_still_comes():
    text = f"5 offline a/0 silent\n5 connect a/0#1\n5 replay a/0#1 -\n{BACK.format(6, '9.5')}"
    online = text.replace("9.5 connect", "9.5 online a/0 silent\n9.5 connect")
    passes("reconnect", history(online))
    fails("reconnect", history(online.replace("5 connect a/0#1", "5.1 connect a/0#1")), "(NET-7)")


@pytest.mark.rules("ACC-2")
def test_what_came_back_empty_brought_nothing_twice():
    text = (
        f"{BEGUN}1 send 1 offered=1\n1 take a/0#1 1\n1 receive a/0#1 1\n"
        "2 close a/0#1 client server received=1\n2 close a/0#1 server client taken=1\n"
        "5.5 connect a/0#2\n5.5 replay a/0#2 -\n"
    )
    assert "left out 0 events and brought 0 twice" in passes("reconnect", history(text)).sentence
    again = text.replace("replay a/0#2 -", "replay a/0#2 1-1")
    assert "left out 0 events and brought 1 twice" in passes("reconnect", history(again)).sentence
    missed = text.replace("5.5 connect", "5 send 2 offered=0\n5.5 connect")
    assert "left out 1 event and brought 0 twice" in passes("reconnect", history(missed)).sentence


@pytest.mark.rules("CLI-1")
@pytest.mark.parametrize(("t", "good"), [("4", True), ("6", False)])
def test_a_retry_binds_who_was_connected_alone(t, good):
    """Its own 3 s and up to 1 s of jitter; the server says 5 s to those that it accepts."""
    server = {"retrySpread": ["5s", "5s"]}
    never = history(f"0 refuse a/0#1 network\n{t} connect a/0#2", scenario(server=server))
    if good:
        passes("reconnect", never)
    else:
        fails("reconnect", never, "tried again only after 6 s, at most 4.")
    told = history(BEGUN + BACK.format(1, 1 + float(t)), scenario(server=server))
    passes("reconnect", told)


@pytest.mark.rules("CLI-1")
def test_who_left_before_its_answer_came_lost_a_connection_too():
    group = {"latency": "100ms"}
    text = "0 connect a/0#1\n0 replay a/0#1 -\n0.05 refuse a/0#1 network\n3.5 connect a/0#2\n"
    found = passes("reconnect", history(text, scenario(groups={"a": group})))
    assert found.sentence.startswith("1 reconnect, the slowest 3.4 s after the end;")


@pytest.mark.rules("CLI-1")
@pytest.mark.parametrize(("ends", "good"), [(7, True), (9, False)])
def test_where_times_are_measured_an_attempt_is_missing_after_20_resolutions_more(ends, good):
    """4 s are allowed, and 2 s more."""
    text = f"{BEGUN}1 close a/0#1 client server received=0\n1 close a/0#1 server client\n"
    text += f"{ends} end neighbour/0#1 client received=0\n{ends} end run"
    text = f"0 connect neighbour/0#1\n0 replay neighbour/0#1 -\n{text}"
    found = history(text, target="server", resolution_ns=10**8)
    if good:
        assert verdict("reconnect", found).evidence == ()
    else:
        assert fails("reconnect", found, "a/0 never tried again").judged == 1


@pytest.mark.rules("RST-5")
@pytest.mark.parametrize(("t", "good"), [("5", True), ("5.4", True), ("5.5", False)])
def test_a_server_that_is_back_is_reached_after_the_way_to_it(t, good):
    """Dial, accept, request and answer take four times 100 ms."""
    of = scenario(groups={"a": {"latency": "100ms"}})
    text = f"1 fault restart server\n1 restart\n5 heal restart server\n{t} refuse a/0#1 down"
    found = verdict("reconnect", history(text, of))
    assert any("the server was up" in line for line in found.evidence) != good
    up = history(f"{t} refuse a/0#1 down", of)
    fails("reconnect", up, "found nobody listening, and the server was up")


# --- queues, replays, shapes --------------------------------------------------------------------


@pytest.mark.rules("BUF-1", "TTL-4")
@pytest.mark.parametrize(("t", "good"), [("11", True), ("10.9", False)])
def test_what_is_too_old_may_be_passed_over_as_far_as_the_queue_is_concerned(t, good):
    of = scenario(options={"bufferSize": 2, "onFull": "drop-oldest", "messageTTL": "10s"})
    found = history(f"{BEGUN}1 send 1 offered=1\n2 send 2 offered=1\n{t} take a/0#1 2", of)
    if good:
        passes("loss", found)
    else:
        fails("loss", found, "event 1 was pending before it and vanished (BUF-1)")


@pytest.mark.parametrize(
    ("had", "replayed"),
    [("e1:0", None), ("e1:1", (2, 3)), ("e1:2", (3, 3)), ("e1:3", (0, 0)), ("e1:4", None),
     ("e0:2", None), (None, None)],
)  # fmt: skip
def test_what_follows_an_event_that_the_channel_still_knows_is_resumed(had, replayed):
    """It keeps two: what follows the one before these can be replayed whole."""
    stream = Stream("shop", "news", "e1")
    stream.sent = {seq: Sent(seq, "news", 20, "d") for seq in (1, 2, 3)}
    stream.last_seq = 3
    assert resumed_replay(stream, scenario().feature.options, had, 9) == replayed


@pytest.mark.rules("SSE-7")
@pytest.mark.parametrize(
    "part",
    [{"type": "string"}, {"enum": ["a"]}, {"const": 1}, {"$ref": "#/$defs/x"},
     {"anyOf": [{"type": "string"}]}, {"oneOf": [{"type": "string"}]},
     {"allOf": [{"type": "string"}]}],
)  # fmt: skip
def test_each_of_these_words_says_what_may_stand_there(part):
    assert list(loose_places(part, "e.x")) == []
    assert list(loose_places({"title": "x"}, "e.x")) == ["e.x: no type"]


@pytest.mark.rules("SSE-7")
def test_what_was_rejected_is_counted():
    text = f"{BEGUN}1 reject news shape\n2 reject news shape\n3 reject news event"
    said = fails("shape", history(text), "its data is not as declared").sentence
    assert said == "3 findings against the declared shape; 3 events rejected for it."


# --- restarts and faults ------------------------------------------------------------------------

RESTART = "30 fault restart server\n30 restart\n31 heal restart server\n"
RESTARTED = scenario(faults=[{"at": "30s", "restart": "server", "for": "1s"}])


@pytest.mark.rules("RST-1")
def test_the_last_that_was_cut_off_is_one_of_our_own_and_the_first_time_that_it_is_back():
    near = "0 connect neighbour/0#1\n0 replay neighbour/0#1 -\n"
    ours = "0 connect a/0#1\n0 replay a/0#1 -\n"
    cut = "30 close {0}/0#1 client server received=0\n"
    back = "{1} connect {0}/0#2\n{1} replay {0}/0#2 -\n"
    alone = near + RESTART + cut.format("neighbour") + back.format("neighbour", 34) + "90 end run"
    assert "it cut nobody off" in passes("restart", history(alone, RESTARTED)).sentence
    both = ours + RESTART + cut.format("a") + back.format("a", 34)
    again = (
        "40 close a/0#2 client server received=0\n44 connect a/0#3\n44 replay a/0#3 -\n90 end run"
    )
    said = passes("restart", history(both + again, RESTARTED)).sentence
    assert "was connected again 4 s after the kill" in said


@pytest.mark.rules("RST-1", "RST-3")
def test_of_a_run_that_was_cut_short_nobody_is_missing():
    late = f"1 send 1 offered=0\n{RESTART}32 send 2 offered=0 epoch=e1"
    found = fails("restart", history(late, RESTARTED), "epoch e1 had ended with the restart")
    assert len(found.evidence) == 1
    assert found.sentence.startswith("0 clients did not come back after a restart; 1 other finding")
    text = f"{BEGUN}{RESTART}"
    inconclusive("restart", history(text, RESTARTED), "After the restart 0 clients came back")


@pytest.mark.rules("RST-5")
def test_what_a_real_server_rejects_while_it_goes_down_may_have_another_reason():
    text = f"{BEGUN}30 fault restart server\n30 restart\n30.1 reject news shape\n"
    fails("restart", history(text, RESTARTED), "because of shape while the server was down (RST-5)")
    real = history(text, RESTARTED, target="server", resolution_ns=10**6)
    assert verdict("restart", real).evidence == ()


@pytest.mark.rules("NET-6")
@pytest.mark.parametrize(
    ("members", "words"),
    [(None, "nobody"), ("abc", "none"), (5, "none"), ([], "none"), ([0, 0], "2 of them")],
)
def test_whom_a_fault_hits_is_said_whatever_stands_there(members, words):
    of = scenario(faults=[{"at": "1s", "stall": "a", "for": "1s"}])
    good = history("1 fault stall a\n2 heal stall a", of)
    rows = [
        msgspec.structs.replace(row, detail={**(row.detail or {}), "members": members})
        for row in good
    ]
    fails("faults", History(good.header, rows), f"hits {words}, the scenario says 1 member of a")


@pytest.mark.rules("SSE-4")
def test_who_first_comes_after_a_denial_may_have_been_refused_during_it():
    of = scenario(faults=[{"at": "1s", "deny": "a", "for": "1s"}])
    over = "1 fault deny a\n2 heal deny a\n3 refuse a/0#1 status status=401\n"
    assert verdict("permission", history(over, of)).evidence == ()
    again = f"{over}6 refuse a/0#2 status status=401"
    fails("permission", history(again, of), "in spite of the right credentials")


# --- accounts -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "in_group"), [("duplicate", True), ("duplicate", False)])
def test_what_the_neighbour_gets_twice_is_no_state_of_this_run(kind, in_group):
    who, place = ("a", "") if in_group else ("neighbour", " in=neighbour")
    text = (
        f"0 connect {who}/0#1\n0 replay {who}/0#1 -\n1 send 1{place} offered=1\n"
        f"1 take {who}/0#1 1\n1 receive {who}/0#1 1\n2 receive {who}/0#1 1"
    )
    assert reached_states(history(text))[kind] == in_group


@pytest.mark.rules("DLV-4")
@pytest.mark.parametrize(("cause", "left"), [("network", True), ("offline", True), ("down", False)])
def test_a_client_that_left_before_it_was_accepted_receives_nothing(cause, left):
    text = (
        f"0 refuse a/0#1 {cause}\n0 connect a/0#1\n0 replay a/0#1 -\n1 send 1 offered=1\n"
        "1 take a/0#1 1\n1 receive a/0#1 1"
    )
    if left:
        fails("order", history(text), "received after the client's side had ended (DLV-4)")
    else:
        passes("order", history(text))


@pytest.mark.rules("ACC-2")
@pytest.mark.parametrize(("seq", "kept"), [(999_999, True), (1_000_000, False)])
def test_a_gap_in_the_numbers_costs_no_more_than_a_million_cells(seq, kept):
    found = outcomes(history(f"{BEGUN}1 send {seq} offered=1\n2 end run"))
    assert found == {"a/0": {"pending": 1} if kept else {}}


@pytest.mark.rules("ACC-3")
def test_who_is_in_no_group_has_no_answer_under_way():
    found = history("1 connect x/0#1\n1 replay x/0#1 -\n1 end run")
    fails("accounting", found, "x/0 connection 1: no row says how it ended for the client (ACC-3)")
    young = history("1 connect a/0#1\n1 replay a/0#1 -\n1 end run")
    assert not any("for the client" in line for line in verdict("accounting", young).evidence)


# --- the way through the network ----------------------------------------------------------------

FAR = scenario(
    groups={"a": {"latency": "100ms"}}, faults=[{"at": "4s", "disconnect": "a", "for": "1s"}]
)


@pytest.mark.rules("CLI-2")
@pytest.mark.parametrize(("t", "good"), [("50.1", True), ("50.2", False)])
def test_a_request_that_was_under_way_when_the_network_went_still_arrives(t, good):
    text = f"50 offline a/0\n{t} connect a/0#1\n{t} replay a/0#1 -"
    found = verdict("reconnect", history(text, FAR))
    assert any("without a network (CLI-2)" in line for line in found.evidence) != good


@pytest.mark.rules("CLI-1")
@pytest.mark.parametrize(("t", "good"), [("50.1", True), ("50.2", False)])
def test_an_attempt_that_was_broken_off_is_accepted_while_it_is_under_way(t, good):
    text = f"50 refuse a/0#1 network\n{t} connect a/0#1\n{t} replay a/0#1 -"
    found = verdict("reconnect", history(text, FAR))
    assert any("attempt 2 is due" in line for line in found.evidence) != good


@pytest.mark.rules("CLI-2", "NET-6")
@pytest.mark.parametrize(("t", "good"), [(4.5, True), (5, True), (5.1, False), (3.9, False)])
def test_a_disconnect_ends_connections_from_its_begin_to_its_heal(t, good):
    rows = ["4 fault disconnect a", "5 heal disconnect a",
            f"{t} close a/0#1 client disconnect received=0"]  # fmt: skip
    rows.sort(key=lambda line: float(line.split()[0]))
    found = verdict("reconnect", history(BEGUN + "\n".join(rows), FAR))
    assert any("ended because of disconnect" in line for line in found.evidence) != good


# --- evidence -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (Row(1_500_000_000, "take", project="shop", subscriber="a/0", connection=2, seq=3),
         "1.5 s: take, a/0 connection 2, event 3"),
        (Row(0, "send", project="shop", seq=1), "0 s: send, shop, event 1"),
        (Row(0, "connect", subscriber="a/0", connection=1), "0 s: connect, a/0 connection 1"),
        (Row(7, "restart"), "0.000000007 s: restart"),
    ],
)  # fmt: skip
def test_evidence_says_when_who_and_which_event(row, words):
    assert place(row) == words


@pytest.mark.rules("ACC-2")
@pytest.mark.parametrize(("number", "told"), [(2, "event 2 of"), (4, "event 3 of epoch e1 (")])
def test_up_to_three_events_without_an_outcome_are_named(number, told):
    sends = "".join(f"1 send {seq} offered=1\n" for seq in range(1, number + 1))
    found = fails("accounting", history(f"{BEGUN}{sends}2 end run"), told)
    (line,) = (line for line in found.evidence if "without an outcome" in line)
    assert line.startswith(f"a/0: {number} without an outcome: event 1")
    assert line.count("event ") == min(3, number)


@pytest.mark.rules("ACC-1")
@pytest.mark.parametrize(
    ("number", "told"), [(6, "6 (1, 2, 3, 4, 5, 6)"), (7, "7 (1, 2, 3, 4, 5, 6, …)")]
)
def test_of_what_is_pending_the_first_six_are_named(number, told):
    sends = "".join(f"1 send {seq} offered=1\n" for seq in range(1, number + 1))
    text = f"{BEGUN}{sends}2 close a/0#1 server client pending=9"
    fails("accounting", history(text), f"says 1 (9) are pending, the rows say {told} (ACC-1)")


# --- what does not fit --------------------------------------------------------------------------


@pytest.mark.rules("ACC-3")
@pytest.mark.parametrize("seq", [0, 99])
def test_an_event_that_was_never_sent_breaks_no_account(seq):
    text = (
        f"{BEGUN}1 send 1 offered=1\n1 take a/0#1 {seq}\n"
        "2 close a/0#1 client client received=0\n2 close a/0#1 server client taken=1 pending=1\n"
    )
    assert outcomes(history(text)) == {"a/0": {"connection-lost": 1}}


@pytest.mark.rules("SSE-5")
def test_of_a_client_that_nobody_knows_no_silence_is_known():
    fails(
        "reconnect", history("1 close a/0#1 server gone"), "acknowledged what was written (SSE-5)"
    )


@pytest.mark.rules("CLI-3")
def test_who_was_refused_for_good_need_not_try_again_too():
    text = "0 connect neighbour/0#1\n1 refuse a/0#1 status status=401\n90 end run"
    found = fails("reconnect", history(text), "refused for good, and no gave-up follows (CLI-3)")
    assert len(found.evidence) == 1


@pytest.mark.parametrize(
    ("seq", "without", "after"),
    [(1, [2, 3], [2, 3]), (2, [1, 3], [3]), (3, [1, 2], []), (9, [1, 2, 3], [1, 2, 3])],
)
def test_a_queue_gives_up_one_event_or_all_up_to_it(seq, without, after):
    queue, flight = deque([1, 2, 3]), deque([1, 2, 3])
    _remove(queue, seq)
    _advance(flight, seq)
    assert (list(queue), list(flight)) == (without, after)
    _remove(deque(), seq)
    _advance(deque(), seq)


@pytest.mark.rules("CLI-1")
@pytest.mark.parametrize("late_ns", [0, 1])
def test_a_client_is_missing_once_it_has_waited_as_long_as_it_may(late_ns):
    longest_ns = longest_wait_ns(RESTARTED.workload.subscribers["a"])
    end = f"{(31 * 10**9 + longest_ns + late_ns) / 1e9:.9f} end run"
    text = f"{BEGUN}{RESTART}31 close a/0#1 client server received=0\n{end}"
    found = verdict("restart", history(text, RESTARTED))
    assert any("(CLI-1)" in line for line in found.evidence) == late_ns


@pytest.mark.rules("SSE-4")
def test_each_stranger_that_was_let_in_is_one_thing_judged():
    of = scenario(groups={"w": {"credentials": "wrong"}})
    for number in (1, 2):
        text = "\n".join(f"{n} connect w/0#{n}" for n in range(1, number + 1))
        found = fails("permission", history(text, of), "let in without the right credentials")
        assert found.judged == number


@pytest.mark.rules("CLI-1")
def test_an_outage_begins_where_either_side_saw_it_first():
    of = scenario(groups={"a": {"latency": "500ms"}})
    ends = ["5 close a/0#1 client client received=0", "5.5 close a/0#1 server client"]
    text = f"{BEGUN}{{}}\n{{}}\n9 connect a/0#2\n9 replay a/0#2 -"
    said = passes("reconnect", history(text.format(*ends), of)).sentence
    assert said.startswith("1 reconnect, the slowest 4 s after the end;")
    heard = text.format(
        "4.5 close a/0#1 server shutdown", ends[0].replace(" client r", " server r")
    )
    said = passes("reconnect", history(heard, of)).sentence
    assert said.startswith("1 reconnect, the slowest 4.5 s after the end;")


@pytest.mark.rules("CLI-2")
@pytest.mark.parametrize(("t", "good"), [("50.11", True), ("50.12", False)])
def test_where_times_are_measured_a_request_may_be_under_way_a_resolution_longer(t, good):
    text = f"50 offline a/0\n{t} connect a/0#1\n{t} replay a/0#1 -"
    found = verdict("reconnect", history(text, FAR, target="server", resolution_ns=10**7))
    assert any("without a network (CLI-2)" in line for line in found.evidence) != good


@pytest.mark.rules("RST-1")
def test_probes_do_not_come_back_after_a_restart():
    text = (
        f"{BEGUN}{RESTART}31 close a/0#1 client server received=0\n34 connect a/0#2\n"
        "34 replay a/0#2 -\n99 connect probe/right#1\n99 replay probe/right#1 -\n100 end run"
    )
    assert "and 1 client did;" in passes("restart", history(text, RESTARTED)).sentence


@pytest.mark.rules("RST-5")
def test_a_row_of_no_life_while_the_server_is_down_is_seen():
    text = f"{BEGUN}30 fault restart server\n30 restart\n30.5 send 1 offered=0 epoch="
    fails("restart", history(text, RESTARTED), "30.5 s: send, shop, event 1: while the server was")
