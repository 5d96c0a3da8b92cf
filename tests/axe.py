"""What a reader stumbles over on a page, as a browser renders it: axe-core's rules, and two more.

axe-core judges what a program can judge of accessibility: names, roles, contrast, what a keyboard
reaches. It is run by the browser's tools, so a page's own policy on scripts does not forbid it.
"""

import sys
from functools import cache
from pathlib import Path

import pytest

_SCRIPT = Path(sys.prefix) / "clients" / "node_modules" / "axe-core" / "axe.min.js"
_RULES = 60
"""axe-core has about a hundred; most have nothing to judge on one page, and say so."""

# Words that stand on two lines. A hyphen or a slash ends a word: there a line may break. A word
# that no line could hold is no mistake.
_BROKEN_WORDS = """() => {
    const broken = [], widest = document.documentElement.clientWidth / 9;
    const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    for (let node = walk.nextNode(); node; node = walk.nextNode()) {
        if (node.parentElement.closest('svg, script, style, textarea')) continue;
        for (const word of node.data.matchAll(/[\\p{L}\\p{N}_]+/gu)) {
            const range = document.createRange();
            range.setStart(node, word.index);
            range.setEnd(node, word.index + word[0].length);
            const tops = new Set([...range.getClientRects()].map(box => Math.round(box.top)));
            if (tops.size > 1 && word[0].length < widest) broken.push(word[0]);
        }
    }
    return broken;
}"""


@cache
def _script() -> str:
    if not _SCRIPT.is_file():
        pytest.skip("npm `axe-core` is not installed (npm)")
    return _SCRIPT.read_text("utf-8")


def violations(page) -> list[str]:
    """Each rule of axe-core that an element of the page breaks."""
    page.evaluate(_script())
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    judged = sum(len(found[kind]) for kind in ("violations", "passes", "inapplicable"))
    assert judged >= _RULES
    return [
        f"{rule['id']}: {rule['help']}: {node['html'][:200]}"
        for rule in found["violations"]
        for node in rule["nodes"]
    ]


def broken_words(page) -> list[str]:
    """The words that stand on two lines, though a line could hold them."""
    return page.evaluate(_BROKEN_WORDS)
