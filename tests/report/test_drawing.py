"""A figure by itself: complete, legible, on the axes of the report."""

from xml.etree import ElementTree as ET

import pytest

import simrt
from simrt.report.html import FIGURES, HEADINGS
from tests.report.checks import run_of
from tests.report.synthetic import play, scenario

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def runs():
    return run_of(play(seed=1)), run_of(play(seed=2))


def test_every_figure_has_a_heading():
    assert list(FIGURES) == list(HEADINGS)


@pytest.mark.parametrize("name", [name for name in FIGURES if name != "closeup"])
def test_a_figure_is_a_file_of_its_own(runs, name):
    drawing = runs[0].figure(name)
    root = ET.fromstring(drawing.svg)
    assert root.tag == f"{SVG}svg"
    assert len(root.findall(f"{SVG}svg")) == 1
    assert drawing.svg == drawing._repr_svg_()
    assert drawing.figures[0].alt in repr(drawing)
    heading = " ".join(text.text for text in root.findall(f"{SVG}text"))
    assert heading == drawing.figures[0].finding


def test_two_runs_stand_beside_each_other_and_are_told_apart(runs):
    drawing = runs[0].figure("staleness", runs[1])
    assert drawing.names == ("seed 1", "seed 2")
    root = ET.fromstring(drawing.svg)
    first, second = root.findall(f"{SVG}svg")
    assert (int(first.get("x")), int(second.get("x"))) == (0, 496)
    ids = [element.get("id") for element in root.iter() if element.get("id")]
    assert len(ids) == len(set(ids))
    assert repr(drawing).splitlines()[0].startswith("seed 1: ")


def test_runs_are_told_apart_by_what_was_decided():
    scene = scenario()
    other = run_of(play(scene.with_(buffer_size=1)))
    drawing = run_of(play(scene)).figure("outcomes", other)
    assert drawing.names[1] == "bufferSize 1"


def test_the_legend_names_the_outcomes_that_occur_and_no_others(runs):
    drawing = runs[0].figure("timeline")
    legend = [text.text for text in ET.fromstring(drawing.svg).findall(f"{SVG}g/{SVG}text")]
    assert "arrived" in legend
    assert "came by replay" in legend
    assert "dropped (newest)" not in legend
    delays = [text.text for text in ET.fromstring(runs[0].figure("delay").svg).findall(f"{SVG}g")]
    assert delays == []


def test_what_there_is_no_figure_of_is_said(runs):
    with pytest.raises(simrt.UsageError, match="write timeline or closeup or staleness"):
        runs[0].figure("time-line")
    with pytest.raises(simrt.UsageError, match="no closeup to show: nothing was missed, or"):
        runs[0].figure("closeup")
    calm = run_of(play(scenario(faults=[])))
    with pytest.raises(simrt.UsageError, match="no restart ended a connection"):
        runs[0].figure("reconnects", calm)


def test_a_run_says_what_it_is_in_a_line(runs):
    assert repr(runs[0]).endswith(", on sim, seed 1: pass")
