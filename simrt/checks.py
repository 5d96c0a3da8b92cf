"""The main job: run scenarios on their targets, judge them, write the report."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from os import cpu_count
from pathlib import Path

from simrt.checkers.expectations import judge_expectations
from simrt.checkers.reached import reached_states
from simrt.checkers.verdict import Status, Verdict, worst
from simrt.checklist import items, judge_settings, judge_site, judge_stale
from simrt.clock import stamp, stopwatch
from simrt.errors import UsageError
from simrt.history import Header, read_history
from simrt.metrics import Metrics, estimates
from simrt.results import Check, Run
from simrt.runs import TARGETS, judge, record
from simrt.scenario.model import Scenario
from simrt.summary import fit_of, sentence_of

DEFAULT_RUNS = 20

# told: what is being done, and the share of it that is done, 0 to 1
Progress = Callable[[str, float], None]


@dataclass(frozen=True, slots=True)
class _Job:
    """One run to make in a process of its own."""

    scenario: Scenario
    target: str
    seed: int
    history: Path | None
    keep: bool
    speed: float | None


@dataclass(frozen=True, slots=True)
class _Done:
    """What comes back from it: never the rows."""

    target: str
    seed: int
    header: Header
    history: Path | None
    verdicts: tuple[Verdict, ...]
    metrics: Metrics
    states: Mapping[str, int]
    took_s: float


def check(
    scenario: Scenario,
    *,
    on: Sequence[str] = TARGETS,
    seed: int = 1,
    runs: int = DEFAULT_RUNS,
    speed: float | None = None,
    reports: Path | str = "reports",
    progress: Progress | None = None,
) -> Check:
    """Judge a scenario: `sim` with `runs` seeds from `seed` on, `server` once.

    Arguments:
        scenario: what to judge.
        on: the targets, of `sim` and `server`.
        seed: the first seed.
        runs: how many seeds `sim` runs.
        speed: for `server`; None: fast enough to end within half a minute.
        reports: the folder that gets `SCENARIO/TIME-SEED/` with the report and all its files.
        progress: told what is being done, and how far.

    Returns:
        The check, its report written.

    Raises:
        UsageError: an unknown target, or fewer than one run.
        TargetError: a target could not be started, or died. Histories recorded so far are kept.
    """
    unknown = [target for target in on if target not in TARGETS]
    if unknown or not on:
        raise UsageError(f"no target {', '.join(unknown)}; there are {', '.join(TARGETS)}")
    if runs < 1:
        raise UsageError(f"runs must be 1 or more; found {runs}")
    folder = Path(reports) / scenario.name / f"{stamp()}-{seed}"
    (folder / "runs").mkdir(parents=True)
    jobs = _jobs(scenario, on, seed, runs, speed, folder)
    done = _run_all(jobs, progress or (lambda _what, _share: None))
    return _conclude(scenario, on, seed, runs, done, judge_site(scenario), folder)


def _jobs(
    scenario: Scenario,
    on: Sequence[str],
    seed: int,
    runs: int,
    speed: float | None,
    folder: Path,
) -> list[_Job]:
    jobs = []
    for target in TARGETS:
        if target not in on:
            continue
        for number in range(runs if target == "sim" else 1):
            path = folder / "runs" / f"{target}-{seed + number}.jsonl.gz"
            jobs.append(_Job(scenario, target, seed + number, path, number == 0, speed))
    return jobs


def _run_all(jobs: Sequence[_Job], tell: Progress) -> list[_Done]:
    """Simulations side by side; then the server alone, so that its timing is not disturbed."""
    done: list[_Done] = []
    simulated = [job for job in jobs if job.target == "sim"]
    if len(simulated) == 1:
        done.append(_run_one(simulated[0], partial(tell, "sim")))
    elif simulated:
        with _pool(min(len(simulated), cpu_count() or 1)) as pool:
            futures = [pool.submit(_run_one, job) for job in simulated]
            for number, _ in enumerate(as_completed(futures), 1):
                tell("sim", number / len(futures))
            done.extend(future.result() for future in futures)
    real = [job for job in jobs if job.target != "sim"]
    done.extend(_run_one(job, partial(tell, job.target)) for job in real)
    return done


@contextmanager
def _pool(workers: int) -> Iterator[ProcessPoolExecutor]:
    """A pool whose workers leave Ctrl-C to us, and are gone when we are."""
    pool = ProcessPoolExecutor(
        workers, multiprocessing.get_context("spawn"), initializer=_ignore_interrupts
    )
    try:
        yield pool
    except BaseException:
        pool.shutdown(wait=True, cancel_futures=True)
        raise
    pool.shutdown()


def _ignore_interrupts() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _run_one(job: _Job, progress: Callable[[float], None] | None = None) -> _Done:
    watch = stopwatch()
    path = job.history
    stored = path if job.target == "server" else None  # a real run is kept while it happens
    history = record(
        job.scenario, job.target, job.seed, history=stored, speed=job.speed, progress=progress
    ).load()
    judged = judge(history)
    states = reached_states(history)
    failed = judged.status not in (Status.PASS, Status.NOT_APPLICABLE)
    kept = path if job.keep or failed else None
    if kept is not None and stored is None:
        history.save(kept)
    return _Done(
        job.target,
        job.seed,
        history.header,
        kept,
        judged.verdicts,
        judged.metrics,
        states,
        watch(),
    )


def _conclude(
    scenario: Scenario,
    on: Sequence[str],
    seed: int,
    runs: int,
    done: Sequence[_Done],
    site: Verdict,
    folder: Path,
) -> Check:
    from simrt.report import write_report

    verdicts = [verdict for one in done for verdict in one.verdicts]
    figures = []
    for target in dict.fromkeys(one.target for one in done):
        of_target = [one for one in done if one.target == target]
        measured = [one.metrics for one in of_target]
        resolution_ns = max(one.header.resolution_ns for one in of_target)
        expected = judge_expectations(
            scenario, target, measured, [one.states for one in of_target], resolution_ns
        )
        verdicts.extend(expected)
        verdicts.extend(judge_stale(scenario, one.metrics, target, one.seed) for one in of_target)
        figures.extend(estimates(measured, target))
    verdicts.extend((judge_settings(scenario), site))
    checklist = items(verdicts, on)
    status = _status(scenario, verdicts)
    fit, reason = fit_of(scenario)
    result = Check(
        scenario=scenario,
        runs=tuple(
            Run(
                scenario, one.target, one.seed, read_history(one.history), one.verdicts, one.metrics
            )
            for one in done
            if one.history is not None
        ),
        items=checklist,
        estimates=tuple(figures),
        status=status,
        sentence=sentence_of(scenario, status, checklist, fit, reason, figures),
        fit=fit,
        fit_reason=reason,
        seeds={
            target: tuple(one.seed for one in done if one.target == target)
            for target in dict.fromkeys(one.target for one in done)
        },
        folder=folder,
        command=_command(scenario, on, seed, runs),
        took_s={
            target: sum(one.took_s for one in done if one.target == target)
            for target in dict.fromkeys(one.target for one in done)
        },
    )
    write_report(result, folder)
    return result


def _status(scenario: Scenario, verdicts: Sequence[Verdict]) -> Status:
    """The worst verdict; for a declared counterexample: whether exactly the declared ones fail."""
    if scenario.outcome is None:
        return worst(verdict.status for verdict in verdicts)
    failed = {verdict.check for verdict in verdicts if verdict.status is Status.FAIL}
    if failed != set(scenario.outcome.fail):
        return Status.FAIL
    rest = [verdict.status for verdict in verdicts if verdict.status is not Status.FAIL]
    return worst(rest) if worst(rest) is Status.INCONCLUSIVE else Status.PASS


def _command(scenario: Scenario, on: Sequence[str], seed: int, runs: int) -> str:
    targets = "" if tuple(on) == TARGETS else "".join(f" --on {target}" for target in on)
    many = "" if runs == DEFAULT_RUNS else f" --runs {runs}"
    return f"simrt check {scenario.file or scenario.name}{targets} --seed {seed}{many}"
