"""Checks for tests of the report: synthetic histories, real metrics, literal verdicts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

from simrt.checkers.verdict import Status, Verdict, worst
from simrt.fit import Fit
from simrt.history import History
from simrt.metrics import estimates, measure
from simrt.results import Check, Item, Run
from simrt.scenario.model import Scenario
from tests.report.synthetic import play, scenario

# Where the check says that its files are.
REPORTED_IN = Path("reports/admin/20261123T201500.000001Z-1")

_VERDICTS = (
    ("permission", 1, ("SSE-3", "SSE-4"), "Five kinds of credentials answered as declared."),
    ("shape", 2, ("SSE-7",), "All events have the declared shape."),
    ("expiry", 3, ("TTL-2", "TTL-3"), "No expired event was delivered."),
    ("replay", 3, ("REP-2", "REP-3"), "Each replay held what it should."),
    ("loss", 4, ("BUF-2", "ACC-2"), "Each lost event is explained."),
    ("restart", 5, ("RST-1", "RST-2"), "Nothing from before the restart came after it."),
)


def verdict(name: str = "loss", **changes: object) -> Verdict:
    """One of the literal verdicts, with some fields replaced."""
    check, item, rules, sentence = next(v for v in _VERDICTS if v[0] == name)
    return replace(Verdict(check, Status.PASS, 40, sentence, rules, item), **changes)  # type: ignore[arg-type]


def run_of(history: History) -> Run:
    """A run of a history, measured for real, with literal verdicts."""
    header = history.header
    verdicts = tuple(verdict(v[0]).at(header.target, header.seed) for v in _VERDICTS)
    return Run(
        history.scenario, header.target, header.seed, history, verdicts, measure(history), ()
    )


def check_of(
    histories: Sequence[History],
    scene: Scenario,
    extra: Sequence[Verdict] = (),
    sentence: str = "Good fit. Members of train miss 13 % of events, most while offline.",
    folder: Path | None = None,
) -> Check:
    """A check over histories, with further verdicts."""
    runs = tuple(run_of(history) for history in histories)
    targets = tuple(dict.fromkeys(run.target for run in runs))
    verdicts = [v for run in runs for v in run.verdicts] + list(extra)
    items = []
    for number in range(1, 7):
        mine = tuple(v for v in verdicts if v.item == number)
        status = worst(v.status for v in mine)
        deciding = next((v.sentence for v in mine if v.status is status), "No site is named.")
        items.append(Item(number, status, deciding, mine))
    figures = tuple(
        figure
        for target in targets
        for figure in estimates([r.metrics for r in runs if r.target == target], target)
    )
    return Check(
        scenario=scene,
        runs=runs,
        items=tuple(items),
        estimates=figures,
        status=worst(item.status for item in items),
        sentence=sentence,
        fit=Fit.GOOD,
        fit_reason="Nothing that it needs is beyond lightweight channels.",
        seeds={t: tuple(r.seed for r in runs if r.target == t) for t in targets},
        folder=folder,
        command="simrt check admin.yml --seed 1",
        took_s=dict.fromkeys(targets, 1.5),
        measured={t: tuple(r.metrics for r in runs if r.target == t) for t in targets},
    )


def usual(folder: Path | None = None) -> Check:
    """Three runs on sim and one on server, all that was judged passed; made once."""
    return replace(_usual(), folder=folder)


def usual_anew(folder: Path | None = None) -> Check:
    """The same from new runs: for tests that ask whether they give the same."""
    return replace(_usual.__wrapped__(), folder=folder)


@cache
def _usual() -> Check:
    scene = scenario()
    histories = [play(scene, "sim", seed) for seed in (1, 2, 3)] + [play(scene, "server", 1)]
    return check_of(histories, scene)
