"""A run of mutmut over a copy of the engine, which goes on where the last one stopped.

mutmut makes the mutants, and runs for each the tests that call the changed function, the quickest
first, until one fails. It has an environment of its own (`make mutants` makes it) and works in a
folder below that: a copy of the source and of the engine's tests.
"""

from __future__ import annotations

import fcntl
import json
import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from simrt.clock import stopwatch
from tests.mutants.reasons import Change, change_of
from tests.mutants.results import MUTATED, Mutant, Verdict, read, verdicts_in
from tests.mutants.source import (
    ROOT,
    TESTS,
    digest_of,
    engine_digests,
    only_added,
    statements_of_tests,
)

PLACE = ROOT / ".venv" / "mutants"
WORKSPACE = PLACE / "work"
WORKERS = min(2, os.cpu_count() or 1)
POLL_S = 5.0
# An endless loop that collects something must not eat the machine before its time is up.
MOST_BYTES = 2 << 30
_BASIS = "true_for.json"

# What a test asserts of the engine's text cannot hold in a file that contains all of its mutants.
_SETTINGS = """\
[mutmut]
source_paths=simrt/engine
also_copy=
    simrt
pytest_add_cli_args_test_selection=tests/engine
pytest_add_cli_args=
    -x
    -q
    -p
    no:cacheprovider
    -k
    not has_no_clock
use_git_change_detection=false
track_dependencies=false
[tool:pytest]
markers =
    rules(*ids): the rules that a test enforces
    real: opens real sockets, processes or a browser
"""
# The same examples for every mutant; a failure is not made smaller, nobody reads it.
_CONFTEST = """\
from hypothesis import HealthCheck, Phase, settings

settings.register_profile(
    "mutants", deadline=None, derandomize=True, database=None,
    phases=[Phase.explicit, Phase.generate], suppress_health_check=list(HealthCheck),
)
settings.load_profile("mutants")
"""
# The state machine of the engine, as long as a mutant can afford it.
_MACHINE = {"SIMRT_MACHINE_EXAMPLES": "40", "SIMRT_MACHINE_STEPS": "40"}


@contextmanager
def alone() -> Iterator[None]:
    """Keep another run out of the workspace.

    Raises:
        SystemExit: another run has it.
    """
    PLACE.mkdir(parents=True, exist_ok=True)
    with (PLACE / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise SystemExit("another run of the mutants is under way") from None
        yield


@dataclass(frozen=True, slots=True)
class Basis:
    """What verdicts are true for.

    Attributes:
        engine: the digest of each file of the engine.
        tests: the digests of the statements of each file of its tests.
        settings: a digest of how they run.
    """

    engine: dict[str, str]
    tests: dict[str, list[str]]
    settings: str


def basis() -> Basis:
    """What verdicts would be true for now."""
    settings = digest_of([_SETTINGS, _CONFTEST, str(_MACHINE), _version()])
    return Basis(engine_digests(), statements_of_tests(), settings)


def prepare(workspace: Path = WORKSPACE, *, again: bool = False) -> None:
    """Lay out a workspace: copies of source and tests, and the verdicts that are still true.

    The old workspace stands until the new one is complete, so that no verdict is lost in between.

    Arguments:
        workspace: where; what lies there is replaced.
        again: keep no verdict.
    """
    now = basis()
    kept = {} if again else still_true(workspace, now)
    new, old = workspace.with_suffix(".new"), workspace.with_suffix(".old")
    for left in (new, old):
        shutil.rmtree(left, ignore_errors=True)
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "simrt", new / "simrt", ignore=ignored)
    shutil.copytree(TESTS, new / "tests" / "engine", ignore=ignored)
    shutil.copy(ROOT / "tests" / "__init__.py", new / "tests")
    (new / "tests" / "conftest.py").write_text(_CONFTEST, "utf-8")
    (new / "setup.cfg").write_text(_SETTINGS, "utf-8")
    lay_out(new, now, kept)
    if workspace.exists():
        workspace.rename(old)
    new.rename(workspace)
    shutil.rmtree(old, ignore_errors=True)


def still_true(workspace: Path, now: Basis) -> dict[str, str]:
    """The verdicts of a workspace that stand: by name, the text of mutmut's files.

    A verdict stands while its own file is the same and the tests are. Where tests were only added,
    what was killed stays dead, and what survived is judged again.
    """
    try:
        before = Basis(**json.loads((workspace / _BASIS).read_text("utf-8")))
    except (FileNotFoundError, ValueError):
        return {}
    if before.settings != now.settings or not only_added(before.tests, now.tests):
        return {}
    kept = {}
    for file, digest in now.engine.items():
        path = workspace / MUTATED / f"{file}.meta"
        if before.engine.get(file) != digest or not path.exists():
            continue
        try:
            survivors_too = before.tests == now.tests
            kept[path.name] = verdicts_in(path.read_text("utf-8"), survivors_too=survivors_too)
        except ValueError:  # cut off
            continue
    return kept


def lay_out(workspace: Path, now: Basis, verdicts: Mapping[str, str]) -> None:
    """Put verdicts beside the mutants to come, and say what they are true for."""
    (workspace / MUTATED).mkdir(parents=True)
    for name, text in verdicts.items():
        (workspace / MUTATED / name).write_text(text, "utf-8")
    (workspace / _BASIS).write_text(json.dumps(asdict(now)), "utf-8")


def run(tell: Callable[[str], None], workspace: Path = WORKSPACE) -> list[Mutant]:
    """Judge what is not judged yet.

    Arguments:
        tell: gets a line about how far it is, from time to time.
        workspace: a prepared one.

    Returns:
        All mutants; those that could not be judged are open.

    Raises:
        SystemExit: mutmut could not do its work.
        KeyboardInterrupt: was stopped; what was judged is kept.
    """
    seconds = stopwatch()
    begun: tuple[int, float] | None = None
    with (workspace / "log").open("wb") as log:
        words = [PLACE / "bin" / "mutmut", "run", "--max-children", str(WORKERS)]
        process = subprocess.Popen(
            words, cwd=workspace, env=os.environ | _MACHINE, stdout=log, stderr=log
        )
        resource.prlimit(process.pid, resource.RLIMIT_AS, (MOST_BYTES, MOST_BYTES))
        try:
            while process.poll() is None:
                try:
                    process.wait(POLL_S)
                except subprocess.TimeoutExpired:
                    mutants = read(workspace)
                    done = sum(mutant.verdict is not Verdict.OPEN for mutant in mutants)
                    if begun is None or not done:
                        begun = done, seconds()
                    tell(_progress(mutants, done, done - begun[0], seconds() - begun[1]))
        except KeyboardInterrupt:
            process.wait()  # it was interrupted too, and ends its workers
            raise
    if process.returncode:
        end = (workspace / "log").read_text("utf-8", "replace").replace("\r", "\n")[-3000:]
        raise SystemExit(f"mutmut ended with {process.returncode}:\n{end}")
    return read(workspace)


def changes(mutants: list[Mutant], workspace: Path = WORKSPACE) -> list[Change]:
    """What these mutants change."""

    def show(mutant: Mutant) -> Change:
        words = [PLACE / "bin" / "mutmut", "show", mutant.name]
        shown = subprocess.run(
            words, cwd=workspace, capture_output=True, text=True, encoding="utf-8", check=True
        )
        return change_of(mutant.file, mutant.function, shown.stdout)

    with ThreadPoolExecutor(WORKERS) as pool:
        return list(pool.map(show, mutants))


def _progress(mutants: list[Mutant], done: int, since: int, seconds: float) -> str:
    if since <= 0:
        return f"{done:5,} of {len(mutants):,} mutants judged; making mutants, trying the tests"
    left = seconds / since * (len(mutants) - done) / 60
    killed = sum(mutant.verdict in (Verdict.KILLED, Verdict.ENDLESS) for mutant in mutants)
    return (
        f"{done:5,} of {len(mutants):,} mutants judged, {killed:,} killed;"
        f" about {left:.0f} min left"
    )


def _version() -> str:
    """Of mutmut, so that verdicts on the mutants of another version are not kept."""
    if not (PLACE / "bin" / "mutmut").exists():
        raise SystemExit("mutmut is not installed: run make mutants")
    asked = "from importlib.metadata import version; print(version('mutmut'))"
    words = [PLACE / "bin" / "python", "-c", asked]
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout.strip()


def terminal(line: str) -> None:
    """Write progress: over the last line where somebody looks, below it in a file."""
    if sys.stdout.isatty():
        print(f"\r{line:78}", end="", flush=True)
    else:
        print(line, flush=True)
