"""One fact, one number: sentences, tables and figures of a run say what its metrics say.

Each number is read back from the text that a reader sees and compared with the metric's value in
the wording of `simrt.text`, over generated scenarios.
"""

from __future__ import annotations

import pytest
from hypothesis import given

from simrt import text as words
from simrt.metrics import Metrics
from simrt.report.experience import experience
from simrt.report.figures.delay import delay
from simrt.report.figures.outcomes import outcomes
from simrt.report.figures.staleness import staleness
from simrt.report.figures.waiting import waiting
from simrt.report.lane import choose_lanes, follow
from simrt.report.story import Story, tell
from simrt.scenario.metric_names import MISSED, OUTCOMES
from simrt.scenario.model import Scenario
from simrt.testing import repeatable, scenarios
from tests.properties.runs import SEEDS, examples, simulated
from tests.report.checks import check_of

SPREADS = {
    "Delay": "latency_s", "Age of what": "staleness_s", "A reconnect": "reconnect_s",
    "… until": "recovery_s",
}  # fmt: skip


def spread(metrics: Metrics, metric: str, group: str) -> list[str]:
    """Half, 90 % and all, as every text words them; empty without observations."""
    found = [metrics.quantile(metric, group, p) for p in (0.5, 0.9, 1.0)]
    return [words.seconds(value) for value in found if value is not None]


def check_outcomes(story: Story) -> None:
    (figure,) = outcomes([story])
    _, rows = figure.table
    for group, *cells in rows:
        counts = story.metrics.outcomes(group)
        expected = [sum(counts.values()), *(counts[name] for name in OUTCOMES)]
        assert [int(cell.replace(",", "")) for cell in cells] == expected
        missed = story.metrics.value("missed", group)
        assert missed == sum(counts[name] for name in MISSED)


def check_delay(story: Story) -> None:
    (figure,) = delay([story])
    _, rows = figure.table
    for group in story.groups:
        mine = {row[1]: row for row in rows if row[0] == group}
        number = sum(int(row[2].replace(",", "")) for row in mine.values())
        assert number == story.metrics.value("received", group)
        live = spread(story.metrics, "live_latency_s", group)
        assert bool(live) == ("live" in mine)
        if live:
            _, _, _, half, most, _, last = mine["live"]
            assert [half, most, last] == live
        if len(mine) == 1 and "by replay" in mine:
            _, _, _, half, most, _, last = mine["by replay"]
            every = spread(story.metrics, "latency_s", group)
            assert [half, most, last] == every


def check_staleness(story: Story) -> None:
    (figure,) = staleness([story])
    for group in story.groups:
        said = spread(story.metrics, "staleness_s", group)
        text = f"{group} never had an event."
        if said:
            middle, high, worst = said
            text = f"{group}: median age {middle}, 90 % of moments below {high}, at most {worst}."
        assert text in figure.alt
    oldest = [story.metrics.quantile("staleness_s", group, 1.0) for group in story.groups]
    known = [age for age in oldest if age is not None]
    if known:
        assert f"see news up to {words.seconds(max(known))} old" in figure.finding


def check_waiting(story: Story) -> None:
    lanes = choose_lanes(story)
    follow(story, lanes)
    for figure in waiting([story], [lanes]):
        _, rows = figure.table
        for name, pending, _, flying, _ in rows:
            if name not in story.metrics.subscribers():
                continue  # never accepted
            values = [story.metrics.value(m, subscriber=name)
                      for m in ("pending_max", "in_flight_max")]  # fmt: skip
            assert [pending, flying] == [words.count(int(v or 0)) for v in values]


def check_experience(story: Story) -> None:
    check = check_of([story.history], story.scenario)
    for told in experience(check, check.runs, [story]):
        metrics, group = story.metrics, told.group
        lines = {line.label: line.cells[0] for line in told.lines}
        sent, missed = metrics.value("sent", group) or 0, metrics.value("missed", group) or 0
        received = metrics.value("received", group) or 0
        if not sent:
            continue
        assert lines["Events sent to it"] == words.count(int(sent))
        share = metrics.value("missed_fraction", group) or 0.0
        begin = f"{words.count(int(missed))}: {words.share_and_odds(share)}" if missed else "0"
        assert lines["Missed"] == begin
        assert f"of 100 events {words.of_hundred(received / sent)} arrive" in told.summary
        says = f"{words.of_hundred(share)} are missed" if missed else "none is missed"
        assert says in told.summary
        for label, metric in SPREADS.items():
            found = [cell for name, cell in lines.items() if name.startswith(label)]
            expected = spread(metrics, metric, group)
            assert found == ([" / ".join(expected)] if expected else found[:0])


CHECKS = (check_outcomes, check_delay, check_staleness, check_waiting, check_experience)


@pytest.mark.timeout(1800)
def test_one_fact_has_one_number():
    @examples(0.25)
    @given(scenarios(), SEEDS)
    def same(scenario: Scenario, seed: int) -> None:
        with repeatable(scenario, seed):
            story = tell(simulated(scenario, seed))
            for check in CHECKS:
                check(story)

    same()
