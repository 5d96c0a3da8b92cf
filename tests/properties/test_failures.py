"""A property that fails shows the smallest scenario, as a file that `simrt run` runs."""

from __future__ import annotations

import pytest
from hypothesis import settings
from typer.testing import CliRunner

from simrt.cli import app
from simrt.history import read_history
from simrt.scenario import load
from simrt.targets.sim import world
from tests.properties.corpus import explore
from tests.properties.runs import broken_promises, examples


def test_an_error_is_found_shrunk_and_can_be_repeated(monkeypatch, tmp_path):
    # Planted: drops leave no trace in the history.
    monkeypatch.setattr(world.Record, "lost", lambda *_: None)
    with pytest.raises(AssertionError) as caught:
        explore(settings(examples(), derandomize=True, database=None, deadline=None))
    note = next(note for note in caught.value.__notes__ if "failing.yml" in note)
    says, text = note.split("\n\n", 1)
    assert says.startswith("Save this as failing.yml, then: simrt run failing.yml --on sim --seed ")
    (tmp_path / "failing.yml").write_text(text, "utf-8")

    small = load(tmp_path / "failing.yml")
    groups = small.workload.subscribers.values()
    assert [group.count for group in groups] == [1]
    assert small.faults == ()
    assert len(text) < 1_100

    monkeypatch.chdir(tmp_path)
    words = says.partition("simrt ")[2].split()
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 1, done.output
    assert broken_promises(read_history(tmp_path / "failing.jsonl"))
