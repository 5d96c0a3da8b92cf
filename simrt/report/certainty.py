"""How sure: targets side by side, runs and seeds, resolution, assumptions, what was not judged."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from simrt import text as words
from simrt.checkers.verdict import Status
from simrt.metrics import METHOD, METRICS, Estimate, limits, split_figure
from simrt.report.checklist import STATUS_WORD
from simrt.report.experience import metric_label, metric_text, metric_unit
from simrt.report.story import Story
from simrt.results import Check, Run

ALL = "all"
HEADLINES = (
    "missed_fraction",
    "outdated_fraction",
    "p90(outdated_s)",
    "staleness_s",
    "p50(staleness_s)",
    "p90(staleness_s)",
    "latency_s",
    "p90(latency_s)",
    "gap_messages",
    "blind_s",
    "reconnect_s",
    "recovery_s",
    "duplicates",
    "resurfaced",
)


@dataclass(frozen=True, slots=True)
class Compared:
    """One figure on every target.

    Attributes:
        group: whose.
        metric: its name.
        label: in words.
        cells: value and interval on each target; a dash where there is none.
        agree: how the targets compare, in words; empty with one target.
        differ: whether they differ.
        headline: whether it belongs to the first table.
    """

    group: str
    metric: str
    label: str
    cells: tuple[str, ...]
    agree: str
    differ: bool
    headline: bool


def targets_of(check: Check) -> tuple[str, ...]:
    """The targets of a check, those with kept runs first."""
    kept = [run.target for run in check.runs]
    return tuple(dict.fromkeys([*kept, *(e.target for e in check.estimates), *check.seeds]))


def compared(check: Check) -> tuple[Compared, ...]:
    """The estimates of all targets beside each other: by group, headlines first."""
    targets = targets_of(check)
    resolution_s = max((run.history.header.resolution_ns for run in check.runs), default=0) / 1e9
    table: dict[tuple[str, str], dict[str, Estimate]] = {}
    for estimate in check.estimates:
        table.setdefault((estimate.group, estimate.metric), {})[estimate.target] = estimate
    groups = [*check.scenario.workload.subscribers, ALL]
    groups += [group for group, _ in table if group not in groups]
    order = {group: place for place, group in reversed(list(enumerate(groups)))}
    rows = []
    for (group, metric), found in sorted(table.items(), key=lambda cell: _place(order, *cell[0])):
        if not any(estimate.value for estimate in found.values()):
            continue  # undefined or zero everywhere: metrics.csv has it
        fine = resolution_s if metric_unit(metric) == "s" else 0.0
        agree, differ = _agree(check, group, metric, targets, fine)
        rows.append(
            Compared(
                group=group,
                metric=metric,
                label=words.capital(metric_label(metric)),
                cells=tuple(_cell(found.get(target)) for target in targets),
                agree=agree,
                differ=differ,
                headline=metric in HEADLINES and group != ALL,
            )
        )
    return tuple(rows)


def _place(order: dict[str, int], group: str, metric: str) -> tuple[int, int]:
    return order[group], HEADLINES.index(metric) if metric in HEADLINES else len(HEADLINES)


def _cell(estimate: Estimate | None) -> str:
    if estimate is None or estimate.value is None:
        return words.NOTHING
    text = metric_text(estimate.metric, estimate.value)
    if estimate.low is None or estimate.high is None:
        return text
    low, high = (metric_text(estimate.metric, v) for v in (estimate.low, estimate.high))
    if low == high == text:
        return text
    return f"{text} [{low.split(' (')[0]} to {high.split(' (')[0]}]"


def _agree(
    check: Check, group: str, metric: str, targets: Sequence[str], resolution_s: float
) -> tuple[str, bool]:
    """How a figure compares between its targets: in words, and whether it differs.

    What ran on the same seed is compared as a pair. A single run that is not like its pair is held
    against the range of single runs of the first target; series of runs by the interval of their
    paired differences.
    """
    if split_figure(metric)[1] not in METRICS:
        return "", False  # of another version
    found = {target: check.values(target, metric, group) for target in targets}
    known = {target: values for target, values in found.items() if values}
    if len(known) < 2:
        return "", False
    first, *rest = known.values()
    if max(len(values) for values in known.values()) < 2:
        return "one run each", False
    top = METRICS[split_figure(metric)[1]].top
    differing = [values for values in rest if _differ(first, values, top, resolution_s)]
    if not differing:
        return "agree", False
    if min(len(values) for values in known.values()) < 2:
        return "differ, more than single runs do", True
    return "differ: the paired differences leave out zero", True


def _differ(
    one: dict[int, float], other: dict[int, float], top: float | None, resolution_s: float
) -> bool:
    """Whether two series differ by more than chance and the resolution of time explain."""
    differences = [other[seed] - one[seed] for seed in one if seed in other]
    slack = resolution_s + 1e-9 * max(map(abs, (*one.values(), *other.values())))
    if differences and max(map(abs, differences)) <= slack:
        return False
    if len(differences) > 1:
        seen = limits.spread_of(differences)
        low, high = limits.apart(seen) if seen.deviation else (seen.mean, seen.mean)
        return low > slack or high < -slack
    many, few = (one, other) if len(one) >= len(other) else (other, one)
    seen = limits.spread_of(list(many.values()))
    below, above = limits.one_more(seen, top)
    distance = math.fsum(few.values()) / len(few) - seen.mean
    return distance < -below - slack or distance > above + slack


def difference(rows: Sequence[Compared]) -> str:
    """Where the targets differ, in a sentence; empty where there is nothing to compare."""
    judged = [row for row in rows if row.headline and row.agree]
    if not judged:
        return ""
    if all(row.agree == "one run each" for row in judged):
        return "One run on each target: enough to look at, too little to say whether they differ."
    apart = [row for row in judged if row.differ]
    if not apart:
        return f"The targets agree in all {words.many(len(judged), 'figure')} of this table."
    return (
        f"The targets agree in {words.count(len(judged) - len(apart))} of "
        f"{words.count(len(judged))} figures of this table; the others are marked."
    )


def certainty(check: Check, runs: Sequence[Run], stories: Sequence[Story]) -> tuple[str, ...]:
    """What the reader must know to weigh the figures, a sentence each."""
    lines = []
    for target in targets_of(check):
        seeds = check.seeds.get(target, ())
        took = check.took_s.get(target)
        real = f", {words.seconds(took)} of real time" if took is not None else ""
        lines.append(f"{target}: {words.many(len(seeds), 'run')} ({_seeds(seeds)}){real}.")
    many = max((estimate.runs for estimate in check.estimates), default=0)
    if many > 1:
        lines.append(
            f"Figures over several runs: {METHOD}. Limits stand in square brackets. A single run "
            "agrees where it is like the run with its seed, or lies in the range that holds 95 % "
            "of single runs."
        )
    else:
        lines.append("One run: its figures are what happened once, without an interval.")
    for run, story in zip(runs, stories, strict=True):
        lines += _about(run, story)
    lines += _assumptions(check)
    return tuple(lines)


def _seeds(seeds: Sequence[int]) -> str:
    if not seeds:
        return "no seed is known"
    if len(seeds) > 2 and list(seeds) == list(range(seeds[0], seeds[-1] + 1)):
        return f"seeds {seeds[0]} to {seeds[-1]}"
    return ("seed " if len(seeds) == 1 else "seeds ") + words.listing([str(s) for s in seeds[:25]])


def _about(run: Run, story: Story) -> list[str]:
    header = run.history.header
    lines = [f"The figures of {run.target} show the run with seed {run.seed}."]
    if header.resolution_ns:
        lines.append(
            f"{run.target} ran at {words.rounded(header.speed)} times real speed; times finer than "
            f"{words.duration(header.resolution_ns)} mean nothing there (measured jitter times "
            f"speed), and bounds on time finer than {words.duration(20 * header.resolution_ns)} "
            "are not judged there."
        )
    elif header.speed != 1:
        lines.append(f"{run.target} ran at {words.rounded(header.speed)} times real speed.")
    if not story.complete:
        lines.append(
            f"The record of {run.target} was cut short: what came later is not in the figures."
        )
    unfinished = sum(story.counts(group)["unfinished"] for group in story.groups)
    if unfinished:
        lines.append(
            f"{words.many(unfinished, 'event')} on {run.target} were still on their way when the "
            "run ended; they count neither as arrived nor as missed, and expectations are judged "
            "both ways."
        )
    return lines


def _assumptions(check: Check) -> list[str]:
    lines = ["The load, the clients and the faults are those of the scenario; others can differ."]
    if "sim" in targets_of(check):
        lines.append(
            "sim models the network: one latency a group, a fixed amount under way, no loss but "
            "by the declared faults."
        )
    if "app" in targets_of(check):
        lines.append(
            "app is the real server with real clients in one process, over the network that sim "
            "models."
        )
    if "server" in targets_of(check):
        lines.append(
            "server is the real server with real connections on one machine: its network is "
            "faster and steadier than the internet."
        )
    if len(targets_of(check)) == 1:
        lines.append("Only one target was run, so nothing confirms it.")
    return lines


def unjudged(check: Check) -> tuple[str, ...]:
    """What was not judged, or not conclusively, each with its reason; equal reasons once."""
    lines: dict[str, None] = {}
    for item in check.items:
        for verdict in item.verdicts:
            if verdict.status in (Status.NOT_APPLICABLE, Status.INCONCLUSIVE):
                where = f" on {verdict.target}" if verdict.target else ""
                word = STATUS_WORD[verdict.status].lower()
                lines[f"{verdict.check}{where}: {word}. {verdict.sentence}"] = None
        if not item.verdicts and item.status in (Status.NOT_APPLICABLE, Status.INCONCLUSIVE):
            word = STATUS_WORD[item.status].lower()
            lines[f"{item.number}. {item.title}: {word}. {item.sentence}"] = None
    return tuple(lines)
