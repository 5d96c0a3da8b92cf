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

MAX_GROUPS = 6
QUANTILES = (0.5, 0.9, 0.99, 1.0)


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
    with settings():
        return tuple(_draw(story, low, max(high, 10 * low)) for story in stories)


def _draw(story: Story, low_s: float, high_s: float) -> Figure:
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
        "Missed events are not in it. Thin dotted lines: events that came by replay.",
        note=_note(story, groups),
        alt=alt,
        svg=inline_svg(canvas, f"delay-{story.target}", f"Delay on {story.target}", alt),
        table=_table(story),
    )


def quantile_s(counts: Sequence[int], p: float) -> float | None:
    """Upper edge of the bin that holds the p-quantile, seconds; at most 6 % above the value."""
    total = sum(counts)
    if not total:
        return None
    running = 0
    for place, number in enumerate(counts):
        running += number
        if number and running >= p * total:
            return delay_edge_s(place)
    raise AssertionError("the last bin holds the rest")


def _shown(story: Story) -> list[str]:
    ranked = sorted(
        (group for group in story.groups if any(map(sum, story.delays[group]))),
        key=lambda group: -(quantile_s(story.delays[group][0], 0.9) or 0.0),
    )[:MAX_GROUPS]
    return [group for group in story.groups if group in ranked]


def _note(story: Story, groups: Sequence[str]) -> str:
    hidden = len(story.groups) - len(groups)
    return f"{words.many(hidden, 'group')} not shown." if hidden else ""


def _finding(story: Story, groups: Sequence[str]) -> str:
    parts = []
    for group in groups:
        high = quantile_s(story.delays[group][0], 0.9)
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
        for counts, how in zip(story.delays[group], ("live", "by replay"), strict=True):
            values = [quantile_s(counts, p) for p in QUANTILES]
            if values[0] is None:
                continue
            texts = [words.seconds(value) for value in values if value is not None]
            parts.append(
                f"{group}, {how}: half within {texts[0]}, 90 % within {texts[1]}, "
                f"99 % within {texts[2]}, all within {texts[3]}."
            )
    return " ".join(parts) or "No event arrived."


def _table(story: Story) -> Table:
    head = ("group", "came", "events", "half within", "90 % within", "99 % within", "all within")
    rows = []
    for group in story.groups:
        for counts, how in zip(story.delays[group], ("live", "by replay"), strict=True):
            if sum(counts):
                values = [quantile_s(counts, p) for p in QUANTILES]
                rows.append(
                    (group, how, words.count(sum(counts)),
                     *(words.seconds(value) for value in values if value is not None))
                )  # fmt: skip
    return head, tuple(rows)
