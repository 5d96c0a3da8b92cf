"""Runs of generated scenarios, and what the properties ask of them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec
from hypothesis import Phase, settings
from hypothesis import strategies as st

from simrt.checkers import Status, judge
from simrt.checkers.ledger import is_complete
from simrt.history import History, Row, encode_row
from simrt.scenario import scenario as load
from simrt.scenario.model import Scenario
from simrt.scenario.neighbour import GROUP, neighbour_project
from simrt.targets import sim

Data = dict[str, Any]

SEEDS = st.integers(1, 3)
# What a rejected event makes of these checkers is their business, and their tests'.
_JUDGES_DATA = "shape"


# To explain a failure takes Hypothesis many more runs; the smallest scenario explains itself.
_PHASES = (Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink)


def examples(share: float = 1) -> settings:
    """So many examples: a share of those of the corpus; more with SIMRT_SCENARIOS_EXAMPLES."""
    return settings(max_examples=max(1, round(corpus_size() * share)), phases=_PHASES)


def corpus_size() -> int:
    """How many scenarios the corpus has."""
    return int(os.environ.get("SIMRT_SCENARIOS_EXAMPLES", "400"))


def simulated(scenario: Scenario, seed: int) -> History:
    """The history of a simulated run, in memory."""
    rows: list[Row] = []
    sim.run(scenario, seed, write=rows.append)
    return History(sim.header(scenario, seed), rows)


def broken_promises(history: History) -> list[str]:
    """What the checkers hold against a run, a line each; a checker that crashed too."""
    own = history.scenario.feature.project
    rejected = any(
        row.kind == "reject" and row.cause != "down" and row.project == own for row in history
    )
    found = []
    for verdict in judge(history):
        due = Status.FAIL if rejected and verdict.check == _JUDGES_DATA else Status.PASS
        if verdict.status is due:
            continue
        if verdict.status is Status.FAIL or "broke down" in verdict.sentence:
            found += [f"{verdict.check}: {line}" for line in verdict.evidence]
        elif due is Status.FAIL:
            found.append(f"{verdict.check}: saw nothing wrong with an event that was rejected")
    return found


def changed(scenario: Scenario, **parts: Any) -> Scenario:
    """The same scenario with other parts, named by their path: `workload__duration`."""
    data = scenario.normalised()
    for path, value in parts.items():
        *steps, last = path.split("__")
        part = data
        for step in steps:
            part = part.setdefault(step, {})
        part[last] = value
    return load(data)


def own_rows(history: History, until_ns: int | None = None) -> Iterator[Row]:
    """The rows without the neighbour's, and without the word that the run is complete.

    Arguments:
        history: a run.
        until_ns: only rows before this time; None: all.
    """
    neighbour = neighbour_project(history.scenario.feature.project)
    for row in history:
        others = row.project == neighbour or row.group == GROUP or is_complete(row)
        if not others and (until_ns is None or row.t_ns < until_ns):
            yield row


def told(rows: Iterable[Row]) -> list[bytes]:
    """Rows as bytes: equal lists are equal runs. A send does not say to how many it was offered."""
    return [
        encode_row(msgspec.structs.replace(row, detail=None) if row.kind == "send" else row)
        for row in rows
    ]
