"""Settings that hold for every test."""

import os

import pytest
from hypothesis import HealthCheck, settings

from tests.chromium import ARGUMENTS, PROGRAM
from tests.histories import Histories

# One profile for everybody: no deadline (a busy machine is no failure), and the same examples in
# every run, so that a red run can be repeated. `make test-long` explores further with its own.
settings.register_profile(
    "ci", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("explore", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))


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
