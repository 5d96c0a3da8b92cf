"""A real run finds the speed that its machine carries; the machine here is made of numbers."""

from __future__ import annotations

import pickle
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from simrt.errors import EXIT_ERROR, EXIT_INCONCLUSIVE, OverloadError, TargetError
from simrt.history import parts_of, read_history
from simrt.scenario.model import Scenario
from simrt.targets import server
from simrt.targets.server.pace import NOTHING, Load, Pace, TooFastError, find_pace
from simrt.targets.server.punctuality import Punctuality
from simrt.targets.server.run import _pace_of
from tests.targets import small as smallest

small: Callable[..., Scenario] = smallest.small

S = 1_000_000_000
# A scenario of five minutes in which a call of a hook is due each second.
MINUTES_5 = 300.0


@dataclass
class Machine:
    """It makes so many calls per second, each with ten deliveries, and is told to make one in each
    second of the scenario; it keeps up while it is busy for at most so much of the time.
    """

    calls_per_s: float
    busiest: float = 0.9
    tried: list[float] = field(default_factory=list)
    told: list[str] = field(default_factory=list)

    def attempt(self, speed: float) -> None:
        self.tried.append(speed)
        if speed / self.calls_per_s > self.busiest:
            raise TooFastError(self.load(speed))

    def load(self, speed: float) -> Load:
        """After 100 s of the scenario."""
        answered = round(min(100.0, 100 * self.calls_per_s / speed))
        busy_ns = round(answered / self.calls_per_s * speed * S)
        return Load(100, answered, busy_ns, 100 * S, 10.0)

    def run(self, first: float = 20.0, *, chosen: bool = False, left_s: float = 900.0) -> None:
        pace = Pace(MINUTES_5, first, chosen, lambda: left_s)
        find_pace(self.attempt, pace, self.told.append)


def test_a_machine_that_keeps_up_is_not_slowed() -> None:
    machine = Machine(100)
    machine.run()
    assert (machine.tried, machine.told) == ([20.0], [])


def test_the_next_speed_follows_from_what_was_carried() -> None:
    """Half of what the machine carries, so that calls that come closer are carried too."""
    machine = Machine(10)
    machine.run()
    assert machine.tried == [20.0, 5.0]
    assert machine.told == ["20 times real time was too fast, again at 5"]


def test_it_is_at_least_half_as_fast_each_time() -> None:
    """Calls in bursts are late on a machine that has time on average."""
    machine = Machine(100, busiest=0.02)
    machine.run()
    assert machine.tried == [20.0, 10.0, 5.0, 2.5, 1.2]


def test_where_nothing_was_measured_it_is_a_quarter() -> None:
    tried: list[float] = []

    def attempt(speed: float) -> None:
        tried.append(speed)
        if speed > 2:
            raise TooFastError(NOTHING)

    find_pace(attempt, Pace(MINUTES_5, 20.0, False, lambda: 900.0))
    assert tried == [20.0, 5.0, 1.2]


def test_where_real_time_is_too_fast_it_says_what_the_machine_can_do() -> None:
    machine = Machine(0.5)
    with pytest.raises(OverloadError) as ended:
        machine.run()
    assert machine.tried == [20.0, 1.0]
    assert ended.value.exit_code == EXIT_INCONCLUSIVE
    assert str(ended.value) == (
        "this machine is too slow for the scenario at real time: it answers about 0.5 calls of a"
        " hook per second, with 5 deliveries, and 1 per second are due, with 10; run it with"
        " nothing else on the machine, or with fewer subscribers"
    )


def test_calls_that_come_closer_than_on_average_are_named() -> None:
    machine = Machine(2, busiest=0.1)
    with pytest.raises(OverloadError, match="with 10, at times in quicker succession; run it"):
        machine.run(first=1.0)


def test_late_timers_are_named() -> None:
    slow = Load(100, 100, 1 * S, 100 * S, 10.0, timers_ns=2 * S)
    assert slow.words(1.0).endswith("are due, with 10; its timers are up to 2 s late")


def test_it_is_no_slower_than_the_time_allows() -> None:
    """Five minutes in 100 s need three times real time."""
    machine = Machine(4)
    machine.run(left_s=100)
    assert machine.tried == [20.0, 3.0]
    slow = Machine(1)
    with pytest.raises(OverloadError, match=r"3 times real time: .*--speed 1, which takes 5 min"):
        slow.run(left_s=100)
    assert slow.tried == [20.0, 3.0]
    late = Machine(1)
    with pytest.raises(OverloadError, match="at 20 times real time"):
        late.run(left_s=-1)


def test_a_speed_that_was_asked_for_is_kept() -> None:
    machine = Machine(10)
    with pytest.raises(OverloadError, match=r"20 times real time: .* run it with --speed 5, which"):
        machine.run(chosen=True)
    assert (machine.tried, machine.told) == ([20.0], [])
    hopeless = Machine(0.5)
    with pytest.raises(OverloadError, match="; run it with nothing else on the machine, or with f"):
        hopeless.run(chosen=True)
    crawling = Machine(0.1)
    with pytest.raises(OverloadError, match=r"at 0\.5 times real time: .* with nothing else on"):
        crawling.run(first=0.5, chosen=True)


def test_a_server_that_never_comes_back_is_no_slow_machine() -> None:
    """It is tried at lower speeds, as processes start in the machine's time; then it is gone."""
    gone = TargetError("gone")

    def attempt(_speed: float) -> None:
        raise TooFastError(NOTHING, gone)

    with pytest.raises(TargetError) as ended:
        find_pace(attempt, Pace(MINUTES_5, 20.0, False, lambda: 900.0))
    assert ended.value is gone
    assert ended.value.exit_code == EXIT_ERROR


def test_an_overload_comes_out_of_another_process() -> None:
    found = pickle.loads(pickle.dumps(OverloadError("too slow")))
    assert (type(found), str(found)) == (OverloadError, "too slow")


def test_without_a_limit_a_slower_run_has_a_quarter_of_an_hour_or_twice_its_first_time() -> None:
    assert _pace_of(small(duration="10m"), None, None).left_s() == 900
    assert _pace_of(small(duration="24h"), None, None).left_s() == 2 * 86_410 / 60
    assert _pace_of(small(duration="10m"), None, 100.0).left_s() < 90


# --- on real processes ------------------------------------------------------------------------


@pytest.fixture
def late(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every run that is faster than ten times real time lags behind, and no other one."""
    monkeypatch.setattr(Punctuality, "hopeless", lambda self, _timers: self._speed > 10)
    monkeypatch.setattr(Punctuality, "kept_up", lambda _self, _timers: True)
    monkeypatch.setattr(sys.modules["simrt.targets.server.run"], "default_speed", lambda _: 20.0)


def completed(path: Path) -> bool:
    rows = read_history(path).load()
    return any(row.kind == "end" and not row.subscriber for row in rows)


@pytest.mark.real
@pytest.mark.usefixtures("late")
def test_a_run_begins_again_at_a_lower_speed(tmp_path: Path) -> None:
    path, told = tmp_path / "h.jsonl", list[str]()
    server.run(small(duration="10s"), 1, history=path, again=told.append)
    assert told == ["20 times real time was too fast, again at 5"]
    assert read_history(path).header.speed == 5.0
    assert completed(path)
    assert not parts_of(path).exists()


@pytest.mark.real
@pytest.mark.usefixtures("late")
def test_a_speed_that_was_asked_for_ends_the_run_and_its_record_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "h.jsonl"
    with pytest.raises(OverloadError, match="at 20 times real time: it answered no call of a hook"):
        server.run(small(duration="10s"), 1, history=path, speed=20.0)
    assert read_history(path).header.speed == 20.0
    assert not completed(path)
    assert not parts_of(path).exists()
