"""A run as a piece of HTML, for notebooks."""

from __future__ import annotations

from simrt.checkers.observed import OVER_RUNS
from simrt.report.figures.staleness import staleness
from simrt.report.figures.timeline import timeline
from simrt.report.html import environment
from simrt.report.lane import choose_lanes, follow
from simrt.report.palette import css_variables
from simrt.report.story import tell
from simrt.results import Run


def run_html(run: Run) -> str:
    """A run: its verdicts, what its owner expects, what each group experienced, two figures.

    Arguments:
        run: what ran.

    Returns:
        An HTML element that brings its own style and changes nothing around it.
    """
    from markupsafe import Markup

    story = tell(run.history, run.target, run.seed)
    lanes = choose_lanes(story)
    follow(story, lanes)
    # Colours are fixed to the light theme: a notebook says nothing of its own.
    style = Markup(css_variables(dark=False))  # noqa: S704 - our own colours
    return (
        environment()
        .get_template("run.html.j2")
        .render(
            run=run,
            over_runs=OVER_RUNS,
            figures=(*timeline([story], [lanes]), *staleness([story])),
            figures_table=_table(run, story.groups),
            variables=style,
        )
    )


def _table(run: Run, groups: tuple[str, ...]) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    from simrt.report.experience import metric_label, metric_text

    counts = "outdated_fraction" if run.scenario.intent.kind == "state" else "missed_fraction"
    metrics = ("sent", counts, "latency_s", "outdated_s", "staleness_s")
    head = ("group", *(metric_label(metric) for metric in metrics))
    rows = [
        (group, *(metric_text(metric, run.metrics.value(metric, group)) for metric in metrics))
        for group in groups
    ]
    return head, rows
