"""The paper that figures are drawn on, and the way from matplotlib's SVG into a page.

All figures share one width and one pair of margins, so that time axes above each other line up.
They are drawn in the light theme's colours; `inline_svg` turns each colour into a CSS variable
with that colour as fallback, drops what names another host, and adds the text alternative.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

from simrt.report.palette import GRID, INK, QUIET, Look, Shade, css_names, fault_look
from simrt.report.story import Zone

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Canvas
    from matplotlib.path import Path as MarkPath

WIDTH_PX = 480
LEFT_PX = 92
RIGHT_PX = 14
FONT_PX = 12
SMALL_PX = 11

Table = tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]


@dataclass(frozen=True, slots=True)
class Figure:
    """A drawn figure, with all that stands around it.

    Attributes:
        key: which figure: `timeline`, `staleness`, …
        target: the target whose run it shows.
        finding: its title: what the data say.
        how: how to read it; the same on every target.
        note: what is special here: what is not shown, what was cut short.
        alt: the text alternative.
        svg: the drawing, an `<svg>` element with role, title and description.
        table: header and rows for whoever cannot see it.
    """

    key: str
    target: str
    finding: str
    how: str
    note: str
    alt: str
    svg: str
    table: Table

    def draws(self, look: Look | Shade) -> bool:
        """Whether something in it has this colour: what is not drawn needs no explanation."""
        return f"var(--{css_names()[look.light]}" in self.svg


@contextmanager
def settings() -> Iterator[None]:
    """Matplotlib's settings while a figure is drawn and written."""
    import matplotlib as mpl

    values: dict[Any, Any] = {
        "svg.fonttype": "none",
        "svg.hashsalt": "simrt",
        "text.parse_math": False,
        "font.size": FONT_PX,
        "axes.edgecolor": QUIET.light,
        "axes.labelcolor": INK.light,
        "axes.linewidth": 0.8,
        "text.color": INK.light,
        "xtick.color": QUIET.light,
        "ytick.color": QUIET.light,
        "xtick.labelcolor": INK.light,
        "ytick.labelcolor": INK.light,
        "grid.color": GRID.light,
        "grid.linewidth": 0.7,
        "axes.unicode_minus": False,
        "path.simplify": True,
        "path.simplify_threshold": 0.2,
    }
    with mpl.rc_context(values):
        yield


def paper(
    heights_px: Sequence[float], gap_px: float = 14, bottom_px: float = 40, top_px: float = 10
) -> tuple[Canvas, list[Axes]]:
    """A canvas with panels of these heights above each other, on the shared margins."""
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure as Canvas

    height = top_px + sum(heights_px) + gap_px * (len(heights_px) - 1) + bottom_px
    canvas = Canvas(figsize=(WIDTH_PX / 72, height / 72), dpi=72)
    FigureCanvasSVG(canvas)
    canvas.patch.set_visible(False)
    panels = []
    above = top_px
    for panel in heights_px:
        box = (
            LEFT_PX / WIDTH_PX,
            (height - above - panel) / height,
            (WIDTH_PX - LEFT_PX - RIGHT_PX) / WIDTH_PX,
            panel / height,
        )
        axes = canvas.add_axes(box)
        axes.patch.set_visible(False)
        axes.spines[["top", "right"]].set_visible(False)
        axes.set_axisbelow(True)
        panels.append(axes)
        above += panel + gap_px
    return canvas, panels


def mark_path(look: Look) -> MarkPath:
    """The mark of a look as a matplotlib marker."""
    from matplotlib.path import Path as MarkPath

    vertices: list[tuple[float, float]] = []
    codes: list[int] = []
    for line in look.mark:
        vertices += line
        codes += [int(MarkPath.MOVETO)] + [int(MarkPath.LINETO)] * (len(line) - 1)
    return MarkPath(vertices, codes)


def short(name: str, most: int = 13) -> str:
    """A name of a group or of a member (`GROUP/3`) that fits beside an axis."""
    group, slash, member = name.partition("/")
    return (group if len(group) <= most else f"{group[: most - 1]}…") + slash + member


def legend_px(entries: int, columns: int) -> float:
    """The height that a legend above the axes needs."""
    return 12 + 15 * -(-entries // columns)


def legend_above(axes: Axes, columns: int) -> None:
    """Name the lines above the axes, outside of the data."""
    axes.legend(
        loc="lower left", bbox_to_anchor=(-0.01, 1.0), ncols=columns, frameon=False,
        fontsize=SMALL_PX, handlelength=2.2, borderpad=0, columnspacing=1.2, labelspacing=0.25,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class TimeUnit:
    """The unit of a time axis: its name, and how many seconds it has."""

    name: str
    seconds: float


def time_unit(length_s: float) -> TimeUnit:
    """The unit in which a length of time reads best on an axis."""
    if length_s <= 180:
        return TimeUnit("seconds", 1)
    if length_s <= 3 * 3600:
        return TimeUnit("minutes", 60)
    return TimeUnit("hours", 3600)


def time_axis(
    axes: Axes, end_s: float, unit: TimeUnit, label: bool = True, start_s: float = 0.0
) -> None:
    """Limit the x axis to the run, or to a stretch of it, and label it with its unit."""
    from matplotlib.ticker import MaxNLocator

    axes.set_xlim(start_s / unit.seconds, end_s / unit.seconds)
    axes.xaxis.set_major_locator(MaxNLocator(7, steps=[1, 2, 3, 5, 10]))
    if label:
        axes.set_xlabel(f"{unit.name} since the start")
    else:
        axes.tick_params(labelbottom=False)


def shade_faults(axes: Axes, zones: Sequence[Zone], unit: TimeUnit) -> None:
    """Shade each fault behind the data; a fault without length is a line."""
    for zone in zones:
        colour = fault_look(zone.kind).light
        start, end = zone.start_ns / 1e9 / unit.seconds, zone.end_ns / 1e9 / unit.seconds
        if end > start:
            axes.axvspan(start, end, color=colour, alpha=0.3, linewidth=0, zorder=0)
        axes.axvline(start, color=colour, linewidth=1.2, zorder=0)


def inline_svg(canvas: Canvas, name: str, title: str, description: str) -> str:
    """The canvas as an `<svg>` element for a page.

    Arguments:
        canvas: what was drawn.
        name: unique in the page; all ids begin with it.
        title: short name, for screen readers.
        description: the text alternative.
    """
    raw = io.StringIO()
    canvas.savefig(raw, format="svg", metadata={"Date": None, "Creator": None})
    root = ET.fromstring(raw.getvalue())  # noqa: S314 - matplotlib's own output
    _strip(root)
    size = root.attrib["viewBox"]
    root.attrib.clear()
    root.attrib.update(
        {"viewBox": size, "role": "img", "aria-labelledby": f"{name}-title {name}-desc"}
    )
    for tag, text in (("desc", description), ("title", title)):
        element = ET.Element(tag, {"id": f"{name}-{tag}"})
        element.text = text
        root.insert(0, element)
    _tidy(root, name, css_names())
    for group in root.iter("g"):
        _hoist(group)
    return ET.tostring(root, encoding="unicode", short_empty_elements=True)


def _strip(root: ET.Element) -> None:
    """Drop namespaces, metadata and the style sheet that would reach out into the page."""
    for parent in list(root.iter()):
        parent.tag = parent.tag.rpartition("}")[2]
        for key in [key for key in parent.attrib if "}" in key]:
            parent.attrib[key.rpartition("}")[2]] = parent.attrib.pop(key)
        for child in list(parent):
            if child.tag.rpartition("}")[2] in ("metadata", "style"):
                parent.remove(child)
        if parent.text is not None and not parent.text.strip():
            parent.text = None
        parent.tail = None


_NUMBER = re.compile(r"-?\d+\.\d{3,}")
_COLOUR = re.compile(r"#[0-9a-f]{6}")
_FONT = re.compile(r"font: (?:(?P<weight>\d+|bold) )?(?P<size>[\d.]+px) [^;]*")


def _round(match: re.Match[str]) -> str:
    return f"{float(match[0]):.2f}".rstrip("0").rstrip(".")


def _tidy(root: ET.Element, name: str, variables: dict[str, str]) -> None:
    """Ids of its own, shorter numbers, colours as variables, the page's font."""

    def themed(match: re.Match[str]) -> str:
        return f"var(--{variables[match[0]]}, {match[0]})"

    def font(match: re.Match[str]) -> str:
        weight = f"; font-weight: {match['weight']}" if match["weight"] else ""
        return f"font-size: {match['size']}{weight}"

    for element in root.iter():
        attrib = element.attrib
        own = attrib.pop("id", None)
        if own is not None and (own.startswith(name) or element.tag in ("path", "clipPath")):
            attrib["id"] = own if own.startswith(name) else f"{name}-{own}"
        for key, old in list(attrib.items()):
            if key == "id" or key.startswith("aria"):
                continue
            value = _NUMBER.sub(_round, old).replace("\n", "").replace("url(#", f"url(#{name}-")
            if key == "style":
                value = _FONT.sub(font, _COLOUR.sub(themed, value))
            if key == "href":
                value = f"#{name}-{value.removeprefix('#')}"
            attrib[key] = value


def _hoist(group: ET.Element) -> None:
    """Write a style that all marks of a group share once, on the group."""
    marks = [child for child in group if child.tag == "use"]
    styles = {mark.attrib.get("style", "") for mark in marks}
    if len(marks) > 1 and len(marks) == len(group) and len(styles) == 1 and styles != {""}:
        group.attrib["style"] = styles.pop()
        for mark in marks:
            del mark.attrib["style"]
