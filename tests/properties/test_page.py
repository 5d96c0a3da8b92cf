"""What a check shows of itself: page, terminal and index say what its files say.

Each check is a whole one, of a generated scenario with generated lines of `expect`. Each number in
its sentences is traced to `metrics.csv`, `verdicts.json`, the scenario or the first run; one that
no rule of `tests.properties.said` knows is a failure.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import simrt
from simrt import text as words
from simrt.checkers import Status
from simrt.report import write_index
from simrt.report.text import check_lines, run_lines
from simrt.results import Check
from simrt.scenario import load
from simrt.scenario.metric_names import METRICS
from simrt.scenario.model import Scenario
from simrt.testing import repeatable, scenarios
from tests.docs.rules import ROOT
from tests.properties.facts import DIGITS, Facts, untold
from tests.properties.runs import changed, examples
from tests.properties.said import EXPERIENCE, FINDINGS, VERDICT, cells
from tests.report.reading import Reading, one_line

ALONE = re.compile(r"\[/?[a-z ]+\]|\\(?=\[)")


# --- the page -------------------------------------------------------------------------------------


def check_verdict(facts: Facts, page: Reading) -> None:
    """The verdict's sentence and every line that did not pass, as they stand in the file."""
    told = page.said("verdict", "p", "li")
    assert one_line(facts.verdicts["sentence"]) in told
    others = re.compile("|".join(map(re.escape, judged_elsewhere(facts))))
    for line in told:
        assert untold(facts, others.sub("", line), VERDICT) == []


def judged_elsewhere(facts: Facts) -> list[str]:
    """What checkers say of histories: held by `check_checklist`, and by the checkers' own tests."""
    found = []
    for item in facts.verdicts["items"]:
        for verdict in item["verdicts"]:
            if verdict["check"] not in facts.check.scenario.expect:
                said = [] if verdict["check"] == "settings" else [verdict["sentence"]]
                # The codes of rules stand in the checklist alone.
                said += [re.sub(r" \([A-Z]{3}-\d+\)", "", line) for line in verdict["evidence"]]
                found += [one_line(text.rstrip(".")) for text in (*said, *verdict["evidence"])]
    return sorted(found, key=len, reverse=True)


def check_checklist(facts: Facts, page: Reading) -> None:
    """Sentences are those of the verdicts, word by word; counts are their sums."""
    items = {item["number"]: item for item in facts.verdicts["items"]}
    summaries = page.said("checklist", "summary")
    assert len(summaries) == len(items)
    for number, said in zip(sorted(items), summaries, strict=True):
        item = items[number]
        assert said.endswith(f"{number}. {one_line(item['title'])} {one_line(item['sentence'])}")
    verdicts = [verdict for item in items.values() for verdict in item["verdicts"]]
    sentences = {one_line(verdict["sentence"]) for verdict in verdicts}
    evidence = {one_line(line) for verdict in verdicts for line in verdict["evidence"]}
    judged = {f"{sum(v['judged'] for v in item['verdicts']):,} things" for item in items.values()}
    for text in page.said("checklist", "p", "li"):
        known = text in sentences or text in evidence
        if known or re.match(r"[A-Z]{3}-\d+ |… and \d+ more", text) or not DIGITS.search(text):
            continue
        counted = re.match(r"([\d,]+ things) judged", text)
        if counted:
            assert counted[1] in judged
        else:
            assert re.match(r"[\d,]+ judged| *. \w+ · ", text) or "·" in text, text


def check_experience(facts: Facts, page: Reading) -> None:
    """Each cell, and each number in the sentences, of the first run; the mean over all runs."""
    tables = page.tables_of("experience")
    assert [t.place.heading.split(" ")[0] for t in tables] == facts.groups
    for group, table in zip(facts.groups, tables, strict=True):
        due = cells(facts, group)
        for label, cell in table.rows[1:]:
            known = [said for begin, said in due.items() if label.startswith(begin)]
            if label.startswith("A restart"):
                continue  # held against the figure by `test_words`
            assert known == [cell], label
        about = [line for line in page.lines if line.place == table.place]
        for line in about:
            if line.text.startswith(("At this pace", "A tunnel of")):
                continue  # arithmetic from a pace and the file's own numbers
            assert untold(facts, line.text, EXPERIENCE, group) == []


def check_figures(facts: Facts, page: Reading) -> None:
    """What each figure finds; its table is held by `test_words`."""
    for line in page.lines:
        if line.place.figure and line.tag == "h4":
            assert untold(facts, line.text, FINDINGS) == []


def check_targets(facts: Facts, page: Reading) -> None:
    """Every figure of `metrics.csv` that is not zero, in its words, and no other."""
    shown = {}
    for table in page.tables_of("targets"):
        for (group, label, cell, *_), titles in zip(table.rows[1:], table.titles[1:], strict=True):
            figure = titles[1]
            assert label.lower().startswith(METRICS[figure.split("(")[-1].rstrip(")")].phrase)
            shown["sim", group, figure] = cell
    assert shown == {key: one.cell for key, one in facts.csv.items() if one.value}


def check_certainty(facts: Facts, page: Reading) -> None:
    """How many runs, of which seeds, and what was still on its way."""
    seeds = facts.check.seeds["sim"]
    lines = page.said("certainty", "li")
    of = words.many(len(seeds), "run")
    assert any(line.startswith(f"sim: {of} (seed") and f"{seeds[-1]})" in line for line in lines)
    open_ = int(facts.one.value("unfinished") or 0)
    said = [line for line in lines if "still on their way when" in line]
    expected = f"{words.many(open_, 'event')} on sim were still on their way"
    assert [line.startswith(expected) for line in said] == ([True] if open_ else [])


def check_settings(facts: Facts, page: Reading) -> None:
    """How often each setting acted, as the file has it."""
    (table,) = page.tables_of("feature", heading="Settings")
    acted = {row[0]: row[-1].removeprefix("sim: ") for row in table.rows[1:]}
    assert acted == facts.verdicts["settings"]["sim"]
    drops = facts.csv["sim", "all", "missed"]
    if drops.runs == 1:
        rows = [row for row in facts.history if row.kind == "drop"]
        own = facts.check.scenario.workload.subscribers
        number = sum(row.group in own for row in rows)
        said = re.match(r"[\d,]+(?= event)", acted["onFull"])
        assert (said[0] if said else "0") == words.count(number)


PAGE = (
    check_verdict, check_checklist, check_experience, check_figures, check_targets,
    check_certainty, check_settings,
)  # fmt: skip


# --- terminal and index ---------------------------------------------------------------------------


def check_terminal(facts: Facts) -> None:
    """The same sentences as on the page: the verdict, each item, every line that did not pass."""
    check = facts.check
    said = [one_line(ALONE.sub("", line)) for line in check_lines(check)]
    assert said[0].endswith(one_line(f"({check.scenario.name}): {check.sentence}"))
    for item in facts.verdicts["items"]:
        told = one_line(f"{item['number']}. {item['title']}: {item['sentence']}")
        assert any(line.endswith(told) for line in said)
    for line in facts.verdicts["deciding"]:
        assert any(one_line(line) in one for one in said)


def check_index(facts: Facts, reports: Path) -> None:
    """The index says the verdict's sentence and every line that did not pass."""
    page = Reading(write_index(reports).read_text("utf-8"))
    text = one_line(" ".join([*(c for t in page.tables for r in t.rows for c in r),
                              *(line.text for line in page.lines)]))  # fmt: skip
    assert one_line(facts.verdicts["sentence"]) in text
    deciding = facts.verdicts["deciding"]
    for line in deciding if len(deciding) > 1 else ():
        assert one_line(line) in text


def check_run(facts: Facts) -> None:
    """A run alone, on the terminal and in a notebook: each line of `expect`, as it was judged."""
    run = facts.check.runs[0]
    said = [one_line(ALONE.sub("", line)) for line in run_lines(run)]
    notebook = Reading(run._repr_html_())
    for verdict in run.expected:
        told = one_line(f"{verdict.check}: {verdict.sentence}")
        assert any(line.endswith(told) for line in said)
        assert any(line.text.endswith(told) for line in notebook.lines)
        if verdict.status is run.status in (Status.FAIL, Status.INCONCLUSIVE):
            assert verdict.sentence in repr(run)


# --- over generated scenarios ---------------------------------------------------------------------

_BOUNDS = {"fraction": ("0", "0.3", "1"), "s": ("0.5", "2"), "messages": ("0", "7")}
_ASKED = (
    "missed_fraction", "missed", "staleness_s", "outdated_fraction", "latency_s", "reconnect_s",
)  # fmt: skip
_LINES = ("{}", "{}", "not {}", "always({})", "in 60 % of runs {}")


@st.composite
def lines(draw: st.DrawFn) -> list[str]:
    """Lines of `expect`: means, percentiles, of every run, of a share of runs, turned around."""
    found = []
    for _ in range(draw(st.integers(0, 3))):
        metric = draw(st.sampled_from(_ASKED))
        figure = f"{metric}({draw(st.sampled_from(('a', 'all')))})"
        if METRICS[metric].over and draw(st.booleans()):
            figure = f"p90({metric}, {figure.split('(')[1]}"
        operator = draw(st.sampled_from(("<=", "<=", "<", ">=", ">", "==")))
        line = f"{figure} {operator} {draw(st.sampled_from(_BOUNDS[METRICS[metric].unit]))}"
        found.append(draw(st.sampled_from(_LINES)).format(line))
    return list(dict.fromkeys(found))


def checked(scenario: Scenario, runs: int, reports: Path) -> Facts:
    """A check on the simulator, and what is so of it."""
    check: Check = simrt.check(scenario, on="sim", runs=runs, reports=reports)
    assert check.folder is not None
    return Facts(check, check.folder, check.runs[0].history.load())


def hold(facts: Facts, reports: Path) -> None:
    """All that must be so."""
    page = Reading((facts.folder / "report.html").read_text("utf-8"))
    assert [text for text in page.loose if DIGITS.search(text)] == []
    for check in PAGE:
        check(facts, page)
    check_terminal(facts)
    check_index(facts, reports)
    check_run(facts)


@pytest.mark.timeout(1800)
def test_a_check_says_the_same_everywhere(tmp_path_factory, monkeypatch):
    # In this process: a new one for each of the runs would take longer than all of them.
    monkeypatch.setattr("simrt.workers.cpu_count", lambda: 1)

    @examples(0.05)
    @given(scenarios(), st.sampled_from(("notifications", "state")), lines(), st.booleans(),
           st.sampled_from((1, 3, 20)))  # fmt: skip
    def same(scenario: Scenario, kind: str, expect: list[str], answered: bool, runs: int) -> None:
        scenario = changed(scenario, intent__kind=kind, expect=expect)
        if answered:
            scenario = changed(scenario, intent__needs=[], intent__useful_for="1s")
        reports = tmp_path_factory.mktemp("reports")
        with repeatable(scenario, 1):
            hold(checked(scenario, runs, reports), reports)

    same()


@pytest.mark.parametrize("name", ["live-admin-notifications", "a-silent-tunnel"])
def test_so_does_one_of_a_shipped_scenario(tmp_path, monkeypatch, name):
    monkeypatch.setattr("simrt.workers.cpu_count", lambda: 1)
    (path,) = (ROOT / "scenarios").rglob(f"{name}.yml")
    hold(checked(load(path), 2, tmp_path), tmp_path)
