"""A time limit: what had ended by then is judged and kept, and everything says so."""

import signal
from contextlib import contextmanager

import pytest

import simrt
from simrt.checks import check_all
from simrt.errors import TargetError
from simrt.limit import OutOfTimeError, TimeLimit
from tests.targets.small import small

NARROW = {"additionalProperties": False, "properties": {"n": {"type": "string"}}}
FAULTS = (
    {"at": "5s", "disconnect": "g", "for": "1s"},
    {"at": "9s", "restart": "server", "for": "1s"},
)


def lively(**options):
    """One that passes: it disconnects, restarts, and everybody comes back."""
    data = small(duration="20s", faults=FAULTS, replay={"lastN": 1, "maxAge": "none"}).normalised()
    data["feature"]["events"]["e"] |= NARROW
    return data | options


class After(TimeLimit):
    """A limit that is reached after so many waits: real time would make the test a gamble."""

    def __init__(self, waits):
        super().__init__(5)
        self.left = waits

    @contextmanager
    def waiting(self):
        self.over = self.left == 0
        if self.over:
            raise OutOfTimeError
        self.left -= 1
        yield


def checked(folder, waits, *scenarios, runs=4):
    made = [simrt.scenario(one).placed(f"s{number}", "") for number, one in enumerate(scenarios)]
    with After(waits) as limit:
        return list(check_all(made, on=("sim",), runs=runs, reports=folder, limit=limit))


def test_what_had_ended_is_judged_and_kept(tmp_path):
    (found,) = checked(tmp_path, 3, lively())
    assert (found.cut_short, found.status.value) == (True, "inconclusive")
    assert "Not done within the time limit of 5 s" in found.sentence
    assert "3 of 4 on sim" in found.sentence
    assert {item.status.value for item in found.items} == {"inconclusive"}
    kept = sorted(found.folder.glob("runs/*"))
    assert len(kept) >= 3  # one may have ended while nobody waited for it any more
    assert {simrt.judge(path).status.value for path in kept} == {"pass"}
    assert (found.folder / "report.html").exists()
    assert '"time-limit"' in (found.folder / "junit.xml").read_text("utf-8")


def test_the_sites_own_validation_is_under_the_limit_too(tmp_path):
    site = {"directory": ".", "validate": "true"}
    for waits, status in ((5, "inconclusive"), (6, "pass")):  # 4 runs and their end, then the site
        (found,) = checked(tmp_path / str(waits), waits, lively(site=site))
        assert found.items[5].status.value == status
        assert found.cut_short == (status == "inconclusive")
    assert "`true`" in found.items[5].sentence


def test_where_nothing_had_ended_there_is_nothing_to_judge(tmp_path):
    for found in checked(tmp_path, 0, lively(), lively()):
        assert isinstance(found, TargetError)
        assert "0 of 4 on sim" in str(found)


def test_what_is_kept_for_the_limit_alone_goes_when_it_was_not_reached(tmp_path):
    (found,) = checked(tmp_path, 99, lively())
    assert found.cut_short is False
    assert [path.name for path in found.folder.glob("runs/*")] == ["sim-1.jsonl.gz"]


def test_a_failure_stays_one_though_time_was_short(tmp_path):
    data = lively()
    del data["feature"]["options"]["onFull"]
    (found,) = checked(tmp_path, 2, data)
    assert found.status.value == "fail"
    data["outcome"] = {"fail": ["settings", "loss"]}
    (found,) = checked(tmp_path, 2, data)
    assert found.status.value == "inconclusive"
    data["outcome"] = {"fail": ["loss"]}
    (found,) = checked(tmp_path, 2, data)
    assert found.status.value == "fail"


def test_only_a_wait_is_ended():
    before = signal.getsignal(signal.SIGALRM)
    with TimeLimit(1000) as limit:
        with pytest.raises(OutOfTimeError), limit.waiting():
            signal.raise_signal(signal.SIGALRM)
        assert limit.over
        with pytest.raises(OutOfTimeError), limit.waiting():
            pytest.fail("the time was over before")
    with TimeLimit(1000) as limit:
        with limit.waiting():
            pass
        signal.raise_signal(signal.SIGALRM)
        assert limit.over
    with TimeLimit() as limit, limit.waiting():
        pass
    assert not limit.over
    assert signal.getsignal(signal.SIGALRM) is before
