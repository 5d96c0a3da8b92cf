"""One fact, one number: sentences, tables and figures of a run say what its metrics say.

Each number is read back from the page that a reader sees and compared with the metric's value in
the wording of `simrt.text`, over generated scenarios. What a whole check says of many runs is held
by `test_page`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simrt import text as words
from simrt.checkers import Status, judge
from simrt.fit import Fit
from simrt.metrics import Metrics, estimates
from simrt.report.html import report_html
from simrt.report.palette import MISSED as LOOKS
from simrt.report.palette import RECEIVED, UNFINISHED
from simrt.report.story import CODES, Person, Story, tell
from simrt.scenario import load
from simrt.scenario.metric_names import MISSED, OUTCOMES
from simrt.scenario.model import Scenario
from simrt.summary import sentence_of
from simrt.testing import repeatable, scenarios
from tests.docs.rules import ROOT
from tests.properties.runs import SEEDS, changed, examples, simulated
from tests.report.checks import check_of
from tests.report.reading import Reading
from tests.targets.small import small

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


@dataclass(frozen=True)
class Shown:
    """A run, and the page that shows it.

    Attributes:
        story: the run; its metrics are the facts.
        page: what stands on the page.
    """

    story: Story
    page: Reading

    @classmethod
    def of(cls, story: Story) -> Shown:
        """The page of a check of this run alone."""
        return cls(story, Reading(report_html(check_of([story.history], story.scenario))))

    def rows(self, figure: str) -> list[list[str]]:
        """The table below a figure."""
        return self.page.table("figures", f"{figure}-sim").rows[1:]

    def said(self, figure: str, tag: str) -> str:
        """What a figure says: `h4` its finding, `desc` its content in words, `p` its note."""
        found = [
            line.text
            for line in self.page.lines
            if (line.place.figure, line.tag) == (f"{figure}-sim", tag)
        ]
        return " ".join(found)

    def group(self, group: str) -> tuple[str, dict[str, str]]:
        """What users of a group experience: the sentences, and the table's cells by their label."""
        (table,) = [
            one
            for one in self.page.tables_of("experience")
            if one.place.heading.startswith(f"{group} (")
        ]
        sentences = [line.text for line in self.page.lines if line.place == table.place]
        return " ".join(sentences), {row[0]: row[1] for row in table.rows[1:]}


def numbers(cells: list[str]) -> list[int]:
    """The counts in some cells."""
    return [int(cell.replace(",", "")) for cell in cells]


def check_outcomes(shown: Shown) -> None:
    metrics, alt = shown.story.metrics, shown.said("outcomes", "desc")
    for group, *cells in shown.rows("outcomes"):
        counts = metrics.outcomes(group)
        sent = sum(counts.values())
        assert numbers(cells) == [sent, *(counts[name] for name in OUTCOMES)]
        missed = metrics.value("missed", group)
        assert missed == sum(counts[name] for name in MISSED)
        if f"{group}: " in alt:
            looks = [RECEIVED, *LOOKS, UNFINISHED]
            told = [
                f"{words.share_and_odds(counts[look.name] / sent)} {look.label}"
                for look in looks
                if counts[look.name]
            ]
            assert f"{group}: {words.listing(told)}." in alt


def check_timeline(shown: Shown) -> None:
    metrics, alt = shown.story.metrics, shown.said("timeline", "desc")
    assert alt.startswith(f"{words.many(len(shown.story.send_ns), 'event')} sent.")
    head = shown.page.table("figures", "timeline-sim").head
    for row in shown.rows("timeline"):
        name = row[0].partition(" ")[0]
        cells = dict(zip(head, row, strict=True))
        if name not in metrics.subscribers():
            assert numbers(row[1:5]) == [0, 0, 0, 0]
            continue
        counts, totals = metrics.outcomes(subscriber=name), metrics.totals(subscriber=name)
        assert numbers(row[1:5]) == [
            sum(counts.values()), counts["received"], totals.replay_latencies, totals.duplicates,
        ]  # fmt: skip
        for look in (*LOOKS, UNFINISHED):
            said = cells.get(words.capital(look.label), "0")
            assert said == words.count(counts[look.name])
        missed, of = sum(counts[look.name] for look in LOOKS), sum(counts.values())
        state = shown.story.scenario.intent.kind == "state"
        lost = f"{missed} of {of} never arrived" if state else f"missed {missed} of {of}"
        assert re.search(rf"{name}(?:, \w+ of its group)?: {lost}[ .]", alt)


def check_closeup(shown: Shown) -> None:
    """A stretch of the run, named by its rounded length and the second in which it begins."""
    if not shown.page.tables_of("figures", "closeup-sim"):
        return
    story = shown.story
    rows = {row[0]: numbers(row[1:]) for row in shown.rows("closeup")}
    finding, alt = shown.said("closeup", "h4"), shown.said("closeup", "desc")
    _, length, begin, _ = re.split(r"The (.*?) from (.*?) after the start", alt, maxsplit=1)
    people = [person for person in story.people if person.name in rows]
    assert any(
        all(rows[one.name] == counted(one, first, last) for one in people)
        for first, last in stretches(story.send_ns, length, begin)
    )
    for name, (of, arrived, missed) in rows.items():
        assert f"{name}: {arrived} of {of} events arrived, {missed} " in alt
    most = max(missed for _, _, missed in rows.values())
    if most:
        assert re.search(rf"\b{words.count(most)} of", finding)
    else:
        assert "nobody shown misses" in finding or "all events reach" in finding


def stretches(send_ns: Sequence[int], length: str, begin: str) -> Iterator[tuple[int, int]]:
    """From which send to which a stretch can go that is worded so."""
    for first, start in enumerate(send_ns):
        if words.clock_time(start) != begin:
            continue
        for last in range(first, len(send_ns)):
            ns = max(send_ns[last] - start, 1_000_000)
            if words.duration(ns) == length:
                yield first, last


def counted(person: Person, first: int, last: int) -> list[int]:
    """Of these sends: how many were to a subscriber, how many it received, how many it missed."""
    codes = person.outcomes[first : last + 1]
    arrived, open_ = codes.count(CODES["received"]), codes.count(CODES["unfinished"])
    to = len(codes) - codes.count(0)
    return [to, arrived, to - arrived - open_]


def check_reconnects(shown: Shown) -> None:
    if not shown.page.tables_of("figures", "reconnects-sim"):
        return
    rows = shown.rows("reconnects")
    ended, back = (sum(numbers([row[place] for row in rows])) for place in (1, 2))
    finding = shown.said("reconnects", "h4")
    if ended == back:
        assert f"all {words.many(ended, 'client')} that it cut off are back" in finding
    elif back:
        assert f"{words.count(ended - back)} of {words.count(ended)} clients" in finding
    last = [row[-1] for row in rows if row[-1] != words.NOTHING]
    assert not back or any(finding.endswith(f"within {one}") for one in last)
    if len(shown.story.restarts) > 1:
        return
    for group, of, came, *_ in rows:
        (cell,) = [c for label, c in shown.group(group)[1].items() if label.startswith("A restart")]
        (mine,) = [row[-1] for row in rows if row[0] == group]
        if of == came:
            assert cell.startswith(f"all back within {mine}")
        else:
            away = words.count(numbers([of])[0] - numbers([came])[0])
            assert cell.startswith(f"{away} of {of} never back")


def check_delay(shown: Shown) -> None:
    rows, metrics = shown.rows("delay"), shown.story.metrics
    for group in shown.story.groups:
        mine = {row[1]: row for row in rows if row[0] == group}
        number = sum(int(row[2].replace(",", "")) for row in mine.values())
        assert number == metrics.value("received", group)
        live = spread(metrics, "live_latency_s", group)
        assert bool(live) == ("live" in mine)
        if live:
            _, _, _, half, most, _, last = mine["live"]
            assert [half, most, last] == live
        if len(mine) == 1 and "by replay" in mine:
            _, _, _, half, most, _, last = mine["by replay"]
            every = spread(metrics, "latency_s", group)
            assert [half, most, last] == every


def check_staleness(shown: Shown) -> None:
    story, alt = shown.story, shown.said("staleness", "desc")
    for group in story.groups:
        said = spread(story.metrics, "staleness_s", group)
        text = f"{group} never had an event."
        if said:
            middle, high, worst = said
            text = f"{group}: median age {middle}, 90 % of moments below {high}, at most {worst}."
        assert text in alt
    oldest = [story.metrics.quantile("staleness_s", group, 1.0) for group in story.groups]
    known = [age for age in oldest if age is not None]
    if known and story.scenario.intent.kind != "state":
        finding = shown.said("staleness", "h4")
        assert f"see news up to {words.seconds(max(known))} old" in finding


def check_waiting(shown: Shown) -> None:
    metrics = shown.story.metrics
    for name, pending, _, flying, _ in shown.rows("waiting"):
        if name not in metrics.subscribers():
            continue  # never accepted
        values = [metrics.value(m, subscriber=name) for m in ("pending_max", "in_flight_max")]
        assert [pending, flying] == [words.count(int(v or 0)) for v in values]


def check_experience(shown: Shown) -> None:
    metrics = shown.story.metrics
    state = shown.story.scenario.intent.kind == "state"
    for group in shown.story.groups:
        summary, lines = shown.group(group)
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
            check_outdated(metrics, group, summary, lines)
        else:
            assert f"of 100 events {words.of_hundred(received / sent)} arrive" in summary
            says = f"{words.of_hundred(share)} are missed" if missed else "none is missed"
            assert says in summary
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


def check_findings(shown: Shown) -> None:
    story, finding = shown.story, shown.said("timeline", "h4")
    state = story.scenario.intent.kind == "state"
    metric = "outdated_fraction" if state else "missed_fraction"
    most, groups = largest(story, metric)
    if story.send_ns and any(story.metrics.value("sent", g) for g in story.groups):
        if not most:
            assert finding.startswith("Nobody ")
        else:
            said = words.share_and_odds(most)
            wordings = [" of the time for", " for"] if state else [
                " of the events sent to", " of those sent to",
            ]  # fmt: skip
            parts = [f"{said}{wording} {group}" for wording in wordings for group in groups]
            assert any(part in finding for part in parts), finding
    if state:
        everything = [shown.said("timeline", tag) for tag in ("h4", "desc", "p")]
        assert "issed" not in " ".join(everything)
        ages = shown.said("staleness", "h4")
        if most and "no age" not in ages:
            assert f"see an outdated value {words.share(most)} of the time" in ages


def check_headline(shown: Shown) -> None:
    """The verdict's sentence, of one run."""
    story = shown.story
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


def check_verdicts(shown: Shown) -> None:
    """What the checklist says, from a fold of its own, against the metrics."""
    story = shown.story
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
    check_outcomes, check_timeline, check_closeup, check_reconnects, check_delay, check_staleness,
    check_waiting, check_experience, check_findings, check_headline, check_verdicts,
)  # fmt: skip
KINDS = st.sampled_from(["notifications", "state"])


@pytest.mark.timeout(1800)
def test_one_fact_has_one_number():
    @examples(0.2)
    @given(scenarios(), SEEDS, KINDS)
    def same(scenario: Scenario, seed: int, kind: str) -> None:
        scenario = changed(scenario, intent__kind=kind)
        with repeatable(scenario, seed):
            shown = Shown.of(tell(simulated(scenario, seed)))
            for check in CHECKS:
                check(shown)

    same()


SHIPPED = sorted(path for path in (ROOT / "scenarios").rglob("*.yml"))


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_so_it_has_in_every_shipped_scenario(histories, path):
    shown = Shown.of(tell(histories.of(load(path), "sim", 1)))
    for check in CHECKS:
        check(shown)


def test_a_closer_look_counts_what_is_still_on_its_way() -> None:
    """Events that wait at the end were sent, though they neither arrived nor were missed."""
    buffer = {"bufferSize": 600, "onFull": "drop-newest", "messageTTL": "none"}
    made = changed(
        small(duration="25s", subscribers={"g": {"drain": "100ms", "window": 1}}),
        feature__options=buffer,
        workload__publish=[{"event": "e", "arrivals": {"periodic": "40/s"}}],
        server={"quiet": "0s"},
    )
    shown = Shown.of(tell(simulated(made, 1)))
    ((_, sent, arrived, missed),) = shown.rows("closeup")
    assert int(arrived) + int(missed) < int(sent)
    check_closeup(shown)
