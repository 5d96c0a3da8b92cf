"""How to repeat a failure: the scenario as a file, and the command that runs it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from simrt.report.source import scenario_yaml
from simrt.scenario.model import Scenario


def how_to_repeat(scenario: Scenario, seed: int) -> str:
    """What to save and what to type to see the same run again.

    Arguments:
        scenario: what failed.
        seed: with which seed.
    """
    command = f"simrt run failing.yml --on sim --seed {seed} --history failing.jsonl"
    return f"Save this as failing.yml, then: {command}\n\n{scenario_yaml(scenario)}"


@contextmanager
def repeatable(scenario: Scenario, seed: int) -> Iterator[None]:
    """Whatever fails inside says how to repeat it, in a note that pytest shows.

    Arguments:
        scenario: what runs.
        seed: with which seed.
    """
    try:
        yield
    except Exception as error:
        error.add_note(how_to_repeat(scenario, seed))
        raise
