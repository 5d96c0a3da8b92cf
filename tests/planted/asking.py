"""The checks that planted errors are held against, each asked in a process of its own.

    python -m tests.planted.asking corpus expiry

prints, as one line of JSON, whether the check complains, after how much of its work, and which
`simrt` was asked. Nothing is shrunk: the first complaint ends it.
"""

from __future__ import annotations

import contextlib
import io
import json
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import pytest

import simrt

if TYPE_CHECKING:
    from hypothesis import settings

    from simrt.history import History

SCENARIOS = 200
STEPS = 50
SENDS = 20_000
MACHINES = {
    "lazily": "EngineMachine",
    "recording": "RecordingMachine",
    "resuming": "ResumingMachine",
}
_PYTEST = ("-q", "-x", "-p", "no:cacheprovider")


def _how() -> settings:
    """Examples without shrinking, the same in every run."""
    from hypothesis import HealthCheck, Phase, settings

    return settings(
        max_examples=SCENARIOS,
        stateful_step_count=STEPS,
        phases=[Phase.generate],
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )


@dataclass(frozen=True, slots=True)
class Answer:
    """What a check said.

    Attributes:
        caught: whether it complained.
        after: how much it looked at until then, or in all, such as `3 runs`.
        evidence: what it complained of.
        simrt: where the package that was asked lies.
    """

    caught: bool
    after: str
    evidence: str = ""
    simrt: str = str(Path(simrt.__file__).parent)


class _Caught(KeyboardInterrupt):
    """The first complaint: Hypothesis lets it through, and neither shrinks nor runs it again."""


def _times(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _complaint(history: History, *checkers: str) -> str:
    """What these checkers say against a history; empty where they do not."""
    from simrt.checkers import Status, judge

    for verdict in judge(history):
        if verdict.check in checkers and verdict.status is Status.FAIL:
            return verdict.evidence[0] if verdict.evidence else verdict.sentence
    return ""


def corpus(*checkers: str) -> Answer:
    """Some checkers over generated scenarios on the simulator."""
    from hypothesis import given

    from simrt.checkers import CHECKERS
    from simrt.testing import scenarios
    from tests.properties.runs import SEEDS, simulated

    assert set(checkers) <= {one.name for one in CHECKERS}, checkers
    runs = 0

    @_how()
    @given(scenarios(), SEEDS)
    def explore(scenario: Any, seed: int) -> None:
        nonlocal runs
        runs += 1
        if found := _complaint(simulated(scenario, seed), *checkers):
            raise _Caught(found)

    try:
        explore()
    except _Caught as caught:
        return Answer(True, _times(runs, "run"), str(caught))
    return Answer(False, _times(runs, "run"))


def agreement() -> Answer:
    """Simulator and real server code on generated scenarios: the same rows in the same order.

    What a client reads comes in pieces of any size. A target that breaks down disagrees.
    """
    from hypothesis import given

    from simrt.testing import scenarios
    from tests.agreement.both import SIZES, difference, on_app, possible
    from tests.properties.runs import SEEDS, simulated

    runs = 0

    @_how()
    @given(scenarios(), SEEDS, SIZES)
    def explore(scenario: Any, seed: int, sizes: Any) -> None:
        nonlocal runs
        if not possible(scenario):
            return
        runs += 1
        try:
            found = difference(simulated(scenario, seed), on_app(scenario, seed, sizes))
        except Exception as error:
            raise _Caught(f"{type(error).__name__}: {str(error).splitlines()[0]}") from error
        if found:
            raise _Caught(" ".join(found.splitlines()[:3]))

    try:
        explore()
    except _Caught as caught:
        return Answer(True, _times(runs, "run"), str(caught))
    return Answer(False, _times(runs, "run"))


def scenario(file: str, checker: str, target: str = "sim") -> Answer:
    """A checker over one run of a scenario that ships."""
    found = _complaint(simrt.run(simrt.load(file), on=target, seed=1).history, checker)
    return Answer(bool(found), "1 run", found)


def engine(mode: str) -> Answer:
    """The state machine: the engine beside the naive one, under a random caller."""
    from hypothesis.errors import HypothesisException
    from hypothesis.stateful import run_state_machine_as_test

    from tests.engine import machine

    steps = 0

    class Machine(getattr(machine, MACHINES[mode])):  # type: ignore[misc]
        def check_invariants(self, *args: Any, **kwargs: Any) -> None:
            nonlocal steps
            steps += 1
            super().check_invariants(*args, **kwargs)

        def teardown(self) -> None:
            error = sys.exc_info()[1]
            if isinstance(error, Exception) and not isinstance(error, HypothesisException):
                lines = str(error).splitlines() or [""]
                raise _Caught(f"{type(error).__name__}: {lines[0]}")

    try:
        with contextlib.redirect_stdout(io.StringIO()):
            run_state_machine_as_test(Machine, settings=_how())
    except _Caught as caught:
        return Answer(True, _times(steps, "step"), str(caught))
    return Answer(False, _times(steps, "step"))


def case(name: str) -> Answer:
    """A case of `simrt validate`: the simulator against its closed form."""
    from simrt.validation import SHIPPED, read_cases
    from simrt.validation.validate import estimate, jobs_of, plan, simulate

    found = next(case for case in read_cases(SHIPPED) if case.id == name)
    planned = plan(found, SENDS)
    finding = estimate(planned, [simulate(job) for job in jobs_of(planned)])
    says = f"z = {finding.z:+.1f}, {found.quantity} {finding.estimate}, exact {found.expected}"
    return Answer(not finding.passed, _times(finding.sends, "send"), says)


class _Outcomes:
    """A plugin of pytest: how many tests there were, and the first that failed."""

    def __init__(self) -> None:
        self.tests = 0
        self.failed = ""

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.tests += report.when == "call"
        if report.failed and not self.failed:
            crash = getattr(report.longrepr, "reprcrash", None)
            lines = (crash.message if crash is not None else "").splitlines() or [""]
            self.failed = f"{report.nodeid.rpartition('::')[2]}: {lines[0]}"


def test(*nodes: str) -> Answer:
    """Tests of the suite, up to the first that fails."""
    outcomes = _Outcomes()
    with contextlib.redirect_stdout(io.StringIO()) as said:
        code = pytest.main([*_PYTEST, *nodes], [outcomes])
    if code not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED) or not outcomes.tests:
        _give_up(said.getvalue())
    return Answer(bool(outcomes.failed), _times(outcomes.tests, "test"), outcomes.failed)


# What a check begins with -> the function that asks it.
KINDS: dict[str, Callable[..., Answer]] = {
    one.__name__: one for one in (corpus, agreement, scenario, engine, case, test)
}


def _give_up(why: str) -> NoReturn:
    """Neither yes nor no: the check itself could not be asked."""
    print(why, file=sys.stderr)
    raise SystemExit(3)


def main(kind: str, *words: str) -> None:
    """Ask one check."""
    print(json.dumps(asdict(KINDS[kind](*words))))


if __name__ == "__main__":
    main(*sys.argv[1:])
