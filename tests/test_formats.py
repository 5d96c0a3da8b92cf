"""One table of inputs through every reader of a format: they agree, or one of them is wrong."""

from __future__ import annotations

import codecs
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simrt.engine import ChannelOptions
from simrt.errors import EXIT_USAGE, HistoryError, ScenarioError, SimrtError
from simrt.history import FORMAT, MAX_LINE, Header, History, HistoryWriter, read_history
from simrt.scenario import arrivals, load, scenario
from simrt.scenario.randomness import Randomness
from simrt.scenario.reading import read_text
from simrt.scenario.shapes import Shape
from simrt.scenario.traces import read_recording
from simrt.scenario.units import parse_moment
from simrt.server import Call, Site, StreamSettings
from tests.scenario.example import TEXT
from tests.server.rig import TOKENS, rig, virtual

S = 1_000_000_000
REFUSED = object()

# JSON texts of a value, and what every reader makes of it.
JSON = {
    "a pair of halves": (r'"\ud83d\ude80"', "\U0001f680"),
    "half a character": (r'"\ud83d"', REFUSED),
    "halves the wrong way round": (r'"\ude80\ud83d"', REFUSED),
    "half a character as a key": (r'{"\ud83d": 1}', REFUSED),
    "an escaped backslash before u": (r'"\\ud83d"', r"\ud83d"),
    "a line separator as it is": ('"a \u2028 b\x85"', "a \u2028 b\x85"),
    "an escaped slash": (r'"a\/b"', "a/b"),
    "a number beyond floats": ("1e400", REFUSED),
    "a negative number beyond floats": ("-1e400", REFUSED),
    "a number below floats": ("1e-400", 0.0),
    "the largest float": ("1.7976931348623157e308", 1.7976931348623157e308),
    "a key twice": ('{"a": 1, "a": 2}', REFUSED),
    "a key twice, once escaped": (r'{"a": 1, "\u0061": 2}', REFUSED),
    "a key twice, far inside": ('[[{"b": [{"a": 1, "a": 1}]}]]', REFUSED),
    "400 digits": ("9" * 400, REFUSED),
    "5,000 digits": ("9" * 5_000, REFUSED),
    "more than 64 bits": ("18446744073709551617", REFUSED),
    "600 levels": ("[" * 600 + "]" * 600, REFUSED),
    "100,000 levels": ("[" * 100_000 + "]" * 100_000, REFUSED),
    "a list that does not end": ("[" * 600, REFUSED),
    "a tab between tokens": ('{"a":\t[1,\t2]}', {"a": [1, 2]}),
    "minus zero": ("-0.0", 0.0),
    "an exponent in capitals": ("1E+2", 100.0),
}
# Where only YAML knows a meaning: text, and not JSON.
JSON_ALONE = {"NaN": REFUSED, "Infinity": REFUSED, "01": REFUSED, "1_000": REFUSED, "0o17": REFUSED}
MEGABYTES = {"3 MB of text": ('"' + "x" * 3_000_000 + '"', REFUSED)}

EVENT = {"type": "object", "examples": [{"v": 1}]}
DATA = read_text(TEXT.encode(), "").data


def outcome(read) -> Any:
    """What a reader makes of it, or that it refused in one sentence, with its place."""
    caught: SimrtError | None = None
    try:
        return read()
    except SimrtError as error:
        caught = error
    assert caught.exit_code == EXIT_USAGE
    assert len(str(caught)) < 1_000
    assert str(caught).split(" ", 1)[0].endswith(":"), "names its place"
    return REFUSED


def with_event(arrival):
    """The scenario that sends one event of any shape."""
    feature = {**DATA["feature"], "events": {**DATA["feature"]["events"]}}
    feature["events"]["content-updated"] = EVENT
    workload = {**DATA["workload"], "publish": [{"event": "content-updated", **arrival}]}
    return {**DATA, "feature": feature, "workload": workload, "site": {"directory": "."}}


def in_trace(folder, text, name):
    (folder / name).write_bytes(text.encode())
    made = scenario(with_event({"arrivals": {"trace": {"file": name}}}), folder)
    (arrival,) = arrivals(made, Randomness(1))
    return arrival.data["v"]


def in_csv(folder, value):
    cell = f'{{"v": {value}}}'.replace('"', '""')
    return in_trace(folder, f't,event,data\n1,content-updated,"{cell}"\n', "t.csv")


def in_json_lines(folder, value):
    row = f'{{"t": 1, "event": "content-updated", "data": {{"v": {value}}}}}\n'
    return in_trace(folder, row, "t.jsonl")


def in_yaml(folder, value):
    path = folder / "it.yml"
    arrival = {"arrivals": {"periodic": "1/s"}, "data": {"v": "VALUE"}}
    path.write_text(json.dumps(with_event(arrival)).replace('"VALUE"', value))
    return load(path).workload.publish[0].data["v"]


def in_history(folder, value):
    path = folder / "h.jsonl"
    made = scenario(DATA)
    HistoryWriter(path, Header(FORMAT, made.normalised(), "sim", 1)).close()
    with path.open("a") as file:
        file.write(f'{{"t_ns": 1, "kind": "send", "detail": {{"v": {value}}}}}\n')
    (row,) = read_history(path)
    return row.detail["v"]


@pytest.mark.parametrize("reader", [in_csv, in_json_lines, in_yaml, in_history])
@pytest.mark.parametrize("name", JSON)
def test_files_agree(tmp_path, reader, name):
    written, meant = JSON[name]
    assert outcome(lambda: reader(tmp_path, written)) == meant


@pytest.mark.parametrize("reader", [in_csv, in_json_lines, in_history])
@pytest.mark.parametrize("written", JSON_ALONE)
def test_what_is_no_json_is_refused(tmp_path, reader, written):
    assert outcome(lambda: reader(tmp_path, written)) is JSON_ALONE[written]


@pytest.mark.parametrize("reader", [in_csv, in_json_lines, in_yaml])
def test_a_field_of_megabytes_is_a_mistake_with_its_place(tmp_path, reader):
    assert outcome(lambda: reader(tmp_path, MEGABYTES["3 MB of text"][0])) is REFUSED


@virtual
async def test_a_hook_agrees() -> None:
    taken: list[Any] = []
    site = Site("shop")
    site.stream(
        "/news", channel="news", permission="public", events={"e": EVENT},
        options=ChannelOptions(buffer_size=8),
    )  # fmt: skip

    @site.hook("POST", "/content", permission="token:editor", sends=["e"])
    def hook(call: Call) -> None:
        call.send("e", call.data)
        taken.append(call.data["v"])

    on = await rig(site)
    for name, (written, meant) in JSON.items():
        if len(written) > 50_000:  # refused by its size: tests/server/test_limits.py
            continue
        taken.clear()
        body = f'{{"v": {written}}}'.encode()
        client = await on.ask("POST", "/shop/content", body, token=TOKENS["shop"]["editor"])
        if meant is REFUSED:
            assert (client.answer.status in (400, 422), taken) == (True, []), name
        else:
            assert (client.answer.status, taken) == (200, [meant]), name


# --- schemas -------------------------------------------------------------------------------------

SLUG = {"type": "string", "maxLength": 20, "pattern": "^[a-z]+$"}
DRAFT_07 = {"$schema": "http://json-schema.org/draft-07/schema#", "dependencies": {"a": ["b"]}}


@pytest.mark.parametrize(
    ("schema", "says"),
    [
        ({"properties": {"p": {"multipleOf": 0.01}}, "examples": [{"p": 19.99}]}, None),
        (
            {"properties": {"slug": SLUG}, "examples": [{"slug": "abc\n"}]},
            'fits the schema of content-updated; data.slug: "abc\\n" does not match "^[a-z]+$"',
        ),
        (
            {
                "properties": {"at": {"type": "string", "format": "date-time"}},
                "examples": [{"at": "2026-01-01T00:00:00Z\n"}],
            },
            'data.at: "2026-01-01T00:00:00Z\\n" is not a "date-time"',
        ),
        ({**DRAFT_07, "examples": [{"a": 1}]}, "the only dialect that is judged; or no $schema"),
        ({"examples": [{"a": 2**53}]}, "data.a is a whole number beyond 2^53 - 1"),
    ],
)
def test_a_schema_says_at_load_what_the_standard_says(schema, says):
    data = with_event({"arrivals": {"periodic": "1/s"}})
    data["feature"]["events"]["content-updated"] = {"type": "object", **schema}
    if says is None:
        scenario(data)
        return
    with pytest.raises(ScenarioError) as caught:
        scenario(data)
    assert says in str(caught.value)


@virtual
async def test_one_event_cannot_stop_a_server() -> None:
    """Ordinary schemas, and events that an engine which tries twice would judge for hours."""
    site = Site("shop")
    schemas = {
        "slug": {"type": "string", "pattern": "^([a-z0-9]+[-_]?)+$"},
        "unique": {"type": "array", "uniqueItems": True},
    }
    site.stream(
        "/news", channel="news", permission="public", options=ChannelOptions(buffer_size=8),
        settings=StreamSettings(max_event_bytes=4_096),
        events={name: {"type": "object", "properties": {"v": v}} for name, v in schemas.items()},
    )  # fmt: skip
    for name in schemas:

        @site.hook("POST", f"/{name}", permission="token:editor", sends=[name])
        def hook(call: Call, name: str = name) -> None:
            call.send(name, call.data)

    on = await rig(site)
    for name, value, status in (
        ("slug", "a" * 2_000 + "!", 422),
        ("slug", "a" * 1_000, 200),
        ("unique", [{"a": n} for n in range(200)], 200),
        ("unique", [{"a": n} for n in range(200)] + [{"a": 0}], 422),
        ("unique", [{"a": n} for n in range(4_000)] + [{"a": 0}], 400),  # its size comes first
    ):
        answer = await on.post({"v": value}, f"/shop/{name}")
        assert (answer.status, name, str(value)[:9]) == (status, name, str(value)[:9])


# --- whole files ---------------------------------------------------------------------------------

MARKS = {
    "none": str.encode,
    "UTF-8": lambda text: codecs.BOM_UTF8 + text.encode(),
    "UTF-16, as PowerShell writes it": lambda text: codecs.BOM_UTF16_LE + text.encode("utf-16-le"),
    "UTF-16, the other way round": lambda text: codecs.BOM_UTF16_BE + text.encode("utf-16-be"),
}


@pytest.mark.parametrize("ends", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", MARKS)
def test_every_file_may_begin_with_a_byte_order_mark(tmp_path, mark, ends):
    def written(name, text):
        path = tmp_path / name
        path.write_bytes(MARKS[mark](text.replace("\n", ends)))
        return path

    csv = written("t.csv", "t,event\n1,café\n")
    rows = written("t.jsonl", '{"t": 1, "event": "café"}\n')
    for recording in (read_recording(csv), read_recording(rows)):
        assert (list(recording.times_ns), recording.events) == ([S], ("café",))
    assert load(written("it.yml", TEXT.replace("Live", "Café"))).title.startswith("Café")
    history = tmp_path / "h.jsonl"
    with HistoryWriter(history, Header(FORMAT, DATA, "sim", 1)):
        pass
    text = history.read_text() + '{"t_ns":1,"kind":"send","event":"café"}\n'
    (row,) = read_history(written("h.jsonl", text))
    assert row.event == "café"


@pytest.mark.parametrize(
    ("text", "t_ns"),
    [
        ("t;event\n1,5;a\n", 1_500_000_000),  # a spreadsheet where the comma is the decimal sign
        ("t;event;data\n1.5;a;\n", 1_500_000_000),
        ("t\tevent\n1.5\ta\n", 1_500_000_000),
        ("sep=;\nt;event\n1;a\n;\n", S),  # and the empty rows that it leaves
        ('"Time","Event"\n"2026-01-01T00:00:00Z","a"\n', 1767225600 * S),
        ('#TYPE System.Object\n"time","event"\n"1","a"\n', S),
        ("Timestamp , EVENT\n 1 , a\n", S),
        ("t, event\n1, a\n", S),
        ("id,time,t,event\n9,8,1,a\n", S),  # the column of that name comes first
    ],
)
def test_csv_as_spreadsheets_and_powershell_write_it(tmp_path, text, t_ns):
    path = tmp_path / "t.csv"
    path.write_text(text)
    recording = read_recording(path)
    assert (list(recording.times_ns), recording.events) == ([t_ns], ("a",))


@pytest.mark.parametrize("name", ["t", "time", "Time", "TIMESTAMP"])
def test_columns_have_the_same_names_in_both_forms_of_a_trace(tmp_path, name):
    (tmp_path / "t.csv").write_text(f"{name},Event\n1,a\n")
    (tmp_path / "t.jsonl").write_text(json.dumps({name: 1, "Event": "a"}))
    one, other = (read_recording(tmp_path / file) for file in ("t.csv", "t.jsonl"))
    assert (one.times_ns, one.events) == (other.times_ns, other.events)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("t,event,T\n1,a,1\n", "t.csv:1: the column t twice"),
        ("t,event\n1;a\n", "t.csv:2: 1 columns; the first line has 2"),
        ('t,event\n"1,5",a\n', 't.csv:2: t is "1,5"'),
        ("t,event\n1,a\n2,\xff\n".encode("latin-1"), "t.csv:3: is not UTF-8 text"),
        ("t,event,data\n1,a," + "x" * 2_000_000, "t.csv:2: a line of 1024 KiB or more"),
        ("t,event,data\n1,a," + "x" * 200_000, "t.csv:2: a field of more than 128 KiB"),
    ],
)
def test_what_no_trace_is_has_its_place(tmp_path, text, says):
    path = tmp_path / "t.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ValueError, match=r"t\.csv") as caught:
        read_recording(path)
    assert says in str(caught.value)


# --- times ---------------------------------------------------------------------------------------

NEW_YEAR = 1767225600
TIMES = {
    "2026-01-01T00:00:00Z": NEW_YEAR * S,
    "2026-01-01t00:00:00z": NEW_YEAR * S,
    "2026-01-01T01:00:00+01:00": NEW_YEAR * S,
    "2026-01-01T00:00:00.123456789Z": NEW_YEAR * S + 123_456_789,
    "2026-01-01T00:00:00.1234567894Z": NEW_YEAR * S + 123_456_789,
    "2016-12-31T23:59:60Z": 1483228800 * S,
    "2016-12-31T23:59:60.7Z": 1483228800 * S,
    "2017-01-01T00:59:60+01:00": 1483228800 * S,
    "2016-12-31T23:58:60Z": REFUSED,
    "2026-01-01T24:00:00Z": REFUSED,
    "2026-02-30T00:00:00Z": REFUSED,
    "2026-01-01T00:00:00": REFUSED,
    "2026-01-01T00:00:00Z\n": REFUSED,
    "2026-01-01T00:00:00.Z": REFUSED,
}


@pytest.mark.parametrize("written", TIMES)
def test_every_reader_of_a_moment_agrees(tmp_path, written):
    def of_a_trace(name, text):
        path = tmp_path / name
        path.write_text(text)
        try:
            return read_recording(path).times_ns[0]
        except ValueError:
            return REFUSED

    def starts():
        moment = scenario({**DATA, "starts": written}).starts
        return round(moment.timestamp()) * S + moment.microsecond * 1000

    def alone():
        try:
            return parse_moment(written)
        except ValueError:
            return REFUSED

    meant = TIMES[written]
    fits = Shape({"format": "date-time"}).problem(written, json.dumps(written).encode()) is None
    assert fits == (meant is not REFUSED)
    assert alone() == meant
    began = outcome(lambda: starts()) if meant is not REFUSED else REFUSED
    assert began is REFUSED if meant is REFUSED else began == meant // 1000 * 1000
    if not written.endswith("\n"):  # around a cell spaces and line breaks do not count
        assert of_a_trace("t.csv", f't,event\n"{written}",a\n') == meant
        assert of_a_trace("t.jsonl", json.dumps({"t": written, "event": "a"})) == meant


@given(st.integers(0, 2**31), st.integers(0, 10**12 - 1), st.sampled_from(["", "e0", "E-3"]))
def test_both_forms_of_a_trace_give_the_same_nanoseconds(tmp_path_factory, whole, part, power):
    folder = tmp_path_factory.getbasetemp()
    t = f"{whole}.{part:012}{power}"
    (folder / "n.csv").write_text(f"t,event\n{t},a\n")
    (folder / "n.jsonl").write_text(f'{{"t": {t}, "event": "a"}}')
    one, other = (read_recording(folder / file).times_ns for file in ("n.csv", "n.jsonl"))
    assert one == other


# --- YAML and JSON -------------------------------------------------------------------------------

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs", "Cc"]) | st.sampled_from("\t\n\x85\u2028")),
    lambda inner: st.lists(inner) | st.dictionaries(st.text("ab\U0001f680é \t", max_size=9), inner),
    max_leaves=12,
)


@given(value=VALUES, ascii_=st.booleans(), indent=st.sampled_from([None, "\t", 2]))
def test_what_json_writes_yaml_reads(value, ascii_, indent):
    text = json.dumps({"v": value}, ensure_ascii=ascii_, indent=indent)
    if any(not char.isprintable() and ord(char) > 127 for char in text) and not ascii_:
        text = json.dumps({"v": value}, indent=indent)  # what YAML does not print stands escaped
    document = read_text(text.encode(), "it.json")
    assert document.problems == []
    assert document.data == {"v": value}


@pytest.mark.parametrize(
    ("line", "says"),
    [  # as simrt itself would write them: they are not read a second time as JSON
        ('{"t_ns":1,"kind":"send","detail":{"v":%s}}' % ("[" * 600 + "]" * 600), "100 levels"),
        ('{"t_ns":1,"kind":"send","detail":%s}' % ('{"v":' * 600 + "1" + "}" * 600), "100 levels"),
        ('{"t_ns":1,"kind":"send","detail":{"v":[%s]}}' % ("9" * 400), "more than 64 bits"),
        ('{"t_ns":1,"kind":"send","detail":{"v":18446744073709551616}}', "more than 64 bits"),
        ('{"t_ns":%s,"kind":"send"}' % ("9" * 400), "t_ns"),
        ('{"t_ns":1,"kind":"send","t_ns":1}', "a key stands twice"),
        ('{"t_ns":1,"kind":"%s"}' % ("x" * (MAX_LINE + 5)), "a line of more than 16 MiB"),
    ],
    ids=lambda text: text[:30],
)
def test_a_row_that_nobody_has_to_hold_is_a_mistake_with_its_line(tmp_path, line, says):
    path = tmp_path / "h.jsonl"
    History(Header(FORMAT, DATA, "sim", 1), ()).save(path)
    with path.open("a") as file:
        file.write(
            '{"t_ns":0,"kind":"offline","detail":{"v":18446744073709551615}}\n' + line + "\n"
        )
    with pytest.raises(HistoryError, match=r"h\.jsonl:3: not a row: ") as caught:
        list(read_history(path))
    assert says in str(caught.value)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('"seed":1', '"seed":' + "9" * 400, "seed"),
        ('"resolution_ns":0', '"resolution_ns":' + "9" * 400, "resolution_ns"),
        ('"window":{}', '"window":{"office":{"bytes":%s}}' % ("9" * 400), "window"),
        ('"title":', '"x":%s,"title":' % ("[" * 600 + "]" * 600), "100 levels"),
        ('"title":', '"title":"a","title":', "a key stands twice"),
        ('"title":"', '"title":"' + "x" * (MAX_LINE + 5), "a line of more than 16 MiB"),
    ],
    ids=lambda text: text[:30],
)
def test_a_header_that_nobody_has_to_hold_is_a_mistake(tmp_path, old, new, says):
    path = tmp_path / "h.jsonl"
    History(Header(FORMAT, DATA, "sim", 1), ()).save(path)
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(HistoryError, match=r"h\.jsonl:1: not the header") as caught:
        read_history(path)
    assert says in str(caught.value)
    assert len(str(caught.value)) < 400


def test_a_history_that_was_read_is_read_again(tmp_path):
    history = History(Header(FORMAT, DATA, "sim", 1), ())
    history.save(tmp_path / "h.jsonl")
    assert list(read_history(tmp_path / "h.jsonl")) == []
