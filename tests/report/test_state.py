"""Of a state the report tells how long the screen is outdated, held against times set by hand."""

import pytest

from simrt.history import FORMAT, Header, History, Row
from simrt.report.experience import experience
from simrt.report.story import tell
from tests.report.checks import check_of
from tests.report.synthetic import scenario

S = 1_000_000_000
NAMES = {"project": "shop", "channel": "admin-notifications", "epoch": "e"}
WHO = {"subscriber": "office/0", "connection": 1}


def of_one_client(kind, sends_s, receipts):
    """A run of 100 s with one client: events sent at these seconds, and seq: received at."""
    publish = [{"event": "content-updated", "arrivals": {"poisson": "2/s"}}]
    office = {"office": {"count": 1}}
    scene = scenario(
        intent={"kind": kind, "needs": []}, faults=[], expect=[],
        workload={"duration": "100s", "publish": publish, "subscribers": office},
    )  # fmt: skip
    replay = {"count": 0, "first": 0, "last": 0, "last_n": 3, "max_age_ns": None}
    rows = [
        Row(0, "connect", **NAMES, **WHO, detail={"status": 200}),
        Row(0, "replay", **NAMES, **WHO, detail=replay),
    ]
    for seq, at in enumerate(sends_s, 1):
        event = {"seq": seq, "event": "content-updated", "bytes": 20, "digest": f"{seq}"}
        sender = {"offered": 1, "sender": "POST /content"}
        rows.append(Row(at * S, "send", **NAMES, **event, detail=sender))
        if seq in receipts:
            rows.append(Row(at * S, "take", **NAMES, **WHO, **event))
            rows.append(Row(receipts[seq] * S, "receive", **NAMES, **WHO, **event))
        else:
            rows.append(Row(at * S, "drop", **NAMES, **WHO, seq=seq, cause="drop-oldest"))
    rows = sorted(rows, key=lambda row: row.t_ns)
    rows.append(Row(100 * S, "end", detail={"run": "complete"}))
    return History(Header(FORMAT, scene.normalised(), "sim", 1), rows)


def told(history):
    check = check_of([history], history.scenario)
    (group,) = experience(check, check.runs, [tell(history)])
    return group, {line.label: line.cells[0] for line in group.lines}


def line_of(lines, begins):
    (found,) = [cell for label, cell in lines.items() if label.startswith(begins)]
    return found


# Sent at 10, 20, 30 and 40 s; the second and the third never arrive, the fourth comes 5 s late. So
# the screen is outdated from 20 s, when the second was sent, to 45 s: 25 s of 100.
SENDS_S, RECEIPTS_S = (10, 20, 30, 40), {1: 10, 4: 45}


def test_a_state_is_told_by_the_time_in_which_it_is_outdated():
    group, lines = told(of_one_client("state", SENDS_S, RECEIPTS_S))
    assert "is outdated 25 % of the time; at worst it has been outdated for 25 s." in (
        group.summary
    )
    assert "Of 100 events 50 arrive; one that a newer one has replaced is no loss." in group.summary
    assert "missed" not in group.summary
    assert line_of(lines, "Time in which what is on screen is outdated") == "25 %"
    # 25 of 100 s outdated, its age even from 0 to 25 s: for 90 % of the time below 15 s
    assert line_of(lines, "For how long it has been outdated") == "0 s / 15 s / 25 s"
    assert line_of(lines, "Never arrived; replaced by a newer one is no loss").startswith("2:")
    assert not any("Missed" in label or "missed" in label for label in lines)
    # a quarter of a day
    assert "an outdated value for about 6 h a day" in " ".join(group.numbers)
    assert "miss" not in " ".join(group.numbers)


def test_the_same_run_of_events_that_each_count_is_told_by_what_is_missed():
    group, lines = told(of_one_client("notifications", SENDS_S, RECEIPTS_S))
    assert "of 100 events 50 arrive" in group.summary
    assert "50 are missed" in group.summary
    assert "outdated" not in group.summary
    assert line_of(lines, "Missed").startswith("2:")
    assert line_of(lines, "Most events missed in a row") == "2"
    # What a setting can mend stands beside the age, which grows while nothing is sent.
    assert line_of(lines, "For how long it has been outdated") == "0 s / 15 s / 25 s"
    assert not any(label.startswith("Time in which") for label in lines)


@pytest.mark.parametrize("kind", ["state", "notifications"])
def test_the_age_says_that_it_grows_while_nothing_is_sent(kind):
    _, lines = told(of_one_client(kind, (10,), {1: 10}))
    # Nothing is outdated, yet the age comes to 90 s at the end.
    assert line_of(lines, "Age of what is on screen, also while nothing is sent").endswith("90 s")


def test_a_state_that_is_always_the_newest_is_never_outdated():
    group, lines = told(of_one_client("state", (10, 20), {1: 10, 2: 20}))
    assert "what is on screen is never outdated. All events arrive." in group.summary
    assert line_of(lines, "Time in which") == "0 %"
    assert "always shows the newest value" in group.numbers[0]
