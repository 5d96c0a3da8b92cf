"""The wheel alone is enough to start: what it carries, what it needs, and a first check with it."""

import re
import subprocess
import sys
import tomllib
import zipfile
from email.parser import Parser
from importlib.metadata import distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from simrt.errors import UsageError
from simrt.shipped import KINDS, copy, shipped
from tests.docs.generated import between
from tests.docs.rules import ROOT
from tests.marks import paced

pytestmark = pytest.mark.real


def runtime():
    """What `pip install` brings: by name, the packages that it needs in turn."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    found = {}
    coming = [Requirement(text).name for text in project["dependencies"]]
    while coming:
        name = re.sub(r"[-_.]+", "-", coming.pop()).lower()
        if name in found:
            continue
        wanted = [Requirement(text) for text in distribution(name).requires or []]
        needs = [one.name for one in wanted if not one.marker or one.marker.evaluate({"extra": ""})]
        found[name] = needs
        coming += needs
    return found


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (found,) = folder.glob("*.whl")
    return found


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """The programs of an environment with the wheel and what it asks for, and nothing else."""
    place = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(place)], check=True)
    python = place / "bin" / "python"
    site = next((place / "lib").glob("python*/site-packages"))
    for name in runtime():
        # What is installed here is installed there: no index is asked.
        files = distribution(name).files or []
        for top in {file.parts[0] for file in files if file.parts[0] not in ("..", "__pycache__")}:
            source = Path(distribution(name).locate_file(top))
            if source.exists() and not (site / top).exists():
                (site / top).symlink_to(source)
    install = ["--python", str(python), "install", "--quiet", "--no-deps", "--no-index", str(wheel)]
    subprocess.run([sys.executable, "-m", "pip", *install], check=True, capture_output=True)
    return place / "bin"


def test_it_carries_the_scenarios_and_says_who_it_is(wheel):
    with zipfile.ZipFile(wheel) as opened:
        names = set(opened.namelist())
        (about,) = (name for name in names if name.endswith(".dist-info/METADATA"))
        said = Parser().parsestr(opened.read(about).decode())
        for path in (ROOT / "scenarios").rglob("*.*"):
            if path.suffix in (".yml", ".csv", ".md"):
                inside = f"simrt/shipped/{path.relative_to(ROOT / 'scenarios').as_posix()}"
                assert opened.read(inside) == path.read_bytes()
    assert "simrt/py.typed" in names
    assert "Typing :: Typed" in said.get_all("Classifier")
    urls = {text.split(",")[0] for text in said.get_all("Project-URL")}
    assert urls == {"Repository", "Documentation", "Issues", "Changelog"}
    assert not [name for name in names if name.startswith(("tests/", "docs/", "hatch_build"))]


def test_the_document_names_every_package_that_installing_brings():
    text = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    table = between(text, "packages").splitlines()[2:]
    rows = [re.fullmatch(r"\| ([\w.-]+) \| [^|]+ \|([^|]*)\|", line).groups() for line in table]
    needs = runtime()
    assert f"brings {len(needs)} packages" in text
    named = [name for row in rows for cell in row for name in re.findall(r"[\w.-]+", cell)]
    assert sorted(name.replace(".", "-") for name in named) == sorted(needs)  # each once


def test_every_package_that_is_asked_for_is_imported():
    """tzdata is data, and read by the standard library."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    code = "\n".join(path.read_text("utf-8") for path in (ROOT / "simrt").rglob("*.py"))
    modules = {"ruamel.yaml": "ruamel", "pyjwt": "jwt"}
    for name in project["dependencies"]:
        module = modules.get(name, name.replace("-", "_"))
        found = re.search(rf"^\s*(import|from) {module}\b", code, re.MULTILINE)
        assert found or name == "tzdata", f"{name} is asked for and imported nowhere"


@paced
def test_a_first_check_from_an_empty_folder(installed, tmp_path):
    def call(*words):
        done = subprocess.run(
            [installed / "simrt", *words],
            cwd=tmp_path, env={"PATH": ""}, capture_output=True, text=True, check=False,
        )  # fmt: skip
        return done.returncode, done.stdout, done.stderr

    code, _, said = call("check")
    assert code == 2
    assert "`simrt patterns` lists them" in said
    code, listed, _ = call("patterns")
    assert code == 0
    assert "daily-report: A job says every morning at six that the report is ready.\n" in listed
    code, said, _ = call("patterns", "daily-report")
    assert (code, said.splitlines()[0]) == (0, "Written: scenarios/patterns/daily-report.yml")
    code, said, errors = call("check")
    assert code == 0, errors
    # What is under way, and no more.
    assert all(line.startswith("simrt: ") for line in errors.splitlines()), errors
    assert "pass           Daily report" in said
    (report,) = tmp_path.glob("reports/daily-report/*/report.html")
    assert (tmp_path / "reports" / "index.html").is_file()
    assert report.stat().st_size > 10_000


# --- copying


def test_every_scenario_that_ships_is_listed_once_and_can_be_copied(tmp_path):
    names = [one.name for one in shipped()]
    assert len(set(names)) == len(names) == len(list((ROOT / "scenarios").rglob("*.yml")))
    assert [one.kind for one in shipped()] == sorted(
        (one.kind for one in shipped()), key=KINDS.index
    )
    assert all(one.sentence.endswith((".", "?")) for one in shipped())
    for one in shipped():
        first, *_ = copy(one.name, tmp_path)
        assert first.read_bytes() == one.path.read_bytes()
    copied = {path.relative_to(tmp_path) for path in tmp_path.rglob("*.*") if path.is_file()}
    source = ROOT / "scenarios"
    assert copied == {
        path.relative_to(source)
        for path in source.rglob("*.*")
        if path.is_file() and path.suffix != ".py"
    }


def test_a_copy_brings_its_trace_and_writes_over_nothing(tmp_path):
    name = "live-admin-notifications-recorded"
    files = copy(name, tmp_path)
    place = {path.relative_to(tmp_path).as_posix() for path in files}
    assert place == {
        f"patterns/{name}.yml",
        "traces/debian-changelogs.csv",
        "traces/README.md",
    }
    with pytest.raises(UsageError, match="there already, as it ships"):
        copy(name, tmp_path)
    files[0].unlink()
    assert copy(name, tmp_path) == files[:1]  # what is there as it ships stays
    files[0].write_text("mine")
    with pytest.raises(UsageError, match=r"other content.* write another folder"):
        copy(name, tmp_path)
    assert files[0].read_text() == "mine"
    files[0].unlink()
    (tmp_path / "traces/debian-changelogs.csv").write_text("t\n1\n")
    with pytest.raises(UsageError, match=r"debian-changelogs\.csv: .*other content"):
        copy(name, tmp_path)
    assert not files[0].exists()  # nothing of it


def test_a_wrong_name_or_folder_says_what_to_write(tmp_path):
    with pytest.raises(UsageError, match=r"did you mean daily-report\?\); write a name"):
        copy("daily-reports", tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match=r"cannot be written: .*; write a folder"):
        copy("daily-report", tmp_path / "file")
