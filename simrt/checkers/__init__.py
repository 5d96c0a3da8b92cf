"""One file per promise: pure functions from a history to a verdict.

A checker recomputes from the rows what the rules ask for and compares; it shares no code with the
engine, so that an error there cannot hide itself. `CHECKERS` lists them in the order in which
people read them; `judge` asks them all in one pass.
"""

from __future__ import annotations

from simrt.checkers import (
    accounting,
    expiry,
    faults,
    isolation,
    loss,
    order,
    permission,
    reached,
    reconnect,
    replay,
    restart,
    shape,
)
from simrt.checkers.fold import Checker, judge_by
from simrt.checkers.reached import reached_states
from simrt.checkers.verdict import Status, Verdict, worst
from simrt.history import History
from simrt.scenario.state_names import STATES

__all__ = ["CHECKERS", "Checker", "STATES", "Status", "Verdict", "judge", "reached_states", "worst"]

CHECKERS: tuple[Checker, ...] = (
    permission.CHECKER,
    isolation.CHECKER,
    shape.CHECKER,
    loss.CHECKER,
    expiry.CHECKER,
    replay.CHECKER,
    accounting.CHECKER,
    reached.CHECKER,
    order.CHECKER,
    reconnect.CHECKER,
    restart.CHECKER,
    faults.CHECKER,
)


def judge(history: History) -> tuple[Verdict, ...]:
    """Judge one history by every checker.

    Arguments:
        history: a stored or a fresh one.

    Returns:
        One verdict a checker, in the order of `CHECKERS`. A checker that crashed is inconclusive,
        with the exception in its evidence.

    Raises:
        HistoryError: where the stored rows cannot be read.
    """
    return judge_by(CHECKERS, history)
