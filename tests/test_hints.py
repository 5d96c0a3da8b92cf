"""What is said fits where it is read: no codes in sentences, no options of a terminal in hints."""

import re

import pytest

import simrt
from simrt.errors import UsageError
from tests.docs.rules import ROOT
from tests.targets.small import small

CODE = re.compile(r"\b[A-Z]{3}-\d")
RAW = re.compile(r"\w+\([\w, ]+\) *[<>=]")
OPTION = re.compile(r"(?<!\w)--[a-z]")
EXPECT = ["missed(g) <= 0", "sent(g) <= 1", "p90(latency_s, g) <= 0.001", "reached(expired)"]


@pytest.fixture(scope="module", params=["small", "antipatterns/raw-event-hose"])
def check(request, tmp_path_factory):
    wanted = simrt.scenario(small(duration="10s").normalised() | {"expect": EXPECT})
    if request.param != "small":
        wanted = ROOT / "scenarios" / f"{request.param}.yml"
    return simrt.check(wanted, on="sim", runs=2, reports=tmp_path_factory.mktemp("reports"))


def test_a_headline_is_a_sentence_without_codes(check):
    told = [check.sentence, *(item.sentence for item in check.items), *repr(check).splitlines()]
    for line in told:
        assert [rule.search(line) for rule in (CODE, RAW)] == [None, None], line


def test_no_verdict_names_an_option_of_the_terminal(check):
    verdicts = [verdict for item in check.items for verdict in item.verdicts]
    assert len(verdicts) > 10
    for verdict in verdicts:
        assert OPTION.search(verdict.sentence) is None, verdict.sentence
    assert OPTION.search(check._repr_html_()) is None


def test_what_repeats_a_check_of_a_dict_is_a_call():
    made = small(duration="2s")
    check = simrt.check(made, on="sim", runs=2, seed=7, reports=None)
    again = eval(check.command, {"simrt": simrt, "scenario": made})
    assert (again.sentence, again.seeds) == (check.sentence, check.seeds)


def test_a_wrong_argument_is_told_in_the_words_of_the_call():
    with pytest.raises(UsageError, match=r"^on: ") as told:
        simrt.check(small(count=1), on="server", quick=True)
    assert OPTION.search(str(told.value)) is None
