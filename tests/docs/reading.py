"""The tables and figures of docs/reading-a-report.md, from the report's own words and drawings.

    python -m tests.docs.reading

writes them anew.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from xml.etree import ElementTree as ET

import simrt
from simrt.report.palette import FAULTS, OUTCOMES, RING, Look
from simrt.scenario.metric_names import METRICS, Metric
from tests.docs.generated import replaced
from tests.docs.rules import ROOT

READING = ROOT / "docs" / "reading-a-report.md"
FIGURES = ROOT / "docs" / "figures"
SEED = 1

_OFFICE = "scenarios/patterns/live-admin-notifications.yml"
_WAVE = "scenarios/questions/a-wave-of-a-thousand-reconnects.yml"
# The timeline is the README's.
DRAWN = {
    "closeup": _OFFICE,
    "staleness": _OFFICE,
    "waiting": _OFFICE,
    "outcomes": _OFFICE,
    "delay": _OFFICE,
    "reconnects": _WAVE,
}

_TOGETHER = {
    "count": "sum",
    "fraction": "share",
    "mean": "mean",
    "maximum": "largest",
    "rate": "ratio",
}
_MARKS = {
    "received": "green dot",
    "dropped-oldest": "orange cross",
    "dropped-newest": "yellow +",
    "expired": "pink star",
    "offline": "light blue bars",
    "connection-lost": "blue fork",
    "restart": "black bolt",
    "unfinished": "grey diamond",
    "replayed": "green ring",
}
_SHADES = {
    "restart": "dark grey",
    "stall": "yellow",
    "disconnect": "blue",
    "slow": "sand",
    "half-open": "violet",
    "burst": "apricot",
    "deny": "rose",
}


def table_of_metrics() -> str:
    """Every metric."""
    rows = [_metric(metric) for metric in METRICS.values()]
    return (
        "| metric | unit; a group's value | percentiles over | meaning |\n|---|---|---|---|\n"
        + "".join(rows)
    )


def _metric(metric: Metric) -> str:
    value = f"{metric.unit}; {_TOGETHER[metric.kind]}"
    return f"| `{metric.name}` | {value} | {metric.over or '—'} | {metric.meaning} |\n"


def table_of_outcomes() -> str:
    """What can become of an event, and a replay."""
    return _table("mark", _MARKS, (*OUTCOMES, RING))


def table_of_faults() -> str:
    """What can go wrong."""
    return _table("shade", _SHADES, FAULTS)


def _table(head: str, signs: Mapping[str, str], looks: tuple[Look, ...]) -> str:
    rows = [f"| {signs[look.name]} | {look.label} | {look.meaning} |\n" for look in looks]
    return f"| {head} | word | means |\n|---|---|---|\n" + "".join(rows)


PARTS = {
    "outcomes": table_of_outcomes,
    "faults": table_of_faults,
    "metrics": table_of_metrics,
}


def drawings() -> dict[str, str]:
    """Each figure as an SVG file."""
    runs = {}
    with tempfile.TemporaryDirectory() as folder:
        for number, name in enumerate(dict.fromkeys(DRAWN.values())):
            history = Path(folder) / f"{number}.jsonl"
            runs[name] = simrt.run(simrt.load(ROOT / name), seed=SEED, history=history)
        return {figure: runs[name].figure(figure).svg for figure, name in DRAWN.items()}


def words_in(svg: str) -> str:
    """What a drawing says: finding, axes, legend, text alternative."""
    return " ".join(" ".join(ET.fromstring(svg).itertext()).split())


def main() -> None:
    """Write tables and figures."""
    text = READING.read_text("utf-8")
    for name, part in PARTS.items():
        text = replaced(text, name, part())
    READING.write_text(text, "utf-8")
    FIGURES.mkdir(exist_ok=True)
    for figure, svg in drawings().items():
        (FIGURES / f"{figure}.svg").write_text(svg, "utf-8")


if __name__ == "__main__":
    main()
