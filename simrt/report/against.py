"""Two checks beside each other: which policy serves its users better, on the same axes."""

from __future__ import annotations

import math
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from simrt import text as words
from simrt.errors import UsageError
from simrt.metrics.limits import ENOUGH, apart, spread_of
from simrt.report.drawing import draw
from simrt.report.experience import metric_label, metric_text, metric_unit
from simrt.report.feature import settings
from simrt.report.html import FIGURES, environment, shown_runs
from simrt.results import Check
from simrt.scenario.chance import draws_of

# What a product owner compares, in this order; what neither check has a value for is left out.
COMPARED = (
    "missed_fraction",
    "missed_dropped_oldest",
    "missed_dropped_newest",
    "missed_expired",
    "missed_offline",
    "outdated_fraction",
    "p90(outdated_s)",
    "p50(latency_s)",
    "p90(latency_s)",
    "staleness_s",
    "p90(staleness_s)",
    "gap_messages",
    "duplicates",
    "resurfaced",
    "pending_max",
)


@dataclass(frozen=True, slots=True)
class Difference:
    """One figure of one group in both checks.

    Attributes:
        group: the subscribers.
        label: the metric in a product owner's words.
        first: its mean in the first check over the seeds of both, as text.
        second: its mean in the second.
        change: second minus first, with the paired interval, as text.
        clear: whether that interval leaves out zero.
    """

    group: str
    label: str
    first: str
    second: str
    change: str
    clear: bool


def write_against(first: Check, second: Check, path: Path) -> Path:
    """Write the page that holds two checks against each other.

    Arguments:
        first: the one that changes are counted from.
        second: the other.
        path: the HTML file; its folder exists.

    Returns:
        The path.

    Raises:
        UsageError: where the checks share no target.
    """
    targets = [target for target in first.seeds if target in second.seeds]
    if not targets:
        raise UsageError("the two checks share no target, so nothing can be compared")
    target = targets[0]
    pair = [
        next(run for run in shown_runs(check) if run.target == target) for check in (first, second)
    ]
    drawings = []
    for name in FIGURES:
        try:
            drawings.append(draw(name, pair))
        except UsageError:
            continue  # neither has data for this one
    other = second.scenario.file or second.scenario.name
    page = (
        environment()
        .get_template("against.html.j2")
        .render(
            first=first,
            second=second,
            target=target,
            settings=_settings(first, second),
            differences=differences(first, second, target),
            drawings=drawings,
            command=f"{first.command} --against {shlex.quote(other)}",
        )
    )
    path.write_text(page, "utf-8")
    return path


def _settings(first: Check, second: Check) -> list[tuple[str, str, str]]:
    pairs = zip(settings(first.scenario), settings(second.scenario), strict=True)
    return [(one.name, one.value, other.value) for one, other in pairs]


def differences(first: Check, second: Check, target: str) -> list[Difference]:
    """Each compared metric of each group that both scenarios have, and of all of several.

    Both checks ran on the same seeds, so they share their chance: each seed gives a pair, and the
    interval of a change is that of the mean of the differences within pairs.
    """
    groups = [g for g in first.scenario.workload.subscribers if g in
              second.scenario.workload.subscribers]  # fmt: skip
    fixed = not draws_of(first.scenario) and not draws_of(second.scenario)
    found = []
    for group in [*groups, *(["all"] if len(groups) > 1 else [])]:
        for metric in COMPARED:
            one, other = (check.values(target, metric, group) for check in (first, second))
            seeds = [seed for seed in one if seed in other]
            pairs = [(one[seed], other[seed]) for seed in seeds]
            if any(value for pair in pairs for value in pair):
                found.append(_difference(group, metric, pairs, fixed=fixed))
    return found


def _difference(
    group: str, metric: str, pairs: Sequence[tuple[float, float]], *, fixed: bool = False
) -> Difference:
    means = [math.fsum(side) / len(pairs) for side in zip(*pairs, strict=True)]
    seen = spread_of([other - one for one, other in pairs])
    text = _signed(metric, seen.mean)
    low = high = seen.mean
    sure = fixed or seen.runs >= ENOUGH
    if seen.deviation:
        low, high = apart(seen)
        text += f" ({_signed(metric, low)} to {_signed(metric, high)})"
        sure = True
    return Difference(
        group,
        metric_label(metric),
        metric_text(metric, means[0]),
        metric_text(metric, means[1]),
        text,
        sure and not low <= 0 <= high,
    )


def _signed(metric: str, change: float) -> str:
    return f"{'+' if change > 0 else '-' if change < 0 else ''}{_change(metric, abs(change))}"


def _change(metric: str, size: float) -> str:
    """The size of a change; of a share in percentage points, since a percentage of what is open."""
    if metric_unit(metric) == "fraction":
        return f"{words.rounded(100 * size)} points"
    return metric_text(metric, size)
