"""One room's mutants against its tests: forked processes, each with a copy of the source.

What was judged is written at once, one line of JSON each, so that a run that was stopped goes on
where it was. A mutant that was killed stays dead while its file is the same; one that survived is
judged anew where the tests are others.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import resource
import runpy
import shutil
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings

from tests.mutants.mutator import Mutation
from tests.mutants.rooms import Room
from tests.mutants.source import ROOT, digest_of, statements_of
from tests.planted.planting import copy_source

PLACE = ROOT / ".venv" / "mutants-of-rooms"
CPU_S = 120
WALL_S = 600
QUICK_S = 1.0
LEAST_TIMEOUT_S = 30
MOST_BYTES = 8 << 30

settings.register_profile(
    "mutants", deadline=None, derandomize=True, database=None,
    phases=[Phase.explicit, Phase.generate], suppress_health_check=list(HealthCheck),
)  # fmt: skip
os.environ.update(
    HYPOTHESIS_PROFILE="mutants", PYTHONHASHSEED="0", OPENBLAS_NUM_THREADS="1",
    OMP_NUM_THREADS="1",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Judged:
    """What became of one mutant.

    Attributes:
        killed: whether a test failed.
        by: that test and its words; why there is no verdict otherwise.
        tests: how many tests were there to judge it.
        cpu_s: what they took, of the processor.
        true_for: digests of its file, and of the tests that judged it.
    """

    killed: bool
    by: str
    tests: int
    cpu_s: float
    true_for: tuple[str, str]


# --- in a process of its own ----------------------------------------------------------------------


class _Order:
    """A plugin of pytest: some tests alone, the cheap ones first, each with its time.

    Which fixtures are made once for a file is kept: its tests stand together, the quick ones of all
    files before the others.
    """

    def __init__(self, cost_s: dict[str, float]) -> None:
        self.cost_s = cost_s
        self.failed = ""

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        cost = self.cost_s
        chosen = [item for item in items if item.nodeid in cost]
        totals: dict[tuple[bool, str], float] = {}
        for item in chosen:
            key = (cost[item.nodeid] > QUICK_S, str(item.path))
            totals[key] = totals.get(key, 0) + cost[item.nodeid]

        def place(item: pytest.Item) -> tuple[bool, float, str, float]:
            slow, path = cost[item.nodeid] > QUICK_S, str(item.path)
            return slow, totals[slow, path], path, cost[item.nodeid]

        items[:] = sorted(chosen, key=place)
        for item in items:
            limit = max(LEAST_TIMEOUT_S, 30 * cost[item.nodeid])
            item.add_marker(pytest.mark.timeout(limit))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed and not self.failed:
            crash = getattr(report.longrepr, "reprcrash", None)
            said = (crash.message if crash is not None else str(report.longrepr)).splitlines()
            self.failed = f"{report.nodeid}: {(said or [''])[0]}"

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed and not self.failed:
            self.failed = f"{report.nodeid}: cannot be imported"


class _Tracing:
    """A plugin of pytest: which lines of a room each test executes, and what it costs."""

    def __init__(self, folder: Path, files: Sequence[str]) -> None:
        from coverage import Coverage

        self.files = {str(folder / file): file for file in files}
        self.coverage = Coverage(data_file=None, include=list(self.files), config_file=False)
        self.coverage.start()
        self.cost_s: dict[str, float] = {}
        self.failed: dict[str, str] = {}

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        self.coverage.switch_context(item.nodeid)
        begun = time.process_time()
        found = yield
        self.cost_s[item.nodeid] = time.process_time() - begun
        self.coverage.switch_context("")
        return found

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed or report.skipped:
            self.failed[report.nodeid] = report.outcome

    def told(self) -> dict[str, Any]:
        """Costs, and for each file and line the tests that execute it."""
        self.coverage.stop()
        data = self.coverage.get_data()
        lines = {
            self.files[path]: {
                line: [name for name in names if name and name not in self.failed]
                for line, names in data.contexts_by_lineno(path).items()
            }
            for path in data.measured_files()
        }
        return {"cost_s": self.cost_s, "lines": lines, "left_out": self.failed}


def _pytest(copy: Path, words: Sequence[str], plugin: object) -> int:
    """Run tests with the copy as their `simrt`."""
    runpy.run_path(str(copy / "sitecustomize.py"))
    os.environ["PYTHONPATH"] = str(copy)
    sys.dont_write_bytecode = True
    os.chdir(ROOT)
    # Written out: what a test prints, or a crash of the interpreter, disturbs nobody.
    quiet = ["-q", "-x", "-p", "no:cacheprovider", "-p", "no:xdist", "--tb=short"]
    quiet += ["-W", "ignore::pytest.PytestAssertRewriteWarning"]  # imported before the fork
    return int(pytest.main([*quiet, *words], [plugin]))


def _fork(work: Callable[[], Any], log: Path) -> tuple[int, Path]:
    """Do something in a child; what it returns is written beside its log, as JSON."""
    answer = log.with_suffix(".json")
    answer.unlink(missing_ok=True)
    sys.stdout.flush()
    child = os.fork()
    if child:
        return child, answer
    code = 1
    try:
        os.setsid()
        with log.open("wb") as file:
            os.dup2(file.fileno(), 1)
            os.dup2(file.fileno(), 2)
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        resource.setrlimit(resource.RLIMIT_AS, (MOST_BYTES, MOST_BYTES))
        answer.write_text(json.dumps(work()), "utf-8")
        code = 0
    except BaseException:  # noqa: BLE001 - it is written into the log
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


# --- once for a room ------------------------------------------------------------------------------


def collect(room: Room, place: Path, say: Callable[[str], None]) -> dict[str, Any]:
    """Which of a room's tests executes which line, and what it costs; kept while they stay."""
    kept = place / "lines.json"
    true_for = digest_of([room.digest(), room.digest_of_tests()])
    with contextlib.suppress(OSError, ValueError):
        known: dict[str, Any] = json.loads(kept.read_text("utf-8"))
        if known["true_for"] == true_for:
            _warm(known["modules"])
            return known
    say(f"{room.name}: its tests, once, for what they execute")
    copy = _copy(place, 0)

    def work() -> dict[str, Any]:
        plugin = _Tracing(copy, room.files())
        _pytest(copy, ["--maxfail=1000", *room.tests], plugin)
        names = [name for name in sys.modules if not name.startswith(("simrt", "tests"))]
        return plugin.told() | {"true_for": true_for, "modules": names}

    child, answer = _fork(work, place / "collect.log")
    os.waitpid(child, 0)
    if not answer.exists():
        raise SystemExit(f"the tests of {room.name} could not run: {place / 'collect.log'}")
    known = json.loads(answer.read_text("utf-8"))
    answer.rename(kept)
    if known["left_out"]:
        say(f"  left out, they fail or are skipped as things are: {', '.join(known['left_out'])}")
    _warm(known["modules"])
    return known


def _warm(modules: Sequence[str]) -> None:
    """Import what the tests import, but for `simrt` and themselves: start-up is paid once."""
    for name in modules:
        if name.partition(".")[0] not in ("__main__", "conftest", "simrt", "tests"):
            with contextlib.suppress(Exception):
                importlib.import_module(name)


def _copy(place: Path, slot: int) -> Path:
    folder = place / f"copy-{slot}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    copy_source(folder)
    return folder


def tests_of(mutation: Mutation, known: dict[str, Any]) -> dict[str, float]:
    """The tests that execute a mutant's lines, with their costs.

    What stands outside of functions is executed by an import: then all tests of the room, since one
    that reads a table of it executes no line.
    """
    lines: dict[str, list[str]] = known["lines"].get(mutation.file, {})
    inside = range(mutation.first, mutation.last + 1)
    names = {name for line in inside for name in lines.get(str(line), ())}
    if not names:
        names = known["cost_s"].keys() - known["left_out"].keys()
    return {name: known["cost_s"][name] for name in names}


# --- judging --------------------------------------------------------------------------------------


def judge(
    room: Room,
    mutants: Sequence[Mutation],
    kept: Path,
    jobs: int,
    say: Callable[[str], None],
    *,
    quick: bool = False,
) -> list[Judged]:
    """Judge mutants, those alone whose verdict is not known; in their order.

    Arguments:
        room: whose.
        mutants: which.
        kept: the file of verdicts; read first, and written as they come.
        jobs: how many at once.
        say: hears of each.
        quick: leave tests out that take longer than `QUICK_S`.
    """
    place = kept.parent
    place.mkdir(parents=True, exist_ok=True)
    known = collect(room, place, say)
    if quick:
        cheap = {name for name, cost in known["cost_s"].items() if cost <= QUICK_S}
        known["cost_s"] = {name: known["cost_s"][name] for name in cheap}
        known["lines"] = {
            file: {line: [name for name in names if name in cheap] for line, names in found.items()}
            for file, found in known["lines"].items()
        }
    verdicts = _read(kept)
    tests = room.digest_of_tests()
    sources = {
        file: digest_of(statements_of((ROOT / file).read_text("utf-8"))) for file in room.files()
    }
    judged: dict[int, Judged] = {}
    for number, mutation in enumerate(mutants):
        before = verdicts.get(_key(mutation))
        if (
            before is not None
            and before.true_for[0] == sources[mutation.file]
            and (before.killed or before.true_for[1] == tests)
        ):
            judged[number] = before
    if judged:
        say(f"  {len(judged)} of {len(mutants)} are known")
    todo = [number for number in range(len(mutants)) if number not in judged]
    running: dict[int, _Running] = {}
    free = [(slot, _copy(place, slot)) for slot in range(jobs)]
    try:
        while todo or running:
            while todo and free:
                number = todo.pop(0)
                one = _begin(mutants[number], number, known, *free.pop(), place)
                running[one.child] = one
            ended, _, usage = os.wait4(-1, os.WNOHANG) if running else (0, 0, None)
            if not ended:
                _stop_the_endless(running)
                time.sleep(0.02)
                continue
            one = running.pop(ended)
            mutation = mutants[one.number]
            found = one.verdict(usage, (sources[mutation.file], tests))
            judged[one.number] = found
            with kept.open("a", encoding="utf-8") as file:
                file.write(json.dumps({"key": _key(mutation), **asdict(found)}) + "\n")
            free.append((one.slot, one.copy))
            say(f"{len(judged):4}/{len(mutants)} {_line(mutation, found)}")
    finally:
        for child in running:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child, signal.SIGKILL)
            os.waitpid(child, 0)
    return [judged[number] for number in range(len(mutants))]


@dataclass(slots=True)
class _Running:
    """A mutant under judgement."""

    number: int
    child: int
    slot: int
    copy: Path
    answer: Path
    tests: int
    restore: tuple[Path, str]
    begun: float

    def verdict(self, usage: Any, true_for: tuple[str, str]) -> Judged:
        """What its tests said; the copy is as the source again."""
        path, text = self.restore
        path.write_text(text, "utf-8")
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.child, signal.SIGKILL)  # what its tests left behind
        cpu_s = round(usage.ru_utime + usage.ru_stime, 1)
        try:
            answer = json.loads(self.answer.read_text("utf-8"))
        except (OSError, ValueError):
            spent = cpu_s >= CPU_S - 1
            why = (
                f"{CPU_S} CPU s spent" if spent else "the interpreter broke down, or memory ran out"
            )
            return Judged(not spent, why, self.tests, cpu_s, true_for)
        return Judged(bool(answer), answer, self.tests, cpu_s, true_for)


def _begin(
    mutation: Mutation, number: int, known: dict[str, Any], slot: int, copy: Path, place: Path
) -> _Running:
    cost_s = tests_of(mutation, known)
    path = copy / mutation.file
    text = path.read_text("utf-8")
    path.write_text(mutation.applied(text), "utf-8")
    for compiled in (path.parent / "__pycache__").glob(f"{path.stem}.*.pyc"):
        compiled.unlink()
    files = sorted({name.partition("::")[0] for name in cost_s})

    def work() -> str:
        if not cost_s:
            return ""
        resource.setrlimit(resource.RLIMIT_CPU, (CPU_S, CPU_S + 5))
        plugin = _Order(cost_s)
        code = _pytest(copy, files, plugin)
        return plugin.failed or ("" if code == 0 else f"pytest ended with {code}")

    log = place / f"slot-{slot}.log"
    child, answer = _fork(work, log)
    return _Running(number, child, slot, copy, answer, len(cost_s), (path, text), time.monotonic())


def _stop_the_endless(running: dict[int, _Running]) -> None:
    for child, one in running.items():
        if time.monotonic() - one.begun > WALL_S:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child, signal.SIGKILL)


def _read(path: Path) -> dict[str, Judged]:
    found: dict[str, Judged] = {}
    if path.exists():
        for line in path.read_text("utf-8").splitlines():
            with contextlib.suppress(ValueError):  # cut off in the middle of a word
                entry = json.loads(line)
                key = entry.pop("key")
                entry["true_for"] = tuple(entry["true_for"])
                found[key] = Judged(**entry)
    return found


def _key(mutation: Mutation) -> str:
    return digest_of(map(str, (mutation.file, mutation.begin, mutation.end, mutation.text)))


def _line(mutation: Mutation, found: Judged) -> str:
    place = f"{mutation.file.removeprefix('simrt/')}:{mutation.first} {mutation.kind}"
    verdict = "killed  " if found.killed else "SURVIVED"
    line = f"{verdict} {found.cpu_s:5.1f}s {found.tests:4} tests  {place}"
    said = found.by if found.killed else f"\n     - {mutation.old}\n     + {mutation.new}"
    return f"{line}  {said[:150] if found.killed else said}"
