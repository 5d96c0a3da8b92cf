"""Which setting acted, against facts set by hand: queues of two, and replays of known ranges."""

import json

import pytest

import simrt
from simrt.results import NEVER, acted
from tests.targets.small import small

SETTINGS = ["bufferSize", "onFull", "messageTTL", "lastN", "maxAge"]


def test_without_anything_reached_no_setting_acted():
    assert acted({}) == dict.fromkeys(SETTINGS, NEVER)
    assert acted({"replayed": 9, "restart": 2, "expired": 0}) == dict.fromkeys(SETTINGS, NEVER)


@pytest.mark.parametrize(
    ("state", "names", "said"),
    [
        ("drop-oldest", {"bufferSize", "onFull"}, "3 events dropped as the oldest"),
        ("drop-newest", {"bufferSize", "onFull"}, "3 events refused as the newest"),
        ("expired-while-pending", {"messageTTL"}, "3 events expired while waiting"),
        ("replay-clipped-by-bufferSize", {"bufferSize"}, "3 replays clipped"),
        ("replay-clipped-by-messageTTL", {"messageTTL"}, "3 replays clipped"),
        ("replay-clipped-by-lastN", {"lastN"}, "3 replays clipped"),
        ("replay-clipped-by-maxAge", {"maxAge"}, "3 replays clipped"),
    ],
)
def test_each_state_is_the_act_of_its_settings_alone(state, names, said):
    assert acted({state: 3}) == {name: said if name in names else NEVER for name in SETTINGS}


def test_what_one_setting_did_in_two_ways_is_told_in_one_line():
    both = acted({"drop-oldest": 1, "replay-clipped-by-bufferSize": 2})["bufferSize"]
    assert both == "1 event dropped as the oldest and 2 replays clipped"


# A clients' queue never fills here, and nothing expires; after the disconnect lastN 1 of a buffer
# of 4 is what keeps events out.
CUT = ({"at": "9s", "disconnect": "g", "for": "1s"},)


@pytest.mark.parametrize(("last_n", "clips"), [(1, "lastN"), (9, "bufferSize")])
def test_report_item_and_file_say_which_limit_clipped(tmp_path, last_n, clips):
    scenario = small(duration="20s", faults=CUT, replay={"lastN": last_n, "maxAge": "none"})
    check = simrt.check(scenario, on=("sim",), runs=2, reports=tmp_path)
    found = json.loads((check.folder / "verdicts.json").read_text("utf-8"))["settings"]["sim"]
    assert list(found) == SETTINGS
    assert "replay" in found[clips]
    other = {"lastN": "bufferSize", "bufferSize": "lastN"}[clips]
    assert "replay" not in found[other]
    assert (found["messageTTL"], found["maxAge"]) == (NEVER, NEVER)
    (item,) = [one for one in check.items if one.number == 3]
    (verdict,) = [one for one in item.verdicts if one.check == "settings"]
    page = (check.folder / "report.html").read_text("utf-8")
    for name, said in found.items():
        assert f"{name}: {said}" in verdict.sentence
        assert f"sim: {said}" in page
