"""One colour, one mark and one word for each outcome, fault and group, everywhere.

The outcome colours are those of Okabe and Ito (Color Universal Design, 2008), brighter on dark;
colour-blind readers can tell them apart, and each outcome has a mark of its own shape too. Figures
are drawn with the light colours; the page replaces each by a CSS variable, so that one drawing
serves both themes.
"""

from __future__ import annotations

from dataclasses import dataclass

from simrt.scenario.metric_names import Outcome

Polyline = tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class Look:
    """How something is drawn and called.

    Attributes:
        name: its name in histories and metrics.
        label: what a reader is told, a few words.
        meaning: one sentence for the legend and the glossary.
        light: colour on a light page, `#rrggbb`, never pure black (SVG leaves that one out).
        dark: colour on a dark page.
        mark: its shape in figures: polylines in a box from -1 to 1, y upwards.
    """

    name: str
    label: str
    meaning: str
    light: str
    dark: str
    mark: tuple[Polyline, ...] = ()


_DISC: Polyline = (
    (0.55, 0.0), (0.39, 0.39), (0.0, 0.55), (-0.39, 0.39), (-0.55, 0.0),
    (-0.39, -0.39), (0.0, -0.55), (0.39, -0.39), (0.55, 0.0),
)  # fmt: skip
_X: tuple[Polyline, ...] = (((-0.8, -0.8), (0.8, 0.8)), ((-0.8, 0.8), (0.8, -0.8)))
_PLUS: tuple[Polyline, ...] = (((-1.0, 0.0), (1.0, 0.0)), ((0.0, -1.0), (0.0, 1.0)))
_STAR: tuple[Polyline, ...] = (
    ((0.0, -1.0), (0.0, 1.0)),
    ((-0.87, -0.5), (0.87, 0.5)),
    ((-0.87, 0.5), (0.87, -0.5)),
)
_BAR: tuple[Polyline, ...] = (((-0.35, -0.9), (-0.35, 0.9)), ((0.35, -0.9), (0.35, 0.9)))
_Y: tuple[Polyline, ...] = (
    ((0.0, -1.0), (0.0, 0.0)),
    ((0.0, 0.0), (-0.87, 0.8)),
    ((0.0, 0.0), (0.87, 0.8)),
)
_BOLT: tuple[Polyline, ...] = (((0.45, 1.0), (-0.55, 0.05), (0.45, 0.05), (-0.45, -1.0)),)
_DIAMOND: tuple[Polyline, ...] = (
    ((0.0, 0.85), (0.85, 0.0), (0.0, -0.85), (-0.85, 0.0), (0.0, 0.85)),
)

RECEIVED = Look(
    Outcome.RECEIVED,
    "arrived",
    "The event reached the user's page.",
    "#009e73",
    "#1fc198",
    (_DISC,),
)
MISSED = (
    Look(
        Outcome.DROPPED_OLDEST,
        "dropped (oldest)",
        "The client was slow, its buffer full; the oldest waiting event made room for a new one.",
        "#d55e00",
        "#f0782a",
        _X,
    ),
    Look(
        Outcome.DROPPED_NEWEST,
        "dropped (newest)",
        "The client was slow, its buffer full; the new event was skipped.",
        "#e69f00",
        "#f2b434",
        _PLUS,
    ),
    Look(
        Outcome.EXPIRED,
        "expired",
        "The event waited longer than messageTTL and was thrown away as old news.",
        "#cc79a7",
        "#e193bf",
        _STAR,
    ),
    Look(
        Outcome.OFFLINE,
        "sent while offline",
        "The client had no connection when the event was sent, and no replay brought it later.",
        "#56b4e9",
        "#6cc3f5",
        _BAR,
    ),
    Look(
        Outcome.CONNECTION_LOST,
        "lost with the connection",
        "The event was on its way or waiting when the connection ended.",
        "#0072b2",
        "#3d9be0",
        _Y,
    ),
    Look(
        Outcome.RESTART,
        "lost in a restart",
        "The event was on its way or waiting when the server restarted.",
        "#010101",
        "#f2f2f2",
        _BOLT,
    ),
)
UNFINISHED = Look(
    Outcome.UNFINISHED,
    "unfinished",
    "Still waiting or on its way when the run ended; not counted as missed.",
    "#c3c8ce",
    "#5f6670",
    _DIAMOND,
)
OUTCOMES: tuple[Look, ...] = (RECEIVED, *MISSED, UNFINISHED)

RING = Look(
    "replayed",
    "came by replay",
    "The event arrived from the channel's history, after a reconnect.",
    "#009e73",
    "#1fc198",
    (tuple((1.75 * x, 1.75 * y) for x, y in _DISC),),
)

FAULTS: tuple[Look, ...] = (
    Look("restart", "restart", "The server process is killed and started again.",
         "#6b7077", "#a3a9b1"),
    Look("stall", "stall", "The client stops reading, its connection stays open.",
         "#f0e442", "#d8cb2e"),
    Look("disconnect", "disconnect", "The client's connection is cut.", "#7fb2d6", "#4f8fbd"),
    Look("slow", "slow", "The client handles each event more slowly.", "#ddcc77", "#a8994a"),
    Look("half-open", "half-open", "The network loses the connection without a word.",
         "#b58bb0", "#9a6f95"),
    Look("burst", "burst", "Many extra events at once.", "#e8a58c", "#b8735a"),
    Look("deny", "deny", "The credentials are revoked.", "#d98c9f", "#b0647a"),
)  # fmt: skip

SILENCE = Look(
    "silent", "silence", "Nothing passes in either direction, and nobody is told.",
    "#e6d3ee", "#46354f",
)  # fmt: skip

_GROUP_COLOURS = (
    ("#332288", "#a79bf5"),
    ("#882255", "#ee86b7"),
    ("#6f6f1d", "#cfcf66"),
    ("#7a4a21", "#d9a273"),
)
LINE_STYLES: tuple[tuple[float, ...], ...] = ((), (5, 2), (1.5, 1.5), (6, 2, 1.5, 2))


def group_look(position: int, name: str) -> Look:
    """The look of the group at this position in the scenario file."""
    light, dark = _GROUP_COLOURS[position % len(_GROUP_COLOURS)]
    return Look(name, name, "", light, dark)


def group_dashes(position: int) -> tuple[float, ...]:
    """Dash lengths in points of a group's line; empty: solid. Tells groups apart in print."""
    return LINE_STYLES[position % len(LINE_STYLES)]


@dataclass(frozen=True, slots=True)
class Shade:
    """A colour of the page itself."""

    name: str
    light: str
    dark: str


INK = Shade("ink", "#1c2127", "#e8eaed")
QUIET = Shade("quiet", "#5b636d", "#a5adb7")
GRID = Shade("grid", "#d8dce1", "#3a4149")
PAPER = Shade("paper", "#ffffff", "#15181c")
PANEL = Shade("panel", "#f5f6f8", "#1d2126")
AWAY = Shade("away", "#dfe3e8", "#333a42")
NETWORK = Shade("network", "#8a97a6", "#6f7d8d")
BUFFER = Shade("buffer", "#4a5a8a", "#8e9fd6")
PASS = Shade("pass", "#00704f", "#3fd0a4")
FAIL = Shade("fail", "#b34700", "#ff9257")
UNSURE = Shade("unsure", "#8a5d00", "#f0bd4e")
SHADES = (INK, QUIET, GRID, PAPER, PANEL, AWAY, NETWORK, BUFFER, PASS, FAIL, UNSURE)

_BY_NAME = {look.name: look for look in OUTCOMES}
_FAULT_BY_KIND = {look.name: look for look in (*FAULTS, SILENCE)}


def outcome_look(name: str) -> Look:
    """The look of an outcome, by its name in histories."""
    return _BY_NAME[name]


def fault_look(kind: str) -> Look:
    """The look of a kind of fault; kinds that are not known yet share one."""
    return _FAULT_BY_KIND.get(kind) or Look(kind, kind, "", "#9aa0a6", "#7d848c")


def css_names() -> dict[str, str]:
    """From each colour that a figure may be drawn with to the name of its CSS variable."""
    names = {shade.light: shade.name for shade in SHADES}
    names |= {look.light: f"o-{look.name}" for look in OUTCOMES}
    names |= {look.light: f"f-{look.name}" for look in (*FAULTS, SILENCE)}
    names |= {light: f"g-{i}" for i, (light, _) in enumerate(_GROUP_COLOURS)}
    names["#9aa0a6"] = "f-other"
    return names


def css_variables(dark: bool) -> str:
    """The declarations of all CSS variables in one theme."""
    pairs = [(shade.name, shade.dark if dark else shade.light) for shade in SHADES]
    pairs += [(f"o-{look.name}", look.dark if dark else look.light) for look in OUTCOMES]
    pairs += [(f"f-{look.name}", look.dark if dark else look.light) for look in (*FAULTS, SILENCE)]
    pairs += [(f"g-{i}", pair[1 if dark else 0]) for i, pair in enumerate(_GROUP_COLOURS)]
    pairs.append(("f-other", "#7d848c" if dark else "#9aa0a6"))
    return "".join(f"--{name}:{colour};" for name, colour in pairs)


def mark_svg(look: Look, filled: bool = False) -> str:
    """A small inline SVG of a mark, for legends; decorative, the label stands beside it."""
    name = css_names()[look.light]
    paths = "".join(
        "M" + "L".join(f"{7 + 5 * x:.4g} {7 - 5 * y:.4g}" for x, y in line) for line in look.mark
    )
    fill = f"var(--{name})" if filled else "none"
    return (
        f'<svg class="mark" viewBox="0 0 14 14" width="14" height="14" aria-hidden="true">'
        f'<path d="{paths}" fill="{fill}" stroke="var(--{name})" stroke-width="1.7"/></svg>'
    )
