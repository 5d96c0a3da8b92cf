"""The simulator against closed forms: cases, runs, what they came to."""

from simrt.validation.cases import FORMAT, SHIPPED, Case, CaseError, chosen, read_cases
from simrt.validation.validate import (
    DEFAULT_SENDS,
    MOST_Z,
    Finding,
    Job,
    Plan,
    estimate,
    jobs_of,
    plan,
    simulate,
    validate,
)

__all__ = [
    "read_cases",
    "chosen",
    "Case",
    "CaseError",
    "FORMAT",
    "SHIPPED",
    "plan",
    "Plan",
    "Job",
    "jobs_of",
    "validate",
    "simulate",
    "estimate",
    "Finding",
    "MOST_Z",
    "DEFAULT_SENDS",
]
