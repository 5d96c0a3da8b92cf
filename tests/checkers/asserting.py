"""What the tests of checkers ask of a verdict."""

from __future__ import annotations

from simrt.checkers import CHECKERS, Status, Verdict
from simrt.history import History

BY_NAME = {checker.name: checker for checker in CHECKERS}


def verdict(name: str, history: History) -> Verdict:
    """The verdict of one checker."""
    return BY_NAME[name].check(history)


def passes(name: str, history: History) -> Verdict:
    """It passes, and judged something."""
    found = verdict(name, history)
    assert found.status is Status.PASS, (found.sentence, found.evidence)
    assert found.judged > 0
    assert found.evidence == ()
    return found


def fails(name: str, history: History, words: str) -> Verdict:
    """It fails, and says these words in its evidence."""
    found = verdict(name, history)
    assert found.status is Status.FAIL, (found.status, found.sentence)
    assert any(words in line for line in found.evidence), found.evidence
    return found


def inconclusive(name: str, history: History, words: str = "") -> Verdict:
    """It says neither yes nor no, and why."""
    found = verdict(name, history)
    assert found.status is Status.INCONCLUSIVE, (found.status, found.sentence, found.evidence)
    assert words in found.sentence
    return found


def not_applicable(name: str, history: History, words: str = "") -> Verdict:
    """The scenario declares nothing for it."""
    found = verdict(name, history)
    assert found.status is Status.NOT_APPLICABLE, (found.status, found.sentence, found.evidence)
    assert words in found.sentence
    return found
