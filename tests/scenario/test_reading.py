"""Text that is no scenario: each an error with its place, never a traceback."""

import os

import pytest

from simrt.errors import EXIT_USAGE, ScenarioError, UsageError
from simrt.scenario import load, reading
from simrt.scenario.documents import MAX_DEPTH, MAX_MISTAKES, Place
from simrt.scenario.reading import MAX_BYTES, read_text
from tests.scenario.example import TEXT


def problems(text):
    raw = text if isinstance(text, bytes) else text.encode()
    return [problem for _, problem in read_text(raw, "it.yml").problems]


def only(text):
    (problem,) = problems(text)
    return problem


# --- files ---------------------------------------------------------------------------------------


def test_a_missing_file(tmp_path):
    with pytest.raises(UsageError, match=r"none\.yml: cannot be read: No such file") as caught:
        load(tmp_path / "none.yml")
    assert caught.value.exit_code == EXIT_USAGE


def test_what_lies_beside_a_missing_file_is_named(tmp_path):
    def said(name):
        with pytest.raises(UsageError) as caught:
            load(tmp_path / name)
        return str(caught.value)

    assert said("bids.yml").endswith("no file there ends in .yml or .yaml")
    assert said("new/bids.yml").endswith(f"; the folder {tmp_path / 'new'} is not there")
    for name in ("bid.yml", "log.yaml", "notes.txt", *(f"z{n}.yml" for n in range(4))):
        (tmp_path / name).touch()
    assert said("bids.yml").endswith(
        "(did you mean bid.yml?); here are: bid.yml, log.yaml, z0.yml, z1.yml, z2.yml and 1 more"
    )


def test_a_folder(tmp_path):
    with pytest.raises(UsageError, match="is a folder; name a scenario file in it"):
        load(tmp_path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_an_unreadable_file(tmp_path):
    path = tmp_path / "it.yml"
    path.touch(mode=0)
    with pytest.raises(UsageError, match="cannot be read: Permission denied"):
        load(path)


def test_a_file_that_fails_while_it_is_read():
    with pytest.raises(UsageError, match="cannot be read: "):
        load("/proc/self/mem")


@pytest.mark.parametrize("name", ["a\0b", "x" * 5000])
def test_a_name_that_is_none(name):
    with pytest.raises(UsageError):
        load(name)


def test_a_file_of_fifty_megabytes_is_not_read(tmp_path, monkeypatch):
    path = tmp_path / "it.yml"
    with path.open("wb") as file:
        file.truncate(50 << 20)
    monkeypatch.setattr(reading, "read_text", None)  # would fail if it were called
    with pytest.raises(UsageError, match="larger than 256 KiB; a scenario is small"):
        load(path)


def test_a_file_of_just_the_limit_is_read(tmp_path):
    path = tmp_path / "it.yml"
    text = TEXT.encode() + b"#"
    path.write_bytes(text + b" " * (MAX_BYTES - len(text)))
    assert load(path).feature.project == "shop"
    path.write_bytes(text + b" " * (MAX_BYTES - len(text) + 1))
    with pytest.raises(UsageError, match="larger than"):
        load(path)


def test_errors_of_a_file_name_the_file(tmp_path):
    path = tmp_path / "it.yml"
    path.write_text("- a\n")
    with pytest.raises(ScenarioError) as caught:
        load(path)
    assert str(caught.value) == (
        f"{path}:1:1: scenario: found [a]; "
        "allowed: a scenario: a mapping with title, intent, feature and workload"
    )


# --- text ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["", "\n\n", "# only a comment\n", "\ufeff"])
def test_an_empty_file(text):
    found = only(text)
    assert (found.found, found.line, found.column) == ("an empty file", 1, 1)


@pytest.mark.parametrize(
    ("text", "line", "column"),
    [
        ("a: [1, 2\nb: 3\n", 2, 2),
        ("a: {x: 1\nb: 2", 2, 2),
        ("a:\n\t- 1\n", 2, 1),
        ("a: 'text\n", 2, 1),
        ("a: b: c\n", 1, 5),
        ("a: 1\n b: 2\n", 2, 3),
        ("a: %x\n", 1, 4),
        ("a: @x\n", 1, 4),
        ("a: !<x\n", 1, 7),
        ("- 1\na: 2\n", 2, 1),
        ("a: *x y\n", 1, 7),
        ('a: "\\q"\n', 1, 6),
        ("%YAML 9.9.9\n---\na: 1\n", 1, 10),
    ],
)
def test_what_is_not_yaml_has_its_place(text, line, column):
    found = problems(text)[-1]
    assert found.found.startswith("what is not YAML (")
    assert (found.line, found.column) == (line, column)


def test_a_control_character():
    found = only("a: 1\nb: x\x07y\n")
    assert found.found == 'the control character "\\x07"'
    assert (found.line, found.column) == (2, 5)


def test_text_that_is_not_utf_8():
    found = only(b"a: 1\nb: x\xff\xfe\n")
    assert found.found == "bytes that are not UTF-8"
    assert (found.line, found.column) == (2, 5)
    half = only("a: 1\nb: \U0001f680".encode("utf-16")[:-1])
    assert (half.found, half.line, half.column) == ("bytes that are not UTF-16", 2, 4)


def test_a_byte_order_mark_is_harmless():
    assert read_text(b"\xef\xbb\xbfa: 1\n", "").data == {"a": 1}


def test_several_documents():
    found = only("a: 1\n---\nb: 2\n")
    assert (found.found, found.line) == ("a second document", 2)


def test_one_document_with_marks_is_fine():
    assert read_text(b"%YAML 1.2\n---\na: 1\n...\n", "").data == {"a": 1}


def test_another_yaml_is_refused():
    found = only("%YAML 1.1\n---\na: no\n")
    assert found.found == "another version of YAML"


def test_a_duplicate_key_is_reported_where_it_stands_again():
    found = only("a:\n  b: 1\n  c: {x: 1}\n  b: [2, {c: 3, c: 4}]\n")
    assert (found.path, found.line, found.column) == ("a.b", 4, 3)
    assert "line 2" in found.found
    assert read_text(b"a: 1\na: 2\n", "").data == {"a": 1}


def test_anchors_aliases_and_merge_keys_are_refused_each_at_its_place():
    found = problems("a: &x {b: 1}\nc: *x\nd:\n  <<: *x\n  e: 1\n")
    assert [(p.path, p.line, p.column) for p in found] == [("a", 1, 4), ("c", 2, 4), ("d", 4, 3)]
    assert [p.found for p in found] == ['the anchor "&x"', 'the alias "*x"', "the merge key <<"]


def test_a_bomb_of_aliases_is_refused_at_once():
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 20)]
    found = problems("\n".join(lines))
    assert len(found) == MAX_MISTAKES < 20 + 19 * 9


def test_an_alias_to_itself_is_refused():
    assert [p.found for p in problems("a: &x [*x]\n")] == ['the anchor "&x"', 'the alias "*x"']


@pytest.mark.parametrize("text", ["a: !!set {b}\n", "a: !foo 1\n", "a: !!binary aGk=\n"])
def test_tags_are_refused(text):
    found = only(text)
    assert found.found.startswith("the tag ")
    assert (found.line, found.column) == (1, 4)


def test_core_tags_mean_what_they_say():
    assert read_text(b"a: !!str 5\nb: !!int '7'\nc: !!map {}\n", "").data == {
        "a": "5",
        "b": 7,
        "c": {},
    }


@pytest.mark.parametrize(("open_", "close"), [("[", "]"), ("{a: ", "}")])
def test_very_deep_nesting_is_refused(open_, close):
    found = only("a: " + open_ * 50_000 + close * 50_000)
    assert f"at most {MAX_DEPTH} levels" in found.allowed
    deep = MAX_DEPTH - 1
    assert problems("a: " + open_ * deep + close * deep) == []


def test_deep_nesting_in_block_style_is_refused():
    text = "".join(" " * n + "a:\n" for n in range(500))
    assert f"at most {MAX_DEPTH} levels" in only(text).allowed


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a: 1\n2: b\n", 'the key "2", which is not text'),
        ("true: b\n", 'the key "true", which is not text'),
        ("~: b\n", "which is not text"),
        ("[a]: b\n", "a list or a mapping as a key"),
        ("? {a: 1}\n: b\n", "a list or a mapping as a key"),
        ("? &x a\n: b\n", 'the anchor "&x"'),
    ],
)
def test_keys_are_text(text, says):
    assert says in only(text).found


@pytest.mark.parametrize(
    "text",
    ["a: .nan", "a: .inf", "a: -.inf", "a: 1e999", "a: 18446744073709551616", "a: " + "9" * 5000],
)
def test_numbers_that_json_has_not_are_refused(text):
    found = only(text)
    assert found.found.startswith("the number ")
    assert (found.path, found.line, found.column) == ("a", 1, 4)


def test_half_a_character_is_refused():
    found = only('a: "\\ud800"\n')
    assert found.found == '"\\ud800"'
    str(found).encode()


def test_scalars_are_those_of_yaml_1_2():
    text = (
        "a: no\nb: 1:30\nc: 2026-01-01\nd: 2026-01-01T00:00:00Z\ne: 0o17\nf: 0x1F\ng: 007\nh: 1e3\n"
        "i: True\nj: ~\nk: Null\nl: '5'\nm: +5\nn: -.5\no: 1_000\np: 12.\nq: -0x10\nr:\n"
    )
    assert read_text(text.encode(), "").data == {
        "a": "no", "b": "1:30", "c": "2026-01-01", "d": "2026-01-01T00:00:00Z", "e": 15, "f": 31,
        "g": 7, "h": 1000.0, "i": True, "j": None, "k": None, "l": "5", "m": 5, "n": -0.5,
        "o": "1_000", "p": 12.0, "q": "-0x10", "r": None,
    }  # fmt: skip


def test_places_are_those_of_keys_and_values():
    document = read_text(b"a:\n  - x: 1\n    y: {z: 2}\n", "f.yml")
    assert document.places[("a",)] == Place(1, 1, 1, 2, 3)
    assert document.places[("a", 0)] == Place(2, 2, 5, 2, 5)
    assert document.places[("a", 0, "y", "z")] == Place(5, 3, 9, 3, 12)
    assert document.place(("a", 0, "none")) == (2, 2, 5)
    assert document.place(("none",)) == (0, 1, 1)


def test_several_mistakes_of_text_are_reported_with_those_of_meaning(tmp_path):
    path = tmp_path / "it.yml"
    path.write_text(
        TEXT.replace("title: Live", "title: &t Live")
        .replace("bufferSize: 32", "bufferSize: 0")
        .replace("count: 20", "count: 20, count: 21")
        .replace("timezone: UTC", "timezone: *t")
    )
    with pytest.raises(ScenarioError) as caught:
        load(path)
    assert [m.path for m in caught.value.mistakes] == [
        "title",
        "feature.options.bufferSize",
        "workload.subscribers.office.count",
        "timezone",
    ]


def test_a_file_of_mistakes_says_how_many_more_there_are(tmp_path):
    path = tmp_path / "it.yml"
    path.write_text(TEXT + "".join(f"key{n}: 1\n" for n in range(MAX_MISTAKES + 7)))
    with pytest.raises(ScenarioError) as caught:
        load(path)
    found = caught.value.mistakes
    assert len(found) == MAX_MISTAKES + 1
    assert found[-1].found == "7 mistakes more"


@pytest.mark.parametrize(
    "text", ["a: &" + "x" * 9999, "a: !" + "x" * 9999, "x" * 900 + ": .nan", "a: " + "9" * 9999]
)
def test_a_report_stays_short(text):
    assert len(str(only(text))) < 400
