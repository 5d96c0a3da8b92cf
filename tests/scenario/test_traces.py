"""Reading recordings: what is accepted, and each error with its line."""

import json
from pathlib import Path

import pytest

from simrt.scenario import arrivals, load, scenario, trace_notes, traces
from simrt.scenario.randomness import Randomness
from simrt.scenario.reading import read_text
from simrt.scenario.traces import TraceError, read_recording
from simrt.scenario.units import NS_PER_S
from tests.scenario.example import TEXT

ROOT = Path(__file__).parents[2]
SHIPPED = ROOT / "scenarios" / "traces" / "debian-changelogs.csv"
SHARED = ROOT.parent / "shared" / "data" / "site-changes.csv"

S = NS_PER_S


def read(folder, text, name="t.csv"):
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_recording(path)


def refused(folder, text, says, name="t.csv"):
    with pytest.raises(TraceError) as caught:
        read(folder, text, name)
    assert says in str(caught.value)
    assert str(folder / name) in str(caught.value)


# --- what is accepted ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("t", "ns"),
    [
        ("0", 0),
        ("1434713402", 1434713402 * S),
        ("12.5", 12_500_000_000),
        ("1434713402.123456789", 1434713402123456789),
        ("1e3", 1000 * S),
        ("-5", -5 * S),
        ("0.0000000004", 0),
        ("1970-01-01T00:00:01Z", S),
        ("1970-01-01T01:00:01.5+01:00", 1_500_000_000),
        ("2026-01-01 00:00:00+00:00", 1767225600 * S),
        ("20260101T000000Z", 1767225600 * S),
    ],
)
def test_times_are_exact(tmp_path, t, ns):
    assert list(read(tmp_path, f"t,event\n{t},a\n").times_ns) == [ns]


def test_times_in_json_are_numbers_or_text(tmp_path):
    rows = [
        {"t": 1, "event": "a"},
        {"t": 1.1, "event": "a"},
        {"t": "1970-01-01T00:00:02Z", "event": "a"},
    ]
    text = "\n".join(json.dumps(row) for row in rows)
    for name in ("t.jsonl", "t.ndjson"):
        assert list(read(tmp_path, text, name).times_ns) == [S, 1_100_000_000, 2 * S]


def test_columns_may_stand_in_any_order_and_unknown_ones_are_named_once(tmp_path):
    found = read(tmp_path, "who,event,files,t\nx,a,3,1\ny,b,4,1\n")
    assert (list(found.times_ns), found.events) == ([S, S], ("a", "b"))
    assert found.ignored == ("who", "files")
    text = '{"t": 1, "event": "a", "who": 1}\n{"t": 2, "event": "a", "who": 2, "x": 3}\n'
    assert read(tmp_path, text, "t.jsonl").ignored == ("who", "x")


def test_data_is_json_where_there_is_some(tmp_path):
    found = read(tmp_path, 't,event,data\n1,a,"{""id"": ""7""}"\n2,a,\n3,a,null\n')
    assert found.data == {0: {"id": "7"}, 2: None}
    found = read(
        tmp_path, '{"t": 1, "event": "a"}\n{"t": 2, "event": "a", "data": null}\n', "t.jsonl"
    )
    assert found.data == {1: None}


def test_equal_times_and_empty_lines_are_fine(tmp_path):
    assert len(read(tmp_path, "t,event\n1,a\n1,a\n\n1,a\n").times_ns) == 3
    assert (
        len(read(tmp_path, '{"t":1,"event":"a"}\n\n{"t":1,"event":"a"}\n', "t.jsonl").times_ns) == 2
    )


def test_what_spreadsheets_write_is_fine(tmp_path):
    found = read(tmp_path, b"\xef\xbb\xbft,event\r\n1,a\r\n")
    assert (list(found.times_ns), found.ignored) == ([S], ())


def test_a_recording_without_rows_is_empty(tmp_path):
    assert list(read(tmp_path, "t,event\n").times_ns) == []
    assert list(read(tmp_path, "", "t.jsonl").times_ns) == []


def test_a_changed_file_is_read_again(tmp_path):
    assert len(read(tmp_path, "t,event\n1,a\n").times_ns) == 1
    assert len(read(tmp_path, "t,event\n1,a\n2,a\n").times_ns) == 2


# --- what is refused -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("t,event\n5,a\n\n4,a\n", ":4: t is smaller than in the row before it"),
        ("t,event\n5,a,x\n", ":2: 3 columns; the first line has 2"),
        ("t,event\n5\n", ":2: 1 columns; the first line has 2"),
        ("when,event\n5,a\n", ":1: no column t"),
        ("t,type\n5,a\n", ":1: no column event"),
        ("", ":1: no column t"),
        ("t,event\nsoon,a\n", ':2: t is "soon"; write seconds'),
        ("t,event\n,a\n", ':2: t is ""'),
        ("t,event\nnan,a\n", ':2: t is "nan"'),
        ("t,event\n1e30,a\n", ':2: t is "1e30"'),
        ("t,event\n9999999999999,a\n", ":2: t is"),
        ("t,event\n2026-01-01T00:00:00,a\n", "a timestamp with its offset"),
        ("t,event\n2026-13-01T00:00:00Z,a\n", ':2: t is "2026-13-01T00:00:00Z"'),
        ("t,event\n--1,a\n", ":2: t is"),
        ("t,event\n1_0,a\n", ":2: t is"),
        ("t,event,data\n1,a,{\n", ":2: data is not JSON"),
        ("t,event,data\n1,a,NaN\n", ":2: data is not JSON"),
        ("t,event\n1," + "a" * 200_000 + "\n", ":2: a field of more than 128 KiB"),
        (b"t,event\n1,\xff\n", "is not UTF-8 text"),
    ],
)
def test_wrong_csv(tmp_path, text, says):
    refused(tmp_path, text, says)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('{"t": 2, "event": "a"}\n{"t": 1, "event": "a"}\n', ":2: t is smaller"),
        ("{t: 1}\n", ":1: not a JSON object"),
        ("[1]\n", ":1: not a JSON object"),
        ('{"t": 1}\n', ":1: no event"),
        ('{"t": 1, "event": 5}\n', ":1: no event"),
        ('{"event": "a"}\n', ":1: t is nothing"),
        ('{"t": true, "event": "a"}\n', ":1: t is true"),
        ('{"t": [1], "event": "a"}\n', ":1: t is [1]"),
        (b'{"t": 1, "event": "\xff"}\n', ":1: is not UTF-8 text"),
        ("[" * 100_000, ":1: not a JSON object"),
    ],
)
def test_wrong_json_lines(tmp_path, text, says):
    refused(tmp_path, text, says, "t.jsonl")


def test_a_file_that_cannot_be_read(tmp_path):
    with pytest.raises(TraceError, match="cannot be read"):
        read_recording(tmp_path / "none.csv")
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(TraceError, match="cannot be read"):
        read_recording(tmp_path / "folder.csv")
    refused(tmp_path, "t,event\n", "ends in .csv, .jsonl or .ndjson", "t.txt")


def test_too_many_rows(tmp_path, monkeypatch):
    monkeypatch.setattr(traces, "MAX_ROWS", 2)
    assert len(read(tmp_path, "t,event\n1,a\n2,a\n").times_ns) == 2
    refused(tmp_path, "t,event\n1,a\n2,a\n3,a\n", ":4: more than 2 rows")


# --- recordings that are there -------------------------------------------------------------------


def notes_of(folder, header):
    (folder / "t.csv").write_text(f"{header}\n1,content-updated,5\n")
    data = read_text(TEXT.encode(), "").data
    data["workload"]["publish"] = [
        {"event": "content-updated", "arrivals": {"trace": {"file": "t.csv"}}}
    ] * 2
    return trace_notes(scenario(data, folder))


def test_ignored_columns_are_told_once(tmp_path):
    (note,) = notes_of(tmp_path, "t,event,files")
    assert note == f"{tmp_path}/t.csv: ignored: files; used: t, event, data"


def test_nothing_is_told_where_nothing_is_ignored(tmp_path):
    text = '{"t": 1, "event": "content-updated"}\n'
    (tmp_path / "t.jsonl").write_text(text)
    data = read_text(TEXT.encode(), "").data
    data["workload"]["publish"][0]["arrivals"] = {"trace": {"file": "t.jsonl"}}
    assert trace_notes(scenario(data, tmp_path)) == ()


def test_the_shipped_trace_is_real_traffic():
    recording = read_recording(SHIPPED)
    assert len(recording.times_ns) >= 300
    assert recording.ignored == ()
    assert set(recording.events) == {"content-updated"}
    years = (recording.times_ns[-1] - recording.times_ns[0]) / S / 86_400 / 365
    assert 3 < years < 4


def test_the_shipped_scenario_plays_its_trace():
    made = load(ROOT / "scenarios" / "patterns" / "live-admin-notifications-recorded.yml")
    found = list(arrivals(made, Randomness(1)))
    assert len(found) >= 300
    assert len(found) == len(read_recording(SHIPPED).times_ns)
    assert found == list(arrivals(made, Randomness(2)))  # nothing here is left to chance


@pytest.mark.skipif(not SHARED.exists(), reason="site-changes.csv does not lie beside this project")
def test_a_recording_of_a_busy_site():
    data = read_text(TEXT.encode(), "").data
    data["workload"]["duration"] = "12h"
    data["workload"]["publish"] = [
        {
            "event": "content-updated",
            "arrivals": {"trace": {"file": SHARED.name, "compress": 8640, "offset": "365d"}},
        }
    ]
    made = scenario({**data, "site": {"directory": "."}}, SHARED.parent)
    found = [arrival.t_ns for arrival in arrivals(made, Randomness(1))]
    assert len(found) >= 300
    assert found == sorted(found)
    assert max(found) < made.workload.duration_ns
    assert trace_notes(made) == (f"{SHARED}: ignored: files; used: t, event, data",)
