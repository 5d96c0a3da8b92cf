"""All tests, on as few cores and in as little time as they allow.

    python -m tests [--workers N] [PATH ...]

Three parts. What computes (virtual time) steps back behind what waits (real sockets, processes,
browsers) and runs beside it; of the latter, those marked `alone` come last and one by one. Progress
is shown as it comes; what a part has to say follows when it ends; the closing lines of pytest stand
last. The exit code is 0 only where each part's is. Ctrl-C ends all.
"""

from __future__ import annotations

import argparse
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

PYTEST = (sys.executable, "-m", "pytest", "-q", "--durations=20", "--color=no")
# Tests that compute step back for those whose clients and servers keep real time.
_STEP_BACK = ("nice", "-n", "10")
# So they may have to wait for their turn for longer than a test that has a core of its own.
_PATIENCE = "--timeout=900"
# How many real ones at a time: most of the time they wait.
_REAL_AT_ONCE = 3
# How long pytest may take to end in order after Ctrl-C before it is killed.
_GRACE_S = 20.0
# pytest's exit code where no test was chosen, as where only some files are asked for.
_NONE_CHOSEN = 5

# What the file of a real test says.
SAYS_REAL = "pytest.mark.real"

_PROGRESS = re.compile(r"^[.FEsxX]+ +\[ *\d+%\]$")
_CLOSING = re.compile(r"^(=+ )?(no tests ran|\d+ [a-z]+)\b.* in [\d.]+s\b")


@dataclass
class Part:
    """One pytest.

    Attributes:
        name: what it runs.
        command: how it is started.
        process: while it runs and afterwards.
        closing: its last line.
        ended: whether it has, and was told of.
    """

    name: str
    command: Sequence[str]
    process: subprocess.Popen[str] | None = None
    closing: str = ""
    ended: bool = False
    _told: list[str] = field(default_factory=list)
    _reader: threading.Thread | None = None

    def start(self) -> None:
        """Start it, and show its progress."""
        # A group of its own: Ctrl-C reaches it once, from here.
        self.process = subprocess.Popen(
            self.command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process is not None
        assert self.process.stdout is not None
        with self.process.stdout as lines:
            for line in lines:
                text = line.rstrip("\n")
                if _PROGRESS.match(text):
                    print(f"{self.name:8}{text}", flush=True)
                elif _CLOSING.match(text):
                    self.closing = text
                else:
                    self._told.append(text)

    @property
    def running(self) -> bool:
        """Whether it was started and has not ended."""
        return self.process is not None and self.process.poll() is None

    @property
    def is_over(self) -> bool:
        """Whether its process has ended, and nobody was told yet."""
        return self.process is not None and not self.running and not self.ended

    def end(self) -> int:
        """Wait for it, and show what else it said; its exit code."""
        assert self.process is not None
        assert self._reader is not None
        code = self.process.wait()
        self._reader.join(_GRACE_S)
        self.ended = True
        print("\n".join(["", f"--- {self.name} ---", *self._told]), flush=True)
        return 0 if code == _NONE_CHOSEN else code

    def signal(self, number: signal.Signals) -> None:
        """Tell it and all that it started."""
        if self.running:
            assert self.process is not None
            os.killpg(self.process.pid, number)


def parts(workers: int, paths: Sequence[str]) -> tuple[Part, Part, Part]:
    """What computes, what waits, and what waits one by one."""
    computing = ("-n", str(workers), _PATIENCE, *paths, "-m", "not real")
    few = paths or real_files()
    waiting = ("-n", str(_REAL_AT_ONCE), "--dist", "worksteal", *few, "-m", "real and not alone")
    return (
        Part("virtual", (*_STEP_BACK, *PYTEST, *computing)),
        Part("real", (*PYTEST, *waiting)),
        Part("alone", (*PYTEST, *few, "-m", "alone")),
    )


def real_files() -> list[str]:
    """The files with real tests: to collect only these takes a fraction of the time.

    `tests/conftest.py` sees to it that each real test stands in one.
    """
    files = sorted(Path(__file__).parent.rglob("test_*.py"))
    return [str(path) for path in files if SAYS_REAL in path.read_text("utf-8")]


def run(beside: Part, *waiting: Part) -> int:
    """Run them; the first exit code that is not 0.

    Arguments:
        beside: runs from the beginning.
        waiting: run one after another.
    """
    all_parts = (beside, *waiting)
    codes = []
    try:
        beside.start()
        while not all(part.ended for part in all_parts):
            due = next((part for part in waiting if not part.ended), None)
            if due is not None and due.process is None:
                due.start()
            time.sleep(0.05)
            codes += [part.end() for part in (beside, due) if part and part.is_over]
    except KeyboardInterrupt:
        stop([part for part in all_parts if part.process and not part.ended])
        codes = [128 + signal.SIGINT]
    print()
    for part in all_parts:
        print(f"{part.name}:")
        print(part.closing or "no closing line", flush=True)
    return next((code for code in codes if code), 0)


def stop(begun: Sequence[Part]) -> None:
    """Ctrl-C for each; what does not end is killed."""
    for part in begun:
        part.signal(signal.SIGINT)
    patience = time.monotonic() + _GRACE_S
    while any(part.running for part in begun) and time.monotonic() < patience:
        time.sleep(0.05)
    for part in begun:
        part.signal(signal.SIGKILL)
        part.end()


def heed_sigterm() -> None:
    """Let whoever ends this process by SIGTERM end what it started, as Ctrl-C does."""
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))


def main() -> None:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(prog="python -m tests", description="Run all tests.")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("paths", nargs="*")
    asked = parser.parse_args()
    heed_sigterm()
    sys.exit(run(*parts(asked.workers, asked.paths)))


if __name__ == "__main__":
    main()
