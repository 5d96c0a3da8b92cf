"""Chromium's EventSource as a program: prints one line of JSON for each thing that happens."""

from __future__ import annotations

import json
import sys
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import sync_playwright

from simrt.server.access import COOKIE
from tests.chromium import ARGUMENTS

PAGE = """([url, credentials]) => {
  const source = new EventSource(url, { withCredentials: credentials });
  const note = e => { if (e instanceof MessageEvent) say({ event: [e.type, e.data, e.lastEventId] }); };
  source.addEventListener("open", () => say({ open: true }));
  for (const type of ["changed", "message"]) source.addEventListener(type, note);
  source.addEventListener("error", () => {
    say({ error: null, over: source.readyState === EventSource.CLOSED });
  });
}"""  # noqa: E501


def say(words: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(words) + "\n")
    sys.stdout.flush()


def main(executable: str, url: str, token: str, page_url: str = "") -> None:
    """Listen to a stream until stdin ends.

    Arguments:
        executable: of Chromium.
        url: the stream's.
        token: the credential, put into the cookie; empty: none.
        page_url: the page that listens; empty: one of the stream's own origin.
    """
    parts = urlsplit(url)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=ARGUMENTS)
        say({"version": browser.version})
        context = browser.new_context()
        if token:
            context.add_cookies(
                [{"name": COOKIE, "value": token, "domain": str(parts.hostname), "path": "/"}]
            )
        page = context.new_page()
        page.expose_function("say", say)
        page.goto(page_url or f"{parts.scheme}://{parts.netloc}/")
        page.evaluate(PAGE, [url, bool(token)])
        while True:
            page.wait_for_timeout(50)  # lets the page's calls through


if __name__ == "__main__":
    main(*sys.argv[1:])
