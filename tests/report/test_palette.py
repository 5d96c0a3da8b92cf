"""Colours and marks that everybody can tell apart."""

import itertools

import numpy as np
import pytest

from simrt.report.palette import (
    FAIL,
    FAULTS,
    INK,
    OUTCOMES,
    PANEL,
    PAPER,
    PASS,
    QUIET,
    UNSURE,
    css_names,
    css_variables,
    fault_look,
)
from simrt.scenario.metric_names import OUTCOMES as OUTCOME_NAMES
from simrt.scenario.model import Fault

THEMES = ("light", "dark")
# What a reader without green or without red receptors sees: linear RGB, after Viénot 1999.
EYES = {
    "all": np.eye(3),
    "deuteranope": np.array([[0.293, 0.707, 0], [0.293, 0.707, 0], [-0.022, 0.022, 1]]),
    "protanope": np.array([[0.112, 0.888, 0], [0.112, 0.888, 0], [0.004, -0.004, 1]]),
}
TO_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])


def linear(colour):
    part = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    return np.where(part <= 0.04045, part / 12.92, ((part + 0.055) / 1.055) ** 2.4)


def lab(rgb):
    x = TO_XYZ @ np.clip(rgb, 0, 1) / np.array([0.9505, 1, 1.089])
    f = np.where(x > 0.008856, np.cbrt(x), 7.787 * x + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def contrast(one, other):
    light, dark = sorted((float(TO_XYZ[1] @ linear(c)) for c in (one, other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("eye", EYES)
def test_every_two_outcomes_can_be_told_apart_by_colour(theme, eye):
    for one, other in itertools.combinations(OUTCOMES, 2):
        seen = [lab(EYES[eye] @ linear(getattr(look, theme))) for look in (one, other)]
        assert np.linalg.norm(seen[0] - seen[1]) > 11, (one.name, other.name)


def test_every_outcome_has_a_shape_of_its_own():
    assert len({look.mark for look in OUTCOMES}) == len(OUTCOMES)
    assert all(look.mark for look in OUTCOMES)


@pytest.mark.rules("ACC-2")
def test_the_outcomes_are_those_of_the_metrics_in_the_same_order():
    assert tuple(look.name for look in OUTCOMES) == OUTCOME_NAMES


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("shade", [INK, QUIET, PASS, FAIL, UNSURE], ids=lambda shade: shade.name)
def test_text_has_the_contrast_that_wcag_asks(theme, shade):
    for ground in (PAPER, PANEL):
        assert contrast(getattr(shade, theme), getattr(ground, theme)) >= 4.5


def test_every_kind_of_fault_has_a_colour_of_its_own():
    kinds = {look.name for look in FAULTS}
    assert set(Fault.choices()) <= kinds
    assert len({look.light for look in FAULTS}) == len(FAULTS)
    assert fault_look("meteor").label == "meteor"


def test_each_drawn_colour_has_one_variable_in_both_themes():
    names = css_names()
    assert len(set(names.values())) == len(names)
    for dark in (False, True):
        declared = css_variables(dark)
        assert all(f"--{name}:#" in declared for name in names.values())
    # SVG writers leave pure black out, and what is left out cannot follow the theme.
    assert "#000000" not in names
