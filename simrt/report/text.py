"""Lines for the terminal, with rich markup: colour on a terminal, plain text elsewhere."""

from __future__ import annotations

from simrt.agreement import Comparison
from simrt.checkers.observed import OVER_RUNS
from simrt.checkers.verdict import Status, Verdict
from simrt.report.checklist import STATUS_SIGN, STATUS_WORD
from simrt.results import Check, Run, finding

_COLOUR = {
    Status.PASS: "green",
    Status.FAIL: "red",
    Status.INCONCLUSIVE: "yellow",
    Status.NOT_APPLICABLE: "dim",
}
MAX_EVIDENCE = 3


def check_lines(check: Check, *, quiet: bool = False) -> list[str]:
    """A check: the verdict, a line for each item and each finding, the report's path.

    `quiet`: of the items only those that did not pass.

    What comes from files is escaped, so that nothing in it is taken for markup.
    """
    title = f"[bold]{_plain(check.scenario.title)}[/bold] ({_plain(check.scenario.name)})"
    lines = [f"{_badge(check.status)} {title}: {_plain(check.sentence)}"]
    if check.left_out:
        lines.append(f"  {_plain(check.left_out)}")
    for item in sorted(check.items, key=lambda item: item.number):
        if quiet and item.status not in (Status.FAIL, Status.INCONCLUSIVE):
            continue
        text = f"{_plain(item.title)}: {_plain(item.sentence)}"
        lines.append(f"  {_badge(item.status)} {item.number}. {text}")
        told = item.deciding if item.status in (Status.FAIL, Status.INCONCLUSIVE) else ()
        if len(told) > 1:
            lines += [f"      {_plain(finding(verdict))}" for verdict in told]
    if check.folder is not None:
        lines.append(f"  Report: {_plain(str(check.folder / 'report.html'))}")
    return lines


def annotation_lines(check: Check) -> list[str]:
    """What did not pass, as GitHub shows it beside the scenario's file: a line for each finding."""
    level = {Status.FAIL: "error", Status.INCONCLUSIVE: "warning"}
    lines = []
    for item in check.items if check.status in level else ():
        if item.status in level:
            place = f"file={_property(check.scenario.file)}," if check.scenario.file else ""
            title = _property(f"{check.scenario.name}: {item.number}. {item.title}")
            begin = f"::{level[item.status]} {place}title={title}::"
            told = [finding(verdict) for verdict in item.deciding] or [item.sentence]
            lines += [f"{begin}{_escaped(text)}" for text in told]
    return lines


def _escaped(text: str) -> str:
    """A command's text ends at a line's end, and a percent sign begins an escape."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _escaped(text).replace(":", "%3A").replace(",", "%2C")


def run_lines(run: Run) -> list[str]:
    """A run: its status, a line for each verdict with findings, and for each line of `expect`."""
    where = f"{run.target}, seed {run.seed}"
    title = f"[bold]{_plain(run.scenario.title)}[/bold]"
    lines = [f"{_badge(run.status)} {title} on {_plain(where)}"]
    for verdict in run.verdicts:
        lines.append(f"  {_badge(verdict.status)} {_verdict(verdict)}")
        if verdict.status in (Status.FAIL, Status.INCONCLUSIVE):
            lines += [f"      {_plain(line)}" for line in verdict.evidence[:MAX_EVIDENCE]]
    if run.expected:
        lines.append(f"  What its owner expects, in this run; {OVER_RUNS}:")
    lines += [
        f"  {_badge(one.status)} {_plain(one.check)}: {_plain(one.sentence)}"
        for one in run.expected
    ]
    return lines


def comparison_lines(found: Comparison, *, everything: bool = False) -> list[str]:
    """A comparison of two targets: what was found, where they differ first, and the figures.

    Arguments:
        found: what was found.
        everything: show every figure, not only headlines and those that differ.
    """
    from simrt.agreement import text

    first, *rest = text.comparison_lines(found, everything=everything)
    colour, sign = _COLOUR[found.status], STATUS_SIGN[found.status]
    return [f"[{colour}]{sign}[/{colour}] [bold]{_plain(first)}[/bold]", *map(_plain, rest)]


def _verdict(verdict: Verdict) -> str:
    return f"{_plain(verdict.check)}: {_plain(verdict.sentence)} ({verdict.judged:,} judged)"


def _badge(status: Status) -> str:
    colour = _COLOUR[status]
    return f"[{colour}]{STATUS_SIGN[status]} {STATUS_WORD[status].lower():<14}[/{colour}]"


def _plain(text: str) -> str:
    from rich.markup import escape

    # A line stays a line, and no control character reaches the terminal.
    clean = "".join(c if c.isprintable() else " " for c in text)
    escaped = escape(clean)
    return escaped + " " if escaped.endswith("\\") else escaped
