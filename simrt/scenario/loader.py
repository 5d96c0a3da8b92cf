"""Loading a scenario: from a file or a dict into one validated model, all mistakes at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from simrt.scenario.model import Scenario


def load(path: str | Path) -> Scenario:
    """Load a scenario from a YAML file.

    Raises:
        ScenarioError: with all mistakes of the file, in its order.
    """
    path = Path(path)
    data = YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))
    return scenario(data).placed(path.stem, str(path.parent), str(path))


def scenario(data: dict[str, Any]) -> Scenario:
    """Load a scenario from a dict in the file's spelling.

    Raises:
        ScenarioError: with all mistakes.
    """
    return Scenario.model_validate(data)
