"""benchmarks/README.md shows every benchmark; how fast is measured by `make bench`, not here."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "benchmarks" / "README.md").read_text("utf-8")
HELPERS = {"figures", "__main__"}


def test_the_table_names_every_benchmark_and_what_it_is_true_for():
    there = {path.stem for path in (ROOT / "benchmarks").glob("*.py")} - HELPERS
    rows = re.findall(r"^\| `(\w+)` \| .+ \| ([\d.]+) \| (at \w+ [\d.]+ .+) \| (NOT MET|met) \|$",
                      PAGE, re.MULTILINE)  # fmt: skip
    assert {name for name, *_ in rows} == there
    assert re.search(r"digest `[0-9a-f]{24}`", PAGE)


def test_the_run_of_all_knows_every_benchmark():
    from benchmarks.__main__ import NAMES

    assert set(NAMES) == {path.stem for path in (ROOT / "benchmarks").glob("*.py")} - HELPERS
