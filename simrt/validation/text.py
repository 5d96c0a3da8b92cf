"""What `simrt validate` prints."""

from __future__ import annotations

from collections.abc import Sequence

from simrt.validation.validate import MOST_Z, Finding


def heading(width: int) -> str:
    """The titles of the columns; `width` is that of the longest case name."""
    titles = f"{'expected':>14} {'estimate':>14} {'standard error':>14} {'z':>6} {'runs':>4}"
    return f"{'case':<{width}} {titles} {'time':>8}"


def line(finding: Finding, width: int) -> str:
    """One case; a failure says so at its end."""
    case = finding.case
    estimate = "undefined" if finding.estimate is None else f"{finding.estimate:.8g}"
    end = "" if finding.passed else "  FAIL"
    return (
        f"{case.id:<{width}} {case.expected:>14.8g} {estimate:>14} "
        f"{finding.standard_error:>14.2g} {finding.z:>+6.2f} {finding.runs:>4} "
        f"{finding.time_s:>6.1f} s{end}"
    )


def last_line(findings: Sequence[Finding], command: str) -> str:
    """How many passed and failed; where some failed, how to repeat these."""
    failed = [finding for finding in findings if not finding.passed]
    counts = (
        f"{len(findings) - len(failed)} passed, {len(failed)} failed (|z| of {MOST_Z:g} or more)"
    )
    if not failed:
        return counts
    only = " ".join(f"--only {finding.case.id}" for finding in failed)
    return f"{counts}; to repeat: {command} {only}"
