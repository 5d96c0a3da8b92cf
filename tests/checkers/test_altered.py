"""One fact of a good run altered: the finding names the rule, the event, the time and the client.

The runs are of generated scenarios; which row is altered is drawn too. What a finding must say is
put together from that row alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import msgspec
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from simrt.checkers import Status, Verdict
from simrt.checklist import judge_stale
from simrt.history import History, Row
from simrt.metrics import measure
from simrt.scenario.model import Scenario
from simrt.testing import repeatable, scenarios
from simrt.text import exact_s
from tests.checkers.asserting import verdict
from tests.properties.runs import SEEDS, changed, examples, simulated

Said = tuple[History, str]


def kinds(history: History, kind: str) -> list[int]:
    """The places of the feature's own rows of a kind."""
    own = history.scenario.feature.project
    return [at for at, row in enumerate(history) if row.kind == kind and row.project == own]


def replaced(history: History, at: int, *rows: Row) -> History:
    """The same with other rows in the place of one."""
    all_rows = list(history)
    all_rows[at : at + 1] = rows
    return History(history.header, all_rows)


def who(row: Row) -> str:
    """When, what and who, as evidence says it."""
    return f"{exact_s(row.t_ns)}: {row.kind}, {row.subscriber} connection {row.connection}"


def sent_at(history: History, row: Row) -> int:
    """When the event of a row was sent."""
    sends = [history_row for history_row in history if history_row.kind == "send"]
    key = (row.project, row.epoch, row.seq)
    return next(one.t_ns for one in sends if (one.project, one.epoch, one.seq) == key)


def without_a_drop(history: History, at: int) -> Said:
    """A full queue that lost nothing: the finding stands at the send that filled it."""
    row = list(history)[at]
    cause = next(one for one in reversed(list(history)[:at]) if one.kind == "send")
    rule = {"drop-oldest": "BUF-2", "drop-newest": "BUF-3"}[row.cause]
    size = history.scenario.feature.options.buffer_size
    said = (
        f"{exact_s(cause.t_ns)}: send, {row.project}, event {cause.seq}: {row.subscriber} "
        f"connection {row.connection} had {size} pending: event {row.seq} must be dropped ({rule})"
    )
    return replaced(history, at), said


def by_the_other_rule(history: History, at: int) -> Said:
    """What was lost is called by the rule that the channel does not have."""
    row = list(history)[at]
    (other,) = {"drop-oldest", "drop-newest"} - {row.cause}
    said = f"{who(row)}, event {row.seq}: cause {other}, the channel's rule is {row.cause}"
    return replaced(history, at, msgspec.structs.replace(row, cause=other)), said


def too_early(history: History, at: int) -> Said:
    """An event that expires a nanosecond before its time."""
    ttl = history.scenario.feature.options.message_ttl_ns or 0
    row = list(history)[at]
    early = msgspec.structs.replace(row, t_ns=sent_at(history, row) + ttl - 1)
    said = f"{who(early)}, event {row.seq}: only {exact_s(ttl - 1)} old, good for {exact_s(ttl)}"
    return replaced(history, at, early), f"{said} (TTL-1)"


def too_late(history: History, at: int) -> Said:
    """An event that is handed out in the instant in which it is too old."""
    ttl = history.scenario.feature.options.message_ttl_ns or 0
    row = list(history)[at]
    late = msgspec.structs.replace(row, t_ns=sent_at(history, row) + ttl)
    said = f"{who(late)}, event {row.seq}: taken {exact_s(ttl)} old, good for {exact_s(ttl)}"
    return replaced(history, at, late), said


def undeclared(history: History, at: int) -> Said:
    """An event of a type that the file does not know."""
    row = list(history)[at]
    said = (
        f"{exact_s(row.t_ns)}: send, {row.project}, event {row.seq}: type 'other' is not declared"
    )
    return replaced(history, at, msgspec.structs.replace(row, event="other")), f"{said} (SSE-7)"


def too_large(history: History, at: int) -> Said:
    """One byte more than the settings allow."""
    row = list(history)[at]
    most = history.scenario.server.max_event_bytes
    said = (
        f"{exact_s(row.t_ns)}: send, {row.project}, event {row.seq}: {row.event} has {most + 1:,} "
    )
    return replaced(history, at, msgspec.structs.replace(row, bytes=most + 1)), said


def not_begun(history: History, at: int) -> Said:
    """A fault of which nothing tells."""
    row = list(history)[at]
    fault = history.scenario.faults[int((row.detail or {})["index"])]
    said = f"{fault.kind}: {fault.whom}, due at {exact_s(fault.at_ns)}: no row says that it began"
    return replaced(history, at), said


def not_received(history: History, at: int) -> Said:
    """A receipt less than the client says, at the end of that connection."""
    row = list(history)[at]
    return replaced(history, at), f"{row.subscriber} connection {row.connection}"


Alter = Callable[[History, int], Said]
ALTERED: dict[str, tuple[str, str, Alter]] = {
    "a drop is missing": ("drop", "loss", without_a_drop),
    "a drop by the other rule": ("drop", "loss", by_the_other_rule),
    "expired too early": ("expire", "expiry", too_early),
    "handed out too late": ("take", "expiry", too_late),
    "an undeclared type": ("send", "shape", undeclared),
    "too large an event": ("send", "shape", too_large),
    "a fault that did not begin": ("fault", "faults", not_begun),
    "a receipt is missing": ("receive", "accounting", not_received),
}


def counted(found: Verdict) -> int:
    """How many findings the sentence says that there are."""
    number = re.match(r"([\d,]+) ", found.sentence)
    assert number, found.sentence
    return int(number[1].replace(",", ""))


@pytest.mark.rules("BUF-2", "BUF-3", "TTL-1", "TTL-3", "SSE-7", "PUB-3", "NET-6", "ACC-3")
@pytest.mark.parametrize("name", ALTERED)
def test_a_finding_names_the_fact_that_was_altered(name: str) -> None:
    kind, check, alter = ALTERED[name]

    @examples(0.05)
    @given(scenarios(), SEEDS, st.randoms(use_true_random=False))
    def named(scenario: Scenario, seed: int, chance: object) -> None:
        if check == "expiry":
            scenario = changed(scenario, feature__options__messageTTL="300ms")
        with repeatable(scenario, seed):
            history = simulated(scenario, seed)
            places = kinds(history, kind) if kind != "fault" else [
                at for at, row in enumerate(history) if row.kind == "fault"
            ]  # fmt: skip
            assume(places)
            altered, said = alter(history, chance.choice(places))  # type: ignore[attr-defined]
            before, after = verdict(check, history), verdict(check, altered)
            assume(before.status is not Status.FAIL)
            assert after.status is Status.FAIL
            assert any(said in line for line in after.evidence), (said, after.evidence)
            assert counted(after) >= 1
            cited = set(re.findall(r"\(([A-Z]{3}-\d+)\)", "".join(after.evidence)))
            assert cited <= set(after.rules)

    named()


@pytest.mark.rules("REP-2")
@examples(0.05)
@given(scenarios(), SEEDS)
def test_what_came_too_late_by_replay_is_counted_from_the_rows(
    scenario: Scenario, seed: int
) -> None:
    made = changed(
        scenario, intent__useful_for="400ms", feature__stream__replay={"lastN": 5, "maxAge": "none"}
    )
    history = simulated(made, seed)
    end = made.workload.duration_ns
    sent = {(r.project, r.epoch, r.seq): r.t_ns for r in history if r.kind == "send"}
    order = {id(row): at for at, row in enumerate(history)}
    connected = {(r.subscriber, r.connection): order[id(r)] for r in history if r.kind == "connect"}
    sends = {(r.project, r.epoch, r.seq): order[id(r)] for r in history if r.kind == "send"}
    ages = [
        row.t_ns - sent[key]
        for row in history
        if row.kind == "take" and row.group in made.workload.subscribers
        for key in [(row.project, row.epoch, row.seq)]
        if sent[key] <= end and sends[key] < connected[row.subscriber, row.connection]
    ]
    found = judge_stale(made, measure(history))
    stale = sum(age > 400_000_000 for age in ages)
    if ages:
        said = f"{stale:,} of {len(ages):,} replayed events were older than they are useful."
        assert (found.sentence, found.judged) == (said, len(ages))
        assert found.status is (Status.FAIL if stale else Status.PASS)
    else:
        assert found.status is Status.NOT_APPLICABLE
