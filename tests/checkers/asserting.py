"""What the tests of checkers ask of a verdict."""

from __future__ import annotations

import re

import msgspec

from simrt.checkers import CHECKERS, Status, Verdict
from simrt.history import History, Row

BY_NAME = {checker.name: checker for checker in CHECKERS}
# What these promise holds on every connection alike. The others ask which attempt it is.
ON_EACH_CONNECTION = {"expiry", "isolation", "loss", "order", "replay", "shape"}


def verdict(name: str, history: History) -> Verdict:
    """The verdict of one checker."""
    return BY_NAME[name].check(history)


def passes(name: str, history: History) -> Verdict:
    """It passes, and judged something."""
    found = verdict(name, history)
    assert found.status is Status.PASS, (found.sentence, found.evidence)
    assert found.judged > 0
    assert found.evidence == ()
    if name in ON_EACH_CONNECTION:
        again = verdict(name, one_later(history))
        assert again.status is Status.PASS, again.evidence
    return found


def fails(name: str, history: History, words: str) -> Verdict:
    """It fails, and says these words in its evidence."""
    found = verdict(name, history)
    assert found.status is Status.FAIL, (found.status, found.sentence)
    assert any(words in line for line in found.evidence), found.evidence
    cited = set(re.findall(r"\(([A-Z]{3}-\d+)\)", "".join(found.evidence)))
    assert cited <= set(found.rules), "a finding cites a rule that its checker does not name"
    if name in ON_EACH_CONNECTION:
        again = verdict(name, one_later(history))
        assert any(words in line for line in again.evidence), (
            f"seen on a first connection, and not on a second one: {again.evidence}"
        )
    return found


def one_later(history: History) -> History:
    """The same, after every client had a connection on which nothing happened."""
    rows = list(history)
    begins = {row.subscriber: row for row in reversed(rows) if row.kind == "connect"}
    limits = history.scenario.feature.stream.replay
    empty = {
        "count": 0,
        "first": 0,
        "last": 0,
        "last_n": limits.last_n,
        "max_age_ns": limits.max_age_ns,
    }
    before: list[Row] = []
    for row in begins.values():
        first = msgspec.structs.replace(row, t_ns=0, connection=1, epoch=rows[0].epoch or row.epoch)
        for kind, detail in (
            ("connect", {"status": 200}),
            ("replay", empty),
            ("close", {"side": "client", "received": 0}),
            ("close", {"side": "server", "fates": {}, "pending": []}),
        ):
            cause = "client" if kind == "close" else ""
            before.append(msgspec.structs.replace(first, kind=kind, detail=detail, cause=cause))
    after = [
        msgspec.structs.replace(row, connection=row.connection + 1)
        if row.subscriber in begins and row.connection
        else row
        for row in rows
    ]
    return History(history.header, before + after)


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
