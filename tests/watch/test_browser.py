"""The page in a real browser, driven as a person does."""

import json
import re

import pytest

from tests.axe import broken_words, violations
from tests.watch.serving import BUFFER_SIZE, feature, serve

pytestmark = pytest.mark.real

PATIENCE_MS = 60_000


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    with serve(tmp_path_factory.mktemp("served"), feature()) as process:
        yield process


@pytest.fixture
def page(browser, served):
    """The page, opened; it may say nothing to the console, but that the server is down."""
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.set_default_timeout(PATIENCE_MS)
    said = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.goto(served.page)
    page.wait_for_selector("#join")
    yield page
    for name in page.eval_on_selector_all("[data-client]", "all => all.map(e => e.dataset.client)"):
        page.click(f"[data-client='{name}'] [data-act=leave]")
        page.wait_for_selector(f"[data-client='{name}']", state="detached")
    page.close()
    assert [text for text in said if "ERR_CONNECTION_REFUSED" not in text] == []


def join(page, button="#join"):
    """Add a client; its card, once it reads."""
    before = page.locator("[data-client]").count()
    page.click(button)
    card = page.locator("[data-client]").nth(before)
    card.locator(".s-open").wait_for()
    return card


def figure(card, name, wanted):
    """Wait until a figure of a card is this."""
    card.locator(f"[data-figure={name}]", has_text=wanted).wait_for()


def send(page, times=1, data=None):
    if data is not None:
        page.fill("#data", json.dumps(data))
    page.click(f"#send button[value='{times}']")
    page.locator("#sent", has_text="Sent").wait_for()


def test_two_clients_and_the_browser_get_what_a_hook_sends(page):
    cards = [join(page), join(page), join(page, "#join-browser")]
    send(page, 1, {"text": "first"})
    for card in cards:
        figure(card, "got", "1")
        figure(card, "missed", "0")
        card.locator("summary").click()
        card.locator(".log code", has_text='{"text":"first"}').wait_for()
    assert cards[2].locator("h3").inner_text().startswith("This browser")
    assert "offered to 3 clients" in page.locator("#sent").inner_text()


def test_a_stalled_client_misses_what_its_buffer_drops(page):
    card, other = join(page), join(page)
    card.locator("[data-act=stall]").click()
    card.locator(".s-stalled").wait_for()
    send(page, 100)
    figure(other, "got", "100")
    cause = card.locator("[data-cause=dropped-oldest]")
    cause.wait_for()
    assert "dropped (oldest)" in cause.inner_text()
    card.locator(".meter", has_text=f"{BUFFER_SIZE} of {BUFFER_SIZE}").wait_for()
    dropped = int(cause.locator("b").inner_text())
    card.locator("[data-act=stall]").click()
    card.locator(".s-open").wait_for()
    figure(card, "got", str(100 - dropped))
    figure(card, "missed", str(dropped))
    figure(card, "behind", "0")


def test_cut_and_offline_lose_what_was_sent_meanwhile_and_replay_brings_some_back(page):
    card, other = join(page), join(page)
    send(page, 1)
    figure(card, "got", "1")
    card.locator("[data-act=away]").click()
    card.locator(".s-away").wait_for()
    send(page, 10)
    figure(card, "missed", "10")
    assert "sent while offline" in card.locator("[data-cause=offline]").inner_text()
    figure(other, "got", "11")
    card.locator("[data-act=away]").click()  # back: the replay holds the newest two
    card.locator(".s-open").wait_for()
    figure(card, "got", "3")
    figure(card, "missed", "8")
    card.locator("[data-act=cut]").click()
    card.locator("summary").click()
    card.locator(".log", has_text="it was cut").wait_for()
    card.locator(".s-open").wait_for()


@pytest.mark.parametrize("how", ["deploy", "kill"])
def test_a_restart_empties_the_channel_and_everybody_returns(page, how):
    cards = [join(page), join(page), join(page, "#join-browser")]
    send(page, 1)
    figure(cards[2], "got", "1")
    cards[1].locator("[data-act=stall]").click()
    cards[1].locator(".s-stalled").wait_for()
    send(page, 100)
    figure(cards[0], "got", "101")
    cards[1].locator(".meter", has_text=f"{BUFFER_SIZE} of {BUFFER_SIZE}").wait_for()
    life = int(page.locator("#status").inner_text().split()[1])
    page.click(f"#{how}")
    page.locator("#status", has_text=f"Life {life + 1} of").wait_for()
    cards[1].locator("[data-act=stall]").click()
    for card in cards:
        card.locator(".s-open").wait_for()
    lost = cards[1].locator("[data-cause=restart] b")
    lost.wait_for()
    assert int(lost.inner_text()) >= BUFFER_SIZE
    got = int(cards[0].locator("[data-figure=got]").inner_text())
    send(page, 1)
    assert "as event 1," in page.locator("#sent").inner_text()
    figure(cards[0], "got", str(got + 1))


def test_the_engine_and_the_page_count_the_same(page):
    card = join(page)
    card.locator("[data-act=stall]").click()
    card.locator(".s-stalled").wait_for()
    send(page, 100)
    card.locator("summary").click()
    card.locator("[data-cause=dropped-oldest]").wait_for()
    engine = card.locator("details p").inner_text()
    dropped = int(card.locator("[data-cause=dropped-oldest] b").inner_text())
    offered, *parts = map(int, re.findall(r"\d+", engine))
    assert offered == sum(parts) >= 100
    assert parts[1:] == [dropped, BUFFER_SIZE]


def test_a_slow_client_falls_behind(page):
    page.select_option("#drain", "5000")
    card = join(page)
    page.select_option("#drain", "0")
    send(page, 100)
    card.locator("[data-cause=dropped-oldest]").wait_for()
    card.locator("select").select_option("0")
    figure(card, "behind", "0")


ILLEGIBLE = """() => [...document.querySelectorAll('button')].filter(e => {
    const style = getComputedStyle(e);
    return style.color === style.backgroundColor;
}).map(e => e.id || e.textContent)"""


def test_the_workload_plays(page):
    card = join(page)
    page.click("#play")
    page.wait_for_selector("#play[aria-pressed=true]")
    assert page.evaluate(ILLEGIBLE) == []
    page.wait_for_function(
        "() => Number(document.querySelector('[data-figure=got]').textContent) > 5"
    )
    page.click("#play")
    page.wait_for_selector("#play[aria-pressed=false]")
    figure(card, "missed", "0")


def test_a_refused_event_says_why(page):
    join(page)
    page.fill("#data", '{"wrong": 1}')
    page.click("#send button[value='1']")
    page.locator("#sent", has_text="Refused, 422: data: ").wait_for()
    page.fill("#data", "{")
    page.click("#send button[value='1']")
    page.locator("#sent", has_text="Refused, 400: the body is not JSON").wait_for()


HOSTILE = (
    "<img src=x onerror=window.hit=1>",
    "</script><script>window.hit=1</script>",
    "<svg onload=window.hit=1>",
    "javascript:window.hit=1",
    "line\u2028separator\u2029paragraph",
    "\u202eright to left",
    "\u0000\u0007\u001b[31m",
    "{{7*7}} ${window.hit=1} &lt;b&gt;",
    "A" * 20_000,
)


def test_hostile_data_is_text(page):
    cards = [join(page), join(page, "#join-browser")]
    before = page.evaluate("document.querySelectorAll('img, script, svg:not(.mark)').length")
    for text in HOSTILE:
        send(page, 1, {"text": text})
    for card in cards:
        figure(card, "got", str(len(HOSTILE)))
        card.locator("summary").click()
        said = card.locator(".log code").all_inner_texts()[: len(HOSTILE)]  # newest first
        for text, shown in zip(HOSTILE, reversed(said), strict=True):
            wanted = json.dumps({"text": text}, ensure_ascii=False, separators=(",", ":"))
            if len(wanted) > 2000:
                wanted = f"{wanted[:2000]}… ({len(wanted):,} characters)"
            assert shown == wanted
    assert page.evaluate("window.hit") is None
    assert page.title() == "simrt serve"
    after = page.evaluate("document.querySelectorAll('img, script, svg:not(.mark)').length")
    assert after == before
    assert page.evaluate("document.documentElement.scrollWidth") <= 1280


def test_large_events_and_bursts_reach_the_page_of_a_browser(page):
    """What the page tells the server is cut to what one request may hold, and nothing is stuck."""
    card = join(page, "#join-browser")
    send(page, 10, {"text": "\U0001f600\u0001" * 5000})
    send(page, 100, {"text": "small"})
    page.wait_for_function(
        "() => Number(document.querySelector('[data-figure=got]').textContent) >= 110"
    )
    figure(card, "behind", "0")
    assert not page.locator("#trouble").is_visible()
    assert page.locator("#facts", has_text="Not reported").count() == 0


def test_the_policy_stops_what_would_slip_through(browser, served):
    """Were markup ever built from data, no script of it would run, and nothing would be loaded."""
    page = browser.new_page()
    page.goto(served.page)
    page.wait_for_selector("#join")
    ends = {}
    page.on("requestfailed", lambda request: ends.update({request.url: request.failure}))
    page.on("requestfinished", lambda request: ends.update({request.url: "done"}))
    with page.expect_event("console", lambda said: "Content Security Policy" in said.text):
        page.evaluate(
            """document.body.insertAdjacentHTML('beforeend',
            '<img src="http://127.0.0.1:9/x"><img src="data:," onerror="window.hit=1">')"""
        )
    page.evaluate(
        """() => { const s = document.createElement('script'); s.textContent = 'window.hit = 2';
        document.body.append(s); }"""
    )
    page.wait_for_function("() => document.querySelector('#status').textContent.includes('Life')")
    assert page.evaluate("window.hit") is None
    assert ends["http://127.0.0.1:9/x"] == "csp"
    page.close()


def test_without_the_key_it_says_what_to_do(browser, served):
    for address in (served.page.partition("#")[0], served.page[:-3]):
        page = browser.new_page()
        page.goto(address)
        page.locator("#trouble", has_text="behind its # stands the key").wait_for()
        assert not page.locator("#join").is_visible()
        page.close()


# What sticks out of the page, leaving out what stands in a box that scrolls or hides by itself.
STICKING_OUT = """() => [...document.querySelectorAll('body *')].filter(e =>
    !e.closest('.strip, .unseen, .skip') && e.getBoundingClientRect().right > innerWidth + 1)
    .map(e => e.outerHTML.slice(0, 80))"""


@pytest.mark.parametrize("width", [390, 820, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_in_both_themes(page, tmp_path, width, scheme):
    page.set_viewport_size({"width": width, "height": 844})
    page.emulate_media(color_scheme=scheme)
    cards = [join(page), join(page), join(page, "#join-browser")]
    cards[1].locator("[data-act=stall]").click()
    send(page, 100)
    send(page, 1, {"text": "W" * 500})
    figure(cards[0], "got", "101")
    for card in cards:
        card.locator("summary").click()
    for summary in page.locator(".about summary").all():
        summary.click()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate(STICKING_OUT) == []
    assert broken_words(page) == []
    if width != 820:
        assert violations(page) == []
    ground = page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
    assert ground == {"light": "rgb(255, 255, 255)", "dark": "rgb(21, 24, 28)"}[scheme]
    heights = page.eval_on_selector_all("button", "all => all.map(e => e.offsetHeight)")
    assert min(height for height in heights if height) >= (44 if width == 390 else 40)
    page.screenshot(path=tmp_path / "page.png", full_page=True)


def tab_to(page, selector):
    """Press Tab until an element has the focus, as one does; it must be seen to have it."""
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate("selector => document.activeElement.matches(selector)", selector):
            break
    else:
        raise AssertionError(f"{selector} cannot be reached")
    style = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    width = page.evaluate("parseFloat(getComputedStyle(document.activeElement).outlineWidth)")
    assert (style, width >= 2) == ("solid", True)


def test_it_is_usable_by_keyboard_alone(page):
    tab_to(page, "#join")
    page.keyboard.press("Enter")
    card = page.locator("[data-client]")
    card.locator(".s-open").wait_for()
    tab_to(page, "[data-act=stall]")
    page.keyboard.press("Space")
    card.locator(".s-stalled").wait_for()
    assert page.evaluate("document.activeElement.dataset.act") == "stall"  # the focus stays
    page.locator("#say", has_text="stalled").wait_for(state="attached")
    tab_to(page, "#data")
    page.keyboard.press("ControlOrMeta+a")
    page.keyboard.type('{"text": "by keyboard"}')
    tab_to(page, "#send button[value='100']")
    page.keyboard.press("Enter")
    card.locator("[data-cause=dropped-oldest]").wait_for()
    page.locator("#say", has_text="dropped (oldest)").wait_for(state="attached")
    tab_to(page, "summary:not(.about *)")
    tab_to(page, "article summary")
    page.keyboard.press("Enter")
    assert card.locator(".log li").count() > 0
    tab_to(page, "[data-act=leave]")
    page.keyboard.press("Enter")
    card.wait_for(state="detached")


def test_everything_that_can_be_used_has_a_name(page):
    cards = [join(page), join(page, "#join-browser")]
    nameless = page.evaluate(
        """() => [...document.querySelectorAll('button, select, textarea, input, [role=meter]')]
        .filter(e => !e.getAttribute('aria-label') && !e.textContent.trim()
            && !(e.labels && e.labels.length)).map(e => e.outerHTML)"""
    )
    assert nameless == []
    labels = page.evaluate(
        """() => [...document.querySelectorAll('select, textarea')]
        .filter(e => !(e.labels && e.labels.length)).map(e => e.outerHTML)"""
    )
    assert labels == []
    assert page.locator("article [role=meter]").count() == 2 * len(cards)
    scrolls = page.locator("[tabindex]:not([tabindex='-1'])")
    assert scrolls.count() == page.locator(".log[aria-label][tabindex='0']").count() == len(cards)
    names = page.eval_on_selector_all(
        "[data-act=leave]", "all => all.map(e => e.getAttribute('aria-label'))"
    )
    assert len(set(names)) == 2


def test_outcomes_can_be_told_apart_without_colour(page):
    shapes = page.eval_on_selector_all("#legend path", "all => all.map(e => e.getAttribute('d'))")
    labels = page.locator("#legend li").all_inner_texts()
    page.locator("summary", has_text="What the marks mean").click()
    told = page.locator("#meanings dt").all_inner_texts()
    assert [text.strip() for text in told] == [text.strip() for text in labels]
    assert all(text.endswith(".") for text in page.locator("#meanings dd").all_inner_texts())
    assert len(labels) == len(set(labels)) == 10
    assert len(set(shapes)) == len(shapes)


def test_two_features_side_by_side(browser, tmp_path):
    other = feature(title="Orders")
    put = {"hook": "PUT /orders", "permission": {"public": ["PUT"]}, "sends": "changed"}
    other["feature"] = {**other["feature"], "project": "sales", "senders": [put]}
    other["feature"]["stream"] = {**other["feature"]["stream"], "permission": {"public": ["GET"]}}
    with serve(tmp_path, feature(), other) as process:
        page = browser.new_page()
        page.set_default_timeout(PATIENCE_MS)
        page.goto(process.page)
        page.wait_for_selector("#join")
        one = join(page)
        page.select_option("#feature", label="Orders")
        two = join(page)
        three = join(page, "#join-browser")
        assert [one.locator(".of").inner_text(), two.locator(".of").inner_text()] == [
            "News",
            "Orders",
        ]
        assert "PUT /sales/orders" in page.locator("#hook").inner_text()
        send(page, 1)
        figure(two, "got", "1")
        figure(three, "got", "1")
        figure(one, "got", "0")
        page.close()
        assert process.end()[0] == 0
