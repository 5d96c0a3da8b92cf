"""The table of limits in docs/security.md, from the code.

    python -m tests.server.security

writes it anew. Each limit names the tests that stand at it and beyond it.
"""

from __future__ import annotations

import ast
import dataclasses
import inspect
import re
import sys

from simrt.engine.message import MAX_DEPTH
from simrt.server import Limits, StreamSettings
from simrt.server.access import LEAST_SECRET_BYTES, MOST_REVOKED
from simrt.server.stream import MOST_CHATTER_BYTES
from tests.docs.generated import replaced
from tests.docs.rules import ROOT

DOCUMENT = ROOT / "docs" / "security.md"

TESTS = {
    "connections": ("test_limits.py::test_connections",),
    "turned_away": ("test_connections.py::test_beyond_all_counting_the_silent_make_room",),
    "streams": ("test_limits.py::test_streams_of_the_whole_server",),
    "streams_per_endpoint": ("test_limits.py::test_streams_of_one_endpoint",),
    "channels": ("test_limits.py::test_channels_of_a_project",),
    "head_bytes": ("test_limits.py::test_heads",),
    "body_bytes": ("test_limits.py::test_bodies",),
    "request_s": (
        "test_http.py::test_a_slow_head_is_ended",
        "test_connections.py::test_a_client_that_reads_no_answer_holds_nothing_for_ever",
    ),
    "idle_s": ("test_http.py::test_a_slow_head_is_ended",),
    "farewell_s": ("test_http.py::test_after_a_refusal_the_rest_is_swallowed_for_a_moment",),
    "sndbuf_bytes": ("test_sockets.py::test_accepted_connections_answer_without_delay",),
    "notsent_lowat_bytes": ("test_sockets.py::test_the_kernel_is_asked_to_keep_little",),
    "notice_s": ("test_metrics.py::test_health",),
    "max_event_bytes": ("test_site.py::test_each_project_has_its_own_largest_event",),
    "levels": ("test_limits.py::test_levels_of_data",),
    "digits": ("test_limits.py::test_digits_of_a_number",),
    "chatter": ("test_limits.py::test_what_a_client_says_after_its_request",),
    "revoked": ("test_access.py::test_revocations_are_named_and_bounded",),
    "secret": ("test_access.py::test_secrets_are_long_enough_and_never_shown",),
    "parameter": ("test_limits.py::test_path_parameters",),
}
_ATTRIBUTE = re.compile(r"^    (\w+): (.*?)(?=^    \w+: |\Z)", re.MULTILINE | re.DOTALL)
_RULE = re.compile(r" \(([A-Z]{3}-\d+)\)")


def meanings(settings: type) -> dict[str, str]:
    """What the class says of each of its attributes."""
    said = inspect.cleandoc(settings.__doc__ or "").split("Attributes:\n")[1]
    return {name: " ".join(text.split()) for name, text in _ATTRIBUTE.findall(said)}


def limits() -> list[tuple[str, str, str]]:
    """Key of its tests, default, meaning: each limit of the server."""
    said = meanings(Limits)
    found = [
        (field.name, shown(field.default), said[field.name]) for field in dataclasses.fields(Limits)
    ]
    event_bytes = shown(StreamSettings().max_event_bytes)
    return [
        *found,
        ("max_event_bytes", event_bytes, meanings(StreamSettings)["max_event_bytes"]),
        ("levels", shown(MAX_DEPTH), "most levels of an event's data (PUB-3)."),
        ("digits", shown(sys.get_int_max_str_digits()), "most digits of a whole number in it."),
        ("chatter", shown(MOST_CHATTER_BYTES), "most bytes a client says on an open stream."),
        ("revoked", shown(MOST_REVOKED), "most credentials revoked at one time."),
        ("secret", shown(LEAST_SECRET_BYTES), "least bytes of the key of JWTs."),
        ("parameter", "128", "most characters of a path parameter."),
    ]


def shown(value: object) -> str:
    """A default as a reader takes it in."""
    if value is None:
        return "the system's"
    return f"{value:,}" if isinstance(value, int) else str(value)


def table_of_limits() -> str:
    """The limits with their tests."""
    rows = ["| limit | default | meaning | tests |\n|---|---|---|---|\n"]
    for key, default, meaning in limits():
        name = f"`{key}`" if key in meanings(Limits) | meanings(StreamSettings) else ""
        tests = ", ".join(f"`tests/server/{test}`" for test in TESTS[key])
        linked = _RULE.sub(lambda rule: f" ([{rule[1]}](semantics.md#{rule[1].lower()}))", meaning)
        rows.append(f"| {name} | {default} | {linked} | {tests} |\n")
    return "".join(rows)


def named_tests(text: str) -> list[str]:
    """The tests that a document names, as `tests/FILE.py::NAME`."""
    return re.findall(r"`(tests/[\w/]+\.py::\w+)`", text)


def is_there(test: str) -> bool:
    """Whether a test of that name stands in that file."""
    file, _, name = test.partition("::")
    path = ROOT / file
    if not path.is_file():
        return False
    tree = ast.parse(path.read_text("utf-8"))
    return name in {
        node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }


def main() -> None:
    """Write the table."""
    text = DOCUMENT.read_text("utf-8")
    DOCUMENT.write_text(replaced(text, "limits", table_of_limits()), "utf-8")


if __name__ == "__main__":
    main()
