"""Every mistake is found, alone, at its place, in plain words; and not without its check."""

import pytest

from simrt.errors import EXIT_USAGE, ScenarioError, UsageError
from simrt.scenario import consistency, documents, load, loader, scenario, structure
from simrt.scenario.draft import Draft
from simrt.scenario.fields import Part
from simrt.scenario.model import Scenario
from simrt.scenario.reading import read_text
from tests.scenario.example import TEXT
from tests.scenario.wrong import TRACES, WRONG
from tests.targets.small import small

# Words of the library that checks the models; nobody who writes a scenario should meet them.
PUZZLING = ("Input should", "valid dictionary", "valid string", "Field required", "pattern '")


@pytest.fixture
def folder(tmp_path):
    for name, text in TRACES.items():
        (tmp_path / name).write_text(text, "utf-8")
    return tmp_path


def write(folder, text):
    path = folder / "it.yml"
    path.write_text(text, "utf-8")
    return path


def mistakes(folder, text):
    with pytest.raises(ScenarioError) as caught:
        load(write(folder, text))
    assert caught.value.exit_code == EXIT_USAGE
    return caught.value.mistakes


def test_the_example_is_valid(folder):
    assert load(write(folder, TEXT)).feature.project == "shop"


@pytest.mark.parametrize("wrong", WRONG, ids=lambda wrong: wrong.name)
def test_one_mistake_is_reported_once_at_its_place(wrong, folder):
    (found,) = mistakes(folder, wrong.text)
    assert found.path == wrong.path
    assert (found.line, found.column) == wrong.place
    assert found.nearest == wrong.nearest
    assert found.file == str(folder / "it.yml")
    for words in wrong.says:
        assert words in str(found)
    assert not any(words in str(found) for words in PUZZLING)
    assert str(found).startswith(f"{folder}/it.yml:{found.line}:{found.column}: {wrong.path}: ")


def without(check, monkeypatch):
    """Take one check away."""
    if check == "model":
        monkeypatch.setattr(structure.Scenario, "model_validate", lambda _: None)
    elif check in ("choices", "empty_values"):
        monkeypatch.setattr(structure, f"_{check}", lambda _: iter(()))
    else:
        kept = tuple(one for one in consistency.CHECKS if one.__name__ != check)
        assert len(kept) == len(consistency.CHECKS) - 1, f"no check is called {check}"
        monkeypatch.setattr(consistency, "CHECKS", kept)


@pytest.mark.parametrize("wrong", WRONG, ids=lambda wrong: wrong.name)
def test_without_its_check_a_mistake_is_not_found(wrong, folder, monkeypatch):
    document = read_text(wrong.text.encode(), "it.yml")
    assert loader.mistakes_in(document, str(folder))
    without(wrong.check, monkeypatch)
    assert not loader.mistakes_in(document, str(folder))


def test_every_check_has_a_wrong_file():
    assert {check.__name__ for check in consistency.CHECKS} <= {wrong.check for wrong in WRONG}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("atMost: 30s", "atMost: 3s"),
        ('job: "*/4 * * * *", timezone: Europe/Berlin,', "job: 1ms,"),
        ("{at: 7m,", "{at: 599999999999ns,"),
        ("{at: 7m, disconnect: train, by: 0.5}", "{at: 303s, restart: server, for: 1s}"),
        ("by: 0.5", "by: 1"),
        ("[2s, 5s]", "[5s, 5s]"),
        ("{low: 5s, high: 15s}", "{low: 15s, high: 15s}"),
        ("starts: 2026", "starts: 2200"),
        ("{user: [GET]}", "{public: [POST], user: [GET]}"),
        ("missed_fraction(office)", "missed_fraction(all)"),
        ("title: Live admin notifications", "title: " + "x" * 200),
        ("channel: admin-notifications", "channel: " + "ä" * 100),
        ("count: 20", "count: 100000"),
        ("quiet: 60s", "quiet: 0"),
        ("{at: 7m,", "{at: 0, for: 0,"),
        ("{poisson: 4/s}", "{periodic: 33333/s}"),
    ],
)
def test_what_is_just_allowed_is_allowed(old, new, folder):
    assert TEXT.count(old) == 1
    load(write(folder, TEXT.replace(old, new)))


WITHOUT_EXAMPLE = TEXT.replace('      examples: [{id: "7", status: published}]\n', "")
OTHERS = WITHOUT_EXAMPLE[
    WITHOUT_EXAMPLE.index(
        "    - {event: content-updated, arrivals: {batch"
    ) : WITHOUT_EXAMPLE.index("  subscribers:")
]
BARE = WITHOUT_EXAMPLE.replace(OTHERS, "").replace(', data: {id: "{n}", status: published}}', "}")
HOOK = "permission: {token:editor: [POST]}, "


def test_what_is_published_needs_data_from_somewhere(folder):
    (found,) = mistakes(folder, BARE)
    assert found.path == "workload.publish[0].data"
    assert str(found).endswith("missing; allowed: data, or an example in the event's schema: "
                               "without either nothing can be sent")  # fmt: skip
    load(write(folder, BARE.replace(HOOK, HOOK + "data: {id: a, status: draft}, ")))


def test_a_trace_that_brings_all_data_needs_no_other(folder):
    row = '{"t": %d, "event": "content-updated", "data": {"id": "1", "status": "draft"}}\n'
    (folder / "all.jsonl").write_text(row % 1 + row % 2)
    (folder / "some.jsonl").write_text(row % 1 + '{"t": 2, "event": "content-updated"}\n')
    load(write(folder, BARE.replace("{poisson: 4/s}", "{trace: {file: all.jsonl}}")))
    (found,) = mistakes(folder, BARE.replace("{poisson: 4/s}", "{trace: {file: some.jsonl}}"))
    assert found.path == "workload.publish[0].data"


def test_data_of_just_the_largest_size_is_allowed(folder):
    largest = 65536 - len('{"id":"","status":"published"}')
    text = TEXT.replace('{id: "{n}", status: published}}', "{id: %s, status: published}}")
    load(write(folder, text.replace("%s", "x" * largest)))
    (found,) = mistakes(folder, text.replace("%s", "x" * (largest + 1)))
    assert found.found == "65537 bytes"


def every_part(part=Part):
    for below in part.__subclasses__():
        if below.__module__.startswith("simrt."):
            yield below
            yield from every_part(below)


def test_every_key_has_a_sentence_that_says_what_may_stand_there():
    for part in every_part():
        for key in structure.keys_of(part):
            where = structure._below(structure.Where("", (part,)), key)
            # A question is any text; the data of an event has its own schema.
            assert (where.allowed == "text") == (key in ("question", "data")), key


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        (("title",), "text of 1 to 200 characters"),
        (("workload", "subscribers", "g", "count"), "a whole number from 1 to 100000"),
        (("workload", "subscribers", "g", "drain", "erlang", "shape"),
         "a whole number from 1 to 1000000"),
        (("workload", "subscribers", "g", "reconnect", "backoff"), "a number, 1 or more"),
        (("workload", "publish", 0, "arrivals", "batch", "size", "fixed"),
         "a whole number, 1 or more"),
        (("workload", "subscribers", "g", "drain", "hyperexponential", 0, "p"),
         "a number above 0, at most 1"),
        (("workload", "subscribers", "g", "online", "silent"), "true or false"),
        (("feature", "options", "onFull"), "drop-oldest or drop-newest"),
        (("workload", "duration"), "a number with a unit, such as 250ms, 20s, 5m, 2h or 1d"),
    ],
)  # fmt: skip
def test_what_may_stand_at_a_key_is_worded_from_its_field(path, allowed):
    assert structure.resolve(path).allowed == allowed


def test_all_mistakes_are_reported_at_once_in_file_order(folder):
    text = (
        TEXT.replace("bufferSize: 32", "bufferSize: 0")
        .replace("poisson: 4/s", "poison: 4/s")
        .replace("stall: office", "stall: nobody")
        .replace("title: Live", "titel: Live")
        .replace("reached(drop-oldest)", "reached")
        .replace("GET]}", "get]}")
    )
    found = mistakes(folder, text)
    assert [mistake.path for mistake in found] == [
        "title",
        "titel",
        "feature.options.bufferSize",
        "feature.stream.permission",
        "feature.stream.permission.user[0]",
        "workload.publish[0].arrivals.poison",
        "faults[0].stall",
        "expect[2]",
    ]
    assert [m.line for m in found] == sorted(m.line for m in found)
    assert len(str(ScenarioError(found)).splitlines()) == len(found)


@pytest.mark.parametrize("count", [1, 2, 5])
def test_equal_mistakes_in_several_places_are_several(count, folder):
    more = "".join(f"    hall{n}: {{count: 0}}\n" for n in range(count))
    found = mistakes(folder, TEXT.replace("    kiosk:\n", f"{more}    kiosk:\n"))
    assert [m.path for m in found] == [f"workload.subscribers.hall{n}.count" for n in range(count)]


def test_a_mistake_beside_another_in_one_fault_is_not_hidden(folder):
    found = mistakes(
        folder, TEXT.replace("{at: 3m, stall: office, for: 45s}", "{at: 3, stall: x, fro: 1s}")
    )
    assert [m.path for m in found] == [
        "faults[0].for",
        "faults[0].at",
        "faults[0].stall",
        "faults[0].fro",
    ]


# --- Python data ---------------------------------------------------------------------------------


def data():
    return read_text(TEXT.encode(), "").data


def test_a_dict_and_its_file_are_the_same_scenario(folder):
    from_file = load(write(folder, TEXT))
    assert scenario(data(), folder).normalised() == from_file.normalised()
    assert from_file.name == "it"
    assert from_file.directory == str(folder)
    assert from_file.file == str(folder / "it.yml")
    assert scenario(data(), folder).name == "live-admin-notifications"


def test_mistakes_in_a_dict_have_paths_and_no_lines(folder):
    wrong = data()
    wrong["feature"]["options"]["bufferSize"] = 0
    wrong["faults"][0]["stall"] = "nobody"
    wrong["expect"][0] = "x"
    with pytest.raises(ScenarioError) as caught:
        scenario(wrong, folder)
    found = caught.value.mistakes
    assert [m.path for m in found] == ["feature.options.bufferSize", "faults[0].stall", "expect[0]"]
    assert {(m.file, m.line, m.column) for m in found} == {("", 0, 0)}


def test_the_caller_keeps_his_dict(folder):
    mine = data()
    made = scenario(mine, folder)
    mine["feature"]["events"]["content-updated"]["type"] = "array"
    assert made.feature.events["content-updated"]["type"] == "object"


def test_tuples_are_lists_and_none_is_none(folder):
    mine = data()
    mine["expect"] = tuple(mine["expect"])
    mine["feature"]["options"]["messageTTL"] = None
    made = scenario(mine, folder)
    assert len(made.expect) == 3
    assert made.feature.options.message_ttl_ns is None
    assert "messageTTL" not in made.feature.undecided


@pytest.mark.parametrize(
    "value", [{1, 2}, b"x", object(), 1j, float("nan"), float("inf"), 2**64, -(2**63) - 1, "\ud800"]
)
def test_what_is_not_json_is_refused(value, folder):
    mine = data()
    mine["workload"]["publish"][0]["data"] = {"id": [value]}
    with pytest.raises(ScenarioError) as caught:
        scenario(mine, folder)
    assert "workload.publish[0].data.id[0]" in [m.path for m in caught.value.mistakes]
    str(caught.value).encode()


@pytest.mark.parametrize("key", [1, None, ("a",), "\ud800"])
def test_a_key_that_is_not_text_is_refused(key, folder):
    mine = data()
    mine["workload"]["publish"][0]["data"] = {key: 1}
    with pytest.raises(ScenarioError) as caught:
        scenario(mine, folder)
    assert "text as a key" in str(caught.value)


def test_a_dict_that_holds_itself_ends(folder):
    mine = data()
    mine["feature"]["events"]["x"] = mine
    with pytest.raises(ScenarioError, match=f"at most {documents.MAX_DEPTH} levels"):
        scenario(mine, folder)


def test_a_dict_that_holds_itself_twice_ends(folder):
    mine = data()
    mine["feature"]["events"]["x"] = mine["feature"]["events"]["y"] = mine
    with pytest.raises(UsageError, match="a scenario is small"):
        scenario(mine, folder)


@pytest.mark.parametrize("value", [[], "text", 5, None, [{}]])
def test_what_is_no_mapping_is_no_scenario(value):
    with pytest.raises(UsageError, match="write a dict in the file's spelling"):
        scenario(value)


# --- what the models keep by themselves ----------------------------------------------------------


def test_a_normalised_scenario_is_the_same_again(folder):
    made = load(write(folder, TEXT))
    again = Scenario.model_validate(made.normalised())
    assert again.normalised() == made.normalised()
    assert again.feature == made.feature
    assert again.workload == made.workload
    assert again.feature.undecided == made.feature.undecided == ()


def test_a_job_takes_the_time_zone_of_its_scenario(folder):
    text = TEXT.replace("timezone: UTC", "timezone: Asia/Tokyo").replace(
        "timezone: Europe/Berlin, ", ""
    )
    made = load(write(folder, text))
    assert made.feature.jobs[0].timezone == "Asia/Tokyo"
    again = Scenario.model_validate(made.normalised())
    assert again.feature.jobs[0].timezone == "Asia/Tokyo"
    assert "timezone" not in made.normalised()["feature"]["senders"][1]
    assert load(write(folder, TEXT)).feature.jobs[0].timezone == "Europe/Berlin"


def test_draft_takes_nothing_for_granted():
    document = documents.read_data({"a": {"b": [1, {"c": "x"}]}, "d": 5})
    draft = Draft(document, "")
    assert draft.mapping("d") == draft.mapping("a", "b") == {}
    assert draft.items("a", "b") == [(("a", "b", 1), {"c": "x"})]
    assert draft.items("d") == []
    assert draft.text(("d",)) is None
    assert draft.duration_ns("d") is None


# --- other settings ------------------------------------------------------------------------------


def test_other_settings_leave_all_else_as_it_is(folder):
    made = load(write(folder, TEXT.replace("    replay: {lastN: 5, maxAge: 5m}\n", "")))
    other = made.with_(
        buffer_size=8, on_full="drop-newest", message_ttl=None, last_n=3, max_age="1m"
    )
    assert other.feature.options.buffer_size == 8
    assert other.feature.options.on_full == "drop-newest"
    assert other.feature.options.message_ttl_ns is None
    assert (other.feature.stream.replay.last_n, other.feature.stream.replay.max_age_ns) == (
        3,
        60 * 10**9,
    )
    assert other.feature.undecided == ()
    assert (other.name, other.directory, other.file) == (made.name, made.directory, made.file)
    assert other.workload == made.workload
    assert made.feature.options.buffer_size == 32


def test_wrong_settings_are_errors(folder):
    made = load(write(folder, TEXT))
    with pytest.raises(ScenarioError, match="a whole number from 1"):
        made.with_(buffer_size=0)
    with pytest.raises(UsageError, match="there is no setting bufferSize; there are buffer_size"):
        made.with_(bufferSize=8)


@pytest.mark.parametrize("useful_for", [None, "none"])
def test_nothing_resurfaces_where_nothing_grows_old(useful_for):
    data = small().normalised()
    data["intent"].pop("useful_for", None)
    if useful_for:
        data["intent"]["useful_for"] = useful_for
    data["expect"] = ["resurfaced(all) <= 0"]
    with pytest.raises(ScenarioError, match=r"expect\[0\].* resurfaced only where"):
        scenario(data)
    data["intent"]["useful_for"] = "5m"
    scenario(data)
