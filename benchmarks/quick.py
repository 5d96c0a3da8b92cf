"""`simrt check --quick` on every scenario that ships, and on files and folders that are named.

    python -m benchmarks.quick [PATH...]

Each is a process of its own. Beside the clock stands half of its CPU time, with that of its own
processes: about what two cores take that have nothing else to do.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.figures import ROOT, Figure

MOST_S = 10.0


def cost_s(path: Path) -> tuple[float, float]:
    """Seconds by the clock, and of two idle cores."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    begun = time.perf_counter()
    with tempfile.TemporaryDirectory() as reports:
        command = ["-m", "simrt", "check", str(path), "--quick", "--reports", reports]
        done = subprocess.run([sys.executable, *command], check=False, capture_output=True)
    assert done.returncode in (0, 1, 3), done.stderr.decode()
    clock = time.perf_counter() - begun
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
    return clock, cpu / 2


def measure(paths: list[Path] | None = None) -> list[Figure]:
    files = paths or sorted((ROOT / "scenarios").glob("*/*.yml"))
    slowest = 0.0
    for path in files:
        clock, two_cores = cost_s(path)
        slowest = max(slowest, two_cores)
        print(f"  {path.stem:<42} {clock:6.1f} s  {two_cores:5.1f} s of two cores", flush=True)
    said = f"`check --quick`, the slowest of {len(files)} scenarios, on two idle cores"
    return [Figure(said, slowest, MOST_S, at_least=False, unit="s")]


def main() -> int:
    return 0 if all(one.met for one in measure([Path(name) for name in sys.argv[1:]])) else 1


if __name__ == "__main__":
    sys.exit(main())
