"""Items 4 and 5 are judged also where a scenario declares neither a disconnect nor a restart."""

import pytest

from simrt.checks import check
from simrt.probe import probe_of
from simrt.scenario import scenario
from tests.targets.small import small

DISCONNECT = {"at": "2s", "disconnect": "g", "for": "1s"}
RESTART = {"at": "4s", "restart": "server", "for": "1s"}


@pytest.mark.parametrize("faults", [[], [DISCONNECT], [RESTART]])
def test_what_is_left_out_is_probed(faults):
    probe = probe_of(small(faults=faults))
    assert [(f.kind, f.at_ns / 1e9, f.for_ns / 1e9) for f in probe.faults] == [
        ("disconnect", 4, 1),
        ("restart", 7, 0.5),
    ]
    assert scenario(probe.normalised()).normalised() == probe.normalised()


def test_what_has_both_is_not_probed():
    assert probe_of(small(faults=[DISCONNECT, RESTART])) is None
    tunnel = {"up": "3s", "down": "1s"}
    assert probe_of(small(faults=[RESTART], online=tunnel)) is None


def test_a_check_says_that_a_probe_judged(tmp_path):
    found = check(small(duration="60s"), on=("sim",), runs=1, reports=tmp_path)
    judged = {item.number: item for item in found.items}
    for number in (4, 5):
        assert judged[number].status.value == "pass"
        assert "probe run" in judged[number].sentence
    assert len(found.runs) == 1  # the probe is no run of the scenario
