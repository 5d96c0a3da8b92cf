"""The judges of the checklist that need no history, and how verdicts become items."""

import os
import signal
import sys
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from simrt.checkers.verdict import Status, Verdict
from simrt.checklist import (
    SITE_OUTPUT_BYTES,
    SITE_TIME_LIMIT_S,
    items,
    judge_settings,
    judge_site,
    judge_stale,
)
from simrt.scenario import scenario
from tests.targets.small import small


def with_site(tmp_path, command, directory="."):
    data = small().normalised()
    data["site"] = {"directory": directory, "validate": command}
    return scenario(data, tmp_path)


def python(code):
    return f"{sys.executable} -c '{code}'"


def test_without_a_site_item_6_does_not_apply():
    assert judge_site(small()).status is Status.NOT_APPLICABLE


def test_the_sites_own_command_decides_and_its_output_is_kept(tmp_path):
    output = tmp_path / "site.txt"
    good = judge_site(with_site(tmp_path, python('print("all clean")')), output)
    assert (good.status, good.judged, good.evidence) == (Status.PASS, 1, ("all clean",))
    assert output.read_text() == "all clean\n"
    bad = judge_site(with_site(tmp_path, python('print("broken"); raise SystemExit(3)')), output)
    assert (bad.status, bad.evidence) == (Status.FAIL, ("broken",))
    assert "ended with 3" in bad.sentence


def test_a_site_is_one_thing_judged_for_item_6(tmp_path):
    """Whatever its command does; what could not be started was not judged."""
    for command, status, judged in (
        (python("print(1)"), Status.PASS, 1),
        (python("raise SystemExit(3)"), Status.FAIL, 1),
        ("no-such-command", Status.INCONCLUSIVE, 0),
    ):
        found = judge_site(with_site(tmp_path, command))
        assert (found.check, found.status, found.judged, found.item, found.rules) == (
            "site", status, judged, 6, (),
        )  # fmt: skip
    slow = judge_site(with_site(tmp_path, python("import time; time.sleep(60)")), time_limit_s=0.5)
    assert (slow.status, slow.judged, slow.item) == (Status.FAIL, 1, 6)
    none = judge_site(small())
    assert (none.check, none.judged, none.item, none.rules) == ("site", 0, 6, ())


def test_the_last_eight_lines_are_shown_each_400_characters_long(tmp_path):
    found = judge_site(with_site(tmp_path, python("[print(n, chr(120) * 500) for n in range(12)]")))
    assert [line.split()[0] for line in found.evidence] == [str(n) for n in range(4, 12)]
    assert {len(line) for line in found.evidence} == {400}


def test_a_site_has_ten_minutes_and_a_mebibyte():
    assert (SITE_TIME_LIMIT_S, SITE_OUTPUT_BYTES) == (600, 2**20)


def test_it_runs_in_its_directory(tmp_path):
    (tmp_path / "site").mkdir()
    found = judge_site(with_site(tmp_path, python("import os; print(os.getcwd())"), "site"))
    assert found.evidence == (str(tmp_path / "site"),)


def test_a_command_that_does_not_end_is_ended_with_its_children(tmp_path):
    script = tmp_path / "slow.sh"
    script.write_text("#!/bin/sh\necho started\nsleep 600 &\necho $!\nwait\n")
    script.chmod(0o755)
    found = judge_site(with_site(tmp_path, str(script)), time_limit_s=1)
    assert found.status is Status.FAIL
    assert "within 1 s" in found.sentence
    started, child = found.evidence
    assert started == "started"
    wait_for_its_end(child)


def wait_for_its_end(process):
    # A killed process closes its output first; the kernel takes it away a moment later. One that
    # was not killed sleeps for ten minutes.
    state = Path(f"/proc/{process}/stat")
    with suppress(FileNotFoundError, ProcessLookupError):
        while state.read_text("utf-8").split()[2] != "Z":
            time.sleep(0.01)


def test_of_a_talkative_command_the_end_is_kept(tmp_path):
    output = tmp_path / "site.txt"
    talk = python('print("early"); print("x" * 10_000_000); print("y" * 9000); print("late")')
    found = judge_site(with_site(tmp_path, talk), output)
    assert (found.status, found.evidence[-1]) == (Status.PASS, "late")
    note, *_, last = output.read_text("utf-8").splitlines()
    assert last == "late"
    left_out = int(note.removeprefix("(").split()[0].replace(",", ""))
    assert left_out == len("early\n\n\nlate\n") + 10_009_000 - SITE_OUTPUT_BYTES
    assert output.stat().st_size == SITE_OUTPUT_BYTES + len(note) + 1
    assert max(map(len, found.evidence)) < 1000


def test_what_a_command_leaves_running_is_not_waited_for(tmp_path):
    """It ended with 0; a child outside its group still holds the pipe, where kill cannot reach."""
    code = (
        "import subprocess, sys; child = subprocess.Popen("
        'sys.argv[1:], start_new_session=True); print("ended", child.pid)'
    )
    command = f"{python(code)} sleep 600".replace("-c '", "-u -c '")
    found = judge_site(with_site(tmp_path, command), time_limit_s=300)
    assert found.status is Status.PASS
    said, child = found.evidence[-1].split()
    assert said == "ended"
    os.kill(int(child), signal.SIGKILL)


def test_a_command_that_a_signal_ended_fails(tmp_path):
    found = judge_site(
        with_site(tmp_path, python('import os; print("oh", flush=True); os.abort()'))
    )
    assert (found.status, found.judged, found.evidence) == (Status.FAIL, 1, ("oh",))
    assert "SIGABRT" in found.sentence


@pytest.mark.parametrize("command", ["no-such-command-anywhere", "./not-there"])
def test_a_command_that_cannot_be_started_is_inconclusive(tmp_path, command):
    found = judge_site(with_site(tmp_path, command))
    assert (found.status, found.judged) == (Status.INCONCLUSIVE, 0)
    assert "could not be started" in found.sentence


def test_a_site_that_is_gone_by_now_is_inconclusive(tmp_path):
    (tmp_path / "site").mkdir()
    made = with_site(tmp_path, "true", "site")
    (tmp_path / "site").rmdir()
    found = judge_site(made)
    assert (found.status, found.judged) == (Status.INCONCLUSIVE, 0)
    assert "is missing" in found.sentence


@pytest.mark.rules("OPT-3")
def test_an_undecided_setting_fails():
    data = small().normalised()
    del data["feature"]["options"]["onFull"]
    del data["feature"]["stream"]["replay"]["maxAge"]
    found = judge_settings(scenario(data))
    assert found.status is Status.FAIL
    assert "onFull, maxAge" in found.sentence


@pytest.mark.rules("REP-6", "REP-7")
@pytest.mark.parametrize(
    ("options", "replay", "words"),
    [
        ({}, {"lastN": 9, "maxAge": "none"}, "lastN 9 promises more than bufferSize 4"),
        ({"messageTTL": "1m"}, {"lastN": 1, "maxAge": "2m"}, "maxAge promises more"),
        ({"onFull": "drop-newest"}, {"lastN": 4, "maxAge": "none"}, "refuses new events"),
        ({"onFull": "drop-newest"}, {"lastN": "none", "maxAge": "1m"}, "refuses new events"),
    ],
)
def test_a_promise_that_the_channel_cannot_keep_is_said(options, replay, words):
    found = judge_settings(small(options=options, replay=replay))
    assert found.status is Status.PASS
    assert words in found.sentence


def test_decided_and_consistent_settings_pass_without_a_word():
    found = judge_settings(small(replay={"lastN": 2, "maxAge": "none"}))
    assert found.sentence == "All five settings are written down and consistent."


class Measured:
    def __init__(self, **values):
        self.values = values

    def value(self, metric):
        return self.values.get(metric)


@pytest.mark.parametrize(
    ("useful", "replayed", "resurfaced", "status"),
    [
        ("none", 5, 5, Status.NOT_APPLICABLE),
        ("1m", 0, 0, Status.NOT_APPLICABLE),
        ("1m", None, None, Status.NOT_APPLICABLE),
        ("1m", 5, None, Status.PASS),
        ("1m", 5, 0, Status.PASS),
        ("1m", 5, 1, Status.FAIL),
    ],
)
def test_news_that_no_longer_helps_must_not_resurface(useful, replayed, resurfaced, status):
    data = small().normalised()
    data["intent"]["useful_for"] = useful
    measured = Measured(replayed=replayed, resurfaced=resurfaced)
    found = judge_stale(scenario(data), measured)
    assert found.status is status
    judged = 0 if status is Status.NOT_APPLICABLE else replayed
    assert (found.judged, found.item) == (judged, 3)
    if judged:
        assert f"{replayed} " in found.sentence


def verdict(status, item=3, check="loss", judged=1, target="sim"):
    return Verdict(check, status, judged, f"{check} {status.value}.", (), item, (), target)


def test_the_worst_verdict_makes_an_item():
    for statuses, worst in [
        ([Status.PASS, Status.FAIL, Status.INCONCLUSIVE], Status.FAIL),
        ([Status.PASS, Status.INCONCLUSIVE], Status.INCONCLUSIVE),
        ([Status.PASS, Status.NOT_APPLICABLE], Status.PASS),
        ([Status.NOT_APPLICABLE], Status.NOT_APPLICABLE),
        ([], Status.NOT_APPLICABLE),
    ]:
        found = items([verdict(status) for status in statuses], ("sim", "server"))
        assert [item.status for item in found if item.number == 3] == [worst]


def test_an_item_says_what_decided_it():
    (none,) = [i for i in items([verdict(Status.NOT_APPLICABLE)], ("sim",)) if i.number == 3]
    assert none.sentence == "loss not-applicable."
    (item,) = [i for i in items([verdict(Status.FAIL)], ("sim",)) if i.number == 3]
    assert item.sentence == "On sim: loss fail."
    seen = replace(verdict(Status.FAIL), rules=("BUF-2",), evidence=("3 s a/0: gone", "more"))
    assert items([seen], ("sim",))[2].sentence == "On sim: loss fail. The first: 3 s a/0: gone."
    (item,) = [
        i for i in items([verdict(Status.PASS, judged=7).at("sim", 1)], ("sim",)) if i.number == 3
    ]
    assert item.sentence == "loss pass. (7 things judged in 1 run on sim)"


def test_a_sentence_of_one_run_of_many_says_which_and_what_was_counted_in_all():
    def ran(seed, judged, target="sim", check="loss"):
        passed = verdict(Status.PASS, judged=judged, target=target, check=check)
        return passed.at(target, seed)

    verdicts = [ran(1, 7), ran(2, 9), ran(1, 4, "server"), ran(2, 1000, check="order")]
    verdicts.append(verdict(Status.PASS, check="settings", judged=5, target=""))
    verdicts.append(verdict(Status.PASS, check="missed(g) <= 1", judged=3))  # about all runs
    (item,) = [i for i in items(verdicts, ("sim", "server")) if i.number == 3]
    assert item.sentence == (
        "On sim with seed 2: loss pass. (In all 1,028 things judged: in 2 runs on sim, 1 on "
        "server, and in the file.)"
    )


def test_a_target_that_was_left_out_is_said():
    first = items([], ("sim",))[0]
    assert "it was left out" in first.sentence


@pytest.mark.parametrize(
    ("item", "own", "other"), [(1, "permission", "isolation"), (4, "reconnect", "order")]
)
def test_an_item_whose_own_judge_saw_nothing_is_not_passed(item, own, other):
    def found(status, judged, beside=Status.PASS):
        verdicts = [verdict(beside, item, other, 9), verdict(status, item, own, judged)]
        return items(verdicts, ("sim",))[item - 1]

    assert found(Status.PASS, 3).status is Status.PASS
    unseen = found(Status.NOT_APPLICABLE, 0)
    assert unseen.status is Status.NOT_APPLICABLE
    assert other not in unseen.sentence
    assert found(Status.NOT_APPLICABLE, 0, beside=Status.FAIL).status is Status.FAIL
    assert found(Status.INCONCLUSIVE, 0).status is Status.INCONCLUSIVE


def test_without_a_real_server_permission_is_said_to_be_left_out():
    verdicts = [
        verdict(Status.PASS, 1, "isolation"),
        verdict(Status.NOT_APPLICABLE, 1, "permission", 0),
    ]
    assert "it was left out" in items(verdicts, ("sim",))[0].sentence


OWN = {1: "permission", 2: "shape", 3: "settings", 4: "reconnect", 5: "restart", 6: "site"}


@pytest.mark.parametrize("number", OWN)
def test_each_item_is_answered_by_its_own_judge(number):
    """One run in which it saw something is enough; none is not; another's judge does not count."""

    def found(*judged, check=OWN[number]):
        own = [verdict(Status.PASS, number, check, each) for each in judged]
        beside = verdict(Status.PASS, number, "order", 9)
        return items([*own, beside], ("sim", "server"))[number - 1].status

    assert found(0, 3) is Status.PASS
    assert found(3, 0) is Status.PASS
    assert found(0, 0) is Status.NOT_APPLICABLE
    for other in OWN.values():
        assert (found(0, check=other) is Status.NOT_APPLICABLE) == (other == OWN[number])


def test_what_a_passed_item_counts_is_what_passed():
    """A run that judged nothing, or was not asked, is no run of those that are counted."""
    verdicts = [
        verdict(Status.PASS, judged=7).at("sim", 1),
        verdict(Status.PASS, judged=0).at("sim", 2),
        verdict(Status.NOT_APPLICABLE, judged=5).at("sim", 3),
    ]
    (item,) = [i for i in items(verdicts, ("sim",)) if i.number == 3]
    assert item.sentence == "loss pass. (7 things judged in 1 run on sim)"


def test_of_several_findings_one_is_told_and_the_others_are_counted():
    bad = [verdict(Status.FAIL, check=f"c{n}").at("sim", n) for n in range(3)]
    (item,) = [i for i in items(bad, ("sim",)) if i.number == 3]
    assert item.sentence.startswith("On sim: ")
    assert item.sentence.endswith(" And 2 more.")
    (item,) = [i for i in items(bad[:1], ("sim",)) if i.number == 3]
    assert "more" not in item.sentence


def test_the_sentence_of_a_probe_run_says_itself_which_run_it_was():
    probe = replace(verdict(Status.PASS, judged=7).at("sim", 2), sentence="In a probe run: fine.",
                    probe=True)  # fmt: skip
    other = verdict(Status.PASS, judged=1).at("sim", 1)
    (item,) = [i for i in items([probe, other], ("sim",)) if i.number == 3]
    assert item.sentence == (
        "On sim with seed 2, in a probe run: fine. (In all 8 things judged: in 2 runs on sim.)"
    )


@pytest.mark.rules("REP-6", "REP-7")
@pytest.mark.parametrize(
    ("options", "replay"),
    [
        ({}, {"lastN": 4, "maxAge": "none"}),  # as many as are kept
        ({"messageTTL": "1m"}, {"lastN": 1, "maxAge": "1m"}),  # as long
        ({"messageTTL": "1m"}, {"lastN": 1, "maxAge": "none"}),
        ({"onFull": "drop-newest"}, {"lastN": 3, "maxAge": "none"}),
        ({"onFull": "drop-newest"}, {"lastN": 0, "maxAge": "1m"}),
        ({"onFull": "drop-newest"}, {"lastN": "none", "maxAge": "none"}),
    ],
)
def test_what_the_channel_just_keeps_is_consistent(options, replay):
    found = judge_settings(small(options=options, replay=replay))
    assert (found.status, found.judged, found.item, found.evidence) == (Status.PASS, 5, 3, ())
    assert found.sentence == "All five settings are written down and consistent."


def test_two_warnings_are_both_said():
    found = judge_settings(small(options={"messageTTL": "1m"}, replay={"lastN": 9, "maxAge": "2m"}))
    assert len(found.evidence) == 2
    assert all(line in found.sentence for line in found.evidence)
