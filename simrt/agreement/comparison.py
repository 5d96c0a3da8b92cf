"""What a comparison of two targets found, as one value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from simrt.agreement.distributions import Shapes
from simrt.agreement.figures import LEAST_RUNS, METHOD, Distance
from simrt.agreement.pairing import Grain
from simrt.agreement.row_by_row import RowByRow
from simrt.checkers.verdict import Status, worst
from simrt.errors import EXIT_FAIL, EXIT_INCONCLUSIVE, EXIT_PASS
from simrt.history import Header
from simrt.scenario.model import Scenario
from simrt.text import many

if TYPE_CHECKING:
    import pandas as pd

FORMAT = "simrt-comparison/1"

_EXIT_CODES = {
    Status.PASS: EXIT_PASS,
    Status.FAIL: EXIT_FAIL,
    Status.INCONCLUSIVE: EXIT_INCONCLUSIVE,
    Status.NOT_APPLICABLE: EXIT_INCONCLUSIVE,
}


@dataclass(frozen=True, slots=True, repr=False)
class Comparison:
    """Two targets, one scenario: whether they agree, and how far they are apart.

    Attributes:
        scenario: what ran.
        targets: what to call the two; the first is the simulator, where it is one of them.
        seeds: those that ran on both; where the second target runs freely, those that were
            simulated, of which it ran the first.
        grain: how finely they were compared.
        rows: one a seed: rows and outcomes; empty where the second target runs freely.
        distances: the figures of both.
        shapes: how far distributions are apart; empty where every row was compared.
        header: of the second target, with the first seed.
        command: the command that repeats it.
    """

    scenario: Scenario
    targets: tuple[str, str]
    seeds: tuple[int, ...]
    grain: Grain
    rows: tuple[RowByRow, ...]
    distances: tuple[Distance, ...]
    shapes: tuple[Shapes, ...]
    header: Header
    command: str

    @property
    def status(self) -> Status:
        """Fail where they differ, inconclusive where that cannot be said."""
        if self.grain is not Grain.FIGURES:
            return worst(one.status for one in self.rows)
        if self.apart:
            return Status.FAIL
        judged = [one for one in self.distances if one.judged]
        undecided = any(one.agrees is None and one.right is not None for one in judged)
        known = any(one.agrees for one in judged)
        return Status.PASS if known and not undecided else Status.INCONCLUSIVE

    @property
    def exit_code(self) -> int:
        """0 where they agree, 1 where they differ, 3 where that cannot be said."""
        return _EXIT_CODES[self.status]

    @property
    def apart(self) -> tuple[Distance, ...]:
        """The figures that differ by more than they may, of those that count."""
        return tuple(one for one in self.distances if one.judged and one.agrees is False)

    @property
    def unusual(self) -> tuple[Distance, ...]:
        """The figures outside of their interval that do not count: percentiles, rare events."""
        return tuple(one for one in self.distances if not one.judged and one.agrees is False)

    @property
    def sentence(self) -> str:
        """What was found, with how much was compared."""
        if self.grain is Grain.FIGURES:
            return self._figures()
        first = next((one for one in self.rows if not one.same), None)
        if first is not None:
            return f"Seed {first.seed}: {first.sentence}"
        unclear = next((one for one in self.rows if one.status is not Status.PASS), None)
        if unclear is not None:
            return f"Seed {unclear.seed}: {unclear.sentence}"
        messages, outcomes, rows = (
            sum(getattr(one, name) for one in self.rows)
            for name in ("messages", "outcomes", "rows")
        )
        subscribers = max((one.subscribers for one in self.rows), default=0)
        seen = (
            f"{many(messages, 'message')} × {many(subscribers, 'subscriber')}: "
            f"{many(outcomes, 'outcome')}"
        )
        if self.grain is Grain.TIMES:
            seen += f", {many(rows, 'row')}"
        return f"First difference: none. {seen} agree, over {many(len(self.seeds), 'seed')}."

    def _figures(self) -> str:
        counted = [one for one in self.distances if one.judged]
        judged = [one for one in counted if one.agrees is not None]
        unsaid = len(counted) - len(judged)
        if not judged:
            return (
                f"No figure can be judged: fewer than {LEAST_RUNS} simulated runs give no interval."
            )
        rest = f"; {unsaid} cannot be judged" if unsaid else ""
        if self.unusual:
            rest += f"; {len(self.unusual)} that do not count are unusual"
        inside = len(judged) - len(self.apart)
        runs = many(len(self.seeds), "simulated seed")
        return f"{inside} of {len(judged)} figures lie inside their interval, of {runs}{rest}."

    def to_frame(self) -> pd.DataFrame:
        """The figures, one a row.

        Columns: `group`, `metric`, `unit` (text); `left`, `right`, `difference`, `low`, `high`
        (float64, NaN where there is none); `agrees` (object: True, False, or None where that cannot
        be said), `judged` (bool: whether it counts).
        """
        import pandas as pd

        columns = ("left", "right", "difference", "low", "high")
        frame = pd.DataFrame(
            [
                (
                    one.figure.group,
                    one.figure.name,
                    one.unit,
                    *(getattr(one, name) for name in columns),
                    one.agrees,
                    one.judged,
                )
                for one in self.distances
            ],
            columns=["group", "metric", "unit", *columns, "agrees", "judged"],
        )
        frame[list(columns)] = frame[list(columns)].astype("float64")
        return frame

    def to_json(self) -> dict[str, Any]:
        """All of it, as plain data: numbers, text, lists and objects."""
        found: dict[str, Any] = {
            "format": FORMAT,
            "scenario": self.scenario.name,
            "targets": list(self.targets),
            "seeds": list(self.seeds),
            "grain": self.grain.value,
            "status": self.status.value,
            "exit_code": self.exit_code,
            "sentence": self.sentence,
            "method": METHOD if self.grain is Grain.FIGURES else "equality",
            "window": self.header.window,
            "speed": self.header.speed,
            "resolution_ns": self.header.resolution_ns,
            "command": self.command,
            "seeds_compared": [_rows_json(one) for one in self.rows],
            "figures": [
                {
                    "group": one.figure.group, "metric": one.figure.name, "unit": one.unit,
                    "left": one.left, "right": one.right, "difference": one.difference,
                    "low": one.low, "high": one.high, "agrees": one.agrees,
                    "judged": one.judged,
                }
                for one in self.distances
            ],
            "shapes": [msgspec.to_builtins(one) for one in self.shapes],
        }  # fmt: skip
        return found

    def __repr__(self) -> str:
        return f"{self.scenario.title}, {' and '.join(self.targets)}: {self.sentence}"

    def __str__(self) -> str:
        """As `simrt compare` prints it."""
        from simrt.agreement.text import comparison_lines

        return "\n".join(comparison_lines(self))

    def _repr_html_(self) -> str:
        """What a notebook shows: the sentence, and the figures as a table."""
        from html import escape

        table: str = self.to_frame().to_html(index=False)
        return f"<p>{escape(repr(self))}</p>{table}"


def _rows_json(found: RowByRow) -> dict[str, Any]:
    plain: dict[str, Any] = msgspec.to_builtins(found)
    plain["grain"] = found.grain.value
    return {**plain, "status": found.status.value, "sentence": found.sentence}
