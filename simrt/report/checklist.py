"""The checklist: six items, each with the evidence that it rests on."""

from __future__ import annotations

from dataclasses import dataclass

from simrt import text as words
from simrt.checkers.verdict import Status, Verdict, worst
from simrt.report.rules import sentence
from simrt.results import Check, Item, finding

STATUS_WORD = {
    Status.PASS: "Pass",
    Status.FAIL: "Fail",
    Status.INCONCLUSIVE: "Inconclusive",
    Status.NOT_APPLICABLE: "Not applicable",
}
STATUS_SIGN = {
    Status.PASS: "✓",
    Status.FAIL: "✗",
    Status.INCONCLUSIVE: "?",
    Status.NOT_APPLICABLE: words.NOTHING,
}
MAX_EVIDENCE = 8
_RANK = (Status.FAIL, Status.INCONCLUSIVE, Status.PASS, Status.NOT_APPLICABLE)


@dataclass(frozen=True, slots=True)
class Finding:
    """One checker on one target, over all its runs.

    Attributes:
        check: the checker's name.
        target: where.
        status: the worst over the runs.
        sentence: of the run that decides.
        judged: things judged, in all runs.
        runs: how many runs it judged, in words; which of them decided; empty where it judged no
            history.
        rules: (id, sentence) of each rule enforced.
        evidence: the first findings of the run that decides.
        more: how many further lines of evidence there are.
        probe: whether it is about the probe run.
    """

    check: str
    target: str
    status: Status
    sentence: str
    judged: int
    runs: str
    rules: tuple[tuple[str, str], ...]
    evidence: tuple[str, ...]
    more: int
    probe: bool


@dataclass(frozen=True, slots=True)
class Row:
    """One item of the checklist with its findings, worst first."""

    item: Item
    targets: str
    judged: int
    findings: tuple[Finding, ...]


def checklist(check: Check) -> tuple[Row, ...]:
    """The rows of the checklist, in the order of their numbers."""
    return tuple(_row(item) for item in sorted(check.items, key=lambda item: item.number))


def _row(item: Item) -> Row:
    groups: dict[tuple[str, str, bool], list[Verdict]] = {}
    for verdict in item.verdicts:
        key = (verdict.check, verdict.target, verdict.probe)
        groups.setdefault(key, []).append(verdict)
    findings = [_finding(group) for group in groups.values()]
    findings.sort(key=lambda finding: _RANK.index(finding.status))
    seeing = dict.fromkeys(
        finding.target
        for finding in findings
        if finding.target and finding.status is not Status.NOT_APPLICABLE
    )
    return Row(
        item,
        words.listing(list(seeing)),
        sum(finding.judged for finding in findings),
        tuple(findings),
    )


def _finding(verdicts: list[Verdict]) -> Finding:
    status = worst(verdict.status for verdict in verdicts)
    deciding = [verdict for verdict in verdicts if verdict.status is status]
    first = deciding[0]
    runs = words.many(len(verdicts), "run")
    if first.seed is None:
        runs = "all runs together" if first.target else ""
    if len(deciding) < len(verdicts):
        runs += f", {STATUS_WORD[status].lower()} in {len(deciding)}"
    if status is not Status.PASS and first.seed is not None:
        runs += f" (first: seed {first.seed})"
    return Finding(
        check=first.check,
        target=first.target,
        status=status,
        sentence=first.sentence,
        judged=sum(verdict.judged for verdict in verdicts),
        runs=runs,
        rules=tuple((rule, sentence(rule)) for rule in first.rules),
        evidence=first.evidence[:MAX_EVIDENCE],
        more=max(0, len(first.evidence) - MAX_EVIDENCE),
        probe=first.probe,
    )


def deciding(check: Check) -> tuple[str, ...]:
    """What did not pass, every line of it, unless the headline tells the only one."""
    told = tuple(dict.fromkeys(finding(verdict) for verdict in check.deciding))
    return () if len(told) == 1 and told[0] in check.sentence else told
