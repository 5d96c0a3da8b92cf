"""The index of all kept checks, and the bound on how many are kept."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from simrt import text as words
from simrt.checkers.verdict import Status
from simrt.report.feature import SETTINGS
from simrt.report.html import environment
from simrt.report.tables import VERDICTS_FORMAT

KEEP = 20
_STAMP = re.compile(r"^(\d{4})-?(\d\d)-?(\d\d)T(\d\d)[:-]?(\d\d)")


@dataclass(frozen=True, slots=True)
class Setting:
    """One of the five settings of a kept check: its value, and whether somebody wrote it down."""

    value: str
    written: bool


@dataclass(frozen=True, slots=True)
class Entry:
    """One kept check.

    Attributes:
        link: of its report, from the index.
        when: its folder's name as a time, or the name itself.
        scenario: its short name.
        title: its title.
        status: its verdict.
        fit: whether channels are the right tool.
        sentence: the verdict in a sentence.
        findings: what did not pass, where the sentence does not tell all of it.
        settings: the five settings, a column each.
        targets: where it ran.
        order: what it is sorted by: the folder's name, which begins with the time.
    """

    link: str
    when: str
    scenario: str
    title: str
    status: Status
    fit: str
    sentence: str
    findings: tuple[str, ...]
    settings: tuple[Setting, ...]
    targets: str
    order: tuple[str, str]


def write_index(reports: Path) -> Path:
    """Write `index.html` over all checks whose `verdicts.json` lies in `SCENARIO/CHECK/`.

    Arguments:
        reports: the folder of all reports.

    Returns:
        The path of the index. Folders without readable verdicts are left out, and counted on
        the page.
    """
    entries: list[Entry] = []
    unreadable = 0
    for folder in _checks(reports):
        entry = _entry(reports, folder)
        if entry is None:
            unreadable += 1
        else:
            entries.append(entry)
    entries.sort(key=lambda entry: entry.order, reverse=True)
    page = environment().get_template("index.html.j2")
    text = page.render(entries=entries, settings=SETTINGS, unreadable=unreadable)
    path = reports / "index.html"
    reports.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode("utf-8", "replace"))
    return path


def prune(reports: Path, keep: int = KEEP) -> tuple[Path, ...]:
    """Remove the oldest checks of each scenario beyond a number.

    Only folders that hold a `verdicts.json` are touched, and never what a link points at.

    Arguments:
        reports: the folder of all reports.
        keep: how many checks of one scenario stay, 1 or more.

    Returns:
        The folders that were removed.
    """
    if keep < 1:
        raise ValueError(f"keep must be 1 or more; found {keep}")
    by_scenario: dict[Path, list[Path]] = {}
    for folder in _checks(reports):
        by_scenario.setdefault(folder.parent, []).append(folder)
    removed = []
    for folders in by_scenario.values():
        for folder in sorted(folders, key=lambda path: path.name, reverse=True)[keep:]:
            shutil.rmtree(folder)
            removed.append(folder)
    return tuple(sorted(removed))


def _checks(reports: Path) -> list[Path]:
    return [
        path.parent
        for path in sorted(reports.glob("*/*/verdicts.json"))
        if not path.parent.is_symlink() and not path.parent.parent.is_symlink()
    ]


def _entry(reports: Path, folder: Path) -> Entry | None:
    try:
        data = json.loads((folder / "verdicts.json").read_bytes())
        if data["format"] != VERDICTS_FORMAT:
            return None
        return Entry(
            link=(folder / "report.html").relative_to(reports).as_posix(),
            when=_when(folder.name),
            scenario=str(data["scenario"]),
            title=str(data["title"]),
            status=Status(data["status"]),
            fit=str(data["fit"]),
            sentence=str(data["sentence"]),
            findings=_findings(data),
            settings=_settings(data),
            targets=words.listing([str(target) for target in data["targets"]]),
            order=(folder.name, folder.parent.name),
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _findings(data: dict[str, Any]) -> tuple[str, ...]:
    """Every line that made the status, unless the sentence is one that tells the only one."""
    told = tuple(str(line) for line in data["deciding"])
    return () if len(told) == 1 and told[0] in data["sentence"] else told


def _settings(data: dict[str, Any]) -> tuple[Setting, ...]:
    """The five settings; a check of an older version did not keep them."""
    kept = data.get("options", {})
    unknown = {"value": words.NOTHING, "written": True}
    found = (kept.get(name, unknown) for name in SETTINGS)
    return tuple(Setting(str(one["value"]), bool(one["written"])) for one in found)


def _when(name: str) -> str:
    match = _STAMP.match(name)
    if match is None:
        return name
    year, month, day, hour, minute = match.groups()
    return f"{year}-{month}-{day} {hour}:{minute}"
