"""Nothing is explained that is not there: legends, captions, the glossary."""

import re

import pytest

from simrt.report.glossary import said_in
from simrt.report.html import report_html
from tests.report.checks import check_of
from tests.report.synthetic import play, scenario

SAYS = {  # what a caption explains, by the colour that it explains
    "Lilac bands": "f-silent",
    "Grey bands": "away",
}


def _quiet():
    """Nobody is ever away, nothing is missed, nothing comes by replay."""
    workload = scenario().normalised()["workload"]
    workload["subscribers"] = {"desk": {"count": 2}}
    return scenario(workload=workload, faults=[], expect=[])


@pytest.fixture(scope="module", params=["usual", "quiet"])
def text(request):
    scene = scenario() if request.param == "usual" else _quiet()
    return report_html(check_of([play(scene)], scene))


def test_every_entry_of_a_legend_is_drawn(text):
    drawn = "".join(re.findall(r"<figure.*?</figure>", text, re.DOTALL))
    legends = re.findall(r'<ul class="legend".*?</ul>', text, re.DOTALL)
    used = re.findall(r"var\(--([\w-]+)\)", "".join(legends))
    assert used
    assert [name for name in used if f"var(--{name}" not in drawn] == []


def test_a_caption_explains_what_is_drawn(text):
    panels = re.findall(r'<p class="quiet small">([^<]*)</p>\s*<div class="figures', text)
    first = text[text.index('<figure id="timeline') :].split("</figure>")[0]
    for words, colour in SAYS.items():
        assert (words in panels[0]) == (f"var(--{colour}" in first)
    assert ("ring" in panels[0]) == ("came by replay</li>" in text)


def test_the_glossary_has_the_words_of_the_page(text):
    body, _, after = text.partition('<section id="glossary">')
    main = body[body.index("<main>") :]
    listed = re.findall(r"<dt>(.*?)</dt>", after)
    said = re.sub(r"<pre.*?</pre>|<[^>]*>", " ", main, flags=re.DOTALL).lower()
    assert len(listed) > 10
    for name in listed:
        assert any(one in said for one in name.replace("&nbsp;", " ").lower().split(", ")), name
    assert "Server" not in listed  # there was none


def test_a_word_is_explained_where_it_is_said():
    words = (("buffer", "b"), ("window, network", "w"), ("95 % interval", "i"))
    assert said_in(words, "<p>The Buffer</p><pre>window</pre><i title='network'>x</i>") == [
        words[0]
    ]
    assert said_in(words, "<p>in the network: a 95\N{NO-BREAK SPACE}% interval</p>") == list(
        words[1:]
    )
    assert said_in(words, "<p>rebuffered</p>") == []
