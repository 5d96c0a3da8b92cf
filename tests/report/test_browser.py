"""The page in a real browser: no errors, no requests, no overflow, legible in both themes."""

from itertools import product
from shutil import copytree

import pytest

import simrt
from simrt.report import write_index, write_report
from simrt.report.against import write_against
from tests.axe import broken_words, violations
from tests.docs.rules import ROOT
from tests.report.checks import check_of
from tests.report.synthetic import play, scenario

pytestmark = pytest.mark.real

# What sticks out of the page, leaving out what stands in a box that scrolls by itself.
STICKING_OUT = """() => [...document.querySelectorAll('body *')].filter(e =>
    !e.closest('.table, pre, svg') && e.getBoundingClientRect().right > innerWidth + 1)
    .map(e => e.outerHTML.slice(0, 80))"""
# Texts of figures that leave their drawing by more than a pixel.
CLIPPED = """() => [...document.querySelectorAll('figure svg')].flatMap(svg => {
    const box = svg.getBoundingClientRect();
    return [...svg.querySelectorAll('text')].filter(t => {
        const b = t.getBoundingClientRect();
        return b.left < box.left - 1 || b.right > box.right + 1
            || b.top < box.top - 1 || b.bottom > box.bottom + 1;
    }).map(t => svg.querySelector('title').textContent + ': ' + t.textContent);
})"""
SMALLEST = """() => Math.min(...[...document.querySelectorAll('figure svg text')]
    .map(t => parseFloat(getComputedStyle(t).fontSize) * t.getCTM().d || 99))"""


@pytest.fixture(scope="module")
def pages(tmp_path_factory, written_report):
    reports = tmp_path_factory.mktemp("reports")
    both = copytree(written_report, reports / "both" / "20261123T090000.000000Z-1") / "report.html"
    workload = scenario().normalised()["workload"]
    workload["publish"][0]["arrivals"] = {"poisson": "15/s"}
    long = "a-group-with-a-name-as-long-as-names-may-be-which-is-quite-long"
    others = {f"{n}-{long}"[:60].replace(f"{n}-", f"g{n}-"): {"count": 2} for n in range(6)}
    workload["subscribers"] = {long: {"count": 9, "drain": "50ms"}, "train": {"count": 9}, **others}
    faults = [{"at": "45s", "restart": "server", "for": "2s"}]
    scene = scenario(title="x" * 200, workload=workload, expect=["y" * 300], faults=faults)
    check = check_of([play(scene)], scene, sentence="z" * 400)
    one = write_report(check, reports / "one" / "20261123T090000.000000Z-1")
    scenarios = ROOT / "scenarios"
    real = {
        name: simrt.check(scenarios / f"{name}.yml", on=["sim"], runs=1, reports=reports)
        for name in ("patterns/live-admin-notifications", "antipatterns/catch-all-channel")
    }
    shipped, other = real.values()
    against = write_against(shipped, other, reports / "against.html")
    paths = {"both": both, "one": one, "against": against, "index": write_index(reports)}
    paths |= {"shipped": shipped.folder / "report.html", "misuse": other.folder / "report.html"}
    return paths


PAGES = ("both", "one", "against", "shipped", "misuse", "index")
LOOKS = [
    *product(("both", "one", "index"), (390, 820, 1280), ("light", "dark")),
    *product(("against", "shipped", "misuse"), (390, 1280), ("light",)),
]


@pytest.mark.parametrize(("which", "width", "scheme"), LOOKS)
def test_the_page_opens_clean(browser, pages, tmp_path, which, width, scheme):
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    said, asked = [], []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(pages[which].as_uri())
    page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    assert said == []
    assert [url for url in asked if not url.startswith("data:")] == [pages[which].as_uri()]
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate(STICKING_OUT) == []
    assert page.evaluate(CLIPPED) == []
    assert broken_words(page) == []
    if which not in ("index", "against"):
        assert page.evaluate(SMALLEST) >= 8
    picture = tmp_path / "page.png"
    page.screenshot(path=picture, full_page=True)
    assert picture.stat().st_size > 20_000
    ground = page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
    assert ground == {"light": "rgb(255, 255, 255)", "dark": "rgb(21, 24, 28)"}[scheme]
    page.close()


@pytest.mark.parametrize("which", PAGES)
@pytest.mark.parametrize("width", [390, 1280])
def test_axe_finds_nothing(browser, pages, which, width):
    page = browser.new_page(viewport={"width": width, "height": 900})
    page.goto(pages[which].as_uri())
    page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    assert violations(page) == []
    page.close()


@pytest.mark.parametrize("which", [name for name in PAGES if name != "index"])
def test_prose_and_tables_share_the_width_of_the_page(browser, pages, which):
    """Where a column would be too narrow for its words, the table is a list of rows instead."""
    for width in (390, 1280):
        page = browser.new_page(viewport={"width": width, "height": 900})
        page.goto(pages[which].as_uri())
        within = "main > section:not(.verdict) > :is(p, .table, ul, dl)"
        edges = page.eval_on_selector_all(
            within,
            """all => all.map(e => e.matches('.table') ? e.firstElementChild : e)
            .map(e => e.getBoundingClientRect()).map(b => [Math.round(b.left), Math.round(b.right)])
            """,
        )
        main = page.evaluate("(b => [b.left, b.right])(document.querySelector('main')"
                             ".getBoundingClientRect())")  # fmt: skip
        assert {tuple(edge) for edge in edges} == {tuple(map(round, main))}
        page.close()


def test_figures_follow_the_theme(browser, pages):
    fills = []
    for scheme in ("light", "dark"):
        page = browser.new_page(color_scheme=scheme)
        page.goto(pages["both"].as_uri())
        script = "getComputedStyle(document.querySelector('figure svg text')).fill"
        fills.append(page.evaluate(script))
        page.close()
    assert fills == ["rgb(28, 33, 39)", "rgb(232, 234, 237)"]


def test_it_prints_on_a4_in_the_light_theme_with_the_evidence(browser, pages, tmp_path):
    page = browser.new_page(viewport={"width": 703, "height": 1000}, color_scheme="dark")
    page.goto(pages["both"].as_uri())
    page.emulate_media(media="print", color_scheme="dark")
    assert page.evaluate("document.documentElement.scrollWidth") <= 703
    ground = page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
    assert ground == "rgb(255, 255, 255)"
    assert page.locator(".inside .rules").first.is_visible()
    path = tmp_path / "page.pdf"
    page.pdf(path=path, format="A4")
    assert path.read_bytes().count(b"/Type /Page\n") > 3
    page.close()


def test_it_reads_without_scripts_and_by_keyboard(browser, pages):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(pages["both"].as_uri())
    assert page.locator("section").count() == 9
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert page.locator(".items details[open]").count() == 1
    context.close()
