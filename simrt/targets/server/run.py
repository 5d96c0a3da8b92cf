"""The target's interface: one scenario, one seed, one history."""

from __future__ import annotations

import asyncio
import contextlib
import math
import resource
import shutil
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType

from simrt.clock import stopwatch
from simrt.errors import TargetError, UsageError
from simrt.history import parts_of
from simrt.scenario.arrivals import arrivals
from simrt.scenario.model import Scenario
from simrt.scenario.randomness import Randomness
from simrt.targets.harness.credentials import refuse_denials
from simrt.targets.header import header_of
from simrt.targets.server.conduct import Conductor, silent_members
from simrt.targets.server.merge import merge
from simrt.targets.server.namespace import own_network
from simrt.targets.server.pace import Pace, TooFastError, find_pace
from simrt.targets.server.process import COMMAND

NS_PER_S = 1_000_000_000
# A run takes about so long, in real seconds, unless a speed is asked for.
_AIM_S = 20.0
_MOST_SPEED = 60.0
# How much of the quiet phase a run usually needs.
_USUAL_QUIET_NS = 10 * NS_PER_S
# Deliveries that server and clients together carry on two cores while timers stay on time.
_MOST_PER_S = 4000
# A run may take so long after it was made slower, where nobody sets a limit.
_SLOWED_S = 900.0
# Before scenario time begins, and for the end.
_START_S = 10.0
# Descriptors beside the clients' sockets: pipes, callers, libraries.
_OTHER_FILES = 100
# More clients than this have not enough ports of one address to dial from.
_MOST_CLIENTS = 20_000


def default_speed(scenario: Scenario) -> float:
    """The first speed, at which a run ends within some 20 s: a whole number, from 1 to 60.

    A load that two cores could not carry at that speed is run slower, and takes longer.
    """
    total_ns = scenario.workload.duration_ns + min(scenario.server.quiet_ns, _USUAL_QUIET_NS)
    wanted = math.ceil(total_ns / NS_PER_S / _AIM_S)
    members = sum(group.count for group in scenario.workload.subscribers.values())
    # How many there are hardly depends on the seed.
    sends = sum(arrival.count for arrival in arrivals(scenario, Randomness(1)))
    per_s = sends * members * NS_PER_S / scenario.workload.duration_ns
    carried = math.floor(_MOST_PER_S / per_s) if per_s else _MOST_SPEED
    return float(max(1, min(wanted, carried, _MOST_SPEED)))


def expected_s(scenario: Scenario, speed: float | None = None) -> float:
    """Real seconds that a run takes, as far as its speed decides.

    Arguments:
        scenario: what would run.
        speed: scenario seconds per real second; None: `default_speed`.
    """
    total_ns = scenario.workload.duration_ns + min(scenario.server.quiet_ns, _USUAL_QUIET_NS)
    return total_ns / NS_PER_S / (speed or default_speed(scenario))


def run(
    scenario: Scenario,
    seed: int,
    *,
    history: Path,
    speed: float | None = None,
    most_s: float | None = None,
    progress: Callable[[float], None] | None = None,
    again: Callable[[str], None] | None = None,
    command: tuple[str, ...] = COMMAND,
) -> None:
    """Run a scenario on a real server process with real clients, and write its history.

    While it runs, its parts are kept in the folder `HISTORY.parts`; they are merged at the end,
    also when the run is cut short, and then removed. A history that was cut short lacks the last
    `end` row.

    Arguments:
        scenario: what runs; its neighbour runs beside it.
        seed: of arrivals, drains, periods and jitter.
        history: the file to write; `.gz` compresses.
        speed: scenario seconds per real second, above 0; None: `default_speed`, and where the
            machine does not keep up, again at a lower one, to real time at the lowest.
        most_s: real seconds within which a lower speed must end; None: a quarter of an hour, and
            twice what the default speed takes where that is more.
        progress: told the share of the workload that is done, 0 to 1, now and then.
        again: told in words that the run begins again at a lower speed.
        command: what a server process is; it is told what to do over its stdin.

    Raises:
        UsageError: the speed is none, the scenario asks for what this target cannot do, or the
            folder of the parts is there already.
        TargetError: the server did not start or died, or the machine allows too few open files;
            what was recorded is kept.
        OverloadError: the machine is too slow, also for the lowest speed; the record of that is
            kept.
        KeyboardInterrupt: SIGINT or SIGTERM came; what was recorded is kept.
    """
    if speed is not None and not (math.isfinite(speed) and speed > 0):
        raise UsageError(f"speed {speed!r}: write a number above 0, such as 1 or 30")
    refuse_denials(scenario)
    _allow_files(scenario)
    folder = parts_of(history)
    if folder.exists():
        raise UsageError(
            f"{folder}: what a run left that was killed, or could not write its history: the rows"
            " of its server and of its clients. Move or remove it, or name another history"
        )
    pace = _pace_of(scenario, speed, most_s)

    def attempt(speed: float) -> None:
        _run_at(scenario, seed, history, speed, pace, progress, command)

    find_pace(attempt, pace, again)


def _pace_of(scenario: Scenario, speed: float | None, most_s: float | None) -> Pace:
    first = default_speed(scenario) if speed is None else speed
    least_s = max(_SLOWED_S, 2 * expected_s(scenario, first))
    since = stopwatch()
    return Pace(
        total_s=expected_s(scenario, 1),
        first=first,
        chosen=speed is not None,
        left_s=lambda: least_s if most_s is None else most_s - since() - _START_S,
    )


def _run_at(
    scenario: Scenario,
    seed: int,
    history: Path,
    speed: float,
    pace: Pace,
    progress: Callable[[float], None] | None,
    command: tuple[str, ...],
) -> None:
    """Run once, at one speed.

    Raises:
        TooFastError: it was too fast; where a lower speed follows, nothing is kept.
    """
    folder = parts_of(history)
    folder.mkdir(parents=True)
    conductor = None
    worth_keeping = True
    try:
        with (
            _termination_as_interrupt(),
            own_network(silent_members(scenario)) as namespace,
            asyncio.Runner() as runner,
        ):
            conductor = Conductor(scenario, seed, speed, folder, progress, command, namespace)
            runner.run(conductor.run())
    except TooFastError as error:
        worth_keeping = pace.slower(speed, error.load) is None
        raise
    finally:
        if conductor is not None:
            conductor.bury()
            if conductor.begun and worth_keeping:
                _write(conductor, seed, history)
        # Only now: where the history could not be written, its parts are what is left of it.
        shutil.rmtree(folder, ignore_errors=True)


def _write(conductor: Conductor, seed: int, history: Path) -> None:
    header = header_of(
        conductor.scenario,
        "server",
        seed,
        speed=conductor.speed,
        resolution_ns=conductor.resolution_ns,
        window=conductor.window,
    )
    merge(
        conductor.parts,
        header,
        history,
        conductor.plays,
        speed=conductor.speed,
        complete_ns=conductor.complete_ns,
    )


def _allow_files(scenario: Scenario) -> None:
    """Make sure that each client can have its socket, here and in the server.

    Raises:
        TargetError: with what to change.
    """
    clients = sum(group.count for group in scenario.workload.subscribers.values())
    if clients > _MOST_CLIENTS:
        raise TargetError(
            f"{clients} subscribers need more local ports than this machine has; the target server"
            f" takes at most {_MOST_CLIENTS}: run the scenario on sim, or write smaller groups"
        )
    needed = clients + _OTHER_FILES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if needed <= soft or soft == resource.RLIM_INFINITY:
        return
    if needed <= hard or hard == resource.RLIM_INFINITY:
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))
        return
    raise TargetError(
        f"{clients} subscribers need {needed} open files and this process may have {hard}:"
        f" raise the limit (ulimit -n {needed}), run the scenario on sim, or write smaller groups"
    )


@contextlib.contextmanager
def _termination_as_interrupt() -> Iterator[None]:
    """SIGTERM ends a run like Ctrl-C: orderly, with its history."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(_: int, frame: FrameType | None) -> None:
        handler = signal.getsignal(signal.SIGINT)
        if callable(handler):
            handler(signal.SIGINT, frame)
        else:
            raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
