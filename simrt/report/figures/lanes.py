"""The lanes of a timeline: one for sends, one for each shown subscriber."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from simrt.report.figures.canvas import (
    SMALL_PX,
    TimeUnit,
    mark_path,
    paper,
    shade_faults,
    short,
    time_axis,
    time_unit,
)
from simrt.report.lane import Lane
from simrt.report.palette import (
    AWAY,
    GRID,
    INK,
    MISSED,
    OUTCOMES,
    PAPER,
    QUIET,
    RECEIVED,
    RING,
    SILENCE,
    UNFINISHED,
)
from simrt.report.story import CODES, Story

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Canvas

BINS = 110
LANE_PX = 30
SENDS_PX = 28
SENDS_AT = -0.9


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of a run, in nanoseconds."""

    start_ns: int
    end_ns: int

    def holds(self, t_ns: int) -> bool:
        """Whether an instant lies in it."""
        return self.start_ns <= t_ns <= self.end_ns

    @property
    def length_s(self) -> float:
        """Its length, seconds."""
        return (self.end_ns - self.start_ns) / 1e9


def draw_lanes(story: Story, lanes: Sequence[Lane], window: Window, aggregated: bool) -> Canvas:
    """All lanes over a window: single marks, or shares a stretch of time."""
    unit = time_unit(window.length_s)
    canvas, (axes,) = paper([SENDS_PX + LANE_PX * max(1, len(lanes))])
    shade_faults(axes, story.zones, unit)
    time_axis(axes, window.end_ns / 1e9, unit, start_s=window.start_ns / 1e9)
    axes.set_ylim(max(1, len(lanes)) - 0.45, -1.4)
    axes.spines["left"].set_visible(False)
    axes.tick_params(left=False)
    _bands(axes, lanes, window, unit)
    if aggregated:
        _send_rate(axes, story, window, unit)
        for row, lane in enumerate(lanes):
            _shares(axes, story, lane, row, window, unit)
    else:
        _dots(axes, story, lanes, window, unit)
    _labels(axes, lanes)
    return canvas


def _labels(axes: Axes, lanes: Sequence[Lane]) -> None:
    axes.set_yticks([SENDS_AT, *range(len(lanes))])
    places = [f"\n{lane.place}" if lane.place else "" for lane in lanes]
    names = [short(lane.person.name, 11) for lane in lanes]
    labels = [name + place for name, place in zip(names, places, strict=True)]
    axes.set_yticklabels(["sent", *labels], fontsize=SMALL_PX, linespacing=1.05)
    for row in range(len(lanes)):
        axes.axhline(row - 0.5, color=GRID.light, linewidth=0.7, zorder=0.5)


def _bands(axes: Axes, lanes: Sequence[Lane], window: Window, unit: TimeUnit) -> None:
    scale = 1e9 * unit.seconds
    for row, lane in enumerate(lanes):
        person = lane.person
        for periods, colour in ((person.silent, SILENCE.light), (person.away, AWAY.light)):
            spans = [
                (a / scale, (b - a) / scale)
                for a, b in periods
                if b >= window.start_ns and a <= window.end_ns
            ]
            if spans:
                axes.broken_barh(spans, (row - 0.47, 0.94), facecolor=colour, linewidth=0, zorder=1)


# --- single marks ---------------------------------------------------------------------------------


def _dots(axes: Axes, story: Story, lanes: Sequence[Lane], window: Window, unit: TimeUnit) -> None:
    scale = 1e9 * unit.seconds
    sent = [t / scale for t in story.send_ns if window.holds(t)]
    axes.plot(
        sent, [SENDS_AT] * len(sent), linestyle="none", marker="|", markersize=9,
        markeredgewidth=1, color=INK.light, zorder=3,
    )  # fmt: skip
    tails: tuple[list[float], list[float]] = ([], [])
    live: tuple[list[float], list[float]] = ([], [])
    rings: tuple[list[float], list[float]] = ([], [])
    for row, lane in enumerate(lanes):
        for t_ns, index, by_replay in lane.receipts:
            sent_ns = story.send_ns[index]
            if not (window.holds(t_ns) or window.holds(sent_ns)):
                continue
            tails[0].extend((sent_ns / scale, t_ns / scale, float("nan")))
            tails[1].extend((row - 0.42, row, float("nan")))
            into = rings if by_replay else live
            if window.holds(t_ns):
                into[0].append(t_ns / scale)
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
        points = [
            (story.send_ns[index] / scale, row + 0.22)
            for row, lane in enumerate(lanes)
            for index in _indices(lane, CODES[look.name])
            if window.holds(story.send_ns[index])
        ]
        if points:
            axes.plot(
                [x for x, _ in points], [y for _, y in points], linestyle="none",
                marker=mark_path(look), markersize=7, markeredgewidth=1.4,
                fillstyle="none", color=look.light, zorder=4,
            )  # fmt: skip


def _indices(lane: Lane, code: int) -> Iterator[int]:
    """The events of a lane that have this outcome, in send order."""
    outcomes = lane.person.outcomes
    at = outcomes.find(code)
    while at >= 0:
        yield at
        at = outcomes.find(code, at + 1)


# --- shares ---------------------------------------------------------------------------------------


def _edges_s(window: Window) -> np.ndarray:
    import numpy as np

    return np.linspace(window.start_ns / 1e9, window.end_ns / 1e9, BINS + 1)


def _send_rate(axes: Axes, story: Story, window: Window, unit: TimeUnit) -> None:
    import numpy as np

    edges = _edges_s(window)
    counts, _ = np.histogram(np.array(story.send_ns, dtype=float) / 1e9, edges)
    top = max(1, int(counts.max()))
    axes.stairs(
        -0.6 - 0.75 * counts / top, edges / unit.seconds, baseline=-0.6, fill=True,
        color=QUIET.light, alpha=0.75, linewidth=0, zorder=2,
    )  # fmt: skip


def _shares(axes: Axes, story: Story, lane: Lane, row: int, window: Window, unit: TimeUnit) -> None:
    """The events of each stretch of time, stacked by outcome to the full height of the lane."""
    import numpy as np

    edges = _edges_s(window)
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
            # What arrived stays pale, so that losses and faults stand out.
            color=look.light, alpha=0.38 if look is RECEIVED else 0.95, linewidth=0, zorder=2,
        )  # fmt: skip
        base = upper
    _run_marks(axes, counts, row, x)
    columns = np.histogram([t / 1e9 for t, _, replayed in lane.receipts if replayed], edges)[0]
    middles = ((x[:-1] + x[1:]) / 2)[columns > 0]
    axes.plot(
        middles, [row - 0.28] * len(middles), linestyle="none", marker="o", markersize=6,
        markeredgewidth=1.3, fillstyle="none", color=RING.light, zorder=4,
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
        rows = [row + 0.16] * len(middles)
        axes.plot(
            middles, rows, linestyle="none", marker="o", markersize=11, markeredgewidth=0,
            color=PAPER.light, alpha=0.9, zorder=4,
        )  # fmt: skip
        axes.plot(
            middles, rows, linestyle="none", marker=mark_path(look), markersize=6.5,
            markeredgewidth=1.5, fillstyle="none", color=look.light, zorder=5,
        )  # fmt: skip
