"""A figure of the report by itself: for notebooks and documents."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

from simrt.errors import UsageError
from simrt.report.feature import settings
from simrt.report.figures.canvas import WIDTH_PX, Figure
from simrt.report.html import FIGURES, faults_of, followed, outcomes_of
from simrt.report.lane import Lane
from simrt.report.palette import AWAY, INK, PAPER, RECEIVED, RING, SILENCE, Look
from simrt.report.story import Story, tell
from simrt.results import Run
from simrt.scenario.arguments import one_of, wrong

_WITH_OUTCOMES = ("timeline", "closeup", "outcomes")
_WITH_FAULTS = ("timeline", "closeup", "staleness", "waiting")
_WITH_LANES = ("timeline", "closeup")
_WHEN = {
    "closeup": "nothing was missed, or the timeline shows each event by itself",
    "reconnects": "no restart ended a connection",
}

# Pixels of the drawing; a figure that stands alone is shown larger.
_GAP = 16
_LINE = 16
_LETTER = 6.2
_HEADING_LETTER = 8.2
_ALONE = 1.5


@dataclass(frozen=True, slots=True, repr=False)
class Drawing:
    """One figure of the report, of one run or of several beside each other.

    Attributes:
        figures: one a run, all on the same axes.
        names: what tells the runs apart, one a run; empty where there is one run.
        svg: the drawing with its findings and its legend; complete in itself.
    """

    figures: tuple[Figure, ...]
    names: tuple[str, ...]
    svg: str

    def __repr__(self) -> str:
        """The same in words: what the data say, and the text alternative."""
        return "\n".join(
            f"{_heading(name, figure.finding)}.\n{figure.alt}"
            for name, figure in zip(self.names, self.figures, strict=True)
        )

    def _repr_svg_(self) -> str:
        return self.svg


def draw(figure: str, runs: Sequence[Run]) -> Drawing:
    """One figure of the report, on the same axes for all runs.

    Arguments:
        figure: a name of `FIGURES`, such as `timeline`.
        runs: one or more.

    Raises:
        UsageError: no such figure, or the runs have no data for it.
    """
    one_of("figure", figure, FIGURES)
    for run in runs:
        if not isinstance(run, Run):
            raise wrong("figure", run, "runs to draw beside this one, as simrt.run returns them")
    stories = [tell(run.history, run.target, run.seed) for run in runs]
    lanes = followed(stories)
    figures = FIGURES[figure](stories, lanes)
    if len(figures) < len(runs):
        raise UsageError(f"there is no {figure} to show: {_WHEN.get(figure, 'no data')}")
    names = _names(runs)
    return Drawing(
        figures, names, _svg(figures, names, [*_entries(figure, figures, stories, lanes)])
    )


def _names(runs: Sequence[Run]) -> tuple[str, ...]:
    """What differs between the runs: title, settings, target, seed."""
    facts = [
        {
            "": run.scenario.title,
            **{setting.name: setting.value for setting in settings(run.scenario)},
            "on": run.target,
            "seed": str(run.seed),
        }
        for run in runs
    ]
    differ = [key for key in facts[0] if len({one[key] for one in facts}) > 1]
    return tuple(", ".join(f"{key} {one[key]}".strip() for key in differ) for one in facts)


def _heading(name: str, finding: str) -> str:
    return f"{name}: {finding}" if name else finding


def _svg(
    figures: Sequence[Figure], names: Sequence[str], entries: Sequence[tuple[str, str]]
) -> str:
    """The figures beside each other, each below its finding, the legend below all."""
    wide = len(figures) * WIDTH_PX + (len(figures) - 1) * _GAP
    lines = [
        textwrap.wrap(_heading(name, figure.finding), int(WIDTH_PX / _HEADING_LETTER))
        for name, figure in zip(names, figures, strict=True)
    ]
    top = _LINE * max(len(one) for one in lines) + 8
    parts = []
    for place, (figure, heading) in enumerate(zip(figures, lines, strict=True)):
        x = place * (WIDTH_PX + _GAP)
        parts += [
            f'<text x="{x + 4}" y="{_LINE * (row + 1)}" font-size="12.5" font-weight="600" '
            f'fill="{INK.light}">{escape(line)}</text>'
            for row, line in enumerate(heading)
        ]
        parts.append(_placed(figure, place, x, top))
    below = top + max(_height(figure) for figure in figures)
    legend, rows = _legend(entries, wide, below)
    tall = below + rows * (_LINE + 2) + 6
    scale = _ALONE if len(figures) == 1 else 1
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide} {tall:g}" '
        f'width="{wide * scale:g}" height="{tall * scale:g}" '
        f'style="background: {PAPER.light}; font-family: system-ui, sans-serif">'
        f"{''.join(parts)}{legend}</svg>\n"
    )


def _height(figure: Figure) -> float:
    found = re.match(r'<svg viewBox="0 0 [\d.]+ ([\d.]+)"', figure.svg)
    assert found is not None, "a figure says how large it is"
    return float(found[1])


def _placed(figure: Figure, place: int, x: int, y: float) -> str:
    """The figure inside of another drawing, its ids unlike those of the figure beside it."""
    own = figure.svg.replace(f"{figure.key}-{figure.target}-", f"{figure.key}-{place}-")
    size = f'x="{x}" y="{y:g}" width="{WIDTH_PX}" height="{_height(figure):g}" '
    return "<svg " + size + own.removeprefix("<svg ")


def _legend(entries: Sequence[tuple[str, str]], wide: float, top: float) -> tuple[str, int]:
    """What the marks and shades mean, in as many rows as it needs."""
    parts = []
    x, row = 4.0, 0
    for sign, label in entries:
        room = 26 + _LETTER * len(label)
        if x > 4 and x + room > wide:
            x, row = 4.0, row + 1
        y = top + row * (_LINE + 2) + _LINE
        parts.append(
            f'<g transform="translate({x:g} {y:g})">{sign}<text x="17" y="0" font-size="11" '
            f'fill="{INK.light}">{escape(label)}</text></g>'
        )
        x += room
    return "".join(parts), row + 1 if parts else 0


def _entries(
    key: str,
    figures: Sequence[Figure],
    stories: Sequence[Story],
    lanes: Sequence[Sequence[Lane]],
) -> Iterator[tuple[str, str]]:
    if key in _WITH_OUTCOMES:
        for look in outcomes_of(stories, lanes):
            seen = any(one.draws(look) for one in figures)
            if seen and (look is not RING or key in _WITH_LANES):
                yield _mark(look), look.label
    if key in _WITH_LANES and any(one.draws(AWAY) for one in figures):
        yield _shade(AWAY.light, 1), "without a connection"
    if key in _WITH_LANES and any(one.draws(SILENCE) for one in figures):
        yield _shade(SILENCE.light, 1), SILENCE.label
    if key in _WITH_FAULTS:
        for look in faults_of(stories):
            yield _shade(look.light, 0.45), look.label


def _mark(look: Look) -> str:
    path = "".join(
        "M" + "L".join(f"{6 + 5 * x:.4g} {-4 - 5 * y:.4g}" for x, y in line) for line in look.mark
    )
    fill = look.light if look is RECEIVED else "none"
    return f'<path d="{path}" fill="{fill}" stroke="{look.light}" stroke-width="1.7"/>'


def _shade(colour: str, opacity: float) -> str:
    return (
        f'<rect x="0" y="-10" width="13" height="12" fill="{colour}" fill-opacity="{opacity}" '
        f'stroke="{colour}"/>'
    )
