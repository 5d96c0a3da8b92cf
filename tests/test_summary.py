"""The verdict in a sentence: the number that decides, and no cause that is not the main one."""

import re
from pathlib import Path

import pytest

from simrt.antipatterns import judge_antipatterns
from simrt.checkers.verdict import Status, Verdict
from simrt.fit import NEEDS, Fit, fit_of, open_questions
from simrt.metrics import METRICS, Estimate
from simrt.results import Item
from simrt.scenario import load, scenario
from simrt.summary import _CAUSES, sentence_of
from tests.targets.small import small

SHIPPED = Path(__file__).parent.parent / "scenarios"


def needing(needs, made):
    """The same scenario with these needs; None: not written."""
    data = made.normalised()
    data["intent"].pop("needs", None)
    if needs is not None:
        data["intent"]["needs"] = needs
    return scenario(data)


def told(values, status=Status.PASS, items=(), made=None):
    made = made or needing([], small(subscribers={"slow": {}, "fast": {}}))
    figures = [
        Estimate("sim", group, metric, value, value, value, 1)
        for (group, metric), value in values.items()
    ]
    return sentence_of(made, status, items, *fit_of(made), figures)


def test_every_cause_is_a_metric():
    assert set(_CAUSES) <= set(METRICS)


@pytest.mark.parametrize(("cause", "words"), _CAUSES.items())
def test_the_main_cause_of_the_group_that_fares_worst_is_named(cause, words):
    values = {("fast", "missed_fraction"): 0.1, ("slow", "missed_fraction"): 0.25}
    sentence = told(values | {("slow", cause): 60.0, ("slow", "missed_offline"): 40.0})
    assert sentence.startswith("Good fit. Members of slow miss 25 % of events, most of them ")
    assert words in sentence


def test_no_cause_is_named_where_none_is_the_main_one():
    values = {("slow", "missed_fraction"): 0.25}
    even = {("slow", "missed_offline"): 50.0, ("slow", "missed_expired"): 50.0}
    assert "most of them" not in told(values | even)


@pytest.mark.parametrize(
    ("needs", "last_n", "fit", "words"),
    [
        ([], 2, "good fit", "Nothing"),
        (["durable"], 2, "wrong abstraction", "a database"),
        (["cross-instance", "unbounded-replay"], 2, "wrong abstraction", "an event log"),
        (["durable: nice-to-have"], 2, "weak fit", "say durable as nice to have"),
        (["durable: nice-to-have", "cross-instance"], 2, "wrong abstraction", "broker"),
        ([], 99, "weak fit", "the buffer keeps 4"),
    ],
)
def test_the_fit_names_the_limit_and_what_to_use_instead(needs, last_n, fit, words):
    found, reason = fit_of(needing(needs, small(replay={"lastN": last_n, "maxAge": "none"})))
    assert found == fit
    assert words in reason


def test_a_misuse_is_a_weak_fit_at_best():
    made = needing([], small())  # data of any shape
    found, reason = fit_of(made, judge_antipatterns(made))
    assert (found, fit_of(made)[0]) == ("weak fit", "good fit")
    assert reason.startswith("Events of type e may carry data of any shape. Declare the few fields")
    needy = needing(["durable"], made)
    assert fit_of(needy, judge_antipatterns(needy))[0] == "wrong abstraction"


def test_without_written_needs_the_fit_is_undecided_and_asks_all_four():
    made = needing(None, small())
    found, reason = fit_of(made, judge_antipatterns(made))
    assert found == Fit.UNDECIDED
    assert open_questions(made) == tuple(need.question for need in NEEDS.values())
    assert all(question in reason for question in open_questions(made))
    assert open_questions(needing([], made)) == ()
    assert open_questions(needing(["durable"], made)) == ()


@pytest.mark.parametrize("status", [Status.PASS, Status.FAIL, Status.INCONCLUSIVE])
@pytest.mark.parametrize("outcome", [None, {"fail": ["loss"]}])
def test_an_undecided_fit_stands_in_every_headline(status, outcome):
    made = needing(None, small(subscribers={"slow": {}}))
    if outcome:
        made = scenario(made.normalised() | {"outcome": outcome})
    sentence = told({("slow", "missed_fraction"): 0.67}, status, (), made)
    assert "Fit undecided" in sentence
    assert "Good fit" not in sentence
    assert all(need.question in sentence for need in NEEDS.values())
    decided = scenario(needing([], made).normalised())
    assert "ndecided" not in told({("slow", "missed_fraction"): 0.67}, status, (), decided)


@pytest.mark.parametrize("path", sorted(SHIPPED.glob("*/*.yml")), ids=lambda path: path.stem)
def test_what_ships_has_written_its_needs(path):
    assert open_questions(load(path)) == ()


def test_a_counterexample_that_fails_as_declared_says_why_and_what_to_do_instead():
    data = small().normalised() | {"outcome": {"fail": ["store-in-disguise"]}}
    data["intent"]["needs"] = ["durable"]
    item = an_item(3, Status.FAIL, "It keeps what no longer helps.")
    sentence = told({("slow", "missed_fraction"): 0.0}, Status.PASS, (item,), scenario(data))
    assert sentence.startswith("Fails as declared. On sim: It keeps what no longer helps. Wrong a")
    assert "use a database, and a signal that it changed." in sentence


def a_state(**subscribers):
    data = needing([], small(subscribers=subscribers)).normalised()
    data["intent"]["kind"] = "state"
    return scenario(data)


def test_of_a_state_the_group_that_is_outdated_longest_is_told_and_no_miss():
    values = {
        ("fast", "missed_fraction"): 0.9, ("fast", "outdated_fraction"): 0.01,
        ("slow", "missed_fraction"): 0.17, ("slow", "outdated_fraction"): 0.21,
        ("slow", "p99(outdated_s)"): 65.0, ("fast", "p99(outdated_s)"): 1.0,
    }  # fmt: skip
    sentence = told(values, made=a_state(slow={}, fast={}))
    assert "Members of slow see an outdated value 21 % of the time" in sentence
    assert "for 99 % of the time it has been outdated for less than 65 s" in sentence
    assert not re.search("miss|lost|17 %|90 %", sentence)
    # the same figures of events that each count: what is missed
    events = told(values, made=needing([], small(subscribers={"slow": {}, "fast": {}})))
    assert "Members of fast miss 90 % of events" in events
    assert "outdated" not in events


def test_of_a_state_that_is_never_outdated_nobody_sees_an_outdated_value():
    values = {("slow", "missed_fraction"): 0.4, ("slow", "outdated_fraction"): 0.0}
    assert "Nobody sees an outdated value." in told(values, made=a_state(slow={}))
    assert "No subscriber was there" in told({}, made=a_state(slow={}))


def test_where_nothing_is_missed_nobody_misses():
    assert "Nobody misses an event" in told({("slow", "missed_fraction"): 0.0})


@pytest.mark.parametrize(
    ("failed", "words"),
    [(("loss",), "loss failed"), ((), "nothing failed"), (("loss", "stale"), "loss and stale")],
)
def test_a_counterexample_that_fails_otherwise_says_what_was_declared_and_what_failed(
    failed, words
):
    data = small().normalised() | {"outcome": {"fail": ["expiry", "replay"]}}
    verdicts = tuple(Verdict(name, Status.FAIL, 1, "No.", (), 3) for name in failed)
    sentence = told({}, Status.FAIL, (Item(3, Status.FAIL, "x", verdicts),), scenario(data))
    assert sentence.startswith("Not as declared: expiry and replay should fail and nothing else; ")
    assert words in sentence


def an_item(number, status, *sentences):
    verdicts = tuple(
        Verdict(f"check-{n}", status, 1, sentence, (), number, (), "sim", 1)
        for n, sentence in enumerate(sentences)
    )
    return Item(number, status, "x", verdicts)


def test_a_failure_says_what_failed_without_codes():
    item = an_item(3, Status.FAIL, "3 drops without a reason.")
    sentence = told({("slow", "missed_fraction"): 0.0}, Status.FAIL, (item,))
    assert sentence.startswith("Not as intended. On sim: 3 drops without a reason. Nobody miss")
    assert "check-0" not in sentence


@pytest.mark.parametrize(
    ("more", "words"), [(1, "One more finding stands below."), (3, "3 more findings stand below.")]
)
def test_the_headline_counts_what_else_did_not_pass(more, words):
    items = [an_item(3, Status.FAIL, *(f"Wrong {n}." for n in range(1 + more)))]
    assert words in told({}, Status.FAIL, items)


def test_what_is_not_decided_says_so():
    item = an_item(4, Status.INCONCLUSIVE, "nothing could be judged")
    assert told({}, Status.INCONCLUSIVE, (item,)).startswith("Not decided yet. On sim: nothing")
