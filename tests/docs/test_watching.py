"""docs/watching.md: its tables are those of the code."""

from __future__ import annotations

import re

import pytest

from simrt.cli import app
from simrt.server.metrics import METRICS
from tests.docs.generated import between
from tests.docs.watching import PARTS, WATCHING

TEXT = WATCHING.read_text("utf-8")


@pytest.mark.parametrize("name", PARTS)
def test_the_tables_are_those_of_the_code(name: str) -> None:
    assert between(TEXT, name) == PARTS[name](), "run python -m tests.docs.watching"


def test_every_metric_that_the_text_names_is_one() -> None:
    known = {f"{one.name}{'_total' if one.kind == 'counter' else ''}" for one in METRICS}
    assert set(re.findall(r"\bsimrt_[a-z_]+", TEXT)) <= known


def test_every_option_of_serve_is_told() -> None:
    import typer.main

    command = typer.main.get_command(app).commands["serve"]  # type: ignore[attr-defined]
    options = {
        name
        for parameter in command.params
        for name in (*parameter.opts, *parameter.secondary_opts)
        if name.startswith("--")
    } - {"--help"}
    told = set(re.findall(r"`(--[a-z-]+)`", TEXT))
    assert options == told
