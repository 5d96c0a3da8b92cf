"""The run-length record of outcomes against a plain dictionary."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from simrt.metrics.outcomes import (
    DROPPED_NEWEST,
    DROPPED_OLDEST,
    EXPIRED,
    LOST,
    OFFLINE,
    OPEN,
    RECEIVED,
    UNFINISHED,
    Outcomes,
)

HISTORY = 4
MEMBER_FROM = 3


class OutcomesMachine(RuleBasedStateMachine):
    """What a client that keeps its messages in order can meet, and what a late row would say."""

    def __init__(self) -> None:
        super().__init__()
        self.newest = MEMBER_FROM
        self.record = Outcomes(MEMBER_FROM, 0)
        self.record.resolve(1, MEMBER_FROM, OFFLINE)
        self.plain = dict.fromkeys(range(1, MEMBER_FROM + 1), OFFLINE)

    def floor(self) -> int:
        return max(0, self.newest - HISTORY)

    def near(self) -> list[int]:
        return [message for message in self.plain if message > self.floor()]

    @rule(number=st.integers(1, 6))
    def send(self, number: int) -> None:
        for _ in range(number):
            self.newest += 1
            self.plain[self.newest] = OPEN

    @precondition(lambda self: OPEN in self.plain.values())
    @rule(data=st.data())
    def receive(self, data: st.DataObject) -> None:
        message = data.draw(st.sampled_from([m for m, code in self.plain.items() if code == OPEN]))
        assert self.record.receive(message)
        self.plain[message] = RECEIVED

    @rule(data=st.data())
    def receive_again(self, data: st.DataObject) -> None:
        received = [m for m, code in self.plain.items() if code == RECEIVED]
        if received:
            assert not self.record.receive(data.draw(st.sampled_from(received)))

    @precondition(lambda self: OPEN in self.plain.values())
    @rule(data=st.data(), code=st.sampled_from((DROPPED_OLDEST, DROPPED_NEWEST, EXPIRED)))
    def lose(self, data: st.DataObject, code: int) -> None:
        message = data.draw(st.sampled_from([m for m, code in self.plain.items() if code == OPEN]))
        self.record.fate(message, code)
        self.plain[message] = code

    @rule(code=st.sampled_from((LOST, OFFLINE)), data=st.data())
    def end(self, code: int, data: st.DataObject) -> None:
        first = data.draw(st.integers(0, self.newest))
        self.record.resolve(first, self.newest, code)
        for message in self.plain:
            if message >= first and self.plain[message] == OPEN:
                self.plain[message] = code

    @rule(data=st.data())
    def replay(self, data: st.DataObject) -> None:
        near = self.near()
        first = data.draw(st.sampled_from(near))
        self.record.offer(first, self.newest)
        for message in self.plain:
            if message >= first and self.plain[message] != RECEIVED:
                self.plain[message] = OPEN

    @rule()
    def settle(self) -> None:
        self.record.settle(self.floor())

    @invariant()
    def the_record_says_what_the_dictionary_says(self) -> None:
        for message in self.near():
            assert self.record.code(message) == self.plain[message], message
        assert self.record.tail == self.record._codes[-1]

    def teardown(self) -> None:
        self.record.resolve_rest(self.newest, UNFINISHED)
        self.record.settle(self.newest)
        counts = [0] * OPEN
        longest = gap = 0
        for message in range(MEMBER_FROM + 1, self.newest + 1):
            code = UNFINISHED if self.plain[message] == OPEN else self.plain[message]
            counts[code] += 1
            gap = 0 if code in (RECEIVED, UNFINISHED) else gap + 1
            longest = max(longest, gap)
        assert self.record.counts[:OPEN] == counts
        assert self.record.longest_gap == longest


TestOutcomes = OutcomesMachine.TestCase
TestOutcomes.settings = settings(max_examples=60, stateful_step_count=40)


def test_what_is_settled_is_forgotten() -> None:
    """A run of receipts, a long stall, an outage: a handful of runs, whatever their length."""
    record = Outcomes(0, 0)
    for message in range(1, 10_001):
        record.receive(message)
    for message in range(10_005, 20_000):  # 10,001 to 10,004 are in flight
        record.fate(message, DROPPED_OLDEST)
        if record.crowded:
            record.settle(message - HISTORY)
    assert len(record._codes) <= 4
    record.settle(20_000)
    assert record.counts[RECEIVED] == 10_000
    assert record.counts[DROPPED_OLDEST] == 0  # what is in flight before them may still arrive
    record.resolve(0, 20_000, LOST)
    record.settle(20_000)
    assert record.counts[DROPPED_OLDEST] == 9_995
    assert record.counts[LOST] == 5
    assert record.longest_gap == 10_000
    assert len(record._codes) == 1


def test_alternating_outcomes_are_settled_as_they_come() -> None:
    record = Outcomes(0, 0)
    for message in range(1, 50_000, 2):
        record.fate(message, DROPPED_NEWEST)
        record.receive(message + 1)
        if record.crowded:
            record.settle(message - HISTORY)
        assert len(record._codes) < 100
    assert record.receive(2) is False
    record.fate(2, EXPIRED)  # a row that comes too late changes nothing
    record.resolve_rest(50_000, UNFINISHED)
    record.settle(50_000)
    assert record.counts[RECEIVED] == record.counts[DROPPED_NEWEST] == 25_000


def test_a_message_under_way_is_not_settled() -> None:
    record = Outcomes(0, 0)
    record.resolve(1, 10, LOST)
    record.settle(10, arriving=True)
    assert record.receive(1)
    record.settle(10, arriving=False)
    assert record.counts[LOST] == 9
    assert not record.receive(2)
