"""Two checks beside each other: which policy serves its users better, on the same axes."""

from __future__ import annotations

import math
import shlex
from dataclasses import dataclass
from pathlib import Path

from simrt import text as words
from simrt.errors import UsageError
from simrt.metrics import Estimate
from simrt.report.drawing import draw
from simrt.report.experience import metric_label, metric_text, metric_unit
from simrt.report.feature import settings
from simrt.report.html import FIGURES, environment, shown_runs
from simrt.results import Check

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
        first: its value in the first check, as text.
        second: its value in the second.
        change: second minus first, with its 95 % interval, as text.
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

    The interval of a change takes the two checks as independent: on the same seeds they share
    their arrivals, so it is rather too wide than too narrow.
    """
    groups = [g for g in first.scenario.workload.subscribers if g in
              second.scenario.workload.subscribers]  # fmt: skip
    found = []
    for group in [*groups, *(["all"] if len(groups) > 1 else [])]:
        for metric in COMPARED:
            one, other = _of(first, target, group, metric), _of(second, target, group, metric)
            if one is None or other is None or one.value is None or other.value is None:
                continue
            if one.value == other.value == 0:
                continue
            found.append(_difference(group, metric, one, other))
    return found


def _of(check: Check, target: str, group: str, metric: str) -> Estimate | None:
    wanted = (target, group, metric)
    return next((e for e in check.estimates if (e.target, e.group, e.metric) == wanted), None)


def _difference(group: str, metric: str, one: Estimate, other: Estimate) -> Difference:
    assert one.value is not None
    assert other.value is not None
    change = other.value - one.value
    half = math.hypot(_half(one), _half(other))
    sign = "+" if change > 0 else "-" if change < 0 else ""
    text = f"{sign}{_change(metric, abs(change))}"
    if half:
        text += f" ± {_change(metric, half)}"
    return Difference(
        group,
        metric_label(metric),
        metric_text(metric, one.value),
        metric_text(metric, other.value),
        text,
        abs(change) > half and min(one.runs, other.runs) > 1,
    )


def _half(estimate: Estimate) -> float:
    assert estimate.low is not None
    assert estimate.high is not None
    assert estimate.value is not None
    # An interval is cut at 0, and at 1 for shares: its longer side is the whole half.
    return max(estimate.high - estimate.value, estimate.value - estimate.low)


def _change(metric: str, size: float) -> str:
    """The size of a change; of a share in percentage points, since a percentage of what is open."""
    if metric_unit(metric) == "fraction":
        return f"{words.rounded(100 * size)} points"
    return metric_text(metric, size)
