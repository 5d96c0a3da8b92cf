"""The scenario as it was understood, in the file's own spelling."""

from __future__ import annotations

import io
from typing import Any

from simrt.scenario.model import Scenario


def scenario_yaml(scenario: Scenario) -> str:
    """The scenario as YAML; loading it gives an equal scenario.

    Paths in it (of a trace, of the site) stay as written: relative to the original file.
    """
    from ruamel.yaml import YAML

    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = None  # lists and maps of plain values on one line
    yaml.allow_unicode = True
    yaml.width = 100
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
    text = io.StringIO()
    yaml.dump(_plain(scenario.normalised()), text)
    return text.getvalue()


def _plain(value: Any) -> Any:
    """The same data in plain lists and dicts."""
    if isinstance(value, dict):
        return {str(key): _plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    return value
