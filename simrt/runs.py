"""One run: a scenario on a target gives a history; a history gives verdicts and metrics."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

from simrt.checkers import judge as judge_history
from simrt.checkers import reached_states
from simrt.checkers.observed import observe_expectations
from simrt.checklist import judge_stale
from simrt.collector import resting
from simrt.errors import UsageError
from simrt.history import History, HistoryWriter, Row, read_history
from simrt.loops import beside_any_loop
from simrt.metrics import Meter, Metrics, measure
from simrt.network import KernelWindow
from simrt.results import TARGETS, Run
from simrt.scenario import opened
from simrt.scenario.arguments import callback_of, one_of, path_of, seed_of, speed_of
from simrt.scenario.expect import parse_expectation
from simrt.scenario.model import Scenario

# What a check runs if nobody says otherwise.
USUAL_TARGETS = ("sim", "server")
# Those that keep a core busy and need no real time.
VIRTUAL = ("sim", "app")

Progress = Callable[[float], None]
Again = Callable[[str], None]


def run(
    scenario: Scenario | Path | str,
    on: str = "sim",
    seed: int = 1,
    *,
    history: Path | str | None = None,
    speed: float | None = None,
    progress: Progress | None = None,
) -> Run:
    """Run a scenario once, judge it and measure it.

    Arguments:
        scenario: what runs, or the path of its file.
        on: the target: `sim`, `app` or `server`.
        seed: every random quantity follows from it.
        history: the file that the history is written to (`.gz` compresses); None keeps it in
            memory. What was recorded stays there when the run is interrupted.
        speed: for `server`: scenario seconds per real second; None: fast enough to end within
            half a minute, or as fast as the machine carries it.
        progress: told the share that is done, 0 to 1, now and then.

    Returns:
        The run: `.history`, `.verdicts`, `.expected`, `.metrics`, `.status`.

    Raises:
        UsageError: an argument that is none of these, or a folder that does not exist.
        ScenarioError: with all mistakes of the file.
        TargetError: the target could not be started, or died; an `OverloadError`, with what the
            machine carries, where it is too slow for the scenario.
    """
    return judge(
        record(
            opened(scenario),
            on,
            seed,
            history=history,
            speed=speed,
            progress=progress,
        )
    )


def record(
    scenario: Scenario,
    on: str,
    seed: int,
    *,
    history: Path | str | None = None,
    speed: float | None = None,
    most_s: float | None = None,
    progress: Progress | None = None,
    again: Again | None = None,
) -> History:
    """Run a scenario once and only keep its history; arguments as for `run`.

    Two more are for `server` alone: `most_s`, the real seconds within which a run that was made
    slower must end, and `again`, told in words that it begins again at a lower speed.
    """
    one_of("on", on, TARGETS)
    seed = seed_of(seed)
    speed = speed_of(speed)
    callback_of("progress", progress, "the share that is done")
    path = None if history is None else path_of("history", history)
    if path is not None and not path.parent.is_dir():
        raise UsageError(f"{path}: no folder {path.parent} for the history; write one that exists")
    if path is not None and path.is_dir():
        raise UsageError(f"{path}: a folder; write the name of a file for the history")
    if path is not None and path.exists() and not path.is_file():
        # It is read again for the verdicts; and a pipe that nobody reads never opens.
        raise UsageError(f"{path}: a pipe or a device; write the name of a file for the history")
    if on == "sim":
        return _in_virtual_time(on, scenario, seed, path, progress)
    if on == "app":
        return beside_any_loop(
            lambda tell: _in_virtual_time(on, scenario, seed, path, tell), progress
        )
    served = partial(
        _serve, path, scenario=scenario, seed=seed, speed=speed, most_s=most_s, again=again
    )
    return beside_any_loop(lambda tell: served(progress=tell), progress)


def simulated_metrics(
    scenario: Scenario, seed: int, windows: Mapping[str, KernelWindow] | None = None
) -> Metrics:
    """Simulate a scenario and keep only its figures, not the rows.

    Arguments:
        scenario: what runs.
        seed: every random quantity follows from it.
        windows: simulate the network of a real server on one machine: by group, its window.
    """
    from simrt.targets import sim

    meter = Meter(scenario)
    sim.run(scenario, seed, write=meter.feed, windows=windows)
    return meter.finish()


def judge(history: History | Path | str) -> Run:
    """Judge and measure a history by every checker, without running anything.

    Each line of `expect` is held against this one run too (`Run.expected`).

    Arguments:
        history: a history, or the file of one.

    Raises:
        UsageError: an argument that is neither.
        HistoryError: where the file cannot be read.
    """
    if isinstance(history, Run):
        raise UsageError("history: found a Run; write its record: judge(run.history)")
    return judge_counted(history if isinstance(history, History) else read_history(history))


def judge_counted(history: History, states: Mapping[str, int] | None = None) -> Run:
    """The same.

    Arguments:
        history: what was recorded.
        states: how often each state was reached, where the caller has counted it.
    """
    header, scenario = history.header, history.scenario
    with resting():
        measured = measure(history)
        verdicts = (*judge_history(history), judge_stale(scenario, measured))
        states = _states(history) if states is None else states
    told = tuple(v.at(header.target, header.seed) for v in verdicts)
    expected = observe_expectations(
        scenario, header.target, header.seed, measured, states, header.resolution_ns
    )
    return Run(scenario, header.target, header.seed, history, told, measured, expected)


def _states(history: History) -> dict[str, int]:
    """How often each state was reached, where a line of `expect` asks for one."""
    asked = any(parse_expectation(line).states for line in history.scenario.expect)
    return reached_states(history) if asked else {}


def _in_virtual_time(
    on: str, scenario: Scenario, seed: int, path: Path | None, progress: Progress | None
) -> History:
    target = import_module(f"simrt.targets.{on}")
    header = target.header(scenario, seed)
    if path is None:
        rows: list[Row] = []
        target.run(scenario, seed, write=rows.append, progress=progress)
        return History(header, rows)
    with HistoryWriter(path, header) as writer:
        target.run(scenario, seed, write=writer.write, progress=progress)
    return read_history(path)


def _serve(path: Path | None, **options: Any) -> History:
    from tempfile import TemporaryDirectory

    from simrt.targets import server

    if path is not None:
        server.run(history=path, **options)
        return read_history(path)
    with TemporaryDirectory(prefix="simrt-") as folder:
        kept = Path(folder) / "history.jsonl"
        server.run(history=kept, **options)
        return read_history(kept).load()
