"""The page in a real browser, driven as a person does."""

import json
import shutil

import pytest

from tests.watch.serving import BUFFER_SIZE, feature, serve

pytestmark = pytest.mark.real

ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--no-first-run",
]  # fmt: skip
PATIENCE_MS = 60_000


@pytest.fixture(scope="module")
def browser():
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("chromium is not installed")
    with playwright.sync_playwright() as session:
        opened = session.chromium.launch(executable_path=program, args=ARGUMENTS)
        yield opened
        opened.close()


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
