import pytest

from simrt.checkers import Status
from tests.checkers.asserting import fails, inconclusive, passes, verdict
from tests.checkers.histories import history, newest, oldest

pytestmark = pytest.mark.rules("DLV-2", "DLV-3", "DLV-4", "DLV-6", "PUB-1", "REP-3", "HOK-4")


@pytest.mark.parametrize("good", [oldest, newest])
def test_good_histories_are_in_order(good):
    found = passes("order", good())
    assert "in the order of sending" in found.sentence


def test_it_judges_every_delivery_of_both_sides():
    kinds = [row.kind for row in oldest()]
    assert verdict("order", oldest()).judged == kinds.count("take") + kinds.count("receive")


@pytest.mark.parametrize(
    ("edits", "words"),
    [
        # numbers of sends
        ([("2.2 send 4 offered=1", "2.2 send 8 offered=1")], "4 is due (PUB-1)"),
        ([("2 send 2 offered=1", "2 send 1 offered=1")], "2 is due (PUB-1)"),
        # takes
        ([("2.5 take a/0#1 4", "2.5 take a/0#1 2")], "taken after event 2; numbers rise (DLV-2)"),
        ([("2.6 take a/0#1 5", "2.6 take a/0#1 3")], "taken after event 4; numbers rise (DLV-2)"),
        ([("2.5 take a/0#1 4", "2.5 take a/0#7 4")], "a connection that never began (DLV-4)"),
        ([("16 send 11 offered=0", "16 send 11 offered=0\n16 take a/0#1 11")], "end (DLV-4)"),
        ([("1 take a/0#1 1", "1 take a/0#1 1 data=other")], "differs from what was sent"),
        ([("1 take a/0#1 1", "1 take a/0#1 1 event=other")], "differs from what was sent"),
        ([("1 take a/0#1 1", "1 take a/0#1 1 bytes=21")], "differs from what was sent"),
        ([("14.5 take a/0#1 8", "14.5 take a/0#1 9")], "no such event was sent before"),
        # receipts
        ([("2.6 receive a/0#1 4", "2.6 receive a/0#1 5")], "received but never taken"),
        ([("2.6 receive a/0#1 4", "2.6 receive a/0#1 2")], "received again or too late"),
        ([("25.1 receive b/0#1 12", "\n"), ("25.3 receive b/0#1 13", "25.3 receive b/0#1 13")],
         "received before event 12, which was taken first"),
        ([("2.5 receive a/0#1 2", "2.5 receive a/0#9 2")], "a connection that never began"),
        ([("16 send 11 offered=0", "16 send 11 offered=0\n16 receive a/0#1 9")], "after the cl"),
        ([("1.1 receive a/0#1 1", "1.1 receive a/0#1 1 data=other")], "differs from what was sent"),
    ],
)  # fmt: skip
def test_it_sees(edits, words):
    fails("order", oldest(*edits), words)


def test_evidence_says_when_who_and_which():
    found = fails("order", oldest(("1 take a/0#1 1", "1 take a/0#1 1 data=other")), "DLV-3")
    assert found.evidence[0].startswith("1 s: take, a/0 connection 1, event 1: ")


def test_evidence_is_short_and_the_sentence_counts_all():
    lines = ["0 connect a/0#1", "0 replay a/0#1 -"]
    lines += [f"{n} take a/0#1 {n}" for n in range(1, 41)]
    found = fails("order", history("\n".join(lines)), "no such event")
    assert len(found.evidence) == 8
    assert found.sentence.startswith("40 deliveries")


def test_nothing_delivered_is_inconclusive():
    found = inconclusive("order", history("0 connect a/0#1\n0 replay a/0#1 -\n1 end run"))
    assert found.judged == 0
    assert found.status is Status.INCONCLUSIVE


LIST = (
    "0 connect a/0#1\n0 replay a/0#1 -\n"
    "1 send 1 offered=0\n1 send 2 offered=0 part=2\n1 send 1 offered=0 in=neighbour\n"
    "1 send 3 offered=0 part=3\n1 send 4 offered=0\n1 send 5 offered=0 part=2\n"
    "1 take a/0#1 1\n1 receive a/0#1 1"
)


@pytest.mark.parametrize(
    ("edit", "good"),
    [
        (("", ""), True),
        (("2 offered=0 part=2\n1 send 1", "2 offered=0 part=3\n1 send 1"), False),
        (("3 offered=0 part=3", "3 offered=0 part=2"), False),
        (("3 offered=0 part=3", "3 offered=0 part=3 sender=POST_/other"), False),
        (("4 offered=0\n1 send 5 offered=0 part=2", "4 offered=0 part=4"), True),
        (("1 send 2 offered=0 part=2\n", "1 send 2 offered=0\n"), False),
        (("send 1 offered=0\n1 send 2", "send 1 offered=0 part=2\n1 send 2"), False),
    ],
)
def test_the_events_of_one_call_follow_each_other(edit, good):
    """What another project sends in between is no matter."""
    text = LIST.replace(*edit, 1)
    assert (text != LIST) == bool(edit[0])
    found = history(text)
    if good:
        passes("order", found)
    else:
        fails("order", found, "of one call does not follow the one before it (HOK-4)")
