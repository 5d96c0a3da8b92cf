"""Outcomes: what became of the events of each group."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from simrt import text as words
from simrt.report.figures.canvas import (
    LEFT_PX,
    RIGHT_PX,
    SMALL_PX,
    WIDTH_PX,
    Figure,
    Table,
    inline_svg,
    mark_path,
    paper,
    settings,
    short,
)
from simrt.report.palette import INK, MISSED, OUTCOMES, PAPER, RECEIVED, UNFINISHED, Look
from simrt.report.story import Story

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MAX_GROUPS = 10
ROW_PX = 30


def outcomes(stories: Sequence[Story]) -> tuple[Figure, ...]:
    """One drawing a story: all events of each group, and below the missed ones, enlarged."""
    shares = [_shares(story) for story in stories]
    top = max(
        (
            sum(part for name, part in group.items() if name != RECEIVED.name)
            for one in shares
            for group in one.values()
        ),
        default=0.0,
    )
    with settings():
        return tuple(_draw(story, one, top) for story, one in zip(stories, shares, strict=True))


def _shares(story: Story) -> dict[str, dict[str, float]]:
    found = {}
    for group in story.groups:
        counts = story.counts(group)
        total = sum(counts.values())
        if total:
            found[group] = {name: number / total for name, number in counts.items()}
    ranked = sorted(found, key=lambda group: found[group][RECEIVED.name])[:MAX_GROUPS]
    return {group: found[group] for group in story.groups if group in ranked}


def _draw(story: Story, shares: dict[str, dict[str, float]], top: float) -> Figure:
    rows = max(1, len(shares))
    enlarge = 0 < top < 0.5
    heights = [ROW_PX * rows + 6] * (2 if enlarge else 1)
    canvas, panels = paper(heights, gap_px=46, top_px=6)
    _bars(panels[0], shares, OUTCOMES, 1.0)
    panels[0].set_xlabel("share of the events sent to the group, %")
    if enlarge:
        _bars(panels[1], shares, (*MISSED, UNFINISHED), top * 1.15)
        panels[1].set_xlabel("only what did not arrive, enlarged, %")
    alt = _alt(shares)
    return Figure(
        key="outcomes",
        target=story.target,
        finding=_finding(story, shares),
        how=_how(enlarge),
        note=_note(story, shares),
        alt=alt,
        svg=inline_svg(canvas, f"outcomes-{story.target}", f"Outcomes on {story.target}", alt),
        table=_table(story),
    )


def _bars(
    axes: Axes, shares: dict[str, dict[str, float]], looks: Sequence[Look], top: float
) -> None:
    axes.set_xlim(0, 100 * top)
    axes.set_ylim(max(1, len(shares)) - 0.5, -0.5)
    axes.spines["left"].set_visible(False)
    axes.tick_params(left=False)
    axes.set_yticks(
        range(len(shares)),
        [short(group, 12) for group in shares],
        fontsize=SMALL_PX,
    )
    axes.grid(axis="x")
    for row, group in enumerate(shares.values()):
        start = 0.0
        for look in looks:
            width = group[look.name]
            if not width:
                continue
            axes.barh(
                row, 100 * width, left=100 * start, height=0.72, color=look.light,
                edgecolor=PAPER.light, linewidth=0.8, zorder=2,
            )  # fmt: skip
            _number(axes, look, row, start + width / 2, width, top)
            start += width


def _number(axes: Axes, look: Look, row: int, middle: float, width: float, top: float) -> None:
    """The number, with the mark that says which outcome it is, where the bar has room for it."""
    room = width / top
    if room < 0.045:
        return
    label = (
        words.share(width).removesuffix(" %").replace("more than ", ">").replace("less than ", "<")
    )
    with_mark = room > 0.1
    # One box behind mark and number; 1 unit of the axis is `px` pixels.
    px = (WIDTH_PX - LEFT_PX - RIGHT_PX) / (100 * top)
    wide = 6.5 * len(label) + (16 if with_mark else 4)
    axes.barh(
        row, wide / px, left=100 * middle - wide / px / 2, height=0.5, color=PAPER.light,
        alpha=0.92, linewidth=0, zorder=3,
    )  # fmt: skip
    right = 6 if with_mark else 0
    axes.text(
        100 * middle + right / px, row, label, ha="center", va="center_baseline",
        fontsize=SMALL_PX, color=INK.light, zorder=5,
    )  # fmt: skip
    if with_mark:
        axes.plot(
            [100 * middle - (wide / 2 - 8) / px], [row], linestyle="none", marker=mark_path(look),
            markersize=6, markeredgewidth=1.4, color=look.light, zorder=5,
            fillstyle="full" if look is RECEIVED else "none",
        )  # fmt: skip


def _finding(story: Story, shares: dict[str, dict[str, float]]) -> str:
    if not shares:
        return "No event was sent to anybody"
    worst = min(shares, key=lambda group: shares[group][RECEIVED.name])
    arrived = shares[worst][RECEIVED.name]
    if arrived == 1:
        return "Every event arrives, for every group"
    causes = [(shares[worst][look.name], look.label) for look in (*MISSED, UNFINISHED)]
    reach = f"Of 100 events {words.of_hundred(arrived)} reach {worst}"
    if story.scenario.intent.kind == "state":
        return f"{reach}; one that a newer one has replaced is no loss"
    share, label = max(causes)
    lost = sum(other for other, _ in causes)
    most = "all the others" if share == lost else "most of the others"
    if 2 * share <= lost:
        most = "the largest part of the others"
    return f"{reach}; {most}: {label}, {words.share_and_odds(share)}"


def _how(enlarge: bool) -> str:
    how = "Each bar is all events sent while the group's members belonged to the channel."
    if enlarge:
        return f"{how} The lower bars show what did not arrive, on a scale of their own from 0."
    return how


def _note(story: Story, shares: dict[str, dict[str, float]]) -> str:
    hidden = len(story.groups) - len(shares)
    if not hidden:
        return ""
    return (
        f"{words.many(hidden, 'group')} not shown: no event was sent to them, or a larger share "
        "arrived."
    )


def _alt(shares: dict[str, dict[str, float]]) -> str:
    parts = []
    for group, found in shares.items():
        looks = [look for look in OUTCOMES if found[look.name]]
        listed = words.listing([f"{words.share_and_odds(found[k.name])} {k.label}" for k in looks])
        parts.append(f"{group}: {listed}.")
    return " ".join(parts) or "No event was sent to anybody."


def _table(story: Story) -> Table:
    head = ("group", "events sent to it", *(look.label for look in OUTCOMES))
    rows = []
    for group in story.groups:
        counts = story.counts(group)
        numbers = (sum(counts.values()), *(counts[look.name] for look in OUTCOMES))
        rows.append((group, *(words.count(number) for number in numbers)))
    return head, tuple(rows)
