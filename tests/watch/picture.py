"""The picture of docs/watching.md: the page after a small course of events.

    python -m tests.watch.picture

takes it anew, in Chromium, from a scenario that ships.
"""

from __future__ import annotations

import io
import tempfile
from pathlib import Path

import simrt
from tests.chromium import ARGUMENTS, PROGRAM
from tests.docs.rules import ROOT
from tests.watch.serving import serve

PICTURE = ROOT / "docs" / "figures" / "watching.png"
SCENARIO = ROOT / "scenarios" / "patterns" / "live-admin-notifications.yml"
# Rare colours are kept: the marks in the legend are told apart by them.
_COLOURS = 256


def course(page) -> None:
    """One client that reads and was offline for a moment, one that stalls, and the browser."""
    cards = page.locator("[data-client]")
    for number, (drain, button) in enumerate(
        (("0", "join"), ("200", "join"), ("200", "join-browser"))
    ):
        page.select_option("#drain", drain)
        page.click(f"#{button}")
        cards.nth(number).locator(".s-open").wait_for()
    page.click("#play")
    page.wait_for_timeout(3500)
    cards.nth(0).locator("[data-act=away]").click()
    page.wait_for_timeout(1500)
    cards.nth(0).locator("[data-act=away]").click()
    page.wait_for_timeout(4500)
    page.click("#play")
    cards.nth(1).locator("[data-act=stall]").click()
    cards.nth(1).locator(".s-stalled").wait_for()
    page.click("#send button[value='10']")
    page.click("#send button[value='100']")
    page.locator("#sent", has_text="Sent 100").wait_for()
    cards.nth(1).locator("[data-cause=dropped-oldest]").wait_for()
    page.click("#send button[value='10']")
    page.wait_for_timeout(1500)
    page.evaluate("document.activeElement.blur()")
    page.mouse.move(5, 5)


def main() -> None:
    """Take the picture."""
    from PIL import Image
    from playwright.sync_api import sync_playwright

    scenario = simrt.load(SCENARIO).normalised()
    with (
        tempfile.TemporaryDirectory() as folder,
        serve(Path(folder), scenario) as served,
        sync_playwright() as session,
    ):
        browser = session.chromium.launch(executable_path=PROGRAM, args=ARGUMENTS)
        page = browser.new_page(viewport={"width": 1180, "height": 900}, color_scheme="light")
        page.goto(served.page)
        page.wait_for_selector("#join")
        course(page)
        shot = page.screenshot(full_page=True)
        browser.close()
    picture = Image.open(io.BytesIO(shot)).convert("RGB")
    few = picture.quantize(_COLOURS, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    few.save(PICTURE, optimize=True)


if __name__ == "__main__":
    main()
