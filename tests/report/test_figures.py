"""The figures: legible in both themes, readable without eyes, small, and the same each time."""

import re
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from msgspec import structs

from simrt.report import html
from simrt.report.figures.canvas import inline_svg, paper, settings
from simrt.report.figures.delay import delay, quantiles_s
from simrt.report.figures.outcomes import outcomes
from simrt.report.figures.reconnects import reconnects
from simrt.report.figures.staleness import staleness
from simrt.report.figures.timeline import closeup, timeline
from simrt.report.figures.waiting import Levels, _top, waiting
from simrt.report.lane import choose_lanes, follow
from simrt.report.palette import css_names
from simrt.report.story import tell
from tests.report.synthetic import play, scenario


def stories(*histories):
    return [tell(history) for history in histories]


def lanes_of(found):
    lanes = [choose_lanes(story) for story in found]
    for story, shown in zip(found, lanes, strict=True):
        follow(story, shown)
    return lanes


def busy(target="sim", duration="120s", rate="12/s", **changes):
    workload = scenario().normalised()["workload"]
    workload["duration"] = duration
    workload["publish"][0]["arrivals"] = {"poisson": rate}
    return play(scenario(workload=workload, **changes), target)


@pytest.fixture(scope="module")
def usual():
    return panels(stories(play(), play(target="server", seed=2)))


@pytest.fixture(scope="module")
def crowded():
    return panels(stories(busy(), busy("server")))


def panels(found):
    return html.panels(found, html.followed(found))


def every(*found):
    return [figure for some in found for panel in some for figure in panel.figures]


def test_all_figures_are_drawn_for_all_targets(usual, crowded):
    keys = [[figure.key for figure in panel.figures] for panel in usual]
    kinds = ["timeline", "staleness", "waiting", "outcomes", "delay", "reconnects"]
    assert keys == [[kind] * 2 for kind in kinds]
    assert [p.figures[0].key for p in crowded] == [kinds[0], "closeup", *kinds[1:]]


def test_every_figure_has_a_text_alternative_and_a_table(usual, crowded):
    for figure in every(usual, crowded):
        root = ET.fromstring(figure.svg)
        assert root.attrib["role"] == "img"
        named = root.attrib["aria-labelledby"].split()
        texts = {child.attrib["id"]: child.text for child in root if "id" in child.attrib}
        assert all(texts[name] for name in named)
        assert figure.alt in texts.values()
        head, rows = figure.table
        assert rows
        assert all(len(row) == len(head) for row in rows)


def test_no_figure_reaches_out_of_the_page(usual, crowded):
    for figure in every(usual, crowded):
        assert not re.search(r"//|xmlns|<style|<script|<image|metadata|url\((?!#)", figure.svg)


def test_every_colour_follows_the_theme(usual, crowded):
    for figure in every(usual, crowded):
        known = {f"var(--{name}, {colour})" for colour, name in css_names().items()}
        bare = figure.svg
        for variable in known:
            bare = bare.replace(variable, "")
        assert "#" not in re.sub(r'href="#[^"]*"|url\(#[^)]*\)', "", bare)
        # Text and lines say their colour: what is left out is black, also on a dark page.
        for element in ET.fromstring(figure.svg).iter("text"):
            assert "fill: var(" in element.attrib["style"]


def test_a_colour_without_a_variable_is_noticed():
    with settings():
        canvas, (axes,) = paper([50])
        axes.plot([0, 1], [0, 1], color="#123456")
        with pytest.raises(KeyError, match="#123456"):
            inline_svg(canvas, "x", "x", "x")


def test_ids_are_unique_in_a_page_and_each_reference_has_one(usual, crowded):
    for some in (usual, crowded):
        text = "".join(figure.svg for figure in every(some))
        ids = re.findall(r'\bid="([^"]+)"', text)
        assert len(ids) == len(set(ids))
        used = re.findall(r'(?:href="#|url\(#)([^")]+)', text)
        assert used
        assert set(used) <= set(ids)


def test_the_same_history_gives_the_same_bytes(crowded):
    """The one figure that no written report of tests holds; test_files.py compares the others."""
    found = stories(busy(), busy("server"))
    again = closeup(found, lanes_of(found))
    assert [f.svg for f in again] == [f.svg for f in every(crowded) if f.key == "closeup"]
    assert again


def test_few_events_are_single_marks_and_many_are_shares():
    found = stories(play())
    (small,) = timeline(found, lanes_of(found))
    assert "A dot is an event" in small.how
    assert closeup(found, lanes_of(found)) == ()
    found = stories(busy())
    (large,) = timeline(found, lanes_of(found))
    assert "too many events for single marks" in large.how
    assert "<use" in large.svg
    (close,) = closeup(found, lanes_of(found))
    assert "A dot is an event" in close.how


def test_one_target_with_many_events_makes_all_be_drawn_as_shares():
    found = stories(play(), busy("server"))
    small, large = timeline(found, lanes_of(found))
    assert small.how == large.how
    assert "too many events" in small.how


def test_sixty_thousand_deliveries_stay_small():
    found = stories(busy(duration="12m", rate="10/s"))
    assert sum(sum(p.outcomes.count(1) for p in s.people) for s in found) > 50_000
    drawn = every(panels(found))
    assert sum(len(figure.svg) for figure in drawn) < 500_000


def ticks(figure):
    """The numbers on the axes with their places; numbers on bars are written smaller."""
    return [
        (element.text, element.attrib.get("transform") or element.attrib.get("x"))
        for element in ET.fromstring(figure.svg).iter("text")
        if "font-size: 12px" in element.attrib["style"] and re.match(r"\d", element.text)
    ]


@pytest.mark.parametrize("draw", [staleness, delay, outcomes, reconnects])
def test_targets_share_their_axes(draw):
    groups = {"office": {"count": 12, "latency": "2s"}, "train": {"count": 8, "drain": "1s"}}
    workload = {**scenario().normalised()["workload"], "duration": "90s", "subscribers": groups}
    other = play(scenario(workload=workload), "server")
    first, second = draw(stories(play(), other))
    assert ticks(first) == ticks(second)
    assert len(ticks(first)) > 4
    # Each alone has axes of its own: the comparison above can fail.
    (first,), (second,) = draw(stories(play())), draw(stories(other))
    assert ticks(first) != ticks(second)


def test_the_title_is_the_finding():
    found = stories(play())
    (drawn,) = timeline(found, lanes_of(found))
    assert re.match(r"Missed: 7\d?\D* of the events sent to office", drawn.finding)
    (drawn,) = reconnects(found)
    assert re.match(r"Restart: all 9 clients that it cut off are back within \d", drawn.finding)
    quiet = scenario(faults=[], expect=[])
    found = stories(play(quiet))
    assert timeline(found, lanes_of(found))[0].finding == "Nobody misses an event"
    assert outcomes(found)[0].finding == "Every event arrives, for every group"
    assert reconnects(found) == ()


def test_no_verb_goes_with_the_name_of_a_group():
    """A group may be called `admins` or `desk`: what is said of it must read right."""
    slow = {"count": 2, "drain": "2s", "latency": "5ms", "window": 2}
    workload = {
        "duration": "60s",
        "publish": [{"event": "content-updated", "arrivals": {"poisson": "2/s"}}],
        "subscribers": {"admins": slow, "desk": slow},
    }
    scene = scenario(workload=workload, faults=[], expect=[])
    found = stories(play(scene))
    lanes = lanes_of(found)
    drawn = [
        *timeline(found, lanes), *closeup(found, lanes), *staleness(found), *delay(found),
        *waiting(found, lanes), *outcomes(found),
    ]  # fmt: skip
    said = [figure.finding for figure in drawn]
    assert any("sent to admins" in one for one in said)
    singular = r"\b(admins|desk) (misses|sees|has|gets|is|was|loses)\b"
    assert [one for one in said if re.search(singular, one)] == []


def test_staleness_past_its_use_is_said():
    short = scenario(intent={"kind": "notifications", "useful_for": "2s"})
    (drawn,) = staleness(stories(play(short)))
    assert "past the 2" in drawn.finding
    assert "Dashed" in drawn.how
    never = scenario(intent={"kind": "notifications"})
    (drawn,) = staleness(stories(play(never)))
    assert "useful" not in drawn.finding + drawn.how


def test_the_full_buffer_is_said_and_the_window_beside_it():
    found = stories(play(), play(target="server"))
    sim, server = waiting(found, lanes_of(found))
    assert re.search(r"The buffer of office/\d fills up: 8 wait in it", sim.finding)
    assert "at most 8 of 8 places of the buffer used, at most 4 of 4 in the network" in sim.alt
    assert "of 34 in the network" in server.alt


def test_more_in_the_network_than_was_measured_stays_on_the_axis_and_is_said():
    lane = lanes_of(stories(play(target="server")))[0][0]
    inside, beyond = (
        Levels(lane, np.array([flying]), np.array([8]), window=4) for flying in (4, 30)
    )
    assert _top(inside, 8) == pytest.approx(12 * 1.12)
    assert _top(beyond, 8) > 38
    header = {"window": {"office": {"messages": 1}, "train": {"messages": 1}}}
    history = play(target="server")
    history.header = structs.replace(history.header, **header)
    (drawn,) = waiting([tell(history)], lanes_of(stories(history)))
    assert "For office up to 4 were in the network, more than the 1 that were" in drawn.note


def test_how_many_are_not_shown_is_said():
    found = stories(play())
    assert "3 subscribers not shown" in timeline(found, lanes_of(found))[0].note


def test_quantiles_of_delays():
    half, _, _, all_ = quantiles_s(tell(play()), "office", by_replay=False)
    assert 0.02 < half < 0.04 < all_ < 12


NOTHING = {"duration": "10s", "subscribers": {"office": {"count": 2}}}
EMPTY = {
    "nothing sent": {"workload": NOTHING, "faults": [], "expect": []},
    "one instant": {
        "workload": {**NOTHING, "duration": "1ns"}, "faults": [], "expect": [],
    },
}  # fmt: skip


@pytest.mark.parametrize("case", EMPTY)
def test_nothing_to_show_is_no_crash(case):
    drawn = every(panels(stories(play(scenario(**EMPTY[case])))))
    assert {figure.finding for figure in drawn} >= {"Nothing was sent", "No event arrived live"}
    assert all("nan" not in figure.svg.lower() for figure in drawn)


def test_a_record_of_nothing_but_its_header_is_no_crash():
    from simrt.history import History

    drawn = every(panels(stories(History(play().header, []))))
    assert "cut short" in drawn[0].note
    assert panels([]) == ()


def test_many_groups_and_long_names_are_no_crash():
    groups = {f"group-with-quite-a-long-name-{n}": {"count": 3} for n in range(14)}
    workload = {**scenario().normalised()["workload"], "subscribers": groups}
    drawn = every(panels(stories(play(scenario(workload=workload, faults=[], expect=[])))))
    assert any("not shown" in figure.note for figure in drawn)
    assert "of each group you see the one that missed most." in drawn[0].note
