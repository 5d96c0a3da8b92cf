"""The tables of docs/choosing.md: what channels are wrong for, from the rules themselves.

    python -m tests.docs.misuse

writes them anew.
"""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import simrt
from simrt.antipatterns import ANTIPATTERNS, Antipattern
from simrt.fit import NEEDS, fit_of
from simrt.scenario.model import Scenario
from tests.docs.generated import replaced
from tests.docs.rules import ROOT

CHOOSING = ROOT / "docs" / "choosing.md"
SHIPPED = ROOT / "scenarios" / "antipatterns"
_PLAIN = ROOT / "scenarios" / "patterns" / "live-admin-notifications.yml"


def verdict_of(need: str) -> tuple[str, str]:
    """The fit of a feature that fits but for this need, and the reason."""
    data = simrt.load(_PLAIN).normalised()
    data["intent"]["needs"] = [need]
    return fit_of(Scenario.model_validate(data))


def table_of_needs() -> str:
    """The four questions, the need that a yes writes, and what the fit verdict then says."""
    rows = [
        f"| {need.question} | `{name}` | {verdict_of(name)[1]} |\n" for name, need in NEEDS.items()
    ]
    return "| question | the need | where it is written |\n|---|---|---|\n" + "".join(rows)


def table_of_antipatterns() -> str:
    """Every rule: its code, what it looks for, where it ships."""
    rows = []
    for rule in ANTIPATTERNS:
        scenario = caught_by(rule)
        found = rule.find(scenario)
        assert found is not None, f"{rule.code} finds nothing in {scenario.file or 'its example'}"
        place = f"`{Path(scenario.file).relative_to(ROOT).as_posix()}`" if scenario.file else "—"
        says = f"{inspect.getdoc(rule.find)} | {found.suggestion} | {rule.item} | {place}"
        rows.append(f"| `{rule.code}` | {says} |\n")
    return (
        "| code | it finds | what to do instead, for example | item | counterexample |\n"
        "|---|---|---|---|---|\n" + "".join(rows)
    )


def caught_by(rule: Antipattern) -> Scenario:
    """A scenario that the rule finds something in: one that ships, or one made for it."""
    for path in sorted(SHIPPED.glob("*.yml")):
        scenario = simrt.load(path)
        if scenario.outcome is not None and rule.code in scenario.outcome.fail:
            return scenario
    return Scenario.model_validate(_MADE[rule.code]())


def _private_in_public() -> dict[str, Any]:
    data = simrt.load(_PLAIN).normalised()
    data["feature"]["stream"]["permission"] = {"public": ["GET"]}
    data["feature"]["events"]["content-updated"]["x-private"] = True
    return data


def _contradictory() -> dict[str, Any]:
    data = simrt.load(_PLAIN).normalised()
    data["intent"]["kind"] = "state"
    data["feature"]["options"]["onFull"] = "drop-newest"
    return data


def _oversized() -> dict[str, Any]:
    data = simrt.load(_PLAIN).normalised()
    data["feature"]["options"]["bufferSize"] = 1000
    return data


def _whole_document() -> dict[str, Any]:
    data = simrt.load(_PLAIN).normalised()
    data["feature"]["events"]["content-updated"]["properties"]["html"] = {"type": "string"}
    return data


# For rules that no file in SHIPPED is about.
_MADE = {
    "whole-document": _whole_document,
    "private-in-public": _private_in_public,
    "contradictory-settings": _contradictory,
    "oversized-buffer": _oversized,
}


PARTS = {"needs": table_of_needs, "antipatterns": table_of_antipatterns}


def main() -> None:
    """Write the tables into the document."""
    text = CHOOSING.read_text("utf-8")
    for name, part in PARTS.items():
        text = replaced(text, name, part())
    CHOOSING.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
