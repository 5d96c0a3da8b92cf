"""Waiting: what is pending in the buffer and what is in the network, for one client a group."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from simrt import text as words
from simrt.report.figures.canvas import (
    SMALL_PX,
    Figure,
    Table,
    TimeUnit,
    inline_svg,
    paper,
    settings,
    shade_faults,
    short,
    time_axis,
    time_unit,
)
from simrt.report.lane import Lane, peaks
from simrt.report.palette import BUFFER, INK, NETWORK, PAPER
from simrt.report.story import Story

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.axes import Axes

MAX_GROUPS = 3
BINS = 240
PANEL_PX = 82


@dataclass(frozen=True, slots=True)
class Levels:
    """The fullest moment of each stretch of time, for one client.

    Attributes:
        lane: who.
        flying: events in the network at that moment.
        pending: events in the buffer at that moment.
        window: how many events fit into the network, or None where that is not known.
    """

    lane: Lane
    flying: np.ndarray
    pending: np.ndarray
    window: int | None


def waiting(stories: Sequence[Story], lanes: Sequence[Sequence[Lane]]) -> tuple[Figure, ...]:
    """One drawing a story: a panel a group, for the client that missed most of those shown."""
    length = max(story.duration_ns for story in stories) / 1e9
    found = [_levels(story, shown, length) for story, shown in zip(stories, lanes, strict=True)]
    size = stories[0].scenario.feature.options.buffer_size
    tops = [_top(levels, size) for one in found for levels in one]
    top = max(tops, default=1.0)
    near = any(limit < top for one in found for levels in one for limit, _ in _limits(levels, size))
    how = (
        "For each group the client that missed most. What is in the network no setting can drop "
        f"any more. {'Dashed: how much fits. ' if near else ''}"
        f"Each column is the fullest moment of {words.seconds(length / BINS)}."
    )
    with settings():
        return tuple(
            _draw(story, levels, length, top, how)
            for story, levels in zip(stories, found, strict=True)
        )


def _limits(levels: Levels, size: int) -> list[tuple[int, str]]:
    """How many events fit, where that is known, and into what."""
    limits = [] if levels.window is None else [(levels.window, "network")]
    return [
        *limits, (size + (levels.window or 0), "network + buffer" if limits else "buffer")
    ]  # fmt: skip


def _levels(story: Story, lanes: Sequence[Lane], length_s: float) -> list[Levels]:
    first: dict[str, Lane] = {}
    for lane in lanes:
        first.setdefault(lane.person.group, lane)
    ranked = sorted(first.values(), key=lambda lane: -lane.person.missed_fraction)[:MAX_GROUPS]
    return [
        _fullest(story, lane, length_s) for lane in first.values() if any(lane is r for r in ranked)
    ]


def _fullest(story: Story, lane: Lane, length_s: float) -> Levels:
    import numpy as np

    width = length_s * 1e9 / BINS
    flying, pending = np.zeros(BINS, dtype=int), np.zeros(BINS, dtype=int)
    ends = [level[0] for level in lane.levels[1:]] + [story.duration_ns]
    for (start, under_way, queued), end in zip(lane.levels, ends, strict=True):
        low = min(int(start / width), BINS)
        high = max(low, min(int(max(end - 1, start) / width), BINS - 1))
        for place in range(low, high + 1):
            if place < BINS and under_way + queued > flying[place] + pending[place]:
                flying[place], pending[place] = under_way, queued
    header = story.history.header
    group = lane.person.group
    known = (header.window.get(group) or {}).get("messages")
    declared = story.scenario.workload.subscribers[group].window_msgs
    window = known if known is not None else (declared if story.target == "sim" else None)
    return Levels(lane, flying, pending, window)


def _top(levels: Levels, size: int) -> float:
    """The axis shows the data, and the limits where they are near."""
    highest = float((levels.flying + levels.pending).max())
    full = size + (levels.window or 0)
    if highest <= 0.35 * full:
        return max(1.0, highest * 1.25)
    # A window that was measured beforehand is no promise: more can be under way.
    return max(full * 1.12, highest * 1.08)


def _draw(story: Story, found: Sequence[Levels], length_s: float, top: float, how: str) -> Figure:
    unit = time_unit(length_s)
    canvas, panels = paper([PANEL_PX] * max(1, len(found)), gap_px=20, top_px=18)
    for place, axes in enumerate(panels):
        shade_faults(axes, story.zones, unit)
        time_axis(axes, length_s, unit, label=place == len(panels) - 1)
        axes.set_ylim(0, top)
        axes.set_ylabel("events\nwaiting")
        _integers(axes)
        axes.grid(axis="y")
        if place < len(found):
            _panel(axes, story, found[place], length_s, unit, top)
    if found:
        panels[0].legend(
            loc="lower right", bbox_to_anchor=(1.01, 0.98), ncols=2, frameon=False, reverse=True,
            fontsize=SMALL_PX, handlelength=1, borderpad=0, columnspacing=1.2,
        )  # fmt: skip
    alt = _alt(story, found)
    return Figure(
        key="waiting",
        target=story.target,
        finding=_finding(story, found),
        how=how,
        note=_note(story, found, top),
        alt=alt,
        svg=inline_svg(canvas, f"waiting-{story.target}", f"Waiting on {story.target}", alt),
        table=_table(story, found),
    )


def _integers(axes: Axes) -> None:
    from matplotlib.ticker import MaxNLocator

    axes.yaxis.set_major_locator(MaxNLocator(4, integer=True))


def _panel(
    axes: Axes, story: Story, levels: Levels, length_s: float, unit: TimeUnit, top: float
) -> None:
    import numpy as np

    edges = np.linspace(0, length_s / unit.seconds, BINS + 1)
    axes.stairs(
        levels.flying, edges, fill=True, color=NETWORK.light, linewidth=0, zorder=2,
        label="in the network",
    )  # fmt: skip
    axes.stairs(
        levels.flying + levels.pending, edges, baseline=levels.flying, fill=True,
        color=BUFFER.light, linewidth=0, zorder=2, label="in the buffer",
    )  # fmt: skip
    size = story.scenario.feature.options.buffer_size
    about = "about " if story.target != "sim" and levels.window is not None else ""
    for limit, label in _limits(levels, size):
        if limit < top:
            axes.axhline(limit, color=INK.light, linewidth=0.9, dashes=(4, 3), zorder=3)
            axes.annotate(
                f"{label} full: {about}{limit}", (1, limit), xycoords=("axes fraction", "data"),
                xytext=(-2, 2), textcoords="offset points", ha="right", fontsize=SMALL_PX,
                bbox={"facecolor": PAPER.light, "edgecolor": "none", "pad": 0.6, "alpha": 0.7},
                zorder=4,
            )  # fmt: skip
    axes.set_title(short(levels.lane.person.name), loc="left", fontsize=SMALL_PX, pad=3)


def _finding(story: Story, found: Sequence[Levels]) -> str:
    size = story.scenario.feature.options.buffer_size
    if not found:
        return "Nobody waited for anything"
    # Of all clients, not only of those shown.
    name = max((one.name for one in story.people), key=lambda one: peaks(story, one)[1])
    flying, pending = peaks(story, name)
    if pending >= size:
        return (
            f"The buffer of {name} fills up: {words.count(size)} wait in it, and up to "
            f"{words.count(flying)} in the network"
        )
    if pending == 0:
        return f"Nothing waits in the buffer; up to {words.count(flying)} are in the network"
    places = f"{words.count(pending)} of {words.count(size)} places in the buffer"
    return f"At most {places} are used, by {name}"


def _note(story: Story, found: Sequence[Levels], top: float) -> str:
    hidden = len(story.groups) - len(found)
    notes = [f"{words.many(hidden, 'group')} not shown."] if hidden else []
    size = story.scenario.feature.options.buffer_size
    for levels in found:
        full = size + (levels.window or 0)
        if full >= top:
            both = f"both are full at {words.count(full)}, off the axis."
            notes.append(f"For {levels.lane.person.group} {both}")
        group, most = levels.lane.person.group, peaks(story, levels.lane.person.name)[0]
        if levels.window is not None and story.target != "sim" and most > levels.window:
            notes.append(
                f"For {group} up to {words.count(most)} were in the network, more than the "
                f"{words.count(levels.window)} that were measured before the run."
            )
    unknown = [levels.lane.person.group for levels in found if levels.window is None]
    if unknown:
        notes.append(f"How much fits into the network is not known for {words.listing(unknown)}.")
    return " ".join(notes)


def _alt(story: Story, found: Sequence[Levels]) -> str:
    size = story.scenario.feature.options.buffer_size
    parts = []
    for levels in found:
        flying, pending = peaks(story, levels.lane.person.name)
        room = "" if levels.window is None else f" of {words.count(levels.window)}"
        parts.append(
            f"{levels.lane.person.name}: at most {words.count(pending)} of {words.count(size)} "
            f"places of the buffer used, at most {words.count(flying)}{room} in the network."
        )
    return " ".join(parts) or "No clients."


def _table(story: Story, found: Sequence[Levels]) -> Table:
    head = ("client", "most in the buffer", "buffer", "most in the network", "network")
    size = words.count(story.scenario.feature.options.buffer_size)
    rows = []
    for levels in found:
        flying, pending = peaks(story, levels.lane.person.name)
        room = "not known" if levels.window is None else words.count(levels.window)
        rows.append(
            (levels.lane.person.name, words.count(pending), size, words.count(flying), room)
        )
    return head, tuple(rows)
