"""JSON that every reader reads alike, or a reason why not; and what comes through a pipe."""

from __future__ import annotations

import contextlib
import gc
import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simrt.errors import UsageError
from simrt.history import FORMAT, Header, History, Row, read_history
from simrt.inputs import NotJson, read_json
from simrt.runs import run
from simrt.scenario import load, load_all
from simrt.scenario.reading import read_text
from simrt.scenario.traces import TraceError, read_recording
from simrt.validation.cases import read_cases
from tests.scenario.example import TEXT
from tests.server.rig import TOKENS, rig, virtual

DIGITS = sys.get_int_max_str_digits()
NUMBERS = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
JSON = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(value=JSON, plain=st.booleans())
def test_what_is_json_is_read_as_it_was_written(value: Any, plain: bool) -> None:
    try:
        body = json.dumps(value, ensure_ascii=plain).encode()
    except UnicodeEncodeError:  # a lone surrogate has no UTF-8 form; escaped, it can be written
        return
    assert read_json(body) == value


@given(body=st.binary(max_size=200))
def test_whatever_it_is_there_is_one_kind_of_error(body: bytes) -> None:
    with contextlib.suppress(NotJson):
        read_json(body)


@pytest.mark.rules("PUB-3")
@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "Expecting value, line 1, column 1"),
        (b'{"id":\n oops}', "Expecting value, line 2, column 2"),
        (b"{} {}", "Extra data, line 1, column 4"),
        (b'"\xff"', "it is not UTF-8"),
        (b'"\xed\xa0\x80"', "it is not UTF-8"),
        ('{"a":1}'.encode("utf-16"), "it is not UTF-8"),
        ("1".encode("utf-32-le"), "Extra data, line 1, column 2"),
        (b"NaN", "NaN is no number there"),
        (b"[-Infinity]", "-Infinity is no number there"),
        (b'{"id":"7","id":"8"}', "a key stands twice in one object"),
        (b'[{"a":{"b":1,"\\u0062":2}}]', "a key stands twice in one object"),
        (b"[" * 100_000, "it is nested too deeply: more than 100 levels"),
        (b'{"a":' * 40_000, "it is nested too deeply: more than 100 levels"),
        (b"1" * (DIGITS + 1), "a number has too many digits"),
    ],
)
def test_what_is_not_is_refused_with_a_reason(body: bytes, reason: str) -> None:
    with pytest.raises(NotJson) as refused:
        read_json(body)
    assert str(refused.value) == reason


@virtual
async def test_the_sender_is_told() -> None:
    on = await rig()
    stream = await on.subscribe()
    body = b'{"id":"7","id":"8"}'
    client = await on.ask("POST", "/shop/content", body, token=TOKENS["shop"]["editor"])
    assert client.answer.status == 400
    told = "the body is not JSON (RFC 8259): a key stands twice in one object"
    assert client.answer.json == {"error": told}
    assert stream.seqs == []


def test_a_mark_at_the_beginning_is_overread() -> None:
    assert read_json(b"\xef\xbb\xbf{}") == {}


# --- pipes ---------------------------------------------------------------------------------------

ROOT = Path(__file__).parents[1]
DATA = read_text(TEXT.encode(), "").data


def load_all_of(pipe: Path) -> Any:
    return load_all([pipe.parent])


@pytest.fixture
def pipe(tmp_path: Path) -> Path:
    os.mkfifo(tmp_path / "pipe.yml")
    return tmp_path / "pipe.yml"


@pytest.mark.parametrize("reader", [load, load_all_of, read_history, read_cases])
def test_a_pipe_to_which_nobody_writes_is_an_error_at_once(pipe: Path, reader: Any) -> None:
    with pytest.raises(UsageError, match="nobody writes to this pipe"):
        reader(pipe)


def test_a_trace_is_no_pipe(pipe: Path) -> None:
    with pytest.raises(TraceError, match="is a pipe; write a file"):
        read_recording(pipe.rename(pipe.with_suffix(".csv")))


def test_a_device_is_none_either() -> None:
    for reader in (load, read_history):
        with pytest.raises(UsageError, match="is a device; name a file or a pipe"):
            reader("/dev/zero")


def test_a_history_comes_through_a_pipe_and_is_read_twice(pipe: Path, tmp_path: Path) -> None:
    stored = tmp_path / "h.jsonl.gz"
    rows = [Row(n, "send", seq=n) for n in range(1, 5_000)]
    History(Header(FORMAT, DATA, "sim", 1), rows).save(stored)
    writer = threading.Thread(target=lambda: pipe.write_bytes(stored.read_bytes()))
    writer.start()
    history = None
    while history is None:  # until the writer is there
        with contextlib.suppress(UsageError):
            history = read_history(pipe)
    writer.join()
    assert list(history) == rows
    assert list(history) == rows
    kept = history.path
    assert kept is not None
    assert kept.exists()
    del history
    gc.collect()
    assert not kept.exists()


def test_a_scenario_comes_through_a_pipe(pipe: Path) -> None:
    writer = threading.Thread(target=lambda: pipe.write_text(TEXT))
    writer.start()
    made = None
    while made is None:
        with contextlib.suppress(UsageError):
            made = load(pipe)
    writer.join()
    assert made.feature.project == "shop"


@pytest.mark.real
@pytest.mark.parametrize("name", ["-", "/dev/stdin"])
def test_judge_reads_from_a_pipe(name: str, tmp_path: Path) -> None:
    stored = tmp_path / "h.jsonl"
    made = load(ROOT / "scenarios" / "questions" / "stale-news-with-ttl.yml")
    run(made, "sim", 1, history=stored)
    command = [sys.executable, "-m", "simrt", "judge"]
    told = [
        subprocess.run([*command, *given], input=said, capture_output=True, check=False)
        for given, said in (([str(stored)], b""), ([name], stored.read_bytes()))
    ]
    assert told[0].returncode == told[1].returncode
    assert told[0].stdout == told[1].stdout
    assert b"pass" in told[0].stdout
