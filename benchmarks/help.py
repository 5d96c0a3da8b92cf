"""`simrt --help` against a Python that does nothing, and against a bare typer app with one verb.

    python -m benchmarks.help

Each is a process of its own; what counts is the CPU time of that process, so that a busy machine
changes little.
"""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys

from benchmarks.figures import Figure

ROUNDS = 9
BARE = "import typer\napp = typer.Typer()\n@app.command()\ndef verb(): ...\napp()"
CONTESTANTS = {
    "simrt --help": ["-m", "simrt", "--help"],
    "python -c pass": ["-c", "pass"],
    "a bare typer app": ["-c", BARE, "--help"],
}


def cpu_s(arguments: list[str]) -> float:
    def spent() -> float:
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        return used.ru_utime + used.ru_stime

    before = spent()
    subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)
    return spent() - before


def measure() -> list[Figure]:
    times: dict[str, list[float]] = {name: [] for name in CONTESTANTS}
    for number in range(ROUNDS):
        names = list(CONTESTANTS)
        for name in names if number % 2 == 0 else reversed(names):
            times[name].append(cpu_s(CONTESTANTS[name]))
    for name, values in times.items():
        print(f"  {name:<18} {statistics.median(values):.3f} s of CPU")
    helped = statistics.median(times["simrt --help"])
    return [Figure("`simrt --help`, from start to end", helped, 0.25, at_least=False,
                   unit="s of CPU")]  # fmt: skip


def main() -> int:
    return 0 if all(figure.met for figure in measure()) else 1


if __name__ == "__main__":
    sys.exit(main())
