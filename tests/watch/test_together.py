"""Several files behind one address: all of them are served, and who had to move is told."""

from __future__ import annotations

import re
from typing import Any

import pytest

import simrt
from simrt.errors import UsageError
from simrt.scenario.model import Scenario
from simrt.watch.together import together
from tests.docs.rules import ROOT
from tests.watch.serving import feature

FOLDERS = sorted(path for path in (ROOT / "scenarios").iterdir() if any(path.glob("*.yml")))


def scenario(name: str = "news", **changes: Any) -> Scenario:
    return Scenario.model_validate(feature(**changes)).placed(name, "")


def part(**changes: Any) -> dict[str, Any]:
    """The feature, with other parts."""
    found: dict[str, Any] = feature()["feature"]
    return found | changes


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda path: path.name)
def test_every_folder_that_ships_is_served_whole(folder) -> None:
    files = [simrt.load(path) for path in sorted(folder.glob("*.yml"))]
    site, served, moves = together(files)
    assert len(site.streams) == len(served) == len(moves) == len(files) > 2
    addresses = {(each.project, each.path.text) for each in site.streams}
    assert len(addresses) == len(files)
    for written, found, moved in zip(files, served, moves, strict=True):
        was, now = written.feature.project, found.feature.project
        assert now == was if moved is None else re.fullmatch(rf"{was}-[2-9]", now)
        assert moved is None or moved.written == was
        assert found.feature.model_copy(update={"project": was}) == written.feature
        assert (found.name, found.directory) == (written.name, written.directory)


def test_twins_get_one_project_each_and_the_reason_is_told() -> None:
    larger = part(options={"bufferSize": 9, "onFull": "drop-oldest", "messageTTL": "9m"})
    _, served, moves = together([scenario(), scenario(feature=larger), scenario(feature=larger)])
    assert [each.feature.project for each in served] == ["shop", "shop-2", "shop-3"]
    assert moves[0] is None
    assert [each.reason.split(",")[0] for each in moves if each is not None] == [
        "channel news of project shop is declared twice",
        "channel news of project shop is declared twice",
    ]


def test_what_does_not_contradict_stays_together() -> None:
    beside = {**part()["stream"], "path": "/beside"}
    other = part(channel="beside", stream=beside, senders=[{"job": "1h", "sends": "changed"}])
    _, served, moves = together([scenario(), scenario(feature=other)])
    assert [each.feature.project for each in served] == ["shop", "shop"]
    assert moves == [None, None]


def test_a_name_that_another_file_uses_is_left_to_it() -> None:
    own = part(project="shop-2")
    _, served, _ = together([scenario(), scenario(), scenario(feature=own)])
    assert [each.feature.project for each in served] == ["shop", "shop-3", "shop-2"]


def test_a_long_name_stays_within_its_limit() -> None:
    longest = part(project="x" * 64)
    _, served, _ = together([scenario(feature=longest)] * 2)
    assert served[1].feature.project == "x" * 62 + "-2"


def test_a_file_that_contradicts_itself_is_named() -> None:
    bare = part(senders=[{"hook": "POST /content", "sends": "changed"}])
    with pytest.raises(UsageError, match=r"^bare: hook POST /content .* has no permission$"):
        together([scenario(), scenario("bare", feature=bare)])
    with pytest.raises(UsageError, match="name a scenario to serve"):
        together([])
