"""What ran, where and in which version."""

from __future__ import annotations

import platform
from typing import Any

from simrt.results import Check


def versions(check: Check) -> dict[str, str]:
    """Names and versions of what ran, over all targets, by name."""
    found: dict[str, str] = {}
    for run in check.runs:
        found.update(run.history.header.versions)
    return dict(sorted(found.items()))


def environment_json(check: Check) -> dict[str, Any]:
    """What `environment.json` holds."""
    runs = [
        {
            "target": run.target,
            "seed": run.seed,
            "speed": run.history.header.speed,
            "resolution_ns": run.history.header.resolution_ns,
            "window": run.history.header.window,
            "history": _place(check, run.history.path),
        }
        for run in check.runs
    ]
    return {
        "command": check.command,
        "system": platform.system(),
        "machine": platform.machine(),
        "python": platform.python_version(),
        "versions": versions(check),
        "seeds": {target: list(seeds) for target, seeds in check.seeds.items()},
        "took_s": {target: round(seconds, 3) for target, seconds in check.took_s.items()},
        "runs": runs,
    }


def _place(check: Check, path: Any) -> str | None:
    """Where a kept history lies, seen from the check's folder."""
    if path is None:
        return None
    if check.folder is not None and path.is_relative_to(check.folder):
        return str(path.relative_to(check.folder))
    return str(path.name)
