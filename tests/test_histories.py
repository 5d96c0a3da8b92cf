"""Histories that tests share: those of a run of their own, each made once."""

import pytest

from simrt.runs import record
from tests.histories import Histories
from tests.targets.small import small


def test_it_is_what_a_run_writes_and_is_made_once(tmp_path, monkeypatch):
    shared, made = Histories(tmp_path / "shared"), small(duration="3s")
    for target in ("sim", "app"):
        for seed in (1, 2):
            fresh = record(made, target, seed)
            found = shared.of(made, target, seed)
            assert (found.header, list(found)) == (fresh.header, list(fresh))
    monkeypatch.setattr("tests.histories.record", None)  # whoever runs anything now, fails
    assert list(Histories(tmp_path / "shared").of(made, "sim", 2)) == list(record(made, "sim", 2))


def test_another_scenario_target_seed_or_folder_is_another_history(tmp_path):
    shared, made = Histories(tmp_path / "shared"), small(duration="3s")
    asked = [
        (made, "sim", 1),
        (made, "sim", 2),
        (made, "app", 1),
        (small(duration="4s"), "sim", 1),
        (made.placed(made.name, str(tmp_path)), "sim", 1),  # its traces may be others
    ]
    for one in asked:
        shared.of(*one)
    assert len(list(shared.folder.glob("*.jsonl"))) == len(asked)


def test_a_run_that_failed_leaves_nothing(tmp_path, monkeypatch):
    shared, made = Histories(tmp_path / "shared"), small(duration="3s")

    def broken(*_, history, **__):
        history.write_text("half a row")
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("tests.histories.record", broken)
        with pytest.raises(KeyboardInterrupt):
            shared.of(made, "sim")
    assert list(shared.of(made, "sim")) == list(record(made, "sim", 1))
