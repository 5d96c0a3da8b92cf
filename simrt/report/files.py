"""A check's folder: the page and what stands beside it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from simrt.report.environment import environment_json
from simrt.report.html import report_html
from simrt.report.junit import junit_xml
from simrt.report.source import scenario_yaml
from simrt.report.tables import metrics_csv, verdicts_json
from simrt.results import Check


def write_report(check: Check, folder: Path) -> Path:
    """Write the report of a check and its companions into a folder.

    `report.html` (one file, readable without a network), `verdicts.json`, `metrics.csv`,
    `junit.xml`, `scenario.yml`, `environment.json`. Verdicts are written before the page, so that
    a page that cannot be drawn loses no verdict.

    Arguments:
        check: what was judged.
        folder: made if it is missing; files of these names in it are replaced.

    Returns:
        The path of `report.html`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    _write(folder / "verdicts.json", _json(verdicts_json(check)))
    _write(folder / "junit.xml", junit_xml(check))
    _write(folder / "metrics.csv", _bytes(metrics_csv(check)))
    _write(folder / "scenario.yml", _bytes(scenario_yaml(check.scenario)))
    _write(folder / "environment.json", _json(environment_json(check)))
    page = folder / "report.html"
    _write(page, _bytes(report_html(check)))
    return page


def _json(data: dict[str, Any]) -> bytes:
    return _bytes(json.dumps(data, indent=2, ensure_ascii=False) + "\n")


def _bytes(text: str) -> bytes:
    # A lone surrogate in somebody's data must not cost the report.
    return text.encode("utf-8", "replace")


def _write(path: Path, content: bytes) -> None:
    """Replace a file in one step: a reader sees the old one or the new one, never half of it."""
    draft = path.with_name(f".{path.name}.draft")
    draft.write_bytes(content)
    draft.replace(path)
