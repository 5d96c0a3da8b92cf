"""The tables of docs/watching.md: metrics and log fields, from the code that writes them.

    python -m tests.docs.watching

writes them anew.
"""

from __future__ import annotations

from simrt.server.access_log import FIELDS
from simrt.server.metrics import METRICS
from tests.docs.generated import replaced
from tests.docs.rules import ROOT

WATCHING = ROOT / "docs" / "watching.md"


def table_of_metrics() -> str:
    """Every metric under the name that Prometheus shows."""
    rows = []
    for each in METRICS:
        name = f"{each.name}_total" if each.kind == "counter" else each.name
        labels = ", ".join(f"`{label}`" for label in each.labels) or "—"
        rows.append(f"| `{name}` | {each.kind} | {labels} | {each.help} |\n")
    return "| metric | kind | labels | meaning |\n|---|---|---|---|\n" + "".join(rows)


def table_of_fields() -> str:
    """Every field of a log line."""
    rows = [f"| `{name}` | {meaning} |\n" for name, meaning in FIELDS.items()]
    return "| field | meaning |\n|---|---|\n" + "".join(rows)


PARTS = {"metrics": table_of_metrics, "fields": table_of_fields}


def main() -> None:
    """Write the tables."""
    text = WATCHING.read_text("utf-8")
    for name, part in PARTS.items():
        text = replaced(text, name, part())
    WATCHING.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
