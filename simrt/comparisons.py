"""Two targets on one scenario, or two stored histories: run what must be run, then compare."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from os import PathLike
from pathlib import Path
from tempfile import TemporaryDirectory

from simrt.agreement import (
    Comparison,
    Grain,
    RowByRow,
    Windows,
    banded_figures,
    ends,
    equal_figures,
    grain,
    late_ns,
    names_of,
    require_a_pair,
    row_by_row,
    shapes,
)
from simrt.errors import UsageError
from simrt.history import Header, History, read_history
from simrt.metrics import Metrics, measure
from simrt.results import TARGETS
from simrt.runs import record, simulated_metrics
from simrt.scenario import opened
from simrt.scenario.arguments import (
    callback_of,
    one_of,
    path_of,
    runs_of,
    seed_of,
    speed_of,
)
from simrt.scenario.model import Scenario
from simrt.workers import simulate_all

DEFAULT_SEEDS = 5
"""Seeds that run on both targets, where both have exact times."""

DEFAULT_BAND = 20
"""Seeds that are simulated for the interval, where the other target runs freely."""

FREE = ("server",)
"""Targets that keep the machine's time."""

# told: what is being done, and the share of it that is done, 0 to 1
Progress = Callable[[str, float], None]


def compare(
    what: Scenario | History | Path | str,
    other: History | Path | str | None = None,
    *,
    on: str = "app",
    seed: int = 1,
    runs: int | None = None,
    speed: float | None = None,
    keep: Path | str | None = None,
    progress: Progress | None = None,
) -> Comparison:
    """Hold the simulator against another target, or one history against another one.

    Arguments:
        what: a scenario or the path of its file, which then runs; or a history, or the file of one.
        other: the history to hold it against; only where `what` is one.
        on: the target to hold the simulator against.
        seed: the first seed.
        runs: how many seeds: on both targets, where both have exact times (default 5); on the
            simulator alone, for the interval, where the other one runs freely (default 20).
        speed: for a server that runs freely: scenario seconds per real second.
        keep: a folder for the histories, `TARGET-SEED.jsonl`; None: they are not kept.
        progress: told what is being done, and how far.

    Returns:
        Whether they agree, where they differ first, and the figures of both.

    Raises:
        UsageError: no such target, histories of different scenarios or seeds.
        TargetError: a target could not be started, or died.
    """
    callback_of("progress", progress, "what is being done", "the share of it that is done")
    if isinstance(what, Scenario) or _names_a_scenario(what):
        if other is not None:
            raise UsageError("other: a scenario runs on two targets; write two histories instead")
        return _compare_targets(opened(what), on, seed, runs, speed, keep, progress or _nobody)
    ours = _opened("what", what)
    if other is None:
        raise UsageError("other: one history has nothing to be compared with; write a second one")
    return _compare_histories(ours, _opened("other", other))


def _names_a_scenario(what: object) -> bool:
    return isinstance(what, str | PathLike) and Path(what).suffix in (".yml", ".yaml")


def _nobody(_what: str, _share: float) -> None:
    """No one is told."""


def _opened(name: str, history: object) -> History:
    if isinstance(history, History):
        return history
    what = "scenario, a history" if name == "what" else "history"
    return read_history(path_of(name, history, f"a {what}, or the path of its file"))


# --- stored histories ---------------------------------------------------------------------------


def _compare_histories(left: History, right: History) -> Comparison:
    require_a_pair(left, right)
    fine = grain(left, right)
    free = fine is Grain.FIGURES
    ours, theirs = measure(left), measure(right)
    late = max(late_ns(left.header), late_ns(right.header))
    paths = [one.path or Path("HISTORY") for one in (left, right)]
    return Comparison(
        scenario=left.scenario,
        targets=names_of(left, right),
        seeds=(left.header.seed,),
        grain=fine,
        rows=() if free else (row_by_row(left, right),),
        distances=banded_figures([[ours]], theirs, late)
        if free
        else equal_figures([ours], [theirs]),
        shapes=shapes([[ours]], theirs) if free else (),
        header=right.header,
        command=command_of(paths, "", 0, None, None),
    )


# --- targets ------------------------------------------------------------------------------------


def _compare_targets(
    scenario: Scenario,
    on: str,
    seed: int,
    runs: int | None,
    speed: float | None,
    keep: Path | str | None,
    tell: Progress,
) -> Comparison:
    one_of("on", on, [target for target in TARGETS if target != "sim"])
    seed = seed_of(seed)
    runs = runs_of(runs)
    speed = speed_of(speed)
    free = on in FREE
    many = runs or (DEFAULT_BAND if free else DEFAULT_SEEDS)
    seeds = tuple(range(seed, seed + many))
    place = Path(scenario.file or scenario.name)
    command = command_of([place], on, seed, runs, speed)
    with TemporaryDirectory(prefix="simrt-") as scratch:
        folder = Path(scratch) if keep is None else path_of("keep", keep)
        if not folder.is_dir():
            raise UsageError(f"{folder}: no such folder for the histories; write one that exists")
        if free:
            return _against_a_band(
                scenario,
                on,
                seeds,
                speed,
                folder,
                tell,
                partial(command_of, [place], on, seed, runs),
            )
        jobs = [_Pair(scenario, on, seed, folder) for seed in seeds]
        return _seed_by_seed(jobs, tell, command)


def command_of(
    what: Sequence[Path],
    on: str,
    seed: int,
    runs: int | None,
    speed: float | None,
) -> str:
    """The command that repeats a comparison of a scenario, or of two stored histories."""
    parts = ["simrt", "compare", *map(str, what)]
    if len(what) > 1:
        return shlex.join(parts)
    parts += ["--on", on, "--seed", str(seed)]
    parts += [] if runs is None else ["--runs", str(runs)]
    parts += [] if speed is None else ["--speed", f"{speed:g}"]
    return shlex.join(parts)


def _file(folder: Path, target: str, seed: int) -> Path:
    return folder / f"{target}-{seed}.jsonl"


@dataclass(frozen=True, slots=True)
class _Pair:
    """One seed to run on both targets, in a process of its own."""

    scenario: Scenario
    on: str
    seed: int
    folder: Path


@dataclass(frozen=True, slots=True)
class _Paired:
    """What comes back from it."""

    found: RowByRow
    metrics: tuple[Metrics, Metrics]
    header: Header


def _run_pair(job: _Pair, _: Callable[[float], None]) -> _Paired:
    left, right = (
        record(job.scenario, target, job.seed, history=path)
        for target in ("sim", job.on)
        for path in [_file(job.folder, target, job.seed)]
    )
    found = row_by_row(left, right)
    return _Paired(found, (measure(left), measure(right)), right.header)


def _seed_by_seed(jobs: Sequence[_Pair], tell: Progress, command: str) -> Comparison:
    scenario, on, seeds = jobs[0].scenario, jobs[0].on, [job.seed for job in jobs]
    done: dict[int, _Paired] = {}
    for job, result in simulate_all(_run_pair, jobs):
        if isinstance(result, Exception):
            raise result
        done[job.seed] = result
        tell(f"sim and {on}", len(done) / len(jobs))
    pairs = [done[seed] for seed in seeds]
    return Comparison(
        scenario=scenario,
        targets=("sim", on),
        seeds=tuple(seeds),
        grain=pairs[0].found.grain,
        rows=tuple(pair.found for pair in pairs),
        distances=equal_figures(
            [pair.metrics[0] for pair in pairs], [pair.metrics[1] for pair in pairs]
        ),
        shapes=(),
        header=pairs[0].header,
        command=command,
    )


@dataclass(frozen=True, slots=True)
class _Simulated:
    """One seed to simulate with the windows of a real run, at one end of their band."""

    scenario: Scenario
    seed: int
    end: int
    windows: Windows


def _measure_one(job: _Simulated, _: Callable[[float], None]) -> Metrics:
    return simulated_metrics(job.scenario, job.seed, job.windows)


def _against_a_band(
    scenario: Scenario,
    on: str,
    seeds: Sequence[int],
    speed: float | None,
    folder: Path,
    tell: Progress,
    command: Callable[[float | None], str],
) -> Comparison:
    slower = [""]
    real = record(
        scenario,
        on,
        seeds[0],
        history=_file(folder, on, seeds[0]),
        speed=speed,
        progress=lambda share: tell(f"on {on}{slower[-1]}", share),
        again=lambda words: slower.append(f": {words}"),
    )
    if slower[-1]:
        speed = real.header.speed
    header = real.header
    simulated = simulate_band(scenario, header, seeds, tell)
    there = measure(real)
    return Comparison(
        scenario=scenario,
        targets=("sim", on),
        seeds=tuple(seeds),
        grain=Grain.FIGURES,
        rows=(),
        distances=banded_figures(simulated, there, late_ns(header)),
        shapes=shapes(simulated, there),
        header=header,
        command=command(speed),
    )


def simulate_band(
    scenario: Scenario, header: Header, seeds: Sequence[int], tell: Progress = _nobody
) -> list[list[Metrics]]:
    """Simulate seeds with what the kernel did for a real run, at each end of what is known.

    Arguments:
        scenario: what runs.
        header: of the real run; what was calibrated counts.
        seeds: which.
        tell: told what is being done, and how far.

    Returns:
        For each end of the band the figures of each seed, in order.
    """
    known = ends(header)
    jobs = [
        _Simulated(scenario, seed, end, windows)
        for end, windows in enumerate(known)
        for seed in seeds
    ]
    done: dict[tuple[int, int], Metrics] = {}
    for job, result in simulate_all(_measure_one, jobs):
        if isinstance(result, Exception):
            raise result
        done[job.end, job.seed] = result
        tell("simulating", len(done) / len(jobs))
    return [[done[end, seed] for seed in seeds] for end in range(len(known))]
