import pytest

from simrt.checkers.waits import LONGEST_HEAD_BYTES, answer_ns
from simrt.network import HEAD_BYTES
from tests.checkers.asserting import fails, inconclusive, not_applicable, passes
from tests.checkers.histories import edited, history, newest, oldest, scenario

pytestmark = pytest.mark.rules("CLI-1", "CLI-2", "CLI-3", "STR-1")


def test_good_histories_reconnect_in_time():
    found = passes("reconnect", oldest())
    assert found.sentence.startswith("3 reconnects, the slowest 7 s after the end; ")
    assert "replay left out 1 event and brought 0 twice" in found.sentence
    assert "brought 1 twice" in passes("reconnect", newest()).sentence


@pytest.mark.parametrize(
    ("edits", "words"),
    [
        # numbers, one attempt at a time
        ([("18.5 refuse a/0#2 offline", "\n")], "attempt 2 is due, one by one"),
        ([("33.5 refuse a/0#4 down", "\n")], "attempt 4 is due, one by one"),
        ([("24 connect b/0#1", "24 connect b/0#2")], "attempt 1 is due, one by one"),
        ([("15.2 close a/0#1 client offline received=6", "\n")], "connection 1 had not ended"),
        ([("30 close b/0#1 client server received=3", "30 close b/0#2 client server received=3")],
         "ended a connection that the client did not have"),
        ([("101 end b/0#3 client received=3", "101 end b/0#2 client received=3")],
         "but the client had no such connection"),
        # in time
        ([("36.5 connect b/0#3", "36.3 connect b/0#3")], "again after 2.9 s, at least 2.999999 s"),
        ([("37 connect a/0#5", "37.6 connect a/0#5")], "only after 4.1 s, at most 4.000001 s"),
        # with its network
        ([("19 online a/0", "\n")], "connected without a network (CLI-2)"),
        ([("15.2 offline a/0", "\n")], "its network had not gone"),
        ([("19 online a/0", "19 offline a/0")], "its network had gone before"),
        ([("18.5 refuse a/0#2 offline", "18.5 refuse a/0#2 down")], "and the server was up"),
        ([("33.5 refuse a/0#4 down", "33.5 refuse a/0#4 offline")], "and had one"),
        ([("33.5 refuse a/0#4 down", "33.5 refuse a/0#4 tired")], "cause tired is no reason"),
        # ends
        ([("30.2 close a/0#3 client server received=3",
           "30.2 close a/0#3 client offline received=3")], "because of offline, and had a network"),
        ([("30.2 close a/0#3 client server received=3",
           "30.2 close a/0#3 client tired received=3")], "cause tired is no reason for a client"),
        ([("15.2 close a/0#1 server client taken=7 dropped-oldest=1 expired=1 pending=10",
           "15.2 close a/0#1 server tired taken=7 dropped-oldest=1 expired=1 pending=10")],
         "cause tired is no reason for a server"),
        ([("15.2 close a/0#1 server client taken=7 dropped-oldest=1 expired=1 pending=10", "\n")],
         "the server still held it 14.8 s later, allowed 0 s"),
        ([("15.2 close a/0#1 server client taken=7 dropped-oldest=1 expired=1 pending=10",
           "15.3 close a/0#1 server client taken=7 dropped-oldest=1 expired=1 pending=10")],
         "the server still held it 0.1 s later, allowed 0 s"),
        # refused for good
        ([("0 refuse w/0#1 status status=401", "\n")], "this attempt was not refused (CLI-3)"),
        ([("0 gave-up w/0#1 status status=401", "\n")], "and no gave-up follows (CLI-3)"),
        ([("0 gave-up w/0#1 status status=401",
           "0 gave-up w/0#1 status status=401\n4 connect w/0#2")], "refused for good (CLI-3)"),
        ([("0 refuse w/0#1 status status=401", "0 refuse w/0#1 network")], "no final answer"),
        # members
        ([("0 refuse w/0#1 status status=401", "\n"), ("0 gave-up w/0#1 status status=401", "\n")],
         "w/0: never tried to connect"),
        ([("0 gave-up w/0#1 status status=401",
           "0 gave-up w/0#1 status status=401\n1 gave-up w/0#1 status status=401")],
         "had given up before"),
        ([("24 connect b/0#1", "24 connect c/0#1")], "is in no group of the scenario"),
    ],
)  # fmt: skip
def test_it_sees(edits, words):
    fails("reconnect", oldest(*edits), words)


ENDS = """
0 connect a/0#1
0 replay a/0#1 -
0 connect neighbour/0#1
0 replay neighbour/0#1 -
5 close a/0#1 server {server}
5 close a/0#1 client server received=0
"""
END = "neighbour/0#1 client received=0"


def of_group(**settings):
    return scenario(
        groups={"a": settings}, faults=[{"at": "1s", "disconnect": "a"}],
        server={"retrySpread": ["6s", "7s"]},
    )  # fmt: skip


def attempt(after_s, cause="client", of=None, then=""):
    t = 5 + after_s
    text = ENDS.format(server=cause) + f"{t} connect a/0#2\n{t} replay a/0#2 -\n{then}"
    return history(text, of or of_group())


@pytest.mark.parametrize(
    ("settings", "least", "most"),
    [
        ({}, 3, 8),  # the server's retry (6 to 7 s) may not have reached it; 1 s of jitter
        ({"reconnect": {"after": "1s", "jitter": "0s"}}, 1, 7),
        ({"reconnect": {"after": "9s", "atMost": "5s", "jitter": "0s"}}, 5, 5),
        ({"latency": "1s"}, 3, 12),  # dial, accept, request, answer
        ({"reconnect": "at-once"}, 3, 4),  # never replaced
    ],
)
def test_the_wait_is_bounded_by_the_policy(settings, least, most):
    of = of_group(**settings)
    for good in (least, most):
        passes("reconnect", attempt(good, of=of))
    fails("reconnect", attempt(least - 0.1, of=of), "at least")
    fails("reconnect", attempt(most + 0.1, of=of), "at most")


def test_a_last_word_of_the_server_moves_the_bounds():
    """STR-3: an orderly shutdown sends its own retry, 1 to 10 s."""
    passes("reconnect", attempt(11, "shutdown"))
    passes("reconnect", attempt(1, "shutdown"))
    fails("reconnect", attempt(11.1, "shutdown"), "at most")


def test_failures_lengthen_the_wait():
    of = of_group(reconnect={"after": "1s", "jitter": "0s", "backoff": 10, "atMost": "20s"})
    text = "0 refuse a/0#1 network\n{0} refuse a/0#2 network\n{1} refuse a/0#3 network"
    passes("reconnect", history(text.format(10, 30), of))  # 1 s x 10, then 20 s at most
    fails("reconnect", history(text.format(9, 29), of), "tried again after 9 s, at least 9.99")
    fails("reconnect", history(text.format(10, 29), of), "tried again after 19 s, at least 19.99")


def test_a_late_attempt_is_the_machines_fault_where_time_is_real():
    late = edited(ENDS.format(server="client"), ("0 replay a/0#1 -", "0 replay a/0#1 -"))
    late += "\n50 connect a/0#2\n50 replay a/0#2 -"
    fails("reconnect", history(late, of_group()), "at most")
    passes("reconnect", history(late, of_group(), resolution_ns=1_000_000))


def test_an_early_attempt_is_not():
    text = ENDS.format(server="client") + "7 connect a/0#2\n7 replay a/0#2 -"
    fails("reconnect", history(text, of_group(), resolution_ns=1_000_000), "at least")


def test_who_never_tries_again_fails():
    text = ENDS.format(server="client") + f"{{0}} end {END}\n{{0}} end run"
    fails("reconnect", history(text.format(60), of_group()), "never tried again, at most 8.00")
    inconclusive("reconnect", history(text.format(12), of_group()))  # it may still be waiting
    fails("reconnect", history(text.format(60), of_group(), resolution_ns=1_000), "never tried")
    cut = ENDS.format(server="client") + "60 offline neighbour/0"
    inconclusive("reconnect", history(cut, of_group()))  # a history cut short owes nothing


def test_at_once_comes_back_with_the_network():
    of = of_group(reconnect="at-once")
    away = "5 offline a/0\n5 close a/0#1 client offline received=0\n20 online a/0\n"
    text = "0 connect a/0#1\n0 replay a/0#1 -\n" + away + "{0} connect a/0#2\n{0} replay a/0#2 -"
    passes("reconnect", history(text.format(20), of))
    fails("reconnect", history(text.format("20.1"), of), "at most")


def test_a_stalled_client_hears_nothing():
    stall = scenario(faults=[{"at": "4s", "stall": "a", "for": "30s"}])
    text = (
        ENDS.format(server="client")
        + "6 fault stall a\n30 heal stall a\n31 refuse a/0#2 network\n31.1 fault stall a"
    )
    passes("reconnect", history(text, stall))


def test_patient_clients_return_after_503():
    text = "0 refuse a/0#1 status status=503\n3.5 connect a/0#2\n3.5 replay a/0#2 -\n9 end run"
    passes_with = scenario(groups={"a": {"client": "patient"}})
    text = "0 connect neighbour/0#1\n" + text
    passes("reconnect", history(text, passes_with))
    only = "0 connect neighbour/0#1\n0 refuse a/0#1 status status=503\n90 end run"
    fails("reconnect", history(only, passes_with), "never tried again")
    fails("reconnect", history(only), "no gave-up follows")
    # Where the row does not say which status it was, only its end is known.
    untold = "0 connect neighbour/0#1\n0 refuse a/0#1 down\n1 refuse a/0#2 network\n90 end run"
    fails("reconnect", history(untold, passes_with), "never tried again")


def test_a_request_under_way_is_accepted_after_its_client_left():
    """NET-4: what travels arrives; the client has broken the attempt off and goes on counting."""
    of = of_group(latency="100ms")
    text = (
        "1 offline a/0\n1 refuse a/0#1 offline\n{0} connect a/0#1\n{0} replay a/0#1 -\n"
        "2 online a/0\n4.5 connect a/0#2\n4.5 replay a/0#2 -"
    )
    passes("reconnect", history(text.format("1.1"), of))
    fails("reconnect", history(text.format("1.2"), of), "one by one")


def test_where_time_is_real_a_request_waits_with_others_to_be_accepted():
    """For longer than timers are late; then its client has long left, and may have tried again."""
    real = {"resolution_ns": 1_000_000}
    text = (
        "1 offline a/0\n1 refuse a/0#1 offline\n{0} connect a/0#1\n{0} replay a/0#1 -\n"
        "2 online a/0\n6 connect a/0#2\n6 replay a/0#2 -"
    )
    passes("reconnect", history(text.format("1.9"), of_group(), **real))
    tried = (
        "1 offline a/0\n1 refuse a/0#1 offline\n5 refuse a/0#2 offline\n"
        "6 connect a/0#1\n6 replay a/0#1 -\n7 online a/0\n{}"
    )
    back = "13 connect a/0#3\n13 replay a/0#3 -"
    passes("reconnect", history(tried.format(back), of_group(), **real))
    again = "7.5 connect a/0#1\n7.5 replay a/0#1 -\n" + back
    fails("reconnect", history(tried.format(again), of_group(), **real), "one by one")


def test_an_answer_that_never_arrived_counts_as_a_failure():
    of = of_group(reconnect={"after": "1s", "jitter": "0s", "backoff": 4})
    text = (
        "0 connect a/0#1\n0 replay a/0#1 -\n0.5 refuse a/0#1 network\n{0} connect a/0#2\n"
        "{0} replay a/0#2 -"
    )
    passes("reconnect", history(text.format("4.5"), of))
    fails("reconnect", history(text.format("1.5"), of), "at least 3.99")


def test_who_says_that_the_server_ended_it_needs_the_server_to_have():
    text = edited(ENDS.format(server="client"), ("5 close a/0#1 server client", "\n"))
    text += "\n11.5 refuse a/0#2 network\n12 end run"
    fails("reconnect", history(text, of_group()), "says that the server ended it")


@pytest.mark.parametrize(("t", "good"), [("13.1", True), ("13", True), ("12.9", False)])
def test_a_stalled_connection_got_its_time(t, good):
    """STR-1: accepts nothing for writeDeadline (10 s here); the last take was at 3 s."""
    line = "13.1 close s/0#1 server stalled taken=4 dropped-newest=1 pending=6"
    found = newest((line, f"{t}{line[4:]}"))
    if good:
        passes("reconnect", found)
    else:
        fails("reconnect", found, "stalled after 9.9 s, allowed 10 s")


def test_where_time_is_real_a_lost_client_is_noticed_within_the_peers_time():
    """SSE-5: at the latest after peerTimeout, 30 s."""
    held = (
        "0 connect a/0#1\n0 replay a/0#1 -\n1 offline a/0\n1 close a/0#1 client offline received=0"
    )
    text = held + "\n{0} end a/0#1 server"
    fails("reconnect", history(text.format(2)), "the server still held it 1 s later, allowed 0 s")
    real = {"resolution_ns": 1_000_000}
    inconclusive("reconnect", history(text.format(31), of_group(), **real))
    fails("reconnect", history(text.format(32), of_group(), **real), "allowed 30 s")


def test_nothing_ends_a_connection():
    calm = "0 connect a/0#1\n0 replay a/0#1 -\n0 connect neighbour/0#1\n9 end run"
    not_applicable("reconnect", history(calm), "nothing in this scenario has to end one")
    inconclusive("reconnect", history(calm, of_group()), "No connection ended")
    stall, cut = ({"at": "1s", kind: "a", "for": "2s"} for kind in ("stall", "disconnect"))
    not_applicable("reconnect", history(calm, scenario(faults=[stall])), "has to end one")
    inconclusive("reconnect", history(calm, scenario(faults=[cut])), "No connection ended")


@pytest.mark.parametrize("row", ["gave-up c/0#1 status", "offline c/0", "online c/0"])
def test_who_is_in_no_group_is_noticed_by_each_of_its_rows(row):
    fails(
        "reconnect", oldest(("24 connect b/0#1", f"24 connect b/0#1\n24 {row}")), "is in no group"
    )


def test_a_client_may_hang_up():
    text = ENDS.format(server="client").replace("client server received", "client client received")
    passes("reconnect", history(text + "9 connect a/0#2\n9 replay a/0#2 -", of_group()))


def test_where_time_is_real_nobody_says_when_the_server_was_down():
    text = ENDS.format(server="client") + "11.5 refuse a/0#2 down"
    fails("reconnect", history(text, of_group()), "and the server was up")
    passes("reconnect", history(text, of_group(), resolution_ns=1_000_000))


def test_at_once_waits_for_its_network_after_any_end():
    of = of_group(reconnect="at-once")
    text = ENDS.format(server="client") + "6 offline a/0\n20 online a/0\n{0} connect a/0#2"
    passes("reconnect", history(text.format(20), of))
    fails("reconnect", history(text.format(26), of), "at most 19")


@pytest.mark.rules("NET-1", "NET-2")
@pytest.mark.parametrize(
    ("window", "ways"), [(1, 4), ("119B", 4), ("118B", 5), ("60B", 5), ("59B", 6), ("1B", 122)]
)
def test_an_answer_comes_in_as_many_pieces_as_the_window_asks_for(window, ways):
    slow = scenario(groups={"a": {"latency": "50ms", "window": window}})
    assert answer_ns(slow.workload.subscribers["a"]) == ways * 50_000_000
    assert max(HEAD_BYTES.values()) == LONGEST_HEAD_BYTES


def test_at_the_very_beginning_nobody_is_offline_by_tolerance():
    """On a target whose times are not exact, an attempt may fail a little before its row."""
    text = (
        "0 connect neighbour/0#1\n0 refuse a/0#1 offline\n"
        "3 connect a/0#2\n3 replay a/0#2 -\n9 end run"
    )
    found = history(text, target="server", resolution_ns=10_000_000)
    fails("reconnect", found, "failed for want of a network, and had one")
