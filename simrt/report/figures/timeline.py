"""The timeline: what was sent, and what became of it for each shown subscriber."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from simrt.report import words
from simrt.report.figures.canvas import (
    SMALL_PX,
    Figure,
    Table,
    TimeUnit,
    inline_svg,
    mark_path,
    paper,
    settings,
    shade_faults,
    time_axis,
    time_unit,
)
from simrt.report.palette import (
    AWAY,
    GRID,
    INK,
    MISSED,
    OUTCOMES,
    QUIET,
    RECEIVED,
    RING,
    UNFINISHED,
)
from simrt.report.story import CODES, Lane, Story, in_faults, overlap_ns

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.axes import Axes

# More marks than this in one drawing are no longer marks but a grey wall: then shares are drawn.
MAX_MARKS = 900
BINS = 110
LANE_PX = 30
SENDS_PX = 34


def timeline(stories: Sequence[Story], lanes: Sequence[Sequence[Lane]]) -> tuple[Figure, ...]:
    """One timeline a story, on one time axis.

    Arguments:
        stories: one a target.
        lanes: for each story its followed lanes.
    """
    length = max(story.duration_ns for story in stories) / 1e9
    # All targets are drawn one way, or they could not be compared.
    most = max(_marks(story, shown) for story, shown in zip(stories, lanes, strict=True))
    with settings():
        return tuple(
            _draw(story, shown, length, most > MAX_MARKS)
            for story, shown in zip(stories, lanes, strict=True)
        )


def _marks(story: Story, lanes: Sequence[Lane]) -> int:
    return len(story.send_ns) + sum(len(lane.receipts) + lane.person.missed for lane in lanes)


def _draw(story: Story, lanes: Sequence[Lane], length_s: float, aggregated: bool) -> Figure:
    unit = time_unit(length_s)
    height = SENDS_PX + LANE_PX * max(1, len(lanes))
    canvas, (axes,) = paper([height])
    shade_faults(axes, story.zones, unit)
    time_axis(axes, length_s, unit)
    axes.set_ylim(len(lanes) + 0.1, -1.15)
    axes.spines["left"].set_visible(False)
    axes.tick_params(left=False)
    _bands(axes, lanes, unit)
    if aggregated:
        _send_rate(axes, story, length_s, unit)
        for row, lane in enumerate(lanes):
            _shares(axes, story, lane, row, length_s, unit)
    else:
        _dots(axes, story, lanes, unit)
    _labels(axes, lanes)
    finding = _finding(story)
    alt = _alt(story, lanes)
    name = f"timeline-{story.target}"
    return Figure(
        key="timeline",
        target=story.target,
        finding=finding,
        how=_how(aggregated, length_s),
        note=_note(story, lanes),
        alt=alt,
        svg=inline_svg(canvas, name, f"Timeline on {story.target}", alt),
        table=_table(story, lanes),
    )


def _labels(axes: Axes, lanes: Sequence[Lane]) -> None:
    axes.set_yticks([-0.6, *range(len(lanes))])
    names = ["sent"]
    for lane in lanes:
        group, _, member = lane.person.name.partition("/")
        short = group if len(group) <= 12 else f"{group[:11]}…"
        names.append(f"{short}/{member}" + (f"\n{lane.place}" if lane.place else ""))
    axes.set_yticklabels(names, fontsize=SMALL_PX, linespacing=1.05)
    for row in range(len(lanes)):
        axes.axhline(row - 0.5, color=GRID.light, linewidth=0.7, zorder=0.5)


def _bands(axes: Axes, lanes: Sequence[Lane], unit: TimeUnit) -> None:
    scale = 1e9 * unit.seconds
    for row, lane in enumerate(lanes):
        spans = [(a / scale, (b - a) / scale) for a, b in lane.person.away]
        if spans:
            axes.broken_barh(spans, (row - 0.47, 0.94), facecolor=AWAY.light, linewidth=0, zorder=1)


def _dots(axes: Axes, story: Story, lanes: Sequence[Lane], unit: TimeUnit) -> None:
    scale = 1e9 * unit.seconds
    sent = [t / scale for t in story.send_ns]
    axes.plot(
        sent, [-0.6] * len(sent), linestyle="none", marker="|", markersize=9,
        markeredgewidth=1, color=INK.light, zorder=3,
    )  # fmt: skip
    tails: tuple[list[float], list[float]] = ([], [])
    live: tuple[list[float], list[float]] = ([], [])
    rings: tuple[list[float], list[float]] = ([], [])
    for row, lane in enumerate(lanes):
        for t_ns, index, by_replay in lane.receipts:
            at = t_ns / scale
            tails[0].extend((sent[index], at, float("nan")))
            tails[1].extend((row - 0.42, row, float("nan")))
            into = rings if by_replay else live
            into[0].append(at)
            into[1].append(row)
    axes.plot(*tails, color=QUIET.light, alpha=0.45, linewidth=0.6, zorder=1.5)
    axes.plot(
        *live, linestyle="none", marker="o", markersize=4, markeredgewidth=0,
        color=RECEIVED.light, zorder=3,
    )  # fmt: skip
    axes.plot(
        *rings, linestyle="none", marker="o", markersize=6, markeredgewidth=1.3,
        fillstyle="none", color=RING.light, zorder=3.2,
    )  # fmt: skip
    for look in (*MISSED, UNFINISHED):
        code = CODES[look.name]
        points = [
            (sent[index], row + 0.22)
            for row, lane in enumerate(lanes)
            for index, found in enumerate(lane.person.outcomes)
            if found == code
        ]
        if points:
            axes.plot(
                [x for x, _ in points], [y for _, y in points], linestyle="none",
                marker=mark_path(look), markersize=7, markeredgewidth=1.4,
                fillstyle="none", color=look.light, zorder=4,
            )  # fmt: skip


def _send_rate(axes: Axes, story: Story, length_s: float, unit: TimeUnit) -> None:
    import numpy as np

    edges = np.linspace(0, length_s, BINS + 1)
    counts, _ = np.histogram(np.array(story.send_ns, dtype=float) / 1e9, edges)
    top = max(1, int(counts.max()))
    axes.stairs(
        -0.25 - 0.8 * counts / top, edges / unit.seconds, baseline=-0.25, fill=True,
        color=QUIET.light, alpha=0.75, linewidth=0, zorder=2,
    )  # fmt: skip


def _shares(
    axes: Axes, story: Story, lane: Lane, row: int, length_s: float, unit: TimeUnit
) -> None:
    """The events of each stretch of time, stacked by outcome to the full height of the lane."""
    import numpy as np

    edges = np.linspace(0, length_s, BINS + 1)
    sent = np.array(story.send_ns, dtype=float) / 1e9
    codes = np.frombuffer(lane.person.outcomes, dtype=np.uint8)
    counts = {
        look.name: np.histogram(sent[codes == CODES[look.name]], edges)[0] for look in OUTCOMES
    }
    total = np.sum(list(counts.values()), axis=0)
    base = np.zeros(BINS)
    x = edges / unit.seconds
    for look in (*MISSED, UNFINISHED, RECEIVED):
        if not counts[look.name].any():
            continue
        share = np.divide(counts[look.name], total, out=np.zeros(BINS), where=total > 0)
        upper = base + share
        axes.stairs(
            row + 0.42 - 0.84 * upper, x, baseline=row + 0.42 - 0.84 * base, fill=True,
            color=look.light, alpha=0.85, linewidth=0, zorder=2,
        )  # fmt: skip
        base = upper
    _run_marks(axes, counts, row, x)
    rings = [t / 1e9 / unit.seconds for t, _, by_replay in lane.receipts if by_replay]
    firsts = sorted({round(t / x[-1] * BINS) for t in rings if t <= x[-1]})
    axes.plot(
        [(place + 0.5) / BINS * x[-1] for place in firsts], [row - 0.3] * len(firsts),
        linestyle="none", marker="o", markersize=6, markeredgewidth=1.3, fillstyle="none",
        color=INK.light, zorder=4,
    )  # fmt: skip


def _run_marks(axes: Axes, counts: Mapping[str, np.ndarray], row: int, edges: np.ndarray) -> None:
    """One mark of its shape on each run of stretches in which a cause took events."""
    import numpy as np

    for look in MISSED:
        filled = np.flatnonzero(counts[look.name])
        if not filled.size:
            continue
        runs = np.split(filled, np.flatnonzero(np.diff(filled) > 3) + 1)
        middles = [(edges[run[0]] + edges[run[-1] + 1]) / 2 for run in runs]
        axes.plot(
            middles, [row + 0.22] * len(middles), linestyle="none", marker=mark_path(look),
            markersize=7, markeredgewidth=3.6, fillstyle="none", color="#ffffff", zorder=4,
        )  # fmt: skip
        axes.plot(
            middles, [row + 0.22] * len(middles), linestyle="none", marker=mark_path(look),
            markersize=7, markeredgewidth=1.5, fillstyle="none", color=look.light, zorder=5,
        )  # fmt: skip


def missed_fraction(story: Story, group: str) -> float | None:
    """The share of its events that a group missed in this run."""
    members = story.members(group)
    sent = sum(person.sent for person in members)
    return sum(person.missed for person in members) / sent if sent else None


def _finding(story: Story) -> str:
    if not story.send_ns:
        return "Nothing was sent"
    shares = [(group, missed_fraction(story, group)) for group in story.groups]
    known = [(group, share) for group, share in shares if share is not None]
    if not known:
        return "Nobody was connected while events were sent"
    if not any(share for _, share in known):
        return "Nobody misses an event"
    parts = [
        f"{group} misses {words.percent(share) if share else 'none'}" for group, share in known[:4]
    ]
    return f"{words.listing(parts)} of the events sent to them"


def _where(story: Story) -> str:
    inside = missed = 0
    for group in story.groups:
        within, lost = in_faults(story, group)
        inside, missed = inside + within, missed + lost
    if not missed or not story.zones:
        return ""
    return f"{words.percent(inside / missed)} of the missed events were sent while a fault lasted. "


def _how(aggregated: bool, length_s: float) -> str:
    if aggregated:
        stretch = words.seconds(length_s / BINS)
        how = (
            f"There are too many events for single marks: each column is {stretch}, and its "
            "colours are the shares of what became of the events sent in it. A mark names the "
            "cause; a ring stands where replay arrived. The top lane is the pace of sending."
        )
    else:
        how = (
            "A dot is an event at the moment it arrived, with a faint line from when it was sent; "
            "a cross is a missed event, at the moment it was sent; a ring came by replay."
        )
    return f"{how} Grey bands: without a connection."


def _note(story: Story, lanes: Sequence[Lane]) -> str:
    hidden = len(story.people) - len(lanes)
    others = (
        f"{words.many(hidden, 'subscriber')} not shown; of each group you see the one that missed "
        "most, the median and the one that missed least. "
        if hidden
        else ""
    )
    short = "" if story.complete else "The record of this run was cut short. "
    return (_where(story) + others + short).strip()


def _alt(story: Story, lanes: Sequence[Lane]) -> str:
    parts = [f"{words.many(len(story.send_ns), 'event')} sent."]
    for lane in lanes:
        person = lane.person
        causes = [
            f"{number} {look.label}"
            for look in MISSED
            if (number := person.outcomes.count(CODES[look.name]))
        ]
        why = f" ({words.listing(causes)})" if causes else ""
        place = f", {lane.place} of its group" if lane.place else ""
        parts.append(f"{person.name}{place}: missed {person.missed} of {person.sent}{why}.")
    parts += [
        f"Fault: {zone.kind} of {zone.whom or 'all'} from {words.duration(zone.start_ns)} "
        f"to {words.duration(zone.end_ns)}."
        for zone in story.zones
    ]
    return " ".join(parts)


def _table(story: Story, lanes: Sequence[Lane]) -> Table:
    looks = [
        look
        for look in (*MISSED, UNFINISHED)
        if any(lane.person.outcomes.count(CODES[look.name]) for lane in lanes)
    ]
    head = ("subscriber", "events sent", "arrived", "by replay", "twice",
            *(look.label for look in looks), "without connection")  # fmt: skip
    rows = []
    for lane in lanes:
        person = lane.person
        name = f"{person.name} ({lane.place})" if lane.place else person.name
        numbers = (
            person.sent,
            person.outcomes.count(CODES["received"]),
            person.replayed,
            person.duplicates,
            *(person.outcomes.count(CODES[look.name]) for look in looks),
        )
        away = words.duration(overlap_ns(person.away, story.duration_ns))
        rows.append((name, *(words.count(number) for number in numbers), away))
    return head, tuple(rows)
