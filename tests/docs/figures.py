"""The figure of the README: drawn by the report's own code from a simulated run.

    python -m tests.docs.figures

draws it anew into docs/. A simulation repeats to the byte, and so does its figure.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import simrt
from simrt.report.figures.timeline import timeline
from simrt.report.lane import choose_lanes, follow
from simrt.report.story import tell
from tests.docs.rules import ROOT

SCENARIO = ROOT / "scenarios" / "patterns" / "live-admin-notifications.yml"
SEED = 1


FIGURE = ROOT / "docs" / "timeline.svg"


def drawn() -> str:
    """The timeline of one run."""
    with tempfile.TemporaryDirectory() as folder:
        history = Path(folder) / "history.jsonl"
        run = simrt.run(simrt.load(SCENARIO), on="sim", seed=SEED, history=history)
        story = tell(run.history, run.target, run.seed)
        lanes = choose_lanes(story)
        follow(story, lanes)
        return standing_alone(timeline([story], [lanes])[0].svg)


def standing_alone(svg: str) -> str:
    """A figure of a page as a file: a name space, a font and paper of its own."""
    head = (
        '<svg xmlns="http://www.w3.org/2000/svg" style="background: #ffffff; '
        'font-family: system-ui, sans-serif" '
    )
    assert svg.startswith("<svg ")
    return head + svg.removeprefix("<svg ") + "\n"


def main() -> None:
    """Write it."""
    FIGURE.write_text(drawn(), "utf-8")


if __name__ == "__main__":
    main()
