"""Reconnects after a restart: when do the clients come back, and do they come all at once?"""

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
    short,
)
from simrt.report.palette import AWAY, group_dashes, group_look
from simrt.report.story import Restart, Story

BINS = 40
MAX_GROUPS = 6


def reconnects(stories: Sequence[Story]) -> tuple[Figure, ...]:
    """One drawing a story, of the restart that ended most connections; none without a restart."""
    found = [(story, restart) for story in stories if (restart := _largest(story)) is not None]
    if not found:
        return ()
    length = max(_length_s(story, restart) for story, restart in found)
    peak = max(max(_rates(restart, length)) for story, restart in found)
    most = max(sum(restart.lost.values()) for _, restart in found)
    with settings():
        return tuple(_draw(story, restart, length, peak, most) for story, restart in found)


def _largest(story: Story) -> Restart | None:
    ended = [restart for restart in story.restarts if restart.lost]
    return max(ended, key=lambda restart: sum(restart.lost.values()), default=None)


def _back_s(restart: Restart) -> list[float]:
    return sorted((t - restart.t_ns) / 1e9 for group in restart.back.values() for t in group)


def _spread_s(story: Story, restart: Restart) -> tuple[float, float] | None:
    """When clients that learned of the end at once try first: `retry` and their jitter."""
    spread = story.scenario.server.retry_spread_ns
    if spread is None:
        return None
    jitters = [
        sub.reconnect.jitter_ns
        for group, sub in story.scenario.workload.subscribers.items()
        if group in restart.lost and sub.reconnect != "at-once"
    ]
    if not jitters:
        return None
    return spread[0] / 1e9, (spread[1] + max(jitters)) / 1e9


def _length_s(story: Story, restart: Restart) -> float:
    back = _back_s(restart)
    spread = _spread_s(story, restart)
    return 1.08 * max(back[-1] if back else 1.0, spread[1] if spread else 0.0)


def _rates(restart: Restart, length_s: float) -> list[float]:
    import numpy as np

    counts, _ = np.histogram(_back_s(restart), BINS, (0, length_s))
    return [float(number) / (length_s / BINS) for number in counts]


def _draw(story: Story, restart: Restart, length_s: float, peak: float, most: int) -> Figure:
    import numpy as np
    from matplotlib.ticker import MaxNLocator

    groups = list(restart.lost)[:MAX_GROUPS]
    canvas, (rate, connected) = paper([92, 92], gap_px=legend_px(len(groups), 3), top_px=18)
    spread = _spread_s(story, restart)
    edges = np.linspace(0, length_s, BINS + 1)
    for axes in (rate, connected):
        axes.set_xlim(0, length_s)
        axes.grid(axis="y")
        if spread is not None:
            axes.axvspan(*spread, color=AWAY.light, alpha=0.8, linewidth=0, zorder=0)
    rate.tick_params(labelbottom=False)
    rate.set_ylim(0, (peak or 1) * 1.15)
    rate.set_ylabel("clients that\nreturn, per s")
    connected.set_ylim(0, most * 1.15)
    connected.set_ylabel("clients\nconnected")
    connected.yaxis.set_major_locator(MaxNLocator(4, integer=True))
    connected.set_xlabel("seconds since the restart")
    base = np.zeros(BINS)
    for group in groups:
        place = story.groups.index(group)
        look, dashes = group_look(place, group), group_dashes(place)
        back = np.sort((np.array(restart.back.get(group, []), dtype=float) - restart.t_ns) / 1e9)
        counts = np.histogram(back, edges)[0] / (length_s / BINS)
        rate.stairs(
            base + counts, edges, baseline=base, fill=True, color=look.light, linewidth=0, zorder=2
        )
        base = base + counts
        line = connected.plot(
            [0, *back, length_s], [*range(len(back) + 1), len(back)], drawstyle="steps-post",
            color=look.light, linewidth=1.6, label=short(group), zorder=3,
        )  # fmt: skip
        if dashes:
            line[0].set_dashes(dashes)
    legend_above(connected, 3)
    if spread is not None:
        rate.set_title(
            "shaded: first attempts by retry and jitter", loc="left", fontsize=SMALL_PX, pad=3
        )
    alt = _alt(restart)
    return Figure(
        key="reconnects",
        target=story.target,
        finding=_finding(restart),
        how="The server is killed at 0. Above: how many clients are accepted again, per second; "
        "below: how many are connected again. A high narrow peak is a reconnect wave.",
        note=_note(story, restart),
        alt=alt,
        svg=inline_svg(canvas, f"reconnects-{story.target}", f"Reconnects on {story.target}", alt),
        table=_table(restart),
    )


def _finding(restart: Restart) -> str:
    lost = sum(restart.lost.values())
    back = _back_s(restart)
    if len(back) == lost:
        return (
            f"Restart: all {words.many(lost, 'client')} that it cut off are back within "
            f"{words.seconds(back[-1])}"
        )
    if not back:
        return f"Restart: none of {words.count(lost)} clients came back"
    return (
        f"Restart: {words.count(lost - len(back))} of {words.count(lost)} clients did not come "
        f"back; the others within {words.seconds(back[-1])}"
    )


def _note(story: Story, restart: Restart) -> str:
    parts = []
    if len(story.restarts) > 1:
        parts.append(
            f"Of {words.count(len(story.restarts))} restarts the one at "
            f"{words.clock_time(restart.t_ns)} is shown."
        )
    hidden = len(restart.lost) - MAX_GROUPS
    if hidden > 0:
        parts.append(f"{words.many(hidden, 'group')} not drawn; the table has all.")
    if restart.up_ns is not None:
        down = words.duration(restart.up_ns - restart.t_ns)
        parts.append(f"The server was away for {down}.")
    return " ".join(parts)


def _alt(restart: Restart) -> str:
    parts = [
        f"{group}: {words.count(len(restart.back.get(group, [])))} of {words.count(ended)} back"
        + (
            f", the last after {words.duration(max(restart.back[group]) - restart.t_ns)}."
            if restart.back.get(group)
            else "."
        )
        for group, ended in restart.lost.items()
    ]
    return " ".join(parts)


def _table(restart: Restart) -> Table:
    head = ("group", "connections ended", "back", "first after", "half after", "last after")
    rows = []
    for group, ended in restart.lost.items():
        back = sorted((t - restart.t_ns) / 1e9 for t in restart.back.get(group, []))
        times = (
            tuple(words.seconds(t) for t in (back[0], back[(len(back) - 1) // 2], back[-1]))
            if back
            else (words.NOTHING,) * 3
        )
        rows.append((group, words.count(ended), words.count(len(back)), *times))
    return head, tuple(rows)
