"""One fact, one number: sentences, tables and figures of a run say what its metrics say.

Each number is read back from the text that a reader sees and compared with the metric's value in
the wording of `simrt.text`, over generated scenarios.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simrt import text as words
from simrt.checkers import Status, judge
from simrt.fit import Fit
from simrt.metrics import Metrics, estimates
from simrt.report.experience import experience
from simrt.report.figures.delay import delay
from simrt.report.figures.outcomes import outcomes
from simrt.report.figures.staleness import staleness
from simrt.report.figures.timeline import timeline
from simrt.report.figures.waiting import waiting
from simrt.report.lane import choose_lanes, follow
from simrt.report.story import Story, tell
from simrt.scenario import load
from simrt.scenario.metric_names import MISSED, OUTCOMES
from simrt.scenario.model import Scenario
from simrt.summary import sentence_of
from simrt.testing import repeatable, scenarios
from tests.docs.rules import ROOT
from tests.properties.runs import SEEDS, changed, examples, simulated
from tests.report.checks import check_of

SPREADS = {
    "Delay": "latency_s", "Age of what": "staleness_s", "A reconnect": "reconnect_s",
    "… until": "recovery_s",
}  # fmt: skip


def spread(metrics: Metrics, metric: str, group: str) -> list[str]:
    """Half, 90 % and all, as every text words them; empty without observations."""
    found = [metrics.quantile(metric, group, p) for p in (0.5, 0.9, 1.0)]
    return [words.seconds(value) for value in found if value is not None]


CAUSES = {
    "dropped-oldest": "dropped from a full buffer", "dropped-newest": "refused by a full buffer",
    "expired": "expired while they waited", "offline": "sent while they had no connection",
    "connection-lost": "lost with a connection", "restart": "lost in a restart",
}  # fmt: skip


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
    if known and story.scenario.intent.kind != "state":
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
    state = story.scenario.intent.kind == "state"
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
        lost = "Never arrived; replaced by a newer one is no loss" if state else "Missed"
        assert lines[lost] == begin
        if state:
            check_outdated(metrics, group, told.summary, lines)
        else:
            assert f"of 100 events {words.of_hundred(received / sent)} arrive" in told.summary
            says = f"{words.of_hundred(share)} are missed" if missed else "none is missed"
            assert says in told.summary
        for label, metric in SPREADS.items():
            found = [cell for name, cell in lines.items() if name.startswith(label)]
            expected = spread(metrics, metric, group)
            assert found == ([" / ".join(expected)] if expected else found[:0])


def check_outdated(metrics: Metrics, group: str, summary: str, lines: Mapping[str, str]) -> None:
    outdated = metrics.value("outdated_fraction", group)
    assert outdated is not None
    assert lines["Time in which what is on screen is outdated"] == words.share(outdated)
    longest = words.seconds(metrics.value("outdated_max_s", group) or 0.0)
    says = "is never outdated."
    if outdated:
        says = f"outdated {words.share(outdated)} of the time; at worst it has been outdated for "
        says += f"{longest}."
        (cell,) = [c for label, c in lines.items() if label.startswith("For how long")]
        assert cell.split(" / ")[-1] == longest
    assert f"what is on screen {says}" in summary or f"what is on screen is {says}" in summary


# --- findings and sentences, against the metrics ------------------------------------------------


def largest(story: Story, metric: str) -> tuple[float, list[str]]:
    """The largest value of a metric of all groups that have one, and whose it is."""
    found = {group: story.metrics.value(metric, group) for group in story.groups}
    known = {group: value for group, value in found.items() if value is not None}
    most = max(known.values(), default=0.0)
    return most, [group for group, value in known.items() if value == most]


def check_findings(story: Story) -> None:
    lanes = choose_lanes(story)
    follow(story, lanes)
    (first,) = timeline([story], [lanes])
    state = story.scenario.intent.kind == "state"
    metric = "outdated_fraction" if state else "missed_fraction"
    most, groups = largest(story, metric)
    if story.send_ns and any(story.metrics.value("sent", g) for g in story.groups):
        if not most:
            assert first.finding.startswith("Nobody ")
        else:
            said = words.share_and_odds(most)
            wordings = [" of the time for", " for"] if state else [
                " of the events sent to", " of those sent to",
            ]  # fmt: skip
            parts = [f"{said}{wording} {group}" for wording in wordings for group in groups]
            assert any(part in first.finding for part in parts), first.finding
    if state:
        assert "issed" not in first.finding + first.alt + first.note
        (ages,) = staleness([story])
        if most and "no age" not in ages.finding:
            assert f"see an outdated value {words.share(most)} of the time" in ages.finding


def check_headline(story: Story) -> None:
    """The verdict's sentence, of one run."""
    figures = estimates([story.metrics], "sim")
    told = sentence_of(story.scenario, Status.PASS, [], Fit.GOOD, "", figures)
    state = story.scenario.intent.kind == "state"
    metric = "outdated_fraction" if state else "missed_fraction"
    most, groups = largest(story, metric)
    if all(story.metrics.value(metric, group) is None for group in story.groups):
        assert "No subscriber was there" in told
        return
    does = "see an outdated value" if state else "miss"
    what = "of the time" if state else "of events"
    said = [f"Members of {group} {does} {words.share(most)} {what}" for group in groups]
    said = said if most else ["Nobody sees an outdated value" if state else "Nobody misses"]
    assert any(one in told for one in said)
    if "most of them" in told and not state:
        (group,) = [g for g in groups if f"Members of {g} " in told]
        counts = story.metrics.outcomes(group)
        ((cause, _),) = [(c, w) for c, w in CAUSES.items() if f"most of them {w}" in told]
        assert 2 * counts[cause] > sum(counts[name] for name in MISSED)
    ages = [story.metrics.quantile("staleness_s", group, 0.9) for group in story.groups]
    known = [age for age in ages if age is not None]
    if known and not state:
        assert f"is younger than {words.seconds(max(known))} for 90 % of the time" in told


def check_verdicts(story: Story) -> None:
    """What the checklist says, from a fold of its own, against the metrics."""
    metrics = story.metrics
    said = {one.check: one.sentence for one in judge(story.history) if one.status is Status.PASS}
    found = re.match(r"([\d,]+) reconnects?, the slowest (.+?) after", said.get("reconnect", ""))
    if found:
        slowest = metrics.quantile("reconnect_s", p=1.0)
        assert found[1] == words.count(int(metrics.value("reconnects") or 0))
        assert found[2] == words.seconds(slowest or 0.0)
    found = re.match(r"([\d,]+) outcomes? of ([\d,]+) subsc", said.get("accounting", ""))
    if found:
        assert found[1] == words.count(int(metrics.value("sent") or 0))
        assert found[2] == words.count(len(metrics.subscribers()))
    found = re.search(r"so were the ([\d,]+) received", said.get("order", ""))
    if found:
        came = sum(int(metrics.value(m) or 0) for m in ("received", "earlier", "duplicates"))
        assert found[1] == words.count(came)
    found = re.search(
        r"the last that was cut off was .* again (.+?) after", said.get("restart", "")
    )
    if found:
        back = [max(t) - r.t_ns for r in story.restarts for t in r.back.values() if t]
        assert found[1] == words.duration(max(back))


CHECKS = (
    check_outcomes, check_delay, check_staleness, check_waiting, check_experience,
    check_findings, check_headline, check_verdicts,
)  # fmt: skip
KINDS = st.sampled_from(["notifications", "state"])


@pytest.mark.timeout(1800)
def test_one_fact_has_one_number():
    @examples(0.25)
    @given(scenarios(), SEEDS, KINDS)
    def same(scenario: Scenario, seed: int, kind: str) -> None:
        scenario = changed(scenario, intent__kind=kind)
        with repeatable(scenario, seed):
            story = tell(simulated(scenario, seed))
            for check in CHECKS:
                check(story)

    same()


SHIPPED = sorted(path for path in (ROOT / "scenarios").rglob("*.yml"))


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_so_it_has_in_every_shipped_scenario(histories, path):
    story = tell(histories.of(load(path), "sim", 1))
    for check in CHECKS:
        check(story)
