"""One scenario on the simulator and on the real server in virtual time, and where they differ."""

from __future__ import annotations

from itertools import cycle

from hypothesis import strategies as st

from simrt.agreement import row_by_row
from simrt.agreement.text import row_by_row_lines
from simrt.errors import UsageError
from simrt.history import History, Row
from simrt.scenario.model import Scenario
from simrt.targets import app
from simrt.targets.harness.credentials import refuse_denials

# How many bytes each read of a client brings at most, over and over; None: as many as there are.
Sizes = tuple[int, ...] | None
SIZES: st.SearchStrategy[Sizes] = st.sampled_from((None, (1, 7, 64), (5, 300)))


def possible(scenario: Scenario) -> bool:
    """Whether a real server can do what it asks for: not, to revoke what others show too."""
    try:
        refuse_denials(scenario)
    except UsageError:
        return False
    return True


def on_app(scenario: Scenario, seed: int, sizes: Sizes = None) -> History:
    """The history of a run in virtual time, in memory.

    Raises:
        UsageError: the scenario asks for what no real server can do.
    """
    rows: list[Row] = []
    app.run(scenario, seed, write=rows.append, sizes=None if sizes is None else cycle(sizes))
    return History(app.header(scenario, seed), rows)


def difference(left: History, right: History) -> str:
    """Where two histories differ, in words; empty if every row is the same, in its place."""
    ours, theirs = list(left), list(right)
    if ours == theirs:
        return ""
    pairs = enumerate(zip(ours, theirs, strict=False))
    shorter = min(len(ours), len(theirs))
    place = next((n for n, pair in pairs if pair[0] != pair[1]), shorter)
    said = [rows[place] if place < len(rows) else "no row" for rows in (ours, theirs)]
    first = f"row {place}:\n  {said[0]}\n  {said[1]}\n"
    return first + "\n".join(row_by_row_lines(row_by_row(left, right)))
