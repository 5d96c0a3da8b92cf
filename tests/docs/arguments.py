"""The table of docs/arguments.md: what public calls say of wrong arguments.

    python -m tests.docs.arguments

writes it anew: the calls and the values stand in tests/test_arguments.py.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Mapping
from tempfile import TemporaryDirectory

from tests.docs.generated import replaced
from tests.docs.rules import ROOT

ARGUMENTS = ROOT / "docs" / "arguments.md"

Asked = tuple[str, str, str]
"""A call, one of its arguments, and the name of a wrong value."""

_FOUND = re.compile(r"found .*?(?=;| \(did)")


def table_of(answers: Mapping[Asked, object]) -> str:
    """A row for each thing that a call says of an argument; the first value of several is shown."""
    shown: dict[tuple[str, str, str], list[str]] = {}
    said: dict[tuple[str, str, str], str] = {}
    for (call, parameter, label), answer in answers.items():
        text = " ".join(str(answer).split())
        key = (call, parameter, _FOUND.sub("", text))
        shown.setdefault(key, []).append(label)
        said.setdefault(key, text)
    lines = ["| call | argument | given, for example | says |\n|---|---|---|---|\n"]
    for key, labels in shown.items():
        call, parameter, _ = key
        more = f", and {len(labels) - 1} more" if len(labels) > 1 else ""
        text = said[key].replace("|", "\\|").replace("<", "&lt;")
        lines.append(f"| `{call}` | `{parameter}` | {labels[0]}{more} | {text} |\n")
    return "".join(lines)


if __name__ == "__main__":
    from tests.test_arguments import answers_to_wrong_arguments, make

    with TemporaryDirectory() as scratch, contextlib.chdir(scratch):
        found = answers_to_wrong_arguments(make())
    document = ARGUMENTS.read_text("utf-8")
    ARGUMENTS.write_text(replaced(document, "arguments", table_of(found)), "utf-8")
