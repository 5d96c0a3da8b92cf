"""What checkers say of the two histories by hand: how many things they judged, and each number.

The tables were counted by eye in `tests/checkers/histories.py`. A number of things judged that is
off by one is a lie as well: a verdict says how much it rests on.
"""

from __future__ import annotations

import re

import msgspec
import pytest

from simrt.checkers import CHECKERS
from simrt.checkers.accounting import outcomes
from simrt.history import History
from tests.checkers.asserting import verdict
from tests.checkers.histories import history, newest, oldest

# Things judged, and the numbers of the sentence in their order.
OLDEST = {
    "permission": (1, "1"),
    "isolation": (38, "34 4"),
    "shape": (16, "16 1 20 2,048"),
    "loss": (22, "22 1 2"),
    "expiry": (24, "24 8 10 1"),
    "replay": (7, "7 3"),
    "accounting": (34, "21 2 2 7 0"),
    "reached": (3, "1 1 1"),
    "order": (38, "16"),
    "reconnect": (8, "3 7 1 0"),
    "restart": (25, "1 2 7 1"),
    "faults": (2, "1"),
}
NEWEST = {
    "permission": (5, "401 401 401 401 200"),
    "isolation": (19, "17 2"),
    "shape": (8, "8 1 20 2,048"),
    "loss": (9, "9 2 2"),
    "expiry": (0, ""),
    "replay": (4, "4 4"),
    "accounting": (17, "8 2 1 4 0"),
    "reached": (2, "2 1"),
    "order": (19, "7"),
    "reconnect": (1, "1 13 0 1"),
    "restart": (0, ""),
    "faults": (2, "1"),
}
HISTORIES = {"oldest": (oldest, OLDEST), "newest": (newest, NEWEST)}


@pytest.mark.parametrize("name", HISTORIES)
def test_each_verdict_counts_what_it_judged_and_tells_its_numbers(name: str) -> None:
    made, facts = HISTORIES[name]
    assert set(facts) == {checker.name for checker in CHECKERS}
    for check, (judged, numbers) in facts.items():
        found = verdict(check, made())
        said = re.findall(r"\d+(?:,\d{3})*(?:\.\d+)?", found.sentence)
        assert (check, found.judged, " ".join(said)) == (check, judged, numbers)


def test_outcomes_by_subscriber() -> None:
    assert outcomes(oldest()) == {
        "a/0": {"received": 10, "dropped-oldest": 1, "expired": 1, "connection-lost": 1,
                "restart": 1, "unfinished": 2},
        "b/0": {"received": 5},
    }  # fmt: skip
    assert outcomes(newest()) == {"s/0": {"received": 6, "dropped-newest": 2}}


@pytest.mark.parametrize(
    ("cause", "outcome"), [("shutdown", "restart"), ("stalled", "connection-lost")]
)
def test_the_end_of_a_server_is_a_restart_and_that_of_a_connection_is_not(cause, outcome):
    """ACC-2, for an event that waits and for one on its way."""
    text = (
        "0 connect a/0#1\n0 replay a/0#1 -\n1 send 1 offered=1\n1 take a/0#1 1\n"
        f"1 send 2 offered=1\n2 close a/0#1 server {cause} taken=1 pending=2\n"
        "2 close a/0#1 client server received=0\n9 end run"
    )
    assert outcomes(history(text)) == {"a/0": {outcome: 2}}


@pytest.mark.parametrize("detail", [None, {}])
@pytest.mark.parametrize("name", HISTORIES)
def test_rows_that_tell_nothing_break_no_checker(name: str, detail: dict[str, object] | None):
    """A foreign or a damaged history may lack any detail: that is a finding, and no crash."""
    made, _ = HISTORIES[name]
    good = made()
    for kind in sorted({row.kind for row in good if row.detail}):
        rows = [
            msgspec.structs.replace(row, detail=detail) if row.kind == kind else row for row in good
        ]
        for checker in CHECKERS:
            found = checker.check(History(good.header, rows))
            assert "broke down" not in found.sentence, (kind, found.check, found.evidence)
