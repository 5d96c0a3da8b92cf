"""The main job: run scenarios on their targets, judge them, write the report."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from simrt.antipatterns import judge_antipatterns
from simrt.checkers.expectations import Runs, judge_expectations
from simrt.checkers.reached import reached_states
from simrt.checkers.verdict import Status, Verdict, worst
from simrt.checklist import items, judge_settings, judge_site
from simrt.clock import monotonic_s, stamp, stopwatch
from simrt.errors import EXIT_ERROR, TargetError, UsageError
from simrt.fit import fit_of
from simrt.history import Header, read_history
from simrt.limit import OutOfTimeError, TimeLimit
from simrt.metrics import Estimate, Metrics, estimates
from simrt.probe import probe_of
from simrt.quick import quick_of
from simrt.results import CUT_SHORT, ITEMS, NOT_RUN, TARGETS, Check, Run
from simrt.runs import USUAL_TARGETS, VIRTUAL, judge_counted, record
from simrt.scenario import opened
from simrt.scenario.arguments import (
    callback_of,
    flag,
    path_of,
    runs_of,
    seed_of,
    some_of,
    speed_of,
    wrong,
)
from simrt.scenario.expect import RUNS, parse_expectation
from simrt.scenario.model import Scenario
from simrt.summary import sentence_of
from simrt.text import capital, listing, many
from simrt.workers import play_all, simulate_all

MOST_RUNS = 300
"""So many runs are made at most where nobody says how many."""

# Of the work of one run: it is judged about as long as it is recorded.
_RECORDED = 0.5
# Where a history is written until it is whole.
_PART = "part-"
# What a probe run is made for.
_PROBED = ("reconnect", "restart")

# told: what is being done, and the share of it that is done, 0 to 1
Progress = Callable[[str, float], None]


@dataclass(frozen=True, slots=True)
class _Told:
    """How far a run is; `again`: why it began anew, if it did."""

    share: float
    again: str = ""


@dataclass(frozen=True, slots=True)
class _Job:
    """One run to make in a process of its own.

    `plan` is the scenario's place among those that are checked; `ends_s`: when a time limit ends
    the check, on the machine's clock.
    """

    plan: int
    scenario: Scenario
    target: str
    seed: int
    history: Path
    keep: bool
    probe: bool
    speed: float | None
    ends_s: float | None


@dataclass(frozen=True, slots=True)
class _Done:
    """What comes back from it: never the rows.

    `surplus`: its history is of use only where the time limit ends the check; `slowed`: the speed
    that worked, where the first was too fast.
    """

    plan: int
    probe: bool
    target: str
    seed: int
    header: Header
    history: Path | None
    verdicts: tuple[Verdict, ...]
    expected: tuple[Verdict, ...]
    metrics: Metrics
    states: Mapping[str, int]
    took_s: float
    surplus: bool
    slowed: float | None


@dataclass(slots=True)
class _Plan:
    """One scenario on its way to a check."""

    scenario: Scenario
    folder: Path
    jobs: list[_Job]
    done: list[_Done] = field(default_factory=list)
    ended: int = 0
    errors: dict[str, TargetError] = field(default_factory=dict)  # by target
    failed: Exception | None = None
    left_out: str = ""


def check(
    scenario: Scenario | Path | str,
    *,
    on: Sequence[str] | str = USUAL_TARGETS,
    seed: int = 1,
    runs: int | None = None,
    speed: float | None = None,
    reports: Path | str | None = "reports",
    quick: bool = False,
    progress: Progress | None = None,
) -> Check:
    """Judge a scenario: `sim` with many seeds from `seed` on, `app` and `server` once.

    Arguments:
        scenario: what to judge, or the path of its file.
        on: the targets, of `sim`, `app` and `server`; or one of them.
        seed: the first seed.
        runs: how many seeds `sim` runs; without `sim`, each target. None: as `runs_for` says, and
            one where `sim` is left out.
        speed: for `server`; None: fast enough to end within half a minute, or as fast as the
            machine carries it.
        reports: the folder that gets `SCENARIO/TIME-SEED/` with the report and all its files. None:
            no file stays, and the runs that a report would show keep their histories in memory.
        quick: a first answer: fewer members and runs, only in virtual time; the check's `left_out`
            says what the whole check has beyond it. The rules of judgement are the same.
        progress: told what is being done, and how far.

    Returns:
        The check, its report written.

    Raises:
        UsageError: an argument that is none of these.
        ScenarioError: with all mistakes of the file.
        TargetError: no target gave a run; an `OverloadError` where the machine was too slow.
            Histories recorded so far are kept. Where only some gave none, what the others say is
            judged, and the first item says why.
    """
    if reports is None:
        with TemporaryDirectory(prefix="simrt-") as scratch:
            found = check(
                scenario, on=on, seed=seed, runs=runs, speed=speed, reports=scratch,
                quick=quick, progress=progress,
            )  # fmt: skip
            kept = tuple(replace(run, history=run.history.load()) for run in found.runs)
            return replace(found, runs=kept, folder=None)
    checks = check_all(
        [opened(scenario)],
        on=on,
        seed=seed,
        runs=runs,
        speed=speed,
        reports=reports,
        quick=quick,
        progress=progress,
    )
    one = next(checks)
    checks.close()
    if isinstance(one, Exception):
        raise one
    return one


def check_all(
    scenarios: Sequence[Scenario],
    *,
    on: Sequence[str] | str = USUAL_TARGETS,
    seed: int = 1,
    runs: int | None = None,
    speed: float | None = None,
    reports: Path | str = "reports",
    quick: bool = False,
    progress: Progress | None = None,
    limit: TimeLimit | None = None,
) -> Generator[Check | Exception, None, None]:
    """Judge scenarios, as `check` does; one's trouble with its target does not end the others.

    What runs in virtual time comes first, on every core; then the real runs, a few at a time.

    `limit` says how long all of it may take. When the time is over, or Ctrl-C comes, nothing more
    runs: each scenario is judged by the runs that had ended, says so, and is inconclusive at best.
    Without a limit Ctrl-C ends the check.

    Yields:
        For each scenario, in order, its check, or the error that kept it from one.
    """
    given = on = some_of("on", on, TARGETS)
    if flag("quick", quick):
        on = tuple(target for target in on if target in VIRTUAL)
        if not on:
            raise wrong("on", given, "sim or app, or nothing: a quick check has no real server")
    seed = seed_of(seed)
    runs = runs_of(runs)
    speed = speed_of(speed)
    reports = path_of("reports", reports, "the path of a folder, or None")
    callback_of("progress", progress, "what is being done", "the share of it that is done")
    tell = progress or (lambda _what, _share: None)
    keeps = limit is not None
    limit = limit or TimeLimit()
    ends_s = None if limit.seconds is None else monotonic_s() + limit.seconds
    plans = [
        _plan(scenario, on, seed, runs, speed, reports, number, ends_s, quick)
        for number, scenario in enumerate(scenarios)
    ]
    simulated = [job for plan in plans for job in plan.jobs if job.target in VIRTUAL]
    shares: dict[Path, float] = {}
    played = [job for plan in plans for job in plan.jobs if job.target not in VIRTUAL]

    def advance(job: _Job, told: _Told) -> None:
        of, what = (simulated, "run") if job.target in VIRTUAL else (played, "real server")
        shares[job.history] = told.share
        done = [shares.get(one.history, 0.0) for one in of]
        begun = sum(one.history in shares for one in of)
        again = f": {told.again}" if told.again else ""
        tell(f"{what} {begun} of {len(of)}{again}", sum(done) / len(of))

    with suppress(OutOfTimeError):
        for job, result in _each(simulate_all(_run_one, simulated, advance), limit, keeps=keeps):
            _note(plans[job.plan], job, result)
    ended = _each(play_all(_run_one, played, advance), limit, keeps=keeps)
    try:
        for number, plan in enumerate(plans):
            with suppress(OutOfTimeError):
                while plan.failed is None and plan.ended < len(plan.jobs):
                    found = next(ended, None)
                    if found is None:
                        break  # the time was over before
                    _note(plans[found[0].plan], *found)
            tell(f"drawing {plan.scenario.name}", number / len(plans))
            yield plan.failed or _conclude(plan, on, seed, runs, speed, limit)
    finally:
        ended.close()


def _each(
    results: Generator[tuple[_Job, _Done | Exception], None, None],
    limit: TimeLimit,
    *,
    keeps: bool,
) -> Generator[tuple[_Job, _Done | Exception], None, None]:
    """The results of jobs, as they come; when the time is over, what still runs is ended.

    `keeps`: Ctrl-C is such an end too.
    """
    try:
        while True:
            try:
                with limit.waiting():
                    result = next(results, None)
            except KeyboardInterrupt:
                if not keeps:
                    raise
                limit.interrupt()
            if result is None:
                return
            yield result
    finally:
        results.close()


def _note(plan: _Plan, job: _Job, result: _Done | Exception) -> None:
    plan.ended += 1
    if isinstance(result, TargetError):
        plan.errors.setdefault(job.target, result)  # what the other targets say is still worth it
    elif isinstance(result, Exception):
        plan.failed = plan.failed or result
    else:
        plan.done.append(result)


def runs_for(scenario: Scenario) -> int:
    """How many seeds the simulator runs where nobody says: so many that each line can pass.

    20, and more for a line about a share of runs, up to `MOST_RUNS`.
    """
    needed = [parse_expectation(line).runs_needed for line in scenario.expect]
    return min(MOST_RUNS, max([RUNS, *needed]))


def runs_note(scenario: Scenario) -> str:
    """What to say before so many runs are made; empty where it is the usual number."""
    needed = {line: parse_expectation(line).runs_needed for line in scenario.expect}
    line = max(needed, key=needed.__getitem__, default="")
    if not line or needed[line] <= RUNS:
        return ""
    made = runs_for(scenario)
    if needed[line] <= made:
        return f"{made} runs on sim: with fewer, `{line}` cannot pass."
    return (
        f"{made} runs on sim, the most that are made without --runs: `{line}` cannot pass with "
        f"fewer than {needed[line]:,} (--runs {needed[line]})."
    )


def check_forecast(
    scenarios: Sequence[Scenario], on: Sequence[str], runs: int | None, speed: float | None
) -> str:
    """What a check will run, on which targets, and about how long that takes on this machine."""
    from simrt.forecast import forecast

    made = {
        target: sum(_many(scenario, target, on, runs) for scenario in scenarios) for target in on
    }
    virtual = next((target for target in VIRTUAL if target in on), None)
    simulated = [_many(one, virtual, on, runs) if virtual else 0 for one in scenarios]
    long = forecast(scenarios, simulated, speed, server="server" in on)
    told = listing([f"{many(times, 'run')} on {target}" for target, times in made.items()])
    return f"{told}: about {long}"


def _plan(
    scenario: Scenario,
    on: Sequence[str],
    seed: int,
    runs: int | None,
    speed: float | None,
    reports: Path,
    number: int,
    ends_s: float | None,
    quick: bool,
) -> _Plan:
    left_out = ""
    if quick:
        cut = quick_of(scenario, runs_for(scenario) if runs is None else runs)
        scenario, runs, left_out = cut.scenario, cut.runs, cut.left_out
    folder = reports / scenario.name / f"{stamp()}-{seed}"
    try:
        (folder / "runs").mkdir(parents=True)
    except OSError as error:
        raise UsageError(
            f"{folder}: cannot be made: {error.strerror}; name another folder for the reports"
        ) from error
    jobs = []
    for target in TARGETS:
        for run in range(_many(scenario, target, on, runs)):
            if target in on:
                path = folder / "runs" / f"{target}-{seed + run}.jsonl.gz"
                jobs.append(
                    _Job(number, scenario, target, seed + run, path, run == 0, False, speed, ends_s)
                )
    probe = probe_of(scenario)
    if probe is not None:
        target = "sim" if "sim" in on else on[0]
        path = folder / "runs" / f"{target}-probe-{seed}.jsonl.gz"
        jobs.append(_Job(number, probe, target, seed, path, True, True, speed, ends_s))
    return _Plan(scenario, folder, jobs, left_out=left_out)


def _many(scenario: Scenario, target: str, on: Sequence[str], runs: int | None) -> int:
    """How many seeds a target runs: one beside the simulator, whose runs say how runs differ."""
    if target == "sim":
        return runs_for(scenario) if runs is None else runs
    return 1 if "sim" in on or runs is None else runs


def _run_one(job: _Job, progress: Callable[[_Told], None] | None = None) -> _Done:
    watch = stopwatch()
    path = job.history
    stored = path if job.target == "server" else None  # a real run is kept while it happens
    slower = ""

    def tell(share: float) -> None:
        if progress is not None:
            progress(_Told(share, slower))

    def again(words: str) -> None:
        nonlocal slower
        slower = words
        tell(0.0)

    history = record(
        job.scenario,
        job.target,
        job.seed,
        history=stored,
        speed=job.speed,
        most_s=None if job.ends_s is None else job.ends_s - monotonic_s(),
        progress=lambda share: tell(share * _RECORDED),
        again=again,
    ).load()
    states = reached_states(history)
    tell((_RECORDED + 1) / 2)
    judged = judge_counted(history, states)
    tell(1.0)
    status = worst(verdict.status for verdict in judged.verdicts)
    failed = status not in (Status.PASS, Status.NOT_APPLICABLE)
    kept = path if job.keep or failed or job.ends_s is not None else None
    if kept is not None and stored is None:
        # Whoever ends this process leaves no half of a history under its name.
        part = kept.with_name(f"{_PART}{kept.name}")
        history.save(part)
        part.rename(kept)
    return _Done(
        job.plan,
        job.probe,
        job.target,
        job.seed,
        history.header,
        kept,
        judged.verdicts,
        judged.expected,
        judged.metrics,
        states,
        watch(),
        not (job.keep or failed),
        history.header.speed if slower else None,
    )


def _tidy(plan: _Plan) -> None:
    """Remove what was kept only for the case that the time would not do."""
    for number, one in enumerate(plan.done):
        if one.surplus and one.history is not None:
            one.history.unlink()
            plan.done[number] = replace(one, history=None)


def _conclude(
    plan: _Plan,
    on: Sequence[str],
    seed: int,
    runs: int | None,
    speed: float | None,
    limit: TimeLimit,
) -> Check | TargetError:
    from simrt.report import write_report

    scenario, folder = plan.scenario, plan.folder
    plan.done.sort(key=lambda one: (one.probe, TARGETS.index(one.target), one.seed))
    done = [one for one in plan.done if not one.probe]
    cut = _cut_short(plan, limit)
    if cut is None:
        _tidy(plan)
    if not done and plan.errors:
        return next(iter(plan.errors.values()))
    if not done:
        assert cut is not None
        return TargetError(cut.sentence)
    # What `expect` asks to be reached is judged over all runs, below: one seed may well miss it.
    verdicts = [v for one in done for v in one.verdicts if v.check != "reached"]
    verdicts = _with_probe(verdicts, [one for one in plan.done if one.probe])
    figures: list[Estimate] = []
    shown = _by_target(done)
    for target, of_target in shown.items():
        resolution_ns = max(one.header.resolution_ns for one in done if one.target == target)
        beside = None if target == "sim" else shown.get("sim")
        verdicts += judge_expectations(
            scenario, of_target, resolution_ns, beside=beside, targets=len(shown)
        )
        figures.extend(estimates(of_target.metrics, target))
    states = _totals(done)
    slowed = min((one.slowed for one in done if one.slowed is not None), default=None)
    verdicts.append(judge_settings(scenario, states))
    misuse = judge_antipatterns(scenario)
    verdicts.extend(misuse)
    if cut is None:
        verdicts.append(_judge_site(scenario, folder, limit))
    else:
        verdicts.extend(replace(cut, item=number) for number in ITEMS)
    verdicts.extend(_not_run(target, error) for target, error in plan.errors.items())
    checklist = items(verdicts, on)
    status = _status(scenario, verdicts, cut=cut is not None)
    fit, reason = fit_of(scenario, misuse)
    result = Check(
        scenario=scenario,
        runs=tuple(
            Run(
                scenario=scenario,
                target=one.target,
                seed=one.seed,
                history=read_history(one.history),
                verdicts=one.verdicts,
                metrics=one.metrics,
                expected=one.expected,
            )
            for one in _shown(done)
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
        command=_command(scenario, on, seed, runs, speed or slowed, quick=bool(plan.left_out)),
        took_s={
            target: sum(one.took_s for one in done if one.target == target)
            for target in dict.fromkeys(one.target for one in done)
        },
        errors={
            target: str(error)
            for target, error in plan.errors.items()
            if error.exit_code == EXIT_ERROR
        },
        slowed=slowed,
        states=states,
        measured={target: tuple(of_target.metrics) for target, of_target in shown.items()},
        left_out=plan.left_out,
    )
    write_report(result, folder)
    return result


def _by_target(done: Sequence[_Done]) -> dict[str, Runs]:
    """What the runs of each target showed, in the order of targets."""
    found = {}
    for target in dict.fromkeys(one.target for one in done):
        of = [one for one in done if one.target == target]
        found[target] = Runs(
            target,
            tuple(one.metrics for one in of),
            tuple(one.states for one in of),
            tuple(one.seed for one in of),
        )
    return found


def _shown(done: Sequence[_Done]) -> Iterator[_Done]:
    """The runs that a report shows: of each target the first, and those that did not pass."""
    seen: set[str] = set()
    for one in done:
        if one.target not in seen or not one.surplus:
            yield one
        seen.add(one.target)


def _with_probe(verdicts: list[Verdict], probes: Sequence[_Done]) -> list[Verdict]:
    """Let the probe run judge what the scenario itself leaves open, items 4 and 5.

    What else fails there, and not in the scenario's own runs, counts too: a run that broke a
    promise is never passed over.
    """
    failed = {verdict.check for verdict in verdicts if verdict.status is Status.FAIL}
    told = [
        replace(
            verdict,
            sentence=f"In a probe run with a disconnect and a restart: {sentence}",
            probe=True,
        )
        for probe in probes
        for verdict in probe.verdicts
        if verdict.check in _PROBED
        or (verdict.status is Status.FAIL and verdict.check not in failed)
        for sentence in [verdict.sentence[:1].lower() + verdict.sentence[1:]]
    ]
    judged = {verdict.check for verdict in told if verdict.check in _PROBED}
    rest = [verdict for verdict in verdicts if verdict.check not in judged or verdict.judged]
    return rest + told


def _totals(done: Sequence[_Done]) -> dict[str, dict[str, int]]:
    """Per target, how often each state was reached, over all its runs."""
    totals: dict[str, dict[str, int]] = {}
    for one in done:
        states = totals.setdefault(one.target, {})
        for state, times in one.states.items():
            states[state] = states.get(state, 0) + times
    return totals


def _cut_short(plan: _Plan, limit: TimeLimit) -> Verdict | None:
    """Of a check that the time limit ended: that more would have been judged; else None."""
    if plan.ended == len(plan.jobs):
        return None
    for part in (plan.folder / "runs").glob(f"{_PART}*"):
        part.unlink()
    made = ", ".join(
        f"{sum(one.target == target for one in plan.done)} of"
        f" {sum(job.target == target for job in plan.jobs)} on {target}"
        for target in dict.fromkeys(job.target for job in plan.jobs)
    )
    sentence = f"{capital(limit.why)}: of its runs ended {made}."
    return Verdict(CUT_SHORT, Status.INCONCLUSIVE, 0, sentence, (), 0)


def _judge_site(scenario: Scenario, folder: Path, limit: TimeLimit) -> Verdict:
    """Item 6; what the site's command has not finished when the time is over is ended."""
    if scenario.site is None:
        return judge_site(scenario)
    try:
        with limit.waiting():
            return judge_site(scenario, folder / "site.txt")
    except OutOfTimeError:
        sentence = f"`{scenario.site.validate_command}` was {limit.why}."
        return Verdict(CUT_SHORT, Status.INCONCLUSIVE, 0, sentence, (), 6)


def _not_run(target: str, error: TargetError) -> Verdict:
    """Of a target that gave no run: why. Item 1 rests on it, the others on the other targets."""
    text = str(error)
    sentence = f"{text[:1].upper()}{text[1:].rstrip('.')}."
    return Verdict(NOT_RUN, Status.INCONCLUSIVE, 0, sentence, (), 1, target=target)


def _status(scenario: Scenario, verdicts: Sequence[Verdict], *, cut: bool) -> Status:
    """The worst verdict; for a declared counterexample: whether exactly the declared ones fail."""
    if scenario.outcome is None:
        return worst(verdict.status for verdict in verdicts)
    failed = {verdict.check for verdict in verdicts if verdict.status is Status.FAIL}
    if cut and failed <= set(scenario.outcome.fail):
        return Status.INCONCLUSIVE
    if failed != set(scenario.outcome.fail):
        return Status.FAIL
    rest = [verdict.status for verdict in verdicts if verdict.status is not Status.FAIL]
    return worst(rest) if worst(rest) is Status.INCONCLUSIVE else Status.PASS


def _command(
    scenario: Scenario,
    on: Sequence[str],
    seed: int,
    runs: int | None,
    speed: float | None,
    *,
    quick: bool,
) -> str:
    usual = VIRTUAL[:1] if quick else USUAL_TARGETS
    targets = "" if tuple(on) == usual else "".join(f" --on {target}" for target in on)
    seeds = "" if runs is None else f" --runs {runs}"
    fast = "" if speed is None else f" --speed {speed:g}"
    if not scenario.file:  # a command needs a file
        many = "" if runs is None else f", runs={runs}"
        less = ", quick=True" if quick else ""
        pace = "" if speed is None else f", speed={speed:g}"
        return f"simrt.check(scenario, on={list(on)}, seed={seed}{many}{pace}{less})"
    file = shlex.quote(scenario.file)
    first = " --quick" if quick else ""
    return f"simrt check {file}{targets}{first} --seed {seed}{seeds}{fast}"
