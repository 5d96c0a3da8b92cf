"""The command line: verbs, and no logic. Heavy modules are imported by the verb that needs them."""

from __future__ import annotations

import io
import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from simrt.endings import end_with, guarded, leave, out_of_time, worst
from simrt.errors import EXIT_FAIL, EXIT_PASS
from simrt.terminal import (
    complain,
    on_a_desktop,
    progress,
    say,
    say_all,
    say_line,
    say_plain,
    show_page,
)

if TYPE_CHECKING:
    from simrt.results import Check, Run
    from simrt.scenario.model import Scenario

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

Targets = Annotated[
    list[str] | None,
    typer.Option("--on", metavar="TARGET", help="Target: sim, app or server; repeat for several."),
]
Seed = Annotated[int, typer.Option(help="Seed; the same one gives the same simulated history.")]
Speed = Annotated[
    float | None,
    typer.Option(
        help="For server: scenario seconds per real second. Default: as fast as the machine can "
        "carry it, up to 60.",
        min=0.001,
        max=1000,
    ),
]


@app.command()
def check(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="PATH…", help="Scenario files or folders of them; default: scenarios/"
        ),
    ] = None,
    on: Targets = None,
    seed: Seed = 1,
    runs: Annotated[
        int | None,
        typer.Option(
            help="How many seeds the simulator runs; without it, each target. Default: 20, or as "
            "many as a line of expect needs to be able to pass, up to 300.",
            min=1,
        ),
    ] = None,
    speed: Speed = None,
    reports: Annotated[Path, typer.Option(help="Folder for the reports.")] = Path("reports"),
    quick: Annotated[
        bool,
        typer.Option(
            "--quick",
            help="A first answer in seconds: fewer members, fewer runs, no real server; the same "
            "rules.",
        ),
    ] = False,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Say only what did not pass.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the verdicts as JSON.")] = False,
    against: Annotated[
        Path | None, typer.Option(help="Another scenario, to hold the one that is checked against.")
    ] = None,
    time_limit: Annotated[
        float | None,
        typer.Option(
            help="Seconds after which nothing more runs: what had ended is judged; exit code 4.",
            min=1,
        ),
    ] = None,
) -> None:
    """Run scenarios, judge them, write the report. The main job.

    Example: simrt check scenarios/patterns --on sim --runs 5
    """
    from simrt.checks import check_all, check_forecast, runs_note
    from simrt.errors import SimrtError, UsageError
    from simrt.limit import TimeLimit
    from simrt.report import prune, write_index
    from simrt.report.text import annotation_lines, check_lines
    from simrt.runs import USUAL_TARGETS

    scenarios = _load_all([*(paths or _usual_paths()), *([against] if against else [])])
    if against and len(scenarios) != 2:
        raise UsageError("--against holds one scenario against one other; name one file before it")
    codes: list[int] = []
    done: list[Check] = []
    if runs is None and "sim" in (on or USUAL_TARGETS) and not (as_json or quiet or quick):
        for scenario in scenarios:
            if note := runs_note(scenario):
                say(f"{scenario.name}: {note}")
    many = "1 scenario" if len(scenarios) == 1 else f"{len(scenarios)} scenarios"
    if not (as_json or quiet or quick):
        complain(check_forecast(scenarios, tuple(on or USUAL_TARGETS), runs, speed))
    with TimeLimit(time_limit) as limit, progress(many) as tell:
        checked = check_all(
            scenarios,
            on=tuple(on or USUAL_TARGETS),
            seed=seed,
            runs=runs,
            speed=speed,
            reports=reports,
            quick=quick,
            progress=tell,
            limit=limit,
        )
        for scenario, found in zip(scenarios, checked, strict=True):
            if isinstance(found, Exception):
                if not isinstance(found, SimrtError):
                    raise found
                complain(f"{scenario.name}: {found}")
                codes.append(found.exit_code)
                continue
            codes.append(found.exit_code)
            done.append(found)
            for target, error in found.errors.items():
                complain(f"{scenario.name} on {target}: {error}")
            if not as_json and not (quiet and found.exit_code == EXIT_PASS):
                say_all(check_lines(found, quiet=quiet))
            if os.environ.get("GITHUB_ACTIONS") == "true":
                say_plain(annotation_lines(found))
    if limit.over:
        codes.append(out_of_time(limit, done))
    if against and len(done) == 2:
        from simrt.report.against import write_against

        first, second = done
        assert first.folder is not None
        page = write_against(first, second, first.folder / "against.html")
        if not as_json:
            say(f"Side by side: {page}")
    index = None
    if any(reports.glob("*/*/verdicts.json")):
        prune(reports)
        index = write_index(reports)
    if as_json:
        _print_json(done, codes)
        raise typer.Exit(worst(codes))
    if index is not None and not (quiet and worst(codes) == EXIT_PASS):
        say(f"Report: {index}")
    slowed = min((one.slowed for one in done if one.slowed is not None), default=None)
    leave(codes, _again(paths, on, seed, runs, speed or slowed, against, quick=quick))


@app.command()
def run(
    scenario: Annotated[Path, typer.Argument(help="A scenario file.")],
    history: Annotated[Path, typer.Option(help="File for the history; .gz compresses.")],
    on: Annotated[str, typer.Option("--on", help="Target: sim, app or server.")] = "sim",
    seed: Seed = 1,
    speed: Speed = None,
) -> None:
    """Run one scenario once, keep its history, and judge it.

    Example: simrt run s.yml --on sim --seed 7 --history h.jsonl
    """
    from simrt.runs import judge as judge_one
    from simrt.runs import record

    loaded = _load_all([scenario])[0]
    codes: list[int] = []
    slower = [""]
    with guarded(codes, kept=history), progress(loaded.name) as tell:
        recorded = record(
            loaded,
            on,
            seed,
            history=history,
            speed=speed,
            progress=lambda share: tell(on + slower[-1], share),
            again=lambda words: slower.append(f": {words}"),
        )
        if slower[-1]:
            speed = recorded.header.speed
        codes.append(_judged(judge_one(recorded)))
        say(f"History: {history}")
    again = ["simrt", "run", str(scenario), "--on", on, "--seed", str(seed)]
    again += [] if speed is None else ["--speed", f"{speed:g}"]
    leave(codes, shlex.join([*again, "--history", str(history)]))


@app.command()
def judge(
    histories: Annotated[list[Path], typer.Argument(help="Stored histories.", metavar="HISTORY…")],
) -> None:
    """Judge stored histories again; nothing runs. A pipe is read, too: - is standard input.

    Example: simrt judge h.jsonl
    """
    from simrt.runs import judge as judge_one

    codes: list[int] = []
    for path in histories:
        with guarded(codes):
            codes.append(_judged(judge_one(path)))
    leave(codes, shlex.join(["simrt", "judge", *(str(path) for path in histories)]))


@app.command()
def compare(
    what: Annotated[
        list[Path],
        typer.Argument(metavar="SCENARIO | HISTORY HISTORY", help="What to run, or two to read."),
    ],
    on: Annotated[
        str, typer.Option("--on", metavar="TARGET", help="What to hold the simulator against.")
    ] = "app",
    seed: Seed = 1,
    runs: Annotated[
        int | None,
        typer.Option(
            help="Seeds on both targets (default 5); against a real server, simulated seeds for "
            "the interval (default 20).",
            min=1,
        ),
    ] = None,
    speed: Speed = None,
    keep: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Keep the histories there.")
    ] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Show every figure, not only headlines.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print it as JSON.")] = False,
) -> None:
    """Do two targets agree? The simulator against another target, or one history against another.

    Where both have exact times, each message is compared for each subscriber: what became of it,
    when it was taken and received; and every other row. The first difference is shown with the rows
    around it on both sides.

    A real server keeps the machine's time, and its windows are the kernel's. Its
    figures must lie in the interval of many simulated runs with the windows that were measured.

    Exit codes: 0 they agree, 1 they differ, 3 it cannot be said.

    Example: simrt compare s.yml --on app --runs 20

    Example: simrt compare s.yml --on server --keep .

    Example: simrt compare sim-1.jsonl app-1.jsonl
    """
    import json

    from simrt.comparisons import command_of
    from simrt.comparisons import compare as compare_both
    from simrt.errors import UsageError
    from simrt.report.text import comparison_lines

    if len(what) > 2:
        raise UsageError("compare takes one scenario, or two histories")
    stored = len(what) == 2 or what[0].suffix in (".jsonl", ".gz")
    first = what[0] if stored else _load_all(what)[0]
    codes: list[int] = []
    command = command_of(what, on, seed, runs, speed)
    with guarded(codes), progress(what[0].stem) as tell:
        found = compare_both(
            first,
            what[1] if len(what) == 2 else None,
            on=on,
            seed=seed,
            runs=runs,
            speed=speed,
            keep=keep,
            progress=tell,
        )
        codes.append(found.exit_code)
        command = found.command
        if as_json:
            sys.stdout.write(json.dumps(found.to_json(), indent=2, ensure_ascii=False) + "\n")
            raise typer.Exit(found.exit_code)
        say_all(comparison_lines(found, everything=everything))
    leave(codes, command)


@app.command()
def validate(
    cases: Annotated[
        Path | None,
        typer.Argument(metavar="CASES", help="A JSON file of cases; default: those of simrt."),
    ] = None,
    sends: Annotated[
        int,
        typer.Option(help="Messages measured for each case; a tenth as many outages.", min=1000),
    ] = 100_000,
    seed: Annotated[int, typer.Option(help="The seeds of all runs follow from it.")] = 1,
    only: Annotated[
        list[str] | None,
        typer.Option("--only", metavar="ID", help="Only this case; repeat for several."),
    ] = None,
) -> None:
    """Compare the simulator with exact answers, where these are known.

    Prints for each case what is expected, the estimate, its standard error and z, their distance in
    standard errors. Exit code 1 if any z is 4 or more away from 0.

    Example: simrt validate --only mm1-inf-aoi
    """
    from simrt.validation import SHIPPED, chosen, plan, read_cases
    from simrt.validation import validate as run_cases
    from simrt.validation.text import heading, last_line, line

    path = cases or SHIPPED
    plans = [plan(case, sends, seed) for case in chosen(read_cases(path), only or ())]
    width = max(len(one.case.id) for one in plans)
    runs = sum(len(one.seeds) for one in plans)
    findings = []
    say_plain([heading(width)])
    with progress(f"{len(plans)} cases") as tell:
        for finding in run_cases(plans, lambda done: tell(f"run {done} of {runs}", done / runs)):
            findings.append(finding)
            say_plain([line(finding, width)])
            sys.stdout.flush()  # a case takes seconds; whoever reads along sees each at once
    again = " ".join(["simrt validate", *([str(cases)] if cases else [])])
    say_plain([last_line(findings, f"{again} --sends {sends} --seed {seed}")])
    raise typer.Exit(EXIT_PASS if all(finding.passed for finding in findings) else EXIT_FAIL)


@app.command()
def serve(
    scenarios: Annotated[
        list[Path] | None,
        typer.Argument(metavar="SCENARIO…", help="Scenario files, or folders of them."),
    ] = None,
    port: Annotated[int, typer.Option(help="0 lets the system choose.", min=0, max=65535)] = 8000,
    host: Annotated[
        str, typer.Option(help="Where to listen. Beyond this machine only on purpose.")
    ] = "127.0.0.1",
    speed: Annotated[
        float, typer.Option(help="Scenario seconds per real second.", min=0.001, max=1000)
    ] = 1.0,
    log_format: Annotated[
        str | None,
        typer.Option(
            help="Write a log line for each stream and request to stderr: text or json;"
            " default: only what went wrong."
        ),
    ] = None,
    open_page: Annotated[
        bool | None,
        typer.Option(
            "--open/--no-open", help="Open the page in a browser; default: on a desktop's terminal."
        ),
    ] = None,
) -> None:
    """Serve what scenarios declare, with a page on which to watch it. Ctrl-C ends it.

    The streams, hooks and jobs of the files are served for real, by the same
    server that simrt check judges. Workload and faults wait for you: the page
    lets you connect clients, make them slow, stall or cut them, call the hooks,
    play the workload and restart the hub. It shows for each client what it got,
    what it missed and why, how old its news is, and how its buffer fills.

    It prints the page's address, with a key that only this run knows, and
    credentials for trying it with curl. Metrics are at /metrics.

    Example: simrt serve scenarios/patterns/live-admin-notifications.yml
    """
    from simrt.watch import serve_scenarios

    wanted = on_a_desktop() if open_page is None else open_page
    serve_scenarios(
        _load_all(scenarios or []),
        say_line,
        host=host,
        port=port,
        speed=speed,
        log_format=log_format,
        on_ready=show_page if wanted else None,
    )


@app.command()
def patterns(
    name: Annotated[
        str | None,
        typer.Argument(metavar="NAME", help="Which to copy; without it, all are listed."),
    ] = None,
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="Where the copy goes; default: scenarios/")
    ] = Path("scenarios"),
) -> None:
    """List the scenarios that ship, or copy one, with the trace that it reads.

    Patterns are features to start from, questions are measured answers, antipatterns show what
    channels are wrong for. A file that is there already is never written over.

    Example: simrt patterns live-admin-notifications
    """
    from simrt.shipped import copy, shipped

    if name is None:
        kind = ""
        for one in shipped():
            if one.kind != kind:
                kind = one.kind
                say(f"{kind}:")
            say(f"  {one.name}: {one.sentence}")
        return
    written = copy(name, folder)
    for path in written:
        say(f"Written: {path}")
    say(f"Next: {shlex.join(['simrt', 'check', str(written[0])])}")


@app.command()
def schema() -> None:
    """Print the JSON Schema of the scenario format, for editors.

    Example: simrt schema > scenario.schema.json
    """
    import json

    from simrt.scenario import json_schema

    sys.stdout.write(json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n")


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        say(f"simrt {version('simrt')}")
        raise typer.Exit


@app.callback()
def _main(
    _: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Say the version.")
    ] = False,
) -> None:
    """Decide, prove and watch how a realtime feature delivers its messages.

    Start with simrt check SCENARIO.yml: it runs the scenario on the simulator and on
    a real server, judges it, and writes a report.

    Exit codes: 0 all pass, 1 something failed, 2 wrong usage or an invalid file, 3 inconclusive,
    4 a target could not be reached or simrt itself erred, 130 interrupted.
    """


# --- reading and telling ----------------------------------------------------------------------


def _load_all(paths: Sequence[Path]) -> list[Scenario]:
    """Load every scenario before anything runs, and say what its traces leave out."""
    from simrt.scenario import load_all, trace_notes

    scenarios = load_all(paths)
    for note in dict.fromkeys(note for one in scenarios for note in trace_notes(one)):
        complain(note)
    return scenarios


def _usual_paths() -> list[Path]:
    """Where scenarios are if nobody says; the error says how to begin."""
    from simrt.errors import UsageError
    from simrt.shipped import FIRST

    usual = Path("scenarios")
    if usual.is_dir() and any(usual.rglob("*.y*ml")):
        return [usual]
    raise UsageError(
        "no scenario is named, and the folder scenarios/ has none. Write the path of one, or start "
        f"with one that ships: `simrt patterns` lists them, `simrt patterns {FIRST}` copies one to "
        "scenarios/; then `simrt check` judges it"
    )


def _judged(done: Run) -> int:
    from simrt.report.text import run_lines
    from simrt.results import EXIT_CODES

    say_all(run_lines(done))
    return EXIT_CODES[done.status]


def _again(
    paths: list[Path] | None,
    on: list[str] | None,
    seed: int,
    runs: int | None,
    speed: float | None,
    against: Path | None,
    *,
    quick: bool,
) -> str:
    parts = ["simrt", "check", *(str(path) for path in paths or [])]
    for target in on or []:
        parts += ["--on", target]
    parts += ["--quick"] if quick else []
    parts += ["--seed", str(seed)]
    parts += [] if runs is None else ["--runs", str(runs)]
    parts += [] if speed is None else ["--speed", f"{speed:g}"]
    parts += [] if against is None else ["--against", str(against)]
    return shlex.join(parts)


def _print_json(checks: Sequence[Check], codes: Sequence[int]) -> None:
    import json

    from simrt.report.tables import verdicts_json

    said = {"exit_code": worst(codes), "checks": [verdicts_json(check) for check in checks]}
    sys.stdout.write(json.dumps(said, indent=2, ensure_ascii=False) + "\n")


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command line and leave with its exit code.

    Arguments:
        argv: the arguments; default: those of the process.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal without ✓ must not cost a verdict
    arguments = None if argv is None else list(argv)
    end_with(lambda: app(args=arguments, prog_name="simrt", standalone_mode=False))
