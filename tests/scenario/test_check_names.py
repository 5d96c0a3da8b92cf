"""The codes that `outcome` may name are those of all judges."""

from __future__ import annotations

from simrt.antipatterns import ANTIPATTERNS
from simrt.checkers import CHECKERS
from simrt.scenario.check_names import CODES
from tests.docs.keys import _OTHER_CODES


def test_each_judge_has_its_code_and_each_code_its_judge() -> None:
    judges = [one.name for one in CHECKERS] + [code for code, _, _ in _OTHER_CODES]
    assert list(CODES) == judges + [one.code for one in ANTIPATTERNS]
