"""A check's folder, the index over all of them, and the bound on how many are kept."""

import csv
import json
from dataclasses import replace
from shutil import copytree
from xml.etree import ElementTree as ET

import pytest

from simrt.checkers.verdict import Status, Verdict
from simrt.fit import NEEDS, fit_of
from simrt.report import prune, write_index, write_report
from simrt.report.junit import junit_xml
from simrt.report.source import scenario_yaml
from simrt.report.tables import COLUMNS, metrics_csv, verdicts_json
from simrt.report.text import annotation_lines, check_lines
from simrt.scenario import load
from simrt.scenario.model import Scenario
from tests.report.checks import REPORTED_IN, check_of, usual, usual_anew, verdict
from tests.report.page import Page
from tests.report.synthetic import play, scenario

FILES = {
    "report.html", "verdicts.json", "metrics.csv", "junit.xml", "scenario.yml", "environment.json",
}  # fmt: skip


@pytest.fixture(scope="module")
def check():
    return usual(REPORTED_IN)


def test_the_folder_holds_what_is_promised_and_nothing_else(written_report):
    assert {file.name for file in written_report.iterdir()} == FILES


def test_the_same_runs_give_the_same_bytes_also_over_an_old_report(written_report, tmp_path):
    """Figures, page and tables, from runs that were made, measured and drawn anew."""
    folder = tmp_path / "deep" / "er"
    copytree(written_report, folder)
    (folder / "report.html").write_text("old")
    assert write_report(usual_anew(REPORTED_IN), folder) == folder / "report.html"
    first, again = (
        {file.name: file.read_bytes() for file in one.iterdir()} for one in (written_report, folder)
    )
    assert again == first


def test_folders_that_are_missing_are_made(check, tmp_path):
    folder = tmp_path / "deep" / "er"
    assert write_report(replace(check, runs=()), folder) == folder / "report.html"
    assert {file.name for file in folder.iterdir()} == FILES


def test_the_scenario_loads_back_equal(check, tmp_path):
    path = tmp_path / "scenario.yml"
    path.write_text(scenario_yaml(check.scenario), "utf-8")
    assert load(path).normalised() == check.scenario.normalised()
    keys = [line.split(":")[0] for line in path.read_text().splitlines() if line[0].isalpha()]
    assert keys == list(check.scenario.normalised())
    assert load(path).feature.undecided == ("maxAge",)
    # Text that YAML could take for something else stays text.
    strange = scenario(title="no", question="1:30 # not a comment\n- list")
    path.write_text(scenario_yaml(strange), "utf-8")
    assert load(path).normalised() == strange.normalised()


def test_metrics_are_all_there_in_full_precision(check):
    rows = list(csv.DictReader(metrics_csv(check).splitlines()))
    assert tuple(rows[0]) == COLUMNS
    assert len(rows) == len(check.estimates)
    for row, estimate in zip(rows, check.estimates, strict=True):
        assert (row["target"], row["group"], row["metric"]) == (
            estimate.target, estimate.group, estimate.metric,
        )  # fmt: skip
        value = float(row["value"]) if row["value"] else None
        assert value == estimate.value
    assert {row["unit"] for row in rows if row["metric"] == "p90(staleness_s)"} == {"s"}


def test_verdicts_name_every_verdict(check):
    data = verdicts_json(check)
    assert data["exit_code"] == 0
    assert [item["number"] for item in data["items"]] == [1, 2, 3, 4, 5, 6]
    assert sum(len(item["verdicts"]) for item in data["items"]) == 4 * 6
    assert json.loads(json.dumps(data)) == data


def test_the_environment_says_what_repeats_it(check, written_report):
    data = json.loads((written_report / "environment.json").read_text())
    assert data["command"] == check.command
    assert data["versions"] == {"python": "3.11.7", "simrt": "0.1.0"}
    assert data["seeds"] == {"sim": [1, 2, 3], "server": [1]}
    assert [run["speed"] for run in data["runs"]] == [1.0, 1.0, 1.0, 4.0]


def test_histories_are_named_from_the_check_and_never_by_where_the_machine_keeps_them(tmp_path):
    scene = scenario()
    history = play(scene)
    history.save(tmp_path / "sim-1.jsonl.gz")
    from simrt.history import read_history

    stored = read_history(tmp_path / "sim-1.jsonl.gz")
    inside = check_of([stored], scene, folder=tmp_path)
    write_report(inside, tmp_path)
    outside = check_of([stored], scene, folder=tmp_path / "other")
    write_report(outside, tmp_path / "other")
    for folder in (tmp_path, tmp_path / "other"):
        for file in FILES:
            assert str(tmp_path) not in (folder / file).read_text("utf-8")
        data = json.loads((folder / "environment.json").read_text())
        assert data["runs"][0]["history"] == "sim-1.jsonl.gz"


def suites(check):
    root = ET.fromstring(junit_xml(check))
    return root, {case.attrib["name"]: case for case in root.iter("testcase")}


def test_junit_counts_what_it_holds(check):
    root, cases = suites(check)
    assert root.attrib["tests"] == "26"  # 24 verdicts, item 6 that has none, and the fit
    assert (root.attrib["failures"], root.attrib["errors"], root.attrib["skipped"]) == (
        "0", "0", "1",
    )  # fmt: skip
    assert cases["loss on sim, seed 2"].attrib["classname"].endswith(".sim")


def test_an_undecided_fit_is_told_wherever_programs_and_people_read(tmp_path):
    made = scenario()
    data = made.normalised()
    data["intent"].pop("needs", None)
    made = Scenario.model_validate(data)
    fit, reason = fit_of(made)
    assert fit == "undecided"
    check = replace(check_of([play(made)], made), fit=fit, fit_reason=reason)
    said = verdicts_json(check)
    assert (said["fit"], said["exit_code"]) == ("undecided", 0)
    assert said["fit_questions"] == [need.question for need in NEEDS.values()]
    _, cases = suites(check)
    assert cases["fit"].find("skipped").attrib["message"] == f"undecided: {reason}"
    write_report(check, tmp_path / "s" / "20260101T000000-1")
    page = Page((tmp_path / "s" / "20260101T000000-1" / "report.html").read_text("utf-8")).text()
    assert "Fit undecided" in page
    assert all(page.count(need.question) >= 2 for need in NEEDS.values())  # headline and feature
    assert "Undecided" in Page(write_index(tmp_path).read_text("utf-8")).text()


def test_every_finding_is_told_on_terminal_index_page_and_annotation(tmp_path):
    scene = scenario()
    wrong = [
        Verdict(f"missed(train) <= {n}", Status.FAIL, 1, f"Too many: {n}", (), 3, (), "sim")
        for n in range(5)
    ]
    check = check_of([play(scene)], scene, extra=wrong)
    write_report(check, tmp_path / "s" / "20260101T000000-1")
    index = Page(write_index(tmp_path).read_text("utf-8")).text()
    page = Page((tmp_path / "s" / "20260101T000000-1" / "report.html").read_text("utf-8")).text()
    terminal = "\n".join(check_lines(check))
    annotations = "\n".join(annotation_lines(check))
    for one in wrong:
        for shown in (index, page, terminal, annotations):
            assert one.sentence in shown
    assert [line.split(": ")[1] for line in verdicts_json(check)["deciding"]] == ["Too many"] * len(
        wrong
    )


def test_junit_tells_a_good_fit(check):
    _, cases = suites(check)
    assert cases["fit"].find("skipped") is None
    assert verdicts_json(check)["fit_questions"] == []


def test_junit_tells_fail_from_inconclusive_from_not_applicable():
    scene = scenario()
    extra = [
        verdict(
            "loss", check="a", status=Status.FAIL, sentence="bad \x00\x1b & <", evidence=("e",)
        ),
        verdict("loss", check="b", status=Status.INCONCLUSIVE),
        verdict("loss", check="c", status=Status.NOT_APPLICABLE),
    ]
    root, cases = suites(check_of([play(scene)], scene, extra=extra))
    assert cases["a"].find("failure").attrib["message"] == "bad \ufffd\ufffd & <"
    assert cases["a"].find("failure").text.endswith("e")
    assert cases["b"].find("error").attrib["type"] == "inconclusive"
    assert cases["c"].find("skipped") is not None
    assert (root.attrib["failures"], root.attrib["errors"]) == ("1", "1")


def test_junit_of_a_counterexample_that_failed_as_declared_is_green():
    scene = scenario(outcome={"fail": ["a"]})
    extra = [verdict("loss", check="a", status=Status.FAIL, sentence="as expected")]
    failed = check_of([play(scene)], scene, extra=extra)
    root, cases = suites(replace(failed, status=Status.PASS))
    assert root.attrib["failures"] == "0"
    assert "as the scenario declares" in cases["a"].find("skipped").attrib["message"]
    root, _ = suites(failed)  # another check failed too: nothing is excused
    assert root.attrib["failures"] == "1"


# --- the index ----------------------------------------------------------------------------------


def keep(reports, name, stamp, **changes):
    folder = reports / name / stamp
    folder.mkdir(parents=True)
    data = {**verdicts_json(usual()), "scenario": name, "title": f"Title of {name}", **changes}
    (folder / "verdicts.json").write_text(json.dumps(data))
    (folder / "report.html").write_text("x")
    return folder


def test_the_index_lists_all_checks_newest_first(tmp_path):
    keep(tmp_path, "b", "20261123T090000.000000Z-1")
    keep(tmp_path, "a", "20261124T090000.000000Z-1", status="fail", title="<b>bold</b>")
    keep(tmp_path, "a", "20261122T090000.000000Z-1", status="inconclusive")
    text = write_index(tmp_path).read_text("utf-8")
    page = Page(text)
    links = [link[1]["href"] for link in page.all("a")]
    assert links == [
        "a/20261124T090000.000000Z-1/report.html",
        "b/20261123T090000.000000Z-1/report.html",
        "a/20261122T090000.000000Z-1/report.html",
    ]
    assert page.all("a")[0][2] == "<b>bold</b>"
    assert "3 kept checks" in page.text()
    assert "2026-11-24 09:00" in page.text()
    for word in ("Fail", "Pass", "Inconclusive"):
        assert word in page.text()
    assert "//" not in text
    assert (tmp_path / links[0]).exists()


def test_what_cannot_be_read_is_counted_and_not_shown(tmp_path):
    keep(tmp_path, "good", "20261123T090000.000000Z-1")
    for number, content in enumerate(
        ("{", "[]", "{}", '{"format": "other"}', '{"format": "simrt-verdicts/1", "status": "x"}')
    ):
        folder = tmp_path / "bad" / str(number)
        folder.mkdir(parents=True)
        (folder / "verdicts.json").write_text(content)
    (tmp_path / "unfinished" / "1").mkdir(parents=True)
    page = Page(write_index(tmp_path).read_text("utf-8"))
    assert "1 kept check," in page.text()
    assert "5 folders left out" in page.text()


def test_an_index_of_nothing_says_what_to_do(tmp_path):
    assert "simrt check makes one" in Page(write_index(tmp_path / "new").read_text()).text()


def test_prune_removes_the_oldest_of_each_scenario_and_nothing_else(tmp_path):
    stamps = [f"2026112{day}T090000.000000Z-1" for day in range(5)]
    for stamp in stamps:
        keep(tmp_path, "a", stamp)
    keep(tmp_path, "b", stamps[0])
    strange = tmp_path / "a" / "0-my-notes"
    strange.mkdir()
    elsewhere = tmp_path.parent / f"{tmp_path.name}-elsewhere"
    linked = keep(elsewhere, "a", "0")
    (tmp_path / "a" / "00-linked").symlink_to(linked)
    removed = prune(tmp_path, keep=2)
    assert [path.name for path in removed] == stamps[:3]
    assert sorted(path.name for path in (tmp_path / "a").iterdir()) == [
        "0-my-notes", "00-linked", *stamps[3:],
    ]  # fmt: skip
    assert (tmp_path / "b" / stamps[0]).exists()
    assert linked.exists()
    assert prune(tmp_path, keep=2) == ()
    with pytest.raises(ValueError, match="keep must be 1 or more"):
        prune(tmp_path, keep=0)
