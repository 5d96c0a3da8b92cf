"""The variant `resume` in a run: what a client names, what it gets, and who judges it."""

import pytest

from simrt.checkers import judge
from simrt.checkers.verdict import Status
from simrt.history import History
from simrt.targets import sim
from tests.marks import paced
from tests.targets.small import simulate, small

RESUME = {"resume": "last-event-id"}
# Away from 3.5 s to 6.5 s: events 4, 5 and 6 are sent meanwhile.
CUT = [{"at": "3500ms", "disconnect": "g", "for": "3s"}]
KILL = [{"at": "3500ms", "restart": "server", "for": "1s"}]
AT_ONCE = {"reconnect": "at-once", "faults": CUT}


def replays(rows):
    return [
        (row.detail["first"], row.detail["last"], row.detail.get("last_event_id", "nothing said"))
        for row in rows
        if row.kind == "replay"
    ]


def seqs(rows):
    return [row.seq for row in rows if row.kind == "receive"]


def verdict(scenario, rows):
    history = History(sim.header(scenario, 1), rows)
    return next(one for one in judge(history) if one.check == "replay")


@pytest.mark.rules("REP-4", "SSE-2")
def test_without_the_variant_the_id_is_ignored_and_not_written_down():
    rows = simulate(small(replay={"lastN": 1, "maxAge": "none"}, **AT_ONCE))
    assert replays(rows) == [(0, 0, "nothing said"), (6, 6, "nothing said")]
    assert seqs(rows) == [1, 2, 3, 6, 7, 8, 9]


@pytest.mark.parametrize("last_n", [0, 1, 4, "none"])
def test_a_client_that_returns_gets_exactly_what_it_missed(last_n):
    scenario = small(variants=RESUME, replay={"lastN": last_n, "maxAge": "none"}, **AT_ONCE)
    rows = simulate(scenario)
    epoch = rows[0].epoch
    assert replays(rows) == [(0, 0, None), (4, 6, f"{epoch}:3")]
    assert seqs(rows) == [1, 2, 3, 4, 5, 6, 7, 8, 9]


def test_beyond_the_history_the_limits_decide():
    scenario = small(
        variants=RESUME,
        options={"bufferSize": 2},
        replay={"lastN": 1, "maxAge": "none"},
        **AT_ONCE,
    )
    assert replays(simulate(scenario))[1][:2] == (6, 6)


@pytest.mark.rules("RST-3")
def test_an_id_of_another_life_is_unknown():
    pause = {"after": "2s", "jitter": "0s"}
    scenario = small(variants=RESUME, reconnect=pause, faults=KILL)
    rows = simulate(scenario)
    before, after = dict.fromkeys(row.epoch for row in rows if row.kind == "connect")
    assert replays(rows) == [(0, 0, None), (0, 0, f"{before}:3")]
    assert after != before


def test_what_is_still_in_the_hands_of_a_client_was_not_received():
    scenario = small(variants=RESUME, drain="800ms", **AT_ONCE)
    assert replays(simulate(scenario))[1][2].endswith(":2")  # event 3 takes until 3.8 s


def test_who_was_turned_away_for_good_begins_anew():
    faults = [{"at": "3500ms", "deny": "g", "for": "5s"}]
    rows = simulate(small(variants=RESUME, faults=faults))
    assert [replay[2] for replay in replays(rows)] == [None, None]


def changed(rows, kind, **detail):
    """The rows with the last one of a kind changed."""
    at = max(n for n, row in enumerate(rows) if row.kind == kind and row.group == "g")
    fields = {name: getattr(rows[at], name) for name in rows[at].__struct_fields__}
    fields["detail"] = fields["detail"] | detail
    return [*rows[:at], type(rows[at])(**fields), *rows[at + 1 :]]


@pytest.mark.rules("REP-4")
def test_the_checker_recomputes_what_follows_the_id():
    scenario = small(variants=RESUME, **AT_ONCE)
    rows = []
    sim.run(scenario, 1, write=rows.append)
    assert verdict(scenario, rows).status is Status.PASS
    epoch = rows[0].epoch
    for wrong, words in (
        ({"count": 2, "first": 5}, "settings give 3 events, 4 to 6"),
        ({"count": 4, "first": 3}, "settings give 3 events, 4 to 6"),
        ({"count": 2, "first": 5, "last_event_id": f"{epoch}:4"}, "what the client received last"),
        ({"last_event_id": None}, "what the client received last"),
    ):
        found = verdict(scenario, changed(rows, "replay", **wrong))
        assert found.status is Status.FAIL
        assert any(words in line for line in found.evidence), wrong


def test_the_checker_asks_nothing_of_it_without_the_variant():
    scenario = small(replay={"lastN": 4, "maxAge": "none"}, **AT_ONCE)
    rows = []
    sim.run(scenario, 1, write=rows.append)
    assert verdict(scenario, rows).status is Status.PASS


@paced
@pytest.mark.real
def test_real_clients_and_a_real_server_do_the_same(tmp_path):
    """Over TCP, at 5 times the speed: nothing sent while away is missed, and nothing repeated."""
    from simrt.runs import run

    scenario = small(
        variants=RESUME,
        options={"bufferSize": 50},
        replay={"lastN": 1, "maxAge": "none"},
        **AT_ONCE,
    )
    done = run(scenario, "server", history=tmp_path / "h.jsonl", speed=5)
    found = {verdict.check: verdict.status for verdict in done.verdicts}
    for check in ("replay", "order", "accounting", "loss"):
        assert found[check] is Status.PASS, check
    rows = [row for row in done.history if row.group == "g"]
    first, second = replays(rows)
    assert first == (0, 0, None)
    assert second[2] == f"{rows[0].epoch}:3"
    assert second[0] == 4
    assert seqs(rows) == list(range(1, 10))
