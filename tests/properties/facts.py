"""What is so of a check, and how a text is held against it.

A fact comes from `metrics.csv`, `verdicts.json`, the scenario, or the first run's own metrics.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from simrt import text as words
from simrt.history import History
from simrt.metrics import Metrics, measure
from simrt.results import Check
from simrt.scenario.metric_names import METRICS

SHARE = r"((?:less than |more than )?[\d,.]+ %(?: \(1 in [\d,.]+\))?)"
LENGTH = r"(-?[\d,.]+ (?:µs|ms|s|min|h|days?))"
NUMBER = r"([\d,]+(?:\.\d+)?)"
OF_100 = r"((?:fewer than |more than )?[\d,.]+)"
NAME = r"([\w-]+(?:/\d+)?)"
DIGITS = re.compile(r"\d")


@dataclass(frozen=True)
class Figure:
    """A row of `metrics.csv`."""

    unit: str
    value: float | None
    low: float | None
    high: float | None
    runs: int

    def said(self, value: float | None) -> str:
        """A value as a table words it."""
        return words.NOTHING if value is None else words.measured(value, self.unit)

    @property
    def cell(self) -> str:
        """The value, and its limits where they say more."""
        ends = [self.said(one) for one in (self.low, self.high)]
        value = self.said(self.value)
        if self.low is None or self.high is None or ends == [value, value]:
            return value
        return f"{value} [{ends[0]} to {ends[1]}]"


@dataclass(frozen=True)
class Facts:
    """What is so.

    Attributes:
        check: the check.
        folder: its files.
        history: its first run on the simulator.
    """

    check: Check
    folder: Path
    history: History

    @cached_property
    def csv(self) -> dict[tuple[str, str, str], Figure]:
        """`metrics.csv`, by target, group and figure."""
        found = {}
        for row in csv.DictReader((self.folder / "metrics.csv").read_text("utf-8").splitlines()):
            numbers = [float(row[key]) if row[key] else None for key in ("value", "low", "high")]
            key = row["target"], row["group"], row["metric"]
            found[key] = Figure(row["unit"], *numbers, int(row["runs"]))
        return found

    @cached_property
    def verdicts(self) -> dict[str, Any]:
        """`verdicts.json`."""
        found: dict[str, Any] = json.loads((self.folder / "verdicts.json").read_text("utf-8"))
        return found

    @cached_property
    def one(self) -> Metrics:
        """What the first run measured."""
        return measure(self.history)

    @property
    def groups(self) -> list[str]:
        """The groups in the order of the file."""
        return list(self.check.scenario.workload.subscribers)

    @property
    def state(self) -> bool:
        """Whether a value that was replaced is no loss."""
        return self.check.scenario.intent.kind == "state"

    def mean(self, figure: str, group: str, target: str = "sim") -> float | None:
        """A figure over all runs."""
        return self.csv[target, group, figure].value

    def worded(self, metric: str, group: str) -> str:
        """A figure of the first run."""
        value = self.one.value(metric, group)
        return words.NOTHING if value is None else words.measured(value, METRICS[metric].unit)

    def spread(self, metric: str, group: str) -> str:
        """Half, 90 % and all of the first run."""
        found = [self.one.quantile(metric, group, p) for p in (0.5, 0.9, 1.0)]
        return " / ".join(words.NOTHING if v is None else words.seconds(v) for v in found)

    def worst(self, figure: str) -> tuple[float, set[str]]:
        """The largest value over all runs of any group, and whose it is."""
        known = {g: v for g in self.groups if (v := self.mean(figure, g)) is not None}
        most = max(known.values(), default=0.0)
        return most, {group for group, value in known.items() if value == most}


Judge = Callable[[Facts, "re.Match[str]", str], bool]


@dataclass(frozen=True)
class Rule:
    """A sentence with numbers.

    Attributes:
        pattern: what it looks like.
        so: whether it says what is so, in the section of a group.
    """

    pattern: str
    so: Judge


def untold(facts: Facts, text: str, rules: Iterable[Rule], group: str = "") -> list[str]:
    """What is wrong with a text: a number that is not so, or that no rule knows.

    `group`: whose section it stands in; empty elsewhere.
    """
    wrong = []
    left = text
    for rule in rules:
        wrong += [
            f"not so: {found[0]!r} in {text!r}"
            for found in re.finditer(rule.pattern, left)
            if not rule.so(facts, found, group)
        ]
        left = re.sub(rule.pattern, "", left)
    if DIGITS.search(left):
        wrong.append(f"of no fact: {left!r} in {text!r}")
    return wrong
