"""What users experienced, in numbers: folds over the rows of a history, in bounded memory."""

from simrt.metrics.estimate import METHOD, Estimate, estimate, estimates, split_figure, values_of
from simrt.metrics.facts import Listener, Receipt
from simrt.metrics.meter import Meter, measure
from simrt.metrics.result import Metrics
from simrt.metrics.sketch import RELATIVE_ERROR
from simrt.scenario.metric_names import (
    METRICS,
    MISSED,
    OUTCOMES,
    VALIDATION_QUANTITIES,
    Metric,
    Outcome,
)

__all__ = [
    "Meter",
    "measure",
    "Metrics",
    "Metric",
    "Listener",
    "Receipt",
    "Outcome",
    "METRICS",
    "OUTCOMES",
    "MISSED",
    "VALIDATION_QUANTITIES",
    "Estimate",
    "estimate",
    "estimates",
    "METHOD",
    "split_figure",
    "values_of",
    "RELATIVE_ERROR",
]
