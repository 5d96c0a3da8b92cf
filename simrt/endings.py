"""How a command ends: its exit code, what is said of trouble, how to repeat it."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import typer

from simrt.errors import (
    EXIT_ERROR,
    EXIT_FAIL,
    EXIT_INCONCLUSIVE,
    EXIT_INTERRUPTED,
    EXIT_PASS,
    EXIT_USAGE,
)
from simrt.terminal import complain, say

if TYPE_CHECKING:
    from simrt.limit import TimeLimit
    from simrt.results import Check

_INTERRUPTED = "interrupted; what was recorded is kept"
_WORST_FIRST = (EXIT_INTERRUPTED, EXIT_ERROR, EXIT_FAIL, EXIT_INCONCLUSIVE)


@contextmanager
def guarded(codes: list[int], kept: Path | None = None) -> Iterator[None]:
    """Let one scenario's trouble with its target not end the others."""
    from simrt.errors import SimrtError

    try:
        yield
    except SimrtError as error:
        if error.exit_code == EXIT_USAGE:
            raise
        complain(str(error))
        codes.append(error.exit_code)
    except KeyboardInterrupt:
        if kept is not None and kept.exists():
            complain(f"what was recorded is kept in {kept}")
        raise


def out_of_time(limit: TimeLimit, done: Sequence[Check]) -> int:
    """Say what there is nevertheless."""
    folders = ", ".join(str(check.folder) for check in done if check.cut_short)
    kept = f"; what had ended by then is judged, its histories are kept: {folders}"
    complain(f"{limit.why}{kept if folders else ''}")
    return EXIT_INTERRUPTED if limit.interrupted else EXIT_ERROR


def worst(codes: Sequence[int]) -> int:
    """The code that counts of several."""
    return next((code for code in _WORST_FIRST if code in codes), EXIT_PASS)


def leave(codes: Sequence[int], command: str) -> None:
    """End with the worst code; a run that did not pass says last how to repeat it."""
    code = worst(codes)
    if code != EXIT_PASS:
        say(f"To repeat it: {command}")
    raise typer.Exit(code)


def end_with(run: Callable[[], Any]) -> NoReturn:
    """Run a command line and leave with its exit code; whatever happens is said in a sentence."""
    from simrt.errors import SimrtError

    try:
        code = run() or EXIT_PASS
        if code == EXIT_INTERRUPTED:  # typer makes this of Ctrl-C
            complain(_INTERRUPTED)
        sys.exit(code)
    except typer.TyperException as error:
        complain(f"{error.format_message()}\nsimrt --help and simrt VERB --help say more.")
        sys.exit(error.exit_code)
    except SimrtError as error:
        complain(str(error))
        sys.exit(error.exit_code)
    except (KeyboardInterrupt, typer.Abort):
        complain(_INTERRUPTED)
        sys.exit(EXIT_INTERRUPTED)
    except BrokenPipeError:
        # The reader of our output is gone; there is nobody to tell.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(EXIT_ERROR)
    except OSError as error:
        if os.environ.get("SIMRT_DEBUG"):
            raise
        where = f"{error.filename}: " if error.filename is not None else ""
        complain(f"{where}{error.strerror or error}; SIMRT_DEBUG=1 shows where it happened")
        sys.exit(EXIT_ERROR)
    except Exception as error:
        if os.environ.get("SIMRT_DEBUG"):
            raise
        complain(
            f"an error of simrt itself: {type(error).__name__}: {error}\n"
            "Please report it; SIMRT_DEBUG=1 shows where it happened."
        )
        sys.exit(EXIT_ERROR)
