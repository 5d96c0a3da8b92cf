"""The measured part of docs/statistics.md, and what it is true for.

    python -m tests.intervals

measures everything anew and writes it: a quarter of an hour.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterator, Sequence

from tests.docs.generated import between, replaced
from tests.docs.rules import ROOT
from tests.docs.theory import bare
from tests.intervals.cases import BEYOND, LAWS, WHOLE, Case
from tests.intervals.measure import (
    REPETITIONS,
    SIZES,
    Alone,
    Rates,
    alone,
    family,
    forecast,
    measure,
)

PAGE = ROOT / "docs" / "statistics.md"
AGAIN = "docs/statistics.md is old: run make interval-coverage"

# Whatever decides an interval or a verdict about a figure, and what measures it.
SOURCES = (
    "simrt/metrics/limits.py", "simrt/metrics/estimate.py", "simrt/checkers/bounds.py",
    "simrt/checkers/expectations.py", "simrt/checkers/unsettled.py", "simrt/checkers/one_run.py",
    "tests/intervals/cases.py", "tests/intervals/measure.py",
)  # fmt: skip

# Of which laws, with how many runs and how far off the bound forecasts are measured.
FORECAST = (LAWS[0], LAWS[1], LAWS[3], LAWS[6], LAWS[10])
FACTORS = (0.7, 1.05, 1.2, 1.5)
FORECAST_SIZES = (5, 20)
FEWEST = 100
"""Fewer inconclusive checks give no rate."""


def digest() -> str:
    """A digest of the code behind the tables; comments, docstrings and layout do not count."""
    found = hashlib.blake2b(digest_size=12)
    for source in SOURCES:
        found.update(bare((ROOT / source).read_text("utf-8")).encode())
    return found.hexdigest()


def write(tell: Callable[[str], None]) -> None:
    """Measure, and write the page; says what is being done."""
    cases = (*LAWS, *WHOLE, *BEYOND)
    found: dict[str, tuple[dict[int, Rates], Alone]] = {}
    for case in cases:
        tell(case.name)
        found[case.name] = (measure(case), alone(case))
    tell("the scenario as a whole")
    together = family([case for case in LAWS if not case.rare][:8])
    text = PAGE.read_text("utf-8")
    text = replaced(text, "rates", "".join(_tables(found)))
    text = replaced(text, "forecasts", "".join(_forecasts(tell)))
    said = f"Of a scenario with eight lines, each with its mean as the bound: {_share(together)}.\n"
    text = replaced(text, "family", said)
    text = replaced(text, "stamp", f"{REPETITIONS:,} checks for each number; code {digest()}\n")
    PAGE.write_text(text, "utf-8")


def _tables(found: dict[str, tuple[dict[int, Rates], Alone]]) -> Iterator[str]:
    usual = [case for case in (*LAWS, *WHOLE) if not case.rare]
    rare = [case for case in LAWS if case.rare]
    yield from _table("How often the limits held the true mean, where limits were shown", usual,
                      found, lambda rates: rates.covered)  # fmt: skip
    yield from _table("How often limits were shown at all", [*usual, *rare], found,
                      lambda rates: rates.shown)  # fmt: skip
    yield from _table("False passes: the truth is 1.5 times the bound", usual, found,
                      lambda rates: rates.false_passes, lambda one: one.false_passes)  # fmt: skip
    yield from _table("False alarms: the bound is the truth", usual, found,
                      lambda rates: rates.false_alarms, lambda one: one.false_alarms)  # fmt: skip
    yield from _table("Passed where the truth is half of the bound; spread at most 50 %",
                      [case for case in usual if case.spread], found,
                      lambda rates: rates.decided)  # fmt: skip
    yield from _table("Rarer than in one run of five: passed though the truth is 1.5 times the "
                      "bound", rare, found, lambda rates: rates.false_passes)  # fmt: skip
    for title, of in (
        ("Where the rules end: how often the limits held the true mean", "covered"),
        ("Where the rules end: false passes", "false_passes"),
        ("Where the rules end: false alarms", "false_alarms"),
    ):
        yield from _table(title, BEYOND, found, lambda rates, of=of: getattr(rates, of))


def _table(
    title: str,
    cases: Sequence[Case],
    found: dict[str, tuple[dict[int, Rates], Alone]],
    read: Callable[[Rates], float],
    read_alone: Callable[[Alone], float] | None = None,
) -> Iterator[str]:
    single = " 1 beside 20 |" if read_alone else ""
    yield f"\n**{title}.**\n\n| law of one run |{single} "
    yield " | ".join(f"{size} runs" for size in SIZES)
    yield f" |\n|---|{'---|' if single else ''}{'---|' * len(SIZES)}\n"
    for case in cases:
        rates, lone = found[case.name]
        cells = [_share(read_alone(lone))] if read_alone else []
        cells += [_share(read(rates[size])) for size in SIZES]
        yield f"| {case.name} | {' | '.join(cells)} |\n"


def _forecasts(tell: Callable[[str], None]) -> Iterator[str]:
    yield "| law of one run | runs | bound over truth | inconclusive | held | too near |\n"
    yield "|---|---|---|---|---|---|\n"
    for case in FORECAST:
        tell(f"how many runs more: {case.name}")
        for size in FORECAST_SIZES:
            for factor in FACTORS:
                one = forecast(case, size, factor)
                if one.number < FEWEST:
                    continue
                share = _share(one.number / REPETITIONS)
                yield f"| {case.name} | {size} | {factor} | {share} | {_share(one.held)} |"
                yield f" {_share(one.too_near)} |\n"


def _share(value: float) -> str:
    return "—" if math.isnan(value) else f"{100 * value:.1f} %"


def numbers(name: str, title: str) -> dict[str, list[float | None]]:
    """The rows of one table of the page, as shares; None for a dash."""
    part = between(PAGE.read_text("utf-8"), name).split(f"**{title}", 1)[1].split("\n\n**", 1)[0]
    rows = [line.strip("| ").split(" | ") for line in part.splitlines() if line.startswith("| ")]
    return {
        row[0]: [None if cell == "—" else float(cell[:-2]) / 100 for cell in row[1:]]
        for row in rows[1:]
    }
