"""Items 4 and 5 are judged also where a scenario declares neither a disconnect nor a restart."""

from dataclasses import dataclass
from xml.etree import ElementTree as ET

import pytest

from simrt.checkers.verdict import Status, Verdict, worst
from simrt.checks import _with_probe, check
from simrt.probe import probe_of
from simrt.report.junit import junit_xml
from simrt.scenario import scenario
from tests.targets.small import small

DISCONNECT = {"at": "2s", "disconnect": "g", "for": "1s"}
RESTART = {"at": "4s", "restart": "server", "for": "1s"}


@dataclass
class Probe:
    """What a run of it hands on."""

    verdicts: tuple[Verdict, ...]


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
    told = [verdict for item in found.items for verdict in item.verdicts if verdict.probe]
    assert {verdict.check for verdict in told} == {"reconnect", "restart"}


def test_beside_a_probe_the_scenarios_own_run_keeps_its_name(tmp_path):
    scene = small(duration="60s", faults=[DISCONNECT])
    found = check(scene, on=("sim",), runs=1, reports=tmp_path)
    cases = ET.fromstring(junit_xml(found)).iter("testcase")
    names = [case.attrib["name"] for case in cases]
    assert len(names) == len(set(names))
    assert {"reconnect on sim, seed 1", "reconnect on sim, seed 1, probe"} <= set(names)


def test_what_else_fails_in_a_probe_counts():
    def said(check, status=Status.PASS):
        return Verdict(check, status, 1, f"{check}.", (), 4, (), "sim", 1)

    own = [said("accounting"), said("reconnect")]
    good = Probe((said("accounting"), said("reconnect"), said("restart")))
    bad = Probe((said("accounting", Status.FAIL), said("reconnect")))
    assert [v.check for v in _with_probe(own, [good])[2:]] == ["reconnect", "restart"]
    told = _with_probe(own, [bad])
    assert worst(v.status for v in told) is Status.FAIL
    assert [v.status for v in told if v.check == "accounting"] == [Status.PASS, Status.FAIL]
