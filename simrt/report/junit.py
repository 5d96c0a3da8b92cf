"""JUnit XML of a check: a test case for each verdict, for CI systems that read nothing else."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

from simrt.checkers.verdict import Status, Verdict
from simrt.fit import Fit
from simrt.results import Check

# XML 1.0 knows no other control characters.
_ILLEGAL = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit_xml(check: Check) -> bytes:
    """The verdicts as JUnit XML.

    One suite an item of the checklist, one case a verdict. A fail is a `failure`, an inconclusive
    verdict an `error`, what does not apply is `skipped`. For a declared counterexample that passed
    the declared failures are `skipped` too, with that reason. One more suite tells the fit.
    """
    root = ET.Element("testsuites", {"name": f"simrt {_clean(check.scenario.name)}"})
    expected = check.scenario.outcome is not None and check.status is Status.PASS
    total = {"tests": 0, "failures": 0, "errors": 0, "skipped": 0}
    for item in check.items:
        suite = ET.SubElement(root, "testsuite", {"name": f"{item.number}. {_clean(item.title)}"})
        numbers = dict.fromkeys(total, 0)
        verdicts = item.verdicts or (
            Verdict(f"item-{item.number}", item.status, 0, item.sentence, (), item.number),
        )
        for verdict in verdicts:
            numbers["tests"] += 1
            tag = _case(suite, check, verdict, expected)
            if tag:
                numbers[tag] += 1
        suite.attrib.update({key: str(number) for key, number in numbers.items()})
        for key, number in numbers.items():
            total[key] += number
    _fit(root, check, total)
    root.attrib.update({key: str(number) for key, number in total.items()})
    ET.indent(root)
    text = ET.tostring(root, encoding="unicode")
    return b'<?xml version="1.0" encoding="UTF-8"?>\n' + text.encode() + b"\n"


def _fit(root: ET.Element, check: Check, total: dict[str, int]) -> None:
    """A suite of one case: whether channels are the right tool. It fails nothing, by design."""
    good = check.fit is Fit.GOOD
    numbers = {"tests": 1, "failures": 0, "errors": 0, "skipped": int(not good)}
    counted = {key: str(number) for key, number in numbers.items()}
    suite = ET.SubElement(root, "testsuite", {"name": "Fit"} | counted)
    name = _clean(f"{check.scenario.name}.scenario")
    case = ET.SubElement(suite, "testcase", {"classname": name, "name": "fit"})
    if not good:
        message = _clean(f"{check.fit}: {check.fit_reason}")
        ET.SubElement(case, "skipped", {"message": message})
    for key, number in numbers.items():
        total[key] += number


def _case(suite: ET.Element, check: Check, verdict: Verdict, expected: bool) -> str:
    where = f" on {verdict.target}" if verdict.target else ""
    where += "" if verdict.seed is None else f", seed {verdict.seed}"
    where += ", probe" if verdict.probe else ""
    case = ET.SubElement(
        suite,
        "testcase",
        {
            "classname": _clean(f"{check.scenario.name}.{verdict.target or 'scenario'}"),
            "name": _clean(f"{verdict.check}{where}"),
        },
    )
    message = _clean(verdict.sentence)
    body = _clean("\n".join([verdict.sentence, *verdict.evidence]))
    if verdict.status is Status.FAIL and expected:
        message = f"fails as the scenario declares: {message}"
        ET.SubElement(case, "skipped", {"message": message})
        return "skipped"
    if verdict.status is Status.FAIL:
        ET.SubElement(case, "failure", {"message": message}).text = body
        return "failures"
    if verdict.status is Status.INCONCLUSIVE:
        found = ET.SubElement(case, "error", {"message": message, "type": "inconclusive"})
        found.text = body
        return "errors"
    if verdict.status is Status.NOT_APPLICABLE:
        ET.SubElement(case, "skipped", {"message": message})
        return "skipped"
    return ""


def _clean(text: str) -> str:
    return _ILLEGAL.sub("\ufffd", text)
