"""What users experienced, in numbers: folds over the rows of a history, in bounded memory."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Estimate:
    """One figure over repeated runs on one target, with its confidence interval.

    Attributes:
        target: where it was measured.
        group: the subscribers, or `all`.
        metric: its name, with its unit, such as `staleness_s` or `p90(staleness_s)`.
        value: the mean over runs, or None where no run had a value.
        low: lower end of the 95 % interval; equal to `value` with one run.
        high: upper end.
        runs: how many runs had a value.
    """

    target: str
    group: str
    metric: str
    value: float | None
    low: float | None
    high: float | None
    runs: int


class Metrics:
    """What one run measured. (Seam: the real fold replaces this body.)"""

    def groups(self) -> tuple[str, ...]:
        """The groups of the scenario in file order, then `all`."""
        raise NotImplementedError

    def value(self, metric: str, group: str = "all") -> float | None:
        """A figure: counts and fractions as they are, times as their mean; None if undefined."""
        raise NotImplementedError

    def quantile(self, p: float, metric: str, group: str = "all") -> float | None:
        """The p-quantile (0 to 1) of a metric that has a distribution, pooled over the group."""
        raise NotImplementedError

    def outcomes(self, group: str = "all") -> dict[str, int]:
        """Messages by outcome (ACC-2), in the fixed order of `OUTCOMES`."""
        raise NotImplementedError
