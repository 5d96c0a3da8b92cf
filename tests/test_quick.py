"""The first answer: what it runs follows from the file alone, and it says what it leaves out."""

from pathlib import Path

import pytest

from simrt import check
from simrt.checks import runs_for
from simrt.errors import UsageError
from simrt.quick import quick_of
from simrt.scenario import Randomness, arrivals, load_all
from tests.targets.small import small

SHIPPED = load_all([Path("scenarios")])


@pytest.mark.parametrize("scenario", SHIPPED, ids=lambda one: one.name)
def test_every_group_stays_and_the_work_is_bounded(scenario):
    quick = quick_of(scenario, runs_for(scenario))
    groups = quick.scenario.workload.subscribers
    assert set(groups) == set(scenario.workload.subscribers)
    assert all(group.count >= 1 for group in groups.values())
    sends = sum(1 for _ in arrivals(scenario, Randomness(1)))
    members = sum(group.count for group in groups.values())
    assert quick.runs == 1 or sends * members * quick.runs <= 40_000
    assert quick.scenario.expect == scenario.expect
    assert quick.scenario.name == scenario.name


def test_many_members_become_few_in_proportion_and_the_runs_stay():
    drain = {"exponential": "20ms"}
    large = small(
        duration="10m",
        subscribers={"a": {"count": 2000, "drain": drain}, "b": {"count": 1000, "drain": drain}},
    )
    quick = quick_of(large, 20)
    sends = sum(1 for _ in arrivals(large, Randomness(1)))
    counts = {name: one.count for name, one in quick.scenario.workload.subscribers.items()}
    assert quick.runs == 40_000 // (sends * 10)
    assert counts["a"] == pytest.approx(2 * counts["b"], abs=2)
    kept = sum(counts.values())
    assert quick.left_out == (
        f"A quick check: {quick.runs} of 20 runs with {kept} of 3,000 members, "
        "without a real server."
    )


def test_what_is_small_already_keeps_its_members():
    quick = quick_of(small(count=3, duration="10s"), 20)
    assert quick.scenario.workload.subscribers["g"].count == 3
    assert quick.left_out == "A quick check: 20 of 20 runs, without a real server."


def test_the_check_says_what_it_left_out_and_how_to_repeat_it(tmp_path):
    found = check(small(count=3, duration="10s"), quick=True, reports=tmp_path)
    assert found.left_out.startswith("A quick check: ")
    assert set(found.seeds) == {"sim"}
    assert "quick=True" in found.command
    assert found.folder is not None
    assert found.left_out in (found.folder / "report.html").read_text("utf-8")


def test_a_quick_check_of_the_real_server_alone_is_none(tmp_path):
    with pytest.raises(UsageError, match="sim or app, or nothing"):
        check(small(count=1), on="server", quick=True, reports=tmp_path)
