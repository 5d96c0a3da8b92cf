"""Delay: how long after its sending an event arrives; replayed ones apart."""

from __future__ import annotations

from collections.abc import Sequence

from simrt import text as words
from simrt.report.figures.canvas import (
    Figure,
    Table,
    inline_svg,
    legend_above,
    legend_px,
    paper,
    settings,
    short,
)
from simrt.report.palette import group_dashes, group_look
from simrt.report.story import DELAY_BINS, Story, delay_edge_s
from simrt.scenario.units import NS_PER_S

MAX_GROUPS = 6
QUANTILES = (0.5, 0.9, 0.99, 1.0)
WAYS = ("live", "by replay")


def delay(stories: Sequence[Story]) -> tuple[Figure, ...]:
    """One drawing a story: share of the received events that had arrived by then."""
    used = [
        place
        for story in stories
        for pair in story.delays.values()
        for curve in pair
        for place, number in enumerate(curve)
        if number
    ]
    low = delay_edge_s(max(0, min(used, default=120) - 2))
    high = delay_edge_s(min(DELAY_BINS - 1, max(used, default=240) + 2))
    by_replay = any(any(story.delays[group][1]) for story in stories for group in _shown(story))
    dotted = " Thin dotted lines: events that came by replay." if by_replay else ""
    with settings():
        return tuple(_draw(story, low, max(high, 10 * low), dotted) for story in stories)


def _draw(story: Story, low_s: float, high_s: float, dotted: str) -> Figure:
    import numpy as np
    from matplotlib.ticker import FuncFormatter, LogLocator

    groups = _shown(story)
    entries = sum(any(counts) for group in groups for counts in story.delays[group])
    canvas, (axes,) = paper([150], top_px=legend_px(entries, 2))
    axes.set_xscale("log")
    axes.set_xlim(low_s, high_s)
    axes.set_ylim(0, 103)
    axes.set_ylabel("arrived by then,\n% of those that arrived")
    axes.set_xlabel("time since it was sent (log scale)")
    axes.xaxis.set_major_locator(LogLocator(10, numticks=8))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: words.seconds(x)))
    axes.xaxis.set_minor_formatter(FuncFormatter(lambda _x, _: ""))
    axes.grid()
    edges = np.array([delay_edge_s(place) for place in range(DELAY_BINS)])
    for group in groups:
        place = story.groups.index(group)
        look = group_look(place, group)
        for by_replay, counts in enumerate(story.delays[group]):
            total = sum(counts)
            if not total:
                continue
            share = 100 * np.cumsum(counts) / total
            x = np.concatenate(([low_s], edges, [high_s]))
            y = np.concatenate(([0.0], share, [share[-1]]))
            line = axes.plot(
                x, y, color=look.light, linewidth=1.1 if by_replay else 1.8, drawstyle="steps-post",
                label=f"{short(group)}, by replay" if by_replay else short(group), zorder=3,
            )  # fmt: skip
            dashes = (2, 1.5) if by_replay else group_dashes(place)
            if dashes:
                line[0].set_dashes(dashes)
    if groups:
        legend_above(axes, 2)
    alt = _alt(story, groups)
    return Figure(
        key="delay",
        target=story.target,
        finding=_finding(story, groups),
        how="Read off: at a delay on the lower axis, the share of the events that had arrived. "
        f"Missed events are not in it.{dotted}",
        note=_note(story, groups),
        alt=alt,
        svg=inline_svg(canvas, f"delay-{story.target}", f"Delay on {story.target}", alt),
        table=_table(story),
    )


def quantiles_s(story: Story, group: str, *, by_replay: bool) -> tuple[float, ...]:
    """The `QUANTILES` of a group's delays in seconds, those of the metrics; empty without any."""
    live = story.metrics.sketch("live_latency_s", group)
    found = story.metrics.sketch("latency_s", group).less(live) if by_replay else live
    values = [found.quantile(p) for p in QUANTILES]
    return tuple(value / NS_PER_S for value in values if value is not None)


def _high_s(story: Story, group: str) -> float | None:
    values = quantiles_s(story, group, by_replay=False)
    return values[QUANTILES.index(0.9)] if values else None


def _shown(story: Story) -> list[str]:
    ranked = sorted(
        (group for group in story.groups if any(map(sum, story.delays[group]))),
        key=lambda group: -(_high_s(story, group) or 0.0),
    )[:MAX_GROUPS]
    return [group for group in story.groups if group in ranked]


def _note(story: Story, groups: Sequence[str]) -> str:
    hidden = len(story.groups) - len(groups)
    return f"{words.many(hidden, 'group')} not shown." if hidden else ""


def _finding(story: Story, groups: Sequence[str]) -> str:
    parts = []
    for group in groups:
        high = _high_s(story, group)
        if high is not None:
            parts.append((high, group))
    if not parts:
        return "No event arrived live"
    high, group = max(parts)
    if len(parts) == 1:
        return f"9 of 10 live events reach {group} within {words.seconds(high)}"
    return f"9 of 10 live events arrive within {words.seconds(high)}, even for {group}"


def _alt(story: Story, groups: Sequence[str]) -> str:
    parts = []
    for group in groups:
        for by_replay, how in enumerate(WAYS):
            texts = [words.seconds(s) for s in quantiles_s(story, group, by_replay=bool(by_replay))]
            if not texts:
                continue
            parts.append(
                f"{group}, {how}: half within {texts[0]}, 90 % within {texts[1]}, "
                f"99 % within {texts[2]}, all within {texts[3]}."
            )
    return " ".join(parts) or "No event arrived."


def _table(story: Story) -> Table:
    head = ("group", "came", "events", "half within", "90 % within", "99 % within", "all within")
    rows = []
    for group in story.groups:
        for by_replay, how in enumerate(WAYS):
            number = sum(story.delays[group][by_replay])
            if number:
                values = quantiles_s(story, group, by_replay=bool(by_replay))
                rows.append((group, how, words.count(number), *map(words.seconds, values)))
    return head, tuple(rows)
