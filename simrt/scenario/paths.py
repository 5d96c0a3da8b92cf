"""Paths of keys, as mistakes spell them: `workload.subscribers.train.online.down`, `faults[0].for`.

A name is what stands between points; `["a.b"]` is one that has a point itself; `[0]` is the first
entry of a list. The five settings of a channel and its replay have short names beside their paths.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from simrt.errors import UsageError
from simrt.scenario.arguments import wrong
from simrt.scenario.documents import spelled
from simrt.scenario.words import nearest

SETTINGS = {
    "bufferSize": "feature.options.bufferSize",
    "onFull": "feature.options.onFull",
    "messageTTL": "feature.options.messageTTL",
    "lastN": "feature.stream.replay.lastN",
    "maxAge": "feature.stream.replay.maxAge",
}
"""The settings that have short names (OPT-2), and where they stand in a file."""

_EXAMPLE = 'a path of keys, such as "workload.duration" or "faults[0].for"'
_STEP = re.compile(r'\.?(?P<name>[^.\[\]"]+)|\[(?P<index>\d{1,6})\]|\["(?P<quoted>[^"]+)"\]')
# Here a name that is not there is a slip, and no key that was left out.
_NAMED = (("workload", "subscribers"), ("feature", "events"))


def steps_of(path: object) -> tuple[str | int, ...]:
    """The names and places of a path.

    Raises:
        UsageError: where it is none.
    """
    if not isinstance(path, str) or not path or path.startswith("."):
        raise wrong("path", path, _EXAMPLE)
    text = SETTINGS.get(path, path)
    steps: list[str | int] = []
    at = 0
    while at < len(text):
        step = _STEP.match(text, at)
        if step is None:
            raise wrong("path", path, _EXAMPLE)
        index = step["index"]
        steps.append(int(index) if index is not None else step["name"] or step["quoted"])
        at = step.end()
    return tuple(steps)


def changed(data: Mapping[str, Any], settings: Mapping[str, Any]) -> dict[str, Any]:
    """Scenario data with other values at some paths; what is allowed there, loading says.

    Arguments:
        data: a scenario in the file's spelling; it is copied.
        settings: values as in a file, by path. Keys on the way that a file may leave out are made.

    Raises:
        UsageError: a path that leads nowhere.
    """
    found = deepcopy(dict(data))
    for path, value in settings.items():
        *way, last = steps_of(path)
        part: Any = found
        for number, step in enumerate(way):
            _require(part, step, path, tuple(way[:number]))
            if isinstance(part, dict):
                follows = [*way, last][number + 1]
                part.setdefault(step, [] if isinstance(follows, int) else {})
            part = part[step]
        _require(part, last, path, tuple(way), to_write=True)
        part[last] = value
    return found


def _require(
    part: Any, step: str | int, path: str, way: tuple[str | int, ...], *, to_write: bool = False
) -> None:
    """Refuse a step that leads nowhere."""
    where = spelled(way) or "the scenario"
    if isinstance(step, int):
        if not isinstance(part, list):
            raise UsageError(f"{path}: {where} is no list; write names between points")
        if step >= len(part):
            there = f"has {len(part)} entries, from [0] on" if part else "is empty"
            raise UsageError(f"{path}: {where} {there}; write one that is there")
        return
    if not isinstance(part, dict):
        write = "write [0] for its first entry" if isinstance(part, list) else "set it as a whole"
        kind = "a list" if isinstance(part, list) else "one value"
        raise UsageError(f"{path}: {where} is {kind} here; {write}")
    if step not in part and way in _NAMED and not to_write:
        near = nearest(step, part)
        hint = f"did you mean {near}?" if near else f"there are {', '.join(part)}"
        raise UsageError(f"{path}: {where} has no {step}; {hint}")
