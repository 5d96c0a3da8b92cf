"""What simrt says when something outside it is wrong.

Each error carries the exit code that the command line ends with. A broken promise of our own is an
`AssertionError`, never one of these.
"""

from __future__ import annotations

from dataclasses import dataclass

EXIT_PASS = 0
EXIT_FAIL = 1
EXIT_USAGE = 2
EXIT_INCONCLUSIVE = 3
EXIT_ERROR = 4
EXIT_INTERRUPTED = 130


class SimrtError(Exception):
    """Something that the user can mend; the message says how."""

    exit_code = EXIT_ERROR


class UsageError(SimrtError):
    """A wrong argument or an invalid file, found before anything ran."""

    exit_code = EXIT_USAGE


class TargetError(SimrtError):
    """A target could not be reached, started or kept alive."""


class OverloadError(TargetError):
    """The machine is too slow for a scenario: nothing is wrong, and nothing can be decided."""

    exit_code = EXIT_INCONCLUSIVE


class HistoryError(UsageError):
    """A stored history that cannot be read; the message names the file and line."""


@dataclass(frozen=True, slots=True)
class Mistake:
    """One mistake in a scenario.

    Attributes:
        path: the key's path, such as `feature.options.onFull` or `faults[0].at`.
        found: what stands there, as text; empty where something is missing.
        allowed: what may stand there, as a sentence.
        nearest: the known key that was probably meant, or empty.
        file: the file's name, or empty for a dict.
        line: line in the file from 1, or 0 where there is none.
        column: column from 1, or 0.
    """

    path: str
    found: str
    allowed: str
    nearest: str = ""
    file: str = ""
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        """`file:line:column: path: found …; allowed: …`, as editors and CI logs expect it."""
        where = f"{self.file}:{self.line}:{self.column}: " if self.file else ""
        found = f"found {self.found}" if self.found else "missing"
        nearest = f" (did you mean {self.nearest}?)" if self.nearest else ""
        return f"{where}{self.path or 'scenario'}: {found}{nearest}; allowed: {self.allowed}"


class ScenarioError(UsageError):
    """A scenario that is not valid, with all its mistakes at once.

    Attributes:
        mistakes: each `Mistake`, in file order.
    """

    def __init__(self, mistakes: tuple[Mistake, ...]) -> None:
        self.mistakes = mistakes
        super().__init__("\n".join(str(mistake) for mistake in mistakes))
