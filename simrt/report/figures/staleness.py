"""Staleness over time: how old is what the users see?"""

from __future__ import annotations

from collections.abc import Sequence

from simrt import text as words
from simrt.report.figures.canvas import (
    SMALL_PX,
    Figure,
    Table,
    inline_svg,
    legend_above,
    legend_px,
    paper,
    settings,
    shade_faults,
    short,
    time_axis,
    time_unit,
)
from simrt.report.palette import INK, PAPER, group_dashes, group_look
from simrt.report.story import SAMPLES_PER_BIN, STALENESS_BINS, Story

MAX_GROUPS = 6
TABLE_ROWS = 12


def staleness(stories: Sequence[Story]) -> tuple[Figure, ...]:
    """One drawing a story, on the same axes: median line and 10 to 90 % band of each group."""
    import numpy as np

    length = max(story.duration_ns for story in stories) / 1e9
    tops = [
        float(np.nanmax(curve.high))
        for story in stories
        for curve in story.staleness.values()
        if not np.isnan(curve.high).all()
    ]
    top = max(tops, default=1.0) or 1.0
    limit = stories[0].scenario.intent.useful_for_ns
    # The limit is drawn where the data come near it; a limit far above would flatten them.
    near = limit is not None and limit / 1e9 <= 3 * top
    if near and limit is not None:
        top = max(top, limit / 1e9)
    with settings():
        return tuple(_draw(story, length, top * 1.08, near) for story in stories)


def _draw(story: Story, length_s: float, top_s: float, near: bool) -> Figure:
    from matplotlib.ticker import MaxNLocator

    unit, tall = time_unit(length_s), time_unit(top_s)
    groups = _shown(story)
    canvas, (axes,) = paper([150], top_px=legend_px(len(groups), 3))
    shade_faults(axes, story.zones, unit)
    time_axis(axes, length_s, unit)
    axes.set_ylim(0, top_s / tall.seconds)
    axes.yaxis.set_major_locator(MaxNLocator(5))
    axes.grid(axis="y")
    axes.set_ylabel(f"age of what\nthe user sees, {tall.name}")
    for group in groups:
        place = story.groups.index(group)
        look, dashes = group_look(place, group), group_dashes(place)
        curve = story.staleness[group]
        x = curve.t_s / unit.seconds
        axes.fill_between(
            x, curve.low / tall.seconds, curve.high / tall.seconds,
            color=look.light, alpha=0.18, linewidth=0, zorder=2,
        )  # fmt: skip
        line = axes.plot(x, curve.median / tall.seconds, color=look.light, linewidth=1.5, zorder=3)
        if dashes:
            line[0].set_dashes(dashes)
        line[0].set_label(short(group))
    limit = story.scenario.intent.useful_for_ns
    if near and limit is not None:
        axes.axhline(
            limit / 1e9 / tall.seconds, color=INK.light, linewidth=1.1, dashes=(4, 3), zorder=4
        )
        axes.annotate(
            f"useful for {words.exact_duration(limit)}", (1, limit / 1e9 / tall.seconds),
            xycoords=("axes fraction", "data"), xytext=(-2, 3), textcoords="offset points",
            ha="right", fontsize=SMALL_PX,
            bbox={"facecolor": PAPER.light, "edgecolor": "none", "pad": 1, "alpha": 0.75},
        )  # fmt: skip
    if groups:
        legend_above(axes, 3)
    alt = _alt(story)
    return Figure(
        key="staleness",
        target=story.target,
        finding=_finding(story),
        how=_how(story, length_s, near),
        note=_note(story, groups),
        alt=alt,
        svg=inline_svg(canvas, f"staleness-{story.target}", f"Staleness on {story.target}", alt),
        table=_table(story, groups),
    )


def _shown(story: Story) -> list[str]:
    ranked = sorted(
        (group for group in story.groups if story.staleness[group].worst_s is not None),
        key=lambda group: -(_overall(story, group) or (0.0,))[-1],
    )[:MAX_GROUPS]
    return [group for group in story.groups if group in ranked]


def _overall(story: Story, group: str) -> tuple[float, ...] | None:
    """Median, 90 % quantile and maximum of the metric, seconds; None where undefined."""
    found = [story.metrics.quantile("staleness_s", group, p) for p in (0.5, 0.9, 1.0)]
    values = tuple(value for value in found if value is not None)
    return values or None


def _finding(story: Story) -> str:
    worst = [(found[-1], g) for g in story.groups if (found := _overall(story, g))]
    if not worst:
        return "Nobody saw any event, so there is no age to show"
    if story.scenario.intent.kind == "state":
        return _outdated(story)
    oldest, group = max(worst)
    limit = story.scenario.intent.useful_for_ns
    seen = f"Members of {group} see news up to {words.seconds(oldest)} old"
    if limit is None:
        return seen
    bound = words.exact_duration(limit)
    if oldest * 1e9 <= limit:
        return f"{seen}; nobody sees news older than the {bound} it is useful for"
    return f"{seen}, past the {bound} it is useful for"


def _outdated(story: Story) -> str:
    """Of a state: the group that sees an outdated value for the largest share of time."""
    shares = [(story.metrics.value("outdated_fraction", group) or 0.0, group)
              for group in story.groups]  # fmt: skip
    outdated, group = max(shares)
    if not outdated:
        return "Nobody sees an outdated value"
    longest = story.metrics.value("outdated_max_s", group) or 0.0
    return (
        f"Members of {group} see an outdated value {words.share(outdated)} of the time; "
        f"at worst it has been outdated for {words.seconds(longest)}"
    )


def _how(story: Story, length_s: float, near: bool) -> str:
    step = words.seconds(length_s / STALENESS_BINS)
    limit = story.scenario.intent.useful_for_ns
    how = (
        "Line: the median; band: 10 to 90 % of members and moments "
        f"({SAMPLES_PER_BIN} moments in each {step}). The age grows while nothing new arrives, "
        "also when nothing is sent, which no setting can mend. A setting can mend for how long "
        "it has been outdated (outdated_s)."
    )
    if limit is not None and near:
        return f"{how} Dashed: as long as the intent calls an event useful."
    if limit is not None:
        return f"{how} The {words.exact_duration(limit)} of usefulness lie far above the drawing."
    return how


def _note(story: Story, groups: Sequence[str]) -> str:
    hidden = len(story.groups) - len(groups)
    return f"{words.many(hidden, 'group')} not shown." if hidden else ""


def _alt(story: Story) -> str:
    parts = []
    for group in story.groups:
        figures = _overall(story, group)
        if figures is None:
            parts.append(f"{group} never had an event.")
            continue
        middle, high, worst = figures
        parts.append(
            f"{group}: median age {words.seconds(middle)}, 90 % of moments below "
            f"{words.seconds(high)}, at most {words.seconds(worst)}."
        )
        outdated = story.metrics.value("outdated_fraction", group)
        longest = story.metrics.value("outdated_max_s", group)
        if outdated is not None and longest is not None:
            parts.append(
                f"Outdated {words.share(outdated)} of the time, for at most "
                f"{words.seconds(longest)}."
            )
    return " ".join(parts) or "No groups."


def _table(story: Story, groups: Sequence[str]) -> Table:
    """The curves at a dozen moments."""
    import numpy as np

    head = ["time", *(f"{q} of {g}" for g in groups for q in ("10 %", "median", "90 %"))]
    if not groups:
        return tuple(head), ()
    points = min(len(story.staleness[group].t_s) for group in groups)
    rows = []
    for place in np.linspace(0, points - 1, min(points, TABLE_ROWS)).astype(int):
        cells = [words.seconds(float(story.staleness[groups[0]].t_s[place]))]
        for group in groups:
            curve = story.staleness[group]
            for line in (curve.low, curve.median, curve.high):
                value = float(line[place])
                cells.append("none yet" if np.isnan(value) else words.seconds(value))
        rows.append(tuple(cells))
    return tuple(head), tuple(rows)
