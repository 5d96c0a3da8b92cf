"""The page: whole, ordered, honest, and safe against what it shows."""

import re
from dataclasses import replace

import pytest

from simrt.checkers.verdict import Status
from simrt.report.html import report_html
from simrt.report.notebook import run_html
from simrt.report.rules import RULES, sentence
from tests.report.checks import check_of, run_of, usual, verdict
from tests.report.page import Page
from tests.report.synthetic import play, scenario

HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)>\"'&{{ 7*7 }}"


def undrawn(check):
    """The same check without its runs: no figures, so that a test of words is quick."""
    return Page(report_html(replace(check, runs=())))


@pytest.fixture(scope="module")
def text(written_report):
    return (written_report / "report.html").read_text("utf-8")


@pytest.fixture(scope="module")
def page(text):
    return Page(text)


def test_it_is_one_file_that_asks_nobody(text, page):
    assert not re.search(r"(?:https?:)?//", text)
    assert not page.all("script")
    for element in page.elements:
        for name in ("src", "href"):
            value = element[1].get(name)
            assert value is None or value.startswith(("#", "data:"))
    (policy,) = page.all("meta", **{"http-equiv": "Content-Security-Policy"})
    assert "default-src 'none'" in policy[1]["content"]
    assert "url(" not in re.sub(r"url\(#[^)]*\)", "", text)
    assert "@import" not in text


def test_it_is_well_formed_and_ids_are_unique(page):
    ids = [element[1]["id"] for element in page.elements if "id" in element[1]]
    assert len(ids) == len(set(ids))
    for element in page.elements:
        for name in element[1].get("aria-labelledby", "").split():
            assert name in ids


def test_the_order_is_that_of_a_reader_who_may_stop_anywhere(page):
    assert [e[1]["id"] for e in page.all("section")] == [
        "verdict", "checklist", "experience", "feature", "figures", "targets", "certainty",
        "reproduce", "glossary",
    ]  # fmt: skip


def test_it_stays_small(text):
    assert len(text.encode()) < 1_500_000


def test_both_themes_and_paper(text):
    assert "@media screen and (prefers-color-scheme: dark)" in text
    assert "@media print" in text
    assert "size: A4" in text


def test_the_checklist_unfolds_to_its_evidence(page):
    rows = page.all("section", id="checklist")[0][2]
    for number in range(1, 7):
        assert f"{number}. " in rows
    assert "160 judged" not in rows
    assert "120 judged in 3 runs." in rows
    assert "40 judged in 1 run." in rows
    assert "BUF-2 drop-oldest: a full queue loses its oldest event to the new one." in rows
    assert "Not applicable" in rows
    assert "No site is named." in rows


def test_every_rule_has_a_sentence():
    from tests.docs.rules import SEMANTICS, rules_of

    declared = {rule.id for rule in rules_of(SEMANTICS.read_text("utf-8"))}
    network = {f"NET-{number}" for number in range(1, 10)}
    assert declared | network == set(RULES)
    assert all(text.endswith(".") and len(text) < 100 for text in RULES.values())
    assert sentence("XYZ-1") == "see docs/semantics.md"


def test_what_users_experience_is_said_for_every_group(page):
    section = " ".join(page.all("section", id="experience")[0][2].split())
    assert re.search(
        r"On sim, seed 1: of 100 events 93 arrive, none of them too late; 7 are missed, all "
        r"dropped \(oldest\)\. Over 3 runs",
        section,
    )
    assert "13 are missed: 11 sent while offline and 1.1 lost with the connection." in section
    assert (
        "A reconnect here, on average: the client misses about 7.3 events by it, gets none twice, "
        "and is current again 8.2 s after the connection ended."
    ) in section
    assert "A tunnel of 30 s, and 4 s until the client tries again" in section
    assert "replay brings back at most 3 of them, the others are missed" in section


def test_settings_say_whether_they_were_decided(page):
    section = " ".join(page.all("section", id="feature")[0][2].split())
    assert "maxAge none left to default" in section
    assert "bufferSize 8 written down" in section
    assert (
        "On sim, for office and train: up to 12 events wait for a slow client: 8 in the buffer, "
        "which your settings govern, and 4 in the network, which they don't." in section
    )
    assert "about 34 in the network, as measured (6.6 KiB)" in section
    assert "GET /shop/admin/notifications" in section
    assert "Signed-in users (JWT): GET" in section
    assert "Field Type Required id string yes status" in section


def test_how_sure_says_runs_seeds_and_resolution(page):
    section = " ".join(page.all("section", id="certainty")[0][2].split())
    assert "sim: 3 runs (seeds 1 to 3)" in section
    assert "server: 1 run (seed 1)" in section
    assert "times finer than 8 ms mean nothing there" in section
    assert "not applicable. No site is named." in section


def test_a_path_of_the_command_may_continue_after_a_slash_alone():
    """And what is copied from the page is the command."""
    command = "simrt check /a/long/way/to/catch-all-channel.yml --on sim"
    text = report_html(replace(usual(), command=command))
    assert "/<wbr>a/<wbr>long/<wbr>way/<wbr>to/<wbr>catch-all-channel.yml" in text
    assert command in re.sub("<wbr>", "", text)


def test_reproduce_holds_command_versions_and_the_whole_scenario(page):
    section = page.all("section", id="reproduce")[0][2]
    assert "simrt check admin.yml --seed 1" in section
    assert "python 3.11.7, simrt 0.1.0" in " ".join(section.split())
    assert "useful_for: 30s" in section


@pytest.mark.parametrize("status", [Status.FAIL, Status.INCONCLUSIVE, Status.NOT_APPLICABLE])
def test_each_status_is_shown_with_its_reason(status):
    scene = scenario()
    reason = f"Here is why: {status.value} <5 of 3>."
    finding = verdict("loss", status=status, judged=0, sentence=reason, target="sim", seed=9,
                      evidence=tuple(f"line {n}" for n in range(12)))  # fmt: skip
    check = check_of([play(scene)], scene, extra=[finding], sentence="The sentence.")
    page = undrawn(check)
    rows = " ".join(page.all("section", id="checklist")[0][2].split())
    word = {"fail": "Fail", "inconclusive": "Inconclusive", "not-applicable": "Not applicable"}
    assert word[status.value] in rows
    if status is Status.NOT_APPLICABLE:
        assert check.status is Status.PASS
    else:
        assert check.status is status
        assert reason in rows
        assert "in 1 (first: seed 9)" in rows
        assert "line 7" in rows
        assert "line 8" not in rows
        assert "and 4 more" in rows
        verdict_part = page.all("section", id="verdict")[0][2]
        assert f"On sim: {reason[:-1]}." in " ".join(verdict_part.split())
    if status is not Status.FAIL:
        assert reason in page.all("section", id="certainty")[0][2] or status is Status.PASS


def test_a_declared_counterexample_says_so():
    scene = scenario(outcome={"fail": ["loss"]})
    page = undrawn(check_of([play(scene)], scene))
    assert "it passes exactly when what it declares fails, and nothing else: loss." in page.text()


def hostile_scene():
    feature = scenario().normalised()["feature"]
    feature["events"] = {
        HOSTILE: {
            "type": "object",
            "properties": {HOSTILE: {"type": "string"}, "$x_1^2$": {"enum": [HOSTILE]}},
            "examples": [{HOSTILE: HOSTILE}],
        }
    }
    feature["channel"] = HOSTILE
    feature["senders"][0]["sends"] = HOSTILE
    workload = scenario().normalised()["workload"]
    workload["publish"][0]["event"] = HOSTILE
    return scenario(
        title=HOSTILE, question=HOSTILE, feature=feature, workload=workload, expect=[HOSTILE]
    )


def test_what_others_wrote_stays_text():
    scene = hostile_scene()
    bad = verdict("loss", status=Status.FAIL, sentence=HOSTILE, evidence=(HOSTILE,))
    check = check_of([play(scene)], scene, extra=[bad], sentence=HOSTILE)
    check = replace(check, command=HOSTILE, fit_reason=HOSTILE)
    text = report_html(check)
    page = Page(text)
    assert not page.all("script")
    assert not page.all("img")
    assert "49" not in page.all("h1")[0][2]
    assert page.all("h1")[0][2] == HOSTILE
    assert page.all("section", id="reproduce")[0][2].count(HOSTILE) >= 1
    inside = Page(run_html(check.runs[0]))
    assert not inside.all("script")
    assert not inside.all("img")


def test_a_lone_surrogate_costs_no_report(tmp_path):
    from simrt.report import write_report

    scene = scenario()
    check = replace(check_of([play(scene)], scene, sentence="broken \ud800 text"), runs=())
    assert "broken ? text" in write_report(check, tmp_path).read_text("utf-8")


def test_no_kept_run_is_no_crash():
    check = replace(usual(), runs=(), estimates=())
    page = Page(report_html(check))
    assert "No run was kept" in page.text()
    assert "No figure was measured" in page.text()


def test_nothing_sent_is_no_crash():
    workload = {"duration": "10s", "subscribers": {"office": {"count": 2}}}
    scene = scenario(workload=workload, faults=[], expect=[])
    page = Page(report_html(check_of([play(scene)], scene)))
    assert "no event was sent while anybody of this group was connected" in page.text()


def test_one_target_is_not_compared_and_the_page_says_so():
    scene = scenario()
    page = undrawn(check_of([play(scene)], scene))
    assert "Compared" not in page.text()
    assert "Only one target was run, so nothing confirms it." in page.text()
    assert "One run: its figures are what happened once" in page.text()


def test_targets_that_differ_are_marked():
    scene = scenario()
    workload = scene.normalised()["workload"]
    workload["subscribers"]["train"]["drain"] = "900ms"
    slow = play(scenario(workload=workload), "server")
    page = undrawn(check_of([play(scene, seed=n) for n in (1, 2, 3)] + [slow], scene))
    section = " ".join(page.all("section", id="targets")[0][2].split())
    assert "differ, more than single runs do" in section
    assert "the others are marked" in section
    same = [play(scene, seed=n) for n in (1, 2, 3)] + [play(scene, "server", 2)]
    section = undrawn(check_of(same, scene)).all("section", id="targets")[0][2]
    assert "The targets agree in all" in section
    assert "differ" not in section


def test_a_run_in_a_notebook_brings_all_it_needs():
    inside = Page(run_html(run_of(play())))
    assert len(inside.all("svg")) == 2
    assert "--paper:#ffffff" in inside.elements[0][1]["style"]
    assert not inside.all("style")
    assert "6 verdicts" in inside.text("div")
