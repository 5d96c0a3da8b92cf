"""Every public call x every parameter x wrong values: a SimrtError that says what to write.

The table is made from the signatures. A new public call or parameter without an entry here fails.
"""

import contextlib
import dataclasses
import inspect
import subprocess
import sys
import types

import pytest

import simrt
from simrt.errors import SimrtError, UsageError
from simrt.metrics import Metrics
from tests.docs.arguments import ARGUMENTS, table_of
from tests.docs.generated import between
from tests.targets.small import small


def some_function(*_args):
    """A function."""


WRONG = {
    "None": None,
    "True": True,
    "zero": 0,
    "negative": -1,
    "fraction": 0.5,
    "nan": float("nan"),
    "infinite": float("inf"),
    "huge": 10**400,
    "empty text": "",
    "text": "nonsense",
    "text with NUL": "a\0b",
    "bytes": b"nonsense",
    "empty list": [],
    "list": ["nonsense"],
    "list of lists": [[]],
    "empty dict": {},
    "dict": {"nonsense": 1},
    "set": {1.5},
    "object": object(),
    "function": some_function,
    "class": int,
    "module": types,
}

CALLABLE = {"None", "function"}
FOLDER = {"text"}  # a name that may be there: what it then holds is another question

# call -> parameter -> the values of WRONG that are right there
RIGHT = {
    "load": {"path": set()},
    "scenario": {"data": set(), "directory": {"empty text", "text"}},
    "run": {
        "scenario": set(),
        "on": set(),
        "seed": {"zero"},
        "history": {"None", *FOLDER},
        "speed": {"None", "fraction"},
        "progress": CALLABLE,
    },
    "judge": {"history": set()},
    "check": {
        "scenario": set(),
        "on": set(),
        "seed": {"zero"},
        "runs": {"None"},
        "speed": {"None", "fraction"},
        "reports": {"None", *FOLDER},
        "quick": {"True"},
        "progress": CALLABLE,
    },
    "compare": {
        "what": set(),
        "other": {"None"},
        "on": set(),
        "seed": {"zero"},
        "runs": {"None"},
        "speed": {"None", "fraction"},
        "keep": {"None"},
        "progress": CALLABLE,
    },
    "read_history": {"path": set()},
    "Scenario.with_": {"at": {"None", "empty dict"}, "settings": set()},
    "Run.figure": {"name": set(), "beside": set()},
    "Check.values": {"target": set(), "figure": set(), "group": set()},
    "History.save": {"path": FOLDER},
    "Metrics.totals": {"group": set(), "subscriber": {"None"}},
    "Metrics.sketch": {"metric": set(), "group": set()},
    "Metrics.subscribers": {"group": set()},
    "Metrics.value": {"metric": set(), "group": set(), "subscriber": {"None"}},
    "Metrics.quantile": {"metric": set(), "group": set(), "p": {"zero", "fraction"}},
    "Metrics.outcomes": {"group": set(), "subscriber": {"None"}},
}
# What people get from simrt and never make themselves: reading them is public, making them is not.
MADE_BY_SIMRT = (simrt.Run, simrt.Check, simrt.Comparison, simrt.History, simrt.Row, Metrics)


@pytest.fixture(scope="module")
def made():
    return make()


def make():
    """A scenario, and one of each thing that has public methods."""
    scenario = small(duration="2s")
    run = simrt.run(scenario)
    return {
        "Scenario": scenario,
        "Run": run,
        "Check": simrt.check(scenario, on="sim", runs=1, reports=None),
        "History": run.history,
        "Metrics": run.metrics,
    }


def called(name, made):
    """The call of a name, and right arguments for it."""
    scenario = made["Scenario"]
    history = made["History"]
    needed = {
        "load": {},
        "scenario": {"data": scenario.normalised()},
        "run": {"scenario": scenario},
        "judge": {},
        "check": {"scenario": scenario, "on": "sim", "runs": 1},
        "compare": {"what": scenario, "runs": 1},
        "read_history": {},
        "Check.values": {"target": "sim", "figure": "latency_s", "group": "all"},
        "Metrics.sketch": {"metric": "latency_s"},
        "Metrics.value": {"metric": "sent"},
        "Metrics.quantile": {"metric": "latency_s"},
    }.get(name, {})
    if name == "Scenario.with_":
        return scenario.with_, {}
    if "." not in name:
        return getattr(simrt, name), dict(needed)
    kind, _, method = name.partition(".")
    assert history is made["History"]
    return getattr(made[kind], method), dict(needed)


def give(call, arguments, name, value):
    """Call it with this one argument besides, however it is taken."""
    parameter = inspect.signature(call).parameters[name]
    if parameter.kind is parameter.VAR_POSITIONAL:
        return call("timeline", value)
    if parameter.kind is parameter.VAR_KEYWORD:
        return call(buffer_size=value)
    if parameter.kind is parameter.POSITIONAL_ONLY:
        return call(value, **arguments)
    return call(**arguments | {name: value})


CASES = [
    (name, parameter, label)
    for name, parameters in RIGHT.items()
    for parameter, right in parameters.items()
    for label in WRONG
    if label not in right
]


def answers_to_wrong_arguments(made):
    """By call, parameter and wrong value, what was raised or returned."""
    found = {}
    for name, parameter, label in CASES:
        call, arguments = called(name, made)
        try:
            found[name, parameter, label] = give(call, arguments, parameter, WRONG[label])
        except Exception as error:  # noqa: BLE001 - which it is, the tests say
            found[name, parameter, label] = error
    return found


@pytest.fixture(scope="module")
def answers(made, tmp_path_factory):
    """They, from a folder in which nothing is made: all is refused before."""
    folder = tmp_path_factory.mktemp("nothing")
    with contextlib.chdir(folder):
        found = answers_to_wrong_arguments(made)
    assert list(folder.iterdir()) == []
    return found


@pytest.mark.parametrize("name", list(RIGHT))
def test_a_wrong_argument_is_an_error_that_says_what_to_write(name, answers):
    for (call, parameter, label), found in answers.items():
        where = f"{call}({parameter}={label})"
        if call == name:
            assert isinstance(found, SimrtError), f"{where}: {found!r}"
            said = str(found)
            assert len(said) < 1000, where
            assert "0x" not in said, where  # an address says nothing, and differs each time
            # A mistake in a file's data says what is allowed there.
            assert any(word in said for word in ("write", "allowed", "cannot be read")), (
                where,
                said,
            )


def test_the_document_shows_what_they_say(answers):
    assert between(ARGUMENTS.read_text("utf-8"), "arguments") == table_of(answers), (
        "run python -m tests.docs.arguments"
    )


@pytest.mark.parametrize(
    ("name", "parameter", "label"),
    [
        (name, parameter, label)
        for name, parameters in RIGHT.items()
        for parameter, right in parameters.items()
        for label in sorted(right)
        if (name, parameter, label) != ("run", "speed", "fraction")  # for the real server alone
    ],
)
def test_what_is_right_is_taken(name, parameter, label, made, tmp_path, monkeypatch):
    """The other side of the table: a value that is left out of the wrong ones does work."""
    monkeypatch.chdir(tmp_path)
    call, arguments = called(name, made)
    if (name, parameter, label) == ("compare", "speed", "fraction"):
        pytest.skip("for the real server alone")
    give(call, arguments, parameter, WRONG[label])


def test_every_public_call_and_parameter_is_in_the_table():
    functions = {
        name: getattr(simrt, name)
        for name in simrt.__all__
        if inspect.isfunction(getattr(simrt, name)) or name == "scenario"
    }
    methods = {
        f"{kind.__name__}.{name}": method
        for kind in MADE_BY_SIMRT
        for name, method in vars(kind).items()
        if inspect.isfunction(method) and not name.startswith("_")
    }
    methods["Scenario.with_"] = simrt.Scenario.with_
    found = {}
    for name, call in (functions | methods).items():
        parameters = [each for each in inspect.signature(call).parameters if each != "self"]
        if parameters:
            found[name] = set(parameters)
    assert found == {name: set(parameters) for name, parameters in RIGHT.items()}
    rest = set(simrt.__all__) - set(functions)
    assert {name for name in rest if not issubclass(getattr(simrt, name), SimrtError)} == {
        *(kind.__name__ for kind in MADE_BY_SIMRT if kind is not Metrics),
        "Scenario",
    }


@pytest.mark.parametrize(
    ("act", "says"),
    [
        (lambda *_: simrt.check("nowhere.yml"), "nowhere.yml: cannot be read: No such file"),
        (lambda s, _: simrt.check(s, on="simm"), "on: found 'simm' (did you mean sim?); write sim"),
        (lambda s, _: simrt.run(s.normalised()), "scenario: found a dict; write simrt.scenario("),
        (lambda s, _: simrt.run(s, on=["sim"]), "on: found a value of the type list; write sim or"),
        (
            lambda s, _: simrt.check(s, runs="3"),
            "runs: found '3'; write a whole number, 1 to ",
        ),
        (lambda _, run: simrt.judge(run), "history: found a Run; write its record: judge(run.hist"),
        (lambda _, run: run.metrics.value("sent", "gg"), "(did you mean g?); write g or all"),
        (lambda _, run: run.metrics.value("mised"), "metric: found 'mised' (did you mean missed?)"),
        (
            lambda _, run: run.metrics.quantile(0.9, "latency_s"),
            "metric: found 0.9; write the name",
        ),
        (lambda _, run: run.metrics.quantile("latency_s", p=90), "p: found 90; write a share from"),
        (lambda _, run: run.metrics.value("sent", subscriber="g/9"), "(did you mean g/0?)"),
    ],
)
def test_the_remedy_fits(act, says, made):
    with pytest.raises(UsageError) as error:
        act(made["Scenario"], made["Run"])
    assert says in str(error.value)


def test_a_path_or_a_scenario_everywhere(made, tmp_path):
    """And one target as a word, or several."""
    import yaml

    scenario = made["Scenario"]
    path = tmp_path / "small.yml"
    path.write_text(yaml.safe_dump(scenario.normalised()))
    assert list(simrt.run(path).history) == list(made["History"])
    assert list(simrt.run(str(path)).history) == list(made["History"])
    found = simrt.check(path, on="sim", runs=1, reports=tmp_path / "reports")
    assert found.seeds == {"sim": (1,)}
    again = simrt.check(str(path), on={"sim": 1}.keys(), runs=1, reports=tmp_path / "reports")
    assert again.seeds == {"sim": (1,)}
    assert simrt.compare(path, runs=1).status.value == "pass"


def test_a_history_is_held_against_another_one_alone(made):
    history = made["History"]
    assert simrt.compare(history, history).status.value == "pass"
    for value in [each for each in WRONG.values() if each is not None]:
        with pytest.raises(SimrtError, match=r"other: found .*; write a history|cannot be read"):
            simrt.compare(history, value)
    with pytest.raises(UsageError, match=r"other: one history .*; write a second one"):
        simrt.compare(history)


@pytest.mark.parametrize(
    ("settings", "path", "value"),
    [
        ({"workload.duration": "3s"}, ("workload", "duration"), "3s"),
        (
            {"workload.publish[0].arrivals.periodic": "5/s"},
            ("workload", "publish", 0, "arrivals", "periodic"),
            "5/s",
        ),
        ({"workload.subscribers.g.drain": "20ms"}, ("workload", "subscribers", "g", "drain"), None),
        ({'workload.subscribers["g"].count': 2}, ("workload", "subscribers", "g", "count"), 2),
        ({"server.heartbeat": "15s"}, ("server", "heartbeat"), "15s"),
        ({"faults": [{"at": "1s", "stall": "g", "for": "1s"}]}, ("faults", 0, "stall"), "g"),
        ({"bufferSize": 3}, ("feature", "options", "bufferSize"), 3),
    ],
)
def test_with_reaches_a_key_by_its_path(settings, path, value, made):
    scenario = made["Scenario"]
    before = scenario.normalised()
    part = scenario.with_(settings).normalised()
    for step in path:
        part = part[step]
    assert value is None or part == value
    assert scenario.normalised() == before


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("workload.publish[7].event", "has 1 entries, from [0] on; write one that is there"),
        ("workload.publish.event", "is a list here; write [0] for its first entry"),
        ("workload.subscribers.gg.drain", "has no gg; did you mean g?"),
        ("workload[0]", "workload is no list; write names between points"),
        ("title.text", "title is one value here; set it as a whole"),
        ("workload..duration", "write a path of keys, such as"),
        (".workload", "write a path of keys, such as"),
        (3, "path: found 3; write a path of keys"),
        ("workload.duratoin", "did you mean duration?"),
    ],
)
def test_a_path_that_leads_nowhere(path, says, made):
    with pytest.raises(SimrtError) as error:
        made["Scenario"].with_({path: "1s"})
    assert says in str(error.value)


def test_results_show_themselves(made):
    """In a terminal and in pytest's texts: what it is, and what did not pass."""
    run, check, metrics = made["Run"], made["Check"], made["Metrics"]
    title = made["Scenario"].title
    said, *broken = repr(run).splitlines()
    assert said == f"{title}, on sim, seed 1: fail"
    assert [line.split(":")[0].strip() for line in broken] == ["shape"]  # any field may be added
    first, *findings = repr(check).splitlines()
    assert first == f"{title}: {check.status.value}, runs: 1 on sim. {check.sentence}"
    assert len(findings) == len(check.deciding)
    sent = int(metrics.value("sent", "g"))
    assert repr(metrics).splitlines() == [
        "Metrics of 1 subscriber",
        f"  g: sent {sent}, missed 0 %",
        f"  all: sent {sent}, missed 0 %",
    ]
    one = run.verdicts[0]
    assert repr(one).splitlines()[0] == (
        f"{one.check}: {one.status.value} on sim, seed 1. {one.sentence}"
    )


def test_notebooks_show_results_as_html(made):
    from html.parser import HTMLParser

    class Text(HTMLParser):
        said = ""
        tags = ()

        def handle_data(self, data):
            self.said += data

        def handle_starttag(self, tag, _attrs):
            self.tags = (*self.tags, tag)

    def read(shown):
        reader = Text()
        reader.feed(shown._repr_html_())
        return reader

    check = made["Check"]
    page = read(check)
    assert all(item.title in page.said and item.sentence in page.said for item in check.items)
    assert page.tags.count("tr") == 7
    table = read(made["Metrics"])
    assert table.tags.count("tr") == 1 + len(made["Metrics"].names)
    verdict = dataclasses.replace(made["Run"].verdicts[0], sentence="a <b> & c", evidence=("<i>",))
    text = read(verdict)
    assert "a <b> & c" in text.said  # escaped
    assert "b" not in text.tags
    assert text.said.endswith("<i>")


def test_an_assertion_of_pytest_says_what_was_found(made, tmp_path):
    """The text under a failed assertion: the verdict and what did not pass, no field by field."""
    test = tmp_path / "test_feature.py"
    scenario = made["Scenario"].with_({"expect": ["received(g) >= 1000000"]})
    test.write_text(
        "import simrt\n"
        "def test_it():\n"
        f"    check = simrt.check(simrt.scenario({scenario.normalised()!r}),"
        " on='sim', runs=5, reports=None)\n"
        "    assert check.status.value == 'pass', check\n"
    )
    words = ["-q", "-p", "no:cacheprovider", "--rootdir", str(tmp_path), str(test)]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *words],
        capture_output=True, text=True, check=False, cwd=tmp_path,
    )  # fmt: skip
    said = [line for line in done.stdout.splitlines() if line.startswith("E ")]
    assert f"{scenario.title}: fail, runs: 5 on sim." in said[0]
    # pytest cuts the middle of a long text: how it begins and what was not kept stay.
    assert "events received 1, asked for at least 1,000,000" in said[0]
    assert len("".join(said)) < 2000


def test_numbers_of_numpy_are_numbers(made):
    import numpy as np

    assert simrt.run(made["Scenario"], seed=np.int64(1)).seed == 1
    assert made["Metrics"].quantile("latency_s", p=np.float32(0.5)) is not None


def test_reports_are_where_one_asked_and_nowhere_else(made, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = simrt.check(made["Scenario"], on="sim", runs=1, reports="mine/of today")
    assert found.folder is not None
    assert found.folder.is_relative_to("mine/of today")
    assert (found.folder / "report.html").is_file()
    assert [each.name for each in tmp_path.iterdir()] == ["mine"]
    none = simrt.check(made["Scenario"], on="sim", runs=1, reports=None)
    assert none.folder is None
    assert none.sentence == found.sentence
    assert list(none.runs[0].history) == list(found.runs[0].history)
    assert [each.name for each in tmp_path.iterdir()] == ["mine"]
