"""All benchmarks in one run; a table at the end, which is also written to benchmarks/README.md.

    python -m benchmarks [NAME...]

With names only these run, and nothing is written. Ends with 1 if a target is not met.
"""

from __future__ import annotations

import platform
import re
import sys
from importlib import import_module
from os import cpu_count

from benchmarks.figures import ROOT, Figure, digest

NAMES = ("engine", "machine", "sim", "half_a_day", "help", "many", "quick")
PAGE = ROOT / "benchmarks" / "README.md"
INTRODUCTION = """# How fast

Written by `make bench`. Each figure is the median of rounds in which the contestants took turns, in
one run; the half day is a single run. The clock is that of the CPU: other work on the machine
changes less, but not nothing.

| benchmark | what was measured | measured | target | |
|---|---|---:|---|---|
"""


def table(figures: dict[str, list[Figure]]) -> str:
    return "".join(
        f"| `{name}` | {' | '.join(figure.row())} |\n"
        for name, found in figures.items()
        for figure in found
    )


def measured_at() -> str:
    """The digest that the page names."""
    found = (
        re.search(r"digest `([0-9a-f]{24})`", PAGE.read_text("utf-8")) if PAGE.exists() else None
    )
    return found[1] if found else "none"


def main() -> int:
    chosen = sys.argv[1:] or NAMES
    now = digest()
    print(f"benchmarks/README.md was measured at digest {measured_at()}; the code is now at {now}")
    figures = {}
    for name in chosen:
        print(f"{name}:", flush=True)
        figures[name] = import_module(f"benchmarks.{name}").measure()
    print("\n" + table(figures), end="")
    if chosen == NAMES:
        stamp = (
            f"\nMeasured with Python {platform.python_version()} on {cpu_count()} cores"
            f" ({platform.machine()}, {platform.system()}), for the code with digest `{now}`.\n"
        )
        PAGE.write_text(INTRODUCTION + table(figures) + stamp, "utf-8")
    return 0 if all(figure.met for found in figures.values() for figure in found) else 1


if __name__ == "__main__":
    sys.exit(main())
