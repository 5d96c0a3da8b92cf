"""What one run measured, small enough to be sent from process to process."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import TYPE_CHECKING

from simrt.errors import UsageError
from simrt.metrics.sketch import Sketch
from simrt.metrics.totals import FIGURES, NS_PER_S, Totals
from simrt.scenario.arguments import number, one_of, wrong
from simrt.scenario.metric_names import METRICS, OUTCOMES, Metric
from simrt.scenario.words import nearest
from simrt.text import count, many, measured, share

if TYPE_CHECKING:
    import pandas as pd

ALL = "all"
"""Every subscriber of every group."""

SHOWN_PERCENTILES = (50, 90, 99)
"""The percentiles in tables."""


class Metrics:
    """What one run measured, per subscriber, per group, and for `all`.

    Made by `Meter` or `measure`. The names are those of `METRICS`.

    Arguments:
        totals: by group in file order.
        subscribers: totals by subscriber, such as `office/0`; the groups are their sums.
        sketches: by group and metric, the distributions, in nanoseconds.
        end_ns: the end of the workload.
        memory_bytes: most bytes that the channel held at once.
        refetches: whether the clients ask the site again (intent `invalidation`).
    """

    def __init__(
        self,
        totals: Mapping[str, Totals],
        subscribers: Mapping[str, Totals],
        sketches: Mapping[tuple[str, str], Sketch],
        *,
        end_ns: int,
        memory_bytes: int,
        refetches: bool,
    ) -> None:
        self._subscribers = dict(subscribers)
        self._groups = tuple(totals)
        self._totals = dict(totals)
        self._sketches = dict(sketches)
        self._end_ns = end_ns
        self._memory_bytes = memory_bytes
        self._refetches = refetches
        everyone = Totals()
        for group in self._groups:
            everyone.include(totals[group])
        self._totals[ALL] = everyone
        for (_, metric), sketch in sketches.items():
            self._sketches.setdefault((ALL, metric), Sketch()).merge(sketch)

    @property
    def names(self) -> tuple[str, ...]:
        """The metrics, in the order of `METRICS`."""
        return tuple(METRICS)

    def totals(self, group: str = ALL, subscriber: str | None = None) -> Totals:
        """The sums that all figures but quantiles follow from; arguments as for `value`."""
        return self._of(group, subscriber)

    def sketch(self, metric: str, group: str = ALL) -> Sketch:
        """The distribution that the quantiles of a group follow from; empty if there is none."""
        _metric(metric)
        self._of(group, None)
        return self._sketches.get((group, metric), Sketch())

    def groups(self) -> tuple[str, ...]:
        """The groups of the scenario in file order, then `all`."""
        return (*self._groups, ALL)

    def subscribers(self, group: str = ALL) -> tuple[str, ...]:
        """The members of a group that ever subscribed, by group and number."""
        self._of(group, None)
        return tuple(name for name in self._subscribers if group in (ALL, name.partition("/")[0]))

    def value(self, metric: str, group: str = ALL, subscriber: str | None = None) -> float | None:
        """A figure: counts and fractions as they are, times as their mean; None if undefined.

        Arguments:
            metric: a name of `METRICS`, which also says the unit.
            group: whose; ignored where a subscriber is named.
            subscriber: one member, such as `office/0`.

        Raises:
            UsageError: an unknown metric, group or subscriber; the message names the nearest.
        """
        _metric(metric)
        totals = self._of(group, subscriber)
        if metric == "memory_bytes":
            return self._memory_bytes if group == ALL and subscriber is None else None
        if metric in ("refetches", "refetches_per_s"):
            return self._asked(metric, totals)
        return FIGURES[metric](totals)

    def quantile(self, metric: str, group: str = ALL, p: float = 0.5) -> float | None:
        """The p-quantile (0 to 1) of a metric that has a distribution, pooled over the group.

        In the metric's unit; None where nothing was observed. At most 1 % from the exact one.

        Raises:
            UsageError: an unknown metric or group, a metric without a distribution, or a share that
                is none.
        """
        if not _metric(metric).over:
            raise UsageError(f"{metric} has one value and no quantiles; write value({metric!r})")
        self._of(group, None)
        p = number("p", p, "a share from 0 to 1, such as 0.9", 0, 1)
        sketch = self._sketches.get((group, metric))
        value = None if sketch is None else sketch.quantile(p)
        return None if value is None else value / NS_PER_S

    def outcomes(self, group: str = ALL, subscriber: str | None = None) -> dict[str, int]:
        """Messages by outcome (ACC-2), in the fixed order of `OUTCOMES`.

        Raises:
            UsageError: an unknown group or subscriber.
        """
        return dict(zip(OUTCOMES, self._of(group, subscriber).outcomes, strict=True))

    def to_frame(self) -> pd.DataFrame:
        """Every figure, one a row.

        Columns: `subscriber` (text, empty for a group), `group` (text), `metric` (text, such as
        `staleness_s` or `p90(staleness_s)`, the latter for groups only), `value` (float64, NaN if
        undefined), `unit` (text).
        """
        import pandas as pd

        rows: list[tuple[str, str, str, float | None, str]] = []
        for group in self.groups():
            for metric in METRICS.values():
                rows.append(("", group, metric.name, self.value(metric.name, group), metric.unit))
                rows += [
                    ("", group, f"p{percent}({metric.name})",
                     self.quantile(metric.name, group, percent / 100), metric.unit)
                    for percent in SHOWN_PERCENTILES if metric.over
                ]  # fmt: skip
        rows += [
            (name, name.partition("/")[0], metric.name, self.value(metric.name, subscriber=name),
             metric.unit)
            for name in self._subscribers for metric in METRICS.values()
        ]  # fmt: skip
        frame = pd.DataFrame(rows, columns=["subscriber", "group", "metric", "value", "unit"])
        frame["value"] = frame["value"].astype("float64")
        return frame

    def __repr__(self) -> str:
        told = [f"Metrics of {many(len(self._subscribers), 'subscriber')}"]
        for group in self.groups():
            missed = self.value("missed_fraction", group)
            share_missed = "none" if missed is None else share(missed)
            sent = count(self._of(group, None).sent)
            told.append(f"  {group}: sent {sent}, missed {share_missed}")
        return "\n".join(told)

    def _repr_html_(self) -> str:
        """What a notebook shows: every metric as a row, every group as a column."""
        rows = "".join(
            f"<tr><td>{metric.name}</td>"
            + "".join(
                f"<td>{'' if value is None else escape(measured(value, metric.unit))}</td>"
                for group in self.groups()
                for value in [self.value(metric.name, group)]
            )
            + "</tr>"
            for metric in METRICS.values()
        )
        heads = "".join(f"<th>{escape(group)}</th>" for group in self.groups())
        return f"<table><thead><tr><th>metric</th>{heads}</tr></thead><tbody>{rows}</tbody></table>"

    def _of(self, group: str, subscriber: str | None) -> Totals:
        if subscriber is not None:
            if not isinstance(subscriber, str) or subscriber not in self._subscribers:
                raise wrong(
                    "subscriber",
                    subscriber,
                    "one of subscribers(), such as "
                    + next(iter(self._subscribers), "office/0, though none subscribed here"),
                    meant=nearest(subscriber, self._subscribers),
                )
            return self._subscribers[subscriber]
        return self._totals[one_of("group", group, self.groups())]

    def _asked(self, metric: str, totals: Totals) -> float | None:
        if not self._refetches:
            return None
        if metric == "refetches":
            return totals.refetches
        if totals.first_ns is None or totals.first_ns >= self._end_ns:
            return None
        return totals.refetches / (self._end_ns - totals.first_ns) * NS_PER_S


def _metric(name: object) -> Metric:
    if not isinstance(name, str) or name not in METRICS:
        write = "the name of a metric, such as missed_fraction; all are in .names"
        raise wrong("metric", name, write, meant=nearest(name, METRICS))
    return METRICS[name]
