"""The server's side of a history: which rows, in which order, and before what."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from simrt.errors import TargetError
from simrt.history import Row, digest_of
from simrt.record import Where
from simrt.server import Recorder
from tests.server.rig import Rig, read_rows, rig, settle, virtual


def plain(rows: list[Row]) -> list[tuple[Any, ...]]:
    return [(row.kind, row.seq, row.subscriber, row.connection, row.cause) for row in rows]


@pytest.mark.rules("PUB-4", "ACC-1", "SUB-1")
@virtual
async def test_the_rows_of_a_small_run(tmp_path: Path) -> None:
    on = await rig(record=tmp_path / "rows", options={"bufferSize": 2}, replay={"lastN": 1})
    await on.post({"id": "1"})
    await asyncio.sleep(5)
    client = await on.subscribe("a/3", 2, window=10)
    for n in range(3):
        await on.post({"id": str(n)})
    client.transport.read(10_000)
    await settle()
    client.transport.eof()
    await settle()
    rows = on.rows
    assert plain(rows) == [
        ("send", 1, "", 0, ""),
        ("connect", 0, "a/3", 2, ""),
        ("replay", 0, "a/3", 2, ""),
        ("send", 2, "", 0, ""),
        ("send", 3, "", 0, ""),
        ("drop", 1, "a/3", 2, "drop-oldest"),
        ("send", 4, "", 0, ""),
        ("drop", 2, "a/3", 2, "drop-oldest"),
        ("take", 3, "a/3", 2, ""),
        ("take", 4, "a/3", 2, ""),
        ("close", 0, "a/3", 2, "client"),
    ]
    assert {(row.project, row.channel, row.epoch) for row in rows} == {("shop", "news", "e1")}
    data = b'{"id":"1"}'
    assert (rows[0].event, rows[0].bytes, rows[0].digest) == ("changed", 10, digest_of(data))
    assert rows[0].detail == {"offered": 0, "sender": "POST /content"}
    assert rows[1].detail == {"status": 200}
    assert rows[1].t_ns == rows[2].t_ns == 5_000_000_000
    assert rows[2].detail == {
        "count": 1, "first": 1, "last": 1, "last_n": 1, "max_age_ns": None,
    }  # fmt: skip
    assert (rows[8].event, rows[8].bytes, rows[8].digest) == (
        rows[4].event,
        rows[4].bytes,
        rows[4].digest,
    )


@pytest.mark.rules("ACC-1")
@virtual
async def test_the_end_of_a_run_is_no_close(tmp_path: Path) -> None:
    """`end` rows for the open ones; nothing is sent, taken, opened or written after."""
    on = await rig(record=tmp_path / "rows", server={"writeDeadline": "none"})
    closed = await on.subscribe("a/0")
    keeps_up = await on.subscribe("a/1")
    slow = await on.subscribe("a/2", window=10)
    closed.transport.eof()
    for _ in range(3):
        await on.post()
    on.server.end()
    ends = [row for row in on.rows if row.kind == "end"]
    assert plain(ends) == [("end", 0, "a/1", 1, ""), ("end", 0, "a/2", 1, "")]
    assert [row.detail and row.detail["pending"] for row in ends] == [[], [1, 2, 3]]
    assert ends[1].detail is not None
    assert ends[1].detail["fates"]["pending"] == 3
    before = on.rows
    assert (await on.post()).status == 503
    assert (await on.subscribe("a/3")).answer.status == 503
    slow.transport.read(10_000)
    keeps_up.transport.eof()
    await asyncio.sleep(100)
    await on.server.shut_down()
    assert slow.events == []
    assert on.rows == before


@virtual
async def test_rows_are_in_the_file_before_the_bytes_leave(tmp_path: Path) -> None:
    """At each write of the server the file already holds what the bytes tell."""
    path = tmp_path / "rows"
    on = await rig(record=path, replay={"lastN": 2})
    await on.post()
    seen: list[tuple[str, int]] = []

    def watch(client_write: Any) -> Any:
        def write(data: bytes) -> None:
            rows = read_rows(path)
            if b"id: e1:" in data:
                seq = int(data.partition(b"id: e1:")[2].partition(b"\n")[0])
                assert [row.kind for row in rows if row.seq == seq] == ["send", "take"]
                seen.append(("event", seq))
            elif b"text/event-stream" in data:
                assert [row.kind for row in rows][-2:] == ["connect", "replay"]
                seen.append(("head", 0))
            elif b'"offered"' in data:
                seq = int(data.partition(b'"seq": ')[2].partition(b",")[0])
                assert ("send", seq) in [(row.kind, row.seq) for row in rows]
                seen.append(("receipt", seq))
            client_write(data)

        return write

    client = on.dial()
    client.transport.write = watch(client.transport.write)  # type: ignore[method-assign]
    await on.ask("GET", "/shop/news", client=client)
    poster = on.dial()
    poster.transport.write = watch(poster.transport.write)  # type: ignore[method-assign]
    for _ in range(2):
        body = b'{"id":"7"}'
        await on.ask("POST", "/shop/content", body, token="editor's secret", client=poster)
    assert sorted(seen) == [
        ("event", 1),
        ("event", 2),
        ("event", 3),
        ("head", 0),
        ("receipt", 2),
        ("receipt", 3),
    ]


@virtual
async def test_one_write_for_the_rows_of_one_round(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    on = await rig(record=tmp_path / "rows")
    for n in range(50):
        await on.subscribe(f"a/{n}")
    writes = 0
    real = os.write

    def counted(file: int, data: Any) -> int:
        nonlocal writes
        writes += 1
        return real(file, data)

    monkeypatch.setattr(os, "write", counted)
    await on.post()
    assert on.kinds().count("take") == 50
    assert writes == 2  # the send before its receipt, and the takes


@virtual
async def test_names_are_read_only_while_a_history_is_recorded(tmp_path: Path) -> None:
    silent = await rig()
    await silent.subscribe("a/0")
    assert silent.server.counts()[0].who.subscriber == "anonymous/0"
    on = await rig(record=tmp_path / "rows")
    for name, number in (("a/0", "7"), ("a", "1"), ("a/0/1", "1"), ("a/0", "0"), ("a/0", "x")):
        headers = {"simrt-subscriber": name, "simrt-connection": number}
        await on.ask("GET", "/shop/news", headers=headers)
    await on.ask("GET", "/shop/news")
    counted = [(each.who.subscriber, each.who.connection) for each in on.server.counts()]
    assert counted == [("a/0", 7)] + [(f"anonymous/{n}", 1) for n in range(5)]


@virtual
async def test_counts(tmp_path: Path) -> None:
    on: Rig = await rig(record=tmp_path / "rows")
    await on.subscribe("a/0")
    await on.subscribe("a/1", window=10)
    for _ in range(3):
        await on.post()
    counts = on.server.counts()
    taken_pending = [(each.fates["taken"], each.fates["pending"]) for each in counts]
    assert [each.who.subscriber for each in counts] == ["a/0", "a/1"]
    assert taken_pending == [(3, 0), (0, 3)]
    assert [sum(each.fates.values()) for each in counts] == [each.offered for each in counts]


def test_a_file_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    with pytest.raises(TargetError, match="No such file"):
        Recorder(tmp_path / "missing" / "rows")


def test_short_writes_lose_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recorder = Recorder(tmp_path / "rows")
    real = os.write
    monkeypatch.setattr(os, "write", lambda file, data: real(file, bytes(data)[:7]))
    for n in range(20):
        recorder.rejected(n, Where("shop", "news", "e1"), "changed", "shape")
    recorder.flush()
    recorder.finish()
    recorder.finish()
    assert [row.t_ns for row in read_rows(tmp_path / "rows")] == list(range(20))


def test_rows_out_of_time_order_are_our_own_mistake(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "rows")
    recorder.rejected(5, Where("shop", "news", "e1"), "changed", "shape")
    with pytest.raises(AssertionError, match="time order"):
        recorder.rejected(4, Where("shop", "news", "e1"), "changed", "shape")
    recorder.finish()


_RUN = """
import asyncio, sys
from pathlib import Path
from tests.server.rig import rig, settle, virtual

@virtual
async def run():
    on = await rig(record=Path(sys.argv[1]), options={"bufferSize": 3}, replay={"lastN": 2},
                   senders=[{"job": "7s", "sends": "changed"},
                            {"hook": "POST /content", "permission": {"token:editor": ["POST"]},
                             "sends": "changed"}])
    clients = [await on.subscribe(f"a/{n}", window=400 + 90 * n) for n in range(12)]
    for n in range(30):
        await on.post({"id": str(n)})
        await asyncio.sleep(n)
        clients[n % 12].transport.read(300)
        if n % 5 == 4:
            clients[n % 12].transport.eof()
            clients[n % 12] = await on.subscribe(f"a/{n % 12}", n)
    on.server.end()

run()
"""


def test_the_same_run_writes_the_same_bytes_under_any_hash_seed(tmp_path: Path) -> None:
    written = []
    for seed in ("1", "2"):
        path = tmp_path / seed
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        subprocess.run([sys.executable, "-c", _RUN, str(path)], check=True, env=environment)
        written.append(path.read_bytes())
    assert written[0] == written[1]
    kinds = {row.kind for row in read_rows(tmp_path / "1")}
    assert kinds == {"send", "connect", "replay", "take", "drop", "close", "end"}


def test_a_full_disk_is_told_before_anything_leaves() -> None:
    told: list[OSError] = []
    recorder = Recorder(Path("/dev/full"), told.append)
    recorder.rejected(0, Where("shop", "news", "e1"), "changed", "shape")
    with pytest.raises(OSError, match="No space"):
        recorder.flush()
    assert len(told) == 1
