"""What other programs read: `metrics.csv` and `verdicts.json`."""

from __future__ import annotations

import csv
import io
from typing import Any

from simrt.fit import open_questions
from simrt.report.experience import metric_unit
from simrt.report.feature import settings
from simrt.results import Check, acted, finding

VERDICTS_FORMAT = "simrt-verdicts/1"
COLUMNS = ("target", "group", "metric", "unit", "value", "low", "high", "runs")


def metrics_csv(check: Check) -> str:
    """The estimates: columns `COLUMNS`; empty where there is no value; full precision."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for one in check.estimates:
        values = ["" if v is None else repr(float(v)) for v in (one.value, one.low, one.high)]
        unit = metric_unit(one.metric)
        writer.writerow((one.target, one.group, one.metric, unit, *values, one.runs))
    return text.getvalue()


def verdicts_json(check: Check) -> dict[str, Any]:
    """The verdicts of a check, as the index and other programs read them."""
    return {
        "format": VERDICTS_FORMAT,
        "scenario": check.scenario.name,
        "title": check.scenario.title,
        "status": check.status.value,
        "exit_code": check.exit_code,
        "sentence": check.sentence,
        "deciding": [finding(verdict) for verdict in check.deciding],
        "fit": check.fit,
        "fit_reason": check.fit_reason,
        "fit_questions": list(open_questions(check.scenario)),
        "targets": list(check.seeds),
        "seeds": {target: list(seeds) for target, seeds in check.seeds.items()},
        "errors": check.errors,
        "options": {
            one.name: {"value": one.value, "written": one.decided}
            for one in settings(check.scenario)
        },
        "settings": {target: acted(states) for target, states in check.states.items()},
        "command": check.command,
        "items": [
            {
                "number": item.number,
                "title": item.title,
                "status": item.status.value,
                "sentence": item.sentence,
                "verdicts": [
                    {
                        "check": verdict.check,
                        "target": verdict.target,
                        "seed": verdict.seed,
                        "probe": verdict.probe,
                        "status": verdict.status.value,
                        "judged": verdict.judged,
                        "sentence": verdict.sentence,
                        "rules": list(verdict.rules),
                        "evidence": list(verdict.evidence),
                    }
                    for verdict in item.verdicts
                ],
            }
            for item in check.items
        ],
    }
