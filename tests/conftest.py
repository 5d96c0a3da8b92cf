"""Settings that hold for every test."""

import os

import pytest
from hypothesis import HealthCheck, settings

from tests.__main__ import SAYS_REAL
from tests.chromium import ARGUMENTS, PROGRAM
from tests.histories import Histories

# One profile for everybody: no deadline (a busy machine is no failure), and the same examples in
# every run, so that a red run can be repeated. `make test-long` explores further with its own.
settings.register_profile(
    "ci", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("explore", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))


def pytest_collection_modifyitems(items):
    """Each test runs in one part of `python -m tests`, and one that must be alone says why."""
    reals = {item.path for item in items if item.get_closest_marker("real")}
    for path in reals:
        if SAYS_REAL not in path.read_text("utf-8"):
            raise pytest.UsageError(f"{path}: mark its real tests in it, by {SAYS_REAL}")
    for item in items:
        for mark in item.iter_markers("alone"):
            if not mark.args or item.get_closest_marker("real") is None:
                raise pytest.UsageError(f"{item.nodeid}: mark it real, and alone with a reason")


@pytest.fixture(scope="session")
def histories(tmp_path_factory):
    """Runs in virtual time that several tests look at, made once for all workers of a session."""
    folder = tmp_path_factory.getbasetemp()
    if os.environ.get("PYTEST_XDIST_WORKER"):
        folder = folder.parent  # each worker has its own below that of the session
    return Histories(folder / "histories")


@pytest.fixture(scope="session")
def written_report(tmp_path_factory):
    """The folder of a report of the usual check, to be looked at, not to be changed."""
    from simrt.report import write_report
    from tests.report.checks import REPORTED_IN, usual

    return write_report(usual(REPORTED_IN), tmp_path_factory.mktemp("report")).parent


@pytest.fixture(scope="module")
def browser():
    """Chromium, opened once for a file of tests; where it is missing they are skipped."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if PROGRAM is None:
        pytest.skip("chromium is not installed")
    with playwright.sync_playwright() as session:
        opened = session.chromium.launch(executable_path=PROGRAM, args=ARGUMENTS)
        yield opened
        opened.close()
