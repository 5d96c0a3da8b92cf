"""docs/schemas.md: what judging an event costs, at one size and at twice that.

    python -m tests.docs.schemas

measures anew, CPU time, and writes the table. No test asserts it: time is the machine's.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

from simrt.scenario.shapes import Shape
from tests.docs.generated import replaced
from tests.docs.rules import ROOT

PAGE = ROOT / "docs" / "schemas.md"
SIZES = (16_384, 32_768, 65_536)
REPEATS = 7
# What is shorter is repeated until it takes so long: a clock tick must not show.
SHORTEST_S = 2e-3

Case = tuple[str, dict[str, Any], Callable[[int], Any]]


def _items(size: int, one: Callable[[int], Any]) -> list[Any]:
    each = len(json.dumps(one(1_000), separators=(",", ":"))) + 1
    return [one(n) for n in range(size // each)]


def _names(size: int) -> dict[str, int]:
    return {f"y{n:04}": n for n in range(1_000, 1_000 + size // 12)}


ENDLESS = "^([a-z0-9]+[-_]?)+$"
CASES: tuple[Case, ...] = (
    (f"`pattern: {ENDLESS}`", {"pattern": ENDLESS}, lambda size: "a" * (size - 3) + "!"),
    ("`pattern: (a|b)*a(a|b){200}[cd]$`", {"pattern": "(a|b)*a(a|b){200}[cd]$"},
     lambda size: "ab" * (size // 2 - 2) + "e"),
    ("`uniqueItems`, objects", {"uniqueItems": True},
     lambda size: _items(size, lambda n: {"a": n})),
    ("`uniqueItems`, numbers", {"uniqueItems": True}, lambda size: _items(size, lambda n: n * 1.5)),
    ("`propertyNames`, none fits", {"propertyNames": {"pattern": "^x"}}, _names),
    ("`unevaluatedProperties: false`",
     {"anyOf": [{"patternProperties": {"^y": True}}, {"required": ["q"]}],
      "unevaluatedProperties": False}, _names),
    ("`items` of 100 alternatives, the last fits",
     {"items": {"anyOf": [*({"maximum": -n} for n in range(1, 100)), {"type": "integer"}]}},
     lambda size: _items(size, lambda n: n)),
    ("`enum` of 1,000 texts, the last fits",
     {"items": {"enum": [f"e{n:03}" for n in range(1_000)]}},
     lambda size: _items(size, lambda _: "e999")),
    ("`multipleOf: 0.01`", {"items": {"multipleOf": 0.01}},
     lambda size: _items(size, lambda n: n + 0.25)),
    ("a list of lists, 90 deep", {"items": {"$ref": "#"}, "type": "array"},
     lambda size: [json.loads("[" * 90 + "]" * 90)] * (size // 181)),
    ("`format: date-time`", {"items": {"format": "date-time"}},
     lambda size: _items(size, lambda _: "2026-01-01T00:00:00.000Z")),
    ("a usual shape, 40 bytes a row",
     {"items": {"type": "object", "additionalProperties": False, "required": ["id", "status"],
                "properties": {"id": {"type": "string", "maxLength": 20},
                               "status": {"enum": ["draft", "published"]}}}},
     lambda size: _items(size, lambda n: {"id": f"{n:08}", "status": "published"})),
)  # fmt: skip


def milliseconds(shape: Shape, data: Any) -> float:
    """CPU time of one judgement, the least of some."""
    encoded = json.dumps(data, ensure_ascii=False, separators=(",", ":")).encode()
    times, least = 1, float("inf")
    for _ in range(REPEATS):
        begin = time.process_time()
        for _ in range(times):
            shape.problem(data, encoded)
        taken = time.process_time() - begin
        least = min(least, taken / times) if taken >= SHORTEST_S else least
        if taken < SHORTEST_S:
            times = max(times * 2, int(times * SHORTEST_S * 2 / max(taken, 1e-6)))
    return least * 1000


def table() -> str:
    """The table of the page."""
    head = " | ".join(f"{size >> 10} KiB" for size in SIZES)
    lines = [f"| schema | {head} |", "|---|" + "---|" * len(SIZES)]
    for name, schema, data in CASES:
        shape = Shape(schema)
        cells = " | ".join(f"{milliseconds(shape, data(size)):.2g} ms" for size in SIZES)
        lines.append(f"| {name.replace('|', chr(92) + '|')} | {cells} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    PAGE.write_text(replaced(PAGE.read_text("utf-8"), "work", table()), "utf-8")
