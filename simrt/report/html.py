"""The page: all sections of a check in one self-contained file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING

from simrt import text as words
from simrt.fit import open_questions
from simrt.report.certainty import certainty, compared, difference, targets_of, unjudged
from simrt.report.checklist import STATUS_SIGN, STATUS_WORD, checklist, deciding
from simrt.report.environment import versions
from simrt.report.experience import experience
from simrt.report.feature import feature
from simrt.report.figures.canvas import Figure
from simrt.report.figures.delay import delay
from simrt.report.figures.outcomes import outcomes
from simrt.report.figures.reconnects import reconnects
from simrt.report.figures.staleness import staleness
from simrt.report.figures.timeline import closeup, timeline
from simrt.report.figures.waiting import waiting
from simrt.report.glossary import GLOSSARY, said_in
from simrt.report.lane import Lane, choose_lanes, follow
from simrt.report.palette import (
    AWAY,
    OUTCOMES,
    RING,
    SILENCE,
    Look,
    Shade,
    css_names,
    css_variables,
    fault_look,
    mark_svg,
    outcome_look,
)
from simrt.report.source import scenario_yaml
from simrt.report.story import Story, tell
from simrt.results import TARGETS, Check, Run

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup

HEADINGS = {
    "timeline": "What became of each event",
    "closeup": "A closer look",
    "staleness": "How old is what users see",
    "waiting": "What waits for a slow client",
    "outcomes": "What became of the events of each group",
    "delay": "How long an event takes",
    "reconnects": "After a restart",
}

# Each draws one figure a story, on the same axes, or none where there are no data for it.
FIGURES: dict[str, Callable[[Sequence[Story], Sequence[Sequence[Lane]]], tuple[Figure, ...]]] = {
    "timeline": timeline,
    "closeup": closeup,
    "staleness": lambda stories, _: staleness(stories),
    "waiting": waiting,
    "outcomes": lambda stories, _: outcomes(stories),
    "delay": lambda stories, _: delay(stories),
    "reconnects": lambda stories, _: reconnects(stories),
}


@dataclass(frozen=True, slots=True)
class Panel:
    """One figure on every target: its heading, how to read it, the drawings."""

    heading: str
    how: str
    figures: tuple[Figure, ...]


def shown_runs(check: Check) -> tuple[Run, ...]:
    """The first kept run of each target: the one that the figures show."""
    first: dict[str, Run] = {}
    for run in check.runs:
        first.setdefault(run.target, run)
    return tuple(first.values())


def followed(stories: Sequence[Story]) -> list[list[Lane]]:
    """For each run the subscribers that are shown one by one."""
    lanes = [choose_lanes(story) for story in stories]
    for story, shown in zip(stories, lanes, strict=True):
        follow(story, shown)
    return lanes


def panels(stories: Sequence[Story], lanes: Sequence[Sequence[Lane]]) -> tuple[Panel, ...]:
    """All figures that the runs have data for."""
    if not stories:
        return ()
    drawn = [draw(stories, lanes) for draw in FIGURES.values()]
    return tuple(
        Panel(HEADINGS[figures[0].key], figures[0].how, figures) for figures in drawn if figures
    )


def report_html(check: Check) -> str:
    """The whole page of a check."""
    runs = shown_runs(check)
    stories = [tell(run.history, run.target, run.seed) for run in runs]
    targets = targets_of(check)
    rows = compared(check)
    lanes = followed(stories)
    shown = panels(stories, lanes)

    def drawn(look: Look | Shade) -> bool:
        return any(figure.draws(look) for panel in shown for figure in panel.figures)

    page = environment().get_template("report.html.j2")
    return page.render(
        check=check,
        scenario=check.scenario,
        questions=open_questions(check.scenario),
        deciding=deciding(check),
        rows=checklist(check),
        groups=experience(check, runs, stories) if stories else (),
        feature=feature(check),
        panels=shown,
        outcome_looks=[look for look in outcomes_of(stories, lanes) if drawn(look)],
        away=drawn(AWAY),
        silence=SILENCE if drawn(SILENCE) else None,
        faults=faults_of(stories),
        targets=targets,
        compared=rows,
        difference=difference(rows),
        certainty=certainty(check, runs, stories),
        unjudged=unjudged(check),
        versions=versions(check),
        yaml=scenario_yaml(check.scenario),
        glossary=[one for one in GLOSSARY if one[0] not in TARGETS or one[0] in targets],
        no_restart=not any(story.restarts for story in stories),
    )


def outcomes_of(stories: Sequence[Story], lanes: Sequence[Sequence[Lane]]) -> tuple[Look, ...]:
    """The outcomes that occur, and replay where it reached one of those that are shown."""
    seen = {
        name
        for story in stories
        for person in story.people
        for name, number in person.counts().items()
        if number
    }
    replayed = any(
        by_replay for shown in lanes for lane in shown for *_, by_replay in lane.receipts
    )
    looks = [look for look in OUTCOMES if look.name in seen]
    return tuple([*looks, RING] if replayed else looks)


def faults_of(stories: Sequence[Story]) -> tuple[Look, ...]:
    """The kinds of fault that happened."""
    kinds = dict.fromkeys(zone.kind for story in stories for zone in story.zones)
    return tuple(fault_look(kind) for kind in kinds)


def environment() -> Environment:
    """The templates, escaping everything, with the filters that they use."""
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    env = Environment(
        loader=PackageLoader("simrt.report"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    env.finalize = _unbroken
    env.filters["exact_duration"] = words.exact_duration
    env.filters["count"] = words.count
    env.filters["capital"] = words.capital
    env.filters["word"] = STATUS_WORD.__getitem__
    env.filters["sign"] = STATUS_SIGN.__getitem__
    env.filters["mark"] = _mark
    env.filters["svg"] = _svg
    env.filters["said_in"] = said_in
    env.filters["breakable"] = _breakable
    env.globals["style"] = Markup(stylesheet())  # noqa: S704 - our own file and colours
    env.globals["fault_variable"] = _fault_variable
    return env


def _unbroken(value: object) -> object:
    """Texts of the page are never broken between a number and its unit; markup stays as it is."""
    return words.unbroken(value) if type(value) is str else value


def _breakable(command: str) -> Markup:
    """A command whose paths may continue on the next line, after a slash and not within a name."""
    from markupsafe import Markup, escape

    return Markup("/<wbr>").join(escape(part) for part in command.split("/"))


def _mark(look: Look) -> Markup:
    from markupsafe import Markup

    filled = look is outcome_look("received")
    return Markup(mark_svg(look, filled))  # noqa: S704 - built of numbers alone


def _svg(figure: Figure) -> Markup:
    from markupsafe import Markup

    return Markup(figure.svg)  # noqa: S704 - an element tree, which escapes its texts


def _fault_variable(look: Look) -> str:
    return css_names().get(look.light, "f-other")


def stylesheet() -> str:
    """The style of all pages, both themes."""
    text = (resources.files("simrt.report") / "templates" / "style.css").read_text("utf-8")
    return (
        f":root{{color-scheme:light dark;{css_variables(dark=False)}}}\n"
        "@media screen and (prefers-color-scheme: dark){"
        f":root{{{css_variables(dark=True)}}}}}\n{text}"
    )
