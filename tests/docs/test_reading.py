"""docs/reading-a-report.md explains each section, figure, row and column of the report."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from simrt.checkers.verdict import Status
from simrt.report.checklist import STATUS_WORD
from simrt.report.html import FIGURES as DRAWN_BY_THE_REPORT
from simrt.report.html import HEADINGS
from simrt.report.tables import COLUMNS, verdicts_json
from simrt.scenario.metric_names import METRICS
from tests.docs.generated import between
from tests.docs.reading import DRAWN, FIGURES, PARTS, READING, drawings, words_in
from tests.docs.rules import ROOT
from tests.report.checks import usual

TEXT = READING.read_text("utf-8")
AGAIN = "run python -m tests.docs.reading"
TEMPLATE = (ROOT / "simrt/report/templates/report.html.j2").read_text("utf-8")
MOST_BYTES = 300_000


@pytest.mark.parametrize("name", PARTS)
def test_the_tables_are_those_of_the_report(name: str) -> None:
    assert between(TEXT, name) == PARTS[name](), AGAIN


def test_every_metric_has_its_row() -> None:
    named = re.findall(r"^\| `(\w+)` \|", between(TEXT, "metrics"), re.MULTILINE)
    assert named == list(METRICS)


def test_the_sections_are_those_of_the_page_in_its_order() -> None:
    on_the_page = re.findall(r"<h2>([^<]+)</h2>", TEMPLATE)
    if '<section id="verdict"' in TEMPLATE:
        on_the_page.insert(0, "Verdict")
    headings = re.findall(r"^## (.+)$", TEXT, re.MULTILINE)
    assert [heading for heading in headings if heading in on_the_page] == on_the_page


def test_every_figure_has_its_section_and_a_picture() -> None:
    sections = dict(re.findall(r"^### (.+?)\n\n\(`(\w+)`\)", TEXT, re.MULTILINE))
    assert {key: heading for heading, key in sections.items()} == HEADINGS
    pictures = re.findall(r"^!\[.+\]\((?:figures/)?(\w+)\.svg\)$", TEXT, re.MULTILINE)
    assert pictures == list(DRAWN_BY_THE_REPORT)


def test_every_row_of_what_users_experience_is_explained() -> None:
    source = (ROOT / "simrt/report/experience.py").read_text("utf-8")
    labels = re.findall(r'(?:told|measured)\("([^"]+)"', source)
    assert len(labels) > 8
    assert [label for label in labels if f"| {label} |" not in TEXT] == []


def test_every_column_of_the_tables_is_explained() -> None:
    acted = "How often it acted, over all runs"
    settings = ("Setting", "Value", "In the file", "What it means", acted)
    for head in (*settings, "Group", "Figure", "Compared"):
        assert f'"{head}"' in TEMPLATE
        assert f"| {head} |" in TEXT
    columns = TEXT.split("### The columns of metrics.csv\n")[1].split("\n## ")[0]
    assert tuple(re.findall(r"^\| `(\w+)` \|", columns, re.MULTILINE)) == COLUMNS


def keys_of(value: object, path: str = "") -> Iterator[str]:
    """The keys of nested data, such as `items[].number`; not names of targets and settings."""
    if isinstance(value, dict) and path not in ("seeds.", "options.", "settings."):
        for key, inner in value.items():
            yield f"{path}{key}"
            yield from keys_of(inner, f"{path}{key}.")
    elif isinstance(value, list):
        for inner in value:
            yield from keys_of(inner, f"{path[:-1]}[].")


def test_every_key_of_the_verdicts_is_explained() -> None:
    section = TEXT.split("### The keys of verdicts.json\n")[1].split("\n### ")[0]
    explained = re.findall(r"^\| `([\w.\[\]]+)` \|", section, re.MULTILINE)
    assert explained == list(dict.fromkeys(keys_of(verdicts_json(usual()))))


def test_the_page_of_two_policies_is_explained() -> None:
    page = (ROOT / "simrt/report/templates/against.html.j2").read_text("utf-8")
    section = TEXT.split("## Two policies side by side\n")[1].split("\n## ")[0]
    for head in ("Group", "What", "Change"):
        assert f'"{head}"' in page
        assert f"| {head} |" in section


def test_every_status_is_explained() -> None:
    assert [STATUS_WORD[s] for s in Status if f"| {STATUS_WORD[s]} |" not in TEXT] == []


def test_every_file_of_a_check_is_explained(written_report: Path) -> None:
    written = {path.name for path in written_report.iterdir()} | {"runs/"}
    section = TEXT.split("## The files beside it\n")[1].split("\n### ")[0]
    assert set(re.findall(r"^\| `([\w./]+)` \|", section, re.MULTILINE)) == written


def test_the_pictures_show_what_the_report_would_show_now() -> None:
    """Compared by what they say: findings, axes, legend, text alternatives."""
    stored = {path.stem: path.read_text("utf-8") for path in FIGURES.glob("*.svg")}
    assert set(stored) == set(DRAWN), AGAIN
    for figure, svg in drawings().items():
        assert words_in(stored[figure]) == words_in(svg), f"{figure}: {AGAIN}"
        assert len(stored[figure].encode()) < MOST_BYTES
        assert "<script" not in stored[figure]
