"""What the scenario says goes wrong: each fault began and healed in its time, for whom it names."""

from __future__ import annotations

import pytest

from tests.checkers.asserting import fails, inconclusive, not_applicable, passes
from tests.checkers.histories import edited, history, scenario

pytestmark = pytest.mark.rules("NET-6", "NET-7", "NET-8")

OF = scenario(
    groups={"a": {"count": 2}, "b": {"count": 4}},
    faults=[
        {"at": "1s", "stall": "a", "for": "4s"},
        {"at": "2s", "disconnect": "b", "by": 0.5},
        {"at": "3s", "restart": "server", "for": "2s"},
        {"at": "6s", "burst": "news", "by": 3},
        {"at": "7s", "deny": "b", "for": "1h"},
    ],
)
GOOD = """
0   connect a/0#1
1   fault   stall a
2   fault   disconnect b members=3,1
2   heal    disconnect b members=3,1
3   fault   restart server
3   restart
5   heal    stall a
5   heal    restart server
6   fault   burst news
6   heal    burst news
7   fault   deny b
100 heal    deny b
100 end     run
"""
REAL = {"target": "server", "resolution_ns": 10_000_000}


def told(*edits, **how):
    return history(edited(GOOD, *edits), OF, **how)


def test_it_counts_what_is_declared():
    found = passes("faults", told())
    assert found.judged == 10
    assert found.sentence.startswith("5 faults began and healed on time")


@pytest.mark.parametrize(
    ("edit", "says"),
    [
        (("1 fault stall a", ""), "heals what is not there"),
        (("6 fault burst news", "\n"), "heals what is not there"),
        (("6 heal burst news", ""), "no row says that it healed"),
        (("3 restart", "3 restart\n3 fault restart server index=2"), "had begun before"),
        (("5 heal stall a", "5 heal stall a\n5 heal stall a index=0"), "heals what is not there"),
        (("1 fault stall a", "1.5 fault stall a"), "is due at 1 s"),
        (("5 heal stall a", "4.5 heal stall a"), "is due at 5 s"),
        (("100 heal deny b", "99 heal deny b"), "is due at 100 s"),
        (("1 fault stall a", "1 fault slow a index=0"), "says slow: a, the scenario stall: a"),
        (("1 fault stall a", "1 fault stall b index=0"), "says stall: b, the scenario stall: a"),
        (("7 fault deny b", "7 fault deny b index=9"), "is number 9, the scenario declares 5"),
        (("7 fault deny b", "7 fault deny b index=-1"), "is number -1"),
        (("1 fault stall a", "1 fault stall a members=0"), "hits 1 of them"),
        (("1 fault stall a", "1 fault stall a members=0,0"), "the scenario says 2 members of a"),
        (("1 fault stall a", "1 fault stall a members=0,2"), "the scenario says 2 members of a"),
        (("2 fault disconnect b members=3,1", "2 fault disconnect b"), "hits 4 of them"),
        (("2 heal disconnect b members=3,1", "2 heal disconnect b members=3,2"), "heals others"),
        (("5 heal stall a", "4 receive a/0#1 1\n5 heal stall a"), "that is stalled (NET-6)"),
    ],
)
def test_it_sees(edit, says):
    fails("faults", told(edit), says)


def test_a_fault_without_any_row_is_missed_when_the_run_is_complete():
    both = (("6 fault burst news", ""), ("6 heal burst news", ""))
    fails("faults", told(*both), "burst: news, due at 6 s: no row says that it began")
    inconclusive("faults", told(*both, ("100 end run", "")))


def test_a_restart_hits_no_members():
    rows = list(told())
    for row in rows:
        if row.kind == "fault" and row.cause == "restart":
            row.detail["members"] = [0]
    from simrt.history import History

    fails("faults", History(told().header, rows), "hits 1 of them, the scenario says nobody")


def test_who_is_not_stalled_goes_on():
    before = ("0 connect a/0#1", "0 connect a/0#1\n1 receive a/0#1 1")
    after = ("5 heal restart server", "5 heal restart server\n5 receive a/0#1 2")
    passes("faults", told(before, after, ("3 restart", "3 restart\n4 receive b/0#1 1")))


def test_measured_times_may_be_late_but_not_early():
    late = ("1 fault stall a", "1.2 fault stall a")
    passes("faults", told(late, **REAL))
    fails("faults", told(("1 fault stall a", "1.3 fault stall a"), **REAL), "is due at 1 s")
    fails("faults", told(("1 fault stall a", "0.9 fault stall a"), **REAL), "is due at 1 s")
    # How long a server takes to come back is its own business.
    slow = (
        ("5 heal restart server", ""),
        ("6 heal burst news", "6 heal burst news\n6.9 heal restart server"),
    )
    passes("faults", told(*slow, **REAL))
    fails("faults", told(*slow), "is due at 5 s")


def test_where_nothing_is_declared_nothing_may_happen():
    plain = scenario(groups={"a": {}})
    not_applicable("faults", history("0 connect a/0#1\n1 end run", plain))
    fails("faults", history("1 fault stall a\n2 end run", plain), "the scenario declares 0")
