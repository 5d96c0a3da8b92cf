"""The verdict in a sentence: the number that decides, and no cause that is not the main one."""

import pytest

from simrt.antipatterns import judge_antipatterns
from simrt.checkers.verdict import Status, Verdict
from simrt.metrics import METRICS, Estimate
from simrt.results import Item
from simrt.scenario import scenario
from simrt.summary import _CAUSES, age, fit_of, percent, sentence_of
from tests.targets.small import small


def told(values, status=Status.PASS, items=(), made=None):
    made = made or small(subscribers={"slow": {}, "fast": {}})
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
    data = small(replay={"lastN": last_n, "maxAge": "none"}).normalised()
    data["intent"]["needs"] = needs
    found, reason = fit_of(scenario(data))
    assert found == fit
    assert words in reason


def test_a_misuse_is_a_weak_fit_at_best():
    made = small()  # data of any shape
    found, reason = fit_of(made, judge_antipatterns(made))
    assert (found, fit_of(made)[0]) == ("weak fit", "good fit")
    assert reason.startswith("Events of type e may carry data of any shape. Declare the few fields")
    data = made.normalised()
    data["intent"]["needs"] = ["durable"]
    needy = scenario(data)
    assert fit_of(needy, judge_antipatterns(needy))[0] == "wrong abstraction"


def test_a_counterexample_that_fails_as_declared_says_why_and_what_to_do_instead():
    data = small().normalised() | {"outcome": {"fail": ["store-in-disguise"]}}
    data["intent"]["needs"] = ["durable"]
    sentence = told({("slow", "missed_fraction"): 0.0}, Status.PASS, (), scenario(data))
    assert sentence.startswith("Fails as declared: store-in-disguise. Wrong abstraction: ")
    assert "use a database, and a signal that it changed." in sentence


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


def test_a_failure_says_what_failed():
    item = Item(3, Status.FAIL, "loss on sim: 3 drops without a reason.", ())
    sentence = told({("slow", "missed_fraction"): 0.0}, Status.FAIL, (item,))
    assert sentence.startswith("Not as intended: (3) loss on sim: 3 drops without a reason.")


def test_what_is_not_decided_says_so():
    item = Item(4, Status.INCONCLUSIVE, "nothing could be judged", ())
    assert told({}, Status.INCONCLUSIVE, (item,)).startswith("Not decided yet: (4) nothing")


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 s"),
        (0.123, "0.12 s"),
        (45, "45 s"),
        (119, "120 s"),
        (1100, "18 min"),
        (9000, "2.5 h"),
    ],
)
def test_a_length_of_time_is_said_as_people_say_it(seconds, words):
    assert age(seconds) == words


def test_shares_have_two_digits():
    assert [percent(x) for x in (0, 0.00123, 0.0567, 0.984, 1)] == [
        "0 %",
        "0.12 %",
        "5.7 %",
        "98 %",
        "100 %",
    ]
