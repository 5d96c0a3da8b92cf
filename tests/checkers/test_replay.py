import msgspec
import pytest

from simrt.history import History, Row
from tests.checkers.asserting import fails, inconclusive, not_applicable, passes, verdict
from tests.checkers.histories import history, newest, oldest, scenario

pytestmark = pytest.mark.rules(
    "REP-1", "REP-2", "REP-3", "REP-4", "REP-5", "REP-6", "REP-7", "HIS-1"
)

NS = 1_000_000_000


@pytest.mark.parametrize("good", [oldest, newest])
def test_good_histories_replay_what_the_settings_ask(good):
    passes("replay", good())


@pytest.mark.parametrize(
    ("edits", "words"),
    [
        ([("22 replay a/0#3 10-11", "22 replay a/0#3 11-11")], "replays 1 events, 11 to 11, the"),
        ([("22 replay a/0#3 10-11", "22 replay a/0#3 9-10")], "give 2 events, 10 to 11"),
        ([("22 replay a/0#3 10-11", "22 replay a/0#3 -")], "replays nothing"),
        ([("22 replay a/0#3 10-11", "22 replay a/0#3 10-11 count=1")], "replays 1 events"),
        ([("22 replay a/0#3 10-11", "22 replay a/0#3 10-11 last_n=3")], "not those that the scen"),
        ([("22 replay a/0#3 10-11", "22 replay a/0#3 10-11 max_age_ns=7999999999")], "not those"),
        ([("0 replay a/0#1 -", "0 replay a/0#1 - max_age_ns=8000000001")], "not those"),
        ([("0 replay a/0#1 -", "0 replay a/0#1 - last_n=1")], "not those"),
        ([("22 replay a/0#3 10-11", "22.05 replay a/0#3 10-11")], "part of the step"),
        ([("22 replay a/0#3 10-11", "\n")], "no replay row follows this connect"),
        ([("37 replay a/0#5 -", "\n")], "no replay row follows this connect"),
        ([("22 replay a/0#3 10-11", "22 replay a/0#3 10-11\n22 replay a/0#3 10-11")], "once"),
        ([("0 replay a/0#1 -", "0 replay neighbour/0#1 -")], "stands directly after"),
        ([("24 replay b/0#1 11-11", "24 replay a/0#3 11-11")], "stands directly after"),
        ([("24 replay b/0#1 11-11", "24 replay b/0#1 -")], "replays nothing, the settings give 1"),
        ([("24 take b/0#1 11", "24 take b/0#1 10")], "and not replayed to it (REP-3)"),
    ],
)
def test_it_sees(edits, words):
    fails("replay", oldest(*edits), words)


# ten events, sent at 1 s to 10 s; a subscribe at 12 s
SENT = "\n".join(f"{n} send {n} offered=0" for n in range(1, 11))


@pytest.mark.parametrize(
    ("options", "limits", "due"),
    [
        ({}, {}, "-"),  # REP-1
        ({}, {"lastN": 3}, "8-10"),
        ({}, {"lastN": 0}, "-"),  # REP-5
        ({}, {"lastN": 0, "maxAge": "5s"}, "-"),
        ({}, {"lastN": 99}, "3-10"),  # REP-6, HIS-1: 8 are kept
        ({}, {"maxAge": "5s"}, "7-10"),  # inclusive: event 7 is exactly 5 s old
        ({}, {"maxAge": "4999ms"}, "8-10"),
        ({}, {"maxAge": "1s"}, "-"),
        ({}, {"maxAge": "99s"}, "3-10"),
        ({}, {"lastN": 2, "maxAge": "5s"}, "9-10"),
        ({}, {"lastN": 9, "maxAge": "3s"}, "9-10"),
        ({"messageTTL": "5s"}, {"lastN": 9}, "8-10"),  # TTL-2: event 7 is exactly 5 s old
        ({"messageTTL": "5s"}, {"maxAge": "9s"}, "8-10"),
        ({"messageTTL": "1s"}, {"lastN": 9}, "-"),
        ({"bufferSize": 1}, {"lastN": 9}, "10-10"),
        ({"onFull": "drop-newest"}, {"lastN": 99}, "3-10"),
    ],
)
def test_the_range_is_what_the_settings_give(options, limits, due):
    of = scenario(options={"bufferSize": 8, "onFull": "drop-oldest"} | options, replay=limits)
    name = "replay"
    good = history(f"{SENT}\n12 connect a/0#1\n12 replay a/0#1 {due}\n13 end run", of)
    if limits in ({}, {"lastN": 0}, {"lastN": 0, "maxAge": "5s"}):
        not_applicable(name, good)
    else:
        passes(name, good)
    for wrong in ("-", "7-10", "8-10", "9-10", "3-10", "7-9", "10-10"):
        if wrong != due:
            bad = history(f"{SENT}\n12 connect a/0#1\n12 replay a/0#1 {wrong}", of)
            fails(name, bad, "the settings give")


def test_without_replay_it_does_not_apply():
    text = "0 connect a/0#1\n0 replay a/0#1 -\n1 end run"
    not_applicable("replay", history(text), "declares no replay")


def test_nobody_subscribed_is_inconclusive():
    of = scenario(replay={"lastN": 2})
    inconclusive("replay", history("1 send 1 offered=0\n2 end run", of), "Nobody subscribed")


CUT = "0 connect a/0#1\n1 restart"


def test_a_kill_may_fall_between_connect_and_replay_where_time_is_real():
    of = scenario(replay={"lastN": 2})
    fails("replay", history(CUT, of), "no replay row follows")
    inconclusive("replay", history(CUT, of, resolution_ns=1_000))


RESUMING = {
    "options": {"bufferSize": 3},
    "replay": {"lastN": 1},
    "variants": {"resume": "last-event-id"},
}
CAME_BACK = """
0 connect a/0#1
0 replay a/0#1 -
1 send 1 offered=1
1 take a/0#1 1
1 receive a/0#1 1
2 close a/0#1 client client received=1
2 close a/0#1 server client taken=1
3 send 2 offered=0
4 send 3 offered=0
5 connect a/0#2
5 replay a/0#2 {}
"""


def resumed(replay, had="e1:1"):
    found = history(CAME_BACK.format(replay), scenario(**RESUMING))
    said = {1: None, 2: had}
    rows = [
        msgspec.structs.replace(row, detail=row.detail | {"last_event_id": said[row.connection]})
        if row.kind == "replay"
        else row
        for row in found
    ]
    return History(found.header, rows)


def test_who_names_what_it_had_last_gets_what_came_after_it():
    passes("replay", resumed("2-3"))
    fails("replay", resumed("3-3"), "the settings give 2 events, 2 to 3")


def test_it_names_what_it_received_last():
    fails("replay", resumed("2-3", had="e1:2"), "names e1:2, which is not what the client received")


def test_whoever_gave_up_begins_anew():
    new = resumed("3-3", had=None)
    fails("replay", new, "names None, which is not what the client received")
    rows = list(new)
    at = next(place for place, row in enumerate(rows) if row.kind == "send" and row.seq == 2)
    left = Row(rows[at].t_ns, "gave-up", "shop", "news", subscriber="a/0", connection=1)
    passes("replay", History(new.header, [*rows[:at], left, *rows[at:]]))


@pytest.mark.parametrize(("had", "replay"), [("e0:1", "3-3"), ("e1:0", "3-3"), ("1", "3-3")])
def test_an_unknown_id_leaves_it_to_the_limits(had, replay):
    """As far as the range goes: that nobody received such an event is another finding."""
    found = verdict("replay", resumed(replay, had=had))
    assert not [line for line in found.evidence if "the settings give" in line]
