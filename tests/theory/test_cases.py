"""The formulas against the shipped cases, whose values were computed elsewhere."""

import sys

import pytest

from simrt import theory
from simrt.scenario.metric_names import METRICS
from simrt.validation import SHIPPED, read_cases

CASES = read_cases(SHIPPED)


def test_there_are_as_many_as_there_should_be():
    assert len(CASES) == 37


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_a_formula_gives_the_value_of_the_case(case):
    assert case.predicted == pytest.approx(case.expected, rel=1e-9)


@pytest.mark.parametrize("formula", theory.FORMULAS, ids=lambda formula: formula.name)
def test_each_formula_says_where_it_comes_from(formula):
    assert getattr(theory, formula.name) is formula.function
    said = " ".join((formula.function.__doc__ or "").split())
    assert "Source:" in said
    assert "derived" in said or formula.status == "published"
    assert formula.sources or formula.status == "derived"
    if formula.sources:
        assert "not checked against the original" in said.lower()
    assert set(formula.gives) <= set(METRICS)
    module = sys.modules[formula.function.__module__].__doc__ or ""
    for source in formula.sources:
        assert source.partition(",")[0].partition(" ")[0] in said + module, source


def test_every_formula_is_in_the_table():
    listed = {formula.name for formula in theory.FORMULAS}
    others = {"predict", "predict_quantile", "age_cycle", "latency_tail"}
    functions = {
        name for name in theory.__all__ if callable(getattr(theory, name)) and name.islower()
    }
    laws = {"exponential", "deterministic", "erlang", "hyperexponential", "uniform"}
    assert functions - others - laws == listed


@pytest.mark.parametrize(
    "model",
    [
        theory.Model(theory.Sends("periodic", 5), theory.deterministic(0.1), 4),
        theory.Model(theory.Sends("batch", 5), theory.exponential(0.1), None),
        theory.Model(theory.Sends("poisson", 5), theory.exponential(0.1), 4, ttl_s=1.0),
        theory.Model(theory.Sends("poisson", 50), theory.exponential(0.1), None),
        theory.Model(
            theory.Sends("poisson", 5),
            theory.exponential(0.1),
            4,
            outages=theory.Outages(theory.exponential(1), theory.exponential(1)),
            last_n=1,
        ),
    ],
)
def test_what_no_formula_knows_is_said(model):
    with pytest.raises(ValueError, match=r"no formula knows|must be below 1"):
        theory.predict(model)
    with pytest.raises(ValueError, match="no formula knows"):
        theory.predict_quantile(0.5, model)
